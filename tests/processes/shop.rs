// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a day: waits until everything has come to rest, asks every key once more, tries every
//! terminal, and puts registers, journal and books side by side.
//!
//! A further book is one more entry in [`BOOKS`].

use crate::host::{GATEWAY, PATIENCE, from_xtask, soon, state_of};
use crate::keeper::{Keeper, Place};
use crate::operator::Operator;
use crate::reconcile::{AfterAll, Booked, Kept, Settled, Views, held};
use crate::register::Register;
use crate::till::{PAUSE, Stages, Till, said};
use crate::wish::{Purpose, What, Wish};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::transaction::{
    EntryMode, ListParams, ResolutionState, TransactionKind, TransactionOutcome, TransactionView,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// A gateway that wants one exchange at a time, where a shop has it.
pub(crate) const STRICT: &str = "strict";

/// Virtual terminals that a shop may have, and their plugins.
pub(crate) const TERMINALS: [(&str, &str); 3] = [
    ("terminal-asked", "virtual-terminal"),
    ("terminal-last", "virtual-terminal-last-only"),
    ("terminal-blind", "virtual-terminal-blind"),
];

/// Instances that keep books of their own; not every shop has all.
const BOOKS: [&str; 5] = [
    GATEWAY,
    STRICT,
    TERMINALS[0].0,
    TERMINALS[1].0,
    TERMINALS[2].0,
];

/// Their lines: transaction, kind, state, amount, original.
const LINES: &str = "SELECT transaction_id, kind, state, amount_minor, original FROM \
    (SELECT seq, transaction_id, kind, state, amount_minor, original FROM entry UNION ALL \
    SELECT 0, transaction_id, 'batch_close', 'approved', 0, NULL FROM closed_batch) ORDER BY seq";

/// What may be accepted while a gateway is away, in shops that have it.
pub(crate) const OFFLINE: &str = "[[offline]]\namount_max = \"100.00 EUR\"\ncount_max = 20\n\
    total_max = \"1000.00 EUR\"\nage_max_hours = 24\n";

/// What every terminal is paid in the end: an amount that nobody pays during the day.
const LAST_MINOR: i64 = 7_777_700;

/// What was left of a shop.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) views: Views,
    pub(crate) folder: TempDir,
}

/// Closes a shop: rest, one more question under every key, a payment on every terminal, an orderly
/// end, all books. `settled`: what a person had to settle during the day.
pub(crate) async fn close(
    keeper: Keeper,
    tills: Vec<(Till, Vec<Wish>)>,
    mut settled: Vec<Settled>,
) -> Closed {
    let place = keeper.place();
    let person = Operator::begin(place.clone(), keeper.folder());
    until_settled(place.clone()).await;
    let again = tills.into_iter().map(|(mut till, wishes)| async move {
        for wish in wishes {
            if was_accepted(&till, &wish.key) {
                till.see_through(&wish).await;
            }
        }
        let cards = till.cards().await;
        (till.told, cards)
    });
    let again = futures_util::future::join_all(again).await;
    let (told, cards): (Vec<_>, Vec<_>) = again.into_iter().unzip();
    until_settled(place.clone()).await;
    let (terminals, paid) = try_terminals(&keeper).await;
    until_settled(place.clone()).await;
    settled.extend(person.leave().await);
    let operator = place.operator().await;
    let kept: Vec<_> = everything(&operator).await.iter().map(row).collect();
    drop(operator);
    until_reported(keeper.folder(), &kept).await;
    let (ends, folder) = keeper.close().await;
    let last = ends.last().expect("there was a daemon");
    assert!(last.success(), "an orderly end is a success: {last}");
    let mut booked = booked(folder.path());
    voids_on_terminals(&mut booked, &kept);
    let reported = reported(folder.path());
    let out_of_turn = out_of_turn(folder.path(), &kept);
    let views = Views {
        told: told.into_iter().flatten().chain(paid.told).collect(),
        kept,
        booked,
        settled,
        terminals,
        reported,
        converted: converted(folder.path()),
        cards: cards.into_iter().flatten().collect(),
        tokens: tokens(folder.path()),
        out_of_turn,
        damage: damage(folder.path()),
    };
    Closed { views, folder }
}

/// Pays on every terminal, whose planned faults are taken back before.
async fn try_terminals(keeper: &Keeper) -> (Vec<AfterAll>, Till) {
    let operator = keeper.place().operator().await;
    let mut till = Till::new("last", keeper.place(), true, Stages::default());
    let mut tried = Vec::new();
    for (terminal, _) in TERMINALS {
        if !has_books(keeper.folder(), terminal) {
            continue;
        }
        reset(&operator, terminal).await;
        let what = What::Card {
            purpose: Purpose::Sale,
            minor: LAST_MINOR,
            device: terminal.to_owned(),
            gateway: None,
            shown: None,
        };
        let quarantined = operator.device(terminal).await.state == DeviceState::Quarantined;
        tried.push(AfterAll {
            terminal: terminal.to_owned(),
            quarantined,
            next: till.see_through(&Wish::new(terminal, what)).await,
        });
    }
    (tried, till)
}

/// Takes back what was planned at a terminal, once it is up: its runner may have died just now.
async fn reset(operator: &Register, terminal: &str) {
    let done = async {
        while operator.try_act(terminal, "reset", &[]).await.is_err() {
            sleep(PAUSE).await;
        }
    };
    soon("a terminal that takes no faults any more", done).await;
}

/// A terminal takes a payment back without a line of its own. Where the journal has the void that
/// did it, its line is added, and the payment counts as voided; where not, it stays reversed.
fn voids_on_terminals(booked: &mut Vec<Booked>, kept: &[Kept]) {
    let mut voids = Vec::new();
    for line in booked.iter().filter(|line| {
        line.state == "reversed" && TERMINALS.iter().any(|(terminal, _)| *terminal == line.book)
    }) {
        let is_it = |kept: &&Kept| {
            kept.kind == "void"
                && kept.outcome == "approved"
                && kept.original.as_ref() == Some(&line.transaction)
        };
        voids.extend(kept.iter().filter(is_it).map(|void| Booked {
            book: line.book.clone(),
            transaction: void.transaction.clone(),
            kind: void.kind.clone(),
            state: "approved".to_owned(),
            minor: held(booked, line),
            original: void.original.clone(),
        }));
    }
    for line in &mut *booked {
        let mut voids = voids.iter();
        if voids.any(|void| void.original.as_ref() == Some(&line.transaction)) {
            "voided".clone_into(&mut line.state);
        }
    }
    booked.extend(voids);
}

/// What was refused before it was accepted may be accepted now: that would be a new wish.
fn was_accepted(till: &Till, key: &str) -> bool {
    use crate::reconcile::Word;
    let mut told = till.told.iter().filter(|told| told.key == key);
    told.any(|told| {
        let mut answers = told.answers.iter();
        answers.any(|word| !matches!(word, Word::Refused { .. }))
    })
}

/// Waits until nothing is open but what waits for a person.
pub(crate) async fn until_at_rest(place: Place) {
    until_open(place, waits_for_a_person).await;
}

/// Waits until nothing is open at all.
async fn until_settled(place: Place) {
    until_open(place, |_| false).await;
}

/// Waits until all that is open is like this, whoever dies meanwhile: a daemon that dies tells
/// nobody, so it is asked again and again.
async fn until_open(place: Place, may_be: impl Fn(&TransactionView) -> bool) {
    let mut operator = Till::new("operator", place, true, Stages::default());
    let open = ListParams {
        open: Some(true),
        limit: Some(100),
        ..ListParams::default()
    };
    soon("rest", async {
        loop {
            match operator.client().await.request(&open).await {
                Ok(listed) if listed.transactions.iter().all(&may_be) => return,
                Ok(_) => {}
                Err(_) => operator.hang_up(),
            }
            sleep(PAUSE).await;
        }
    })
    .await;
}

pub(crate) fn waits_for_a_person(view: &TransactionView) -> bool {
    let resolution = view.resolution.as_ref();
    resolution.is_some_and(|resolution| resolution.state == ResolutionState::NeedsOperator)
}

/// Every transaction, with all that is known of it.
async fn everything(operator: &Register) -> Vec<TransactionView> {
    let mut all = Vec::new();
    let mut page = ListParams {
        limit: Some(100),
        ..ListParams::default()
    };
    loop {
        let listed = soon("a page", operator.0.request(&page)).await.unwrap();
        for listed in listed.transactions {
            all.push(operator.get(listed.transaction_id.as_str()).await);
        }
        match listed.cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return all,
        }
    }
}

fn row(view: &TransactionView) -> Kept {
    let resolution = view.resolution.as_ref().map(|resolution| resolution.state);
    Kept {
        transaction: view.transaction_id.to_string(),
        register: view.register.to_string(),
        key: view.idempotency_key.to_string(),
        kind: said(json!(view.kind)),
        original: view.parent.as_ref().map(ToString::to_string),
        outcome: said(json!(view.outcome)),
        open: resolution.is_some_and(|state| state != ResolutionState::Resolved),
        needs_operator: waits_for_a_person(view),
        to_report: to_report(view),
        forwarding: view.forwarding.as_ref().map(|it| said(json!(it.state))),
        own: view.amounts.dcc.as_ref().map(|dcc| dcc.amount.minor),
        modes: modes(view),
    }
}

/// The ways in which money moved by it.
fn modes(view: &TransactionView) -> Vec<&'static str> {
    use payhal_client::protocol::payment::ForwardingState;
    if view.outcome != TransactionOutcome::Approved {
        return Vec::new();
    }
    let strict = view
        .gateway
        .as_ref()
        .is_some_and(|it| it.as_str() == STRICT);
    let card = view.card.as_ref();
    let foreign = card.is_some_and(|card| card.scheme == "amex");
    let forwarded = view.forwarding.as_ref();
    let forwarded = forwarded.is_some_and(|it| it.state == ForwardingState::Approved);
    let by_kept = view.token_id.is_some() && view.device.is_none();
    let met = [
        ("own currency", view.amounts.dcc.is_some()),
        (
            "own currency left",
            foreign && view.amounts.dcc.is_none() && view.kind == TransactionKind::Sale,
        ),
        ("kept", view.token_id.is_some() && view.device.is_some()),
        (
            "sold by kept card",
            by_kept && view.kind == TransactionKind::Sale,
        ),
        (
            "refunded to kept card",
            by_kept && view.kind == TransactionKind::Refund,
        ),
        ("deleted", view.kind == TransactionKind::TokenDelete),
        ("forwarded", forwarded),
        ("forwarded to the strict", forwarded && strict),
    ];
    let met = met.into_iter().filter(|(_, met)| *met);
    met.map(|(mode, _)| mode).collect()
}

/// What its gateway has to be told of it, if it is approved.
fn to_report(view: &TransactionView) -> Vec<&'static str> {
    let ordered = !view.customer.is_empty();
    let entry = view.card.as_ref().map(|card| card.entry);
    // What is forwarded carries the chip's word.
    let online = view.gateway.is_some() && view.forwarding.is_none();
    let completed = online && entry == Some(EntryMode::Chip);
    let order = ordered.then_some("notify_order");
    order
        .into_iter()
        .chain(completed.then_some("advice"))
        .collect()
}

/// Gives reports the time they need: nothing else waits for them.
async fn until_reported(folder: &Path, kept: &[Kept]) {
    let all = async {
        loop {
            let reported = reported(folder);
            let is_told = |kept: &Kept| {
                let mut reports = kept.to_report.iter();
                reports.all(|report| {
                    reported.contains(&(kept.transaction.clone(), (*report).to_owned()))
                })
            };
            let mut kept = kept.iter();
            if kept.all(|kept| kept.outcome != "approved" || is_told(kept)) {
                return;
            }
            sleep(PAUSE).await;
        }
    };
    // What is missing then is a broken promise, with its name.
    timeout(PATIENCE, all).await.ok();
}

/// Transactions that gateways were told more about, and what.
fn reported(folder: &Path) -> BTreeSet<(String, String)> {
    let query = "SELECT transaction_id, kind FROM report";
    let lines = of_gateways(folder, query, |row| Ok((row.get(0)?, row.get(1)?)));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What gateways charged in the card's own currency.
fn converted(folder: &Path) -> BTreeMap<String, i64> {
    let query = "SELECT transaction_id, amount_minor FROM converted";
    let lines = of_gateways(folder, query, |row| Ok((row.get(0)?, row.get(1)?)));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Gateways and the payment tokens they know.
fn tokens(folder: &Path) -> BTreeSet<(String, String)> {
    let lines = of_gateways(folder, "SELECT token FROM token", |row| row.get(0));
    let lines = lines.into_iter();
    lines.map(|(at, token)| (at.to_owned(), token)).collect()
}

/// What gateways have in a table of their own, each line with whose it is.
fn of_gateways<T>(
    folder: &Path,
    query: &str,
    line: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<(&'static str, T)> {
    let gateways = [GATEWAY, STRICT].into_iter();
    let with_books = gateways.filter(|gateway| has_books(folder, gateway));
    let read = |gateway| {
        let books = open(folder, gateway);
        let mut query = books.prepare(query).unwrap();
        let lines = query.query_map([], |row| Ok((gateway, line(row)?)));
        lines.unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    with_books.flat_map(read).collect()
}

/// Whether there is a ledger with its tables: its plugin may have died before it made them.
fn has_books(folder: &Path, instance: &str) -> bool {
    ledger(folder, instance).exists()
        && open(folder, instance)
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .is_ok_and(|version: i64| version > 0)
}

fn ledger(folder: &Path, instance: &str) -> std::path::PathBuf {
    let instances = state_of(folder).join("instances");
    instances.join(instance).join("ledger.sqlite")
}

fn open(folder: &Path, instance: &str) -> Connection {
    let path = ledger(folder, instance);
    let books = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    books.busy_timeout(Duration::from_secs(5)).unwrap();
    books
}

/// Every line of every book.
pub(crate) fn booked(folder: &Path) -> Vec<Booked> {
    let mut all = Vec::new();
    for instance in BOOKS {
        if !has_books(folder, instance) {
            continue;
        }
        let books = open(folder, instance);
        let mut query = books.prepare(LINES).unwrap();
        let lines = query.query_map([], |row| {
            Ok(Booked {
                book: instance.to_owned(),
                transaction: row.get(0)?,
                kind: row.get(1)?,
                state: row.get(2)?,
                minor: row.get(3)?,
                original: row.get(4)?,
            })
        });
        let lines: Result<Vec<_>, _> = lines.unwrap().collect();
        all.extend(lines.unwrap());
    }
    all
}

/// What a gateway that keeps an order took down. A card check whose answer was lost leaves nothing
/// to take back, and nobody asks for it again: the gateway goes on waiting, and must not.
fn out_of_turn(folder: &Path, kept: &[Kept]) -> Vec<String> {
    if !has_books(folder, STRICT) {
        return Vec::new();
    }
    let books = open(folder, STRICT);
    let query = "SELECT kind, transaction_id, other FROM violation ORDER BY seq";
    let mut query = books.prepare(query).unwrap();
    let lines = query.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    let lines: Vec<[String; 3]> = lines.unwrap().collect::<Result<_, _>>().unwrap();
    let only_asked = |transaction: &str| {
        let mut kept = kept.iter().filter(|kept| kept.transaction == transaction);
        kept.any(|kept| matches!(kept.kind.as_str(), "verify" | "balance" | "token_register"))
    };
    lines
        .into_iter()
        .filter(|[kind, _, other]| kind != "reversal_owed" || !only_asked(other))
        .map(|[kind, transaction, other]| format!("{kind}: {transaction} while {other}"))
        .collect()
}

/// What `payhal journal verify` says against it.
fn damage(folder: &Path) -> Option<String> {
    let mut verify = std::process::Command::new(from_xtask("PAYHAL_BIN"));
    verify
        .args(["journal", "verify", "--state"])
        .arg(state_of(folder));
    let done = verify.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (!done.status.success()).then_some(said)
}
