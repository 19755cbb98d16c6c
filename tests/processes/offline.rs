// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a sale is worth that was accepted while its gateway was away: told as such, kept over
//! a killed daemon, forwarded once and in order, taken back while it waits; and a loss as a loss.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::register::{Register, Sale, approved, eur, not_allowed, sale};
use payhal_client::Payment;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::events::{PaymentResolved, Topic};
use payhal_client::protocol::gateway::{GatewayListParams, OfflineLimit};
use payhal_client::protocol::payment::{
    Approved, ApprovedOutcome, ForwardingState, RefundParams, SaleParams, VoidParams,
};
use payhal_client::protocol::transaction::{ListParams, TransactionOutcome};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

const READER: &str = "reader-1";

/// Sales up to 50.00 may wait, three of them, and 100.00 together.
const RULE: &str = "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 3\n\
    total_max = \"100.00 EUR\"\nage_max_hours = 24\n";

async fn counter() -> (Host, Register) {
    let host = Host::start(&Setup::readers(1).rules(RULE)).await;
    let register = host.register("till-1").await;
    (host, register)
}

fn offline(key: &str, minor: i64) -> SaleParams {
    let mut params = sale(key, minor, READER);
    params.allow_offline = true;
    params.reference = Some(format!("table {key}"));
    params
}

async fn away(register: &Register) {
    register.act(GATEWAY, "unplug", &[]).await;
}

async fn back(register: &Register) {
    register.act(GATEWAY, "plug", &[]).await;
}

/// A sale that must be accepted without its gateway.
async fn stored(register: &Register, key: &str, minor: i64, how: &str, card: &str) -> Approved {
    let told = register.sell(&offline(key, minor), how, card).await;
    let told = told.approved();
    assert_eq!(told.outcome, ApprovedOutcome::AcceptedOffline);
    let forwarding = told.forwarding.as_ref().expect("it waits");
    assert_eq!(forwarding.state, ForwardingState::Waiting);
    assert!(told.receipts.customer.contains("ACCEPTED OFFLINE"));
    told
}

/// A change that asks again while the host is just about to try its gateway.
async fn taken_back(change: impl Fn() -> Payment) {
    let asked = async {
        while let Err(error) = Sale::new(change()).end().await.answer {
            let told = error.to_string();
            assert!(told.contains("Not possible"), "{told}");
        }
    };
    soon("a sale that is taken back", asked).await;
}

/// The same call once more: what the register is told of it now.
async fn again(register: &Register, key: &str, minor: i64) -> Approved {
    let told = register.sell_alone(&offline(key, minor)).await.approved();
    assert!(told.replayed);
    assert_eq!(told.outcome, ApprovedOutcome::AcceptedOffline);
    told
}

async fn until_at(register: &Register, id: &str, state: ForwardingState) {
    let mut news = register.watch().await;
    soon(&format!("a sale that is {state:?}"), async {
        loop {
            let shown = register.get(id).await;
            if shown.forwarding.is_some_and(|now| now.state == state) {
                return;
            }
            news.next().await;
        }
    })
    .await;
}

async fn listed(register: &Register, state: ForwardingState) -> Vec<String> {
    let params = ListParams {
        forwarding: Some(state),
        ..ListParams::default()
    };
    let list = soon("payment.list", register.0.request(&params)).await;
    let ids = list.unwrap().transactions.into_iter();
    ids.map(|view| view.transaction_id.to_string()).collect()
}

/// What may be sold without the gateway, and what of it is used.
async fn room(register: &Register) -> OfflineLimit {
    let list = soon("gateway.list", register.0.request(&GatewayListParams {})).await;
    let [gateway] = <[_; 1]>::try_from(list.unwrap().gateways).expect("one gateway");
    let [limit] = <[_; 1]>::try_from(gateway.offline).expect("one rule");
    limit
}

#[tokio::test]
async fn is_accepted_survives_a_killed_daemon_and_is_forwarded_in_order() {
    let (host, register) = counter().await;
    away(&register).await;
    let first = stored(&register, "1", 1250, "insert", "visa-approve").await;
    let second = stored(&register, "2", 700, "tap", "mastercard-approve").await;
    let (first, second) = (
        first.transaction_id.to_string(),
        second.transaction_id.to_string(),
    );
    let shown = register.get(&first).await;
    assert_eq!(shown.outcome, TransactionOutcome::AcceptedOffline);
    assert_eq!(shown.money_moved, MoneyMoved::Unknown);
    let waiting = [second.clone(), first.clone()];
    assert_eq!(listed(&register, ForwardingState::Waiting).await, waiting);
    for (outcome, found) in [
        (TransactionOutcome::AcceptedOffline, waiting.to_vec()),
        (TransactionOutcome::Approved, vec![]),
    ] {
        let params = ListParams {
            outcome: Some(outcome),
            ..ListParams::default()
        };
        let list = register.0.request(&params).await.unwrap().transactions;
        let ids: Vec<_> = list
            .iter()
            .map(|view| view.transaction_id.to_string())
            .collect();
        assert_eq!(ids, found, "{outcome:?}");
    }
    let used = room(&register).await;
    assert_eq!((used.count, used.total.clone()), (2, eur(1950)));
    assert!(used.oldest_ms.is_some() && !used.full());
    assert!(host.ledger().lines().is_empty(), "nobody was asked");
    drop(register);
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    // Its own runner came back, and with it the gateway.
    until_at(&register, &first, ForwardingState::Approved).await;
    until_at(&register, &second, ForwardingState::Approved).await;
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 700)]);
    let offline = "SELECT transaction_id FROM forwarded JOIN entry USING (transaction_id) \
        ORDER BY seq";
    assert_eq!(host.ledger().rows(offline), [[first.clone()], [second]]);
    let told = again(&register, "1", 1250).await;
    let forwarding = told.forwarding.expect("it was forwarded");
    assert_eq!(forwarding.state, ForwardingState::Approved);
    assert_eq!(forwarding.response_code.as_deref(), Some("00"));
    let shown = register.get(&first).await;
    assert_eq!(
        (shown.outcome, shown.money_moved),
        (TransactionOutcome::Approved, MoneyMoved::Yes)
    );
    assert!(listed(&register, ForwardingState::Waiting).await.is_empty());
    let free = room(&register).await;
    assert_eq!((free.count, free.total, free.oldest_ms), (0, eur(0), None));
    // From now on it is as any sale.
    let refund = RefundParams::of("r", first.as_str(), eur(250));
    approved(register.0.refund(&refund)).await;
}

#[tokio::test]
async fn what_its_issuer_does_not_take_is_told_as_a_loss_with_its_basket() {
    let (host, register) = counter().await;
    away(&register).await;
    let mut params = offline("1", 1250);
    params.basket = serde_json::from_str(
        r#"[{"name":"Tea","quantity":"2","amount":{"minor":1250,"currency":"EUR"}}]"#,
    )
    .unwrap();
    let told = register.sell(&params, "insert", "visa-decline").await;
    let id = told.approved().transaction_id.to_string();
    let mut news = register.watch().await;
    back(&register).await;
    let event: PaymentResolved = loop {
        let event = news.next_of(Topic::PaymentResolved).await;
        let event: PaymentResolved = event.parse().unwrap();
        if event.transaction.transaction_id.as_str() == id {
            break event;
        }
    };
    assert_eq!(event.transaction.outcome, TransactionOutcome::Declined);
    let loss = event.loss.expect("the goods are gone");
    assert_eq!(
        (loss.amount, loss.reference.as_deref()),
        (eur(1250), Some("table 1"))
    );
    assert!(serde_json::to_string(&loss.basket).unwrap().contains("Tea"));
    assert_eq!(listed(&register, ForwardingState::Declined).await, [id]);
    host.ledger().assert(&[("sale", "declined", 0)]);
    let told = register.sell_alone(&params).await.approved();
    let forwarding = told.forwarding.expect("it was forwarded");
    assert_eq!(forwarding.state, ForwardingState::Declined);
    assert_eq!(forwarding.response_code.as_deref(), Some("51"));
}

#[tokio::test]
async fn is_withdrawn_by_a_refund_or_a_void_of_the_whole_while_it_waits() {
    let (host, register) = counter().await;
    away(&register).await;
    let first = stored(&register, "1", 1250, "insert", "visa-approve").await;
    let second = stored(&register, "2", 700, "insert", "visa-approve").await;
    let (first, second) = (
        first.transaction_id.to_string(),
        second.transaction_id.to_string(),
    );
    let part = RefundParams::of("part", first.as_str(), eur(250));
    not_allowed(register.0.refund(&part)).await;
    let whole = RefundParams::of("whole", first.as_str(), eur(1250));
    taken_back(|| register.0.refund(&whole)).await;
    let void = VoidParams::of("void", second.as_str());
    taken_back(|| register.0.void(&void)).await;
    for (key, id, minor) in [("1", &first, 1250), ("2", &second, 700)] {
        let shown = register.get(id).await;
        assert_eq!(shown.outcome, TransactionOutcome::Cancelled);
        let told = again(&register, key, minor).await;
        let forwarding = told.forwarding.expect("it never was forwarded");
        assert_eq!(forwarding.state, ForwardingState::Withdrawn);
    }
    back(&register).await;
    // The next one finds an empty queue, and a gateway that has never heard of the others.
    let online = sale("3", 300, READER);
    let online = register.sell(&online, "tap", "visa-approve").await;
    online.approved();
    host.ledger().assert(&[("sale", "approved", 300)]);
    assert!(approved(register.0.refund(&whole)).await.replayed);
}

/// The limit that is named where nothing is accepted.
async fn refused(register: &Register, params: &SaleParams, how: &str, card: &str) -> String {
    let played = register.sell(params, how, card).await;
    let refused = played.refused(ErrorName::GatewayUnavailable, Failed);
    let refused = refused.says(MoneyMoved::No, Retry::NewKey);
    refused.detail.expect("the limit is named")
}

#[tokio::test]
async fn is_bounded_by_the_rules_and_by_the_card() {
    let (host, register) = counter().await;
    away(&register).await;
    // Who does not ask for it, or does not show a chip, gets none.
    refused(&register, &sale("a", 100, READER), "insert", "visa-approve").await;
    refused(&register, &offline("b", 100), "swipe", "visa-approve").await;
    refused(&register, &offline("c", 100), "insert", "amex-approve").await;
    refused(&register, &offline("d", 5001), "insert", "visa-approve").await;
    for (key, minor) in [("1", 5000), ("2", 4000)] {
        stored(&register, key, minor, "insert", "visa-approve").await;
    }
    let total = refused(&register, &offline("e", 1001), "insert", "visa-approve").await;
    assert!(
        total.contains("100.00") || total.contains("10000"),
        "{total}"
    );
    stored(&register, "3", 1000, "insert", "visa-approve").await;
    refused(&register, &offline("f", 1), "insert", "visa-approve").await;
    assert!(host.ledger().lines().is_empty());
}

#[tokio::test]
async fn is_nothing_without_a_rule() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    away(&register).await;
    refused(&register, &offline("1", 100), "insert", "visa-approve").await;
}
