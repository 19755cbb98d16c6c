// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a card is presented for: shown to its holder, told to the chip, sealed for the gateway.

use super::*;
use payhal_card_data::Purpose as SealedPurpose;
use payhal_plugin::PluginError;

struct Case {
    purpose: Purpose,
    total_minor: i64,
    cashback_minor: Option<i64>,
    shown: [&'static str; 2],
    sealed: SealedPurpose,
    transaction_type: &'static str,
    done: &'static str,
}

const CASES: [Case; 7] = [
    Case {
        purpose: Purpose::Sale,
        total_minor: 3250,
        cashback_minor: None,
        shown: ["Sale 32.50 EUR", ""],
        sealed: SealedPurpose::Sale,
        transaction_type: "00",
        done: "Approved",
    },
    Case {
        purpose: Purpose::Sale,
        total_minor: 3250,
        cashback_minor: Some(2000),
        shown: ["Sale 32.50 EUR", "Cash 20.00"],
        sealed: SealedPurpose::Sale,
        transaction_type: "09",
        done: "Approved",
    },
    Case {
        purpose: Purpose::Refund,
        total_minor: 3250,
        cashback_minor: None,
        shown: ["Refund 32.50 EUR", ""],
        sealed: SealedPurpose::Refund,
        transaction_type: "20",
        done: "Refunded",
    },
    Case {
        purpose: Purpose::Authorize,
        total_minor: 3250,
        cashback_minor: None,
        shown: ["Hold 32.50 EUR", ""],
        sealed: SealedPurpose::Authorize,
        transaction_type: "00",
        done: "Amount held",
    },
    Case {
        purpose: Purpose::Verify,
        total_minor: 0,
        cashback_minor: None,
        shown: ["Card check", ""],
        sealed: SealedPurpose::Verify,
        transaction_type: "00",
        done: "Card accepted",
    },
    Case {
        purpose: Purpose::Balance,
        total_minor: 0,
        cashback_minor: None,
        shown: ["Balance", ""],
        sealed: SealedPurpose::Balance,
        transaction_type: "31",
        done: "Ask the cashier",
    },
    Case {
        purpose: Purpose::CashAdvance,
        total_minor: 3250,
        cashback_minor: None,
        shown: ["Cash 32.50 EUR", ""],
        sealed: SealedPurpose::CashAdvance,
        transaction_type: "01",
        done: "Approved",
    },
];

impl Case {
    fn amounts(&self) -> Amounts {
        Amounts {
            currency: "EUR".into(),
            total_minor: self.total_minor,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: self.cashback_minor,
        }
    }

    fn present(&self) -> Present {
        Present {
            estimated: false,
            total_minor_max: None,
            again: false,
            tip_choices: Vec::new(),
            transaction_id: "t-1".into(),
            purpose: self.purpose,
            amounts: self.amounts(),
            entries: vec![Entry::Chip],
            timeout_ms: 30_000,
        }
    }

    fn authorize(&self, shop: &Shop, presentation: &Presentation) -> AuthorizeCard {
        AuthorizeCard {
            purpose: self.purpose,
            amounts: self.amounts(),
            ..shop.request(presentation)
        }
    }
}

/// Inserts the card while the reader waits, and answers what the display says then.
fn presented(shop: &mut Shop, case: &Case) -> (Presentation, Vec<String>) {
    let seen = Arc::new(std::sync::Mutex::new(Value::Null));
    let (simulator, kept) = (Arc::clone(&shop.simulator), Arc::clone(&seen));
    shop.bench.at(shop.bench.passed(), move || {
        *kept.lock().unwrap() = simulator.simulate(json!({"action": "screen"})).unwrap();
        let card = json!({"action": "insert", "card": "visa-approve"});
        simulator.simulate(card).unwrap();
    });
    let presentation = shop.reader.present(case.present(), &shop.bench.call());
    let lines = seen.lock().unwrap()["screen"]["lines"].clone();
    let lines = serde_json::from_value(lines).unwrap();
    (presentation.unwrap().unwrap(), lines)
}

#[test]
fn every_purpose_is_shown_told_and_sealed() {
    for case in &CASES {
        let mut shop = Shop::new();
        let (presentation, lines) = presented(&mut shop, case);
        assert_eq!(lines[..2], case.shown, "{:?}", case.purpose);
        let request = case.authorize(&shop, &presentation);
        let read = shop.reader.authorize_card(request, &shop.bench.call());
        let read = read.unwrap().unwrap();
        assert_eq!(read.tags["9C"], case.transaction_type);
        assert_eq!(read.tags["9F02"], format!("{:012}", case.total_minor));
        let cash = case.cashback_minor.unwrap_or(0);
        assert_eq!(read.tags["9F03"], format!("{cash:012}"));
        let inner = shop.opened(&read).inner;
        assert_eq!(inner.purpose, case.sealed);
        assert_eq!(inner.amounts.total_minor, case.total_minor);
        assert_eq!(inner.amounts.cashback_minor, case.cashback_minor);
        let completion = shop.complete(&presentation, approved()).unwrap().unwrap();
        assert!(completion.accepted);
        assert_eq!(shop.screen()[1], case.done);
        assert_no_card(&serde_json::to_string(&read).unwrap());
    }
}

#[test]
fn a_change_of_an_earlier_authorization_lights_no_reader() {
    let mut shop = Shop::new();
    let before = shop.screen();
    for purpose in [Purpose::Capture, Purpose::Adjust] {
        let request = Present {
            estimated: false,
            purpose,
            ..CASES[0].present()
        };
        let outcome = shop.reader.present(request, &shop.bench.call());
        assert_eq!(outcome, Err(PluginError::Unsupported));
        assert_eq!(shop.screen(), before);
        let presentation = shop.presented("insert", "visa-approve");
        let request = AuthorizeCard {
            purpose,
            ..CASES[0].authorize(&shop, &presentation)
        };
        let outcome = shop.reader.authorize_card(request, &shop.bench.call());
        assert_eq!(outcome, Err(PluginError::Unsupported));
        shop.act(json!({"action": "remove"})).unwrap();
    }
}
