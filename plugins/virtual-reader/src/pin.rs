// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verifying the cardholder: PIN entry on the virtual keypad.
//!
//! A PIN leaves this file only on its way into an encrypted PIN block. The display shows
//! dots.

use crate::config::Moment;
use crate::error::refusal;
use crate::limits::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, PIN_TIME, PIN_TRIES};
use crate::reader::Held;
use crate::screen::Screen;
use crate::state::{Shared, Waiting};
use payhal_card_data::{Behaviour, EntryMode, Pin, Verification};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{Cvm, Entry};
use payhal_messages::prompt::PinEvent;
use payhal_messages::reader::PinPolicy;
use payhal_plugin::{Context, Outcome, PluginError};
use std::time::Instant;
use zeroize::Zeroizing;

/// How the cardholder was verified.
pub(crate) struct Verified {
    pub(crate) cvm: Cvm,
    pub(crate) online_pin: Option<Pin>,
}

pub(crate) fn verify(
    shared: &Shared,
    held: &Held,
    policy: PinPolicy,
    context: &Context,
) -> Outcome<Verified> {
    let without_pin = |cvm| {
        Ok(Ok(Verified {
            cvm,
            online_pin: None,
        }))
    };
    match (held.card.verification, policy) {
        (_, _) if held.entry == Entry::Manual => without_pin(Cvm::None),
        (Verification::None, _) if held.card.entries == [EntryMode::Contactless] => {
            without_pin(Cvm::OnDevice)
        }
        (Verification::None, _) => without_pin(Cvm::None),
        (Verification::Signature, _) => without_pin(Cvm::Signature),
        (Verification::OnlinePin, PinPolicy::Never) => without_pin(Cvm::None),
        (Verification::OnlinePin, PinPolicy::ByCard) => ask(shared, held, Cvm::OnlinePin, context),
        (Verification::OfflinePin, _) => ask(shared, held, Cvm::OfflinePin, context),
    }
}

fn ask(shared: &Shared, held: &Held, cvm: Cvm, context: &Context) -> Outcome<Verified> {
    let until = context.now() + PIN_TIME;
    let mut prompt = "Enter PIN";
    // One guard for all tries: keys pressed ahead belong to the next one.
    let _waiting = shared.begin(Waiting::Keys);
    for _ in 0..PIN_TRIES {
        let pin = match enter(shared, held, prompt, until, context)? {
            Ok(pin) => pin,
            Err(why) => return Ok(Err(refusal(why))),
        };
        let right = held.card.pin().is_some_and(|right| right == pin);
        if right || held.card.behaviour == Behaviour::PinAtIssuer {
            let online_pin = (cvm == Cvm::OnlinePin).then_some(pin);
            return Ok(Ok(Verified { cvm, online_pin }));
        }
        prompt = "Wrong PIN, again";
    }
    Ok(Err(refusal(CardRefusal::PinFailed)))
}

enum Pressed {
    Key(u8),
    Removed,
}

/// One PIN, up to its OK key.
fn enter(
    shared: &Shared,
    held: &Held,
    prompt: &str,
    until: Instant,
    context: &Context,
) -> Result<Result<Pin, CardRefusal>, PluginError> {
    let mut pin = Zeroizing::new(Vec::with_capacity(PIN_DIGITS_MAX));
    show_dots(shared, prompt, 0);
    context.pin_progress(PinEvent::Started, prompt);
    shared.play(Moment::Pin);
    loop {
        let pressed = shared.wait(context, until, |state| {
            if held.entry == Entry::Chip && state.placed.is_none() {
                return Some(Pressed::Removed);
            }
            state.take_key().map(Pressed::Key)
        })?;
        match pressed {
            None => return Ok(Err(CardRefusal::PinFailed)),
            Some(Pressed::Removed) => return Ok(Err(CardRefusal::CardRemoved)),
            Some(Pressed::Key(b'*')) => return Ok(Err(CardRefusal::CancelledOnDevice)),
            Some(Pressed::Key(b'#')) if pin.len() >= PIN_DIGITS_MIN => {
                context.pin_progress(PinEvent::Finished, prompt);
                let pin = Pin::new(&pin).map_err(|_| PluginError::not_sent("take the PIN"))?;
                return Ok(Ok(pin));
            }
            Some(Pressed::Key(b'<')) => {
                pin = Zeroizing::new(Vec::with_capacity(PIN_DIGITS_MAX));
                context.pin_progress(PinEvent::Removed, prompt);
            }
            Some(Pressed::Key(digit)) if digit.is_ascii_digit() && pin.len() < PIN_DIGITS_MAX => {
                pin.push(digit);
                context.pin_progress(PinEvent::Added, prompt);
            }
            Some(Pressed::Key(_)) => continue,
        }
        show_dots(shared, prompt, pin.len());
    }
}

fn show_dots(shared: &Shared, prompt: &str, count: usize) {
    shared.show(Screen::of(&[prompt, "", &"*".repeat(count)]));
}
