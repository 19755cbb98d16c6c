// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a register sees of a reader that watches for it: a card is told to its connection
//! alone, used once, by its owner, and others wait until the lease is over.

use crate::host::{Host, Setup, soon};
use crate::paired::{Desk, pair};
use crate::prompts::{end, question};
use crate::register::{Register, Sale, eur, sale};
use payhal_client::protocol::device::DeviceListParams;
use payhal_client::protocol::errands::{ApduParams, SettingsParams};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::leases::{
    CARD_PRESENTED, CARD_REMOVED, CardPresented, CardRemoved, LEASE_ENDED, LeaseEnded, LeaseResult,
    ReleaseParams, ReserveParams, UnwatchParams, WatchParams,
};
use payhal_client::protocol::payment::{SaleParams, VerifyParams};
use payhal_client::protocol::progress::{RespondParams, Stage};
use payhal_client::protocol::{ErrorName, MoneyMoved};
use payhal_client::{CallError, Notification};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

const READER: &str = "reader-1";
const LOYALTY_ALLOWED: &str = r#"{ apdu = ["F0504159484C01"] }"#;

type News = broadcast::Receiver<Notification>;

/// The next notification of this name, whatever else comes.
async fn told<T: DeserializeOwned>(news: &mut News, name: &str) -> T {
    soon(name, async {
        loop {
            let event = news.recv().await.unwrap();
            if *event.method == *name {
                return event.parse().unwrap();
            }
        }
    })
    .await
}

/// A register, and its reader that watches.
async fn watching(host: &Host, name: &str) -> (Register, News, LeaseResult) {
    let register = Register::connect_showing(host.ws(), name, &["set_amount"]).await;
    let news = register.0.notifications();
    let watch = WatchParams {
        device: Some(READER.into()),
        ..WatchParams::default()
    };
    let lease = soon("a lease", register.0.watch(&watch)).await.unwrap();
    (register, news, lease)
}

/// A card is shown, and told.
async fn shown(register: &Register, news: &mut News, how: &str) -> CardPresented {
    register.show(READER, how, "visa-approve").await;
    told(news, CARD_PRESENTED).await
}

fn with(card: &CardPresented, key: &str) -> SaleParams {
    let mut params = SaleParams::new(key, eur(1250));
    params.presentation_id = Some(card.presentation_id.clone());
    params
}

fn name(error: &CallError) -> ErrorName {
    error.name().unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test]
async fn a_card_that_came_first_pays_once_and_the_reader_watches_on() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, lease) = watching(&host, "till-1").await;
    assert_eq!(lease.device.as_str(), READER);
    let card = shown(&register, &mut news, "insert").await;
    assert_eq!(card.card.scheme, "visa");
    assert_eq!(card.card.last_four.as_deref().map(str::len), Some(4));
    let approved = register.sell_alone(&with(&card, "k")).await.approved();
    assert_eq!(approved.device.unwrap().as_str(), READER);
    host.ledger().assert(&[("sale", "approved", 1250)]);
    // It was used. Its key is told again; another one gets nothing.
    assert!(
        register
            .sell_alone(&with(&card, "k"))
            .await
            .approved()
            .replayed
    );
    let again = register.sell_alone(&with(&card, "k2")).await;
    again.refused(ErrorName::NotAllowed, Failed);
    host.ledger().assert(&[("sale", "approved", 1250)]);

    // A sale without a card of before asks for one, and the watch goes on after it.
    register
        .sell(&sale("plain", 300, READER), "tap", "visa-approve")
        .await
        .approved();
    let card = shown(&register, &mut news, "tap").await;
    let mut check = VerifyParams::new("check");
    check.presentation_id = Some(card.presentation_id);
    end(register.0.verify(&check)).await.approved();
}

#[tokio::test]
async fn others_hear_nothing_and_wait_until_the_lease_is_over() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, lease) = watching(&host, "till-1").await;
    let other = Register::connect(host.ws(), "till-2").await;
    let mut all = other.watch().await;
    let card = shown(&register, &mut news, "insert").await;
    // Whose it is stands in the list.
    let listed = other.0.request(&DeviceListParams {}).await.unwrap();
    let shown = listed.devices[0].lease.clone().expect("a lease");
    assert!(shown.watching);
    let mine = register.0.request(&DeviceListParams {}).await.unwrap();
    let owner = mine.devices[0].lease.clone().unwrap().register_id;
    assert_eq!(owner.unwrap().as_str(), "till-1");
    let stolen = other.sell_alone(&with(&card, "k")).await;
    let told_other = stolen.refused(ErrorName::NotAllowed, Failed);
    assert_eq!(told_other.0.money_moved, MoneyMoved::No);
    let busy = other.sell_alone(&sale("k2", 100, READER)).await;
    let busy = busy.refused(ErrorName::DeviceBusy, Failed).0.busy.unwrap();
    assert_eq!(busy.until.as_ref(), Some(&lease.until));
    let release = UnwatchParams {
        device: READER.into(),
    };
    let refused = other.0.request(&release).await.unwrap_err();
    assert_eq!(name(&refused), ErrorName::NotAllowed);

    // It gives the reader back: the card that nobody used is void.
    register.0.request(&release).await.unwrap();
    let removed: CardRemoved = told(&mut news, CARD_REMOVED).await;
    assert_eq!(removed.presentation_id, card.presentation_id);
    let ended: LeaseEnded = told(&mut news, LEASE_ENDED).await;
    assert_eq!(ended.watch_id, lease.watch_id);
    let late = register.sell_alone(&with(&card, "late")).await;
    late.refused(ErrorName::NotAllowed, Failed);
    other
        .sell(&sale("k3", 700, READER), "tap", "visa-approve")
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 700)]);
    // Everything the other one heard since: not a word about that card.
    loop {
        let event = all.next().await;
        assert!(!event.method.starts_with("device.card"), "{event:?}");
        if &*event.method == "payment.changed" {
            break;
        }
    }
}

#[tokio::test]
async fn a_lease_ends_with_its_time_and_with_its_connection() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, _, _) = watching(&host, "till-1").await;
    let other = Register::connect(host.ws(), "till-2").await;
    let mut news = other.0.notifications();
    drop(register);
    // The host learns of it in its own time.
    let reserve = ReserveParams {
        device: Some(READER.into()),
        lease_ms: Some(400),
    };
    let lease = soon("the reader of a register that is gone", async {
        loop {
            match other.0.request(&reserve).await {
                Ok(lease) => return lease,
                Err(error) => assert_eq!(name(&error), ErrorName::DeviceBusy),
            }
        }
    })
    .await;
    let ended: LeaseEnded = told(&mut news, LEASE_ENDED).await;
    assert_eq!(ended.watch_id, lease.watch_id);
    let release = ReleaseParams {
        device: READER.into(),
    };
    let refused = other.0.request(&release).await.unwrap_err();
    assert_eq!(name(&refused), ErrorName::NotAllowed);
}

#[tokio::test]
async fn the_card_first_and_the_amount_last() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, _) = watching(&host, "till-1").await;
    let card = shown(&register, &mut news, "insert").await;
    let mut params = SaleParams::estimated("k", eur(4000));
    params.presentation_id = Some(card.presentation_id);
    let mut payment = register.0.sale(&params);
    let prompt = question(&mut payment).await.expect("a question");
    let amount = RespondParams::amount(prompt.prompt_id, eur(2345));
    register.0.request(&amount).await.unwrap();
    end(payment).await.approved();
    host.ledger().assert(&[("sale", "approved", 2345)]);
}

#[tokio::test]
async fn the_card_that_lies_there_is_talked_with_quoted_and_paid_with() {
    let setup = Setup::readers(0).terminal(READER, "virtual-reader", LOYALTY_ALLOWED);
    let host = Host::start(&setup).await;
    let (register, mut news, _) = watching(&host, "till-1").await;
    let card = shown(&register, &mut news, "insert").await;
    let mut talk = ApduParams {
        device: READER.into(),
        aid: "F0504159484C01".to_owned(),
        commands: vec!["00B0000006".to_owned()],
        timeout_ms: None,
        presentation_id: Some(card.presentation_id.clone()),
    };
    let said = soon("the card", register.0.apdu(&talk)).await.unwrap();
    assert_eq!(said.responses, ["4D454D4245529000"], "MEMBER");
    // Its payment application is nobody's to talk to, and the card stays presented.
    talk.aid = "A0000000031010".to_owned();
    let refused = soon("a no", register.0.apdu(&talk)).await.unwrap_err();
    assert_eq!(name(&refused), ErrorName::NotAllowed);
    let quote = json!({
        "amount": {"minor": 1250, "currency": "EUR"},
        "presentation_id": card.presentation_id,
    });
    let quoted: Value = register.0.call("payment.quote", &quote).await.unwrap();
    assert_eq!(quoted["total"]["minor"], 1250);
    register.sell_alone(&with(&card, "k")).await.approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
    talk.aid = "F0504159484C01".to_owned();
    let late = soon("a no", register.0.apdu(&talk)).await.unwrap_err();
    assert_eq!(name(&late), ErrorName::NotAllowed);
}

#[tokio::test]
async fn a_cable_and_a_customer_who_walks_away_charge_nothing() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, _) = watching(&host, "till-1").await;
    let card = shown(&register, &mut news, "insert").await;
    register.act(READER, "remove", &[]).await;
    let gone = register.sell_alone(&with(&card, "gone")).await;
    gone.refused(ErrorName::CardError, Failed);
    let card = shown(&register, &mut news, "insert").await;
    register.fault(READER, "unplug", "now", 0).await;
    let removed: CardRemoved = told(&mut news, CARD_REMOVED).await;
    assert_eq!(removed.presentation_id, card.presentation_id);
    let pulled = register.sell_alone(&with(&card, "pulled")).await;
    pulled.refused(ErrorName::NotAllowed, Failed);
    // The lease goes on when it is back.
    register.act(READER, "plug", &[]).await;
    register.until_all_ready().await;
    let card = shown(&register, &mut news, "insert").await;
    register.sell_alone(&with(&card, "k")).await.approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_host_that_dies_with_a_card_there_has_charged_nothing() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, _) = watching(&host, "till-1").await;
    let card = shown(&register, &mut news, "insert").await;
    let host = host.kill_and_restart().await;
    host.ledger().assert(&[]);
    // It knows neither the lease nor the card: the register watches again.
    let (register, mut news, _) = watching(&host, "till-1").await;
    let void = register.sell_alone(&with(&card, "k")).await;
    void.refused(ErrorName::NotAllowed, Failed);
    let card = shown(&register, &mut news, "insert").await;
    register.sell_alone(&with(&card, "k2")).await.approved();
    // The key outlives the next death, the presentation does not.
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let again = register.sell_alone(&with(&card, "k2")).await.approved();
    assert!(again.replayed);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_right_is_the_operators_to_give_and_to_take_back() {
    let host = Host::start(&Setup::readers(1).paired()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    let watch = json!({ "device": READER });
    assert_eq!(
        till.refusal("device.watch", &watch).await,
        "PERMISSION_DENIED"
    );
    let mut desk = Desk::at(&host).await;
    let mut may = json!({"register_id": "till-1", "permissions": ["watch"]});
    desk.must("register.update", &may).await;
    till.must("device.watch", &watch).await;
    may["permissions"] = json!([]);
    desk.must("register.update", &may).await;
    // It is told of no card any more: that ends the lease.
    let operator = host.operator().await;
    operator.show(READER, "insert", "visa-approve").await;
    till.told("device.lease_ended").await;

    // And with the pairing goes the lease.
    may["permissions"] = json!(["watch"]);
    desk.must("register.update", &may).await;
    till.must("device.watch", &watch).await;
    desk.must("register.unpair", &json!({"register_id": "till-1"}))
        .await;
    let free = async { while operator.device(READER).await.lease.is_some() {} };
    soon("the reader of a register that is unpaired", free).await;
}

#[tokio::test]
async fn errands_of_its_register_are_run_between_two_watches() {
    let host = Host::start(&Setup::readers(1)).await;
    let (register, mut news, _) = watching(&host, "till-1").await;
    let settings = SettingsParams {
        device: READER.into(),
    };
    let told = soon("settings", register.0.device_settings(&settings)).await;
    assert!(told.unwrap().features.contains(&"chip".to_owned()));
    // A payment that names no device goes to its own reader.
    let mut sale = sale("plain", 300, READER);
    sale.device = None;
    let mut paying = Sale::new(register.0.sale(&sale));
    paying.until(Stage::WaitingForCard).await;
    register.show(READER, "tap", "visa-approve").await;
    let paid = paying.end().await.approved();
    assert_eq!(paid.device.unwrap().as_str(), READER);
    shown(&register, &mut news, "tap").await;
}
