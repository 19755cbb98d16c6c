// SPDX-License-Identifier: MIT OR Apache-2.0
//! A counter with terminals: who pays there, what the terminal's own books say.
//!
//! It must never decide what is right: cases compare the register's answers with the books.

use crate::host::{Host, Setup};
use crate::ledger::Ledger;
use crate::register::{Played, Register, Sale, sale};
use payhal_client::Payment;
use payhal_client::protocol::payment::SaleParams;
use serde_json::Value;

/// The terminal of most cases.
pub(crate) const TERMINAL: &str = "terminal-1";

/// A card that answers each request at once.
pub(crate) const AUTO: &str = "{ auto = \"tap visa-approve\" }";

/// A daemon with terminals, and a register that can answer questions.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) host: Host,
    pub(crate) till: Register,
}

impl Desk {
    /// One terminal of this plugin.
    pub(crate) async fn with(plugin: &str, config: &str) -> Self {
        Self::of(&Setup::readers(0).terminal(TERMINAL, plugin, config)).await
    }

    pub(crate) async fn of(setup: &Setup) -> Self {
        Self::at(Host::start(setup).await).await
    }

    /// At a daemon that runs.
    pub(crate) async fn at(host: Host) -> Self {
        let kinds = ["confirm_partial", "confirm_signature"];
        let till = Register::connect_showing(host.unix(), "till-1", &kinds).await;
        Self { host, till }
    }

    /// The books of a terminal.
    pub(crate) fn books(&self, terminal: &str) -> Ledger {
        Ledger::in_folder(&self.host.state().join("instances").join(terminal))
    }

    /// Begins a sale on the first terminal.
    pub(crate) fn sale(&self, key: &str, minor: i64) -> Sale {
        Sale::new(self.till.0.sale(&sale(key, minor, TERMINAL)))
    }

    /// A sale with a card that is tapped as soon as the terminal asks for it.
    pub(crate) async fn sell(&self, params: &SaleParams) -> Played {
        let payment = self.till.0.sale(params);
        self.with_card(payment, params.device.as_ref().unwrap().as_str())
            .await
    }

    /// Taps a card for a running payment, and waits for its end.
    pub(crate) async fn with_card(&self, payment: Payment, terminal: &str) -> Played {
        self.tap(terminal, "visa-approve").await;
        Sale::new(payment).end().await
    }

    pub(crate) async fn tap(&self, terminal: &str, card: &str) {
        let rest = [("card", card.into()), ("wait_ms", 10_000.into())];
        self.till.act(terminal, "tap", &rest).await;
    }

    /// Plans a fault of the first terminal.
    pub(crate) async fn fault(&self, fault: &str, at: &str, rest: &[(&str, Value)]) {
        let mut all = vec![("fault", Value::from(fault)), ("at", at.into())];
        all.extend(rest.iter().cloned());
        self.till.act(TERMINAL, "fault", &all).await;
    }
}
