// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands a manifest claims, in the order in which a host gives them.
//!
//! Owns what a good answer is. Must never ask for what the manifest does not claim.

use super::requests::{self, TOTAL_MINOR, amounts, transaction};
use super::subject::Subject;
use payhal_card_data::Purpose as SealedPurpose;
use payhal_messages::call::method;
use payhal_messages::gateway::Parameters;
use payhal_messages::manifest::{Ability, Inquiry, Kind, TerminalReversal};
use payhal_messages::money::Amounts;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Build = Box<dyn Fn(&Scene<'_>) -> Result<Value, String> + Send>;
type Right = Box<dyn Fn(&Scene<'_>, &Value) -> Result<(), String> + Send>;

/// One command of a flow.
pub(crate) struct Step {
    /// Its name in the report.
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// What happens at the device meanwhile, by its name in `conformance.toml`.
    pub(crate) situation: Option<&'static str>,
    /// Whether money may move: a lost answer must not be called a no.
    pub(crate) money: bool,
    pub(crate) build: Build,
    pub(crate) right: Right,
}

/// A flow that runs: what was answered so far.
pub(crate) struct Scene<'a> {
    pub(crate) subject: &'a Subject,
    /// Counts transactions over all flows of one runner.
    pub(crate) first: u32,
    pub(crate) done: BTreeMap<&'static str, Value>,
}

impl Scene<'_> {
    fn done(&self, step: &'static str) -> &Value {
        self.done.get(step).unwrap_or(&Value::Null)
    }

    fn text(&self, step: &'static str, member: &str) -> String {
        let text = self.done(step)[member].as_str();
        text.unwrap_or_default().to_owned()
    }

    fn currency(&self) -> String {
        let first = self.done("open")["currencies"][0].as_str();
        first.unwrap_or("EUR").to_owned()
    }

    fn total(&self) -> Value {
        amounts(&self.currency(), TOTAL_MINOR)
    }

    fn wire(&self, place: u32, prepared: &'static str) -> Value {
        requests::wire(self.first + place, &self.text(prepared, "reference"))
    }
}

fn fine() -> Right {
    Box::new(|_, _| Ok(()))
}

fn step(
    name: &'static str,
    method: &'static str,
    build: impl Fn(&Scene<'_>) -> Result<Value, String> + Send + 'static,
) -> Step {
    Step {
        name,
        method,
        situation: None,
        money: false,
        build: Box::new(build),
        right: fine(),
    }
}

impl Step {
    fn during(mut self, situation: &'static str) -> Self {
        self.situation = Some(situation);
        self
    }

    fn moving_money(mut self) -> Self {
        self.money = true;
        self
    }

    fn right(
        mut self,
        right: impl Fn(&Scene<'_>, &Value) -> Result<(), String> + Send + 'static,
    ) -> Self {
        self.right = Box::new(right);
        self
    }
}

fn demand(holds: bool, text: &str) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(text.to_owned()),
    }
}

/// The commands that a plugin's manifest claims.
pub(crate) fn steps(subject: &Subject) -> Vec<Step> {
    match subject.manifest.kind {
        Kind::Reader => reader(subject),
        Kind::Terminal => terminal(subject),
        Kind::Gateway => gateway(subject),
    }
}

fn identify() -> Step {
    step("identify", method::IDENTIFY, |_| Ok(json!({}))).right(|_, reply| {
        let model = reply["model"].as_str().unwrap_or_default();
        demand(!model.is_empty(), "`model` is empty")
    })
}

fn reader(subject: &Subject) -> Vec<Step> {
    let mut steps = vec![identify()];
    let display = subject.manifest.reader.as_ref();
    if display.is_some_and(|reader| reader.display) {
        steps.push(step("show", method::SHOW, |_| {
            Ok(json!({ "lines": ["Good day", "payhal check"], "beep": false }))
        }));
    }
    steps.push(present());
    steps.push(authorize_card());
    steps.push(
        step("complete", method::COMPLETE, |scene| {
            Ok(json!({
                "transaction_id": transaction(scene.first),
                "presentation_id": scene.text("present", "presentation_id"),
                "answer": { "decision": "approved", "response_code": "00" },
            }))
        })
        .during("approve.complete"),
    );
    steps
}

fn present() -> Step {
    let request = |scene: &Scene<'_>| {
        let entries = scene.subject.manifest.reader.as_ref();
        let entries = entries.map(|reader| reader.entries.clone());
        Ok(json!({
            "transaction_id": transaction(scene.first),
            "purpose": "sale",
            "amounts": scene.total(),
            "entries": entries,
            "timeout_ms": 30_000,
        }))
    };
    step("present", method::PRESENT, request)
        .during("approve")
        .right(|scene, reply| {
            let entries = scene.subject.manifest.reader.as_ref();
            let entries = json!(entries.map(|reader| reader.entries.clone()));
            let known = entries.as_array();
            let known = known.is_some_and(|known| known.contains(&reply["entry"]));
            demand(known, "its `entry` is none that was allowed")?;
            let id = reply["presentation_id"].as_str().unwrap_or_default();
            demand(!id.is_empty(), "`presentation_id` is empty")
        })
}

fn authorize_card() -> Step {
    let request = |scene: &Scene<'_>| {
        Ok(json!({
            "transaction_id": transaction(scene.first),
            "presentation_id": scene.text("present", "presentation_id"),
            "device": "check-1",
            "purpose": "sale",
            "amounts": scene.total(),
            "recipient": requests::recipient()?,
        }))
    };
    step("authorize_card", method::AUTHORIZE_CARD, request)
        .during("approve.authorize_card")
        .right(|scene, reply| {
            let sealed = &reply["sealed"];
            let text = |member: &str| sealed[member].as_str().unwrap_or_default();
            demand(
                !text("ciphertext").is_empty(),
                "`sealed.ciphertext` is empty",
            )?;
            let said = scene.done("identify")["sealing"]["scheme"].as_str();
            demand(
                said.is_none_or(|said| said == text("scheme")),
                "`sealed.scheme` is another than `identify` tells in `sealing.scheme`",
            )
        })
}

fn pay(
    name: &'static str,
    purpose: &'static str,
    place: u32,
    minor: i64,
    original: Option<(&'static str, u32)>,
) -> Step {
    let request = move |scene: &Scene<'_>| {
        let mut request = json!({
            "transaction_id": transaction(scene.first + place),
            "stan": scene.first + place,
            "purpose": purpose,
            "amounts": amounts("EUR", minor),
        });
        if let Some((step, place)) = original {
            request["original"] = json!({
                "transaction_id": transaction(scene.first + place),
                "stan": scene.first + place,
                "reference": scene.done(step)["reference"],
            });
        }
        Ok(request)
    };
    step(name, method::PAY, request)
        .during("approve")
        .moving_money()
        .right(move |_, reply| {
            demand(reply["approved"] == true, "it was not approved")?;
            let approved = reply["approved_minor"].as_i64().unwrap_or(minor);
            match minor == 0 || (1..=minor).contains(&approved) {
                true => Ok(()),
                false => Err(format!(
                    "`approved_minor` is {approved}; {minor} was asked for"
                )),
            }
        })
}

fn terminal(subject: &Subject) -> Vec<Step> {
    let mut steps = vec![identify(), pay("pay", "sale", 0, TOTAL_MINOR, None)];
    let Some(abilities) = &subject.manifest.terminal else {
        return steps;
    };
    let can = |ability| abilities.can.contains(&ability);
    if abilities.inquiry != Inquiry::None {
        let request = |scene: &Scene<'_>| {
            let id = transaction(scene.first);
            Ok(json!({ "transaction_id": id, "stan": scene.first }))
        };
        steps.push(step("inquire", method::INQUIRE, request).right(|_, reply| {
            let approved = reply["found"] == "ended" && reply["outcome"]["approved"] == true;
            demand(
                approved,
                "it does not find the payment it has just approved",
            )
        }));
    }
    if abilities.reversal == TerminalReversal::ByReference {
        steps.push(step("reverse", method::REVERSE, |scene| {
            Ok(json!({
                "transaction_id": transaction(scene.first),
                "reference": scene.done("pay")["reference"],
                "amounts": amounts("EUR", TOTAL_MINOR),
            }))
        }));
    }
    if can(Ability::Authorize) {
        steps.push(pay("pay: authorize", "authorize", 1, TOTAL_MINOR, None));
        if can(Ability::Adjust) {
            let of = Some(("pay: authorize", 1));
            steps.push(pay("pay: adjust", "adjust", 2, 1500, of));
        }
        let of = Some(("pay: authorize", 1));
        steps.push(pay("pay: capture", "capture", 3, 1000, of));
    }
    if can(Ability::Refund) {
        steps.push(pay("pay: another sale", "sale", 4, TOTAL_MINOR, None));
        let of = Some(("pay: another sale", 4));
        steps.push(pay("pay: refund", "refund", 5, 500, of));
    }
    if can(Ability::RefundUnreferenced) {
        steps.push(pay("pay: refund without original", "refund", 6, 300, None));
    }
    for (place, ability, name, purpose, minor) in [
        (7, Ability::Verify, "pay: verify", "verify", 0),
        (8, Ability::Balance, "pay: balance", "balance", 0),
        (
            9,
            Ability::CashAdvance,
            "pay: cash advance",
            "cash_advance",
            2000,
        ),
    ] {
        if can(ability) {
            steps.push(pay(name, purpose, place, minor, None));
        }
    }
    if can(Ability::ForgetToken) {
        steps.extend(["forget token", "forget token: once more"].map(forget));
    }
    steps.extend(reconciles(&abilities.can));
    steps
}

fn reconciles(can: &[Ability]) -> Vec<Step> {
    let mut steps = Vec::new();
    let reconcile = |name, place: u32, close: bool| {
        step(name, method::RECONCILE, move |scene| {
            Ok(json!({ "wire": scene.wire(place, ""), "close": close }))
        })
    };
    if can.contains(&Ability::BatchTotals) {
        steps.push(reconcile("reconcile: totals", 40, false));
    }
    if can.contains(&Ability::BatchClose) {
        steps.push(reconcile("reconcile: close", 41, true));
    }
    steps
}

fn gateway(subject: &Subject) -> Vec<Step> {
    let open = step("open", method::OPEN, |_| Ok(json!({}))).right(|_, reply| {
        let name = reply["name"].as_str().unwrap_or_default();
        demand(!name.is_empty(), "`name` is empty")
    });
    let mut steps = vec![open];
    let Some(abilities) = &subject.manifest.gateway else {
        return steps;
    };
    let can = |ability| abilities.can.contains(&ability);
    steps.push(prepare("prepare", "sale", 0));
    steps.push(authorize("authorize", "sale", 0, "prepare"));
    if abilities.inquiry {
        steps.push(
            step("inquire", method::INQUIRE, |scene| {
                Ok(json!({ "wire": scene.wire(0, "prepare") }))
            })
            .right(|_, reply| {
                demand(
                    reply["found"] == "answered",
                    "it does not find what it has just answered",
                )
            }),
        );
    }
    steps.extend(changes(&abilities.can));
    if can(Ability::Dcc) {
        steps.push(step("offer_currency", method::OFFER_CURRENCY, |scene| {
            let wire = scene.wire(0, "prepare");
            Ok(json!({
                "transaction_id": wire["transaction_id"],
                "acceptor": wire["acceptor"],
                "purpose": "sale",
                "amounts": scene.total(),
                "card": { "masked_pan": "411111******1111", "scheme": "visa" },
                "timeout_ms": 5_000,
            }))
        }));
    }
    if can(Ability::Forward) {
        steps.push(prepare("prepare: offline sale", "sale", 8));
        steps.push(forward("forward"));
        steps.push(forward("forward: once more").right(|scene, reply| {
            demand(
                scene.done("forward") == reply,
                "the second forwarding is answered otherwise than the first",
            )
        }));
    }
    steps.push(prepare("prepare: sale to reverse", "sale", 7));
    steps.push(authorize(
        "authorize: sale to reverse",
        "sale",
        7,
        "prepare: sale to reverse",
    ));
    steps.push(reverse("reverse"));
    steps.push(reverse("reverse: once more").right(|scene, reply| {
        demand(
            scene.done("reverse") == reply,
            "the second reversal is answered otherwise than the first",
        )
    }));
    steps.extend(reports(can(Ability::Advice), can(Ability::NotifyOrder)));
    steps.extend(reconciles(&abilities.can));
    steps
}

/// Changes of earlier transactions, as far as they are claimed.
fn changes(can: &[Ability]) -> Vec<Step> {
    let can = |ability| can.contains(&ability);
    let mut steps = Vec::new();
    if can(Ability::Refund) {
        steps.push(prepare("prepare: refund", "refund", 1));
        steps.push(modify(
            "modify: refund",
            "refund",
            1,
            "prepare: refund",
            0,
            "prepare",
            500,
        ));
    }
    if can(Ability::Void) {
        steps.push(prepare("prepare: sale to void", "sale", 2));
        steps.push(authorize(
            "authorize: sale to void",
            "sale",
            2,
            "prepare: sale to void",
        ));
        steps.push(prepare("prepare: void", "sale", 3));
        let of = "prepare: sale to void";
        steps.push(modify(
            "modify: void",
            "void",
            3,
            "prepare: void",
            2,
            of,
            TOTAL_MINOR,
        ));
    }
    if can(Ability::Authorize) {
        steps.push(prepare("prepare: hold", "authorize", 4));
        steps.push(authorize(
            "authorize: hold",
            "authorize",
            4,
            "prepare: hold",
        ));
        let of = "prepare: hold";
        if can(Ability::Adjust) {
            steps.push(prepare("prepare: adjust", "authorize", 5));
            steps.push(modify(
                "modify: adjust",
                "adjust",
                5,
                "prepare: adjust",
                4,
                of,
                1000,
            ));
        }
        steps.push(prepare("prepare: capture", "authorize", 6));
        steps.push(modify(
            "modify: capture",
            "capture",
            6,
            "prepare: capture",
            4,
            of,
            900,
        ));
    }
    steps
}

fn prepare(name: &'static str, purpose: &'static str, place: u32) -> Step {
    step(name, method::PREPARE, move |scene| {
        Ok(json!({ "wire": scene.wire(place, ""), "purpose": purpose, "amounts": scene.total() }))
    })
    .right(|_, reply| {
        let reference = reply["reference"].as_str().unwrap_or_default();
        demand(reference.len() <= 1024, "`reference` is longer than 1 KiB")
    })
}

fn authorize(
    name: &'static str,
    purpose: &'static str,
    place: u32,
    prepared: &'static str,
) -> Step {
    let request = move |scene: &Scene<'_>| {
        let own = scene.subject.request(method::AUTHORIZE, json!({}));
        let mut request = json!({
            "wire": scene.wire(place, prepared),
            "purpose": purpose,
            "amounts": scene.total(),
        });
        if own.get("card").is_none() {
            let sealed = match purpose {
                "authorize" => SealedPurpose::Authorize,
                _ => SealedPurpose::Sale,
            };
            request["card"] = sealed_card(scene, place, sealed)?;
        }
        Ok(request)
    };
    step(name, method::AUTHORIZE, request)
        .during("approve")
        .moving_money()
        .right(|_, reply| demand(reply["decision"] == "approved", "it was not approved"))
}

/// A test card, sealed to the gateway as it asked for in `open`.
fn sealed_card(scene: &Scene<'_>, place: u32, purpose: SealedPurpose) -> Result<Value, String> {
    let parameters: Parameters = serde_json::from_value(scene.done("open").clone())
        .map_err(|_| "make the request: `open` did not answer Parameters".to_owned())?;
    let amounts: Amounts = serde_json::from_value(scene.total())
        .map_err(|_| "make the request: no amounts".to_owned())?;
    let card = requests::card(&parameters, scene.first + place, &amounts, purpose)?;
    Ok(json!(card))
}

/// The check has no chip: whatever the gateway says to its card will do, as long as it is an answer
/// and stays one.
fn forward(name: &'static str) -> Step {
    let request = |scene: &Scene<'_>| {
        let own = scene.subject.request(method::FORWARD, json!({}));
        let wire = scene.wire(8, "prepare: offline sale");
        let mut request = json!({
            "accepted_at_micros": wire["at_micros"],
            "wire": wire,
            "purpose": "sale",
            "amounts": scene.total(),
            "tags": { "9F27": "40" },
        });
        if own.get("card").is_none() {
            request["card"] = sealed_card(scene, 8, SealedPurpose::Sale)?;
        }
        Ok(request)
    };
    step(name, method::FORWARD, request)
        .during("approve")
        .moving_money()
        .right(|_, reply| {
            demand(
                reply["decision"] == "approved"
                    || reply["decision"] == "declined"
                    || reply["decision"] == "rejected",
                "it must be answered with yes or no: nobody is there to call the issuer",
            )
        })
}

fn modify(
    name: &'static str,
    change: &'static str,
    place: u32,
    prepared: &'static str,
    of: u32,
    of_prepared: &'static str,
    minor: i64,
) -> Step {
    step(name, method::MODIFY, move |scene| {
        Ok(json!({
            "wire": scene.wire(place, prepared),
            "original": { "known_by": "wire", "wire": scene.wire(of, of_prepared) },
            "change": change,
            "amounts": amounts(&scene.currency(), minor),
        }))
    })
    .during("approve")
    .moving_money()
    .right(|_, reply| demand(reply["decision"] == "approved", "it was not approved"))
}

fn reverse(name: &'static str) -> Step {
    step(name, method::REVERSE, |scene| {
        Ok(json!({
            "wire": scene.wire(7, "prepare: sale to reverse"),
            "amounts": scene.total(),
            "reason": "no_answer",
        }))
    })
    .right(|_, reply| demand(reply["state"] == "reversed", "it was not reversed"))
}

/// A token that nobody keeps: whoever does not know it has forgotten it.
fn forget(name: &'static str) -> Step {
    step(name, method::FORGET_TOKEN, |scene| {
        let acceptor = &scene.wire(0, "prepare")["acceptor"];
        Ok(json!({ "acceptor": acceptor, "token": "tok_conformance" }))
    })
}

fn reports(advice: bool, order: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if advice {
        steps.push(step("report: advice", method::REPORT, |scene| {
            let tags = json!({ "95": "0000000000" });
            Ok(json!({ "report": "advice", "wire": scene.wire(0, "prepare"), "tags": tags }))
        }));
    }
    if order {
        steps.push(step("report: order", method::REPORT, |scene| {
            Ok(json!({
                "report": "notify_order",
                "wire": scene.wire(0, "prepare"),
                "amounts": scene.total(),
                "order": "{\"custom\":{\"table\":7}}",
            }))
        }));
    }
    steps
}
