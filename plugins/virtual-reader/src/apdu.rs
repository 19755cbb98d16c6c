// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `apdu`: waits for a card that does not pay, and talks with it as far as the
//! configuration allows.

use crate::action::At;
use crate::error::refusal;
use crate::other_card::{OtherCard, beside, knows_none};
use crate::reader::VirtualReader;
use crate::screen::Screen;
use crate::state::{Shared, Waiting};
use payhal_messages::apdu::{Admitted, hex};
use payhal_messages::call::{CardRefusal, Refusal};
use payhal_messages::card::Entry;
use payhal_messages::device::{Apdu, ApduReply};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, Outcome, PluginError};
use std::time::Duration;

/// Longest time out that is added to a clock.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn apdu(
    reader: &mut VirtualReader,
    request: &Apdu,
    context: &Context,
) -> Outcome<ApduReply> {
    let admitted = match reader.shared.allowed.admit(request) {
        Ok(admitted) => admitted,
        Err(why) => return Ok(Err(not_allowed(why))),
    };
    if let Some(presentation_id) = &request.presentation_id {
        reader.shared.enter(At::Apdu, context)?;
        return Ok(talk_where_it_lies(reader, presentation_id, &admitted));
    }
    reader.held = None;
    reader.chip = None;
    reader.shared.enter(At::Apdu, context)?;
    let wait = Duration::from_millis(request.timeout_ms).min(DAY);
    let card = match wait_for_card(&reader.shared, wait, context)? {
        Ok(card) => card,
        Err(why) => return Ok(Err(refusal(why))),
    };
    context.progress(Stage::Reading, "Reading");
    let reply = talk(card, &admitted);
    reader.shared.show(Screen::idle());
    Ok(reply)
}

/// A card that was presented for a payment: it stays so.
fn talk_where_it_lies(
    reader: &VirtualReader,
    presentation_id: &str,
    admitted: &Admitted,
) -> Result<ApduReply, Refusal> {
    let Some(held) = reader.held(presentation_id) else {
        return Err(refusal(CardRefusal::CardRemoved));
    };
    match beside(held.card.name) {
        Some(card) if matches!(held.entry, Entry::Chip | Entry::Contactless) => {
            talk(card, admitted)
        }
        _ => Ok(ApduReply {
            selected: hex(&knows_none()),
            responses: Vec::new(),
        }),
    }
}

fn not_allowed(why: &str) -> Refusal {
    Refusal {
        code: "not_allowed".to_owned(),
        text: why.to_owned(),
    }
}

/// The exchange; refused where the card is not what was asked for.
fn talk(card: &OtherCard, admitted: &Admitted) -> Result<ApduReply, Refusal> {
    let selected = card.select(&admitted.aid);
    if !admitted.is_answered_by(&selected) {
        return Err(not_allowed("The card answered with another application"));
    }
    let there = selected.ends_with(&[0x90, 0x00]);
    let commands = admitted.commands.iter().filter(|_| there);
    Ok(ApduReply {
        responses: commands.map(|command| hex(&card.say(command))).collect(),
        selected: hex(&selected),
    })
}

fn wait_for_card(
    shared: &Shared,
    wait: Duration,
    context: &Context,
) -> Result<Result<&'static OtherCard, CardRefusal>, PluginError> {
    let until = context.now() + wait;
    shared.show(Screen::of(&["", "Your card, please"]));
    context.progress(Stage::WaitingForCard, "Present card");
    let _waiting = shared.begin(Waiting::OtherCard);
    let happened = shared.wait(context, until, |state| {
        if let Some(card) = state.other.take() {
            return Some(Ok(card));
        }
        while let Some(key) = state.take_key() {
            if key == b'*' {
                return Some(Err(CardRefusal::CancelledOnDevice));
            }
        }
        None
    })?;
    Ok(happened.unwrap_or(Err(CardRefusal::NoCard)))
}
