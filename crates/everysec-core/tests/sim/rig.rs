//! A log over the simulated disk whose writer and syncer take each step when the rig says so. After each step it looks at
//! what a crash would leave then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use everysec_core::block_format::Session;
use everysec_core::block_log::{self, BlockLog, LogOptions, LogThreads};
use everysec_core::error::{Errno, EINTR};
use everysec_core::fs::sim::{Answer, CallKind, Image, SimDisk, SimFile};
use everysec_core::fs::LogFile;
use everysec_core::log_state::{Fault, Stage, State};
use everysec_core::syncer;

use crate::crash_checker::{check_content, CrashChecker};
use crate::recovery::{recover, Recovered, Refusal};
use crate::segments::{parse_manifest, write_manifest, Segment, MANIFEST};
use crate::stream::{select_record, Stream};

/// A thread that has not moved for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// A step of a roll that is tried so often without success will not succeed.
const ATTEMPTS_MAX: u32 = 100;

#[derive(Clone, Copy, Debug)]
pub struct LogShape {
    pub annotated: bool,
    pub retain: bool,
}

pub struct Rig {
    pub disk: SimDisk,
    pub log: BlockLog<SimFile>,
    threads: LogThreads,
    pub stream: Stream,
    pub checker: CrashChecker,
    pub segments: Vec<Segment>,
    names: u32,
    /// What waiters were told; stands still while a roll's new file has no name.
    pub acked: u64,
    is_ack_held: bool,
    /// What was cut off from here on was given up.
    cut_lsn: u64,
    pub shape: LogShape,
}

impl Rig {
    pub fn open(shape: LogShape, checker: CrashChecker) -> Rig {
        let disk = SimDisk::default();
        let segment = Segment {
            name: "incr.0".to_string(),
            lsn: 0,
            content_lsn: 0,
            cut: None,
            is_named: true,
        };
        let made = disk.create(&segment.name).and_then(|_| disk.sync_directory());
        made.and_then(|()| write_manifest(&disk, "manifest.new", std::slice::from_ref(&segment), || {}))
            .unwrap_or_else(|errno| panic!("{errno}"));
        Rig::on(disk, vec![segment], Stream::default(), shape, checker)
    }

    /// The log that goes on with the last of `segments`, as long as the stream is.
    fn on(disk: SimDisk, segments: Vec<Segment>, stream: Stream, shape: LogShape, checker: CrashChecker) -> Rig {
        disk.shut_gate(true);
        let name = &segments[segments.len() - 1].name;
        let file = disk.open(name).unwrap_or_else(|errno| panic!("{name}: {errno}"));
        let position = file.size();
        let options = LogOptions {
            lsn: stream.lsn(),
            session: session(stream.lsn() as u32 ^ 0xa0a0),
            annotated: shape.annotated,
            retain_until_synced: shape.retain,
        };
        let waker = disk.clone();
        let notify = Box::new(move || waker.wake());
        let started = block_log::start(file, position, &options, notify);
        let (log, threads) = started.unwrap_or_else(|failure| panic!("{failure}"));
        Rig {
            disk,
            log,
            threads,
            acked: stream.lsn(),
            stream,
            checker,
            names: segments.len() as u32,
            segments,
            is_ack_held: false,
            cut_lsn: u64::MAX,
            shape,
        }
    }

    // ------------------------------------------------------------------------------------------------ appending

    pub fn append(&mut self, record: &[u8]) {
        self.log.buffer().append(record);
        self.stream.append(record);
    }

    pub fn select(&mut self, db: u32) {
        self.append(&select_record(db));
        self.log.buffer().select(db);
        self.stream.select(db);
    }

    pub fn begin_unit(&mut self) {
        self.log.buffer().set_in_unit(true);
        self.stream.set_in_unit(true);
        self.append(b"*1\r\n$5\r\nMULTI\r\n");
    }

    pub fn end_unit(&mut self) {
        self.append(b"*1\r\n$4\r\nEXEC\r\n");
        self.log.buffer().set_in_unit(false);
        self.stream.set_in_unit(false);
    }

    pub fn flush(&mut self, sync: bool) {
        self.log.flush(sync);
        self.look();
    }

    // ------------------------------------------------------------------------------------------- steps of the threads

    pub fn ask<T>(&self, question: impl FnOnce(&State<SimFile>) -> T) -> T {
        question(&self.log.shared().lock())
    }

    pub fn fault(&self) -> (Fault, i32) {
        self.ask(|state| state.fault())
    }

    /// Waits until each thread stands at the gate or has nothing to do.
    pub fn settle(&self) {
        let begin = Instant::now();
        loop {
            let (is_writing, is_syncing) = (
                self.disk.is_standing(CallKind::Write),
                self.disk.is_standing(CallKind::Sync),
            );
            let is_settled = self.ask(|state| {
                let can_write = state.can_write() && !state.is_held;
                let is_writer_at_rest = if is_writing {
                    state.is_write_under_way
                } else {
                    state.is_writer_gone || (!can_write && !state.is_write_under_way)
                };
                let is_syncer_at_rest = if is_syncing {
                    state.sync.started.is_some()
                } else {
                    state.is_syncer_gone || syncer::is_at_rest(state)
                };
                is_writer_at_rest && is_syncer_at_rest
            });
            if is_settled {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "a thread hangs: {}", self.describe());
            self.disk.wait_for_news();
        }
    }

    pub fn describe(&self) -> String {
        let standing =
            [CallKind::Write, CallKind::Sync].map(|kind| format!("{kind:?} stands: {}", self.disk.is_standing(kind)));
        self.ask(|state| {
            format!(
                "fault {:?}, stage {:?}, written {} synced {}, requests {:?}, rolling {}, held {}, {standing:?}",
                state.fault(),
                state.stage,
                state.written_lsn,
                state.synced_lsn,
                state.sync_requests,
                state.is_rolling,
                state.is_held
            )
        })
    }

    /// The call of this kind that stands at the gate ends, so.
    pub fn let_go(&mut self, kind: CallKind, answer: Option<Answer>) -> bool {
        self.settle();
        let before = self.ask(|state| (state.fault().0, state.synced_lsn));
        if !self.disk.let_go(kind, answer) {
            return false;
        }
        self.look();
        if let Some(Answer::Fail(errno)) = answer.filter(|_| before.0 == Fault::None) {
            self.check_fault(kind, errno);
        }
        true
    }

    /// An error is a state, and raises no watermark.
    fn check_fault(&self, kind: CallKind, errno: Errno) {
        let expected = match kind {
            _ if errno == EINTR => (Fault::None, 0),
            CallKind::Sync => (Fault::Sync, errno.0),
            _ => (Fault::Write, errno.0),
        };
        assert_eq!(self.fault(), expected, "after {errno} of {kind:?}");
    }

    /// Looks at what a crash would leave now.
    pub fn look(&mut self) {
        self.settle();
        let (written, synced) = self.ask(|state| (state.written_lsn, state.synced_lsn));
        assert_eq!(
            self.disk.calls_after_failed_sync(),
            0,
            "calls on a file that has lost pages"
        );
        let appended = self.log.buffer().appended_lsn();
        assert_eq!(appended, self.stream.lsn(), "appended");
        assert!(written <= appended && synced <= appended, "{}", self.describe());
        if !self.is_ack_held {
            assert!(synced >= self.acked, "synced has fallen: {}", self.describe());
            self.acked = synced;
        }
        self.checker
            .check(&self.disk, &self.stream, self.acked.min(self.cut_lsn));
    }

    /// Cuts the file at `offset`, where `lsn` is.
    pub fn cut(&mut self, offset: u64, lsn: u64) {
        self.settle();
        self.cut_lsn = lsn;
        assert_eq!(self.log.begin_truncate(offset), Ok(()));
        assert!(block_log::cut_file(self.log.shared(), offset).is_ok());
        self.look();
    }

    /// Lets the threads go until they have nothing to do or a fault stops them.
    pub fn drain(&mut self) {
        self.settle();
        while self.let_go(CallKind::Write, None) || self.let_go(CallKind::Sync, None) {}
    }

    pub fn sync(&mut self) {
        self.flush(true);
        self.drain();
    }

    // ---------------------------------------------------------------------------------------------------- files

    fn next_name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}.{}", self.names)
    }

    /// A new file whose entry is durable; one that cannot be made costs a name.
    fn create_segment(&mut self) -> (String, SimFile) {
        for _ in 0..ATTEMPTS_MAX {
            let name = self.next_name("incr");
            let made = self.disk.create(&name);
            self.look();
            let Ok(file) = made else { continue };
            let synced = self.disk.sync_directory();
            self.look();
            if synced.is_ok() {
                return (name, file);
            }
        }
        panic!("no segment can be made");
    }

    fn name_segments(&mut self, segments: &[Segment]) {
        for _ in 0..ATTEMPTS_MAX {
            let temporary = self.next_name("manifest");
            let (disk, checker) = (&self.disk, &mut self.checker);
            let look = || checker.check(disk, &self.stream, self.acked);
            if write_manifest(&self.disk, &temporary, segments, look).is_ok() {
                return;
            }
        }
        panic!("the manifest cannot be written");
    }

    /// After a fault: goes on in a new file, as often as it takes, until all counts again and the old files are cut.
    /// Err: the log cannot be rolled.
    pub fn roll(&mut self) -> Result<(), &'static str> {
        let first = self.segments.len() - 1;
        let mut attempts = 0;
        while !self.take_over()? {
            attempts += 1;
            assert!(attempts < ATTEMPTS_MAX, "no file takes over: {}", self.describe());
        }
        let last = self.segments.len() - 1;
        let is_counting = |segment: &Segment| segment.is_named || segment.cut != Some(0);
        let mut at = 0;
        self.segments.retain(|segment| {
            at += 1;
            at > last || is_counting(segment)
        });
        let counting = self.segments.clone();
        self.name_segments(&counting);
        for segment in &mut self.segments {
            segment.is_named = true;
        }
        self.is_ack_held = false;
        self.look();
        for at in first..self.segments.len() - 1 {
            self.finish_cut(at);
        }
        Ok(())
    }

    /// One attempt on a fresh file. False: that one failed too.
    fn take_over(&mut self) -> Result<bool, &'static str> {
        let (name, file) = self.create_segment();
        self.log.begin_roll();
        // What is under way on the old file ends, however it ends.
        self.drain();
        block_log::wait_until_quiet(self.log.shared());
        let session = session(self.names);
        let (cut, old) = self.log.take_over(file, session)?;
        self.is_ack_held = true;
        let old = old.unwrap_or_else(|| panic!("the old file is held by nobody else"));
        let _ = old.close();
        let at = self.segments.len() - 1;
        let given_up = &mut self.segments[at];
        let is_empty = !given_up.is_named && cut.lsn <= given_up.content_lsn;
        given_up.cut = Some(if is_empty { 0 } else { cut.offset });
        self.segments.push(Segment {
            name,
            lsn: cut.file_lsn,
            content_lsn: cut.lsn,
            cut: None,
            is_named: false,
        });
        self.look();
        self.drain();
        let is_whole = self.fault().0 == Fault::None;
        assert!(
            !is_whole || self.ask(|state| state.synced_total == state.queued_total),
            "nothing is synced and nothing is wrong: {}",
            self.describe()
        );
        Ok(is_whole)
    }

    /// Cuts a file that was given up to where it counts, and takes the cut from the manifest.
    fn finish_cut(&mut self, at: usize) {
        let Some(cut) = self.segments[at].cut else { return };
        let Ok(file) = self.disk.open(&self.segments[at].name) else {
            return;
        };
        let truncated = file.truncate(cut);
        self.look();
        let synced = truncated.and_then(|()| file.datasync());
        self.look();
        // Never again on this file: the cut stays in the manifest, until the next start.
        if synced.is_ok() {
            self.segments[at].cut = None;
            let segments = self.segments.clone();
            self.name_segments(&segments);
            self.look();
        }
    }

    /// The change of files at a cut of a rewrite, first half: what comes next goes to another file.
    pub fn begin_switch(&mut self) {
        let (name, file) = self.create_segment();
        self.log.set_next(file, 0, session(self.names));
        assert_eq!(self.log.switch_to_next(), Some(()), "{}", self.describe());
        // Records of the new file begin in database 0.
        let lsn = self.stream.lsn();
        self.segments.push(Segment {
            name,
            lsn,
            content_lsn: lsn,
            cut: None,
            is_named: false,
        });
        self.stream.select(0);
        self.look();
    }

    /// Second half, when the old file is synced and closed. False: it is not.
    pub fn end_switch(&mut self) -> bool {
        self.settle();
        if self.ask(|state| state.stage) != Stage::Held {
            assert_eq!(self.log.resume_target(), None);
            return false;
        }
        let segments = self.segments.clone();
        self.name_segments(&segments);
        let at = self.segments.len() - 1;
        self.segments[at].is_named = true;
        assert_eq!(self.log.resume_target(), Some(()), "{}", self.describe());
        self.look();
        true
    }

    // ------------------------------------------------------------------------------------------------------ ends

    /// Ends the threads and closes the file, with the gate open.
    pub fn close(self) -> Closed {
        let shared = Arc::clone(self.log.shared());
        drop(self.log);
        self.disk.shut_gate(false);
        let begin = Instant::now();
        let (done, threads) = (shared.clone(), self.threads);
        let closing = std::thread::spawn(move || block_log::finish_close(&done, threads));
        while !closing.is_finished() {
            assert!(begin.elapsed() < PATIENCE, "close() hangs");
            self.disk.wait_for_news();
        }
        assert!(closing.join().is_ok(), "close() panics");
        let acked = if self.is_ack_held {
            self.acked
        } else {
            shared.lock().synced_lsn.min(self.cut_lsn)
        };
        let mut closed = Closed {
            disk: self.disk,
            stream: self.stream,
            shape: self.shape,
            names: self.names,
            checker: self.checker,
            acked,
        };
        closed.checker.check(&closed.disk, &closed.stream, acked);
        closed
    }
}

/// What is left of a log that was closed.
pub struct Closed {
    pub disk: SimDisk,
    pub stream: Stream,
    shape: LogShape,
    names: u32,
    pub checker: CrashChecker,
    pub acked: u64,
}

impl Closed {
    pub fn recovered(&self) -> Recovered {
        let recovered = recover(&self.disk.durable()).unwrap_or_else(|text| panic!("{text}"));
        check_content(&recovered, &self.stream);
        recovered
    }

    /// The start after a crash that left `image`: cuts, opens, goes on. None: it is refused, because nothing tells what the
    /// last file was.
    pub fn reopen(mut self, image: &Image) -> Option<Rig> {
        let recovered = match recover(image) {
            Ok(recovered) => recovered,
            Err(Refusal::Unknown(_)) => return None,
            Err(refusal) => panic!("{refusal}"),
        };
        check_content(&recovered, &self.stream);
        let mut image = image.clone();
        let kept = image
            .file(&recovered.last)
            .map(|bytes| bytes[..recovered.size as usize].to_vec());
        image.set_file(&recovered.last, kept.unwrap_or_default());
        self.stream.cut(recovered.lsn);
        self.checker.forget();
        // The new session begins in database 0.
        self.stream.select(0);
        let manifest = image.file(MANIFEST).map(parse_manifest);
        let segments = manifest.unwrap_or_else(|| panic!("no manifest"));
        let segments = segments.unwrap_or_else(|text| panic!("{text}"));
        let mut rig = Rig::on(
            SimDisk::of_image(&image),
            segments,
            self.stream,
            self.shape,
            self.checker,
        );
        rig.names = self.names;
        rig.look();
        Some(rig)
    }
}

fn session(number: u32) -> Session {
    let digits = format!("{number:08x}");
    Session::parse(&digits).unwrap_or_else(|| panic!("{digits} is a session id"))
}
