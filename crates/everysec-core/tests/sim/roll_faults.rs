//! A roll whose every call fails once, and a crash at each of its steps.

use everysec_core::fs::sim::{Answer, CallKind, Fault, FaultPlan};

use crate::crash_checker::{distinct_images, CrashChecker};
use crate::crash_states::{with_holes, ANNOTATED};
use crate::rig::Rig;
use crate::seeds::{for_seeds, sized};
use crate::workload::Workload;

const EIO: everysec_core::error::Errno = everysec_core::error::EIO;
const ENOSPC: everysec_core::error::Errno = everysec_core::error::Errno(libc::ENOSPC);

/// A log with synced blocks, written ones, a queue, and half a unit; its file has failed.
fn faulty(seed: u64, is_sync_fault: bool, states_max: usize) -> (Rig, Workload) {
    let checker = CrashChecker::new(with_holes(), states_max);
    let mut rig = Rig::open(ANNOTATED, checker);
    let mut workload = Workload::new(seed, 0);
    rig.select((seed % 4) as u32);
    workload.append(&mut rig);
    rig.sync();
    workload.append(&mut rig);
    if seed.is_multiple_of(3) {
        rig.begin_unit();
        workload.append(&mut rig);
        rig.sync();
        rig.flush(false);
    }
    workload.append(&mut rig);
    rig.flush(true);
    if is_sync_fault {
        rig.let_go(CallKind::Write, None);
        rig.let_go(CallKind::Sync, Some(Answer::Fail(EIO)));
    } else {
        rig.let_go(CallKind::Write, Some(Answer::Take(30)));
        rig.let_go(CallKind::Write, Some(Answer::Fail(ENOSPC)));
    }
    workload.append(&mut rig);
    rig.flush(false);
    (rig, workload)
}

fn go_on(mut rig: Rig, mut workload: Workload) {
    workload.append(&mut rig);
    if rig.stream.is_in_unit() {
        rig.end_unit();
    }
    rig.sync();
    while rig.fault().0 != everysec_core::log_state::Fault::None {
        assert_eq!(rig.roll(), Ok(()));
    }
    let lsn = rig.stream.lsn();
    assert_eq!(rig.acked, lsn, "{}", rig.describe());
    let closed = rig.close();
    assert_eq!(closed.recovered().lsn, lsn);
}

#[test]
fn a_crash_at_any_step_of_a_roll_loses_nothing_and_doubles_nothing() {
    for_seeds(6, 24, |seed| {
        for is_sync_fault in [true, false] {
            let (mut rig, workload) = faulty(seed, is_sync_fault, sized(150, 100_000) as usize);
            assert_eq!(rig.roll(), Ok(()));
            go_on(rig, workload);
        }
    });
    println!("roll: {} distinct images recovered", distinct_images());
}

#[test]
fn whichever_call_of_a_roll_fails_it_is_tried_again_and_nothing_is_lost() {
    for_seeds(2, 6, |seed| {
        for is_sync_fault in [true, false] {
            for errno in [EIO, ENOSPC] {
                let mut is_over = false;
                let mut call = 0;
                while !is_over {
                    let (mut rig, workload) = faulty(seed, is_sync_fault, sized(30, 2000) as usize);
                    rig.disk
                        .set_faults(FaultPlan::of([Fault::once(call, Answer::Fail(errno))]));
                    assert_eq!(rig.roll(), Ok(()), "call {call}");
                    while rig.fault().0 != everysec_core::log_state::Fault::None {
                        assert_eq!(rig.roll(), Ok(()), "call {call}");
                    }
                    is_over = rig.disk.answered().1 == 0;
                    go_on(rig, workload);
                    call += 1;
                }
                assert!(call > 15, "only {call} calls failed");
            }
        }
    });
    println!("roll that fails: {} distinct images recovered", distinct_images());
}
