// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refunds and voids of one sale, so many and so large and at such moments as chance makes them,
//! over lines that lose what chance loses: their sum never exceeds the sale. A failing case is
//! made smaller until it is worth reading.

use crate::gateways::{Fate, GATEWAYS};
use crate::history::History;
use crate::script::{Act, Fates, Script};
use proptest::prelude::*;

/// Of a sale of 1,000.
fn change() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (1..=1_100_i64).prop_map(Act::Refund),
        1 => Just(Act::Void),
        1 => Just(Act::Cancel),
        1 => Just(Act::Forget),
        1 => Just(Act::NewKey),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::Lost),
        1 => Just(Fate::ReplyLost),
        1 => Just(Fate::Late),
        1 => Just(Fate::ReplyAfterDeadline),
        1 => Just(Fate::Twice),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changes_of_a_sale_never_exceed_it(
        gateway in 0..GATEWAYS.len(),
        // Often at the same moment.
        changes in prop::collection::vec((0..40_u64, change()), 1..12),
        exchanges in prop::collection::vec(fate(), 0..20),
    ) {
        let mut acts = vec![(5_000, Act::Sell(GATEWAYS[gateway]))];
        acts.extend(changes.iter().map(|(at, act)| (60_000 + at * 700, *act)));
        let mut all_arrive = vec![Fate::Arrives];
        all_arrive.extend(exchanges);
        let fates = Fates { exchanges: all_arrive.into(), ..Fates::default() };
        let script = Script { name: "changes", acts, fates };
        History::of_script(&script, &[], false);
    }
}
