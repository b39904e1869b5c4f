//! What stands behind a bad place: valid blocks (evidence of what was durable), parseable records, zeros, signs of another
//! server's hand. Reads only, in bounded memory, and in time linear in the file even where the file is made to prevent that.

use crate::bad_place::{BadBlock, BadPlace};
use crate::block_parse::{parse, Annotation, MAGIC};
use crate::command_reader::{ReadFailure, Source};
use crate::comment_line::MAX_COMMENT_BYTES;
use crate::limits::{ANNOTATION_BYTES, MAX_ARGUMENTS, MAX_ARGUMENT_BYTES, MAX_LSN, MAX_RECORD_BYTES};

pub struct Behind {
    pub is_zeros: bool,
    pub has_blocks: bool,
    pub evidence: Option<u64>,
    pub next_good_offset: Option<u64>,
    pub records_after_bad: u32,
    pub foreign_cut: String,
}

/// Records in a row that are no accident.
const RUN_WANTED: u32 = 3;
const SEARCH_BYTES: usize = 1024 * 1024;
const PEEK_BYTES: usize = 64 * 1024;
const HEADER_BYTES: u64 = 16;

pub fn look_behind<S: Source>(source: &S, size: u64, bad: &BadPlace) -> Result<Behind, ReadFailure> {
    let mut search = Search {
        size,
        budget: 0,
        reached: 0,
        search: Window::new(source, size, SEARCH_BYTES),
        peek: Window::new(source, size, PEEK_BYTES),
    };
    let is_zeros = match bad.zeros_from {
        Some(from) => search.is_zeros(from)?,
        None => false,
    };
    search.renew_budget(bad.offset);
    let (first, evidence) = search.blocks(bad.offset + 1)?;
    let mut behind = Behind {
        is_zeros,
        has_blocks: first.is_some(),
        evidence,
        next_good_offset: first,
        records_after_bad: 0,
        foreign_cut: String::new(),
    };
    if bad.is_in_plain {
        search.renew_budget(bad.offset);
        if let Some((first, count)) = search.records(bad.offset, first.unwrap_or(size))? {
            behind.next_good_offset = Some(first);
            behind.records_after_bad = count;
        }
    }
    if let Some(block) = &bad.block {
        behind.foreign_cut = search.foreign_cut(block)?;
    }
    Ok(behind)
}

struct Search<'a, S> {
    size: u64,
    /// Bytes that candidates may still cost which turn out to be none.
    budget: i64,
    /// How far the last parse of a record got.
    reached: u64,
    /// Moves through the file; the other one looks at what candidates claim.
    search: Window<'a, S>,
    peek: Window<'a, S>,
}

/// A whole record, found by its headers only.
struct Record {
    end: u64,
    /// Database that it selects, when it is a SELECT.
    selects: Option<u32>,
}

impl<S: Source> Search<'_, S> {
    fn renew_budget(&mut self, from: u64) {
        self.budget = 64 * 1024 * 1024 + 16 * (self.size - from) as i64;
    }

    fn is_zeros(&mut self, from: u64) -> Result<bool, ReadFailure> {
        let mut offset = from;
        while offset < self.size {
            self.search.load(offset)?;
            if self.search.loaded().iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset = self.search.end();
        }
        Ok(true)
    }

    /// First place from `offset` on where `what` stands wholly before `limit`.
    fn find(&mut self, what: &[u8], offset: u64, limit: u64) -> Result<Option<u64>, ReadFailure> {
        let length = what.len() as u64;
        let mut p = offset;
        while p + length <= limit {
            self.search.want(p, length)?;
            let from = (p - self.search.offset) as usize;
            let rest = &self.search.loaded()[from..];
            if let Some(at) = find_in(rest, what) {
                let found = p + at as u64;
                return Ok((found + length <= limit).then_some(found));
            }
            p = self.search.end() - length + 1;
        }
        Ok(None)
    }

    // ---------------------------------------------------------------------------------------------------- blocks

    fn blocks(&mut self, from: u64) -> Result<(Option<u64>, Option<u64>), ReadFailure> {
        let mut first = None;
        let mut evidence = None;
        let mut offset = from;
        while let Some(found) = self.find(MAGIC, offset, self.size)? {
            let valid = self.valid_block(found)?;
            if self.budget < 0 {
                return Ok((first, Some(MAX_LSN - 1)));
            }
            offset = match valid {
                Some(line) => {
                    first = first.or(Some(found));
                    evidence = evidence.max(Some(line.evidence()));
                    found + (line.line_len + line.len) as u64
                }
                None => found + 1,
            };
        }
        Ok((first, evidence))
    }

    fn valid_block(&mut self, offset: u64) -> Result<Option<Annotation>, ReadFailure> {
        let available = (ANNOTATION_BYTES as u64).min(self.size - offset);
        self.peek.want(offset, available)?;
        let from = (offset - self.peek.offset) as usize;
        let bytes = &self.peek.loaded()[from..from + available as usize];
        let Ok(line) = parse(bytes) else { return Ok(None) };
        let mut hasher = line.hasher(bytes);
        let mut p = offset + line.line_len as u64;
        let end = p + line.len as u64;
        if end > self.size {
            return Ok(None);
        }
        while p < end {
            self.peek.want(p, 1)?;
            let from = (p - self.peek.offset) as usize;
            let to = ((end - self.peek.offset) as usize).min(self.peek.loaded().len());
            hasher.update(&self.peek.loaded()[from..to]);
            p = self.peek.offset + to as u64;
        }
        if hasher.finalize() == line.crc {
            return Ok(Some(line));
        }
        self.budget -= line.len as i64;
        Ok(None)
    }

    // --------------------------------------------------------------------------------------------------- records

    /// The first run of RUN_WANTED records in plain RESP, or else the first record and its run.
    fn records(&mut self, bad: u64, limit: u64) -> Result<Option<(u64, u32)>, ReadFailure> {
        let mut first = None;
        let mut offset = bad;
        while let Some(found) = self.find(b"\r\n*", offset, limit)? {
            let candidate = found + 2;
            let run = self.run(candidate, limit)?;
            if run == RUN_WANTED {
                return Ok(Some((candidate, run)));
            }
            if run > 0 && first.is_none() {
                first = Some((candidate, run));
            }
            self.budget -= (self.reached - candidate) as i64;
            if self.budget < 0 {
                return Ok(Some((candidate, RUN_WANTED)));
            }
            offset = found + 1;
        }
        Ok(first)
    }

    /// Records that follow one another from `offset` on, comments between them, up to RUN_WANTED.
    fn run(&mut self, offset: u64, limit: u64) -> Result<u32, ReadFailure> {
        let mut count = 0;
        let mut p = offset;
        while count < RUN_WANTED {
            if let Some(record) = self.record(p, limit)? {
                count += 1;
                p = record.end;
                continue;
            }
            let after = if count == 0 { None } else { self.comment_end(p, limit)? };
            let Some(after) = after else { break };
            p = after;
        }
        Ok(count)
    }

    /// The whole record that begins at `offset` and ends at or before `limit`.
    fn record(&mut self, offset: u64, limit: u64) -> Result<Option<Record>, ReadFailure> {
        self.reached = offset;
        let Some((argc, mut p)) = self.header(offset, b'*', 7, limit)? else {
            return Ok(None);
        };
        if argc < 1 || argc > MAX_ARGUMENTS as u64 {
            return Ok(None);
        }
        let mut is_select = false;
        let mut selects = None;
        for i in 0..argc {
            self.reached = p;
            let Some((length, from)) = self.header(p, b'$', 9, limit)? else {
                return Ok(None);
            };
            let end = from + length + 2;
            if length > MAX_ARGUMENT_BYTES as u64 || end > limit || end - offset > MAX_RECORD_BYTES as u64 {
                return Ok(None);
            }
            if argc == 2 && length <= HEADER_BYTES {
                let text = self.peek.bytes_at(from, length)?;
                if i == 0 {
                    is_select = text.eq_ignore_ascii_case(b"SELECT");
                } else if is_select {
                    selects = database(text);
                }
            }
            if self.peek.bytes_at(from + length, 2)? != b"\r\n" {
                return Ok(None);
            }
            p = end;
        }
        self.reached = p;
        Ok(Some(Record { end: p, selects }))
    }

    /// The number in `<prefix><number>\r\n` at `offset`, and the position after that.
    fn header(
        &mut self,
        offset: u64,
        prefix: u8,
        digits_max: usize,
        limit: u64,
    ) -> Result<Option<(u64, u64)>, ReadFailure> {
        let length = HEADER_BYTES.min(limit.saturating_sub(offset));
        if length < 4 {
            return Ok(None);
        }
        let bytes = self.peek.bytes_at(offset, length)?;
        if bytes[0] != prefix {
            return Ok(None);
        }
        let digits = &bytes[1..];
        let count = digits
            .iter()
            .take(digits_max)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let is_number = count == 1 || (count > 1 && digits[0] != b'0');
        if !is_number || digits.get(count..count + 2) != Some(b"\r\n") {
            return Ok(None);
        }
        let value = digits[..count]
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        Ok(Some((value, offset + 1 + count as u64 + 2)))
    }

    /// Position after the `#` line of plain RESP that begins at `offset` and ends before `limit`.
    fn comment_end(&mut self, offset: u64, limit: u64) -> Result<Option<u64>, ReadFailure> {
        let stop = limit.min(offset + MAX_COMMENT_BYTES as u64);
        if offset >= stop {
            return Ok(None);
        }
        let bytes = self.peek.bytes_at(offset, stop - offset)?;
        if bytes[0] != b'#' {
            return Ok(None);
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
        Ok(end.filter(|at| bytes[*at] != 0).map(|at| offset + at as u64 + 1))
    }

    // ----------------------------------------------------------------------------------------------- foreign cut

    /// A server that knows no blocks cuts a torn file after the last whole record, in the middle of a block, and appends.
    /// Then records run on over the place where the block should end, or a SELECT repeats the database that is selected
    /// already, which servers write once after each start and we never do inside a block.
    fn foreign_cut(&mut self, block: &BadBlock) -> Result<String, ReadFailure> {
        let end = block.payload_offset + block.length;
        let mut db = block.db;
        let mut p = block.payload_offset;
        while p < end && p < self.size {
            if let Some(record) = self.record(p, self.size)? {
                if record.end > end {
                    return Ok(format!("records run on over the end of the block at {end}"));
                }
                if let Some(selected) = record.selects {
                    if db == Some(selected) && p > block.payload_offset {
                        return Ok(format!("a SELECT repeats database {selected} at {p}"));
                    }
                    db = Some(selected);
                }
                p = record.end;
                continue;
            }
            let Some(after) = self.comment_end(p, end.min(self.size))? else {
                break;
            };
            p = after;
        }
        Ok(String::new())
    }
}

fn database(text: &[u8]) -> Option<u32> {
    let is_number =
        (1..=9).contains(&text.len()) && text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text[0] != b'0');
    is_number.then(|| text.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

fn find_in(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Random access to the file by one small window.
struct Window<'a, S> {
    source: &'a S,
    size: u64,
    buffer: Vec<u8>,
    offset: u64,
    length: usize,
}

impl<'a, S: Source> Window<'a, S> {
    fn new(source: &'a S, size: u64, bytes: usize) -> Window<'a, S> {
        Window {
            source,
            size,
            buffer: vec![0; bytes],
            offset: 0,
            length: 0,
        }
    }

    fn loaded(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    fn end(&self) -> u64 {
        self.offset + self.length as u64
    }

    /// Loads from `offset` on as much as fits; bytes beyond the end of the file are not there.
    fn load(&mut self, offset: u64) -> Result<(), ReadFailure> {
        let length = (self.buffer.len() as u64).min(self.size.saturating_sub(offset)) as usize;
        self.length = 0;
        self.source.read_exact_at(&mut self.buffer[..length], offset)?;
        self.offset = offset;
        self.length = length;
        Ok(())
    }

    fn want(&mut self, offset: u64, length: u64) -> Result<(), ReadFailure> {
        if offset >= self.offset && offset + length <= self.end() {
            return Ok(());
        }
        self.load(offset)
    }

    /// `length` bytes of the file, which has them; they fit into the window.
    fn bytes_at(&mut self, offset: u64, length: u64) -> Result<&[u8], ReadFailure> {
        self.want(offset, length)?;
        let from = (offset - self.offset) as usize;
        Ok(&self.buffer[from..from + length as usize])
    }
}
