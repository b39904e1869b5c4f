//! Recovers what crashes leave and compares it with what was appended. Each image is recovered once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use everysec_core::fs::sim::{CrashDetail, Image, SimDisk};

use crate::recovery::{recover, Recovered, Refusal};
use crate::stream::{select_record, Stream};

pub struct CrashChecker {
    pub detail: CrashDetail,
    /// States that are looked at in one moment, at most.
    pub states_max: usize,
    /// What was recovered of images that were seen.
    lsns: HashMap<u64, u64>,
}

/// Of this process.
static DISTINCT: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

/// How many images were recovered that differ.
pub fn distinct_images() -> usize {
    let distinct = DISTINCT.lock().unwrap_or_else(PoisonError::into_inner);
    distinct.as_ref().map_or(0, HashSet::len)
}

impl CrashChecker {
    pub fn new(detail: CrashDetail, states_max: usize) -> CrashChecker {
        CrashChecker {
            detail,
            states_max,
            lsns: HashMap::new(),
        }
    }

    /// After a crash the stream is another one.
    pub fn forget(&mut self) {
        self.lsns.clear();
    }

    /// Looks at what a crash at this moment may leave, when `acked` was reported as synced.
    pub fn check(&mut self, disk: &SimDisk, stream: &Stream, acked: u64) {
        let images = if self.states_max == 0 {
            vec![disk.durable()]
        } else {
            disk.crash_states(self.detail)
        };
        let stride = images.len().div_ceil(self.states_max.max(1));
        for image in images.iter().step_by(stride) {
            self.check_image(image, stream, acked);
        }
    }

    fn check_image(&mut self, image: &Image, stream: &Stream, acked: u64) {
        let hash = image.hash();
        let lsn = self.lsns.get(&hash).copied().unwrap_or_else(|| {
            let mut distinct = DISTINCT.lock().unwrap_or_else(PoisonError::into_inner);
            distinct.get_or_insert_default().insert(hash);
            match recover(image) {
                Ok(recovered) => {
                    check_content(&recovered, stream);
                    recovered.lsn
                }
                // Then nothing of that file may have been reported as synced.
                Err(Refusal::Unknown(lsn)) => lsn,
                Err(refusal) => panic!("{refusal}"),
            }
        });
        self.lsns.insert(hash, lsn);
        let floor = stream.floor(acked);
        assert!(
            lsn >= floor,
            "{acked} was reported as synced, units up to {floor} are whole then; after a crash {lsn} is left"
        );
    }
}

/// A prefix of what was appended, of whole units, and nothing else.
pub fn check_content(recovered: &Recovered, stream: &Stream) {
    let mut expected = stream.commands(recovered.lsn);
    for (end, bytes) in &recovered.commands {
        let (expected_end, expected_bytes) = expected
            .next()
            .unwrap_or_else(|| panic!("recovered what was never appended, at {end}"));
        assert!(
            *end == expected_end && bytes == expected_bytes,
            "recovered another record at {end} than was appended at {expected_end}"
        );
    }
    for (end, bytes) in &recovered.leads {
        assert_eq!(
            *bytes,
            select_record(stream.db_at(*end)),
            "the SELECT in front of {end}"
        );
    }
    assert!(expected.next().is_none(), "a gap before {}", recovered.lsn);
    assert!(
        stream.is_bound(recovered.lsn),
        "half a unit is left: {} is no bound",
        recovered.lsn
    );
}
