// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading EMV tables, and what a card finds in them.

use super::host::Host;
use crate::Options;

/// A record of an application for Visa, as short as they come.
fn record(place: &str, aid: &str, contactless_limit: u32, verify_from: u32) -> String {
    let body = format!(
        "103{place}{length:02}{aid:0<32}01{label:16}03{versions}0769861\
         {merchant:15}5999{terminal:8}E0F0C8{more}22{codes}00000000R1{mode}\
         {contactless_limit:08X}00000000{verify_from:08X}00000{tdol:0<40}{ddol:0<40}Y1Z1Y3Z3",
        mode = "2",
        length = aid.len() / 2,
        label = "VISA",
        versions = "0096008C0000",
        merchant = "M1",
        terminal = "T1",
        more = "F000F0A001",
        codes = "DC4000A8000000000000DC4004F800",
        tdol = "",
        ddol = "",
    );
    format!("{:03}{body}", body.len() + 3)
}

fn empty() -> Host {
    let mut host = Host::with(Options {
        tables: false,
        ..Options::default()
    });
    assert_eq!(host.ask(b"OPN"), b"OPN000");
    host
}

fn load(host: &mut Host, version: &str, records: &[String]) {
    assert_eq!(host.ask(format!("TLI01203{version}").as_bytes()), b"TLI020");
    for record in records {
        let sent = format!("TLR{:03}01{record}", record.len() + 2);
        assert_eq!(host.ask(sent.as_bytes()), b"TLR000");
    }
    assert_eq!(host.ask(b"TLE"), b"TLE000");
}

#[test]
fn a_record_is_as_long_as_the_specification_says() {
    assert_eq!(record("01", "A0000000031010", 0, 0).len(), 284);
}

#[test]
fn tables_become_valid_when_they_are_whole() {
    let mut host = empty();
    assert_eq!(host.ask(b"GTS00203"), b"GTS0000100000000000");
    host.act("insert visa-approve");
    assert_eq!(host.objects("GCX", &[]).status, "GCX070");
    assert_eq!(host.ask(b"TLI01203V000000001"), b"TLI020");
    let one = record("01", "A0000000031010", 0, 0);
    assert_eq!(host.ask(format!("TLR28601{one}").as_bytes()), b"TLR000");
    host.act("insert visa-approve");
    assert_eq!(host.objects("GCX", &[]).status, "GCX070");
    assert_eq!(host.ask(b"GTS00203"), b"GTS0000100000000000");
    assert_eq!(host.ask(b"TLE"), b"TLE000");
    assert_eq!(host.ask(b"GTS00203"), b"GTS000010V000000001");
    assert_eq!(host.ask(b"TLI01203V000000001"), b"TLI000");
    assert_eq!(host.ask(b"TLE"), b"TLE000");
    let info = host.objects("GIX", &[(1, &[0x93, 0x03])]);
    assert_eq!(info.text(0x9303), "V000000001");
    host.act("insert visa-approve");
    let read = host.objects("GCX", &[(0x10, b"03"), (0x22, b"986")]);
    assert_eq!(read.status, "GCX000");
    assert_eq!(read.text(0x8051), "030101");
    // A loading that was not ended is forgotten with the session.
    assert_eq!(host.ask(b"TLI01203V000000002"), b"TLI020");
    assert_eq!(host.ask(b"OPN"), b"OPN000");
    assert_eq!(host.ask(b"TLE"), b"TLE010");
    assert_eq!(host.ask(b"GTS00203"), b"GTS000010V000000001");
}

#[test]
fn the_record_that_is_wanted_decides() {
    let mut host = empty();
    let records = [
        record("01", "A000000003", 0, 0),
        record("02", "A0000000031010", 0, 0),
        record("03", "A0000000041010", 0, 0),
    ];
    load(&mut host, "V000000001", &records);
    let mut read = |objects: &[(u16, &[u8])]| {
        host.act("insert visa-approve");
        host.objects("GCX", objects)
    };
    assert_eq!(read(&[]).text(0x8051), "030201030101");
    assert_eq!(read(&[(0x12, b"0301")]).text(0x8051), "030101");
    assert_eq!(read(&[(0x12, b"0303")]).status, "GCX070");
    assert_eq!(read(&[(0x11, b"0102")]).text(0x8051), "030201030101");
    assert_eq!(read(&[(0x11, b"02")]).status, "GCX070");
    assert_eq!(read(&[(0x10, b"04")]).status, "GCX070");
    assert_eq!(read(&[(0x12, b"03")]).status, "GCX011");
    // The terminal's country is the record's.
    let tags = read(&[(4, &[0x9F, 0x1A, 0x9F, 0x33])]);
    assert_eq!(tags.hex(0x8054), "9F1A0200769F3303E0F0C8");
}

#[test]
fn limits_without_contact_are_the_tables() {
    let mut host = empty();
    load(
        &mut host,
        "V000000001",
        &[record("01", "A0000000031010", 5000, 2000)],
    );
    let mut pay = |amount: &[u8]| {
        host.act("tap visa-pin");
        let asked: [(u16, &[u8]); 4] = [(0x13, amount), (0x17, b"10000"), (0x0C, &[3]), (4, &[])];
        let read = host.objects("GCX", &asked);
        if read.status != "GCX000" {
            return read.status;
        }
        let asked: [(u16, &[u8]); 3] = [(0x13, amount), (2, b"3"), (9, b"01")];
        host.objects("GOX", &asked).text(0x8056).to_owned()
    };
    assert_eq!(pay(b"000000001999"), "200000");
    // From the limit on nothing is asked without contact, and nobody inserts a card.
    assert_eq!(pay(b"000000005000"), "GCX012");
    assert_eq!(pay(b"000000002000"), "202000");
}

#[test]
fn records_that_are_none_are_refused() {
    let mut host = empty();
    let good = record("01", "A0000000031010", 0, 0);
    for wrong in [
        format!("02{good}"),
        format!("01{}", &good[..283]),
        format!("01{}", good.replacen("A0000000031010", "A00000000310ZZ", 1)),
        format!("01{}", good.replacen("1030107", "1030117", 1)),
        format!("01{}", good.replacen("2841", "2844", 1)),
        "01611203".to_owned() + &"0".repeat(600),
        format!("01{good}0"),
    ] {
        assert_eq!(host.ask(b"TLI01203V000000001"), b"TLI020");
        let sent = format!("TLR{:03}{wrong}", wrong.len());
        assert_eq!(host.ask(sent.as_bytes()), b"TLR021", "{wrong}");
    }
    assert_eq!(host.ask(b"TLI01203V000000001"), b"TLI020");
    let key = format!("611203010000000003{:0<593}", "92");
    assert_eq!(key.len(), 611);
    let sent = format!("TLR{:03}01{key}", key.len() + 2);
    assert_eq!(host.ask(sent.as_bytes()), b"TLR000");
    assert_eq!(host.ask(b"TLR0280102630301A00000000392010203"), b"TLR000");
    assert_eq!(host.ask(b"TLE"), b"TLE000");
}
