// SPDX-License-Identifier: MIT OR Apache-2.0
//! HELLO and SAY: who the device is, and text on its display.

use crate::error::{not_understood, refusal_in};
use crate::reader::{BeeperReader, Keys};
use crate::wire::{Cancel, Line};
use payhal_plugin::messages::reader::{Identity, Sealing, Show};
use payhal_plugin::{Context, Outcome, PluginError};

/// Characters that its display has.
const DISPLAY_MAX: usize = 80;

/// `HELLO` -> `HELLO beeper 1 SERIAL FIRMWARE SCHEME SLOT test|live`
pub(crate) fn identify(reader: &mut BeeperReader, context: &Context) -> Outcome<Identity> {
    reader.keys = None;
    let line = reader.ask("HELLO", Cancel::Heeded, context)?;
    if !line.is("HELLO") {
        return refusal_in(&line);
    }
    if (line.word(0), line.word(1)) != (Some("beeper"), Some("1")) {
        let what = "recognize the device: it is no beeper of version 1";
        return Err(PluginError::maybe_sent(what));
    }
    let identity = identity(&line).ok_or_else(not_understood)?;
    reader.keys = keys(&line);
    Ok(Ok(identity))
}

/// Makes sure that the device was asked.
pub(crate) fn keys_of(reader: &mut BeeperReader, context: &Context) -> Outcome<Keys> {
    if reader.keys.is_none()
        && let Err(refusal) = identify(reader, context)?
    {
        return Ok(Err(refusal));
    }
    Ok(Ok(reader.keys.clone().ok_or_else(not_understood)?))
}

fn identity(line: &Line) -> Option<Identity> {
    Some(Identity {
        model: "Beeper".to_owned(),
        serial_number: line.word(2).map(str::to_owned),
        firmware: line.word(3).map(str::to_owned),
        incomplete: None,
        sealing: Some(Sealing {
            scheme: line.word(4)?.to_owned(),
            software: false, // the device encrypts by itself
            test_keys: line.word(6)? != "live",
        }),
    })
}

fn keys(line: &Line) -> Option<Keys> {
    Some(Keys {
        scheme: line.word(4)?.to_owned(),
        slot: line.word(5)?.to_owned(),
    })
}

/// `SAY BEEPS TEXT` -> `OK`
pub(crate) fn show(reader: &mut BeeperReader, request: &Show, context: &Context) -> Outcome<()> {
    let beeps = if request.beep {
        reader.config.beeps()
    } else {
        0
    };
    let printable = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    let text = request.lines.join(" / ");
    let text: String = text.chars().take(DISPLAY_MAX).map(printable).collect();
    let line = reader.ask(&format!("SAY {beeps} {text}"), Cancel::Heeded, context)?;
    match line.is("OK") {
        true => Ok(Ok(())),
        false => refusal_in(&line),
    }
}
