// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions of the host, and kinds of transactions that take a card or a token.

use crate::answer::Reason;
use crate::bench::{
    Bench, answer, approved, authorized, completed, prepared, presented, refused, request,
};
use crate::effect::{Action, Effect};
use crate::gateway::{CardSource, Decision, GatewayCommand, GatewayReply, Original};
use crate::prompt::{Prompt, PromptKind, PromptKinds};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Receipt, Request, Response};

fn lost() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

fn says(decision: Decision, minor: Option<i64>) -> GatewayReply {
    GatewayReply::Answered(answer(decision, minor))
}

fn shown(effects: &[Effect]) -> Prompt {
    let prompt = effects.iter().find_map(|effect| match &effect.action {
        Action::Prompt { prompt, .. } => Some((**prompt).clone()),
        _ => None,
    });
    prompt.expect("somebody is asked")
}

fn asking(kind: PromptKind, chip: bool) -> Bench {
    let mut bench = Bench::new();
    bench.prompts = PromptKinds::default().with(kind);
    let mut asked = request("k", Kind::Sale, "asking");
    asked.amounts.as_mut().unwrap().cashback_minor = Some(300);
    bench.money(asked);
    bench.reader(presented());
    bench.reader(authorized(chip));
    bench.gateway(prepared());
    bench
}

fn say(bench: &mut Bench, prompt: &Prompt, text: Option<&str>) -> Vec<Effect> {
    let response = Response {
        accepted: Some(true),
        text: text.map(Into::into),
        ..Response::default()
    };
    let prompt = prompt.prompt_id;
    bench.ask(Request::Respond { prompt, response })
}

#[test]
fn a_part_that_people_take_stands_without_its_cashback() {
    let mut bench = asking(PromptKind::ConfirmPartial, true);
    let effects = bench.gateway(says(Decision::Approved, Some(400)));
    let prompt = shown(&effects);
    assert_eq!(prompt.amount.map(|amount| amount.minor), Some(400));
    assert!(prompt.text.contains("4.00 EUR of 10.00 EUR"));
    say(&mut bench, &prompt, None);
    let effects = bench.reader(completed(true));
    let told = approved(&effects).expect("it stands");
    assert!(told.partial && told.approved_minor == 400);
    assert_eq!(told.requested.cashback_minor, Some(0));
}

#[test]
fn a_code_whose_answer_is_lost_is_asked_about_and_undone() {
    let mut bench = asking(PromptKind::VoiceApproval, false);
    let prompt = shown(&bench.gateway(says(Decision::Referred, None)));
    say(&mut bench, &prompt, Some("123456"));
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::VoiceApproval { .. }))
    ));
    bench.gateway(lost());
    let found = crate::gateway::Finding::Answered(answer(Decision::Referred, None));
    let effects = bench.gateway(GatewayReply::Found(found));
    assert!(refused(&effects).expect("it ends").reversing);
}

#[test]
fn a_lost_check_of_a_card_ends_and_is_neither_unknown_nor_undone() {
    let mut bench = Bench::new();
    bench.money(request("k", Kind::Verify, "asking"));
    bench.reader(presented());
    bench.reader(authorized(true));
    bench.gateway(prepared());
    let effects = bench.gateway(lost());
    let told = refused(&effects).expect("it ends");
    assert_eq!((&told.reason, told.reversing), (&Reason::TimedOut, false));
    assert!(bench.engine.open.is_empty() && bench.gateway_call.is_none());
}

#[test]
fn a_token_pays_without_a_reader() {
    let mut bench = Bench::new();
    let mut asked = request("k", Kind::Sale, "asking");
    asked.terms.token = Some("t".into());
    bench.money(asked);
    assert!(bench.reader_call.is_none());
    bench.gateway(prepared());
    assert!(matches!(
        &bench.gateway_call,
        Some((_, GatewayCommand::Authorize { card: CardSource::Token(token), .. })) if **token == *"t"
    ));
    let effects = bench.gateway(says(Decision::Approved, Some(1_000)));
    assert!(approved(&effects).is_some());
}

#[test]
fn a_receipt_is_not_given_back_twice() {
    let by_receipt = |key: &str| {
        let mut asked: MoneyRequest = request(key, Kind::RefundByReceipt, "asking");
        asked.terms.receipt = Some(Receipt {
            reference: Some("r".into()),
            rrn: None,
            at_micros: 1,
            amount_minor: 1_500,
        });
        asked
    };
    let mut bench = Bench::new();
    bench.money(by_receipt("a"));
    bench.gateway(prepared());
    assert!(matches!(
        &bench.gateway_call,
        Some((
            _,
            GatewayCommand::Modify {
                original: Original::Receipt(_),
                ..
            }
        ))
    ));
    let effects = bench.money(by_receipt("b"));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
    bench.gateway(says(Decision::Declined, None));
    assert!(refused(&bench.money(by_receipt("c"))).is_none());
}

const DRAWN: &str = r#"{"strokes":[[[0,0],[9,9]]]}"#;

/// Somebody looks at a signature, and sends it.
fn show_signature(bench: &mut Bench, accepted: bool) -> Vec<Effect> {
    let mut signed = answer(Decision::Approved, Some(1_000));
    signed.signature_required = true;
    let prompt = shown(&bench.gateway(GatewayReply::Answered(signed)));
    let response = Response {
        accepted: Some(accepted),
        signature: Some(DRAWN.into()),
        ..Response::default()
    };
    let prompt = prompt.prompt_id;
    bench.ask(Request::Respond { prompt, response })
}

fn appended(effects: &[Effect]) -> Vec<&Fact> {
    let facts = effects.iter().filter_map(|effect| match &effect.action {
        Action::Append { record, .. } => Some(&record.fact),
        _ => None,
    });
    facts.collect()
}

#[test]
fn a_signature_that_is_shown_is_kept_with_the_approval() {
    let mut bench = asking(PromptKind::ConfirmSignature, false);
    let effects = show_signature(&mut bench, true);
    let told = approved(&effects).expect("it stands");
    assert!(!told.signature_required);
    assert!(matches!(
        appended(&effects)[..],
        [Fact::Ended(ending)] if ending.signature.as_deref() == Some(DRAWN)
    ));
}

#[test]
fn a_signature_of_one_that_does_not_stand_is_not_kept() {
    let mut bench = asking(PromptKind::ConfirmSignature, false);
    let effects = show_signature(&mut bench, false);
    assert!(refused(&effects).expect("it ends").reversing);
    let mut facts = bench.records.iter().map(|record| &record.fact);
    assert!(facts.all(|fact| fact.signature().is_none()));
}
