// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults, carried out inside the call they were planned for.
//!
//! Each does what a bad plugin or a bad device would do, so that the host can be shown to survive
//! it. Answers that cannot be are made where the answer is.

use crate::action::Fault;
use crate::error::unplugged;
use crate::state::Shared;
use payhal_card_data::{TestCard, test_card};
use payhal_messages::prompt::Stage;
use payhal_plugin::{Context, PluginError};
use std::io::Write;
use std::time::Duration;
use zeroize::Zeroizing;

/// Carries out a fault on the thread of the running call.
pub(crate) fn carry_out(
    shared: &Shared,
    fault: Fault,
    delay: Duration,
    context: &Context,
) -> Result<(), PluginError> {
    match fault {
        Fault::Crash | Fault::Exit => end(fault),
        Fault::Panic => panic!(
            "the virtual reader was told to panic with {}",
            *shared.leaked()
        ),
        Fault::Hang => loop {
            std::thread::park();
        },
        Fault::Slow => context.sleep(delay),
        Fault::Unplug => {
            shared.unplug();
            Err(unplugged())
        }
        Fault::Flood => loop {
            context.progress(Stage::Reading, "and again");
        },
        Fault::Print => {
            print(shared);
            Ok(())
        }
        Fault::Tell => Err(PluginError::maybe_sent(format!(
            "read the card {}",
            *shared.leaked()
        ))),
        Fault::Garble | Fault::Duplicate | Fault::Leak => {
            shared.spoil(fault);
            Ok(())
        }
    }
}

/// Ends the process, orderly or not.
pub(crate) fn end(fault: Fault) -> ! {
    match fault {
        Fault::Exit => std::process::exit(3),
        _ => std::process::abort(),
    }
}

/// Writes what a careless vendor's library might.
pub(crate) fn print(shared: &Shared) {
    let text = shared.leaked();
    // Whether anybody still reads standard output is not this plugin's business.
    let _ = writeln!(std::io::stdout(), "read card {}", *text);
    let _ = writeln!(std::io::stderr(), "read card {}", *text);
}

impl Shared {
    /// Number and track of the card that is there, or of a test card, in clear.
    pub(crate) fn leaked(&self) -> Zeroizing<String> {
        let placed = self.lock().placed.map(|placed| placed.card);
        let text = placed.or_else(|| test_card("visa-approve")).map(in_clear);
        text.unwrap_or_default()
    }
}

fn in_clear(card: &TestCard) -> Zeroizing<String> {
    let (pan, track) = (card.pan(), card.track2());
    let parts = [pan.digits(), b", ", track.characters()].concat();
    Zeroizing::new(String::from_utf8_lossy(&parts).into_owned())
}
