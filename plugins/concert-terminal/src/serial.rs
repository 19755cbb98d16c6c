// SPDX-License-Identifier: MIT OR Apache-2.0
//! E and E+: an order becomes a frame, and the frame that comes back a word on it.

use crate::answer::{End, Told};
use crate::card;
use crate::config::{Config, Protocol};
use crate::error::{NOT_DONE_SERIAL, not_ours, not_understood, unverified};
use crate::line::{Line, Verdict};
use crate::order::{Action, Order};
use crate::wire::serial::{AMOUNT_MAX, Answer, Kind, Plus, Request, result};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, PluginError};
use std::time::Instant;

/// A means of payment that stands for any.
const ANY_MODE: u8 = b'0';

/// The request for an order.
pub(crate) fn request(config: &Config, order: &Order) -> Request {
    Request {
        position: fixed(&config.till),
        amount: u32::try_from(order.minor).unwrap_or(AMOUNT_MAX),
        report: config.report,
        mode: config.mode.bytes().next().unwrap_or(ANY_MODE),
        kind: match order.action {
            Action::Debit => Kind::Debit,
            Action::Credit => Kind::Credit,
            Action::Cancel => Kind::Cancel,
        },
        currency: fixed(&order.currency),
        private: fixed(order.mark.as_str()),
        plus: (config.protocol == Protocol::EPlus).then_some(Plus {
            force_authorization: config.force_authorization,
        }),
    }
}

/// Text as a field of fixed length, with blanks behind it.
fn fixed<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let mut text = text.bytes();
    std::array::from_fn(|_| text.next().unwrap_or(b' '))
}

/// Runs an order to its end.
pub(crate) fn run(
    config: &Config,
    line: &mut Line,
    order: &Order,
    until: Instant,
    context: &Context,
) -> Result<Told, PluginError> {
    let request = request(config, order);
    line.send(&request.frame(), until, context)?;
    context.progress(Stage::WaitingForCard, "");
    line.answer(|fields| judge(&request, order, fields), context)?
}

/// Whether a frame is the answer to a request, and what it says.
fn judge(request: &Request, order: &Order, fields: &[u8]) -> Verdict<Result<Told, PluginError>> {
    let Some(answer) = Answer::read(fields) else {
        return Verdict::Nonsense;
    };
    match answer.private == request.private {
        true => Verdict::Ours(told(request, order, &answer)),
        false => Verdict::Stale,
    }
}

fn told(request: &Request, order: &Order, answer: &Answer<'_>) -> Result<Told, PluginError> {
    let minor = i64::from(answer.amount);
    let ours = answer.position == request.position
        && answer.currency == request.currency
        && (answer.mode == request.mode || request.mode == ANY_MODE)
        && order.allows(minor);
    if !ours {
        return Err(not_ours());
    }
    let end = match answer.result {
        result::DONE => End::Done {
            minor,
            approval: None,
            offline: false,
        },
        result::NOT_DONE if minor == order.minor => {
            End::NotDone(NOT_DONE_SERIAL.0, NOT_DONE_SERIAL.1)
        }
        result::NOT_DONE => return Err(not_ours()),
        result::UNVERIFIED => return Err(unverified()),
        _ => return Err(not_understood()),
    };
    Ok(Told {
        code: char::from(answer.result).to_string(),
        end,
        entry: None,
        card: answer.report.and_then(card::face_in_report),
        reference: order.mark.as_str().to_owned(),
    })
}
