//! Annotation lines against vectors made by hand: the lengths counted, the checksums computed with Python's zlib.crc32.

use everysec_core::block_format::{annotation, annotation_len, Flag, Session, Stamp};

fn check(stamp: &Stamp, payload: &[u8], expected: &str) {
    let line = annotation(stamp, payload);
    assert_eq!(line, expected);
    assert_eq!(annotation_len(stamp, payload.len()), expected.len());
}

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

#[test]
fn a_lone_record_costs_no_field_that_it_does_not_need() {
    check(&Stamp::default(), PING, "#EVS1 e 0 0 ba111772\r\n");
}

#[test]
fn every_field_stands_in_its_order_in_lower_case_hexadecimal() {
    let stamp = Stamp {
        lsn: 0xABCDEF,
        lag: 0x1F,
        db: 11,
        seconds: Some(1_732_160_000),
        session: Session::parse("0123abcd"),
        flag: Flag::More,
    };
    check(
        &stamp,
        PING,
        "#EVS1 e abcdef 1f 058999cb d=b t=673eaa00 s=0123abcd f=m\r\n",
    );
}

#[test]
fn marks_are_blocks_without_payload() {
    let stamp = Stamp {
        lsn: 4096,
        flag: Flag::CleanClose,
        ..Stamp::default()
    };
    check(&stamp, b"", "#EVS1 0 1000 0 d8b9dffa f=c\r\n");
    let stamp = Stamp {
        lsn: 4096,
        flag: Flag::Idle,
        ..Stamp::default()
    };
    check(&stamp, b"", "#EVS1 0 1000 0 386c36e4 f=i\r\n");
}

#[test]
fn the_checksum_covers_each_part_of_a_block() {
    let stamp = Stamp {
        lsn: 1,
        lag: 1,
        db: 1,
        ..Stamp::default()
    };
    let crc = |stamp: &Stamp, payload: &[u8]| annotation(stamp, payload)[12..20].to_string();
    let base = crc(&stamp, PING);
    let mut changed = PING.to_vec();
    changed[9] ^= 1;
    let others = [
        crc(&stamp, &changed),
        crc(&Stamp { lsn: 2, ..stamp }, PING),
        crc(&Stamp { lag: 2, ..stamp }, PING),
        crc(&Stamp { db: 2, ..stamp }, PING),
        crc(
            &Stamp {
                flag: Flag::More,
                ..stamp
            },
            PING,
        ),
    ];
    assert!(others.iter().all(|other| *other != base), "{base} among {others:?}");
}

#[test]
fn a_session_id_is_eight_lower_case_hexadecimal_digits() {
    assert!(Session::parse("00000000").is_some());
    for bad in ["", "0123abc", "0123abcde", "0123ABCD", "0123abcg", " 123abcd"] {
        assert!(Session::parse(bad).is_none(), "{bad:?}");
    }
}
