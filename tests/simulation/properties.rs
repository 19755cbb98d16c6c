// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of one sale or authorization, so many and so large and at such moments as chance makes them,
//! over lines that lose what chance loses: their sum never exceeds it. A failing case is
//! made smaller until it is worth reading.

use crate::gateways::{Fate, GATEWAYS};
use crate::history::History;
use crate::script::{Act, Fates, Script};
use payhal_engine::gateway::Change;
use payhal_engine::request::Kind;
use proptest::prelude::*;

/// Of 1,000.
fn change() -> impl Strategy<Value = Act> {
    let minor = || 1..=1_100_i64;
    prop_oneof![
        5 => minor().prop_map(|minor| Act::Change(Change::Refund, minor)),
        3 => minor().prop_map(|minor| Act::Change(Change::Capture, minor)),
        1 => minor().prop_map(|minor| Act::Change(Change::Adjust, minor)),
        1 => Just(Act::Change(Change::Void, 0)),
        1 => Just(Act::Undo),
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
    fn changes_never_exceed_their_original(
        gateway in 0..GATEWAYS.len(),
        held in any::<bool>(),
        // Often at the same moment.
        changes in prop::collection::vec((0..40_u64, change()), 1..12),
        exchanges in prop::collection::vec(fate(), 0..20),
    ) {
        let kind = if held { Kind::Authorize } else { Kind::Sale };
        let mut acts = vec![(5_000, Act::Ask(kind, GATEWAYS[gateway], 1_000))];
        acts.extend(changes.iter().map(|(at, act)| (60_000 + at * 700, *act)));
        let mut all_arrive = vec![Fate::Arrives];
        all_arrive.extend(exchanges);
        let fates = Fates { exchanges: all_arrive.into(), ..Fates::default() };
        let script = Script { name: "changes", acts, fates };
        History::of_script(&script, &[], false);
    }
}
