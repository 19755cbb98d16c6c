// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose turn it is: what an acceptor sends although its former exchange is not settled.
//!
//! Off unless configured. It only takes down what it sees, so that a test can read it in the
//! ledger; it must never refuse anything, or a host that does not keep the order would be helped.

use crate::books::{Books, Result};
use crate::ledger::Ledger;
use payhal_messages::gateway::{Acceptor, Wire};
use rusqlite::params;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an exchange is to its acceptor's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Waits for its turn; without a reply it is taken back.
    Payment,
    /// Waits for its turn; without a reply it is sent again, as often as that takes, so that nobody
    /// need wait for it.
    Forward,
    /// Goes before everybody; without a reply it is sent again first.
    Reversal,
}

/// What is watched, and what runs.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) in_flight: Option<u32>,
    pub(crate) reversal_before_next: bool,
    running: Mutex<Vec<(Acceptor, String)>>,
}

impl Turns {
    pub(crate) fn new(in_flight: Option<u32>, reversal_before_next: bool) -> Self {
        Self {
            in_flight,
            reversal_before_next,
            running: Mutex::default(),
        }
    }

    fn are_watched(&self) -> bool {
        self.in_flight.is_some() || self.reversal_before_next
    }

    /// An exchange begins. Its reply is owed until somebody is known to have heard it, unless it is
    /// sent again in any case.
    pub(crate) fn begin(&self, ledger: &Ledger, wire: &Wire, kind: Kind) -> Result<Turn<'_>> {
        let mut turn = Turn {
            turns: self,
            transaction_id: None,
        };
        if !self.are_watched() {
            return Ok(turn);
        }
        let mut running = self.running();
        ledger.write(|books| {
            if kind != Kind::Reversal {
                self.take_down_violations(books, wire, &running)?;
            }
            if kind == Kind::Forward {
                return Ok(());
            }
            books.run(
                "INSERT OR IGNORE INTO owed (transaction_id, merchant, terminal) \
                 VALUES (?1, ?2, ?3)",
                params![
                    wire.transaction_id,
                    wire.acceptor.merchant,
                    wire.acceptor.terminal
                ],
            )
        })?;
        if kind != Kind::Reversal {
            running.push((wire.acceptor.clone(), wire.transaction_id.clone()));
            turn.transaction_id = Some(wire.transaction_id.clone());
        }
        Ok(turn)
    }

    /// The fate of a transaction was heard.
    pub(crate) fn settle(&self, ledger: &Ledger, wire: &Wire) -> Result<()> {
        if !self.are_watched() {
            return Ok(());
        }
        ledger.write(|books| {
            books.run(
                "DELETE FROM owed WHERE transaction_id = ?1",
                [&wire.transaction_id],
            )
        })
    }

    fn take_down_violations(
        &self,
        books: &mut Books,
        wire: &Wire,
        running: &[(Acceptor, String)],
    ) -> Result<()> {
        let others: Vec<&str> = running
            .iter()
            .filter(|(acceptor, id)| *acceptor == wire.acceptor && *id != wire.transaction_id)
            .map(|(_, id)| id.as_str())
            .collect();
        let limit = self.in_flight.map(|limit| limit as usize);
        if let (Some(limit), Some(first)) = (limit, others.first())
            && others.len() >= limit
        {
            take_down(books, "in_flight", wire, first)?;
        }
        if !self.reversal_before_next {
            return Ok(());
        }
        let acceptor = &wire.acceptor;
        for owed in books.owed(&acceptor.merchant, &acceptor.terminal)? {
            if owed != wire.transaction_id && !others.contains(&owed.as_str()) {
                take_down(books, "reversal_owed", wire, &owed)?;
            }
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Vec<(Acceptor, String)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_down(books: &mut Books, kind: &str, wire: &Wire, other: &str) -> Result<()> {
    books.run(
        "INSERT INTO violation (kind, transaction_id, other, merchant, terminal) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            kind,
            wire.transaction_id,
            other,
            wire.acceptor.merchant,
            wire.acceptor.terminal
        ],
    )
}

/// An exchange in flight, until dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    transaction_id: Option<String>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ended) = self.transaction_id.take() else {
            return;
        };
        let mut running = self.turns.running();
        if let Some(place) = running.iter().position(|(_, id)| *id == ended) {
            running.swap_remove(place);
        }
    }
}
