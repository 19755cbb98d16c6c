// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `authorize_card`: verifies the cardholder, makes the cryptogram, seals the card.
//!
//! The only place where a card's secrets exist in clear, and only until they are sealed.

use crate::action::{At, Fault, mode_of};
use crate::chip::Chip;
use crate::config::Moment;
use crate::error::refusal;
use crate::pin::{Verified, verify};
use crate::reader::{Held, VirtualReader};
use crate::screen::Screen;
use crate::sealing::Read;
use crate::words::fresh_name;
use payhal_card_data::{Amounts, CardSecrets, Inner, Purpose};
use payhal_messages::call::CardRefusal;
use payhal_messages::card::{Entry, Sealed};
use payhal_messages::money;
use payhal_messages::reader::{AuthorizeCard, CardRead};
use payhal_plugin::{Context, Outcome, PluginError};

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
    // Before anybody is asked for a PIN.
    reader
        .sealing
        .check(&request.recipient, context.calendar())?;
    let verified = match verify(&reader.shared, &held, request.online_pin, context)? {
        Ok(verified) => verified,
        Err(refusal) => return Ok(Err(refusal)),
    };
    context.check_cancelled()?;
    if reader.held(&request.presentation_id).is_none() {
        return Ok(Err(refusal(CardRefusal::CardRemoved)));
    }
    if let Some(held) = &mut reader.held {
        // A card that came before anybody said what for.
        held.purpose = request.purpose;
    }
    reader.shared.show(Screen::of(&["", "Authorizing"]));
    let Verified { cvm, online_pin } = verified;
    reader.reads = reader.reads.wrapping_add(1);
    let chip = Chip::first(&held, request, cvm, reader.reads, context.calendar())?;
    let read_id = fresh_name().map_err(|_| PluginError::not_sent("draw random bytes"))?;
    let seals = reader.sealing.seal(&Read {
        read_id: &read_id,
        request,
        inner: &inner(&held, request)?,
        pin: online_pin.as_ref(),
    })?;
    let read = CardRead {
        number: seals.number,
        sealed: seals.read,
        read_id,
        entry: held.entry,
        cvm,
        completion_owed: held.entry == Entry::Chip,
        tags: chip.as_ref().map(Chip::tags).unwrap_or_default(),
    };
    reader.chip = chip;
    Ok(Ok(answer(reader, read)))
}

fn inner(held: &Held, request: &AuthorizeCard) -> Result<Inner, PluginError> {
    let Held { card, entry, .. } = held;
    Ok(Inner {
        purpose: purpose(request.purpose)?,
        amounts: amounts(&request.charged())?,
        secrets: CardSecrets {
            pan: card.pan(),
            expiry: card.expiry(),
            track1: (*entry == Entry::Stripe).then(|| card.track1()),
            track2: (*entry != Entry::Manual).then(|| card.track2()),
            entry: mode_of(*entry),
        },
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
            let tags = [("57".to_owned(), reader.shared.leaked().to_string())].into();
            CardRead { tags, ..read }
        }
        _ => read,
    }
}
