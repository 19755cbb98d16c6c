// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale of 13.70 EUR whose reply the gateway loses:
//! cargo run -p payhal-client --example lost_reply [ws://127.0.0.1:7425/v1/ws]
//!
//! In a demonstration the sample has the gateway lose its reply, and the one to the host's first
//! question about it; else nothing is lost unless the operator says so. Nobody charges again: the
//! host asks until it knows, the register asks the host with the same key.

#[path = "till/mod.rs"]
mod till;

use std::process::ExitCode;
use std::time::Duration;

use payhal_client::Client;
use payhal_client::protocol::Amount;
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::gateway::GatewayListParams;
use payhal_client::protocol::payment::SaleParams;
use serde_json::json;

async fn lose_replies(client: &Client) -> Result<(), till::Failure> {
    let listed = client.request(&GatewayListParams {}).await?;
    let mut gateways = listed.gateways.into_iter();
    let gateway = gateways.find(|gateway| gateway.simulated);
    let gateway = gateway.ok_or("no simulated gateway")?.id;
    for at in ["authorize", "inquire"] {
        let fault = json!({"device": gateway, "action": "fault", "fault": "lose_reply", "at": at, "count": 1});
        let fault: SimulateParams = serde_json::from_value(fault)?;
        client.request(&fault).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, till::Failure> {
    let client = till::connect().await?;
    if till::is_demonstration(&client) {
        lose_replies(&client).await?;
    }
    let params = SaleParams::new(Client::new_key(), Amount::new(1370, "EUR"));
    loop {
        // The same key and the same amount each time: it is the same payment.
        let outcome = till::outcome_of(&client, client.sale(&params), |_| ()).await?;
        if outcome != "unknown" {
            return Ok(till::end(outcome));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
