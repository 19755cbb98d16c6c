// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that an amount keeps its minor units from the register to the ledger, whatever places its
//! currency has, and that what a gateway does not take never lights up a reader.

use crate::host::{Host, Setup};
use crate::register::{Register, approved, eur, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{RefundParams, SaleParams};
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};
use serde_json::Value;

const READER: &str = "reader-1";
/// The largest amount the API takes.
const MOST: i64 = 999_999_999_999;

fn in_currency(key: &str, minor: i64, currency: &str) -> SaleParams {
    let mut params = sale(key, 1, READER);
    params.amount = Some(Amount::new(minor, currency));
    params
}

async fn shop(setup: &Setup) -> (Host, Register) {
    let host = Host::start(setup).await;
    let register = host.register("till-1").await;
    (host, register)
}

#[tokio::test]
async fn places_are_those_of_the_currency() {
    let (host, register) = shop(&Setup::automatic(1, "tap visa-approve")).await;
    let cases = [
        (1250, "CLP", "1250 CLP"),
        (1250, "JPY", "1250 JPY"),
        (1250, "EUR", "12.50 EUR"),
        (1250, "BHD", "1.250 BHD"),
        (7, "KWD", "0.007 KWD"),
        (MOST, "CLP", "999999999999 CLP"),
        (MOST, "BHD", "999999999.999 BHD"),
    ];
    for (number, (minor, currency, printed)) in cases.into_iter().enumerate() {
        let key = format!("k{number}");
        let sold = register
            .sell_alone(&in_currency(&key, minor, currency))
            .await;
        let sold = sold.approved();
        assert_eq!(sold.amounts.approved, Some(Amount::new(minor, currency)));
        for receipt in [&sold.receipts.merchant, &sold.receipts.customer] {
            assert!(receipt.contains(printed), "{printed}:\n{receipt}");
        }
        let back = RefundParams::of(
            format!("r{number}"),
            sold.transaction_id,
            Amount::new(1, currency),
        );
        approved(register.0.refund(&back)).await;
    }
    let kept = host
        .ledger()
        .rows("SELECT amount_minor, currency FROM entry WHERE kind = 'sale' ORDER BY seq");
    let sent = cases.map(|(minor, currency, _)| vec![minor.to_string(), currency.to_owned()]);
    assert_eq!(kept, sent);
}

#[tokio::test]
async fn a_refund_is_in_the_currency_of_its_sale() {
    let (host, register) = shop(&Setup::automatic(1, "tap visa-approve")).await;
    let sold = register.sell_alone(&in_currency("a", 5000, "CLP")).await;
    let sold = sold.approved().transaction_id;
    let back = RefundParams::of("b", sold, eur(10));
    crate::register::not_allowed(register.0.refund(&back)).await;
    host.ledger().assert(&[("sale", "approved", 5000)]);
}

#[tokio::test]
async fn what_the_gateway_does_not_take_is_refused_before_the_reader_lights_up() {
    let setup = Setup::readers(1).gateway("{ currencies = [\"EUR\"] }");
    let (host, register) = shop(&setup).await;
    let played = register.sell_alone(&in_currency("k", 1250, "CLP")).await;
    assert_eq!(played.stages(), []);
    let refused = played.refused(ErrorName::AmountInvalid, Failed);
    let told = refused.says(MoneyMoved::No, Retry::Never);
    let detail = told.detail.unwrap();
    assert!(detail.contains("CLP"), "{detail}");
    assert_eq!(register.device(READER).await.state, DeviceState::Ready);
    host.ledger().assert(&[]);
    // It used up no key.
    let euros = sale("k", 1250, READER);
    let sold = register.sell(&euros, "tap", "visa-approve").await;
    sold.approved();
}

#[tokio::test]
async fn an_amount_beyond_what_is_exact_everywhere_is_refused() {
    let (host, register) = shop(&Setup::automatic(1, "tap visa-approve")).await;
    for (key, minor) in [("a", MOST + 1), ("b", 0), ("c", -1), ("d", i64::MAX)] {
        let params = sale(key, minor, READER);
        let sent = register.0.call::<_, Value>("payment.sale", &params).await;
        let refused = sent.unwrap_err();
        assert_eq!(refused.name(), Some(ErrorName::AmountInvalid), "{minor}");
    }
    host.ledger().assert(&[]);
}
