// SPDX-License-Identifier: MIT OR Apache-2.0
//! What card and reader approve between them, where nobody can ask the issuer (EMV Book 3, 10.6.1
//! and 10.7).

use crate::reader::Held;
use payhal_card_data::Verification;
use payhal_messages::card::Entry;
use payhal_messages::emv::{ActionCodes, EmvApplication};
use payhal_messages::money::Purpose;

/// Of the terminal verification results, byte 4: the amount exceeds the floor limit.
const FLOOR_LIMIT_EXCEEDED: u8 = 0x80;

/// Where byte 4 stands in the hex of an action code.
const BYTE_4: std::ops::Range<usize> = 6..8;

/// What the reader's own rules say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Alone {
    /// Whether the approval is asked for, and given.
    pub(crate) approved: bool,
    /// Whether the amount exceeds the floor limit.
    pub(crate) over_floor_limit: bool,
}

impl Alone {
    /// What becomes of this amount on this card. `set`: what the gateway's parameters say about the
    /// application; without, the reader has no limits of its own, and the card alone decides.
    pub(crate) fn decide(held: &Held, total_minor: i64, set: Option<&EmvApplication>) -> Self {
        let (floor_limit_minor, codes) = match set {
            None => (u64::MAX, None),
            Some(set) if held.entry == Entry::Contactless => {
                let contactless = set.contactless.as_ref();
                let codes = contactless.and_then(|limits| limits.tac.as_ref());
                let floor = contactless.map_or(0, |limits| limits.floor_limit_minor);
                (floor, codes.or(set.tac.as_ref()))
            }
            Some(set) => (set.floor_limit_minor, set.tac.as_ref()),
        };
        let over = u64::try_from(total_minor).is_ok_and(|total| total > floor_limit_minor);
        let refused = over && codes.is_none_or(declines_over_floor_limit);
        Self {
            approved: !refused && card_approves(held, total_minor),
            over_floor_limit: over,
        }
    }

    /// Byte 4 of the terminal verification results.
    pub(crate) fn results(self) -> u8 {
        match self.over_floor_limit {
            true => FLOOR_LIMIT_EXCEEDED,
            false => 0,
        }
    }
}

fn card_approves(held: &Held, total_minor: i64) -> bool {
    let card = held.card;
    // Who owes a PIN that only the issuer could check has not been verified.
    let verified = card.verification != Verification::OnlinePin;
    held.purpose == Purpose::Sale && verified && total_minor <= card.offline_max_minor
}

/// Whether the action codes decline what exceeds the floor limit when nobody can be asked.
fn declines_over_floor_limit(codes: &ActionCodes) -> bool {
    let byte = codes.default.get(BYTE_4);
    let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_none_or(|byte| byte & FLOOR_LIMIT_EXCEEDED != 0)
}
