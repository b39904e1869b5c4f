//! One sealed block: payload that never changes again, with room in front for its annotation line.

use crate::block_format::{self, Stamp};
use crate::limits::ANNOTATION_BYTES;

pub struct Block {
    /// ANNOTATION_BYTES of room, then the payload, then (in a recycled block's memory) nothing that matters.
    memory: Box<[u8]>,
    payload_len: usize,
    annotation_len: usize,
    stamp: Stamp,
    is_annotation_written: bool,
    /// Wire bytes of the log up to and with this block, since it was opened. Set when the block is queued.
    pub end_total: u64,
}

impl Block {
    /// `memory` holds the payload from ANNOTATION_BYTES on. `annotated`: whether a line goes in front.
    pub fn seal(memory: Box<[u8]>, payload_len: usize, stamp: Stamp, annotated: bool) -> Block {
        debug_assert!(memory.len() >= ANNOTATION_BYTES + payload_len);
        let annotation_len = if annotated {
            block_format::annotation_len(&stamp, payload_len)
        } else {
            0
        };
        Block {
            memory,
            payload_len,
            annotation_len,
            stamp,
            is_annotation_written: false,
            end_total: 0,
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

    /// LSN after the last payload byte.
    pub fn end_lsn(&self) -> u64 {
        self.stamp.lsn + self.payload_len as u64
    }

    pub fn into_memory(self) -> Box<[u8]> {
        self.memory
    }
}
