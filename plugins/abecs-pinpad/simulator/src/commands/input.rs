// SPDX-License-Identifier: MIT OR Apache-2.0
//! `GKY`, `GCD`, `MNU`, `RMC`: keys, digits, choices, and the card out of the slot.

use super::{show_message, timeout_us};
use crate::fields::{Command, Reply};
use crate::ids::{host, pinpad as own};
use crate::person::{Gesture, Key};
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::tables::two_digits;
use crate::waiting::{Step, What};

pub(crate) fn key() -> Step {
    Step::Wait {
        what: What::Key,
        until_us: None,
    }
}

/// The status tells which key.
pub(crate) fn pressed(pinpad: &mut Pinpad) -> Step {
    let key = pinpad.person.keys.pop_front().unwrap_or(Key::OK);
    Reply::of(*b"GKY", Status(key.0.into())).into()
}

pub(crate) fn digits(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    match objects.need(host::MESSAGE_INDEX)? {
        [_, _] => {}
        _ => return Err(Status::INVALID_PARAMETER),
    }
    let least = objects.byte(host::DIGITS_MIN)?.unwrap_or(0);
    let most = objects.byte(host::DIGITS_MAX)?.unwrap_or(32);
    if least > most || most > 32 {
        return Err(Status::INVALID_PARAMETER);
    }
    show_message(pinpad, &objects);
    Ok(Step::Wait {
        what: What::Digits { least, most },
        until_us: timeout_us(&objects)?,
    })
}

/// Digits were typed; others than wanted are not taken by the keypad.
pub(crate) fn typed(pinpad: &mut Pinpad, least: u8, most: u8) -> Step {
    let typed = pinpad.person.typed.take().unwrap_or_default();
    let fits = u8::try_from(typed.len()).is_ok_and(|length| (least..=most).contains(&length));
    match fits {
        true => Reply::ok(*b"GCD").object(own::VALUE, typed).into(),
        false => Reply::of(*b"GCD", Status::CANCEL).into(),
    }
}

pub(crate) fn choice(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    let objects = command.objects()?;
    let count = objects.all(host::MENU_OPTION).count();
    if count == 0 {
        return Err(Status::MANDATORY);
    }
    if objects
        .all(host::MENU_OPTION)
        .any(|option| option.len() > 24)
    {
        return Err(Status::INVALID_PARAMETER);
    }
    show_message(pinpad, &objects);
    Ok(Step::Wait {
        what: What::Choice { count },
        until_us: timeout_us(&objects)?,
    })
}

pub(crate) fn chosen(pinpad: &mut Pinpad, count: usize) -> Step {
    let place = pinpad.person.choice.take().unwrap_or(1).min(count);
    Reply::ok(*b"MNU")
        .object(own::VALUE, two_digits(place))
        .into()
}

pub(crate) fn removal(pinpad: &mut Pinpad, command: &Command) -> Result<Step, Status> {
    if command.block().len() != 32 {
        return Err(Status::INVALID_PARAMETER);
    }
    pinpad.screen = command.block().to_vec();
    if pinpad.slot.is_none() {
        return Ok(Reply::ok(command.name).into());
    }
    Ok(Step::Wait {
        what: What::Removal,
        until_us: None,
    })
}

pub(crate) fn removed(pinpad: &mut Pinpad) -> Step {
    let taken = pinpad.slot.take();
    // Whoever came too early tries again.
    if pinpad.unread && pinpad.person.card.is_none() {
        pinpad.person.card = taken.map(|card| (Gesture::Insert, card));
    }
    pinpad.powered = false;
    Reply::ok(*b"RMC").into()
}
