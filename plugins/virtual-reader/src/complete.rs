// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `complete`: gives the issuer's answer to the chip, and the result to the cardholder.

use crate::action::{At, Fault};
use crate::chip::Second;
use crate::config::Moment;
use crate::error::refusal;
use crate::reader::VirtualReader;
use crate::screen::Screen;
use crate::words::done;
use payhal_messages::call::CardRefusal;
use payhal_messages::card::Entry;
use payhal_messages::prompt::Stage;
use payhal_messages::reader::{Complete, CompletionRead, IssuerAnswer};
use payhal_plugin::{Context, Outcome};
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
    // Only a chip in the slot answers: one that was tapped is gone.
    let completion = match reader.chip.take().filter(|_| chip) {
        Some(chip) => {
            let Second { accepted, tags } = chip.second(&request.answer)?;
            CompletionRead { accepted, tags }
        }
        None => CompletionRead {
            accepted: matches!(request.answer, IssuerAnswer::Approved { .. }) && !chip,
            tags: BTreeMap::new(),
        },
    };
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
