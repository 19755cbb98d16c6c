// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what becomes of an approval that people are asked about: less than was asked, a
//! signature, a code that the issuer gives by telephone. Nothing stands that nobody took.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::prompts::{end, question};
use crate::register::{Played, Register, Sale, sale};
use payhal_client::protocol::error::ErrorOutcome::{self, Cancelled, Declined, Failed};
use payhal_client::protocol::payment::{
    SaleParams, SignParams, Signature, SignatureParams, VoiceApproval,
};
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams};
use payhal_client::protocol::registers::Limits;
use payhal_client::protocol::transaction::{
    ReceiptCopy, ReceiptFormat, ReceiptParams, TransactionOutcome,
};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use payhal_client::{CallError, Payment};
use serde_json::{Value, json};

const READER: &str = "reader-1";
const PARTIAL: &[&str] = &["confirm_partial"];
const SIGNATURE: &[&str] = &["confirm_signature"];
const VOICE: &[&str] = &["voice_approval"];
const PART: &str = "tap visa-partial";
const SIGNED: &str = "insert mastercard-signature";
/// An amount about which the issuer wants to be called.
const REFERRED: i64 = 1201;

struct Counter {
    host: Host,
    register: Register,
    payment: Payment,
}

async fn counter(setup: Setup, kinds: &[&str], minor: i64) -> Counter {
    let host = Host::start(&setup).await;
    let register = Register::connect_showing(host.ws(), "till-1", kinds).await;
    let payment = register.0.sale(&sale("k", minor, READER));
    Counter {
        host,
        register,
        payment,
    }
}

impl Counter {
    async fn asked(&mut self, kind: PromptKind) -> Prompt {
        let prompt = question(&mut self.payment).await.expect("a question");
        assert_eq!(prompt.kind, kind);
        prompt
    }

    async fn say(&self, answer: RespondParams) -> Result<bool, CallError> {
        let said = soon("the answer to an answer", self.register.0.request(&answer)).await;
        said.map(|said| said.accepted)
    }

    async fn yes_or_no(&self, prompt: &Prompt, accepted: bool) {
        let answer = RespondParams {
            accepted: Some(accepted),
            ..answer_to(prompt)
        };
        assert!(self.say(answer).await.unwrap());
    }

    /// It ended so, is being taken back, and was.
    async fn taken_back(self, name: ErrorName, outcome: ErrorOutcome, minor: i64) {
        let Self {
            host,
            register,
            payment,
        } = self;
        let refused = end(payment).await.refused(name, outcome);
        let transaction = refused.transaction();
        refused.says(MoneyMoved::Reversing, Retry::NewKey);
        let back = register.until_back(&transaction).await;
        assert_eq!(back.money_moved, MoneyMoved::No);
        host.ledger().assert(&[("sale", "reversed", minor)]);
    }
}

fn answer_to(prompt: &Prompt) -> RespondParams {
    RespondParams::to(prompt.prompt_id.clone())
}

#[tokio::test]
async fn a_part_that_is_taken_says_how_much() {
    let mut counter = counter(Setup::automatic(1, PART), PARTIAL, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmPartial).await;
    assert_eq!(prompt.amount.as_ref().unwrap().minor, 625);
    assert_eq!(prompt.default, "reverse");
    counter.yes_or_no(&prompt, true).await;
    let Counter { host, payment, .. } = counter;
    let approved = end(payment).await.approved();
    assert!(approved.partial);
    assert_eq!(approved.amounts.requested.minor, 1250);
    assert_eq!(approved.amounts.approved.unwrap().minor, 625);
    assert!(approved.receipts.customer.contains("6.25 EUR"));
    host.ledger().assert(&[("sale", "approved", 625)]);
}

#[tokio::test]
async fn a_part_that_is_refused_taken_back() {
    let mut counter = counter(Setup::automatic(1, PART), PARTIAL, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmPartial).await;
    counter.yes_or_no(&prompt, false).await;
    counter
        .taken_back(ErrorName::Cancelled, Cancelled, 625)
        .await;
}

#[tokio::test]
async fn a_part_that_nobody_can_be_asked_about_taken_back() {
    for kinds in [&[][..], SIGNATURE] {
        let counter = counter(Setup::automatic(1, PART), kinds, 1250).await;
        counter.taken_back(ErrorName::Declined, Declined, 625).await;
    }
}

#[tokio::test]
async fn a_part_that_nobody_takes_in_time_taken_back() {
    let setup = Setup::automatic(1, PART).timeout("prompt_ms", 300);
    let mut counter = counter(setup, PARTIAL, 1250).await;
    counter.asked(PromptKind::ConfirmPartial).await;
    counter.taken_back(ErrorName::Declined, Declined, 625).await;
}

#[tokio::test]
async fn a_part_whose_register_is_gone_taken_back_and_its_key_says_so() {
    let mut counter = counter(Setup::automatic(1, PART), PARTIAL, 1250).await;
    let other = counter.host.register("till-2").await;
    let mut watch = other.watch().await;
    let prompt = counter.asked(PromptKind::ConfirmPartial).await;
    let Counter {
        host,
        register,
        payment,
    } = counter;
    drop((payment, register));
    watch.resolved(prompt.transaction_id.as_str()).await;
    host.ledger().assert(&[("sale", "reversed", 625)]);
    let back = host.register("till-1").await;
    let again = back.sell_alone(&sale("k", 1250, READER)).await;
    let refused = again.refused(ErrorName::Declined, Declined).0;
    assert!(refused.replayed, "{refused:?}");
    host.ledger().assert(&[("sale", "reversed", 625)]);
}

#[tokio::test]
async fn a_part_asked_about_when_the_host_dies_taken_back() {
    let mut counter = counter(Setup::automatic(1, PART), PARTIAL, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmPartial).await;
    let host = counter.host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let again = register.sell_alone(&sale("k", 1250, READER)).await;
    again.answer.unwrap_err();
    let id = prompt.transaction_id.as_str();
    let mut watch = register.watch().await;
    let shown = match register.get(id).await {
        shown if shown.money_moved == MoneyMoved::No => shown,
        _ => watch.resolved(id).await,
    };
    assert_ne!(shown.outcome, TransactionOutcome::Approved);
    assert!(host.ledger().charges().is_empty());
}

#[tokio::test]
async fn a_signature_that_matches_makes_the_approval_stand() {
    let mut counter = counter(Setup::automatic(1, SIGNED), SIGNATURE, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmSignature).await;
    assert_eq!(prompt.default, "reverse");
    counter.yes_or_no(&prompt, true).await;
    let Counter { host, payment, .. } = counter;
    end(payment).await.approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_signature_that_does_not_match_takes_it_back() {
    let mut counter = counter(Setup::automatic(1, SIGNED), SIGNATURE, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmSignature).await;
    counter.yes_or_no(&prompt, false).await;
    counter
        .taken_back(ErrorName::Cancelled, Cancelled, 1250)
        .await;
}

#[tokio::test]
async fn a_signature_nobody_looks_at_takes_it_back() {
    let setup = Setup::automatic(1, SIGNED).timeout("prompt_ms", 300);
    let mut counter = counter(setup, SIGNATURE, 1250).await;
    counter.asked(PromptKind::ConfirmSignature).await;
    counter
        .taken_back(ErrorName::Declined, Declined, 1250)
        .await;
}

#[tokio::test]
async fn a_register_that_cannot_show_a_signature_prints_it() {
    let counter = counter(Setup::automatic(1, SIGNED), &[], 1250).await;
    let approved = end(counter.payment).await.approved();
    assert!(approved.signature_required);
    assert!(approved.receipts.merchant.contains("Signature"));
    assert!(!approved.receipts.customer.contains("Signature:"));
    counter.host.ledger().assert(&[("sale", "approved", 1250)]);
}

fn drawn(end: u16) -> Signature {
    Signature {
        strokes: vec![vec![[10, 40], [18, 22], [30, end]]],
        image: None,
    }
}

async fn signature_of(register: &Register, id: &str) -> Result<Signature, CallError> {
    let params = SignatureParams {
        transaction_id: id.into(),
    };
    register
        .0
        .signature(&params)
        .await
        .map(|kept| kept.signature)
}

async fn merchant_copy(register: &Register, id: &str) -> String {
    let params = ReceiptParams {
        transaction_id: id.into(),
        copy: ReceiptCopy::Merchant,
        format: ReceiptFormat::Html,
        columns: None,
        reprint: None,
    };
    let receipt = register.0.request(&params).await.unwrap();
    receipt.content.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_signature_that_was_drawn_is_kept_over_a_restart() {
    let mut counter = counter(Setup::automatic(1, SIGNED), SIGNATURE, 1250).await;
    let prompt = counter.asked(PromptKind::ConfirmSignature).await;
    let answer = RespondParams {
        accepted: Some(true),
        signature: Some(Box::new(drawn(41))),
        ..answer_to(&prompt)
    };
    assert!(counter.say(answer).await.unwrap());
    let Counter { host, payment, .. } = counter;
    let approved = end(payment).await.approved();
    assert!(!approved.signature_required);
    let id = approved.transaction_id.as_str();
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    assert_eq!(signature_of(&register, id).await.unwrap(), drawn(41));
    assert!(register.get(id).await.signed_at.is_some());
    let html = merchant_copy(&register, id).await;
    assert!(
        html.contains("<svg") && html.contains("<polyline"),
        "{html}"
    );
}

#[tokio::test]
async fn a_signature_that_comes_later_is_kept_once() {
    let counter = counter(Setup::automatic(1, SIGNED), &[], 1250).await;
    let Counter {
        host: _host,
        register,
        payment,
    } = counter;
    let approved = end(payment).await.approved();
    assert!(approved.signature_required);
    let id = approved.transaction_id.as_str();
    let none = signature_of(&register, id).await.unwrap_err();
    assert_eq!(none.name(), Some(ErrorName::NotAllowed));
    let sign = async |signature: Signature| {
        let params = SignParams {
            transaction_id: id.into(),
            signature,
        };
        register.0.sign(&params).await
    };
    let first = sign(drawn(41)).await.unwrap();
    assert_eq!(sign(drawn(41)).await.unwrap(), first);
    let other = sign(drawn(7)).await.unwrap_err();
    assert_eq!(other.name(), Some(ErrorName::NotAllowed));
    let empty = json!({"transaction_id": id, "signature": {"strokes": [[]]}});
    let empty = register.0.call::<_, Value>("payment.sign", &empty).await;
    let empty = empty.unwrap_err();
    assert_eq!(empty.name(), Some(ErrorName::InvalidParams));
    assert_eq!(signature_of(&register, id).await.unwrap(), drawn(41));
}

async fn called(text: Option<&str>) -> (Host, Played) {
    let setup = Setup::automatic(1, "tap visa-approve");
    let mut counter = counter(setup, VOICE, REFERRED).await;
    let prompt = counter.asked(PromptKind::VoiceApproval).await;
    assert_eq!(prompt.default, "decline");
    let answer = RespondParams {
        accepted: text.is_none().then_some(false),
        text: text.map(str::to_owned),
        ..answer_to(&prompt)
    };
    assert!(counter.say(answer).await.unwrap());
    (counter.host, end(counter.payment).await)
}

#[tokio::test]
async fn the_code_of_the_issuer_approves() {
    let (host, played) = called(Some("ABC123")).await;
    played.approved();
    host.ledger().assert(&[("sale", "approved", REFERRED)]);
    let codes = host.ledger().rows("SELECT voice_code FROM entry");
    assert_eq!(codes, [["ABC123"]]);
}

#[tokio::test]
async fn a_wrong_code_is_declined_for_good() {
    let (host, played) = called(Some("1")).await;
    let refused = played.refused(ErrorName::Declined, Declined);
    refused.says(MoneyMoved::No, Retry::NewKey);
    host.ledger().assert(&[("sale", "declined", 0)]);
}

#[tokio::test]
async fn without_a_code_a_referral_is_a_decline() {
    let (host, played) = called(None).await;
    let refused = played.refused(ErrorName::Declined, Declined).0;
    assert_eq!(refused.response_code.as_deref(), Some("01"));
    assert!(host.ledger().charges().is_empty());
    let silent = counter(
        Setup::automatic(1, "tap visa-approve").timeout("prompt_ms", 300),
        VOICE,
        REFERRED,
    );
    let unable = counter(Setup::automatic(1, "tap visa-approve"), &[], REFERRED);
    for counter in [silent.await, unable.await] {
        let played = end(counter.payment).await;
        played.refused(ErrorName::Declined, Declined);
        assert!(counter.host.ledger().charges().is_empty());
    }
}

#[tokio::test]
async fn a_lost_reply_to_a_code_is_asked_about() {
    let setup = Setup::automatic(1, "tap visa-approve");
    let mut counter = counter(setup, VOICE, REFERRED).await;
    let prompt = counter.asked(PromptKind::VoiceApproval).await;
    counter
        .register
        .fault(GATEWAY, "lose_reply", "modify", 0)
        .await;
    let answer = RespondParams {
        text: Some("ABC123".to_owned()),
        ..answer_to(&prompt)
    };
    assert!(counter.say(answer).await.unwrap());
    end(counter.payment).await.approved();
    counter
        .host
        .ledger()
        .assert(&[("sale", "approved", REFERRED)]);
}

fn with_code(key: &str) -> SaleParams {
    let mut params = sale(key, 1250, READER);
    params.voice_approval = Some(VoiceApproval {
        code: "ABC123".to_owned(),
    });
    params
}

#[tokio::test]
async fn a_code_with_the_call_needs_a_permission() {
    // A sale with a code of its own is approved by the code, whatever the card would say.
    let setup = Setup::automatic(1, "tap visa-decline").rights("till-1", &[], Limits::default());
    let host = Host::start(&setup).await;
    let bound = host.register("till-1").await;
    let refused = bound.sell_alone(&with_code("k")).await;
    let refused = refused.refused(ErrorName::PermissionDenied, Failed);
    refused.says(MoneyMoved::No, Retry::Never);
    host.ledger().assert(&[]);
    let free = host.register("till-2").await;
    Sale::new(free.0.sale(&with_code("k")))
        .end()
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}
