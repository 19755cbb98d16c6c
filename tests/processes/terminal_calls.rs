// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that each kind of call does on a terminal what it says, from the register's words to the
//! terminal's own books and back.

use crate::host::{GATEWAY, Setup, soon};
use crate::register::{Sale, approved, eur, sale};
use crate::terminal_desk::{AUTO, Desk, TERMINAL};
use payhal_client::protocol::batch::{CloseParams, TotalsParams};
use payhal_client::protocol::error::ErrorOutcome::{Cancelled, Declined, Failed};
use payhal_client::protocol::payment::{
    AdjustParams, AuthorizeParams, BalanceParams, CaptureParams, CashAdvanceParams, RefundParams,
    UndoDone, UndoParams, VerifyParams, VoidParams,
};
use payhal_client::protocol::progress::{PromptKind, RespondParams, Stage};
use payhal_client::protocol::transaction::EntryMode;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use payhal_client::{Payment, Update};
use serde_json::{Value, json};

#[tokio::test]
async fn a_sale_ends_as_the_terminal_says() {
    let desk = Desk::with("virtual-terminal", "{}").await;
    let mut first = desk.sale("a", 1250);
    first.until(Stage::WaitingForCard).await;
    let busy = desk.sale("b", 700).end().await;
    busy.refused(ErrorName::DeviceBusy, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    desk.tap(TERMINAL, "visa-approve").await;
    let played = first.end().await;
    played.assert_in_order();
    let stages = played.stages();
    assert!(stages.contains(&Stage::CardTapped) && stages.contains(&Stage::Authorizing));
    let sold = played.approved();
    assert_eq!(sold.device.as_ref().unwrap().as_str(), TERMINAL);
    assert_eq!(sold.gateway, None);
    let card = sold.card.clone().unwrap();
    assert_eq!(
        (card.masked_pan.as_str(), card.entry),
        ("411111******1111", EntryMode::Contactless)
    );
    let declined = desk.sell(&sale("c", 1205, TERMINAL)).await;
    let declined = declined.refused(ErrorName::Declined, Declined);
    let declined = declined.says(MoneyMoved::No, Retry::NewKey);
    assert_eq!(declined.response_code.as_deref(), Some("05"));

    let mut on_terminal = desk.sale("d", 1300);
    on_terminal.until(Stage::WaitingForCard).await;
    desk.till
        .act(TERMINAL, "keys", &[("keys", "*".into())])
        .await;
    let cancelled = on_terminal
        .end()
        .await
        .refused(ErrorName::Cancelled, Cancelled);
    cancelled.says(MoneyMoved::No, Retry::NewKey);
    let mut by_register = desk.sale("e", 1400);
    by_register.until(Stage::WaitingForCard).await;
    by_register.cancel().await;
    let cancelled = by_register
        .end()
        .await
        .refused(ErrorName::Cancelled, Cancelled);
    cancelled.says(MoneyMoved::No, Retry::NewKey);

    let again = desk.sale("a", 1250).end().await.approved();
    assert!(again.replayed && again.transaction_id == sold.transaction_id);
    let standing = desk.books(TERMINAL).charges();
    assert_eq!(standing.len(), 1, "{standing:?}");
    assert_eq!(standing[0].transaction_id, sold.transaction_id.as_str());
}

#[tokio::test]
async fn a_terminal_adds_only_what_the_register_allowed() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    desk.till
        .act(TERMINAL, "tip", &[("tip_minor", 200.into())])
        .await;
    let mut open = sale("a", 1000, TERMINAL);
    open.amount_max = Some(eur(1150));
    let amounts = desk.till.sell_alone(&open).await.approved().amounts;
    assert_eq!(
        (amounts.approved, amounts.tip),
        (Some(eur(1150)), Some(eur(150)))
    );
    let fixed = desk.sale("b", 1100).end().await.approved().amounts;
    assert_eq!((fixed.approved, fixed.tip), (Some(eur(1100)), None));
    desk.till.act(TERMINAL, "reset", &[]).await;
    let mut cash = sale("c", 3000, TERMINAL);
    cash.cashback = Some(eur(1000));
    let cash = desk.till.sell_alone(&cash).await.approved().amounts;
    assert_eq!(
        (cash.approved, cash.cashback),
        (Some(eur(3000)), Some(eur(1000)))
    );
    desk.books(TERMINAL).assert(&[
        ("sale", "approved", 1150),
        ("sale", "approved", 1100),
        ("sale", "approved", 3000),
    ]);
}

/// Answers the question whether a part is enough.
async fn answer_partial(desk: &Desk, payment: &mut Payment, accepted: bool) {
    let prompt = soon("a question", async {
        loop {
            match payment.next().await {
                Some(Update::Prompt(prompt)) => return prompt,
                Some(Update::Progress(_)) => {}
                None => panic!("the answer came first"),
            }
        }
    });
    let prompt = prompt.await;
    assert_eq!(
        (prompt.kind, prompt.amount),
        (PromptKind::ConfirmPartial, Some(eur(501)))
    );
    let response = RespondParams {
        accepted: Some(accepted),
        ..RespondParams::to(prompt.prompt_id)
    };
    assert!(desk.till.0.request(&response).await.unwrap().accepted);
}

#[tokio::test]
async fn a_part_is_taken_or_given_back() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let mut payment = desk.till.0.sale(&sale("a", 1002, TERMINAL));
    answer_partial(&desk, &mut payment, true).await;
    let part = approved(payment).await;
    assert!(part.partial && part.amounts.approved == Some(eur(501)));
    let mut watch = desk.till.watch().await;
    let mut payment = desk.till.0.sale(&sale("b", 1002, TERMINAL));
    answer_partial(&desk, &mut payment, false).await;
    let refused = Sale::new(payment)
        .end()
        .await
        .refused(ErrorName::Cancelled, Cancelled);
    let id = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    let resolved = watch.resolved(&id).await;
    assert_eq!(resolved.money_moved, MoneyMoved::No);
    desk.books(TERMINAL)
        .assert(&[("sale", "approved", 501), ("sale", "reversed", 501)]);
}

#[tokio::test]
async fn a_hold_is_raised_and_captured() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let client = &desk.till.0;
    let mut hold = AuthorizeParams::new("a", eur(5000));
    hold.device = Some(TERMINAL.into());
    let held = approved(client.authorize(&hold)).await.transaction_id;
    approved(client.adjust(&AdjustParams::of("b", held.clone(), eur(6000)))).await;
    approved(client.capture(&CaptureParams::of("c", held.clone(), eur(4000)))).await;
    approved(client.capture(&CaptureParams::of("d", held.clone(), eur(2000)))).await;
    let beyond = CaptureParams::of("e", held.clone(), eur(1));
    let beyond = Sale::new(client.capture(&beyond)).end().await;
    beyond
        .refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    let captured = desk.books(TERMINAL).lines().into_iter();
    let captured = captured.filter(|line| line.kind == "capture" && line.state == "approved");
    assert_eq!(captured.map(|line| line.amount_minor).sum::<i64>(), 6000);
}

#[tokio::test]
async fn money_goes_back_on_the_terminal_that_took_it() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let client = &desk.till.0;
    let sold = desk.sale("a", 1250).end().await.approved().transaction_id;
    approved(client.refund(&RefundParams::of("b", sold.clone(), eur(250)))).await;
    let too_much = RefundParams::of("c", sold.clone(), eur(1001));
    let too_much = Sale::new(client.refund(&too_much)).end().await;
    too_much
        .refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    let undone = approved(client.undo(&UndoParams::of("d", sold)))
        .await
        .undo
        .unwrap();
    assert_eq!(undone.did, UndoDone::Refund);
    let mut unreferenced = RefundParams::new("e", eur(300));
    unreferenced.device = Some(TERMINAL.into());
    approved(client.refund(&unreferenced)).await;
    let second = desk.sale("f", 900).end().await.approved().transaction_id;
    approved(client.void(&VoidParams::of("g", second.clone()))).await;
    let twice = Sale::new(client.void(&VoidParams::of("h", second)))
        .end()
        .await;
    twice
        .refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    desk.books(TERMINAL).assert(&[
        ("sale", "approved", 1250),
        ("refund", "approved", 250),
        ("refund", "approved", 1000),
        ("refund", "approved", 300),
        ("sale", "reversed", 900),
    ]);
}

#[tokio::test]
async fn a_void_that_needs_the_card_gets_it_or_fails() {
    let desk = Desk::with("virtual-terminal-needs-card", "{}").await;
    let sold = desk
        .sell(&sale("a", 1250, TERMINAL))
        .await
        .approved()
        .transaction_id;
    let void = desk.till.0.void(&VoidParams::of("b", sold.clone()));
    desk.tap(TERMINAL, "mastercard-approve").await;
    let other = Sale::new(void)
        .end()
        .await
        .refused(ErrorName::GatewayRejected, Failed);
    other.says(MoneyMoved::No, Retry::NewKey);
    let void = desk.till.0.void(&VoidParams::of("c", sold));
    desk.with_card(void, TERMINAL).await.approved();
    desk.books(TERMINAL).assert(&[("sale", "reversed", 1250)]);
}

#[tokio::test]
async fn checks_cash_and_the_end_of_the_day() {
    let desk = Desk::with("virtual-terminal", AUTO).await;
    let client = &desk.till.0;
    let mut check = VerifyParams::new("a");
    check.device = Some(TERMINAL.into());
    assert!(approved(client.verify(&check)).await.token.is_some());
    let mut balance = BalanceParams::new("b");
    balance.device = Some(TERMINAL.into());
    let left = approved(client.balance(&balance)).await.balance;
    assert_eq!(left.map(|left| left.minor), Some(12_345));
    let mut cash = CashAdvanceParams::new("c", eur(4000));
    cash.device = Some(TERMINAL.into());
    approved(client.cash_advance(&cash)).await;
    let sold = desk.sale("d", 1250).end().await.approved().transaction_id;
    approved(client.refund(&RefundParams::of("e", sold.clone(), eur(250)))).await;

    let which = TotalsParams {
        device: Some(TERMINAL.into()),
        gateway: None,
    };
    let open = client.batch_totals(&which).await.unwrap();
    let mut close = CloseParams::new("f");
    close.device = Some(TERMINAL.into());
    let closed = approved(client.close_batch(&close)).await.batch.unwrap();
    assert_eq!((&closed.batch, &closed.totals), (&open.batch, &open.totals));
    let [row] = &closed.totals[..] else {
        panic!("{closed:?}")
    };
    assert_eq!((row.sales_minor, row.refunds_minor), (5250, 250));
    let again = approved(client.close_batch(&close)).await;
    assert!(again.replayed && again.batch.as_ref() == Some(&closed));
    let late = Sale::new(client.void(&VoidParams::of("g", sold.clone())))
        .end()
        .await;
    late.refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    approved(client.refund(&RefundParams::of("h", sold, eur(1000)))).await;
    assert_ne!(
        client.batch_totals(&which).await.unwrap().batch,
        closed.batch
    );
}

#[tokio::test]
async fn the_gateway_hears_of_the_order_behind_a_terminal_sale() {
    let setup = Setup::readers(0).terminal(TERMINAL, "virtual-terminal", AUTO);
    let desk = Desk::of(&setup).await;
    let params = json!({
        "idempotency_key": "k",
        "amount": {"minor": 1250, "currency": "EUR"},
        "device": TERMINAL,
        "custom": {"table": 7},
    });
    let sold: Value = desk.till.0.call("payment.sale", &params).await.unwrap();
    let told = soon("the order at the gateway", async {
        loop {
            let told = desk.till.act(GATEWAY, "ledger", &[]).await;
            if told["reports"]
                .as_array()
                .is_some_and(|all| !all.is_empty())
            {
                return told["reports"][0].clone();
            }
        }
    });
    let told = told.await;
    assert_eq!(told["transaction_id"], sold["transaction_id"]);
    assert_eq!(
        (&told["report"], &told["amount_minor"]),
        (&json!("notify_order"), &json!(1250))
    );
    assert!(told["body"].to_string().contains("table"), "{told}");
}
