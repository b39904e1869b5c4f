//! A file of the simulated disk: durable bytes, and changes of which a crash may keep any part.

use std::collections::HashSet;
use std::ops::Range;

pub const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug)]
pub enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { size: usize },
}

impl Change {
    fn len(&self) -> usize {
        match self {
            Change::Write { bytes, .. } => bytes.len(),
            Change::Truncate { .. } => 0,
        }
    }
}

/// What has become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The next fdatasync makes it durable.
    Dirty,
    /// An fdatasync that failed gave it up: it may have reached the disk, and no other fdatasync brings it there.
    Lost,
    /// Durable; in the list because one before it is not.
    Durable,
}

#[derive(Clone, Debug, Default)]
pub struct Inode {
    /// What processes see.
    pub live: Vec<u8>,
    pub durable: Vec<u8>,
    pub pending: Vec<(Change, Fate)>,
    /// Changes that have left `pending`.
    folded: u64,
    pub has_sync_failed: bool,
}

/// How much of a change a crash keeps.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Nothing,
    Whole,
    /// The first bytes; the file ends behind them.
    Head(usize),
    /// The first bytes, and the size.
    HeadThenZeros(usize),
    /// Not the first bytes.
    Tail(usize),
    /// All but one stretch.
    Hole(usize, usize),
}

impl Inode {
    pub fn of_durable(bytes: Vec<u8>) -> Inode {
        Inode {
            live: bytes.clone(),
            durable: bytes,
            ..Inode::default()
        }
    }

    pub fn change(&mut self, change: Change) {
        apply(&mut self.live, &change, &Kept::of(Part::Whole, change.len()));
        self.pending.push((change, Fate::Dirty));
    }

    /// How many there were.
    pub fn changes(&self) -> u64 {
        self.folded + self.pending.len() as u64
    }

    /// An fdatasync has ended that was issued after `issued` changes.
    pub fn end_sync(&mut self, issued: u64, is_done: bool) {
        self.has_sync_failed |= !is_done;
        let count = (issued - self.folded.min(issued)) as usize;
        for (_, fate) in self.pending.iter_mut().take(count) {
            if *fate == Fate::Dirty {
                *fate = if is_done { Fate::Durable } else { Fate::Lost };
            }
        }
        let is_loose = |(_, fate): &(Change, Fate)| *fate != Fate::Durable;
        let whole = self.pending.iter().position(is_loose).unwrap_or(self.pending.len());
        for (change, _) in self.pending.drain(..whole) {
            apply(&mut self.durable, &change, &Kept::of(Part::Whole, change.len()));
        }
        self.folded += whole as u64;
    }

    /// Positions in `pending` of what is not durable.
    pub fn loose(&self) -> Vec<usize> {
        let pending = self.pending.iter().enumerate();
        pending
            .filter(|(_, (_, fate))| *fate != Fate::Durable)
            .map(|(at, _)| at)
            .collect()
    }

    /// The file after a crash that kept of each loose change what `part` says of its position. A sector is written whole: where
    /// it holds bytes of a change that is kept, it holds those of earlier changes too.
    pub fn crashed(&self, part: impl Fn(usize) -> Part) -> Vec<u8> {
        let mut written = HashSet::new();
        let mut kept: Vec<Kept> = Vec::with_capacity(self.pending.len());
        for (at, (change, fate)) in self.pending.iter().enumerate().rev() {
            let part = if *fate == Fate::Durable { Part::Whole } else { part(at) };
            kept.push(match change {
                Change::Truncate { .. } => {
                    written.clear();
                    Kept::of(part, 0)
                }
                Change::Write { offset, bytes } => {
                    let mut kept = Kept::of(part, bytes.len());
                    kept.add_written(*offset, bytes.len(), &written);
                    for range in &kept.ranges {
                        written.extend(sectors(offset + range.start, offset + range.end));
                    }
                    kept
                }
            });
        }
        let mut image = self.durable.clone();
        for ((change, _), kept) in self.pending.iter().zip(kept.iter().rev()) {
            apply(&mut image, change, kept);
        }
        image
    }
}

/// What is kept of a change.
struct Kept {
    is_kept: bool,
    /// Of a write's bytes.
    ranges: Vec<Range<usize>>,
    /// The file reaches so far behind the write's offset.
    end: usize,
}

impl Kept {
    fn of(part: Part, len: usize) -> Kept {
        let (ranges, end) = match part {
            Part::Nothing => ([0..0, 0..0], 0),
            Part::Whole => ([0..len, 0..0], len),
            Part::Head(count) => ([0..count, 0..0], count),
            Part::HeadThenZeros(count) => ([0..count, 0..0], len),
            Part::Tail(count) => ([count..len, 0..0], len),
            Part::Hole(from, to) => ([0..from, to..len], len),
        };
        Kept {
            is_kept: !matches!(part, Part::Nothing),
            ranges: ranges.into_iter().filter(|range| !range.is_empty()).collect(),
            end,
        }
    }

    fn add_written(&mut self, offset: usize, len: usize, written: &HashSet<usize>) {
        for sector in sectors(offset, offset + len).filter(|sector| written.contains(sector)) {
            let from = (sector * SECTOR_BYTES).max(offset) - offset;
            let to = ((sector + 1) * SECTOR_BYTES - offset).min(len);
            self.is_kept = true;
            self.ranges.push(from..to);
            self.end = self.end.max(to);
        }
    }
}

fn sectors(from: usize, to: usize) -> Range<usize> {
    from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES)
}

fn apply(image: &mut Vec<u8>, change: &Change, kept: &Kept) {
    if !kept.is_kept {
        return;
    }
    match change {
        Change::Truncate { size } => image.resize(*size, 0),
        Change::Write { offset, bytes } => {
            if image.len() < offset + kept.end {
                image.resize(offset + kept.end, 0);
            }
            for range in &kept.ranges {
                image[offset + range.start..offset + range.end].copy_from_slice(&bytes[range.clone()]);
            }
        }
    }
}
