// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a record changes in its transaction's line. The records are the truth; this never adds
//! anything that they do not say.

use payhal_engine::answer::Outcome;
use payhal_engine::card::CardFace;
use payhal_engine::conversion::Conversion;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::gateway::Decision;
use payhal_engine::ids::{DeviceId, GatewayId, Position, Scope};
use payhal_engine::money::Amounts;
use payhal_engine::record::{Ending, Fact, FinalAnswer, Record};
use payhal_engine::request::MoneyRequest;
use std::sync::Arc;

use crate::keys::KeyHash;
use crate::limits::STAN_MAX;
use crate::view::Summary;

/// The name of a record's kind, as its column has it.
pub(crate) fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Intent(_) => "intent",
        Fact::Unsent { .. } => "unsent",
        Fact::Answered(_) => "answered",
        Fact::Ended(_) => "ended",
        Fact::Reversed => "reversed",
        Fact::NeedsOperator { .. } => "needs_operator",
        Fact::Reported { .. } => "reported",
        Fact::Collected { .. } => "collected",
        Fact::Signed { .. } => "signed",
        Fact::Resolved(_) => "resolved",
        Fact::Forwarding { .. } => "forwarding",
        Fact::Forwarded { .. } => "forwarded",
        Fact::Withdrawn { .. } => "withdrawn",
    }
}

/// The trace number that a record gave out.
pub(crate) fn stan(fact: &Fact) -> Option<u32> {
    match fact {
        Fact::Forwarding { wire } => Some(wire.stan),
        fact => fact.intent().map(|intent| intent.wire.stan),
    }
}

/// The further of two trace numbers. A number is given out before its intent is recorded, and
/// another may overtake it: the last one recorded is not always the furthest.
pub(crate) fn later_stan(known: u32, recorded: u32) -> u32 {
    let ahead = (recorded % STAN_MAX + STAN_MAX - known % STAN_MAX) % STAN_MAX;
    if known == 0 || ahead < STAN_MAX / 2 {
        recorded
    } else {
        known
    }
}

/// What begins a transaction's line, from an intent or from an ending without one.
struct Beginning<'a> {
    scope: &'a Scope,
    request: &'a MoneyRequest,
    amounts: Option<&'a Amounts>,
    device: Option<&'a DeviceId>,
    gateway: Option<&'a GatewayId>,
    card: Option<&'a CardFace>,
    dcc: Option<&'a Conversion>,
}

fn beginning(fact: &Fact) -> Option<Beginning<'_>> {
    if let Some(intent) = fact.intent() {
        return Some(Beginning {
            scope: &intent.scope,
            request: &intent.request,
            amounts: Some(&intent.amounts),
            device: intent.device.as_ref(),
            gateway: intent.gateway.as_ref(),
            card: intent.card.as_ref(),
            dcc: intent.dcc.as_ref().map(|offer| &offer.conversion),
        });
    }
    match fact {
        Fact::Ended(ending) => ending.unsent.as_ref().map(|unsent| Beginning {
            scope: &unsent.scope,
            request: &unsent.request,
            amounts: unsent.request.amounts.as_ref(),
            device: unsent.device.as_ref(),
            gateway: unsent.gateway.as_ref(),
            card: unsent.card.as_ref(),
            dcc: None,
        }),
        _ => None,
    }
}

/// Whose key a record is about, in one that begins a transaction.
pub(crate) fn key(fact: &Fact) -> Option<KeyHash> {
    beginning(fact).map(|beginning| {
        let scope = beginning.scope;
        KeyHash::of(
            &scope.register.0,
            scope.generation,
            &beginning.request.key.0,
        )
    })
}

/// The line after `record`; `None` if the transaction had no beginning.
pub(crate) fn apply(
    before: Option<Summary>,
    position: Position,
    record: &Record,
) -> Option<Summary> {
    let mut line = match (beginning(&record.fact), before) {
        (Some(beginning), before) => {
            let began = before.map(|before| (before.first, before.started_at_micros));
            begin(
                &beginning,
                began.unwrap_or((position, record.at_micros)),
                position,
                record,
            )
        }
        (None, before) => before?,
    };
    line.last = position;
    match &record.fact {
        Fact::Intent(_) | Fact::Unsent { .. } | Fact::Answered(_) => {}
        Fact::Ended(ending) => end(&mut line, ending, record.at_micros),
        Fact::Reversed => {
            line.reversing = false;
            line.reversed = true;
            line.needs_operator = false;
        }
        Fact::NeedsOperator { .. } => {
            line.needs_operator = true;
            line.forwarding = line.forwarding.map(|_| ForwardingState::NeedsOperator);
        }
        Fact::Resolved(resolved) => {
            line.reversing = false;
            line.needs_operator = false;
            match resolved.outcome {
                Outcome::Approved => {
                    line.forwarding = line.forwarding.map(|_| ForwardingState::Approved);
                }
                _ if line.forwarding.is_some() => not_taken(&mut line, ForwardingState::Declined),
                _ => {}
            }
            // Its register was told otherwise; the money stands all the same.
            if resolved.outcome == Outcome::Approved && line.outcome.is_some() {
                line.approved_minor = line.amount.map(|amount| amount.minor);
            }
        }
        Fact::Reported { .. } => line.reporting = false,
        Fact::Forwarded { answer } => match answer.decision {
            Decision::Approved => line.forwarding = Some(ForwardingState::Approved),
            _ => not_taken(&mut line, ForwardingState::Declined),
        },
        Fact::Withdrawn { .. } => not_taken(&mut line, ForwardingState::Withdrawn),
        Fact::Collected { .. } | Fact::Forwarding { .. } | Fact::Signed { .. } => {}
    }
    Some(line)
}

/// There is no payment at its gateway, whose order could be told.
fn not_taken(line: &mut Summary, state: ForwardingState) {
    line.forwarding = Some(state);
    line.reporting = false;
}

fn begin(
    beginning: &Beginning<'_>,
    (first, started_at_micros): (Position, i64),
    position: Position,
    record: &Record,
) -> Summary {
    Summary {
        transaction_id: record.transaction_id,
        scope: beginning.scope.clone(),
        key: beginning.request.key.clone(),
        kind: beginning.request.kind,
        amount: beginning.amounts.map(|amounts| amounts.total),
        approved_minor: None,
        dcc: beginning.dcc.cloned(),
        reference: beginning.request.reference.clone(),
        device: beginning.device.cloned(),
        gateway: beginning.gateway.cloned(),
        outcome: None,
        reversing: false,
        reversed: false,
        needs_operator: false,
        reporting: false,
        forwarding: None,
        token: beginning.request.terms.registered.as_ref().map(|it| it.id),
        last_four: beginning.card.and_then(last_four),
        approval_code: None,
        started_at_micros,
        ended_at_micros: None,
        first,
        last: position,
    }
}

fn end(line: &mut Summary, ending: &Ending, at_micros: i64) {
    line.reversing = ending.reversal.is_some();
    line.needs_operator = false;
    line.reporting = !ending.owed.is_nothing();
    let waits = ending.stored.as_ref().map(|_| ForwardingState::Waiting);
    line.forwarding = (ending.became.as_ref()).map_or(waits, |became| Some(became.state));
    line.ended_at_micros = Some(at_micros);
    match &ending.answer {
        FinalAnswer::Approved(approved) => {
            line.outcome = Some(Outcome::Approved);
            line.approved_minor = Some(approved.approved_minor);
            line.dcc.clone_from(&approved.dcc);
            line.approval_code.clone_from(&approved.approval_code);
            if let Some(stored) = &approved.extras.stored {
                line.token = Some(stored.id);
            }
            if let Some(card) = approved.card.as_ref().and_then(last_four) {
                line.last_four = Some(card);
            }
        }
        FinalAnswer::Refused(refused) => line.outcome = Some(refused.reason.outcome()),
    }
}

fn last_four(card: &CardFace) -> Option<Arc<str>> {
    let digits = card
        .masked_pan
        .get(card.masked_pan.len().checked_sub(4)?..)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_number_that_was_overtaken_does_not_count_back() {
        assert_eq!(later_stan(0, 700_000), 700_000);
        assert_eq!(later_stan(5, 6), 6);
        assert_eq!(later_stan(6, 5), 6);
        assert_eq!(later_stan(999_998, 2), 2);
        assert_eq!(later_stan(2, 999_998), 2);
        assert_eq!(later_stan(999_999, 1), 1);
    }
}
