// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale of 12.50 EUR: cargo run -p payhal-client --example sale [ws://127.0.0.1:7425/v1/ws]

#[path = "till/mod.rs"]
mod till;

use std::process::ExitCode;

use payhal_client::Client;
use payhal_client::protocol::Amount;
use payhal_client::protocol::payment::SaleParams;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, till::Failure> {
    let client = till::connect().await?;
    // The journal has the key before anything is sent.
    let mut params = SaleParams::new(Client::new_key(), Amount::new(1250, "EUR"));
    params.reference = Some("order 4711".to_owned());
    let sale = client.sale(&params);
    Ok(till::end(till::outcome_of(&client, sale, |_| ()).await?))
}
