// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the reader does with a device that behaves, and with one that does not. No host, no device,
//! no time.

use crate::reader::BeeperReader;
use payhal_plugin::messages::call::Sent;
use payhal_plugin::messages::card::{Entry, Recipient};
use payhal_plugin::messages::money::{Amounts, Purpose};
use payhal_plugin::messages::prompt::{PromptAnswer, Stage};
use payhal_plugin::messages::reader::{
    AuthorizeCard, Complete, IssuerAnswer, PinPolicy, Present, Show,
};
use payhal_plugin::testing::{Bench, Recording, Said, ScriptedLine};
use payhal_plugin::{PluginError, Reader};
use std::time::Duration;

/// What `payhal device record` wrote during a sale: somebody held a card to the beeper, and typed
/// a PIN.
const RECORDED_SALE: &str = include_str!("pin.recording");

/// The transaction in it.
const RECORDED_ID: &str = "01a20174-e097-7455-a82f-e7f691478f5e";

const HELLO: (&[u8], &[u8]) = (
    b"1 HELLO\n",
    b"1 HELLO beeper 1 B-7 1.2.0 dukpt-aes main test\n",
);
const CARD: &[u8] =
    b"2 WAIT\n2 CARD contactless 411111******1111 visa A0000000031010 VISA CREDIT\n";

fn bench(exchanges: &[(&[u8], &[u8])]) -> Bench {
    let line = exchanges
        .iter()
        .fold(ScriptedLine::new(), |line, (written, answer)| {
            line.expect(written, answer)
        });
    Bench::new().port("main", line)
}

fn reader(bench: &Bench) -> BeeperReader {
    bench.reader("{}").unwrap()
}

fn amounts() -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor: 1250,
        tip_minor: Some(50),
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn present() -> Present {
    Present {
        estimated: false,
        transaction_id: "t-1".into(),
        purpose: Purpose::Sale,
        amounts: amounts(),
        entries: vec![Entry::Chip, Entry::Contactless],
        total_minor_max: None,
        again: false,
        tip_choices: Vec::new(),
        timeout_ms: 30_000,
    }
}

fn authorize() -> AuthorizeCard {
    AuthorizeCard {
        transaction_id: "t-1".into(),
        presentation_id: "t-1".into(),
        device: "counter".into(),
        purpose: Purpose::Sale,
        amounts: amounts(),
        recipient: Recipient {
            gateway: "sandbox".into(),
            key_id: "k".into(),
            public_key: Vec::new(),
            certificates: Vec::new(),
        },
        online_pin: PinPolicy::ByCard,
        seal_number: false,
        dcc: None,
    }
}

#[test]
fn a_card_is_read_and_completed() {
    let bench = bench(&[
        HELLO,
        (b"2 CARD 1250 EUR 30 chip,contactless\n", CARD),
        (
            b"3 READ sale EUR 1250 50 - - t-1 counter sandbox yes no\n",
            b"3 PIN\n3 READ r-1 online_pin no AQID BAUG - 9F26:0102,9F27:80\n",
        ),
        (b"4 DONE approved 0102\n", b"4 DONE yes\n"),
    ]);
    let mut reader = reader(&bench);
    let presented = reader.present(present(), &bench.call()).unwrap().unwrap();
    assert_eq!(presented.card.application.as_deref(), Some("VISA CREDIT"));
    let read = reader
        .authorize_card(authorize(), &bench.call())
        .unwrap()
        .unwrap();
    assert_eq!(
        (read.sealed.ksn, read.sealed.ciphertext),
        (vec![1, 2, 3], vec![4, 5, 6])
    );
    assert_eq!(read.sealed.key_id, "main");
    assert_eq!(read.tags["9F26"], "0102");
    let completion = Complete {
        transaction_id: "t-1".into(),
        presentation_id: "t-1".into(),
        answer: IssuerAnswer::Approved {
            response_code: "00".into(),
            issuer: [("91".to_owned(), "0102".to_owned())].into(),
        },
        offline: false,
    };
    let completed = reader.complete(completion, &bench.call()).unwrap().unwrap();
    assert!(completed.accepted);
    let stages: Vec<_> = bench.said().into_iter().filter_map(stage).collect();
    assert_eq!(
        stages,
        [Stage::WaitingForCard, Stage::CardTapped, Stage::PinEntry]
    );
}

fn stage(said: Said) -> Option<Stage> {
    match said {
        Said::Progress(progress) => Some(progress.stage),
        _ => None,
    }
}

#[test]
fn a_recorded_sale_is_read_again() {
    let recording = Recording::from_text(RECORDED_SALE).unwrap();
    let bench = Bench::new().recorded(&recording);
    let mut reader = reader(&bench);
    let amounts = || Amounts {
        tip_minor: None,
        ..amounts()
    };
    let identity = reader.identify(&bench.call()).unwrap().unwrap();
    assert_eq!(identity.serial_number.as_deref(), Some("B-0001"));
    let present = Present {
        transaction_id: RECORDED_ID.into(),
        amounts: amounts(),
        entries: vec![Entry::Chip, Entry::Contactless, Entry::Stripe],
        timeout_ms: 60_000,
        ..present()
    };
    let presented = reader.present(present, &bench.call()).unwrap().unwrap();
    assert_eq!(presented.entry, Entry::Chip);
    let authorize = AuthorizeCard {
        transaction_id: RECORDED_ID.into(),
        presentation_id: RECORDED_ID.into(),
        amounts: amounts(),
        ..authorize()
    };
    let read = reader
        .authorize_card(authorize, &bench.call())
        .unwrap()
        .unwrap();
    assert_eq!(read.tags["9F26"], "6D4C7538D100F108");
    let completion = Complete {
        transaction_id: RECORDED_ID.into(),
        presentation_id: RECORDED_ID.into(),
        answer: IssuerAnswer::Approved {
            response_code: "00".into(),
            issuer: [("91".to_owned(), "B117373B06357BA03030".to_owned())].into(),
        },
        offline: false,
    };
    reader.complete(completion, &bench.call()).unwrap().unwrap();
    // The person took as long as the person took.
    assert_eq!(bench.passed(), Duration::from_micros(3_295_662));
    assert_eq!(recording.finish(), Ok(()));
}

#[test]
fn the_device_says_no() {
    let bench = bench(&[
        HELLO,
        (
            b"2 CARD 1250 EUR 30 chip,contactless\n",
            b"2 WAIT\n2 NO no_card\n",
        ),
        (
            b"3 CARD 1250 EUR 30 chip,contactless\n",
            b"3 NO out_of_paper\n",
        ),
    ]);
    let mut reader = reader(&bench);
    let refusal = reader
        .present(present(), &bench.call())
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, "no_card");
    assert!(reader.present(present(), &bench.call()).is_err());
    let refusal = reader
        .authorize_card(authorize(), &bench.call())
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, "card_removed");
}

#[test]
fn an_application_is_chosen_at_the_register() {
    let bench = bench(&[
        HELLO,
        (
            b"2 CARD 1250 EUR 30 chip,contactless\n",
            b"2 WAIT\n2 APPS DEBIT|CREDIT\n",
        ),
        (
            b"3 APP 1\n",
            b"3 CARD chip 411111******1111 visa A0000000031010 CREDIT\n",
        ),
    ])
    .answer(PromptAnswer::Chosen { index: 1 });
    let presented = reader(&bench)
        .present(present(), &bench.call())
        .unwrap()
        .unwrap();
    assert_eq!(presented.entry, Entry::Chip);
}

#[test]
fn a_silent_device_is_told_to_stop_and_may_have_heard() {
    let bench = bench(&[(b"1 SAY 0 Hello / there\n", b""), (b"2 STOP\n", b"")]);
    let mut reader: BeeperReader = bench.reader(r#"{"patience_ms": 700}"#).unwrap();
    let lines = vec!["Hello".to_owned(), "there".to_owned()];
    let shown = reader.show(Show { lines, beep: false }, &bench.call());
    let Err(PluginError::Failed(failure)) = shown else {
        panic!("{shown:?}");
    };
    assert_eq!(failure.sent, Sent::Maybe);
}

#[test]
fn noise_and_late_answers_are_skipped() {
    let answer = [
        b"\x01\xff\n0 HELLO late\nHELLO\n" as &[u8],
        &[b'x'; 5000],
        b"\n",
        HELLO.1,
    ]
    .concat();
    let bench = bench(&[(HELLO.0, &answer)]);
    let identity = reader(&bench).identify(&bench.call()).unwrap().unwrap();
    assert_eq!(identity.serial_number.as_deref(), Some("B-7"));
}

#[test]
fn a_configuration_that_cannot_be_is_refused_with_a_reason() {
    let refused = bench(&[])
        .reader::<BeeperReader>(r#"{"beeps": 10}"#)
        .unwrap_err();
    assert!(
        refused.to_string().contains("beeps must be 1 to 9"),
        "{refused}"
    );
}
