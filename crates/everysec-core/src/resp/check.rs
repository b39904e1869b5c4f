//! Whether bytes are whole canonical RESP records, without making anything of them. For bytes that come from outside and go
//! into the log as they are.

use crate::limits::{MAX_ARGUMENTS, MAX_ARGUMENT_BYTES, MAX_RECORD_BYTES};

/// Commands that only the engine writes into a log.
const ENGINES_OWN: [&[u8]; 5] = [b"SELECT", b"MULTI", b"EXEC", b"DISCARD", b"WATCH"];

/// Checks that `bytes` is one or more whole records of canonical form (digits only, no leading zeros, CRLF where it must be,
/// within the limits), none of them a command that is the engine's own. Err: offset of the first bad byte; of the record's
/// first byte when the record ends too early or its command is refused.
#[inline]
pub fn check_records(bytes: &[u8]) -> Result<(), usize> {
    let mut at = 0;
    loop {
        at = check_record(bytes, at, true)?;
        if at == bytes.len() {
            return Ok(());
        }
    }
}

/// The end of the first record of bytes that somebody vouched for, whatever its name; all of them when it is none.
pub fn record_end(bytes: &[u8]) -> usize {
    check_record(bytes, 0, false).unwrap_or(bytes.len())
}

/// Returns the end of the record at `start`.
#[inline]
fn check_record(bytes: &[u8], start: usize, is_guarded: bool) -> Result<usize, usize> {
    let (argc, mut at) = number_line(bytes, start, start, b'*', MAX_ARGUMENTS)?;
    for i in 0..argc {
        let (length, begin) = number_line(bytes, at, start, b'$', MAX_ARGUMENT_BYTES)?;
        let end = begin + length;
        let Some(argument) = bytes.get(begin..end) else {
            return Err(start);
        };
        if i == 0 && is_guarded && ENGINES_OWN.iter().any(|name| name.eq_ignore_ascii_case(argument)) {
            return Err(start);
        }
        at = line_end(bytes, end, start)?;
        if at - start > MAX_RECORD_BYTES {
            return Err(start);
        }
    }
    Ok(at)
}

/// `<kind><digits>CRLF` at `at`: the number, and the offset behind the line. A leading zero stands for the number 0 and
/// must be followed by CR; an argument count of 0 is bad at that digit.
#[inline]
fn number_line(bytes: &[u8], at: usize, record: usize, kind: u8, max: usize) -> Result<(usize, usize), usize> {
    let byte = |i: usize| bytes.get(i).copied().ok_or(record);
    if byte(at)? != kind {
        return Err(at);
    }
    let first = at + 1;
    let mut i = first;
    let mut number = 0_usize;
    loop {
        let digit = byte(i)?.wrapping_sub(b'0');
        if digit > 9 || (number == 0 && i > first) {
            break;
        }
        number = number * 10 + usize::from(digit);
        if number > max || (number == 0 && kind == b'*') {
            return Err(i);
        }
        i += 1;
    }
    if i == first {
        return Err(i);
    }
    Ok((number, line_end(bytes, i, record)?))
}

/// CRLF at `at`: the offset behind it.
#[inline]
fn line_end(bytes: &[u8], at: usize, record: usize) -> Result<usize, usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(at + 2),
        (Some(b'\r') | None, None) => Err(record),
        (Some(b'\r'), _) => Err(at + 1),
        _ => Err(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), usize> {
        check_records(text.as_bytes())
    }

    #[test]
    fn whole_canonical_records_pass() {
        assert_eq!(check("*1\r\n$4\r\nPING\r\n"), Ok(()));
        assert_eq!(check("*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n"), Ok(()));
        assert_eq!(check("*2\r\n$6\r\nSELECX\r\n$1\r\n0\r\n"), Ok(()));
    }

    #[test]
    fn the_first_bad_byte_is_named() {
        assert_eq!(check("+OK\r\n"), Err(0));
        assert_eq!(check("*0\r\n"), Err(1));
        assert_eq!(check("*01\r\n$4\r\nPING\r\n"), Err(1));
        assert_eq!(check("*\r\n"), Err(1));
        assert_eq!(check("*1\r\n$04\r\nPING\r\n"), Err(6));
        assert_eq!(check("*1\n$4\r\nPING\r\n"), Err(2));
        assert_eq!(check("*1\r\r$4\r\nPING\r\n"), Err(3));
        assert_eq!(check("*1\r\n$-1\r\n"), Err(5));
        assert_eq!(check("*1\r\n$4\r\nPINGG\r\n"), Err(12));
        assert_eq!(check("*1\r\n$4\r\nPING\r\r"), Err(13));
        assert_eq!(check("*1048577\r\n"), Err(7));
        assert_eq!(check("*1\r\n$536870913\r\n"), Err(13));
        assert_eq!(check("*1\r\n$99999999999999999999999\r\n"), Err(13));
    }

    #[test]
    fn a_record_that_ends_too_early_is_named_by_its_start() {
        let whole = "*1\r\n$4\r\nPING\r\n";
        let text = format!("{whole}*2\r\n$3\r\nGET\r\n$3\r\nabc\r\n");
        for end in whole.len() + 1..text.len() {
            assert_eq!(check(&text[..end]), Err(whole.len()), "cut at {end}");
        }
        assert_eq!(check(""), Err(0));
    }

    #[test]
    fn what_only_the_engine_writes_is_refused_in_any_case_of_letters() {
        for name in ["SELECT", "multi", "Exec", "DISCARD", "watch"] {
            assert_eq!(
                check(&format!("*1\r\n$4\r\nPING\r\n*1\r\n${}\r\n{name}\r\n", name.len())),
                Err(14)
            );
        }
    }
}
