//! Which calls a file gets, in which order, and what counts after them: cuts, changes of files, rolls, syncs beside writes.

use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use everysec_core::block_format::Session;
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::{Errno, EIO};
use everysec_core::fs::LogFile;
use everysec_core::log_state::{Fault, Stage, State};

#[derive(Default)]
struct Disk {
    /// As they began.
    calls: Vec<&'static str>,
    does_truncate_fail: bool,
    is_removed: bool,
    /// Calls wait while this is set.
    is_write_frozen: bool,
    is_sync_frozen: bool,
}

#[derive(Clone, Default)]
struct FakeFile(Arc<(Mutex<Disk>, Condvar)>);

impl FakeFile {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0 .0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn set(&self, change: impl FnOnce(&mut Disk)) {
        change(&mut self.disk());
        self.0 .1.notify_all();
    }

    /// Since it was asked last.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.disk().calls)
    }

    fn call(&self, name: &'static str, is_frozen: impl Fn(&Disk) -> bool) -> MutexGuard<'_, Disk> {
        let mut disk = self.disk();
        disk.calls.push(name);
        while is_frozen(&disk) {
            disk = self.0 .1.wait(disk).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        disk
    }
}

impl LogFile for FakeFile {
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        drop(self.call("write", |disk| disk.is_write_frozen));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn datasync(&self) -> Result<(), Errno> {
        drop(self.call("datasync", |disk| disk.is_sync_frozen));
        Ok(())
    }

    fn is_in_place(&self) -> Result<bool, Errno> {
        Ok(!self.disk().is_removed)
    }

    fn truncate(&self, _size: u64) -> Result<(), Errno> {
        if self.call("truncate", |_| false).does_truncate_fail {
            return Err(EIO);
        }
        Ok(())
    }

    fn close(self) -> Result<(), Errno> {
        drop(self.call("close", |_| false));
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
    file.set(|disk| disk.does_truncate_fail = true);
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

#[test]
fn a_cut_beside_a_sync_needs_another_one() {
    let (mut log, threads, file) = synced_log();
    file.set(|disk| disk.is_sync_frozen = true);
    log.buffer().append(b"ghi");
    log.flush(true);
    until(&log, "syncing", |state| state.sync.started.is_some());
    assert_eq!(log.begin_truncate(4), Ok(()));
    assert_eq!(block_log::cut_file(log.shared(), 4), Ok(()));
    file.set(|disk| disk.is_sync_frozen = false);
    until(&log, "synced", |state| {
        state.sync.started.is_none() && state.synced_lsn == 9
    });
    assert!(log.shared().lock().is_cut);
    log.flush(true);
    until(&log, "the cut is synced", |state| !state.is_syncing() && !state.is_cut);
    assert_eq!(file.calls(), ["write", "datasync", "truncate", "datasync"]);
    close(&log, threads);
}

#[test]
fn the_synced_offset_is_the_written_one_when_the_sync_was_issued() {
    let (mut log, threads, file) = synced_log();
    file.set(|disk| disk.is_sync_frozen = true);
    log.buffer().append(b"ghi");
    log.flush(true);
    until(&log, "syncing", |state| state.sync.started.is_some());
    log.buffer().append(b"jkl");
    log.flush(false);
    until(&log, "written", |state| state.written_lsn == 12);
    file.set(|disk| disk.is_sync_frozen = false);
    until(&log, "synced", |state| state.synced_lsn == 9);
    assert_eq!(log.shared().lock().target.synced_offset, 9);
    close(&log, threads);
}

#[test]
fn a_sync_does_not_count_where_the_file_was_removed_while_it_ran() {
    let (mut log, threads, file) = synced_log();
    file.set(|disk| disk.is_sync_frozen = true);
    log.buffer().append(b"ghi");
    log.flush(true);
    until(&log, "syncing", |state| state.sync.started.is_some());
    file.set(|disk| {
        disk.is_removed = true;
        disk.is_sync_frozen = false;
    });
    until(&log, "gone", |state| state.fault().0 == Fault::Gone);
    assert_eq!(log.shared().lock().synced_lsn, 6);
    close(&log, threads);
}

#[test]
fn a_sync_waits_for_the_write_that_it_was_asked_for() {
    let (mut log, threads, file) = synced_log();
    log.buffer().append(b"ghi");
    log.flush(false);
    until(&log, "written", |state| state.written_lsn == 9);
    file.set(|disk| disk.is_write_frozen = true);
    log.buffer().append(b"jkl");
    log.flush(true);
    until(&log, "writing", |state| state.is_write_under_way);
    // It has nothing to wait for, if it does not wait for the write.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(file.calls(), ["write", "write"]);
    file.set(|disk| disk.is_write_frozen = false);
    until(&log, "synced", |state| state.synced_lsn == 12);
    assert_eq!(file.calls(), ["datasync"]);
    close(&log, threads);
}

#[test]
fn nothing_is_begun_on_a_file_that_is_being_given_up() {
    let (mut log, threads, file) = synced_log();
    log.buffer().append(b"ghi");
    log.flush(false);
    until(&log, "written", |state| state.written_lsn == 9);
    log.begin_roll();
    // What is written could be synced, and what is appended could be written.
    log.flush(true);
    log.buffer().append(b"jkl");
    log.flush(true);
    let shared = log.shared().clone();
    shared.syncer_wake.notify_one();
    std::thread::sleep(Duration::from_millis(20));
    block_log::wait_until_quiet(&shared);
    assert_eq!(file.calls(), ["write"]);
    assert!(!shared.lock().can_write());
    log.abandon_roll();
    until(&log, "synced", |state| state.synced_lsn == 12);
    close(&log, threads);
}

#[test]
fn a_roll_waits_for_the_write_and_for_the_sync_that_are_under_way() {
    for is_write in [true, false] {
        let (mut log, threads, file) = synced_log();
        file.set(|disk| {
            disk.is_write_frozen = is_write;
            disk.is_sync_frozen = !is_write;
        });
        log.buffer().append(b"ghi");
        log.flush(true);
        until(&log, "at work", |state| {
            state.is_write_under_way || state.sync.started.is_some()
        });
        if !is_write {
            until(&log, "syncing", |state| state.sync.started.is_some());
        }
        log.begin_roll();
        let shared = log.shared().clone();
        let waiting = std::thread::spawn(move || {
            block_log::wait_until_quiet(&shared);
            let state = shared.lock();
            state.is_write_under_way || state.sync.started.is_some()
        });
        std::thread::sleep(Duration::from_millis(20));
        file.set(|disk| {
            disk.is_write_frozen = false;
            disk.is_sync_frozen = false;
        });
        assert_eq!(waiting.join().ok(), Some(false), "write: {is_write}");
        log.abandon_roll();
        close(&log, threads);
    }
}

#[test]
fn close_syncs_what_is_still_being_written_when_it_begins() {
    let (mut log, threads, file) = synced_log();
    file.set(|disk| disk.is_write_frozen = true);
    log.buffer().append(b"ghi");
    log.flush(true);
    until(&log, "writing", |state| state.is_write_under_way);
    block_log::begin_close(log.shared());
    // The syncer has nothing to do yet, and must not end for that.
    std::thread::sleep(Duration::from_millis(20));
    file.set(|disk| disk.is_write_frozen = false);
    close(&log, threads);
    assert_eq!(file.calls(), ["write", "datasync", "close"]);
}
