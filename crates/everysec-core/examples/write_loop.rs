//! The reference of the bandwidth rows (docs/performance.md): writes `total` bytes, taken round and round from a pool file,
//! in write(2) calls of one size, and prints how long that took. Nothing is encoded, buffered or synced.
//!
//! `write_loop <pool> <target> <total bytes> <bytes per call>`

use std::fs::{read, File};
use std::io::{Error, ErrorKind, Write};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, pool, target, total, per_call] = arguments.as_slice() else {
        return Err(usage());
    };
    let total: usize = total.parse().map_err(|_| usage())?;
    let per_call: usize = per_call.parse().map_err(|_| usage())?;

    let mut bytes = read(pool)?;
    let pool_bytes = bytes.len();
    if per_call == 0 || pool_bytes < per_call {
        return Err(usage());
    }
    // A call that would run over the pool's end goes on with its beginning.
    bytes.extend_from_within(..per_call);

    let mut file = File::create(target)?;
    let begin = Instant::now();
    let mut written = 0;
    let mut at = 0;
    while written < total {
        let length = per_call.min(total - written);
        file.write_all(&bytes[at..at + length])?;
        written += length;
        at = (at + length) % pool_bytes;
    }
    println!("{{\"nanoseconds\":{}}}", begin.elapsed().as_nanos());
    Ok(())
}

fn usage() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "write_loop <pool> <target> <total bytes> <bytes per call>",
    )
}
