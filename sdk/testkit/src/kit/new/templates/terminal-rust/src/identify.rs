// SPDX-License-Identifier: MIT OR Apache-2.0
//! HELLO and SAY: who the terminal is, and text on its display.

use crate::error::refusal_in;
use crate::terminal::BeeperTerminal;
use payhal_plugin::messages::reader::{Identity, Show};
use payhal_plugin::{Context, Outcome, PluginError};

/// Characters that its display has.
const DISPLAY_MAX: usize = 80;

/// `HELLO` -> `HELLO beeper 1 SERIAL FIRMWARE`
pub(crate) fn identify(terminal: &mut BeeperTerminal, context: &Context) -> Outcome<Identity> {
    let line = terminal.ask("HELLO", context)?;
    if !line.is("HELLO") {
        return refusal_in(&line);
    }
    if (line.word(0), line.word(1)) != (Some("beeper"), Some("1")) {
        let what = "recognize the terminal: it is no beeper of version 1";
        return Err(PluginError::maybe_sent(what));
    }
    Ok(Ok(Identity {
        model: "Beeper".to_owned(),
        serial_number: line.word(2).map(str::to_owned),
        firmware: line.word(3).map(str::to_owned),
        sealing: None,
        incomplete: None,
    }))
}

/// `SAY BEEPS TEXT` -> `OK`
pub(crate) fn show(
    terminal: &mut BeeperTerminal,
    request: &Show,
    context: &Context,
) -> Outcome<()> {
    let printable = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    let text = request.lines.join(" / ");
    let text: String = text.chars().take(DISPLAY_MAX).map(printable).collect();
    let line = terminal.ask(&format!("SAY {} {text}", u8::from(request.beep)), context)?;
    match line.is("OK") {
        true => Ok(Ok(())),
        false => refusal_in(&line),
    }
}
