//! Random work with random faults: watermarks never say more than is durable, nothing hangs, and every fault is a state that
//! the log gets out of, or keeps.

use everysec_core::error::{Errno, EINTR, EIO};
use everysec_core::fs::sim::{Answer, FaultPlan, Random};
use everysec_core::log_state::{Fault, Stage};

use crate::crash_checker::CrashChecker;
use crate::crash_states::{in_order, with_holes};
use crate::rig::{LogShape, Rig};
use crate::seeds::{for_seeds, sized};
use crate::workload::Workload;

/// In most moments the least that a crash leaves is all that is looked at.
fn least() -> CrashChecker {
    CrashChecker::new(with_holes(), 0)
}

#[test]
fn watermarks_never_lie_and_nothing_hangs_whatever_fails() {
    for_seeds(50, 500, |seed| {
        let mut random = Random::new(!seed);
        let shape = LogShape {
            annotated: random.percent(80),
            retain: random.percent(80),
        };
        let mut rig = Rig::open(shape, least());
        if !shape.annotated {
            rig.checker.detail = in_order();
        }
        let per_mille = 20 * random.below(4);
        let answers = [
            Answer::Fail(EIO),
            Answer::Fail(Errno(libc::ENOSPC)),
            Answer::Fail(EINTR),
            Answer::Take(1),
            Answer::Take(100),
        ];
        rig.disk.set_faults(FaultPlan::at_random(seed, per_mille, answers));
        let mut workload = Workload::new(seed, 3 * random.below(6));
        workload.can_switch = random.percent(50);
        for step in 0..200 {
            workload.step(&mut rig);
            if step % 25 == 24 {
                rig.checker.states_max = sized(20, 100) as usize;
                rig.look();
                rig.checker.states_max = 0;
            }
        }
        end_well(rig);
    });
}

/// The faults are over: what can go on goes on, to the end of the log.
fn end_well(mut rig: Rig) {
    rig.disk.set_faults(FaultPlan::default());
    if rig.stream.is_in_unit() {
        rig.end_unit();
    }
    rig.flush(true);
    rig.drain();
    let mut is_lost = false;
    while rig.fault().0 != Fault::None && !is_lost {
        if rig.fault().0 == Fault::Write {
            rig.log.resume();
            rig.drain();
        } else if rig.ask(|state| state.stage) != Stage::None {
            is_lost = true;
        } else {
            is_lost = rig.roll().is_err();
            assert!(!is_lost || !rig.shape.retain, "a log that retains can always be rolled");
        }
    }
    if !is_lost && rig.ask(|state| state.stage) != Stage::None {
        assert!(rig.end_switch(), "{}", rig.describe());
    }
    rig.flush(true);
    rig.drain();
    let lsn = rig.stream.lsn();
    if !is_lost {
        assert_eq!(rig.acked, lsn, "{}", rig.describe());
    }
    let closed = rig.close();
    let recovered = closed.recovered().lsn;
    assert!(recovered >= closed.stream.floor(closed.acked) && (is_lost || recovered == lsn));
}
