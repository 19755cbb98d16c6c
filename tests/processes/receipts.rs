// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a receipt fits the paper it is asked for, says what the answer said, and shows no
//! more of a card than its copy may.

use crate::host::{Host, Setup};
use crate::register::{Register, sale};
use payhal_client::CallError;
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::payment::Approved;
use payhal_client::protocol::transaction::{ReceiptCopy, ReceiptFormat, ReceiptParams};
use serde_json::{Value, json};

const READER: &str = "reader-1";
const COPIES: [ReceiptCopy; 2] = [ReceiptCopy::Merchant, ReceiptCopy::Customer];

async fn sold(card: &str) -> (Host, Register, Approved) {
    let setup = Setup::automatic(1, card).acceptor("shop-0815", "till-4711");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let mut params = sale("k", 1250, READER);
    params.reference = Some("table <b>7</b> & window".to_owned());
    let approved = register.sell_alone(&params).await.approved();
    (host, register, approved)
}

async fn receipt(
    register: &Register,
    of: &Approved,
    copy: ReceiptCopy,
    format: ReceiptFormat,
    columns: Option<u32>,
) -> Result<Value, CallError> {
    let params = ReceiptParams {
        transaction_id: of.transaction_id.clone(),
        copy,
        format,
        columns,
        reprint: None,
    };
    register.0.request(&params).await.map(|told| told.content)
}

#[tokio::test]
async fn a_receipt_fits_every_paper() {
    let (_host, register, sold) = sold("insert mastercard-signature").await;
    for copy in COPIES {
        for columns in [24, 32, 40, 48] {
            let text = receipt(&register, &sold, copy, ReceiptFormat::Text, Some(columns)).await;
            let text = text.unwrap();
            let text = text.as_str().unwrap();
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert_eq!(widest, Some(columns as usize), "{text}");
            for wanted in ["12.50 EUR", "DUPLICATE", "shop-0815", "till-4711"] {
                assert!(text.contains(wanted), "{wanted}:\n{text}");
            }
            let signs = text.contains(&"_".repeat(columns as usize));
            assert_eq!(signs, copy == ReceiptCopy::Merchant, "{text}");
        }
    }
    let wrong = json!({
        "transaction_id": sold.transaction_id, "copy": "customer", "format": "text", "columns": 33,
    });
    let refused = register.0.call::<_, Value>("payment.receipt", &wrong).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.name(), Some(ErrorName::InvalidParams));
}

#[tokio::test]
async fn every_form_says_the_same_and_hides_the_card() {
    let (_host, register, sold) = sold("tap visa-approve").await;
    let masked = sold.card.as_ref().unwrap().masked_pan.clone();
    let last_four = format!("{}1111", "*".repeat(12));
    for copy in COPIES {
        let shown = match copy {
            ReceiptCopy::Merchant => &masked,
            ReceiptCopy::Customer => &last_four,
        };
        let fields = receipt(&register, &sold, copy, ReceiptFormat::Json, None).await;
        let fields = fields.unwrap();
        assert_eq!(fields["title"], "SALE");
        assert_eq!(fields["status"], "APPROVED");
        assert_eq!(fields["duplicate"], true);
        assert_eq!(fields["fields"]["total"], "12.50 EUR");
        assert_eq!(fields["fields"]["card"], shown.as_str());
        assert_eq!(fields["fields"]["merchant"], "shop-0815");
        let page = receipt(&register, &sold, copy, ReceiptFormat::Html, None).await;
        let page = page.unwrap();
        let page = page.as_str().unwrap();
        for line in fields["lines"].as_array().unwrap() {
            let value = line["value"].as_str().unwrap();
            let value = value.replace('&', "&amp;").replace('<', "&lt;");
            assert!(
                page.contains(&value.replace('>', "&gt;")),
                "{value}: {page}"
            );
        }
        assert!(!page.contains("<b>7") && !page.contains("style="), "{page}");
    }
    assert!(sold.receipts.customer.contains(&last_four));
    assert!(!sold.receipts.customer.contains("DUPLICATE"));
}

#[tokio::test]
async fn without_an_acceptor_none_is_made_up() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    let sold = register.sell_alone(&sale("k", 1250, READER)).await;
    let sold = sold.approved();
    for text in [&sold.receipts.merchant, &sold.receipts.customer] {
        let made_up = text
            .lines()
            .any(|line| line.starts_with("Merchant ") || line.starts_with("Terminal "));
        assert!(!made_up, "{text}");
    }
    assert_eq!(sold.acceptor, None);
}
