//! A block log as its owner's thread sees it: the filling block, and orders to the two threads behind it. No method waits
//! for the disk, except those that say so.

use std::sync::{Arc, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::block::Block;
use crate::block_buffer::{BlockBuffer, BlockSink};
use crate::block_format::{Flag, Session};
use crate::error::{Errno, Failure, EBADF};
use crate::fs::LogFile;
use crate::log_state::{Shared, Stage, State, Target};
use crate::roll::{self, RollCut};
use crate::{syncer, writer};

/// What a log begins with.
pub struct LogOptions {
    /// LSN of the next payload byte; everything below it is synced.
    pub lsn: u64,
    pub session: Session,
    pub annotated: bool,
    pub retain_until_synced: bool,
}

/// The two threads; join them off the loop.
pub struct LogThreads {
    writer: JoinHandle<()>,
    syncer: JoinHandle<()>,
}

pub struct BlockLog<F: LogFile> {
    buffer: BlockBuffer<Queue<F>>,
    shared: Arc<Shared<F>>,
    /// Opened by open_next(), not yet switched to.
    opened: Option<(Target<F>, Session)>,
}

/// Makes the shared part and its threads. `notify`: see Shared.
pub fn start<F: LogFile>(
    file: F,
    position: u64,
    options: &LogOptions,
    notify: Box<dyn Fn() + Send + Sync>,
) -> Result<(BlockLog<F>, LogThreads), Failure> {
    let state = State::new(Target::new(file, position), options.lsn, options.retain_until_synced);
    let shared = Arc::new(Shared::new(state, notify));
    let spawn = |name: &str, body: fn(&Shared<F>)| {
        let shared = shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_string())
            .spawn(move || body(&shared));
        thread.map_err(|error| Failure::system(Errno::of(&error), &format!("start the thread {name}")))
    };
    let writer = spawn("everysec-write", writer::run)?;
    let syncer = match spawn("everysec-sync", syncer::run) {
        Ok(syncer) => syncer,
        Err(failure) => {
            begin_close(&shared);
            // It has nothing to write, so it ends at once.
            let _ = writer.join();
            return Err(failure);
        }
    };
    let buffer = BlockBuffer::new(
        Queue { shared: shared.clone() },
        options.lsn,
        options.session,
        options.annotated,
    );
    Ok((
        BlockLog {
            buffer,
            shared,
            opened: None,
        },
        LogThreads { writer, syncer },
    ))
}

impl<F: LogFile> BlockLog<F> {
    pub fn buffer(&mut self) -> &mut BlockBuffer<impl BlockSink + use<F>> {
        &mut self.buffer
    }

    pub fn shared(&self) -> &Arc<Shared<F>> {
        &self.shared
    }

    /// Seals; with `sync`, asks for an fdatasync once everything appended so far is written.
    pub fn flush(&mut self, sync: bool) {
        self.buffer.seal();
        if !sync {
            return;
        }
        let mut state = self.shared.lock();
        state.request_sync();
        let is_due = state
            .sync_requests
            .front()
            .is_some_and(|total| *total <= state.written_total);
        drop(state);
        if is_due {
            self.shared.syncer_wake.notify_one();
        }
    }

    /// Err: not everything is synced.
    pub fn mark(&mut self, flag: Flag) -> Result<(), &'static str> {
        if self.shared.lock().durable_lsn != self.buffer.appended_lsn() {
            return Err("a mark says that everything before it is synced, and it is not");
        }
        self.buffer.mark(flag);
        Ok(())
    }

    pub fn set_retain(&mut self, until_synced: bool) {
        let mut garbage = Vec::new();
        let mut state = self.shared.lock();
        state.is_retaining = until_synced;
        if !until_synced {
            state.release_written(&mut garbage);
        }
    }

    pub fn set_write_delay(&mut self, micros: u64) {
        self.shared.lock().write_delay = Duration::from_micros(micros);
    }

    /// After a failed write: goes on at the byte where it stopped.
    pub fn resume(&mut self) {
        let mut state = self.shared.lock();
        state.write_failure = None;
        drop(state);
        self.shared.writer_wake.notify_one();
    }

    /// The file that switch_to_next() will switch to.
    pub fn set_next(&mut self, file: F, position: u64, session: Session) {
        self.opened = Some((Target::new(file, position), session));
    }

    /// Seals; what was appended so far goes to the old target, what comes next to the one that was opened. None: no next
    /// file is open, or a change of files is under way.
    pub fn switch_to_next(&mut self) -> Option<()> {
        if self.shared.lock().stage != Stage::None {
            return None;
        }
        let (target, session) = self.opened.take()?;
        self.buffer.seal();
        let start = self.buffer.start();
        self.buffer.begin_target(session);
        let mut state = self.shared.lock();
        state.switch_start = start;
        state.switch_total = state.queued_total;
        state.next = Some(target);
        state.stage = Stage::Draining;
        drop(state);
        self.shared.syncer_wake.notify_one();
        Some(())
    }

    /// None: the old target is not closed yet.
    pub fn resume_target(&mut self) -> Option<()> {
        let mut state = self.shared.lock();
        match state.stage {
            Stage::None => return Some(()),
            Stage::Draining => return None,
            Stage::Held => {}
        }
        state.target = state.next.take()?;
        state.stage = Stage::None;
        drop(state);
        self.shared.writer_wake.notify_one();
        self.shared.syncer_wake.notify_one();
        Some(())
    }

    /// After a fault: nothing more is begun on the file. Then wait_until_quiet(), then take_over() or abandon_roll().
    pub fn begin_roll(&mut self) {
        self.shared.lock().is_rolling = true;
    }

    /// It did not come to it: everything is as it was.
    pub fn abandon_roll(&mut self) {
        self.shared.lock().is_rolling = false;
        self.shared.writer_wake.notify_one();
        self.shared.syncer_wake.notify_one();
    }

    /// The end of a roll: what the old file does not hold durably goes to `file`, which is empty; between switch_to_next() and
    /// resume_target() to the file that waits, whose place `file` takes. Returns the old file, to be closed. Err: the words why it cannot be; it is abandoned then.
    pub fn take_over(&mut self, file: F, session: Session) -> Result<(RollCut, Option<F>), &'static str> {
        let start = self.buffer.start();
        let (target, stamper) = (Target::new(file, 0), self.buffer.stamper());
        let rolled = roll::take_over(&mut self.shared.lock(), target, session, stamper, start);
        if rolled.is_err() {
            self.abandon_roll();
        }
        let (cut, old) = rolled?;
        self.shared.writer_wake.notify_one();
        Ok((cut, old.and_then(Arc::into_inner)))
    }

    /// Holds the threads off the file, for cut_file() on another thread. Err: what forbids it.
    pub fn begin_truncate(&mut self, offset: u64) -> Result<(), String> {
        let mut state = self.shared.lock();
        if !self.buffer.is_empty() || state.is_writing() || state.is_held || state.stage != Stage::None {
            return Err("truncate() while something is unwritten".to_string());
        }
        let end = state.target.written_offset;
        if offset > end {
            return Err(format!("cannot cut the file at {offset}: it has {end} bytes"));
        }
        state.is_held = true;
        Ok(())
    }

    /// Seals and writes on this thread. Waits at most `patience` for a write that is under way elsewhere; when that does
    /// not end, nothing can be written behind it. Returns the bytes written.
    pub fn write_out_sync(&mut self, patience: Duration) -> u64 {
        self.buffer.seal();
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        if state.is_held || state.is_rolling {
            return 0;
        }
        state.is_held = true;
        while state.is_write_under_way {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.let_threads_go(state);
                return 0;
            }
            state = self.shared.settled.wait_for(state, left);
        }
        let before = state.written_total;
        let mut batch = Vec::new();
        state.write_failure = None;
        while state.can_write() {
            state = writer::write_some(&self.shared, state, &mut batch);
        }
        let written = state.written_total - before;
        self.let_threads_go(state);
        self.shared.notify();
        written
    }

    /// The end of a hold. What was due meanwhile may have woken a thread that went back to sleep because of it.
    fn let_threads_go(&self, mut state: MutexGuard<'_, State<F>>) {
        state.is_held = false;
        drop(state);
        self.shared.writer_wake.notify_one();
        self.shared.syncer_wake.notify_one();
    }
}

/// Cuts the file after begin_truncate(). Blocks: never on the owner's thread.
pub fn cut_file<F: LogFile>(shared: &Shared<F>, offset: u64) -> Result<(), Errno> {
    let file = shared.lock().target.file.clone();
    let result = file.map_or(Err(EBADF), |file| file.truncate(offset));
    let mut garbage = Vec::new();
    let mut state = shared.lock();
    state.is_held = false;
    if result.is_ok() {
        state.is_cut = true;
        state.is_untold = true;
        // No roll may bring back what was cut off.
        state.release_written(&mut garbage);
        state.target.written_offset = offset;
        state.target.synced_offset = state.target.synced_offset.min(offset);
    }
    drop(state);
    shared.writer_wake.notify_one();
    shared.syncer_wake.notify_one();
    shared.notify();
    result
}

/// Waits for the write and the fdatasync that are under way. Blocks: never on the owner's thread.
pub fn wait_until_quiet<F: LogFile>(shared: &Shared<F>) {
    let mut state = shared.lock();
    while state.is_write_under_way || state.sync.started.is_some() {
        state = shared.settled.wait(state);
    }
}

/// Asks both threads to finish what was handed to them and to end. Does not wait.
pub fn begin_close<F: LogFile>(shared: &Shared<F>) {
    shared.lock().is_closing = true;
    shared.writer_wake.notify_all();
    shared.syncer_wake.notify_all();
}

/// Waits for the threads' end and closes the file. Blocks: never on the owner's thread.
pub fn finish_close<F: LogFile>(shared: &Shared<F>, threads: LogThreads) -> Result<(), Failure> {
    begin_close(shared);
    // Their panics are caught within and stand in the state.
    let _ = threads.writer.join();
    let _ = threads.syncer.join();
    let mut state = shared.lock();
    let next = state.next.take().and_then(|target| target.file);
    let files = [state.target.file.take(), next];
    state.pool = Vec::new();
    state.retained.clear();
    drop(state);
    let mut outcome = Ok(());
    for file in files.into_iter().flatten().filter_map(Arc::into_inner) {
        if let Err(errno) = file.close() {
            outcome = Err(Failure::system(errno, "close the log's file"));
        }
    }
    outcome
}

/// Waits until both threads have ended, at most this long: for the end of an environment.
pub fn wait_for_end<F: LogFile>(shared: &Shared<F>, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let mut state = shared.lock();
    while !(state.is_writer_gone && state.is_syncer_gone) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        state = shared.settled.wait_for(state, left);
    }
    true
}

/// The sink of the filling block: the writer's queue.
struct Queue<F> {
    shared: Arc<Shared<F>>,
}

impl<F: LogFile> BlockSink for Queue<F> {
    fn accept(&mut self, block: Block) {
        self.shared.lock().enqueue(block);
        self.shared.writer_wake.notify_one();
    }

    fn recycled(&mut self) -> Option<Box<[u8]>> {
        self.shared.lock().pool.pop()
    }

    fn durable_lsn(&self) -> u64 {
        self.shared.lock().durable_lsn
    }

    fn end_unit(&mut self) {
        let mut garbage = Vec::new();
        let mut state = self.shared.lock();
        state.units.end_open();
        if state.is_retaining {
            state.release_synced(&mut garbage);
        }
    }
}
