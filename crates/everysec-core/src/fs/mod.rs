//! The files of the write side as a port: os.rs is the real one, tests bring others.

pub mod os;

use std::io::IoSlice;

use crate::error::Errno;

/// A file that is open for append. Methods are called from the writer's and the syncer's thread at the same time; nothing
/// here retries, not even EINTR, and nothing hides an error.
pub trait LogFile: Send + Sync + 'static {
    /// Gathered write at the end of the file. May be short: returns the bytes taken. Nothing is durable on return.
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno>;
    /// On return: everything whose write() had returned before this call began is durable. After an error it must never be
    /// called again on this file (the kernel has dropped the pages and would report success).
    fn datasync(&self) -> Result<(), Errno>;
    /// Whether its path still leads to it. Not so where it was removed, or it or a directory above it replaced: nobody would
    /// find again what it holds.
    fn is_in_place(&self) -> Result<bool, Errno> {
        Ok(true)
    }
    /// Cuts the file to `size` bytes. Not durable on return.
    fn truncate(&self, size: u64) -> Result<(), Errno>;
    /// Closes it; the file is gone for this process also when an error is returned.
    fn close(self) -> Result<(), Errno>;
}
