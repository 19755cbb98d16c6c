// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tip that the customer chooses on the reader.

use super::*;
use payhal_messages::reader::TipChoice;

fn asking(total_minor_max: Option<i64>) -> Present {
    Present {
        estimated: false,
        total_minor_max,
        again: false,
        tip_choices: Vec::new(),
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

/// Five and ten per cent of 12.50.
fn offering() -> Present {
    let choice = |label: &str, minor| TipChoice {
        label: label.into(),
        minor,
    };
    Present {
        tip_choices: vec![choice("5%", 63), choice("10%", 125)],
        ..asking(Some(1500))
    }
}

#[test]
fn a_tip_that_is_offered_is_chosen_by_its_key() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    shop.bench.at(Duration::ZERO, move || {
        let picture = || simulator.simulate(json!({"action": "screen"})).unwrap();
        let asked = json!({"lines": ["Sale 12.50 EUR", "", "Present card", "Tip? 1=5% 2=10%"]});
        assert_eq!(picture()["screen"], asked);
        let offered = json!([{"label": "5%", "minor": 63}, {"label": "10%", "minor": 125}]);
        assert_eq!(picture()["waiting"]["tip_choices"], offered);
        let none = simulator.simulate(json!({"action": "tip", "choice": 3}));
        assert_eq!(none, Err("the reader does not offer this tip".to_owned()));
        let taken = simulator.simulate(json!({"action": "tip", "choice": 2}));
        assert_eq!(taken, Ok(json!({"tip": 125})));
        assert_eq!(picture()["screen"]["lines"][1], "Tip 1.25");
    });
    assert_eq!(tip_of(&mut shop, offering()), Some(125));

    // On its own keypad; and no choice is none.
    shop.later(json!({"action": "keys", "keys": "1"}));
    assert_eq!(tip_of(&mut shop, offering()), Some(63));
    assert_eq!(tip_of(&mut shop, offering()), None);
}
