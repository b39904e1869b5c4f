//! The roll over files whose answers the test decides: what the old file holds up to the cut and what the new ones hold is
//! what was appended, once.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use everysec_core::block_format::{Flag, Session};
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::Errno;
use everysec_core::fs::LogFile;
use everysec_core::limits::BLOCK_BYTES;
use everysec_core::log_state::{Fault, State};
use everysec_core::roll::RollCut;

const ENOSPC: Errno = Errno(libc::ENOSPC);
const EIO: Errno = Errno(libc::EIO);

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Length of `bytes` when a successful datasync was issued.
    synced: usize,
    /// Answers of the next calls: a number of bytes or an error. All is taken, or synced, when there is none.
    writes: VecDeque<Result<usize, Errno>>,
    syncs: VecDeque<Option<Errno>>,
    calls_after_failed_sync: usize,
    has_sync_failed: bool,
    is_sync_frozen: bool,
    is_write_frozen: bool,
    is_closed: bool,
}

#[derive(Clone, Default)]
struct FakeFile {
    disk: Arc<(Mutex<Disk>, Condvar)>,
}

impl FakeFile {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn set(&self, change: impl FnOnce(&mut Disk)) {
        change(&mut self.disk());
        self.disk.1.notify_all();
    }

    fn wait_while(&self, frozen: impl Fn(&Disk) -> bool) -> MutexGuard<'_, Disk> {
        let mut disk = self.disk();
        while frozen(&disk) {
            disk = self.disk.1.wait(disk).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        disk
    }
}

impl LogFile for FakeFile {
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut disk = self.wait_while(|disk| disk.is_write_frozen);
        disk.calls_after_failed_sync += usize::from(disk.has_sync_failed);
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = disk.writes.pop_front().unwrap_or(Ok(all.len()))?.min(all.len());
        disk.bytes.extend_from_slice(&all[..taken]);
        Ok(taken)
    }

    fn datasync(&self) -> Result<(), Errno> {
        let issued = {
            let mut disk = self.disk();
            disk.calls_after_failed_sync += usize::from(disk.has_sync_failed);
            disk.bytes.len()
        };
        let mut disk = self.wait_while(|disk| disk.is_sync_frozen);
        if let Some(errno) = disk.syncs.pop_front().flatten() {
            disk.has_sync_failed = true;
            return Err(errno);
        }
        disk.synced = issued;
        Ok(())
    }

    fn truncate(&self, size: u64) -> Result<(), Errno> {
        self.disk().bytes.truncate(size as usize);
        Ok(())
    }

    fn close(self) -> Result<(), Errno> {
        self.disk().is_closed = true;
        Ok(())
    }
}

struct Rig {
    log: BlockLog<FakeFile>,
    threads: LogThreads,
    file: FakeFile,
}

impl Rig {
    fn open(annotated: bool, retain_until_synced: bool) -> Rig {
        let file = FakeFile::default();
        let options = LogOptions {
            lsn: 0,
            session: session("00000001"),
            annotated,
            retain_until_synced,
        };
        let started = block_log::start(file.clone(), 0, &options, Box::new(|| {}));
        let (log, threads) = started.unwrap_or_else(|failure| panic!("{failure}"));
        Rig { log, threads, file }
    }

    fn append(&mut self, text: &str) {
        self.log.buffer().append(text.as_bytes());
    }

    fn select(&mut self, db: u32) {
        self.append(&select_record(db));
        self.log.buffer().select(db);
    }

    /// Waits for the threads, at most ten seconds.
    fn until(&self, what: &str, is_so: impl Fn(&State<FakeFile>) -> bool) {
        for _ in 0..10_000 {
            if is_so(&self.log.shared().lock()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("never: {what}");
    }

    fn sync(&mut self) {
        self.log.flush(true);
        self.file.set(|disk| disk.is_sync_frozen = false);
        self.until("synced", |state| !state.is_writing() && !state.is_syncing());
    }

    fn fail(&mut self, change: impl FnOnce(&mut Disk), fault: Fault) {
        self.file.set(change);
        self.log.flush(true);
        self.until("faulty", |state| state.fault().0 == fault);
    }

    fn roll(&mut self, digits: &str) -> Result<(RollCut, FakeFile), &'static str> {
        let file = FakeFile::default();
        // Until sync(), so that what is not synced is known.
        file.set(|disk| disk.is_sync_frozen = true);
        self.roll_to(file, digits)
    }

    /// Returns the old file.
    fn roll_to(&mut self, file: FakeFile, digits: &str) -> Result<(RollCut, FakeFile), &'static str> {
        self.log.begin_roll();
        block_log::wait_until_quiet(self.log.shared());
        let (cut, old) = self.log.take_over(file.clone(), session(digits))?;
        let old = old.unwrap_or_else(|| panic!("the old file is given back, by nobody else held"));
        assert!(old.close().is_ok());
        Ok((cut, std::mem::replace(&mut self.file, file)))
    }

    fn rolled(&mut self, digits: &str) -> (RollCut, FakeFile) {
        self.roll(digits).unwrap_or_else(|text| panic!("{text}"))
    }

    fn close(self) {
        let shared = self.log.shared().clone();
        drop(self.log);
        block_log::finish_close(&shared, self.threads).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

fn session(digits: &str) -> Session {
    Session::parse(digits).unwrap_or_else(|| panic!("{digits} is a session id"))
}

fn select_record(db: u32) -> String {
    let text = db.to_string();
    format!("*2\r\n$6\r\nSELECT\r\n${}\r\n{text}\r\n", text.len())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Annotation lines without magic, checksum and CRLF, and the payloads behind them.
fn blocks(bytes: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let line_len = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let line = text(&rest[..line_len]);
        let fields: Vec<&str> = line.trim_end().split(' ').collect();
        let len = usize::from_str_radix(fields[1], 16).unwrap_or_else(|_| panic!("{line}"));
        found.push((
            [&fields[1..4], &fields[5..]].concat().join(" "),
            text(&rest[line_len..line_len + len]),
        ));
        at += line_len + len;
    }
    found
}

#[test]
fn a_failed_sync_takes_everything_since_the_last_good_one_to_the_next_file_behind_a_select() {
    let mut rig = Rig::open(true, true);
    rig.select(3);
    rig.sync();
    let synced_offset = rig.file.disk().bytes.len();
    rig.append("abc");
    rig.log.flush(false);
    rig.append("de");
    rig.fail(|disk| disk.syncs.push_back(Some(EIO)), Fault::Sync);
    rig.append("f");
    let (cut, old) = rig.rolled("00000002");
    assert_eq!((cut.offset, cut.lsn), (synced_offset as u64, 23));
    assert_eq!(rig.log.shared().lock().fault().0, Fault::None);
    rig.sync();
    let expected = [
        ("17 0 0 s=00000002", &*select_record(3)),
        ("3 17 17 d=3", "abc"),
        ("2 1a 1a d=3", "de"),
        ("1 1c 1c d=3", "f"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(line, payload)| (line.into(), payload.into())).into();
    assert_eq!(blocks(&rig.file.disk().bytes), expected);
    {
        let state = rig.log.shared().lock();
        let size = rig.file.disk().bytes.len() as u64;
        assert_eq!((state.synced_lsn, state.retained_bytes, state.queued_bytes), (29, 0, 0));
        assert_eq!((state.target.written_offset, state.target.synced_offset), (size, size));
    }
    let disk = old.disk();
    assert_eq!((disk.calls_after_failed_sync, disk.is_closed), (0, true));
    drop(disk);
    rig.close();
}

#[test]
fn a_block_that_was_written_in_part_is_taken_over_whole() {
    let mut rig = Rig::open(false, true);
    rig.select(1);
    rig.sync();
    rig.append("abc");
    rig.log.flush(false);
    rig.until("written", |state| state.written_lsn == 26);
    rig.append("defg");
    rig.fail(|disk| disk.writes.extend([Ok(2), Err(ENOSPC)]), Fault::Write);
    assert_eq!(rig.log.shared().lock().target.written_offset, 28);
    let (cut, old) = rig.rolled("00000002");
    assert_eq!((cut.offset, cut.lsn), (23, 23));
    {
        let state = rig.log.shared().lock();
        assert!(state.written_lsn <= 30 && state.synced_lsn == 23);
    }
    rig.sync();
    assert_eq!(text(&old.disk().bytes), format!("{}abcde", select_record(1)));
    assert_eq!(text(&rig.file.disk().bytes), format!("{}abcdefg", select_record(1)));
    assert_eq!(rig.log.shared().lock().synced_lsn, 30);
    rig.close();
}

#[test]
fn a_sync_that_succeeds_while_the_roll_waits_for_it_counts() {
    let mut rig = Rig::open(false, true);
    rig.select(1);
    rig.file.set(|disk| disk.is_sync_frozen = true);
    rig.log.flush(true);
    rig.until("syncing", |state| state.sync.started.is_some());
    rig.append("abc");
    rig.file.set(|disk| disk.writes.push_back(Err(ENOSPC)));
    rig.log.flush(false);
    rig.until("faulty", |state| state.fault().0 == Fault::Write);
    let file = rig.file.clone();
    let thaw = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        file.set(|disk| disk.is_sync_frozen = false);
    });
    let (cut, old) = rig.rolled("00000002");
    assert!(thaw.join().is_ok());
    assert_eq!((cut.offset, cut.lsn), (23, 23));
    assert_eq!(old.disk().synced, 23);
    rig.sync();
    assert_eq!(text(&rig.file.disk().bytes), format!("{}abc", select_record(1)));
    rig.close();
}

#[test]
fn a_unit_of_many_blocks_goes_over_whole_though_half_of_it_was_synced() {
    let mut rig = Rig::open(true, true);
    rig.select(0);
    rig.append("before");
    rig.log.buffer().set_in_unit(true);
    rig.append("unit:");
    rig.sync();
    let cut_offset = blocks(&rig.file.disk().bytes)
        .iter()
        .take(1)
        .map(|(line, payload)| line.len() + "#EVS1  00000000\r\n".len() + payload.len())
        .sum::<usize>();
    assert_eq!(rig.log.shared().lock().synced_lsn, 34);
    assert!(rig.log.shared().lock().retained_bytes > 0, "half a unit is kept");
    rig.append(&"x".repeat(BLOCK_BYTES));
    rig.append("end");
    rig.fail(|disk| disk.syncs.push_back(Some(EIO)), Fault::Sync);
    let (cut, _) = rig.rolled("00000002");
    assert_eq!((cut.offset, cut.lsn), (cut_offset as u64, 29));
    assert_eq!(rig.log.shared().lock().synced_lsn, 34, "synced never falls");
    rig.log.buffer().set_in_unit(false);
    rig.append("after");
    rig.sync();
    let found = blocks(&rig.file.disk().bytes);
    let lines: Vec<&str> = found.iter().map(|(line, _)| &**line).collect();
    let expected = [
        "17 6 0 s=00000002",
        "5 1d 17 f=m",
        "40000 22 1c f=m",
        "3 40022 4001c f=m",
        "5 40025 4001f",
    ];
    assert_eq!(lines, expected);
    let state = rig.log.shared().lock();
    assert_eq!(
        (state.retained_bytes, state.synced_lsn),
        (0, 29 + 5 + BLOCK_BYTES as u64 + 3 + 5)
    );
    drop(state);
    rig.close();
}

#[test]
fn a_fault_of_the_new_file_is_rolled_like_any_other_and_its_select_is_not_doubled() {
    let mut rig = Rig::open(true, true);
    rig.select(2);
    rig.sync();
    rig.append("abc");
    rig.fail(|disk| disk.syncs.push_back(Some(EIO)), Fault::Sync);
    let second = FakeFile::default();
    second.set(|disk| disk.syncs.push_back(Some(EIO)));
    assert!(rig.roll_to(second, "00000002").is_ok());
    rig.until("faulty", |state| state.fault().0 == Fault::Sync);
    rig.append("de");
    rig.log.flush(false);
    let (cut, _) = rig.rolled("00000003");
    assert_eq!((cut.offset, cut.lsn), (0, 23));
    rig.sync();
    let expected = [
        ("17 0 0 s=00000003", &*select_record(2)),
        ("3 17 17 d=2", "abc"),
        ("2 1a 1a d=2", "de"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(line, payload)| (line.into(), payload.into())).into();
    assert_eq!(blocks(&rig.file.disk().bytes), expected);
    rig.close();
}

#[test]
fn what_was_let_go_unsynced_cannot_be_rolled_and_the_fault_stays() {
    let mut rig = Rig::open(false, false);
    rig.append("abc");
    rig.fail(|disk| disk.syncs.push_back(Some(EIO)), Fault::Sync);
    assert!(rig.roll("00000002").is_err());
    let state = rig.log.shared().lock();
    assert_eq!((state.fault().0, state.is_rolling), (Fault::Sync, false));
    drop(state);
    rig.close();
}

#[test]
fn without_retaining_a_full_disk_can_be_left_when_all_that_it_took_is_synced() {
    let mut rig = Rig::open(false, false);
    rig.select(1);
    rig.sync();
    rig.append("abc");
    rig.fail(|disk| disk.writes.push_back(Err(ENOSPC)), Fault::Write);
    let (cut, _) = rig.rolled("00000002");
    assert_eq!((cut.offset, cut.lsn), (23, 23));
    rig.sync();
    assert_eq!(text(&rig.file.disk().bytes), format!("{}abc", select_record(1)));
    rig.close();
}

#[test]
fn a_mark_is_not_taken_over_and_the_old_file_counts_to_its_start() {
    let mut rig = Rig::open(true, true);
    rig.select(1);
    rig.sync();
    let offset = rig.file.disk().bytes.len() as u64;
    assert!(rig.log.mark(Flag::Idle).is_ok());
    rig.fail(|disk| disk.syncs.push_back(Some(EIO)), Fault::Sync);
    let (cut, _) = rig.rolled("00000002");
    assert_eq!((cut.offset, cut.lsn), (offset, 23));
    assert!(
        rig.log.mark(Flag::Idle).is_err(),
        "the SELECT in front of it is not durable"
    );
    rig.sync();
    let found = blocks(&rig.file.disk().bytes);
    assert_eq!(found, [("17 0 0 s=00000002".to_string(), select_record(1))]);
    assert!(rig.log.mark(Flag::Idle).is_ok());
    rig.close();
}
