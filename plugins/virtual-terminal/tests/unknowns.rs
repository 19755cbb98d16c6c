// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that are lost, and what each kind of terminal can still be asked.

use super::*;

fn sale(shop: &mut Shop, id: &str, minor: i64) -> Outcome<TerminalOutcome> {
    shop.pay(request(id, Purpose::Sale, minor))
}

#[test]
fn an_answer_lost_after_the_approval_is_found_by_asking() {
    let mut shop = Shop::automatic();
    shop.fault("lose_answer", "pay_answer");
    assert_eq!(sent(sale(&mut shop, "s", 1000)), Sent::Maybe);
    let mut shop = shop.restarted(&json!({}));
    let found = shop.found("s");
    assert_eq!((found.approved, found.approved_minor), (true, Some(1000)));
    assert_eq!(shop.reverse("s", 1000), Ok(Ok(Reversal::Reversed)));
}

#[test]
fn an_answer_lost_before_anything_is_not_found() {
    for (fault, expected) in [
        ("lose_answer", Sent::Maybe),
        ("silent", Sent::Maybe),
        ("not_sent", Sent::No),
    ] {
        let mut shop = Shop::automatic();
        shop.fault(fault, "pay");
        assert_eq!(sent(sale(&mut shop, "s", 1000)), expected, "{fault}");
        assert_eq!(shop.inquire("s"), Ok(Ok(TerminalFinding::NotFound)));
        assert_eq!(shop.entry("s"), None);
        let waited = if fault == "silent" { 60 } else { 0 };
        assert_eq!(shop.bench.passed(), Duration::from_secs(waited));
        assert!(sale(&mut shop, "t", 1000).unwrap().unwrap().approved);
    }
}

#[test]
fn the_last_transaction_only_is_known_whatever_it_was() {
    let mut shop = Shop::with(&json!({"auto": "tap visa-approve", "inquiry": "last_only"}));
    assert_eq!(shop.inquire("s-1"), Ok(Ok(TerminalFinding::NotFound)));
    sale(&mut shop, "s-1", 1000).unwrap().unwrap();
    assert!(shop.found("s-1").approved);
    sale(&mut shop, "s-2", 1005).unwrap().unwrap();
    assert_eq!(shop.found("s-2").response_code, "05");
    assert_eq!(shop.inquire("s-1"), Ok(Ok(TerminalFinding::NotFound)));
    // A request that ended without a card counts too; a reversal of a stranger does not.
    let mut shop = shop.restarted(&json!({"inquiry": "last_only"}));
    assert_eq!(code(sale(&mut shop, "s-3", 1000)), "no_card");
    shop.reverse("s-4", 1000).unwrap().unwrap();
    assert_eq!(shop.found("s-3").response_code, "no_card");
    assert_eq!(shop.inquire("s-2"), Ok(Ok(TerminalFinding::NotFound)));
}

#[test]
fn what_a_terminal_cannot_do_it_does_not_know() {
    let config = json!({"auto": "tap visa-approve", "inquiry": "none", "reversal": "none"});
    let mut shop = Shop::with(&config);
    sale(&mut shop, "s", 1000).unwrap().unwrap();
    assert_eq!(shop.inquire("s"), Err(PluginError::Unsupported));
    assert_eq!(shop.reverse("s", 1000), Err(PluginError::Unsupported));
    shop.stands("s", "approved", 1000);
}

#[test]
fn a_customer_who_pays_late_is_running_first() {
    let late = json!({
        "action": "fault", "fault": "late_approval", "inquiries": 2, "card": "visa-partial",
    });
    let mut shop = Shop::automatic();
    shop.act(late);
    assert_eq!(sent(sale(&mut shop, "s", 1000)), Sent::Maybe);
    shop.stands("s", "running", 0);
    assert_eq!(shop.inquire("s"), Ok(Ok(TerminalFinding::Running)));
    let mut shop = shop.restarted(&json!({"inquiry": "last_only"}));
    assert_eq!(shop.inquire("s"), Ok(Ok(TerminalFinding::Running)));
    let found = shop.found("s");
    assert_eq!(
        (found.response_code.as_str(), found.approved_minor),
        ("10", Some(500))
    );
    shop.stands("s", "approved", 500);
}

#[test]
fn a_late_payment_is_ended_by_hand_by_the_next_one_or_by_a_reversal() {
    let mut shop = Shop::automatic();
    let late = |shop: &mut Shop, id: &str| {
        shop.act(json!({"action": "fault", "fault": "late_approval", "inquiries": 10_000}));
        assert_eq!(sent(sale(shop, id, 1000)), Sent::Maybe);
    };
    late(&mut shop, "s-1");
    assert_eq!(
        shop.act(json!({"action": "settle"})),
        json!({"settled": "s-1"})
    );
    assert_eq!(
        shop.act(json!({"action": "settle"})),
        json!({"settled": null})
    );
    shop.stands("s-1", "approved", 1000);
    late(&mut shop, "s-2");
    sale(&mut shop, "s-3", 700).unwrap().unwrap();
    shop.stands("s-2", "approved", 1000);
    late(&mut shop, "s-4");
    assert_eq!(shop.reverse("s-4", 1000), Ok(Ok(Reversal::Reversed)));
    shop.stands("s-4", "barred", 0);
    assert!(!shop.found("s-4").approved);
    assert_eq!(
        shop.act(json!({"action": "settle"})),
        json!({"settled": null})
    );
}

#[test]
fn an_inquiry_fails_and_says_running_as_often_as_told() {
    let mut shop = Shop::automatic();
    sale(&mut shop, "s", 1000).unwrap().unwrap();
    for fault in ["lose_answer", "running"] {
        shop.act(json!({"action": "fault", "fault": fault, "at": "inquire", "count": 2}));
    }
    for _ in 0..2 {
        assert_eq!(sent(shop.inquire("s")), Sent::Maybe);
    }
    for _ in 0..2 {
        assert_eq!(shop.inquire("s"), Ok(Ok(TerminalFinding::Running)));
    }
    assert!(shop.found("s").approved);
}

#[test]
fn a_reversal_is_refused_or_its_answer_lost_as_scripted() {
    let mut shop = Shop::automatic();
    sale(&mut shop, "s", 1000).unwrap().unwrap();
    shop.fault("refuse", "reverse");
    assert_eq!(shop.refused_reversal("s", 1000), "58");
    shop.fault("lose_answer", "reverse");
    assert_eq!(sent(shop.reverse("s", 1000)), Sent::Maybe);
    shop.stands("s", "approved", 1000);
    shop.fault("lose_answer", "reverse_answer");
    assert_eq!(sent(shop.reverse("s", 1000)), Sent::Maybe);
    shop.stands("s", "reversed", 1000);
    assert_eq!(shop.reverse("s", 1000), Ok(Ok(Reversal::Reversed)));
}

#[test]
fn the_ledger_can_be_read_while_nobody_runs() {
    let mut shop = Shop::automatic();
    sale(&mut shop, "s", 1000).unwrap().unwrap();
    let Shop {
        folder,
        terminal,
        simulator,
        ..
    } = shop;
    drop((terminal, simulator));
    let books = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    let standing: i64 = books
        .query_row(
            "SELECT sum(amount_minor) FROM entry WHERE state = 'approved' AND kind = 'sale'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(standing, 1000);
}
