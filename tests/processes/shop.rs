// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a day: waits until everything has come to rest, asks every key once more, and puts
//! registers, journal and books side by side.
//!
//! A further book, as a terminal's, is one more entry in [`BOOKS`].

use crate::host::{GATEWAY, from_xtask, soon, state_of};
use crate::keeper::{Keeper, Place};
use crate::reconcile::{Booked, Kept, Views};
use crate::register::Register;
use crate::till::{PAUSE, Stages, Till, Wish, said};
use payhal_client::protocol::transaction::{ListParams, ResolutionState, TransactionView};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;
use tokio::time::sleep;

/// Instances that keep books of their own, with the query that reads them: transaction, kind,
/// state, amount, original.
const BOOKS: &[(&str, &str, &str)] = &[(
    GATEWAY,
    "ledger.sqlite",
    "SELECT transaction_id, kind, state, amount_minor, original FROM entry ORDER BY seq",
)];

/// What was left of a shop.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) views: Views,
    pub(crate) folder: TempDir,
}

/// Closes a shop: rest, one more question under every key, an orderly end, all books.
pub(crate) async fn close(keeper: Keeper, tills: Vec<(Till, Vec<Wish>)>) -> Closed {
    let place = keeper.place();
    until_at_rest(place.clone()).await;
    let again = tills.into_iter().map(|(mut till, wishes)| async move {
        for wish in wishes {
            if was_accepted(&till, &wish.key) {
                till.see_through(&wish).await;
            }
        }
        till.told
    });
    let told = futures_util::future::join_all(again).await;
    until_at_rest(place.clone()).await;
    let operator = place.operator().await;
    let kept = everything(&operator).await;
    drop(operator);
    let (ends, folder) = keeper.close().await;
    let last = ends.last().expect("there was a daemon");
    assert!(last.success(), "an orderly end is a success: {last}");
    let views = Views {
        told: told.into_iter().flatten().collect(),
        kept: kept.iter().map(row).collect(),
        booked: booked(folder.path()),
        damage: damage(folder.path()),
    };
    Closed { views, folder }
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

/// Waits until nothing is open but what waits for a person, whoever dies meanwhile: a daemon that
/// dies tells nobody, so it is asked again and again.
pub(crate) async fn until_at_rest(place: Place) {
    let mut operator = Till::new("operator", place, true, Stages::default());
    let open = ListParams {
        open: Some(true),
        limit: Some(100),
        ..ListParams::default()
    };
    soon("rest", async {
        loop {
            match operator.client().await.request(&open).await {
                Ok(listed) if listed.transactions.iter().all(waits_for_a_person) => return,
                Ok(_) => {}
                Err(_) => operator.hang_up(),
            }
            sleep(PAUSE).await;
        }
    })
    .await;
}

fn waits_for_a_person(view: &TransactionView) -> bool {
    let resolution = view.resolution.as_ref();
    resolution.is_some_and(|resolution| resolution.state == ResolutionState::NeedsOperator)
}

async fn everything(operator: &Register) -> Vec<TransactionView> {
    let mut all = Vec::new();
    let mut page = ListParams {
        limit: Some(100),
        ..ListParams::default()
    };
    loop {
        let listed = soon("a page", operator.0.request(&page)).await.unwrap();
        all.extend(listed.transactions);
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
        outcome: said(json!(view.outcome)),
        open: resolution.is_some_and(|state| state != ResolutionState::Resolved),
        needs_operator: waits_for_a_person(view),
    }
}

/// Every line of every book.
pub(crate) fn booked(folder: &Path) -> Vec<Booked> {
    let instances = state_of(folder).join("instances");
    let mut all = Vec::new();
    for (instance, file, query) in BOOKS {
        let path = instances.join(instance).join(file);
        let books = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut query = books.prepare(query).unwrap();
        let lines = query.query_map([], |row| {
            Ok(Booked {
                book: (*instance).to_owned(),
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
