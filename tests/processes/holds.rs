// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what is held on a card is raised, lowered, taken in parts and let go, and that never
//! more is taken than is held.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Played, Register, Sale, approved, eur, not_allowed};
use payhal_client::Payment;
use payhal_client::protocol::MoneyMoved;
use payhal_client::protocol::error::ErrorOutcome;
use payhal_client::protocol::payment::{
    AdjustParams, AuthorizeParams, CaptureParams, RefundParams, UndoDone, UndoParams, UndoRule,
    VoidParams,
};
use payhal_client::protocol::transaction::TransactionKind;

const READER: &str = "reader-1";

/// A shop that holds an amount on a card.
struct Hold {
    host: Host,
    register: Register,
    id: String,
}

async fn held(minor: i64, most: Option<i64>) -> Hold {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    let mut params = AuthorizeParams::new("hold", eur(minor));
    params.device = Some(READER.into());
    params.amount_max = most.map(eur);
    let held = approved(register.0.authorize(&params)).await;
    assert_eq!(held.amounts.approved, Some(eur(minor)));
    assert!(held.receipts.customer.contains("AUTHORIZATION"));
    let id = held.transaction_id.to_string();
    Hold { host, register, id }
}

impl Hold {
    fn capture(&self, key: &str, minor: i64) -> Payment {
        let params = CaptureParams::of(key, self.id.as_str(), eur(minor));
        self.register.0.capture(&params)
    }

    fn adjust(&self, key: &str, minor: i64) -> Payment {
        let params = AdjustParams::of(key, self.id.as_str(), eur(minor));
        self.register.0.adjust(&params)
    }

    fn void(&self, key: &str) -> Payment {
        self.register.0.void(&VoidParams::of(key, self.id.as_str()))
    }

    fn undo(&self, key: &str) -> Payment {
        self.register.0.undo(&UndoParams::of(key, self.id.as_str()))
    }

    /// What the gateway has taken.
    fn captured(&self) -> i64 {
        let lines = self.host.ledger().lines().into_iter();
        let captures = lines.filter(|line| line.kind == "capture" && line.state == "approved");
        captures.map(|line| line.amount_minor).sum()
    }
}

#[tokio::test]
async fn a_hold_is_taken_in_parts_to_the_last_cent() {
    let hold = held(5000, None).await;
    for (key, minor) in [("c1", 2000), ("c2", 2999), ("c3", 1)] {
        let part = approved(hold.capture(key, minor)).await;
        assert_eq!(part.amounts.approved, Some(eur(minor)));
    }
    not_allowed(hold.capture("c4", 1)).await;
    assert_eq!(hold.captured(), 5000);
    let shown = hold.register.get(&hold.id).await;
    let counted = shown.changes.iter().filter(|change| change.counts);
    assert_eq!(counted.map(|change| change.amount.minor).sum::<i64>(), 5000);
}

#[tokio::test]
async fn captures_at_the_same_time_share_what_is_held() {
    let hold = held(1000, None).await;
    let keys: Vec<String> = (0..8).map(|number| format!("c{number}")).collect();
    let all = keys
        .iter()
        .map(|key| Sale::new(hold.capture(key, 300)).end());
    let played = futures_util::future::join_all(all).await;
    let taken = played.iter().filter(|played| played.answer.is_ok()).count();
    assert_eq!(taken, 3, "{played:#?}");
    assert_eq!(hold.captured(), 900);
}

#[tokio::test]
async fn an_adjustment_raises_as_far_as_was_said_and_lowers() {
    let hold = held(10_000, Some(12_000)).await;
    let mut tipped = AdjustParams::of("a1", hold.id.as_str(), eur(12_000));
    tipped.tip = Some(eur(2000));
    let raised = approved(hold.register.0.adjust(&tipped)).await.amounts;
    assert_eq!(
        (raised.approved, raised.tip),
        (Some(eur(12_000)), Some(eur(2000)))
    );
    not_allowed(hold.adjust("a2", 12_001)).await;
    approved(hold.adjust("a3", 7000)).await;
    not_allowed(hold.capture("c1", 7001)).await;
    approved(hold.capture("c1", 7000)).await;
    not_allowed(hold.adjust("a4", 9000)).await;
    hold.host.ledger().assert(&[
        ("authorize", "approved", 10_000),
        ("adjust", "approved", 12_000),
        ("adjust", "approved", 7000),
        ("capture", "approved", 7000),
    ]);
}

#[tokio::test]
async fn a_hold_that_is_not_needed_is_let_go() {
    let hold = held(5000, None).await;
    approved(hold.void("v")).await;
    not_allowed(hold.capture("c", 1)).await;
    not_allowed(hold.void("v2")).await;
    hold.host
        .ledger()
        .assert(&[("authorize", "voided", 5000), ("void", "approved", 5000)]);
}

#[tokio::test]
async fn an_undo_lets_go_of_a_hold_and_gives_back_what_was_taken() {
    let hold = held(5000, None).await;
    approved(hold.capture("c", 1200)).await;
    let why = not_allowed(hold.void("v")).await.detail.unwrap();
    assert!(why.contains("payment.refund"), "{why}");
    let undone = approved(hold.undo("u")).await;
    let undo = undone.undo.unwrap();
    assert_eq!(
        (undo.did, undo.rule),
        (UndoDone::Refund, UndoRule::Captured)
    );
    assert_eq!(undone.amounts.approved, Some(eur(1200)));
    let whole = held(700, None).await;
    let undone = approved(whole.undo("u")).await.undo.unwrap();
    assert_eq!(
        (undone.did, undone.rule),
        (UndoDone::Void, UndoRule::BatchOpen)
    );
}

#[tokio::test]
async fn what_was_taken_is_given_back_and_no_more() {
    let hold = held(5000, None).await;
    let refund = |key: &str, minor| {
        let params = RefundParams::of(key, hold.id.as_str(), eur(minor));
        hold.register.0.refund(&params)
    };
    not_allowed(refund("r0", 1)).await;
    approved(hold.capture("c1", 1000)).await;
    approved(hold.capture("c2", 500)).await;
    not_allowed(refund("r1", 1501)).await;
    approved(refund("r1", 1500)).await;
    not_allowed(refund("r2", 1)).await;
}

#[tokio::test]
async fn a_lost_reply_to_a_capture_or_an_adjustment_is_asked_about() {
    let hold = held(5000, None).await;
    let faults = ["lose_reply", "lose_request"];
    for fault in faults {
        hold.register.fault(GATEWAY, fault, "modify", 0).await;
        let adjusted = Sale::new(hold.adjust(fault, 6000)).end().await;
        settled(&hold, adjusted).await;
    }
    for fault in faults {
        hold.register.fault(GATEWAY, fault, "modify", 0).await;
        let key = format!("capture-{fault}");
        let captured = Sale::new(hold.capture(&key, 1000)).end().await;
        settled(&hold, captured).await;
    }
    let told = hold.register.get(&hold.id).await;
    let counts = told.changes.iter().filter(|change| change.counts);
    let captured: i64 = counts
        .filter(|change| change.kind == TransactionKind::Capture)
        .map(|change| change.amount.minor)
        .sum();
    assert_eq!(captured, hold.captured());
    assert!(captured >= 1000, "the reply was lost, not the capture");
}

/// Approved, or ended with nothing taken; never unknown for good.
async fn settled(hold: &Hold, played: Played) {
    if let Err(error) = played.answer {
        let told = error.rpc().unwrap().data.clone().unwrap();
        assert_ne!(told.outcome, ErrorOutcome::Unknown, "{told:?}");
        let id = told.transaction_id.unwrap();
        let back = hold.register.until_back(id.as_str()).await;
        assert_eq!(back.money_moved, MoneyMoved::No);
    }
}

#[tokio::test]
async fn a_hold_remembers_its_captures_beyond_the_host() {
    let hold = held(5000, None).await;
    approved(hold.capture("c1", 4000)).await;
    let Hold { host, id, .. } = hold;
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let hold = Hold { host, register, id };
    not_allowed(hold.capture("c2", 1001)).await;
    approved(hold.capture("c2", 1000)).await;
    assert_eq!(hold.captured(), 5000);
}
