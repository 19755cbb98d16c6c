// SPDX-License-Identifier: MIT OR Apache-2.0
//! A register as the protocol wants it: it stores a key, asks, and asks again with the same key
//! until it has its last word, whatever dies meanwhile. Beside it stands the customer with a card.
//!
//! Keeps everything it was told. It never makes a new key for what it sent once.

use crate::host::PATIENCE;
use crate::keeper::{LAST_WORD, Place};
use crate::reconcile::{Told, Word};
use crate::register::eur;
use crate::wish::{What, Wish};
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::payment::{Approved, CancelParams};
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams, Stage};
use payhal_client::protocol::{ErrorData, MoneyMoved, Retry};
use payhal_client::{CallError, Client, Config, Update};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// The pause before asking again. Hosts ask for longer ones, which would make a test slow.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// At which stage every running call is, as far as the registers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stages {
    stages: Arc<Mutex<BTreeMap<String, Option<Stage>>>>,
    /// Key and name of every refusal that was not the last word.
    refusals: Arc<Mutex<BTreeSet<(String, String)>>>,
    news: Arc<Notify>,
}

impl Stages {
    /// Waits until some call is at this stage.
    pub(crate) async fn until(&self, stage: Stage) {
        self.until_that(|stages| stages.now().contains(&stage))
            .await;
    }

    /// Waits until this key was told to come again for one of these reasons.
    pub(crate) async fn until_heard(&self, key: &str, names: &[&str]) {
        let heard = |stages: &Self| {
            let refusals = locked(&stages.refusals);
            let heard = |name: &&str| refusals.contains(&(key.to_owned(), (*name).to_owned()));
            names.iter().any(heard)
        };
        self.until_that(heard).await;
    }

    /// Waits until any key was.
    pub(crate) async fn until_heard_anywhere(&self, names: &[&str]) {
        self.until_that(|stages| stages.heard_anywhere(names)).await;
    }

    /// Whether any key was told to come again for one of these reasons.
    pub(crate) fn heard_anywhere(&self, names: &[&str]) -> bool {
        let refusals = locked(&self.refusals);
        refusals
            .iter()
            .any(|(_, heard)| names.contains(&heard.as_str()))
    }

    async fn until_that(&self, is_so: impl Fn(&Self) -> bool) {
        let until = async {
            loop {
                let next = self.news.notified();
                if is_so(self) {
                    return;
                }
                next.await;
            }
        };
        let came = timeout(PATIENCE, until).await;
        assert!(
            came.is_ok(),
            "what registers must be told did not come; they heard {:?} and are at {:?}",
            locked(&self.refusals),
            locked(&self.stages),
        );
    }

    fn heard(&self, key: &str, name: &str) {
        locked(&self.refusals).insert((key.to_owned(), name.to_owned()));
        self.news.notify_one();
    }

    fn set(&self, register: &str, stage: Option<Stage>) {
        locked(&self.stages).insert(register.to_owned(), stage);
        self.news.notify_one();
    }

    /// The stages of this moment.
    pub(crate) fn now(&self) -> Vec<Stage> {
        let stages = locked(&self.stages);
        stages.values().copied().flatten().collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            config.hello.prompts = ["confirm_partial", "set_amount"]
                .map(str::to_owned)
                .to_vec();
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
                    Next::Again(details) => {
                        self.stages.heard(&wish.key, details.name.as_str());
                        self.deny(&wish.key, &details);
                        None
                    }
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
        self.told_under(key).answers.extend(word);
    }

    /// "Nothing moved" must be true, also where it is not the last word.
    fn deny(&mut self, key: &str, details: &ErrorData) {
        if let (MoneyMoved::No, Some(transaction)) = (details.money_moved, &details.transaction_id)
        {
            let denied = transaction.to_string();
            self.told_under(key).denied.push(denied);
        }
    }

    fn told_under(&mut self, key: &str) -> &mut Told {
        let at = self.told.iter().position(|told| told.key == key);
        let at = at.unwrap_or_else(|| {
            self.told.push(Told {
                register: self.id.clone(),
                key: key.to_owned(),
                answers: Vec::new(),
                denied: Vec::new(),
            });
            self.told.len() - 1
        });
        &mut self.told[at]
    }

    async fn attempt(&self, client: Client, wish: &Wish) -> Result<Approved, CallError> {
        let mut payment = wish.begin(&client);
        // Aborted with this call: a customer who was not asked goes home.
        let mut customer = tokio::task::JoinSet::new();
        let mut shown = false;
        while let Some(update) = payment.next().await {
            let progress = match update {
                Update::Progress(progress) => progress,
                Update::Prompt(prompt) => {
                    customer.spawn(decide(client.clone(), prompt, wish.clone()));
                    continue;
                }
            };
            self.stages.set(&self.id, Some(progress.stage));
            if progress.stage == Stage::WaitingForCard && !shown {
                shown = true;
                let ready = wish.card_after.clone();
                customer.spawn(show(client.clone(), wish.what.clone(), ready));
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

/// What the cashier says to a part of the amount, and to the question for one; any other waits for
/// its default.
async fn decide(client: Client, prompt: Prompt, wish: Wish) {
    let id = prompt.prompt_id;
    let answer = match (prompt.kind, &wish.what) {
        (PromptKind::ConfirmPartial, _) => RespondParams {
            accepted: Some(wish.takes_a_part),
            ..RespondParams::to(id)
        },
        (PromptKind::SetAmount, What::Card { minor, .. }) => RespondParams::amount(id, eur(*minor)),
        _ => return,
    };
    // The call itself says what came of it.
    client.request(&answer).await.ok();
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
async fn show(client: Client, what: What, ready: Option<Arc<Notify>>) {
    if let Some(ready) = ready {
        ready.notified().await;
        // For the next reader that asks, if this one is lost.
        ready.notify_one();
    }
    let What::Card {
        device,
        shown: Some((how, card)),
        ..
    } = what
    else {
        return;
    };
    let mut params = SimulateParams::new(how).with("card", card);
    params.device = Some(device.as_str().into());
    while let Err(CallError::Rpc(_)) = client.request(&params).await {
        sleep(PAUSE).await;
    }
}

/// What a register does after an error.
enum Next {
    Last(Word),
    Again(Box<ErrorData>),
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
        Retry::SameKey | Retry::AskOperator => Next::Again(Box::new(details.clone())),
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
        // Nothing is approved where nothing was asked for, as by a card check.
        minor: minor.unwrap_or_default(),
    }
}
