// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two crates know ranges of card numbers, and may not know each other: what a plugin takes for a
//! scheme's card number, the host refuses in a free field.

use payhal_card_data::{Pan, Scheme};
use payhal_messages::card_check::holds_card_number;
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
