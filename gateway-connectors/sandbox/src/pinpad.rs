// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads of pinpads that encrypt each part by itself: opens them, and compares with the request what
//! can be compared.
//!
//! Such a reader binds its read to no amount. A chip does, by its cryptogram, over the objects that
//! are compared here; a stripe binds nothing, so that only its keys are spent once. What a pinpad
//! read as must never be believed beyond that.

use crate::opening::transaction_key;
use crate::rules::{self, Code};
use payhal_card_data::emv::currency_number;
use payhal_card_data::key_file::BaseKey;
use payhal_card_data::pinpad_read::{OpenedPinpadRead, PinpadRead, PinpadReadError};
use payhal_card_data::{CardNumber, DukptKey};
use payhal_messages::card::{Entry, Sealed};
use payhal_messages::gateway::{Authorize, ReadCard};
use payhal_messages::money::Purpose;

use crate::authorize::entry_mode;

/// EMV transaction type of money back.
const REFUND: &str = "20";

impl From<PinpadReadError> for Code {
    fn from(_: PinpadReadError) -> Self {
        rules::SEAL
    }
}

/// The card in a read, and every key it took, the one that names it first.
pub(crate) fn read(
    base: &BaseKey,
    read: &ReadCard,
) -> Result<(OpenedPinpadRead, Vec<(String, u32)>), Code> {
    let parts = PinpadRead::decode(&read.sealed.ciphertext)?;
    let named = parts.ksn().ok_or(rules::SEAL)?;
    if named.bytes() != read.sealed.ksn.as_slice() {
        return Err(rules::SEAL);
    }
    let mut serials = Vec::new();
    let opened = parts.open(entry_mode(read.entry), |ksn| {
        let (serial, key) = transaction_key(base, ksn.bytes())?;
        match ksn == &named {
            true => serials.insert(0, serial),
            false => serials.push(serial),
        }
        tdes(key)
    })?;
    Ok((opened, serials))
}

/// The number that was kept for a reversal.
pub(crate) fn number(base: &BaseKey, sealed: &Sealed) -> Result<CardNumber, Code> {
    let parts = PinpadRead::decode(&sealed.ciphertext)?;
    parts.open_number(|ksn| tdes(transaction_key(base, ksn.bytes())?.1))
}

/// Whether a chip was asked for what the gateway is asked for. The objects come in clear; whoever
/// alters one breaks the cryptogram.
pub(crate) fn is_for(request: &Authorize, read: &ReadCard) -> bool {
    match read.entry {
        Entry::Stripe => return true,
        Entry::Manual => return false,
        Entry::Chip | Entry::Contactless => {}
    }
    let amounts = &request.charged();
    let has = |tag: &str, value: &str| read.tags.get(tag).is_some_and(|found| found == value);
    let digits = |minor: i64| format!("{minor:012}");
    let Some(currency) = currency_number(&amounts.currency) else {
        return false;
    };
    has("9F02", &digits(amounts.total_minor))
        && has("9F03", &digits(amounts.cashback_minor.unwrap_or(0)))
        && has("5F2A", &format!("{currency:04}"))
        && has("9C", REFUND) == (request.purpose == Purpose::Refund)
}

fn tdes(key: DukptKey) -> Result<payhal_card_data::dukpt::tdes::TransactionKey, Code> {
    match key {
        DukptKey::Tdes(key) => Ok(key),
        DukptKey::Aes(_) => Err(rules::SEAL),
    }
}
