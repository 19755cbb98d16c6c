// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection, what was heard on it, and payments under way.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use jsonrpsee_core::client::{Client, ClientT, Error, SubscriptionClientT};
use jsonrpsee_core::params::ObjectParams;
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// An error answer as it was on the wire.
#[derive(Debug)]
pub struct Refused {
    pub code: i64,
    pub fields: Value,
}

pub type Answer = Result<Value, Refused>;

#[derive(Clone)]
pub struct Wire(Arc<Client>);

impl Wire {
    pub async fn connect(url: &str) -> Self {
        let client = WsClientBuilder::default().build(url).await;
        Self(Arc::new(client.expect("a connection")))
    }

    pub async fn call(&self, method: &str, params: Value) -> Answer {
        let mut object = ObjectParams::new();
        for (name, value) in params.as_object().expect("params are an object") {
            object.insert(name, value).expect("a value");
        }
        self.0
            .request(method, object)
            .await
            .map_err(|error| match error {
                Error::Call(error) => Refused {
                    code: error.code().into(),
                    fields: error.data().map_or(Value::Null, |raw| {
                        serde_json::from_str(raw.get()).expect("JSON")
                    }),
                },
                other => panic!("{method}: {other}"),
            })
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.call(method, params)
            .await
            .unwrap_or_else(|refused| panic!("{method}: {refused:?}"))
    }

    /// Keeps every notification of one name.
    pub async fn hear(&self, method: &str) -> Heard {
        let mut subscription = self
            .0
            .subscribe_to_method::<Value>(method)
            .await
            .expect("a subscription");
        let heard = Heard::default();
        let kept = heard.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = subscription.next().await {
                kept.messages.lock().expect("no panic").push(message);
                kept.news.notify_waiters();
            }
        });
        heard
    }
}

#[derive(Clone, Default)]
pub struct Heard {
    messages: Arc<Mutex<Vec<Value>>>,
    news: Arc<Notify>,
}

impl Heard {
    pub fn all(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.messages
            .lock()
            .expect("no panic")
            .iter()
            .filter(|message| wanted(message))
            .cloned()
            .collect()
    }

    pub async fn first(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(message) = self.all(&wanted).into_iter().next() {
                return message;
            }
            news.await;
        }
    }
}

pub struct World {
    pub wire: Wire,
    pub greeting: Value,
    pub reader: String,
    pub gateway: String,
    pub progress: Heard,
    pub prompts: Heard,
    pub resolved: Heard,
    minor: Cell<i64>,
}

pub struct Sale {
    pub key: String,
    pub params: Value,
    pub answer: JoinHandle<Answer>,
}

impl Sale {
    pub async fn end(self) -> Answer {
        self.answer.await.expect("no panic")
    }
}

impl World {
    pub async fn meet(url: &str) -> Self {
        let wire = Wire::connect(url).await;
        let progress = wire.hear("payment.progress").await;
        let prompts = wire.hear("payment.prompt").await;
        let resolved = wire.hear("payment.resolved").await;
        let hello = json!({"client": {"name": "jsonrpsee", "version": "0"}, "protocol": [1], "register_id": "jsonrpsee",
            "prompts": ["confirm_signature"]});
        let greeting = wire.ask("session.hello", hello).await;
        let reader = simulated(&wire, "device").await;
        let gateway = simulated(&wire, "gateway").await;
        let minor =
            std::env::var("PAYHAL_MINOR").map_or(1011, |text| text.parse().expect("a number"));
        Self {
            wire,
            greeting,
            reader,
            gateway,
            progress,
            prompts,
            resolved,
            minor: Cell::new(minor),
        }
    }

    /// Begins a sale. No two sales of a run have one amount.
    pub fn begin(&self, more: Value) -> Sale {
        self.minor.set(self.minor.get() + 1);
        let mut params = json!({"idempotency_key": new_key(), "amount": {"minor": self.minor.get(), "currency": "EUR"},
            "device": self.reader});
        for (name, value) in more.as_object().expect("an object") {
            params[name] = value.clone();
        }
        let (wire, sent) = (self.wire.clone(), params.clone());
        let answer = tokio::spawn(async move { wire.call("payment.sale", sent).await });
        Sale {
            key: params["idempotency_key"]
                .as_str()
                .expect("a key")
                .to_owned(),
            params,
            answer,
        }
    }

    pub async fn stage(&self, sale: &Sale, stage: &str) -> Value {
        self.progress
            .first(|step| step["idempotency_key"] == sale.key.as_str() && step["stage"] == stage)
            .await
    }

    pub async fn present(&self, sale: &Sale, action: &str, card: &str) {
        self.stage(sale, "waiting_for_card").await;
        self.simulate(&self.reader, json!({"action": action, "card": card}))
            .await;
    }

    pub async fn simulate(&self, device: &str, mut action: Value) -> Value {
        action["device"] = device.into();
        self.wire.ask("device.simulate", action).await
    }

    /// Waits until the reader is free: it may still show its last words when the answer is there already.
    pub async fn idle(&self) {
        loop {
            let listed = self.wire.ask("device.list", json!({})).await;
            let devices = listed["devices"].as_array().expect("devices");
            if devices
                .iter()
                .any(|device| device["id"] == self.reader.as_str() && device["state"] == "ready")
            {
                return;
            }
        }
    }

    /// How often the gateway's own ledger holds this amount as charged and not taken back.
    pub async fn charged(&self, params: &Value) -> usize {
        let ledger = self
            .simulate(&self.gateway, json!({"action": "ledger"}))
            .await;
        let entries = ledger["entries"].as_array().expect("entries");
        let mine = |entry: &&Value| {
            entry["amount_minor"] == params["amount"]["minor"]
                && entry["kind"] == "sale"
                && entry["state"] == "approved"
        };
        entries.iter().filter(mine).count()
    }
}

async fn simulated(wire: &Wire, kind: &str) -> String {
    let listed = wire.ask(&format!("{kind}.list"), json!({})).await;
    let all = listed[format!("{kind}s")].as_array().expect("a list");
    let one = all
        .iter()
        .find(|one| one["simulated"] == true)
        .expect("a simulated one");
    one["id"].as_str().expect("an id").to_owned()
}

pub fn new_key() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
