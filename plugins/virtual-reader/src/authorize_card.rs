// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize_card`: verifies the cardholder, makes the cryptogram, seals the card.
//!
//! The only place where a card's secrets exist in clear, and only until they are sealed.

use crate::action::{At, Fault, mode_of};
use crate::config::Moment;
use crate::error::refusal;
use crate::fault::leaked;
use crate::pin::{Verified, verify};
use crate::reader::{Held, VirtualReader};
use crate::screen::Screen;
use crate::words::{cryptogram, fresh_name, transaction_type};
use payhal_card_data::{
    Amounts, Associated, CardSecrets, Inner, PinBlock, Purpose, SCHEME, SEAL_VERSION, seal,
};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{Cvm, Entry, Sealed};
use payhal_messages::money;
use payhal_messages::reader::{AuthorizeCard, CardRead};
use payhal_plugin::{Context, Outcome, PluginError};
use std::collections::BTreeMap;

pub(crate) fn authorize_card(
    reader: &mut VirtualReader,
    request: &AuthorizeCard,
    context: &Context,
) -> Outcome<CardRead> {
    reader.shared.play(Moment::AuthorizeCard);
    reader.shared.enter(At::AuthorizeCard, context)?;
    let Some(held) = reader.held(&request.presentation_id) else {
        return Ok(Err(refusal(CardRefusal::CardRemoved)));
    };
    let verified = match verify(&reader.shared, &held, request.online_pin, context)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal)),
    };
    context.check_cancelled()?;
    if reader.held(&request.presentation_id).is_none() {
        return Ok(Err(refusal(CardRefusal::CardRemoved)));
    }
    reader.shared.show(Screen::of(&["", "Authorizing"]));
    let Verified { cvm, online_pin } = verified;
    reader.reads = reader.reads.wrapping_add(1);
    let tags = tags(&held, request, cvm, reader.reads)?;
    let read_id = fresh_name().map_err(|_| PluginError::not_sent("draw random bytes"))?;
    let read = CardRead {
        number: None,
        sealed: sealed(&held, request, online_pin, &read_id)?,
        read_id,
        entry: held.entry,
        cvm,
        completion_owed: held.entry == Entry::Chip,
        tags,
    };
    Ok(Ok(answer(reader, read)))
}

fn sealed(
    held: &Held,
    request: &AuthorizeCard,
    online_pin: Option<PinBlock>,
    read_id: &str,
) -> Result<Sealed, PluginError> {
    let recipient = &request.recipient;
    let associated = Associated {
        version: SEAL_VERSION,
        read_id,
        transaction_id: &request.transaction_id,
        device: &request.device,
        gateway: &recipient.gateway,
        key_id: &recipient.key_id,
    };
    let inner = Inner {
        purpose: purpose(request.purpose)?,
        amounts: amounts(&request.amounts)?,
        secrets: CardSecrets {
            pan: held.card.pan(),
            expiry: held.card.expiry(),
            track1: None,
            track2: (held.entry != Entry::Manual).then(|| held.card.track2()),
            online_pin,
            entry: mode_of(held.entry),
        },
    };
    let (encapsulated_key, ciphertext) = seal(&recipient.public_key, &associated, &inner)
        .map_err(|why| PluginError::not_sent(format!("seal the card: {why}")))?;
    Ok(Sealed {
        ksn: Vec::new(),
        sender_key: Vec::new(),
        scheme: SCHEME.to_owned(),
        key_id: recipient.key_id.clone(),
        encapsulated_key,
        ciphertext,
    })
}

fn purpose(purpose: money::Purpose) -> Result<Purpose, PluginError> {
    Ok(match purpose {
        money::Purpose::Sale => Purpose::Sale,
        money::Purpose::Refund => Purpose::Refund,
        money::Purpose::Authorize => Purpose::Authorize,
        money::Purpose::Verify => Purpose::Verify,
        money::Purpose::Balance => Purpose::Balance,
        money::Purpose::CashAdvance => Purpose::CashAdvance,
        // Nobody presents a card for these: they change what was authorized before.
        money::Purpose::Capture | money::Purpose::Adjust => return Err(PluginError::Unsupported),
    })
}

fn amounts(amounts: &money::Amounts) -> Result<Amounts, PluginError> {
    let currency = <[u8; 3]>::try_from(amounts.currency.as_bytes())
        .map_err(|_| PluginError::not_sent("use the currency: it has no three letters"))?;
    Ok(Amounts {
        currency,
        total_minor: amounts.total_minor,
        tip_minor: amounts.tip_minor,
        surcharge_minor: amounts.surcharge_minor,
        cashback_minor: amounts.cashback_minor,
    })
}

/// What a kernel tells the issuer in clear; only chips have a kernel.
fn tags(
    held: &Held,
    request: &AuthorizeCard,
    cvm: Cvm,
    counter: u16,
) -> Result<BTreeMap<String, String>, PluginError> {
    let Some((_, aid)) = held.application else {
        return Ok(BTreeMap::new());
    };
    let cryptogram = cryptogram().map_err(|_| PluginError::not_sent("draw a cryptogram"))?;
    // EMV Book 3, annex C3 and section 10.5: method, condition, result.
    let cvm_results = match cvm {
        Cvm::OnlinePin => "020300",
        Cvm::OfflinePin => "010302",
        Cvm::Signature => "1E0300",
        Cvm::None | Cvm::OnDevice => "1F0302",
    };
    let kind = transaction_type(request.purpose, &request.amounts);
    let cash = request.amounts.cashback_minor.map(twelve_digits);
    let tags = [
        ("82", "3900".to_owned()),
        ("84", aid.to_owned()),
        ("95", "0000000000".to_owned()),
        ("9C", kind.to_owned()),
        ("9F02", twelve_digits(request.amounts.total_minor)),
        ("9F26", cryptogram),
        ("9F27", "80".to_owned()),
        ("9F34", cvm_results.to_owned()),
        ("9F36", format!("{counter:04X}")),
    ];
    let cash = cash.map(|cash| ("9F03", cash));
    let tags = tags.into_iter().chain(cash);
    Ok(tags.map(|(tag, value)| (tag.to_owned(), value)).collect())
}

fn twelve_digits(minor: i64) -> String {
    format!("{:012}", minor.clamp(0, 999_999_999_999))
}

/// The answer, as it should be or as a fault wants it.
fn answer(reader: &mut VirtualReader, read: CardRead) -> CardRead {
    let spoil = reader.shared.take_spoil();
    if let (Some(Fault::Duplicate), Some(former)) = (spoil, &reader.former.read) {
        return former.clone();
    }
    reader.former.read = Some(read.clone());
    match spoil {
        Some(Fault::Garble) => CardRead {
            read_id: String::new(),
            sealed: Sealed {
                ksn: Vec::new(),
                sender_key: Vec::new(),
                scheme: "\u{fffd}".to_owned(),
                key_id: String::new(),
                encapsulated_key: vec![0xFF; 7],
                ciphertext: Vec::new(),
            },
            tags: [("ZZ".to_owned(), "not hex".to_owned())].into(),
            ..read
        },
        Some(Fault::Leak) => {
            let tags = [("57".to_owned(), leaked().to_string())].into();
            CardRead { tags, ..read }
        }
        _ => read,
    }
}
