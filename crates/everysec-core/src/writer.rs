//! The writer: takes sealed blocks in order, gathers them into few write(2) calls, continues short writes with the same
//! bytes, keeps everything and waits for resume() when one fails. A thread of its own per log.

use std::io::IoSlice;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::MutexGuard;
use std::time::Instant;

use crate::block::Block;
use crate::error::Errno;
use crate::fs::LogFile;
use crate::limits::MAX_WRITE_BYTES;
use crate::log_state::{Shared, Stage, State};

/// The thread's body: returns when the log closes and nothing is left that can be written.
pub fn run<F: LogFile>(shared: &Shared<F>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| write_until_closed(shared)));
    let mut state = shared.lock();
    state.is_writer_gone = true;
    if outcome.is_err() {
        state.is_write_under_way = false;
        state.is_dead = true;
    }
    drop(state);
    shared.syncer_wake.notify_all();
    shared.settled.notify_all();
    shared.notify();
}

fn write_until_closed<F: LogFile>(shared: &Shared<F>) {
    let mut batch = Vec::new();
    let mut state = shared.lock();
    loop {
        if !state.is_held && state.can_write() {
            state = delay_write(shared, state);
            if state.is_held || !state.can_write() {
                continue;
            }
            drop(write_some(shared, state, &mut batch));
            shared.notify();
            state = shared.lock();
        } else if state.is_closing {
            return;
        } else {
            state = shared.writer_wake.wait(state);
        }
    }
}

/// The sleep before a write that setWriteDelay() asks for. A log that closes does not sleep.
fn delay_write<'a, F: LogFile>(shared: &'a Shared<F>, mut state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
    if state.write_delay.is_zero() {
        return state;
    }
    let begin = Instant::now();
    while !state.is_closing {
        let left = state.write_delay.saturating_sub(begin.elapsed());
        if left.is_zero() {
            break;
        }
        state = shared.writer_wake.wait_for(state, left);
    }
    state
}

/// One gathered write, without the mutex while it lasts. `batch` is empty before and after; it is an argument to be reused.
pub fn write_some<'a, F: LogFile>(
    shared: &'a Shared<F>,
    mut state: MutexGuard<'a, State<F>>,
    batch: &mut Vec<Block>,
) -> MutexGuard<'a, State<F>> {
    let Some(file) = state.target.file.clone() else {
        return state;
    };
    state.take_batch(batch);
    let taken = state.head_taken;
    state.is_write_under_way = true;
    state.write.started = Some(Instant::now());
    drop(state);

    for block in batch.iter_mut() {
        block.finish();
    }

    let result = write_gathered(&*file, batch, taken);
    drop(file);

    let mut garbage = Vec::new();
    let mut state = shared.lock();
    state.note_write(batch, result, &mut garbage);
    shared.settled.notify_all();
    if !state.sync_requests.is_empty() || state.stage != Stage::None {
        shared.syncer_wake.notify_one();
    }
    if garbage.is_empty() {
        return state;
    }
    drop(state);
    drop(garbage);
    shared.lock()
}

fn write_gathered<F: LogFile>(file: &F, batch: &[Block], taken: usize) -> Result<usize, Errno> {
    let mut parts = Vec::with_capacity(batch.len());
    let mut budget = MAX_WRITE_BYTES;
    let mut skip = taken;
    for block in batch {
        let wire = &block.wire()[skip..];
        skip = 0;
        let part = &wire[..wire.len().min(budget)];
        budget -= part.len();
        parts.push(IoSlice::new(part));
        if budget == 0 {
            break;
        }
    }
    file.write(&parts)
}
