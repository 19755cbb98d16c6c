// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a card and its customer change: a tip on the reader, a surcharge that people agree
//! to, the gateway by scheme, and the next one where that was sent nothing. What is told is what
//! stands in that gateway's books.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::ledger::Ledger;
use crate::prompts::{end, question};
use crate::register::{Played, Register, eur, sale};
use payhal_client::protocol::error::ErrorOutcome::{Cancelled, Failed};
use payhal_client::protocol::payment::{Approved, SaleParams};
use payhal_client::protocol::progress::{Prompt, PromptKind, RespondParams, Stage};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use payhal_client::{Payment, Update};

const READER: &str = "reader-1";
/// The gateway of one scheme.
const DIRECT: &str = "amex-direct";
const SURCHARGE: &[&str] = &["confirm_surcharge"];
const AMEX: &str = "amex-approve";
const VISA: &str = "visa-approve";

/// Cards of one scheme go to a gateway of their own, and those of its range cost 1.5 % more.
fn setup() -> Setup {
    let rules = format!(
        "[[surcharges]]\nranges = [\"34\", \"37\"]\npercent = \"1.5\"\n\
         [[routes]]\nscheme = \"amex\"\ngateway = \"{DIRECT}\"\n"
    );
    let setup = Setup::readers(1).further_gateway(DIRECT, "sandbox");
    setup.rules(&rules)
}

/// Ten euros, which may become twelve.
fn open_price() -> SaleParams {
    let mut params = sale("k", 1000, READER);
    params.amount_max = Some(eur(1200));
    params
}

/// The customer adds a tip, if there is one, and shows a card.
async fn presented(register: &Register, params: &SaleParams, tip: i64, card: &str) -> Payment {
    let mut payment = register.0.sale(params);
    soon("a reader that waits for a card", async {
        while let Some(update) = payment.next().await {
            if let Update::Progress(progress) = update
                && progress.stage == Stage::WaitingForCard
            {
                return;
            }
        }
        panic!("the answer came before a card was asked for");
    })
    .await;
    if tip > 0 {
        register.act(READER, "tip", &[("minor", tip.into())]).await;
    }
    register.show(READER, "tap", card).await;
    payment
}

async fn say(register: &Register, prompt: &Prompt, accepted: bool) {
    let answer = RespondParams {
        accepted: Some(accepted),
        ..RespondParams::to(prompt.prompt_id.clone())
    };
    let said = soon("the answer to an answer", register.0.request(&answer)).await;
    assert!(said.unwrap().accepted);
}

/// Requested, approved, tip, surcharge.
fn told(approved: &Approved) -> (i64, Option<i64>, Option<i64>, Option<i64>) {
    let amounts = &approved.amounts;
    let minor = |amount: &Option<payhal_client::protocol::Amount>| {
        amount.as_ref().map(|amount| amount.minor)
    };
    (
        amounts.requested.minor,
        minor(&amounts.approved),
        minor(&amounts.tip),
        minor(&amounts.surcharge),
    )
}

fn books(host: &Host, gateway: &str) -> Ledger {
    Ledger::in_folder(&host.state().join("instances").join(gateway))
}

#[tokio::test]
async fn a_tip_a_route_and_a_surcharge_are_sealed_asked_and_told() {
    let host = Host::start(&setup()).await;
    let register = Register::connect_showing(host.ws(), "till-1", SURCHARGE).await;
    let mut payment = presented(&register, &open_price(), 150, AMEX).await;
    let prompt = question(&mut payment).await.expect("a question");
    assert_eq!(prompt.kind, PromptKind::ConfirmSurcharge);
    // Of the ten euros; the tip costs nothing.
    assert_eq!(prompt.amount, Some(eur(15)));
    assert_eq!(prompt.default, "cancel");
    assert!(prompt.text.contains("11.65 EUR"), "{}", prompt.text);
    say(&register, &prompt, true).await;
    let approved = end(payment).await.approved();
    assert_eq!(told(&approved), (1000, Some(1165), Some(150), Some(15)));
    assert!(!approved.partial);
    assert_eq!(approved.gateway.as_ref().unwrap().as_str(), DIRECT);
    assert!(approved.receipts.customer.contains("11.65 EUR"));
    books(&host, DIRECT).assert(&[("sale", "approved", 1165)]);
    books(&host, GATEWAY).assert(&[]);

    // The same key gets the same answer, and nobody is asked again.
    let again: Played = register.sell_alone(&open_price()).await;
    assert_eq!(told(&again.approved()), told(&approved));
    books(&host, DIRECT).assert(&[("sale", "approved", 1165)]);
}

#[tokio::test]
async fn a_surcharge_that_is_refused_costs_nothing() {
    let host = Host::start(&setup()).await;
    let register = Register::connect_showing(host.ws(), "till-1", SURCHARGE).await;
    let mut payment = presented(&register, &open_price(), 0, AMEX).await;
    let prompt = question(&mut payment).await.expect("a question");
    say(&register, &prompt, false).await;
    let refused = end(payment).await.refused(ErrorName::Cancelled, Cancelled);
    refused.says(MoneyMoved::No, Retry::NewKey);
    books(&host, DIRECT).assert(&[]);
    books(&host, GATEWAY).assert(&[]);
}

#[tokio::test]
async fn whoever_is_not_asked_pays_the_plain_price() {
    let host = Host::start(&setup()).await;
    let mute = host.register("till-1").await;
    let payment = presented(&mute, &open_price(), 0, AMEX).await;
    let approved = end(payment).await.approved();
    assert_eq!(told(&approved), (1000, Some(1000), None, None));
    books(&host, DIRECT).assert(&[("sale", "approved", 1000)]);

    // No rule is for this card: it goes where all others go, and the tip is the customer's alone.
    let register = Register::connect_showing(host.ws(), "till-2", SURCHARGE).await;
    let payment = presented(&register, &open_price(), 200, VISA).await;
    let approved = end(payment).await.approved();
    assert_eq!(told(&approved), (1000, Some(1200), Some(200), None));
    assert_eq!(approved.gateway.as_ref().unwrap().as_str(), GATEWAY);
    books(&host, GATEWAY).assert(&[("sale", "approved", 1200)]);
}

/// One scheme goes to its own gateway, or else to that of the others.
fn with_fallback() -> Setup {
    let rules = format!(
        "[[routes]]\nscheme = \"amex\"\ngateway = \"{DIRECT}\"\nfallback = [\"{GATEWAY}\"]\n"
    );
    let setup = Setup::readers(1).further_gateway(DIRECT, "sandbox");
    setup.rules(&rules)
}

/// The gateway of its scheme is sent nothing: the reader asks for the card once more.
async fn asked_once_more(register: &Register, params: &SaleParams) -> Payment {
    register.fault(DIRECT, "go_away", "authorize", 0).await;
    let mut payment = presented(register, params, 0, AMEX).await;
    soon("a reader that waits once more", async {
        while let Some(update) = payment.next().await {
            if let Update::Progress(progress) = update
                && progress.stage == Stage::WaitingForCard
                && progress.text.contains("once more")
            {
                return;
            }
        }
        panic!("the answer came before the card was asked for once more");
    })
    .await;
    payment
}

#[tokio::test]
async fn the_next_gateway_takes_what_the_first_was_never_sent() {
    let host = Host::start(&with_fallback()).await;
    let register = host.register("till-1").await;
    let params = sale("k", 1000, READER);
    let payment = asked_once_more(&register, &params).await;
    register.show(READER, "tap", AMEX).await;
    let approved = end(payment).await.approved();
    assert_eq!(approved.gateway.as_ref().unwrap().as_str(), GATEWAY);
    books(&host, DIRECT).assert(&[]);
    books(&host, GATEWAY).assert(&[("sale", "approved", 1000)]);
    let id = approved.transaction_id.as_str();
    let events = register.get(id).await.timeline;
    let events: Vec<&str> = events.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events[..3], ["intent", "unsent", "intent"]);
    let again = register.sell_alone(&params).await.approved();
    assert_eq!(again.transaction_id.as_str(), id);
}

#[tokio::test]
async fn a_host_that_dies_between_two_gateways_has_charged_nobody() {
    let host = Host::start(&with_fallback()).await;
    let register = host.register("till-1").await;
    let params = sale("k", 1000, READER);
    let payment = asked_once_more(&register, &params).await;
    let host = host.kill_and_restart().await;
    drop(payment);
    let register = host.register("till-1").await;
    let refused = register.sell_alone(&params).await;
    let refused = refused.refused(ErrorName::GatewayUnavailable, Failed);
    refused.says(MoneyMoved::No, Retry::NewKey);
    for gateway in [DIRECT, GATEWAY] {
        books(&host, gateway).assert(&[]);
    }
}
