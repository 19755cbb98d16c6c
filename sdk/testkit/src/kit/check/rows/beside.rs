// SPDX-License-Identifier: MIT OR Apache-2.0
//! The row about cards that do not pay. It must never ask for more than a refusal: what a card
//! would say is not the check's business.

use super::super::limits::DEADLINE_MS;
use super::super::master::Ask;
use super::super::replies;
use super::super::session::Session;
use super::super::suite::Suite;
use super::{Held, left, with_device, wrong};
use payhal_messages::call::{Status, method};
use serde_json::{Value, json};

/// Applications that pay, by their whole names and by parts of them, and where cards list them.
const PAYING: [&str; 5] = [
    "A0000000031010",
    "A000000003",
    "A0000000041010D07601",
    "315041592E5359532E4444463031",
    "325041592E5359532E4444463031",
];

/// One that no list has.
const UNLISTED: &str = "F0504159484CFEFEFE";

/// Commands that choose another application, close to what a shop's own card is asked.
const CHOOSING: [&str; 2] = ["00A4040007A0000000031010", "00A4040000"];

/// No payment application is talked to, whatever the configuration lists, nor one that it does not
/// list, nor does a command choose another one.
pub(super) fn apdu(suite: &mut Suite<'_>) -> Held {
    let reader = suite.subject.manifest.reader.as_ref();
    if reader.is_none_or(|reader| !reader.apdu) {
        return left("the manifest does not say `apdu = true`");
    }
    with_device(suite, asked)
}

fn asked(suite: &mut Suite<'_>, session: &mut Session) -> Held {
    suite.greet(session)?;
    let read = json!(["00B0000006"]);
    for aid in PAYING.into_iter().chain([UNLISTED]) {
        refused(suite, session, aid, &read)?;
    }
    let listed = suite.subject.config["apdu"][0].as_str().map(str::to_owned);
    let Some(listed) = listed else {
        return Ok("every application refused; its configuration lists none".to_owned());
    };
    for command in CHOOSING {
        refused(suite, session, &listed, &json!([command]))?;
    }
    Ok("payment applications, unlisted ones and selections refused".to_owned())
}

fn refused(
    suite: &mut Suite<'_>,
    session: &mut Session,
    aid: &str,
    commands: &Value,
) -> Result<(), super::Unheld> {
    let request = json!({ "aid": aid, "commands": commands, "timeout_ms": 1_000 });
    let called = suite.call(session, &Ask::new(method::APDU, &request, DEADLINE_MS))?;
    let code = replies::value(&called.reply)["code"].clone();
    match replies::status(&called.reply) {
        Some(Status::Refused) if code == "not_allowed" => Ok(()),
        _ => {
            let said = replies::words(&called.reply);
            wrong(format!(
                "{commands} for the application {aid} is answered {said}, and not refused as \
                 `not_allowed`"
            ))
        }
    }
}
