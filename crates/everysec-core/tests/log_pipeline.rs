//! Writer and syncer over a file whose answers the test decides: short writes, errors, waits, panics.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use everysec_core::block_format::{Flag, Session};
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::Errno;
use everysec_core::fs::LogFile;
use everysec_core::log_state::{Fault, Stage, State};

const ENOSPC: Errno = Errno(libc::ENOSPC);
const EIO: Errno = Errno(libc::EIO);
const EINTR: Errno = Errno(libc::EINTR);

enum Answer {
    Take(usize),
    Fail(Errno),
    Panic,
}

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Length of `bytes` when a successful datasync was issued.
    synced: usize,
    /// Answers of the next writes; all is taken when there is none.
    writes: VecDeque<Answer>,
    syncs: VecDeque<Errno>,
    sync_calls: usize,
    sync_calls_after_failure: usize,
    has_sync_failed: bool,
    /// Calls wait while this is set.
    is_write_frozen: bool,
    is_sync_frozen: bool,
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
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let taken = match disk.writes.pop_front() {
            None => all.len(),
            Some(Answer::Take(count)) => count.min(all.len()),
            Some(Answer::Fail(errno)) => return Err(errno),
            Some(Answer::Panic) => {
                drop(disk);
                panic!("the file panics, as the test wants")
            }
        };
        disk.bytes.extend_from_slice(&all[..taken]);
        Ok(taken)
    }

    fn datasync(&self) -> Result<(), Errno> {
        let issued = {
            let mut disk = self.disk();
            disk.sync_calls += 1;
            if disk.has_sync_failed {
                disk.sync_calls_after_failure += 1;
            }
            disk.bytes.len()
        };
        let mut disk = self.wait_while(|disk| disk.is_sync_frozen);
        if let Some(errno) = disk.syncs.pop_front() {
            disk.has_sync_failed = errno != EINTR;
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
    fn new() -> Rig {
        let file = FakeFile::default();
        let options = LogOptions {
            lsn: 0,
            session: session(),
            annotated: false,
            retain_until_synced: true,
        };
        let started = block_log::start(file.clone(), 0, &options, Box::new(|| {}));
        let (log, threads) = started.unwrap_or_else(|failure| panic!("{failure}"));
        Rig { log, threads, file }
    }

    fn append(&mut self, text: &str) {
        self.log.buffer().append(text.as_bytes());
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

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.file.disk().bytes).into_owned()
    }

    fn close(self) -> FakeFile {
        let shared = self.log.shared().clone();
        block_log::finish_close(&shared, self.threads).unwrap_or_else(|failure| panic!("{failure}"));
        self.file
    }
}

fn session() -> Session {
    Session::parse("0123abcd").unwrap_or_else(|| panic!("a session id"))
}

#[test]
fn short_writes_and_interruptions_continue_the_same_bytes() {
    let mut rig = Rig::new();
    let answers = [
        Answer::Take(1),
        Answer::Fail(EINTR),
        Answer::Take(2),
        Answer::Take(4),
        Answer::Take(1),
    ];
    rig.file.set(|disk| disk.writes.extend(answers));
    for text in ["abc", "defg", "hi", "j"] {
        rig.append(text);
        rig.log.flush(false);
    }
    rig.until("written", |state| state.written_lsn == 10);
    assert_eq!(rig.text(), "abcdefghij");
    rig.close();
}

#[test]
fn a_failed_write_keeps_its_bytes_and_resume_continues_where_it_stopped() {
    let mut rig = Rig::new();
    rig.file.set(|disk| {
        disk.writes
            .extend([Answer::Take(2), Answer::Fail(ENOSPC), Answer::Fail(ENOSPC)])
    });
    rig.append("abcdef");
    rig.log.flush(true);
    rig.until("faulty", |state| state.fault() == (Fault::Write, libc::ENOSPC));
    {
        let state = rig.log.shared().lock();
        assert_eq!(
            (state.written_lsn, state.target.written_offset, state.unwritten_bytes()),
            (0, 2, 4)
        );
    }
    rig.append("ghi");
    rig.log.flush(true);
    rig.log.resume();
    rig.until("faulty again", |state| {
        state.fault().0 == Fault::Write && !state.is_write_under_way
    });
    rig.log.resume();
    rig.until("synced", |state| state.synced_lsn == 9);
    assert_eq!(rig.text(), "abcdefghi");
    rig.close();
}

#[test]
fn a_write_that_takes_nothing_is_an_error_and_not_an_endless_loop() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.writes.push_back(Answer::Take(0)));
    rig.append("abc");
    rig.log.flush(false);
    rig.until("faulty", |state| state.fault() == (Fault::Write, libc::EIO));
    rig.close();
}

#[test]
fn synced_is_what_was_written_when_the_sync_was_issued() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.is_sync_frozen = true);
    rig.append("abc");
    rig.log.flush(true);
    rig.until("syncing", |state| state.sync.started.is_some());
    rig.append("def");
    rig.log.flush(false);
    rig.until("written", |state| state.written_lsn == 6);
    rig.file.set(|disk| disk.is_sync_frozen = false);
    rig.until("idle", |state| !state.is_syncing());
    let state = rig.log.shared().lock();
    assert_eq!((state.synced_lsn, state.written_lsn, state.retained_bytes), (3, 6, 3));
    drop(state);
    rig.close();
}

#[test]
fn requests_during_a_sync_are_served_by_one_more_after_it() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.is_sync_frozen = true);
    rig.append("a");
    rig.log.flush(true);
    rig.until("syncing", |state| state.sync.started.is_some());
    for text in ["b", "c", "d"] {
        rig.append(text);
        rig.log.flush(true);
    }
    rig.until("written", |state| state.written_lsn == 4);
    rig.file.set(|disk| disk.is_sync_frozen = false);
    rig.until("synced", |state| state.synced_lsn == 4);
    rig.log.flush(true);
    assert!(
        !rig.log.shared().lock().is_syncing(),
        "nothing is unsynced, so nothing is to do"
    );
    assert_eq!(rig.close().disk().sync_calls, 2);
}

#[test]
fn steady_requests_do_not_keep_the_first_one_waiting() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.writes.push_back(Answer::Take(1)));
    rig.append("a");
    rig.log.flush(true);
    rig.until("synced", |state| state.synced_lsn == 1);
    rig.file.set(|disk| disk.is_write_frozen = true);
    rig.append("b");
    rig.log.flush(true);
    rig.until("writing", |state| state.is_write_under_way);
    rig.file
        .set(|disk| disk.writes.extend([Answer::Take(1), Answer::Fail(ENOSPC)]));
    rig.append("c");
    rig.log.flush(true);
    rig.file.set(|disk| disk.is_write_frozen = false);
    // The second block never gets through, the first one is synced all the same.
    rig.until("synced", |state| {
        state.synced_lsn == 2 && state.fault().0 == Fault::Write
    });
    rig.close();
}

#[test]
fn the_first_failed_sync_is_the_last_one_on_that_file_and_nothing_retained_is_let_go() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.syncs.extend([EINTR, EIO]));
    rig.append("abc");
    rig.log.flush(true);
    rig.until("faulty", |state| state.fault() == (Fault::Sync, libc::EIO));
    rig.append("def");
    rig.log.flush(true);
    rig.log.resume();
    assert_eq!(rig.log.shared().lock().fault().0, Fault::Sync, "resume() is for writes");
    let (synced, retained) = {
        let state = rig.log.shared().lock();
        (state.synced_lsn, state.retained_bytes)
    };
    assert_eq!((synced, retained), (0, 3));
    let disk = rig.close();
    let disk = disk.disk();
    assert_eq!(
        (disk.sync_calls_after_failure, &*disk.bytes),
        (0, &b"abc"[..]),
        "nothing is written there either"
    );
}

#[test]
fn written_blocks_are_kept_until_synced_or_let_go_when_that_is_asked_for() {
    let mut rig = Rig::new();
    rig.append("abc");
    rig.log.flush(false);
    rig.until("written", |state| state.written_lsn == 3);
    assert_eq!(rig.log.shared().lock().retained_bytes, 3);
    rig.log.set_retain(false);
    assert_eq!(rig.log.shared().lock().retained_bytes, 0);
    rig.append("def");
    rig.log.flush(false);
    rig.until("written", |state| state.written_lsn == 6);
    assert_eq!(rig.log.shared().lock().retained_bytes, 0);
    rig.log.flush(true);
    rig.until("synced", |state| state.synced_lsn == 6);
    rig.close();
}

#[test]
fn a_panic_in_a_thread_is_a_fault_and_close_still_ends() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.writes.push_back(Answer::Panic));
    rig.append("abc");
    rig.log.flush(true);
    rig.until("dead", |state| state.fault().0 == Fault::Dead);
    rig.append("def");
    rig.log.flush(true);
    rig.close();
}

#[test]
fn the_next_file_gets_nothing_until_the_old_one_is_synced_closed_and_the_order_is_given() {
    let mut rig = Rig::new();
    let next = FakeFile::default();
    rig.file.set(|disk| disk.is_sync_frozen = true);
    rig.append("old");
    rig.log.set_next(next.clone(), 0, session());
    assert_eq!(rig.log.switch_to_next(), Some(()));
    rig.append("new");
    rig.log.flush(true);
    rig.until("syncing", |state| state.sync.started.is_some());
    assert_eq!(rig.log.resume_target(), None);
    assert_eq!(rig.log.shared().lock().synced_lsn, 0);
    rig.file.set(|disk| disk.is_sync_frozen = false);
    rig.until("held", |state| state.stage == Stage::Held);
    assert!(rig.file.disk().is_closed);
    assert_eq!(rig.log.shared().lock().synced_lsn, 3);
    assert_eq!(next.disk().bytes, b"");
    assert_eq!(rig.log.resume_target(), Some(()));
    rig.until("synced", |state| state.synced_lsn == 6);
    assert_eq!((rig.text().as_str(), &*next.disk().bytes), ("old", &b"new"[..]));
    assert_eq!(rig.log.shared().lock().target.synced_offset, 3);
    rig.close();
    assert!(next.disk().is_closed);
}

#[test]
fn close_writes_and_syncs_what_was_handed_over_and_drops_what_was_not() {
    let mut rig = Rig::new();
    rig.file.set(|disk| disk.is_write_frozen = true);
    rig.append("flushed");
    rig.log.flush(true);
    rig.append("not");
    let file = rig.file.clone();
    let thaw = std::thread::spawn(move || file.set(|disk| disk.is_write_frozen = false));
    let file = rig.close();
    assert!(thaw.join().is_ok());
    let disk = file.disk();
    assert_eq!((&*disk.bytes, disk.synced, disk.is_closed), (&b"flushed"[..], 7, true));
}

#[test]
fn the_last_effort_waits_only_so_long_for_a_write_that_hangs_and_then_writes_nothing_behind_it() {
    let mut rig = Rig::new();
    rig.append("a");
    // The writer may have been faster.
    assert!(rig.log.write_out_sync(Duration::from_secs(5)) <= 1);
    assert_eq!(rig.text(), "a");
    rig.file.set(|disk| disk.is_write_frozen = true);
    rig.append("b");
    rig.log.flush(false);
    rig.until("writing", |state| state.is_write_under_way);
    rig.append("c");
    assert_eq!(rig.log.write_out_sync(Duration::from_millis(20)), 0);
    rig.file.set(|disk| disk.is_write_frozen = false);
    rig.until("written", |state| state.written_lsn == 3);
    assert_eq!(rig.text(), "abc");
    rig.close();
}

#[test]
fn a_sync_that_was_asked_for_follows_the_last_effort_too() {
    for _ in 0..200 {
        let mut rig = Rig::new();
        rig.log.set_retain(false);
        rig.file.set(|disk| disk.writes.push_back(Answer::Fail(ENOSPC)));
        rig.append("abc");
        rig.log.flush(true);
        rig.until("faulty", |state| state.fault().0 == Fault::Write);
        rig.file
            .set(|disk| disk.writes.extend([Answer::Take(1), Answer::Take(1)]));
        assert_eq!(rig.log.write_out_sync(Duration::from_secs(5)), 3);
        rig.until("synced", |state| state.synced_lsn == 3);
        rig.close();
    }
}

#[test]
fn a_cut_moves_both_offsets_and_has_to_be_synced() {
    let mut rig = Rig::new();
    rig.append("abcdef");
    rig.log.flush(true);
    rig.until("synced", |state| state.synced_lsn == 6);
    assert!(rig.log.begin_truncate(7).is_err());
    assert_eq!(rig.log.begin_truncate(4), Ok(()));
    assert_eq!(block_log::cut_file(rig.log.shared(), 4), Ok(()));
    rig.log.flush(true);
    rig.until("synced", |state| !state.is_syncing() && !state.is_cut);
    {
        let state = rig.log.shared().lock();
        assert_eq!(
            (
                state.target.written_offset,
                state.target.synced_offset,
                state.synced_lsn
            ),
            (4, 4, 6)
        );
    }
    let file = rig.close();
    let disk = file.disk();
    assert_eq!((&*disk.bytes, disk.sync_calls), (&b"abcd"[..], 2));
}

#[test]
fn a_mark_is_refused_before_everything_is_synced() {
    let mut rig = Rig::new();
    rig.append("abc");
    assert!(rig.log.mark(Flag::Idle).is_err());
    rig.log.flush(true);
    rig.until("synced", |state| state.synced_lsn == 3);
    assert!(rig.log.mark(Flag::Idle).is_ok());
    rig.close();
}
