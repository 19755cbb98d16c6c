// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tip: asked for while the reader waits for a card, until that is shown.
//!
//! Never more than the register allowed, and none where nobody chose one.

use crate::screen::Screen;
use crate::words::{headline, parts};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::reader::Present;

/// A tip that is asked for.
#[derive(Clone)]
pub(crate) struct Tip {
    /// The most that can be chosen, minor units.
    pub(crate) minor_max: i64,
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

    /// The tip, where there is one.
    pub(crate) fn chosen(&self) -> Option<i64> {
        self.chosen.filter(|minor| *minor > 0)
    }

    /// What the display shows now.
    pub(crate) fn screen(&self) -> Screen {
        let mut amounts = self.amounts.clone();
        amounts.tip_minor = self.chosen();
        amounts.total_minor += self.chosen().unwrap_or(0);
        let below = if self.chosen.is_some() { "" } else { "Tip?" };
        waiting(self.purpose, &amounts, below)
    }
}

/// The display while the reader waits for a card.
pub(crate) fn waiting(purpose: Purpose, amounts: &Amounts, below: &str) -> Screen {
    let (headline, parts) = (headline(purpose, amounts), parts(amounts));
    Screen::of(&[headline.as_str(), &parts, "Present card", below])
}
