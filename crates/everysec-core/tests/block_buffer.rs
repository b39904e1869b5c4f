//! When blocks are sealed, and what stands in their annotations.

use everysec_core::block::Block;
use everysec_core::block_buffer::{BlockBuffer, BlockSink};
use everysec_core::block_format::{Flag, Session};
use everysec_core::limits::BLOCK_BYTES;

#[derive(Default)]
struct Sealed {
    wires: Vec<Vec<u8>>,
    synced_lsn: u64,
}

impl BlockSink for Sealed {
    fn accept(&mut self, mut block: Block) {
        block.finish();
        assert_eq!(block.wire().len(), block.wire_len());
        self.wires.push(block.wire().to_vec());
    }

    fn recycled(&mut self) -> Option<Box<[u8]>> {
        None
    }

    fn durable_lsn(&self) -> u64 {
        self.synced_lsn
    }
}

fn session(digits: &str) -> Session {
    Session::parse(digits).unwrap_or_else(|| panic!("{digits} is a session id"))
}

fn buffer() -> BlockBuffer<Sealed> {
    BlockBuffer::new(Sealed::default(), 0, session("0123abcd"), true)
}

/// Annotation lines without magic, checksum and CRLF.
fn lines(buffer: &mut BlockBuffer<Sealed>) -> Vec<String> {
    let line = |wire: &Vec<u8>| {
        let end = wire.iter().position(|byte| *byte == b'\r').unwrap_or(wire.len());
        let text = String::from_utf8_lossy(&wire[..end]).into_owned();
        let fields: Vec<&str> = text.split(' ').collect();
        [&fields[1..4], &fields[5..]].concat().join(" ")
    };
    buffer.sink().wires.iter().map(line).collect()
}

/// One canonical record of exactly this many bytes.
fn record(size: usize) -> Vec<u8> {
    for payload in (0..size).rev() {
        let text = format!("*1\r\n${payload}\r\n{}\r\n", "x".repeat(payload));
        if text.len() == size {
            return text.into_bytes();
        }
    }
    panic!("no record has {size} bytes");
}

#[test]
fn a_block_is_sealed_when_the_next_record_does_not_fit_and_not_before() {
    let mut buffer = buffer();
    buffer.append(&record(BLOCK_BYTES - 100));
    buffer.append(&record(100));
    assert_eq!(buffer.sink().wires.len(), 0);
    buffer.append(&record(30));
    assert_eq!(buffer.sink().wires.len(), 1);
    buffer.seal();
    assert_eq!(lines(&mut buffer), ["40000 0 0 s=0123abcd", "1e 40000 40000"]);
}

#[test]
fn a_record_longer_than_a_block_gets_one_of_its_own_at_once() {
    let mut buffer = buffer();
    buffer.append(&record(50));
    buffer.append(&record(BLOCK_BYTES + 1));
    assert_eq!(buffer.sink().wires.len(), 2);
    buffer.append(&record(50));
    buffer.seal();
    assert_eq!(
        lines(&mut buffer),
        ["32 0 0 s=0123abcd", "40001 32 32", "32 40033 40033"]
    );
}

#[test]
fn many_records_that_are_longer_than_a_block_are_cut_at_records() {
    let mut buffer = buffer();
    let one = record(100_000);
    let lsn = buffer.append(&one.repeat(4));
    assert_eq!(lsn, 400_000);
    buffer.seal();
    // Two fit beside each other, the last two come as they were left.
    assert_eq!(lines(&mut buffer), ["30d40 0 0 s=0123abcd", "30d40 30d40 30d40"]);
}

#[test]
fn an_execution_unit_that_goes_on_marks_each_block_but_the_last() {
    let mut buffer = buffer();
    buffer.append(&record(50));
    buffer.set_in_unit(true);
    buffer.append(&record(50));
    buffer.seal();
    buffer.append(&record(50));
    buffer.set_in_unit(false);
    buffer.seal();
    let expected = ["32 0 0 s=0123abcd", "32 32 32 f=m", "32 64 64"];
    assert_eq!(lines(&mut buffer), expected);
}

#[test]
fn a_unit_that_outgrows_its_block_begins_the_next_one() {
    let mut buffer = buffer();
    buffer.append(&record(200_000));
    buffer.select(3);
    buffer.set_in_unit(true);
    buffer.append(&record(50_000));
    buffer.select(4);
    assert_eq!(buffer.append(&record(50_000)), 300_000);
    // Again too much: this time it stands at the block's start already.
    assert_eq!(buffer.append(&record(200_000)), 500_000);
    buffer.set_in_unit(false);
    buffer.seal();
    assert_eq!(
        lines(&mut buffer),
        [
            "30d40 0 0 s=0123abcd",
            "186a0 30d40 30d40 d=3 f=m",
            "30d40 493e0 493e0 d=4"
        ]
    );
}

#[test]
fn a_block_names_the_database_selected_where_it_begins() {
    let mut buffer = buffer();
    buffer.append(&record(50));
    buffer.select(11);
    buffer.seal();
    buffer.append(&record(50));
    buffer.select(0);
    buffer.seal();
    buffer.append(&record(50));
    buffer.seal();
    assert_eq!(lines(&mut buffer), ["32 0 0 s=0123abcd", "32 32 32 d=b", "32 64 64"]);
}

#[test]
fn the_time_stands_where_it_changed_and_at_a_file_s_beginning() {
    let mut buffer = buffer();
    let block = |buffer: &mut BlockBuffer<Sealed>| {
        buffer.append(&record(50));
        buffer.seal();
    };
    block(&mut buffer);
    buffer.tick(16);
    block(&mut buffer);
    block(&mut buffer);
    buffer.tick(17);
    block(&mut buffer);
    buffer.begin_target(session("89abcdef"));
    block(&mut buffer);
    let expected = [
        "32 0 0 s=0123abcd",
        "32 32 32 t=10",
        "32 64 64",
        "32 96 96 t=11",
        "32 c8 c8 t=11 s=89abcdef",
    ];
    assert_eq!(lines(&mut buffer), expected);
}

#[test]
fn lag_is_what_was_not_synced_when_the_block_was_sealed() {
    let mut buffer = buffer();
    buffer.append(&record(50));
    buffer.seal();
    buffer.append(&record(50));
    buffer.sink().synced_lsn = 50;
    buffer.seal();
    buffer.mark(Flag::Idle);
    assert_eq!(lines(&mut buffer), ["32 0 0 s=0123abcd", "32 32 0", "0 64 32 f=i"]);
}

#[test]
fn without_checksums_the_same_blocks_go_out_bare_and_marks_do_not() {
    let mut buffer = BlockBuffer::new(Sealed::default(), 0, session("0123abcd"), false);
    let one = record(50);
    buffer.append(&one);
    buffer.seal();
    buffer.mark(Flag::CleanClose);
    buffer.set_annotated(true);
    buffer.append(&one);
    buffer.seal();
    assert_eq!(buffer.sink().wires.len(), 2);
    assert_eq!(buffer.sink().wires[0], one);
    buffer.sink().wires.remove(0);
    assert_eq!(lines(&mut buffer), ["32 32 32 s=0123abcd"]);
}
