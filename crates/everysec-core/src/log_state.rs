//! What the calling thread, the writer and the syncer share: one mutex, held for bookkeeping only, never during a system
//! call, so that no method of a log ever waits for the disk.
//!
//! Positions in the log's stream are *totals*: wire bytes (annotations included) since the log was opened, over all targets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::block::Block;
use crate::error::{Errno, EINTR, EIO, ENOENT};
use crate::fs::LogFile;
use crate::limits::{ANNOTATION_BYTES, BLOCK_BYTES, MAX_GATHER, MAX_POOLED_BLOCKS, MAX_WRITE_BYTES};
use crate::signal::Signal;
use crate::unit_spans::UnitSpans;

/// Numbers as in BlockLogFault of src/backend/backend.ts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None = 0,
    /// write(2) failed; resume() continues.
    Write = 1,
    /// fdatasync failed; latched.
    Sync = 2,
    /// A thread died.
    Dead = 3,
    /// The path of the file does not lead to it any more; latched.
    Gone = 4,
}

/// Where the change of files stands; numbers as in Status.retargetStage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    None = 0,
    /// The old target is written out and synced.
    Draining = 1,
    /// The old target is synced and closed; the new one waits for resume_target().
    Held = 2,
}

pub const HISTOGRAM_BUCKETS: usize = 32;

pub struct Target<F> {
    /// None once it is closed.
    pub file: Option<Arc<F>>,
    /// File bytes that write(2) took.
    pub written_offset: u64,
    pub synced_offset: u64,
}

impl<F> Target<F> {
    pub fn new(file: F, position: u64) -> Target<F> {
        Target {
            file: Some(Arc::new(file)),
            written_offset: position,
            synced_offset: position,
        }
    }
}

/// One call of write(2) or fdatasync.
#[derive(Default)]
pub struct Operation {
    pub started: Option<Instant>,
    pub count: u64,
    /// Of the last one that succeeded.
    pub last_micros: u64,
}

impl Operation {
    pub fn age_micros(&self) -> u64 {
        self.started.map_or(0, |started| micros(started.elapsed()))
    }

    /// Returns how long it took.
    pub fn end(&mut self) -> u64 {
        let micros = self.age_micros();
        self.started = None;
        micros
    }
}

pub fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}

pub struct State<F> {
    /// The file that is written.
    pub target: Target<F>,
    /// The one after the change of files that is under way, and the total at which it begins.
    pub next: Option<Target<F>>,
    pub switch_total: u64,
    /// The LSN there, and the database that was selected before it.
    pub switch_start: (u64, u32),
    pub stage: Stage,

    /// Sealed and not wholly written. While a write is under way its blocks are in the hands of who writes.
    pub queue: VecDeque<Block>,
    /// Bytes of the first of them that write(2) took already.
    pub head_taken: usize,
    /// Wire bytes of the queue and of the blocks in a write that is under way, taken ones included.
    pub queued_bytes: u64,
    /// Written, and of a unit that is not wholly synced.
    pub retained: VecDeque<Block>,
    pub retained_bytes: u64,
    pub is_retaining: bool,
    /// Units of more than one block that are not wholly synced (not wholly written, where nothing is retained).
    pub units: UnitSpans,
    pub pool: Vec<Box<[u8]>>,

    pub queued_total: u64,
    pub written_total: u64,
    /// Of these, what a roll has taken over: it was written, or will be, once more.
    pub retaken_total: u64,
    pub synced_total: u64,
    pub written_lsn: u64,
    pub synced_lsn: u64,
    /// Everything below is durable in the current file and those before it. After a roll it may be below synced_lsn.
    pub durable_lsn: u64,

    /// Totals that a sync was asked for, ascending, and not yet issued for.
    pub sync_requests: VecDeque<u64>,
    pub write: Operation,
    pub sync: Operation,
    pub sync_histogram: [u64; HISTOGRAM_BUCKETS],
    pub write_delay: Duration,

    /// Why the writer stands still; resume() clears it.
    pub write_failure: Option<Errno>,
    /// Why the current target is never synced again.
    pub sync_failure: Option<Errno>,
    /// A thread panicked.
    pub is_dead: bool,
    /// The file was removed or replaced: whatever happens to it counts for nothing.
    pub is_gone: bool,
    /// The file was cut since the last fdatasync was issued.
    pub is_cut: bool,
    pub is_write_under_way: bool,
    /// A thread changed something since the owner's thread last asked with tell().
    pub is_untold: bool,
    /// The writer stays away from the file: it is being cut, or the calling thread writes itself.
    pub is_held: bool,
    /// The file is given up: nothing more is begun on it.
    pub is_rolling: bool,
    pub is_closing: bool,
    pub is_writer_gone: bool,
    pub is_syncer_gone: bool,
}

impl<F: LogFile> State<F> {
    pub fn new(target: Target<F>, lsn: u64, retaining: bool) -> State<F> {
        State {
            target,
            next: None,
            switch_total: 0,
            switch_start: (0, 0),
            stage: Stage::None,
            queue: VecDeque::new(),
            head_taken: 0,
            queued_bytes: 0,
            retained: VecDeque::new(),
            retained_bytes: 0,
            is_retaining: retaining,
            units: UnitSpans::default(),
            pool: Vec::new(),
            queued_total: 0,
            written_total: 0,
            retaken_total: 0,
            synced_total: 0,
            written_lsn: lsn,
            synced_lsn: lsn,
            durable_lsn: lsn,
            sync_requests: VecDeque::new(),
            write: Operation::default(),
            sync: Operation::default(),
            sync_histogram: [0; HISTOGRAM_BUCKETS],
            write_delay: Duration::ZERO,
            write_failure: None,
            sync_failure: None,
            is_dead: false,
            is_gone: false,
            is_cut: false,
            is_write_under_way: false,
            is_untold: false,
            is_held: false,
            is_rolling: false,
            is_closing: false,
            is_writer_gone: false,
            is_syncer_gone: false,
        }
    }

    /// Takes a block that was sealed.
    pub fn enqueue(&mut self, block: Block) {
        self.units.note(block.lsn(), block.end_lsn(), block.goes_on());
        self.queue_up(block);
    }

    /// Puts a block at the end of the queue.
    pub fn queue_up(&mut self, mut block: Block) {
        self.queued_total += block.wire_len() as u64;
        self.queued_bytes += block.wire_len() as u64;
        block.end_total = self.queued_total;
        self.queue.push_back(block);
    }

    /// Asks for a sync of everything queued so far, unless that is synced or such a sync is asked for already.
    pub fn request_sync(&mut self) {
        let is_due = self.synced_total < self.queued_total || self.is_cut;
        if is_due && self.sync_requests.back() != Some(&self.queued_total) {
            self.sync_requests.push_back(self.queued_total);
        }
    }

    /// The gravest one.
    pub fn fault(&self) -> (Fault, i32) {
        if self.is_dead {
            return (Fault::Dead, EIO.0);
        }
        if self.is_gone {
            return (Fault::Gone, ENOENT.0);
        }
        if let Some(errno) = self.sync_failure {
            return (Fault::Sync, errno.0);
        }
        self.write_failure
            .map_or((Fault::None, 0), |errno| (Fault::Write, errno.0))
    }

    pub fn is_writing(&self) -> bool {
        self.is_write_under_way || !self.queue.is_empty()
    }

    pub fn is_syncing(&self) -> bool {
        self.sync.started.is_some() || !self.sync_requests.is_empty()
    }

    /// Bytes of the queue that write(2) has not taken.
    pub fn unwritten_bytes(&self) -> u64 {
        self.queued_bytes - self.head_taken as u64
    }

    /// The owner's thread takes note of what changed; returns is_busy().
    pub fn tell(&mut self) -> bool {
        self.is_untold = false;
        self.is_busy()
    }

    /// Whether a thread is at work, will be without further orders, or did something that was not told yet.
    pub fn is_busy(&self) -> bool {
        let is_at_work = self.is_write_under_way || self.sync.started.is_some();
        let is_able = self.fault().0 == Fault::None;
        is_at_work
            || self.is_untold
            || (is_able && (self.can_write() || self.is_sync_possible() || self.stage == Stage::Draining))
    }

    fn is_sync_possible(&self) -> bool {
        !self.sync_requests.is_empty() && self.stage != Stage::Held
    }

    /// Whether a block may go to the current target now. Not after a failed fdatasync: the file has lost pages, and what
    /// follows them is no prefix.
    pub fn can_write(&self) -> bool {
        if self.fault().0 != Fault::None || self.is_rolling {
            return false;
        }
        let Some(first) = self.queue.front() else { return false };
        match self.stage {
            Stage::None => true,
            Stage::Draining => first.end_total <= self.switch_total,
            Stage::Held => false,
        }
    }

    /// Moves blocks for one gathered write into `batch`.
    pub fn take_batch(&mut self, batch: &mut Vec<Block>) {
        debug_assert!(batch.is_empty());
        let mut bytes = 0;
        while batch.len() < MAX_GATHER && bytes < MAX_WRITE_BYTES && self.can_write() {
            let Some(block) = self.queue.pop_front() else { break };
            bytes += block.wire_len();
            batch.push(block);
        }
    }

    /// Books a write of `batch` that returned; unwritten blocks go back to the queue, the memory of others to `garbage`
    /// (to be freed by the caller after the mutex).
    pub fn note_write(&mut self, batch: &mut Vec<Block>, result: Result<usize, Errno>, garbage: &mut Vec<Box<[u8]>>) {
        self.is_write_under_way = false;
        self.is_untold = true;
        let micros = self.write.end();
        let taken = match result {
            Ok(taken) if taken > 0 => taken,
            Ok(_) => return self.fail_write(batch, EIO),
            Err(EINTR) => 0,
            Err(errno) => return self.fail_write(batch, errno),
        };
        if taken > 0 {
            self.write.count += 1;
            self.write.last_micros = micros;
        }
        self.written_total += taken as u64;
        self.target.written_offset += taken as u64;
        let mut rest = self.head_taken + taken;
        let mut whole = 0;
        for block in batch.iter() {
            if rest < block.wire_len() {
                break;
            }
            rest -= block.wire_len();
            whole += 1;
        }
        self.head_taken = rest;
        for block in batch.drain(..whole) {
            self.written_lsn = block.end_lsn();
            self.queued_bytes -= block.wire_len() as u64;
            if self.is_retaining {
                self.retained_bytes += block.wire_len() as u64;
                self.retained.push_back(block);
            } else {
                free(&mut self.pool, block, garbage);
            }
        }
        if !self.is_retaining {
            self.units.forget(self.written_lsn);
        }
        self.put_back(batch);
    }

    fn fail_write(&mut self, batch: &mut Vec<Block>, errno: Errno) {
        self.put_back(batch);
        self.write_failure = Some(errno);
    }

    fn put_back(&mut self, batch: &mut Vec<Block>) {
        while let Some(block) = batch.pop() {
            self.queue.push_front(block);
        }
    }

    /// An fdatasync has covered this much.
    pub fn note_sync(&mut self, total: u64, lsn: u64, garbage: &mut Vec<Box<[u8]>>) {
        self.synced_total = total;
        self.durable_lsn = lsn;
        self.synced_lsn = self.synced_lsn.max(lsn);
        self.release_synced(garbage);
        self.units.forget(lsn);
    }

    /// Frees the blocks of units that are wholly synced.
    pub fn release_synced(&mut self, garbage: &mut Vec<Box<[u8]>>) {
        let lsn = self.units.start_at(self.durable_lsn);
        self.release_retained(self.synced_total, lsn, garbage);
    }

    /// Frees all that is written, synced or not.
    pub fn release_written(&mut self, garbage: &mut Vec<Box<[u8]>>) {
        self.release_retained(self.written_total, u64::MAX, garbage);
        self.units.forget(self.written_lsn);
    }

    fn release_retained(&mut self, total: u64, lsn: u64, garbage: &mut Vec<Box<[u8]>>) {
        let is_free = |block: &Block| block.end_total <= total && block.end_lsn() <= lsn;
        while self.retained.front().is_some_and(is_free) {
            let Some(block) = self.retained.pop_front() else { break };
            self.retained_bytes -= block.wire_len() as u64;
            free(&mut self.pool, block, garbage);
        }
    }
}

fn free(pool: &mut Vec<Box<[u8]>>, block: Block, garbage: &mut Vec<Box<[u8]>>) {
    let memory = block.into_memory();
    if memory.len() == ANNOTATION_BYTES + BLOCK_BYTES && pool.len() < MAX_POOLED_BLOCKS {
        pool.push(memory);
    } else {
        garbage.push(memory);
    }
}

pub struct Shared<F> {
    state: Mutex<State<F>>,
    pub writer_wake: Signal,
    pub syncer_wake: Signal,
    /// A write or sync ended, or a thread.
    pub settled: Signal,
    /// Tells the calling thread that something changed. Called without the mutex, from any thread; must not block.
    notify: Box<dyn Fn() + Send + Sync>,
}

impl<F: LogFile> Shared<F> {
    pub fn new(state: State<F>, notify: Box<dyn Fn() + Send + Sync>) -> Shared<F> {
        Shared {
            state: Mutex::new(state),
            writer_wake: Signal::default(),
            syncer_wake: Signal::default(),
            settled: Signal::default(),
            notify,
        }
    }

    /// A thread that panicked with the mutex held has left the fault `Dead`; its bookkeeping is not trusted from then on.
    pub fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn notify(&self) {
        (self.notify)();
    }
}
