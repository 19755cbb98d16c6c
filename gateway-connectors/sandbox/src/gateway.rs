// SPDX-License-Identifier: MIT OR Apache-2.0
//! The far side: what connector and simulator share, and the requests that hang on their way.

use crate::authorize::authorize;
use crate::books::Result;
use crate::faults::Faults;
use crate::forward::forward;
use crate::ledger::Ledger;
use crate::limits::LATE_MAX;
use crate::modify::modify;
use crate::opening::Opener;
use crate::reverse::reverse;
use crate::simulator::simulate;
use crate::turns::Turns;
use payhal_messages::gateway::{Answer, Authorize, Forward, Modify, Reversal, Reverse, Wire};
use payhal_plugin::Simulated;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The simulated gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
    pub(crate) turns: Turns,
    pub(crate) opener: Opener,
    pub(crate) reversal_needs_number: bool,
    pub(crate) currencies: Vec<String>,
    /// Transactions whose request is on its way.
    pub(crate) underway: Mutex<HashSet<String>>,
    /// Requests that hang on their way until something lets them go.
    pub(crate) late: Mutex<Vec<Request>>,
}

/// A request that moves money.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Authorize(Box<Authorize>),
    Modify(Box<Modify>),
}

impl Request {
    fn transaction_id(&self) -> &str {
        match self {
            Self::Authorize(request) => &request.wire.transaction_id,
            Self::Modify(request) => &request.wire.transaction_id,
        }
    }
}

impl Gateway {
    /// Asks the issuer.
    pub(crate) fn authorize(&self, request: &Authorize) -> Result<Answer> {
        authorize(&self.ledger, &self.opener, &self.currencies, request)
    }

    /// Takes what was approved offline.
    pub(crate) fn forward(&self, request: &Forward) -> Result<Answer> {
        forward(&self.ledger, &self.opener, &self.currencies, request)
    }

    /// Reverses; a request that hung on its way arrives right behind.
    pub(crate) fn reverse(&self, request: &Reverse) -> Result<Reversal> {
        let needs_number = self.reversal_needs_number;
        let reversal = reverse(&self.ledger, &self.opener, needs_number, request)?;
        self.let_go(|id| id == request.wire.transaction_id)?;
        Ok(reversal)
    }

    /// Leaves a request on its way. With too many there it is lost.
    pub(crate) fn hang(&self, request: Request) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        if late.len() < LATE_MAX {
            late.push(request);
        }
    }

    /// Lets hanging requests arrive, and counts them. Nobody hears their answers.
    pub(crate) fn let_go(&self, chosen: impl Fn(&str) -> bool) -> Result<usize> {
        let arriving: Vec<Request> = {
            let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            late.extract_if(.., |request| chosen(request.transaction_id()))
                .collect()
        };
        for request in &arriving {
            match request {
                Request::Authorize(request) => self.authorize(request)?,
                Request::Modify(request) => modify(&self.ledger, request)?,
            };
        }
        Ok(arriving.len())
    }

    /// Whether a request of this transaction travels.
    pub(crate) fn carries(&self, wire: &Wire) -> bool {
        self.requests().contains(&wire.transaction_id)
    }

    fn requests(&self) -> MutexGuard<'_, HashSet<String>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulated for Gateway {
    fn simulate(&self, action: Value) -> std::result::Result<Value, String> {
        simulate(&self.ledger, &self.faults, &self.opener, action, || {
            self.let_go(|_| true)
                .map_err(|error| format!("failed to use the ledger: {error}"))
        })
    }
}

/// Marks a transaction as on its way, until dropped.
pub(crate) struct Underway<'a> {
    gateway: &'a Gateway,
    transaction_id: &'a str,
}

impl<'a> Underway<'a> {
    pub(crate) fn of(gateway: &'a Gateway, wire: &'a Wire) -> Self {
        gateway.requests().insert(wire.transaction_id.clone());
        Self {
            gateway,
            transaction_id: &wire.transaction_id,
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.gateway.requests().remove(self.transaction_id);
    }
}
