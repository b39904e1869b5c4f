//! RESP, the wire and file encoding of commands.

pub mod check;
pub mod encode;
pub mod parse;
