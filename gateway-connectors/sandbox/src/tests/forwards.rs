// SPDX-License-Identifier: MIT OR Apache-2.0
//! What chips approved while the gateway was away: decided once, for the whole amount.

use super::*;
use payhal_messages::gateway::Forward;

/// When the chip approved.
const ACCEPTED: i64 = 1_772_359_200_000_000;

impl Shop {
    /// A sale with that card, as its chip approved it.
    pub(super) fn offline(&self, card: &str, minor: i64) -> Forward {
        let request = self.request(Purpose::Sale, card, minor);
        self.offline_of(request)
    }

    pub(super) fn offline_of(&self, mut request: Authorize) -> Forward {
        let card = read_of(&mut request).clone();
        let chip = card.entry == Entry::Chip;
        let certificate = chip.then(|| ("9F27".to_owned(), "40".to_owned()));
        Forward {
            wire: request.wire,
            purpose: request.purpose,
            amounts: request.amounts,
            card,
            accepted_at_micros: ACCEPTED,
            tags: certificate.into_iter().collect(),
            merchant_reference: None,
        }
    }

    pub(super) fn try_forward(&self, request: &Forward) -> Result<Answer, PluginError> {
        let outcome = self.sandbox.forward(request.clone(), &self.bench.call());
        outcome.map(|inner| inner.expect("the sandbox answers, it does not refuse"))
    }

    pub(super) fn forward(&self, request: &Forward) -> Answer {
        self.try_forward(request).unwrap()
    }
}

#[test]
fn an_offline_sale_is_taken_once_and_told_from_others() {
    let shop = Shop::new();
    let request = shop.offline("visa-approve", 1250);
    let answer = shop.forward(&request);
    assert_eq!(answer.decision, Decision::Approved);
    assert!(answer.issuer.is_empty(), "no chip waits for it");
    assert_eq!(shop.forward(&request), answer);
    assert_eq!(shop.entries(), [("approved".to_owned(), 1250)]);
    shop.sale(700);
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][0]["accepted_offline_at"], ACCEPTED);
    assert_eq!(told["entries"][0]["repeats"], 1);
    assert_eq!(told["entries"][0]["read"]["cryptogram"], "right");
    assert_eq!(told["entries"][1].get("accepted_offline_at"), None);
    assert_eq!(shop.code(Change::Refund, &request.wire, 250), "00");
}

#[test]
fn it_is_the_whole_amount_or_nothing() {
    let shop = Shop::new();
    for (card, minor, code) in [
        ("visa-decline", 1250, "51"),
        ("visa-partial", 1250, "51"),
        ("visa-approve", 1202, "51"),
        ("visa-approve", 1201, "01"),
        ("visa-approve", 1205, "05"),
    ] {
        let request = shop.offline(card, minor);
        let answer = shop.forward(&request);
        assert_eq!(answer.decision, Decision::Declined, "{card}, {minor}");
        assert_eq!(answer.response_code, code, "{card}, {minor}");
        assert_eq!(shop.forward(&request), answer);
    }
}

#[test]
fn a_chip_must_have_approved_and_a_stripe_cannot() {
    let shop = Shop::new();
    let mut question = shop.offline("visa-approve", 1250);
    question.tags.clear();
    assert_eq!(shop.forward(&question).response_code, "82");
    let mut other = shop.offline("visa-approve", 1250);
    other.tags.insert("9F26".into(), "0011223344556677".into());
    assert_eq!(shop.forward(&other).response_code, "82");
    for (entry, code) in [
        (Entry::Contactless, "00"),
        (Entry::Stripe, "12"),
        (Entry::Manual, "12"),
    ] {
        let request = shop.request_like(Purpose::Sale, 1250, |request| {
            read_of(request).entry = entry;
        });
        let answer = shop.forward(&shop.offline_of(request));
        assert_eq!(answer.response_code, code, "{entry:?}");
    }
    let refund = shop.offline_of(shop.request(Purpose::Refund, "visa-approve", 1250));
    assert_eq!(shop.forward(&refund).response_code, "12");
}

#[test]
fn nobody_there_is_nothing_sent_and_a_lost_answer_is_heard_the_next_time() {
    let shop = Shop::new();
    let request = shop.offline("visa-approve", 1250);
    shop.simulate(json!({"action": "unplug"}));
    let away = shop.try_forward(&request).unwrap_err();
    assert_eq!(sent_of(away), Sent::No);
    shop.simulate(json!({"action": "plug"}));
    shop.simulate(json!({"action": "fault", "fault": "lose_reply", "at": "forward"}));
    let lost = shop.try_forward(&request).unwrap_err();
    assert_eq!(sent_of(lost), Sent::Maybe);
    assert_eq!(shop.forward(&request).decision, Decision::Approved);
    assert_eq!(shop.entries(), [("approved".to_owned(), 1250)]);
}
