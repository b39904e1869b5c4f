//! The roll: after a fault a log gives up its file, and the blocks that the file does not hold durably go to another one.

use std::sync::Arc;

use crate::block::Block;
use crate::block_format::{Session, Stamp};
use crate::fs::LogFile;
use crate::limits::ANNOTATION_BYTES;
use crate::log_state::{Stage, State, Target};
use crate::stamper::Stamper;

/// Where the old file counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollCut {
    /// File offset; the bytes from here on were taken over.
    pub offset: u64,
    /// The LSN there.
    pub lsn: u64,
    /// LSN of the first payload byte of the file that took over: below `lsn` by its SELECT.
    pub file_lsn: u64,
}

/// What a roll gives back: the cut, and the old file.
pub type Rolled<F> = (RollCut, Option<Arc<F>>);

/// Moves `state` to `fresh`, an empty file; between switch_to_next() and resume_target() to the file that waits, and `fresh` waits in
/// its place. `session`: of what is taken over. `filling`: LSN and database where the filling block begins. Nothing may be under
/// way. Err: what the new file needs is not here; nothing is changed.
pub fn take_over<F: LogFile>(
    state: &mut State<F>,
    fresh: Target<F>,
    session: Session,
    stamper: &mut Stamper,
    filling: (u64, u32),
) -> Result<Rolled<F>, &'static str> {
    if state.is_dead {
        return Err("a thread of the log has died");
    }
    if state.is_gone {
        return Err("it was removed or replaced, and with it what was synced");
    }
    let (start_total, start_lsn) = match state.retained.front().or(state.queue.front()) {
        Some(block) => (block.start_total(), block.lsn()),
        None => (state.written_total, state.written_lsn),
    };
    if start_total > state.synced_total || start_lsn > state.units.start_at(state.durable_lsn) {
        return Err("what is written and not synced is no longer in memory");
    }
    let retaken = state.written_total - start_total;
    let offset = state.target.written_offset - retaken;
    let waiting = state.next.take();
    let is_switched = waiting.is_some();
    let switch_total = if is_switched { state.switch_total } else { u64::MAX };

    let all = state.retained.drain(..).chain(state.queue.drain(..));
    // Marks and the SELECT of an earlier roll carry nothing to take over.
    let (owed, later): (Vec<Block>, Vec<Block>) = all
        .filter(|block| !block.is_lead && (!block.is_mark() || block.end_total > switch_total))
        .partition(|block| block.end_total <= switch_total);
    let (lsn, file_lsn) = requeue(
        state,
        owed,
        session,
        stamper,
        if is_switched { state.switch_start } else { filling },
    );
    let had_requests = state.sync_requests.back().is_some_and(|total| *total > switch_total);
    state.retaken_total += retaken;
    state.switch_total = state.queued_total;
    // Stamped for the file that waits, whichever it is.
    for block in later {
        state.queue_up(block);
    }

    let next = match waiting {
        Some(waiting) => {
            state.next = Some(fresh);
            waiting
        }
        None => fresh,
    };
    let old = std::mem::replace(&mut state.target, next);
    state.write_failure = None;
    state.sync_failure = None;
    state.is_cut = false;
    state.is_rolling = false;
    state.sync_requests.clear();
    // A change of files syncs what belongs to the one that is left by itself.
    if had_requests || !is_switched {
        state.request_sync();
    }
    Ok((RollCut { offset, lsn, file_lsn }, old.file))
}

/// Puts the blocks that are owed into the queue of an empty file, behind a SELECT. Returns the LSN at which they begin, and the
/// file's.
fn requeue<F: LogFile>(
    state: &mut State<F>,
    owed: Vec<Block>,
    session: Session,
    stamper: &mut Stamper,
    end: (u64, u32),
) -> (u64, u64) {
    // Where blocks are sealed for a file that waits, its session stays the one that is going on.
    let going_on = stamper.clone();
    let first = owed.first();
    let (lsn, db) = first.map_or(end, |block| (block.lsn(), block.db()));
    let seconds = first.map_or(stamper.seconds(), Block::seconds);
    let was_annotated = stamper.is_annotated();
    let lead = make_lead(lsn, db, seconds, first.map_or(was_annotated, Block::is_annotated));
    let file_lsn = lead.as_ref().map_or(lsn, Block::lsn);

    stamper.begin_file(session);
    state.head_taken = 0;
    state.queued_bytes = 0;
    state.retained_bytes = 0;
    state.queued_total = state.written_total;
    state.synced_total = state.written_total;
    state.written_lsn = lsn;
    state.durable_lsn = file_lsn;
    for mut block in lead.into_iter().chain(owed) {
        block.stamp_again(stamper, block.lsn() - file_lsn);
        state.queue_up(block);
    }
    if state.stage == Stage::Draining {
        *stamper = going_on;
    } else {
        stamper.set_annotated(was_annotated);
    }
    (lsn, file_lsn)
}

/// The SELECT of the database in which what ends up behind it begins. None: LSNs leave no room, because the log has just begun.
fn make_lead(end_lsn: u64, db: u32, seconds: u64, annotated: bool) -> Option<Block> {
    let text = db.to_string();
    let record = format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{text}\r\n", text.len());
    let stamp = Stamp {
        lsn: end_lsn.checked_sub(record.len() as u64)?,
        ..Stamp::default()
    };
    let mut memory = vec![0; ANNOTATION_BYTES + record.len()].into_boxed_slice();
    memory[ANNOTATION_BYTES..].copy_from_slice(record.as_bytes());
    let mut lead = Block::seal(memory, record.len(), stamp, seconds, annotated);
    lead.is_lead = true;
    Some(lead)
}
