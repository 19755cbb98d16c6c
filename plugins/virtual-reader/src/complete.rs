// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `complete`: gives the issuer's answer to the chip, and the result to the cardholder.

use crate::action::{At, Fault};
use crate::alone::Alone;
use crate::chip::Second;
use crate::config::Moment;
use crate::error::refusal;
use crate::reader::{Held, VirtualReader};
use crate::screen::Screen;
use crate::words::done;
use payhal_messages::call::CardRefusal;
use payhal_messages::card::Entry;
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{Complete, CompletionRead, IssuerAnswer};
use payhal_plugin::{Context, Outcome, PluginError};
use std::collections::BTreeMap;

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
    let completion = completion(reader, request, &held)?;
    let words = match (&request.answer, completion.accepted) {
        (IssuerAnswer::NoAnswer, true) => "Approved offline",
        (IssuerAnswer::Approved { .. }, true) => done(held.purpose),
        (IssuerAnswer::Approved { .. }, false) => "Refused by card",
        (IssuerAnswer::Declined { .. }, _) => "Declined",
        (IssuerAnswer::NoAnswer, false) => "No connection",
    };
    let below = if chip { "Remove card" } else { "" };
    reader.shared.show(Screen::of(&["", words, "", below]));
    if chip {
        context.progress(Stage::RemoveCard, "Remove card");
    }
    Ok(Ok(answer(reader, completion)))
}

/// What card and reader say to it. Only a chip in the slot answers: one that was tapped is gone.
fn completion(
    reader: &mut VirtualReader,
    request: &Complete,
    held: &Held,
) -> Result<CompletionRead, PluginError> {
    let slot = held.entry == Entry::Chip;
    let without = |accepted| CompletionRead {
        accepted,
        tags: BTreeMap::new(),
    };
    let Some(chip) = reader.chip.take() else {
        let approved = matches!(request.answer, IssuerAnswer::Approved { .. });
        return Ok(without(approved && !slot));
    };
    let Second { accepted, tags } = match &request.answer {
        IssuerAnswer::NoAnswer if request.offline => {
            let set = reader.application(held);
            let alone = Alone::decide(held, chip.total_minor, set);
            match slot {
                true => chip.alone(alone)?,
                false => return Ok(without(alone.approved)),
            }
        }
        answer if slot => chip.second(answer)?,
        answer => return Ok(without(matches!(answer, IssuerAnswer::Approved { .. }))),
    };
    Ok(CompletionRead { accepted, tags })
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
        Some(Fault::Leak) => spoilt(reader.shared.leaked().to_string()),
        _ => completion,
    }
}
