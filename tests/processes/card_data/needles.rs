// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is searched for: each secret of a canary card, in every form in which a program might
//! leave it behind.
//!
//! It must never look for less than a whole secret, nor for so little that chance finds it.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use payhal_card_data::{TestCard, Track2Equivalent};
use std::collections::BTreeMap;

/// Six bytes come up by chance once in some hundred terabytes.
const PATTERN_BYTES_MIN: usize = 6;

/// What comes before and behind a hit in a report.
const AROUND: usize = 40;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_OF_URLS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A secret in one form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// Whose secret, which, and how it is written. Never the secret.
    pub(crate) name: String,
    pub(crate) pattern: Vec<u8>,
}

/// Everything that is searched for, at once.
#[derive(Debug)]
pub(crate) struct Needles {
    forms: Vec<Form>,
    automaton: AhoCorasick,
    longest: usize,
}

impl Needles {
    /// The secrets of these test cards.
    pub(crate) fn of_cards(names: &[&str]) -> Self {
        let card = |name: &&str| {
            payhal_card_data::test_card(name).unwrap_or_else(|| panic!("no test card is {name}"))
        };
        Self::of(names.iter().map(card).flat_map(secrets_of).collect())
    }

    /// These secrets by their names.
    pub(crate) fn of(secrets: Vec<(String, Secret)>) -> Self {
        // Two cards may share a form, as the tail of their tracks; each is searched for once.
        let mut distinct = BTreeMap::new();
        for (name, secret) in secrets {
            for (form, pattern) in secret.forms() {
                let long_enough = pattern.len() >= PATTERN_BYTES_MIN;
                assert!(long_enough, "{name} as {form} is too short to search for");
                distinct
                    .entry(pattern)
                    .or_insert(format!("{name} as {form}"));
            }
        }
        let forms: Vec<Form> = distinct
            .into_iter()
            .map(|(pattern, name)| Form { name, pattern })
            .collect();
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .build(forms.iter().map(|form| &form.pattern))
            .unwrap();
        let longest = forms.iter().map(|form| form.pattern.len()).max();
        Self {
            longest: longest.expect("there is something to search for"),
            forms,
            automaton,
        }
    }

    /// Each form of each secret.
    pub(crate) fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Length of the longest form.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// What lies in these bytes: where, whose, and what is around it.
    pub(crate) fn hits<'a>(
        &'a self,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = (usize, String)> + 'a {
        self.automaton.find_overlapping_iter(bytes).map(|found| {
            let form = &self.forms[found.pattern().as_usize()].name;
            let from = found.start().saturating_sub(AROUND);
            let to = bytes.len().min(found.end() + AROUND);
            let around = bytes[from..to].escape_ascii();
            (found.start(), format!("{form}: {around}"))
        })
    }
}

/// One secret of a card.
#[derive(Clone, Debug)]
pub(crate) enum Secret {
    /// A number: PAN, PIN.
    Digits(Vec<u8>),
    /// Characters: a track as a stripe has it.
    Text(Vec<u8>),
    /// Digits, a separator and padding, one in each half of a byte: a track as a chip has it.
    Halves(Vec<u8>),
}

impl Secret {
    fn forms(&self) -> Vec<(String, Vec<u8>)> {
        match self {
            Self::Digits(digits) => {
                let values: Vec<u8> = digits.iter().map(|digit| digit - b'0').collect();
                let mut forms = text_forms("", digits);
                forms.extend(packed(&values));
                forms.push(("one digit a byte".to_owned(), values));
                forms
            }
            Self::Text(text) => text_forms("", text),
            Self::Halves(halves) => {
                let digit = |half: &u8| char::from_digit((*half).into(), 16).unwrap() as u8;
                let lower: Vec<u8> = halves.iter().map(digit).collect();
                let mut forms = text_forms("hex ", &lower);
                forms.extend(text_forms("upper hex ", &lower.to_ascii_uppercase()));
                forms.extend(packed(halves));
                forms
            }
        }
    }
}

/// PAN, PIN and tracks. A PIN block in clear is the PIN packed; the parts of a track behind the
/// number are secrets by themselves.
fn secrets_of(card: &'static TestCard) -> Vec<(String, Secret)> {
    let named = |what: &str, secret| (format!("{}: {what}", card.name), secret);
    let (pan, track1, track2) = (card.pan(), card.track1(), card.track2());
    let digits = pan.digits().to_vec();
    let track1 = track1.characters();
    let track2 = track2.characters();
    let behind_pan = |track: &[u8]| track[place_of(&digits, track) + digits.len()..].to_vec();
    let chip = Track2Equivalent::from(&card.track2());
    let halves = chip.value().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut secrets = vec![
        named("track 1", Secret::Text(track1.to_vec())),
        named("track 1 behind the PAN", Secret::Text(behind_pan(track1))),
        named("holder", Secret::Text(card.track1().name().to_vec())),
        named("track 2", Secret::Text(track2.to_vec())),
        named("track 2 behind the PAN", Secret::Text(behind_pan(track2))),
        named("track 2 of the chip", Secret::Halves(halves.collect())),
        named("PAN", Secret::Digits(digits)),
    ];
    // Four digits are everywhere; canaries have long ones.
    let pin = card.pin().filter(|pin| pin.digits().len() == 12);
    secrets.extend(pin.map(|pin| named("PIN", Secret::Digits(pin.digits().to_vec()))));
    secrets
}

fn place_of(digits: &[u8], track: &[u8]) -> usize {
    let mut windows = track.windows(digits.len());
    windows
        .position(|window| window == digits)
        .expect("a track holds its PAN")
}

/// Characters as text, in UTF-16, in base64 and in hex.
fn text_forms(name: &str, text: &[u8]) -> Vec<(String, Vec<u8>)> {
    // What both byte orders have in common: a zero between any two characters.
    let mut wide: Vec<u8> = text.iter().flat_map(|char| [*char, 0]).collect();
    wide.pop();
    let mut forms = vec![
        ("text".to_owned(), text.to_vec()),
        ("UTF-16".to_owned(), wide),
    ];
    forms.extend(base64(text));
    for (case, digits) in [
        ("hex", b"0123456789abcdef"),
        ("upper hex", b"0123456789ABCDEF"),
    ] {
        let hex = text
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15].map(|half| digits[usize::from(half)]));
        forms.push((format!("text in {case}"), hex.collect()));
    }
    forms
        .into_iter()
        .map(|(form, pattern)| (format!("{name}{form}"), pattern))
        .collect()
}

/// Two values in a byte, beginning with either half of one, and that in base64. What shares its
/// byte with a stranger is left out, unless too little were left: then it may be any stranger.
fn packed(values: &[u8]) -> Vec<(String, Vec<u8>)> {
    let pack = |values: &[u8]| -> Vec<u8> {
        let whole = values.chunks_exact(2);
        whole.map(|pair| pair[0] << 4 | pair[1]).collect()
    };
    let mut forms = Vec::new();
    for (half, from) in [("", 0), (" from the lower half", 1)] {
        let bytes = pack(&values[from..]);
        let in_base64 = base64(&bytes).into_iter();
        forms.extend(in_base64.map(|(form, pattern)| (format!("packed{half} in {form}"), pattern)));
        if bytes.len() >= PATTERN_BYTES_MIN {
            forms.push((format!("packed{half}"), bytes));
            continue;
        }
        for stranger in 0..16 {
            let first = [&[stranger << 4 | values[0]], &bytes[..]].concat();
            forms.push((format!("packed{half} behind {stranger:x}"), first));
        }
    }
    forms
}

/// Base64 at each of its three alignments, in both alphabets. Characters that hold bits of a
/// neighbour are left out.
fn base64(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for (alphabet, name) in [(BASE64, "base64"), (BASE64_OF_URLS, "base64 of URLs")] {
        for before in 0..3 {
            let at = |bit: usize| bytes[bit / 8] >> (7 - bit % 8) & 1;
            // Bits of neighbours in front, up to the first character that is ours alone.
            let skipped = (6 - before * 8 % 6) % 6;
            let whole = (bytes.len() * 8 - skipped) / 6;
            let character = |place: usize| {
                let first = skipped + place * 6;
                let value = (first..first + 6).fold(0, |value, bit| value << 1 | at(bit));
                alphabet[usize::from(value)]
            };
            let pattern = (0..whole).map(character).collect();
            forms.push((format!("{name} behind {before} bytes"), pattern));
        }
    }
    forms
}
