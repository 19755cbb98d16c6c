// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verifying the cardholder: PIN entry on the terminal's own keypad, signature at the register.
//!
//! A PIN never leaves this file. The display shows dots.

use crate::card::{Read, Step, card_gone};
use crate::limits::{PIN_DIGITS_MAX, PIN_DIGITS_MIN, PIN_TIME, PIN_TRIES, SIGNATURE_TIME};
use crate::screen::Screen;
use crate::state::{Shared, Waiting};
use payhal_card_data::{Behaviour, EntryMode, Pin, Verification};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{Cvm, Entry};
use payhal_messages::prompt::{PromptAnswer, PromptKind, Stage};
use payhal_plugin::{Context, PluginError};
use std::time::Instant;
use zeroize::Zeroizing;

/// How the cardholder was verified.
#[derive(Clone, Copy)]
pub(crate) struct Verified {
    pub(crate) cvm: Cvm,
    /// Whether the PIN is the card's; `None` without one.
    pub(crate) pin_is_right: Option<bool>,
}

impl Verified {
    pub(crate) fn by(cvm: Cvm) -> Self {
        Self {
            cvm,
            pin_is_right: None,
        }
    }
}

/// Verifies the cardholder before the issuer is asked. A signature comes after.
pub(crate) fn verify(shared: &Shared, read: &Read, context: &Context) -> Step<Verified> {
    let cvm = match read.card.verification {
        _ if read.entry == Entry::Manual => Cvm::None,
        Verification::None if read.card.entries == [EntryMode::Contactless] => Cvm::OnDevice,
        Verification::None => Cvm::None,
        Verification::Signature => Cvm::Signature,
        Verification::OnlinePin => return ask(shared, read, Cvm::OnlinePin, context),
        Verification::OfflinePin => return ask(shared, read, Cvm::OfflinePin, context),
    };
    Ok(Ok(Verified::by(cvm)))
}

fn ask(shared: &Shared, read: &Read, cvm: Cvm, context: &Context) -> Step<Verified> {
    let until = context.now() + PIN_TIME;
    let mut prompt = "Enter PIN";
    // One guard for all tries: keys pressed ahead belong to the next one.
    let _waiting = shared.begin(Waiting::Keys);
    for _ in 0..PIN_TRIES {
        let pin = match enter(shared, read, prompt, until, context)? {
            Ok(pin) => pin,
            Err(why) => return Ok(Err(why)),
        };
        let right = read
            .card
            .pin()
            .is_some_and(|right| Pin::new(&pin).is_ok_and(|pin| pin == right));
        if right || read.card.behaviour == Behaviour::PinAtIssuer {
            return Ok(Ok(Verified {
                cvm,
                pin_is_right: Some(right),
            }));
        }
        prompt = "Wrong PIN, again";
    }
    Ok(Err(CardRefusal::PinFailed))
}

enum Pressed {
    Key(u8),
    Removed,
}

/// One PIN, up to its OK key.
fn enter(
    shared: &Shared,
    read: &Read,
    prompt: &str,
    until: Instant,
    context: &Context,
) -> Step<Zeroizing<Vec<u8>>> {
    let mut pin = Zeroizing::new(Vec::with_capacity(PIN_DIGITS_MAX));
    show_dots(shared, prompt, 0);
    context.progress(Stage::PinEntry, prompt);
    if shared.auto.is_some() {
        let mut state = shared.lock();
        if let Some(pin) = read.card.pin() {
            state.press(pin.digits());
        }
        state.press(b"#");
    }
    loop {
        let pressed = shared.wait(context, until, |state| {
            if read.entry == Entry::Chip && card_gone(state).is_some() {
                return Some(Pressed::Removed);
            }
            state.take_key().map(Pressed::Key)
        })?;
        match pressed {
            None => return Ok(Err(CardRefusal::PinFailed)),
            Some(Pressed::Removed) => return Ok(Err(CardRefusal::CardRemoved)),
            Some(Pressed::Key(b'*')) => return Ok(Err(CardRefusal::CancelledOnDevice)),
            Some(Pressed::Key(b'#')) if pin.len() >= PIN_DIGITS_MIN => return Ok(Ok(pin)),
            Some(Pressed::Key(b'<')) => pin = Zeroizing::new(Vec::with_capacity(PIN_DIGITS_MAX)),
            Some(Pressed::Key(digit)) if digit.is_ascii_digit() && pin.len() < PIN_DIGITS_MAX => {
                pin.push(digit);
            }
            Some(Pressed::Key(_)) => continue,
        }
        show_dots(shared, prompt, pin.len());
    }
}

fn show_dots(shared: &Shared, prompt: &str, count: usize) {
    shared.show(Screen::of(&[prompt, "", &"*".repeat(count)]));
}

/// Whether the cashier takes the signature. Silence is a no.
pub(crate) fn signature_is_right(shared: &Shared, context: &Context) -> Result<bool, PluginError> {
    context.progress(Stage::Signature, "Signature");
    shared.show(Screen::of(&["", "Please sign"]));
    let _waiting = shared.begin(Waiting::Register);
    let kind = PromptKind::ConfirmSignature;
    let asked = context.ask(kind, "Is the signature right?", &[], SIGNATURE_TIME)?;
    let yes = shared.wait(context, asked.until(), |state| {
        if state.cancel_pressed() {
            return Some(false);
        }
        let answer = context.answer_to(&asked)?;
        Some(answer == PromptAnswer::Confirmed { yes: true })
    })?;
    Ok(yes.unwrap_or(false))
}
