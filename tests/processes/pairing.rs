// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a register is let in by its operator's word alone, that the word can be taken back,
//! and that nobody is locked out by a daemon that dies in between.

use crate::host::{Host, Setup};
use crate::paired::{Desk, Paired, Peer, pair};
use serde_json::{Value, json};

fn shop() -> Setup {
    Setup::automatic(1, "tap visa-approve").paired()
}

async fn again(host: &Host, paired: &Paired) -> Peer {
    let mut peer = Peer::connect_from(host, paired.origin.as_deref()).await;
    peer.prove(paired).await;
    peer
}

fn charged(host: &Host) -> i64 {
    let charges = host.ledger().charges();
    charges.iter().map(|line| line.amount_minor).sum()
}

fn name(refusal: &Value) -> &str {
    refusal["data"]["name"].as_str().unwrap()
}

#[tokio::test]
async fn a_register_is_paired_sells_and_is_known_after_a_restart() {
    let host = Host::start(&shop()).await;
    let mut stranger = Peer::connect(&host).await;
    let refused = stranger.sell("k", 1250).await.unwrap_err();
    assert_eq!(name(&refused), "PAIRING_REQUIRED");
    let (mut till, paired) = pair(&host, "till-1", &json!({})).await;
    let sold = till.sell("k", 1250).await.unwrap();
    assert_eq!(sold["outcome"], "approved");
    let host = host.stop_and_restart().await;
    let mut till = again(&host, &paired).await;
    let repeated = till.sell("k", 1250).await.unwrap();
    assert_eq!(repeated["transaction_id"], sold["transaction_id"]);
    assert_eq!(repeated["replayed"], true);
    assert_eq!(charged(&host), 1250);
}

#[tokio::test]
async fn no_two_sites_can_tell_that_they_look_at_the_same_machine() {
    let host = Host::start(&shop()).await;
    let hello = json!({"client": {"name": "page", "version": "1"}, "protocol": [1]});
    let mut seen = Vec::new();
    for origin in [None, Some("https://a.example"), Some("https://b.example")] {
        let told = async || {
            let mut page = Peer::connect_from(&host, origin).await;
            page.must("session.hello", &hello).await["host"].clone()
        };
        let (first, again) = (told().await, told().await);
        assert_eq!(first, again);
        assert!(origin.is_none() || first["name"] == "payhal", "{first}");
        seen.push(first["id"].clone());
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
}

#[tokio::test]
async fn a_taken_id_needs_the_operators_word_and_both_are_told() {
    let host = Host::start(&shop()).await;
    let (mut first, kept) = pair(&host, "till-1", &json!({})).await;
    first.sell("k", 1250).await.unwrap();
    let mut second = Peer::connect(&host).await;
    let begun = second.begin("till-1").await;
    let waits = second.complete(&begun).await;
    let mut desk = Desk::at(&host).await;
    let open = desk.must("pairing.list", &json!({})).await;
    let conflict = &open["pairings"][0]["conflict"];
    assert_eq!(conflict["name"], "Register till-1", "{open}");
    let refused = desk.approve(&begun, &json!({})).await.unwrap_err();
    assert_eq!(name(&refused), "REGISTER_CONFLICT");
    // Nothing has happened to the first one yet.
    first.sell("l", 100).await.unwrap();
    let approved = desk.approve(&begun, &json!({"replace": true})).await;
    approved.unwrap();
    let completed = second.answer(waits).await.unwrap();
    assert_eq!(completed["replaced"]["name"], "Register till-1");
    assert_eq!(completed["generation"], 2);
    assert_eq!(first.told("session.ended").await["why"], "replaced");
    assert_eq!(first.closed().await, 4403);
    let (said, _) = Peer::connect(&host).await.hello(&kept).await;
    assert_eq!(
        (&said["state"], &said["why"]),
        (&json!("unpaired"), &json!("replaced"))
    );
    second.prove(&begun.paired(&second)).await;
    assert_eq!(desk.registers().await, ["till-1"]);
}

#[tokio::test]
async fn keys_of_an_earlier_pairing_are_another_registers() {
    let host = Host::start(&shop()).await;
    let (mut first, _) = pair(&host, "till-1", &json!({})).await;
    let sold = first.sell("k", 1250).await.unwrap();
    let mut desk = Desk::at(&host).await;
    desk.must("register.unpair", &json!({"register_id": "till-1"}))
        .await;
    let (mut second, _) = pair(&host, "till-1", &json!({})).await;
    // The same key and another body: were it the same register's, this would be KEY_REUSED.
    let other = second.sell("k", 700).await.unwrap();
    assert_ne!(other["transaction_id"], sold["transaction_id"]);
    assert_eq!(charged(&host), 1950);
}

/// It lost its secret, but not what it had sent and not heard of.
#[tokio::test]
async fn a_register_paired_anew_that_asks_again_charges_nobody_twice() {
    const KEY: &str = "0198c2f4-1c1e-7b3a-9d0e-5f1f7c1f2a10";
    let host = Host::start(&shop()).await;
    let (mut first, _) = pair(&host, "till-1", &json!({})).await;
    let sold = first.sell(KEY, 1250).await.unwrap();
    let mut desk = Desk::at(&host).await;
    desk.must("register.unpair", &json!({"register_id": "till-1"}))
        .await;
    let (mut second, _) = pair(&host, "till-1", &json!({})).await;
    let found = second
        .call("payment.get", &json!({"idempotency_key": KEY}))
        .await;
    assert_eq!(found.unwrap()["transaction_id"], sold["transaction_id"]);
    let again = second.sell(KEY, 1250).await.unwrap();
    assert_eq!(again["transaction_id"], sold["transaction_id"]);
    assert_eq!(again["replayed"], true);
    let other = second.sell(KEY, 700).await.unwrap_err();
    assert_eq!(other["data"]["name"], "KEY_REUSED");
    assert_eq!(charged(&host), 1250);
}

#[tokio::test]
async fn who_is_unpaired_is_told_closed_and_a_stranger_again() {
    let host = Host::start(&shop()).await;
    let (mut till, paired) = pair(&host, "till-1", &json!({})).await;
    let mut desk = Desk::at(&host).await;
    desk.must("register.unpair", &json!({"register_id": "till-1"}))
        .await;
    assert_eq!(till.told("session.ended").await["why"], "unpaired");
    assert_eq!(till.closed().await, 4403);
    let host = host.kill_and_restart().await;
    let mut till = Peer::connect(&host).await;
    let (said, _) = till.hello(&paired).await;
    assert_eq!(
        (&said["state"], &said["why"]),
        (&json!("unpaired"), &json!("unpaired"))
    );
    let refused = till.sell("k", 1250).await.unwrap_err();
    assert_eq!(name(&refused), "PAIRING_REQUIRED");
}

#[tokio::test]
async fn a_page_is_known_by_its_origin_and_by_no_other() {
    let host = Host::start(&shop()).await;
    let origin = "https://shop.example";
    let mut page = Peer::connect_from(&host, Some(origin)).await;
    let begun = page.begin("web-1").await;
    let waits = page.complete(&begun).await;
    let mut desk = Desk::at(&host).await;
    let open = desk.must("pairing.list", &json!({})).await;
    assert_eq!(open["pairings"][0]["origin"], origin);
    desk.approve(&begun, &json!({})).await.unwrap();
    page.answer(waits).await.unwrap();
    let paired = begun.paired(&page);
    page.prove(&paired).await;
    page.sell("k", 1250).await.unwrap();
    for other in [
        None,
        Some("https://shop.example:444"),
        Some("http://shop.example"),
    ] {
        let mut peer = Peer::connect_from(&host, other).await;
        let (said, _) = peer.hello(&paired).await;
        assert_eq!(said["state"], "unpaired", "{other:?}");
    }
}

/// The daemon dies between the two words of a rotation, on either side of the proof.
#[tokio::test]
async fn a_secret_is_replaced_though_the_host_dies_in_between() {
    let host = Host::start(&shop()).await;
    let (_, old) = pair(&host, "till-1", &json!({})).await;
    let mut desk = Desk::at(&host).await;
    desk.must("register.rotate", &json!({"register_id": "till-1"}))
        .await;
    let mut till = Peer::connect(&host).await;
    assert_eq!(till.prove(&old).await["rotate"], true);
    let new = till.rotate(&old).await;
    let host = host.kill_and_restart().await;
    // Whichever of the two the register has kept is good.
    again(&host, &old).await.sell("k", 100).await.unwrap();
    again(&host, &new).await;
    let host = host.kill_and_restart().await;
    let mut till = Peer::connect(&host).await;
    assert_ne!(
        till.prove(&new).await["rotate"],
        true,
        "it is no longer due"
    );
    till.sell("l", 100).await.unwrap();
    let (said, _) = Peer::connect(&host).await.hello(&old).await;
    assert_eq!(said["state"], "unpaired", "the old secret is gone");
}

/// Wherever the daemon dies, the register is let in or can begin again; never both sides stuck.
#[tokio::test]
async fn a_daemon_that_dies_at_any_step_of_a_pairing_locks_nobody_out() {
    let mut host = Host::start(&shop()).await;
    for step in ["begun", "revealed", "waiting", "approving", "approved"] {
        let mut till = Peer::connect(&host).await;
        let id = format!("till-{step}");
        let mut secret = None;
        if step == "begun" {
            let params = json!({"register": {"id": id, "name": "x"},
                "commitment": "A".repeat(43)});
            till.must("pairing.begin", &params).await;
        } else {
            let begun = till.begin(&id).await;
            if step != "revealed" {
                till.complete(&begun).await;
            }
            let mut desk = Desk::at(&host).await;
            match step {
                "approving" => desk.begin_to_approve(&begun).await,
                "approved" => {
                    desk.approve(&begun, &json!({})).await.unwrap();
                }
                _ => {}
            }
            secret = Some(begun.paired(&till));
        }
        drop(till);
        host = host.kill_and_restart().await;
        let mut desk = Desk::at(&host).await;
        let paired = desk.registers().await.contains(&id);
        assert!(step != "approved" || paired, "the operator was told so");
        match secret {
            Some(kept) if paired => again(&host, &kept).await,
            _ => pair(&host, &id, &json!({})).await.0,
        };
        let open = desk.must("pairing.list", &json!({})).await;
        assert_eq!(open["pairings"], json!([]), "nothing is left open");
    }
}
