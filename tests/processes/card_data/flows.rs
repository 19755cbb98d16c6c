// SPDX-License-Identifier: MIT OR Apache-2.0
//! Canary cards through every flow, in each way in which a reader encrypts: nothing of them is in
//! the host's memory at any moment that is looked at, in anything it writes or says, nor in the
//! reader's memory after a sale.

use super::shop::{Mode, READER, REFERENCE, Shop, Shown};
use crate::host::{GATEWAY, soon};
use crate::prompts::{end, question};
use crate::register::{Played, Sale, eur, sale};
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::leases::{CARD_PRESENTED, CardPresented, WatchParams};
use payhal_client::protocol::payment::{CardToken, RefundParams, SaleParams, VerifyParams};
use payhal_client::protocol::progress::{RespondParams, Stage};
use payhal_client::protocol::token::RegisterTokenParams;
use payhal_client::protocol::transaction::TransactionOutcome;
use std::time::Instant;

/// The transaction of a payment that was approved.
fn approved(played: Played) -> String {
    played.approved().transaction_id.to_string()
}

/// The transaction of a payment that must end with this error.
#[track_caller]
fn failed(played: Played, name: ErrorName) -> String {
    let error = played.answer.unwrap_err();
    assert_eq!(error.name(), Some(name), "{:?}", error.rpc());
    let first = played.progress.first().expect("it had begun");
    first.transaction_id.to_string()
}

impl Shop {
    async fn sell(&self, key: &str, shown: Shown<'_>) -> Played {
        let mut params = sale(key, 1250, READER);
        params.reference = Some(REFERENCE.to_owned());
        self.play(self.register.0.sale(&params), shown).await
    }
}

impl Shop {
    /// The card is in the reader while nobody knows the amount, and after that it is charged.
    async fn sell_later(&self, key: &str) -> Played {
        let mut params = SaleParams::estimated(key, eur(4000));
        params.device = Some(READER.into());
        let mut payment = self.register.0.sale(&params);
        self.register
            .show(READER, "insert", "canary-mastercard")
            .await;
        let prompt = question(&mut payment).await.expect("a question");
        self.assert_host_forgets("with a card whose amount is not known")
            .await;
        let answer = RespondParams::amount(prompt.prompt_id, eur(3210));
        self.register.0.request(&answer).await.unwrap();
        let played = end(payment).await;
        self.assert_nothing_after("an amount that came late", Instant::now())
            .await;
        played
    }
}

impl Shop {
    /// The card is in the reader before anybody asks for money, and after that it pays.
    async fn sell_to_whom_it_watched(&self, key: &str) -> Played {
        let watch = WatchParams {
            device: Some(READER.into()),
            ..WatchParams::default()
        };
        let mut news = self.register.0.notifications();
        soon("a lease", self.register.0.watch(&watch))
            .await
            .unwrap();
        self.register
            .show(READER, "insert", "canary-mastercard")
            .await;
        let told = soon("a card", async {
            loop {
                let event = news.recv().await.unwrap();
                if *event.method == *CARD_PRESENTED {
                    return event.parse::<CardPresented>().unwrap();
                }
            }
        });
        let told = told.await;
        self.assert_host_forgets("with a card that nobody asked for")
            .await;
        let mut params = sale(key, 1250, READER);
        params.presentation_id = Some(told.presentation_id);
        let played = self.register.sell_alone(&params).await;
        soon("the end", self.register.0.unwatch(READER))
            .await
            .unwrap();
        self.assert_nothing_after("a card that came early", Instant::now())
            .await;
        played
    }
}

impl Shop {
    /// The card is in the reader while its holder chooses a currency, and is charged in its own.
    async fn sell_in_its_currency(&self, key: &str) -> Played {
        let till = self.also_showing(&["confirm_currency"]).await;
        let mut sold = Sale::new(till.0.sale(&sale(key, 1250, READER)));
        sold.until(Stage::WaitingForCard).await;
        till.show(READER, "insert", "canary-amex").await;
        self.assert_host_forgets("with a card that is offered its currency")
            .await;
        till.act(READER, "select", &[("index", 1.into())]).await;
        let played = sold.end().await;
        self.assert_nothing_after("a payment in its own currency", Instant::now())
            .await;
        let told = played.answer.as_ref().unwrap();
        assert!(told.amounts.dcc.is_some(), "{told:?}");
        played
    }
}

/// Every way to show a card, and what else a card is shown for.
async fn everyday(mode: Mode) {
    let shop = Shop::open(mode).await;
    let with_pin = Shown {
        how: "insert",
        card: "canary-visa",
        pins: &[false],
    };
    let mut all = vec![approved(shop.sell("chip", with_pin).await)];
    for (how, card) in [
        ("tap", "canary-mastercard"),
        ("swipe", "canary-mastercard"),
        ("key_in", "canary-amex"),
    ] {
        all.push(approved(shop.sell(how, Shown::new(how, card)).await));
    }
    let back = RefundParams::of("back", all[0].as_str(), eur(250));
    all.push(approved(
        Sale::new(shop.register.0.refund(&back)).end().await,
    ));
    let mut to_card = RefundParams::new("to-card", eur(100));
    to_card.device = Some(READER.into());
    let payment = shop.register.0.refund(&to_card);
    all.push(approved(
        shop.play(payment, Shown::new("tap", "canary-mastercard"))
            .await,
    ));
    let mut check = VerifyParams::new("check");
    check.device = Some(READER.into());
    let payment = shop.register.0.verify(&check);
    all.push(approved(
        shop.play(payment, Shown::new("insert", "canary-mastercard"))
            .await,
    ));
    all.push(approved(shop.sell_later("later").await));
    all.push(approved(shop.sell_to_whom_it_watched("early").await));
    all.push(approved(shop.sell_in_its_currency("abroad").await));
    let mut keep = RegisterTokenParams::new("keep", REFERENCE);
    keep.device = Some(READER.into());
    let payment = shop.register.0.register_token(&keep);
    all.push(approved(
        shop.play(payment, Shown::new("tap", "canary-mastercard"))
            .await,
    ));
    let mut by_reference = SaleParams::new("kept", eur(300));
    by_reference.card = Some(CardToken::referred(REFERENCE));
    all.push(approved(shop.register.sell_alone(&by_reference).await));
    shop.assert_gateway_forgets("after approvals");
    shop.close(&all).await;
}

#[tokio::test]
async fn everyday_with_hpke() {
    everyday(Mode::Hpke).await;
}

#[tokio::test]
async fn everyday_with_dukpt_under_tdes() {
    everyday(Mode::DukptTdes).await;
}

#[tokio::test]
async fn everyday_with_dukpt_under_aes() {
    everyday(Mode::DukptAes).await;
}

#[tokio::test]
async fn cards_that_are_refused() {
    refusals(Mode::Hpke).await;
}

#[tokio::test]
async fn cards_that_are_refused_under_dukpt() {
    refusals(Mode::DukptTdes).await;
}

/// The issuer, the chip, a wrong PIN and the register say no.
async fn refusals(mode: Mode) {
    let shop = Shop::open(mode).await;
    let declined = shop
        .sell("declined", Shown::new("insert", "canary-declines"))
        .await;
    let mut all = vec![failed(declined, ErrorName::Declined)];
    let wrong_pin = Shown {
        how: "insert",
        card: "canary-visa",
        pins: &[true],
    };
    all.push(failed(
        shop.sell("wrong", wrong_pin).await,
        ErrorName::Declined,
    ));
    let second_try = Shown {
        how: "insert",
        card: "canary-maestro",
        pins: &[true, false],
    };
    all.push(approved(shop.sell("second", second_try).await));
    let refused = shop
        .sell("refused", Shown::new("insert", "canary-refuses"))
        .await;
    all.push(failed(refused, ErrorName::CardError));
    // The card is in the reader and its PIN is waited for when the register gives up.
    let begun = shop.register.begin(&sale("cancelled", 1250, READER)).await;
    shop.register.show(READER, "insert", "canary-visa").await;
    shop.assert_host_forgets("with a card in the reader").await;
    begun.cancel().await;
    all.push(failed(begun.end().await, ErrorName::Cancelled));
    shop.assert_nothing_after("a cancel", Instant::now()).await;
    shop.assert_gateway_forgets("after refusals");
    shop.close(&all).await;
}

#[tokio::test]
async fn sales_that_wait_for_their_gateway() {
    stored(Mode::Hpke).await;
}

#[tokio::test]
async fn sales_that_wait_for_their_gateway_under_dukpt() {
    stored(Mode::DukptTdes).await;
}

/// What waits in the vault is sealed, and forwarded from there.
async fn stored(mode: Mode) {
    let rule = "[[offline]]\namount_max = \"50.00 EUR\"\ncount_max = 9\n\
        total_max = \"100.00 EUR\"\nage_max_hours = 24\n";
    let shop = Shop::open_with(mode, |setup| setup.rules(rule)).await;
    shop.register.act(GATEWAY, "unplug", &[]).await;
    let mut all = Vec::new();
    for (how, card) in [
        ("insert", "canary-mastercard"),
        ("tap", "canary-declines"),
        ("insert", "canary-declines"),
    ] {
        let mut params = sale(&format!("{how} {card}"), 1250, READER);
        params.allow_offline = true;
        params.reference = Some(REFERENCE.to_owned());
        let payment = shop.register.0.sale(&params);
        all.push(approved(shop.play(payment, Shown::new(how, card)).await));
    }
    shop.assert_host_forgets("with sales that wait").await;
    shop.assert_files_are_clean("with sales that wait").await;
    let mut news = shop.register.watch().await;
    shop.register.act(GATEWAY, "plug", &[]).await;
    for transaction in &all {
        while shop.register.get(transaction).await.outcome == TransactionOutcome::AcceptedOffline {
            news.next().await;
        }
    }
    shop.assert_gateway_forgets("after forwarding");
    shop.close(&all).await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer() {
    silence(Mode::Hpke).await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_under_dukpt() {
    silence(Mode::DukptTdes).await;
}

/// Requests and answers get lost; reversals too.
async fn silence(mode: Mode) {
    let shop = Shop::open_with(mode, |setup| setup.timeout("gateway_ms", 1500)).await;
    let mut all = Vec::new();
    for (number, fault) in ["lose_request", "lose_reply", "late", "contradict"]
        .iter()
        .enumerate()
    {
        let twice = [
            ("fault", (*fault).into()),
            ("at", "authorize".into()),
            ("count", 2.into()),
        ];
        shop.register.act(GATEWAY, "fault", &twice).await;
        // The reversal gets lost once as well, and waits meanwhile.
        shop.register
            .fault(GATEWAY, "lose_request", "reverse", 0)
            .await;
        // A chip's payment is taken back; a tap's is asked for.
        for how in ["insert", "tap"] {
            let key = format!("{how}-{number}");
            let played = shop.sell(&key, Shown::new(how, "canary-mastercard")).await;
            let known = played.progress[0].transaction_id.to_string();
            shop.register.until_back(&known).await;
            all.push(known);
        }
    }
    // While the request travels the host has the seal, and nothing else.
    shop.register
        .fault(GATEWAY, "delay", "authorize", 700)
        .await;
    let mut begun = shop.register.begin(&sale("slow", 1250, READER)).await;
    shop.register.show(READER, "tap", "canary-amex").await;
    begun.until(Stage::Authorizing).await;
    shop.assert_host_forgets("while the gateway is asked").await;
    all.push(approved(begun.end().await));
    shop.close(&all).await;
}

/// A gateway whose reversals need the card's number: it waits sealed in the vault meanwhile.
async fn a_number_kept_for_a_reversal(mode: Mode) {
    let shop = Shop::open_with(mode, |setup| setup.gateway_plugin("sandbox-strict")).await;
    let away = [
        ("fault", "go_away".into()),
        ("at", "reverse".into()),
        ("count", 1_000.into()),
    ];
    shop.register.act(GATEWAY, "fault", &away).await;
    shop.register
        .fault(GATEWAY, "lose_reply", "authorize", 0)
        .await;
    let played = shop.sell("lost", Shown::new("insert", "canary-amex")).await;
    let lost = played.progress[0].transaction_id.to_string();
    let kept = || {
        let vault = shop.host.state().join("vault");
        std::fs::read_dir(vault)
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().contains(&lost))
            .count()
    };
    assert_eq!(kept(), 1, "a number is kept: {played:?}");
    shop.assert_files_are_clean("with a number in the vault")
        .await;
    shop.register.act(GATEWAY, "reset", &[]).await;
    shop.register.until_back(&lost).await;
    shop.assert_nothing_after("a reversal", Instant::now())
        .await;
    shop.assert_gateway_forgets("after a reversal");
    // Its end is told by nobody; the next payment comes after it.
    let next = approved(
        shop.sell("next", Shown::new("tap", "canary-mastercard"))
            .await,
    );
    assert_eq!(kept(), 0, "its key and the number are gone");
    shop.close(&[lost.clone(), next]).await;
}

#[tokio::test]
async fn a_number_kept_under_hpke() {
    a_number_kept_for_a_reversal(Mode::Hpke).await;
}

#[tokio::test]
async fn a_number_kept_under_dukpt() {
    a_number_kept_for_a_reversal(Mode::DukptAes).await;
}

#[tokio::test]
async fn a_reader_that_ends_with_the_card_in_hand() {
    ends(Mode::Hpke).await;
}

#[tokio::test]
async fn a_reader_that_ends_with_the_card_in_hand_under_dukpt() {
    ends(Mode::DukptAes).await;
}

/// The reader's process ends with the card in it.
async fn ends(mode: Mode) {
    let shop = Shop::open(mode).await;
    let mut all = Vec::new();
    for fault in ["crash", "exit", "panic", "kill"] {
        if fault != "kill" {
            shop.register
                .fault(READER, fault, "authorize_card", 0)
                .await;
        }
        let begun = shop.register.begin(&sale(fault, 1250, READER)).await;
        let show = [("card", "canary-visa".into())];
        shop.register.try_act(READER, "insert", &show).await.ok();
        if fault == "kill" {
            shop.host.kill_runner(READER);
        }
        let played = begun.end().await;
        shop.assert_host_forgets(&format!("after the reader's {fault}"))
            .await;
        all.push(failed(played, ErrorName::PluginFailed));
        shop.register.until_all_ready().await;
    }
    let last = Shown::new("tap", "canary-mastercard");
    all.push(approved(shop.sell("last", last).await));
    shop.close(&all).await;
}

#[tokio::test]
async fn a_reader_that_says_its_card_aloud() {
    aloud(Mode::Hpke).await;
}

#[tokio::test]
async fn a_reader_that_says_its_card_aloud_under_dukpt() {
    aloud(Mode::DukptAes).await;
}

/// The reader says its card wherever it can.
async fn aloud(mode: Mode) {
    let shop = Shop::open(mode).await;
    let mut all = Vec::new();
    for fault in ["print", "leak", "tell", "panic", "garble"] {
        for at in ["present", "authorize_card", "complete"] {
            shop.register.fault(READER, fault, at, 0).await;
            let params = sale(&format!("{fault}-{at}"), 1250, READER);
            let begun = Sale::new(shop.register.0.sale(&params));
            // Some of these end before a card is asked for.
            let show = [
                ("card", "canary-mastercard".into()),
                ("wait_ms", 3000.into()),
            ];
            shop.register.try_act(READER, "insert", &show).await.ok();
            let played = begun.end().await;
            if let Some(progress) = played.progress.first() {
                all.push(progress.transaction_id.to_string());
            }
            shop.assert_host_forgets(&format!("after {fault} at {at}"))
                .await;
            shop.register.until_all_ready().await;
            // What was planned and did not happen must not happen in the next one.
            shop.register.act(READER, "reset", &[]).await;
        }
    }
    shop.close(&all).await;
}
