//! What a reader found, when there is nothing more to deliver. src/backend/backend.ts (ReadOutcome) says what each field
//! means; `found` and `expected` are the same words as the TypeScript backend's.

use std::fmt::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Clean,
    Truncated,
    Malformed,
    Rdb,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Clean => "clean",
            Status::Truncated => "truncated",
            Status::Malformed => "malformed",
            Status::Rdb => "rdb",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    None,
    CleanClose,
    Idle,
}

impl Mark {
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::None => "",
            Mark::CleanClose => "c",
            Mark::Idle => "i",
        }
    }
}

/// Offsets that do not exist are -1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    pub status: Status,
    pub file_size: u64,
    pub commands: u64,
    pub valid_end: u64,
    pub unit_start: u64,
    pub open_multi: bool,
    pub unit_record_offset: u64,
    pub unit_record_lsn: u64,
    pub commands_in_open_unit: u64,
    pub lsn: u64,
    pub unit_lsn: u64,
    pub bad_offset: i64,
    pub is_bad_in_plain: bool,
    pub found: String,
    pub expected: String,
    pub is_annotated: bool,
    pub evidence_lsn: i64,
    pub is_bad_after_close: bool,
    pub next_good_offset: i64,
    pub records_after_bad: u32,
    pub end_mark: Mark,
    pub foreign_bytes: u64,
    pub sessions: u64,
    pub blocks: u64,
    pub seconds: u64,
    pub foreign_cut: String,
}

impl ReadOutcome {
    /// A file that begins with an RDB: told, not read.
    pub fn rdb(file_size: u64, lsn: u64) -> ReadOutcome {
        ReadOutcome {
            status: Status::Rdb,
            file_size,
            commands: 0,
            valid_end: 0,
            unit_start: 0,
            open_multi: false,
            unit_record_offset: 0,
            unit_record_lsn: lsn,
            commands_in_open_unit: 0,
            lsn,
            unit_lsn: lsn,
            bad_offset: -1,
            is_bad_in_plain: false,
            found: String::new(),
            expected: String::new(),
            is_annotated: false,
            evidence_lsn: -1,
            is_bad_after_close: false,
            next_good_offset: -1,
            records_after_bad: 0,
            end_mark: Mark::None,
            foreign_bytes: 0,
            sessions: 0,
            blocks: 0,
            seconds: 0,
            foreign_cut: String::new(),
        }
    }
}

/// What stood at a bad place, what should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub found: String,
    pub expected: String,
}

impl Complaint {
    pub fn new(found: impl Into<String>, expected: impl Into<String>) -> Complaint {
        Complaint {
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// Tells where in a block's payload.
    pub fn in_payload(mut self, at: usize) -> Complaint {
        // Writing to a String cannot fail.
        let _ = write!(self.found, " at byte {at} of the payload");
        self
    }
}

pub const END_OF_FILE: &str = "end of file";
pub const ZEROS: &str = "zeros to the end of the file";

/// A byte as people read it: `'x'` where printable, `0x0d` otherwise.
pub fn describe_byte(byte: u8) -> String {
    if byte > 0x20 && byte < 0x7f {
        format!("'{}'", char::from(byte))
    } else {
        format!("0x{byte:02x}")
    }
}
