// SPDX-License-Identifier: MIT OR Apache-2.0
//! V3: one connection for each request, written in one piece and answered in any number of them.
//!
//! Owns the connection and the reading of answers. Must never write twice to one terminal's
//! connection, nor open a second one for the same request.

use crate::answer::{End, Told, reference};
use crate::card;
use crate::config::Config;
use crate::error::{
    self, Ending, before_sending, contradictory, ending, line_lost, no_answer, not_ours,
    not_understood,
};
use crate::limits::{MESSAGE_BYTES_MAX, READ_BYTES, SETTLE};
use crate::order::{Action, Order};
use crate::wire::v3::{self, Message, Reading, Tag, action, answer_mode, status};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, PluginError};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;
use zeroize::Zeroizing;

/// Whether a cancel ends the wait for an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cancel {
    /// Nothing irrevocable can happen: it does.
    Heeded,
    /// The terminal may have acted: its word must be heard.
    Ignored,
}

/// What an answer must have to be one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// What it must bring back.
    pub(crate) echoed: &'a [Tag],
    pub(crate) cancel: Cancel,
    /// Whether "taken" is an answer, or only the first word of one.
    pub(crate) taken_is_all: bool,
}

/// The fields that every request begins with.
pub(crate) fn message(config: &Config, action: &str, minor: i64, currency: &str) -> Message {
    Message::default()
        .with(v3::VERSION, config.version.as_str())
        .with(v3::PROTOCOL_ID, &config.protocol_id)
        .with(v3::TILL, &config.till)
        .with(v3::AMOUNT, &format!("{minor:02}"))
        .with(v3::ACTION, action)
        .with(v3::CURRENCY, currency)
}

fn code_of(action: Action) -> &'static str {
    match action {
        Action::Debit => action::DEBIT,
        Action::Credit => action::CREDIT,
        Action::Cancel => action::CANCEL,
    }
}

/// The request for an order.
pub(crate) fn request(config: &Config, order: &Order) -> Vec<u8> {
    let partial = if order.partial { "1" } else { "0" };
    let mark = Some(order.mark.as_str()).filter(|_| config.private_data);
    let read_mode = config.read_mode.map(crate::config::ReadMode::as_str);
    message(config, code_of(order.action), order.minor, &order.currency)
        .with(v3::ANSWER_MODE, answer_mode::AT_THE_END)
        .with(v3::PARTIAL, partial)
        .with_some(v3::PRIVATE, mark)
        .with_some(v3::APPLICATION, config.application.as_deref())
        .with_some(v3::CONTRACT, config.contract.as_deref())
        .with_some(v3::READ_MODE, read_mode)
        .into_bytes()
}

/// Runs an order to its end.
pub(crate) fn run(
    config: &Config,
    order: &Order,
    until: Instant,
    context: &Context,
) -> Result<Told, PluginError> {
    let mut echoed = vec![v3::TILL, v3::AMOUNT, v3::ACTION, v3::CURRENCY];
    if config.private_data {
        echoed.push(v3::PRIVATE);
    }
    let call = Call::begin(config, &request(config, order), context)?;
    context.progress(Stage::WaitingForCard, "");
    let wanted = Wanted {
        echoed: &echoed,
        cancel: Cancel::Ignored,
        taken_is_all: false,
    };
    let heard = call.hear(wanted, until, context)?;
    let reading = v3::read(&heard).map_err(|_| not_understood())?;
    told(config, order, &reading)
}

/// A request on its way.
pub(crate) struct Call {
    stream: TcpStream,
}

impl Call {
    /// A connection on which nothing was said.
    pub(crate) fn connect(config: &Config, context: &Context) -> Result<TcpStream, PluginError> {
        context.check_cancelled()?;
        let stream = context.connect(&config.address)?;
        // What a terminal says now is about something that nobody asked on this connection.
        let speaks = context.readable(&stream, context.now());
        match speaks.map_err(before_sending)? {
            true => Err(PluginError::not_sent(
                "ask the terminal: it speaks or hangs up before it was asked",
            )),
            false => Ok(stream),
        }
    }

    /// Connects and writes. The last moment to cancel lies before.
    pub(crate) fn begin(
        config: &Config,
        request: &[u8],
        context: &Context,
    ) -> Result<Self, PluginError> {
        let stream = Self::connect(config, context)?;
        context.check_cancelled()?;
        // Even a write that fails may have brought something across.
        (&stream)
            .write_all(request)
            .map_err(|_| PluginError::maybe_sent("write the request to the terminal"))?;
        Ok(Self { stream })
    }

    /// The bytes of the answer that says how it ended. It is whole once it has its status and all
    /// that it must bring back, ends with a field, and nothing follows for a moment.
    pub(crate) fn hear(
        &self,
        wanted: Wanted<'_>,
        until: Instant,
        context: &Context,
    ) -> Result<Zeroizing<Vec<u8>>, PluginError> {
        let mut heard = Zeroizing::new(Vec::with_capacity(MESSAGE_BYTES_MAX));
        loop {
            let far = progress(&mut heard, wanted)?;
            let wait_until = match far {
                Far::Whole => until.min(context.now() + SETTLE),
                Far::Taken | Far::Amid => until,
            };
            let more = match wanted.cancel {
                Cancel::Heeded => context.readable(&self.stream, wait_until),
                Cancel::Ignored => context.readable_although_cancelled(&self.stream, wait_until),
            };
            match (more?, far) {
                (false, Far::Whole) => return Ok(heard),
                (false, _) => return Err(no_answer()),
                (true, _) => {}
            }
            let mut bytes = Zeroizing::new([0; READ_BYTES]);
            match ((&self.stream).read(&mut *bytes), far) {
                (Ok(0) | Err(_), Far::Whole) => return Ok(heard),
                (Ok(0) | Err(_), _) => return Err(line_lost()),
                (Ok(count), _) if heard.len() + count <= MESSAGE_BYTES_MAX => {
                    heard.extend_from_slice(&bytes[..count]);
                }
                (Ok(_), _) => return Err(not_understood()),
            }
        }
    }
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Far {
    Amid,
    /// The terminal has taken it up, and says later how it ended.
    Taken,
    Whole,
}

/// Looks at what was heard. A message that only says "taken" gives way to the one behind it.
fn progress(heard: &mut Vec<u8>, wanted: Wanted<'_>) -> Result<Far, PluginError> {
    loop {
        let reading = v3::read(heard).map_err(|_| not_understood())?;
        let status = reading.text(v3::STATUS);
        let taken = status == Some(status::TAKEN) && !wanted.taken_is_all;
        let next = match (reading.next, taken) {
            (None, _) if !reading.aligned || status.is_none() => return Ok(Far::Amid),
            (None, true) => return Ok(Far::Taken),
            (None, false) => {
                let complete = wanted
                    .echoed
                    .iter()
                    .all(|tag| reading.value(*tag).is_some());
                return Ok(if complete { Far::Whole } else { Far::Amid });
            }
            (Some(next), true) => next,
            // Two words on one request.
            (Some(_), false) => return Err(not_understood()),
        };
        heard.drain(..next);
    }
}

/// The number of an answer's amount.
pub(crate) fn minor_of(reading: &Reading<'_>) -> Option<i64> {
    let digits = reading.text(v3::AMOUNT)?;
    let plain = digits.len() <= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// What an answer says, if it is to this order.
fn told(config: &Config, order: &Order, reading: &Reading<'_>) -> Result<Told, PluginError> {
    let echoes = [
        (v3::TILL, config.till.as_str()),
        (v3::ACTION, code_of(order.action)),
        (v3::CURRENCY, &order.currency),
        (v3::PRIVATE, order.mark.as_str()),
    ];
    let asked = |tag| config.private_data || tag != v3::PRIVATE;
    let ours = echoes
        .iter()
        .filter(|(tag, _)| asked(*tag))
        .all(|(tag, sent)| reading.text(*tag) == Some(sent));
    let minor = minor_of(reading).filter(|minor| order.allows(*minor));
    let (true, Some(minor)) = (ours, minor) else {
        return Err(not_ours());
    };
    let end = end(reading, minor)?;
    if !matches!(end.1, End::Done { .. }) && minor != order.minor {
        return Err(not_ours());
    }
    Ok(ended(reading, end, &order.mark))
}

/// The parts of a V3 answer that are about card and transaction.
pub(crate) fn ended(
    reading: &Reading<'_>,
    (code, end): (String, End),
    mark: &crate::order::Mark,
) -> Told {
    let read_mode = reading.text(v3::READ_MODE);
    Told {
        code,
        end,
        entry: read_mode.and_then(card::entry),
        card: card::face(
            reading.value(v3::MASKED_PAN),
            reading.text(v3::AID),
            reading.text(v3::APPLICATION),
        ),
        reference: reference(reading.text(v3::SERIAL), mark),
    }
}

/// How it ended: status, reason and approval must agree.
pub(crate) fn end(reading: &Reading<'_>, minor: i64) -> Result<(String, End), PluginError> {
    let reason = reading.text(v3::REASON).map(|reason| {
        // More may stand behind the two digits.
        reason.get(..2).unwrap_or(reason)
    });
    let approval = reading.text(v3::APPROVAL);
    match reading.text(v3::STATUS) {
        Some(status::DONE) => {
            let forced = reason == Some("03");
            if !matches!(reason, None | Some("00" | "01" | "03")) {
                return Err(contradictory());
            }
            let end = End::Done {
                minor,
                approval: approval.map(str::to_owned),
                offline: forced || (reason != Some("01") && approval.is_none()),
            };
            Ok((status::DONE.to_owned(), end))
        }
        Some(status::NOT_DONE) => {
            let (ending, text) = reason.map_or(error::NOT_DONE, ending);
            if ending == Ending::Contradictory || approval.is_some() {
                return Err(contradictory());
            }
            let code = reason.unwrap_or(status::NOT_DONE).to_owned();
            Ok((code, End::NotDone(ending, text)))
        }
        _ => Err(not_understood()),
    }
}
