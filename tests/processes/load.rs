// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that many registers on many readers get exactly one answer to every request, also when
//! they ask again on another connection, and that the gateway's ledger is the sum of the answers.
//!
//! `PAYHAL_LOAD_REGISTERS` and `PAYHAL_LOAD_READERS` say how many.

use crate::host::{Host, Setup};
use crate::register::{Register, sale};
use payhal_client::CallError;
use payhal_client::protocol::payment::{Approved, SaleParams};
use payhal_client::protocol::{ErrorName, Retry};
use std::collections::BTreeSet;

const SALES_EACH: usize = 6;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A register that takes what it gets: busy readers mean "again", another connection asks with the
/// same key now and then. Every answer it got to its sales.
async fn work(host: &Host, number: usize, readers: usize) -> Vec<Approved> {
    let id = format!("till-{number}");
    let register = host.register(&id).await;
    let second = host.register(&id).await;
    let mut answers = Vec::new();
    for round in 0..SALES_EACH {
        let minor = i64::try_from(1000 + number * 100 + round).unwrap() * 100;
        let reader = format!("reader-{}", (number + round) % readers + 1);
        let params = sale(&format!("sale-{round}"), minor, &reader);
        let first = until_taken(&register, &params);
        let answer = if round % 3 == 0 {
            let (one, two) = tokio::join!(first, until_taken(&second, &params));
            assert_eq!(
                one.transaction_id, two.transaction_id,
                "one key, one transaction"
            );
            one
        } else {
            first.await
        };
        assert_eq!(answer.amounts.approved.as_ref().unwrap().minor, minor);
        answers.push(answer);
    }
    let again = sale(
        "sale-0",
        i64::try_from(1000 + number * 100).unwrap() * 100,
        &format!("reader-{}", number % readers + 1),
    );
    let replayed = second.sell_alone(&again).await.approved();
    assert!(replayed.replayed && replayed.transaction_id == answers[0].transaction_id);
    answers
}

/// Sends a sale again, with the same key, for as long as its reader is busy.
async fn until_taken(register: &Register, params: &SaleParams) -> Approved {
    loop {
        let played = register.sell_alone(params).await;
        played.assert_in_order();
        match played.answer {
            Ok(approved) => return approved,
            Err(error) => {
                assert_eq!(
                    error.name(),
                    Some(ErrorName::DeviceBusy),
                    "{:?}",
                    error.rpc()
                );
                assert_eq!(retry_of(&error), Some(Retry::SameKey));
            }
        }
    }
}

fn retry_of(error: &CallError) -> Option<Retry> {
    error.rpc()?.data.as_ref().map(|details| details.retry)
}

#[tokio::test]
async fn every_request_gets_one_answer_and_the_ledger_agrees() {
    let registers = number("PAYHAL_LOAD_REGISTERS", 8);
    let readers = number("PAYHAL_LOAD_READERS", 4);
    let host = Host::start(&Setup::automatic(readers, "tap visa-approve")).await;
    let all = (0..registers).map(|number| work(&host, number, readers));
    let answers: Vec<Approved> = futures_util::future::join_all(all)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(answers.len(), registers * SALES_EACH);
    let told: BTreeSet<(String, i64)> = answers
        .iter()
        .map(|answer| {
            let minor = answer.amounts.approved.as_ref().unwrap().minor;
            (answer.transaction_id.to_string(), minor)
        })
        .collect();
    let lines = host.ledger().lines();
    assert_eq!(lines.len(), answers.len(), "no line beside the answers");
    let charged: BTreeSet<(String, i64)> = host
        .ledger()
        .charges()
        .into_iter()
        .map(|line| (line.transaction_id, line.amount_minor))
        .collect();
    assert_eq!(charged, told);
}
