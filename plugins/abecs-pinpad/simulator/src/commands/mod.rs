// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file for each group of commands, and what becomes of those that wait.

pub(crate) mod card;
pub(crate) mod encrypt;
pub(crate) mod event;
pub(crate) mod finish;
pub(crate) mod go_on;
pub(crate) mod input;
pub(crate) mod load;
pub(crate) mod pin;
pub(crate) mod session;
pub(crate) mod show;
pub(crate) mod slot;

use crate::fields::{Command, Objects, Reply};
use crate::ids::host;
use crate::person::Key;
use crate::pinpad::Pinpad;
use crate::status::Status;
use crate::waiting::{Step, Waiting, What};

/// What a command does at once.
pub(crate) fn run(pinpad: &mut Pinpad, command: &Command) -> Step {
    let name = command.name;
    let done = match &name {
        b"OPN" => session::open(pinpad, command),
        b"GIX" => session::show(pinpad, command),
        b"GIN" => session::show_old(pinpad, command),
        b"CLO" => session::close(pinpad, command),
        b"CLX" => session::close_with_objects(pinpad, command),
        b"CEX" => event::wait(pinpad, command),
        b"GCX" => card::wait(pinpad, command),
        b"GTK" => encrypt::tracks(pinpad, command),
        b"EBX" => encrypt::bytes(pinpad, command),
        b"GOX" => go_on::run(pinpad, command),
        b"FCX" => finish::run(pinpad, command),
        b"GED" => finish::show(pinpad, command),
        b"GPN" => pin::wait(pinpad, command),
        b"GKY" => Ok(input::key()),
        b"GCD" => input::digits(pinpad, command),
        b"MNU" => input::choice(pinpad, command),
        b"RMC" => input::removal(pinpad, command),
        b"DEX" => show::long(pinpad, command),
        b"DSP" => show::short(pinpad, command),
        b"MLI" | b"MLR" | b"MLE" => Err(Status::FILE),
        b"DSI" | b"DMF" => show::file(command),
        b"LMF" => Ok(Reply::ok(name).into()),
        b"CHP" => slot::run(pinpad, command),
        b"TLI" => load::begin(pinpad, command),
        b"TLR" => load::records(pinpad, command),
        b"TLE" => load::end(pinpad, command),
        b"GTS" => load::version(pinpad, command),
        // Withdrawn, or from before this specification.
        b"DWK" | b"CKE" | b"GDU" | b"ENB" | b"GCR" | b"CNG" | b"GOC" | b"FNC" | b"GEN" => {
            Err(Status::INVALID_CALL)
        }
        _ => return Reply::of(*b"ERR", Status::INVALID_CALL).into(),
    };
    done.unwrap_or_else(|status| Reply::of(name, status).into())
}

/// Whether somebody does what is waited for.
pub(crate) fn somebody_acts(pinpad: &Pinpad, what: &What) -> bool {
    let person = &pinpad.person;
    // No key takes a card out.
    let cancels = person.unwilling || person.keys.front() == Some(&Key::CANCEL);
    (cancels && !matches!(what, What::Removal))
        || match what {
            What::Events(asked) => asked.somebody_acts(pinpad),
            What::Card(asked) => asked.somebody_acts(pinpad),
            What::Application(..) | What::Choice { .. } => person.choice.is_some() || !person.idle,
            What::Pin(_) | What::PinFor { .. } => {
                !person.pins.is_empty() || !person.idle || pinpad.has_lost_its_chip()
            }
            What::Key => !person.keys.is_empty(),
            What::Digits { .. } => person.typed.is_some(),
            What::Removal => pinpad.slot.is_none() || !person.idle,
        }
}

/// Somebody did it.
pub(crate) fn acted(pinpad: &mut Pinpad, waiting: Waiting) -> Step {
    let name = waiting.name;
    let person = &mut pinpad.person;
    let is_removal = matches!(waiting.what, What::Removal);
    if person.unwilling && !is_removal && person.keys.front() != Some(&Key::CANCEL) {
        person.keys.push_front(Key::CANCEL);
    }
    let cancels = person.keys.front() == Some(&Key::CANCEL);
    let is_key = matches!(&waiting.what, What::Key | What::Removal)
        || matches!(&waiting.what, What::Events(asked) if asked.key);
    if cancels && !is_key {
        pinpad.person.keys.pop_front();
        return Reply::of(name, Status::CANCEL).into();
    }
    let done = match waiting.what {
        What::Events(asked) => Ok(asked.acted(pinpad)),
        What::Card(asked) => asked.acted(pinpad),
        What::Application(asked, candidates) => asked.chosen(pinpad, &candidates),
        What::Pin(asked) => asked.entered(pinpad),
        What::PinFor { pan, least, most } => pin::entered(pinpad, &pan, least, most),
        What::Key => Ok(input::pressed(pinpad)),
        What::Choice { count } => Ok(input::chosen(pinpad, count)),
        What::Digits { least, most } => Ok(input::typed(pinpad, least, most)),
        What::Removal => Ok(input::removed(pinpad)),
    };
    done.unwrap_or_else(|status| Reply::of(name, status).into())
}

/// Nobody did it in time.
pub(crate) fn time_is_over(waiting: &Waiting) -> Step {
    match &waiting.what {
        What::Events(asked) => asked.time_is_over(),
        _ => Reply::of(waiting.name, Status::TIMEOUT).into(),
    }
}

/// A command's own time in microseconds; none where it names none.
fn timeout_us(objects: &Objects) -> Result<Option<u64>, Status> {
    let seconds = objects.byte(host::TIMEOUT)?.filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| u64::from(seconds) * 1_000_000))
}

/// Shows what the host wants shown meanwhile.
fn show_message(pinpad: &mut Pinpad, objects: &Objects) {
    if let Some(message) = objects.find(host::MESSAGE) {
        pinpad.screen = message.to_vec();
    }
}
