//! The grammar of a log file: plain RESP, sessions of blocks, marks, and in which order they may stand (docs/aof-format.md).
//!
//! Knows no file. It walks a window of bytes from a boundary (between records or blocks) to the last boundary that it can
//! reach, collects commands in its scanner, and says why it stopped. What it commits to is valid; a block counts as a whole.

use crate::bad_place::{BadBlock, BadPlace};
use crate::block_parse::{near_annotation, parse, Annotation, BadLine, MAGIC};
use crate::comment_line::{non_text, timestamp, MAX_COMMENT_BYTES};
use crate::limits::{ANNOTATION_BYTES, MAX_BLOCK_BYTES};
use crate::read_outcome::{describe_byte, Complaint, Mark, Status, END_OF_FILE};
use crate::resp::parse::{Lone, RecordScanner, Stop};
use crate::unit_tracker::{UnitStart, UnitTracker};

/// What a window ended with.
#[derive(Debug)]
pub enum Verdict {
    /// Another window is wanted, at least so many bytes long (0: any longer one).
    More(usize),
    /// A session begins here whose LSN does not follow: a batch ends before it.
    Session,
    /// The file ends here, at a boundary.
    End,
    Bad(BadPlace),
}

/// Bytes from a boundary on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub bytes: &'a [u8],
    /// File offset of the first one.
    pub offset: u64,
    /// Whether the file ends where the bytes end.
    pub is_last: bool,
}

/// What the walker has learned of the file so far.
#[derive(Debug)]
pub struct Seen {
    pub sessions: u64,
    pub blocks: u64,
    pub evidence: Option<u64>,
    pub seconds: u64,
    pub end_mark: Mark,
    /// A clean close without a session after it.
    pub is_closed: bool,
    pub plain_bytes: u64,
}

pub struct LogWalker {
    pub scanner: RecordScanner,
    pub units: UnitTracker,
    pub seen: Seen,
    /// LSN at the boundary, and where the window began.
    pub lsn: u64,
    pub view_lsn: u64,
    /// Position in the window of the boundary that was reached.
    pub at: usize,
    /// Commands of earlier batches.
    pub commands_before: u64,
    /// The plain stretch under way.
    stretch: Option<Stretch>,
    size: u64,
}

/// A stretch of plain RESP, with the state where it began, to go back to.
#[derive(Clone, Copy)]
struct Stretch {
    offset: u64,
    lsn: u64,
    seconds: u64,
    units: UnitTracker,
    bytes: u64,
}

/// Where names of commands are looked at: MULTI and EXEC in their surroundings.
struct Place {
    view_offset: u64,
    view_lsn: u64,
    lsn_delta: i64,
    commands_before: u64,
    block: Option<BlockStart>,
}

#[derive(Clone, Copy)]
struct BlockStart {
    offset: u64,
    payload_offset: u64,
    lsn: u64,
    /// Commands before it.
    commands: u64,
}

impl Place {
    fn lsn_at(&self, position: usize) -> u64 {
        (self.view_lsn as i64 + position as i64 + self.lsn_delta) as u64
    }

    fn unit_start(&self, record: usize, commands: u64) -> UnitStart {
        let (record_offset, record_lsn) = (self.view_offset + record as u64, self.lsn_at(record));
        let Some(block) = self.block else {
            return UnitStart {
                offset: record_offset,
                lsn: record_lsn,
                commands,
                record_offset,
                record_lsn,
            };
        };
        // A #TS line in front of it is no command: nothing that stands before the unit is lost with it.
        let (record_offset, record_lsn) = if commands == block.commands {
            (block.payload_offset, block.lsn)
        } else {
            (record_offset, record_lsn)
        };
        UnitStart {
            offset: block.offset,
            lsn: block.lsn,
            commands: block.commands,
            record_offset,
            record_lsn,
        }
    }

    /// Follows MULTI and EXEC.
    fn note(&self, units: &mut UnitTracker, lone: &Lone<'_>) {
        let name = lone.name;
        if name.eq_ignore_ascii_case(b"MULTI") {
            units.multi(self.unit_start(lone.record_start, self.commands_before + lone.count as u64 - 1));
        } else if name.eq_ignore_ascii_case(b"EXEC") || name.eq_ignore_ascii_case(b"DISCARD") {
            units.end();
        }
    }
}

impl LogWalker {
    /// `size`: where the file ends. `lsn`: of its first byte, unless a session says otherwise.
    pub fn new(size: u64, lsn: u64) -> LogWalker {
        LogWalker {
            scanner: RecordScanner::default(),
            units: UnitTracker::default(),
            seen: Seen {
                sessions: 0,
                blocks: 0,
                evidence: None,
                seconds: 0,
                end_mark: Mark::None,
                is_closed: false,
                plain_bytes: 0,
            },
            lsn,
            view_lsn: lsn,
            at: 0,
            commands_before: 0,
            stretch: None,
            size,
        }
    }

    pub fn foreign_bytes(&self) -> u64 {
        if self.seen.blocks == 0 {
            return 0;
        }
        self.seen.plain_bytes + self.stretch.map_or(0, |stretch| stretch.bytes)
    }

    pub fn walk(&mut self, view: View<'_>) -> Verdict {
        self.scanner.reset();
        self.view_lsn = self.lsn;
        self.at = 0;
        loop {
            let rest = &view.bytes[self.at..];
            let stopped = match rest.first() {
                None if view.is_last => Some(Verdict::End),
                None => Some(Verdict::More(0)),
                Some(b'*') => self.records(view),
                Some(b'#') if rest.starts_with(MAGIC) => self.block(view),
                Some(b'#') if rest.len() < MAGIC.len() && !view.is_last => Some(Verdict::More(MAGIC.len())),
                Some(b'#') => self.comment(view),
                Some(byte) => {
                    let complaint = Complaint::new(describe_byte(*byte), "'*' or '#'");
                    Some(self.malformed(view, self.at, complaint))
                }
            };
            if let Some(verdict) = stopped {
                return verdict;
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ plain RESP

    fn records(&mut self, view: View<'_>) -> Option<Verdict> {
        self.enter_plain(view);
        let from = self.at;
        let place = Place {
            view_offset: view.offset,
            view_lsn: self.view_lsn,
            lsn_delta: self.lsn as i64 - self.view_lsn as i64 - from as i64,
            commands_before: self.commands_before,
            block: None,
        };
        let units = &mut self.units;
        let scanned = self
            .scanner
            .scan(view.bytes, from, place.lsn_delta, |lone| place.note(units, &lone));
        self.pass_plain(scanned.to);
        match scanned.stop {
            Stop::End | Stop::Other => None,
            Stop::Bad(byte) => Some(self.malformed(view, byte.at, byte.complaint(view.bytes))),
            // All but the LF may be there: then the byte in the place of the CR says more than the end of the file.
            Stop::More(need) if view.is_last || view.offset + (scanned.to + need) as u64 > self.size + 1 => {
                Some(self.truncated(view, "the rest of a record", None))
            }
            Stop::More(need) => Some(Verdict::More(need)),
        }
    }

    fn comment(&mut self, view: View<'_>) -> Option<Verdict> {
        let from = self.at;
        let rest = &view.bytes[from..];
        if let Some(other) = near_annotation(rest) {
            let complaint = Complaint::new("a # line that misses #EVS1 by one byte", "an annotation or a comment");
            return Some(self.malformed(view, from + other, complaint));
        }
        let line = &rest[..rest.len().min(MAX_COMMENT_BYTES)];
        let Some(last) = line.iter().position(|byte| matches!(byte, b'\n' | 0)) else {
            if line.len() == MAX_COMMENT_BYTES {
                let complaint = Complaint::new(
                    format!("a # line of more than {MAX_COMMENT_BYTES} bytes"),
                    "a shorter line",
                );
                return Some(self.malformed(view, from, complaint));
            }
            if view.is_last {
                return Some(self.truncated(view, "the rest of a # line", None));
            }
            return Some(Verdict::More(MAX_COMMENT_BYTES.min(2 * line.len())));
        };
        if line[last] == 0 {
            return Some(self.malformed(view, from + last, Complaint::new(describe_byte(0), "\\n")));
        }
        if self.seen.blocks > 0 {
            // Behind blocks a `#` may be what is left of an annotation, with anything behind it; other servers write text.
            if let Some(byte) = non_text(&line[..last]) {
                let complaint = Complaint::new(format!("a # line with {}", describe_byte(byte)), "text");
                return Some(self.malformed(view, from, complaint));
            }
        }
        self.enter_plain(view);
        if let Some((seconds, length)) = timestamp(line) {
            if length == last + 1 {
                self.seen.seconds = seconds;
            }
        }
        self.pass_plain(from + last + 1);
        None
    }

    fn enter_plain(&mut self, view: View<'_>) {
        if self.stretch.is_some() {
            return;
        }
        self.seen.end_mark = Mark::None;
        self.stretch = Some(Stretch {
            offset: view.offset + self.at as u64,
            lsn: self.lsn,
            seconds: self.seen.seconds,
            units: self.units,
            bytes: 0,
        });
    }

    fn pass_plain(&mut self, to: usize) {
        let bytes = (to - self.at) as u64;
        self.lsn += bytes;
        self.at = to;
        if let Some(stretch) = &mut self.stretch {
            stretch.bytes += bytes;
        }
    }

    // ---------------------------------------------------------------------------------------------------- blocks

    fn block(&mut self, view: View<'_>) -> Option<Verdict> {
        let at = self.at;
        let rest = &view.bytes[at..];
        if rest.len() < ANNOTATION_BYTES && !view.is_last {
            return Some(Verdict::More(ANNOTATION_BYTES));
        }
        let line = match parse(rest) {
            Ok(line) => line,
            Err(BadLine::More) => return Some(self.truncated(view, "the rest of an annotation line", None)),
            Err(BadLine::At(bad)) => return Some(self.malformed(view, at + bad, line_complaint(rest, bad))),
        };
        let total = line.line_len + line.len;
        let block = BadBlock {
            payload_offset: view.offset + (at + line.line_len) as u64,
            length: line.len as u64,
            db: (!line.has_session).then_some(line.db),
        };
        if block.payload_offset + block.length > self.size {
            return Some(self.truncated(view, &format!("{} bytes of payload", line.len), Some(block)));
        }
        if rest.len() < total {
            return Some(Verdict::More(total));
        }
        let payload = &rest[line.line_len..total];
        let mut hasher = line.hasher(rest);
        hasher.update(payload);
        let crc = hasher.finalize();
        if crc != line.crc {
            let complaint = Complaint::new(format!("crc {crc:08x}"), format!("crc {:08x}", line.crc));
            let zeros = (line.len > 0).then_some(at + total - 1);
            return Some(self.stop(view, Status::Malformed, complaint, zeros, Some(block)));
        }
        if line.has_session {
            let is_first = view.offset == 0 && at == 0;
            if !is_first && line.lsn < self.lsn {
                let expected = format!("lsn {} or more", self.lsn);
                return Some(self.refuse(view, format!("lsn {}", line.lsn), expected, block));
            }
            if line.lsn != self.lsn && at != 0 {
                return Some(Verdict::Session);
            }
            if at == 0 {
                self.view_lsn = line.lsn;
            }
        } else if let Some(stretch) = self.stretch {
            return Some(self.refuse_stretch(stretch));
        } else if self.seen.sessions == 0 || self.seen.is_closed {
            let expected = "a block that begins a session";
            return Some(self.refuse(view, "a block without s=".into(), expected.into(), block));
        } else if line.lsn != self.lsn {
            let expected = format!("lsn {}", self.lsn);
            return Some(self.refuse(view, format!("lsn {}", line.lsn), expected, block));
        }
        self.payload(view, &line, block)
    }

    /// The payload of a block that is right in all else; takes the block over when its records are right too.
    fn payload(&mut self, view: View<'_>, line: &Annotation, block: BadBlock) -> Option<Verdict> {
        let (at, from) = (self.at, self.at + line.line_len);
        let end = from + line.len;
        let window = &view.bytes[..end];
        let before = self.scanner.checkpoint();
        let mut units = self.units;
        let place = Place {
            view_offset: view.offset,
            view_lsn: self.view_lsn,
            lsn_delta: line.lsn as i64 - self.view_lsn as i64 - from as i64,
            commands_before: self.commands_before,
            block: Some(BlockStart {
                offset: view.offset + at as u64,
                payload_offset: block.payload_offset,
                lsn: line.lsn,
                commands: self.commands_before + self.scanner.count() as u64,
            }),
        };
        let mut seconds = if line.seconds == 0 {
            self.seen.seconds
        } else {
            line.seconds
        };
        let mut last = None;
        let mut complaint = None;
        let mut p = from;
        let mut is_one_record = false;
        while p < end && complaint.is_none() {
            if window[p] == b'*' {
                let scanned = self
                    .scanner
                    .scan(window, p, place.lsn_delta, |lone| place.note(&mut units, &lone));
                p = scanned.to;
                last = scanned.last_start.or(last);
                match scanned.stop {
                    Stop::End => is_one_record = last == Some(from),
                    Stop::Other => {}
                    Stop::More(_) => complaint = Some(Complaint::new("end of block", "the rest of a record")),
                    Stop::Bad(byte) => complaint = Some(byte.complaint(window).in_payload(byte.at - from)),
                }
            } else if let Some((found, length)) = timestamp(&window[p..]) {
                seconds = found;
                p += length;
            } else {
                let found = describe_byte(window[p]);
                complaint = Some(Complaint::new(found, "a record or #TS").in_payload(p - from));
            }
        }
        if complaint.is_none() && line.len > MAX_BLOCK_BYTES && !is_one_record {
            let found = format!("a block of {} bytes with more than one record", line.len);
            complaint = Some(Complaint::new(found, "one record"));
        }
        if let Some(complaint) = complaint {
            self.scanner.restore(before);
            return Some(self.stop(view, Status::Malformed, complaint, None, Some(block)));
        }
        if let Some(stretch) = self.stretch.take() {
            self.seen.plain_bytes += stretch.bytes;
        }
        self.units = units;
        self.seen.seconds = seconds;
        self.seen.blocks += 1;
        if line.has_session {
            self.seen.sessions += 1;
            self.seen.is_closed = false;
        }
        self.seen.end_mark = line.mark;
        if line.mark == Mark::CleanClose {
            self.seen.is_closed = true;
        }
        self.seen.evidence = self.seen.evidence.max(Some(line.evidence()));
        self.lsn = line.lsn + line.len as u64;
        self.at = end;
        None
    }

    // --------------------------------------------------------------------------------------------------- verdicts

    fn truncated(&self, view: View<'_>, expected: &str, block: Option<BadBlock>) -> Verdict {
        let complaint = Complaint::new(END_OF_FILE, expected);
        self.stop(view, Status::Truncated, complaint, None, block)
    }

    /// `bad_at`: position in the window.
    fn malformed(&self, view: View<'_>, bad_at: usize, complaint: Complaint) -> Verdict {
        self.stop(view, Status::Malformed, complaint, Some(bad_at), None)
    }

    fn refuse(&self, view: View<'_>, found: String, expected: String, block: BadBlock) -> Verdict {
        self.stop(
            view,
            Status::Malformed,
            Complaint { found, expected },
            None,
            Some(block),
        )
    }

    fn stop(
        &self,
        view: View<'_>,
        status: Status,
        complaint: Complaint,
        zeros_at: Option<usize>,
        block: Option<BadBlock>,
    ) -> Verdict {
        let rest = &view.bytes[self.at..];
        let is_annotation = rest.starts_with(MAGIC);
        let is_near = rest.first() == Some(&b'#') && near_annotation(rest).is_some();
        let is_in_plain = rest.first() == Some(&b'*') || self.stretch.is_some() || self.seen.blocks == 0;
        Verdict::Bad(BadPlace {
            status,
            offset: view.offset + self.at as u64,
            complaint,
            is_in_plain: !is_annotation && !is_near && is_in_plain,
            is_annotation,
            zeros_from: zeros_at.map(|at| view.offset + at as u64),
            block,
        })
    }

    /// Plain RESP inside a session: back to where it began. What was delivered of it makes no harm: the file is refused.
    fn refuse_stretch(&mut self, stretch: Stretch) -> Verdict {
        self.lsn = stretch.lsn;
        self.seen.seconds = stretch.seconds;
        self.units = stretch.units;
        self.stretch = None;
        Verdict::Bad(BadPlace {
            status: Status::Malformed,
            offset: stretch.offset,
            complaint: Complaint::new("plain RESP inside a session", "a block"),
            is_in_plain: false,
            is_annotation: false,
            zeros_from: None,
            block: None,
        })
    }
}

fn line_complaint(rest: &[u8], bad: usize) -> Complaint {
    let expected = "an #EVS1 line of known form";
    if bad == 0 {
        return Complaint::new("fields that contradict each other", expected);
    }
    let byte = describe_byte(rest.get(bad).copied().unwrap_or(0));
    Complaint::new(format!("{byte} at byte {bad} of the line"), expected)
}
