// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments from card to issuer's answer, and what stops them.

use super::*;
use crate::wire::hex;
use payhal_card_data::pinpad_read::{PinpadPart, PinpadRead};
use payhal_messages::call::Sent;
use payhal_messages::card::{Cvm, Entry, Recipient};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::reader::{
    AuthorizeCard, Complete, IssuerAnswer, PinPolicy, Present, Presentation,
};
use payhal_plugin::{Outcome, PluginError, Reader};
use std::time::Duration;

fn eur(total_minor: i64) -> Amounts {
    Amounts {
        currency: "BRL".into(),
        total_minor,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn present(entries: &[Entry]) -> Present {
    Present {
        estimated: false,
        transaction_id: "t-1".into(),
        purpose: Purpose::Sale,
        amounts: eur(1_250),
        entries: entries.to_vec(),
        total_minor_max: None,
        again: false,
        tip_choices: Vec::new(),
        timeout_ms: 30_000,
    }
}

const ALL: [Entry; 3] = [Entry::Chip, Entry::Contactless, Entry::Stripe];

fn authorize(presentation: &Presentation) -> AuthorizeCard {
    AuthorizeCard {
        transaction_id: "t-1".into(),
        presentation_id: presentation.presentation_id.clone(),
        device: "counter".into(),
        purpose: Purpose::Sale,
        amounts: eur(1_250),
        recipient: Recipient {
            gateway: "sandbox".into(),
            key_id: "k".into(),
            public_key: Vec::new(),
            certificates: Vec::new(),
        },
        online_pin: PinPolicy::ByCard,
        seal_number: true,
        dcc: None,
    }
}

/// A card of GCX. Its number comes masked.
fn begun(kind: &[u8; 2]) -> Said {
    begun_with(kind, b"0")
}

fn begun_with(kind: &[u8; 2], chip_before: &[u8; 1]) -> Said {
    let stripe: &[(u16, &[u8])] = &[
        (0x804F, kind),
        (0x8050, chip_before),
        (0x8042, b"411111******1111=4912201"),
    ];
    let chip: &[(u16, &[u8])] = &[
        (0x804F, kind),
        (0x8050, chip_before),
        (0x8051, b"070101"),
        (0x8052, b"411111******1111"),
        (0x8055, b"DOE/JANE"),
        (0x805B, b"VISA CREDIT"),
        (0x805D, b"491231"),
        (0x8054, &[0x84, 7, 0xA0, 0, 0, 0, 3, 0x10, 0x10]),
    ];
    ok("GCX", &fields(if kind == b"00" { stripe } else { chip }))
}

const PAN_KSN: &[u8] = &[0xFF, 0xFF, 1, 2, 3, 0, 0, 0x20, 0, 1];
const TRACK_KSN: &[u8] = &[0xFF, 0xFF, 1, 2, 3, 0, 0, 0x20, 0, 2];
const PIN_KSN: &[u8] = &[0xFF, 0xFF, 1, 2, 3, 0, 0, 0x20, 0, 3];

fn tracks() -> Said {
    let all = fields(&[
        (0x804A, &[0xA1; 8]),
        (0x804B, PAN_KSN),
        (0x8045, &[0xB2; 24]),
        (0x8048, TRACK_KSN),
    ]);
    ok("GTK", &all)
}

fn went_on(result: &[u8; 6]) -> Said {
    let objects = [0x9F, 0x27, 1, 0x80, 0x57, 2, 0x41, 0x11];
    let mut all: Vec<(u16, &[u8])> = vec![(0x8056, result), (0x8054, &objects)];
    if result[2] == b'2' {
        all.push((0x8057, &[0xC3; 8]));
        all.push((0x804C, PIN_KSN));
    }
    ok("GOX", &fields(&all))
}

fn finished(result: &[u8; 3]) -> Said {
    ok("FCX", &fields(&[(0x8058, result)]))
}

fn script(rest: Vec<Said>) -> Pad {
    let mut said = opened();
    said.extend(rest);
    Pad::new(said)
}

fn code<T>(outcome: Outcome<T>) -> String {
    match outcome {
        Ok(Ok(_)) => panic!("it should not go well"),
        Ok(Err(refusal)) => refusal.code,
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_chip_with_a_pin_pays_and_hears_its_issuer() {
    let pad = script(vec![
        begun(b"03"),
        tracks(),
        went_on(b"202000"),
        finished(b"000"),
        ok("DSP", b""),
        ok("RMC", b""),
        begun(b"06"),
    ]);
    let mut reader = pad.reader(CLEAR);
    let shown = reader.present(present(&ALL), &pad.bench.call());
    let shown = shown.unwrap().unwrap();
    assert_eq!(shown.entry, Entry::Chip);
    assert_eq!(shown.card.masked_pan, "411111******1111");
    assert_eq!(shown.card.scheme, "visa");
    assert_eq!(shown.card.application.as_deref(), Some("VISA CREDIT"));
    assert_eq!(shown.card.aid.as_deref(), Some("A0000000031010"));
    assert!(!serde_json::to_string(&shown).unwrap().contains("DOE"));
    let read = reader.authorize_card(authorize(&shown), &pad.bench.call());
    let read = read.unwrap().unwrap();
    assert_eq!((read.cvm, read.completion_owed), (Cvm::OnlinePin, true));
    assert_eq!(read.tags, [("9F27".to_owned(), "80".to_owned())].into());
    assert_eq!(read.sealed.ksn, TRACK_KSN);
    assert_eq!(read.sealed.key_id, "pinpad");
    let parts = PinpadRead::decode(&read.sealed.ciphertext).unwrap();
    let kinds: Vec<PinpadPart> = parts.fields().iter().map(|field| field.part).collect();
    assert_eq!(
        kinds,
        [PinpadPart::PinBlock, PinpadPart::Pan, PinpadPart::Track2]
    );
    assert_eq!(parts.fields()[0].ksn.bytes(), PIN_KSN);
    let number = PinpadRead::decode(&read.number.unwrap().ciphertext).unwrap();
    assert_eq!(number, parts.number().unwrap());
    let answer = IssuerAnswer::Approved {
        response_code: "00".into(),
        issuer: [("91".to_owned(), "AABB".to_owned())].into(),
    };
    let complete = Complete {
        transaction_id: "t-1".into(),
        presentation_id: shown.presentation_id,
        answer,
        offline: false,
    };
    let done = reader
        .complete(complete, &pad.bench.call())
        .unwrap()
        .unwrap();
    assert!(done.accepted);
    // Whoever pays next is not charged for the card that may still be there.
    let next = reader.present(present(&ALL), &pad.bench.call());
    assert_eq!(next.unwrap().unwrap().entry, Entry::Contactless);
    asked_for_nothing_else(&pad);
}

/// Of a payment with a chip, and a card after it.
fn asked_for_nothing_else(pad: &Pad) {
    let names = pad.names();
    assert_eq!(
        names,
        [
            "OPN", "GIX", "GCX", "GTK", "GOX", "FCX", "DSP", "RMC", "GCX"
        ]
    );
    let asked = pad.asked();
    let has = |place: usize, part: &str| {
        let packet = hex(&asked[place]);
        String::from_utf8(packet).unwrap().contains(part)
    };
    assert!(has(2, "0023000430363034"), "the number is masked");
    assert!(has(3, "000300023531"), "DUKPT, chained");
    assert!(
        has(4, "001000023037"),
        "the acquirer of the record that is in use"
    );
    assert!(has(5, "001C00023030"), "the issuer's code");
    assert!(has(5, "9102AABB"), "the issuer's object");
    for packet in &asked {
        let text = String::from_utf8(hex(packet)).unwrap();
        assert!(
            !text.contains("5F20") && !text.contains("5F24"),
            "card data is asked for"
        );
    }
}

#[test]
fn a_stripe_beside_a_chip_is_taken_when_the_chip_failed_and_not_before() {
    let pad = script(vec![
        begun_with(b"00", b"0"),
        status("GCX", 60),
        ok("RMC", b""),
        begun_with(b"00", b"1"),
        tracks(),
    ]);
    let mut reader = pad.reader(CLEAR);
    let shown = reader.present(present(&ALL), &pad.bench.call());
    let shown = shown.unwrap().unwrap();
    assert_eq!(shown.entry, Entry::Stripe);
    assert_eq!(pad.names()[2..], ["GCX", "GCX", "RMC", "GCX"]);
    let read = reader.authorize_card(authorize(&shown), &pad.bench.call());
    let read = read.unwrap().unwrap();
    assert_eq!((read.cvm, read.completion_owed), (Cvm::Signature, false));
    assert!(
        !pad.names().contains(&"GOX".to_owned()),
        "no kernel, no PIN"
    );
}

#[test]
fn a_stripe_alone_is_waited_for_without_gcx() {
    let swiped = fields(&[(0x8040, b"90"), (0x8042, b"555555******4444=4912101")]);
    let pad = script(vec![ok("DSP", b""), ok("CEX", &swiped)]);
    let mut reader = pad.reader(CLEAR);
    let shown = reader.present(present(&[Entry::Stripe]), &pad.bench.call());
    let shown = shown.unwrap().unwrap();
    assert_eq!(
        (shown.entry, shown.card.scheme.as_str()),
        (Entry::Stripe, "mastercard")
    );
}

#[test]
fn what_a_card_without_contact_signed_is_not_changed() {
    let pad = script(vec![
        begun(b"06"),
        begun(b"06"),
        tracks(),
        went_on(b"200100"),
    ]);
    let mut reader = pad.reader(CLEAR);
    let shown = reader
        .present(present(&ALL), &pad.bench.call())
        .unwrap()
        .unwrap();
    let mut changed = authorize(&shown);
    changed.amounts.total_minor = 1_300;
    assert_eq!(
        code(reader.authorize_card(changed, &pad.bench.call())),
        "not_accepted"
    );
    let shown = reader
        .present(present(&ALL), &pad.bench.call())
        .unwrap()
        .unwrap();
    let read = reader.authorize_card(authorize(&shown), &pad.bench.call());
    let read = read.unwrap().unwrap();
    assert_eq!((read.cvm, read.completion_owed), (Cvm::OnDevice, false));
    let asked = pad.asked();
    let gox = String::from_utf8(hex(asked.last().unwrap())).unwrap();
    assert!(!gox.contains("0013000C"), "GOX takes no amount here");
}

#[test]
fn a_card_that_decides_alone_or_wants_what_cannot_be_is_refused() {
    for (result, policy) in [
        (b"100000", PinPolicy::ByCard),
        (b"000000", PinPolicy::ByCard),
        (b"202000", PinPolicy::Never),
    ] {
        let pad = script(vec![begun(b"03"), tracks(), went_on(result)]);
        let mut reader = pad.reader(CLEAR);
        let shown = reader
            .present(present(&ALL), &pad.bench.call())
            .unwrap()
            .unwrap();
        let mut request = authorize(&shown);
        request.online_pin = policy;
        assert_eq!(
            code(reader.authorize_card(request, &pad.bench.call())),
            "not_accepted"
        );
        let again = authorize(&shown);
        assert_eq!(
            code(reader.authorize_card(again, &pad.bench.call())),
            "card_removed"
        );
    }
}

#[test]
fn what_cannot_be_used_is_refused_in_words() {
    for (answer, entries, expected) in [
        (status("GCX", 13), &ALL[..], "cancelled_on_device"),
        (status("GCX", 12), &ALL[..], "no_card"),
        (status("GCX", 70), &ALL[..], "not_accepted"),
        (status("GCX", 79), &ALL[..], "not_accepted"),
        (status("GCX", 76), &[Entry::Chip], "card_unreadable"),
        (begun(b"03"), &[Entry::Contactless], "not_accepted"),
    ] {
        let pad = script(vec![answer]);
        let mut reader = pad.reader(CLEAR);
        assert_eq!(
            code(reader.present(present(entries), &pad.bench.call())),
            expected
        );
    }
}

#[test]
fn a_card_that_refuses_an_approval_says_so() {
    let pad = script(vec![
        begun(b"03"),
        tracks(),
        went_on(b"200000"),
        finished(b"100"),
    ]);
    let mut reader = pad.reader(CLEAR);
    let shown = reader
        .present(present(&ALL), &pad.bench.call())
        .unwrap()
        .unwrap();
    reader
        .authorize_card(authorize(&shown), &pad.bench.call())
        .unwrap()
        .unwrap();
    let complete = Complete {
        transaction_id: "t-1".into(),
        presentation_id: shown.presentation_id,
        answer: IssuerAnswer::Approved {
            response_code: "00".into(),
            issuer: Default::default(),
        },
        offline: false,
    };
    let done = reader
        .complete(complete, &pad.bench.call())
        .unwrap()
        .unwrap();
    assert!(
        !done.accepted,
        "an approval is to be taken back, display or not"
    );
}

#[test]
fn a_chip_is_asked_to_approve_where_nobody_can_be_asked() {
    for (result, accepts) in [(b"000", true), (b"100", false)] {
        let pad = script(vec![
            begun(b"03"),
            tracks(),
            went_on(b"200000"),
            finished(result),
            ok("DSP", b""),
        ]);
        let mut reader = pad.reader(CLEAR);
        let shown = reader.present(present(&ALL), &pad.bench.call());
        let shown = shown.unwrap().unwrap();
        let read = reader.authorize_card(authorize(&shown), &pad.bench.call());
        read.unwrap().unwrap();
        let complete = Complete {
            transaction_id: "t-1".into(),
            presentation_id: shown.presentation_id,
            answer: IssuerAnswer::NoAnswer,
            offline: true,
        };
        let done = reader.complete(complete, &pad.bench.call());
        let done = done.unwrap().unwrap();
        assert_eq!(done.accepted, accepts);
        let code = done.tags.get("8A").map(String::as_str);
        assert_eq!(code, accepts.then_some("5933"));
        let finish = String::from_utf8(hex(&pad.asked()[5])).unwrap();
        assert!(finish.contains("001C00025933"), "Y3: {finish}");
    }
}

#[test]
fn a_missing_key_is_found_before_a_card_is_there() {
    let pad = script(Vec::new());
    let mut reader = pad.reader(r#"{"secure": false, "pin_key": 7}"#);
    let Err(PluginError::Failed(failure)) = reader.identify(&pad.bench.call()) else {
        panic!("it should fail");
    };
    assert_eq!(failure.sent, Sent::No);
    assert!(failure.reason.contains("slot 07"), "{}", failure.reason);
    assert!(
        pad.bench
            .reader::<AbecsPinpad>(r#"{"acquirer": 0}"#)
            .is_err()
    );
}

#[test]
fn a_pinpad_that_falls_silent_holds_nobody_up() {
    for heard in 0..8 {
        let (script, asked) = (Mutex::new(VecDeque::from(opened())), Mutex::new(Vec::new()));
        let mut said = 0;
        let device = Device::new(move |_, bytes| {
            let mut words = answered(&script, &asked, bytes);
            words.truncate(usize::saturating_sub(heard, said));
            said += words.len();
            words
        });
        let bench = device.bench();
        let mut reader: AbecsPinpad = bench.reader(CLEAR).unwrap();
        let call = bench.call_within(Duration::from_secs(3));
        assert!(reader.identify(&call).is_err());
        let took = bench.passed();
        assert!(
            took < Duration::from_secs(8),
            "{took:?} after {heard} words"
        );
    }
}
