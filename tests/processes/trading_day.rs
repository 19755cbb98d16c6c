// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trading day over real parts: two tills, one reader, one bank, from the first sale to the batch
//! close. In the evening three ledgers agree to the cent: what the tills were told, the host's journal,
//! the bank's books. `tests/simulation/day.rs` has the same day in virtual time, with a host that dies.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::register::{Register, approved, eur, sale};
use payhal_client::Payment;
use payhal_client::protocol::batch::{BatchTotals, CloseParams, TotalsParams};
use payhal_client::protocol::device::SimulateParams;
use payhal_client::protocol::payment::{
    AdjustParams, AuthorizeParams, CaptureParams, CashAdvanceParams, RefundParams, SaleParams,
    UndoParams, VerifyParams, VoidParams,
};
use payhal_client::protocol::transaction::{ListParams, TransactionKind, TransactionOutcome};
use serde_json::json;
use std::collections::BTreeMap;

const READER: &str = "reader-1";

/// What the shop has of the day, minor units.
const DAY_MINOR: i64 = 21_170;

/// What each payment is worth with everything that was changed of it; what is worth nothing is not in it.
type Book = BTreeMap<String, i64>;

struct Shop {
    host: Host,
    tills: [Register; 2],
    told: Book,
    keys: u32,
}

#[derive(Clone, Copy)]
enum Brings {
    In,
    Out,
    Nothing,
}

impl Shop {
    async fn opens() -> Self {
        let host = Host::start(&Setup::automatic(1, "insert visa-approve")).await;
        let tills = [host.register("till-1").await, host.register("till-2").await];
        Self {
            host,
            tills,
            told: Book::new(),
            keys: 0,
        }
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("day-{}", self.keys)
    }

    /// A till has its answer, and books it under the payment that it is about.
    async fn books(
        &mut self,
        payment: Payment,
        of: Option<&str>,
        brings: Brings,
    ) -> Option<String> {
        let answer = soon("an answer", payment.answer()).await.ok()?;
        let id = answer.transaction_id.to_string();
        let minor = answer.amounts.approved.map_or(0, |amount| amount.minor);
        let line = self.told.entry(of.unwrap_or(&id).to_owned()).or_default();
        *line += match brings {
            Brings::In => minor,
            Brings::Out => -minor,
            Brings::Nothing => 0,
        };
        Some(id)
    }

    async fn sells(
        &mut self,
        till: usize,
        minor: i64,
        edit: impl FnOnce(&mut SaleParams),
    ) -> Option<String> {
        let mut params = sale(&self.key(), minor, READER);
        edit(&mut params);
        let payment = self.tills[till].0.sale(&params);
        self.books(payment, None, Brings::In).await
    }

    async fn sells_for(&mut self, till: usize, minor: i64) -> Option<String> {
        self.sells(till, minor, |_| ()).await
    }

    async fn refunds(&mut self, till: usize, of: &str, minor: i64) {
        let params = RefundParams::of(self.key(), of, eur(minor));
        let payment = self.tills[till].0.refund(&params);
        self.books(payment, Some(of), Brings::Out)
            .await
            .expect("a refund");
    }

    async fn voids(&mut self, till: usize, of: &str) {
        let params = VoidParams::of(self.key(), of);
        let payment = self.tills[till].0.void(&params);
        self.books(payment, Some(of), Brings::Out)
            .await
            .expect("a void");
    }

    async fn undoes(&mut self, till: usize, of: &str) {
        let params = UndoParams::of(self.key(), of);
        let payment = self.tills[till].0.undo(&params);
        self.books(payment, Some(of), Brings::Out)
            .await
            .expect("an undo");
    }

    async fn holds_and_captures(&mut self) {
        let hold = AuthorizeParams::new(self.key(), eur(10_000));
        let payment = self.tills[0].0.authorize(&hold);
        let of = self
            .books(payment, None, Brings::Nothing)
            .await
            .expect("a hold");
        let adjust = AdjustParams::of(self.key(), of.as_str(), eur(12_000));
        let payment = self.tills[0].0.adjust(&adjust);
        self.books(payment, Some(&of), Brings::Nothing)
            .await
            .expect("an adjustment");
        for minor in [7_000, 5_000] {
            let capture = CaptureParams::of(self.key(), of.as_str(), eur(minor));
            let payment = self.tills[0].0.capture(&capture);
            self.books(payment, Some(&of), Brings::In)
                .await
                .expect("a capture");
        }
        self.refunds(0, &of, 1_000).await;
    }

    async fn pays_with_a_token(&mut self) {
        let verify = VerifyParams::new(self.key());
        let token = approved(self.tills[0].0.verify(&verify)).await.token;
        let token = token.expect("a token of a checked card");
        let paid = self.sells(0, 2_500, |params| {
            params.device = None;
            params.card = serde_json::from_value(json!({ "token": token })).ok();
        });
        paid.await.expect("a sale by token");
    }

    /// The bank does something wrong once.
    async fn fault(&self, fault: &str, at: &str) {
        let mut params = SimulateParams::new("fault")
            .with("fault", fault)
            .with("at", at);
        params.device = Some(GATEWAY.into());
        self.tills[0].0.request(&params).await.expect("a fault");
    }

    async fn morning(&mut self) {
        let coffee = self.sells_for(0, 1_250).await.expect("a sale");
        self.sells_for(1, 2_000).await.expect("a sale");
        assert_eq!(
            self.sells_for(1, 905).await,
            None,
            "the issuer does not honour it"
        );
        self.holds_and_captures().await;
        self.refunds(0, &coffee, 500).await;
        let wrong = self.sells_for(1, 4_400).await.expect("a sale");
        self.voids(1, &wrong).await;
        let regretted = self.sells_for(1, 1_800).await.expect("a sale");
        self.refunds(1, &regretted, 300).await;
        self.undoes(1, &regretted).await;
        self.pays_with_a_token().await;
    }

    async fn afternoon(&mut self) {
        let cash = CashAdvanceParams::new(self.key(), eur(3_000));
        let payment = self.tills[1].0.cash_advance(&cash);
        self.books(payment, None, Brings::In).await.expect("cash");
        let back = RefundParams::new(self.key(), eur(660));
        let payment = self.tills[1].0.refund(&back);
        self.books(payment, None, Brings::Out)
            .await
            .expect("a refund to a card");
        // An answer is lost: the chip cannot wait for it, and the host takes the sale back.
        self.fault("lose_reply", "authorize").await;
        assert_eq!(self.sells_for(0, 1_370).await, None, "taken back");
        self.sells_for(1, 2_580).await.expect("a sale");
    }

    async fn evening(&mut self) -> BatchTotals {
        let looked = self.tills[0].0.batch_totals(&TotalsParams::default()).await;
        let close = CloseParams::new(self.key());
        let closed = approved(self.tills[0].0.close_batch(&close)).await.batch;
        assert_eq!(closed, looked.ok(), "what was looked at is what was closed");
        closed.expect("a close has totals")
    }

    /// The host's journal.
    async fn kept(&self) -> Book {
        let operator = self.host.operator().await;
        let all = ListParams {
            limit: Some(100),
            ..ListParams::default()
        };
        let listed = soon("the list", operator.0.request(&all)).await.unwrap();
        assert_eq!(listed.cursor, None, "a day of one page");
        let mut book = Book::new();
        for view in listed.transactions {
            if view.outcome != TransactionOutcome::Approved {
                continue;
            }
            let minor = view.amounts.approved.map_or(0, |amount| amount.minor);
            let root = view.parent.unwrap_or(view.transaction_id);
            *book.entry(root.to_string()).or_default() += match view.kind {
                TransactionKind::Sale | TransactionKind::CashAdvance | TransactionKind::Capture => {
                    minor
                }
                TransactionKind::Refund | TransactionKind::Void => -minor,
                _ => 0,
            };
        }
        worth_something(book)
    }

    /// The bank's books.
    fn booked(&self) -> Book {
        let rows = self.host.ledger().rows(
            "SELECT COALESCE(original, transaction_id), \
             CASE kind WHEN 'refund' THEN -amount_minor ELSE amount_minor END FROM entry \
             WHERE state = 'approved' AND kind IN ('sale', 'cash_advance', 'capture', 'refund')",
        );
        let mut book = Book::new();
        for row in rows {
            *book.entry(row[0].clone()).or_default() += row[1].parse::<i64>().unwrap();
        }
        worth_something(book)
    }
}

fn worth_something(mut book: Book) -> Book {
    book.retain(|_, minor| *minor != 0);
    book
}

#[tokio::test]
async fn three_ledgers_agree_after_a_trading_day() {
    let mut shop = Shop::opens().await;
    shop.morning().await;
    shop.afternoon().await;
    let totals = shop.evening().await;
    let told = worth_something(std::mem::take(&mut shop.told));
    assert_eq!(
        told,
        shop.kept().await,
        "the tills' books and the host's journal"
    );
    assert_eq!(told, shop.booked(), "the tills' books and the bank's");
    let sum: i64 = told.values().sum();
    let closed = totals
        .totals
        .iter()
        .map(|row| row.sales_minor - row.refunds_minor);
    assert_eq!(
        sum,
        closed.sum::<i64>(),
        "the tills' books and the closed batch"
    );
    assert_eq!(sum, DAY_MINOR);
}
