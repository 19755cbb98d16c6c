// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tip that the customer chooses on the reader.

use super::*;

fn asking(total_minor_max: Option<i64>) -> Present {
    Present {
        total_minor_max,
        transaction_id: "t-1".into(),
        purpose: Purpose::Sale,
        amounts: Amounts {
            tip_minor: None,
            ..euros()
        },
        entries: vec![Entry::Contactless],
        timeout_ms: 30_000,
    }
}

fn tip_of(shop: &mut Shop, request: Present) -> Option<i64> {
    shop.later(json!({"action": "tap", "card": "visa-approve"}));
    let presentation = shop.reader.present(request, &shop.bench.call());
    presentation.unwrap().unwrap().tip_minor
}

#[test]
fn a_tip_is_chosen_before_the_card_is_shown() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    shop.bench.at(Duration::ZERO, move || {
        let lines = || simulator.simulate(json!({"action": "screen"})).unwrap()["screen"].clone();
        let asked = json!({"lines": ["Sale 12.50 EUR", "", "Present card", "Tip?"]});
        assert_eq!(lines(), asked);
        let refused = simulator.simulate(json!({"action": "tip", "minor": 251}));
        assert_eq!(
            refused,
            Err("the reader does not offer this tip".to_owned())
        );
        let taken = simulator.simulate(json!({"action": "tip", "minor": 250}));
        assert_eq!(taken, Ok(json!({"tip": 250})));
        let told = json!({"lines": ["Sale 15.00 EUR", "Tip 2.50", "Present card", ""]});
        assert_eq!(lines(), told);
    });
    assert_eq!(tip_of(&mut shop, asking(Some(1500))), Some(250));
    assert_eq!(tip_of(&mut shop, asking(Some(1500))), None, "chosen once");
}

#[test]
fn nobody_who_shows_a_card_without_a_tip_waits() {
    let mut shop = Shop::new();
    assert_eq!(tip_of(&mut shop, asking(Some(1500))), None);
    shop.later(json!({"action": "tip", "minor": 0}));
    assert_eq!(tip_of(&mut shop, asking(Some(1500))), None);
    assert_eq!(shop.bench.passed(), Duration::ZERO);
    let mut shop = Shop::with(&json!({"auto": "tap visa-approve"}));
    let presentation = shop.reader.present(asking(Some(1500)), &shop.bench.call());
    assert_eq!(presentation.unwrap().unwrap().tip_minor, None);
    assert_eq!(shop.bench.passed(), Duration::ZERO);
}

#[test]
fn no_tip_is_asked_for_where_there_is_no_room_for_one() {
    let with_tip = Present {
        amounts: euros(),
        ..asking(Some(1500))
    };
    for request in [asking(None), asking(Some(1250)), asking(Some(1)), with_tip] {
        let mut shop = Shop::new();
        let simulator = Arc::clone(&shop.simulator);
        shop.bench.at(Duration::ZERO, move || {
            let picture = simulator.simulate(json!({"action": "screen"})).unwrap();
            assert_eq!(picture["waiting"]["tip"], Value::Null);
            assert_eq!(picture["screen"]["lines"][3], "");
        });
        assert_eq!(tip_of(&mut shop, request), None);
    }
}

#[test]
fn a_script_tips() {
    let mut shop = Shop::with(&json!({"script": [
        {"on": "present", "do": "tip", "minor": 200},
        {"on": "present", "do": "tap", "card": "visa-approve"},
    ]}));
    let presentation = shop.reader.present(asking(Some(1500)), &shop.bench.call());
    assert_eq!(presentation.unwrap().unwrap().tip_minor, Some(200));
}
