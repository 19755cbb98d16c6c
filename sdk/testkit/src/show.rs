// SPDX-License-Identifier: MIT OR Apache-2.0
//! Public facts of keys, in words and as JSON. No function here is ever given a secret.

use crate::clock::shown;
use crate::error::KeysError;
use crate::state::State;
use crate::work::fingerprint;
use payhal_card_data::key_file::{BaseKeyFacts, Enrolment, KeyFacts, KeyScheme, Sender};
use payhal_card_data::key_id;
use serde_json::{Value, json};
use std::fmt::Write;

/// Every gateway and reader that has keys.
pub(crate) fn everything(state: &State, json: bool) -> Result<String, KeysError> {
    let (mut gateways, mut devices) = (Vec::new(), Vec::new());
    let mut text = String::new();
    for name in state.names()? {
        let gateway = state.gateway(&name)?;
        let slots = gateway.base_keys()?;
        let senders = gateway.senders()?;
        if !(slots.is_empty() && senders.is_empty()) {
            let lines = slots
                .iter()
                .map(|key| format!("slot {}", base_key(key.facts())));
            let known = senders
                .iter()
                .map(|known| format!("reader {}", sender(known)));
            paragraph(&mut text, "gateway", &name, lines.chain(known));
            let slots: Vec<_> = slots
                .iter()
                .map(|key| base_key_object(key.facts()))
                .collect();
            let senders: Vec<_> = senders.iter().map(sender_object).collect();
            gateways.push(json!({ "name": name, "slots": slots, "senders": senders }));
        }
        let device = state.device(&name)?;
        let slots = device.injected_facts()?;
        let own = device.public_key()?.map(|key| key_id(&key.to_bytes()));
        if !(slots.is_empty() && own.is_none()) {
            let lines = slots
                .iter()
                .map(|facts| format!("slot {}", injected(facts)));
            let key = own.iter().map(|id| format!("own key {id}"));
            paragraph(&mut text, "reader", &name, key.chain(lines));
            let slots: Vec<_> = slots.iter().map(injected_object).collect();
            devices.push(json!({ "name": name, "slots": slots, "own_key": own }));
        }
    }
    if json {
        return Ok(json!({ "gateways": gateways, "devices": devices }).to_string());
    }
    Ok(match text.trim_end() {
        "" => "no reader and no gateway has a key here".to_owned(),
        text => text.to_owned(),
    })
}

fn paragraph(text: &mut String, kind: &str, name: &str, lines: impl Iterator<Item = String>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{kind} {name}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

pub(crate) fn base_key(facts: &BaseKeyFacts) -> String {
    format!(
        "{}: {}, {}, key set {}, made {}, injected into {} {}",
        facts.slot,
        scheme(facts.scheme),
        use_of(facts.test),
        hex(&facts.set),
        shown(facts.made_at),
        facts.devices,
        if facts.devices == 1 {
            "reader"
        } else {
            "readers"
        },
    )
}

pub(crate) fn base_key_object(facts: &BaseKeyFacts) -> Value {
    json!({
        "slot": facts.slot,
        "scheme": facts.scheme.scheme(),
        "bits": bits(facts.scheme),
        "test": facts.test,
        "key_set": hex(&facts.set),
        "made_at": shown(facts.made_at),
        "devices": facts.devices,
    })
}

pub(crate) fn injected(facts: &KeyFacts) -> String {
    format!(
        "{}: {}, {}, {} {}, injected {}, counter {}",
        facts.slot,
        scheme(facts.scheme),
        use_of(facts.test),
        if facts.scheme == KeyScheme::Tdes {
            "KSN"
        } else {
            "initial key id"
        },
        hex(&facts.initial),
        shown(facts.injected_at),
        facts.used,
    )
}

pub(crate) fn injected_object(facts: &KeyFacts) -> Value {
    json!({
        "slot": facts.slot,
        "scheme": facts.scheme.scheme(),
        "bits": bits(facts.scheme),
        "test": facts.test,
        "initial": hex(&facts.initial),
        "injected_at": shown(facts.injected_at),
        "counter": facts.used,
    })
}

pub(crate) fn sender(sender: &Sender) -> String {
    let how = match sender.how {
        Enrolment::FirstUse => "known since its first read",
        Enrolment::Listed => "enrolled",
    };
    format!(
        "{}: {how} {}, key {}",
        sender.device,
        shown(sender.at),
        fingerprint(sender)
    )
}

pub(crate) fn sender_object(sender: &Sender) -> Value {
    json!({
        "device": sender.device,
        "enrolment": match sender.how {
            Enrolment::FirstUse => "first_use",
            Enrolment::Listed => "listed",
        },
        "at": shown(sender.at),
        "key": fingerprint(sender),
    })
}

fn scheme(scheme: KeyScheme) -> String {
    match scheme {
        KeyScheme::Tdes => scheme.scheme().to_owned(),
        _ => format!("{} of {} bits", scheme.scheme(), bits(scheme)),
    }
}

/// As the standards count: a TDES key of two parts has 112.
fn bits(scheme: KeyScheme) -> usize {
    match scheme {
        KeyScheme::Tdes => 112,
        _ => 8 * scheme.key_bytes(),
    }
}

fn use_of(test: bool) -> &'static str {
    if test { "for tests" } else { "not for tests" }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}
