// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripted faults: what the caller hears, and what the ledger really holds.

use super::*;

fn fault(shop: &Shop, fault: &str, at: &str) {
    shop.simulate(json!({"action": "fault", "fault": fault, "at": at}));
}

#[test]
fn after_a_lost_reply_an_inquiry_finds_the_approval() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "lose_reply", "authorize");
    let error = shop.try_authorize(&request).unwrap_err();
    assert_eq!(sent_of(error), Sent::Maybe);
    let Finding::Answered { answer } = shop.inquire(&request.wire) else {
        panic!("the ledger holds an approval");
    };
    assert_eq!(answer.approved_minor, Some(1250));
    assert_eq!(shop.authorize(&request), answer);
    assert_eq!(shop.entries().len(), 1);
}

#[test]
fn a_gateway_that_is_away_got_nothing() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "go_away", "authorize");
    assert_eq!(sent_of(shop.try_authorize(&request).unwrap_err()), Sent::No);
    let told = json!({"action": "fault", "fault": "go_away", "after_send": true});
    shop.simulate(told);
    assert_eq!(
        sent_of(shop.try_authorize(&request).unwrap_err()),
        Sent::Maybe
    );
    assert_eq!(shop.inquire(&request.wire), Finding::NotFound);
    shop.simulate(json!({"action": "unplug"}));
    assert_eq!(sent_of(shop.try_authorize(&request).unwrap_err()), Sent::No);
    shop.simulate(json!({"action": "plug"}));
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
}

#[test]
fn a_request_that_arrives_twice_charges_once() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "duplicate", "authorize");
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    fault(&shop, "duplicate", "modify");
    assert_eq!(shop.code(Change::Refund, &request.wire, 1000), "00");
    let entries = [("approved".into(), 1250), ("approved".into(), 1000)];
    assert_eq!(shop.entries(), entries);
}

#[test]
fn a_delayed_request_is_pending_and_can_be_barred_before_it_arrives() {
    let shop = std::sync::Arc::new(Shop::new());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let told = json!({"action": "fault", "fault": "delay", "at": "authorize", "delay_ms": 2000});
    shop.simulate(told);
    let (other, wire) = (std::sync::Arc::clone(&shop), request.wire.clone());
    shop.bench.at(Duration::from_millis(500), move || {
        assert_eq!(other.inquire(&wire), Finding::Pending);
        assert_eq!(other.reverse(&wire, 1250), Reversal::Reversed);
    });
    assert_eq!(shop.authorize(&request).decision, Decision::Rejected);
    assert_eq!(shop.bench.passed(), Duration::from_millis(2000));
    assert_eq!(shop.entries(), [("barred".into(), 0)]);
}

#[test]
fn a_caller_who_hangs_up_has_sent_all_the_same() {
    let folder = TempDir::new().unwrap();
    let shop = Shop::with(r#"{"latency_ms": 1000}"#, folder);
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_millis(300), &context);
    let error = shop.sandbox.authorize(request, &context).unwrap_err();
    assert_eq!(sent_of(error), Sent::Maybe);
    assert_eq!(shop.entries(), [("approved".into(), 1250)]);
}

#[test]
fn a_refusal_leaves_no_trace() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "refuse", "authorize");
    assert_eq!(shop.authorize(&request).response_code, "58");
    assert_eq!(shop.entries(), []);
    let sale = shop.sale(1250);
    fault(&shop, "refuse", "reverse");
    assert!(matches!(
        shop.reverse(&sale, 1250),
        Reversal::Refused { .. }
    ));
    fault(&shop, "refuse", "inquire");
    let asked = Inquire { wire: sale.clone() };
    let refusal = shop.sandbox.inquire(asked, &shop.bench.call()).unwrap();
    assert_eq!(refusal.unwrap_err().code, "58");
    assert!(matches!(shop.inquire(&sale), Finding::Answered { .. }));
}

#[test]
fn a_contradiction_says_the_opposite_of_the_ledger() {
    let shop = Shop::new();
    let sale = shop.sale(1250);
    fault(&shop, "contradict", "inquire");
    let Finding::Answered { answer } = shop.inquire(&sale) else {
        panic!("an answer");
    };
    assert_eq!(answer.decision, Decision::Declined);
    fault(&shop, "contradict", "reverse");
    assert!(matches!(
        shop.reverse(&sale, 1250),
        Reversal::Refused { .. }
    ));
    assert_eq!(shop.entries(), [("reversed".into(), 1250)]);
}

#[test]
fn faults_of_the_configuration_wait_from_the_start() {
    let config = r#"{"faults": [{"fault": "lose_reply", "at": "authorize"}]}"#;
    let shop = Shop::with(config, TempDir::new().unwrap());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert!(shop.try_authorize(&request).is_err());
    assert!(shop.try_authorize(&request).is_ok());
}

#[test]
fn the_ledger_is_shown_without_card_numbers() {
    let shop = Shop::new();
    shop.sale(1250);
    let last = shop.sale(300);
    let told = shop.simulate(json!({"action": "ledger", "since": 1}));
    let [entry] = told["entries"].as_array().unwrap().as_slice() else {
        panic!("one entry after the first");
    };
    assert_eq!(entry["transaction_id"], last.transaction_id);
    assert_eq!(entry["masked_pan"], "411111******1111");
    assert!(!payhal_messages::card_check::would_redact(
        &told.to_string()
    ));
    let totals = shop.simulate(json!({"action": "totals"}));
    assert_eq!(totals["totals"][0]["sales_minor"], 1550);
}

#[test]
fn a_late_request_arrives_behind_its_reversal_and_is_barred() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "late", "authorize");
    assert_eq!(
        sent_of(shop.try_authorize(&request).unwrap_err()),
        Sent::Maybe
    );
    assert_eq!(shop.inquire(&request.wire), Finding::NotFound);
    assert_eq!(shop.entries(), []);
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    assert_eq!(shop.inquire(&request.wire), Finding::Reversed);
    assert_eq!(shop.entries(), [("barred".into(), 0)]);
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][0]["repeats"], 1, "it did arrive");
}

#[test]
fn a_late_request_that_is_let_go_before_is_approved() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "late", "authorize");
    assert!(shop.try_authorize(&request).is_err());
    let told = shop.simulate(json!({"action": "deliver"}));
    assert_eq!(told, json!({"delivered": 1}));
    assert!(matches!(
        shop.inquire(&request.wire),
        Finding::Answered { .. }
    ));
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    assert_eq!(shop.entries(), [("reversed".into(), 1250)]);
    assert_eq!(
        shop.simulate(json!({"action": "deliver"})),
        json!({"delivered": 0})
    );
}

#[test]
fn a_late_refund_is_barred_too() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    let request = Modify {
        wire: shop.wire(),
        original: Original::Wire { wire: sale.clone() },
        change: Change::Refund,
        amounts: eur(400),
    };
    fault(&shop, "late", "modify");
    let lost = shop.sandbox.modify(request.clone(), &shop.bench.call());
    assert_eq!(sent_of(lost.unwrap_err()), Sent::Maybe);
    assert_eq!(shop.reverse(&request.wire, 400), Reversal::Reversed);
    assert_eq!(shop.code(Change::Refund, &sale, 1000), "00");
}

#[test]
fn a_lost_request_never_arrives() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    fault(&shop, "lose_request", "authorize");
    assert_eq!(
        sent_of(shop.try_authorize(&request).unwrap_err()),
        Sent::Maybe
    );
    assert_eq!(shop.inquire(&request.wire), Finding::NotFound);
    assert_eq!(shop.entries(), []);
}

#[test]
fn an_inquiry_may_know_less_than_the_ledger() {
    let shop = Shop::new();
    let sale = shop.sale(1250);
    fault(&shop, "not_found", "inquire");
    assert_eq!(shop.inquire(&sale), Finding::NotFound);
    fault(&shop, "pending", "inquire");
    assert_eq!(shop.inquire(&sale), Finding::Pending);
    assert!(matches!(shop.inquire(&sale), Finding::Answered { .. }));
}

#[test]
fn an_approval_is_invented_after_a_decline_and_after_a_reversal() {
    let shop = Shop::new();
    let declined = shop.request(Purpose::Sale, "visa-decline", 1250);
    shop.authorize(&declined);
    let reversed = shop.sale(700);
    shop.reverse(&reversed, 700);
    for (wire, minor) in [(declined.wire, 1250), (reversed, 700)] {
        fault(&shop, "contradict", "inquire");
        let Finding::Answered { answer } = shop.inquire(&wire) else {
            panic!("an answer");
        };
        assert_eq!(answer.decision, Decision::Approved);
        assert_eq!(answer.approved_minor, Some(minor));
    }
}

#[test]
fn a_fault_lets_others_pass_first() {
    let shop = Shop::new();
    let told = json!({"action": "fault", "fault": "refuse", "at": "authorize", "skip": 1});
    shop.simulate(told);
    shop.sale(1250);
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert_eq!(shop.authorize(&request).response_code, "58");
    shop.sale(1250);
}

#[test]
fn a_report_that_fails_a_few_times_is_kept_once() {
    let shop = Shop::new();
    let wire = shop.sale(1250);
    let tags = [("9F27".to_owned(), "40".to_owned())];
    let report = Report::Advice {
        wire,
        tags: tags.into(),
    };
    let told = json!({"action": "fault", "fault": "go_away", "at": "report", "count": 2});
    shop.simulate(told);
    fault(&shop, "lose_reply", "report");
    let failures = (0..4)
        .filter(|_| {
            let done = shop.sandbox.report(report.clone(), &shop.bench.call());
            done.is_err()
        })
        .count();
    assert_eq!(failures, 3);
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["reports"].as_array().unwrap().len(), 1);
    assert_eq!(told["reports"][0]["times"], 2);
    assert_eq!(told["reports"][0]["body"], json!({"9F27": "40"}));
}
