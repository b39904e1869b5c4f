//! What a crash may leave of a disk: for each file nothing that is not durable, all of it, each beginning of it, all but one
//! change, one change alone, a change torn where a sector or a page ends, or a size that has grown over zeros.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::directory::{Directory, Entries};
use super::inode::{Change, Inode, Part, SECTOR_BYTES};

const PAGE_BYTES: usize = 4096;

/// How many states are looked at.
#[derive(Clone, Copy, Debug)]
pub struct CrashDetail {
    /// Places where one write is torn, at most.
    pub tears_max: usize,
    /// Combinations of the states of several files; above that, one file varies while the others have all or nothing.
    pub product_max: usize,
    /// Whether a later change may be there without an earlier one. Without, the states are those of a file system that
    /// writes a file's pages in their order.
    pub has_holes: bool,
}

struct Content {
    bytes: Vec<u8>,
    hash: u64,
}

/// All files of a disk.
#[derive(Clone)]
pub struct Image {
    files: BTreeMap<String, Arc<Content>>,
}

impl Image {
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, content)| (name.as_str(), content.bytes.as_slice()))
    }

    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(|content| content.bytes.as_slice())
    }

    pub fn set_file(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_string(), content(bytes));
    }

    /// The same for equal images.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (name, content) in &self.files {
            (name, content.hash).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn content(bytes: Vec<u8>) -> Arc<Content> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let hash = hasher.finish();
    Arc::new(Content { bytes, hash })
}

pub fn durable(directory: &Directory, inodes: &[Inode]) -> Image {
    let entries = directory.durable().iter();
    let files = entries.map(|(name, inode)| (name.clone(), content(inodes[*inode].crashed(|_| Part::Nothing))));
    Image { files: files.collect() }
}

pub fn crash_states(directory: &Directory, inodes: &[Inode], detail: CrashDetail) -> Vec<Image> {
    let states: Vec<Vec<Arc<Content>>> = inodes.iter().map(|inode| file_states(inode, detail)).collect();
    let mut seen = HashSet::new();
    let mut images = Vec::new();
    for entries in directory.crashed() {
        for image in combined(&entries, &states, detail) {
            if seen.insert(image.hash()) {
                images.push(image);
            }
        }
    }
    images
}

fn combined(entries: &Entries, states: &[Vec<Arc<Content>>], detail: CrashDetail) -> Vec<Image> {
    let inodes: Vec<usize> = entries.values().copied().collect();
    let product = inodes
        .iter()
        .fold(1_usize, |product, inode| product.saturating_mul(states[*inode].len()));
    let image = |choice: &[usize]| {
        let named = entries.iter().zip(choice);
        let files = named.map(|((name, inode), state)| (name.clone(), states[*inode][*state].clone()));
        Image { files: files.collect() }
    };
    if product <= detail.product_max {
        let choose = |mut number: usize| {
            let digit = |inode: &usize| {
                let digit = number % states[*inode].len();
                number /= states[*inode].len();
                digit
            };
            inodes.iter().map(digit).collect::<Vec<usize>>()
        };
        return (0..product).map(|number| image(&choose(number))).collect();
    }
    let mut images = Vec::new();
    for (at, inode) in inodes.iter().enumerate() {
        for others in [0, 1] {
            for state in 0..states[*inode].len() {
                let mut choice: Vec<usize> = inodes.iter().map(|i| others.min(states[*i].len() - 1)).collect();
                choice[at] = state;
                images.push(image(&choice));
            }
        }
    }
    images
}

/// Nothing that is not durable comes first, then all of it.
fn file_states(inode: &Inode, detail: CrashDetail) -> Vec<Arc<Content>> {
    let loose = inode.loose();
    let mut seen = HashSet::new();
    let mut states = Vec::new();
    let mut add = |bytes: Vec<u8>| {
        let content = content(bytes);
        if seen.insert(content.hash) {
            states.push(content);
        }
    };
    add(inode.crashed(|_| Part::Nothing));
    add(inode.crashed(|_| Part::Whole));
    let whole_if = |is_kept: bool| if is_kept { Part::Whole } else { Part::Nothing };
    for this in loose {
        add(inode.crashed(|at| whole_if(at < this)));
        if detail.has_holes {
            add(inode.crashed(|at| whole_if(at != this)));
            add(inode.crashed(|at| whole_if(at == this)));
        }
        for part in torn(&inode.pending[this].0, detail) {
            add(inode.crashed(|at| if at == this { part } else { whole_if(at < this) }));
            if detail.has_holes {
                add(inode.crashed(|at| if at == this { part } else { Part::Whole }));
            }
        }
    }
    states
}

fn torn(change: &Change, detail: CrashDetail) -> Vec<Part> {
    let Change::Write { offset, bytes } = change else {
        return Vec::new();
    };
    let (from, to) = (*offset, offset + bytes.len());
    let mut parts = vec![Part::HeadThenZeros(0)];
    let sectors = (from / SECTOR_BYTES + 1..to.div_ceil(SECTOR_BYTES)).map(|sector| sector * SECTOR_BYTES - from);
    for at in some(&sectors.collect::<Vec<usize>>(), detail.tears_max) {
        parts.extend([Part::Head(at), Part::HeadThenZeros(at)]);
        if detail.has_holes {
            parts.push(Part::Tail(at));
        }
    }
    if detail.has_holes {
        let pages: Vec<usize> = (from / PAGE_BYTES..to.div_ceil(PAGE_BYTES)).collect();
        for page in some(&pages, detail.tears_max) {
            let begin = (page * PAGE_BYTES).max(from) - from;
            let end = ((page + 1) * PAGE_BYTES).min(to) - from;
            parts.push(Part::Hole(begin, end));
        }
    }
    parts
}

/// At most `most` of them, the first and the last among them.
fn some(all: &[usize], most: usize) -> Vec<usize> {
    if all.len() <= most {
        return all.to_vec();
    }
    let last = all.len() - 1;
    (0..most).map(|i| all[i * last / (most - 1).max(1)]).collect()
}
