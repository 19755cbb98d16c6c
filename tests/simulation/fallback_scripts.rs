// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scripts of sales whose gateway was sent nothing: the next gateway of their route is asked.

use crate::gateways::Fate;
use crate::prices::Tip;
use crate::script::{Act, Fates, Script};
use crate::scripts::{script, then};
use payhal_engine::gateway::Change;
use payhal_engine::request::Kind;

pub(crate) fn fallback() -> Vec<Script> {
    let price = |tip, says| Fates {
        card: 1,
        tip,
        says,
        ..Fates::default()
    };
    let sale = || vec![(5_000, Act::Open(Kind::Sale, 200))];
    vec![
        script(
            "nothing was sent, and the next gateway takes it",
            then(sale(), &[(60_000, Act::Change(Change::Refund, 1_200))]),
            Fates {
                exchanges: [Fate::NotSent].into(),
                completion_owed: true,
                ..price(Tip::Chosen(150), Some(true))
            },
        ),
        script(
            "nothing was sent to either gateway",
            then(sale(), &[(60_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::NotSent, Fate::NotSent].into(),
                ..price(Tip::None, Some(true))
            },
        ),
        script(
            "nothing was sent, and the reply of the next gateway is lost",
            then(sale(), &[(40_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::NotSent, Fate::ReplyLost, Fate::Lost].into(),
                ..price(Tip::None, Some(true))
            },
        ),
        script(
            "nothing was sent in another currency, and the next gateway offers none",
            sale(),
            Fates {
                card: 3,
                exchanges: [Fate::NotSent].into(),
                ..Fates::default()
            },
        ),
    ]
}
