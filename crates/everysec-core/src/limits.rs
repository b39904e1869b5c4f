//! Sizes that the format, both backends and both directions share. src/backend/backend.ts (BlockLimits) has the same numbers.

/// Payload capacity of an ordinary memory block.
pub const BLOCK_BYTES: usize = 256 * 1024;
/// Room in front of a block's payload for its annotation line.
pub const ANNOTATION_BYTES: usize = 128;
/// Payload of a block at most, except for one single record that is longer.
pub const MAX_BLOCK_BYTES: usize = 4 * 1024 * 1024;
pub const MAX_ARGUMENTS: usize = 1_048_576;
pub const MAX_ARGUMENT_BYTES: usize = 512 * 1024 * 1024;
/// A whole record at most.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024 * 1024;
/// One write(2) at most.
pub const MAX_WRITE_BYTES: usize = 64 * 1024 * 1024;
/// Buffers in one writev at most.
pub const MAX_GATHER: usize = 512;
/// LSNs and offsets stay exact in a double.
pub const MAX_LSN: u64 = 1 << 53;
/// Memory of ordinary blocks that a log keeps for reuse at most.
pub const MAX_POOLED_BLOCKS: usize = 256;
/// What of them is kept when nothing was appended for POOL_DECAY.
pub const IDLE_POOLED_BLOCKS: usize = 64;
pub const POOL_DECAY: std::time::Duration = std::time::Duration::from_secs(1);
/// A sealed block that fills less than one part in this many of its memory moves into memory of its own size, so that
/// what waits for a sync never holds much more memory than it has bytes.
pub const SMALL_BLOCK_SHARE: usize = 4;

const _: () = assert!(BLOCK_BYTES <= MAX_BLOCK_BYTES);
const _: () = assert!(MAX_ARGUMENT_BYTES < MAX_RECORD_BYTES);
const _: () = assert!(MAX_RECORD_BYTES <= i32::MAX as usize);
const _: () = assert!(MAX_WRITE_BYTES <= MAX_RECORD_BYTES);
// IOV_MAX of Linux.
const _: () = assert!(MAX_GATHER <= 1024);
