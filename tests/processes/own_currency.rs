// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a card of another currency pays in its own where its holder wants that, on the reader or
//! at the till; that refunds follow its rate; and that no offer holds a sale up.

use crate::host::{Host, Setup, soon};
use crate::prompts::{end, question};
use crate::register::{Played, Register, eur, sale};
use payhal_client::Payment;
use payhal_client::protocol::Amount;
use payhal_client::protocol::payment::{AuthorizeParams, CaptureParams, RefundParams, SaleParams};
use payhal_client::protocol::progress::{PromptKind, RespondParams};
use payhal_client::protocol::transaction::{AmountSought, Dcc, ListParams, TransactionOutcome};

const READER: &str = "reader-1";
const CURRENCY: &[&str] = &["confirm_currency"];
const CARD: &str = "amex-approve";

/// What it comes to at the sandbox's rate.
fn dollars(minor: i64) -> Option<Dcc> {
    Some(Dcc {
        amount: Amount::new(minor, "USD"),
        rate: "1.1282".into(),
        markup_millionths: 35_000,
    })
}

async fn shop(setup: Setup) -> (Host, Register) {
    let host = Host::start(&setup).await;
    let register = Register::connect_showing(host.ws(), "till-1", CURRENCY).await;
    (host, register)
}

/// The customer presses a key: 0 the shop's currency, 1 the card's own.
async fn press(register: &Register, index: usize) {
    register
        .act(READER, "select", &[("index", index.into())])
        .await;
}

async fn on_reader(register: &Register, params: &SaleParams, index: usize) -> Played {
    let payment = register.0.sale(params);
    register.show(READER, "insert", CARD).await;
    press(register, index).await;
    end(payment).await
}

#[tokio::test]
async fn the_customer_chooses_on_the_reader_and_everything_follows() {
    let (host, register) = shop(Setup::readers(1)).await;
    let params = sale("k-1", 1_000, READER);
    let approved = on_reader(&register, &params, 1).await.approved();
    assert_eq!(approved.amounts.dcc, dollars(1_128));
    // The shop's money, books and refunds are in the shop's currency.
    assert_eq!(approved.amounts.requested, eur(1_000));
    assert_eq!(approved.amounts.approved, Some(eur(1_000)));
    let texts = [
        "11.28 USD",
        "10.00 EUR",
        "1 EUR = 1.1282 USD",
        "3.5%",
        "I CHOSE TO PAY IN USD",
    ];
    for receipt in [&approved.receipts.customer, &approved.receipts.merchant] {
        for words in texts {
            assert!(receipt.contains(words), "{words}: {receipt}");
        }
    }
    // The same key gets the same answer, and nobody is asked again.
    let again = register.sell_alone(&params).await.approved();
    assert!(again.replayed);
    assert_eq!(again.amounts, approved.amounts);
    let seen = register.get(approved.transaction_id.as_str()).await;
    assert_eq!(seen.amounts.dcc, dollars(1_128));
    host.ledger().assert(&[("sale", "approved", 1_000)]);
    // A list tells it too, and finds it by what stands on the customer's statement.
    for (minor, code, count) in [(1_128, "USD", 1), (1_000, "EUR", 1), (1_128, "EUR", 0)] {
        let amount = Some(AmountSought {
            minor,
            currency: Some(code.into()),
        });
        let params = ListParams {
            amount,
            outcome: Some(TransactionOutcome::Approved),
            ..ListParams::default()
        };
        let listed = register.0.request(&params).await.unwrap().transactions;
        let own: Vec<_> = listed.into_iter().map(|view| view.amounts.dcc).collect();
        assert_eq!(own, vec![dollars(1_128); count], "{minor} {code}");
    }

    // Refunds come to the whole of it, at its rate.
    for (key, minor, own) in [("r-1", 400, 451), ("r-2", 600, 677)] {
        let refund = RefundParams {
            transaction_id: Some(approved.transaction_id.clone()),
            ..RefundParams::new(key, eur(minor))
        };
        let refunded = end(register.0.refund(&refund)).await.approved();
        assert_eq!(refunded.amounts.approved, Some(eur(minor)));
        assert_eq!(refunded.amounts.dcc, dollars(own));
        assert!(!refunded.receipts.customer.contains("I CHOSE"));
    }
}

#[tokio::test]
async fn a_hold_is_captured_at_its_rate() {
    let (host, register) = shop(Setup::readers(1)).await;
    let params = AuthorizeParams {
        device: Some(READER.into()),
        ..AuthorizeParams::new("k-1", eur(1_000))
    };
    let payment = register.0.authorize(&params);
    register.show(READER, "insert", CARD).await;
    press(&register, 1).await;
    let held = end(payment).await.approved();
    assert_eq!(held.amounts.dcc, dollars(1_128));
    let capture = CaptureParams::of("k-2", held.transaction_id, eur(500));
    let captured = end(register.0.capture(&capture)).await.approved();
    assert_eq!(captured.amounts.dcc, dollars(564));
    host.ledger().assert(&[
        ("authorize", "approved", 1_000),
        ("capture", "approved", 500),
    ]);
}

#[tokio::test]
async fn who_leaves_the_offer_pays_as_before() {
    let (host, register) = shop(Setup::readers(1)).await;
    let left = on_reader(&register, &sale("k-1", 1_000, READER), 0).await;
    let left = left.approved();
    assert_eq!(left.amounts.dcc, None);
    assert!(!left.receipts.customer.contains("USD"));

    // A card of no other currency, and a register that knows nothing of it.
    let payment = register.0.sale(&sale("k-2", 1_000, READER));
    register.show(READER, "insert", "visa-approve").await;
    assert_eq!(end(payment).await.approved().amounts.dcc, None);
    let plain = host.register("till-2").await;
    let payment = plain.0.sale(&sale("k-3", 1_000, READER));
    plain.show(READER, "insert", CARD).await;
    assert_eq!(end(payment).await.approved().amounts.dcc, None);
    host.ledger().assert(&[("sale", "approved", 1_000); 3]);
}

#[tokio::test]
async fn an_automatic_card_and_silence_choose_nothing() {
    let setup = Setup::automatic(1, "insert amex-approve");
    let (host, register) = shop(setup).await;
    let sold = end(register.0.sale(&sale("k-1", 1_000, READER))).await;
    assert_eq!(sold.approved().amounts.dcc, None);
    drop(host);

    let setup = Setup::readers(1).timeout("prompt_ms", 200);
    let (_host, register) = shop(setup).await;
    let payment = register.0.sale(&sale("k-1", 1_000, READER));
    register.show(READER, "insert", CARD).await;
    assert_eq!(end(payment).await.approved().amounts.dcc, None);
}

async fn answer(register: &Register, payment: &mut Payment, accepted: bool) {
    let asked = question(payment).await.expect("an offer");
    assert_eq!(asked.kind, PromptKind::ConfirmCurrency);
    assert_eq!(asked.amount, Some(Amount::new(1_128, "USD")));
    assert_eq!(asked.default, "proceed");
    for words in ["11.28 USD", "10.00 EUR", "1.1282", "3.5%"] {
        assert!(asked.text.contains(words), "{}", asked.text);
    }
    let answer = RespondParams {
        accepted: Some(accepted),
        ..RespondParams::to(asked.prompt_id)
    };
    let said = soon("the answer to an answer", register.0.request(&answer)).await;
    assert!(said.expect("it counts").accepted);
}

#[tokio::test]
async fn a_reader_that_does_not_ask_leaves_it_to_the_till() {
    let (host, register) = shop(Setup::asking(1)).await;
    for (key, accepted) in [("k-1", true), ("k-2", false)] {
        let mut payment = register.0.sale(&sale(key, 1_000, READER));
        register.show(READER, "insert", CARD).await;
        answer(&register, &mut payment, accepted).await;
        let approved = end(payment).await.approved();
        let own = dollars(1_128).filter(|_| accepted);
        assert_eq!(approved.amounts.dcc, own);
    }
    host.ledger().assert(&[("sale", "approved", 1_000); 2]);
}

#[tokio::test]
async fn it_covers_the_final_amount_with_its_tip() {
    let host = Host::start(&Setup::readers(1)).await;
    let kinds = ["confirm_currency", "set_amount"];
    let register = Register::connect_showing(host.ws(), "till-1", &kinds).await;
    let mut params = SaleParams::estimated("k-1", eur(4_000));
    params.device = Some(READER.into());
    let mut payment = register.0.sale(&params);
    register.show(READER, "insert", CARD).await;
    let asked = question(&mut payment).await.expect("the amount");
    let amount = RespondParams {
        tip: Some(eur(100)),
        ..RespondParams::amount(asked.prompt_id, eur(1_100))
    };
    soon("the answer to an answer", register.0.request(&amount))
        .await
        .unwrap();
    press(&register, 1).await;
    let approved = end(payment).await.approved();
    assert_eq!(approved.amounts.tip, Some(eur(100)));
    assert_eq!(approved.amounts.approved, Some(eur(1_100)));
    assert_eq!(approved.amounts.dcc, dollars(1_241));
}

/// A gateway that fails at the offer, and one that offers an amount that is not the rate's.
#[tokio::test]
async fn no_offer_holds_a_sale_up() {
    let setup = Setup::readers(1).timeout("offer_ms", 300);
    let (host, register) = shop(setup).await;
    let faults = [
        ("go_away", 0),
        ("refuse", 0),
        ("lose_reply", 0),
        ("contradict", 0),
        ("delay", 2_000),
    ];
    for (place, (fault, delay_ms)) in faults.into_iter().enumerate() {
        register
            .fault("sandbox", fault, "offer_currency", delay_ms)
            .await;
        let key = format!("k-{place}");
        let payment = register.0.sale(&sale(&key, 1_000, READER));
        register.show(READER, "insert", CARD).await;
        let approved = end(payment).await.approved();
        assert_eq!(approved.amounts.dcc, None, "{fault}");
    }
    host.ledger().assert(&[("sale", "approved", 1_000); 5]);
}

/// Issuers approve no part of another currency: the sandbox's ending for a part declines.
#[tokio::test]
async fn it_is_the_whole_or_nothing() {
    let (host, register) = shop(Setup::readers(1)).await;
    let part = sale("k-1", 1_002, READER);
    let refused = on_reader(&register, &part, 1).await;
    assert!(refused.answer.is_err(), "{refused:?}");
    host.ledger().assert(&[("sale", "declined", 0)]);
}

#[tokio::test]
async fn a_terminal_that_offers_by_itself_tells_it() {
    let setup = Setup::readers(0).terminal("desk", "virtual-terminal", "{ own_currency = true }");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let payment = register.0.sale(&sale("k-1", 1_000, "desk"));
    register.show("desk", "insert", CARD).await;
    register.act("desk", "select", &[("index", 1.into())]).await;
    let approved = end(payment).await.approved();
    assert_eq!(approved.amounts.approved, Some(eur(1_000)));
    assert_eq!(approved.amounts.dcc, dollars(1_128));
    assert!(approved.receipts.customer.contains("I CHOSE TO PAY IN USD"));
}
