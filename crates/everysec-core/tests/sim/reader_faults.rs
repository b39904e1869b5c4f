//! The reader over a file whose reads fail or fall short: an error is told as an error, with its place, and never taken for
//! the end of the file.

use everysec_core::command_reader::{CommandReader, FileSource};
use everysec_core::error::{Failure, EINTR, EIO};
use everysec_core::fs::sim::{Answer, CallKind, Fault, FaultPlan, Image, Random, SimDisk, SimFile};
use everysec_core::read_outcome::{ReadOutcome, Status};

use crate::crash_checker::CrashChecker;
use crate::crash_states::{with_holes, ANNOTATED};
use crate::recovery::{read_all, read_into};
use crate::rig::{LogShape, Rig};
use crate::seeds::{for_seeds, sized};
use crate::workload::Workload;

const NAME: &str = "incr.0";

/// The file of a log, and the same with a hole, with zeros at its end, and cut.
fn files(seed: u64, annotated: bool) -> Vec<(&'static str, Image)> {
    let shape = LogShape { annotated, ..ANNOTATED };
    let mut rig = Rig::open(shape, CrashChecker::new(with_holes(), 0));
    let mut workload = Workload::new(seed, 0);
    workload.can_switch = false;
    for _ in 0..120 {
        workload.step(&mut rig);
    }
    rig.sync();
    let whole = rig.close().disk.durable();
    let bytes = whole.file(NAME).map(<[u8]>::to_vec).unwrap_or_default();
    let mut random = Random::new(seed);
    let at = bytes.len() / 4 + random.below(bytes.len() as u64 / 4) as usize;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let (mut image, mut bytes) = (whole.clone(), bytes.clone());
        change(&mut bytes);
        image.set_file(NAME, bytes);
        image
    };
    vec![
        ("hole", changed(&|bytes| bytes[at..at + 512].fill(0))),
        ("zeros", changed(&|bytes| bytes[at..].fill(0))),
        ("cut", changed(&|bytes| bytes.truncate(at))),
        ("whole", whole.clone()),
    ]
}

fn reader(disk: &SimDisk, batch_bytes: usize) -> CommandReader<FileSource<SimFile>> {
    let file = disk.open(NAME).unwrap_or_else(|errno| panic!("{errno}"));
    let size = file.size();
    CommandReader::new(FileSource::new(file, NAME), size, batch_bytes, 0)
}

type Commands = Vec<(u64, Vec<u8>)>;

fn read(image: &Image, plan: FaultPlan, batch_bytes: usize) -> (Result<ReadOutcome, Failure>, Commands, u64) {
    let disk = SimDisk::of_image(image);
    disk.set_faults(plan);
    let mut commands = Vec::new();
    let result = read_into(reader(&disk, batch_bytes), &mut commands);
    (result, commands, disk.answered().1)
}

#[test]
fn whichever_read_fails_it_is_a_failure_with_its_place_and_not_the_end_of_the_file() {
    for_seeds(1, 10, |seed| {
        for (name, image) in [files(seed, true), files(seed, false)].concat() {
            let whole =
                read_all(reader(&SimDisk::of_image(&image), 1024)).unwrap_or_else(|failure| panic!("{failure}"));
            let size = whole.outcome.file_size as i64;
            let mut number = 0;
            loop {
                let fault = Fault::of(CallKind::Read, number, Answer::Fail(EIO));
                let (result, commands, met) = read(&image, FaultPlan::of([fault]), 1024);
                assert!(whole.commands.starts_with(&commands), "{name}, read {number}");
                if met == 0 {
                    assert_eq!(result, Ok(whole.outcome), "{name}");
                    break;
                }
                let failure = result
                    .err()
                    .unwrap_or_else(|| panic!("{name}: read {number} failed, and was taken for the end"));
                assert_eq!(failure.errno, EIO.0, "{name}, read {number}: {failure}");
                assert!(
                    (0..size.max(1)).contains(&failure.offset),
                    "{name}, read {number}: {failure:?}"
                );
                number += 1;
            }
            assert!(number > 1, "{name}: only {number} reads");
        }
    });
}

#[test]
fn reads_that_are_short_or_interrupted_change_nothing() {
    let mut met = 0;
    for_seeds(1, 20, |seed| {
        for (name, image) in [files(seed, true), files(seed, false)].concat() {
            for batch_bytes in [64, 1000, 1 << 20] {
                let (outcome, commands, _) = read(&image, FaultPlan::default(), batch_bytes);
                let answers = [1, 7, 100, 1000].map(Answer::Take);
                let answers = [&answers[..], &[Answer::Fail(EINTR)]].concat();
                let plan = FaultPlan::at_random(seed, sized(500, 900), answers);
                let (short, short_commands, times) = read(&image, plan, batch_bytes);
                assert!(short == outcome && short_commands == commands, "{name}");
                met += times;
            }
        }
    });
    assert!(met > 100, "only {met} reads were short");
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_read_is_a_failure() {
    for_seeds(1, 10, |seed| {
        for (name, image) in files(seed, true) {
            let disk = SimDisk::of_image(&image);
            let file = disk.open(NAME).unwrap_or_else(|errno| panic!("{errno}"));
            let size = file.size() + 1;
            let result = read_all(CommandReader::new(FileSource::new(file, NAME), size, 1024, 0));
            let Err(failure) = result else {
                panic!("{name}: an outcome for a file of {size} bytes")
            };
            assert!(failure.offset >= 0 && failure.message.contains("shorter"), "{failure}");
        }
    });
}

#[test]
fn the_files_of_these_tests_end_in_different_ways() {
    let statuses = |annotated| {
        let read = |(_, image): (_, Image)| read(&image, FaultPlan::default(), 1024).0;
        files(5, annotated)
            .into_iter()
            .map(read)
            .map(|result| result.map_or(Status::Rdb, |outcome| outcome.status))
            .collect::<Vec<Status>>()
    };
    assert_eq!(
        statuses(true),
        [Status::Malformed, Status::Truncated, Status::Truncated, Status::Clean]
    );
}
