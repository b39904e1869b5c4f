//! Reads a log file in batches of commands, every block checked and every byte of every record validated. Never repairs,
//! never decides: ends in a ReadOutcome.
//!
//! A batch is a contiguous stretch of the file with an index of its commands. What a batch leaves unread (the beginning of a
//! record or block) is carried to the front of the next one.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::bad_place::BadPlace;
use crate::behind_search::{look_behind, Behind};
use crate::error::{Errno, Failure, EINTR};
use crate::fs::ReadFile;
use crate::log_walker::{LogWalker, Verdict, View};
use crate::read_outcome::{Mark, ReadOutcome, Status, ZEROS};

/// Why bytes could not be read; never to be taken for the end of the file.
pub type ReadFailure = Failure;

/// Bytes that can be read anywhere.
pub trait Source {
    /// Fills `into`; a source that ends before is a failure.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> Result<(), ReadFailure>;
}

pub struct FileSource<R = File> {
    file: R,
    name: String,
}

impl<R: ReadFile> FileSource<R> {
    /// `name`: for messages.
    pub fn new(file: R, name: impl Into<String>) -> FileSource<R> {
        FileSource {
            file,
            name: name.into(),
        }
    }
}

impl FileSource {
    /// Opens a regular file and tells its size. Follows no symbolic link in the last component.
    pub fn open(path: &Path) -> Result<(FileSource, u64), Failure> {
        let name = path.display().to_string();
        let doing = format!("opening {name}");
        let failed = |error: &std::io::Error| Failure::system(Errno::of(error), &doing);
        // O_NONBLOCK: to open a pipe must not wait for a writer. std adds O_CLOEXEC.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|error| failed(&error))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if !metadata.is_file() {
            return Err(Failure::new(format!("{doing}: not a regular file")));
        }
        Ok((FileSource::new(file, name), metadata.len()))
    }
}

impl<R: ReadFile> Source for FileSource<R> {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> Result<(), ReadFailure> {
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            let problem = match self.file.read_at(&mut into[done..], at) {
                Ok(0) => Failure::new(format!("reading {} at {at}: the file has become shorter", self.name)),
                Ok(count) => {
                    done += count;
                    continue;
                }
                Err(EINTR) => continue,
                Err(errno) => Failure::system(errno, &format!("reading {} at {at}", self.name)),
            };
            return Err(Failure {
                offset: at as i64,
                ..problem
            });
        }
        Ok(())
    }
}

/// Where a batch lies; its bytes and index are the reader's until the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    pub length: usize,
    pub count: usize,
    pub file_offset: u64,
    pub lsn: u64,
    pub seconds: u64,
}

#[derive(Debug)]
pub enum Step {
    Batch(Batch),
    Done(Box<ReadOutcome>),
}

impl Step {
    fn done(outcome: ReadOutcome) -> Step {
        Step::Done(Box::new(outcome))
    }
}

pub struct CommandReader<S> {
    source: S,
    size: u64,
    first_lsn: u64,
    batch_bytes: usize,
    walker: LogWalker,
    /// `window[..filled]` is the file from `offset` on: the last batch, then what is not walked yet.
    window: Vec<u8>,
    filled: usize,
    /// Bytes of the window that are the last batch.
    delivered: usize,
    offset: u64,
    is_begun: bool,
    /// A verdict that came with the last batch stands: what was walked is not walked again.
    bad: Option<BadPlace>,
}

impl<S: Source> CommandReader<S> {
    /// `size`: where the file ends for this reader. `lsn`: of its first byte where no session says otherwise.
    pub fn new(source: S, size: u64, batch_bytes: usize, lsn: u64) -> CommandReader<S> {
        CommandReader {
            source,
            size,
            first_lsn: lsn,
            batch_bytes,
            walker: LogWalker::new(size, lsn),
            window: Vec::new(),
            filled: 0,
            delivered: 0,
            offset: 0,
            is_begun: false,
            bad: None,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.window[..self.delivered]
    }

    pub fn index(&self) -> &[i32] {
        self.walker.scanner.index()
    }

    /// The next batch, or what was found. Not to be called again after an outcome or a failure.
    pub fn read_next(&mut self) -> Result<Step, ReadFailure> {
        self.drop_front(self.delivered);
        self.delivered = 0;
        if !self.is_begun {
            self.is_begun = true;
            self.lengthen(self.batch_bytes)?;
            let begin = &self.window[..self.filled];
            if begin.starts_with(b"REDIS") || begin.starts_with(b"VALKEY") {
                return Ok(Step::done(ReadOutcome::rdb(self.size, self.first_lsn)));
            }
        }
        if let Some(bad) = self.bad.take() {
            return self.end(bad);
        }
        loop {
            let view = View {
                bytes: &self.window[..self.filled],
                offset: self.offset,
                is_last: self.is_at_end(),
            };
            let verdict = self.walker.walk(view);
            let walked = self.walker.at;
            let count = self.walker.scanner.count();
            if count > 0 {
                if let Verdict::Bad(bad) = verdict {
                    self.bad = Some(bad);
                }
                self.walker.commands_before += count as u64;
                self.delivered = walked;
                return Ok(Step::Batch(Batch {
                    length: walked,
                    count,
                    file_offset: self.offset,
                    lsn: self.walker.view_lsn,
                    seconds: self.walker.seen.seconds,
                }));
            }
            self.drop_front(walked);
            match verdict {
                // At least double, so that a long record is walked in linear time.
                Verdict::More(need) => self.lengthen(need.max(self.batch_bytes).max(2 * self.filled))?,
                Verdict::Session => {}
                Verdict::End => return Ok(Step::done(self.outcome(None, None))),
                Verdict::Bad(bad) => return self.end(bad),
            }
        }
    }

    fn end(&self, bad: BadPlace) -> Result<Step, ReadFailure> {
        let behind = look_behind(&self.source, self.size, &bad)?;
        Ok(Step::done(self.outcome(Some(bad), Some(behind))))
    }

    fn is_at_end(&self) -> bool {
        self.offset + self.filled as u64 >= self.size
    }

    fn drop_front(&mut self, bytes: usize) {
        self.window.copy_within(bytes..self.filled, 0);
        self.offset += bytes as u64;
        self.filled -= bytes;
    }

    /// Reads until the window is `length` bytes long or the file ends.
    fn lengthen(&mut self, length: usize) -> Result<(), ReadFailure> {
        let left = self.size - self.offset;
        let length = left.min(length as u64) as usize;
        if length <= self.filled {
            return Ok(());
        }
        if length > self.window.len() {
            self.window.resize(length, 0);
        } else if self.window.len() > RETAINED_BYTES && self.window.len() / 4 > length {
            self.window.truncate(length);
            self.window.shrink_to_fit();
        }
        let at = self.offset + self.filled as u64;
        self.source.read_exact_at(&mut self.window[self.filled..length], at)?;
        self.filled = length;
        Ok(())
    }

    fn outcome(&self, bad: Option<BadPlace>, behind: Option<Behind>) -> ReadOutcome {
        let walker = &self.walker;
        let seen = &walker.seen;
        let valid_end = bad.as_ref().map_or(self.offset, |bad| bad.offset);
        let unit = walker.units.open_unit();
        let is_zeros = behind.as_ref().is_some_and(|behind| behind.is_zeros);
        let has_blocks = behind.as_ref().is_some_and(|behind| behind.has_blocks);
        let evidence = seen.evidence.max(behind.as_ref().and_then(|behind| behind.evidence));
        ReadOutcome {
            status: match &bad {
                None => Status::Clean,
                Some(_) if is_zeros => Status::Truncated,
                Some(bad) => bad.status,
            },
            file_size: self.size,
            commands: walker.commands_before,
            valid_end,
            unit_start: unit.map_or(valid_end, |unit| unit.offset),
            open_multi: unit.is_some(),
            unit_record_offset: unit.map_or(valid_end, |unit| unit.record_offset),
            unit_record_lsn: unit.map_or(walker.lsn, |unit| unit.record_lsn),
            commands_in_open_unit: unit.map_or(0, |unit| walker.commands_before - unit.commands),
            lsn: walker.lsn,
            unit_lsn: unit.map_or(walker.lsn, |unit| unit.lsn),
            bad_offset: bad.as_ref().map_or(-1, |bad| bad.offset as i64),
            is_bad_in_plain: bad.as_ref().is_some_and(|bad| bad.is_in_plain),
            is_annotated: seen.blocks > 0 || has_blocks || bad.as_ref().is_some_and(|bad| bad.is_annotation),
            evidence_lsn: evidence.map_or(-1, |lsn| lsn as i64),
            is_bad_after_close: bad.is_some() && seen.is_closed,
            next_good_offset: behind
                .as_ref()
                .and_then(|behind| behind.next_good_offset)
                .map_or(-1, |offset| offset as i64),
            records_after_bad: behind.as_ref().map_or(0, |behind| behind.records_after_bad),
            end_mark: if bad.is_some() { Mark::None } else { seen.end_mark },
            foreign_bytes: walker.foreign_bytes(),
            sessions: seen.sessions,
            blocks: seen.blocks,
            seconds: seen.seconds,
            foreign_cut: behind.map_or(String::new(), |behind| behind.foreign_cut),
            expected: bad.as_ref().map_or(String::new(), |bad| bad.complaint.expected.clone()),
            found: match bad {
                Some(_) if is_zeros => ZEROS.to_string(),
                Some(bad) => bad.complaint.found,
                None => String::new(),
            },
        }
    }
}

/// Memory of a window that is kept although the next one needs less.
const RETAINED_BYTES: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_format::{annotation, Flag, Session, Stamp};

    impl Source for Vec<u8> {
        fn read_exact_at(&self, into: &mut [u8], offset: u64) -> Result<(), ReadFailure> {
            let from = offset as usize;
            let bytes = self
                .get(from..from + into.len())
                .ok_or(Failure::at(offset, "beyond the end"))?;
            into.copy_from_slice(bytes);
            Ok(())
        }
    }

    fn read(bytes: &[u8], batch_bytes: usize) -> (Vec<u8>, Vec<u64>, ReadOutcome) {
        let mut reader = CommandReader::new(bytes.to_vec(), bytes.len() as u64, batch_bytes, 0);
        let (mut delivered, mut lsns) = (Vec::new(), Vec::new());
        loop {
            match reader.read_next().unwrap_or_else(|failure| panic!("{failure}")) {
                Step::Done(outcome) => return (delivered, lsns, *outcome),
                Step::Batch(batch) => {
                    assert_eq!(reader.bytes().len(), batch.length);
                    let mut at = 0;
                    for _ in 0..batch.count {
                        let entry = &reader.index()[at..];
                        delivered.extend_from_slice(&reader.bytes()[entry[0] as usize..entry[1] as usize]);
                        lsns.push(batch.lsn + entry[2] as u64);
                        at += 4 + 2 * entry[3] as usize;
                    }
                    assert_eq!(at, reader.index().len());
                }
            }
        }
    }

    fn block(payload: &[u8], lsn: u64, session: &str, flag: Flag) -> Vec<u8> {
        let stamp = Stamp {
            lsn,
            session: Session::parse(session),
            flag,
            ..Stamp::default()
        };
        [annotation(&stamp, payload).as_bytes(), payload].concat()
    }

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    #[test]
    fn batches_of_any_size_hold_the_same_commands() {
        let mut file = Vec::new();
        for i in 0..50 {
            let session = if i == 0 { "0000000a" } else { "" };
            file.extend(block(&PING.repeat(1 + i % 4), file_lsn(i), session, Flag::None));
        }
        let whole = read(&file, 1 << 20);
        assert_eq!(whole.2.status, Status::Clean);
        assert_eq!(whole.2.commands, 123);
        for batch_bytes in [64, 100, 333, 1000] {
            assert_eq!(read(&file, batch_bytes), whole);
        }
    }

    fn file_lsn(blocks: usize) -> u64 {
        (0..blocks).map(|i| (PING.len() * (1 + i % 4)) as u64).sum()
    }

    #[test]
    fn a_block_whose_checksum_is_wrong_ends_the_log_and_later_blocks_are_evidence() {
        let mut file = block(PING, 0, "0000000a", Flag::None);
        let bad = file.len();
        file.extend(block(PING, 14, "", Flag::None));
        let good = file.len();
        file[good - 3] ^= 1;
        file.extend(block(PING, 28, "", Flag::None));
        let (delivered, lsns, outcome) = read(&file, 64);
        assert_eq!((delivered.as_slice(), lsns.as_slice()), (PING, &[14][..]));
        assert_eq!((outcome.status, outcome.bad_offset), (Status::Malformed, bad as i64));
        assert_eq!((outcome.evidence_lsn, outcome.next_good_offset), (28, good as i64));
    }

    #[test]
    fn an_argument_longer_than_any_window_is_delivered_whole() {
        let value = vec![b'x'; 3_000_000];
        let mut record = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", value.len()).into_bytes();
        record.extend_from_slice(&value);
        record.extend_from_slice(b"\r\n");
        let file = [PING, &record, PING].concat();
        let (delivered, _, outcome) = read(&file, 64);
        assert!(delivered == file);
        assert_eq!((outcome.status, outcome.commands), (Status::Clean, 3));
    }
}
