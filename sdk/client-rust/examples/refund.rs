// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale of 20.90 EUR, and 5.90 EUR of it given back:
//! cargo run -p payhal-client --example refund [ws://127.0.0.1:7425/v1/ws]
#![expect(clippy::print_stdout, reason = "a sample prints")]

#[path = "till/mod.rs"]
mod till;

use std::process::ExitCode;

use payhal_client::Client;
use payhal_client::protocol::Amount;
use payhal_client::protocol::payment::{RefundParams, SaleParams};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, till::Failure> {
    let client = till::connect().await?;
    let params = SaleParams::new(Client::new_key(), Amount::new(2090, "EUR"));
    let sold = till::watch(&client, client.sale(&params), |_| ()).await??;
    println!("sold: {}", sold.transaction_id);
    let back: RefundParams = serde_json::from_value(json!({
        "idempotency_key": Client::new_key(), "transaction_id": sold.transaction_id,
        "amount": Amount::new(590, "EUR"),
    }))?;
    let refund = client.refund(&back);
    Ok(till::end(till::outcome_of(&client, refund, |_| ()).await?))
}
