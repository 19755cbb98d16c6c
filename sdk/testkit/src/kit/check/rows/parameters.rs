// SPDX-License-Identifier: MIT OR Apache-2.0
//! The row about a reader's EMV parameters. It must never ask a reader that takes none.

use super::super::limits::DEADLINE_MS;
use super::super::master::{Ask, Called};
use super::super::replies;
use super::super::session::{Session, Trouble};
use super::super::suite::Suite;
use super::{Held, left, with_device, wrong};
use payhal_messages::call::{Status, method};
use serde_json::{Value, json};

/// Words of a device in one exchange: it has heard, and answers. Who needs no more cannot be quicker.
const EXCHANGE_WORDS: usize = 2;

/// A set is loaded, the same again is not loaded again, and one that is none is refused in words.
pub(super) fn parameters(suite: &mut Suite<'_>) -> Held {
    let reader = suite.subject.manifest.reader.as_ref();
    if reader.is_none_or(|reader| !reader.parameters) {
        return left("the manifest does not say `parameters = true`");
    }
    with_device(suite, asked)
}

fn asked(suite: &mut Suite<'_>, session: &mut Session) -> Held {
    // What a session with the device takes is not counted.
    suite.greet(session)?;
    let first = load(suite, session, set("1", "A0000000031010"))?;
    if replies::status(&first.reply) != Some(Status::Ok) {
        let said = replies::words(&first.reply);
        return wrong(format!("a set with one application ends {said}"));
    }
    let again = load(suite, session, set("1", "A0000000031010"))?;
    if replies::status(&again.reply) != Some(Status::Ok) {
        let said = replies::words(&again.reply);
        return wrong(format!("the same version again ends {said}"));
    }
    if first.words > EXCHANGE_WORDS && again.words >= first.words {
        let words = again.words;
        return wrong(format!(
            "the version that the device has is loaded again: it says {words} words"
        ));
    }
    let none = load(suite, session, set("2", "no hex"))?;
    let said = replies::words(&none.reply);
    match replies::status(&none.reply) {
        Some(Status::Refused | Status::Failed) if has_a_sentence(&none) => {}
        _ => {
            return wrong(format!(
                "a set whose application has no hex in its name ends {said}"
            ));
        }
    }
    let others = load(suite, session, set("3", "A0000000041010"))?;
    if replies::status(&others.reply) != Some(Status::Ok) {
        let said = replies::words(&others.reply);
        return wrong(format!("a set after one that was refused ends {said}"));
    }
    let (first, again) = (first.words, again.words);
    Ok(format!(
        "loaded in {first} words, known in {again}; refused: {said}"
    ))
}

fn load(suite: &mut Suite<'_>, session: &mut Session, set: Value) -> Result<Called, Trouble> {
    let set = suite.subject.request(method::LOAD_PARAMETERS, set);
    suite.call(
        session,
        &Ask::new(method::LOAD_PARAMETERS, &set, DEADLINE_MS),
    )
}

fn has_a_sentence(called: &Called) -> bool {
    let value = replies::value(&called.reply);
    let text = value["text"].as_str().or(value["reason"].as_str());
    text.is_some_and(|text| text.contains(' '))
}

/// One application, as small as a gateway names it.
fn set(version: &str, aid: &str) -> Value {
    json!({
        "set": "check",
        "version": version,
        "parameters": {
            "applications": [{
                "aid": aid,
                "label": "CHECK",
                "kind": "credit",
                "versions": ["008C"],
                "terminal_capabilities": "E0F8C8",
                "additional_capabilities": "6000F0A001",
                "terminal_type": 22,
                "country": 276,
                "currency": 978,
                "exponent": 2,
                "category": 5411,
                "tac": { "default": "0000000000", "denial": "0000000000", "online": "0000000000" },
            }],
        },
    })
}
