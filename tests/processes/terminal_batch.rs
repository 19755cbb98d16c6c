// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what a terminal approved without a line is told as not collected until its close
//! collects it, and that money which an issuer did not take is never lost without a word.

use crate::register::Sale;
use crate::terminal_desk::{AUTO, Desk, TERMINAL};
use payhal_client::protocol::MoneyMoved;
use payhal_client::protocol::batch::CloseParams;
use payhal_client::protocol::payment::{Approved, Collection};
use payhal_client::protocol::transaction::TransactionOutcome;
use serde_json::Value;

async fn close(desk: &Desk, key: &str) -> Approved {
    let mut close = CloseParams::new(key);
    close.device = Some(TERMINAL.into());
    let payment = desk.till.0.close_batch(&close);
    Sale::new(payment).end().await.approved()
}

async fn line(desk: &Desk, is_there: bool) {
    let rest = [("on", Value::from(!is_there)), ("floor_minor", 5000.into())];
    desk.till.act(TERMINAL, "offline", &rest).await;
}

async fn collection(desk: &Desk, id: &str) -> Option<Collection> {
    desk.till.get(id).await.collection
}

#[tokio::test]
async fn a_close_collects_what_was_approved_offline() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    line(&desk, false).await;
    let taken = desk.sale("a", 1250).end().await.approved();
    assert_eq!(taken.collection, Some(Collection::Pending));
    let lost = desk.sale("b", 1350).end().await.approved();
    let (taken, lost) = (
        taken.transaction_id.to_string(),
        lost.transaction_id.to_string(),
    );
    assert_eq!(collection(&desk, &lost).await, Some(Collection::Pending));
    line(&desk, true).await;
    let mut watch = desk.till.watch().await;
    desk.fault("reject", "collect", &[("amount_minor", 1350.into())])
        .await;
    let batch = close(&desk, "c").await.batch.unwrap();
    let told: Vec<_> = batch
        .collected
        .iter()
        .map(|one| (one.transaction_id.as_str(), one.accepted))
        .collect();
    assert_eq!(told, [(taken.as_str(), true), (lost.as_str(), false)]);
    assert_eq!(
        batch.totals.iter().map(|row| row.sales_minor).sum::<i64>(),
        1250
    );
    let resolved = watch.resolved(&lost).await;
    assert_eq!(resolved.collection, Some(Collection::Refused));
    assert_eq!(
        resolved.outcome,
        TransactionOutcome::Approved,
        "what a register was told stands"
    );
    assert_eq!(resolved.money_moved, MoneyMoved::No);
    assert_eq!(collection(&desk, &taken).await, Some(Collection::Collected));
    assert_eq!(collection(&desk, &lost).await, Some(Collection::Refused));
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 1250), ("sale", "uncollected", 1350)]);
}

#[tokio::test]
async fn a_close_whose_word_is_lost_closes_once() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.sale("a", 1250).end().await.approved();
    desk.fault("lose_answer", "reconcile_answer", &[]).await;
    let first = close(&desk, "b").await.batch.unwrap();
    desk.fault("crash", "reconcile_answer", &[]).await;
    let second = close(&desk, "c").await.batch.unwrap();
    assert_ne!(first.batch, second.batch);
    assert_eq!(first.totals[0].sales_minor, 1250);
    assert!(second.totals.iter().all(|row| row.sales == 0), "{second:?}");
}
