//! What a start after a crash makes of a disk: the manifest, each file with the reader, and the rules for torn tails
//! (docs/aof-format.md; the TypeScript side's load-policy has them for the product).

use everysec_core::command_reader::{CommandReader, FileSource, Source, Step};
use everysec_core::error::Failure;
use everysec_core::fs::sim::{Image, SimDisk};
use everysec_core::read_outcome::{ReadOutcome, Status};

use crate::segments::{parse_manifest, MANIFEST};

pub struct Recovered {
    /// Of what is left after the cut.
    pub lsn: u64,
    /// With the LSN behind each.
    pub commands: Vec<(u64, Vec<u8>)>,
    /// The SELECTs with which rolls begin a file.
    pub leads: Vec<(u64, Vec<u8>)>,
    /// The file that goes on, and where it is cut.
    pub last: String,
    pub size: u64,
}

pub struct FileContent {
    pub commands: Vec<(u64, Vec<u8>)>,
    pub outcome: ReadOutcome,
}

pub enum Refusal {
    /// Taken for damage.
    Damage(String),
    /// The last file begins with zeros and 3 records or more behind them: a new file of ours whose first sectors are missing is not
    /// told from a plain one that has lost them. Refused, which is the safe side; the LSN where that file begins.
    Unknown(u64),
}

impl From<String> for Refusal {
    fn from(text: String) -> Refusal {
        Refusal::Damage(text)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Damage(text) => write!(out, "a crash is taken for damage: {text}"),
            Refusal::Unknown(lsn) => write!(out, "the file from lsn {lsn} on is of unknown kind"),
        }
    }
}

/// Err: a start would be refused.
pub fn recover(image: &Image) -> Result<Recovered, Refusal> {
    let manifest = image.file(MANIFEST).ok_or("no manifest".to_string())?;
    let segments = parse_manifest(manifest)?;
    let disk = SimDisk::of_image(image);
    let mut recovered = Recovered {
        lsn: 0,
        commands: Vec::new(),
        leads: Vec::new(),
        last: String::new(),
        size: 0,
    };
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        let name = &segment.name;
        let file = read(&disk, name, segment.cut, segment.lsn)?;
        let outcome = &file.outcome;
        let begins_with_zeros = outcome.bad_offset == 0 && outcome.found == "0x00";
        if is_last && begins_with_zeros && outcome.is_bad_in_plain && outcome.records_after_bad >= 3 {
            return Err(Refusal::Unknown(recovered.lsn));
        }
        let kept = if is_last {
            decide(outcome).map_err(|text| format!("{name}: {text}: {outcome:?}"))?
        } else if outcome.status == Status::Clean && !outcome.open_multi {
            outcome.commands
        } else {
            return Err(format!("{name} is not the last file and ends badly: {outcome:?}").into());
        };
        for (number, (end, bytes)) in file.commands.into_iter().take(kept as usize).enumerate() {
            if end == recovered.lsn && number == 0 {
                recovered.leads.push((end, bytes));
                continue;
            }
            if end <= recovered.lsn {
                return Err(format!("{name} holds once more what ends at {end}").into());
            }
            recovered.commands.push((end, bytes));
        }
        let start = outcome.unit_lsn;
        recovered.lsn = recovered.lsn.max(start);
        recovered.last.clone_from(name);
        recovered.size = outcome.unit_start;
    }
    Ok(recovered)
}

/// Commands of the last file that stay; what follows is cut.
fn decide(outcome: &ReadOutcome) -> Result<u64, &'static str> {
    let is_whole = !outcome.open_multi && outcome.unit_start == outcome.valid_end;
    let is_zero = outcome.found == "0x00";
    let is_first_page_missing = outcome.bad_offset == 0 && is_zero && outcome.records_after_bad < 3;
    let is_unfinished = outcome.status == Status::Truncated
        || is_zero
        || outcome.expected == "an #EVS1 line of known form"
        || outcome.expected.starts_with("crc ");
    let is_in_plain = outcome.is_bad_in_plain && !is_first_page_missing;
    let is_below_evidence = outcome.is_annotated
        && !is_in_plain
        && ((outcome.is_bad_after_close && !is_unfinished) || (outcome.lsn as i64) < outcome.evidence_lsn);
    match outcome.status {
        Status::Clean if is_whole => return Ok(outcome.commands),
        Status::Clean => {}
        Status::Truncated if outcome.records_after_bad >= 3 || is_below_evidence => return Err("damage"),
        Status::Truncated => {}
        Status::Malformed if is_in_plain => return Err("damage in plain RESP"),
        Status::Malformed if is_below_evidence || !outcome.foreign_cut.is_empty() => return Err("damage"),
        Status::Malformed => {}
        Status::Rdb => return Err("an RDB"),
    }
    if outcome.unit_record_lsn != outcome.unit_lsn {
        return Err("a torn transaction behind whole commands of its block");
    }
    Ok(outcome.commands - outcome.commands_in_open_unit)
}

fn read(disk: &SimDisk, name: &str, end: Option<u64>, lsn: u64) -> Result<FileContent, String> {
    let file = disk.open(name).map_err(|_| format!("no file {name}"))?;
    let size = file.size();
    let size = match end {
        Some(end) if end > size => return Err(format!("{name} has {size} bytes, less than its cut {end}")),
        Some(end) => end,
        None => size,
    };
    let reader = CommandReader::new(FileSource::new(file, name), size, 16 * 1024, lsn);
    read_all(reader).map_err(|failure| failure.to_string())
}

pub fn read_all<S: Source>(reader: CommandReader<S>) -> Result<FileContent, Failure> {
    let mut commands = Vec::new();
    let outcome = read_into(reader, &mut commands)?;
    Ok(FileContent { commands, outcome })
}

/// Commands that came before a failure are delivered.
pub fn read_into<S: Source>(
    mut reader: CommandReader<S>,
    commands: &mut Vec<(u64, Vec<u8>)>,
) -> Result<ReadOutcome, Failure> {
    loop {
        let batch = match reader.read_next()? {
            Step::Done(outcome) => return Ok(*outcome),
            Step::Batch(batch) => batch,
        };
        let mut at = 0;
        for _ in 0..batch.count {
            let entry = &reader.index()[at..];
            let bytes = &reader.bytes()[entry[0] as usize..entry[1] as usize];
            commands.push((batch.lsn + entry[2] as u64, bytes.to_vec()));
            at += 4 + 2 * entry[3] as usize;
        }
    }
}
