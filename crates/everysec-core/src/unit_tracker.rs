//! Which execution unit is open: MULTI without EXEC, or a block that says (f=m) that its last unit goes on.
//!
//! Outside MULTI a unit is a record, so an f=m block without an open MULTI leaves its last record open (a SELECT in front of
//! a command that went to the next block) unless that is an EXEC, which always ends a unit.

/// Where an open unit begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitStart {
    /// Where to cut: the block that the unit began in, or its record where that is plain.
    pub offset: u64,
    pub lsn: u64,
    /// Commands before `offset`.
    pub commands: u64,
    pub record_offset: u64,
    pub record_lsn: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct UnitTracker {
    is_multi_open: bool,
    /// The last record of an f=m block waits for what belongs to it.
    is_tail_open: bool,
    start: UnitStart,
}

impl UnitTracker {
    pub fn is_multi_open(&self) -> bool {
        self.is_multi_open
    }

    pub fn is_tail_open(&self) -> bool {
        self.is_tail_open
    }

    pub fn open_unit(&self) -> Option<UnitStart> {
        (self.is_multi_open || self.is_tail_open).then_some(self.start)
    }

    /// A second MULTI inside the first changes nothing: servers refuse it.
    pub fn multi(&mut self, start: UnitStart) {
        if self.is_multi_open {
            return;
        }
        *self = UnitTracker {
            is_multi_open: true,
            is_tail_open: false,
            start,
        };
    }

    /// EXEC or DISCARD.
    pub fn end(&mut self) {
        self.is_multi_open = false;
    }

    pub fn open_tail(&mut self, start: UnitStart) {
        self.is_tail_open = true;
        self.start = start;
    }

    pub fn close_tail(&mut self) {
        self.is_tail_open = false;
    }
}
