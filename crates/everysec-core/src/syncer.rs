//! The syncer: at most one fdatasync in flight; what was written when a successful one was *issued* is synced. The first
//! failure is the last call on that file. A thread of its own per log, which also closes a target that was left.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use crate::error::{Errno, EINTR};
use crate::fs::LogFile;
use crate::limits::{IDLE_POOLED_BLOCKS, POOL_DECAY};
use crate::log_state::{Fault, Shared, Stage, State, HISTOGRAM_BUCKETS};

/// The thread's body: returns when the log closes and no sync is wanted that can be done.
pub fn run<F: LogFile>(shared: &Shared<F>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| sync_until_closed(shared)));
    let mut state = shared.lock();
    state.is_syncer_gone = true;
    if outcome.is_err() {
        state.sync.started = None;
        state.is_dead = true;
    }
    drop(state);
    shared.writer_wake.notify_all();
    shared.settled.notify_all();
    shared.notify();
}

fn sync_until_closed<F: LogFile>(shared: &Shared<F>) {
    let mut state = shared.lock();
    loop {
        if is_sync_due(&state) {
            state = sync_once(shared, state);
        } else if is_old_target_done(&state) {
            state = leave_old_target(shared, state);
        } else if state.is_closing && state.is_writer_gone {
            return;
        } else if state.pool.len() > IDLE_POOLED_BLOCKS {
            state = wait_and_trim(shared, state);
            continue;
        } else {
            state = shared.syncer_wake.wait(state);
            continue;
        }
        drop(state);
        shared.settled.notify_all();
        shared.notify();
        state = shared.lock();
    }
}

/// Whether its thread waits, and goes on waiting as long as nobody changes anything.
pub fn is_at_rest<F: LogFile>(state: &State<F>) -> bool {
    state.sync.started.is_none() && !is_sync_due(state) && !is_old_target_done(state)
}

/// Waits like the others do; what the pool holds beyond its idle share goes when nothing was appended meanwhile.
fn wait_and_trim<'a, F: LogFile>(shared: &'a Shared<F>, state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
    let before = state.queued_total;
    let mut state = shared.syncer_wake.wait_for(state, POOL_DECAY);
    if state.queued_total != before || state.pool.len() <= IDLE_POOLED_BLOCKS {
        return state;
    }
    let garbage = state.pool.split_off(IDLE_POOLED_BLOCKS);
    drop(state);
    drop(garbage);
    shared.lock()
}

/// Whether what the oldest request asks for is written.
fn is_sync_due<F: LogFile>(state: &State<F>) -> bool {
    if state.sync_failure.is_some() || state.is_gone || state.is_dead || state.is_rolling {
        return false;
    }
    if state.is_held || state.stage == Stage::Held {
        return false;
    }
    let is_drained = state.stage == Stage::Draining && state.written_total == state.switch_total;
    let is_drain_due = is_drained && (state.synced_total < state.switch_total || state.is_cut);
    is_drain_due
        || state
            .sync_requests
            .front()
            .is_some_and(|total| *total <= state.written_total)
}

fn sync_once<'a, F: LogFile>(shared: &'a Shared<F>, mut state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
    let Some(file) = state.target.file.clone() else {
        return state;
    };
    let offset = state.target.written_offset;
    let (total, lsn) = (state.written_total, state.written_lsn);
    while state.sync_requests.front().is_some_and(|request| *request <= total) {
        state.sync_requests.pop_front();
    }
    if state.synced_total >= total && !state.is_cut {
        return state;
    }
    state.is_cut = false;
    state.sync.started = Some(Instant::now());
    drop(state);

    // What is synced into a file that nobody finds again is not safe.
    let result = datasync(&*file).and_then(|()| file.is_in_place());
    drop(file);

    let mut garbage = Vec::new();
    let mut state = shared.lock();
    let micros = state.sync.end();
    state.is_untold = true;
    match result {
        Ok(false) => {
            state.is_gone = true;
        }
        Ok(true) => {
            state.sync.count += 1;
            state.sync.last_micros = micros;
            state.sync_histogram[bucket(micros)] += 1;
            state.target.synced_offset = offset.min(state.target.written_offset);
            state.note_sync(total, lsn, &mut garbage);
        }
        Err(errno) => {
            state.sync_failure = Some(errno);
        }
    }
    if garbage.is_empty() {
        return state;
    }
    drop(state);
    drop(garbage);
    shared.lock()
}

/// fdatasync that a signal interrupted has not failed: no page was given up.
fn datasync<F: LogFile>(file: &F) -> Result<(), Errno> {
    loop {
        match file.datasync() {
            Err(EINTR) => {}
            result => return result,
        }
    }
}

fn is_old_target_done<F: LogFile>(state: &State<F>) -> bool {
    let is_usable = state.fault().0 == Fault::None && !state.is_held;
    state.stage == Stage::Draining && is_usable && state.synced_total >= state.switch_total && !state.is_cut
}

/// Closes the old target; the new one is held until resume_target().
fn leave_old_target<'a, F: LogFile>(
    shared: &'a Shared<F>,
    mut state: MutexGuard<'a, State<F>>,
) -> MutexGuard<'a, State<F>> {
    let file = state.target.file.take();
    drop(state);
    // Everything in it is synced: what close(2) might report now concerns no byte of ours.
    if let Some(file) = file.and_then(Arc::into_inner) {
        let _ = file.close();
    }
    let mut state = shared.lock();
    state.stage = Stage::Held;
    state.is_untold = true;
    state
}

/// Index in the histogram: [2^i, 2^(i+1)) microseconds, 0 in the first.
fn bucket(micros: u64) -> usize {
    (micros.max(1).ilog2() as usize).min(HISTOGRAM_BUCKETS - 1)
}
