//! Where a walk over a log file met what cannot be.

use crate::read_outcome::{Complaint, Status};

#[derive(Debug)]
pub struct BadPlace {
    pub status: Status,
    pub offset: u64,
    pub complaint: Complaint,
    pub is_in_plain: bool,
    pub is_annotation: bool,
    /// If only zeros stand from here to the end of the file, the place is truncated.
    pub zeros_from: Option<u64>,
    /// The block that stands there, when its annotation line is well-formed.
    pub block: Option<BadBlock>,
}

#[derive(Clone, Copy, Debug)]
pub struct BadBlock {
    pub payload_offset: u64,
    pub length: u64,
    /// Database that is selected where the payload begins; none in a session's first block, which selects its own.
    pub db: Option<u32>,
}
