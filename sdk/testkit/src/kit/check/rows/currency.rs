// SPDX-License-Identifier: MIT OR Apache-2.0
//! The row about the card's own currency. It must never choose for the customer: nobody is at the
//! reader, and silence is a no.

use super::super::limits::DEADLINE_MS;
use super::super::master::{Ask, Called};
use super::super::replies;
use super::super::requests::{TOTAL_MINOR, amounts};
use super::super::session::{Session, Trouble};
use super::super::suite::{Disturb, Suite};
use super::{Held, left, with_device, wrong};
use payhal_messages::call::{Status, method};
use serde_json::{Value, json};

/// How long the customer has who does not choose.
const TIMEOUT_MS: u64 = 5_000;

/// No presentation of any plugin.
const NO_PRESENTATION: &str = "payhal-check-no-such-presentation";

/// A reader that can let its customer choose never answers a yes that nobody gave, nor one for a card
/// that is not there; any other refuses the question.
pub(super) fn currency(suite: &mut Suite<'_>) -> Held {
    match suite.subject.manifest.reader.as_ref().map(|it| it.dcc) {
        None => left("it is no reader"),
        Some(true) => with_device(suite, chosen),
        Some(false) => with_device(suite, unable),
    }
}

fn chosen(suite: &mut Suite<'_>, session: &mut Session) -> Held {
    let called = choose(suite, session, "check-none", NO_PRESENTATION)?;
    if replies::status(&called.reply) == Some(Status::Ok) {
        let said = replies::words(&called.reply);
        return wrong(format!(
            "for a card that was never presented it answers {said}"
        ));
    }
    let (transaction, presentation) = presented(suite, session)?;
    let called = choose(suite, session, &transaction, &presentation)?;
    let said = replies::words(&called.reply);
    match replies::status(&called.reply) {
        Some(Status::Ok) if replies::value(&called.reply)["accepted"] == json!(false) => {
            Ok("nobody chooses: the shop's currency".to_owned())
        }
        Some(Status::Ok) => wrong(format!("nobody chose, and it answers {said}")),
        Some(Status::Unsupported) => Ok("it leaves the question to the register".to_owned()),
        Some(Status::Refused) => Ok(format!("nobody chooses: {said}")),
        _ => wrong(format!("nobody chose, and it ends {said}")),
    }
}

fn unable(suite: &mut Suite<'_>, session: &mut Session) -> Held {
    suite.greet(session)?;
    let called = choose(suite, session, "check-none", NO_PRESENTATION)?;
    match replies::status(&called.reply) {
        Some(Status::Unsupported | Status::Refused) => Ok("refused: no `dcc = true`".to_owned()),
        _ => {
            let said = replies::words(&called.reply);
            wrong(format!(
                "its manifest does not say `dcc = true`, and it answers {said}"
            ))
        }
    }
}

/// A card is there: its transaction and presentation.
fn presented(
    suite: &mut Suite<'_>,
    session: &mut Session,
) -> Result<(String, String), super::Unheld> {
    let step = suite.main_step();
    let disturb = Disturb {
        last: Some(step),
        ..Disturb::default()
    };
    let transaction = suite.next_transaction();
    let walk = suite.walk(session, disturb);
    let called = match walk.last().map(|made| &made.called) {
        Some(Ok(called)) => called,
        Some(Err(trouble)) => return wrong(trouble.to_string()),
        None => return left(walk.unasked.unwrap_or_default()),
    };
    let id = replies::value(&called.reply)["presentation_id"].clone();
    match (replies::status(&called.reply), id.as_str()) {
        (Some(Status::Ok), Some(id)) => Ok((transaction, id.to_owned())),
        _ => left("`present` did not succeed"),
    }
}

fn choose(
    suite: &mut Suite<'_>,
    session: &mut Session,
    transaction: &str,
    presentation: &str,
) -> Result<Called, Trouble> {
    let request = json!({
        "transaction_id": transaction,
        "presentation_id": presentation,
        "amounts": amounts("EUR", TOTAL_MINOR),
        "offer": offer(),
        "timeout_ms": TIMEOUT_MS,
    });
    let request = suite.subject.request(method::CONFIRM_CURRENCY, request);
    suite.call(
        session,
        &Ask::new(method::CONFIRM_CURRENCY, &request, DEADLINE_MS),
    )
}

/// The same amount of another currency, at a rate of one.
fn offer() -> Value {
    json!({
        "offer_id": "check",
        "amount_minor": TOTAL_MINOR,
        "currency": "USD",
        "rate": "1.0000",
        "markup_millionths": 35_000,
        "expires_at_micros": i64::MAX,
    })
}
