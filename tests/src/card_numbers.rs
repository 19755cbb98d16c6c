// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two crates know ranges of card numbers, and may not know each other: what a plugin takes for a
//! scheme's card number, the host refuses in a free field.

use payhal_card_data::{Pan, Scheme};
use payhal_messages::card_check::{holds_card_number, redact, would_redact};
use std::collections::HashSet;

/// The host looks at no fewer digits.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=19;

#[test]
fn the_host_refuses_what_a_plugin_knows_as_a_schemes_number() {
    let mut seen = HashSet::new();
    // The first six digits decide for the host. A step of seven keeps this short and still reaches every scheme.
    for first in (0..1_000_000).step_by(7) {
        for length in LENGTHS {
            let Some(pan) = issued(first, length) else {
                continue;
            };
            let digits = std::str::from_utf8(pan.digits()).expect("digits");
            assert!(holds_card_number(digits), "{:?} {first}", pan.scheme());
            seen.insert(pan.scheme());
        }
    }
    assert_eq!(seen.len(), Scheme::ALL.len() - 1, "{seen:?}");
}

#[test]
fn each_is_refused_however_it_is_written_and_repeated_by_nothing() {
    // Fewer than above, since each is written several times.
    for first in (0..1_000_000).step_by(97) {
        for length in LENGTHS {
            let Some(pan) = issued(first, length) else {
                continue;
            };
            let digits = std::str::from_utf8(pan.digits()).expect("digits");
            let pairs: Vec<&str> = (0..length)
                .step_by(2)
                .map(|from| &digits[from..length.min(from + 2)])
                .collect();
            for text in [pairs.join(" "), pairs.join("-"), format!("a{digits}b")] {
                assert!(holds_card_number(&text), "{first} of {length}");
                let expected =
                    text.replace(text.trim_matches(['a', 'b']), &format!("[{length} digits]"));
                assert_eq!(redact(&text), expected);
            }
            // Beside other digits, as in a track, it is hidden from logs at least.
            assert!(
                would_redact(&format!("{digits}4912201000")),
                "{first} of {length}"
            );
        }
    }
}

/// A number that begins so, if any scheme of the table has one.
fn issued(first: u32, length: usize) -> Option<Pan> {
    let rest = length - 6;
    (0..10).find_map(|last| {
        let digits = format!("{first:06}{:0rest$}", last);
        let pan = Pan::new(digits.as_bytes()).ok()?;
        let known = pan.scheme() != Scheme::Other && pan.has_an_issued_length();
        known.then_some(pan)
    })
}
