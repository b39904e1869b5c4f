//! What was appended: the truth that a recovery is compared with.

use everysec_core::fs::sim::Random;

/// A record or a line of comment; ends at this LSN.
struct Item {
    end: u64,
    bytes: Vec<u8>,
    is_command: bool,
}

#[derive(Default)]
pub struct Stream {
    items: Vec<Item>,
    /// LSNs between two execution units, ascending.
    bounds: Vec<u64>,
    /// From which LSN on which database is selected.
    selected: Vec<(u64, u32)>,
    is_in_unit: bool,
}

impl Stream {
    pub fn lsn(&self) -> u64 {
        self.items.last().map_or(0, |item| item.end)
    }

    pub fn is_in_unit(&self) -> bool {
        self.is_in_unit
    }

    pub fn append(&mut self, bytes: &[u8]) {
        let end = self.lsn() + bytes.len() as u64;
        self.items.push(Item {
            end,
            bytes: bytes.to_vec(),
            is_command: bytes.starts_with(b"*"),
        });
        if !self.is_in_unit {
            self.bounds.push(end);
        }
    }

    pub fn select(&mut self, db: u32) {
        self.selected.push((self.lsn(), db));
    }

    pub fn set_in_unit(&mut self, is_in_unit: bool) {
        self.is_in_unit = is_in_unit;
        if !is_in_unit && self.bounds.last() != Some(&self.lsn()) {
            self.bounds.push(self.lsn());
        }
    }

    /// A crash has cut everything from `lsn` on.
    pub fn cut(&mut self, lsn: u64) {
        self.items.retain(|item| item.end <= lsn);
        self.bounds.retain(|bound| *bound <= lsn);
        self.selected.retain(|(from, _)| *from <= lsn);
        self.is_in_unit = false;
    }

    pub fn is_bound(&self, lsn: u64) -> bool {
        lsn == 0 || self.bounds.binary_search(&lsn).is_ok()
    }

    /// The last bound at or before `lsn`: what was acknowledged for sure when so much is synced.
    pub fn floor(&self, lsn: u64) -> u64 {
        let after = self.bounds.partition_point(|bound| *bound <= lsn);
        after.checked_sub(1).map_or(0, |at| self.bounds[at])
    }

    pub fn db_at(&self, lsn: u64) -> u32 {
        let after = self.selected.partition_point(|(from, _)| *from <= lsn);
        after.checked_sub(1).map_or(0, |at| self.selected[at].1)
    }

    /// Commands that end at or before `lsn`, with their ends.
    pub fn commands(&self, lsn: u64) -> impl Iterator<Item = (u64, &[u8])> {
        let items = self.items.iter().take_while(move |item| item.end <= lsn);
        items
            .filter(|item| item.is_command)
            .map(|item| (item.end, item.bytes.as_slice()))
    }
}

pub fn record(argv: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", argv.len()).into_bytes();
    for argument in argv {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A SET whose value no other record has.
pub fn set_record(random: &mut Random, number: u64, value_bytes: usize) -> Vec<u8> {
    let mut value = format!("{number}:").into_bytes();
    while value.len() < value_bytes {
        value.extend_from_slice(&random.number().to_le_bytes());
    }
    record(&[b"SET", format!("key:{}", number % 7).as_bytes(), &value])
}

pub fn select_record(db: u32) -> Vec<u8> {
    record(&[b"SELECT", db.to_string().as_bytes()])
}
