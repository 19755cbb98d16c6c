// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identification (V3: `CD` I): a sign of life. What a terminal says of itself is not public; the
//! name for people is configured.

use crate::config::Protocol;
use crate::error::not_understood;
use crate::limits::QUESTION;
use crate::terminal::{ConcertTerminal, Link, until};
use crate::upload::NO_CURRENCY;
use crate::v3::{Call, Cancel, Wanted, message};
use crate::wire::v3::{self, action};
use payhal_messages::reader::Identity;
use payhal_plugin::{Context, Outcome, PluginError};

pub(crate) fn identify(terminal: &mut ConcertTerminal, context: &Context) -> Outcome<Identity> {
    let config = &terminal.config;
    match &mut terminal.link {
        // It is there if it takes a connection.
        Link::Network if !config.identification => drop(Call::connect(config, context)?),
        Link::Network => asked(terminal, context)?,
        Link::Serial(line) if config.identification => {
            line.greet(until(QUESTION, context), context)?;
        }
        // The port is there. A bid without a request would only make some terminals beep.
        Link::Serial(_) => {}
    }
    let usual = match terminal.config.protocol {
        Protocol::V3 => "Concert V3 terminal",
        Protocol::E => "Concert E terminal",
        Protocol::EPlus => "Concert E+ terminal",
    };
    let model = terminal.config.model.clone();
    Ok(Ok(Identity {
        model: model.unwrap_or_else(|| usual.to_owned()),
        ..Identity::default()
    }))
}

/// Whatever it answers, it is there and speaks V3.
fn asked(terminal: &ConcertTerminal, context: &Context) -> Result<(), PluginError> {
    let config = &terminal.config;
    let question = message(config, action::IDENTIFICATION, 0, NO_CURRENCY).into_bytes();
    let call = Call::begin(config, &question, context)?;
    let wanted = Wanted {
        echoed: &[v3::ACTION],
        cancel: Cancel::Heeded,
        taken_is_all: true,
    };
    let heard = call.hear(wanted, until(QUESTION, context), context)?;
    let reading = v3::read(&heard).map_err(|_| not_understood())?;
    match reading.text(v3::ACTION) == Some(action::IDENTIFICATION) {
        true => Ok(()),
        false => Err(not_understood()),
    }
}
