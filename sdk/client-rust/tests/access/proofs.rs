// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairing, proofs, rotation.

use super::{HostKey, Peer, Shop, approved, merge, sale, unpaired};
use payhal_client::protocol::pairing::{Rotation, Secret, Share, Transcript, encode, number};
use payhal_client::protocol::session::Permission;
use payhal_client::{CallError, Client, ConnectError, WhyUnpaired};
use serde_json::{Value, json};

fn secret() -> Secret {
    Secret::new([7; 32])
}

#[tokio::test]
async fn the_host_proves_first_and_what_it_grants_is_known() {
    let shop = Shop::paired([7; 32]).await;
    let (client, _peer) = tokio::join!(
        Client::connect_with(shop.endpoint.clone(), shop.config()),
        async {
            let mut peer = shop.accept().await;
            shop.prove(&mut peer, &secret(), json!({})).await;
            peer
        }
    );
    assert_eq!(client.unwrap().hello().permissions, [Permission::Others]);
}

#[tokio::test]
async fn a_wrong_proof_an_open_door_and_another_host_get_no_proof_of_ours() {
    let shop = Shop::paired([7; 32]).await;
    let other = json!({"id": "other", "name": "Shop", "version": "1"});
    for lie in [
        json!({"proof": encode(&[0; 32])}),
        json!({"proof": null}),
        json!({"state": "open"}),
        json!({"host": other}),
    ] {
        let connecting = Client::connect_with(shop.endpoint.clone(), shop.config());
        let (client, mut peer) = tokio::join!(connecting, async {
            let mut peer = shop.accept().await;
            shop.greet(&mut peer, &secret(), lie).await;
            peer
        });
        assert!(
            matches!(client, Err(ConnectError::Impostor(_))),
            "{client:?}"
        );
        assert!(peer.nothing_more().await);
    }
}

#[tokio::test]
async fn a_payment_is_sent_again_behind_both_proofs_and_never_to_a_stranger() {
    let shop = Shop::paired([7; 32]).await;
    let (client, mut peer) = tokio::join!(
        Client::connect_with(shop.endpoint.clone(), shop.config()),
        async {
            let mut peer = shop.accept().await;
            shop.prove(&mut peer, &secret(), json!({})).await;
            peer
        }
    );
    let client = client.unwrap();
    let (first, second) = (client.sale(&sale("k-1")), client.sale(&sale("k-2")));
    let sent = [peer.receive().await, peer.receive().await];
    drop(peer);
    let mut peer = shop.accept().await;
    shop.prove(&mut peer, &secret(), json!({})).await;
    let again = [peer.receive().await, peer.receive().await];
    assert_eq!(
        again.each_ref().map(|call| &call["params"]),
        sent.each_ref().map(|call| &call["params"])
    );
    peer.answer(&again[0], approved(&again[0])).await;
    assert!(first.answer().await.is_ok());
    drop(peer);
    let mut peer = shop.accept().await;
    let hello = peer.receive().await;
    peer.answer(&hello, unpaired(json!({"why": "replaced"})))
        .await;
    assert!(second.answer().await.unwrap_err().outcome_unknown());
    assert!(peer.nothing_more().await);
    let (refused, ()) = tokio::join!(client.sale(&sale("k-3")).answer(), async {
        let mut peer = shop.accept().await;
        let hello = peer.receive().await;
        peer.answer(&hello, unpaired(json!({"why": "replaced"})))
            .await;
    });
    let CallError::Access(why) = refused.unwrap_err() else {
        panic!("another error");
    };
    assert!(matches!(
        *why,
        ConnectError::Unpaired(WhyUnpaired::Replaced)
    ));
}

#[tokio::test]
async fn a_register_that_was_never_paired_is_told_so() {
    let shop = Shop::open().await;
    for (answer, expected) in [
        (unpaired(json!({})), WhyUnpaired::Never),
        (unpaired(json!({"why": "unpaired"})), WhyUnpaired::Unpaired),
    ] {
        let connecting = Client::connect_with(shop.endpoint.clone(), shop.config());
        let (client, ()) = tokio::join!(connecting, async {
            let mut peer = shop.accept().await;
            let hello = peer.receive().await;
            peer.answer(&hello, answer).await;
        });
        assert!(matches!(client, Err(ConnectError::Unpaired(why)) if why == expected));
    }
}

/// The host's side of a pairing up to `pairing.complete`; answers that call and the secret.
async fn pair(shop: &Shop, peer: &mut Peer) -> (Value, Secret, String) {
    let hello = peer.receive().await;
    peer.answer(&hello, unpaired(json!({}))).await;
    let begin = peer.receive().await;
    let host = HostKey::new(9);
    let mut begun = json!({"pairing_id": "p-1", "expires_at": "2026-01-01T00:00:00Z",
        "host": {"id": "h", "name": "Shop", "version": "1"}});
    merge(&mut begun, serde_json::to_value(&host.share).unwrap());
    peer.answer(&begin, begun).await;
    let reveal = peer.receive().await;
    let register: Share = serde_json::from_value(reveal["params"].clone()).unwrap();
    assert_eq!(begin["params"]["commitment"], register.commitment());
    peer.answer(&reveal, json!({})).await;
    let digest = Transcript {
        host_id: "h",
        pairing_id: "p-1",
        register_id: "till-1",
        register_name: "Till 1",
        origin: None,
        authority: &shop.authority,
        channel: "ws",
        register: &register,
        host: &host.share,
    }
    .digest();
    let secret = Secret::agreed(&host.x(&register), &digest);
    (peer.receive().await, secret, number(&digest))
}

#[tokio::test]
async fn both_see_one_number_and_keep_one_secret() {
    let shop = Shop::open().await;
    let mut seen = String::new();
    let config = shop.config();
    let pairing = payhal_client::pair(&shop.endpoint, &config, "Till 1", |number| {
        seen = number.replace(' ', "");
    });
    let (paired, (key_id, shown)) = tokio::join!(pairing, async {
        let mut peer = shop.accept().await;
        let (complete, secret, shown) = pair(&shop, &mut peer).await;
        let completed =
            json!({"register_id": "till-1", "key_id": secret.key_id(), "generation": 1});
        peer.answer(&complete, completed).await;
        shop.prove(&mut peer, &secret, json!({})).await;
        (secret.key_id(), shown)
    });
    assert_eq!(paired.unwrap().secret.key_id(), key_id);
    assert_eq!(shop.kept().unwrap().secret.key_id(), key_id);
    assert_eq!(seen, shown);
}

#[tokio::test]
async fn a_host_with_another_secret_is_refused_and_nothing_is_kept() {
    let shop = Shop::open().await;
    let config = shop.config();
    let pairing = payhal_client::pair(&shop.endpoint, &config, "Till 1", |_| {});
    let (paired, ()) = tokio::join!(pairing, async {
        let mut peer = shop.accept().await;
        let (complete, _, _) = pair(&shop, &mut peer).await;
        let completed = json!({"register_id": "till-1", "key_id": "00", "generation": 1});
        peer.answer(&complete, completed).await;
        assert!(peer.nothing_more().await);
    });
    assert!(matches!(paired, Err(ConnectError::Impostor(_))));
    assert!(shop.kept().is_none());
}

#[tokio::test]
async fn a_new_secret_is_kept_beside_the_old_one_until_it_was_proven() {
    let shop = Shop::paired([7; 32]).await;
    let next = rotated(&shop).await;
    let kept = shop.kept().unwrap();
    assert_eq!(kept.secret.key_id(), next.key_id());
    assert_eq!(kept.previous.unwrap().key_id(), secret().key_id());
    let (client, _peer) = tokio::join!(
        Client::connect_with(shop.endpoint.clone(), shop.config()),
        async {
            let mut peer = shop.accept().await;
            shop.prove(&mut peer, &next, json!({})).await;
            peer
        }
    );
    client.unwrap();
    let kept = shop.kept().unwrap();
    assert_eq!(
        (kept.secret.key_id(), kept.previous.is_none()),
        (next.key_id(), true)
    );
}

/// A connection on which the host asks for a new secret; answers it.
async fn rotated(shop: &Shop) -> Secret {
    let (client, next) = tokio::join!(
        Client::connect_with(shop.endpoint.clone(), shop.config()),
        async {
            let mut peer = shop.accept().await;
            shop.prove(&mut peer, &secret(), json!({"rotate": true}))
                .await;
            let rotate = peer.receive().await;
            assert_eq!(rotate["method"], "pairing.rotate");
            let register: Share = serde_json::from_value(rotate["params"].clone()).unwrap();
            let host = HostKey::new(5);
            let rotation = Rotation {
                host_id: "h",
                register_id: "till-1",
                register: &register,
                host: &host.share,
            };
            let next = secret().rotated(&host.x(&register), &rotation);
            let mut answer = json!({"key_id": next.key_id()});
            merge(&mut answer, serde_json::to_value(&host.share).unwrap());
            peer.answer(&rotate, answer).await;
            next
        }
    );
    client.unwrap();
    next
}

#[tokio::test]
async fn a_host_that_never_kept_the_new_secret_is_proven_the_old_one() {
    let shop = Shop::open().await;
    shop.keep(Secret::new([1; 32]), Some(secret()));
    let (client, _peer) = tokio::join!(
        Client::connect_with(shop.endpoint.clone(), shop.config()),
        async {
            let mut peer = shop.accept().await;
            let hello = peer.receive().await;
            peer.answer(&hello, unpaired(json!({}))).await;
            shop.prove(&mut peer, &secret(), json!({})).await;
            peer
        }
    );
    client.unwrap();
    let kept = shop.kept().unwrap();
    assert_eq!(
        (kept.secret.key_id(), kept.previous.is_none()),
        (secret().key_id(), true)
    );
}
