//! Files as a port: os.rs has the real ones, sim a disk that knows what is durable, tests bring others.

pub mod os;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

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

/// A file that is open for reading at any place.
pub trait ReadFile {
    /// May be short: returns the bytes read, 0 only at the end of the file. Retries nothing, not even EINTR.
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno>;
}
