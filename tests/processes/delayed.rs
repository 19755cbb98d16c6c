// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a register sees of an amount that follows the card: it is asked when the card is
//! there, what it says is what stands in the gateway's books, and without it nothing does.

use crate::host::{Host, Setup, soon};
use crate::prompts::{end, question};
use crate::register::{Register, eur, not_allowed};
use payhal_client::protocol::error::ErrorOutcome::{Cancelled, Failed};
use payhal_client::protocol::payment::{AuthorizeParams, SaleParams};
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams};
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};
use payhal_client::{CallError, Payment};

const READER: &str = "reader-1";
const ASKED: &[&str] = &["set_amount"];

/// About forty euros, at most eighty.
fn estimated(key: &str) -> SaleParams {
    let mut params = SaleParams::estimated(key, eur(4000));
    params.device = Some(READER.into());
    params.amount_max = Some(eur(8000));
    params
}

/// A pump, and a customer whose card is in the reader.
async fn inserted(setup: Setup) -> (Host, Register, Payment, Prompt) {
    let host = Host::start(&setup).await;
    let register = Register::connect_showing(host.ws(), "pump-1", ASKED).await;
    let mut payment = register.0.sale(&estimated("k"));
    register.show(READER, "insert", "visa-approve").await;
    let prompt = question(&mut payment).await.expect("a question");
    (host, register, payment, prompt)
}

async fn say(register: &Register, answer: RespondParams) -> Result<(), ErrorName> {
    match soon("the answer to an answer", register.0.request(&answer)).await {
        Ok(_) => Ok(()),
        Err(CallError::Rpc(error)) => Err(error.data.expect("details").name),
        Err(error) => panic!("{error}"),
    }
}

async fn say_amount(register: &Register, prompt: &Prompt, amount: Amount) -> Result<(), ErrorName> {
    let answer = RespondParams::amount(prompt.prompt_id.clone(), amount);
    say(register, answer).await
}

#[tokio::test]
async fn the_amount_that_is_said_after_the_card_is_charged() {
    let (host, register, payment, prompt) = inserted(Setup::readers(1)).await;
    assert_eq!(prompt.kind, PromptKind::SetAmount);
    assert_eq!(prompt.amount, Some(eur(4000)));
    assert_eq!(prompt.default, "cancel");
    assert!(prompt.text.contains("80.00 EUR"), "{}", prompt.text);
    let wrong = [eur(8001), Amount::new(4000, "USD")];
    for amount in wrong {
        let said = say_amount(&register, &prompt, amount).await;
        assert_eq!(said, Err(ErrorName::NotAllowed));
    }
    let answer = RespondParams {
        tip: Some(eur(150)),
        ..RespondParams::amount(prompt.prompt_id.clone(), eur(5150))
    };
    assert_eq!(say(&register, answer).await, Ok(()));
    let approved = end(payment).await.approved();
    let amounts = &approved.amounts;
    assert_eq!(amounts.requested, eur(5150));
    assert_eq!(amounts.approved, Some(eur(5150)));
    assert_eq!(amounts.tip, Some(eur(150)));
    assert!(approved.receipts.customer.contains("51.50 EUR"));
    host.ledger().assert(&[("sale", "approved", 5150)]);

    // The same key, which says no amount either, gets the same answer.
    let again = register.sell_alone(&estimated("k")).await.approved();
    assert!(again.replayed);
    assert_eq!(again.amounts.approved, Some(eur(5150)));
    host.ledger().assert(&[("sale", "approved", 5150)]);
}

#[tokio::test]
async fn a_card_that_left_meanwhile_is_not_charged() {
    let (host, register, payment, prompt) = inserted(Setup::readers(1)).await;
    register.act(READER, "remove", &[]).await;
    assert_eq!(say_amount(&register, &prompt, eur(5000)).await, Ok(()));
    let refused = end(payment).await.refused(ErrorName::CardError, Failed);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[]);

    let mut next = register.0.sale(&estimated("next"));
    register.show(READER, "insert", "visa-approve").await;
    let prompt = question(&mut next).await.expect("a question");
    assert_eq!(say_amount(&register, &prompt, eur(700)).await, Ok(()));
    end(next).await.approved();
    host.ledger().assert(&[("sale", "approved", 700)]);
}

#[tokio::test]
async fn nobody_who_says_an_amount_costs_nothing() {
    let setup = Setup::readers(1).timeout("amount_ms", 300);
    let (host, register, payment, prompt) = inserted(setup).await;
    let refused = end(payment).await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    let late = say_amount(&register, &prompt, eur(5000)).await;
    assert_eq!(late, Err(ErrorName::NotAllowed));

    // The call may give more time, and a register may say that there is none.
    let mut patient = estimated("patient");
    patient.amount_timeout_ms = Some(60_000);
    let mut payment = register.0.sale(&patient);
    register.show(READER, "tap", "visa-approve").await;
    let prompt = question(&mut payment).await.expect("a question");
    let none = RespondParams {
        accepted: Some(false),
        ..RespondParams::to(prompt.prompt_id)
    };
    assert_eq!(say(&register, none).await, Ok(()));
    let refused = end(payment).await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[]);
}

#[tokio::test]
async fn a_register_that_comes_back_says_the_amount() {
    let (host, register, payment, first) = inserted(Setup::readers(1)).await;
    drop((payment, register));
    let back = Register::connect_showing(host.ws(), "pump-1", ASKED).await;
    let mut payment = back.0.sale(&estimated("k"));
    let again = question(&mut payment).await.expect("the question");
    assert_eq!(again, first);
    assert_eq!(say_amount(&back, &again, eur(5000)).await, Ok(()));
    end(payment).await.approved();
    host.ledger().assert(&[("sale", "approved", 5000)]);
}

#[tokio::test]
async fn whoever_cannot_be_asked_is_refused_before_the_card() {
    let host = Host::start(&Setup::readers(1).terminal("desk", "virtual-terminal", "{}")).await;
    let mute = host.register("till-1").await;
    let refused = not_allowed(mute.0.sale(&estimated("k"))).await;
    assert!(refused.detail.unwrap().contains("set_amount"));

    let pump = Register::connect_showing(host.ws(), "pump-1", ASKED).await;
    let mut hold = AuthorizeParams::new("hold", eur(1));
    hold.estimated_amount = hold.amount.take();
    hold.device = Some("desk".into());
    let told = end(pump.0.authorize(&hold)).await;
    let told = told.refused(ErrorName::DeviceUnsupported, Failed);
    assert!(told.0.detail.unwrap().contains("amount"));
    host.ledger().assert(&[]);
}
