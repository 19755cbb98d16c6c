// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions in clear and in secret, aborts, repeats, tables, keys and text.

use super::host::{Answer, Host, command};
use super::vectors::{MODULUS, PRIVATE_EXPONENT};
use crate::digits::unhex;
use crate::frame::packet;
use crate::rsa::PublicKey;
use crate::secure::{SessionKey, is_encrypted};
use crate::{Options, Version};
use payhal_testkit::simulate::Simulator;

const CAN: u8 = 0x18;
const EOT: u8 = 0x04;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// Opens a session in secret, with the published key.
pub(super) fn opened_in_secret() -> Host {
    let mut host = Host::new();
    open_in_secret(&mut host);
    host
}

fn open_in_secret(host: &mut Host) {
    host.key = None;
    let opened = host.ask(format!("OPN5190256{MODULUS}10D").as_bytes());
    assert_eq!(opened[..12], *b"OPN000515256");
    let wrapped = unhex(&opened[12..]).unwrap();
    let [modulus, exponent] = [MODULUS, PRIVATE_EXPONENT].map(|hex| unhex(hex.as_bytes()).unwrap());
    let private = PublicKey::new(&modulus, &exponent).unwrap();
    let block = private.power(wrapped.as_slice().try_into().unwrap());
    let (filling, key) = block.split_last_chunk().unwrap();
    assert_eq!(filling[..2], [0, 2]);
    assert!(!filling[2..filling.len() - 1].contains(&0));
    assert_eq!(filling.last(), Some(&0));
    host.key = Some(SessionKey::new(key));
}

#[test]
fn a_secret_session_answers_in_secret_until_it_is_closed() {
    let mut host = opened_in_secret();
    let bytes = host.write(&packet(&host.key.as_ref().unwrap().wrap(b"GIX")));
    assert_eq!(bytes, [ACK]);
    let bytes = host.pass(1_000_000);
    assert_eq!(bytes[..2], [0x16, 0x12]);
    let said = host.packets(&bytes);
    assert_eq!(Answer::of(&said[0]).text(0x8007), "2.12");
    // Notifications, too.
    host.act("unwilling");
    let said = host.converse(&command("GCX", &[]));
    assert!(said[0].starts_with(b"NTM000032"));
    assert_eq!(said[1], b"GCX013");
    // What ends the secrecy is answered in clear.
    let key = host.key.take().unwrap();
    let bytes = host.write(&packet(&key.wrap(b"CLO")));
    assert_eq!(bytes, [ACK]);
    let bytes = host.pass(1_000_000);
    assert_eq!(host.packets(&bytes), [b"CLO000"]);
    assert_eq!(host.ask(b"GIX"), b"GIX010");
}

#[test]
fn two_secret_sessions_have_two_keys() {
    let mut host = opened_in_secret();
    let first = host.key.take().unwrap().wrap(b"GIX");
    open_in_secret(&mut host);
    assert_ne!(host.key.as_ref().unwrap().wrap(b"GIX"), first);
    // With another exponent the lengths are others.
    host.key = None;
    let opened = host.ask(format!("OPN5230256{MODULUS}3010001").as_bytes());
    assert_eq!(opened[..12], *b"OPN000515256");
    for wrong in [
        format!("OPN5190256{MODULUS}20D"),
        format!("OPN5190256{}10D", MODULUS.replace("F", "G")),
        format!("OPN5190128{MODULUS}10D"),
        format!("OPN5191256{MODULUS}10D"),
    ] {
        assert_eq!(host.ask(wrong.as_bytes()), b"OPN011");
    }
}

#[test]
fn clear_commands_in_a_secret_session_are_refused_and_it_goes_on() {
    let mut host = opened_in_secret();
    let bytes = host.write(&packet(b"GIX"));
    assert_eq!(bytes, [ACK]);
    let bytes = host.pass(1_000_000);
    assert_eq!(bytes, packet(b"GIX009"));
    assert!(host.ask(b"GIX").starts_with(b"GIX000"));
    let key = host.key.take();
    assert_eq!(host.ask(b"OPN"), b"OPN000");
    assert!(key.is_some());
    assert!(host.ask(b"GIX").starts_with(b"GIX000"));
}

#[test]
fn what_nobody_with_the_key_has_made_ends_the_session() {
    let mut host = opened_in_secret();
    let key = host.key.take().unwrap();
    let mut wrapped = key.wrap(b"GIX");
    wrapped[5] ^= 1;
    assert!(is_encrypted(&wrapped));
    assert_eq!(host.ask(&wrapped), b"ERR009");
    assert_eq!(host.ask(b"GIX"), b"GIX010");
    // In a session without secrecy it is only refused.
    let mut host = Host::opened();
    assert_eq!(host.ask(&key.wrap(b"GIX")), b"ERR009");
    assert!(host.ask(b"GIX").starts_with(b"GIX000"));
}

#[test]
fn commands_that_cannot_be_are_refused() {
    let mut host = Host::new();
    assert_eq!(host.ask(b"GIX"), b"GIX010");
    assert_eq!(host.ask(b"OPN"), b"OPN000");
    for (said, refused) in [
        (&b"XYZ"[..], &b"ERR010"[..]),
        (b"X", b"ERR010"),
        (b"DWK", b"DWK010"),
        (b"GCR", b"GCR010"),
        (b"GEN", b"GEN010"),
        (b"GIX99", b"GIX011"),
        (b"GIX004\x00\x01\x00\x02", b"GIX011"),
        (b"GIX005\x00\x01\x00\x01\x80", b"GIX011"),
        (b"GTK", b"GTK019"),
        (b"CEX", b"CEX019"),
        (b"GED", b"GED019"),
        (b"FCX", b"FCX019"),
        (b"EBX", b"EBX019"),
        (b"MNU", b"MNU019"),
        (b"GCD", b"GCD019"),
        (b"GOX", b"GOX010"),
        (b"TLE", b"TLE010"),
        (b"TLR00200", b"TLR010"),
        (b"MLI", b"MLI102"),
        (b"LMF", b"LMF000"),
    ] {
        assert_eq!(host.ask(said), refused, "{said:02X?}");
    }
    assert_eq!(host.objects("DSI", &[(0x1E, b"QRCODE01")]).status, "DSI100");
    assert_eq!(host.objects("CEX", &[(6, b"000000")]).status, "CEX011");
    assert_eq!(host.objects("CEX", &[(6, b"0x0000")]).status, "CEX011");
}

#[test]
fn a_pinpad_tells_what_it_is() {
    let mut host = Host::with(Options {
        serial_number: "PP12345".to_owned(),
        version: Version::V220,
        key_index: 7,
        ..Options::default()
    });
    host.ask(b"OPN");
    let all = Answer::of(&host.ask(b"GIX"));
    assert_eq!(all.text(0x8001), "PP12345");
    assert_eq!(all.text(0x8007), "2.20");
    for id in [0x8035, 0x8036] {
        let map = all.text(id);
        assert_eq!(
            (map.len(), map.find('1'), map.matches('1').count()),
            (100, Some(7), 1)
        );
    }
    assert_eq!(all.hex(0x9207), "FFFF9876543210E00000");
    assert!(all.value(0x9208).is_none());
    let some = host.objects("GIX", &[(1, &[0x80, 0x01, 0x99, 0x99, 0x91, 0x07])]);
    assert_eq!(some.objects.len(), 2);
    let old = host.ask(b"GIN00200");
    assert_eq!((old.len(), &old[..9]), (109, &b"GIN000100"[..]));
    assert_eq!(&old[9 + 60..][..4], b"2.20");
    assert_eq!(host.ask(b"GIN00202").len(), 6 + 3 + 42);
}

#[test]
fn an_abort_ends_whatever_runs_at_once() {
    for (start, acts) in [
        (command("GCX", &[]), None),
        (command("CEX", &[(6, b"111100")]), None),
        (b"GKY".to_vec(), None),
        (command("GCD", &[(0x0B, &[0, 1])]), None),
        (command("MNU", &[(0x20, b"A"), (0x20, b"B")]), Some("idle")),
        (
            b"RMC032                                ".to_vec(),
            Some("insert visa-pin"),
        ),
    ] {
        let mut host = Host::opened();
        if let Some(words) = acts {
            host.act(words);
            host.act("idle");
        }
        assert_eq!(host.write(&packet(&start))[0], ACK, "{start:02X?}");
        host.pass(400_000);
        assert_eq!(host.write(&[CAN]), [EOT]);
        assert_eq!(host.pass(600_000_000), b"");
        assert_eq!(host.pinpad.next_us(), None);
        assert!(host.ask(b"GIX").starts_with(b"GIX000"));
    }
    // Also when there is nothing to be ended, and before a response that is on its way.
    let mut host = Host::new();
    assert_eq!(host.write(&[CAN]), [EOT]);
    assert_eq!(
        host.write(&[packet(b"OPN"), vec![CAN]].concat()),
        [ACK, EOT]
    );
    assert_eq!(host.pass(1_000_000), b"");
}

#[test]
fn what_was_not_understood_is_said_again_twice() {
    let mut host = Host::opened();
    let first = packet(&host.ask(b"GIN00202"));
    assert_eq!(host.write(&[NAK]), first);
    assert_eq!(host.write(&[NAK]), first);
    assert_eq!(host.write(&[NAK]), b"");
    assert_eq!(host.write(&[CAN]), [EOT]);
    assert_eq!(host.write(&[NAK]), b"");
    let mut damaged = packet(b"GIX");
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(host.write(&damaged), [NAK]);
    assert_eq!(host.pass(1_000_000), b"");
}

#[test]
fn one_command_at_a_time() {
    let mut host = Host::opened();
    host.write(&packet(b"GKY"));
    assert_eq!(host.write(&packet(b"GIX")), b"");
    host.act("key 6");
    let bytes = host.pass(1_000_000);
    assert_eq!(host.packets(&bytes), [b"GKY006"]);
}

#[test]
fn keys_digits_and_choices_come_from_who_stands_there() {
    let mut host = Host::opened();
    for (key, status) in [
        ("0", "GKY000"),
        ("4", "GKY004"),
        ("8", "GKY008"),
        ("13", "GKY013"),
    ] {
        host.act(&format!("key {key}"));
        assert_eq!(host.ask(b"GKY"), status.as_bytes());
    }
    host.act("type 4711");
    let typed = host.objects("GCD", &[(0x0B, &[0, 1]), (0x0D, &[4]), (0x0E, &[4])]);
    assert_eq!(
        (typed.status.as_str(), typed.text(0x804D)),
        ("GCD000", "4711")
    );
    let late = host.objects("GCD", &[(0x0B, &[0, 1]), (0x0C, &[5])]);
    assert_eq!(late.status, "GCD012");
    let menu: [(u16, &[u8]); 3] = [(0x20, b"UM"), (0x20, b"DOIS"), (0x0C, &[9])];
    assert_eq!(host.objects("MNU", &menu).text(0x804D), "01");
    host.act("choose 2");
    assert_eq!(host.objects("MNU", &menu).text(0x804D), "02");
    host.act("unwilling");
    assert_eq!(host.objects("MNU", &menu).status, "MNU013");
    host.act("idle");
    assert_eq!(host.objects("MNU", &menu).status, "MNU012");
}

#[test]
fn events_are_what_happens() {
    let mut host = Host::opened();
    let mut event = |words: &str, options: &[u8]| {
        host.act(words);
        let answer = host.objects("CEX", &[(6, options), (0x23, b"0604")]);
        assert_eq!(answer.status, "CEX000");
        answer
    };
    assert_eq!(event("key 4", b"100000").text(0x8040), "04");
    assert_eq!(event("unwilling", b"100000").text(0x8040), "13");
    let swiped = event("swipe visa-approve", b"111100");
    assert_eq!(swiped.text(0x8040), "90");
    assert!(swiped.text(0x8041).starts_with("B411111******1111^"));
    assert_eq!(swiped.text(0x8042), "411111******1111=4912201");
    assert_eq!(event("tap visa-approve", b"000100").text(0x8040), "94");
    assert_eq!(event("insert visa-approve", b"001000").text(0x8040), "92");
    assert_eq!(event("idle", b"001000").text(0x8040), "92");
    assert_eq!(event("remove", b"002000").text(0x8040), "91");
    // Nobody comes: the field goes off, or the time that was named is over.
    host.act("calm");
    host.write(&packet(&command("CEX", &[(6, b"000100")])));
    assert_eq!(host.pass(119_000_000), b"");
    let bytes = host.pass(2_000_000);
    assert_eq!(host.packets(&bytes), [b"CEX000006\x80\x40\x00\x0293"]);
    let late = host.objects("CEX", &[(6, b"110000"), (0x0C, &[10])]);
    assert_eq!(late.status, "CEX012");
    // A key that nobody asked for is the red one's only.
    host.act("unwilling");
    assert_eq!(host.objects("CEX", &[(6, b"010000")]).status, "CEX013");
}

#[test]
fn whoever_inserted_a_card_too_early_does_it_again() {
    let mut host = Host::opened();
    let remove = [&b"RMC032"[..], &[b' '; 32]].concat();
    host.act("insert visa-approve");
    assert_eq!(host.ask(&remove), b"RMC000");
    assert_eq!(host.objects("CEX", &[(6, b"001000")]).text(0x8040), "92");
    assert_eq!(host.ask(&remove), b"RMC000");
    assert_eq!(host.objects("GCX", &[]).status, "GCX000");
    // Once it was read, it goes, and no key keeps it.
    host.act("unwilling");
    assert_eq!(host.ask(&remove), b"RMC000");
    assert_eq!(host.ask(b"GKY"), b"GKY013");
    assert_eq!(host.objects("GCX", &[(0x0C, &[5])]).status, "GCX013");
}

#[test]
fn the_red_key_ends_what_waits_and_nothing_that_comes_later() {
    let mut host = Host::opened();
    let begin: [(u16, &[u8]); 1] = [(0x0C, &[60])];
    host.act("cancel");
    host.act("cancel");
    assert_eq!(host.objects("GCX", &begin).status, "GCX012");
    // While it waits, also where nobody came for long.
    host.act("idle");
    host.write(&packet(&command("GCX", &begin)));
    host.pass(20_000_000);
    host.act("cancel");
    let bytes = host.pass(1_000_000);
    assert_eq!(host.packets(&bytes), [b"GCX013"]);
    // The host was quicker than the hand.
    host.write(&packet(&command("GCX", &begin)));
    host.pass(1_000_000);
    host.act("cancel");
    host.write(&[0x18]);
    assert_eq!(host.objects("GCX", &begin).status, "GCX012");
    host.act("unwilling");
    assert_eq!(host.objects("GCX", &begin).status, "GCX013");
    host.act("insert visa-approve");
    assert_eq!(host.objects("GCX", &begin).status, "GCX000");
}

#[test]
fn text_stands_on_the_screen() {
    let mut host = Host::opened();
    let lines = b"    OPERA\xC7\xC3O       FINALIZADA   ";
    assert_eq!(host.ask(&[b"DSP032", &lines[..]].concat()), b"DSP000");
    assert_eq!(host.pinpad.screen(), lines);
    assert_eq!(host.ask(b"DEX007004OLA!"), b"DEX000");
    assert_eq!(host.pinpad.screen(), b"OLA!");
    assert_eq!(host.ask(b"DEX007005OLA!"), b"DEX011");
    assert_eq!(host.ask(b"DSP004OLA!"), b"DSP011");
    host.act("insert visa-pin");
    assert_eq!(
        host.ask(b"RMC032     RETIRE         O CARTAO    "),
        b"RMC000"
    );
    assert_eq!(
        host.ask(b"RMC032     RETIRE         O CARTAO    "),
        b"RMC000"
    );
}

#[test]
fn a_card_is_reached_through_the_pinpad() {
    let mut host = Host::opened();
    assert_eq!(host.ask(b"CHP00501000"), b"CHP043");
    assert_eq!(host.ask(b"CHP00511000"), b"CHP051");
    host.act("insert visa-approve");
    assert_eq!(host.ask(b"CHP0290201100A4040007A0000000031010"), b"CHP011");
    assert_eq!(host.ask(b"CHP0290201200A4040007A0000000031010"), b"CHP010");
    assert_eq!(
        host.ask(b"CHP00501000"),
        b"CHP0000270123B68000050415948414C2031"
    );
    let selected = host.ask(b"CHP0290201200A4040007A0000000031010");
    assert!(selected.ends_with(b"9000"));
    assert!(selected.windows(22).any(|w| w == b"500B564953412043524544"));
    assert_eq!(host.ask(b"CHP0150200500B2010C00"), b"CHP0000070026D00");
    assert_eq!(host.ask(b"CHP00500000"), b"CHP000003000");
    assert_eq!(host.ask(b"CHP0150200500B2010C00"), b"CHP010");
    host.act("insert mastercard-chip-fault");
    assert_eq!(host.ask(b"CHP00501000"), b"CHP060");
}
