// SPDX-License-Identifier: MIT OR Apache-2.0
//! A register as the protocol wants it: it stores a key, asks, and asks again with the same key
//! until it has its last word, whatever dies meanwhile. Beside it stands the customer with a card.
//!
//! Keeps everything it was told. It never makes a new key for what it sent once.

use crate::keeper::{LAST_WORD, Place};
use crate::reconcile::{Told, Word};
use crate::register::sale;
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::payment::{Approved, CancelParams, RefundParams, VoidParams};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::{Amount, ErrorData, Retry};
use payhal_client::{CallError, Client, Config, Payment, Update};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// The pause before asking again. Hosts ask for longer ones, which would make a test slow.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// What a register wants done.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// This amount on this reader, with this card held to it or put into it.
    Sale {
        minor: i64,
        reader: String,
        how: &'static str,
        card: &'static str,
    },
    /// Some of this transaction given back.
    Refund { of: String, minor: i64 },
    /// All of this transaction taken back.
    Void { of: String },
}

/// One wish under one key, and how its register behaves.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) key: String,
    pub(crate) what: What,
    /// The cashier cancels at this stage.
    pub(crate) cancel_at: Option<Stage>,
    /// The first connection is dropped after so long, and the same key asked on another.
    pub(crate) impatient_after: Option<Duration>,
}

impl Wish {
    pub(crate) fn new(key: impl Into<String>, what: What) -> Self {
        Self {
            key: key.into(),
            what,
            cancel_at: None,
            impatient_after: None,
        }
    }
}

/// At which stage every running call is, as far as the registers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages(Arc<Mutex<BTreeMap<String, Option<Stage>>>>, Arc<Notify>);

impl Stages {
    /// Waits until some call is at this stage.
    pub(crate) async fn until(&self, stage: Stage) {
        while !self.now().contains(&stage) {
            self.1.notified().await;
        }
    }

    fn set(&self, register: &str, stage: Option<Stage>) {
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.insert(register.to_owned(), stage);
        self.1.notify_one();
    }

    /// The stages of this moment.
    pub(crate) fn now(&self) -> Vec<Stage> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.values().copied().flatten().collect()
    }
}

/// A register.
#[derive(Debug)]
pub(crate) struct Till {
    pub(crate) id: String,
    place: Place,
    unix: bool,
    client: Option<Client>,
    stages: Stages,
    pub(crate) told: Vec<Told>,
}

impl Till {
    /// Over WebSocket, or over the Unix socket.
    pub(crate) fn new(id: &str, place: Place, unix: bool, stages: Stages) -> Self {
        Self {
            id: id.to_owned(),
            place,
            unix,
            client: None,
            stages,
            told: Vec::new(),
        }
    }

    /// Forgets the connection; the next call makes a new one.
    pub(crate) fn hang_up(&mut self) {
        self.client = None;
    }

    /// Where its calls are.
    pub(crate) fn stages(&self) -> Stages {
        self.stages.clone()
    }

    /// The connection, or a new one.
    pub(crate) async fn client(&mut self) -> Client {
        loop {
            if let Some(client) = &self.client {
                return client.clone();
            }
            let mut config = Config::new("payhal-tests", "1").register(self.id.as_str());
            // This register connects anew by itself, because addresses change.
            config.reconnect_for = Duration::ZERO;
            let endpoint = if self.unix {
                self.place.unix()
            } else {
                self.place.websocket().await
            };
            match Client::connect_with(endpoint, config).await {
                Ok(client) => self.client = Some(client),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Asks until there is a last word, and notes it. `None`: there was none in time.
    pub(crate) async fn see_through(&mut self, wish: &Wish) -> Option<Word> {
        let until = Instant::now() + LAST_WORD;
        let mut first = true;
        let mut word = None;
        while word.is_none() && Instant::now() < until {
            let client = self.client().await;
            let attempt = self.attempt(client, wish);
            let patience = wish.impatient_after.filter(|_| first).unwrap_or(LAST_WORD);
            let answer = timeout(patience, attempt).await;
            first = false;
            word = match answer {
                Ok(Ok(approved)) => Some(approval(&approved)),
                Ok(Err(error)) => match last_word(&error) {
                    Next::Last(word) => Some(word),
                    Next::Again => None,
                    Next::Reconnect => {
                        self.client = None;
                        None
                    }
                },
                Err(_) => {
                    self.client = None;
                    None
                }
            };
            self.stages.set(&self.id, None);
            if word.is_none() {
                sleep(PAUSE).await;
            }
        }
        self.note(&wish.key, word.clone());
        word
    }

    fn note(&mut self, key: &str, word: Option<Word>) {
        let known = self.told.iter_mut().find(|told| told.key == key);
        match known {
            Some(told) => told.answers.extend(word),
            None => self.told.push(Told {
                register: self.id.clone(),
                key: key.to_owned(),
                answers: word.into_iter().collect(),
            }),
        }
    }

    async fn attempt(&self, client: Client, wish: &Wish) -> Result<Approved, CallError> {
        let mut payment = begin(&client, wish);
        // Aborted with this call: a customer who was not asked goes home.
        let mut customer = tokio::task::JoinSet::new();
        let mut shown = false;
        while let Some(update) = payment.next().await {
            let Update::Progress(progress) = update else {
                continue;
            };
            self.stages.set(&self.id, Some(progress.stage));
            if progress.stage == Stage::WaitingForCard && !shown {
                shown = true;
                customer.spawn(show(client.clone(), wish.what.clone()));
            }
            if wish.cancel_at == Some(progress.stage) {
                let client = client.clone();
                let key = wish.key.clone();
                customer.spawn(async move { cancel(&client, &key).await });
            }
        }
        payment.answer().await
    }
}

fn begin(client: &Client, wish: &Wish) -> Payment {
    let key = wish.key.as_str();
    match &wish.what {
        What::Sale { minor, reader, .. } => {
            let mut params = sale(key, *minor, reader);
            // A card that was never shown because its reader died ends nothing by itself.
            params.timeout_ms = Some(5_000);
            client.sale(&params)
        }
        What::Refund { of, minor } => {
            let amount = Amount::new(*minor, "EUR");
            client.refund(&RefundParams::of(key, of.as_str(), amount))
        }
        What::Void { of } => client.void(&VoidParams::of(key, of.as_str())),
    }
}

async fn cancel(client: &Client, key: &str) {
    let params = CancelParams {
        idempotency_key: Some(key.into()),
        transaction_id: None,
    };
    // The call itself says what came of it.
    client.request(&params).await.ok();
}

/// Shows a card until the reader has taken it.
async fn show(client: Client, what: What) {
    let What::Sale {
        reader, how, card, ..
    } = what
    else {
        return;
    };
    let mut params = SimulateParams::new(how).with("card", card);
    params.device = Some(reader.as_str().into());
    while let Err(CallError::Rpc(_)) = client.request(&params).await {
        sleep(PAUSE).await;
    }
}

/// What a register does after an error.
enum Next {
    Last(Word),
    Again,
    Reconnect,
}

fn last_word(error: &CallError) -> Next {
    let CallError::Rpc(rpc) = error else {
        return Next::Reconnect;
    };
    let details: &ErrorData = rpc
        .data
        .as_deref()
        .unwrap_or_else(|| panic!("an error of the host has details: {rpc:?}"));
    match details.retry {
        Retry::SameKey | Retry::AskOperator => Next::Again,
        Retry::NewKey => Next::Last(Word::Ended {
            transaction: details.transaction_id.as_ref().map(ToString::to_string),
            outcome: said(json!(details.outcome)),
        }),
        Retry::Never => Next::Last(Word::Refused {
            name: details.name.as_str().to_owned(),
        }),
    }
}

/// A word of the protocol as it is written.
pub(crate) fn said(word: Value) -> String {
    match word {
        Value::String(word) => word,
        other => panic!("{other:?} is no word"),
    }
}

fn approval(approved: &Approved) -> Word {
    let minor = approved
        .amounts
        .approved
        .as_ref()
        .map(|amount| amount.minor);
    Word::Approved {
        transaction: approved.transaction_id.to_string(),
        minor: minor.expect("an approval has its amount"),
    }
}
