// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a batch close counts, what it waits for, what waits for it, and that it closes once,
//! whoever hears of it.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, Sale, approved, eur, not_allowed, sale};
use payhal_client::protocol::batch::{BatchTotals, CloseParams, TotalsParams};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{RefundParams, UndoDone, UndoParams, UndoRule, VoidParams};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::registers::Limits;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

const READER: &str = "reader-1";

async fn counter(readers: usize) -> (Host, Register) {
    let host = Host::start(&Setup::automatic(readers, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    (host, register)
}

async fn paid(register: &Register, key: &str, minor: i64) -> String {
    let played = register.sell_alone(&sale(key, minor, READER)).await;
    played.approved().transaction_id.to_string()
}

async fn close(register: &Register, key: &str) -> BatchTotals {
    let closed = approved(register.0.close_batch(&CloseParams::new(key))).await;
    closed.batch.expect("a close has totals")
}

/// Sales, their sum, refunds, their sum.
#[track_caller]
fn row(totals: &BatchTotals) -> (u64, i64, u64, i64) {
    match &totals.totals[..] {
        [] => (0, 0, 0, 0),
        [row] => {
            assert_eq!(row.currency, "EUR");
            (row.sales, row.sales_minor, row.refunds, row.refunds_minor)
        }
        rows => panic!("one currency was paid in: {rows:?}"),
    }
}

/// Which batch each line of the ledger lies in.
fn batches(host: &Host) -> Vec<(String, String)> {
    let rows = host
        .ledger()
        .rows("SELECT amount_minor, printf('%06d', batch) FROM entry ORDER BY seq");
    rows.into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}

#[tokio::test]
async fn a_close_counts_what_stands_and_begins_anew() {
    let (host, register) = counter(1).await;
    let (first, second) = (
        paid(&register, "a", 1250).await,
        paid(&register, "b", 700).await,
    );
    let back = RefundParams::of("c", first.as_str(), eur(250));
    approved(register.0.refund(&back)).await;
    approved(register.0.void(&VoidParams::of("d", second.as_str()))).await;
    let looked = register.0.batch_totals(&TotalsParams::default()).await;
    let looked = looked.unwrap();
    assert_eq!(row(&looked), (1, 1250, 1, 250));
    let closed = approved(register.0.close_batch(&CloseParams::new("e"))).await;
    assert_eq!(closed.batch.as_ref(), Some(&looked));
    assert!(closed.receipts.merchant.contains("BATCH CLOSE"));
    let again = approved(register.0.close_batch(&CloseParams::new("e"))).await;
    assert!(again.replayed && again.batch == closed.batch);
    assert_eq!(
        host.ledger().rows("SELECT COUNT(*) FROM closed_batch"),
        [["1"]]
    );
    let anew = register.0.batch_totals(&TotalsParams::default()).await;
    let anew = anew.unwrap();
    assert_ne!(anew.batch, looked.batch);
    assert_eq!(row(&anew), (0, 0, 0, 0));
}

#[tokio::test]
async fn after_a_close_money_goes_back_by_refund_alone() {
    let (host, register) = counter(1).await;
    let sold = paid(&register, "a", 1250).await;
    close(&register, "b").await;
    let late = not_allowed(register.0.void(&VoidParams::of("c", sold.as_str()))).await;
    let why = late.detail.unwrap();
    assert!(why.contains("payment.refund"), "{why}");
    let undone = approved(register.0.undo(&UndoParams::of("d", sold.as_str()))).await;
    let undo = undone.undo.unwrap();
    assert_eq!(
        (undo.did, undo.rule),
        (UndoDone::Refund, UndoRule::BatchClosed)
    );
    assert_eq!(row(&close(&register, "e").await), (0, 0, 1, 1250));
    // The host remembers the close beyond its own life.
    let host = host.kill_and_restart().await;
    let back = host.register("till-1").await;
    let second = UndoParams::of("f", sold.as_str());
    not_allowed(back.0.undo(&second)).await;
    not_allowed(back.0.void(&VoidParams::of("g", sold.as_str()))).await;
}

#[tokio::test]
async fn a_close_waits_for_what_runs_and_new_money_waits_for_the_close() {
    let (host, register) = counter(2).await;
    register.fault(GATEWAY, "delay", "authorize", 400).await;
    register.fault(GATEWAY, "delay", "reconcile", 200).await;
    let running = register.0.sale(&sale("a", 1250, "reader-1"));
    let mut running = Sale::new(running);
    running.until(Stage::Authorizing).await;
    let closing = register.0.close_batch(&CloseParams::new("b"));
    let next = register.0.sale(&sale("c", 700, "reader-2"));
    let (running, closing, next) = tokio::join!(
        running.end(),
        Sale::new(closing).end(),
        Sale::new(next).end()
    );
    running.approved();
    next.approved();
    let closed = closing.approved().batch.unwrap();
    assert_eq!(row(&closed), (1, 1250, 0, 0));
    let lines = batches(&host);
    let of = |minor: &str| lines.iter().find(|line| line.0 == minor).unwrap().1.clone();
    assert_eq!(of("1250"), closed.batch);
    assert_ne!(of("700"), closed.batch);
    assert_eq!(row(&close(&register, "d").await), (1, 700, 0, 0));
}

#[tokio::test]
async fn a_close_whose_answer_is_lost_closes_once() {
    let (host, register) = counter(1).await;
    paid(&register, "a", 1250).await;
    register.fault(GATEWAY, "lose_reply", "reconcile", 0).await;
    let closed = close(&register, "b").await;
    assert_eq!(row(&closed), (1, 1250, 0, 0));
    register
        .fault(GATEWAY, "lose_request", "reconcile", 0)
        .await;
    let next = close(&register, "c").await;
    assert_eq!(row(&next), (0, 0, 0, 0));
    let kept = host
        .ledger()
        .rows("SELECT printf('%06d', number) FROM closed_batch ORDER BY number");
    assert_eq!(kept, [[closed.batch], [next.batch]]);
}

#[tokio::test]
async fn a_close_in_flight_when_the_host_dies_is_found_by_its_key() {
    let (host, register) = counter(1).await;
    paid(&register, "a", 1250).await;
    register.fault(GATEWAY, "lose_reply", "reconcile", 0).await;
    register.fault(GATEWAY, "pending", "inquire", 0).await;
    let closing = register.0.close_batch(&CloseParams::new("b"));
    register.until_faults_met(GATEWAY).await;
    let host = host.kill_and_restart().await;
    drop((closing, register));
    let back = host.register("till-1").await;
    assert_eq!(row(&close(&back, "b").await), (1, 1250, 0, 0));
    assert_eq!(
        host.ledger().rows("SELECT COUNT(*) FROM closed_batch"),
        [["1"]]
    );
}

#[tokio::test]
async fn a_close_is_refused_while_something_is_unknown_unless_a_person_has_looked() {
    let (host, register) = counter(2).await;
    for (reader, minor) in [("reader-1", 1250), ("reader-2", 800)] {
        register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
        register.fault(GATEWAY, "delay", "inquire", 2_000).await;
        let key = format!("open-{minor}");
        let running = register.0.sale(&sale(&key, minor, reader));
        drop(running);
    }
    register.until_faults_met(GATEWAY).await;
    let refused = Sale::new(register.0.close_batch(&CloseParams::new("b")));
    let refused = refused.end().await;
    let refused = refused.refused(ErrorName::UnresolvedTransaction, Failed);
    let told = refused.says(MoneyMoved::No, Retry::AskOperator);
    assert_eq!(told.unresolved.len(), 2, "{told:?}");
    let mut despite = CloseParams::new("b");
    despite.despite = told.unresolved;
    approved(register.0.close_batch(&despite)).await;
    assert_eq!(
        host.ledger().rows("SELECT COUNT(*) FROM closed_batch"),
        [["1"]]
    );
}

#[tokio::test]
async fn only_who_may_closes_and_totals_are_for_all() {
    let setup = Setup::automatic(1, "tap visa-approve").rights("till-1", &[], Limits::default());
    let host = Host::start(&setup).await;
    let bound = host.register("till-1").await;
    let refused = Sale::new(bound.0.close_batch(&CloseParams::new("a")));
    let refused = refused.end().await;
    refused
        .refused(ErrorName::PermissionDenied, Failed)
        .says(MoneyMoved::No, Retry::Never);
    let looked = bound.0.batch_totals(&TotalsParams::default()).await;
    assert_eq!(row(&looked.unwrap()), (0, 0, 0, 0));
}
