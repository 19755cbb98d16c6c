// SPDX-License-Identifier: MIT OR Apache-2.0
//! The day of a register in the kill test: what it wants, of which devices and gateways, and what
//! goes wrong there beside processes that die.
//!
//! A seed decides all of it. No two wishes of a shop are of the same amount, so that no guard against a
//! cashier's second try is meant.

use crate::host::GATEWAY;
use crate::kill::{READERS, TILLS};
use crate::random::Random;
use crate::reconcile::Word;
use crate::register::Register;
use crate::shop::{STRICT, TERMINALS};
use crate::till::Till;
use crate::wish::{Change, Kept, Purpose, What, Wish};
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::progress::Stage;
use std::time::Duration;
use tokio::sync::watch;

/// What every register gets done, though most of its day may be over by then.
const WISHES_MIN: usize = 5;

/// A card of another currency, which its gateways offer.
const FOREIGN: &str = "amex-approve";

/// Something that can be changed later.
#[derive(Clone, Debug)]
struct Paid {
    transaction: String,
    minor: i64,
    /// It only holds its amount.
    held: bool,
}

/// What a register has to go on with.
#[derive(Debug, Default)]
struct Past {
    paid: Vec<Paid>,
    /// References of cards that it keeps.
    cards: Vec<String>,
    /// Those of cards that it keeps no more.
    gone: Vec<String>,
}

/// One register's day. It with everything it wanted.
pub(crate) async fn work(
    mut till: Till,
    number: usize,
    mut random: Random,
    closing: watch::Receiver<bool>,
) -> (Till, Vec<Wish>) {
    let mut wishes = Vec::new();
    let mut past = Past::default();
    while !*closing.borrow() || wishes.len() < WISHES_MIN {
        let nth = wishes.len();
        let wish = wish(&mut random, &mut past, number, nth);
        if random.percent(25) {
            plan_a_fault(&mut till, &mut random).await;
        }
        if let (Some(gateway), true) = (goes_without(&wish), random.percent(30)) {
            // For everybody, so that it lasts until it is this one's turn.
            let gone = fault_at(gateway, "go_away", "authorize").with("count", 8);
            plan(&mut till, &gone).await;
        }
        let word = till.see_through(&wish).await;
        past.note_cards(&till, &wish, word.as_ref());
        past.paid
            .extend(word.and_then(|word| to_change(&wish.what, word)));
        wishes.push(wish);
        if random.percent(10) {
            let earlier = wishes[random.index(nth + 1)].clone();
            if !matches!(
                till.told.iter().find(|told| told.key == earlier.key),
                Some(told) if matches!(told.answers[..], [Word::Refused { .. }, ..])
            ) {
                till.see_through(&earlier).await;
            }
        }
    }
    (till, wishes)
}

impl Past {
    fn note_cards(&mut self, till: &Till, wish: &Wish, word: Option<&Word>) {
        let approved = matches!(word, Some(Word::Approved { .. }));
        if let What::Kept {
            kept, reference, ..
        } = &wish.what
        {
            let deleted = self.gone.contains(reference);
            assert!(
                !(approved && deleted),
                "{reference} is kept no more: {wish:?}"
            );
            if approved && *kept == Kept::Delete {
                self.cards.retain(|card| card != reference);
                self.gone.push(reference.clone());
            }
            return;
        }
        let mut told = till.told.iter().filter(|told| told.key == wish.key);
        let cards = told.next().map(|told| &told.cards[..]).unwrap_or_default();
        let fresh = cards.first().map(|card| card.reference.clone());
        self.cards.extend(fresh);
    }
}

fn to_change(what: &What, word: Word) -> Option<Paid> {
    let Word::Approved { transaction, minor } = word else {
        return None;
    };
    let held = match what {
        What::Card {
            purpose: Purpose::Sale | Purpose::Later | Purpose::CashAdvance,
            ..
        }
        | What::Change {
            change: Change::Capture,
            ..
        }
        | What::Kept {
            kept: Kept::Sale, ..
        } => false,
        What::Card {
            purpose: Purpose::Authorize,
            ..
        } => true,
        _ => return None,
    };
    Some(Paid {
        transaction,
        minor,
        held,
    })
}

fn wish(random: &mut Random, past: &mut Past, number: usize, nth: usize) -> Wish {
    let unlike_any = i64::try_from((nth + 1) * TILLS + number).unwrap() * 100;
    let what = match random.below(100) {
        _ if nth == 0 && number.is_multiple_of(3) => keep(random),
        0..3 => close(random),
        3..40 if !past.paid.is_empty() => change(random, &mut past.paid, nth),
        40..75 if !past.cards.is_empty() => with_kept(random, past, unlike_any),
        _ => card(random, unlike_any),
    };
    let mut wish = Wish::new(format!("wish-{nth}"), what);
    with_the_card(random, &mut wish, number);
    wish.takes_a_part = random.percent(50);
    wish.ordered = random.percent(40);
    wish.offline = random.percent(50);
    if random.percent(10) {
        let stages = [Stage::WaitingForCard, Stage::Reading, Stage::Authorizing];
        wish.cancel_at = Some(stages[random.index(stages.len())]);
    }
    if random.percent(10) {
        wish.impatient_after = Some(Duration::from_micros(random.below(60_000)));
    }
    wish
}

/// What a register wants of a card beside its money. No two cards of a shop have the same reference.
fn with_the_card(random: &mut Random, wish: &mut Wish, number: usize) {
    let What::Card {
        purpose,
        shown: Some((_, card)),
        ..
    } = &wish.what
    else {
        return;
    };
    let sells = matches!(purpose, Purpose::Sale | Purpose::Later);
    wish.own_currency = (*card == FOREIGN).then(|| random.percent(70));
    wish.watched = sells && random.percent(30);
    let keeps = *purpose == Purpose::Keep || sells && random.percent(35);
    wish.keep_as = keeps.then(|| format!("card of {number} {}", wish.key));
}

/// A register that begins with a card to keep.
fn keep(random: &mut Random) -> What {
    What::Card {
        purpose: Purpose::Keep,
        minor: 0,
        device: a_reader(random),
        gateway: random.percent(25).then_some(STRICT),
        shown: Some(("tap", "visa-approve")),
    }
}

fn a_reader(random: &mut Random) -> String {
    format!("reader-{}", random.index(READERS) + 1)
}

/// Some are kept no more, and must do nothing.
fn with_kept(random: &mut Random, past: &Past, minor: i64) -> What {
    let gone = random.percent(15) && !past.gone.is_empty();
    let cards = if gone { &past.gone } else { &past.cards };
    let reference = &cards[random.index(cards.len())];
    match random.below(100) {
        0..50 => What::kept(Kept::Sale, reference, minor),
        50..70 => What::kept(Kept::Refund, reference, minor),
        _ => What::kept(Kept::Delete, reference, 0),
    }
}

fn close(random: &mut Random) -> What {
    let (terminal, _) = TERMINALS[random.index(TERMINALS.len())];
    let [device, gateway] = match random.below(3) {
        0 => [None, Some(GATEWAY)],
        1 => [None, Some(STRICT)],
        _ => [Some(terminal), None],
    };
    What::Close { device, gateway }
}

/// Some of these are refused, because more is asked for than is left: then the host or the far side
/// has to say no.
fn change(random: &mut Random, paid: &mut Vec<Paid>, nth: usize) -> What {
    let at = random.index(paid.len());
    let Paid {
        transaction,
        minor,
        held,
    } = paid[at].clone();
    let half = minor / 100 / 2 * 100 + 100 * i64::try_from(nth % 2).unwrap();
    let of = transaction.as_str();
    match random.below(100) {
        0..40 if held => What::change(Change::Capture, of, half.max(100)),
        40..65 if held => What::change(Change::Adjust, of, minor + 300),
        0..50 => What::change(Change::Refund, of, half.max(100)),
        other => {
            let change = if other < 80 {
                Change::Void
            } else {
                Change::Undo
            };
            let whole = paid.swap_remove(at).transaction;
            What::change(change, &whole, 0)
        }
    }
}

fn card(random: &mut Random, unlike_any: i64) -> What {
    // Endings by which far sides decide: half of it, do not honour.
    let ending = match random.below(100) {
        0..12 => 2,
        12..16 => 5,
        _ => 0,
    };
    let purpose = match random.below(100) {
        0..62 => Purpose::Sale,
        62..82 => Purpose::Authorize,
        82..90 => Purpose::CashAdvance,
        90..95 => Purpose::Verify,
        _ => Purpose::Balance,
    };
    let minor = unlike_any + ending;
    if random.percent(40) {
        let (terminal, plugin) = TERMINALS[random.index(TERMINALS.len())];
        // A person can say that a payment stands, not that a part of it does.
        let whole = plugin.ends_with("blind") && ending == 2;
        return What::Card {
            purpose,
            minor: if whole { unlike_any } else { minor },
            device: terminal.to_owned(),
            gateway: None,
            shown: None,
        };
    }
    let purpose = match purpose {
        Purpose::Sale if random.percent(15) => Purpose::Later,
        Purpose::Verify => Purpose::Keep,
        purpose => purpose,
    };
    let cards = [
        ("tap", "visa-approve"),
        ("insert", "visa-approve"),
        ("insert", "visa-approve"),
        ("insert", "visa-approve"),
        ("insert", FOREIGN),
        ("insert", FOREIGN),
        ("tap", "visa-decline"),
    ];
    What::Card {
        purpose,
        minor,
        device: a_reader(random),
        gateway: random.percent(25).then_some(STRICT),
        shown: Some(cards[random.index(cards.len())]),
    }
}

/// Something goes wrong between connector and gateway, or at a terminal.
async fn plan_a_fault(till: &mut Till, random: &mut Random) {
    let of_gateways = [
        ("lose_reply", "authorize"),
        ("lose_reply", "modify"),
        ("lose_reply", "reverse"),
        ("lose_reply", "reconcile"),
        ("lose_reply", "report"),
        ("go_away", "report"),
        ("lose_request", "authorize"),
        ("duplicate", "authorize"),
        ("refuse", "inquire"),
        ("go_away", "authorize"),
        ("go_away", "authorize"),
        ("go_away", "authorize"),
        ("lose_reply", "forward"),
        ("lose_request", "forward"),
        ("go_away", "forward"),
        ("lose_reply", "offer_currency"),
        ("lose_reply", "forget"),
        ("delay", "any"),
    ];
    let of_terminals = [
        ("lose_answer", "pay"),
        ("lose_answer", "pay_answer"),
        ("lose_answer", "reconcile_answer"),
        ("not_sent", "pay"),
        ("refuse", "inquire"),
        ("running", "inquire"),
    ];
    let (at_fault, (fault, at)) = if random.percent(35) {
        let (terminal, _) = TERMINALS[random.index(TERMINALS.len())];
        (terminal, of_terminals[random.index(of_terminals.len())])
    } else {
        let gateway = if random.percent(25) { STRICT } else { GATEWAY };
        (gateway, of_gateways[random.index(of_gateways.len())])
    };
    let mut params = fault_at(at_fault, fault, at).with("delay_ms", 15);
    if fault == "go_away" {
        params = params.with("after_send", random.percent(50));
    }
    plan(till, &params).await;
}

fn fault_at(device: &str, fault: &str, at: &str) -> SimulateParams {
    let mut params = SimulateParams::new("fault")
        .with("fault", fault)
        .with("at", at);
    params.device = Some(device.into());
    params
}

async fn plan(till: &mut Till, fault: &SimulateParams) {
    let register = Register(till.client().await);
    // What is down at the moment has enough of a fault.
    register.0.request(fault).await.ok();
}

/// The gateway without which a sale would be accepted offline.
fn goes_without(wish: &Wish) -> Option<&'static str> {
    match &wish.what {
        What::Card {
            purpose: Purpose::Sale,
            gateway,
            shown: Some(("insert", _)),
            ..
        } if wish.offline && wish.keep_as.is_none() => Some(gateway.unwrap_or(GATEWAY)),
        _ => None,
    }
}
