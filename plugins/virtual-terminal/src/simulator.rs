// SPDX-License-Identifier: MIT OR Apache-2.0
//! The person beside the terminal: carries out actions while calls run.
//!
//! It must never wait for a call to end; it waits only for one to begin to wait. No answer here
//! may hold more of a card than its mask.

use crate::action::{Action, At, Fault, FaultOrder, Offer, checked_surcharge, entry_of, name_of};
use crate::entry::Entry as Row;
use crate::fault;
use crate::limits::{ENTRIES_MAX, READ_WAIT_MS, READ_WAIT_MS_MAX};
use crate::pay;
use crate::state::{Shared, State, Waiting};
use payhal_card_data::{TestCard, masked, test_cards};
use payhal_messages::card::Entry;
use payhal_plugin::Simulated;
use serde_json::{Value, json};
use std::time::Duration;

/// How long somebody waits until the terminal waits for what they do.
const PATIENCE: Duration = Duration::from_millis(READ_WAIT_MS);

impl Simulated for Shared {
    fn simulate(&self, action: Value) -> Result<Value, String> {
        let action = Action::parse(action)?;
        if let Some((offer, entry)) = action.offer() {
            return self.offer(offer, entry);
        }
        match action {
            Action::Cards => {
                Ok(json!({ "cards": test_cards().iter().map(card_row).collect::<Vec<_>>() }))
            }
            Action::Keys { keys } => self.keys(keys.0.as_bytes()),
            Action::Select { index } => self.select(index),
            Action::Remove => self.remove(),
            Action::Fault(order) => self.fault(order.check()?),
            Action::Faults => Ok(self.faults()),
            Action::Unplug => {
                self.unplug();
                Ok(json!({ "unplugged": true }))
            }
            Action::Plug => Ok(json!({ "plugged": self.plug() })),
            Action::Screen => Ok(self.picture()),
            Action::Reset => Ok(json!({ "reset": true, "plugged": self.reset() })),
            other => self.set_or_tell(&other),
        }
    }
}

impl Shared {
    /// What changes the terminal's rules, and what tells its ledger.
    fn set_or_tell(&self, action: &Action) -> Result<Value, String> {
        let told = |error: crate::error::TerminalError| format!("failed to {error}");
        match action {
            Action::Tip(tip) => {
                self.lock().tip = tip.check()?;
                Ok(json!({ "tip": true }))
            }
            Action::Surcharge { basis_points } => {
                self.lock().surcharge_basis_points = checked_surcharge(*basis_points)?;
                Ok(json!({ "surcharge": true }))
            }
            Action::Offline(offline) => {
                self.lock().offline = *offline;
                Ok(json!({ "offline": offline.on }))
            }
            Action::Settle => {
                let settled = self.ledger.write(pay::settle_running).map_err(told)?;
                Ok(json!({ "settled": settled.map(|entry| entry.transaction_id) }))
            }
            Action::Ledger { since } => {
                let entries = self
                    .ledger
                    .read(|books| books.entries(*since, ENTRIES_MAX))
                    .map_err(told)?;
                Ok(json!({ "entries": entries.iter().map(shown).collect::<Vec<_>>() }))
            }
            Action::Totals => {
                let totals = self.ledger.read(|books| books.totals(None)).map_err(told)?;
                Ok(json!({ "totals": totals }))
            }
            _ => Err("nothing was done".to_owned()),
        }
    }

    fn offer(&self, offer: &Offer, entry: Entry) -> Result<Value, String> {
        let card = offer.test_card()?;
        let asked = offer.wait_ms.unwrap_or(READ_WAIT_MS).min(READ_WAIT_MS_MAX);
        self.when(Duration::from_millis(asked), |state| {
            state.offer(card, entry)
        })
        .unwrap_or_else(|| Err(self.nobody_waits("the terminal waits for no card")))?;
        self.wake();
        Ok(json!({ "read": true }))
    }

    fn keys(&self, keys: &[u8]) -> Result<Value, String> {
        if keys.is_empty() || !keys.iter().all(|key| b"0123456789#*<".contains(key)) {
            return Err("keys are digits, # for OK, * for cancel, < for clear".to_owned());
        }
        let press = |state: &mut State| {
            let wanted = match state.waiting {
                Waiting::Nothing => false,
                Waiting::Card | Waiting::Register => keys[0] == b'*',
                Waiting::Select(_) => keys[0] == b'*' || keys[0].is_ascii_digit(),
                Waiting::Keys => true,
            };
            wanted.then(|| state.press(keys))
        };
        match self.when(PATIENCE, press) {
            Some(true) => {
                self.wake();
                Ok(json!({ "keys": keys.len() }))
            }
            Some(false) => Err("too many keys are pressed already".to_owned()),
            None => Err(self.nobody_waits("nobody waits for keys")),
        }
    }

    fn select(&self, index: usize) -> Result<Value, String> {
        let choose = |state: &mut State| {
            let Waiting::Select(choices) = &state.waiting else {
                return None;
            };
            let known = index < choices.len();
            if known {
                state.chosen = Some(index);
            }
            Some(known)
        };
        match self.when(PATIENCE, choose) {
            Some(true) => {
                self.wake();
                Ok(json!({ "selected": index }))
            }
            Some(false) => Err("there is no such application".to_owned()),
            None => Err(self.nobody_waits("no application is to be chosen")),
        }
    }

    fn remove(&self) -> Result<Value, String> {
        if self.lock().placed.take().is_none() {
            return Err("no card is in the slot".to_owned());
        }
        self.wake();
        Ok(json!({ "removed": true }))
    }

    fn fault(&self, order: FaultOrder) -> Result<Value, String> {
        match (order.fault, order.at) {
            (Fault::Crash | Fault::Exit, At::Now) => fault::end(order.fault),
            (Fault::Print, At::Now) => fault::print(),
            (Fault::Unplug, At::Now) => self.unplug(),
            _ => {
                if !self.lock().plan(order) {
                    return Err("too many faults are planned already".to_owned());
                }
                self.wake();
            }
        }
        Ok(json!({ "fault": true }))
    }

    fn faults(&self) -> Value {
        let state = self.lock();
        json!({ "faults": state.planned(), "unplugged": state.unplugged })
    }

    fn picture(&self) -> Value {
        let screen = self.screen();
        let state = self.lock();
        let select = match &state.waiting {
            Waiting::Select(choices) => choices.clone(),
            _ => Vec::new(),
        };
        json!({
            "screen": { "lines": screen.lines() },
            "waiting": {
                "card": state.waiting == Waiting::Card,
                "keys": state.waiting == Waiting::Keys,
                "register": state.waiting == Waiting::Register,
                "select": select,
            },
            "card": state.placed.map(|placed| placed.card.name),
            "attached": !state.unplugged,
            "offline": state.offline.on,
        })
    }

    fn nobody_waits(&self, text: &str) -> String {
        match self.lock().unplugged {
            true => "the terminal is unplugged".to_owned(),
            false => text.to_owned(),
        }
    }
}

fn card_row(card: &TestCard) -> Value {
    let entries: Vec<_> = card
        .entries
        .iter()
        .map(|mode| name_of(entry_of(*mode)))
        .collect();
    json!({
        "name": card.name,
        "scheme": card.scheme().name(),
        "label": card.label,
        "masked": masked(&card.pan()),
        "behaviour": card.behaviour.name(),
        "entries": entries,
    })
}

fn shown(row: &Row) -> Value {
    json!({
        "seq": row.seq,
        "transaction_id": row.transaction_id,
        "reference": row.reference,
        "kind": row.kind.name(),
        "state": row.state.name(),
        "amount_minor": row.amount_minor,
        "requested_minor": row.requested_minor,
        "currency": row.currency,
        "tip_minor": row.answer.tip_minor,
        "surcharge_minor": row.answer.surcharge_minor,
        "response_code": row.answer.response_code,
        "approval_code": row.answer.approval_code,
        "original": row.original,
        "stan": row.stan,
        "batch": row.batch,
        "card": row.card,
        "masked_pan": row.answer.card.as_ref().map(|card| &card.masked_pan),
        "offline": row.answer.offline,
        "collection": row.collection.map(|collection| collection.name()),
        "at": row.at_micros,
    })
}
