// SPDX-License-Identifier: MIT OR Apache-2.0
//! No test card stands in a program that holds the table: this one is searched.

use payhal_card_data::{TestCard, Track2Equivalent, test_cards};

/// Is found, so that the search is shown to find something.
static PLANTED: &str = "planted to be found";

/// A PIN shorter than this stands in every program by chance.
const PIN_DIGITS_MIN: usize = 6;

/// Those of the patterns that stand in the program. One pass, whatever the number of patterns.
fn found<'a>(program: &[u8], patterns: &'a [(String, Vec<u8>)]) -> Vec<&'a str> {
    let mut by_start = vec![Vec::new(); 1 << 16];
    for (name, pattern) in patterns {
        let start = u16::from_be_bytes([pattern[0], pattern[1]]);
        by_start[usize::from(start)].push((name.as_str(), pattern));
    }
    let mut found = Vec::new();
    for place in 0..program.len() - 1 {
        let start = u16::from_be_bytes([program[place], program[place + 1]]);
        for (name, pattern) in &by_start[usize::from(start)] {
            if program[place..].starts_with(pattern) {
                found.push(*name);
            }
        }
    }
    found
}

/// Two digits in a byte.
fn packed(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| (pair[0] & 0xF) << 4 | pair[1] & 0xF)
        .collect()
}

fn patterns_of(card: &TestCard) -> Vec<(String, Vec<u8>)> {
    let (pan, track2) = (card.pan(), card.track2());
    let digits = pan.digits();
    let mut patterns = vec![("number", digits.to_vec())];
    // Packed, the numbers that are mostly zeros stand in every program by chance.
    if card.name.starts_with("canary-") {
        patterns.push(("packed number", packed(digits)));
        patterns.push(("packed number", packed(&digits[1..])));
        patterns.push(("track", Track2Equivalent::from(&track2).value().to_vec()));
        patterns.push(("holder", card.track1().name().to_vec()));
    }
    let pin = card
        .pin()
        .filter(|pin| pin.digits().len() >= PIN_DIGITS_MIN);
    if let Some(pin) = pin {
        patterns.push(("PIN", pin.digits().to_vec()));
        patterns.push(("packed PIN", packed(pin.digits())));
    }
    let named = |(what, pattern)| (format!("{what} of {}", card.name), pattern);
    patterns.into_iter().map(named).collect()
}

#[test]
fn a_program_with_the_table_shows_no_card() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let planted = std::hint::black_box(PLANTED);
    let mut patterns: Vec<_> = test_cards().iter().flat_map(patterns_of).collect();
    assert!(
        patterns
            .iter()
            .any(|(name, _)| name == "PIN of canary-visa")
    );
    patterns.push((planted.to_owned(), planted.as_bytes().to_vec()));
    let mut found = found(&program, &patterns);
    found.dedup();
    assert_eq!(found, [planted]);
}
