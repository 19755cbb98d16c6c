// SPDX-License-Identifier: MIT OR Apache-2.0
//! CARD and APP: wait for a card, and for the choice of its application.

use crate::error::{not_understood, refusal_in, refuse};
use crate::identify::keys_of;
use crate::reader::{BeeperReader, Held};
use crate::wire::{Cancel, Line};
use payhal_plugin::messages::call::CardRefusal;
use payhal_plugin::messages::card::{CardFace, Entry};
use payhal_plugin::messages::prompt::{PromptAnswer, PromptKind, Stage};
use payhal_plugin::messages::reader::{Present, Presentation};
use payhal_plugin::{Context, Outcome, PluginError};
use std::time::Duration;

/// Longest wait for a card, whatever is asked.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The device ends the wait by itself; this much later it has failed to.
const GRACE: Duration = Duration::from_secs(2);

/// Longest wait for a choice.
const CHOICE: Duration = Duration::from_secs(30);

/// `CARD MINOR CURRENCY SECONDS ENTRIES` -> `WAIT`, then `CARD …`, `APPS A|B` or `NO code`
pub(crate) fn present(
    reader: &mut BeeperReader,
    request: &Present,
    context: &Context,
) -> Outcome<Presentation> {
    reader.held = None;
    if let Err(refusal) = keys_of(reader, context)? {
        return Ok(Err(refusal));
    }
    let wait = Duration::from_millis(request.timeout_ms).min(WAIT_MAX);
    let entries: Vec<_> = request
        .entries
        .iter()
        .map(|entry| word_of(*entry))
        .collect();
    reader.wire.ask(&format!(
        "CARD {} {} {} {}",
        request.amounts.total_minor,
        request.amounts.currency,
        wait.as_millis().div_ceil(1000),
        entries.join(","),
    ))?;
    let mut until = context.now() + wait + GRACE;
    loop {
        let line = reader.wire.hear(until, Cancel::Heeded, context)?;
        if line.is("WAIT") {
            context.progress(Stage::WaitingForCard, "Card, please");
        } else if line.is("CARD") {
            return card_came(reader, request, &line, context);
        } else if line.is("APPS") {
            let Some(place) = choice(reader, &line, context)? else {
                reader.wire.stop();
                return refuse(CardRefusal::CancelledOnDevice);
            };
            reader.wire.ask(&format!("APP {place}"))?;
            until = context.now() + reader.config.patience();
        } else {
            return refusal_in(&line);
        }
    }
}

/// `CARD ENTRY MASKED SCHEME AID|- LABEL`
fn card_came(
    reader: &mut BeeperReader,
    request: &Present,
    line: &Line,
    context: &Context,
) -> Outcome<Presentation> {
    let entry = line.word(0).and_then(entry_of).ok_or_else(not_understood)?;
    let aid = line.word(3).filter(|aid| *aid != "-").map(str::to_owned);
    let card = CardFace {
        masked_pan: line.word(1).ok_or_else(not_understood)?.to_owned(),
        scheme: line.word(2).ok_or_else(not_understood)?.to_owned(),
        application: aid.is_some().then(|| line.rest(4).to_owned()),
        aid,
        country: None,
        expiry: None,
    };
    let stage = match entry {
        Entry::Contactless => Stage::CardTapped,
        Entry::Stripe => Stage::CardSwiped,
        Entry::Chip | Entry::Manual => Stage::CardInserted,
    };
    context.progress(stage, "");
    let presentation_id = request.transaction_id.clone();
    reader.held = Some(Held {
        presentation_id: presentation_id.clone(),
        entry,
    });
    Ok(Ok(Presentation {
        presentation_id,
        entry,
        card,
        tip_minor: None,
    }))
}

/// The register's operator chooses; `None` where nobody does.
fn choice(
    reader: &mut BeeperReader,
    line: &Line,
    context: &Context,
) -> Result<Option<usize>, PluginError> {
    context.progress(Stage::ApplicationSelection, "");
    let labels: Vec<_> = line.rest(0).split('|').collect();
    let question = "Which application of the card?";
    let kind = PromptKind::ChooseApplication;
    match context.prompt(kind, question, &labels, CHOICE) {
        Ok(PromptAnswer::Chosen { index }) if index < labels.len() => Ok(Some(index)),
        Ok(_) => Ok(None),
        Err(error) => {
            reader.wire.stop();
            Err(error)
        }
    }
}

fn word_of(entry: Entry) -> &'static str {
    match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual",
    }
}

fn entry_of(word: &str) -> Option<Entry> {
    let entries = [
        Entry::Chip,
        Entry::Contactless,
        Entry::Stripe,
        Entry::Manual,
    ];
    entries.into_iter().find(|entry| word_of(*entry) == word)
}
