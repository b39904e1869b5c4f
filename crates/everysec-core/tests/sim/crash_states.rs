//! A crash at each step of a log: every state that the disk may be left in is recovered, and holds what was reported as
//! synced, a prefix of what was appended, nothing else, and whole units.

use everysec_core::block_format::Flag;
use everysec_core::fs::sim::{Answer, CallKind, CrashDetail, Random};

use everysec_core::log_state::Stage;

use crate::crash_checker::{distinct_images, CrashChecker};
use crate::rig::{Closed, LogShape, Rig};
use crate::seeds::{for_seeds, sized};
use crate::workload::Workload;

pub const ANNOTATED: LogShape = LogShape {
    annotated: true,
    retain: true,
};

/// Any write may be missing while later ones are there.
pub fn with_holes() -> CrashDetail {
    CrashDetail {
        tears_max: sized(4, 24) as usize,
        product_max: sized(60, 600) as usize,
        has_holes: true,
    }
}

/// Nothing behind a hole: where nothing tells bytes from others, damage is all that a hole can be taken for.
pub fn in_order() -> CrashDetail {
    CrashDetail {
        has_holes: false,
        ..with_holes()
    }
}

pub fn all_states(detail: CrashDetail) -> CrashChecker {
    CrashChecker::new(detail, sized(400, 100_000) as usize)
}

fn tell(what: &str) {
    println!("{what}: {} distinct images recovered", distinct_images());
}

/// Ends what is open, and syncs all.
fn end_work(rig: &mut Rig) {
    if rig.stream.is_in_unit() {
        rig.end_unit();
    }
    rig.sync();
    if rig.ask(|state| state.stage) != Stage::None {
        assert!(rig.end_switch(), "{}", rig.describe());
        rig.sync();
    }
}

/// Ends a log as a program does, and looks at that too.
fn close_cleanly(mut rig: Rig) -> Closed {
    end_work(&mut rig);
    assert_eq!(rig.log.mark(Flag::CleanClose), Ok(()), "{}", rig.describe());
    rig.sync();
    let lsn = rig.stream.lsn();
    let closed = rig.close();
    assert_eq!((closed.acked, closed.recovered().lsn), (lsn, lsn));
    closed
}

#[test]
fn a_crash_at_any_step_leaves_a_prefix_with_all_that_was_synced() {
    for_seeds(8, 150, |seed| {
        let mut rig = Rig::open(ANNOTATED, all_states(with_holes()));
        let mut workload = Workload::new(seed, 0);
        for _ in 0..sized(60, 160) {
            workload.step(&mut rig);
        }
        close_cleanly(rig);
    });
    tell("annotated");
}

#[test]
fn a_log_without_annotations_keeps_what_was_synced_where_pages_keep_their_order() {
    for_seeds(8, 60, |seed| {
        let shape = LogShape {
            annotated: false,
            retain: seed.is_multiple_of(2),
        };
        let mut rig = Rig::open(shape, all_states(in_order()));
        let mut workload = Workload::new(seed, 0);
        for _ in 0..sized(60, 160) {
            workload.step(&mut rig);
        }
        end_work(&mut rig);
        let lsn = rig.stream.lsn();
        assert_eq!(rig.close().recovered().lsn, lsn);
    });
    tell("plain");
}

#[test]
fn annotations_that_are_switched_off_and_on_again_keep_what_was_synced() {
    for_seeds(6, 40, |seed| {
        let mut rig = Rig::open(ANNOTATED, all_states(in_order()));
        let mut workload = Workload::new(seed, 0);
        let mut is_annotated = true;
        for step in 0..sized(60, 160) {
            if step % 20 == 19 {
                is_annotated = !is_annotated;
                rig.flush(false);
                rig.log.buffer().set_annotated(is_annotated);
            }
            workload.step(&mut rig);
        }
        rig.drain();
        rig.close();
    });
    tell("switched");
}

#[test]
fn a_unit_of_many_blocks_is_there_whole_or_not_at_all() {
    for_seeds(1, 4, |seed| {
        let mut checker = all_states(CrashDetail {
            tears_max: sized(3, 16) as usize,
            ..with_holes()
        });
        checker.states_max = sized(20, 200) as usize;
        let mut rig = Rig::open(ANNOTATED, checker);
        let mut workload = Workload::new(seed, 0);
        workload.append(&mut rig);
        rig.sync();
        workload.append(&mut rig);
        rig.begin_unit();
        for part in 0..sized(2, 4) {
            workload.append(&mut rig);
            workload.append_huge(&mut rig);
            rig.flush(part % 2 == 1);
            rig.let_go(CallKind::Write, Some(Answer::Take(100_000)));
            rig.drain();
        }
        rig.end_unit();
        workload.append(&mut rig);
        rig.sync();
        close_cleanly(rig);
    });
    tell("huge");
}

#[test]
fn what_a_crash_left_is_recovered_appended_to_and_recovered_again() {
    for_seeds(6, 60, |seed| {
        let mut random = Random::new(seed);
        let mut checker = all_states(with_holes());
        checker.states_max = sized(40, 400) as usize;
        let mut rig = Rig::open(ANNOTATED, checker);
        let mut workload = Workload::new(seed, 0);
        for _ in 0..sized(4, 12) {
            for _ in 0..sized(25, 60) {
                workload.step(&mut rig);
            }
            let images = rig.disk.crash_states(with_holes());
            let image = &images[random.below(images.len() as u64) as usize];
            let floor = rig.stream.floor(rig.acked);
            let closed = if random.percent(50) {
                rig.drain();
                rig.close()
            } else {
                // What runs on behind a clean close may be torn as anything else.
                let closed = close_cleanly(rig);
                let image = closed.disk.durable();
                let again = closed
                    .reopen(&image)
                    .unwrap_or_else(|| panic!("a clean close leaves a whole file"));
                rig = again;
                continue;
            };
            let Some(again) = closed.reopen(image) else { return };
            rig = again;
            assert!(rig.stream.lsn() >= floor);
        }
        rig.drain();
        close_cleanly(rig);
    });
    tell("again");
}

#[test]
fn a_cut_keeps_what_stands_before_it_and_is_durable_once_it_is_synced() {
    for_seeds(4, 20, |seed| {
        let mut rig = Rig::open(ANNOTATED, all_states(with_holes()));
        let mut workload = Workload::new(seed, 0);
        for _ in 0..3 {
            workload.append(&mut rig);
            rig.sync();
        }
        let (offset, lsn) = rig.ask(|state| (state.target.written_offset, state.written_lsn));
        for is_synced in [true, false, true] {
            workload.append(&mut rig);
            rig.flush(is_synced);
            rig.drain();
        }
        rig.cut(offset, lsn);
        rig.sync();
        assert!(!rig.ask(|state| state.is_cut));
        let image = rig.disk.durable();
        let closed = rig.close();
        assert_eq!(closed.recovered().lsn, lsn);
        let mut rig = closed.reopen(&image).unwrap_or_else(|| panic!("the file is whole"));
        assert_eq!(rig.stream.lsn(), lsn);
        workload.append(&mut rig);
        rig.sync();
        close_cleanly(rig);
    });
    tell("cut");
}
