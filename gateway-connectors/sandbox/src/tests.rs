// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connector as a host sees it, with really sealed cards, on virtual time.

use crate::authorize::{entry_mode, sealed_purpose};
use crate::connector::Sandbox;
use payhal_card_data::emv::{CRYPTOGRAM_DOL, fill_dol};
use payhal_card_data::{
    AUTH_SCHEME, Amounts as SealedAmounts, Associated, CardNumber, CardSecrets, Inner, Pin,
    PrivateKey, SEAL_VERSION, TestCard, seal_from, seal_number_from, test_card,
};
use payhal_messages::call::Sent;
use payhal_messages::card::{Entry, Sealed};
use payhal_messages::gateway::{
    Acceptor, Answer, Authorize, CardSource, Change, Decision, Finding, ForgetToken, Inquire,
    Modify, Original, Parameters, Prepare, ReadCard, Reconcile, Report, Reversal, ReversalReason,
    Reverse, SealedNumber, Totals, Wire,
};
use payhal_messages::money::{Amounts, Purpose};
use payhal_plugin::testing::Bench;
use payhal_plugin::{GatewayConnector, PluginError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

mod batches;
mod changes;
mod cryptograms;
mod currencies;
mod dukpt;
mod faults;
mod folder;
mod forwards;
mod keys;
mod kinds;
mod numbers;
mod pinpad;
mod pins;
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
    /// The key of its one reader.
    device: PrivateKey,
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
            device: PrivateKey::from_bytes(&[7; 32]).unwrap(),
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
            keep_card: false,
            dcc: None,
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
                    sender_key: self.device.public_bytes(),
                    scheme: AUTH_SCHEME.into(),
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
            keep_card: false,
            dcc: None,
        };
        self.seal(&mut request, card, pin);
        request
    }

    fn seal(&self, request: &mut Authorize, card: &str, pin: Option<&str>) {
        let pin = pin.map(|digits| Pin::new(digits.as_bytes()).unwrap());
        self.seal_with(request, card, pin.as_ref());
    }

    fn seal_with(&self, request: &mut Authorize, card: &str, pin: Option<&Pin>) {
        let card = test_card(card).unwrap();
        let read = read_of(request).clone();
        let inner = inner_of(request, card);
        let associated = Associated {
            version: SEAL_VERSION,
            read_id: &read.read_id,
            transaction_id: &request.wire.transaction_id,
            device: &read.device,
            gateway: &self.parameters.recipient.gateway,
            key_id: &self.parameters.recipient.key_id,
        };
        let key = &self.parameters.recipient.public_key;
        let (encapsulated_key, ciphertext) =
            seal_from(&self.device, key, &associated, &inner, pin).unwrap();
        let tags = tags_of(card, read.entry, request.charged().total_minor);
        let read = read_of(request);
        read.tags = tags;
        read.sealed.encapsulated_key = encapsulated_key;
        read.sealed.ciphertext = ciphertext;
    }

    /// The number of this card, sealed apart for the reversal of that request.
    fn number(&self, request: &Authorize, card: &str) -> SealedNumber {
        let card = test_card(card).unwrap();
        let read = read_of(&mut request.clone()).clone();
        let associated = Associated {
            version: SEAL_VERSION,
            read_id: &read.read_id,
            transaction_id: &request.wire.transaction_id,
            device: &read.device,
            gateway: &self.parameters.recipient.gateway,
            key_id: &self.parameters.recipient.key_id,
        };
        let key = &self.parameters.recipient.public_key;
        let number = CardNumber {
            pan: card.pan(),
            expiry: card.expiry(),
        };
        let (encapsulated_key, ciphertext) =
            seal_number_from(&self.device, key, &associated, &number).unwrap();
        SealedNumber {
            device: read.device,
            read_id: read.read_id,
            sealed: Sealed {
                encapsulated_key,
                ciphertext,
                ..read.sealed
            },
        }
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

    fn reverse_with(&self, wire: &Wire, number: Option<SealedNumber>) -> Reversal {
        let request = Reverse {
            number,
            wire: wire.clone(),
            amounts: eur(1250),
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

/// What lies in the seal of a read for this request.
fn inner_of(request: &Authorize, card: &TestCard) -> Inner {
    let entry = read_of(&mut request.clone()).entry;
    let amounts = request.charged();
    Inner {
        purpose: sealed_purpose(request.purpose).unwrap(),
        amounts: SealedAmounts {
            currency: amounts.currency.as_bytes().try_into().unwrap(),
            total_minor: amounts.total_minor,
            tip_minor: amounts.tip_minor,
            surcharge_minor: amounts.surcharge_minor,
            cashback_minor: amounts.cashback_minor,
        },
        secrets: CardSecrets {
            pan: card.pan(),
            expiry: card.expiry(),
            track1: None,
            track2: Some(card.track2()),
            entry: entry_mode(entry),
        },
    }
}

/// What a chip says about that amount, its cryptogram with it; nothing without a chip.
fn tags_of(card: &TestCard, entry: Entry, minor: i64) -> BTreeMap<String, String> {
    if !matches!(entry, Entry::Chip | Entry::Contactless) {
        return BTreeMap::new();
    }
    let amount = format!("{minor:012}");
    let values = [
        ("82", "3900"),
        ("95", "0000008000"),
        ("9A", "261121"),
        ("9C", "00"),
        ("5F2A", "0978"),
        ("9F02", &amount),
        ("9F1A", "0276"),
        ("9F27", "80"),
        ("9F36", "0007"),
        ("9F37", "1A2B3C4D"),
    ];
    let mut tags: BTreeMap<String, String> = values
        .into_iter()
        .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
        .collect();
    let bytes = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
        // An amount that is none has no digits.
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap_or(0))
            .collect()
    };
    let known: BTreeMap<u32, Vec<u8>> = tags
        .iter()
        .map(|(tag, value)| (u32::from_str_radix(tag, 16).unwrap(), bytes(value)))
        .collect();
    let of = |tag: payhal_card_data::emv::Tag| known.get(&tag.number()).map(Vec::as_slice);
    let message = fill_dol(CRYPTOGRAM_DOL, of).unwrap();
    let cryptogram = card.card_key().session_key(7).cryptogram(message.bytes());
    let cryptogram = cryptogram.iter().map(|byte| format!("{byte:02X}"));
    tags.insert("9F26".into(), cryptogram.collect());
    tags
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

fn copy_all(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let to = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_all(&file.path(), &to);
        } else {
            std::fs::copy(file.path(), to).unwrap();
        }
    }
}

#[test]
fn the_ledger_survives_a_crash() {
    let shop = Shop::new();
    let wire = shop.sale(1250);
    let before = shop.inquire(&wire);
    let key = shop.parameters.recipient.key_id.clone();
    // What SIGKILL leaves: files as they are, WAL not checkpointed, nothing closed.
    let folder = TempDir::new().unwrap();
    copy_all(shop.folder.path(), folder.path());
    let again = Shop::with("{}", folder);
    assert_eq!(again.inquire(&wire), before);
    assert_eq!(again.parameters.recipient.key_id, key);
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
fn a_ledger_of_the_second_version_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let ledger = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    ledger
        .execute_batch(include_str!("tests/schema-2.sql"))
        .unwrap();
    ledger
        .execute_batch(
            "INSERT INTO closed_batch VALUES ('merchant-1', 'terminal-1', 1, 'close', '[]');
             INSERT INTO report VALUES ('old', 'advice', '{}', NULL, NULL, 3);
             INSERT INTO token VALUES ('tok_old', 'merchant-1', 'visa-approve', '411111******1111');
             INSERT INTO entry (seq, transaction_id, reference, origin, kind, state, amount_minor,
               requested_minor, currency, response_code, response_text, approval_code, rrn, issuer,
               signature_required, merchant, terminal, stan, batch, read_id, masked_pan, at_micros,
               repeats)
             VALUES (7, 'old', 'abc', 'host', 'sale', 'approved', 1250, 1250, 'EUR', '00',
               'Approved', 'S00007', '000000000007', '{}', 0, 'merchant-1', 'terminal-1', 7, 2,
               'read-1', '411111******1111', 1, 0);",
        )
        .unwrap();
    drop(ledger);
    let shop = Shop::with("{}", folder);
    let old = Wire {
        transaction_id: "old".into(),
        ..shop.wire()
    };
    assert!(matches!(shop.inquire(&old), Finding::Answered { .. }));
    let by_token = shop.request_by(Purpose::Sale, "tok_old", 500);
    assert_eq!(shop.authorize(&by_token).response_code, "00");
    assert_eq!(shop.code(Change::Refund, &old, 250), "00");
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["reports"][0]["times"], 3);
    assert_eq!(told["entries"][0].get("read"), None);
    assert_eq!(shop.reverse(&by_token.wire, 500), Reversal::Reversed);
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
