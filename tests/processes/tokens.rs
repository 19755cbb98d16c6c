// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a card which a register keeps pays by the register's own reference, at its gateway
//! and nowhere else, over deaths of the host; and that the gateway forgets what nobody keeps.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::paired::pair;
use crate::register::{Register, Sale, approved, eur, not_allowed, sale};
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{
    AuthorizeParams, CardToken, RefundParams, SaleParams, VerifyParams,
};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::token::{
    DeleteTokenParams, ListTokensParams, RegisterTokenParams, TokenHistoryParams, TokenView,
    UpdateTokenParams,
};
use payhal_client::protocol::transaction::TransactionKind;
use serde_json::{Value, json};

const READER: &str = "reader-1";

async fn counter() -> (Host, Register) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    (host, register)
}

async fn keep(register: &Register, key: &str, reference: &str) -> TokenView {
    let mut params = RegisterTokenParams::new(key, reference);
    params.device = Some(READER.into());
    approved(register.0.register_token(&params))
        .await
        .kept
        .expect("a kept token")
}

fn by(key: &str, minor: i64, card: CardToken) -> SaleParams {
    let mut params = SaleParams::new(key, eur(minor));
    params.card = Some(card);
    params
}

/// The tokens that the gateway knows.
fn known(host: &Host) -> usize {
    host.ledger().rows("SELECT token FROM token").len()
}

async fn until_forgotten(host: &Host) {
    let operator = host.operator().await;
    soon("a gateway that has forgotten", async {
        while known(host) > 0 {
            operator.act(GATEWAY, "faults", &[]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_kept_card_pays_by_its_reference_and_its_history_tells() {
    let (host, register) = counter().await;
    let kept = keep(&register, "keep", "anna").await;
    assert_eq!((&*kept.reference, kept.gateway.as_str()), ("anna", GATEWAY));
    assert!(kept.card.as_ref().unwrap().masked_pan.ends_with("1111"));
    // No card is asked for, also after the host has lived another life.
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let again = keep(&register, "keep", "anna").await;
    assert_eq!(again, kept);
    let played = register
        .sell_alone(&by("s", 900, CardToken::referred("anna")))
        .await;
    assert!(!played.stages().contains(&Stage::WaitingForCard));
    assert_eq!(played.approved().gateway, Some(GATEWAY.into()));
    let token_id = kept.token_id.clone();
    let mut hold = AuthorizeParams::new("h", eur(300));
    hold.card = Some(CardToken::kept(token_id.clone()));
    approved(register.0.authorize(&hold)).await;
    let mut back = RefundParams::new("r", eur(100));
    back.card = Some(CardToken::referred("anna"));
    approved(register.0.refund(&back)).await;
    let mut check = VerifyParams::new("v");
    check.card = Some(CardToken::referred("anna"));
    approved(register.0.verify(&check)).await;
    let history = register
        .0
        .token_history(&TokenHistoryParams::of("anna"))
        .await
        .unwrap();
    assert_eq!(history.token, kept);
    let kinds: Vec<_> = history.transactions.iter().map(|view| view.kind).collect();
    use TransactionKind as T;
    assert_eq!(
        kinds,
        [
            T::Verify,
            T::Refund,
            T::Authorize,
            T::Sale,
            T::TokenRegister
        ]
    );
    let ours = |view: &payhal_client::protocol::transaction::TransactionView| {
        view.token_id.as_ref() == Some(&token_id)
    };
    assert!(history.transactions.iter().all(ours));
    host.ledger().assert(&[
        ("verify", "approved", 0),
        ("sale", "approved", 900),
        ("authorize", "approved", 300),
        ("refund", "approved", 100),
        ("verify", "approved", 0),
    ]);
}

#[tokio::test]
async fn a_sale_keeps_its_card_and_an_earlier_check_becomes_a_kept_card() {
    let (_host, register) = counter().await;
    let mut first = sale("s", 900, READER);
    first.keep_as = Some("anna".to_owned());
    let sold = register.sell_alone(&first).await.approved();
    assert_eq!(sold.kept.unwrap().reference, "anna");
    let mut check = VerifyParams::new("v");
    check.device = Some(READER.into());
    let checked = approved(register.0.verify(&check)).await;
    let mut from = RegisterTokenParams::new("k", "bert");
    from.transaction_id = Some(checked.transaction_id);
    let kept = approved(register.0.register_token(&from))
        .await
        .kept
        .expect("a kept token");
    assert_eq!(Some(kept.token), checked.token);
    register
        .sell_alone(&by("t", 800, CardToken::referred("bert")))
        .await
        .approved();
    let listed = register
        .0
        .tokens(&ListTokensParams::default())
        .await
        .unwrap();
    let names: Vec<_> = listed
        .tokens
        .iter()
        .map(|token| &*token.reference)
        .collect();
    assert_eq!(names, ["bert", "anna"]);
}

#[tokio::test]
async fn a_reference_is_one_card_s_until_it_is_changed_or_deleted() {
    let (host, register) = counter().await;
    keep(&register, "a", "anna").await;
    let mut taken = RegisterTokenParams::new("b", "anna");
    taken.device = Some(READER.into());
    not_allowed(register.0.register_token(&taken)).await;
    let mut rename = UpdateTokenParams::of("c", "anna");
    rename.new_reference = Some("anna-2".to_owned());
    let renamed = approved(register.0.update_token(&rename))
        .await
        .kept
        .expect("a kept token");
    assert_eq!(renamed.reference, "anna-2");
    let lost = register
        .sell_alone(&by("d", 900, CardToken::referred("anna")))
        .await;
    lost.refused(ErrorName::TransactionNotFound, Failed);
    let mut fresh = UpdateTokenParams::of("e", "anna-2");
    fresh.new_card = true;
    approved(register.0.update_token(&fresh)).await;
    // Two registered cards are one token to this gateway: it is forgotten with the last of them.
    keep(&register, "f", "bert").await;
    let gone = approved(
        register
            .0
            .delete_token(&DeleteTokenParams::of("g", "anna-2")),
    )
    .await;
    assert!(gone.kept.unwrap().deleted);
    register
        .sell_alone(&by("h", 900, CardToken::referred("bert")))
        .await
        .approved();
    assert_eq!(known(&host), 1);
    approved(register.0.delete_token(&DeleteTokenParams::of("i", "bert"))).await;
    until_forgotten(&host).await;
    let history = TokenHistoryParams {
        token_id: Some(renamed.token_id),
        ..TokenHistoryParams::default()
    };
    let told = register.0.token_history(&history).await.unwrap();
    assert!(told.token.deleted);
    assert_eq!(told.transactions.len(), 4);
}

#[tokio::test]
async fn a_token_goes_to_no_other_gateway() {
    let setup = Setup::automatic(1, "tap visa-approve").further_gateway("other", "sandbox");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let mut params = RegisterTokenParams::new("k", "anna");
    params.device = Some(READER.into());
    params.gateway = Some(GATEWAY.into());
    let kept = approved(register.0.register_token(&params))
        .await
        .kept
        .expect("a kept token");
    for (key, card) in [
        ("a", CardToken::referred("anna")),
        ("b", CardToken::kept(kept.token_id)),
        ("c", CardToken::of(kept.token)),
    ] {
        let mut elsewhere = by(key, 900, card.clone());
        elsewhere.gateway = Some("other".into());
        not_allowed(register.0.sale(&elsewhere)).await;
        let key = format!("{key} at home");
        let paid = register.sell_alone(&by(&key, 900, card)).await.approved();
        assert_eq!(paid.gateway, Some(GATEWAY.into()));
    }
}

#[tokio::test]
async fn a_deletion_reaches_the_gateway_whatever_dies() {
    let (host, register) = counter().await;
    keep(&register, "k", "anna").await;
    let rest = [
        ("fault", Value::from("go_away")),
        ("at", "forget".into()),
        ("count", 1000.into()),
    ];
    register.act(GATEWAY, "fault", &rest).await;
    let delete = DeleteTokenParams::of("d", "anna");
    let gone = approved(register.0.delete_token(&delete)).await;
    assert_eq!(known(&host), 1);
    drop(register);
    let host = host.kill_and_restart().await;
    until_forgotten(&host).await;
    let register = host.register("till-1").await;
    let again = approved(register.0.delete_token(&delete)).await;
    assert!(again.replayed && again.kept == gone.kept);
}

#[tokio::test]
async fn a_register_needs_the_right_and_sees_its_own() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve").paired()).await;
    let (mut plain, _) = pair(&host, "till-1", &json!({})).await;
    let register = json!({"idempotency_key": "k", "reference": "anna", "device": READER});
    let by = json!({
        "idempotency_key": "s", "amount": {"minor": 900, "currency": "EUR"},
        "card": {"reference": "anna"},
    });
    for (method, params) in [
        ("token.register", &register),
        ("payment.sale", &by),
        ("token.list", &json!({})),
        ("token.history", &json!({"reference": "anna"})),
    ] {
        assert_eq!(
            plain.refusal(method, params).await,
            "PERMISSION_DENIED",
            "{method}"
        );
    }
    let granted = json!({"permissions": ["tokens"]});
    let (mut one, _) = pair(&host, "till-2", &granted).await;
    let (mut other, _) = pair(&host, "till-3", &granted).await;
    one.must("token.register", &register).await;
    assert_eq!(one.must("payment.sale", &by).await["outcome"], "approved");
    assert_eq!(
        other.refusal("payment.sale", &by).await,
        "TRANSACTION_NOT_FOUND"
    );
    assert_eq!(
        other.must("token.list", &json!({})).await["tokens"],
        json!([])
    );
    let seen = json!({"reference": "anna"});
    assert_eq!(
        other.refusal("token.history", &seen).await,
        "TRANSACTION_NOT_FOUND"
    );
}

#[tokio::test]
async fn a_declined_card_is_not_kept() {
    let host = Host::start(&Setup::automatic(1, "tap visa-decline")).await;
    let register = host.register("till-1").await;
    let mut params = RegisterTokenParams::new("k", "anna");
    params.device = Some(READER.into());
    let told = Sale::new(register.0.register_token(&params)).end().await;
    told.refused(
        ErrorName::Declined,
        payhal_client::protocol::error::ErrorOutcome::Declined,
    );
    let listed = register
        .0
        .tokens(&ListTokensParams::default())
        .await
        .unwrap();
    assert!(listed.tokens.is_empty());
}
