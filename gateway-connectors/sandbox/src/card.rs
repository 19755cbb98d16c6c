// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an authorization's card comes from: out of a seal, or behind a payment token.
//!
//! A token is a keyed hash of merchant and card number, so that the same card always has the same
//! token at one merchant and another one elsewhere. The number itself is never kept: behind a
//! token lies the name of a test card, or nothing but the mask.

use crate::authorize::{Recipient, entry_mode, sealed_purpose};
use crate::books::{Books, Result};
use crate::keys::letters;
use crate::rules::{self, Card, Code};
use payhal_card_data::{Associated, Inner, Pan, SCHEME, SEAL_VERSION, masked, open};
use payhal_card_data::{PrivateKey, test_card};
use payhal_messages::gateway::{Authorize, ReadCard};
use rusqlite::params;
use sha2::{Digest, Sha256};

/// A card as far as decisions go.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) card: Card,
    pub(crate) masked_pan: String,
    pub(crate) token: String,
}

/// The card out of a seal that is for this very request.
pub(crate) fn unsealed(
    recipient: &Recipient,
    request: &Authorize,
    read: &ReadCard,
) -> std::result::Result<Known, Code> {
    let inner = unseal(recipient, request, read)?;
    let secrets = &inner.secrets;
    let merchant = &request.wire.acceptor.merchant;
    Ok(Known {
        card: Card::presented(secrets),
        masked_pan: masked(&secrets.pan),
        token: token(&recipient.key, merchant, &secrets.pan),
    })
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

fn token(key: &PrivateKey, merchant: &str, pan: &Pan) -> String {
    let mut hash = Sha256::new();
    hash.update(b"sandbox payment token");
    hash.update(&*key.to_bytes());
    hash.update((merchant.len() as u64).to_be_bytes());
    hash.update(merchant);
    hash.update(pan.digits());
    format!("tok_{}", letters(&hash.finalize()[..16]))
}

/// Opens the seal and compares what lies inside with what is asked.
fn unseal(
    recipient: &Recipient,
    request: &Authorize,
    read: &ReadCard,
) -> std::result::Result<Inner, Code> {
    let sealed = &read.sealed;
    if sealed.scheme != SCHEME || sealed.key_id != recipient.key_id {
        return Err(rules::SEAL);
    }
    let associated = Associated {
        version: SEAL_VERSION,
        read_id: &read.read_id,
        transaction_id: &request.wire.transaction_id,
        device: &read.device,
        gateway: &recipient.gateway,
        key_id: &recipient.key_id,
    };
    let inner = open(
        &recipient.key,
        &associated,
        &sealed.encapsulated_key,
        &sealed.ciphertext,
    )
    .map_err(|_| rules::SEAL)?;
    match is_for(&inner, request, read) {
        true => Ok(inner),
        false => Err(rules::SEAL_AMOUNTS),
    }
}

fn is_for(inner: &Inner, request: &Authorize, read: &ReadCard) -> bool {
    let (used, asked) = (&inner.amounts, &request.amounts);
    Some(inner.purpose) == sealed_purpose(request.purpose)
        && inner.secrets.entry == entry_mode(read.entry)
        && used.currency == *asked.currency.as_bytes()
        && used.total_minor == asked.total_minor
        && used.tip_minor == asked.tip_minor
        && used.surcharge_minor == asked.surcharge_minor
        && used.cashback_minor == asked.cashback_minor
}
