//! Which execution unit is open. A unit is a record, or the records from MULTI to EXEC: a block's f=m is for people who look
//! at a file, because a block may be sealed (and its records acknowledged) between a unit's last record and the unit's end.

/// Where an open MULTI stands.
#[derive(Clone, Copy, Debug)]
pub struct UnitStart {
    /// Where to cut: the block that the MULTI stands in, or the record itself where that is plain.
    pub offset: u64,
    pub lsn: u64,
    /// Commands before `offset`.
    pub commands: u64,
    pub record_offset: u64,
    pub record_lsn: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct UnitTracker {
    open: Option<UnitStart>,
}

impl UnitTracker {
    /// MULTI without EXEC.
    pub fn open_unit(&self) -> Option<UnitStart> {
        self.open
    }

    /// A second MULTI inside the first changes nothing: servers refuse it.
    pub fn multi(&mut self, start: UnitStart) {
        self.open.get_or_insert(start);
    }

    /// EXEC or DISCARD.
    pub fn end(&mut self) {
        self.open = None;
    }
}
