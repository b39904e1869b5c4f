//! What an operation of this crate fails with. The TypeScript side makes an AofError of it.

use std::fmt;

/// The number of an operating system error: positive, as in errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

pub const EIO: Errno = Errno(libc::EIO);
pub const EBADF: Errno = Errno(libc::EBADF);
pub const EINTR: Errno = Errno(libc::EINTR);
pub const ENOENT: Errno = Errno(libc::ENOENT);
pub const ENOTDIR: Errno = Errno(libc::ENOTDIR);

impl Errno {
    pub fn of(error: &std::io::Error) -> Errno {
        error.raw_os_error().map_or(EIO, Errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(out)
    }
}

/// An operating error: values for the caller, words for people. A message says what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 0 when it is not from a system call.
    pub errno: i32,
    /// Byte offset in the file that it is about, -1 when there is none.
    pub offset: i64,
    pub message: String,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            errno: 0,
            offset: -1,
            message: message.into(),
        }
    }

    pub fn at(offset: u64, message: impl Into<String>) -> Failure {
        Failure {
            errno: 0,
            offset: offset as i64,
            message: message.into(),
        }
    }

    /// `doing` names the operation and the file.
    pub fn system(errno: Errno, doing: &str) -> Failure {
        Failure {
            errno: errno.0,
            offset: -1,
            message: format!("{doing}: {errno}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
