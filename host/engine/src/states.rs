// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives every state through every event and compares with `docs/transaction-states.md`, so that
//! the table cannot drift. A pair that is not in the table must change nothing.

mod currency;
mod said;

pub(crate) use currency::offered;
pub(crate) use said::sale;
use said::{approved, declined, failed, no_totals, pending, referred, unplugged};

use crate::answer::Outcome;
use crate::bench::{
    Bench, answer, authorized, completed, euros, gateway_is, on_terminal, paid, percent, prepared,
    presented, request, spending, terminal_is, told, with_number,
};
use crate::delayed::Estimate;
use crate::device::{CardRefusal, DeviceCommand, DeviceReply};
use crate::effect::Effect;
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Decision, Finding, GatewayCommand, GatewayReply};
use crate::ids::{CallId, Kept, Ticket, TransactionId};
use crate::offline_cases::{offline_in, read_kept};
use crate::prompt::{PromptKind, PromptKinds};
use crate::record::Past;
use crate::request::{Kind, MoneyRequest, Request, Resolve, Response};
use crate::transaction::Phase;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const TABLE: &str = include_str!("../../../docs/transaction-states.md");

const STATES: [&str; 42] = [
    "waiting for reader",
    "waiting for card",
    "asked for the amount",
    "asked about a surcharge",
    "offering a currency",
    "choosing a currency",
    "asked about a currency",
    "reading card",
    "stopping",
    "checking keys",
    "waiting for its turn",
    "preparing",
    "keeping the number",
    "authorizing (chip)",
    "authorizing (no chip)",
    "authorizing (no chip, no inquiry)",
    "asked about a part",
    "asked for a signature",
    "asked to call",
    "completing",
    "inquiring",
    "modifying (refund)",
    "modifying (void)",
    "inquiring (void)",
    "closing",
    "inquiring (close)",
    "authorizing (verify)",
    "reporting",
    "reversing",
    "needs operator",
    "paying",
    "paying (no inquiry)",
    "inquiring (terminal)",
    "reversing (terminal)",
    "needs operator (terminal)",
    "completing without its issuer",
    "storing",
    "stored",
    "stored (preparing)",
    "forwarding",
    "needs operator (forwarding)",
    "ended",
];

const EVENTS: [&str; 73] = [
    "reader is done",
    "card presented",
    "card presented (costs more)",
    "card presented (tip too high)",
    "card presented (may pay in its currency)",
    "card presented (its gateway is away)",
    "card read (chip)",
    "card read (no chip)",
    "no card",
    "card refused",
    "cancelled on the reader",
    "reader stopped",
    "reader failed",
    "chip accepts",
    "chip refuses",
    "keys are new",
    "a key was spent",
    "turn comes",
    "turn does not come",
    "own currency offered",
    "no currency offered",
    "offer failed",
    "time for an offer ends",
    "own currency chosen",
    "shop's currency chosen",
    "reader leaves the choice",
    "prepared",
    "number is kept",
    "number is not kept",
    "approved",
    "closed",
    "approved in part",
    "approved too much",
    "declined",
    "rejected",
    "referred",
    "people agree",
    "people refuse",
    "people say nothing",
    "people say too much",
    "nothing was sent",
    "no answer",
    "found approved",
    "found declined",
    "found closed",
    "found reversed",
    "found pending",
    "not found",
    "inquiry failed",
    "reported",
    "report refused",
    "report failed",
    "reversal acknowledged",
    "reversal refused",
    "reversal failed",
    "number is lost",
    "read is kept",
    "read is not kept",
    "read is lost",
    "pause ends",
    "patience ends",
    "time for a card ends",
    "gateway comes back",
    "terminal comes back",
    "register cancels",
    "a person says approved",
    "a person says failed",
    "register asks again",
    "register asks otherwise",
    "register stops waiting",
    "host stops",
    "host restarts",
    "late reply",
];

#[test]
fn the_table_says_what_the_engine_does() {
    let mut listed = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [state, event, next, does] = cells[..]
            && STATES.contains(&state)
        {
            assert!(
                EVENTS.contains(&event),
                "the table names an unknown event: {event}"
            );
            let row = (next.to_owned(), does.to_owned());
            assert!(
                listed.insert((state, event), row).is_none(),
                "twice: {state}, {event}"
            );
        }
    }
    let mut actual = String::new();
    let mut drifted = Vec::new();
    for state in STATES {
        for event in EVENTS {
            let expected = listed.get(&(state, event));
            let Some((next, does)) = drive(state, event) else {
                assert!(expected.is_none(), "cannot happen: {state}, {event}");
                continue;
            };
            if next == state && does == "nothing" {
                assert!(expected.is_none(), "changes nothing: {state}, {event}");
                continue;
            }
            actual += &format!("| {state} | {event} | {next} | {does} |\n");
            if expected != Some(&(next, does)) {
                drifted.push((state, event));
            }
        }
    }
    assert!(
        drifted.is_empty(),
        "the table drifted at {drifted:?}; it should say:\n{actual}"
    );
}

/// Brings an engine into a state, lets the event happen, and says what became of it. `None`: it
/// cannot happen there.
fn drive(state: &str, event: &str) -> Option<(String, String)> {
    let mut bench = bench_in(state);
    let before = bench.engine.position();
    let effects = happen(&mut bench, event)?;
    Some((state_of(&bench), told(&effects, before)))
}

fn bench_in(state: &str) -> Bench {
    if let Some(bench) = offline_in(state) {
        assert_eq!(state_of(&bench), state);
        return bench;
    }
    let mut bench = Bench::new();
    bench.holds_spent = state == "checking keys";
    let gateway = if state.contains("no inquiry") {
        "mute"
    } else if state == "keeping the number" {
        "numbered"
    } else {
        "asking"
    };
    if state.starts_with("paying") || state.contains("terminal") {
        return terminal_in(state);
    }
    if state == "closing" || state.contains("close)") {
        bench.money(request("key", Kind::BatchClose, gateway));
        bench.gateway(prepared());
        if state == "inquiring (close)" {
            bench.gateway(failed(true));
        }
        return bench;
    }
    if state.contains("refund") || state.contains("void") || state == "needs operator" {
        let original = TransactionId(Uuid::from_u128(99));
        bench.past = Some(sale(original));
        let kind = if state.contains("refund") {
            Kind::Refund { original }
        } else {
            Kind::Void { original }
        };
        bench.money(request("key", kind, gateway));
        bench.gateway(prepared());
        if state == "inquiring (void)" {
            bench.gateway(failed(true));
        }
        if state == "needs operator" {
            bench.gateway(GatewayReply::Answered(answer(Decision::Approved, Some(1))));
        }
        return bench;
    }
    let kind = match state {
        "authorizing (verify)" => Kind::Verify,
        _ => Kind::Sale,
    };
    let mut asked = request("key", kind, gateway);
    if state == "reporting" {
        asked.order = Some(r#"{"basket":[]}"#.into());
    }
    if state == "waiting for its turn" {
        bench.full("asking", true);
    }
    people(&mut bench, &mut asked, state);
    if state == "waiting for reader" {
        // The one before it has ended, and the reader still says so.
        bench.money(request("before", Kind::Sale, gateway));
        bench.reader(presented());
        bench.reader(unplugged());
        asked.device = Some("reader".into());
    }
    bench.money(asked);
    walk(&mut bench, state);
    assert_eq!(state_of(&bench), state);
    bench
}

/// Who can be asked what, and what about.
fn people(bench: &mut Bench, asked: &mut MoneyRequest, state: &str) {
    if state.starts_with("asked") {
        bench.prompts = PromptKinds::default()
            .with(PromptKind::ConfirmPartial)
            .with(PromptKind::ConfirmSignature)
            .with(PromptKind::VoiceApproval);
    }
    if matches!(state, "waiting for card" | "asked about a surcharge") {
        asked.amount_max = Some(euros(2_000).total);
        bench.prompts = bench.prompts.with(PromptKind::ConfirmSurcharge);
    }
    if state == "asked for the amount" {
        asked.amounts = None;
        asked.amount_max = Some(euros(2_000).total);
        asked.terms.estimate = Some(Estimate {
            amount: euros(1_500).total,
            timeout_ms: None,
        });
        bench.prompts = bench.prompts.with(PromptKind::SetAmount);
    }
    currency::people(bench, state);
    if state == "asked about a surcharge" {
        bench.engine.config.surcharges = vec![percent(2)];
    }
}

/// From the card to the state.
fn walk(bench: &mut Bench, state: &str) {
    let path = match state {
        "waiting for reader" | "waiting for card" => 0,
        "reading card" | "asked for the amount" | "asked about a surcharge" => 1,
        _ if state.ends_with("a currency") => 1,
        "stopping" => {
            bench.cancel("key");
            0
        }
        "checking keys" | "waiting for its turn" | "preparing" => 2,
        _ => 3,
    };
    if path > 0 {
        bench.reader(presented());
    }
    if path > 1 {
        let chip = matches!(
            state,
            "authorizing (chip)" | "asked about a part" | "completing" | "reversing"
        );
        bench.reader(match state {
            "checking keys" => spending(&["AQ=="]),
            "keeping the number" => with_number(),
            _ => authorized(chip),
        });
    }
    if path > 2 {
        bench.gateway(prepared());
    }
    match state {
        "completing" => drop(bench.gateway(approved(1_000))),
        "asked about a part" => drop(bench.gateway(approved(400))),
        "asked for a signature" => {
            let mut signed = answer(Decision::Approved, Some(1_000));
            signed.signature_required = true;
            bench.gateway(GatewayReply::Answered(signed));
        }
        "asked to call" => drop(bench.gateway(referred())),
        "inquiring" | "reversing" => drop(bench.gateway(failed(true))),
        "reporting" => drop(bench.gateway(approved(1_000))),
        "ended" => drop(bench.gateway(declined())),
        _ => currency::walk(bench, state),
    }
}

fn terminal_in(state: &str) -> Bench {
    let mut bench = Bench::new();
    let deaf = state.contains("no inquiry") || state.contains("operator");
    let device = if deaf { "deaf" } else { "counter" };
    bench.money(MoneyRequest {
        timeout_ms: Some(30_000),
        ..on_terminal("key", Kind::Sale, device)
    });
    match state {
        "inquiring (terminal)" | "needs operator (terminal)" => drop(bench.reader(unplugged())),
        "reversing (terminal)" => drop(bench.reader(paid(Decision::Approved, Some(1_001)))),
        _ => {}
    }
    assert_eq!(state_of(&bench), state);
    bench
}

fn state_of(bench: &Bench) -> String {
    let mut open = bench.engine.open.values();
    let Some(transaction) = open.next() else {
        let recent = !bench.records.is_empty();
        return if recent { "ended" } else { "gone" }.into();
    };
    let void = transaction.is_void();
    let terminal = transaction.on_terminal();
    let close = transaction.request.kind == Kind::BatchClose;
    let plain = match transaction.phase {
        Phase::AwaitingReader => "waiting for reader",
        Phase::Presenting | Phase::ChoosingCurrency(_) | Phase::AuthorizingCard
            if transaction.stop.is_some() =>
        {
            "stopping"
        }
        Phase::Presenting => "waiting for card",
        Phase::AwaitingAmount => "asked for the amount",
        Phase::Pricing { .. } => "asked about a surcharge",
        Phase::AuthorizingCard => "reading card",
        Phase::CheckingKeys(_) => "checking keys",
        Phase::AwaitingTurn(_) => "waiting for its turn",
        Phase::OfferingCurrency => "offering a currency",
        Phase::ChoosingCurrency(_) => "choosing a currency",
        Phase::AskingCurrency(_) => "asked about a currency",
        Phase::Preparing(_) => "preparing",
        Phase::Keeping(_) => "keeping the number",
        Phase::Authorizing if transaction.request.kind == Kind::Verify => "authorizing (verify)",
        Phase::Authorizing if transaction.completion_owed => "authorizing (chip)",
        Phase::Authorizing if transaction.gateway == Some("mute".into()) => {
            "authorizing (no chip, no inquiry)"
        }
        Phase::Authorizing => "authorizing (no chip)",
        Phase::Paying if transaction.device == Some("deaf".into()) => "paying (no inquiry)",
        Phase::Paying => "paying",
        Phase::Inquiring if terminal => "inquiring (terminal)",
        Phase::Reversing if terminal => "reversing (terminal)",
        Phase::NeedsOperator if terminal => "needs operator (terminal)",
        Phase::Asking => match transaction.prompt.as_ref().map(|open| open.told.kind) {
            Some(PromptKind::ConfirmPartial) => "asked about a part",
            Some(PromptKind::ConfirmSignature) => "asked for a signature",
            _ => "asked to call",
        },
        Phase::Completing => "completing",
        Phase::Modifying if void => "modifying (void)",
        Phase::Modifying if close => "closing",
        Phase::Modifying => "modifying (refund)",
        Phase::Inquiring if void => "inquiring (void)",
        Phase::Inquiring if close => "inquiring (close)",
        Phase::Inquiring => "inquiring",
        Phase::Reversing => "reversing",
        Phase::NeedsOperator if transaction.stored.is_some() => "needs operator (forwarding)",
        Phase::NeedsOperator => "needs operator",
        Phase::Reporting => "reporting",
        Phase::CompletingOffline(_) => "completing without its issuer",
        Phase::Storing(_) => "storing",
        Phase::Stored if transaction.call.is_some() => "stored (preparing)",
        Phase::Stored => "stored",
        Phase::Forwarding => "forwarding",
        Phase::Settled => "settled",
    };
    plain.into()
}

/// A device or a gateway says it.
fn replied(bench: &mut Bench, event: &str) -> Option<Vec<Effect>> {
    if let Some(reply) = priced(bench, event) {
        return Some(bench.reader(reply));
    }
    if let Some(effects) = currency::happen(bench, event) {
        return Some(effects);
    }
    if let Some(reply) = reader_reply(bench, event) {
        return Some(bench.reader(reply));
    }
    let reply = gateway_reply(bench, event)?;
    Some(bench.gateway(reply))
}

fn happen(bench: &mut Bench, event: &str) -> Option<Vec<Effect>> {
    if let Some(effects) = replied(bench, event) {
        return Some(effects);
    }
    let asked_for = bench
        .engine
        .open
        .values()
        .next()
        .map(|open| open.request.clone());
    let alarm = match event {
        "pause ends" => Alarm::Attempt,
        "patience ends" => Alarm::Patience,
        "time for a card ends" => Alarm::Card,
        "gateway comes back" => return gateway_comes_back(bench),
        "terminal comes back" => return terminal_comes_back(bench),
        "turn comes" => {
            if state_of(bench) != "waiting for its turn" {
                return None;
            }
            return Some(bench.full("asking", false));
        }
        "turn does not come" => Alarm::Turn,
        "keys are new" => return keys_recalled(bench, None),
        "a key was spent" => return keys_recalled(bench, Some(nobody())),
        "number is kept" => return number_kept(bench, None),
        "number is not kept" => return number_kept(bench, Some("full".into())),
        "read is kept" if state_of(bench) == "storing" => return Some(read_kept(bench, None)),
        "read is not kept" if state_of(bench) == "storing" => {
            return Some(read_kept(bench, Some("full")));
        }
        "people agree" => return say(bench, true),
        "people refuse" => return say(bench, false),
        "people say nothing" => Alarm::Prompt,
        "people say too much" => return say_amount(bench, 2_001),
        "register cancels" => return Some(bench.cancel("key")),
        "a person says approved" => return person_says(bench, Outcome::Approved),
        "a person says failed" => return person_says(bench, Outcome::Failed),
        "register asks again" => return Some(bench.money(asked_for?)),
        "register asks otherwise" => {
            let mut other = asked_for?;
            other.reference = Some("other".into());
            return Some(bench.money(other));
        }
        "register stops waiting" => {
            return Some(bench.step(Event::Forgotten { ticket: Ticket(1) }));
        }
        "host stops" => return Some(bench.step(Event::Stopping)),
        "host restarts" => return (!bench.records.is_empty()).then(|| bench.restart()),
        "late reply" => {
            let mut effects = bench.step(late_reply());
            effects.extend(bench.step(Event::DeviceReplied {
                call: CallId(777),
                reply: completed(true),
            }));
            return Some(effects);
        }
        _ => return None,
    };
    let timers = bench.engine.timers.iter();
    let timer = timers
        .filter(|(_, (_, set))| *set == alarm)
        .map(|(timer, _)| *timer)
        .next()?;
    Some(bench.step(Event::TimerFired(timer)))
}

/// Where a person's word is not taken, nothing happens.
fn person_says(bench: &mut Bench, outcome: Outcome) -> Option<Vec<Effect>> {
    let transaction_id = bench.engine.open.keys().next().copied()?;
    let resolve = Resolve {
        transaction_id,
        outcome,
        evidence: "the terminal's slip".into(),
        operator: "Ada".into(),
    };
    let state = state_of(bench);
    let before = bench.engine.position();
    let effects = bench.ask(Request::Resolve(Box::new(resolve)));
    if told(&effects, before) != "answer NotAllowed" {
        return Some(effects);
    }
    assert_eq!(state_of(bench), state);
    None
}

/// The journal has looked for the keys of a read.
fn keys_recalled(bench: &mut Bench, past: Option<Past>) -> Option<Vec<Effect>> {
    let recall = bench.held_recall.take()?;
    let past = past.map(Box::new);
    Some(bench.step(Event::Recalled { recall, past }))
}

/// Whoever it was, its records are pruned.
fn nobody() -> Past {
    Past {
        records: Vec::new(),
        ..Past::default()
    }
}

fn number_kept(bench: &mut Bench, refused: Option<Arc<str>>) -> Option<Vec<Effect>> {
    let transaction = *bench.engine.open.keys().next()?;
    let waits = state_of(bench) == "keeping the number";
    let kept = Event::Kept {
        transaction,
        part: Kept::Number,
        refused,
    };
    waits.then(|| bench.step(kept))
}

fn gateway_comes_back(bench: &mut Bench) -> Option<Vec<Effect>> {
    bench.step(gateway_is("asking", true, false));
    if let Some(transaction) = bench.engine.open.values().next() {
        if matches!(transaction.phase, Phase::AwaitingTurn(_)) {
            return None;
        }
        // Its call failed with its gateway.
        let waiting = !transaction.on_terminal()
            && matches!(
                transaction.phase,
                Phase::Inquiring | Phase::Reversing | Phase::Reporting | Phase::Forwarding
            );
        if waiting {
            let inquiring = transaction.phase == Phase::Inquiring;
            let reply = if inquiring { pending() } else { failed(true) };
            bench.gateway(reply);
        }
    }
    Some(bench.step(gateway_is("asking", true, true)))
}

fn terminal_comes_back(bench: &mut Bench) -> Option<Vec<Effect>> {
    let transaction = bench.engine.open.values().next()?;
    let device = transaction.device.clone()?.0;
    if !transaction.on_terminal() {
        return None;
    }
    bench.step(terminal_is(&device, false));
    if matches!(
        state_of(bench).as_str(),
        "inquiring (terminal)" | "reversing (terminal)"
    ) {
        // Its call failed with its terminal.
        bench.reader(unplugged());
    }
    Some(bench.step(terminal_is(&device, true)))
}

/// A card is presented that changes price or gateway.
fn priced(bench: &mut Bench, event: &str) -> Option<DeviceReply> {
    if state_of(bench) != "waiting for card" {
        return None;
    }
    let mut reply = presented();
    match event {
        "card presented (costs more)" => bench.engine.config.surcharges = vec![percent(2)],
        "card presented (may pay in its currency)" => currency::able_to_offer(bench),
        "card presented (tip too high)" => {
            if let DeviceReply::Presented { tip_minor, .. } = &mut reply {
                *tip_minor = Some(1_001);
            }
        }
        "card presented (its gateway is away)" => {
            bench.step(gateway_is("asking", true, false));
        }
        _ => return None,
    }
    Some(reply)
}

/// The open question is answered.
fn say(bench: &mut Bench, yes: bool) -> Option<Vec<Effect>> {
    let open = bench.engine.open.values().next()?;
    let told = &open.prompt.as_ref()?.told;
    let response = Response {
        accepted: Some(yes),
        text: yes.then(|| "A1B2C3".into()),
        chosen: None,
        amounts: yes.then(|| euros(1_000)),
        signature: None,
    };
    let prompt = told.prompt_id;
    Some(bench.ask(Request::Respond { prompt, response }))
}

/// The open question for the amount is answered with this one.
fn say_amount(bench: &mut Bench, minor: i64) -> Option<Vec<Effect>> {
    let open = bench.engine.open.values().next()?;
    let told = &open.prompt.as_ref()?.told;
    if told.kind != PromptKind::SetAmount {
        return None;
    }
    let response = Response {
        amounts: Some(euros(minor)),
        ..Response::default()
    };
    let prompt = told.prompt_id;
    Some(bench.ask(Request::Respond { prompt, response }))
}

fn late_reply() -> Event {
    Event::GatewayReplied {
        call: CallId(777),
        reply: approved(1_000),
    }
}

fn reader_reply(bench: &Bench, event: &str) -> Option<DeviceReply> {
    let (_, _, command) = bench.reader_call.as_ref()?;
    if bench.engine.open.values().any(|open| open.on_terminal()) {
        return terminal_reply(command, event);
    }
    let presenting = matches!(command, DeviceCommand::Present { .. });
    let reading = matches!(command, DeviceCommand::AuthorizeCard { .. });
    let choosing = matches!(command, DeviceCommand::ConfirmCurrency { .. });
    let awaited = state_of(bench) == "waiting for reader";
    let before = presenting || choosing || reading;
    let completing = !before && !awaited;
    let refused = |refusal| DeviceReply::Refused {
        refusal,
        text: "no".into(),
    };
    Some(match event {
        "card presented" if presenting => presented(),
        "no card" if presenting => refused(CardRefusal::NoCard),
        "card read (chip)" if reading => authorized(true),
        "card read (no chip)" if reading => authorized(false),
        "card refused" if before => refused(CardRefusal::CardUnreadable),
        "cancelled on the reader" if before => refused(CardRefusal::CancelledOnDevice),
        "reader stopped" if before => DeviceReply::Cancelled,
        "reader is done" if awaited => completed(true),
        "reader failed" => unplugged(),
        "chip accepts" if completing => completed(true),
        "chip refuses" if completing => completed(false),
        _ => return None,
    })
}

fn terminal_reply(command: &DeviceCommand, event: &str) -> Option<DeviceReply> {
    let paying = matches!(command, DeviceCommand::Pay { .. });
    let inquiring = matches!(command, DeviceCommand::Inquire { .. });
    let reversing = matches!(command, DeviceCommand::Reverse { .. });
    let refused = |refusal| DeviceReply::Refused {
        refusal,
        text: "no".into(),
    };
    Some(match event {
        "approved" if paying => paid(Decision::Approved, Some(1_000)),
        "approved in part" if paying => paid(Decision::Approved, Some(400)),
        "approved too much" if paying => paid(Decision::Approved, Some(1_001)),
        "declined" if paying => paid(Decision::Declined, None),
        "card refused" if paying => refused(CardRefusal::CardUnreadable),
        "no card" if paying => refused(CardRefusal::NoCard),
        "cancelled on the reader" if paying => refused(CardRefusal::CancelledOnDevice),
        "reader stopped" if paying => DeviceReply::Cancelled,
        "nothing was sent" if paying => DeviceReply::Failed {
            effect_possible: false,
            reason: "down".into(),
        },
        "no answer" if paying => unplugged(),
        "found approved" if inquiring => paid(Decision::Approved, Some(1_000)),
        "found declined" if inquiring => paid(Decision::Declined, None),
        "found pending" if inquiring => DeviceReply::Running,
        "not found" if inquiring => DeviceReply::NotFound,
        "inquiry failed" if inquiring => unplugged(),
        "reversal acknowledged" if reversing => DeviceReply::Reversed,
        "reversal refused" if reversing => refused(CardRefusal::Other),
        "reversal failed" if reversing => unplugged(),
        _ => return None,
    })
}

fn gateway_reply(bench: &Bench, event: &str) -> Option<GatewayReply> {
    let (_, command) = bench.gateway_call.as_ref()?;
    let offering = matches!(command, GatewayCommand::OfferCurrency { .. });
    let preparing = matches!(command, GatewayCommand::Prepare { .. });
    let inquiring = matches!(command, GatewayCommand::Inquire { .. });
    let reversing = matches!(command, GatewayCommand::Reverse { .. });
    let reporting = matches!(command, GatewayCommand::Report { .. });
    let closing = matches!(command, GatewayCommand::Reconcile { .. });
    let forwarding = matches!(command, GatewayCommand::Forward { .. });
    let asking = !offering && !preparing && !inquiring && !reversing && !reporting;
    let found = |finding| Some(GatewayReply::Found(finding));
    Some(match event {
        "prepared" if preparing => prepared(),
        "approved" if asking => approved(1_000),
        "closed" if closing => GatewayReply::Reconciled(Box::new(no_totals())),
        "approved in part" if asking => approved(400),
        "approved too much" if asking => approved(1_001),
        "declined" if asking => declined(),
        "rejected" if asking => GatewayReply::Answered(answer(Decision::Rejected, None)),
        "referred" if asking => referred(),
        "nothing was sent" if asking || preparing => failed(false),
        "no answer" if asking => failed(true),
        "found approved" if inquiring => {
            return found(Finding::Answered(answer(Decision::Approved, Some(1_000))));
        }
        "found declined" if inquiring => {
            return found(Finding::Answered(answer(Decision::Declined, None)));
        }
        "found closed" if inquiring => {
            return found(Finding::Reconciled(Box::new(no_totals())));
        }
        "found reversed" if inquiring => return found(Finding::Reversed),
        "found pending" if inquiring => pending(),
        "not found" if inquiring => return found(Finding::NotFound),
        "inquiry failed" if inquiring => failed(true),
        "reported" if reporting => GatewayReply::Reported,
        "report refused" if reporting => GatewayReply::Unsupported,
        "report failed" if reporting => failed(true),
        "reversal acknowledged" if reversing => GatewayReply::Reversed,
        "reversal refused" if reversing => GatewayReply::ReversalRefused {
            response_code: "12".into(),
            response_text: "no".into(),
        },
        "reversal failed" if reversing => failed(true),
        "read is lost" if forwarding => GatewayReply::ReadLost {
            reason: "gone".into(),
        },
        "number is lost" if reversing => GatewayReply::NumberLost {
            reason: "gone".into(),
        },
        _ => return None,
    })
}
