// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connector as a host sees it, with really sealed cards, on virtual time.

use crate::authorize::{entry_mode, sealed_purpose};
use crate::connector::Sandbox;
use payhal_card_data::{
    Amounts as SealedAmounts, Associated, CardSecrets, Inner, PinBlock, SCHEME, SEAL_VERSION, seal,
    test_card,
};
use payhal_messages::call::Sent;
use payhal_messages::card::{Entry, Sealed};
use payhal_messages::gateway::{
    Acceptor, Answer, Authorize, CardSource, Change, Decision, Finding, Inquire, Modify, Original,
    Parameters, Prepare, ReadCard, Reconcile, Report, Reversal, ReversalReason, Reverse, Totals,
    Wire,
};
use payhal_messages::money::{Amounts, Purpose};
use payhal_plugin::testing::Bench;
use payhal_plugin::{GatewayConnector, PluginError};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

mod batches;
mod changes;
mod faults;
mod folder;
mod kinds;
mod receipts;
mod sealing;
mod tokens;
mod turns;
mod voice;

/// A host with one sandbox.
struct Shop {
    sandbox: Sandbox,
    parameters: Parameters,
    bench: Bench,
    stan: AtomicU32,
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        Self::with("{}", TempDir::new().unwrap())
    }

    fn with(config: &str, folder: TempDir) -> Self {
        let bench = Bench::new()
            .instance_name("sandbox-1")
            .state_dir(folder.path());
        let (sandbox, parameters) = bench.gateway(config).unwrap();
        Self {
            sandbox,
            parameters,
            bench,
            stan: AtomicU32::new(1),
            folder,
        }
    }

    fn wire(&self) -> Wire {
        let stan = self.stan.fetch_add(1, Ordering::Relaxed);
        let wire = Wire {
            transaction_id: format!("t-{stan}"),
            stan,
            at_micros: 1_772_366_400_000_000,
            acceptor: acceptor(),
            reference: String::new(),
        };
        let request = Prepare {
            wire: wire.clone(),
            purpose: Purpose::Sale,
            amounts: eur(0),
        };
        let prepared = self.sandbox.prepare(request, &self.bench.call());
        Wire {
            reference: prepared.unwrap().unwrap().reference,
            ..wire
        }
    }

    /// A request with that card, sealed as a reader does.
    fn request(&self, purpose: Purpose, card: &str, minor: i64) -> Authorize {
        self.request_with_pin(purpose, card, minor, None)
    }

    /// A request with a payment token.
    fn request_by(&self, purpose: Purpose, token: &str, minor: i64) -> Authorize {
        let token = token.to_owned();
        Authorize {
            wire: self.wire(),
            purpose,
            amounts: eur(minor),
            card: CardSource::Token { token },
            merchant_reference: None,
            installments: None,
            voice_code: None,
        }
    }

    /// A request with that card after `change`.
    fn request_like(
        &self,
        purpose: Purpose,
        minor: i64,
        change: impl FnOnce(&mut Authorize),
    ) -> Authorize {
        let mut request = self.request(purpose, "visa-approve", minor);
        change(&mut request);
        self.seal(&mut request, "visa-approve", None);
        request
    }

    fn request_with_pin(
        &self,
        purpose: Purpose,
        card: &str,
        minor: i64,
        pin: Option<&str>,
    ) -> Authorize {
        let wire = self.wire();
        let mut request = Authorize {
            card: CardSource::Read(ReadCard {
                device: "reader-1".into(),
                read_id: format!("read-{}", wire.stan),
                entry: Entry::Chip,
                sealed: Sealed {
                    ksn: Vec::new(),
                    sender_key: Vec::new(),
                    scheme: SCHEME.into(),
                    key_id: self.parameters.recipient.key_id.clone(),
                    encapsulated_key: Vec::new(),
                    ciphertext: Vec::new(),
                },
                tags: Default::default(),
            }),
            wire,
            purpose,
            amounts: eur(minor),
            merchant_reference: Some("order 7".into()),
            installments: None,
            voice_code: None,
        };
        self.seal(&mut request, card, pin);
        request
    }

    fn seal(&self, request: &mut Authorize, card: &str, pin: Option<&str>) {
        let card = test_card(card).unwrap();
        let read = read_of(request).clone();
        let inner = Inner {
            purpose: sealed_purpose(request.purpose).unwrap(),
            amounts: SealedAmounts {
                currency: request.amounts.currency.as_bytes().try_into().unwrap(),
                total_minor: request.amounts.total_minor,
                tip_minor: request.amounts.tip_minor,
                surcharge_minor: request.amounts.surcharge_minor,
                cashback_minor: request.amounts.cashback_minor,
            },
            secrets: CardSecrets {
                pan: card.pan(),
                expiry: card.expiry(),
                track2: Some(card.track2()),
                online_pin: pin.map(|pin| PinBlock::format0(pin.as_bytes(), &card.pan()).unwrap()),
                entry: entry_mode(read.entry),
            },
        };
        let associated = Associated {
            version: SEAL_VERSION,
            read_id: &read.read_id,
            transaction_id: &request.wire.transaction_id,
            device: &read.device,
            gateway: &self.parameters.recipient.gateway,
            key_id: &self.parameters.recipient.key_id,
        };
        let key = &self.parameters.recipient.public_key;
        let (encapsulated_key, ciphertext) = seal(key, &associated, &inner).unwrap();
        let sealed = &mut read_of(request).sealed;
        sealed.encapsulated_key = encapsulated_key;
        sealed.ciphertext = ciphertext;
    }

    fn authorize(&self, request: &Authorize) -> Answer {
        self.try_authorize(request).unwrap()
    }

    fn try_authorize(&self, request: &Authorize) -> Result<Answer, PluginError> {
        let outcome = self.sandbox.authorize(request.clone(), &self.bench.call());
        outcome.map(|inner| inner.expect("the sandbox answers, it does not refuse"))
    }

    /// An approved sale.
    fn sale(&self, minor: i64) -> Wire {
        let request = self.request(Purpose::Sale, "visa-approve", minor);
        assert_eq!(self.authorize(&request).decision, Decision::Approved);
        request.wire
    }

    /// An approved hold.
    fn hold(&self, minor: i64) -> Wire {
        let request = self.request(Purpose::Authorize, "visa-approve", minor);
        assert_eq!(self.authorize(&request).decision, Decision::Approved);
        request.wire
    }

    fn modify(&self, change: Change, original: &Wire, minor: i64) -> (Wire, Answer) {
        let request = Modify {
            wire: self.wire(),
            original: Original::Wire {
                wire: original.clone(),
            },
            change,
            amounts: eur(minor),
        };
        let wire = request.wire.clone();
        (wire, self.ask_modify(&request))
    }

    fn ask_modify(&self, request: &Modify) -> Answer {
        let answer = self.sandbox.modify(request.clone(), &self.bench.call());
        answer.unwrap().unwrap()
    }

    /// The response code of a change.
    fn code(&self, change: Change, original: &Wire, minor: i64) -> String {
        self.modify(change, original, minor).1.response_code
    }

    fn inquire(&self, wire: &Wire) -> Finding {
        let request = Inquire { wire: wire.clone() };
        let finding = self.sandbox.inquire(request, &self.bench.call());
        finding.unwrap().unwrap()
    }

    fn reverse(&self, wire: &Wire, minor: i64) -> Reversal {
        let request = Reverse {
            number: None,
            wire: wire.clone(),
            amounts: eur(minor),
            reason: ReversalReason::NoAnswer,
        };
        let reversal = self.sandbox.reverse(request, &self.bench.call());
        reversal.unwrap().unwrap()
    }

    fn simulate(&self, action: Value) -> Value {
        self.sandbox.simulator().simulate(action).unwrap()
    }

    /// State and approved amount of every entry, oldest first.
    fn entries(&self) -> Vec<(String, i64)> {
        let told = self.simulate(json!({"action": "ledger"}));
        let entry = |entry: &Value| {
            let state = entry["state"].as_str().unwrap().to_owned();
            (state, entry["amount_minor"].as_i64().unwrap())
        };
        told["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(entry)
            .collect()
    }

    fn reconcile(&self, close: bool) -> (String, Vec<(u64, i64, u64, i64)>) {
        let wire = self.wire();
        self.reconcile_as(&wire, close)
    }

    fn reconcile_as(&self, wire: &Wire, close: bool) -> (String, Vec<(u64, i64, u64, i64)>) {
        let totals = self.try_reconcile(wire, close).unwrap().unwrap();
        (totals.batch.clone(), sums(&totals))
    }

    fn try_reconcile(&self, wire: &Wire, close: bool) -> payhal_plugin::Outcome<Totals> {
        let wire = wire.clone();
        let request = Reconcile { wire, close };
        self.sandbox.reconcile(request, &self.bench.call())
    }
}

fn sums(totals: &Totals) -> Vec<(u64, i64, u64, i64)> {
    let rows = totals.totals.iter();
    rows.map(|row| (row.sales, row.sales_minor, row.refunds, row.refunds_minor))
        .collect()
}

fn read_of(request: &mut Authorize) -> &mut ReadCard {
    match &mut request.card {
        CardSource::Read(read) => read,
        CardSource::Token { .. } => panic!("a presented card"),
    }
}

fn acceptor() -> Acceptor {
    Acceptor {
        merchant: "merchant-1".into(),
        terminal: "terminal-1".into(),
    }
}

fn eur(total_minor: i64) -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn sent_of(error: PluginError) -> Sent {
    match error {
        PluginError::Failed(failure) => failure.sent,
        other => panic!("{other}"),
    }
}

#[test]
fn a_sale_is_approved_with_everything_a_receipt_needs() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let answer = shop.authorize(&request);
    assert_eq!(answer.decision, Decision::Approved);
    assert_eq!(answer.approved_minor, Some(1250));
    assert_eq!(answer.response_code, "00");
    assert_eq!(answer.approval_code.unwrap().len(), 6);
    assert_eq!(answer.rrn.unwrap().len(), 12);
    assert_eq!(answer.issuer["91"].len(), 20);
}

#[test]
fn a_repeat_answers_the_same_and_charges_once() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let first = shop.authorize(&request);
    assert_eq!(shop.authorize(&request), first);
    assert_eq!(shop.entries(), [("approved".into(), 1250)]);
    let declined = shop.request(Purpose::Sale, "visa-decline", 1250);
    let first = shop.authorize(&declined);
    assert_eq!(first.decision, Decision::Declined);
    assert_eq!(shop.authorize(&declined), first);
}

#[test]
fn the_same_transaction_with_another_amount_is_rejected() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let first = shop.authorize(&request);
    let mut other = request.clone();
    other.amounts = eur(1300);
    shop.seal(&mut other, "visa-approve", None);
    let answer = shop.authorize(&other);
    assert_eq!(answer.decision, Decision::Rejected);
    assert_eq!(answer.response_code, "94");
    assert_eq!(shop.authorize(&request), first);
}

#[test]
fn a_repeated_sale_on_many_threads_charges_once() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let answers = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| shop.authorize(&request)))
            .collect();
        calls
            .into_iter()
            .map(|call| call.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(shop.entries(), [("approved".into(), 1250)]);
}

#[test]
fn currency_and_amount_are_checked() {
    let shop = Shop::new();
    let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
    request.amounts.currency = "XTS".into();
    shop.seal(&mut request, "visa-approve", None);
    assert_eq!(shop.authorize(&request).response_code, "12");
    for (purpose, minor, code) in [
        (Purpose::Sale, 0, "13"),
        (Purpose::Sale, -1, "13"),
        (Purpose::Verify, 1, "13"),
        (Purpose::Verify, 0, "00"),
    ] {
        let request = shop.request(purpose, "visa-approve", minor);
        assert_eq!(shop.authorize(&request).response_code, code);
    }
}

#[test]
fn a_signature_and_a_pin_are_asked_for() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "mastercard-signature", 1250);
    assert!(shop.authorize(&request).signature_required);
    let card = "mastercard-pin-at-issuer";
    let request = shop.request_with_pin(Purpose::Sale, card, 1250, Some("9999"));
    assert_eq!(shop.authorize(&request).response_code, "55");
}

#[test]
fn the_ledger_survives_a_crash() {
    let shop = Shop::new();
    let wire = shop.sale(1250);
    let before = shop.inquire(&wire);
    let key = shop.parameters.recipient.clone();
    // What SIGKILL leaves: files as they are, WAL not checkpointed, nothing closed.
    let folder = TempDir::new().unwrap();
    for file in std::fs::read_dir(shop.folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let again = Shop::with("{}", folder);
    assert_eq!(again.inquire(&wire), before);
    assert_eq!(again.parameters.recipient, key);
    again.stan.store(100, Ordering::Relaxed);
    let (_, answer) = again.modify(Change::Refund, &wire, 1250);
    assert_eq!(answer.rrn.unwrap(), "000000000002");
}

#[test]
fn a_ledger_of_the_first_version_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let ledger = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    ledger
        .execute_batch(include_str!("tests/schema-1.sql"))
        .unwrap();
    ledger
        .execute_batch(
            "INSERT INTO closed_batch VALUES ('merchant-1', 'terminal-1', 1);
             INSERT INTO report VALUES ('old', 'advice', '{}');
             INSERT INTO entry VALUES (7, 'old', 'abc', 'sale', 'approved', 1250, 1250, 'EUR',
               '00', 'Approved', 'S00007', '000000000007', '{}', 0, NULL, 'merchant-1',
               'terminal-1', 7, 2, 'read', '411111******1111', NULL, 1);",
        )
        .unwrap();
    drop(ledger);
    let shop = Shop::with("{}", folder);
    let old = Wire {
        transaction_id: "old".into(),
        ..shop.wire()
    };
    assert!(matches!(shop.inquire(&old), Finding::Answered { .. }));
    assert_eq!(shop.code(Change::Refund, &old, 250), "00");
    assert_eq!(
        shop.reconcile(false),
        ("000002".into(), vec![(1, 1250, 1, 250)])
    );
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["reports"][0]["times"], 1);
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let folder = TempDir::new().unwrap();
    let ledger = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    ledger.pragma_update(None, "user_version", 9).unwrap();
    let bench = Bench::new().state_dir(folder.path());
    let error = bench.gateway::<Sandbox>("{}").unwrap_err();
    assert!(error.to_string().contains("schema 9"), "{error}");
}
