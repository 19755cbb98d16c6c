// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an authorization's card comes from: out of a seal, or behind a payment token.
//!
//! A token is a keyed hash of merchant and card number, so that the same card always has the same
//! token at one merchant and another one elsewhere. The number itself is never kept: behind a
//! token lies the name of a test card, or nothing but the mask.

use crate::authorize::{entry_mode, sealed_purpose};
use crate::books::{Books, Result};
use crate::cryptogram::{self, Checked, Expected};
use crate::currency;
use crate::keys::letters;
use crate::opening::{Manner, Opener, Unsealed};
use crate::pinpad;
use crate::rules::{Card, Code, PinCheck};
use payhal_card_data::{
    Amounts, Inner, Pan, ReplayToken, SecretBytes, TestCard, by_pan, masked, test_card,
};
use payhal_messages::gateway::{Authorize, ReadCard};
use rusqlite::params;
use sha2::{Digest, Sha256};

/// A card as far as decisions go.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) card: Card,
    pub(crate) masked_pan: String,
    pub(crate) token: String,
    /// Where it came out of a seal.
    pub(crate) read: Option<OpenedRead>,
}

/// What is left of a read when its card is erased.
#[derive(Debug)]
pub(crate) struct OpenedRead {
    pub(crate) replay: ReplayToken,
    pub(crate) manner: Manner,
    /// Whether the reader used it for what is asked.
    pub(crate) is_for_this: bool,
    pub(crate) cryptogram: Checked,
    /// Keyed hash of the card's number.
    pub(crate) card: String,
}

impl Known {
    /// Whether its chip's cryptogram was checked and is wrong.
    pub(crate) fn has_wrong_cryptogram(&self) -> bool {
        let read = self.read.as_ref();
        read.is_some_and(|read| matches!(read.cryptogram, Checked::Wrong))
    }
}

/// The card out of a seal.
pub(crate) fn unsealed(
    opener: &Opener,
    request: &Authorize,
    read: &ReadCard,
    expected: Expected,
) -> std::result::Result<Known, Code> {
    let (opened, manner) = opener.read(&request.wire.transaction_id, read)?;
    let secrets = opened.secrets();
    let card = by_pan(&secrets.pan);
    let total = request.charged().total_minor;
    Ok(Known {
        card: Card::presented(card, pin_check(&opened, card)),
        masked_pan: masked(&secrets.pan),
        token: token(
            opener.tokens(),
            &request.wire.acceptor.merchant,
            &secrets.pan,
        ),
        read: Some(OpenedRead {
            replay: opened.replay(),
            manner,
            is_for_this: currency::is_ours(opener.tokens(), request)
                && match opened.inner() {
                    Some(inner) => is_for(inner, request, read),
                    None => pinpad::is_for(request, read),
                },
            cryptogram: cryptogram::check(card, secrets.entry, &read.tags, total, expected),
            card: card_hash(opener.tokens(), &secrets.pan),
        }),
    })
}

/// Opens the PIN block where one came, and compares.
fn pin_check(opened: &Unsealed, card: Option<&TestCard>) -> PinCheck {
    match (opened.open_pin(), card.and_then(TestCard::pin)) {
        (None, _) => PinCheck::None,
        (Some(Err(_)), _) => PinCheck::Unreadable,
        // Nobody here knows the PINs of other cards.
        (Some(Ok(_)), None) => PinCheck::None,
        (Some(Ok(pin)), Some(own)) if pin == own => PinCheck::Right,
        (Some(Ok(_)), Some(_)) => PinCheck::Wrong,
    }
}

/// The card behind a token of this merchant.
pub(crate) fn behind(books: &Books, merchant: &str, token: &str) -> Result<Option<Known>> {
    books.row(
        "SELECT card, masked_pan FROM token WHERE token = ?1 AND merchant = ?2",
        [token, merchant],
        |row| {
            let name: Option<String> = row.get(0)?;
            Ok(Known {
                card: Card::on_file(name.and_then(|name| test_card(&name))),
                masked_pan: row.get(1)?,
                token: token.to_owned(),
                read: None,
            })
        },
    )
}

/// Keeps a card for its token; keeping it again changes nothing.
pub(crate) fn keep(books: &mut Books, merchant: &str, known: &Known) -> Result<()> {
    let card = known.card.known.map(|card| card.name);
    books.run(
        "INSERT OR IGNORE INTO token (token, merchant, card, masked_pan) VALUES (?1, ?2, ?3, ?4)",
        params![known.token, merchant, card, known.masked_pan],
    )
}

/// Forgets a token; one that is not known is forgotten already.
pub(crate) fn forget(books: &mut Books, merchant: &str, token: &str) -> Result<()> {
    books.run(
        "DELETE FROM token WHERE token = ?1 AND merchant = ?2",
        params![token, merchant],
    )
}

fn token(secret: &SecretBytes, merchant: &str, pan: &Pan) -> String {
    let mut hash = Sha256::new();
    hash.update(b"sandbox payment token");
    hash.update(secret.bytes());
    hash.update((merchant.len() as u64).to_be_bytes());
    hash.update(merchant);
    hash.update(pan.digits());
    format!("tok_{}", letters(&hash.finalize()[..16]))
}

/// Tells whether two numbers are one, to who has the secret and to nobody else.
pub(crate) fn card_hash(secret: &SecretBytes, pan: &Pan) -> String {
    let mut hash = Sha256::new();
    hash.update(b"sandbox card number");
    hash.update(secret.bytes());
    hash.update(pan.digits());
    letters(&hash.finalize()[..16])
}

/// This gateway declares no differences: what the reader used is what is asked, to the last field.
fn is_for(inner: &Inner, request: &Authorize, read: &ReadCard) -> bool {
    let asked = &request.charged();
    let (Some(purpose), Ok(currency)) = (
        sealed_purpose(request.purpose),
        asked.currency.as_bytes().try_into(),
    ) else {
        return false;
    };
    let asked = Amounts {
        currency,
        total_minor: asked.total_minor,
        tip_minor: asked.tip_minor,
        surcharge_minor: asked.surcharge_minor,
        cashback_minor: asked.cashback_minor,
    };
    inner.differences(purpose, &asked).next().is_none()
        && inner.secrets.entry == entry_mode(read.entry)
}
