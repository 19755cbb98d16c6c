// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a register sees of a question: it comes while the payment runs, the first answer of
//! its own register counts, and silence is the default.

use crate::host::{Host, Setup, soon};
use crate::register::{Played, Register, sale};
use crate::wire::{Wire, call};
use payhal_client::protocol::error::ErrorOutcome::Cancelled;
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use payhal_client::{CallError, Payment, Update};
use serde_json::{Value, json};

const READER: &str = "reader-1";
const CARD: &str = "discover-two-applications";
const CHOOSE: &[&str] = &["choose_application"];

/// The next question, or nothing when the answer to the payment came first.
pub(crate) async fn question(payment: &mut Payment) -> Option<Prompt> {
    soon("a question or the end", async {
        while let Some(update) = payment.next().await {
            if let Update::Prompt(prompt) = update {
                return Some(prompt);
            }
        }
        None
    })
    .await
}

pub(crate) async fn end(payment: Payment) -> Played {
    let answer = soon("the answer to a payment", payment.answer()).await;
    Played {
        progress: Vec::new(),
        answer,
    }
}

/// A card of two applications is in the slot of a reader that asks the register.
async fn inserted(setup: Setup, kinds: &[&str]) -> (Host, Register, Payment) {
    let host = Host::start(&setup).await;
    let register = Register::connect_showing(host.ws(), "till-1", kinds).await;
    let payment = register.0.sale(&sale("k", 1250, READER));
    register.show(READER, "insert", CARD).await;
    (host, register, payment)
}

async fn choose(register: &Register, prompt: &Prompt, choice: &str) -> Result<bool, ErrorName> {
    let params = RespondParams {
        choice: Some(choice.to_owned()),
        ..RespondParams::to(prompt.prompt_id.clone())
    };
    match soon("the answer to an answer", register.0.request(&params)).await {
        Ok(result) => Ok(result.accepted),
        Err(CallError::Rpc(error)) => {
            let name = error.data.as_ref().unwrap().name;
            if name == ErrorName::NotAllowed {
                assert_ne!(error.message, "", "a sentence says why");
            }
            Err(name)
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_register_chooses_the_application_and_its_first_answer_counts() {
    let (host, register, mut payment) = inserted(Setup::asking(1), CHOOSE).await;
    let prompt = question(&mut payment).await.expect("a question");
    assert_eq!(prompt.kind, PromptKind::ChooseApplication);
    assert_eq!(prompt.idempotency_key.as_str(), "k");
    assert_eq!(prompt.default, "cancel");
    assert!(!prompt.expires_at.is_empty() && !prompt.text.is_empty());
    let labels: Vec<_> = prompt
        .options
        .iter()
        .map(|option| option.label.as_str())
        .collect();
    assert_eq!(labels, ["DISCOVER", "US DEBIT"]);

    let other = Register::connect_showing(host.ws(), "till-2", CHOOSE).await;
    let second = prompt.options[1].id.as_str();
    assert_eq!(
        choose(&other, &prompt, second).await,
        Err(ErrorName::TransactionNotFound)
    );
    assert_eq!(
        choose(&register, &prompt, "no such option").await,
        Err(ErrorName::NotAllowed)
    );
    assert_eq!(choose(&register, &prompt, second).await, Ok(true));
    assert_eq!(
        choose(&register, &prompt, second).await,
        Err(ErrorName::NotAllowed)
    );
    let approved = end(payment).await.approved();
    let card = approved.card.unwrap();
    assert_eq!(card.application.as_deref(), Some("US DEBIT"));
    assert_eq!(
        choose(&register, &prompt, second).await,
        Err(ErrorName::NotAllowed)
    );
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_question_that_nobody_answers_in_time_cancels() {
    let setup = Setup::asking(1).timeout("prompt_ms", 300);
    let (host, register, mut payment) = inserted(setup, CHOOSE).await;
    let prompt = question(&mut payment).await.expect("a question");
    let refused = end(payment).await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    let late = choose(&register, &prompt, &prompt.options[0].id).await;
    assert_eq!(late, Err(ErrorName::NotAllowed));
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_register_that_cannot_show_a_question_never_waits_for_it() {
    let (host, _register, mut payment) = inserted(Setup::asking(1), &["enter_text"]).await;
    assert_eq!(question(&mut payment).await, None);
    let refused = end(payment).await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_register_that_comes_back_is_asked_again() {
    let (host, register, mut payment) = inserted(Setup::asking(1), CHOOSE).await;
    let first = question(&mut payment).await.expect("a question");
    drop((payment, register));
    let back = Register::connect_showing(host.ws(), "till-1", CHOOSE).await;
    let mut payment = back.0.sale(&sale("k", 1250, READER));
    let again = question(&mut payment).await.expect("the question");
    assert_eq!(again, first);
    assert_eq!(choose(&back, &again, &again.options[0].id).await, Ok(true));
    let card = end(payment).await.approved().card.unwrap();
    assert_eq!(card.application.as_deref(), Some("DISCOVER"));
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

/// The next message that `wanted` lets through.
async fn message(wire: &mut Wire, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let heard: Value = serde_json::from_str(&wire.hear().await).unwrap();
        if wanted(&heard) {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_client_that_answers_requests_is_asked_by_one() {
    let host = Host::start(&Setup::asking(1)).await;
    let hand = host.register("till-2").await;
    let mut wire = Wire::connect(&host).await;
    let hello = json!({"client": {"name": "t", "version": "1"}, "protocol": [1],
        "register_id": "till-1", "prompts": CHOOSE, "answers_requests": true});
    wire.ask_json(&call(1, "session.hello", &hello)).await;
    let amount = json!({"minor": 1250, "currency": "EUR"});
    let params = json!({"idempotency_key": "k", "amount": amount, "device": READER});
    wire.say(&call(2, "payment.sale", &params)).await;
    message(&mut wire, |said| {
        said["params"]["stage"] == "waiting_for_card"
    })
    .await;
    hand.show(READER, "insert", CARD).await;
    let asked = message(&mut wire, |said| said["method"] == "pos.choose_application").await;
    let choice = asked["params"]["options"][1]["id"].clone();
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"choice": choice}});
    wire.say(&answer.to_string()).await;
    let approved = message(&mut wire, |said| said["id"] == 2).await;
    assert_eq!(approved["result"]["card"]["application"], "US DEBIT");
}
