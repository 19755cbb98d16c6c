// SPDX-License-Identifier: MIT OR Apache-2.0
//! A payment waits for a card: whoever sits at the command line is told where, and what ends it.
//!
//! It must never slow a payment down or change it.

use super::screen::tell;
use payhal_client::Client;
use payhal_protocol::TransactionId;
use payhal_protocol::device::DeviceListParams;
use payhal_protocol::progress::{Progress, Stage};
use payhal_protocol::transaction::GetParams;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Whoever has a card at hand presents it sooner.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is to be said if nothing happens.
#[derive(Debug, Default)]
pub(super) struct Waiting(Option<JoinHandle<()>>);

impl Waiting {
    /// Something happened.
    pub(super) fn moved(&mut self, client: &Client, progress: &Progress) {
        self.over();
        if progress.stage == Stage::WaitingForCard {
            let (client, id) = (client.clone(), progress.transaction_id.clone());
            self.0 = Some(tokio::spawn(async move {
                tokio::time::sleep(PATIENCE).await;
                if let Some(text) = advice(&client, id).await {
                    tell(&text);
                }
            }));
        }
    }

    /// Nothing is waited for any more.
    pub(super) fn over(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.over();
    }
}

async fn advice(client: &Client, id: TransactionId) -> Option<String> {
    let params = GetParams {
        transaction_id: Some(id),
        idempotency_key: None,
    };
    let device = client.request(&params).await.ok()?.device?;
    let devices = client.request(&DeviceListParams {}).await.ok()?.devices;
    let simulated = devices
        .iter()
        .any(|known| known.id == device && known.simulated);
    let mut text = format!("waiting for a card at {device}; Ctrl-C cancels");
    if simulated {
        text.push_str(&format!(
            ".\n{device} is simulated: present a card from elsewhere, as with\n  payhal reader tap \
             visa-approve --device {device}"
        ));
    }
    Some(text)
}
