// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults, carried out inside the call they were planned for.
//!
//! Each does what a bad plugin, a bad terminal or a bad line would do, so that the host can be
//! shown to survive it. What a command itself does wrong is done where the command is.

use crate::action::{At, Fault, FaultOrder};
use crate::entry::no;
use crate::error::{no_answer, unplugged};
use crate::rules;
use crate::state::Shared;
use payhal_card_data::test_card;
use payhal_messages::prompt::Stage;
use payhal_messages::terminal::TerminalOutcome;
use payhal_plugin::{Context, PluginError};
use std::io::Write;
use std::time::Duration;
use zeroize::Zeroizing;

/// Carries out a fault on the thread of the running call.
pub(crate) fn carry_out(
    shared: &Shared,
    order: &FaultOrder,
    at: At,
    context: &Context,
) -> Result<(), PluginError> {
    match order.fault {
        Fault::Crash | Fault::Exit => end(order.fault),
        Fault::Panic => panic!("the virtual terminal was told to panic"),
        Fault::Hang => loop {
            std::thread::park();
        },
        Fault::Silent => {
            // Whoever cancels a silent terminal hears nothing either.
            let _ = context.sleep_until(context.deadline());
            Err(no_answer())
        }
        Fault::Slow => {
            let slept = context.sleep(Duration::from_millis(order.delay_ms));
            // What is in the ledger cannot be cancelled any more.
            if at.is_answer() { Ok(()) } else { slept }
        }
        Fault::LoseAnswer => Err(no_answer()),
        Fault::NotSent => Err(PluginError::not_sent(
            "reach the terminal: it is away, as scripted",
        )),
        Fault::Unplug => {
            shared.unplug();
            Err(unplugged())
        }
        Fault::Flood => loop {
            context.progress(Stage::Reading, "and again");
        },
        Fault::Print => {
            print();
            Ok(())
        }
        _ => Ok(()),
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
pub(crate) fn print() {
    let text = leaked();
    // Whether anybody still reads standard output is not this plugin's business.
    let _ = writeln!(std::io::stdout(), "read card {}", *text);
    let _ = writeln!(std::io::stderr(), "read card {}", *text);
}

/// What is told instead of the truth.
pub(crate) fn spoilt(
    outcome: TerminalOutcome,
    fault: Option<Fault>,
    most_minor: i64,
    former: Option<&TerminalOutcome>,
) -> TerminalOutcome {
    match fault {
        Some(Fault::Garble) => TerminalOutcome {
            response_code: String::new(),
            approved_minor: Some(-1),
            tip_minor: Some(-2),
            reference: Some(String::new()),
            ..outcome
        },
        Some(Fault::Duplicate) => former.cloned().unwrap_or(outcome),
        Some(Fault::Contradict) if outcome.approved => TerminalOutcome {
            entry: outcome.entry,
            card: outcome.card,
            ..no(&rules::DO_NOT_HONOR)
        },
        Some(Fault::Contradict) => TerminalOutcome {
            approved: true,
            response_code: rules::APPROVED.code.to_owned(),
            response_text: Some(rules::APPROVED.text.to_owned()),
            approved_minor: Some(most_minor),
            ..outcome
        },
        Some(Fault::Overcharge) if outcome.approved => TerminalOutcome {
            approved_minor: Some(overcharged(most_minor)),
            ..outcome
        },
        Some(Fault::Leak) => TerminalOutcome {
            response_text: Some(leaked().to_string()),
            ..outcome
        },
        _ => outcome,
    }
}

/// One major unit more than the most.
pub(crate) fn overcharged(most_minor: i64) -> i64 {
    most_minor.saturating_add(100)
}

/// A test card's number in clear.
fn leaked() -> Zeroizing<String> {
    let digits = test_card("visa-approve").map(|card| card.pan().digits().to_vec());
    let text = String::from_utf8(digits.unwrap_or_default()).unwrap_or_default();
    Zeroizing::new(text)
}
