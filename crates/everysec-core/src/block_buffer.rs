//! The filling block: records go in at the end, a block is sealed when the next record does not fit. Owned by the calling
//! thread; only sealed blocks leave it, through a BlockSink.

use crate::block::Block;
use crate::block_format::{Flag, Session, Stamp};
use crate::limits::{ANNOTATION_BYTES, BLOCK_BYTES, SMALL_BLOCK_SHARE};
use crate::resp::check::{check_records, record_end};

/// Where sealed blocks go.
pub trait BlockSink {
    /// Takes a block; blocks come in the order of their LSNs.
    fn accept(&mut self, block: Block);
    /// Memory of an ordinary block that can be used again, ANNOTATION_BYTES + BLOCK_BYTES long.
    fn recycled(&mut self) -> Option<Box<[u8]>>;
    /// The synced watermark as it is known now: for a block's `lag`.
    fn synced_lsn(&self) -> u64;
}

pub struct BlockBuffer<S: BlockSink> {
    sink: S,
    /// Room for the annotation, then payload. Of ordinary size, or of one long record's.
    memory: Box<[u8]>,
    /// Payload bytes in it.
    len: usize,
    /// Ordinary memory, set aside while a long record has `memory`.
    set_aside: Option<Box<[u8]>>,
    /// LSN of the filling block's first byte.
    start_lsn: u64,
    /// Database selected at the filling block's start, and now.
    start_db: u32,
    db: u32,
    is_in_unit: bool,
    /// Where in the filling block the open unit begins, and the database selected there. None: in an earlier block.
    unit_start: Option<usize>,
    unit_db: u32,
    /// Unix seconds of the last tick, and those of the last `t=`; 0: none.
    seconds: u64,
    written_seconds: u64,
    is_annotated: bool,
    session: Session,
    is_session_due: bool,
}

impl<S: BlockSink> BlockBuffer<S> {
    pub fn new(mut sink: S, lsn: u64, session: Session, annotated: bool) -> BlockBuffer<S> {
        let memory = sink.recycled().unwrap_or_else(|| block_memory(BLOCK_BYTES));
        BlockBuffer {
            sink,
            memory,
            len: 0,
            set_aside: None,
            start_lsn: lsn,
            start_db: 0,
            db: 0,
            is_in_unit: false,
            unit_start: None,
            unit_db: 0,
            seconds: 0,
            written_seconds: 0,
            is_annotated: annotated,
            session,
            is_session_due: true,
        }
    }

    /// The room that is left in the filling block. What is written there counts from commit() on.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.memory[ANNOTATION_BYTES + self.len..]
    }

    /// Room for a record of `size` bytes, after sealing what it does not fit behind.
    pub fn room_for(&mut self, size: usize) -> &mut [u8] {
        if size > self.room().len() {
            self.seal_before_unit();
        }
        if size > self.room().len() {
            self.seal();
        }
        if size > BLOCK_BYTES {
            self.set_aside = Some(std::mem::replace(&mut self.memory, block_memory(size)));
        }
        self.room()
    }

    /// Takes `size` bytes at the front of room() as appended; returns the LSN after them.
    #[inline]
    pub fn commit(&mut self, size: usize) -> u64 {
        self.len += size;
        debug_assert!(ANNOTATION_BYTES + self.len <= self.memory.len());
        let lsn = self.appended_lsn();
        if self.set_aside.is_some() {
            self.seal();
        }
        lsn
    }

    /// Copies whole records. What is longer than a block is cut at its records, the rest of them stay together as they came.
    #[inline]
    pub fn append(&mut self, records: &[u8]) -> u64 {
        if records.len() > self.room().len() {
            return self.append_long(records);
        }
        self.room()[..records.len()].copy_from_slice(records);
        self.commit(records.len())
    }

    /// As append(), of bytes that are checked first (see check_records). Checked is the copy: the caller's memory may be
    /// shared with a thread that writes to it.
    pub fn append_checked(&mut self, records: &[u8]) -> Result<u64, usize> {
        let size = records.len();
        if size > self.room().len() {
            let copy = records.to_vec();
            check_records(&copy)?;
            return Ok(self.append_long(&copy));
        }
        let room = &mut self.room()[..size];
        room.copy_from_slice(records);
        check_records(room)?;
        Ok(self.commit(size))
    }

    #[cold]
    fn append_long(&mut self, records: &[u8]) -> u64 {
        let mut rest = records;
        while !rest.is_empty() {
            let size = if rest.len() <= BLOCK_BYTES {
                rest.len()
            } else {
                record_end(rest)
            };
            let (first, behind) = rest.split_at(size);
            self.room_for(size)[..size].copy_from_slice(first);
            self.commit(size);
            rest = behind;
        }
        self.appended_lsn()
    }

    #[inline]
    pub fn appended_lsn(&self) -> u64 {
        self.start_lsn + self.len as u64
    }

    /// Bytes in the filling block.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// A unit that outgrows the block in which it began gets a block of its own: what stands before it is sealed, what there is
    /// of it moves on. Cuts happen at the start of a block, so a torn unit takes no whole one with it. Once per unit.
    #[cold]
    fn seal_before_unit(&mut self) {
        let Some(start) = self.unit_start.take() else { return };
        if start == 0 {
            return;
        }
        let begun = self.memory[ANNOTATION_BYTES + start..ANNOTATION_BYTES + self.len].to_vec();
        self.len = start;
        self.is_in_unit = false;
        self.seal();
        self.is_in_unit = true;
        self.start_db = self.unit_db;
        self.len = begun.len();
        self.memory[ANNOTATION_BYTES..ANNOTATION_BYTES + begun.len()].copy_from_slice(&begun);
    }

    /// Hands the filling block over, if there is anything in it.
    pub fn seal(&mut self) {
        if self.len == 0 {
            return;
        }
        self.unit_start = None;
        let flag = if self.is_in_unit { Flag::More } else { Flag::None };
        let stamp = self.stamp(flag);
        let len = std::mem::take(&mut self.len);
        let memory = self.sealed_memory(len);
        self.start_lsn = stamp.lsn + len as u64;
        self.start_db = self.db;
        self.sink.accept(Block::seal(memory, len, stamp, self.is_annotated));
    }

    /// Seals, then hands an empty block over that carries only `flag`. Without annotations there is nothing to carry it.
    pub fn mark(&mut self, flag: Flag) {
        self.seal();
        if !self.is_annotated {
            return;
        }
        let stamp = self.stamp(flag);
        self.sink.accept(Block::seal(block_memory(0), 0, stamp, true));
    }

    /// The database selected from here on: for blocks that begin later.
    pub fn select(&mut self, db: u32) {
        self.db = db;
        if self.len == 0 {
            self.start_db = db;
        }
    }

    pub fn set_in_unit(&mut self, is_in_unit: bool) {
        self.is_in_unit = is_in_unit;
        self.unit_start = is_in_unit.then_some(self.len);
        self.unit_db = self.db;
    }

    pub fn is_in_unit(&self) -> bool {
        self.is_in_unit
    }

    pub fn tick(&mut self, seconds: u64) {
        self.seconds = seconds;
    }

    /// What is sealed from now on carries annotations or not. A stretch with annotations is a session of its own.
    pub fn set_annotated(&mut self, annotated: bool) {
        if annotated && !self.is_annotated {
            self.is_session_due = true;
        }
        self.is_annotated = annotated;
    }

    /// The next block is the first of a file. Only after seal().
    pub fn begin_target(&mut self, session: Session) {
        debug_assert!(self.len == 0);
        self.session = session;
        self.is_session_due = true;
        self.db = 0;
        self.start_db = 0;
    }

    fn stamp(&mut self, flag: Flag) -> Stamp {
        let lag = self.start_lsn.saturating_sub(self.sink.synced_lsn());
        let mut stamp = Stamp {
            lsn: self.start_lsn,
            lag,
            db: self.start_db,
            flag,
            ..Stamp::default()
        };
        if !self.is_annotated {
            return stamp;
        }
        if self.seconds != 0 && (self.is_session_due || self.seconds != self.written_seconds) {
            stamp.seconds = Some(self.seconds);
            self.written_seconds = self.seconds;
        }
        if self.is_session_due {
            stamp.session = Some(self.session);
            self.is_session_due = false;
        }
        stamp
    }

    /// The memory for a sealed block of `len` bytes; leaves ordinary memory for the next one.
    fn sealed_memory(&mut self, len: usize) -> Box<[u8]> {
        if let Some(ordinary) = self.set_aside.take() {
            return std::mem::replace(&mut self.memory, ordinary);
        }
        if len < BLOCK_BYTES / SMALL_BLOCK_SHARE {
            return self.memory[..ANNOTATION_BYTES + len].into();
        }
        let fresh = self.sink.recycled().unwrap_or_else(|| block_memory(BLOCK_BYTES));
        std::mem::replace(&mut self.memory, fresh)
    }
}

fn block_memory(payload_bytes: usize) -> Box<[u8]> {
    vec![0; ANNOTATION_BYTES + payload_bytes].into_boxed_slice()
}
