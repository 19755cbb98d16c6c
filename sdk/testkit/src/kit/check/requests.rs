// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests of the check, as a host would make them: a sale of 12.50, and what belongs to it.
//!
//! Must never hold a card number in clear outside `payhal-card-data`, nor a key that is a secret.

use payhal_card_data::{
    AUTH_SCHEME, Amounts as SealedAmounts, Associated, Authority, CardSecrets, EntryMode, Inner,
    PrivateKey, Purpose as SealedPurpose, SEAL_VERSION, ValidTime, key_id, seal_from, test_card,
};
use payhal_messages::card::{Entry, Recipient, Sealed};
use payhal_messages::gateway::{CardSource, Parameters, ReadCard};
use payhal_messages::money::Amounts;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The sandbox's TEST authority; its key is published and no secret.
const AUTHORITY: &str = "payhal sandbox TEST authority";
const AUTHORITY_KEY: &[u8; 32] = b"payhal TEST authority, no secret";

/// The reader that a gateway believes to see. No secret either.
const DEVICE_KEY: [u8; 32] = [7; 32];

/// How long the certificate of the recipient is valid around now, in seconds.
const VALID_AROUND: u64 = 7 * 24 * 60 * 60;

/// What a sale costs, minor units.
pub(crate) const TOTAL_MINOR: i64 = 1250;

/// Amounts of a request.
pub(crate) fn amounts(currency: &str, total_minor: i64) -> Value {
    json!({ "currency": currency, "total_minor": total_minor })
}

/// A transaction's id: the same in each run, another for each number.
pub(crate) fn transaction(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// References of a transaction at a gateway.
pub(crate) fn wire(number: u32, reference: &str) -> Value {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = micros.map_or(0, |since| since.as_micros());
    json!({
        "transaction_id": transaction(number),
        "stan": number,
        "at_micros": i64::try_from(micros).unwrap_or_default(),
        "acceptor": { "merchant": "check-merchant", "terminal": "check-1" },
        "reference": reference,
    })
}

/// A recipient that a reader with the sandbox's anchor seals to.
pub(crate) fn recipient() -> Result<Recipient, String> {
    let failed = |what: &str| format!("make a recipient: {what}");
    let key = PrivateKey::from_bytes(&[9; 32]).map_err(|error| failed(&error.to_string()))?;
    let public_key = key.public_bytes();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| failed("the clock was never set"))?
        .as_secs();
    let valid = ValidTime {
        from: now.saturating_sub(VALID_AROUND),
        until: now + VALID_AROUND,
    };
    let authority = Authority::new(AUTHORITY, AUTHORITY_KEY);
    let certificate = authority
        .and_then(|authority| authority.issue("check", &public_key, valid))
        .map_err(|error| failed(&error.to_string()))?;
    Ok(Recipient {
        gateway: "check".to_owned(),
        key_id: key_id(&public_key),
        public_key,
        certificates: vec![certificate],
    })
}

/// A test card, sealed to a gateway as its parameters ask for.
pub(crate) fn card(
    parameters: &Parameters,
    number: u32,
    amounts: &Amounts,
    purpose: SealedPurpose,
) -> Result<CardSource, String> {
    let failed = |what: &str| format!("seal a test card to the gateway: {what}");
    let opens = &parameters.opens;
    if !opens.is_empty() && !opens.iter().any(|scheme| scheme == AUTH_SCHEME) {
        let text = "it opens other schemes only; put `card` into [requests.authorize]";
        return Err(failed(text));
    }
    let card = test_card("visa-approve").ok_or_else(|| failed("there is no test card"))?;
    let device = PrivateKey::from_bytes(&DEVICE_KEY).map_err(|error| failed(&error.to_string()))?;
    let (read_id, transaction_id) = (format!("read-{number}"), transaction(number));
    let recipient = &parameters.recipient;
    let associated = Associated {
        version: SEAL_VERSION,
        read_id: &read_id,
        transaction_id: &transaction_id,
        device: "reader-1",
        gateway: &recipient.gateway,
        key_id: &recipient.key_id,
    };
    let currency = amounts.currency.as_bytes().try_into();
    let inner = Inner {
        purpose,
        amounts: SealedAmounts {
            currency: currency.map_err(|_| failed("its currency has other than 3 letters"))?,
            total_minor: amounts.total_minor,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        },
        secrets: CardSecrets {
            pan: card.pan(),
            expiry: card.expiry(),
            track1: None,
            track2: None,
            entry: EntryMode::Manual,
        },
    };
    let (encapsulated_key, ciphertext) =
        seal_from(&device, &recipient.public_key, &associated, &inner, None)
            .map_err(|error| failed(&error.to_string()))?;
    Ok(CardSource::Read(ReadCard {
        device: "reader-1".to_owned(),
        entry: Entry::Manual,
        sealed: Sealed {
            scheme: AUTH_SCHEME.to_owned(),
            key_id: recipient.key_id.clone(),
            ksn: Vec::new(),
            sender_key: device.public_bytes(),
            encapsulated_key,
            ciphertext,
        },
        tags: std::collections::BTreeMap::new(),
        read_id,
    }))
}
