//! Sizes and seeds of a run.

use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn is_long() -> bool {
    std::env::var("EVERYSEC_LONG").is_ok_and(|value| value == "1")
}

pub fn sized(short: u64, long: u64) -> u64 {
    if is_long() {
        long
    } else {
        short
    }
}

/// The seed of this run: given, or a new one each time.
pub fn base_seed() -> u64 {
    given().unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(1, |since| since.subsec_nanos().into()) % 1_000_000 * 1000
    })
}

fn given() -> Option<u64> {
    std::env::var("EVERYSEC_SEED").ok()?.parse().ok()
}

/// Runs `test` with so many seeds, or with the one that is given. Tells the seed of one that fails.
pub fn for_seeds(short: u64, long: u64, mut test: impl FnMut(u64)) {
    let first = base_seed();
    let count = if given().is_some() { 1 } else { sized(short, long) };
    println!("seeds {first} to {}", first + count - 1);
    for seed in first..first + count {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            println!("seed {seed} failed; EVERYSEC_SEED={seed} repeats it");
            resume_unwind(panic);
        }
    }
}
