// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scripts of sales whose gateway was sent nothing: the next gateway of their route is asked.

use crate::gateways::Fate;
use crate::prices::Tip;
use crate::script::{Act, Fates, Script};
use crate::scripts::{price, routed, script, then};
use payhal_engine::gateway::Change;

pub(crate) fn fallback() -> Vec<Script> {
    vec![
        script(
            "nothing was sent, and the next gateway takes it",
            then(routed(), &[(60_000, Act::Change(Change::Refund, 1_200))]),
            Fates {
                exchanges: [Fate::NotSent].into(),
                completion_owed: true,
                ..price(Tip::Chosen(150), Some(true))
            },
        ),
        script(
            "nothing was sent to either gateway",
            then(routed(), &[(60_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::NotSent, Fate::NotSent].into(),
                ..price(Tip::None, Some(true))
            },
        ),
        script(
            "nothing was sent, and the reply of the next gateway is lost",
            then(routed(), &[(40_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::NotSent, Fate::ReplyLost, Fate::Lost].into(),
                ..price(Tip::None, Some(true))
            },
        ),
        script(
            "nothing was sent in another currency, and the next gateway offers none",
            routed(),
            Fates {
                card: 3,
                exchanges: [Fate::NotSent].into(),
                ..Fates::default()
            },
        ),
    ]
}
