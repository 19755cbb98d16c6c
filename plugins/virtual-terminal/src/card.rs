// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card: waits for one, and chooses its application.

use crate::config::Selection;
use crate::limits::CARD_TIME;
use crate::screen::Screen;
use crate::state::{Placed, Shared, State, Waiting};
use crate::words::is_expired;
use payhal_card_data::{Behaviour, TestCard, masked};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{CardFace, Entry};
use payhal_messages::prompt::{PromptAnswer, PromptKind, Stage};
use payhal_plugin::{Context, PluginError};
use std::time::Instant;

/// Label and identifier.
type Application = Option<(&'static str, &'static str)>;

/// What a step with the customer ends with: something, or the reason why not.
pub(crate) type Step<T> = Result<Result<T, CardRefusal>, PluginError>;

/// A card that was read.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    pub(crate) card: &'static TestCard,
    pub(crate) entry: Entry,
    application: Application,
}

impl Read {
    /// What a late customer shows.
    pub(crate) fn of(card: &'static TestCard) -> Self {
        Self {
            card,
            entry: Entry::Contactless,
            application: card.applications.first().copied(),
        }
    }

    /// What may be shown of it.
    pub(crate) fn face(&self) -> CardFace {
        CardFace {
            masked_pan: masked(&self.card.pan()),
            scheme: self.card.scheme().name().to_owned(),
            application: self.application.map(|(label, _)| label.to_owned()),
            aid: self.application.map(|(_, aid)| aid.to_owned()),
            country: None,
            expiry: None,
        }
    }

    /// Whether a chip decides with the terminal.
    pub(crate) fn has_chip(&self) -> bool {
        matches!(self.entry, Entry::Chip | Entry::Contactless)
    }
}

/// Waits for a card and reads it.
pub(crate) fn read(shared: &Shared, headline: &str, context: &Context) -> Step<Read> {
    let until = context.now() + CARD_TIME;
    let placed = match wait_for_card(shared, headline, until, context)? {
        Ok(placed) => placed,
        Err(why) => return Ok(Err(why)),
    };
    let (stage, words) = match placed.entry {
        Entry::Chip => (Stage::CardInserted, "Card inserted"),
        Entry::Contactless => (Stage::CardTapped, "Card tapped"),
        Entry::Stripe => (Stage::CardSwiped, "Card swiped"),
        Entry::Manual => (Stage::Reading, "Card number entered"),
    };
    context.progress(stage, words);
    if let Some(why) = unusable(placed, context) {
        return Ok(Err(why));
    }
    let application = match choose(shared, placed, until, context)? {
        Ok(application) => application,
        Err(why) => return Ok(Err(why)),
    };
    context.progress(Stage::Reading, "Reading");
    shared.show(Screen::of(&["", "Please wait"]));
    Ok(Ok(Read {
        card: placed.card,
        entry: placed.entry,
        application,
    }))
}

fn wait_for_card(
    shared: &Shared,
    headline: &str,
    until: Instant,
    context: &Context,
) -> Step<Placed> {
    shared.lock().placed = None;
    shared.show(Screen::of(&[headline, "", "Present card"]));
    context.progress(Stage::WaitingForCard, "Present card");
    let _waiting = shared.begin(Waiting::Card);
    if let Some((card, entry)) = shared.auto {
        // What cannot be shown now is missed by whoever waits.
        drop(shared.lock().offer(card, entry));
    }
    let happened = shared.wait(context, until, |state| {
        if let Some(placed) = state.take_offered() {
            return Some(Ok(placed));
        }
        state
            .cancel_pressed()
            .then_some(Err(CardRefusal::CancelledOnDevice))
    })?;
    Ok(happened.unwrap_or(Err(CardRefusal::NoCard)))
}

/// Why this card cannot be used at all.
fn unusable(placed: Placed, context: &Context) -> Option<CardRefusal> {
    let Placed { card, entry } = placed;
    if entry == Entry::Chip && card.behaviour == Behaviour::ChipFault {
        return Some(CardRefusal::CardUnreadable);
    }
    is_expired(card.expiry(), context.calendar()).then_some(CardRefusal::CardExpired)
}

/// The application: the only one, the kernel's choice, or the cardholder's.
fn choose(shared: &Shared, placed: Placed, until: Instant, context: &Context) -> Step<Application> {
    let applications = placed.card.applications;
    if placed.entry != Entry::Chip || applications.len() < 2 {
        let has_chip = matches!(placed.entry, Entry::Chip | Entry::Contactless);
        return Ok(Ok(applications.first().copied().filter(|_| has_chip)));
    }
    let labels: Vec<&str> = applications.iter().map(|(label, _)| *label).collect();
    context.progress(Stage::ApplicationSelection, "Choose an application");
    let chosen = match shared.selection {
        Selection::Keypad => choose_here(shared, &labels, until, context)?,
        Selection::Register => choose_at_register(shared, &labels, until, context)?,
    };
    Ok(chosen.map(|index| applications.get(index).copied()))
}

/// The cardholder chooses on the keypad.
pub(crate) fn choose_here(
    shared: &Shared,
    labels: &[&str],
    until: Instant,
    context: &Context,
) -> Step<usize> {
    let mut lines = vec!["Choose".to_owned()];
    lines.extend(
        (1..)
            .zip(labels)
            .map(|(number, label)| format!("{number} {label}")),
    );
    shared.show(Screen::of(&lines));
    let choices = labels.iter().map(|&label| label.to_owned()).collect();
    let _waiting = shared.begin(Waiting::Select(choices));
    if shared.auto.is_some() {
        shared.lock().chosen = Some(0);
    }
    let chosen = shared.wait(context, until, |state| {
        if let Some(why) = card_gone(state) {
            return Some(Err(why));
        }
        if let Some(index) = state.chosen.take() {
            return Some(Ok(index));
        }
        while let Some(key) = state.take_key() {
            match key {
                b'*' => return Some(Err(CardRefusal::CancelledOnDevice)),
                b'1'..=b'9' if usize::from(key - b'0') <= labels.len() => {
                    return Some(Ok(usize::from(key - b'1')));
                }
                _ => {}
            }
        }
        None
    })?;
    Ok(chosen.unwrap_or(Err(CardRefusal::NoCard)))
}

/// The cashier chooses for the cardholder. Silence cancels.
fn choose_at_register(
    shared: &Shared,
    labels: &[&str],
    until: Instant,
    context: &Context,
) -> Step<usize> {
    shared.show(Screen::of(&["", "See the register"]));
    let _waiting = shared.begin(Waiting::Register);
    let patience = until.saturating_duration_since(context.now());
    let kind = PromptKind::ChooseApplication;
    let asked = context.ask(kind, "Which application of the card?", labels, patience)?;
    let chosen = shared.wait(context, asked.until(), |state| {
        if let Some(why) = card_gone(state) {
            return Some(Err(why));
        }
        if state.cancel_pressed() {
            return Some(Err(CardRefusal::CancelledOnDevice));
        }
        context.answer_to(&asked).map(|answer| match answer {
            PromptAnswer::Chosen { index } if index < labels.len() => Ok(index),
            _ => Err(CardRefusal::CancelledOnDevice),
        })
    })?;
    Ok(chosen.unwrap_or(Err(CardRefusal::CancelledOnDevice)))
}

/// Why nothing more can be done with the card in the slot.
pub(crate) fn card_gone(state: &State) -> Option<CardRefusal> {
    state.placed.is_none().then_some(CardRefusal::CardRemoved)
}
