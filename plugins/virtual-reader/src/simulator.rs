// SPDX-License-Identifier: MIT OR Apache-2.0
//! The person beside the reader: carries out actions while calls run.
//!
//! It must never wait for a call to end; it waits only for one to begin to wait.

use crate::action::{Action, At, Fault, FaultOrder, Offer, entry_of};
use crate::config::Moment;
use crate::fault;
use crate::limits::{DELAY_MS_MAX, READ_WAIT_MS, READ_WAIT_MS_MAX};
use crate::other_card::{OTHER_CARDS, OtherCard, other_card};
use crate::screen::Screen;
use crate::state::{Shared, State, Waiting, name_of};
use payhal_card_data::{TestCard, masked, test_cards};
use payhal_messages::apdu::hex;
use payhal_messages::card::Entry;
use payhal_plugin::Simulated;
use serde_json::{Value, json};
use std::time::Duration;

/// How long somebody waits until the reader waits for what they do.
type Patience = Duration;

impl Simulated for Shared {
    fn simulate(&self, action: Value) -> Result<Value, String> {
        self.act(Action::parse(action)?, None)
    }
}

impl Shared {
    /// Does what the script or the automatic card does at this moment.
    pub(crate) fn play(&self, moment: Moment) {
        if let Some((card, entry)) = self.auto() {
            self.play_card(moment, card, entry);
        }
        while let Some(step) = self.next_step(moment) {
            // A fault or a tip goes with the step that follows it.
            let last = !matches!(step, Action::Fault(_) | Action::Tip { .. });
            if let Err(why) = self.act(step, Some(Duration::ZERO)) {
                self.warn(&format!("a step of the script was not possible: {why}"));
            }
            if last {
                return;
            }
        }
    }

    fn play_card(&self, moment: Moment, card: &'static TestCard, entry: Entry) {
        let mut state = self.lock();
        match moment {
            // What cannot be shown now is refused by whoever waits.
            Moment::Present => drop(state.offer(card, entry)),
            Moment::Select => state.chosen = Some(0),
            Moment::Pin => {
                if let Some(pin) = card.pin() {
                    state.press(pin.digits());
                }
                state.press(b"#");
            }
            Moment::AuthorizeCard | Moment::Complete => {}
        }
    }

    fn act(&self, action: Action, patience: Option<Patience>) -> Result<Value, String> {
        if let Some((offer, entry)) = action.offer() {
            return self.offer(offer, entry, patience);
        }
        let patience = patience.unwrap_or(Duration::from_millis(READ_WAIT_MS));
        match action {
            Action::Cards => {
                let others = OTHER_CARDS.iter().map(other_row).collect::<Vec<_>>();
                let cards = test_cards().iter().map(row).collect::<Vec<_>>();
                Ok(json!({ "cards": cards, "others": others }))
            }
            Action::Keys { keys } => self.keys(keys.0.as_bytes(), patience),
            Action::Pin { wrong } => self.pin(wrong, patience),
            Action::Tip { minor, choice } => self.tip(minor, choice, patience),
            Action::Select { index } => self.select(index, patience),
            Action::Remove => self.remove(),
            Action::Fault(order) => self.fault(&order),
            Action::Plug => Ok(json!({ "plugged": self.plug() })),
            Action::Screen => Ok(self.picture()),
            Action::Reset => {
                let was_out = self.plug();
                let idle = self.lock().reset();
                if idle {
                    self.show(Screen::idle());
                }
                Ok(json!({ "reset": true, "plugged": was_out }))
            }
            Action::Tap(_) | Action::Insert(_) | Action::Swipe(_) | Action::KeyIn(_) => {
                Err("a card was not shown".to_owned())
            }
        }
    }

    fn offer(
        &self,
        offer: &Offer,
        entry: Entry,
        patience: Option<Patience>,
    ) -> Result<Value, String> {
        if let Some(card) = other_card(&offer.card) {
            return self.offer_other(card, offer, patience);
        }
        let card = offer.test_card()?;
        let asked = offer.wait_ms.unwrap_or(READ_WAIT_MS).min(READ_WAIT_MS_MAX);
        let patience = patience.unwrap_or(Duration::from_millis(asked));
        self.when(patience, |state| state.offer(card, entry))
            .unwrap_or_else(|| Err(self.nobody_waits("no read is running")))?;
        self.wake();
        Ok(json!({ "read": true }))
    }

    /// Shows a card that does not pay.
    fn offer_other(
        &self,
        card: &'static OtherCard,
        offer: &Offer,
        patience: Option<Patience>,
    ) -> Result<Value, String> {
        let asked = offer.wait_ms.unwrap_or(READ_WAIT_MS).min(READ_WAIT_MS_MAX);
        let patience = patience.unwrap_or(Duration::from_millis(asked));
        let show = |state: &mut State| match state.waiting {
            Waiting::OtherCard if !state.unplugged && state.other.is_none() => {
                state.other = Some(card);
                Some(Ok(()))
            }
            Waiting::Card(_) => Some(Err("this card does not pay".to_owned())),
            _ => None,
        };
        self.when(patience, show)
            .unwrap_or_else(|| Err(self.nobody_waits("nobody waits for such a card")))?;
        self.wake();
        Ok(json!({ "read": true }))
    }

    fn keys(&self, keys: &[u8], patience: Patience) -> Result<Value, String> {
        if keys.is_empty() || !keys.iter().all(|key| b"0123456789#*<".contains(key)) {
            return Err("keys are digits, # for OK, * for cancel, < for clear".to_owned());
        }
        let press = |state: &mut State| {
            let wanted = match state.waiting {
                Waiting::Nothing => false,
                // More than one digit is a PIN that comes too early, not a tip.
                Waiting::Card(_) => {
                    let chooses = state
                        .tip
                        .as_ref()
                        .is_some_and(|tip| !tip.choices.is_empty());
                    keys[0] == b'*' || (chooses && keys.len() == 1 && keys[0].is_ascii_digit())
                }
                Waiting::OtherCard => keys[0] == b'*',
                Waiting::Select(_) => keys[0] == b'*' || keys[0].is_ascii_digit(),
                Waiting::Keys => true,
            };
            wanted.then(|| state.press(keys))
        };
        match self.when(patience, press) {
            Some(true) => {
                self.wake();
                Ok(json!({ "keys": keys.len() }))
            }
            Some(false) => Err("too many keys are pressed already".to_owned()),
            None => Err(self.nobody_waits("nobody waits for keys")),
        }
    }

    fn pin(&self, wrong: bool, patience: Patience) -> Result<Value, String> {
        let press = |state: &mut State| {
            let placed = state.placed.filter(|_| state.waiting == Waiting::Keys)?;
            let pressed = placed.card.pin().map(|pin| {
                let digits: &[u8] = if wrong { b"0000" } else { pin.digits() };
                state.press(digits) && state.press(b"#")
            });
            Some(pressed)
        };
        match self.when(patience, press) {
            Some(Some(true)) => {
                self.wake();
                Ok(json!({ "pin": true }))
            }
            Some(Some(false)) => Err("too many keys are pressed already".to_owned()),
            Some(None) => Err("this card has no PIN".to_owned()),
            None => Err(self.nobody_waits("nobody waits for a PIN")),
        }
    }

    fn tip(
        &self,
        minor: Option<i64>,
        choice: Option<usize>,
        patience: Patience,
    ) -> Result<Value, String> {
        let choose = |state: &mut State| {
            let waits = matches!(state.waiting, Waiting::Card(_));
            let tip = state.tip.as_mut().filter(|_| waits)?;
            let wanted = minor.or_else(|| tip.offered(choice?));
            let minor = wanted.filter(|minor| tip.choose(*minor));
            Some(minor.map(|minor| (minor, tip.screen())))
        };
        match self.when(patience, choose) {
            Some(Some((minor, screen))) => {
                self.show(screen);
                Ok(json!({ "tip": minor }))
            }
            Some(None) => Err("the reader does not offer this tip".to_owned()),
            None => Err(self.nobody_waits("the reader asks for no tip")),
        }
    }

    fn select(&self, index: usize, patience: Patience) -> Result<Value, String> {
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
        match self.when(patience, choose) {
            Some(true) => {
                self.wake();
                Ok(json!({ "selected": index }))
            }
            Some(false) => Err("there is no such application".to_owned()),
            None => Err(self.nobody_waits("no application is to be chosen")),
        }
    }

    fn remove(&self) -> Result<Value, String> {
        let (removed, idle) = {
            let mut state = self.lock();
            (state.placed.take(), state.waiting == Waiting::Nothing)
        };
        if removed.is_none() {
            return Err("no card is in the slot".to_owned());
        }
        self.wake();
        if idle {
            self.show(Screen::idle());
        }
        Ok(json!({ "removed": true }))
    }

    fn fault(&self, order: &FaultOrder) -> Result<Value, String> {
        match (order.fault, order.at) {
            (Fault::Crash | Fault::Exit, At::Now) => fault::end(order.fault),
            (Fault::Print, At::Now) => fault::print(self),
            (Fault::Unplug, At::Now) => self.unplug(),
            _ => {
                let delay = Duration::from_millis(order.delay_ms.min(DELAY_MS_MAX));
                if !self.lock().plan(order.fault, order.at, order.count, delay) {
                    return Err("too many faults are planned already".to_owned());
                }
                self.wake();
            }
        }
        Ok(json!({ "fault": true }))
    }

    fn picture(&self) -> Value {
        let screen = self.screen();
        let state = self.lock();
        let (mut card, mut select) = (Vec::new(), Vec::new());
        match &state.waiting {
            Waiting::Card(entries) => card = entries.iter().map(|e| name_of(*e)).collect(),
            Waiting::Select(choices) => select.clone_from(choices),
            Waiting::OtherCard => card.push("other"),
            Waiting::Keys | Waiting::Nothing => {}
        }
        json!({
            "screen": { "lines": screen.lines() },
            "waiting": {
                "card": card,
                "keys": state.waiting == Waiting::Keys,
                "select": select,
                "tip": state.tip.as_ref().map(|tip| tip.minor_max),
                "tip_choices": state.tip.as_ref().map(|tip| &tip.choices),
            },
            "card": state.placed.map(|placed| placed.card.name),
            "attached": !state.unplugged,
        })
    }

    fn nobody_waits(&self, text: &str) -> String {
        match self.lock().unplugged {
            true => "the reader is unplugged".to_owned(),
            false => text.to_owned(),
        }
    }
}

fn other_row(card: &OtherCard) -> Value {
    json!({ "name": card.name, "label": card.label, "aid": hex(&card.aid) })
}

fn row(card: &TestCard) -> Value {
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
