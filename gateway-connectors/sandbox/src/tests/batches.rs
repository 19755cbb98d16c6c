// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches: closed once, told again for ever, and what they close off.

use super::*;

#[test]
fn a_close_closes_once_and_is_told_again() {
    let shop = Shop::new();
    let sale = shop.sale(1250);
    shop.sale(300);
    shop.modify(Change::Refund, &sale, 250);
    let told = vec![(2, 1550, 1, 250)];
    assert_eq!(shop.reconcile(false), ("000001".into(), told.clone()));
    let close = shop.wire();
    let first = shop.reconcile_as(&close, true);
    assert_eq!(first, ("000001".into(), told));
    shop.sale(700);
    assert_eq!(shop.reconcile_as(&close, true), first);
    assert_eq!(
        shop.reconcile(false),
        ("000002".into(), vec![(1, 700, 0, 0)])
    );
    assert_eq!(
        shop.reconcile(true),
        ("000002".into(), vec![(1, 700, 0, 0)])
    );
    assert_eq!(shop.reconcile(true), ("000003".into(), vec![]));
}

#[test]
fn after_the_close_nothing_is_undone_but_refunds_go_on() {
    let shop = Shop::new();
    let sale = shop.sale(1250);
    let voided = shop.sale(600);
    let (void, _) = shop.modify(Change::Void, &voided, 600);
    let held = shop.hold(900);
    shop.reconcile(true);
    let (_, answer) = shop.modify(Change::Void, &sale, 1250);
    assert_eq!(answer.decision, Decision::Rejected);
    assert_eq!(answer.response_code, "BC");
    for (wire, minor) in [(&sale, 1250), (&void, 600)] {
        let Reversal::Refused { response_code, .. } = shop.reverse(wire, minor) else {
            panic!("totals that were told stay as they are");
        };
        assert_eq!(response_code, "BC");
    }
    assert_eq!(shop.code(Change::Refund, &sale, 1000), "00");
    assert_eq!(
        shop.code(Change::Void, &held, 900),
        "00",
        "a hold is in no totals"
    );
    assert_eq!(
        shop.reconcile(true),
        ("000002".into(), vec![(0, 0, 1, 1000)])
    );
}

#[test]
fn a_close_whose_reply_was_lost_is_found_by_inquiry() {
    let shop = Shop::new();
    shop.sale(1250);
    shop.simulate(json!({"action": "fault", "fault": "lose_reply", "at": "reconcile"}));
    let close = shop.wire();
    let lost = shop.try_reconcile(&close, true).unwrap_err();
    assert_eq!(sent_of(lost), Sent::Maybe);
    let Finding::Reconciled { totals } = shop.inquire(&close) else {
        panic!("it was closed");
    };
    assert_eq!(sums(&totals), [(1, 1250, 0, 0)]);
    assert_eq!(totals.batch, "000001");
    assert!(matches!(shop.reverse(&close, 0), Reversal::Refused { .. }));
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["batches"][0]["transaction_id"], close.transaction_id);
}

#[test]
fn a_close_that_was_given_up_does_not_happen_later() {
    let shop = Shop::new();
    shop.sale(1250);
    let close = shop.wire();
    assert_eq!(shop.inquire(&close), Finding::NotFound);
    assert_eq!(shop.reverse(&close, 0), Reversal::Reversed);
    let refusal = shop.try_reconcile(&close, true).unwrap().unwrap_err();
    assert_eq!(refusal.code, "21");
    assert_eq!(shop.reconcile(false).0, "000001");
    let sale = shop.sale(300);
    let refusal = shop.try_reconcile(&sale, true).unwrap().unwrap_err();
    assert_eq!(refusal.code, "94");
}

#[test]
fn totals_are_kept_apart_by_currency_and_acceptor() {
    let shop = Shop::new();
    for (currency, minor) in [("CLP", 1250), ("BHD", 12_500), ("CLP", 50), ("EUR", 700)] {
        let request = shop.request_like(Purpose::Sale, minor, |request| {
            request.amounts.currency = currency.into();
        });
        assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    }
    let other = shop.request_like(Purpose::Sale, 999, |request| {
        request.wire.acceptor.terminal = "terminal-2".into();
    });
    shop.authorize(&other);
    let wire = shop.wire();
    let totals = shop.try_reconcile(&wire, true).unwrap().unwrap();
    let rows = totals.totals.iter();
    let rows: Vec<_> = rows
        .map(|row| (row.currency.as_str(), row.sales, row.sales_minor))
        .collect();
    assert_eq!(
        rows,
        [("BHD", 1, 12_500), ("CLP", 2, 1300), ("EUR", 1, 700)]
    );
}

#[test]
fn orders_and_advices_are_kept_with_what_they_are_about() {
    let shop = Shop::new();
    let elsewhere = shop.wire();
    for total in [1, 2] {
        let report = Report::NotifyOrder {
            wire: elsewhere.clone(),
            amounts: eur(1250),
            order: format!("{{\"total\":{total}}}"),
        };
        let done = shop.sandbox.report(report, &shop.bench.call());
        done.unwrap().unwrap();
    }
    let told = shop.simulate(json!({"action": "ledger"}));
    let [order] = told["reports"].as_array().unwrap().as_slice() else {
        panic!("one report");
    };
    assert_eq!(order["report"], "notify_order");
    assert_eq!(order["transaction_id"], elsewhere.transaction_id);
    assert_eq!(
        (&order["times"], &order["amount_minor"]),
        (&json!(2), &json!(1250))
    );
    assert_eq!(order["body"], json!({"total": 2}));
    let report = Report::NotifyOrder {
        wire: elsewhere,
        amounts: eur(1250),
        order: json!("x".repeat(100_000)).to_string(),
    };
    let done = shop.sandbox.report(report, &shop.bench.call());
    done.unwrap().unwrap();
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["reports"][0]["body"], Value::Null);
    assert_eq!(told["reports"][0]["bytes"], 100_002);
}

#[test]
fn a_long_ledger_is_told_in_parts_that_fit_an_answer() {
    let shop = Shop::new();
    for _ in 0..200 {
        shop.sale(1250);
    }
    let told = shop.simulate(json!({"action": "ledger"}));
    let last = told["entries"].as_array().unwrap().last().unwrap();
    assert_eq!(last["seq"], 200);
    let mut since = 0;
    let mut seen = 0;
    while seen < 200 {
        let told = shop.simulate(json!({"action": "ledger", "since": since}));
        assert!(told.to_string().len() < payhal_messages::limits::PAYLOAD_BYTES_MAX);
        let entries = told["entries"].as_array().unwrap();
        seen += entries.len();
        since = entries.last().expect("more")["seq"].as_i64().unwrap();
    }
    assert_eq!(seen, 200);
}
