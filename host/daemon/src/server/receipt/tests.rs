// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receipts of anything the host can record.

use super::*;
use payhal_engine::answer::{Approved, Reason, Refused};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::gateway::{Collected, CurrencyTotals, Extras, Totals};
use payhal_engine::ids::{Acceptor, TransactionId};
use payhal_engine::money::{AMOUNT_MINOR_MAX, Amount, Amounts, Currency};
use payhal_engine::request::Kind;
use payhal_engine::time::Now;
use payhal_protocol::limits::RECEIPT_COLUMNS;
use proptest::prelude::*;
use source::Verdict;

const ID: TransactionId = TransactionId(uuid::Uuid::nil());
const COPIES: [ReceiptCopy; 2] = [ReceiptCopy::Merchant, ReceiptCopy::Customer];

fn merchant() -> Merchant {
    Merchant {
        header: vec![
            "Caf\u{e9} \u{1b}Corner & Sons".to_owned(),
            "1 High Street".to_owned(),
        ],
        footer: vec!["Thank you".to_owned()],
        columns: 40,
    }
}

fn papers(merchant: &Merchant) -> Papers<'_> {
    Papers {
        zone: TimeZone::fixed(jiff::tz::offset(1)),
        ..Papers::new(merchant)
    }
}

fn face(number: &str) -> CardFace {
    CardFace {
        masked_pan: number.into(),
        scheme: "visa".into(),
        application: Some("VISA DEBIT".into()),
        aid: Some("A0000000031010".into()),
        country: None,
        expiry: None,
    }
}

fn approval(minor: i64, currency: Currency) -> Approved {
    Approved {
        transaction_id: ID,
        key: "k".into(),
        requested: Amounts {
            total: Amount { minor, currency },
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        },
        approved_minor: minor,
        partial: false,
        approval_code: Some("123456".into()),
        response_code: "00".into(),
        rrn: Some("000000000001".into()),
        stan: Some(7),
        card: Some(face("411111******1111")),
        entry: Some(Entry::Chip),
        cvm: Some(Cvm::Signature),
        signature_required: false,
        gateway: Some("bank".into()),
        device: Some("reader".into()),
        acceptor: Some(Acceptor {
            merchant: "123456789012345".into(),
            terminal: "00000001".into(),
        }),
        at_micros: 1_793_000_000_000_000,
        accepted_offline: false,
        withdrawal: false,
        dcc: None,
        extras: Extras::default(),
    }
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn text(kind: Kind, approved: &Approved, copy: ReceiptCopy) -> Vec<String> {
    let merchant = merchant();
    let source = Source {
        reference: Some("bill 4711"),
        cash_asked: true,
        ..Source::approved(kind, approved, None)
    };
    lines_of(&papers(&merchant).text(&source, copy))
}

fn has(lines: &[String], line: &str) {
    assert!(
        lines.iter().any(|found| found == line),
        "{line}: {lines:#?}"
    );
}

#[test]
fn a_sale_says_everything_that_rules_ask_for() {
    let mut sale = approval(1250, Currency::EUR);
    sale.requested.tip_minor = Some(100);
    sale.requested.cashback_minor = Some(200);
    sale.signature_required = true;
    sale.extras.token = Some("tok_0123456789abcdef".into());
    let shop = text(Kind::Sale, &sale, ReceiptCopy::Merchant);
    for line in [
        "Caf\u{e9} Corner & Sons",
        "SALE",
        "APPROVED",
        "Total 12.50 EUR",
        "of it tip 1.00 EUR",
        "of it cash 2.00 EUR",
        "Card 411111******1111",
        "Application VISA DEBIT",
        "AID A0000000031010",
        "Verified by signature",
        "Approval 123456",
        "Trace 000007",
        "Token ****cdef",
        "Merchant 123456789012345",
        "Reference bill 4711",
        "Signature:",
        "Merchant copy",
        "Thank you",
    ] {
        has(&shop, line);
    }
    assert!(
        shop.iter().any(|line| line.ends_with("+01:00")),
        "{shop:#?}"
    );
    let customer = text(Kind::Sale, &sale, ReceiptCopy::Customer);
    has(&customer, "Card ************1111");
    has(&customer, "Customer copy");
    assert!(!customer.contains(&"Signature:".to_owned()));
}

#[test]
fn a_part_is_said_to_be_one() {
    let mut part = approval(1250, Currency::EUR);
    part.partial = true;
    part.approved_minor = 600;
    let lines = text(Kind::Sale, &part, ReceiptCopy::Customer);
    for line in [
        "APPROVED IN PART",
        "Total 6.00 EUR",
        "Asked 12.50 EUR",
        "NO CASH PAID OUT",
    ] {
        has(&lines, line);
    }
    assert!(!lines.iter().any(|line| line.starts_with("of it cash")));
}

#[test]
fn what_a_terminal_says_is_on_it() {
    let mut sale = approval(1350, Currency::EUR);
    sale.extras.tip_minor = Some(100);
    sale.extras.offline = true;
    let lines = text(Kind::Sale, &sale, ReceiptCopy::Customer);
    has(&lines, "of it tip 1.00 EUR");
    has(&lines, "APPROVED OFFLINE, NOT YET COLLECTED");
}

#[test]
fn every_kind_has_its_name_and_no_amount_where_there_is_none() {
    let original = ID;
    for (kind, title, amount) in [
        (Kind::Authorize, "AUTHORIZATION", Some("Held 12.50 EUR")),
        (
            Kind::Capture { original },
            "CAPTURE",
            Some("Captured 12.50 EUR"),
        ),
        (
            Kind::Adjust { original },
            "ADJUSTMENT",
            Some("New total 12.50 EUR"),
        ),
        (
            Kind::Refund { original },
            "REFUND",
            Some("Refunded 12.50 EUR"),
        ),
        (
            Kind::RefundUnreferenced,
            "REFUND",
            Some("Refunded 12.50 EUR"),
        ),
        (
            Kind::Void { original },
            "VOID",
            Some("Taken back 12.50 EUR"),
        ),
        (Kind::CashAdvance, "CASH ADVANCE", Some("Cash 12.50 EUR")),
        (Kind::Verify, "CARD CHECK", None),
        (Kind::Balance, "BALANCE", None),
    ] {
        let lines = text(kind, &approval(1250, Currency::EUR), ReceiptCopy::Customer);
        has(&lines, title);
        match amount {
            Some(amount) => has(&lines, amount),
            None => assert!(
                !lines.iter().any(|line| line.contains("12.50")),
                "{lines:#?}"
            ),
        }
    }
}

#[test]
fn a_batch_has_its_totals() {
    let mut close = approval(0, Currency::EUR);
    close.card = None;
    let collected = |accepted| Collected {
        transaction_id: ID,
        accepted,
    };
    close.extras.totals = Some(Box::new(Totals {
        batch: "000012".into(),
        rows: vec![CurrencyTotals {
            currency: Currency::BHD,
            sales: 3,
            sales_minor: 30_500,
            refunds: 1,
            refunds_minor: 500,
        }],
        collected: vec![collected(true), collected(false)],
    }));
    let lines = text(Kind::BatchClose, &close, ReceiptCopy::Merchant);
    for line in [
        "BATCH CLOSE",
        "Batch 000012",
        "Sales 3 30.500 BHD",
        "Refunds 1 0.500 BHD",
        "Offline collected 1",
        "Offline REFUSED 1",
    ] {
        has(&lines, line);
    }
}

#[test]
fn a_decline_is_no_approval() {
    let now = Now {
        boot_ms: 0,
        wall_micros: 0,
        wall_trusted: true,
    };
    let mut refused = Refused::new(Reason::Declined, now);
    refused.response_code = Some("51".into());
    refused.response_text = Some("Insufficient funds".into());
    let card = face("************1111");
    let approved = approval(1250, Currency::EUR);
    fn source<'a>(
        approved: &'a Approved,
        card: &'a CardFace,
        refused: &'a Refused,
        reversed: bool,
    ) -> Source<'a> {
        Source {
            verdict: Verdict::Refused {
                refused,
                reversed,
                stands: None,
            },
            card: Some(card),
            ..Source::approved(Kind::Sale, approved, None)
        }
    }
    let merchant = merchant();
    let print = |source: Source<'_>| {
        let text = papers(&merchant).text(&source, ReceiptCopy::Customer);
        assert!(
            !text.contains("APPROVED") && !text.contains("Total"),
            "{text}"
        );
        lines_of(&text)
    };
    let lines = print(source(&approved, &card, &refused, false));
    for line in [
        "DECLINED",
        "Asked 12.50 EUR",
        "Response 51",
        "Reason Insufficient funds",
    ] {
        has(&lines, line);
    }
    refused.reversing = true;
    has(
        &print(source(&approved, &card, &refused, false)),
        "NOT CHARGED, BEING REVERSED",
    );
    has(
        &print(source(&approved, &card, &refused, true)),
        "NOT CHARGED, REVERSED",
    );
}

#[test]
fn a_duplicate_says_so_in_every_form() {
    let merchant = merchant();
    let mut papers = papers(&merchant);
    let approved = approval(1250, Currency::EUR);
    let source = Source::approved(Kind::Sale, &approved, None);
    let copy = ReceiptCopy::Customer;
    assert!(!papers.text(&source, copy).contains("DUPLICATE"));
    assert_eq!(papers.json(&source, copy)["duplicate"], false);
    papers.duplicate = true;
    assert!(papers.text(&source, copy).contains("DUPLICATE"));
    assert!(papers.html(&source, copy).contains("DUPLICATE"));
    assert_eq!(papers.json(&source, copy)["duplicate"], true);
    assert_eq!(papers.json(&source, copy)["fields"]["total"], "12.50 EUR");
}

#[test]
fn html_is_escaped_and_acts_on_nothing() {
    assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    let merchant = merchant();
    let approved = approval(1250, Currency::EUR);
    let source = Source {
        reference: Some("<script>\u{1b}"),
        ..Source::approved(Kind::Sale, &approved, None)
    };
    let html = papers(&merchant).html(&source, ReceiptCopy::Customer);
    assert!(
        html.contains("Corner &amp; Sons") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    assert!(!html.contains(char::is_control), "{html:?}");
}

fn currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec![
        Currency::EUR,
        Currency::CLP,
        Currency::BHD,
        Currency::JPY,
    ])
}

/// The minor units of every amount of `currency` in the text, wherever it was broken.
fn amounts_in(text: &str, currency: Currency) -> Vec<i64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let decimals = usize::from(currency.exponent().unwrap());
    words
        .windows(2)
        .filter(|pair| pair[1] == currency.code())
        .map(|pair| {
            let fraction = pair[0].split_once('.').map_or("", |(_, fraction)| fraction);
            assert_eq!(fraction.len(), decimals, "{text}");
            pair[0].replace('.', "").parse().unwrap()
        })
        .collect()
}

proptest! {
    #[test]
    fn any_receipt_fits_its_paper_and_tells_its_amounts(
        minor in 1..=AMOUNT_MINOR_MAX,
        less in 0..=100_i64,
        tip in prop::option::of(1..1000_i64),
        cash in prop::option::of(1..1000_i64),
        balance in prop::option::of(any::<i64>()),
        sums in prop::collection::vec((any::<u64>(), 0..=i64::MAX), 0..3),
        currency in currencies(),
        texts in prop::collection::vec("\\PC{0,140}|[\\x00-\\x7f]{0,140}", 6),
        signature in any::<bool>(),
        duplicate in any::<bool>(),
        columns in prop::sample::select(RECEIPT_COLUMNS.to_vec()),
    ) {
        let merchant = Merchant {
            header: vec![texts[0].clone()],
            footer: vec![texts[1].clone()],
            columns,
        };
        let mut approved = approval(minor, currency);
        approved.approved_minor = (minor - less).max(1);
        approved.partial = approved.approved_minor < minor;
        approved.requested.tip_minor = tip;
        approved.requested.cashback_minor = cash;
        approved.extras.balance_minor = balance;
        approved.signature_required = signature;
        approved.extras.token = Some(texts[2].as_str().into());
        approved.card = Some(CardFace {
            masked_pan: "************1111".into(),
            scheme: texts[3].as_str().into(),
            application: Some(texts[4].as_str().into()),
            aid: None,
            country: None,
            expiry: None,
        });
        let row = |(count, minor): (u64, i64)| CurrencyTotals {
            currency,
            sales: count,
            sales_minor: minor,
            refunds: count,
            refunds_minor: minor,
        };
        approved.extras.totals = Some(Box::new(Totals {
            batch: "1".into(),
            rows: sums.iter().copied().map(row).collect(),
            collected: Vec::new(),
        }));
        let source = Source {
            reference: Some(&texts[5]),
            ..Source::approved(Kind::Sale, &approved, None)
        };
        let mut papers = papers(&merchant);
        papers.duplicate = duplicate;
        for copy in COPIES {
            let text = papers.text(&source, copy);
            for line in text.split('\n') {
                prop_assert!(line.chars().count() <= columns as usize, "{line:?}");
                prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
            let mut told = vec![approved.approved_minor];
            told.extend(approved.partial.then_some(minor));
            told.extend(tip);
            told.extend(cash);
            told.extend(balance);
            told.extend(sums.iter().flat_map(|(_, minor)| [*minor, *minor]));
            prop_assert_eq!(amounts_in(&text, currency), told);
            let token = &texts[2];
            prop_assert!(token.chars().count() < 12 || !text.contains(token.as_str()));
            prop_assert!(!papers.html(&source, copy).contains(char::is_control));
        }
    }
}
