// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leases and the cards that are told to their owners.

use super::answers::entry_out;
use super::rfc3339;
use payhal_engine::leases::{LeaseView, Presentation};
use payhal_protocol as p;

/// A card that was presented: its scheme and last four digits, and nothing else of it.
pub(in crate::server) fn card_presented(shown: &Presentation) -> p::leases::CardPresented {
    let masked = &shown.card.masked_pan;
    let tail = masked.len().checked_sub(4).and_then(|at| masked.get(at..));
    let last_four = tail.filter(|tail| tail.bytes().all(|byte| byte.is_ascii_digit()));
    p::leases::CardPresented {
        device: shown.device.to_string().into(),
        presentation_id: shown.presentation_id.to_string(),
        entry: entry_out(shown.entry),
        card: p::leases::PresentedCard {
            scheme: shown.card.scheme.to_string(),
            last_four: last_four.map(str::to_owned),
        },
        at: rfc3339(shown.at_micros),
        expires_at: rfc3339(shown.expires_at_micros),
    }
}

/// A lease as a list of devices has it. `told`: whether its owner is told.
pub(in crate::server) fn lease(lease: &LeaseView, told: bool) -> p::leases::LeaseView {
    p::leases::LeaseView {
        register_id: told.then(|| lease.owner.to_string().into()),
        watching: lease.watches,
        since: rfc3339(lease.since_micros),
        until: rfc3339(lease.until_micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_engine::card::{CardFace, Entry};

    #[test]
    fn a_presented_card_is_told_by_its_last_four_digits() {
        let told = |masked: &str| {
            let shown = Presentation {
                device: "r-1".into(),
                presentation_id: "p-1".into(),
                entry: Entry::Chip,
                card: CardFace {
                    masked_pan: masked.into(),
                    scheme: "visa".into(),
                    application: None,
                    aid: None,
                    country: None,
                    expiry: None,
                },
                at_micros: 0,
                expires_at_micros: 0,
            };
            card_presented(&shown).card.last_four
        };
        assert_eq!(told("411111******1111").as_deref(), Some("1111"));
        for masked in ["", "111", "************", "41111111111x"] {
            assert_eq!(told(masked), None, "{masked}");
        }
    }
}
