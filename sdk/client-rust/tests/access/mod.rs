// SPDX-License-Identifier: MIT OR Apache-2.0
//! Access: pairing, the host's proof before the register's, rotation, recovery, and what an
//! impostor gets: nothing.

mod proofs;
mod recovery;
mod tls;

use super::{Peer, approved, listen, sale};
use p256::SecretKey;
use payhal_client::protocol::pairing::{Proven, Secret, Share, encode};
use payhal_client::{Config, Endpoint, Pairing, PairingFile, PairingStore};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const HOST: &str = "h";

/// A register with a pairing in a file, and a host to script.
struct Shop {
    folder: tempfile::TempDir,
    listener: TcpListener,
    endpoint: Endpoint,
    authority: String,
}

impl Shop {
    async fn open() -> Self {
        let (listener, endpoint) = listen().await;
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: listener.local_addr().unwrap().to_string(),
            listener,
            endpoint,
        }
    }

    /// The same with a register that is paired.
    async fn paired(secret: [u8; 32]) -> Self {
        let shop = Self::open().await;
        shop.keep(Secret::new(secret), None);
        shop
    }

    fn keep(&self, secret: Secret, previous: Option<Secret>) {
        let pairing = Pairing {
            host_id: HOST.to_owned(),
            host_name: "Shop".to_owned(),
            register_id: "till-1".into(),
            secret,
            previous,
        };
        self.store().save(&pairing).unwrap();
    }

    fn store(&self) -> PairingFile {
        PairingFile::new(self.folder.path().join("pairing.json"))
    }

    fn kept(&self) -> Option<Pairing> {
        self.store().load().unwrap()
    }

    fn config(&self) -> Config {
        Config::default().register("till-1").store(self.store())
    }

    async fn accept(&self) -> Peer {
        Peer::accept_silently(&self.listener).await
    }

    /// Answers a greeting as a host that holds this secret; answers the register's call to prove.
    async fn greet(&self, peer: &mut Peer, secret: &Secret, more: Value) -> Value {
        let hello = peer.receive().await;
        assert_eq!(hello["method"], "session.hello");
        let nonce = encode(&[3; 32]);
        let proven = self.proven(&hello, &nonce);
        let mut answer = paired(&nonce, &secret.host_proof(&proven));
        merge(&mut answer, more);
        peer.answer(&hello, answer).await;
        hello
    }

    fn proven<'a>(&'a self, hello: &'a Value, nonce: &'a str) -> Proven<'a> {
        Proven {
            host_id: HOST,
            register_id: "till-1",
            nonce_register: hello["params"]["nonce"].as_str().unwrap(),
            nonce_host: nonce,
            origin: None,
            authority: &self.authority,
            channel: "ws",
        }
    }

    /// Both proofs, as a host that holds this secret.
    async fn prove(&self, peer: &mut Peer, secret: &Secret, more: Value) {
        let hello = self.greet(peer, secret, more).await;
        assert_eq!(hello["params"]["key_id"], secret.key_id());
        let prove = peer.receive().await;
        assert_eq!(prove["method"], "session.prove");
        let proof = secret.register_proof(&self.proven(&hello, &encode(&[3; 32])));
        assert_eq!(prove["params"]["proof"], proof);
        peer.answer(
            &prove,
            json!({"register_id": "till-1", "permissions": ["others"]}),
        )
        .await;
    }
}

fn paired(nonce: &str, proof: &str) -> Value {
    json!({"host": {"id": HOST, "name": "Shop", "version": "1"}, "protocol": 1, "state": "paired",
        "register_id": "till-1", "nonce": nonce, "proof": proof})
}

fn unpaired(more: Value) -> Value {
    let mut answer = json!({"host": {"id": HOST, "name": "Shop", "version": "1"}, "protocol": 1,
        "state": "unpaired", "register_id": "till-1"});
    merge(&mut answer, more);
    answer
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(fields) = more else {
        panic!("fields are an object");
    };
    for (name, value) in fields {
        into[name] = value;
    }
}

/// The host's half of an agreement.
struct HostKey {
    key: SecretKey,
    share: Share,
}

impl HostKey {
    fn new(byte: u8) -> Self {
        let key = SecretKey::from_slice(&[byte; 32]).unwrap();
        let public_key = encode(&key.public_key().to_sec1_bytes());
        let nonce = encode(&[byte; 32]);
        Self {
            key,
            share: Share { public_key, nonce },
        }
    }

    fn x(&self, register: &Share) -> [u8; 32] {
        let point: [u8; 65] =
            payhal_client::protocol::pairing::bytes(&register.public_key).unwrap();
        let other = p256::PublicKey::from_sec1_bytes(&point).unwrap();
        let shared = self.key.diffie_hellman(&other);
        shared.raw_secret_bytes().as_slice().try_into().unwrap()
    }
}
