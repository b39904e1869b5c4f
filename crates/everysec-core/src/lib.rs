//! The byte work of everysec: see docs/aof-format.md for the format and ARCHITECTURE.md for who calls what.

pub mod error;
pub mod fs;
pub mod limits;
pub mod resp;

// Write side: encode -> block_buffer -> (sealed block) -> writer -> syncer.
pub mod block;
pub mod block_buffer;
pub mod block_format;
pub mod block_log;
pub mod log_state;
pub mod roll;
pub mod signal;
pub mod stamper;
pub mod syncer;
pub mod unit_spans;
pub mod writer;

// Read side: command_reader -> log_walker -> block_parse, resp/parse -> read_outcome.
pub mod bad_place;
pub mod behind_search;
pub mod block_parse;
pub mod command_reader;
pub mod comment_line;
pub mod log_walker;
pub mod read_outcome;
pub mod unit_tracker;
