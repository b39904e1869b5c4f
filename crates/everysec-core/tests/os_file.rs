//! The operating system's file, as far as no other test meets it: what it tells of a cut.

use std::path::PathBuf;

use everysec_core::fs::os::OsFile;
use everysec_core::fs::LogFile;

fn file_with(content: &str) -> (PathBuf, OsFile) {
    let path = std::env::temp_dir().join(format!("everysec-os-file-{}.aof", std::process::id()));
    std::fs::write(&path, content).unwrap_or_else(|error| panic!("{error}"));
    let file = OsFile::open_append(&path, content.len() as u64).unwrap_or_else(|failure| panic!("{failure}"));
    (path, file)
}

#[test]
fn a_cut_shortens_the_file_and_one_that_the_system_refuses_is_told() {
    let (path, file) = file_with("abcdef");
    assert_eq!(file.truncate(4), Ok(()));
    assert_eq!(std::fs::read(&path).ok().as_deref(), Some(&b"abcd"[..]));
    // No file is that long.
    assert!(file.truncate(u64::MAX).is_err());
    assert_eq!(file.close(), Ok(()));
    let _ = std::fs::remove_file(&path);
}
