// SPDX-License-Identifier: MIT OR Apache-2.0
//! A register as the protocol wants it: it stores a key, asks, and asks again with the same key
//! until it has its last word, whatever dies meanwhile. Beside it stands the customer with a card.
//!
//! Keeps everything it was told. It never makes a new key for what it sent once.

use crate::host::PATIENCE;
use crate::keeper::{LAST_WORD, Place};
use crate::presented::{self, Waited, press, show_card};
use crate::reconcile::{KeptCard, Told, Word};
use crate::register::eur;
use crate::wish::{What, Wish};
use payhal_client::protocol::payment::{Approved, CancelParams};
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams, Stage};
use payhal_client::protocol::token::{ListTokensParams, TokenView};
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
    /// The card that a key was sent with, if it had been presented before. The same key has the same
    /// card, as long as it may be used up.
    presented: BTreeMap<String, Option<String>>,
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
            presented: BTreeMap::new(),
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
            config.hello.prompts = ["confirm_partial", "set_amount", "confirm_currency"]
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
            let Some(card) = self.card_before(&client, wish).await else {
                self.client = None;
                continue;
            };
            let attempt = self.attempt(client.clone(), wish, card.as_deref());
            let patience = wish.impatient_after.filter(|_| first).unwrap_or(LAST_WORD);
            let answer = timeout(patience, attempt).await;
            first = false;
            if let (true, What::Card { device, .. }) = (card.is_some(), &wish.what) {
                presented::leave(&client, device).await;
            }
            drop(client);
            self.told_under(&wish.key).presented = card.is_some();
            word = match answer {
                Ok(Ok(approved)) => {
                    self.note_terms(&wish.key, &approved);
                    Some(approval(&approved))
                }
                Ok(Err(error)) => match last_word(&error) {
                    // The card is not there any more, and the key is not used up.
                    Next::Last(Word::Refused { .. }) if card.is_some() => {
                        self.presented.insert(wish.key.clone(), None);
                        None
                    }
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

    /// The card that was presented before, where there is to be one. `None`: the connection is gone, and
    /// the watch with it; it begins again on the next one.
    async fn card_before(&mut self, client: &Client, wish: &Wish) -> Option<Option<String>> {
        let (true, What::Card { device, shown, .. }) = (wish.watched, &wish.what) else {
            return Some(None);
        };
        if let Some(card) = self.presented.get(&wish.key) {
            return Some(card.clone());
        }
        let card = match presented::wait_for(client, device, (*shown)?).await {
            Waited::Presented(card) => Some(card),
            Waited::Nobody => None,
            Waited::Gone => return None,
        };
        self.presented.insert(wish.key.clone(), card.clone());
        Some(card)
    }

    /// What an approval says beside its amount.
    fn note_terms(&mut self, key: &str, approved: &Approved) {
        let own = approved.amounts.dcc.as_ref().map(|dcc| dcc.amount.minor);
        let transaction = approved.transaction_id.to_string();
        let card = approved.kept.as_ref().map(kept_card);
        let told = self.told_under(key);
        told.own.push((transaction, own));
        told.cards.extend(card);
    }

    /// Every card that it keeps, as it is listed to it.
    pub(crate) async fn cards(&mut self) -> Vec<KeptCard> {
        let mut all = Vec::new();
        let mut page = ListTokensParams {
            register: Some(self.id.as_str().into()),
            limit: Some(100),
            ..ListTokensParams::default()
        };
        loop {
            let listed = self.client().await.tokens(&page).await;
            let listed = listed.expect("nobody dies any more");
            all.extend(listed.tokens.iter().map(kept_card));
            match listed.cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return all,
            }
        }
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
                own: Vec::new(),
                cards: Vec::new(),
                presented: false,
            });
            self.told.len() - 1
        });
        &mut self.told[at]
    }

    async fn attempt(
        &self,
        client: Client,
        wish: &Wish,
        card: Option<&str>,
    ) -> Result<Approved, CallError> {
        let mut payment = wish.begin(&client, card);
        // Aborted with this call: a customer who was not asked goes home.
        let mut customer = tokio::task::JoinSet::new();
        if card.is_some() {
            customer.spawn(choose(client.clone(), wish.clone()));
        }
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
                customer.spawn(show(client.clone(), wish.clone()));
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
        (PromptKind::ConfirmCurrency, _) => RespondParams {
            accepted: Some(wish.own_currency == Some(true)),
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

/// Shows a card until the reader has taken it, and answers what is asked of its holder then.
async fn show(client: Client, wish: Wish) {
    if let Some(ready) = &wish.card_after {
        ready.notified().await;
        // For the next reader that asks, if this one is lost.
        ready.notify_one();
    }
    let What::Card {
        device,
        shown: Some(card),
        ..
    } = &wish.what
    else {
        return;
    };
    show_card(&client, device, *card).await;
    choose(client, wish).await;
}

/// The customer chooses a currency on the reader, once there is a choice.
async fn choose(client: Client, wish: Wish) {
    if let (What::Card { device, .. }, Some(own)) = (&wish.what, wish.own_currency) {
        press(&client, device, usize::from(own)).await;
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

fn kept_card(view: &TokenView) -> KeptCard {
    KeptCard {
        register: view.register.to_string(),
        reference: view.reference.clone(),
        token_id: view.token_id.to_string(),
        at: (view.gateway.to_string(), view.token.clone()),
        deleted: view.deleted,
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
