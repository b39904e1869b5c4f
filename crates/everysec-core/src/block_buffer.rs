//! The filling block: records go in at the end, a block is sealed when the next record does not fit. Owned by the calling
//! thread; only sealed blocks leave it, through a BlockSink.

use crate::block::Block;
use crate::block_format::{Flag, Session, Stamp};
use crate::limits::{ANNOTATION_BYTES, BLOCK_BYTES, SMALL_BLOCK_SHARE};
use crate::resp::check::{check_records, record_end};
use crate::stamper::Stamper;

/// Where sealed blocks go.
pub trait BlockSink {
    /// Takes a block; blocks come in the order of their LSNs.
    fn accept(&mut self, block: Block);
    /// Memory of an ordinary block that can be used again, ANNOTATION_BYTES + BLOCK_BYTES long.
    fn recycled(&mut self) -> Option<Box<[u8]>>;
    /// Up to where everything is synced in the file that is written and those before it: for a block's `lag`.
    fn durable_lsn(&self) -> u64;
    /// The unit of the last block, which was to go on, was over with that block.
    fn end_unit(&mut self) {}
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
    /// Where in the filling block the open unit began, and the database selected there. None: there is none, or it began
    /// in an earlier block.
    unit_start: Option<(usize, u32)>,
    stamper: Stamper,
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
            stamper: Stamper::new(session, annotated),
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
            self.seal_rest();
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

    /// Hands the filling block over, if there is anything in it: whole units, then the beginning of the one that is open.
    pub fn seal(&mut self) {
        self.seal_before_unit();
        self.seal_rest();
    }

    /// A unit that will not be over with this block begins the next one: what stands before it becomes a block of its own.
    fn seal_before_unit(&mut self) {
        let Some((start, db)) = self.unit_start.filter(|(start, _)| *start > 0) else {
            return;
        };
        let stamp = self.stamp(Flag::None);
        let moved = ANNOTATION_BYTES + start..ANNOTATION_BYTES + self.len;
        let memory = if start < BLOCK_BYTES / SMALL_BLOCK_SHARE {
            let small = self.memory[..moved.start].into();
            self.memory.copy_within(moved, ANNOTATION_BYTES);
            small
        } else {
            let mut fresh = self.ordinary_memory();
            fresh[ANNOTATION_BYTES..ANNOTATION_BYTES + moved.len()].copy_from_slice(&self.memory[moved]);
            std::mem::replace(&mut self.memory, fresh)
        };
        self.len -= start;
        self.start_lsn += start as u64;
        self.start_db = db;
        self.unit_start = Some((0, db));
        self.hand_over(memory, start, stamp);
    }

    fn seal_rest(&mut self) {
        if self.len == 0 {
            return;
        }
        let stamp = self.stamp(if self.is_in_unit { Flag::More } else { Flag::None });
        let len = std::mem::take(&mut self.len);
        let memory = self.sealed_memory(len);
        self.start_lsn += len as u64;
        self.start_db = self.db;
        self.unit_start = None;
        self.hand_over(memory, len, stamp);
    }

    fn hand_over(&mut self, memory: Box<[u8]>, len: usize, stamp: Stamp) {
        let block = Block::seal(memory, len, stamp, self.stamper.seconds(), self.stamper.is_annotated());
        self.sink.accept(block);
    }

    /// Seals, then hands an empty block over that carries only `flag`. Without annotations there is nothing to carry it.
    pub fn mark(&mut self, flag: Flag) {
        self.seal();
        if !self.stamper.is_annotated() {
            return;
        }
        let stamp = self.stamp(flag);
        self.hand_over(block_memory(0), 0, stamp);
    }

    /// The database selected from here on: for blocks that begin later.
    pub fn select(&mut self, db: u32) {
        self.db = db;
        if self.len == 0 {
            self.start_db = db;
        }
    }

    /// Where a unit begins, and where it is over.
    pub fn set_in_unit(&mut self, is_in_unit: bool) {
        self.unit_start = is_in_unit.then_some((self.len, self.db));
        if self.is_in_unit && !is_in_unit && self.len == 0 {
            self.sink.end_unit();
        }
        self.is_in_unit = is_in_unit;
    }

    pub fn is_in_unit(&self) -> bool {
        self.is_in_unit
    }

    pub fn tick(&mut self, seconds: u64) {
        self.stamper.tick(seconds);
    }

    /// What is sealed from now on carries annotations or not. A stretch with annotations is a session of its own.
    pub fn set_annotated(&mut self, annotated: bool) {
        self.stamper.set_annotated(annotated);
    }

    /// The next block is the first of a file. Only after seal().
    pub fn begin_target(&mut self, session: Session) {
        debug_assert!(self.len == 0);
        self.stamper.begin_file(session);
        self.db = 0;
        self.start_db = 0;
    }

    /// LSN and database where the filling block begins.
    pub fn start(&self) -> (u64, u32) {
        (self.start_lsn, self.start_db)
    }

    /// For blocks that are stamped again.
    pub fn stamper(&mut self) -> &mut Stamper {
        &mut self.stamper
    }

    fn stamp(&mut self, flag: Flag) -> Stamp {
        let stamp = Stamp {
            lsn: self.start_lsn,
            lag: self.start_lsn.saturating_sub(self.sink.durable_lsn()),
            db: self.start_db,
            flag,
            ..Stamp::default()
        };
        let seconds = self.stamper.seconds();
        self.stamper.stamp(stamp, seconds)
    }

    /// The memory for a sealed block of `len` bytes; leaves ordinary memory for the next one.
    fn sealed_memory(&mut self, len: usize) -> Box<[u8]> {
        if let Some(ordinary) = self.set_aside.take() {
            return std::mem::replace(&mut self.memory, ordinary);
        }
        if len < BLOCK_BYTES / SMALL_BLOCK_SHARE {
            return self.memory[..ANNOTATION_BYTES + len].into();
        }
        let fresh = self.ordinary_memory();
        std::mem::replace(&mut self.memory, fresh)
    }

    fn ordinary_memory(&mut self) -> Box<[u8]> {
        self.sink.recycled().unwrap_or_else(|| block_memory(BLOCK_BYTES))
    }
}

fn block_memory(payload_bytes: usize) -> Box<[u8]> {
    vec![0; ANNOTATION_BYTES + payload_bytes].into_boxed_slice()
}
