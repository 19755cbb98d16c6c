// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vectors/pairing.json` is what this crate derives: the file that registers of other languages
//! are tested with.
//!
//! With `PAYHAL_UPDATE=1` the file is written instead of compared.

use p256::SecretKey;
use payhal_protocol::pairing::{
    Proven, Rotation, Secret, Share, Transcript, channel, encode, number,
};
use serde_json::{Value, json};
use std::path::Path;

struct Case {
    name: &'static str,
    register_name: &'static str,
    origin: Option<&'static str>,
    authority: &'static str,
    certificate: Option<&'static str>,
    seed: u8,
}

const CASES: [Case; 3] = [
    Case {
        name: "a native application on plain loopback",
        register_name: "Till 1",
        origin: None,
        authority: "127.0.0.1:7425",
        certificate: None,
        seed: 1,
    },
    Case {
        name: "a web page on TLS, with a name beyond ASCII",
        register_name: "Bar – Kaſse №2",
        origin: Some("https://shop.example"),
        authority: "localhost:7426",
        certificate: Some("5f0c2a7d9be14836c1f2e3d4a5b697887766554433221100ffeeddccbbaa9988"),
        seed: 40,
    },
    Case {
        name: "a number that begins with zeros",
        register_name: "Till 3",
        origin: Some("http://localhost:5173"),
        authority: "[::1]:7425",
        certificate: None,
        seed: 80,
    },
];

const HOST_ID: &str = "0193a1b2-0000-7000-8000-000000000001";
const PAIRING_ID: &str = "0193a1b2-0000-7000-8000-00000000000f";
const REGISTER_ID: &str = "till-1";

/// Bytes that look like nothing, the same each time.
fn bytes(seed: u8) -> [u8; 32] {
    let mut state = u32::from(seed) + 1;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        state.to_be_bytes()[1]
    })
}

struct Side {
    key: SecretKey,
    share: Share,
}

impl Side {
    fn new(seed: u8, nonce_seed: u8) -> Self {
        let key = SecretKey::from_slice(&bytes(seed)).expect("a private key");
        let share = Share {
            public_key: encode(&key.public_key().to_sec1_bytes()),
            nonce: encode(&bytes(nonce_seed)),
        };
        Self { key, share }
    }

    fn x(&self, other: &Self) -> [u8; 32] {
        let shared = self.key.diffie_hellman(&other.key.public_key());
        shared
            .raw_secret_bytes()
            .as_slice()
            .try_into()
            .expect("32 bytes")
    }

    fn json(&self) -> Value {
        json!({
            "private_key": encode(&self.key.to_bytes()),
            "public_key": self.share.public_key,
            "nonce": self.share.nonce,
        })
    }
}

fn case(case: &Case, nonce_seed: u8) -> Value {
    let channel = channel(case.certificate);
    let (register, host) = (
        Side::new(case.seed, nonce_seed),
        Side::new(case.seed + 2, case.seed + 3),
    );
    let transcript = Transcript {
        host_id: HOST_ID,
        pairing_id: PAIRING_ID,
        register_id: REGISTER_ID,
        register_name: case.register_name,
        origin: case.origin,
        authority: case.authority,
        channel: &channel,
        register: &register.share,
        host: &host.share,
    };
    let digest = transcript.digest();
    let x = register.x(&host);
    assert_eq!(x, host.x(&register));
    let secret = Secret::agreed(&x, &digest);
    let nonces = [encode(&bytes(case.seed + 4)), encode(&bytes(case.seed + 5))];
    let proven = Proven {
        host_id: HOST_ID,
        register_id: REGISTER_ID,
        nonce_register: &nonces[0],
        nonce_host: &nonces[1],
        origin: case.origin,
        authority: case.authority,
        channel: &channel,
    };
    json!({
        "name": case.name,
        "host_id": HOST_ID,
        "pairing_id": PAIRING_ID,
        "register_id": REGISTER_ID,
        "register_name": case.register_name,
        "origin": case.origin,
        "authority": case.authority,
        "certificate": case.certificate,
        "channel": channel,
        "register": register.json(),
        "host": host.json(),
        "commitment": register.share.commitment(),
        "transcript_sha256": encode(&digest),
        "ecdh_x": encode(&x),
        "number": number(&digest),
        "secret": secret.to_base64().as_str(),
        "key_id": secret.key_id(),
        "session": {
            "nonce_register": nonces[0],
            "nonce_host": nonces[1],
            "host_proof": secret.host_proof(&proven),
            "register_proof": secret.register_proof(&proven),
        },
        "rotation": rotation(&secret, case.seed),
    })
}

fn rotation(secret: &Secret, seed: u8) -> Value {
    let (register, host) = (Side::new(seed + 6, seed + 7), Side::new(seed + 8, seed + 9));
    let x = register.x(&host);
    let rotation = Rotation {
        host_id: HOST_ID,
        register_id: REGISTER_ID,
        register: &register.share,
        host: &host.share,
    };
    let next = secret.rotated(&x, &rotation);
    json!({
        "register": register.json(),
        "host": host.json(),
        "ecdh_x": encode(&x),
        "secret": next.to_base64().as_str(),
        "key_id": next.key_id(),
    })
}

fn all() -> Vec<Value> {
    let zeros = |value: &Value| value["number"].as_str().expect("digits").starts_with("00");
    let last = (0..=u8::MAX).map(|nonce| case(&CASES[2], nonce));
    vec![
        case(&CASES[0], 2),
        case(&CASES[1], 41),
        last.into_iter()
            .find(zeros)
            .expect("one in a hundred begins with two zeros"),
    ]
}

#[test]
fn the_file_is_what_this_crate_derives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/pairing.json");
    let wanted = json!({
        "what": "Pairing, proofs and rotation of the payhal register API, version 1. Keys, nonces, \
                 digests, secrets and proofs are base64url without padding; private keys are 32 \
                 bytes big endian. For tests only.",
        "cases": all(),
    });
    if std::env::var_os("PAYHAL_UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&wanted).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
    let found: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(found, wanted);
}

/// What the texts are, written out once more, by hand: a field that changed its place is noticed.
#[test]
fn the_texts_are_these() {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let case = &all()[1];
    let of = |name: &str| case[name].as_str().unwrap().to_owned();
    let (register, host) = (&case["register"], &case["host"]);
    let shares = [
        &register["public_key"],
        &register["nonce"],
        &host["public_key"],
        &host["nonce"],
    ];
    let [pk_register, nonce_register, pk_host, nonce_host] =
        shares.map(|value| value.as_str().unwrap());
    let commitment = format!("payhal pairing commitment v1\n{pk_register}\n{nonce_register}");
    assert_eq!(of("commitment"), encode(&Sha256::digest(commitment)));
    let transcript = format!(
        "payhal pairing v1\n{}\n{}\ntill-1\nBar – Kaſse №2\nhttps://shop.example\nlocalhost:7426\n\
         wss:5f0c2a7d9be14836c1f2e3d4a5b697887766554433221100ffeeddccbbaa9988\n\
         {pk_register}\n{nonce_register}\n{pk_host}\n{nonce_host}",
        of("host_id"),
        of("pairing_id"),
    );
    let digest = Sha256::digest(&transcript);
    assert_eq!(of("transcript_sha256"), encode(&digest));
    let secret = payhal_protocol::pairing::bytes::<32>(&of("secret")).unwrap();
    let session = |name: &str| case["session"][name].as_str().unwrap().to_owned();
    let text = format!(
        "payhal register proof v1\n{}\ntill-1\n{}\n{}\n{}\nhttps://shop.example\nlocalhost:7426\n{}",
        of("host_id"),
        of("key_id"),
        session("nonce_register"),
        session("nonce_host"),
        of("channel"),
    );
    let mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    let proof = mac.chain_update(text).finalize().into_bytes();
    assert_eq!(session("register_proof"), encode(&proof));
}
