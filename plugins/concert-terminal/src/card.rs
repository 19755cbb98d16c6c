// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be shown of a card: masked here, whatever the terminal masked or did not.

use payhal_messages::card::{CardFace, Entry};
use payhal_plugin::card_data::Pan;

/// Digits shown at the beginning.
const FIRST: usize = 6;
/// Digits shown at the end.
const LAST: usize = 4;
/// Characters that a card number has.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=19;
/// From this length on the first digits are shown, too: three at least stay hidden.
const SHOWS_FIRST: usize = 13;

/// Registered application providers, and who stands behind them.
const PROVIDERS: [(&str, &str); 12] = [
    ("A000000003", "visa"),
    ("A0000000043060", "maestro"),
    ("A000000004", "mastercard"),
    ("A000000005", "maestro"),
    ("A000000025", "amex"),
    ("A000000042", "cb"),
    ("A000000065", "jcb"),
    ("A000000152", "diners"),
    ("A000000324", "discover"),
    ("A000000333", "unionpay"),
    ("A000000277", "interac"),
    ("A000000524", "rupay"),
];

/// Payment applications of the protocol, without those that only say where the card was read.
const APPLICATIONS: [(&str, &str); 6] = [
    ("001", "cb"),
    ("00B", "cb"),
    ("002", "amex"),
    ("00D", "amex"),
    ("006", "diners"),
    ("009", "jcb"),
];

/// A number with at most its first six and last four digits. What is no digit was hidden before.
pub(crate) fn masked(shown: &[u8]) -> Option<String> {
    let shown = shown.trim_ascii();
    if !LENGTHS.contains(&shown.len()) {
        return None;
    }
    let first = if shown.len() >= SHOWS_FIRST { FIRST } else { 0 };
    let hide = |(place, byte): (usize, &u8)| {
        let is_shown = place < first || place + LAST >= shown.len();
        match is_shown && byte.is_ascii_digit() {
            true => char::from(*byte),
            false => '*',
        }
    };
    Some(shown.iter().enumerate().map(hide).collect())
}

/// The card of a V3 answer.
pub(crate) fn face(
    pan: Option<&[u8]>,
    aid: Option<&str>,
    application: Option<&str>,
) -> Option<CardFace> {
    let aid = aid.map(str::to_ascii_uppercase);
    let aid = aid.filter(|aid| aid.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let by_aid = aid.as_deref().and_then(|aid| {
        let provider = PROVIDERS.iter().find(|(rid, _)| aid.starts_with(rid));
        provider.map(|(_, scheme)| *scheme)
    });
    let by_application = application.and_then(|application| {
        let known = APPLICATIONS.iter().find(|(code, _)| *code == application);
        known.map(|(_, scheme)| *scheme)
    });
    Some(CardFace {
        masked_pan: masked(pan?)?,
        scheme: by_aid.or(by_application).unwrap_or("other").to_owned(),
        application: None,
        // ISO/IEC 7816-5: 5 to 16 bytes.
        aid: aid.filter(|aid| aid.len() % 2 == 0 && (10..=32).contains(&aid.len())),
        country: None,
        expiry: None,
    })
}

/// The card of a serial report, which holds its number in clear.
pub(crate) fn face_in_report(report: &[u8]) -> Option<CardFace> {
    let digits = report.trim_ascii();
    let pan = Pan::new(digits).ok();
    Some(CardFace {
        masked_pan: masked(digits)?,
        scheme: pan.map_or("other", |pan| pan.scheme().name()).to_owned(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    })
}

/// How a V3 terminal read it.
pub(crate) fn entry(read_mode: &str) -> Option<Entry> {
    match read_mode {
        "1" => Some(Entry::Chip),
        "2" => Some(Entry::Contactless),
        "3" => Some(Entry::Stripe),
        "4" => Some(Entry::Manual),
        _ => None,
    }
}
