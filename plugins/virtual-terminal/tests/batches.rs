// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals, closes, offline approvals and their collection.

use super::*;
use payhal_messages::gateway::Collected;

#[test]
fn a_close_happens_once_for_each_reconciliation() {
    let mut shop = Shop::automatic();
    shop.sale("s-1", 1000);
    shop.sale("s-2", 1005);
    assert_eq!(shop.totals("r-0", false).batch, "000001");
    let closed = shop.totals("r-1", true);
    assert_eq!(closed.batch, "000001");
    assert_eq!(
        (closed.totals[0].sales, closed.totals[0].sales_minor),
        (1, 1000)
    );
    shop.sale("s-3", 300);
    assert_eq!(shop.totals("r-1", true), closed);
    let mut shop = shop.restarted(&json!({}));
    assert_eq!(shop.totals("r-1", true), closed);
    let next = shop.totals("r-2", true);
    assert_eq!(
        (next.batch.as_str(), next.totals[0].sales_minor),
        ("000002", 300)
    );
    assert_eq!(
        shop.refused_reversal("s-3", 300),
        "21",
        "its batch is closed"
    );
    assert!(shop.changed("f-1", Purpose::Refund, 300, "s-3").approved);
    assert!(
        shop.totals("r-3", false)
            .totals
            .iter()
            .all(|row| row.sales == 0)
    );
}

fn offline_shop() -> Shop {
    Shop::with(&json!({
        "auto": "tap visa-approve", "offline": {"on": true, "floor_minor": 5000},
    }))
}

#[test]
fn without_a_line_only_small_chip_sales_are_approved() {
    let mut shop = offline_shop();
    let outcome = shop.sale("s-1", 5000);
    assert!(outcome.approved && outcome.offline);
    assert_eq!(outcome.response_code, "Y3");
    assert_eq!(shop.sale("s-2", 5001).response_code, "Z3");
    assert_eq!(
        shop.paid(request("h", Purpose::Authorize, 100))
            .response_code,
        "Z3"
    );
    assert_eq!(
        shop.changed("f", Purpose::Refund, 100, "s-1").response_code,
        "12"
    );
    let stripe =
        json!({"auto": "swipe visa-approve", "offline": {"on": true, "floor_minor": 5000}});
    assert_eq!(Shop::with(&stripe).sale("s", 100).response_code, "Z3");
    let online = json!({"action": "offline", "on": false});
    shop.act(online);
    let outcome = shop.sale("s-3", 9000);
    assert!(outcome.approved && !outcome.offline);
}

#[test]
fn offline_approvals_are_collected_at_the_close() {
    let mut shop = offline_shop();
    for (id, minor) in [("s-1", 1000), ("s-2", 2000), ("s-3", 3000)] {
        assert!(shop.sale(id, minor).offline);
    }
    assert_eq!(shop.reverse("s-3", 3000), Ok(Ok(Reversal::Reversed)));
    assert_eq!(code(shop.reconcile("r-1", true)), "91", "there is no line");
    let mut shop = shop.restarted(&json!({}));
    assert!(shop.totals("r-0", false).collected.is_empty());
    shop.act(json!({"action": "fault", "fault": "reject", "amount_minor": 2000}));
    let closed = shop.totals("r-1", true);
    let row = |id: &str, accepted| Collected {
        transaction_id: id.into(),
        accepted,
    };
    assert_eq!(closed.collected, [row("s-1", true), row("s-2", false)]);
    assert_eq!(closed.totals[0].sales_minor, 1000);
    assert_eq!(shop.totals("r-1", true), closed, "told again");
    shop.stands("s-1", "approved", 1000);
    shop.stands("s-2", "uncollected", 2000);
    assert!(shop.totals("r-2", true).collected.is_empty());
    assert_eq!(
        shop.changed("f-2", Purpose::Refund, 1, "s-2").response_code,
        "12"
    );
}

#[test]
fn a_close_whose_answer_is_lost_is_told_again() {
    let mut shop = Shop::automatic();
    shop.sale("s-1", 1000);
    shop.fault("lose_answer", "reconcile_answer");
    assert_eq!(sent(shop.reconcile("r-1", true)), Sent::Maybe);
    let told = shop.totals("r-1", true);
    assert_eq!(
        (told.batch.as_str(), told.totals[0].sales_minor),
        ("000001", 1000)
    );
    assert_eq!(shop.totals("r-2", false).batch, "000002");
}
