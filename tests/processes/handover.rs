// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a reader serves one customer right after the other: its last words do not make it
//! busy.

use crate::host::{Host, Setup};
use crate::register::{Sale, sale};
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::error::ErrorOutcome::{Cancelled, Declined};
use payhal_client::protocol::progress::Stage;

const READER: &str = "reader-1";

#[tokio::test]
async fn the_next_customer_is_served_right_after_an_answer() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    // The reader takes its time to show each result.
    for number in 0..3 {
        register.fault(READER, "slow", "complete", 300).await;
        let declined = sale(&format!("d{number}"), 700, READER);
        let played = register.sell(&declined, "tap", "visa-decline").await;
        played.refused(ErrorName::Declined, Declined);
        register.fault(READER, "slow", "complete", 300).await;
        let approved = sale(&format!("a{number}"), 1250, READER);
        register
            .sell(&approved, "tap", "visa-approve")
            .await
            .approved();
    }
}

#[tokio::test]
async fn a_sale_that_waits_for_its_reader_can_be_cancelled() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    register.fault(READER, "slow", "complete", 1_500).await;
    let first = sale("first", 1250, READER);
    register
        .sell(&first, "tap", "visa-approve")
        .await
        .approved();
    let second = sale("second", 700, READER);
    let mut waiting = Sale::new(register.0.sale(&second));
    waiting.until(Stage::Accepted).await;
    waiting.cancel().await;
    waiting.end().await.refused(ErrorName::Cancelled, Cancelled);
    let third = sale("third", 300, READER);
    register
        .sell(&third, "tap", "visa-approve")
        .await
        .approved();
    let approved = [("sale", "approved", 1250), ("sale", "approved", 300)];
    host.ledger().assert(&approved);
}
