//! The operating system's files. The only module of this crate that may contain unsafe code.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{LogFile, ReadFile};
use crate::error::{Errno, Failure, EINTR, ENOENT, ENOTDIR};

/// A regular file, O_WRONLY | O_APPEND.
pub struct OsFile {
    file: File,
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl OsFile {
    /// Opens an existing regular file of exactly `size` bytes. Follows no symbolic link in the last component.
    pub fn open_append(path: &Path, size: u64) -> Result<OsFile, Failure> {
        let doing = |what: &str| format!("{what} {}", path.display());
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let fd = open(path, flags).map_err(|errno| Failure::system(errno, &doing("open")))?;
        let file = File::from(fd);
        let metadata = file
            .metadata()
            .map_err(|error| Failure::system(Errno::of(&error), &doing("stat")))?;
        if !metadata.is_file() {
            let kind = if metadata.file_type().is_fifo() {
                "a pipe"
            } else {
                "no regular file"
            };
            return Err(Failure::new(format!(
                "{} is {kind}, expected a regular file",
                path.display()
            )));
        }
        if metadata.len() != size {
            let found = metadata.len();
            let text = format!(
                "{} has {found} bytes, expected {size}: another process writes to it",
                path.display()
            );
            return Err(Failure::at(found, text));
        }
        Ok(OsFile {
            file,
            path: path.to_path_buf(),
            identity: (metadata.dev(), metadata.ino()),
        })
    }
}

impl LogFile for OsFile {
    fn write(&self, parts: &[IoSlice<'_>]) -> Result<usize, Errno> {
        (&self.file).write_vectored(parts).map_err(|error| Errno::of(&error))
    }

    fn datasync(&self) -> Result<(), Errno> {
        // SAFETY: the descriptor is open, because `self.file` owns it.
        if unsafe { libc::fdatasync(self.file.as_raw_fd()) } == 0 {
            return Ok(());
        }
        Err(last_errno())
    }

    fn is_in_place(&self) -> Result<bool, Errno> {
        match std::fs::symlink_metadata(&self.path).map_err(|error| Errno::of(&error)) {
            Ok(found) => Ok((found.dev(), found.ino()) == self.identity),
            Err(ENOENT | ENOTDIR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn truncate(&self, size: u64) -> Result<(), Errno> {
        self.file.set_len(size).map_err(|error| Errno::of(&error))
    }

    fn close(self) -> Result<(), Errno> {
        // SAFETY: `into_raw_fd` gives up ownership, so that this is the only close of the descriptor.
        if unsafe { libc::close(self.file.into_raw_fd()) } == 0 {
            return Ok(());
        }
        Err(last_errno())
    }
}

impl ReadFile for File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
        FileExt::read_at(self, into, offset).map_err(|error| Errno::of(&error))
    }
}

/// An flock on an existing file; freed when it is dropped, at the latest when the process ends.
pub struct FileLock {
    _descriptor: OwnedFd,
}

impl FileLock {
    /// None: somebody else holds it. Never waits.
    pub fn try_lock(path: &Path) -> Result<Option<FileLock>, Failure> {
        let failed = |what: &str, errno| Failure::system(errno, &format!("{what} {}", path.display()));
        let descriptor =
            open(path, libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW).map_err(|errno| failed("open", errno))?;
        loop {
            // SAFETY: the descriptor is open, because `descriptor` owns it.
            if unsafe { libc::flock(descriptor.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
                return Ok(Some(FileLock {
                    _descriptor: descriptor,
                }));
            }
            match last_errno() {
                EINTR => {}
                Errno(libc::EWOULDBLOCK) => return Ok(None),
                errno => return Err(failed("flock", errno)),
            }
        }
    }
}

fn open(path: &Path, flags: i32) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    loop {
        // SAFETY: `path` ends with NUL and outlives the call; no mode is needed, because O_CREAT is not among the flags.
        let fd = unsafe { libc::open(path.as_ptr(), flags) };
        if fd >= 0 {
            // SAFETY: open(2) has just returned this descriptor, and nobody else knows it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        match last_errno() {
            EINTR => {}
            errno => return Err(errno),
        }
    }
}

fn last_errno() -> Errno {
    Errno::of(&std::io::Error::last_os_error())
}
