// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands. What they answer is text for people, or one line of JSON.

use crate::args::{Cli, Command, EnrolArgs, ForgetArgs, InjectArgs, NewBdkArgs};
use crate::error::KeysError;
use crate::state::State;
use crate::{clock, show};
use payhal_card_data::key_file::{Enrolment, GatewayKeys, KeyFileError, Sender};
use payhal_card_data::key_id;
use serde_json::json;

/// Does what the command line says; what to print.
pub(crate) fn run(cli: &Cli) -> Result<String, KeysError> {
    let folder = cli.state.as_deref().ok_or(KeysError::NoState)?;
    let folder = std::path::absolute(folder).map_err(|source| KeysError::File {
        verb: "find",
        path: folder.to_owned(),
        source,
    })?;
    if matches!(cli.command, Command::List) {
        return show::everything(&State::seen(&folder), cli.json);
    }
    let state = State::held(&folder)?;
    let (text, object) = match &cli.command {
        Command::NewBdk(args) => new_bdk(&state, args)?,
        Command::Inject(args) => inject(&state, args)?,
        Command::Enrol(args) => enrol(&state, args)?,
        Command::Forget(args) => forget(&state, args)?,
        Command::List => unreachable!("answered above, without the lock"),
    };
    Ok(if cli.json { object.to_string() } else { text })
}

type Done = (String, serde_json::Value);

fn new_bdk(state: &State, args: &NewBdkArgs) -> Result<Done, KeysError> {
    let scheme = args.scheme().ok_or(KeysError::Bits)?;
    let gateway = state.gateway(&args.gateway)?;
    // Always for tests: a base key for live cards is made in a hardware security module.
    let made = gateway.make_base_key(&args.slot, scheme, true, clock::now());
    let facts = made.map_err(|error| match error {
        KeyFileError::Occupied { .. } => KeysError::SlotTaken {
            gateway: args.gateway.clone(),
            slot: args.slot.clone(),
        },
        error => error.into(),
    })?;
    let text = format!("{}: slot {}", args.gateway, show::base_key(&facts));
    Ok((text, show::base_key_object(&facts)))
}

fn inject(state: &State, args: &InjectArgs) -> Result<Done, KeysError> {
    let gateway = state.gateway(&args.gateway)?;
    let device = state.device(&args.device)?;
    let Some(mut base) = gateway.base_key(&args.slot)? else {
        return Err(no_slot(&gateway, args));
    };
    let scheme = base.facts().scheme.scheme();
    let injected = gateway.inject(&mut base, &device, args.replace, clock::now());
    let facts = injected.map_err(|error| match error {
        KeyFileError::Occupied { .. } => KeysError::Injected {
            device: args.device.clone(),
            scheme,
        },
        error => error.into(),
    })?;
    let text = format!(
        "{}: slot {}\nA virtual reader uses it with sealing = \"{}\" in its configuration.",
        args.device,
        show::injected(&facts),
        scheme.replace('-', "_"),
    );
    Ok((text, show::injected_object(&facts)))
}

fn no_slot(gateway: &GatewayKeys, args: &InjectArgs) -> KeysError {
    let keys = gateway.base_keys().unwrap_or_default();
    let slots: Vec<_> = keys.iter().map(|key| key.facts().slot.as_str()).collect();
    let there = match &slots[..] {
        [] => String::new(),
        slots => format!("; it has {}", slots.join(", ")),
    };
    KeysError::NoSlot {
        gateway: args.gateway.clone(),
        slot: args.slot.clone(),
        there,
    }
}

fn enrol(state: &State, args: &EnrolArgs) -> Result<Done, KeysError> {
    let key = state.device(&args.device)?.public_key()?;
    let key = key.ok_or_else(|| KeysError::NoDeviceKey(args.device.clone()))?;
    let sender = Sender {
        device: args.device.clone(),
        key,
        how: Enrolment::Listed,
        at: clock::now(),
    };
    let enrolled = state.gateway(&args.gateway)?.enrol(&sender);
    enrolled.map_err(|error| match error {
        KeyFileError::Occupied { .. } => KeysError::KnownByOther {
            gateway: args.gateway.clone(),
            device: args.device.clone(),
        },
        error => error.into(),
    })?;
    let text = format!("{}: reader {}", args.gateway, show::sender(&sender));
    Ok((text, show::sender_object(&sender)))
}

fn forget(state: &State, args: &ForgetArgs) -> Result<Done, KeysError> {
    let gateway = state.gateway(&args.gateway)?;
    let (what, name, found) = match (&args.what.device, &args.what.slot) {
        (Some(device), _) => ("reader", device, gateway.forget(device)?),
        (None, Some(slot)) => ("slot", slot, gateway.destroy_base_key(slot)?),
        (None, None) => unreachable!("the command line demands one of them"),
    };
    let text = match found {
        true => format!("{}: {what} {name} is forgotten", args.gateway),
        false => format!("{}: {what} {name} was not known", args.gateway),
    };
    Ok((text, json!({ "forgotten": found })))
}

/// A public key's name, as sealed reads have it.
pub(crate) fn fingerprint(sender: &Sender) -> String {
    key_id(&sender.key.to_bytes())
}
