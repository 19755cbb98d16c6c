// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is no message of this protocol is refused, never believed and never a panic.

use super::commands::{begin, go_on, tracks};
use crate::blocks::{Fields, Reply, Writer, block, only, split};
use crate::commands::Command;
use crate::frame::{pack, unpack};
use crate::wire::{self, FIELDS, WireError};

#[test]
fn blocks_have_the_length_they_say() {
    assert_eq!(split(b""), Ok(vec![]));
    assert_eq!(split(b"000"), Ok(vec![&b""[..]]));
    assert_eq!(split(b"001a002bc"), Ok(vec![&b"a"[..], b"bc"]));
    for wrong in [
        &b"0"[..],
        b"00",
        b"001",
        b"002a",
        b"00a",
        b" 1a",
        b"+1a",
        b"001ab",
    ] {
        split(wrong).expect_err("no blocks");
    }
    only(b"001a001b").expect_err("two");
    assert_eq!(block(&[0; 999]).map(|block| block.len()), Ok(1002));
    block(&[0; 1000]).expect_err("too long");
}

#[test]
fn no_field_lies_across_two_blocks() {
    let mut writer = Writer::default();
    writer.put(&wire::DATAIN, &[1; 900]).expect("it fits");
    writer.put(&wire::DATAIN, &[2; 90]).expect("it fits");
    writer.put(&wire::KEYIDX, b"01").expect("it fits");
    let blocks = writer.finish().expect("it fits");
    let contents = split(&blocks).expect("blocks");
    let lengths: Vec<usize> = contents.iter().map(|content| content.len()).collect();
    assert_eq!(lengths, [998, 6], "as much as fits, and then another");
    let fields = Fields::read(&blocks).expect("fields");
    assert_eq!(fields.one(&wire::DATAIN), Err(WireError::Twice("DATAIN")));
    assert_eq!(fields.one(&wire::KEYIDX), Ok(Some(&b"01"[..])));
    assert_eq!(fields.one(&wire::AMOUNT), Ok(None));
    let mut longest = Writer::default();
    longest.put(&wire::DATAIN, &[1; 995]).expect("it fits");
    assert_eq!(longest.finish().expect("it fits").len(), 1002);
    let mut longer = Writer::default();
    longer.put(&wire::DATAIN, &[1; 996]).expect_err("too long");
}

#[test]
fn fields_have_the_length_they_say() {
    for wrong in [
        &b"001\x80"[..],
        b"004\x80\x40\x00\x02",
        b"005\x80\x40\x00\x02a",
        b"007\x80\x40\x00\x02abc",
        // It would go on in the next block.
        b"005\x80\x40\x00\x02a001b",
    ] {
        Fields::read(wrong).err().expect("no fields");
    }
}

#[test]
fn a_field_holds_what_its_format_says() {
    for (field, fits, wrong) in [
        (wire::AMOUNT, &b"000000000100"[..], &b"00000000010a"[..]),
        (wire::AMOUNT, b"000000000100", b"0000000001000"),
        (wire::CAPAB, b"1100000000", b"110000000"),
        (wire::SERNUM, b"", b"\x01"),
        (wire::DSPMSG, b"a\rb\xC7", b"a\nb"),
        (wire::KSN, &[0; 10], &[0; 9]),
        (wire::IDLIST, &[0; 4], &[0; 3]),
        (wire::TAGLIST, &[0; 128], &[0; 129]),
        (wire::TAGLIST, &[0], &[]),
        (wire::ISSCNTRY, b"0076", b"76"),
    ] {
        assert_eq!(field.check(fits), Ok(()), "{}", field.name);
        field.check(wrong).expect_err(field.name);
    }
}

#[test]
fn every_field_is_declared_once() {
    let mut names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    let mut ids: Vec<u16> = FIELDS.iter().map(|field| field.id).collect();
    names.sort_unstable();
    ids.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    // GOX's result and the second reading of FCX's share a number.
    let shared = ids.windows(2).filter(|pair| pair[0] == pair[1]);
    assert_eq!(shared.map(|pair| pair[0]).collect::<Vec<_>>(), [0x8056]);
}

#[test]
fn no_answer_cut_anywhere_makes_a_panic() {
    let mut writer = Writer::default();
    writer.put(&wire::CARDTYPE, b"03").expect("it fits");
    writer.put(&wire::GOXRES, b"000000").expect("it fits");
    writer.put(&wire::ENCPAN, &[1; 16]).expect("it fits");
    writer.put(&wire::ENCPANKSN, &[1; 10]).expect("it fits");
    let whole = writer.finish().expect("it fits");
    begin().read(&whole).expect("whole");
    go_on().read(&whole).expect("whole");
    tracks().read(&whole).expect("whole");
    for place in 1..whole.len() {
        let cut = &whole[..place];
        begin().read(cut).err().expect("cut");
        go_on().read(cut).expect_err("cut");
        tracks().read(cut).expect_err("cut");
    }
}

#[test]
fn replies() {
    for wrong in [
        &b""[..],
        b"CE",
        b"CEX",
        b"CEX00",
        b"CEX0x0",
        b"cex000",
        b"\x00\x00\x00000",
    ] {
        Reply::read(wrong).err().expect("no answer");
    }
    let reply = Reply::read(b"CEX999abc").expect("an answer");
    assert_eq!((reply.status.code(), reply.blocks), (999, &b"abc"[..]));
}

#[test]
fn envelopes() {
    for length in [1, 11, 12, 13, 2043, 2044] {
        let clear = vec![0x41; length];
        let block = pack(&clear).expect("it fits");
        assert!(block.len().is_multiple_of(16) && block.len() <= 2048);
        assert_eq!(unpack(&block), Ok(&clear[..]));
        let mut other = block.to_vec();
        other[4] ^= 1;
        unpack(&other).expect_err("another text");
    }
    pack(&[]).expect_err("nothing");
    pack(&[0; 2045]).expect_err("too much");
    for wrong in [
        vec![],
        vec![0; 15],
        vec![0; 16],
        vec![0xFF; 32],
        vec![0; 4112],
    ] {
        unpack(&wrong).expect_err("no envelope");
    }
}

#[test]
fn hexadecimal_and_digits() {
    assert_eq!(wire::unhex(b"0aF9", "x"), Ok(vec![0x0A, 0xF9]));
    wire::unhex(b"0", "x").expect_err("half");
    wire::unhex(b"0g", "x").expect_err("no digit");
    assert_eq!(wire::hex(&[0x0A, 0xF9]), b"0AF9");
    assert_eq!(wire::digits(7, 3, "x"), Ok(b"007".to_vec()));
    wire::digits(1000, 3, "x").expect_err("too long");
    assert_eq!(wire::number(b"007", "x"), Ok(7));
    for wrong in [&b""[..], b"-1", b" 1", b"1234567890123456789"] {
        wire::number(wrong, "x").expect_err("no number");
    }
    wire::padded("a text of more than", 16, "x").expect_err("too long");
}
