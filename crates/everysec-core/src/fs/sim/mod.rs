//! A disk in memory that knows what is durable, for tests: what the processes see (live) and what a crash may leave.
//!
//! A file is its durable bytes and the changes since (writes, cuts), each of which a crash keeps, drops or keeps in part. An
//! fdatasync makes those durable that had returned when it was issued. One that fails does what kernels do: it gives the
//! changes up, so that the next one reports success and covers only what came later. Directory entries are journalled: a
//! crash keeps a beginning of what happened since the directory was last synced.
//!
//! Calls fail by their number or at random (faults.rs). With the gate shut, a write or fdatasync of another thread than the
//! one that made the disk stands still until that one lets it go, with an answer of its choice: a stall, and the way in which
//! a test has two threads take exactly the order that its seed tells.

mod crash_states;
mod directory;
mod faults;
mod inode;
mod random;

use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use self::directory::{Directory, EntryChange};
use self::inode::{Change, Inode};
use super::{LogFile, ReadFile};
use crate::error::Errno;

pub use self::crash_states::{CrashDetail, Image};
pub use self::faults::{Answer, CallKind, Fault, FaultPlan};
pub use self::random::Random;

const ENOENT: Errno = Errno(libc::ENOENT);

#[derive(Default)]
struct Disk {
    inodes: Vec<Inode>,
    directory: Directory,
    plan: FaultPlan,
    is_gate_shut: bool,
    standing: Vec<Standing>,
    calls_begun: u64,
    calls_after_failed_sync: u64,
}

/// A call that stands at the gate.
struct Standing {
    call: u64,
    kind: CallKind,
    /// Some: it may go on, and this is its answer; None in it: what the plan says.
    order: Option<Option<Answer>>,
}

/// A handle; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    disk: Arc<(Mutex<Disk>, Condvar)>,
    driver: ThreadId,
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk {
            disk: Arc::default(),
            driver: std::thread::current().id(),
        }
    }
}

impl SimDisk {
    /// The disk after a crash that left `image`.
    pub fn of_image(image: &Image) -> SimDisk {
        let sim = SimDisk::default();
        {
            let mut disk = sim.lock();
            for (name, bytes) in image.files() {
                let inode = disk.inodes.len();
                disk.inodes.push(Inode::of_durable(bytes.to_vec()));
                disk.directory.add_durable(name, inode);
            }
        }
        sim
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ------------------------------------------------------------------------------------------------- the calls

    /// A new empty file; its entry is not durable on return. Replaces one of that name.
    pub fn create(&self, name: &str) -> Result<SimFile, Errno> {
        let mut disk = self.lock();
        disk.ask(CallKind::Create)?;
        let inode = disk.inodes.len();
        disk.inodes.push(Inode::default());
        disk.directory.change(EntryChange::put(name, inode));
        Ok(self.file(inode))
    }

    pub fn open(&self, name: &str) -> Result<SimFile, Errno> {
        let inode = self.lock().directory.live(name).ok_or(ENOENT)?;
        Ok(self.file(inode))
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        let mut disk = self.lock();
        disk.ask(CallKind::Rename)?;
        let inode = disk.directory.live(from).ok_or(ENOENT)?;
        disk.directory.change(EntryChange {
            gone: Some(from.to_string()),
            ..EntryChange::put(to, inode)
        });
        Ok(())
    }

    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        let mut disk = self.lock();
        disk.ask(CallKind::Remove)?;
        disk.directory.live(name).ok_or(ENOENT)?;
        disk.directory.change(EntryChange {
            gone: Some(name.to_string()),
            put: None,
        });
        Ok(())
    }

    /// On return: entries that were made, replaced or removed before are durably so.
    pub fn sync_directory(&self) -> Result<(), Errno> {
        let mut disk = self.lock();
        let answer = disk.ask(CallKind::SyncDirectory);
        disk.directory.end_sync(answer.is_ok());
        answer
    }

    fn file(&self, inode: usize) -> SimFile {
        SimFile {
            sim: self.clone(),
            inode,
        }
    }

    // ------------------------------------------------------------------------------------------------ the test's

    pub fn set_faults(&self, plan: FaultPlan) {
        self.lock().plan = plan;
    }

    /// Calls that were answered since the plan was set, and how many of them it made fail or fall short.
    pub fn answered(&self) -> (u64, u64) {
        let disk = self.lock();
        (disk.plan.calls(), disk.plan.met())
    }

    /// Writes and fdatasyncs that other threads than the driver's began on a file whose fdatasync had failed.
    pub fn calls_after_failed_sync(&self) -> u64 {
        self.lock().calls_after_failed_sync
    }

    /// Opened: who stands there goes on, as the plan says.
    pub fn shut_gate(&self, is_shut: bool) {
        let mut disk = self.lock();
        disk.is_gate_shut = is_shut;
        if !is_shut {
            for call in &mut disk.standing {
                call.order = call.order.or(Some(None));
            }
        }
        self.disk.1.notify_all();
    }

    /// Whether a call of this kind stands at the gate, without an order to go on.
    pub fn is_standing(&self, kind: CallKind) -> bool {
        let disk = self.lock();
        disk.standing
            .iter()
            .any(|call| call.kind == kind && call.order.is_none())
    }

    /// Lets the call of this kind go on that stands at the gate; None: as the plan says. False: there is none.
    pub fn let_go(&self, kind: CallKind, answer: Option<Answer>) -> bool {
        let mut disk = self.lock();
        let standing = disk
            .standing
            .iter_mut()
            .find(|call| call.kind == kind && call.order.is_none());
        let Some(call) = standing else { return false };
        call.order = Some(answer);
        self.disk.1.notify_all();
        true
    }

    /// For who waits in wait_for_news().
    pub fn wake(&self) {
        self.disk.1.notify_all();
    }

    /// Until something happened, or a moment has passed.
    pub fn wait_for_news(&self) {
        let moment = Duration::from_micros(200);
        drop(self.disk.1.wait_timeout(self.lock(), moment));
    }

    /// What a process sees now.
    pub fn live(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.lock();
        disk.directory.live(name).map(|inode| disk.inodes[inode].live.clone())
    }

    /// What a crash at this moment may leave, each image once.
    pub fn crash_states(&self, detail: CrashDetail) -> Vec<Image> {
        let disk = self.lock();
        crash_states::crash_states(&disk.directory, &disk.inodes, detail)
    }

    /// The least that a crash leaves: nothing that no sync has covered.
    pub fn durable(&self) -> Image {
        let disk = self.lock();
        crash_states::durable(&disk.directory, &disk.inodes)
    }

    /// Stands at the gate if it is shut, then asks for the answer.
    fn pass(&self, kind: CallKind, inode: usize) -> (MutexGuard<'_, Disk>, Answer) {
        let mut disk = self.lock();
        let is_driver = std::thread::current().id() == self.driver;
        if !is_driver && disk.inodes[inode].has_sync_failed {
            disk.calls_after_failed_sync += 1;
        }
        if !disk.is_gate_shut || is_driver {
            let answer = disk.plan.answer(kind);
            return (disk, answer);
        }
        let call = disk.calls_begun;
        disk.calls_begun += 1;
        disk.standing.push(Standing {
            call,
            kind,
            order: None,
        });
        self.disk.1.notify_all();
        loop {
            let position = disk.standing.iter().position(|standing| standing.call == call);
            let order = position.and_then(|at| disk.standing[at].order.map(|order| (at, order)));
            if let Some((at, order)) = order {
                disk.standing.remove(at);
                let planned = disk.plan.answer(kind);
                return (disk, order.unwrap_or(planned));
            }
            disk = self.disk.1.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Disk {
    fn ask(&mut self, kind: CallKind) -> Result<(), Errno> {
        match self.plan.answer(kind) {
            Answer::Fail(errno) => Err(errno),
            Answer::Done | Answer::Take(_) => Ok(()),
        }
    }
}

/// An open file; stays what it is when its name goes.
pub struct SimFile {
    sim: SimDisk,
    inode: usize,
}

impl SimFile {
    pub fn size(&self) -> u64 {
        self.sim.lock().inodes[self.inode].live.len() as u64
    }
}

impl LogFile for SimFile {
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let (mut disk, answer) = self.sim.pass(CallKind::Write, self.inode);
        match answer {
            Answer::Fail(errno) => return Err(errno),
            Answer::Take(count) => bytes.truncate(count),
            Answer::Done => {}
        }
        let taken = bytes.len();
        let inode = &mut disk.inodes[self.inode];
        let offset = inode.live.len();
        if taken > 0 {
            inode.change(Change::Write { offset, bytes });
        }
        Ok(taken)
    }

    fn datasync(&self) -> Result<(), Errno> {
        let issued = self.sim.lock().inodes[self.inode].changes();
        let (mut disk, answer) = self.sim.pass(CallKind::Sync, self.inode);
        let inode = &mut disk.inodes[self.inode];
        match answer {
            // Nothing was given up: a signal came before the disk was asked.
            Answer::Fail(crate::error::EINTR) => Err(crate::error::EINTR),
            Answer::Fail(errno) => {
                inode.end_sync(issued, false);
                Err(errno)
            }
            Answer::Done | Answer::Take(_) => {
                inode.end_sync(issued, true);
                Ok(())
            }
        }
    }

    fn truncate(&self, size: u64) -> Result<(), Errno> {
        let mut disk = self.sim.lock();
        disk.ask(CallKind::Truncate)?;
        disk.inodes[self.inode].change(Change::Truncate { size: size as usize });
        Ok(())
    }

    fn close(self) -> Result<(), Errno> {
        self.sim.lock().ask(CallKind::Close)
    }
}

impl ReadFile for SimFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let mut disk = self.sim.lock();
        let most = match disk.plan.answer(CallKind::Read) {
            Answer::Fail(errno) => return Err(errno),
            Answer::Take(count) => count.min(into.len()),
            Answer::Done => into.len(),
        };
        let live = &disk.inodes[self.inode].live;
        let from = (offset as usize).min(live.len());
        let bytes = &live[from..(from + most).min(live.len())];
        into[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}
