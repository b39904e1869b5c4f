//! Annotation lines, written: docs/aof-format.md. block_parse.rs is the inverse.
//!
//! `#EVS1 <len> <lsn> <lag> <crc>[ d=<db>][ t=<seconds>][ s=<session>][ f=<flags>]\r\n`, numbers in lower-case hexadecimal.

use std::fmt::Write;

use crate::limits::{ANNOTATION_BYTES, MAX_LSN, MAX_RECORD_BYTES};

pub const MAGIC: &str = "#EVS1 ";
pub const CRC_DIGITS: usize = 8;

/// Random session id: 8 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session([u8; 8]);

impl Session {
    pub fn parse(text: &str) -> Option<Session> {
        let digits: [u8; 8] = text.as_bytes().try_into().ok()?;
        let is_hex = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        digits.iter().all(is_hex).then_some(Session(digits))
    }

    pub fn as_str(&self) -> &str {
        // Digits by construction.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flag {
    #[default]
    None,
    /// The last execution unit of this block goes on in the next one.
    More,
    /// Clean close: everything before is synced.
    CleanClose,
    /// Everything before is synced, and nothing was appended for a while.
    Idle,
}

/// What an annotation says besides length and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// LSN of the block's first byte.
    pub lsn: u64,
    /// That minus the synced watermark when the block was sealed.
    pub lag: u64,
    /// Database selected at the block's start.
    pub db: u32,
    /// Unix seconds, where the field is due.
    pub seconds: Option<u64>,
    /// Where a session begins.
    pub session: Option<Session>,
    pub flag: Flag,
}

/// The whole line with its CRLF.
pub fn annotation(stamp: &Stamp, payload: &[u8]) -> String {
    let mut line = head(stamp, payload.len());
    let options = options(stamp);
    let mut crc = crc32fast::Hasher::new();
    crc.update(line.as_bytes());
    crc.update(options.as_bytes());
    crc.update(payload);
    // Writing to a String cannot fail.
    let _ = write!(line, "{:08x}{options}\r\n", crc.finalize());
    line
}

/// Its length, known without the checksum.
pub fn annotation_len(stamp: &Stamp, payload_len: usize) -> usize {
    let mut len = MAGIC.len() + CRC_DIGITS + "\r\n".len();
    for number in [payload_len as u64, stamp.lsn, stamp.lag] {
        len += hex_digits(number) + 1;
    }
    if stamp.db != 0 {
        len += " d=".len() + hex_digits(u64::from(stamp.db));
    }
    if let Some(seconds) = stamp.seconds {
        len += " t=".len() + hex_digits(seconds);
    }
    if stamp.session.is_some() {
        len += " s=".len() + 8;
    }
    if stamp.flag != Flag::None {
        len += " f=m".len();
    }
    len
}

fn head(stamp: &Stamp, payload_len: usize) -> String {
    let mut line = String::with_capacity(ANNOTATION_BYTES);
    let _ = write!(line, "{MAGIC}{payload_len:x} {:x} {:x} ", stamp.lsn, stamp.lag);
    line
}

fn options(stamp: &Stamp) -> String {
    let mut text = String::new();
    if stamp.db != 0 {
        let _ = write!(text, " d={:x}", stamp.db);
    }
    if let Some(seconds) = stamp.seconds {
        let _ = write!(text, " t={seconds:x}");
    }
    if let Some(session) = &stamp.session {
        let _ = write!(text, " s={}", session.as_str());
    }
    text.push_str(match stamp.flag {
        Flag::None => "",
        Flag::More => " f=m",
        Flag::CleanClose => " f=c",
        Flag::Idle => " f=i",
    });
    text
}

const fn hex_digits(number: u64) -> usize {
    if number == 0 {
        return 1;
    }
    (67 - number.leading_zeros() as usize) / 4
}

/// The longest line that can be has room.
const _: () = assert!(
    MAGIC.len()
        + hex_digits(MAX_RECORD_BYTES as u64)
        + 2 * hex_digits(MAX_LSN)
        + 3
        + CRC_DIGITS
        + " d=".len()
        + hex_digits(u32::MAX as u64)
        + " t=".len()
        + hex_digits(MAX_LSN)
        + " s=01234567 f=m\r\n".len()
        < ANNOTATION_BYTES
);
