// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `apdu`: a card that does not pay in the slot, by CEX and CHP. What may be said to it is
//! judged before the pinpad hears of it, and a card that pays is switched off unheard.

use crate::commands::cex::{CheckEvent, Chip as Slot, Event};
use crate::commands::chp::{Chip, Coupler, TalkToChip};
use crate::error::{Doing, ended};
use crate::reader::AbecsPinpad;
use crate::status::Status;
use payhal_messages::apdu::{Admitted, hex};
use payhal_messages::call::{CardRefusal, Refusal};
use payhal_messages::device::{Apdu, ApduReply};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, Outcome, PluginError, card_refused};
use std::time::Duration;

/// Seconds fit a byte on the wire.
const WAIT_MAX: Duration = Duration::from_secs(255);

/// Parts in which a card may hand out one answer.
const PARTS_MAX: usize = 16;

/// What a card said, or how the pinpad ended the talk.
type Said = Result<Vec<u8>, Status>;

pub(crate) fn apdu(
    reader: &mut AbecsPinpad,
    request: &Apdu,
    context: &Context,
) -> Outcome<ApduReply> {
    if request.presentation_id.is_some() {
        // Another application would end what the chip began for the payment.
        return Err(PluginError::Unsupported);
    }
    let admitted = match reader.config.allowed().admit(request) {
        Ok(admitted) => admitted,
        Err(why) => return Ok(Err(not_allowed(why))),
    };
    reader.held = None;
    let wait = Duration::from_millis(request.timeout_ms).min(WAIT_MAX);
    if let Err(refusal) = wait_for_card(reader, wait, context)? {
        return Ok(Err(refusal));
    }
    reader.slot_in_doubt = true;
    let reply = talk(reader, &admitted, context);
    // Whatever was said: the card is left without power.
    let off = say(reader, Chip::PowerOff, context)?;
    let reply = reply?;
    match (reply, off) {
        (Ok(Some(reply)), _) => Ok(Ok(reply)),
        (Ok(None), _) => Ok(Err(not_allowed(
            "The card answered with another application",
        ))),
        (Err(status), _) => ended(status, Doing::Present),
    }
}

fn not_allowed(why: &str) -> Refusal {
    Refusal {
        code: "not_allowed".to_owned(),
        text: why.to_owned(),
    }
}

fn wait_for_card(reader: &mut AbecsPinpad, wait: Duration, context: &Context) -> Outcome<()> {
    context.progress(Stage::WaitingForCard, reader.texts().waiting);
    let check = CheckEvent {
        keys: true,
        stripe: false,
        chip: Slot::Inserted,
        contactless: false,
        timeout: Some(wait),
        mask: None,
    };
    match reader.session(context)?.command(&check, context)? {
        Ok(Event::ChipInserted) => Ok(Ok(())),
        Ok(Event::Cancel) => {
            card_refused(CardRefusal::CancelledOnDevice, Status::CANCEL.sentence())
        }
        Ok(_) => card_refused(CardRefusal::NoCard, "No card was inserted."),
        Err(status) => ended(status, Doing::Present),
    }
}

/// The exchange; nothing where the card is not what was asked for.
fn talk(
    reader: &mut AbecsPinpad,
    admitted: &Admitted,
    context: &Context,
) -> Result<Result<Option<ApduReply>, Status>, PluginError> {
    let up = say(reader, Chip::PowerOn, context)?;
    if let Err(status) = up {
        return Ok(Err(status));
    }
    let selected = match whole(reader, admitted.selection(), context)? {
        Ok(selected) => selected,
        Err(status) => return Ok(Err(status)),
    };
    if !admitted.is_answered_by(&selected) {
        return Ok(Ok(None));
    }
    let mut reply = ApduReply {
        selected: hex(&selected),
        responses: Vec::new(),
    };
    if selected.ends_with(&[0x90, 0x00]) {
        for command in &admitted.commands {
            match whole(reader, command.clone(), context)? {
                Ok(said) => reply.responses.push(hex(&said)),
                // It left: what it said before stands.
                Err(_) => break,
            }
        }
    }
    Ok(Ok(Some(reply)))
}

/// One command with its whole answer: what a card hands out in parts is asked for (ISO/IEC 7816-3,
/// 10.3, status `61` and `6C`).
fn whole(
    reader: &mut AbecsPinpad,
    command: Vec<u8>,
    context: &Context,
) -> Result<Said, PluginError> {
    let mut next = command;
    let mut all = Vec::new();
    for _ in 0..PARTS_MAX {
        let said = match say(reader, Chip::Exchange(next.clone()), context)? {
            Ok(said) => said,
            Err(status) => return Ok(Err(status)),
        };
        match said.split_last_chunk() {
            Some((part, &[0x61, left])) => {
                all.extend(part);
                next = vec![0x00, 0xC0, 0x00, 0x00, left];
            }
            Some((_, &[0x6C, length])) if next.len() >= 5 => {
                next.truncate(4);
                next.push(length);
            }
            _ => {
                all.extend(said);
                return Ok(Ok(all));
            }
        }
    }
    Ok(Err(Status::ERRCARD))
}

fn say(reader: &mut AbecsPinpad, what: Chip, context: &Context) -> Result<Said, PluginError> {
    let talk = TalkToChip {
        coupler: Coupler::Card,
        what,
    };
    reader.session(context)?.command(&talk, context)
}
