// SPDX-License-Identifier: MIT OR Apache-2.0
//! READ: PIN, cryptogram, and the card, encrypted by the device under a key that this library does
//! not have.

use crate::error::{not_understood, refusal_in, refuse};
use crate::identify::keys_of;
use crate::reader::{BeeperReader, Held, Keys};
use crate::wire::{Cancel, Line};
use payhal_plugin::messages::call::CardRefusal;
use payhal_plugin::messages::card::{Cvm, Sealed};
use payhal_plugin::messages::money::Purpose;
use payhal_plugin::messages::prompt::Stage;
use payhal_plugin::messages::reader::{AuthorizeCard, CardRead, PinPolicy};
use payhal_plugin::{Context, Outcome, PluginError, messages};
use std::collections::BTreeMap;
use std::time::Duration;

/// People take their time for a PIN; the device ends that by itself.
const PIN: Duration = Duration::from_secs(60);

/// `READ …` -> `PIN`, then `READ …` or `NO code`
pub(crate) fn authorize_card(
    reader: &mut BeeperReader,
    request: &AuthorizeCard,
    context: &Context,
) -> Outcome<CardRead> {
    let Some(held) = reader.held(&request.presentation_id) else {
        return refuse(CardRefusal::CardRemoved);
    };
    let keys = match keys_of(reader, context)? {
        Ok(keys) => keys,
        Err(refusal) => return Ok(Err(refusal)),
    };
    reader.wire.ask(&command(request)?)?;
    let mut until = context.now() + reader.config.patience();
    loop {
        let line = reader.wire.hear(until, Cancel::Heeded, context)?;
        if line.is("PIN") {
            context.progress(Stage::PinEntry, "PIN, please");
            until = context.now() + PIN;
        } else if line.is("READ") {
            let read = card_read(&line, &held, &keys);
            return Ok(Ok(read.ok_or_else(not_understood)?));
        } else {
            return refusal_in(&line);
        }
    }
}

fn command(request: &AuthorizeCard) -> Result<String, PluginError> {
    let purpose = match request.purpose {
        Purpose::Sale => "sale",
        Purpose::Refund => "refund",
        Purpose::Authorize => "authorize",
        Purpose::Verify => "verify",
        Purpose::Balance => "balance",
        Purpose::CashAdvance => "cash_advance",
        // Nobody presents a card for these.
        Purpose::Capture | Purpose::Adjust => return Err(PluginError::Unsupported),
    };
    let amounts = &request.amounts;
    let optional = |amount: Option<i64>| amount.map_or("-".to_owned(), |minor| minor.to_string());
    let yes = |is: bool| if is { "yes" } else { "no" };
    let words = [
        purpose,
        &amounts.currency,
        &amounts.total_minor.to_string(),
        &optional(amounts.tip_minor),
        &optional(amounts.surcharge_minor),
        &optional(amounts.cashback_minor),
        &request.transaction_id,
        &request.device,
        &request.recipient.gateway,
        yes(request.online_pin == PinPolicy::ByCard),
        yes(request.seal_number),
    ];
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    match words.iter().all(is_word) {
        true => Ok(format!("READ {}", words.join(" "))),
        false => Err(PluginError::not_sent(
            "name transaction, device or gateway to the device",
        )),
    }
}

/// `READ ID CVM OWED KSN CIPHERTEXT NUMBER|- TAGS|-`
fn card_read(line: &Line, held: &Held, keys: &Keys) -> Option<CardRead> {
    let sealed = |ciphertext: &str| {
        Some(Sealed {
            scheme: keys.scheme.clone(),
            key_id: keys.slot.clone(),
            ksn: base64(line.word(3)?)?,
            sender_key: Vec::new(),
            encapsulated_key: Vec::new(),
            ciphertext: base64(ciphertext)?,
        })
    };
    let number = match line.word(5)? {
        "-" => None,
        number => Some(sealed(number)?),
    };
    Some(CardRead {
        read_id: line.word(0)?.to_owned(),
        sealed: sealed(line.word(4)?)?,
        number,
        entry: held.entry,
        cvm: match line.word(1)? {
            "none" => Cvm::None,
            "online_pin" => Cvm::OnlinePin,
            "offline_pin" => Cvm::OfflinePin,
            "on_device" => Cvm::OnDevice,
            "signature" => Cvm::Signature,
            _ => return None,
        },
        completion_owed: line.word(2)? == "yes",
        tags: tags(line.word(6)?)?,
    })
}

/// `9F26:0102,9F27:80`
fn tags(word: &str) -> Option<BTreeMap<String, String>> {
    if word == "-" {
        return Some(BTreeMap::new());
    }
    let pair = |tag: &str| {
        let (name, value) = tag.split_once(':')?;
        Some((name.to_owned(), value.to_owned()))
    };
    word.split(',').map(pair).collect()
}

fn base64(word: &str) -> Option<Vec<u8>> {
    let reader = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word);
    messages::base64_bytes::deserialize(reader).ok()
}
