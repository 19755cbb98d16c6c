// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader on the SDK's test bench: virtual time, no host.

mod alone;
mod cards;
mod chips;
mod currencies;
mod faults;
mod flashes;
#[cfg(target_os = "linux")]
mod memory;
mod other_cards;
mod parameters;
mod people;
mod pins;
mod plans;
mod purposes;
mod seals;
mod tips;

use crate::reader::VirtualReader;
use payhal_card_data::key_file::{DeviceKeys, GatewayKeys, KeyScheme};
use payhal_card_data::{
    Associated, Authority, DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME, Opened, PrivateKey, PublicKey,
    SEAL_VERSION, ValidTime, key_id, open_from, test_cards,
};
use payhal_messages::card::{Entry, Recipient, Sealed};
use payhal_messages::card_check::would_redact;
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::prompt::{PinEvent, Stage};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, IssuerAnswer, PinPolicy, Present,
    Presentation,
};
use payhal_plugin::testing::{Bench, Said};
use payhal_plugin::{Outcome, Reader, Simulated};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// No secret: the sandbox's authority.
const AUTHORITY: &str = "payhal sandbox TEST authority";
const AUTHORITY_KEY: &[u8; 32] = b"payhal TEST authority, no secret";

/// The bench's calendar lies in the middle.
const VALID: ValidTime = ValidTime {
    from: 1_772_366_400 - 3600,
    until: 1_772_366_400 + 3600,
};

/// A reader on its bench, and a gateway's keys.
struct Shop {
    folder: tempfile::TempDir,
    bench: Bench,
    reader: VirtualReader,
    simulator: Arc<dyn Simulated>,
    key: PrivateKey,
}

impl Shop {
    fn new() -> Self {
        Self::with(&json!({}))
    }

    fn with(config: &Value) -> Self {
        Self::on(Bench::new(), config)
    }

    /// With an injected key, for the modes that need one.
    fn sealing(mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let scheme = match mode {
            "dukpt_tdes" => Some(KeyScheme::Tdes),
            "dukpt_aes" => Some(KeyScheme::Aes128),
            _ => None,
        };
        if let Some(scheme) = scheme {
            let gateway = GatewayKeys::of(&folder.path().join("gateway"));
            gateway
                .make_base_key(SLOT, scheme, true, 0)
                .expect("a new folder");
            let mut base = gateway.base_key(SLOT).expect("whole").expect("it was made");
            let device = DeviceKeys::of(&folder.path().join("reader"));
            gateway
                .inject(&mut base, &device, false, 0)
                .expect("a new reader");
        }
        Self::within(folder, Bench::new(), &json!({ "sealing": mode }))
    }

    fn on(bench: Bench, config: &Value) -> Self {
        Self::within(tempfile::tempdir().expect("a folder"), bench, config)
    }

    fn within(folder: tempfile::TempDir, bench: Bench, config: &Value) -> Self {
        let bench = bench.state_dir(folder.path().join("reader"));
        let reader: VirtualReader = bench
            .reader(&config.to_string())
            .expect("a right configuration");
        Self {
            simulator: reader.simulator(),
            key: PrivateKey::generate(),
            folder,
            bench,
            reader,
        }
    }

    /// Does something now.
    fn act(&self, action: Value) -> Result<Value, String> {
        self.simulator.simulate(action)
    }

    /// Does something the next time the reader waits; it must succeed.
    fn later(&self, action: Value) {
        let simulator = Arc::clone(&self.simulator);
        let at = self.bench.passed();
        self.bench.at(at, move || {
            let done = simulator.simulate(action.clone());
            assert!(done.is_ok(), "{action}: {done:?}");
        });
    }

    fn present(&mut self) -> Outcome<Presentation> {
        self.present_by(&[
            Entry::Chip,
            Entry::Contactless,
            Entry::Stripe,
            Entry::Manual,
        ])
    }

    fn present_by(&mut self, entries: &[Entry]) -> Outcome<Presentation> {
        let request = Present {
            estimated: false,
            total_minor_max: None,
            again: false,
            tip_choices: Vec::new(),
            transaction_id: "t-1".into(),
            purpose: Purpose::Sale,
            amounts: euros(),
            entries: entries.to_vec(),
            timeout_ms: 30_000,
        };
        self.reader.present(request, &self.bench.call())
    }

    /// A presentation of that card.
    fn presented(&mut self, gesture: &str, card: &str) -> Presentation {
        self.later(json!({"action": gesture, "card": card}));
        self.present()
            .expect("a working reader")
            .expect("a usable card")
    }

    fn authorize(&mut self, presentation: &Presentation) -> Outcome<CardRead> {
        self.authorize_with(presentation, PinPolicy::ByCard)
    }

    fn authorize_with(
        &mut self,
        presentation: &Presentation,
        online_pin: PinPolicy,
    ) -> Outcome<CardRead> {
        let request = AuthorizeCard {
            online_pin,
            ..self.request(presentation)
        };
        self.reader.authorize_card(request, &self.bench.call())
    }

    fn request(&self, presentation: &Presentation) -> AuthorizeCard {
        AuthorizeCard {
            seal_number: false,
            dcc: None,
            transaction_id: "t-1".into(),
            presentation_id: presentation.presentation_id.clone(),
            device: "counter".into(),
            purpose: Purpose::Sale,
            amounts: euros(),
            recipient: self.recipient(),
            online_pin: PinPolicy::ByCard,
        }
    }

    /// The gateway's key, with its certificate.
    fn recipient(&self) -> Recipient {
        let public_key = self.key.public_bytes();
        let authority = Authority::new(AUTHORITY, AUTHORITY_KEY).expect("a key");
        let certificate = authority.issue("sandbox", &public_key, VALID);
        Recipient {
            certificates: vec![certificate.expect("a certificate")],
            gateway: "sandbox".into(),
            key_id: key_id(&public_key),
            public_key,
        }
    }

    fn complete(
        &mut self,
        presentation: &Presentation,
        answer: IssuerAnswer,
    ) -> Outcome<CompletionRead> {
        self.complete_as(presentation, answer, false)
    }

    /// Nobody can be asked: may card and reader approve?
    fn complete_alone(&mut self, presentation: &Presentation) -> CompletionRead {
        let completion = self.complete_as(presentation, IssuerAnswer::NoAnswer, true);
        completion.unwrap().unwrap()
    }

    fn complete_as(
        &mut self,
        presentation: &Presentation,
        answer: IssuerAnswer,
        offline: bool,
    ) -> Outcome<CompletionRead> {
        let request = Complete {
            transaction_id: "t-1".into(),
            presentation_id: presentation.presentation_id.clone(),
            answer,
            offline,
        };
        self.reader.complete(request, &self.bench.call())
    }

    /// What the gateway finds in a read, in every mode.
    fn opened(&self, read: &CardRead) -> Opened {
        let sealed = &read.sealed;
        let associated = associated(read, sealed);
        if !sealed.ksn.is_empty() {
            let gateway = GatewayKeys::of(&self.folder.path().join("gateway"));
            let base = gateway.base_key(&sealed.key_id).expect("whole");
            let key = base.expect("a known slot").transaction_key(&sealed.ksn);
            let opened = key
                .expect("its device")
                .1
                .open(&associated, &sealed.ciphertext);
            return opened.expect("sealed under this key");
        }
        open_from(
            &PublicKey::from_bytes(&sealed.sender_key).expect("a key"),
            &self.key,
            &associated,
            &sealed.encapsulated_key,
            &sealed.ciphertext,
        )
        .expect("sealed to this key")
    }

    fn screen(&self) -> Vec<String> {
        let picture = self.act(json!({"action": "screen"})).expect("a screen");
        serde_json::from_value(picture["screen"]["lines"].clone()).expect("lines")
    }

    fn stages(&self) -> Vec<Stage> {
        let said = self.bench.said().into_iter();
        said.filter_map(|said| match said {
            Said::Progress(progress) => Some(progress.stage),
            _ => None,
        })
        .collect()
    }

    /// What was told of the keypad.
    fn pin_events(&self) -> Vec<PinEvent> {
        let said = self.bench.said().into_iter();
        said.filter_map(|said| match said {
            Said::Progress(progress) => progress.pin,
            _ => None,
        })
        .collect()
    }

    /// Everything said so far, as one text.
    fn transcript(&self) -> String {
        format!("{:?}", self.bench.said())
    }
}

/// Names the injected key.
const SLOT: &str = "counter-data";

fn associated<'a>(read: &'a CardRead, sealed: &'a Sealed) -> Associated<'a> {
    Associated {
        version: SEAL_VERSION,
        read_id: &read.read_id,
        transaction_id: "t-1",
        device: "counter",
        gateway: "sandbox",
        key_id: &sealed.key_id,
    }
}

fn euros() -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor: 1250,
        tip_minor: Some(50),
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn approved() -> IssuerAnswer {
    IssuerAnswer::Approved {
        response_code: "00".into(),
        issuer: Default::default(),
    }
}

/// The code of a refusal.
fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    outcome
        .expect("a working reader")
        .expect_err("a refusal")
        .code
}

/// No number of the table, in digits or packed, and nothing that looks like a card number.
fn assert_no_card(text: &str) {
    assert!(!would_redact(text), "{text}");
    for card in test_cards() {
        let digits = String::from_utf8(card.pan().digits().to_vec()).expect("digits");
        assert!(!text.contains(&digits), "number of {}", card.name);
        assert!(
            !text.contains(&digits[..12]),
            "start of the number of {}",
            card.name
        );
    }
}

const MINUTE: Duration = Duration::from_secs(60);
