//! The one directory of the simulated disk. Its changes reach the disk in their order, as in a journal.

use std::collections::BTreeMap;

pub type Entries = BTreeMap<String, usize>;

/// A name that is made or replaced, and one that goes, in one step.
#[derive(Clone, Debug)]
pub struct EntryChange {
    pub put: Option<(String, usize)>,
    pub gone: Option<String>,
}

impl EntryChange {
    pub fn put(name: &str, inode: usize) -> EntryChange {
        EntryChange {
            put: Some((name.to_string(), inode)),
            gone: None,
        }
    }

    fn apply(&self, entries: &mut Entries) {
        if let Some(name) = &self.gone {
            entries.remove(name);
        }
        if let Some((name, inode)) = &self.put {
            entries.insert(name.clone(), *inode);
        }
    }
}

#[derive(Debug, Default)]
pub struct Directory {
    live: Entries,
    durable: Entries,
    pending: Vec<EntryChange>,
    /// As many of the pending ones were given up by a sync that failed.
    lost: usize,
}

impl Directory {
    pub fn add_durable(&mut self, name: &str, inode: usize) {
        self.live.insert(name.to_string(), inode);
        self.durable.insert(name.to_string(), inode);
    }

    pub fn live(&self, name: &str) -> Option<usize> {
        self.live.get(name).copied()
    }

    pub fn change(&mut self, change: EntryChange) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    /// After a sync that failed nothing is known of the changes before it, until one that succeeds covers a later change: the
    /// journal has an order.
    pub fn end_sync(&mut self, is_done: bool) {
        if !is_done {
            self.lost = self.pending.len();
        } else if self.pending.len() > self.lost {
            for change in self.pending.drain(..) {
                change.apply(&mut self.durable);
            }
            self.lost = 0;
        }
    }

    pub fn durable(&self) -> &Entries {
        &self.durable
    }

    /// What a crash may leave.
    pub fn crashed(&self) -> Vec<Entries> {
        let mut entries = self.durable.clone();
        let mut all = vec![entries.clone()];
        for change in &self.pending {
            change.apply(&mut entries);
            all.push(entries.clone());
        }
        all
    }
}
