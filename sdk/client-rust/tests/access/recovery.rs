// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of payments under way, and what is asked about them after a restart.

use std::time::Duration;

use super::{Peer, approved, listen, sale};
use payhal_client::protocol::transaction::TransactionOutcome::{Approved, Failed, Unknown};
use payhal_client::{Client, Config, Journal, JournalFile};
use serde_json::{Value, json};

fn view(key: &str, outcome: &str, moved: &str) -> Value {
    let amount = json!({"minor": 1250, "currency": "EUR"});
    json!({"transaction_id": "t-1", "idempotency_key": key, "register": "till", "kind": "sale",
        "outcome": outcome, "money_moved": moved, "amounts": {"requested": amount},
        "started_at": "2026-01-01T00:00:00Z"})
}

#[tokio::test]
async fn a_key_is_kept_before_it_is_sent_and_until_its_outcome_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let pending = || JournalFile::open(&path).unwrap().pending().unwrap();
    let (listener, endpoint) = listen().await;
    let config = || Config::default().journal(JournalFile::open(&path).unwrap());
    let connect = Client::connect_with(endpoint.clone(), config());
    let (mut peer, client) = tokio::join!(Peer::accept(&listener), connect);
    let client = client.unwrap();
    let (done, _lost) = (client.sale(&sale("done")), client.sale(&sale("lost")));
    assert_eq!(pending(), ["done".into(), "lost".into()]);
    let call = peer.receive().await;
    peer.answer(&call, approved(&call)).await;
    done.answer().await.unwrap();
    assert_eq!(pending(), ["lost".into()]);
    drop((peer, client));

    for key in ["never-arrived", "open"] {
        let journal = JournalFile::open(&path).unwrap();
        let method = payhal_client::protocol::Method::Sale;
        journal.remember(&key.into(), method).unwrap();
    }
    let connect = Client::connect_with(endpoint, config());
    let (mut peer, client) = tokio::join!(Peer::accept(&listener), connect);
    let client = client.unwrap();
    let (found, ()) = tokio::join!(client.recover(None, Duration::ZERO), async {
        for key in ["lost", "never-arrived", "open"] {
            let call = peer.receive().await;
            assert_eq!(
                (&call["method"], &call["params"]["idempotency_key"]),
                (&json!("payment.get"), &json!(key))
            );
            match key {
                "lost" => peer.answer(&call, view(key, "approved", "yes")).await,
                "open" => peer.answer(&call, view(key, "failed", "unknown")).await,
                _ => peer.refuse(&call, 3006, "TRANSACTION_NOT_FOUND").await,
            }
        }
    });
    let found: Vec<_> = found
        .unwrap()
        .iter()
        .map(|one| (one.outcome, one.never_sent, one.settled()))
        .collect();
    assert_eq!(
        found,
        [
            (Approved, false, true),
            (Failed, true, true),
            (Unknown, false, false)
        ]
    );
    assert_eq!(pending(), ["open".into()]);
}
