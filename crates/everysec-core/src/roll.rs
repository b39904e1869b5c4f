//! The roll: after a fault a log gives up its file, and the blocks that the file does not hold durably go to another one.

use std::sync::Arc;

use crate::block::Block;
use crate::block_format::{Session, Stamp};
use crate::fs::LogFile;
use crate::limits::ANNOTATION_BYTES;
use crate::log_state::{State, Target};
use crate::stamper::Stamper;

/// Where the old file counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollCut {
    /// File offset; the bytes from here on were taken over.
    pub offset: u64,
    /// The LSN there.
    pub lsn: u64,
}

/// Moves `state` to `target`, an empty file. `filling`: LSN and database where the filling block begins. Nothing may be under way. Returns the old file too. Err: what `target` needs is not here; nothing is changed.
pub fn take_over<F: LogFile>(
    state: &mut State<F>,
    target: Target<F>,
    session: Session,
    stamper: &mut Stamper,
    filling: (u64, u32),
) -> Result<(RollCut, Option<Arc<F>>), &'static str> {
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
    let offset = state.target.written_offset - (state.written_total - start_total);

    let all = state.retained.drain(..).chain(state.queue.drain(..));
    // Marks and the SELECT of an earlier roll carry nothing to take over.
    let blocks: Vec<Block> = all.filter(|block| !block.is_lead && !block.is_mark()).collect();
    let first = blocks.first();
    let (lsn, db) = first.map_or(filling, |block| (block.lsn(), block.db()));
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
    for mut block in lead.into_iter().chain(blocks) {
        block.stamp_again(stamper, block.lsn() - file_lsn);
        state.queue_up(block);
    }
    stamper.set_annotated(was_annotated);

    let old = std::mem::replace(&mut state.target, target);
    state.write_failure = None;
    state.sync_failure = None;
    state.is_cut = false;
    state.is_rolling = false;
    state.sync_requests.clear();
    state.request_sync();
    Ok((RollCut { offset, lsn }, old.file))
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
