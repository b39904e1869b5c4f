//! The files of a log on the simulated disk, and the manifest that names them: what the TypeScript side does around the
//! core, in the least form that has the same steps.

use everysec_core::error::Errno;
use everysec_core::fs::sim::{SimDisk, SimFile};
use everysec_core::fs::LogFile;

pub const MANIFEST: &str = "manifest";

#[derive(Clone, Debug)]
pub struct Segment {
    pub name: String,
    /// LSN of its first payload byte.
    pub lsn: u64,
    /// LSN behind the SELECT with which a roll begins it.
    pub content_lsn: u64,
    /// How far it counts, once it was given up.
    pub cut: Option<u64>,
    /// A durable manifest names it.
    pub is_named: bool,
}

pub fn parse_manifest(text: &[u8]) -> Result<Vec<Segment>, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_string();
        let lsn: u64 = words.next()?.parse().ok()?;
        let cut = words.next().map(|word| word.parse().ok());
        Some(Segment {
            name,
            lsn,
            content_lsn: lsn,
            cut: cut.flatten(),
            is_named: true,
        })
    };
    let segments: Option<Vec<Segment>> = text.lines().map(parse).collect();
    segments
        .filter(|segments| !segments.is_empty() && text.ends_with('\n'))
        .ok_or_else(|| format!("a manifest that says {text:?}"))
}

fn format_manifest(segments: &[Segment]) -> String {
    let line = |segment: &Segment| match segment.cut {
        Some(cut) => format!("{} {} {cut}\n", segment.name, segment.lsn),
        None => format!("{} {}\n", segment.name, segment.lsn),
    };
    segments.iter().map(line).collect()
}

/// Replaces the manifest; `look` is called between the steps. On return it is durable.
pub fn write_manifest(
    disk: &SimDisk,
    temporary: &str,
    segments: &[Segment],
    mut look: impl FnMut(),
) -> Result<(), Errno> {
    let file = disk.create(temporary)?;
    look();
    write_all(&file, format_manifest(segments).as_bytes())?;
    look();
    file.datasync()?;
    look();
    disk.rename(temporary, MANIFEST)?;
    look();
    let synced = disk.sync_directory();
    look();
    synced
}

fn write_all(file: &SimFile, bytes: &[u8]) -> Result<(), Errno> {
    let mut done = 0;
    while done < bytes.len() {
        done += file.write(&[std::io::IoSlice::new(&bytes[done..])])?;
    }
    Ok(())
}
