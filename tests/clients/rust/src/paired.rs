// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairs and proves itself by plain calls, with `p256`, `hkdf` and `hmac`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use p256::PublicKey;
use p256::ecdh::EphemeralSecret;
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::{Wire, new_key};

const TITLE: &str = "pairs, proves itself and sells, with its language's own cryptography";

struct Proofs<'a> {
    secret: &'a [u8],
    host_id: &'a str,
    nonce: &'a str,
    host_nonce: &'a str,
    authority: &'a str,
}

impl Proofs<'_> {
    fn proof(&self, label: &str) -> String {
        let key_id = key_id(self.secret);
        let fields = [
            label,
            self.host_id,
            "jsonrpsee",
            &key_id,
            self.nonce,
            self.host_nonce,
            "-",
            self.authority,
            "ws",
        ];
        B64.encode(hmac(self.secret, fields.join("\n").as_bytes()))
    }
}

fn hmac(secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn key_id(secret: &[u8]) -> String {
    hmac(secret, b"payhal key id v1")[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn nonce() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("randomness");
    B64.encode(bytes)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} in {object}"))
}

pub async fn run(url: &str) -> bool {
    let wire = Wire::connect(url).await;
    let authority = std::env::var("PAYHAL_AUTHORITY")
        .expect("PAYHAL_AUTHORITY is the Host header the daemon sees");
    let secret = pair(&wire, &authority).await;
    let hello = greeting(&wire, &secret).await;
    let proofs = Proofs {
        secret: &secret,
        host_id: text(&hello.1["host"], "id"),
        nonce: &hello.0,
        host_nonce: text(&hello.1, "nonce"),
        authority: &authority,
    };
    assert_eq!(
        text(&hello.1, "proof"),
        proofs.proof("payhal host proof v1"),
        "not the host it was paired with"
    );
    wire.ask(
        "session.prove",
        json!({"proof": proofs.proof("payhal register proof v1")}),
    )
    .await;
    let sale = json!({"idempotency_key": new_key(), "amount": {"minor": 1250, "currency": "EUR"}});
    assert_eq!(wire.ask("payment.sale", sale).await["outcome"], "approved");
    println!("ok jsonrpsee: {TITLE} = yes");
    true
}

async fn greeting(wire: &Wire, secret: &[u8]) -> (String, Value) {
    let own = nonce();
    let hello = json!({"client": {"name": "jsonrpsee", "version": "0"}, "protocol": [1], "register_id": "jsonrpsee",
        "key_id": key_id(secret), "nonce": own});
    let answer = wire.ask("session.hello", hello).await;
    assert_eq!(answer["state"], "paired");
    (own, answer)
}

async fn pair(wire: &Wire, authority: &str) -> Vec<u8> {
    let hello = json!({"client": {"name": "jsonrpsee", "version": "0"}, "protocol": [1], "register_id": "jsonrpsee"});
    assert_eq!(wire.ask("session.hello", hello).await["state"], "unpaired");
    assert_eq!(
        wire.call("device.list", json!({}))
            .await
            .expect_err("unproven")
            .fields["name"],
        "PAIRING_REQUIRED"
    );
    let own = EphemeralSecret::try_generate().expect("randomness");
    let public_key = B64.encode(own.public_key().to_sec1_point(false).as_bytes());
    let own_nonce = nonce();
    let commitment = ["payhal pairing commitment v1", &public_key, &own_nonce].join("\n");
    let begun = wire
        .ask(
            "pairing.begin",
            json!({"register": {"id": "jsonrpsee", "name": "Stock client"},
            "commitment": B64.encode(Sha256::digest(commitment))}),
        )
        .await;
    let reveal =
        json!({"pairing_id": begun["pairing_id"], "public_key": public_key, "nonce": own_nonce});
    wire.ask("pairing.reveal", reveal).await;
    let transcript = [
        "payhal pairing v1",
        text(&begun["host"], "id"),
        text(&begun, "pairing_id"),
        "jsonrpsee",
        "Stock client",
        "-",
        authority,
        "ws",
        &public_key,
        &own_nonce,
        text(&begun, "public_key"),
        text(&begun, "nonce"),
    ];
    let digest = Sha256::digest(transcript.join("\n"));
    let number = Sha256::digest([b"payhal pairing number v1\n", digest.as_slice()].concat());
    let number = u64::from_be_bytes(number[..8].try_into().expect("eight")) % 1_000_000;
    // Whoever runs this compares it, as an operator would.
    println!("number {number:06}");
    let completed = wire
        .ask(
            "pairing.complete",
            json!({"pairing_id": begun["pairing_id"]}),
        )
        .await;
    let host = B64.decode(text(&begun, "public_key")).expect("base64");
    let shared = own.diffie_hellman(&PublicKey::from_sec1_bytes(&host).expect("a point"));
    let mut secret = vec![0; 32];
    let expanded = Hkdf::<Sha256>::new(Some(&digest), shared.raw_secret_bytes());
    expanded
        .expand(b"payhal pairing secret v1", &mut secret)
        .expect("32 bytes");
    assert_eq!(text(&completed, "key_id"), key_id(&secret));
    secret
}
