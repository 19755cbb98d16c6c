// SPDX-License-Identifier: MIT OR Apache-2.0
//! EMV objects that are asked for and told: lists of tags, and what a chip answered in hex.
//!
//! What is card data is never asked for, and dropped where a pinpad tells it all the same.

use payhal_card_data::emv::{self, Tag};
use std::collections::BTreeMap;

/// For the cashier's screen: the name of the chosen application.
pub(crate) const OF_PRESENTATION: &[Tag] = &[Tag::DF_NAME];

/// For the issuer, with the request.
pub(crate) const OF_REQUEST: &[Tag] = &[
    Tag::AIP,
    Tag::DF_NAME,
    Tag::TVR,
    Tag::TRANSACTION_DATE,
    Tag::TRANSACTION_TYPE,
    Tag::TRANSACTION_CURRENCY,
    Tag::PAN_SEQUENCE_NUMBER,
    Tag::AMOUNT_AUTHORIZED,
    Tag::AMOUNT_OTHER,
    Tag::APPLICATION_VERSION_TERMINAL,
    Tag::ISSUER_APPLICATION,
    Tag::TERMINAL_COUNTRY,
    Tag::IFD_SERIAL_NUMBER,
    Tag::CRYPTOGRAM,
    Tag::CRYPTOGRAM_INFORMATION,
    Tag::TERMINAL_CAPABILITIES,
    Tag::CVM_RESULTS,
    Tag::TERMINAL_TYPE,
    Tag::ATC,
    Tag::UNPREDICTABLE_NUMBER,
    Tag::TRANSACTION_SEQUENCE_COUNTER,
];

/// For the advice, when the chip had its last word.
pub(crate) const OF_COMPLETION: &[Tag] = &[
    Tag::TVR,
    Tag::TSI,
    Tag::CRYPTOGRAM,
    Tag::CRYPTOGRAM_INFORMATION,
];

/// Results of issuer scripts, as an advice carries them (EMV Book 4, annex A2).
const SCRIPT_RESULTS: &str = "9F5B";

/// What the issuer tells a chip.
const FROM_ISSUER: [&str; 3] = ["91", "71", "72"];

/// Tags, one after the other.
pub(crate) fn list(tags: &[Tag]) -> Vec<u8> {
    let bytes = tags.iter().map(|tag| tag.number().to_be_bytes());
    bytes
        .flat_map(|number| number.into_iter().skip_while(|byte| *byte == 0))
        .collect()
}

/// Objects that a host may see, hex to hex. `None`: these are no objects.
pub(crate) fn in_clear(objects: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut told = BTreeMap::new();
    for object in emv::read(objects) {
        let object = object.ok()?;
        if object.tag.is_sensitive() || object.tag.is_constructed() || object.value.is_empty() {
            continue;
        }
        told.insert(hex(&list(&[object.tag])), hex(object.value));
    }
    Some(told)
}

/// Adds how the issuer's scripts went, five bytes each.
pub(crate) fn add_scripts(told: &mut BTreeMap<String, String>, results: &[[u8; 5]]) {
    if !results.is_empty() {
        told.insert(SCRIPT_RESULTS.to_owned(), hex(results.as_flattened()));
    }
}

/// The issuer's objects for the chip. `None`: what stands there is no hex.
pub(crate) fn of_issuer(issuer: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let mut objects = Vec::new();
    for tag in FROM_ISSUER {
        let Some(value) = issuer.get(tag) else {
            continue;
        };
        let value = bytes(value)?;
        objects.extend(bytes(tag)?);
        match u8::try_from(value.len()).ok()? {
            short @ ..0x80 => objects.push(short),
            long => objects.extend([0x81, long]),
        }
        objects.extend(value);
    }
    Some(objects)
}

pub(crate) fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(crate) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let digits = pair.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(pair).ok().filter(|_| digits)?;
        u8::from_str_radix(text, 16).ok()
    };
    match rest {
        [] => pairs.iter().map(byte).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_card_is_asked_for() {
        for tags in [OF_PRESENTATION, OF_REQUEST, OF_COMPLETION] {
            assert!(tags.iter().all(|tag| !tag.is_sensitive()));
            assert!(list(tags).len() <= 128, "the protocol's bound");
        }
        assert_eq!(list(&[Tag::AIP, Tag::CRYPTOGRAM]), [0x82, 0x9F, 0x26]);
    }

    #[test]
    fn what_is_a_cards_is_dropped() {
        let objects = bytes("82023900570A4111111111111111D4915A0841111111111111119F360200079F2700");
        let told = in_clear(&objects.unwrap()).unwrap();
        let expected = [("82", "3900"), ("9F36", "0007")];
        let expected = expected.map(|(tag, value)| (tag.to_owned(), value.to_owned()));
        assert_eq!(told, expected.into());
        assert_eq!(in_clear(&[0x9F]), None);
        assert_eq!(in_clear(&[0x82, 5, 1]), None);
    }

    #[test]
    fn the_issuers_objects_are_its_own_and_no_others() {
        let issuer = [("91", "0102030405060708"), ("72", "AABB"), ("8A", "3030")];
        let issuer = issuer.map(|(tag, value)| (tag.to_owned(), value.to_owned()));
        let objects = of_issuer(&issuer.into()).unwrap();
        assert_eq!(hex(&objects), "910801020304050607087202AABB");
        let long = [("71".to_owned(), "00".repeat(200))];
        assert_eq!(of_issuer(&long.into()).unwrap()[..3], [0x71, 0x81, 200]);
        for wrong in ["0", "0x01", "+1"] {
            let issuer = [("91".to_owned(), wrong.to_owned())];
            assert_eq!(of_issuer(&issuer.into()), None, "{wrong}");
        }
    }
}
