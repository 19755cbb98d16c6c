// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card that is held between the commands of one payment, as far as a host may know it.
//!
//! Its number is masked by the pinpad, and once more here: a pinpad that forgets to mask must not
//! get anything past this file.

use crate::calendar::expiry_of;
use crate::commands::cex::Event;
use crate::commands::gcx::{CardBegun, CardKind};
use crate::commands::tables::Acquirer;
use crate::objects;
use payhal_card_data::{Expiry, Scheme, ServiceCode};
use payhal_messages::card::{CardFace, Entry};
use payhal_messages::money::{Amounts, Purpose};

/// Digits of a number that may be shown: in front, and at the end.
const SHOWN: (usize, usize) = (6, 4);

/// How long a card number is.
const DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// What is known of a card that was presented.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: CardKind,
    pub(crate) face: CardFace,
    pub(crate) expiry: Option<Expiry>,
    /// Of a stripe.
    pub(crate) service_code: Option<ServiceCode>,
    /// How its chip went before: 0 not at all, 1 it failed, 2 it has no application.
    pub(crate) chip_before: u8,
    /// Whose table record is in use.
    pub(crate) acquirer: Option<Acquirer>,
}

/// A card between `present` and `complete`.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) presentation_id: String,
    pub(crate) kind: CardKind,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) acquirer: Option<Acquirer>,
    /// What it was presented for.
    pub(crate) purpose: Purpose,
    pub(crate) amounts: Amounts,
    /// Whether its chip waits for the issuer's answer.
    pub(crate) answerable: bool,
}

impl Found {
    /// The card that GCX began with. `None`: nothing of it could be read.
    pub(crate) fn begun(card: &CardBegun) -> Option<Self> {
        let stripe = Stripe::of(card.track1.as_deref(), card.track2.as_deref());
        let number = card.pan.as_deref().and_then(masked);
        let number = number.or_else(|| stripe.as_ref().map(|stripe| stripe.number.clone()))?;
        let told = objects::in_clear(&card.objects).unwrap_or_default();
        let expiry = card.expiry.and_then(expiry_of);
        Some(Self {
            kind: card.kind,
            face: CardFace {
                scheme: Scheme::of_masked(&number).name().to_owned(),
                masked_pan: number,
                application: card.label.clone().filter(|label| !label.is_empty()),
                aid: told.get("84").cloned(),
                country: None,
                expiry: None,
            },
            expiry: expiry.or_else(|| stripe.as_ref().and_then(|stripe| stripe.expiry)),
            service_code: stripe.and_then(|stripe| stripe.service_code),
            chip_before: card.chip_before.unwrap_or(0),
            acquirer: card.applications.first().map(|used| used.acquirer),
        })
    }

    /// The card that CEX saw swiped. `None`: nothing of it could be read.
    pub(crate) fn swiped(event: &Event) -> Option<Self> {
        let Event::Swiped { track1, track2, .. } = event else {
            return None;
        };
        let stripe = Stripe::of(track1.as_deref(), track2.as_deref())?;
        Some(Self {
            kind: CardKind::Stripe,
            face: CardFace {
                scheme: Scheme::of_masked(&stripe.number).name().to_owned(),
                masked_pan: stripe.number,
                application: None,
                aid: None,
                country: None,
                expiry: None,
            },
            expiry: stripe.expiry,
            service_code: stripe.service_code,
            chip_before: 0,
            acquirer: None,
        })
    }

    pub(crate) fn entry(&self) -> Entry {
        entry_of(self.kind)
    }

    /// Whether a stripe says that there is a chip, which would be to be read.
    pub(crate) fn hides_chip(&self) -> bool {
        self.kind == CardKind::Stripe && self.service_code.is_some_and(ServiceCode::has_chip)
    }
}

impl Held {
    pub(crate) fn entry(&self) -> Entry {
        entry_of(self.kind)
    }

    /// Whether a kernel decides: of a chip, however it was read.
    pub(crate) fn is_chip(&self) -> bool {
        matches!(self.kind, CardKind::Chip | CardKind::Contactless)
    }
}

fn entry_of(kind: CardKind) -> Entry {
    match kind {
        CardKind::Stripe => Entry::Stripe,
        CardKind::Chip => Entry::Chip,
        CardKind::ContactlessStripe | CardKind::Contactless => Entry::Contactless,
    }
}

/// What may be seen of a stripe.
struct Stripe {
    number: String,
    expiry: Option<Expiry>,
    service_code: Option<ServiceCode>,
}

impl Stripe {
    /// Of tracks that were cut behind the service code: track 2, else track 1.
    fn of(track1: Option<&str>, track2: Option<&str>) -> Option<Self> {
        Self::of_track2(track2.unwrap_or_default())
            .or_else(|| Self::of_track1(track1.unwrap_or_default()))
    }

    fn of_track2(track: &str) -> Option<Self> {
        let (number, rest) = track.split_once('=')?;
        Self::with(number, rest)
    }

    fn of_track1(track: &str) -> Option<Self> {
        let mut fields = track.strip_prefix('B')?.splitn(3, '^');
        let number = fields.next()?;
        Self::with(number, fields.nth(1)?)
    }

    fn with(number: &str, rest: &str) -> Option<Self> {
        let pair = |from: usize| rest.get(from..from + 2)?.parse::<u8>().ok();
        let expiry = pair(0).zip(pair(2));
        let service_code = rest.get(4..7).map(str::as_bytes);
        Some(Self {
            number: masked(number)?,
            expiry: expiry.and_then(|(year, month)| Expiry::new(2_000 + u16::from(year), month)),
            service_code: service_code.and_then(ServiceCode::new),
        })
    }
}

/// First 6 and last 4 digits, whatever was masked before; spaces that some tracks have are none.
fn masked(number: &str) -> Option<String> {
    let symbols: Vec<char> = number.chars().filter(|symbol| *symbol != ' ').collect();
    let plain = |symbol: &char| symbol.is_ascii_digit() || *symbol == '*';
    if !DIGITS.contains(&symbols.len()) || !symbols.iter().all(plain) {
        return None;
    }
    let (front, end) = (SHOWN.0, symbols.len() - SHOWN.1);
    let shown = |(place, symbol): (usize, char)| match (front..end).contains(&place) {
        true => '*',
        false => symbol,
    };
    Some(symbols.into_iter().enumerate().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swiped(track1: Option<&str>, track2: Option<&str>) -> Option<Found> {
        Found::swiped(&Event::Swiped {
            track1: track1.map(str::to_owned),
            track2: track2.map(str::to_owned),
            track3: None,
        })
    }

    #[test]
    fn a_stripe_tells_what_may_be_seen() {
        let found = swiped(None, Some("411111******1111=4912201")).unwrap();
        assert_eq!(found.face.masked_pan, "411111******1111");
        assert_eq!(found.face.scheme, "visa");
        assert_eq!(found.expiry, Expiry::new(2049, 12));
        assert!(found.hides_chip());
        let found = swiped(Some("B3764 32**** *1006^JOE^2108100"), Some("")).unwrap();
        assert_eq!(found.face.masked_pan, "376432*****1006");
        assert_eq!(found.face.scheme, "amex");
        assert_eq!(found.expiry, Expiry::new(2021, 8));
        assert!(!found.hides_chip());
        assert!(swiped(None, None).is_none());
        assert!(swiped(None, Some("41=49")).is_none());
    }

    #[test]
    fn a_number_that_comes_unmasked_goes_no_further() {
        for number in ["4111111111111111", "411111**********", "411111******1111"] {
            let shown = masked(number).unwrap();
            assert_eq!(&shown[6..12], "******", "{shown}");
        }
        assert_eq!(masked("41111111111"), None);
        assert_eq!(masked("4111-1111-1111-1111"), None);
    }
}
