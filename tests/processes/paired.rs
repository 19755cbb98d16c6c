// SPDX-License-Identifier: MIT OR Apache-2.0
//! A register that is paired and proves it, step by step, with the cryptography of a real one; and
//! the operator who compares the numbers.
//!
//! It never reaches into the host: whatever it knows came over the wire.

use crate::host::{Host, soon};
use futures_util::{SinkExt, StreamExt};
use p256::{PublicKey, SecretKey};
use payhal_client::protocol::pairing::{
    Proven, Rotation, Secret, Share, Transcript, bytes, channel, encode, number,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Read;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

/// One connection that speaks the register API call by call.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    authority: String,
    origin: Option<String>,
    last_id: i64,
    told: VecDeque<Value>,
}

/// A register's half of an agreement.
struct Half {
    key: SecretKey,
    share: Share,
}

/// A pairing that waits for the operator.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) pairing_id: String,
    /// What the register shows.
    pub(crate) number: String,
    register_id: String,
    host_id: String,
    secret: Secret,
}

/// What a register keeps.
#[derive(Clone, Debug)]
pub(crate) struct Paired {
    pub(crate) register_id: String,
    pub(crate) host_id: String,
    pub(crate) secret: Secret,
    pub(crate) origin: Option<String>,
}

impl Half {
    fn new() -> Self {
        let key = std::iter::repeat_with(|| SecretKey::from_slice(&random()))
            .find_map(Result::ok)
            .unwrap();
        let share = Share {
            public_key: encode(&key.public_key().to_sec1_bytes()),
            nonce: encode(&random()),
        };
        Self { key, share }
    }

    fn x(&self, public_key: &str) -> [u8; 32] {
        let point: [u8; 65] = bytes(public_key).unwrap();
        let other = PublicKey::from_sec1_bytes(&point).unwrap();
        let shared = self.key.diffie_hellman(&other);
        shared.raw_secret_bytes().as_slice().try_into().unwrap()
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").unwrap();
    source.read_exact(&mut bytes).unwrap();
    bytes
}

fn text(value: &Value, field: &str) -> String {
    let text = value[field].as_str();
    text.unwrap_or_else(|| panic!("{value} has no {field}"))
        .to_owned()
}

impl Peer {
    /// A program.
    pub(crate) async fn connect(host: &Host) -> Self {
        Self::connect_from(host, None).await
    }

    /// A page of this origin.
    pub(crate) async fn connect_from(host: &Host, origin: Option<&str>) -> Self {
        let url = format!("ws://{}/v1/ws", host.address());
        let mut request = url.into_client_request().unwrap();
        if let Some(origin) = origin {
            let value = origin.parse().unwrap();
            request.headers_mut().insert("Origin", value);
        }
        let stream = TcpStream::connect(host.address()).await.unwrap();
        let opening = tokio_tungstenite::client_async(request, stream);
        Self {
            socket: soon("a WebSocket", opening).await.unwrap().0,
            authority: host.address().to_owned(),
            origin: origin.map(str::to_owned),
            last_id: 0,
            told: VecDeque::new(),
        }
    }

    /// Asks, and waits for nothing.
    pub(crate) async fn ask(&mut self, method: &str, params: &Value) -> i64 {
        self.last_id += 1;
        let call = crate::wire::call(self.last_id, method, params);
        soon("a write", self.socket.send(Message::text(call)))
            .await
            .unwrap();
        self.last_id
    }

    /// The answer to a call; what the host says besides is kept.
    pub(crate) async fn answer(&mut self, id: i64) -> Result<Value, Value> {
        loop {
            let Some(message) = self.hear().await else {
                panic!("the connection ended before the answer")
            };
            if message["id"] == id {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
            self.told.push_back(message);
        }
    }

    pub(crate) async fn call(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let id = self.ask(method, params).await;
        self.answer(id).await
    }

    /// The result it must have.
    pub(crate) async fn must(&mut self, method: &str, params: &Value) -> Value {
        match self.call(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// The name of the refusal it must have.
    pub(crate) async fn refusal(&mut self, method: &str, params: &Value) -> String {
        match self.call(method, params).await {
            Ok(result) => panic!("{method} was answered with {result}"),
            Err(error) => text(&error["data"], "name"),
        }
    }

    /// The next notification of this name.
    pub(crate) async fn told(&mut self, method: &str) -> Value {
        if let Some(at) = self.told.iter().position(|one| one["method"] == method) {
            return self.told.remove(at).unwrap()["params"].clone();
        }
        loop {
            let Some(message) = self.hear().await else {
                panic!("the connection ended before {method}")
            };
            if message["method"] == method {
                return message["params"].clone();
            }
        }
    }

    /// The close code that must come.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match soon("a close frame", self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("a close frame was expected, not {other:?}"),
            }
        }
    }

    /// Nothing once the host has hung up.
    async fn hear(&mut self) -> Option<Value> {
        loop {
            match soon("a message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(text.as_str()).unwrap());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// As far as both sides know the number.
    pub(crate) async fn begin(&mut self, register_id: &str) -> Begun {
        let half = Half::new();
        let name = format!("Register {register_id}");
        let register = json!({"id": register_id, "name": name});
        let params = json!({"register": register, "commitment": half.share.commitment()});
        let begun = self.must("pairing.begin", &params).await;
        let (pairing_id, host_id) = (text(&begun, "pairing_id"), text(&begun["host"], "id"));
        let theirs = Share {
            public_key: text(&begun, "public_key"),
            nonce: text(&begun, "nonce"),
        };
        let Share { public_key, nonce } = &half.share;
        let reveal = json!({"pairing_id": pairing_id, "public_key": public_key, "nonce": nonce});
        self.must("pairing.reveal", &reveal).await;
        let transcript = Transcript {
            host_id: &host_id,
            pairing_id: &pairing_id,
            register_id,
            register_name: &name,
            origin: self.origin.as_deref(),
            authority: &self.authority,
            channel: &channel(None),
            register: &half.share,
            host: &theirs,
        };
        let digest = transcript.digest();
        Begun {
            number: number(&digest),
            register_id: register_id.to_owned(),
            secret: Secret::agreed(&half.x(&theirs.public_key), &digest),
            pairing_id,
            host_id,
        }
    }

    /// Begins to wait for the operator.
    pub(crate) async fn complete(&mut self, begun: &Begun) -> i64 {
        let params = json!({"pairing_id": begun.pairing_id});
        self.ask("pairing.complete", &params).await
    }

    /// Hello as this register; what the host says of itself and of the pairing.
    pub(crate) async fn hello(&mut self, paired: &Paired) -> (Value, String) {
        let nonce = encode(&random());
        let hello = json!({
            "client": {"name": "payhal-tests", "version": "1"}, "protocol": [1],
            "register_id": paired.register_id, "key_id": paired.secret.key_id(), "nonce": nonce,
        });
        (self.must("session.hello", &hello).await, nonce)
    }

    /// Hello and proof, each side to the other.
    pub(crate) async fn prove(&mut self, paired: &Paired) -> Value {
        let (said, nonce) = self.hello(paired).await;
        assert_eq!(said["state"], "paired", "{said}");
        let theirs = text(&said, "nonce");
        let channel = channel(None);
        let proven = Proven {
            host_id: &paired.host_id,
            register_id: &paired.register_id,
            nonce_register: &nonce,
            nonce_host: &theirs,
            origin: self.origin.as_deref(),
            authority: &self.authority,
            channel: &channel,
        };
        assert_eq!(said["proof"], paired.secret.host_proof(&proven));
        let proof = paired.secret.register_proof(&proven);
        let proved = self.must("session.prove", &json!({"proof": proof})).await;
        assert_eq!(proved["register_id"], paired.register_id);
        said
    }

    /// Agrees about a new secret; the old one stays good until this one is proven.
    pub(crate) async fn rotate(&mut self, paired: &Paired) -> Paired {
        let half = Half::new();
        let Share { public_key, nonce } = &half.share;
        let params = json!({"public_key": public_key, "nonce": nonce});
        let rotated = self.must("pairing.rotate", &params).await;
        let theirs = Share {
            public_key: text(&rotated, "public_key"),
            nonce: text(&rotated, "nonce"),
        };
        let rotation = Rotation {
            host_id: &paired.host_id,
            register_id: &paired.register_id,
            register: &half.share,
            host: &theirs,
        };
        let secret = paired
            .secret
            .rotated(&half.x(&theirs.public_key), &rotation);
        assert_eq!(rotated["key_id"], secret.key_id());
        Paired {
            secret,
            ..paired.clone()
        }
    }

    /// A sale on this reader, which has its card.
    pub(crate) async fn sell(&mut self, key: &str, minor: i64) -> Result<Value, Value> {
        let amount = json!({"minor": minor, "currency": "EUR"});
        let params = json!({"idempotency_key": key, "amount": amount, "device": "reader-1"});
        self.call("payment.sale", &params).await
    }
}

impl Begun {
    /// What the register keeps once the operator said yes.
    pub(crate) fn paired(&self, peer: &Peer) -> Paired {
        Paired {
            register_id: self.register_id.clone(),
            host_id: self.host_id.clone(),
            secret: self.secret.clone(),
            origin: peer.origin.clone(),
        }
    }
}

/// The operator at the Unix socket.
#[derive(Debug)]
pub(crate) struct Desk(crate::wire::Socket);

impl Desk {
    pub(crate) async fn at(host: &Host) -> Self {
        Self(crate::wire::Socket::connect(host).await)
    }

    pub(crate) async fn call(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let text = self.0.ask(&crate::wire::call(1, method, params)).await;
        let message: Value = serde_json::from_str(&text).unwrap();
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].clone()),
        }
    }

    pub(crate) async fn must(&mut self, method: &str, params: &Value) -> Value {
        match self.call(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// Compares the numbers and says yes, with `more` granted.
    pub(crate) async fn approve(&mut self, begun: &Begun, more: &Value) -> Result<Value, Value> {
        let params = self.compared(begun, more).await;
        self.call("pairing.approve", &params).await
    }

    /// The same, and does not wait for an answer.
    pub(crate) async fn begin_to_approve(&mut self, begun: &Begun) {
        let params = self.compared(begun, &json!({})).await;
        let text = crate::wire::call(2, "pairing.approve", &params) + "\n";
        self.0.try_send(text.as_bytes()).await;
    }

    async fn compared(&mut self, begun: &Begun, more: &Value) -> Value {
        let open = self.must("pairing.list", &json!({})).await;
        let shown = open["pairings"].as_array().unwrap().iter();
        let mut shown = shown.filter(|one| one["pairing_id"] == *begun.pairing_id);
        let number = &shown.next().expect("the pairing is open")["number"];
        assert_eq!(*number, begun.number, "both show the same number");
        let mut params = json!({"pairing_id": begun.pairing_id, "number": number});
        let fields = more.as_object().unwrap().clone();
        params.as_object_mut().unwrap().extend(fields);
        params
    }

    /// Ids of the registers that are paired.
    pub(crate) async fn registers(&mut self) -> Vec<String> {
        let listed = self.must("register.list", &json!({})).await;
        let registers = listed["registers"].as_array().unwrap();
        registers
            .iter()
            .map(|one| text(one, "register_id"))
            .collect()
    }
}

/// Pairs a register with these grants, and proves it.
pub(crate) async fn pair(host: &Host, id: &str, grants: &Value) -> (Peer, Paired) {
    let mut peer = Peer::connect(host).await;
    let begun = peer.begin(id).await;
    let waits = peer.complete(&begun).await;
    let mut desk = Desk::at(host).await;
    desk.approve(&begun, grants).await.unwrap();
    let completed = peer.answer(waits).await.unwrap();
    let paired = begun.paired(&peer);
    assert_eq!(completed["key_id"], paired.secret.key_id());
    peer.prove(&paired).await;
    (peer, paired)
}
