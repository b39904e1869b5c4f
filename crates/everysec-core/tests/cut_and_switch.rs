//! A cut that fails, and a change of files behind a cut, over a file whose answers the test decides.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use everysec_core::block_format::Session;
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::{Errno, EIO};
use everysec_core::fs::LogFile;
use everysec_core::log_state::{Stage, State};

#[derive(Default)]
struct Disk {
    calls: Vec<&'static str>,
    does_truncate_fail: bool,
}

#[derive(Clone, Default)]
struct FakeFile(Arc<Mutex<Disk>>);

impl FakeFile {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.disk().calls)
    }
}

impl LogFile for FakeFile {
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        self.disk().calls.push("write");
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn datasync(&self) -> Result<(), Errno> {
        self.disk().calls.push("datasync");
        Ok(())
    }

    fn truncate(&self, _size: u64) -> Result<(), Errno> {
        let mut disk = self.disk();
        disk.calls.push("truncate");
        if disk.does_truncate_fail {
            return Err(EIO);
        }
        Ok(())
    }

    fn close(self) -> Result<(), Errno> {
        self.disk().calls.push("close");
        Ok(())
    }
}

/// A log that has written and synced six bytes.
fn synced_log() -> (BlockLog<FakeFile>, LogThreads, FakeFile) {
    let file = FakeFile::default();
    let options = LogOptions {
        lsn: 0,
        session: session(),
        annotated: false,
        retain_until_synced: true,
    };
    let started = block_log::start(file.clone(), 0, &options, Box::new(|| {}));
    let (mut log, threads) = started.unwrap_or_else(|failure| panic!("{failure}"));
    log.buffer().append(b"abcdef");
    log.flush(true);
    until(&log, "synced", |state| state.synced_lsn == 6);
    assert_eq!(file.calls(), ["write", "datasync"]);
    (log, threads, file)
}

/// Waits for the threads, at most ten seconds.
fn until(log: &BlockLog<FakeFile>, what: &str, is_so: impl Fn(&State<FakeFile>) -> bool) {
    for _ in 0..10_000 {
        if is_so(&log.shared().lock()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("never: {what}");
}

fn close(log: &BlockLog<FakeFile>, threads: LogThreads) {
    block_log::finish_close(log.shared(), threads).unwrap_or_else(|failure| panic!("{failure}"));
}

fn session() -> Session {
    Session::parse("0123abcd").unwrap_or_else(|| panic!("a session id"))
}

#[test]
fn a_cut_that_fails_is_told_and_changes_nothing() {
    let (mut log, threads, file) = synced_log();
    file.disk().does_truncate_fail = true;
    assert_eq!(log.begin_truncate(4), Ok(()));
    assert_eq!(block_log::cut_file(log.shared(), 4), Err(EIO));
    {
        let state = log.shared().lock();
        let offsets = (state.target.written_offset, state.target.synced_offset);
        assert_eq!((offsets, state.is_cut, state.is_held), ((6, 6), false, false));
    }
    close(&log, threads);
}

#[test]
fn a_file_that_was_cut_is_synced_before_the_next_one_takes_its_place() {
    let (mut log, threads, file) = synced_log();
    assert_eq!(log.begin_truncate(4), Ok(()));
    assert_eq!(block_log::cut_file(log.shared(), 4), Ok(()));
    log.set_next(FakeFile::default(), 0, session());
    assert_eq!(log.switch_to_next(), Some(()));
    until(&log, "the old file is left", |state| state.stage == Stage::Held);
    assert_eq!(file.calls(), ["truncate", "datasync", "close"]);
    close(&log, threads);
}
