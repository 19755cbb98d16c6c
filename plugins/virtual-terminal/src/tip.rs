// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the terminal adds: the cardholder's tip and a surcharge. Never beyond what the register
//! allows.

use crate::card::Step;
use crate::limits::{TIP_DIGITS_MAX, TIP_TIME};
use crate::screen::Screen;
use crate::state::{Shared, Waiting};
use payhal_messages::call::CardRefusal;
use payhal_messages::money::Purpose;
use payhal_messages::prompt::Stage;
use payhal_messages::terminal::Pay;
use payhal_plugin::Context;

/// What was added.
#[derive(Clone, Copy, Default)]
pub(crate) struct Added {
    pub(crate) tip_minor: Option<i64>,
    pub(crate) surcharge_minor: Option<i64>,
}

impl Added {
    pub(crate) fn sum(self) -> i64 {
        self.tip_minor.unwrap_or(0) + self.surcharge_minor.unwrap_or(0)
    }
}

/// How much the terminal may add.
pub(crate) fn room(request: &Pay) -> i64 {
    let adds = matches!(request.purpose, Purpose::Sale | Purpose::Authorize);
    let most = request.total_minor_max.filter(|_| adds);
    most.map_or(0, |most| {
        most.saturating_sub(request.amounts.total_minor).max(0)
    })
}

/// Asks for a tip, and adds tip and surcharge as far as there is room.
pub(crate) fn add(shared: &Shared, request: &Pay, context: &Context) -> Step<Added> {
    let room = room(request);
    let (tip, basis_points) = {
        let state = shared.lock();
        (state.tip, state.surcharge_basis_points)
    };
    let mut added = Added::default();
    if room == 0 {
        return Ok(Ok(added));
    }
    let asked_minor = match tip.ask {
        true => match ask(shared, room, context)? {
            Ok(minor) => minor,
            Err(why) => return Ok(Err(why)),
        },
        false => tip.tip_minor.min(room),
    };
    added.tip_minor = Some(asked_minor).filter(|minor| *minor > 0);
    // Hundredths of a percent, rounded down.
    let surcharge = request.amounts.total_minor.saturating_mul(basis_points) / 10_000;
    let surcharge = surcharge.min(room - asked_minor);
    added.surcharge_minor = Some(surcharge).filter(|minor| *minor > 0);
    Ok(Ok(added))
}

/// A tip from the keypad. Nothing and silence are none; more than there is room is asked again.
fn ask(shared: &Shared, room: i64, context: &Context) -> Step<i64> {
    let until = context.now() + TIP_TIME;
    let _waiting = shared.begin(Waiting::Keys);
    context.progress(Stage::Reading, "Tip?");
    let mut digits = String::new();
    if shared.auto.is_some() {
        shared.lock().press(b"#");
    }
    loop {
        shared.show(Screen::of(&["Tip?", &digits, "OK: #"]));
        let key = shared.wait(context, until, crate::state::State::take_key)?;
        match key {
            None => return Ok(Ok(0)),
            Some(b'*') => return Ok(Err(CardRefusal::CancelledOnDevice)),
            Some(b'#') => match digits.parse().unwrap_or(0) {
                minor if minor <= room => return Ok(Ok(minor)),
                _ => digits.clear(),
            },
            Some(b'<') => digits.clear(),
            Some(digit) if digits.len() < TIP_DIGITS_MAX => digits.push(char::from(digit)),
            Some(_) => {}
        }
    }
}
