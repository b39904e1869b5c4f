//! Random steps of a log's owner and of its threads.

use everysec_core::block_format::Flag;
use everysec_core::error::{Errno, EINTR};
use everysec_core::fs::sim::{Answer, CallKind, Random};
use everysec_core::limits::BLOCK_BYTES;
use everysec_core::log_state::{Fault, Stage};

use crate::rig::Rig;
use crate::stream::set_record;

const WRITE_ERRORS: [Errno; 4] = [
    Errno(libc::ENOSPC),
    Errno(libc::EIO),
    Errno(libc::EDQUOT),
    Errno(libc::EFBIG),
];
const SYNC_ERRORS: [Errno; 3] = [Errno(libc::EIO), Errno(libc::ENOSPC), Errno(libc::EDQUOT)];

pub struct Workload {
    pub random: Random,
    /// Of a hundred calls let go, so many fail.
    pub faults: u64,
    pub can_switch: bool,
    number: u64,
}

impl Workload {
    pub fn new(seed: u64, faults: u64) -> Workload {
        Workload {
            random: Random::new(seed),
            faults,
            can_switch: true,
            number: 0,
        }
    }

    pub fn step(&mut self, rig: &mut Rig) {
        match self.random.below(100) {
            0..=34 => self.append(rig),
            35..=41 => toggle_unit(rig),
            42..=43 => {
                // Never the one that is selected: a reader takes that for another server's hand.
                let selected = rig.stream.db_at(rig.stream.lsn());
                rig.select((selected + 1 + self.random.below(3) as u32) % 4);
            }
            44..=45 => {
                let line = format!("#TS:{}\r\n", 1_700_000_000 + self.number);
                rig.append(line.as_bytes());
                rig.log.buffer().tick(1_700_000_000 + self.number);
            }
            46..=57 => rig.flush(false),
            58..=65 => rig.flush(true),
            66..=79 => self.end_write(rig),
            80..=89 => self.end_sync(rig),
            90..=91 if !rig.stream.is_in_unit() => {
                // Refused where not everything is synced.
                let _ = rig.log.mark(Flag::Idle);
                rig.look();
            }
            92..=93 => self.switch(rig),
            94 => {
                let patience = std::time::Duration::from_millis(1);
                rig.log.write_out_sync(patience);
                rig.look();
            }
            95 => rig.drain(),
            _ => rig.look(),
        }
        self.heal(rig);
    }

    pub fn append(&mut self, rig: &mut Rig) {
        self.number += 1;
        let size = match self.random.below(50) {
            0..=2 => 3000 + self.random.below(6000),
            3..=20 => self.random.below(1500),
            _ => self.random.below(60),
        };
        let record = set_record(&mut self.random, self.number, size as usize);
        rig.append(&record);
    }

    /// A record that has a block of its own.
    pub fn append_huge(&mut self, rig: &mut Rig) {
        self.number += 1;
        let size = BLOCK_BYTES as u64 + self.random.below(3000);
        let record = set_record(&mut self.random, self.number, size as usize);
        rig.append(&record);
    }

    fn end_write(&mut self, rig: &mut Rig) {
        let answer = match self.random.below(100) {
            dice if dice < self.faults => {
                Answer::Fail(WRITE_ERRORS[self.random.below(WRITE_ERRORS.len() as u64) as usize])
            }
            dice if dice < self.faults + 3 => Answer::Fail(EINTR),
            dice if dice < self.faults + 25 => Answer::Take(1 + self.random.below(900) as usize),
            _ => Answer::Done,
        };
        rig.let_go(CallKind::Write, Some(answer));
    }

    fn end_sync(&mut self, rig: &mut Rig) {
        let answer = match self.random.below(100) {
            dice if dice < self.faults => {
                Answer::Fail(SYNC_ERRORS[self.random.below(SYNC_ERRORS.len() as u64) as usize])
            }
            dice if dice < self.faults + 3 => Answer::Fail(EINTR),
            _ => Answer::Done,
        };
        rig.let_go(CallKind::Sync, Some(answer));
    }

    fn switch(&mut self, rig: &mut Rig) {
        if rig.ask(|state| state.stage) != Stage::None {
            rig.end_switch();
        } else if self.can_switch && !rig.stream.is_in_unit() {
            rig.begin_switch();
        }
    }

    /// What a health watch does: writes that failed for want of room are tried again, or the file is given up.
    fn heal(&mut self, rig: &mut Rig) {
        rig.settle();
        match rig.fault().0 {
            Fault::None => {}
            _ if self.random.percent(40) => {}
            Fault::Write if self.random.percent(50) => {
                rig.log.resume();
                rig.look();
            }
            _ if rig.ask(|state| state.stage) != Stage::None => {
                // The old file of a change of files: the product fails then, or goes on when it was a write.
                if rig.fault().0 == Fault::Write {
                    rig.log.resume();
                    rig.look();
                }
            }
            _ => {
                let rolled = rig.roll();
                assert!(
                    rolled.is_ok() || !rig.shape.retain,
                    "a log that retains can always be rolled: {rolled:?}"
                );
            }
        }
    }
}

fn toggle_unit(rig: &mut Rig) {
    if rig.stream.is_in_unit() {
        rig.end_unit();
    } else {
        rig.begin_unit();
    }
}
