//! One sealed block: payload that never changes again, with room in front for its annotation line.

use crate::block_format::{self, Flag, Stamp};
use crate::limits::ANNOTATION_BYTES;
use crate::stamper::Stamper;

pub struct Block {
    /// ANNOTATION_BYTES of room, then the payload, then (in a recycled block's memory) nothing that matters.
    memory: Box<[u8]>,
    payload_len: usize,
    annotation_len: usize,
    stamp: Stamp,
    /// When it was sealed, Unix seconds; 0: no time was told.
    seconds: u64,
    is_annotation_written: bool,
    /// The SELECT with which a roll begins a file.
    pub is_lead: bool,
    /// Wire bytes of the log up to and with this block, since it was opened. Set when the block is queued.
    pub end_total: u64,
}

impl Block {
    /// `memory` holds the payload from ANNOTATION_BYTES on. `annotated`: whether a line goes in front.
    pub fn seal(memory: Box<[u8]>, payload_len: usize, stamp: Stamp, seconds: u64, annotated: bool) -> Block {
        debug_assert!(memory.len() >= ANNOTATION_BYTES + payload_len);
        let mut block = Block {
            memory,
            payload_len,
            annotation_len: 0,
            stamp,
            seconds,
            is_annotation_written: false,
            is_lead: false,
            end_total: 0,
        };
        if annotated {
            block.annotate(stamp);
        }
        block
    }

    fn annotate(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.annotation_len = block_format::annotation_len(&stamp, self.payload_len);
        self.is_annotation_written = false;
    }

    /// For another file: `lag` and what is due there. The payload, and whether a line goes in front, stay as they are.
    pub fn stamp_again(&mut self, stamper: &mut Stamper, lag: u64) {
        stamper.set_annotated(self.is_annotated());
        let stamp = stamper.stamp(Stamp { lag, ..self.stamp }, self.seconds);
        if self.is_annotated() {
            self.annotate(stamp);
        }
    }

    /// Computes the checksum and writes the annotation line: work for the writer's thread. Once is enough.
    pub fn finish(&mut self) {
        if self.is_annotation_written || self.annotation_len == 0 {
            return;
        }
        let (room, payload) = self.memory.split_at_mut(ANNOTATION_BYTES);
        let line = block_format::annotation(&self.stamp, &payload[..self.payload_len]);
        debug_assert_eq!(line.len(), self.annotation_len);
        room[ANNOTATION_BYTES - self.annotation_len..].copy_from_slice(line.as_bytes());
        self.is_annotation_written = true;
    }

    /// What goes to the file. Only after finish().
    pub fn wire(&self) -> &[u8] {
        debug_assert!(self.annotation_len == 0 || self.is_annotation_written);
        &self.memory[ANNOTATION_BYTES - self.annotation_len..ANNOTATION_BYTES + self.payload_len]
    }

    pub fn wire_len(&self) -> usize {
        self.annotation_len + self.payload_len
    }

    /// Wire bytes of the log before this block.
    pub fn start_total(&self) -> u64 {
        self.end_total - self.wire_len() as u64
    }

    /// LSN of the first payload byte.
    pub fn lsn(&self) -> u64 {
        self.stamp.lsn
    }

    /// LSN after the last payload byte.
    pub fn end_lsn(&self) -> u64 {
        self.stamp.lsn + self.payload_len as u64
    }

    /// Database selected where it begins.
    pub fn db(&self) -> u32 {
        self.stamp.db
    }

    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    pub fn is_annotated(&self) -> bool {
        self.annotation_len > 0
    }

    /// Whether its last unit goes on in the next block.
    pub fn goes_on(&self) -> bool {
        self.stamp.flag == Flag::More
    }

    /// Nothing but an annotation.
    pub fn is_mark(&self) -> bool {
        self.payload_len == 0
    }

    pub fn into_memory(self) -> Box<[u8]> {
        self.memory
    }
}
