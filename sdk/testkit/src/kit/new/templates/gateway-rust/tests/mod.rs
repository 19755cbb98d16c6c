// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the connector does with a service that answers, and with one that does not.

use crate::connector::BeeperGateway;
use payhal_plugin::messages::call::Sent;
use payhal_plugin::messages::card::{Entry, Sealed};
use payhal_plugin::messages::gateway::{
    Acceptor, Authorize, CardSource, Decision, Finding, Inquire, ReadCard, Reversal,
    ReversalReason, Reverse, Wire,
};
use payhal_plugin::messages::money::{Amounts, Purpose};
use payhal_plugin::testing::Bench;
use payhal_plugin::{GatewayConnector, PluginError};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// A service that answers one line for each connection, and what it was asked.
fn service(answers: &'static [&'static str]) -> (Bench, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let answer = |answer: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            line
        };
        answers.iter().map(answer).collect()
    });
    (Bench::new().reachable("service:1", address), asked)
}

fn gateway(bench: &Bench) -> BeeperGateway {
    bench.gateway(r#"{"server": "service:1"}"#).unwrap().0
}

fn wire() -> Wire {
    Wire {
        transaction_id: "t-1".into(),
        stan: 7,
        at_micros: 0,
        acceptor: Acceptor {
            merchant: String::new(),
            terminal: String::new(),
        },
        reference: "t-1".into(),
    }
}

fn amounts() -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor: 1250,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn sale() -> Authorize {
    let sealed = Sealed {
        scheme: "dukpt-aes".into(),
        key_id: "main".into(),
        ksn: vec![1, 2, 3],
        sender_key: Vec::new(),
        encapsulated_key: Vec::new(),
        ciphertext: vec![4, 5, 6],
    };
    Authorize {
        wire: wire(),
        purpose: Purpose::Sale,
        amounts: amounts(),
        card: CardSource::Read(ReadCard {
            device: "counter".into(),
            read_id: "r-1".into(),
            entry: Entry::Chip,
            sealed,
            tags: Default::default(),
        }),
        merchant_reference: None,
        installments: None,
        voice_code: None,
        keep_card: false,
        dcc: None,
    }
}

#[test]
fn the_seal_is_passed_on_and_the_answer_comes_back() {
    let (bench, asked) = service(&[
        "1 YES 1250 100001 000000000001\n",
        "1 NO 51 Insufficient funds\n",
    ]);
    let gateway = gateway(&bench);
    let approved = gateway.authorize(sale(), &bench.call()).unwrap().unwrap();
    assert_eq!(
        (approved.decision, approved.approved_minor),
        (Decision::Approved, Some(1250))
    );
    let declined = gateway.authorize(sale(), &bench.call()).unwrap().unwrap();
    assert_eq!(
        (declined.decision, &*declined.response_code),
        (Decision::Declined, "51")
    );
    let line = "1 AUTH t-1 sale EUR 1250 counter test-1 r-1 dukpt-aes main AQID BAUG\n";
    assert_eq!(asked.join().unwrap(), [line, line]);
}

#[test]
fn before_the_request_is_written_nothing_was_sent_and_afterwards_nobody_knows() {
    let sent = |outcome| match outcome {
        Err(PluginError::Failed(failure)) => failure.sent,
        other => panic!("{other:?}"),
    };
    let unreachable = Bench::new();
    let outcome = gateway(&unreachable).authorize(sale(), &unreachable.call());
    assert_eq!(sent(outcome), Sent::No);
    for nonsense in [&["1 PERHAPS\n"] as &[&str], &["2 YES 1250 1 1\n"], &[""]] {
        let (bench, asked) = service(nonsense);
        let outcome = gateway(&bench).authorize(sale(), &bench.call());
        assert_eq!(sent(outcome), Sent::Maybe);
        asked.join().unwrap();
    }
}

#[test]
fn what_became_of_it_is_asked_and_it_is_undone() {
    let (bench, asked) = service(&["1 UNKNOWN\n", "1 UNDONE\n", "1 UNDONE\n"]);
    let gateway = gateway(&bench);
    let inquire = || Inquire { wire: wire() };
    let found = gateway.inquire(inquire(), &bench.call()).unwrap().unwrap();
    assert_eq!(found, Finding::NotFound);
    let reverse = Reverse {
        wire: wire(),
        amounts: amounts(),
        reason: ReversalReason::NoAnswer,
        number: None,
    };
    let reversed = gateway.reverse(reverse, &bench.call()).unwrap().unwrap();
    assert_eq!(reversed, Reversal::Reversed);
    let found = gateway.inquire(inquire(), &bench.call()).unwrap().unwrap();
    assert_eq!(found, Finding::Reversed);
    assert_eq!(
        asked.join().unwrap(),
        ["1 ASK t-1\n", "1 UNDO t-1\n", "1 ASK t-1\n"]
    );
}
