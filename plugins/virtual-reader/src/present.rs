// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `present`: waits for a card and chooses its application. Nothing is sealed here.

use crate::action::{At, Fault};
use crate::config::{Moment, Selection};
use crate::error::refusal;
use crate::reader::{Held, VirtualReader};
use crate::screen::Screen;
use crate::state::{Placed, Shared, State, Waiting};
use crate::tip::{Tip, waiting};
use crate::words::{fresh_name, is_expired};
use payhal_card_data::{Behaviour, Expiry, TestCard, masked};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{CardFace, Entry};
use payhal_messages::emv::{EmvApplication, EmvParameters};
use payhal_messages::money::Purpose;
use payhal_messages::prompt::{PromptAnswer, PromptKind, Stage};
use payhal_messages::reader::{Present, Presentation};
use payhal_plugin::{Context, Outcome, PluginError};
use std::time::{Duration, Instant};

pub(crate) fn present(
    reader: &mut VirtualReader,
    request: &Present,
    context: &Context,
) -> Outcome<Presentation> {
    if matches!(request.purpose, Purpose::Capture | Purpose::Adjust) {
        // Nobody presents a card for these: they change what was authorized before.
        return Err(PluginError::Unsupported);
    }
    if let Some(why) = reader.flash.incomplete()? {
        return Err(PluginError::not_sent(format!("read a card: {why}")));
    }
    reader.held = None;
    reader.chip = None;
    reader.shared.enter(At::Present, context)?;
    let until = context.now() + Duration::from_millis(request.timeout_ms).min(DAY);
    let (placed, tip_minor) = match wait_for_card(&reader.shared, request, until, context)? {
        Ok(shown) => shown,
        Err(why) => return Ok(Err(refusal(why))),
    };
    let (stage, words) = match placed.entry {
        Entry::Chip => (Stage::CardInserted, "Card inserted"),
        Entry::Contactless => (Stage::CardTapped, "Card tapped"),
        Entry::Stripe => (Stage::CardSwiped, "Card swiped"),
        Entry::Manual => (Stage::ExpiryEntry, "Enter the expiry"),
    };
    context.progress(stage, words);
    if let Some(why) = unusable(placed, context) {
        return Ok(Err(refusal(why)));
    }
    let applications = shared_applications(reader.accepted.as_ref(), placed.card);
    let has_chip = matches!(placed.entry, Entry::Chip | Entry::Contactless);
    if has_chip && applications.is_empty() && !placed.card.applications.is_empty() {
        return Ok(Err(refusal(CardRefusal::NotAccepted)));
    }
    let application = match choose(&reader.shared, placed, &applications, until, context)? {
        Ok(application) => application,
        Err(why) => return Ok(Err(refusal(why))),
    };
    context.progress(Stage::Reading, "Reading");
    reader.shared.show(Screen::of(&["", "Please wait"]));
    let presentation_id = fresh_name()
        .map_err(|_| PluginError::not_sent("draw random bytes for the presentation"))?;
    let held = Held {
        presentation_id,
        card: placed.card,
        entry: placed.entry,
        application,
        purpose: request.purpose,
    };
    Ok(Ok(answer(reader, held, tip_minor)))
}

/// Longest time out that is added to a clock.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn wait_for_card(
    shared: &Shared,
    request: &Present,
    until: Instant,
    context: &Context,
) -> Result<Result<(Placed, Option<i64>), CardRefusal>, PluginError> {
    if request.entries.is_empty() {
        return Ok(Err(CardRefusal::NotAccepted));
    }
    if shared
        .auto()
        .is_some_and(|(_, entry)| !request.entries.contains(&entry))
    {
        return Ok(Err(CardRefusal::NotAccepted));
    }
    let tip = Tip::asked(request);
    // A customer who reads nothing else of it takes it for a second payment.
    let (below, words) = match request.again {
        true => ("once more, please", "Present card once more"),
        false => ("", "Present card"),
    };
    shared.show(match &tip {
        Some(tip) => tip.screen(),
        None if request.estimated => waiting(request.purpose, &request.amounts, "Amount follows"),
        None => waiting(request.purpose, &request.amounts, below),
    });
    {
        let mut state = shared.lock();
        state.placed = None;
        state.tip = tip;
    }
    context.progress(Stage::WaitingForCard, words);
    let _waiting = shared.begin(Waiting::Card(request.entries.clone()));
    shared.play(Moment::Present);
    loop {
        match shared.wait(context, until, next)? {
            Some(Happened::Shown(placed, tip)) => return Ok(Ok((placed, tip))),
            Some(Happened::Cancelled) => return Ok(Err(CardRefusal::CancelledOnDevice)),
            Some(Happened::Tipped(screen)) => shared.show(screen),
            None => return Ok(Err(CardRefusal::NoCard)),
        }
    }
}

/// What happens while the reader waits for a card.
enum Happened {
    Shown(Placed, Option<i64>),
    Cancelled,
    /// A tip was chosen on the keypad: the display then.
    Tipped(Screen),
}

/// Keys come before the card that is shown after them.
fn next(state: &mut State) -> Option<Happened> {
    while let Some(key) = state.take_key() {
        if key == b'*' {
            return Some(Happened::Cancelled);
        }
        if let Some(screen) = state.tip.as_mut().and_then(|tip| tip.press(key)) {
            return Some(Happened::Tipped(screen));
        }
    }
    let placed = state.take_offered()?;
    let tip = state.tip.as_ref().and_then(Tip::chosen);
    Some(Happened::Shown(placed, tip))
}

/// Why this card cannot be used at all.
fn unusable(placed: Placed, context: &Context) -> Option<CardRefusal> {
    let Placed { card, entry } = placed;
    if entry == Entry::Chip && card.behaviour == Behaviour::ChipFault {
        return Some(CardRefusal::CardUnreadable);
    }
    is_expired(card.expiry(), context.calendar()).then_some(CardRefusal::CardExpired)
}

/// Label and identifier.
type Named = (&'static str, &'static str);
type Application = Option<Named>;

/// What a set says about the application of that identifier.
pub(crate) fn application_of<'a>(set: &'a EmvParameters, aid: &str) -> Option<&'a EmvApplication> {
    set.applications.iter().find(|one| match one.whole_aid {
        true => one.aid.eq_ignore_ascii_case(aid),
        false => aid
            .get(..one.aid.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(&one.aid)),
    })
}

/// The applications that card and reader share (EMV Book 1, 12.3.1), in the card's order.
fn shared_applications(accepted: Option<&EmvParameters>, card: &TestCard) -> Vec<Named> {
    let accepts = |aid: &str| accepted.is_none_or(|set| application_of(set, aid).is_some());
    let applications = card.applications.iter().copied();
    applications.filter(|(_, aid)| accepts(aid)).collect()
}

/// The application: the only one, the kernel's choice, or the cardholder's.
fn choose(
    shared: &Shared,
    placed: Placed,
    applications: &[Named],
    until: Instant,
    context: &Context,
) -> Result<Result<Application, CardRefusal>, PluginError> {
    if placed.entry != Entry::Chip || applications.len() < 2 {
        let has_chip = matches!(placed.entry, Entry::Chip | Entry::Contactless);
        return Ok(Ok(applications.first().copied().filter(|_| has_chip)));
    }
    let labels: Vec<&str> = applications.iter().map(|(label, _)| *label).collect();
    context.progress(Stage::ApplicationSelection, "Choose an application");
    let chosen = match shared.selection {
        Selection::Keypad => {
            show_choices(shared, applications);
            choose_here(shared, &labels, until, context)?
        }
        Selection::Register => choose_at_register(shared, &labels, until, context)?,
    };
    Ok(chosen.map(|index| applications.get(index).copied()))
}

/// The cardholder chooses on the keypad.
fn choose_here(
    shared: &Shared,
    labels: &[&str],
    until: Instant,
    context: &Context,
) -> Result<Result<usize, CardRefusal>, PluginError> {
    let choices = labels.iter().map(|&label| label.to_owned()).collect();
    let _waiting = shared.begin(Waiting::Select(choices));
    shared.play(Moment::Select);
    let chosen = shared.wait(context, until, |state| {
        if let Some(why) = stopped(state) {
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
) -> Result<Result<usize, CardRefusal>, PluginError> {
    shared.show(Screen::of(&["", "See the register"]));
    let _waiting = shared.begin(Waiting::Keys);
    let patience = until.saturating_duration_since(context.now());
    let kind = PromptKind::ChooseApplication;
    let asked = context.ask(kind, "Which application of the card?", labels, patience)?;
    let chosen = shared.wait(context, asked.until(), |state| {
        if let Some(why) = stopped(state) {
            return Some(Err(why));
        }
        while let Some(key) = state.take_key() {
            if key == b'*' {
                return Some(Err(CardRefusal::CancelledOnDevice));
            }
        }
        context.answer_to(&asked).map(|answer| match answer {
            PromptAnswer::Chosen { index } if index < labels.len() => Ok(index),
            _ => Err(CardRefusal::CancelledOnDevice),
        })
    })?;
    Ok(chosen.unwrap_or(Err(CardRefusal::CancelledOnDevice)))
}

/// Why no application can be chosen any more.
pub(crate) fn stopped(state: &State) -> Option<CardRefusal> {
    state.placed.is_none().then_some(CardRefusal::CardRemoved)
}

fn show_choices(shared: &Shared, applications: &[Named]) {
    let numbered = applications.iter().enumerate();
    let mut lines = vec!["Choose".to_owned()];
    lines.extend(numbered.map(|(place, (label, _))| format!("{} {label}", place + 1)));
    shared.show(Screen::of(&lines));
}

/// The answer, as it should be or as a fault wants it.
fn answer(reader: &mut VirtualReader, mut held: Held, tip_minor: Option<i64>) -> Presentation {
    let spoil = reader.shared.take_spoil();
    if let (Some(Fault::Duplicate), Some(former)) = (spoil, &reader.former.presentation_id) {
        held.presentation_id.clone_from(former);
    }
    let mut presentation = Presentation {
        tip_minor,
        presentation_id: held.presentation_id.clone(),
        entry: held.entry,
        card: face(&held),
    };
    reader.former.presentation_id = Some(held.presentation_id.clone());
    reader.held = Some(held);
    match spoil {
        Some(Fault::Garble) => {
            presentation.presentation_id = String::new();
            presentation.card.masked_pan = "\u{0}\u{fffd}\u{7f}".repeat(300);
            presentation.card.scheme = String::new();
        }
        Some(Fault::Leak) => {
            presentation.card.application = Some(reader.shared.leaked().to_string())
        }
        _ => {}
    }
    presentation
}

/// `MMYY`, as it stands on the card.
fn month(expiry: Expiry) -> String {
    format!("{:02}{:02}", expiry.month(), expiry.year() % 100)
}

fn face(held: &Held) -> CardFace {
    CardFace {
        masked_pan: masked(&held.card.pan()),
        scheme: held.card.scheme().name().to_owned(),
        application: held.application.map(|(label, _)| label.to_owned()),
        aid: held.application.map(|(_, aid)| aid.to_owned()),
        country: (held.application.and(held.card.country)).map(str::to_owned),
        expiry: Some(month(held.card.expiry())),
    }
}
