// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scripts: what happens at registers, gateways and terminals, told without chance, so that
//! something can break in at each effect of it.

use crate::fallback_scripts::fallback;
use crate::gateways::{Fate, GATEWAYS};
use crate::ledger::Chance;
use crate::offline_scripts::offline;
use crate::prices::Tip;
use crate::script::{Act, Fates, Script};
use crate::terminals::{self, TERMINALS};
use payhal_engine::gateway::Change;
use payhal_engine::request::Kind;

/// Every script.
pub(crate) fn all() -> Vec<Script> {
    let mut all = sales();
    all.extend(refunds());
    all.extend(authorizations());
    all.extend(people());
    all.extend(prices());
    all.extend(fallback());
    all.extend(later());
    all.extend(offline());
    all.extend(other_kinds());
    all.extend(batches());
    all.extend(on_terminals());
    all.extend(changes_on_terminals());
    all
}

pub(crate) fn script(name: &'static str, acts: Vec<(u64, Act)>, fates: Fates) -> Script {
    Script { name, acts, fates }
}

fn ask(kind: Kind, place: &'static str) -> Vec<(u64, Act)> {
    vec![(5_000, Act::Ask(kind, place, 1_000))]
}

fn sale(gateway: &'static str) -> Vec<(u64, Act)> {
    ask(Kind::Sale, gateway)
}

pub(crate) fn then(mut acts: Vec<(u64, Act)>, more: &[(u64, Act)]) -> Vec<(u64, Act)> {
    acts.extend_from_slice(more);
    acts
}

fn sale_then(acts: &[(u64, Act)]) -> Vec<(u64, Act)> {
    then(sale(GATEWAYS[0]), acts)
}

pub(crate) fn way(exchanges: &[Fate]) -> Fates {
    Fates {
        exchanges: exchanges.iter().copied().collect(),
        ..Fates::default()
    }
}

fn till(terminals: &[terminals::Fate]) -> Fates {
    Fates {
        terminals: terminals.iter().copied().collect(),
        ..Fates::default()
    }
}

pub(crate) fn chip(chip_refuses: bool) -> Fates {
    Fates {
        completion_owed: true,
        chip_refuses,
        ..Fates::default()
    }
}

fn sales() -> Vec<Script> {
    let [asking, mute, _] = GATEWAYS;
    vec![
        script("a sale", sale(asking), Fates::default()),
        script("a sale with the chip's word", sale(asking), chip(false)),
        script("the chip refuses", sale(asking), chip(true)),
        script("the reply is lost", sale(asking), way(&[Fate::ReplyLost])),
        script("the request is late", sale(asking), way(&[Fate::Late])),
        script("nothing was sent", sale(asking), way(&[Fate::NotSent])),
        script(
            "the reply is lost, and so are those to the inquiry and the reversal",
            sale(mute),
            way(&[Fate::Lost, Fate::ReplyLost, Fate::ReplyLost]),
        ),
        script(
            "nobody answers within the hard limit",
            sale(asking),
            way(&[Fate::ReplyLost, Fate::Lost, Fate::Lost, Fate::Lost]),
        ),
        script(
            "a cashier tries again while nobody knows",
            sale_then(&[(20_000, Act::NewKey), (90_000, Act::NewKey)]),
            way(&[Fate::ReplyLost, Fate::Lost]),
        ),
        script(
            "cancelled",
            sale_then(&[(5_600, Act::Cancel), (30_000, Act::NewKey)]),
            chip(false),
        ),
        script(
            "the register is gone",
            sale_then(&[(6_800, Act::Forget)]),
            way(&[Fate::ReplyLost]),
        ),
        script(
            "the gateway is told of the order",
            vec![(5_000, Act::Order(mute))],
            way(&[Fate::Arrives, Fate::ReplyLost]),
        ),
        script(
            "the gateway is told of chip and order",
            vec![(5_000, Act::Order(asking))],
            Fates {
                completion_owed: true,
                ..way(&[Fate::Arrives, Fate::Lost, Fate::ReplyLost])
            },
        ),
    ]
}

fn refunds() -> Vec<Script> {
    let several = [
        (60_000, Act::Change(Change::Refund, 400)),
        (60_001, Act::Change(Change::Refund, 700)),
        (60_002, Act::Change(Change::Void, 0)),
        (120_000, Act::Change(Change::Refund, 600)),
    ];
    let refund = Act::Change(Change::Refund, 1_000);
    vec![
        script(
            "several refunds and a void",
            sale_then(&several),
            Fates::default(),
        ),
        script(
            "a void whose reply is lost",
            sale_then(&[
                (60_000, Act::Change(Change::Void, 0)),
                (60_100, Act::Change(Change::Refund, 1)),
                (62_000, Act::Person),
            ]),
            way(&[Fate::Arrives, Fate::ReplyLost, Fate::Lost]),
        ),
        script(
            "a refund that is undone",
            sale_then(&[(60_000, refund), (400_000, refund)]),
            way(&[Fate::Arrives, Fate::Late, Fate::Lost]),
        ),
        script(
            "undone twice",
            sale_then(&[
                (60_000, Act::Change(Change::Refund, 300)),
                (90_000, Act::Undo),
                (90_001, Act::Undo),
            ]),
            Fates::default(),
        ),
    ]
}

fn authorizations() -> Vec<Script> {
    let [asking, mute, narrow] = GATEWAYS;
    let capture = |minor| Act::Change(Change::Capture, minor);
    let adjust = |minor| Act::Change(Change::Adjust, minor);
    let refund = |minor| Act::Change(Change::Refund, minor);
    vec![
        script(
            "several captures and a refund",
            then(
                ask(Kind::Authorize, asking),
                &[
                    (60_000, capture(600)),
                    (60_001, capture(600)),
                    (90_000, capture(400)),
                    (120_000, refund(500)),
                    (150_000, Act::Undo),
                ],
            ),
            way(&[Fate::Arrives, Fate::Arrives, Fate::ReplyLost]),
        ),
        script(
            "adjusted while nobody knows",
            then(
                ask(Kind::Authorize, mute),
                &[
                    (60_000, adjust(1_500)),
                    (60_001, capture(1_000)),
                    (400_000, capture(1_200)),
                ],
            ),
            way(&[Fate::Arrives, Fate::Late, Fate::Lost]),
        ),
        script(
            "one at a time",
            then(
                ask(Kind::Authorize, narrow),
                &[
                    (60_000, capture(300)),
                    (60_001, capture(300)),
                    (60_002, Act::Ask(Kind::CashAdvance, narrow, 700)),
                    (200_000, Act::Undo),
                ],
            ),
            way(&[Fate::Arrives, Fate::ReplyLost, Fate::Lost]),
        ),
        script(
            "an authorization is let go",
            then(ask(Kind::Authorize, asking), &[(60_000, Act::Undo)]),
            way(&[Fate::Arrives, Fate::ReplyLost]),
        ),
    ]
}

fn people() -> Vec<Script> {
    let asks = |partial, refers, signature, says| Fates {
        chance: Chance {
            partial,
            refers,
            signature,
            ..Chance::default()
        },
        says,
        ..Fates::default()
    };
    let sale = || sale(GATEWAYS[0]);
    vec![
        script(
            "part is enough",
            sale(),
            asks(true, false, false, Some(true)),
        ),
        script(
            "part is not enough",
            sale(),
            asks(true, false, false, Some(false)),
        ),
        script(
            "nobody says about a part",
            sale(),
            asks(true, false, false, None),
        ),
        script(
            "the signature is right",
            sale(),
            asks(false, false, true, Some(true)),
        ),
        script(
            "the signature is wrong",
            sale(),
            asks(false, false, true, Some(false)),
        ),
        script(
            "the issuer is called",
            sale(),
            asks(false, true, false, Some(true)),
        ),
        script(
            "nobody calls the issuer",
            sale(),
            asks(false, true, false, None),
        ),
        script(
            "the code is lost",
            sale(),
            Fates {
                exchanges: [Fate::Arrives, Fate::ReplyLost, Fate::Lost].into(),
                ..asks(false, true, false, Some(true))
            },
        ),
    ]
}

/// A sale that names no gateway.
pub(crate) fn routed() -> Vec<(u64, Act)> {
    vec![(5_000, Act::Open(Kind::Sale, 200))]
}

/// A card with a surcharge, its tip, and what people say.
pub(crate) fn price(tip: Tip, says: Option<bool>) -> Fates {
    Fates {
        card: 1,
        tip,
        says,
        ..Fates::default()
    }
}

/// What a card and its customer change.
fn prices() -> Vec<Script> {
    vec![
        script(
            "a tip, a route and a surcharge",
            then(routed(), &[(60_000, Act::Change(Change::Refund, 1_200))]),
            Fates {
                completion_owed: true,
                ..price(Tip::Chosen(150), Some(true))
            },
        ),
        script(
            "the reply is lost, and the price was another",
            then(routed(), &[(20_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::ReplyLost, Fate::Lost].into(),
                ..price(Tip::Chosen(50), Some(true))
            },
        ),
        script(
            "a hold that costs more",
            then(
                vec![(5_000, Act::Open(Kind::Authorize, 200))],
                &[(60_000, Act::Change(Change::Capture, 1_100))],
            ),
            price(Tip::None, Some(true)),
        ),
        script(
            "the customer does not pay more",
            routed(),
            price(Tip::None, Some(false)),
        ),
        script("nobody says whether", routed(), price(Tip::None, None)),
        script(
            "a tip that cannot be",
            routed(),
            price(Tip::Wrong(201), Some(true)),
        ),
    ]
}

/// Amounts that follow the card. The people at the till say 12.34.
fn later() -> Vec<Script> {
    let says = |says| Fates {
        says,
        ..Fates::default()
    };
    let sale = |about| vec![(5_000, Act::Later(Kind::Sale, "", about))];
    vec![
        script(
            "an amount after the card",
            then(sale(1_000), &[(60_000, Act::Change(Change::Refund, 1_234))]),
            Fates {
                completion_owed: true,
                ..says(Some(true))
            },
        ),
        script(
            "an amount and a surcharge after the card",
            sale(2_000),
            Fates {
                card: 1,
                ..says(Some(true))
            },
        ),
        script(
            "the reply is lost, and the amount came late",
            then(sale(1_000), &[(20_000, Act::NewKey)]),
            Fates {
                exchanges: [Fate::ReplyLost, Fate::Lost].into(),
                ..says(Some(true))
            },
        ),
        script(
            "a hold for an amount after the card",
            then(
                vec![(5_000, Act::Later(Kind::Authorize, "", 1_000))],
                &[(60_000, Act::Change(Change::Capture, 1_100))],
            ),
            says(Some(true)),
        ),
        script("more than the most is said", sale(500), says(Some(true))),
        script(
            "an amount after the card, and one like it is unknown since",
            vec![
                (5_000, Act::Ask(Kind::Sale, GATEWAYS[0], 1_234)),
                (7_200, Act::Later(Kind::Sale, GATEWAYS[1], 1_000)),
            ],
            Fates {
                says: Some(true),
                ..way(&[Fate::ReplyLost, Fate::Lost])
            },
        ),
        script("no amount is said", sale(1_000), says(Some(false))),
        script("nobody says the amount", sale(1_000), says(None)),
    ]
}

fn other_kinds() -> Vec<Script> {
    let [asking, mute, narrow] = GATEWAYS;
    let receipts = [
        (5_001, Act::Ask(Kind::RefundByReceipt, asking, 200)),
        (90_000, Act::Ask(Kind::RefundByReceipt, asking, 100)),
    ];
    vec![
        script(
            "a card is kept as a token",
            then(ask(Kind::Verify, asking), &[(60_000, Act::Token)]),
            way(&[Fate::Arrives, Fate::ReplyLost]),
        ),
        script(
            "what is left on a card",
            ask(Kind::Balance, asking),
            way(&[Fate::ReplyLost]),
        ),
        script(
            "cash is paid out",
            ask(Kind::CashAdvance, narrow),
            way(&[Fate::ReplyLost, Fate::Lost]),
        ),
        script(
            "given back without an original",
            ask(Kind::RefundUnreferenced, mute),
            way(&[Fate::ReplyLost]),
        ),
        script(
            "given back for a receipt",
            then(
                vec![(5_000, Act::Ask(Kind::RefundByReceipt, asking, 200))],
                &receipts,
            ),
            way(&[Fate::ReplyLost, Fate::Lost]),
        ),
    ]
}

fn batches() -> Vec<Script> {
    let [asking, mute, _] = GATEWAYS;
    let close = |gateway| Act::Ask(Kind::BatchClose, gateway, 0);
    vec![
        script(
            "a batch is closed among sales",
            sale_then(&[
                (6_100, close(asking)),
                (6_200, Act::Ask(Kind::Sale, asking, 700)),
                (60_000, Act::Change(Change::Void, 0)),
                (60_001, Act::Totals(asking)),
            ]),
            way(&[Fate::Arrives, Fate::ReplyLost]),
        ),
        script(
            "nobody knows whether a batch is closed",
            then(
                sale(mute),
                &[
                    (20_000, close(mute)),
                    (21_000, Act::Ask(Kind::Sale, mute, 700)),
                    (70_000, Act::Person),
                    (120_000, Act::Change(Change::Void, 0)),
                ],
            ),
            way(&[Fate::Arrives, Fate::ReplyLost, Fate::Lost, Fate::Lost]),
        ),
        script(
            "a batch is closed while something is undone",
            then(sale(mute), &[(8_000, close(mute)), (100_000, close(mute))]),
            way(&[Fate::ReplyLost, Fate::Lost]),
        ),
    ]
}

fn on_terminals() -> Vec<Script> {
    use terminals::Fate::{Late, Lost, ReplyLost};
    let [asked, last, deaf] = TERMINALS;
    let pay = |terminal, acts: &[(u64, Act)]| then(sale(terminal), acts);
    let another = [
        (20_000, Act::NewKey),
        (400_000, Act::Ask(Kind::Sale, last, 1_000)),
    ];
    let deaf_again = Act::Ask(Kind::Sale, deaf, 1_000);
    vec![
        script("a terminal pays", pay(asked, &[]), till(&[])),
        script(
            "a terminal's word is lost",
            pay(asked, &another),
            till(&[ReplyLost, ReplyLost, Lost]),
        ),
        script(
            "a terminal remembers its last",
            pay(last, &another),
            till(&[ReplyLost, Lost]),
        ),
        script(
            "a terminal never tells",
            pay(deaf, &[(20_000, deaf_again), (9_000_000, deaf_again)]),
            till(&[ReplyLost]),
        ),
        script(
            "a terminal is late",
            pay(last, &[(20_000, Act::Cancel)]),
            till(&[Late]),
        ),
        script(
            "a terminal is cancelled",
            pay(asked, &[(5_300, Act::Cancel)]),
            till(&[]),
        ),
        script(
            "a terminal closes its batch",
            pay(
                last,
                &[
                    (60_000, Act::Ask(Kind::BatchClose, last, 0)),
                    (60_001, Act::Ask(Kind::Sale, last, 700)),
                    (90_000, Act::Totals(last)),
                ],
            ),
            till(&[terminals::Fate::Arrives, ReplyLost, Lost]),
        ),
    ]
}

fn changes_on_terminals() -> Vec<Script> {
    use terminals::Fate::{Arrives, Lost, ReplyLost};
    let [asked, last, _] = TERMINALS;
    let changes = [
        (60_000, Act::Change(Change::Refund, 400)),
        (60_001, Act::Change(Change::Void, 0)),
        (120_000, Act::Change(Change::Void, 0)),
        (180_000, Act::Change(Change::Refund, 600)),
    ];
    let void = [
        (60_000, Act::Change(Change::Void, 0)),
        (60_001, Act::Change(Change::Refund, 1)),
    ];
    let captures = [
        (60_000, Act::Change(Change::Adjust, 1_200)),
        (120_000, Act::Change(Change::Capture, 900)),
        (180_000, Act::Change(Change::Capture, 900)),
        (240_000, Act::Undo),
    ];
    let cash = Act::Ask(Kind::CashAdvance, last, 500);
    vec![
        script(
            "changes on a terminal",
            then(sale(asked), &changes),
            till(&[Arrives, ReplyLost, ReplyLost]),
        ),
        script(
            "a void on a terminal",
            then(sale(asked), &void),
            till(&[Arrives, ReplyLost, Lost]),
        ),
        script(
            "captures on a terminal",
            then(ask(Kind::Authorize, asked), &captures),
            till(&[Arrives, ReplyLost, Lost, Arrives, ReplyLost]),
        ),
        script(
            "other kinds on a terminal",
            then(ask(Kind::Verify, last), &[(60_000, cash), (90_000, cash)]),
            till(&[Lost, ReplyLost]),
        ),
    ]
}
