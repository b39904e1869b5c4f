//! One RESP record written into memory that is given: `*argc CRLF` and for each argument `$len CRLF bytes CRLF`.
//!
//! The length of a string is known only after it was encoded, so `string_in_place` lets the caller encode it where it
//! will most likely lie and moves it when the length took another number of digits.

/// The record does not fit into what is left: nothing is lost, the caller finds more room and begins again.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

pub struct RecordWriter<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> RecordWriter<'a> {
    #[inline]
    pub fn begin(out: &'a mut [u8], argc: usize) -> Result<RecordWriter<'a>, Full> {
        let mut writer = RecordWriter { out, at: 0 };
        writer.header(b'*', argc)?;
        Ok(writer)
    }

    /// Bytes written so far: the record's length after its last argument.
    #[inline]
    pub fn len(&self) -> usize {
        self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    #[inline]
    pub fn bytes(&mut self, argument: &[u8]) -> Result<(), Full> {
        self.header(b'$', argument.len())?;
        let end = self.at + argument.len();
        if end + 2 > self.out.len() {
            return Err(Full);
        }
        self.out[self.at..end].copy_from_slice(argument);
        self.at = end;
        self.crlf();
        Ok(())
    }

    pub fn integer(&mut self, value: i64) -> Result<(), Full> {
        let mut text = [0_u8; 20];
        let mut at = decimal(value.unsigned_abs(), &mut text);
        if value < 0 {
            at -= 1;
            text[at] = b'-';
        }
        self.bytes(&text[at..])
    }

    /// Lets `fill` write an argument into the room that is left and return its length, or None when it may not fit.
    /// `likely_digits`: of that length, a guess.
    #[inline]
    pub fn string_in_place(
        &mut self,
        likely_digits: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<(), Full> {
        let guess = self.at + 1 + likely_digits + 2;
        let Some(room) = self.out.get_mut(guess..) else {
            return Err(Full);
        };
        let Some(length) = fill(room) else { return Err(Full) };
        let digits = decimal_len(length);
        let start = self.at + 1 + digits + 2;
        if start + length + 2 > self.out.len() {
            return Err(Full);
        }
        if digits != likely_digits {
            self.out.copy_within(guess..guess + length, start);
        }
        self.header(b'$', length)?;
        self.at = start + length;
        self.crlf();
        Ok(())
    }

    #[inline]
    fn header(&mut self, kind: u8, number: usize) -> Result<(), Full> {
        let digits = decimal_len(number);
        let end = self.at + 1 + digits + 2;
        let Some(line) = self.out.get_mut(self.at..end) else {
            return Err(Full);
        };
        line[0] = kind;
        let mut rest = number;
        for digit in line[1..=digits].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        line[digits + 1] = b'\r';
        line[digits + 2] = b'\n';
        self.at = end;
        Ok(())
    }

    #[inline]
    fn crlf(&mut self) {
        self.out[self.at] = b'\r';
        self.out[self.at + 1] = b'\n';
        self.at += 2;
    }
}

/// Length of one argument in a record.
#[inline]
pub fn argument_len(bytes: usize) -> usize {
    1 + decimal_len(bytes) + 2 + bytes + 2
}

/// Length of `*argc CRLF`.
#[inline]
pub fn header_len(argc: usize) -> usize {
    1 + decimal_len(argc) + 2
}

#[inline]
pub fn decimal_len(number: usize) -> usize {
    match number {
        0..=9 => 1,
        10..=99 => 2,
        100..=999 => 3,
        1000..=9999 => 4,
        _ => number.ilog10() as usize + 1,
    }
}

/// Writes decimal digits to the end of `text`; returns where they begin.
fn decimal(number: u64, text: &mut [u8; 20]) -> usize {
    let mut at = text.len();
    let mut rest = number;
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The naive oracle.
    fn oracle(arguments: &[&[u8]]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            out.extend_from_slice(argument);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    fn encode(out: &mut [u8], arguments: &[&[u8]], likely_digits: usize) -> Result<usize, Full> {
        let mut writer = RecordWriter::begin(out, arguments.len())?;
        for (i, argument) in arguments.iter().enumerate() {
            if i % 2 == 0 {
                writer.bytes(argument)?;
            } else {
                writer.string_in_place(likely_digits, |room| {
                    room.get_mut(..argument.len())?.copy_from_slice(argument);
                    Some(argument.len())
                })?;
            }
        }
        Ok(writer.len())
    }

    #[test]
    fn every_length_and_every_guess_of_digits_gives_the_oracle_s_bytes() {
        let text: Vec<u8> = (0..12_000).map(|i| b'a' + (i % 26) as u8).collect();
        for length in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10_000, 10_001] {
            let arguments: [&[u8]; 3] = [b"SET", &text[..length], &text[..length / 2]];
            let expected = oracle(&arguments);
            for guess in 1..=6 {
                let mut out = vec![0xEE; expected.len() + 8];
                assert_eq!(encode(&mut out, &arguments, guess), Ok(expected.len()));
                assert_eq!(&out[..expected.len()], &expected[..], "length {length}, guess {guess}");
            }
        }
    }

    #[test]
    fn a_record_that_misses_one_byte_of_room_is_full() {
        let arguments: [&[u8]; 3] = [b"SET", b"a-key-of-sixteen", b"value"];
        let expected = oracle(&arguments);
        let mut out = vec![0; expected.len()];
        assert_eq!(encode(&mut out, &arguments, 2), Ok(expected.len()));
        assert_eq!(out, expected);
        for room in 0..expected.len() {
            let mut out = vec![0; room];
            assert_eq!(encode(&mut out, &arguments, 2), Err(Full), "room {room}");
        }
    }

    #[test]
    fn integers_are_written_as_javascript_writes_them() {
        for value in [0, 7, -7, 10, 1_000_000, -9_007_199_254_740_991, i64::MAX, i64::MIN] {
            let mut out = [0; 64];
            let mut writer = RecordWriter::begin(&mut out, 1).unwrap_or_else(|_| unreachable!());
            assert_eq!(writer.integer(value), Ok(()));
            let len = writer.len();
            assert_eq!(&out[..len], &oracle(&[value.to_string().as_bytes()])[..]);
        }
    }

    #[test]
    fn predicted_lengths_are_those_written() {
        for number in [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 123_456_789, usize::MAX] {
            assert_eq!(decimal_len(number), number.to_string().len());
        }
        let record = header_len(3) + argument_len(3) + argument_len(16) + argument_len(32);
        assert_eq!(record, 75);
    }
}
