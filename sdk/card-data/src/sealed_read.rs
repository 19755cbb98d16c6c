// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a seal is bound to, and what lies inside it.
//!
//! Amounts lie inside with the card, so that a gateway can compare them with the request it gets.
//! What names the read lies in the associated data.

use crate::expiry::Expiry;
use crate::keys::{AesKey, TdesKey};
use crate::pan::Pan;
use crate::pin::{Pin, PinBlockError};
use crate::pin_block::EncryptedPinBlock;
use crate::secrets::CardSecrets;
use sha2::{Digest, Sha256};

/// Version of the two encodings.
pub const SEAL_VERSION: u8 = 1;

/// What a seal is bound to; both sides must name the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Associated<'a> {
    /// [`SEAL_VERSION`].
    pub version: u8,
    /// The read; a recipient spends each once.
    pub read_id: &'a str,
    /// The transaction.
    pub transaction_id: &'a str,
    /// The device instance.
    pub device: &'a str,
    /// The gateway instance.
    pub gateway: &'a str,
    /// The recipient's key.
    pub key_id: &'a str,
}

impl Associated<'_> {
    /// What the recipient must spend once: see [`ReplayToken`].
    pub fn replay_token(&self) -> ReplayToken {
        let mut hash = Sha256::new();
        for part in ["payhal read", self.device, self.read_id] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        ReplayToken(hash.finalize().into())
    }
}

/// Names one read of one device, whatever transaction it is sent with.
///
/// A recipient keeps the tokens it has seen, each with its transaction, under a unique index. A
/// token that comes again is refused, but for a repeat or the reversal of the same transaction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ReplayToken([u8; 32]);

impl ReplayToken {
    pub(crate) fn of(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// For the index.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What lies inside a seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inner {
    /// What the reader was told the card is for.
    pub purpose: Purpose,
    /// Amounts as the reader used them.
    pub amounts: Amounts,
    /// The card.
    pub secrets: CardSecrets,
}

impl Inner {
    /// In what the reader's purpose and amounts differ from those that are asked for. A recipient
    /// refuses every difference that it did not declare.
    pub fn differences(
        &self,
        purpose: Purpose,
        asked: &Amounts,
    ) -> impl Iterator<Item = Difference> {
        let used = &self.amounts;
        let compared = [
            (Difference::Purpose, self.purpose == purpose),
            (Difference::Currency, used.currency == asked.currency),
            (Difference::Total, used.total_minor == asked.total_minor),
            (Difference::Tip, used.tip_minor == asked.tip_minor),
            (
                Difference::Surcharge,
                used.surcharge_minor == asked.surcharge_minor,
            ),
            (
                Difference::Cashback,
                used.cashback_minor == asked.cashback_minor,
            ),
        ];
        let differ = compared.into_iter().filter(|(_, same)| !same);
        differ.map(|(difference, _)| difference)
    }
}

/// A field in which the reader's numbers and the request's differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Difference {
    /// What the card is for.
    Purpose,
    /// The currency.
    Currency,
    /// Everything included.
    Total,
    /// The tip.
    Tip,
    /// The surcharge.
    Surcharge,
    /// What is paid out.
    Cashback,
}

/// What the reader was told the card is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Goods or services.
    Sale,
    /// Money back.
    Refund,
    /// Hold now, capture later.
    Authorize,
    /// Check the card; no amount.
    Verify,
    /// What is left on the card; no amount.
    Balance,
    /// Pay out cash.
    CashAdvance,
}

/// Amounts as the reader used them, minor units.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amounts {
    /// ISO 4217 alphabetic code.
    pub currency: [u8; 3],
    /// Everything included.
    pub total_minor: i64,
    /// Of it, a tip.
    pub tip_minor: Option<i64>,
    /// Of it, a surcharge.
    pub surcharge_minor: Option<i64>,
    /// Of it, paid out.
    pub cashback_minor: Option<i64>,
}

/// A card's number and expiry alone: no track, no PIN block, so that its seal may be kept after the
/// authorization, for the reversal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CardNumber {
    /// The card number.
    pub pan: Pan,
    /// The expiry month.
    pub expiry: Expiry,
}

/// A seal that was opened.
#[derive(Debug)]
#[must_use = "a read that is not spent can be sent again"]
pub struct Opened {
    /// What lay inside.
    pub inner: Inner,
    /// To be spent before the card is used.
    pub replay: ReplayToken,
    pin: Option<(EncryptedPinBlock, PinKey)>,
}

/// The key of a PIN block.
#[derive(Debug)]
pub(crate) enum PinKey {
    Tdes(TdesKey),
    Aes(AesKey),
}

impl Opened {
    pub(crate) fn of(
        associated: &Associated<'_>,
        inner: Inner,
        pin: Option<(EncryptedPinBlock, PinKey)>,
    ) -> Self {
        Self {
            inner,
            replay: associated.replay_token(),
            pin,
        }
    }

    /// The PIN block, where the cardholder entered a PIN for the issuer.
    pub fn pin_block(&self) -> Option<&EncryptedPinBlock> {
        self.pin.as_ref().map(|(block, _)| block)
    }

    /// The PIN in that block. For who stands for the issuer.
    ///
    /// # Errors
    /// [`PinBlockError`].
    pub fn open_pin(&self) -> Option<Result<Pin, PinBlockError>> {
        let (block, key) = self.pin.as_ref()?;
        let pan = &self.inner.secrets.pan;
        Some(match key {
            PinKey::Tdes(key) => block.open_tdes(pan, key),
            PinKey::Aes(key) => block.open_aes(pan, key),
        })
    }
}
