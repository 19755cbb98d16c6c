// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every word for what goes wrong.

use super::host::{Host, command};
use super::sessions::opened_in_secret;
use crate::frame::packet;
use payhal_testkit::simulate::{Booked, Out, Simulator};

const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
const CAN: u8 = 0x18;
const EOT: u8 = 0x04;

fn refused() -> Vec<u8> {
    packet(b"GTS011")
}

#[test]
fn commands_are_not_heard_or_answered_as_damaged() {
    let mut host = Host::opened();
    host.act("no-ack 2");
    for at_once in [&[][..], &[], &[ACK]] {
        assert_eq!(host.write(&packet(b"GTS")), at_once);
    }
    assert_eq!(host.pass(1_000_000), refused());
    host.act("nak");
    assert_eq!(host.write(&packet(b"GTS")), [NAK]);
    assert_eq!(host.write(&packet(b"GTS")), [ACK]);
    assert_eq!(host.pass(1_000_000), refused());
    host.act("nak-storm");
    for _ in 0..10 {
        assert_eq!(host.write(&packet(b"GTS")), [NAK]);
    }
    host.act("calm");
    assert_eq!(host.ask(b"GTS"), b"GTS011");
}

#[test]
fn responses_are_damaged_cut_late_or_lost() {
    let mut host = Host::opened();
    let heard = |host: &mut Host, words: &str| {
        host.act(words);
        assert_eq!(host.write(&packet(b"GTS")), [ACK]);
        host.pass(2_000_000)
    };
    let damaged = heard(&mut host, "wrong-crc");
    assert_ne!(damaged, refused());
    assert_eq!(damaged.len(), refused().len());
    // Said again, it is right.
    assert_eq!(host.write(&[NAK]), refused());
    let cut = heard(&mut host, "cut");
    assert!(refused().starts_with(&cut) && cut.len() < refused().len());
    assert_eq!(heard(&mut host, "silent GTS"), b"");
    assert_eq!(heard(&mut host, "lost"), b"");
    assert_eq!(host.write(&[NAK]), b"");
    assert_eq!(heard(&mut host, "late 2500"), b"");
    assert_eq!(host.pass(600_000), refused());
    assert_eq!(heard(&mut host, "silent GTK"), refused());
    let unknown = heard(&mut host, "unknown");
    assert_eq!(unknown, packet(b"ERR010"));
    assert_eq!(host.ask(b"GTS"), b"GTS011");
}

#[test]
fn a_response_stays_damaged_as_often_as_it_is_told() {
    let mut host = Host::opened();
    host.act("wrong-crc 3");
    host.write(&packet(b"GTS"));
    assert_ne!(host.pass(1_000_000), refused());
    assert_ne!(host.write(&[NAK]), refused());
    assert_ne!(host.write(&[NAK]), refused());
    assert_eq!(host.write(&[NAK]), b"");
    assert_eq!(host.ask(b"GTS"), b"GTS011");
}

#[test]
fn what_was_done_and_lost_was_done() {
    let mut host = Host::opened();
    host.act("swipe stripe-only");
    host.objects("CEX", &[(6, b"010000")]);
    host.act("lost GTK");
    let asked = command("GTK", &[(7, b"0010"), (3, b"51"), (9, b"01")]);
    assert_eq!(host.write(&packet(&asked)), [ACK]);
    assert_eq!(host.pass(60_000_000), b"");
    assert!(matches!(host.pinpad.books()[..], [Booked::Read { .. }]));
    assert_eq!(host.ask(&asked), b"GTK010");
}

#[test]
fn a_deaf_one_hears_no_abort_and_a_silent_one_does() {
    let mut host = Host::opened();
    host.act("silent");
    assert_eq!(host.write(&packet(b"GIX")), [ACK]);
    assert_eq!(host.write(&[CAN]), [EOT]);
    host.act("deaf");
    assert_eq!(host.write(&[CAN]), b"");
    assert_eq!(host.write(&packet(b"GIX")), b"");
    host.act("calm");
    assert_eq!(host.write(&[CAN]), [EOT]);
}

#[test]
fn one_that_never_stops_talking_is_aborted_and_goes_on() {
    let mut host = Host::opened();
    host.act_out("talk");
    let said = host.pass(10_000_000);
    let notices = host.packets(&said);
    assert!(notices.len() >= 50);
    assert!(
        notices
            .iter()
            .all(|said| said.starts_with(b"NTM000032PROCESSANDO")
                || said.starts_with(b"NTM000032  "))
    );
    assert!(host.write(&[CAN]).contains(&EOT));
    assert!(!host.pass(1_000_000).is_empty());
    host.act("calm");
    assert_eq!(host.pass(600_000_000), b"");
}

#[test]
fn the_secrecy_ends_and_the_power_is_cut() {
    let mut host = opened_in_secret();
    host.act("drop-secure");
    assert_eq!(host.ask(b"GIX"), b"ERR009");
    host.key = None;
    assert_eq!(host.ask(b"GIX"), b"GIX010");
    let mut host = Host::opened();
    host.act("insert visa-pin");
    host.write(&packet(b"GKY"));
    host.act("reset");
    assert_eq!(host.pass(600_000_000), b"");
    assert_eq!(host.ask(b"GIX"), b"GIX010");
    assert_eq!(host.ask(b"OPN"), b"OPN000");
    // The card is still in the slot.
    assert_eq!(host.objects("GCX", &[]).status, "GCX000");
}

#[test]
fn words_that_mean_nothing_are_told() {
    let mut host = Host::opened();
    for words in [
        "dance",
        "tap nobody",
        "tap maestro-pin",
        "swipe contactless-only",
        "pin 12",
        "key 1",
        "choose 0",
        "type abc",
        "late",
        "nak often",
    ] {
        let mut out = Out::default();
        let told = host.pinpad.act(words, host.now_us, &mut out);
        assert!(told.is_err(), "{words}");
    }
    assert_eq!(host.pinpad.next_us(), None);
    let words = host.pinpad.words();
    assert!(words.len() > 20 && words.iter().all(|(_, sentence)| !sentence.is_empty()));
}
