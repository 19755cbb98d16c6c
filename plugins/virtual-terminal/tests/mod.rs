// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal on the SDK's test bench: virtual time, no host, a ledger in a folder of its own.

mod batches;
mod changes;
mod faults;
mod payments;
mod people;
mod plans;
mod unknowns;

use crate::terminal::VirtualTerminal;
use payhal_card_data::{EntryMode, test_cards};
use payhal_messages::call::{Failure, Sent};
use payhal_messages::card_check::would_redact;
use payhal_messages::gateway::{Acceptor, Reconcile, Reversal, Totals, Wire};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::prompt::Stage;
use payhal_messages::terminal::{
    InquireTerminal, OriginalPayment, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};
use payhal_plugin::testing::{Bench, Said};
use payhal_plugin::{Outcome, PluginError, Simulated, Terminal};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A terminal on its bench.
struct Shop {
    bench: Bench,
    terminal: VirtualTerminal,
    simulator: Arc<dyn Simulated>,
    folder: TempDir,
}

impl Shop {
    fn new() -> Self {
        Self::with(&json!({}))
    }

    /// A terminal whose customers tap an approving card.
    fn automatic() -> Self {
        Self::with(&json!({"auto": "tap visa-approve"}))
    }

    fn with(config: &Value) -> Self {
        Self::on(Bench::new(), config)
    }

    fn on(bench: Bench, config: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bench = bench.state_dir(folder.path());
        let terminal: VirtualTerminal = bench
            .terminal(&config.to_string())
            .expect("a right configuration");
        Self {
            simulator: terminal.simulator(),
            bench,
            terminal,
            folder,
        }
    }

    /// The next process, with the same ledger.
    fn restarted(self, config: &Value) -> Self {
        let Self {
            folder, terminal, ..
        } = self;
        drop(terminal);
        let bench = Bench::new().state_dir(folder.path());
        let terminal: VirtualTerminal =
            bench.terminal(&config.to_string()).expect("it opens again");
        Self {
            simulator: terminal.simulator(),
            bench,
            terminal,
            folder,
        }
    }

    /// Does something now; it must succeed.
    fn act(&self, action: Value) -> Value {
        self.simulator
            .simulate(action)
            .unwrap_or_else(|why| panic!("{why}"))
    }

    /// Plans a fault.
    fn fault(&self, fault: &str, at: &str) {
        self.act(json!({"action": "fault", "fault": fault, "at": at}));
    }

    /// Does something the next time the terminal waits; it must succeed.
    fn later(&self, action: Value) {
        let simulator = Arc::clone(&self.simulator);
        self.bench.at(self.bench.passed(), move || {
            let done = simulator.simulate(action.clone());
            assert!(done.is_ok(), "{action}: {done:?}");
        });
    }

    fn pay(&mut self, request: Pay) -> Outcome<TerminalOutcome> {
        self.terminal.pay(request, &self.bench.call())
    }

    /// A sale that ends in an answer.
    fn sale(&mut self, id: &str, minor: i64) -> TerminalOutcome {
        self.paid(request(id, Purpose::Sale, minor))
    }

    /// A request that ends in an answer.
    fn paid(&mut self, request: Pay) -> TerminalOutcome {
        self.pay(request)
            .expect("a working terminal")
            .expect("no refusal")
    }

    /// A request about an earlier one that ends in an answer.
    fn changed(
        &mut self,
        id: &str,
        purpose: Purpose,
        minor: i64,
        original: &str,
    ) -> TerminalOutcome {
        self.paid(Pay {
            original: Some(OriginalPayment {
                transaction_id: original.into(),
                stan: 1,
                reference: None,
            }),
            ..request(id, purpose, minor)
        })
    }

    fn inquire(&mut self, id: &str) -> Outcome<TerminalFinding> {
        let request = InquireTerminal {
            transaction_id: id.into(),
            stan: 1,
        };
        self.terminal.inquire(request, &self.bench.call())
    }

    /// The outcome that an inquiry finds.
    fn found(&mut self, id: &str) -> TerminalOutcome {
        match self
            .inquire(id)
            .expect("a working terminal")
            .expect("no refusal")
        {
            TerminalFinding::Ended { outcome } => outcome,
            other => panic!("{other:?}"),
        }
    }

    fn reverse(&mut self, id: &str, minor: i64) -> Outcome<Reversal> {
        let request = ReverseTerminal {
            transaction_id: id.into(),
            reference: None,
            amounts: euros(minor),
        };
        self.terminal.reverse(request, &self.bench.call())
    }

    /// The code of a reversal that was refused.
    fn refused_reversal(&mut self, id: &str, minor: i64) -> String {
        match self
            .reverse(id, minor)
            .expect("a working terminal")
            .expect("no refusal")
        {
            Reversal::Refused { response_code, .. } => response_code,
            Reversal::Reversed => panic!("{id} was reversed"),
        }
    }

    fn reconcile(&mut self, id: &str, close: bool) -> Outcome<Totals> {
        let wire = Wire {
            transaction_id: id.into(),
            stan: 9,
            at_micros: 0,
            acceptor: Acceptor {
                merchant: "m".into(),
                terminal: "t".into(),
            },
            reference: String::new(),
        };
        self.terminal
            .reconcile(Reconcile { wire, close }, &self.bench.call())
    }

    fn totals(&mut self, id: &str, close: bool) -> Totals {
        self.reconcile(id, close)
            .expect("a working terminal")
            .expect("no refusal")
    }

    /// State and amount of an entry, by its transaction.
    fn entry(&self, id: &str) -> Option<(String, i64)> {
        let ledger = self.act(json!({"action": "ledger"}));
        let entries = ledger["entries"].as_array().expect("entries").clone();
        let entry = entries
            .into_iter()
            .find(|entry| entry["transaction_id"] == id)?;
        let state = entry["state"].as_str().expect("a state").to_owned();
        Some((state, entry["amount_minor"].as_i64().expect("an amount")))
    }

    /// Asserts how an entry stands.
    #[track_caller]
    fn stands(&self, id: &str, state: &str, minor: i64) {
        assert_eq!(self.entry(id), Some((state.to_owned(), minor)), "{id}");
    }

    fn stages(&self) -> Vec<Stage> {
        let said = self.bench.said().into_iter();
        said.filter_map(|said| match said {
            Said::Progress(progress) => Some(progress.stage),
            _ => None,
        })
        .collect()
    }
}

fn euros(minor: i64) -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor: minor,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn request(id: &str, purpose: Purpose, minor: i64) -> Pay {
    Pay {
        transaction_id: id.into(),
        stan: 1,
        purpose,
        amounts: euros(minor),
        total_minor_max: None,
        original: None,
    }
}

/// The code of a refusal.
#[track_caller]
fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    outcome
        .expect("a working terminal")
        .expect_err("a refusal")
        .code
}

/// Whether a failed call can have reached the terminal.
#[track_caller]
fn sent<T: std::fmt::Debug>(outcome: Outcome<T>) -> Sent {
    match outcome {
        Err(PluginError::Failed(Failure { sent, .. })) => sent,
        other => panic!("{other:?}"),
    }
}

/// No number of the table, and nothing that looks like a card number.
fn assert_no_card(text: &str) {
    assert!(!would_redact(text), "{text}");
    for card in test_cards() {
        let digits = String::from_utf8(card.pan().digits().to_vec()).expect("digits");
        assert!(!text.contains(&digits[..12]), "number of {}", card.name);
    }
}
