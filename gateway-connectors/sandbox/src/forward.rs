// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `forward`: a sale that its chip approved while nobody could be asked.
//!
//! Decided by the rules of `authorize`, over the chip's last cryptogram. A repeat gets the entry's
//! answer again.

use crate::authorize::take;
use crate::books::Result;
use crate::cryptogram::Expected;
use crate::ledger::Ledger;
use crate::opening::Opener;
use crate::rules;
use payhal_messages::card::Entry as ReadEntry;
use payhal_messages::gateway::{Answer, Authorize, CardSource, Forward};
use payhal_messages::money::Purpose;

/// An approval that was given without this gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offline {
    /// When, microseconds since 1970.
    pub(crate) at_micros: i64,
    /// What its cryptogram must be for.
    pub(crate) expected: Expected,
}

/// Carries out the command.
pub(crate) fn forward(
    ledger: &Ledger,
    opener: &Opener,
    currencies: &[String],
    request: &Forward,
) -> Result<Answer> {
    let expected = match request.card.entry {
        ReadEntry::Chip => Expected::Certificate,
        // One that was tapped is gone after its first cryptogram.
        ReadEntry::Contactless => Expected::Question,
        ReadEntry::Stripe | ReadEntry::Manual => return Ok(rules::rejected(&rules::NOT_OFFLINE)),
    };
    if request.purpose != Purpose::Sale {
        return Ok(rules::rejected(&rules::NOT_OFFLINE));
    }
    let offline = Offline {
        at_micros: request.accepted_at_micros,
        expected,
    };
    take(ledger, opener, currencies, &asked(request), Some(offline))
}

/// As an authorization, with what the chip said last over what it said first.
fn asked(request: &Forward) -> Authorize {
    let mut card = request.card.clone();
    card.tags.extend(request.tags.clone());
    Authorize {
        wire: request.wire.clone(),
        purpose: request.purpose,
        amounts: request.amounts.clone(),
        card: CardSource::Read(card),
        merchant_reference: request.merchant_reference.clone(),
        installments: None,
        voice_code: None,
        keep_card: false,
        dcc: None,
    }
}
