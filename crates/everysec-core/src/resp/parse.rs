//! RESP records in a window of bytes, every byte of their form checked; positions of the arguments go into an index.
//!
//! Strict where Redis's own loader is lenient: digits only, no leading zeros, CRLF where it must be. Nothing is allocated
//! for what a header claims, only for what stands there.

use crate::limits::{MAX_ARGUMENTS, MAX_ARGUMENT_BYTES, MAX_RECORD_BYTES};
use crate::read_outcome::{describe_byte, Complaint};

/// Why a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the end of the window, after a whole record.
    End,
    /// At a byte that begins no record.
    Other,
    /// Inside a record at the window's end. So many bytes of it must be there to get further; 0 where unknown.
    More(usize),
    /// At a byte that cannot be.
    Bad(BadByte),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadByte {
    pub at: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ArgcFirst,
    ArgcLimit(usize),
    Dollar,
    BulkFirst,
    BulkLimit(usize),
    DigitOrCr,
    Cr,
    Lf,
    RecordLimit,
}

impl BadByte {
    pub fn complaint(&self, bytes: &[u8]) -> Complaint {
        let found = describe_byte(bytes.get(self.at).copied().unwrap_or(0));
        match self.kind {
            Kind::ArgcFirst => Complaint::new(found, "a digit 1 to 9"),
            Kind::ArgcLimit(argc) => Complaint::new(format!("{argc} arguments"), format!("at most {MAX_ARGUMENTS}")),
            Kind::Dollar => Complaint::new(found, "'$'"),
            Kind::BulkFirst => Complaint::new(found, "a digit"),
            Kind::BulkLimit(length) => Complaint::new(
                format!("an argument of {length} bytes"),
                format!("at most {MAX_ARGUMENT_BYTES}"),
            ),
            Kind::DigitOrCr => Complaint::new(found, "a digit or \\r"),
            Kind::Cr => Complaint::new(found, "\\r"),
            Kind::Lf => Complaint::new(found, "\\n"),
            Kind::RecordLimit => Complaint::new(
                format!("a record of more than {MAX_RECORD_BYTES} bytes"),
                "a shorter one",
            ),
        }
    }
}

/// A record of one argument: where MULTI, EXEC and DISCARD are among.
pub struct Lone<'a> {
    pub name: &'a [u8],
    pub record_start: usize,
    /// Commands in the index, this one included.
    pub count: usize,
}

/// Collects the commands of a batch in the shape of CommandBatch.index (src/backend/backend.ts).
#[derive(Default)]
pub struct RecordScanner {
    index: Vec<i32>,
    len: usize,
    count: usize,
}

/// A state of the index to go back to.
#[derive(Clone, Copy)]
pub struct Checkpoint {
    len: usize,
    count: usize,
}

pub struct Scanned {
    /// Position after the last whole record.
    pub to: usize,
    /// First byte of the last whole record.
    pub last_start: Option<usize>,
    pub stop: Stop,
}

impl RecordScanner {
    pub fn reset(&mut self) {
        self.len = 0;
        self.count = 0;
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn index(&self) -> &[i32] {
        &self.index[..self.len]
    }

    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            len: self.len,
            count: self.count,
        }
    }

    pub fn restore(&mut self, checkpoint: Checkpoint) {
        self.len = checkpoint.len;
        self.count = checkpoint.count;
    }

    /// Appends the records that begin at `at` one after the other. `bytes` is the window; `lsn_delta` is what turns the
    /// position after a record into its LSN entry.
    pub fn scan(&mut self, bytes: &[u8], at: usize, lsn_delta: i64, mut on_lone: impl FnMut(Lone<'_>)) -> Scanned {
        let mut start = at;
        let mut last_start = None;
        let stop = loop {
            match bytes.get(start) {
                None => break Stop::End,
                Some(b'*') => {}
                Some(_) => break Stop::Other,
            }
            let head = self.len;
            match self.record(bytes, start) {
                Ok((end, argc)) => {
                    self.index[head] = start as i32;
                    self.index[head + 1] = end as i32;
                    self.index[head + 2] = (end as i64 + lsn_delta) as i32;
                    self.index[head + 3] = argc as i32;
                    self.len = head + 4 + 2 * argc;
                    self.count += 1;
                    if argc == 1 {
                        let name = &bytes[self.index[head + 4] as usize..end - 2];
                        let count = self.count;
                        on_lone(Lone {
                            name,
                            record_start: start,
                            count,
                        });
                    }
                    last_start = Some(start);
                    start = end;
                }
                Err(stop) => break stop,
            }
        };
        Scanned {
            to: start,
            last_start,
            stop,
        }
    }

    /// Writes the arguments of the record at `start` behind the room for its entry; position after it, and argc.
    #[inline]
    fn record(&mut self, bytes: &[u8], start: usize) -> Result<(usize, usize), Stop> {
        let (argc, mut p) = argc_header(bytes, start)?;
        let mut k = self.len + 4;
        // An argument takes 6 bytes at least, so this is what the window can hold, whatever the header claims.
        let room = k + 2 * argc.min((bytes.len() - p) / 6 + 1);
        if room > self.index.len() {
            self.index.resize(room.max(self.index.len() * 2).max(4096), 0);
        }
        for _ in 0..argc {
            let (length, from) = bulk_header(bytes, p)?;
            let to = from + length;
            if to + 2 - start > MAX_RECORD_BYTES {
                return Err(bad(from - 1, Kind::RecordLimit));
            }
            match bytes.get(to..to + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(bad_line_end(bytes, to, Kind::Cr)),
                None => {
                    return match bytes.get(to) {
                        Some(byte) if *byte != b'\r' => Err(bad(to, Kind::Cr)),
                        _ => Err(Stop::More(to + 2 - start)),
                    }
                }
            }
            let entry = &mut self.index[k..k + 2];
            entry[0] = from as i32;
            entry[1] = to as i32;
            k += 2;
            p = to + 2;
        }
        Ok((p, argc))
    }
}

#[inline]
fn argc_header(bytes: &[u8], start: usize) -> Result<(usize, usize), Stop> {
    let p = start + 1;
    let first = digit(bytes, p)?.ok_or(bad(p, Kind::ArgcFirst))?;
    if first == 0 {
        return Err(bad(p, Kind::ArgcFirst));
    }
    if let Some(b"\r\n") = bytes.get(p + 1..p + 3) {
        return Ok((first, p + 3));
    }
    let (argc, p) = number(bytes, p + 1, first, 7)?;
    if argc > MAX_ARGUMENTS {
        return Err(bad(p - 1, Kind::ArgcLimit(argc)));
    }
    line_end(bytes, p, Kind::DigitOrCr).map(|p| (argc, p))
}

#[inline]
fn bulk_header(bytes: &[u8], at: usize) -> Result<(usize, usize), Stop> {
    match bytes.get(at) {
        Some(b'$') => {}
        Some(_) => return Err(bad(at, Kind::Dollar)),
        None => return Err(Stop::More(0)),
    }
    let p = at + 1;
    let first = digit(bytes, p)?.ok_or(bad(p, Kind::BulkFirst))?;
    match bytes.get(p + 1..p + 3) {
        Some(b"\r\n") => return Ok((first, p + 3)),
        Some(&[second @ b'0'..=b'9', b'\r']) if first != 0 && bytes.get(p + 3) == Some(&b'\n') => {
            return Ok((first * 10 + usize::from(second - b'0'), p + 4));
        }
        _ => {}
    }
    if first == 0 {
        return line_end(bytes, p + 1, Kind::Cr).map(|p| (0, p));
    }
    let (length, p) = number(bytes, p + 1, first, 9)?;
    if length > MAX_ARGUMENT_BYTES {
        return Err(bad(p - 1, Kind::BulkLimit(length)));
    }
    line_end(bytes, p, Kind::DigitOrCr).map(|p| (length, p))
}

/// None: the byte is no digit.
#[inline]
fn digit(bytes: &[u8], at: usize) -> Result<Option<usize>, Stop> {
    match bytes.get(at) {
        Some(byte @ b'0'..=b'9') => Ok(Some(usize::from(byte - b'0'))),
        Some(_) => Ok(None),
        None => Err(Stop::More(0)),
    }
}

/// Goes on with a number whose first digit is known; at most `digits_max` digits in all. Position after the last digit.
#[inline]
fn number(bytes: &[u8], at: usize, first: usize, digits_max: usize) -> Result<(usize, usize), Stop> {
    let mut value = first;
    let mut p = at;
    for _ in 1..digits_max {
        let Some(digit) = digit(bytes, p)? else { break };
        value = value * 10 + digit;
        p += 1;
    }
    Ok((value, p))
}

#[inline]
fn line_end(bytes: &[u8], at: usize, kind: Kind) -> Result<usize, Stop> {
    if let Some(b"\r\n") = bytes.get(at..at + 2) {
        return Ok(at + 2);
    }
    Err(bad_line_end(bytes, at, kind))
}

#[cold]
fn bad_line_end(bytes: &[u8], at: usize, kind: Kind) -> Stop {
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) | (Some(b'\r'), None) => Stop::More(0),
        (Some(b'\r'), Some(_)) => bad(at + 1, Kind::Lf),
        (Some(b'0'..=b'9'), _) if kind == Kind::DigitOrCr => bad(at, Kind::Cr),
        (Some(_), _) => bad(at, kind),
    }
}

#[inline]
fn bad(at: usize, kind: Kind) -> Stop {
    Stop::Bad(BadByte { at, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> (Vec<i32>, Stop) {
        let mut scanner = RecordScanner::default();
        let scanned = scanner.scan(bytes, 0, 0, |_| {});
        (scanner.index().to_vec(), scanned.stop)
    }

    #[test]
    fn records_are_indexed_one_behind_the_other() {
        let (index, stop) = scan(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$0\r\n\r\n");
        assert_eq!(index, [0, 20, 20, 2, 8, 11, 17, 18, 20, 30, 30, 1, 28, 28]);
        assert_eq!(stop, Stop::End);
    }

    #[test]
    fn every_cut_of_a_record_wants_more() {
        let record = b"*2\r\n$12\r\naaaaaaaaaaaa\r\n$0\r\n\r\n";
        for length in 1..record.len() {
            let (index, stop) = scan(&record[..length]);
            assert!(matches!(stop, Stop::More(_)), "{length}: {stop:?}");
            assert!(index.is_empty());
        }
    }

    #[test]
    fn what_atoi_would_take_is_refused() {
        for text in [
            "*01\r\n",
            "*-1\r\n",
            "*+1\r\n",
            "*1a\r\n",
            "* 1\r\n",
            "*1\n",
            "*1\r\n$-1\r\n",
            "*1\r\n$01\r\n",
            "*1\r\n$1\r\nab",
            "*1\r\n$1\r\na\n",
            "*0\r\n",
            "*1048577\r\n",
            "*1\r\n$536870913\r\n",
            "*1\r\n:1\r\n",
        ] {
            let (_, stop) = scan(text.as_bytes());
            assert!(matches!(stop, Stop::Bad(_)), "{text:?}: {stop:?}");
        }
    }

    #[test]
    fn a_header_claims_no_memory() {
        let mut scanner = RecordScanner::default();
        let scanned = scanner.scan(b"*1048576\r\n$536870912\r\nabc", 0, 0, |_| {});
        assert_eq!(scanned.stop, Stop::More(10 + 12 + 536_870_912 + 2));
        assert!(scanner.index.capacity() < 100_000);
    }
}
