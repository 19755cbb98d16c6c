// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scripts of sales without their gateway: accepted while it is away or when its line breaks,
//! forwarded, not taken, taken back, and with a batch close in between.

use crate::gateways::{Fate, GATEWAYS};
use crate::ledger::Chance;
use crate::prices::Tip;
use crate::script::{Act, Fates, Script};
use crate::scripts::{chip, script, way};
use payhal_engine::gateway::Change;
use payhal_engine::request::Kind;

const BANK: &str = GATEWAYS[0];

/// A gateway for which little may wait.
const NARROW: &str = GATEWAYS[2];

/// Its gateway goes away, some happen, and it is back after two minutes.
fn outage(acts: &[(u64, Act)], after: &[(u64, Act)]) -> Vec<(u64, Act)> {
    let mut all = vec![(4_000, Act::Away(BANK))];
    all.extend_from_slice(acts);
    all.push((120_000, Act::Back(BANK)));
    all.extend_from_slice(after);
    all
}

pub(crate) fn offline() -> Vec<Script> {
    let mut all = forwarded();
    all.extend(taken_back());
    all
}

fn forwarded() -> Vec<Script> {
    let sale = (5_000, Act::Offline(BANK, 1_000));
    let part = Act::Change(Change::Refund, 400);
    vec![
        script(
            "accepted offline and forwarded",
            outage(&[sale], &[(240_000, part)]),
            Fates {
                tip: Tip::Chosen(150),
                ..chip(false)
            },
        ),
        script(
            "accepted offline, and the replies are lost",
            outage(&[sale], &[]),
            way(&[Fate::ReplyLost, Fate::Lost, Fate::Late]),
        ),
        script(
            "two wait in order beside one that does not",
            outage(
                &[sale, (30_000, Act::Offline(BANK, 700))],
                &[(120_100, Act::Ask(Kind::Sale, BANK, 300))],
            ),
            way(&[Fate::NotSent, Fate::ReplyLost]),
        ),
        script(
            "two come at once, and there is room for one",
            vec![
                (4_000, Act::Away(NARROW)),
                (5_000, Act::Offline(NARROW, 1_000)),
                (5_001, Act::Offline(NARROW, 1_000)),
                (120_000, Act::Back(NARROW)),
            ],
            Fates::default(),
        ),
        script(
            "accepted offline, and not taken by its issuer",
            outage(&[sale], &[(240_000, part)]),
            Fates {
                chance: Chance {
                    declines: true,
                    ..Chance::default()
                },
                ..way(&[Fate::Lost])
            },
        ),
        script(
            "accepted offline, and the chip wants its issuer",
            outage(&[sale, (60_000, Act::NewKey)], &[]),
            chip(true),
        ),
        script(
            "the line breaks, and it is accepted offline",
            vec![sale, (20_000, Act::NewKey)],
            Fates {
                exchanges: [Fate::NotSent, Fate::Late].into(),
                ..chip(false)
            },
        ),
        script(
            "nothing was sent to either gateway, and it is accepted offline",
            vec![(5_000, Act::Offline("", 1_000))],
            Fates {
                card: 1,
                says: Some(true),
                exchanges: [Fate::NotSent, Fate::NotSent, Fate::ReplyLost].into(),
                ..Fates::default()
            },
        ),
    ]
}

fn taken_back() -> Vec<Script> {
    let sale = (5_000, Act::Offline(BANK, 1_000));
    let whole = Act::Change(Change::Refund, 1_000);
    let void = Act::Change(Change::Void, 0);
    let close = Act::Ask(Kind::BatchClose, BANK, 0);
    vec![
        script(
            "taken back while it waits",
            outage(
                &[
                    sale,
                    (60_000, Act::Change(Change::Refund, 400)),
                    (60_001, whole),
                ],
                &[(120_001, void)],
            ),
            Fates::default(),
        ),
        script(
            "taken back while it is on its way",
            outage(
                &[sale, (30_000, Act::Offline(BANK, 700))],
                &[(120_200, void), (120_700, Act::Undo), (240_000, Act::Undo)],
            ),
            way(&[Fate::NotSent, Fate::ReplyLost]),
        ),
        script(
            "a batch is closed while one waits",
            outage(
                &[sale],
                &[
                    (120_000, close),
                    (120_100, close),
                    (240_000, close),
                    (300_000, void),
                ],
            ),
            way(&[Fate::ReplyLost]),
        ),
    ]
}
