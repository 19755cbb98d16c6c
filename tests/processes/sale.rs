// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a register sees of a sale: progress in order and then exactly one answer, and for
//! each way to fail the outcome, the money and the retry of the table of errors. The gateway's own
//! ledger agrees each time.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, sale};
use payhal_client::protocol::error::ErrorOutcome::{Cancelled, Declined, Failed};
use payhal_client::protocol::payment::CancelState;
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::transaction::{Cvm, EntryMode, TransactionOutcome};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

const READER: &str = "reader-1";

async fn shop() -> (Host, Register) {
    shop_of(Setup::readers(1)).await
}

async fn shop_of(setup: Setup) -> (Host, Register) {
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    (host, register)
}

#[tokio::test]
async fn a_tap_is_approved_with_progress_and_one_answer() {
    let (host, register) = shop().await;
    let played = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await;
    played.assert_in_order();
    let stages = [
        Stage::Accepted,
        Stage::WaitingForCard,
        Stage::CardTapped,
        Stage::Authorizing,
    ];
    let seen = played.stages();
    assert!(stages.iter().all(|stage| seen.contains(stage)), "{seen:?}");
    let approved = played.approved();
    assert_eq!(approved.amounts.approved.unwrap().minor, 1250);
    assert!(!approved.partial && !approved.replayed && !approved.signature_required);
    let card = approved.card.unwrap();
    assert_eq!(
        (card.entry, card.scheme.as_str()),
        (EntryMode::Contactless, "visa")
    );
    assert!(card.masked_pan.ends_with("1111") && card.masked_pan.contains('*'));
    assert!(approved.approval_code.is_some() && approved.rrn.is_some());
    assert!(
        approved.receipts.customer.contains("12.50"),
        "{}",
        approved.receipts.customer
    );
    host.ledger().assert(&[("sale", "approved", 1250)]);
    let kept = register.get(approved.transaction_id.as_str()).await;
    assert_eq!(
        (kept.outcome, kept.money_moved),
        (TransactionOutcome::Approved, MoneyMoved::Yes)
    );
}

#[tokio::test]
async fn a_chip_has_the_last_word_and_says_yes() {
    let (host, register) = shop().await;
    let played = register
        .sell(&sale("k", 1250, READER), "insert", "mastercard-approve")
        .await;
    played.assert_in_order();
    assert!(
        played.stages().contains(&Stage::CardInserted),
        "{:?}",
        played.stages()
    );
    assert!(
        played.stages().contains(&Stage::Completing),
        "{:?}",
        played.stages()
    );
    assert_eq!(played.approved().card.unwrap().entry, EntryMode::Chip);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_pin_goes_to_the_issuer_and_is_right() {
    let (_host, register) = shop().await;
    let mut selling = register.begin(&sale("k", 1250, READER)).await;
    register
        .show(READER, "insert", "mastercard-pin-at-issuer")
        .await;
    selling.until(Stage::PinEntry).await;
    register
        .act(READER, "keys", &[("keys", "4321#".into())])
        .await;
    assert_eq!(selling.end().await.approved().cvm, Some(Cvm::PinOnline));
}

#[tokio::test]
async fn a_wrong_pin_is_declined_by_the_issuer() {
    let (host, register) = shop().await;
    let mut selling = register.begin(&sale("k", 1250, READER)).await;
    register
        .show(READER, "insert", "mastercard-pin-at-issuer")
        .await;
    selling.until(Stage::PinEntry).await;
    register
        .act(READER, "keys", &[("keys", "1111#".into())])
        .await;
    let refused = selling.end().await.refused(ErrorName::Declined, Declined);
    let details = refused.says(MoneyMoved::No, Retry::NewKey);
    assert_eq!(details.response_code.as_deref(), Some("55"));
    host.ledger().assert(&[("sale", "declined", 0)]);
}

#[tokio::test]
async fn a_decline_uses_up_the_key_and_moves_nothing() {
    let (host, register) = shop().await;
    let params = sale("k", 1250, READER);
    let played = register.sell(&params, "tap", "visa-decline").await;
    let details = played
        .refused(ErrorName::Declined, Declined)
        .says(MoneyMoved::No, Retry::NewKey);
    assert_eq!(details.response_code.as_deref(), Some("51"));
    assert!(!details.replayed);
    let again = register
        .sell_alone(&params)
        .await
        .refused(ErrorName::Declined, Declined);
    assert!(again.says(MoneyMoved::No, Retry::NewKey).replayed);
    host.ledger().assert(&[("sale", "declined", 0)]);
}

#[tokio::test]
async fn a_card_that_cannot_be_used_never_reaches_the_gateway() {
    let (host, register) = shop().await;
    for (key, how, card) in [
        ("a", "insert", "mastercard-chip-fault"),
        ("b", "tap", "visa-expired"),
    ] {
        let played = register.sell(&sale(key, 1250, READER), how, card).await;
        played
            .refused(ErrorName::CardError, Failed)
            .says(MoneyMoved::No, Retry::NewKey);
    }
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_chip_that_refuses_after_the_approval_has_it_reversed() {
    let (host, register) = shop().await;
    let mut watch = register.watch().await;
    let params = sale("k", 1250, READER);
    let played = register
        .sell(&params, "insert", "mastercard-declines-after-approval")
        .await;
    let refused = played.refused(ErrorName::CardError, Failed);
    let transaction = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    watch.resolved(&transaction).await;
    host.ledger().assert(&[("sale", "reversed", 1250)]);
    let kept = register.get(&transaction).await;
    assert_eq!(
        (kept.outcome, kept.money_moved),
        (TransactionOutcome::Failed, MoneyMoved::No)
    );
}

#[tokio::test]
async fn a_cancel_while_waiting_for_the_card_moves_nothing() {
    let (host, register) = shop().await;
    let params = sale("k", 1250, READER);
    let selling = register.begin(&params).await;
    assert_eq!(selling.cancel().await, CancelState::Cancelling);
    let played = selling.end().await;
    played.assert_in_order();
    played
        .refused(ErrorName::Cancelled, Cancelled)
        .says(MoneyMoved::No, Retry::NewKey);
    // The reader is free for the next customer at once.
    register
        .sell(&sale("l", 700, READER), "tap", "visa-approve")
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 700)]);
}

#[tokio::test]
async fn the_customer_can_cancel_on_the_reader() {
    let (host, register) = shop().await;
    let selling = register.begin(&sale("k", 1250, READER)).await;
    register.act(READER, "keys", &[("keys", "*".into())]).await;
    let refused = selling.end().await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn no_card_in_time_moves_nothing() {
    let (host, register) = shop().await;
    let mut params = sale("k", 1250, READER);
    params.timeout_ms = Some(100);
    let refused = register
        .sell_alone(&params)
        .await
        .refused(ErrorName::TimedOut, Failed);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_busy_device_says_whose_it_is_and_the_key_stays_free() {
    let (host, register) = shop().await;
    let first = register.begin(&sale("k", 1250, READER)).await;
    let other = host.register("till-2").await;
    let params = sale("l", 700, READER);
    let refused = other
        .sell_alone(&params)
        .await
        .refused(ErrorName::DeviceBusy, Failed);
    let details = refused.says(MoneyMoved::No, Retry::SameKey);
    assert!(details.retry_after_ms.is_some_and(|ms| ms > 0));
    let busy = details.busy.unwrap();
    assert_eq!(busy.register.unwrap().as_str(), "till-1");
    assert!(!busy.since.is_empty());
    register.show(READER, "tap", "visa-approve").await;
    first.end().await.approved();
    let approved = other.sell(&params, "tap", "visa-approve").await.approved();
    assert!(!approved.replayed);
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 700)]);
}

#[tokio::test]
async fn a_device_that_is_not_there_is_named_so() {
    let (_host, register) = shop().await;
    let played = register.sell_alone(&sale("k", 1250, "reader-9")).await;
    played
        .refused(ErrorName::DeviceNotFound, Failed)
        .says(MoneyMoved::No, Retry::Never);
}

#[tokio::test]
async fn a_lost_reply_to_a_tap_is_approved_by_inquiry_once() {
    let (host, register) = shop().await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    let approved = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    assert!(!approved.replayed && approved.approval_code.is_some());
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_lost_reply_to_a_chip_is_reversed() {
    let (host, register) = shop().await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    let mut watch = register.watch().await;
    let played = register
        .sell(&sale("k", 1250, READER), "insert", "visa-approve")
        .await;
    let refused = played.refused(ErrorName::TimedOut, Failed);
    let transaction = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    watch.resolved(&transaction).await;
    host.ledger().assert(&[("sale", "reversed", 1250)]);
}

#[tokio::test]
async fn a_reversal_is_tried_until_it_is_acknowledged() {
    let (host, register) = shop().await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    for _ in 0..3 {
        register.fault(GATEWAY, "go_away", "reverse", 0).await;
    }
    let mut watch = register.watch().await;
    let played = register
        .sell(&sale("k", 1250, READER), "insert", "visa-approve")
        .await;
    let transaction = played.refused(ErrorName::TimedOut, Failed).transaction();
    watch.resolved(&transaction).await;
    host.ledger().assert(&[("sale", "reversed", 1250)]);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_in_time_is_asked_and_then_reversed() {
    let setup = Setup::readers(1)
        .timeout("gateway_ms", 300)
        .timeout("hard_ms", 1500);
    let (host, register) = shop_of(setup).await;
    register.fault(GATEWAY, "delay", "authorize", 20_000).await;
    let mut watch = register.watch().await;
    let played = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await;
    let refused = played.refused(ErrorName::TimedOut, Failed);
    let transaction = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    watch.resolved(&transaction).await;
    assert!(host.ledger().charges().is_empty());
}

#[tokio::test]
async fn a_gateway_that_is_gone_before_sending_is_never_unknown() {
    let (host, register) = shop().await;
    register.act(GATEWAY, "unplug", &[]).await;
    let played = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await;
    let refused = played.refused(ErrorName::GatewayUnavailable, Failed);
    refused.says(MoneyMoved::No, Retry::NewKey);
    register.act(GATEWAY, "plug", &[]).await;
    register
        .sell(&sale("l", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn what_the_gateway_refuses_itself_is_not_called_a_decline() {
    let (host, register) = shop().await;
    let played = register
        .sell(&sale("k", 1204, READER), "tap", "visa-approve")
        .await;
    let details = played
        .refused(ErrorName::GatewayRejected, Failed)
        .says(MoneyMoved::No, Retry::NewKey);
    assert_eq!(details.response_code.as_deref(), Some("30"));
    host.ledger().assert(&[("sale", "rejected", 0)]);
}

#[tokio::test]
async fn a_gateway_that_contradicts_itself_charges_nobody_twice() {
    let (host, register) = shop().await;
    register.fault(GATEWAY, "duplicate", "authorize", 0).await;
    register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}
