// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tip: asked for while the reader waits for a card, until that is shown.
//!
//! Never more than the register allowed, and none where nobody chose one.

use crate::screen::Screen;
use crate::words::{headline, parts};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::reader::{Present, TipChoice};

/// A tip that is asked for.
#[derive(Clone)]
pub(crate) struct Tip {
    /// The most that can be chosen, minor units.
    pub(crate) minor_max: i64,
    /// What is offered by a key each.
    pub(crate) choices: Vec<TipChoice>,
    chosen: Option<i64>,
    purpose: Purpose,
    amounts: Amounts,
}

impl Tip {
    /// `None` where the register asks for none, or leaves no room for one.
    pub(crate) fn asked(request: &Present) -> Option<Self> {
        let Amounts {
            total_minor,
            tip_minor: None,
            ..
        } = request.amounts
        else {
            return None;
        };
        let minor_max = request.total_minor_max?.checked_sub(total_minor)?;
        (minor_max > 0).then(|| Self {
            minor_max,
            choices: request.tip_choices.clone(),
            chosen: None,
            purpose: request.purpose,
            amounts: request.amounts.clone(),
        })
    }

    /// Takes the customer's choice, zero for none; false where it is not offered.
    pub(crate) fn choose(&mut self, minor: i64) -> bool {
        let offered = (0..=self.minor_max).contains(&minor);
        if offered {
            self.chosen = Some(minor);
        }
        offered
    }

    /// The tip of a place in the list, from 1.
    pub(crate) fn offered(&self, place: usize) -> Option<i64> {
        let choice = self.choices.get(place.checked_sub(1)?)?;
        Some(choice.minor)
    }

    /// Takes a key of the keypad; the display then, where it is one of a choice.
    pub(crate) fn press(&mut self, key: u8) -> Option<Screen> {
        let place = key.checked_sub(b'0').map(usize::from)?;
        let minor = self.offered(place)?;
        self.choose(minor).then(|| self.screen())
    }

    /// The tip, where there is one.
    pub(crate) fn chosen(&self) -> Option<i64> {
        self.chosen.filter(|minor| *minor > 0)
    }

    /// What the display shows now.
    pub(crate) fn screen(&self) -> Screen {
        let mut amounts = self.amounts.clone();
        amounts.tip_minor = self.chosen();
        amounts.total_minor += self.chosen().unwrap_or(0);
        let below = if self.chosen.is_some() {
            String::new()
        } else {
            self.question()
        };
        waiting(self.purpose, &amounts, &below)
    }

    fn question(&self) -> String {
        let choices = self.choices.iter().enumerate();
        let keys = choices.map(|(place, choice)| format!(" {}={}", place + 1, choice.label));
        std::iter::once("Tip?".to_owned()).chain(keys).collect()
    }
}

/// The display while the reader waits for a card.
pub(crate) fn waiting(purpose: Purpose, amounts: &Amounts, below: &str) -> Screen {
    let (headline, parts) = (headline(purpose, amounts), parts(amounts));
    Screen::of(&[headline.as_str(), &parts, "Present card", below])
}
