//! Writer, syncer, roll and reader over a simulated disk: what a crash leaves at any moment, and what faults lead to.
//!
//! EVERYSEC_SEED repeats one seed, EVERYSEC_LONG=1 runs the full sizes instead of the bounded ones.

mod crash_checker;
mod crash_states;
mod random_faults;
mod reader_faults;
mod recovery;
mod rig;
mod roll_faults;
mod seeds;
mod segments;
mod stream;
mod workload;
