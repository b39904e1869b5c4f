//! Annotation lines, read: the inverse of block_format.rs, and strict. A line that begins with `#EVS1 ` and is not of this
//! form is damage, so the first byte that does not fit is told.

use crate::limits::{ANNOTATION_BYTES, MAX_LSN, MAX_RECORD_BYTES};
use crate::read_outcome::Mark;

pub const MAGIC: &[u8; 6] = b"#EVS1 ";
/// The largest LSN, length or time there is: 2^53 - 1.
const MAX_NUMBER: u64 = MAX_LSN - 1;

/// A line of right form, and where its parts stand (from its first byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub len: usize,
    pub lsn: u64,
    pub lag: u64,
    pub crc: u32,
    pub db: u32,
    pub seconds: u64,
    pub has_session: bool,
    /// f=m
    pub goes_on: bool,
    pub mark: Mark,
    crc_at: usize,
    options_end: usize,
    /// Its length with the CRLF.
    pub line_len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// The bytes end inside the line.
    More,
    /// This byte does not fit; 0 when all do, but the fields contradict each other.
    At(usize),
}

impl Annotation {
    /// What it says about how far the log was durable.
    pub fn evidence(&self) -> u64 {
        match self.mark {
            Mark::None => self.lsn - self.lag,
            Mark::CleanClose | Mark::Idle => self.lsn,
        }
    }

    /// Checksum of the line, to be continued with the payload.
    pub fn hasher(&self, line: &[u8]) -> crc32fast::Hasher {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&line[..self.crc_at]);
        hasher.update(&line[self.crc_at + 8..self.options_end]);
        hasher
    }
}

/// `bytes` begins with the `#`; no byte behind them exists when they are fewer than ANNOTATION_BYTES.
pub fn parse(bytes: &[u8]) -> Result<Annotation, BadLine> {
    let bytes = &bytes[..bytes.len().min(ANNOTATION_BYTES)];
    let mut cursor = Cursor { bytes, p: MAGIC.len() };
    match fields(&mut cursor) {
        Some(annotation) if annotation.is_sound() => Ok(annotation),
        Some(_) => Err(BadLine::At(0)),
        None if cursor.p >= bytes.len() && bytes.len() < ANNOTATION_BYTES => Err(BadLine::More),
        None => Err(BadLine::At(cursor.p.min(ANNOTATION_BYTES - 1))),
    }
}

impl Annotation {
    fn is_sound(&self) -> bool {
        (self.mark != Mark::None) == (self.len == 0)
            && self.len <= MAX_RECORD_BYTES
            && self.lag <= self.lsn
            && self.lsn + self.len as u64 <= MAX_NUMBER
    }
}

/// A `#` line that misses the magic by one byte: damage, or a version that we do not know, never another server's comment.
/// Without this rule one flipped bit would turn a session's last block into foreign RESP. Tells which byte it is.
pub fn near_annotation(bytes: &[u8]) -> Option<usize> {
    let begin = bytes.get(..MAGIC.len())?;
    let mut others = (0..MAGIC.len()).filter(|at| begin[*at] != MAGIC[*at]);
    let other = others.next();
    others.next().map_or(other, |_| None)
}

fn fields(cursor: &mut Cursor<'_>) -> Option<Annotation> {
    let len = cursor.hex(14)?;
    cursor.byte(b' ')?;
    let lsn = cursor.hex(14)?;
    cursor.byte(b' ')?;
    let lag = cursor.hex(14)?;
    cursor.byte(b' ')?;
    let crc_at = cursor.p;
    let crc = cursor.digits8()?;
    let mut annotation = Annotation {
        len: usize::try_from(len).unwrap_or(usize::MAX),
        lsn,
        lag,
        crc,
        db: 0,
        seconds: 0,
        has_session: false,
        goes_on: false,
        mark: Mark::None,
        crc_at,
        options_end: 0,
        line_len: 0,
    };
    let mut next = 0;
    while cursor.peek() == Some(b' ') {
        cursor.p += 1;
        let letter = cursor.peek().filter(u8::is_ascii_lowercase)?;
        let order = b"dtsf".iter().position(|known| *known == letter).map_or(0, |at| at + 1);
        if order != 0 {
            if order <= next {
                return None;
            }
            next = order;
        }
        cursor.p += 1;
        cursor.byte(b'=')?;
        option(cursor, letter, &mut annotation)?;
    }
    annotation.options_end = cursor.p;
    cursor.byte(b'\r')?;
    cursor.byte(b'\n')?;
    annotation.line_len = cursor.p;
    Some(annotation)
}

fn option(cursor: &mut Cursor<'_>, letter: u8, annotation: &mut Annotation) -> Option<()> {
    match letter {
        b'd' => annotation.db = cursor.hex(8)? as u32,
        b't' => annotation.seconds = cursor.hex(14)?,
        b's' => {
            cursor.digits8()?;
            annotation.has_session = true;
        }
        b'f' => {
            match cursor.peek()? {
                b'm' => annotation.goes_on = true,
                b'c' => annotation.mark = Mark::CleanClose,
                b'i' => annotation.mark = Mark::Idle,
                _ => return None,
            }
            cursor.p += 1;
        }
        _ => {
            // An option of a later version: any visible bytes.
            let from = cursor.p;
            while cursor.peek().is_some_and(|byte| byte.is_ascii_graphic()) {
                cursor.p += 1;
            }
            if cursor.p == from {
                return None;
            }
        }
    }
    Some(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    /// The byte that is looked at; where a parse failed, the one that does not fit.
    p: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.p).copied()
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        if self.peek() != Some(byte) {
            return None;
        }
        self.p += 1;
        Some(())
    }

    fn hex_digit(&self) -> Option<u64> {
        match self.peek()? {
            byte @ b'0'..=b'9' => Some(u64::from(byte - b'0')),
            byte @ b'a'..=b'f' => Some(u64::from(byte - b'a' + 10)),
            _ => None,
        }
    }

    /// A number without leading zeros, below 2^53.
    fn hex(&mut self, digits_max: usize) -> Option<u64> {
        let from = self.p;
        let mut value = 0;
        while self.p - from < digits_max {
            let Some(digit) = self.hex_digit() else { break };
            if self.p > from && value == 0 {
                break;
            }
            value = value * 16 + digit;
            if value > MAX_NUMBER {
                return None;
            }
            self.p += 1;
        }
        (self.p > from).then_some(value)
    }

    fn digits8(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..8 {
            value = value << 4 | self.hex_digit()? as u32;
            self.p += 1;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_format::{annotation, Flag, Session, Stamp};

    #[test]
    fn what_the_formatter_writes_is_read_back() {
        let stamp = Stamp {
            lsn: 0x1_0000_0000,
            lag: 17,
            db: 12,
            seconds: Some(0x6600_0000),
            session: Session::parse("00c0ffee"),
            flag: Flag::More,
        };
        let payload = b"*1\r\n$4\r\nPING\r\n";
        let line = annotation(&stamp, payload);
        let read = parse(line.as_bytes()).unwrap_or_else(|bad| panic!("{line}: {bad:?}"));
        assert_eq!(
            (read.len, read.lsn, read.lag, read.db),
            (payload.len(), stamp.lsn, 17, 12)
        );
        assert_eq!(
            (read.seconds, read.has_session, read.goes_on),
            (0x6600_0000, true, true)
        );
        let mut hasher = read.hasher(line.as_bytes());
        hasher.update(payload);
        assert_eq!(hasher.finalize(), read.crc);
        assert_eq!(read.line_len, line.len());
        for cut in MAGIC.len()..line.len() {
            assert_eq!(parse(&line.as_bytes()[..cut]), Err(BadLine::More), "cut at {cut}");
        }
    }

    #[test]
    fn a_line_of_another_form_tells_its_first_bad_byte() {
        for (line, at) in [
            ("#EVS1 01 0 0 00000000\r\n", 7),
            ("#EVS1 1 0 0 0000000\r\n", 19),
            ("#EVS1 A 0 0 00000000\r\n", 6),
            ("#EVS1 1  0 0 00000000\r\n", 8),
            ("#EVS1 1 0 0 00000000 \r\n", 21),
            ("#EVS1 1 0 0 00000000 t=1 d=1\r\n", 25),
            ("#EVS1 1 0 0 00000000 s=123\r\n", 26),
            ("#EVS1 1 0 0 00000000 f=x\r\n", 23),
            ("#EVS1 1 0 0 00000000\n", 20),
            ("#EVS1 1 20000000000000 0 00000000\r\n", 21),
            // Contradictions: a mark with a payload, a block without one, more lag than log.
            ("#EVS1 1 0 0 00000000 f=c\r\n", 0),
            ("#EVS1 0 0 0 00000000\r\n", 0),
            ("#EVS1 1 5 6 00000000\r\n", 0),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(BadLine::At(at)), "{line:?}");
        }
    }

    #[test]
    fn options_of_later_versions_pass() {
        let line = b"#EVS1 1 0 0 00000000 a=~! d=1 z=0 f=m\r\n";
        assert!(parse(line).is_ok_and(|read| read.db == 1 && read.goes_on));
    }
}
