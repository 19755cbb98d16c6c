// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a daemon killed at any moment of a sale loses nothing and charges nobody twice:
//! the next one resolves what was open, the key answers finally, and no approval stands at the
//! gateway that no register was told of.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Played, Register, Sale, sale};
use payhal_client::CallError;
use payhal_client::protocol::error::ErrorOutcome::{self, Failed};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::transaction::{ListParams, TransactionOutcome};
use payhal_client::protocol::{ErrorName, Retry};

const READER: &str = "reader-1";

/// Sends the same call until its answer is final, as a register must.
async fn until_final(
    register: &Register,
    params: &payhal_client::protocol::payment::SaleParams,
) -> Played {
    let mut watch = register.watch().await;
    loop {
        let played = register.sell_alone(params).await;
        let unknown = played
            .answer
            .as_ref()
            .err()
            .is_some_and(CallError::outcome_unknown);
        if !unknown {
            return played;
        }
        watch.next().await;
    }
}

/// Nothing is open, and every charge is one a register can ask for.
async fn assert_at_rest(host: &Host, register: &Register) {
    let open = ListParams {
        open: Some(true),
        ..ListParams::default()
    };
    let open = register.0.request(&open).await.unwrap().transactions;
    assert!(open.is_empty(), "{open:#?}");
    for charge in host.ledger().charges() {
        let kept = register.get(&charge.transaction_id).await;
        assert_eq!(kept.outcome, TransactionOutcome::Approved, "{charge:?}");
    }
}

async fn until_resolved(register: &Register, transaction: &str) {
    let mut watch = register.watch().await;
    loop {
        let kept = register.get(transaction).await;
        if kept.resolution.is_none()
            || kept.resolution.is_some_and(|resolution| {
                resolution.state == payhal_client::protocol::transaction::ResolutionState::Resolved
            })
        {
            return;
        }
        watch.next().await;
    }
}

async fn killed_in_authorize(card: &str, how: &str) {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    register.fault(GATEWAY, "delay", "authorize", 20_000).await;
    let params = sale("k", 1250, READER);
    let mut selling = register.begin(&params).await;
    register.show(READER, how, card).await;
    selling.until(Stage::Authorizing).await;
    let transaction = selling.transaction_id();
    drop((selling, register));
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let refused = until_final(&register, &params)
        .await
        .refused(ErrorName::TimedOut, Failed);
    assert_eq!(refused.transaction(), transaction);
    assert_eq!(refused.0.retry, Retry::NewKey);
    until_resolved(&register, &transaction).await;
    assert!(host.ledger().charges().is_empty());
    assert_at_rest(&host, &register).await;
}

#[tokio::test]
async fn in_the_middle_of_a_tap() {
    killed_in_authorize("visa-approve", "tap").await;
}

#[tokio::test]
async fn in_the_middle_of_a_chip() {
    killed_in_authorize("visa-approve", "insert").await;
}

#[tokio::test]
async fn while_the_gateway_has_approved_and_its_reply_is_lost() {
    let setup = Setup::readers(1);
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    // The gateway approves, its reply is lost, and the question about it travels for ever.
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    register.fault(GATEWAY, "delay", "inquire", 20_000).await;
    let params = sale("k", 1250, READER);
    let mut selling = register.begin(&params).await;
    register.show(READER, "tap", "visa-approve").await;
    selling.until(Stage::Authorizing).await;
    let transaction = selling.transaction_id();
    until_charged(&host, &register).await;
    drop((selling, register));
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let refused = until_final(&register, &params)
        .await
        .refused(ErrorName::TimedOut, Failed);
    assert_eq!(refused.transaction(), transaction);
    until_resolved(&register, &transaction).await;
    host.ledger().assert(&[("sale", "reversed", 1250)]);
    assert_at_rest(&host, &register).await;
}

/// Waits until the gateway has approved: each look takes a round trip through its runner.
async fn until_charged(host: &Host, register: &Register) {
    crate::host::soon("a charge", async {
        while host.ledger().charges().is_empty() {
            register.act(GATEWAY, "ledger", &[]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn while_waiting_for_a_card_leaves_the_key_free() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let params = sale("k", 1250, READER);
    let selling = register.begin(&params).await;
    drop((selling, register));
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let approved = register
        .sell(&params, "tap", "visa-approve")
        .await
        .approved();
    assert!(!approved.replayed);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn while_a_reversal_is_owed() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    register.fault(GATEWAY, "delay", "reverse", 20_000).await;
    let params = sale("k", 1250, READER);
    let played = register.sell(&params, "insert", "visa-approve").await;
    let transaction = played.refused(ErrorName::TimedOut, Failed).transaction();
    drop(register);
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    until_resolved(&register, &transaction).await;
    host.ledger().assert(&[("sale", "reversed", 1250)]);
    let again = register
        .sell_alone(&params)
        .await
        .refused(ErrorName::TimedOut, Failed);
    assert!(again.0.replayed);
    assert_at_rest(&host, &register).await;
}

#[tokio::test]
async fn a_register_that_reconnects_by_itself_gets_its_one_answer() {
    let host = Host::start(&Setup::readers(1)).await;
    // The Unix socket keeps its place over a restart, so the client finds the new daemon.
    let register = Register::connect(host.unix(), "till-1").await;
    let params = sale("k", 1250, READER);
    let selling: Sale = register.begin(&params).await;
    let host = host.kill_and_restart().await;
    let helping = host.register("till-1").await;
    let end = async {
        let played = selling.end().await;
        match played.answer.as_ref().err().and_then(CallError::name) {
            // It was back before the plugins were: not now, the same key again.
            Some(ErrorName::GatewayUnavailable | ErrorName::DeviceUnavailable) => {
                let details = played
                    .answer
                    .unwrap_err()
                    .rpc()
                    .unwrap()
                    .data
                    .clone()
                    .unwrap();
                assert_eq!(details.retry, Retry::SameKey);
                assert!(
                    details.retry_after_ms.is_some_and(|ms| ms < 5_000),
                    "{details:?}"
                );
                helping.until_all_ready().await;
                register.sell_alone(&params).await.approved()
            }
            _ => played.approved(),
        }
    };
    let (approved, ()) = tokio::join!(end, helping.show(READER, "tap", "visa-approve"));
    assert!(!approved.replayed);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

/// Several sales at once, and a SIGKILL after as many of them were answered: every key has one
/// final answer afterwards, and the ledger is the sum of what was told.
async fn killed_under_load(answered_before: usize) {
    const READERS: usize = 3;
    const SALES: usize = 12;
    let host = Host::start(&Setup::automatic(READERS, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    let params: Vec<_> = (0..SALES)
        .map(|number| {
            let minor = 1000 + i64::try_from(number).unwrap() * 100;
            sale(
                &format!("k{number}"),
                minor,
                &format!("reader-{}", number % READERS + 1),
            )
        })
        .collect();
    let mut told = 0;
    let mut queue = params
        .iter()
        .map(|params| register.0.sale(params))
        .collect::<Vec<_>>();
    for payment in queue.drain(..answered_before) {
        told += usize::from(Sale::new(payment).end().await.answer.is_ok());
    }
    drop((queue, register));
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let mut approved = Vec::new();
    for params in &params {
        let played = loop {
            let played = until_final(&register, params).await;
            let busy = played.answer.as_ref().err().and_then(CallError::name);
            if busy != Some(ErrorName::DeviceBusy) {
                break played;
            }
        };
        match played.answer {
            Ok(answer) => {
                let minor = params.amount.as_ref().unwrap().minor;
                approved.push((answer.transaction_id.to_string(), minor));
            }
            Err(error) => {
                let details = error.rpc().and_then(|error| error.data.clone()).unwrap();
                assert_ne!(details.outcome, ErrorOutcome::Unknown);
                until_resolved(&register, details.transaction_id.unwrap().as_str()).await;
            }
        }
    }
    assert!(approved.len() >= told);
    let mut charges: Vec<_> = host
        .ledger()
        .charges()
        .into_iter()
        .map(|line| (line.transaction_id, line.amount_minor))
        .collect();
    charges.sort();
    approved.sort();
    assert_eq!(approved, charges);
    assert_at_rest(&host, &register).await;
}

#[tokio::test]
async fn under_load_at_once() {
    killed_under_load(0).await;
}

#[tokio::test]
async fn under_load_after_the_first_answers() {
    killed_under_load(3).await;
}
