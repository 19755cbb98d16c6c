// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `complete`: gives the issuer's answer to the chip, and the result to the cardholder.

use crate::action::{At, Fault};
use crate::config::Moment;
use crate::error::refusal;
use crate::fault::leaked;
use crate::reader::{Held, VirtualReader};
use crate::screen::Screen;
use crate::words::{cryptogram, done};
use payhal_card_data::Behaviour;
use payhal_messages::call::CardRefusal;
use payhal_messages::card::Entry;
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{Complete, CompletionRead, IssuerAnswer};
use payhal_plugin::{Context, Outcome, PluginError};

pub(crate) fn complete(
    reader: &mut VirtualReader,
    request: &Complete,
    context: &Context,
) -> Outcome<CompletionRead> {
    reader.shared.play(Moment::Complete);
    reader.shared.enter(At::Complete, context)?;
    let Some(held) = reader.held(&request.presentation_id) else {
        return Ok(Err(refusal(CardRefusal::CardRemoved)));
    };
    let chip = held.entry == Entry::Chip;
    if chip {
        context.progress(Stage::Completing, "Please wait");
    }
    let completion = second_cryptogram(&held, &request.answer)?;
    let words = match (&request.answer, completion.accepted) {
        (IssuerAnswer::Approved { .. }, true) => done(held.purpose),
        (IssuerAnswer::Approved { .. }, false) => "Refused by card",
        (IssuerAnswer::Declined { .. }, _) => "Declined",
        (IssuerAnswer::NoAnswer, _) => "No connection",
    };
    let below = if chip { "Remove card" } else { "" };
    reader.shared.show(Screen::of(&["", words, "", below]));
    if chip {
        context.progress(Stage::RemoveCard, "Remove card");
    }
    Ok(Ok(answer(reader, completion)))
}

/// GENERATE AC 2: TC where the card accepts, AAC otherwise. Without a chip there is none.
fn second_cryptogram(held: &Held, answer: &IssuerAnswer) -> Result<CompletionRead, PluginError> {
    let approved = matches!(answer, IssuerAnswer::Approved { .. });
    if held.entry != Entry::Chip {
        return Ok(CompletionRead {
            accepted: approved,
            tags: Default::default(),
        });
    }
    let accepted = approved && held.card.behaviour != Behaviour::RefusesAfterApproval;
    let cryptogram = cryptogram().map_err(|_| PluginError::maybe_sent("draw a cryptogram"))?;
    let kind = if accepted { "40" } else { "00" };
    let tags = [
        ("95", "0000000000"),
        ("9B", "E800"),
        ("9F26", &cryptogram),
        ("9F27", kind),
    ];
    Ok(CompletionRead {
        accepted,
        tags: tags
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .into(),
    })
}

/// The answer, as it should be or as a fault wants it.
fn answer(reader: &mut VirtualReader, completion: CompletionRead) -> CompletionRead {
    let spoil = reader.shared.take_spoil();
    if let (Some(Fault::Duplicate), Some(former)) = (spoil, &reader.former.completion) {
        return former.clone();
    }
    reader.former.completion = Some(completion.clone());
    let spoilt = |value: String| CompletionRead {
        tags: [("ZZ".to_owned(), value)].into(),
        ..completion.clone()
    };
    match spoil {
        Some(Fault::Garble) => spoilt("not hex".to_owned()),
        Some(Fault::Leak) => spoilt(leaked().to_string()),
        _ => completion,
    }
}
