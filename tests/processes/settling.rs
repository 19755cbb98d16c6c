// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what a gateway will not undo waits for a person, who may settle it once; that the
//! register's answer is the same ever after, and that nothing passes by unseen meanwhile.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::register::{Register, Sale, approved, sale};
use payhal_client::protocol::batch::CloseParams;
use payhal_client::protocol::error::ErrorOutcome::{Failed, Unknown};
use payhal_client::protocol::payment::{ResolveParams, ResolvedOutcome};
use payhal_client::protocol::registers::Limits;
use payhal_client::protocol::session::Permission;
use payhal_client::protocol::transaction::{
    ListParams, ReceiptCopy, ReceiptFormat, ReceiptParams, ResolutionState, TransactionOutcome,
    TransactionView,
};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

const READER: &str = "reader-1";

/// A chip whose approval got lost and which the gateway will not reverse.
async fn stuck() -> (Host, Register, String) {
    let setup = Setup::readers(1).rights("till-2", &[Permission::Others], Limits::default());
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    register.fault(GATEWAY, "refuse", "reverse", 0).await;
    let mut watch = register.watch().await;
    let played = register
        .sell(&sale("k", 1250, READER), "insert", "visa-approve")
        .await;
    let refused = played.refused(ErrorName::TimedOut, Failed);
    let id = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    soon("a person's task", async {
        while !waits_for_a_person(&register.get(&id).await) {
            watch.next().await;
        }
    })
    .await;
    host.ledger().assert(&[("sale", "approved", 1250)]);
    (host, register, id)
}

fn waits_for_a_person(shown: &TransactionView) -> bool {
    let resolution = shown.resolution.as_ref();
    resolution.is_some_and(|resolution| resolution.state == ResolutionState::NeedsOperator)
}

async fn settle(
    register: &Register,
    id: &str,
    outcome: ResolvedOutcome,
) -> Result<TransactionView, payhal_client::CallError> {
    let word = ResolveParams {
        transaction_id: id.into(),
        outcome,
        evidence: "line 7 of the bank's report".to_owned(),
        operator: "Ann".to_owned(),
    };
    let said = soon("payment.resolve", register.0.request(&word)).await;
    said.map(|said| said.transaction)
}

async fn printed(register: &Register, id: &str) -> String {
    let params = ReceiptParams {
        transaction_id: id.into(),
        copy: ReceiptCopy::Customer,
        format: ReceiptFormat::Text,
        columns: None,
        reprint: None,
    };
    let receipt = register.0.request(&params).await.unwrap();
    receipt.content.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refused_reversal_waits_for_a_person_and_is_listed() {
    let (host, register, id) = stuck().await;
    let open = ListParams {
        open: Some(true),
        ..ListParams::default()
    };
    let listed = register.0.request(&open).await.unwrap().transactions;
    assert_eq!(listed.len(), 1);
    assert!(waits_for_a_person(&listed[0]), "{listed:?}");
    // What the register was told stands; what became of it is told by a look.
    let host = host.kill_and_restart().await;
    let back = host.register("till-1").await;
    assert!(waits_for_a_person(&back.get(&id).await));
    let again = back.sell_alone(&sale("k", 1250, READER)).await;
    assert!(again.refused(ErrorName::TimedOut, Failed).0.replayed);
}

#[tokio::test]
async fn a_batch_with_it_is_closed_only_by_who_has_looked() {
    let (_host, register, id) = stuck().await;
    let close = CloseParams::new("b");
    let refused = Sale::new(register.0.close_batch(&close)).end().await;
    let refused = refused.refused(ErrorName::UnresolvedTransaction, Failed);
    let told = refused.says(MoneyMoved::No, Retry::AskOperator);
    assert_eq!(told.unresolved[0].as_str(), id);
    let mut despite = CloseParams::new("b");
    despite.despite = told.unresolved;
    approved(register.0.close_batch(&despite)).await;
}

#[tokio::test]
async fn a_persons_word_settles_it_once_and_is_kept() {
    // An answer that was given is never another one: what a person finds is told beside it.
    let outcome = TransactionOutcome::Failed;
    for (word, money, status) in [
        (ResolvedOutcome::Failed, MoneyMoved::No, "NOT CHARGED\n"),
        (
            ResolvedOutcome::Approved,
            MoneyMoved::Yes,
            "CHARGED, AS WAS FOUND LATER\n",
        ),
    ] {
        let (host, register, id) = stuck().await;
        let mut watch = register.watch().await;
        let plain = host.register("till-2").await;
        let denied = settle(&plain, &id, word).await.unwrap_err();
        assert_eq!(denied.name(), Some(ErrorName::PermissionDenied));
        let operator = host.operator().await;
        let settled = settle(&operator, &id, word).await.unwrap();
        assert_eq!((settled.outcome, settled.money_moved), (outcome, money));
        let kept = settled.resolved.unwrap();
        assert_eq!((kept.outcome, kept.operator.as_str()), (word, "Ann"));
        assert_eq!(kept.evidence, "line 7 of the bank's report");
        // That a person must look at it may be told only now.
        let mut told = watch.resolved(&id).await;
        while told.resolved.is_none() {
            told = watch.resolved(&id).await;
        }
        assert_eq!(told.money_moved, money);
        let twice = settle(&operator, &id, ResolvedOutcome::Failed).await;
        assert_eq!(twice.unwrap_err().name(), Some(ErrorName::NotAllowed));
        let host = host.kill_and_restart().await;
        let back = host.register("till-1").await;
        let shown = back.get(&id).await;
        assert_eq!((shown.outcome, shown.money_moved), (outcome, money));
        let again = back.sell_alone(&sale("k", 1250, READER)).await;
        assert!(again.refused(ErrorName::TimedOut, Failed).0.replayed);
        let listed = back.0.request(&ListParams::default()).await.unwrap();
        assert_eq!(listed.transactions[0].money_moved, money);
        let printed = printed(&back, &id).await;
        assert!(printed.contains(status), "{status}:\n{printed}");
        host.ledger().assert(&[("sale", "approved", 1250)]);
    }
}

#[tokio::test]
async fn a_gateway_that_contradicts_itself_is_not_guessed_at() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    // It closed, its answer is lost, and it then calls the close an approved payment.
    register.fault(GATEWAY, "lose_reply", "reconcile", 0).await;
    register.fault(GATEWAY, "contradict", "inquire", 0).await;
    let close = CloseParams::new("b");
    let told = Sale::new(register.0.close_batch(&close)).end().await;
    let told = told.refused(ErrorName::OutcomeUnknown, Unknown);
    let id = told.transaction();
    let told = told.says(MoneyMoved::Unknown, Retry::SameKey);
    let state = told.resolution.unwrap().state;
    assert_eq!(state, ResolutionState::NeedsOperator);
    drop(register);
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let told = Sale::new(register.0.close_batch(&close)).end().await;
    told.refused(ErrorName::OutcomeUnknown, Unknown);
    let operator = host.operator().await;
    let settled = settle(&operator, &id, ResolvedOutcome::Approved).await;
    assert_eq!(settled.unwrap().outcome, TransactionOutcome::Approved);
    // The key never had an answer: the person's word is its answer from now on.
    let told = approved(register.0.close_batch(&close)).await;
    assert_eq!(told.transaction_id.as_str(), id);
    let ledger = host.ledger();
    assert_eq!(ledger.rows("SELECT COUNT(*) FROM closed_batch"), [["1"]]);
}
