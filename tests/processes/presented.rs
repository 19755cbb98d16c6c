// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader that a register lets watch, and the customer who shows a card before anything is asked
//! for; and what a customer does at any reader.
//!
//! Gives up after a while: a register that gets no reader, or no card, sells without.

use crate::till::PAUSE;
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::leases::{CARD_PRESENTED, CardPresented, WatchParams};
use payhal_client::{CallError, Client, Notification};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{sleep, timeout};

/// How long a register tries to get a reader with a card on it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a card is there until it is known that the reader has lost it.
const SEEN_WITHIN: Duration = Duration::from_millis(300);

/// A lease that nobody ends ends by itself.
const LEASE_MS: u64 = 4_000;

/// What came of waiting for a card.
pub(crate) enum Waited {
    /// The name of its presentation.
    Presented(String),
    /// The reader was not to be had, or no card came.
    Nobody,
    /// The host is gone.
    Gone,
}

/// Lets the reader watch, and shows the card.
pub(crate) async fn wait_for(
    client: &Client,
    reader: &str,
    card: (&'static str, &'static str),
) -> Waited {
    let mut news = client.notifications();
    let waited = async {
        if !lease(client, reader).await {
            return Waited::Gone;
        }
        loop {
            // A reader that dies meanwhile watches again, and has to be shown the card again.
            if !show_card(client, reader, card).await {
                return Waited::Gone;
            }
            if let Ok(seen) = timeout(SEEN_WITHIN, seen_on(&mut news, reader)).await {
                return seen.map_or(Waited::Gone, Waited::Presented);
            }
        }
    };
    match timeout(PATIENCE, waited).await {
        Ok(waited) => waited,
        Err(_) => {
            leave(client, reader).await;
            Waited::Nobody
        }
    }
}

/// Asks until the reader is to be had; whether the host is there.
async fn lease(client: &Client, reader: &str) -> bool {
    let watch = WatchParams {
        device: Some(reader.into()),
        lease_ms: Some(LEASE_MS),
        ..WatchParams::default()
    };
    loop {
        match client.watch(&watch).await {
            Ok(_) => return true,
            Err(CallError::Rpc(_)) => sleep(PAUSE).await,
            Err(_) => return false,
        }
    }
}

/// The next card on this reader; nothing where the host is gone.
async fn seen_on(news: &mut broadcast::Receiver<Notification>, reader: &str) -> Option<String> {
    loop {
        let told = match news.recv().await {
            Ok(told) => told,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        if *told.method == *CARD_PRESENTED {
            let card: CardPresented = told.parse().expect("a card that was presented");
            if card.device.as_str() == reader {
                return Some(card.presentation_id);
            }
        }
    }
}

/// Gives the reader back. A host that is gone has it back already.
pub(crate) async fn leave(client: &Client, reader: &str) {
    timeout(PATIENCE, client.unwatch(reader)).await.ok();
}

/// Shows a card until the reader has taken it; whether the host is there.
pub(crate) async fn show_card(client: &Client, reader: &str, (how, card): (&str, &str)) -> bool {
    insist(client, reader, SimulateParams::new(how).with("card", card)).await
}

/// Chooses what stands at this place, once there is a choice.
pub(crate) async fn press(client: &Client, reader: &str, place: usize) {
    insist(
        client,
        reader,
        SimulateParams::new("select").with("index", place),
    )
    .await;
}

async fn insist(client: &Client, reader: &str, mut deed: SimulateParams) -> bool {
    deed.device = Some(reader.into());
    loop {
        match client.request(&deed).await {
            Ok(_) => return true,
            Err(CallError::Rpc(_)) => sleep(PAUSE).await,
            Err(_) => return false,
        }
    }
}
