//! Lines that begin with `#` and are no annotations.

/// A `#` line of plain RESP, its newline included: what Redis reads as one line.
pub const MAX_COMMENT_BYTES: usize = 1023;

/// Seconds and length of the `#TS:<seconds>\r\n` line that `bytes` begins with.
pub fn timestamp(bytes: &[u8]) -> Option<(u64, usize)> {
    let digits = bytes.strip_prefix(b"#TS:")?;
    let mut value = 0;
    let mut count = 0;
    while count < 15 {
        let Some(digit @ b'0'..=b'9') = digits.get(count) else {
            break;
        };
        if count > 0 && value == 0 {
            break;
        }
        value = value * 10 + u64::from(digit - b'0');
        count += 1;
    }
    let is_line = count > 0 && digits.get(count..count + 2) == Some(b"\r\n");
    is_line.then_some((value, 4 + count + 2))
}

/// The first byte of a `#` line that is neither printable ASCII, a tab nor the CR before its newline.
pub fn non_text(line: &[u8]) -> Option<u8> {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    text.iter().copied().find(|byte| !matches!(byte, b' '..=b'~' | b'\t'))
}
