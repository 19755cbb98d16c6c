// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each method name reaches its own method, and no other.

use super::*;
use crate::outcome::refused;
use crate::testing::Bench;
use payhal_messages::call::Refusal;
use payhal_messages::card::Recipient;
use payhal_messages::gateway::{
    Answer, Authorize, Finding, ForgetToken, Forward, Inquire, Modify, Prepare, Prepared,
    Reconcile, Report, Reversal, Reverse, Totals,
};
use payhal_messages::reader::{Identity, Show};
use payhal_messages::terminal::{
    InquireTerminal, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};

/// Refuses everything by the name of the method that was reached.
struct Refuser;

impl Terminal for Refuser {
    type Config = serde_json::Value;

    fn open(_: serde_json::Value, _: &Context) -> Result<Self, PluginError> {
        Ok(Self)
    }

    fn identify(&mut self, _: &Context) -> Outcome<Identity> {
        refused(method::IDENTIFY, "")
    }

    fn pay(&mut self, _: Pay, _: &Context) -> Outcome<TerminalOutcome> {
        refused(method::PAY, "")
    }

    fn inquire(&mut self, _: InquireTerminal, _: &Context) -> Outcome<TerminalFinding> {
        refused(method::INQUIRE, "")
    }

    fn reverse(&mut self, _: ReverseTerminal, _: &Context) -> Outcome<Reversal> {
        refused(method::REVERSE, "")
    }

    fn reconcile(&mut self, _: Reconcile, _: &Context) -> Outcome<Totals> {
        refused(method::RECONCILE, "")
    }

    fn show(&mut self, _: Show, _: &Context) -> Outcome<()> {
        refused(method::SHOW, "")
    }
}

impl GatewayConnector for Refuser {
    type Config = serde_json::Value;

    fn open(_: serde_json::Value, _: &Context) -> Result<(Self, Parameters), PluginError> {
        let recipient = Recipient {
            certificates: Vec::new(),
            gateway: "g".into(),
            key_id: "1".into(),
            public_key: Vec::new(),
        };
        let name = "Refuser".into();
        Ok((
            Self,
            Parameters {
                opens: Vec::new(),
                name,
                currencies: Vec::new(),
                recipient,
                live: false,
                reader_parameters: None,
                settings: None,
            },
        ))
    }

    fn prepare(&self, _: Prepare, _: &Context) -> Outcome<Prepared> {
        refused(method::PREPARE, "")
    }

    fn authorize(&self, _: Authorize, _: &Context) -> Outcome<Answer> {
        refused(method::AUTHORIZE, "")
    }

    fn forward(&self, _: Forward, _: &Context) -> Outcome<Answer> {
        refused(method::FORWARD, "")
    }

    fn modify(&self, _: Modify, _: &Context) -> Outcome<Answer> {
        refused(method::MODIFY, "")
    }

    fn inquire(&self, _: Inquire, _: &Context) -> Outcome<Finding> {
        refused(method::INQUIRE, "")
    }

    fn reverse(&self, _: Reverse, _: &Context) -> Outcome<Reversal> {
        refused(method::REVERSE, "")
    }

    fn report(&self, _: Report, _: &Context) -> Outcome<()> {
        refused(method::REPORT, "")
    }

    fn forget_token(&self, _: ForgetToken, _: &Context) -> Outcome<()> {
        refused(method::FORGET_TOKEN, "")
    }

    fn reconcile(&self, _: Reconcile, _: &Context) -> Outcome<Totals> {
        refused(method::RECONCILE, "")
    }
}

const AMOUNTS: &str = r#""amounts":{"currency":"EUR","total_minor":1}"#;
const WIRE: &str = r#""wire":{"transaction_id":"t","stan":1,"at_micros":0,
    "acceptor":{"merchant":"m","terminal":"t"}}"#;

#[track_caller]
fn reaches(service: &impl Service, method: &str, payload: &str) {
    let answered = service.call(method, payload.as_bytes(), &Bench::new().call());
    let said = String::from_utf8_lossy(&answered.payload);
    assert_eq!(answered.status, Status::Refused, "{method}: {said}");
    let refusal: Refusal = serde_json::from_str(&said).expect("a refusal");
    assert_eq!(refusal.code, method);
}

#[test]
fn a_terminals_methods_are_reached_by_name() {
    let context = Bench::new().call();
    let terminal =
        TerminalService::<Refuser, NotSimulated>::open(b"{}", &context).expect("it opens");
    let transaction = r#""transaction_id":"t""#;
    reaches(&terminal, method::IDENTIFY, "");
    let pay = format!(r#"{{{transaction},"stan":1,"purpose":"sale",{AMOUNTS}}}"#);
    reaches(&terminal, method::PAY, &pay);
    reaches(
        &terminal,
        method::INQUIRE,
        &format!(r#"{{{transaction},"stan":1}}"#),
    );
    reaches(
        &terminal,
        method::REVERSE,
        &format!(r#"{{{transaction},{AMOUNTS}}}"#),
    );
    reaches(
        &terminal,
        method::RECONCILE,
        &format!(r#"{{{WIRE},"close":false}}"#),
    );
    reaches(&terminal, method::SHOW, r#"{"lines":[]}"#);
    for unknown in [
        method::PRESENT,
        method::AUTHORIZE,
        method::SIMULATE,
        "",
        "PAY",
    ] {
        let answered = terminal.call(unknown, b"{}", &context);
        assert_eq!(answered, Answered::empty(Status::Unsupported), "{unknown}");
    }
}

#[test]
fn a_gateways_methods_are_reached_by_name() {
    let context = Bench::new().call();
    let gateway = GatewayService::<Refuser, NotSimulated>::open(b"{}", &context).expect("it opens");
    let asked = format!(r#"{WIRE},"purpose":"sale",{AMOUNTS}"#);
    reaches(&gateway, method::PREPARE, &format!("{{{asked}}}"));
    let card = r#""card":{"source":"read","device":"d","read_id":"r","entry":"chip",
        "sealed":{"scheme":"s","key_id":"k","ciphertext":""}}"#;
    reaches(&gateway, method::AUTHORIZE, &format!("{{{asked},{card}}}"));
    let read = card.replace(r#""source":"read","#, "");
    let forward = format!(r#"{{{asked},{read},"accepted_at_micros":0}}"#);
    reaches(&gateway, method::FORWARD, &forward);
    let modify =
        format!(r#"{{{WIRE},"original":{{"known_by":"wire",{WIRE}}},"change":"void",{AMOUNTS}}}"#);
    reaches(&gateway, method::MODIFY, &modify);
    reaches(&gateway, method::INQUIRE, &format!("{{{WIRE}}}"));
    let reverse = format!(r#"{{{WIRE},{AMOUNTS},"reason":"no_answer"}}"#);
    reaches(&gateway, method::REVERSE, &reverse);
    let report = format!(r#"{{"report":"advice",{WIRE},"tags":{{}}}}"#);
    reaches(&gateway, method::REPORT, &report);
    let forget = r#"{"acceptor":{"merchant":"m","terminal":"t"},"token":"tok"}"#;
    reaches(&gateway, method::FORGET_TOKEN, forget);
    reaches(
        &gateway,
        method::RECONCILE,
        &format!(r#"{{{WIRE},"close":true}}"#),
    );

    let opened = gateway.call(method::OPEN, b"", &context);
    let parameters: Parameters = serde_json::from_slice(&opened.payload).expect("parameters");
    assert_eq!(
        (opened.status, parameters.name.as_str()),
        (Status::Ok, "Refuser")
    );
    for unknown in [method::PAY, method::IDENTIFY, method::SIMULATE] {
        let answered = gateway.call(unknown, b"{}", &context);
        assert_eq!(answered, Answered::empty(Status::Unsupported), "{unknown}");
    }
}
