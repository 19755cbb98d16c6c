// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is on a receipt, row by row, whatever it is printed on.

use super::source::{Source, Verdict};
use super::text::clean;
use crate::amount;
use jiff::tz::TimeZone;
use payhal_engine::answer::{Approved, Outcome, Refused};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::conversion::Conversion;
use payhal_engine::gateway::Totals;
use payhal_engine::money::Currency;
use payhal_engine::request::Kind;
use payhal_protocol::payment::Signature;
use payhal_protocol::transaction::ReceiptCopy;

/// One row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Row {
    /// What it is of.
    Title(String),
    /// A sentence in the middle.
    Note(String),
    /// Label and value.
    Pair(String, String),
    /// Nothing.
    Blank,
    /// Where the customer signs.
    Signature,
    /// What the customer drew.
    Signed(Box<Signature>),
}

/// A receipt's rows.
#[derive(Debug)]
pub(super) struct Slip {
    pub(super) title: &'static str,
    pub(super) status: String,
    pub(super) rows: Vec<Row>,
}

impl Slip {
    pub(super) fn new(
        source: &Source<'_>,
        copy: ReceiptCopy,
        duplicate: bool,
        zone: &TimeZone,
    ) -> Self {
        let title = title(source.kind);
        let status = status(source);
        let mut slip = Self {
            title,
            rows: vec![Row::Title(title.to_owned()), Row::Note(status.clone())],
            status,
        };
        if duplicate {
            slip.note("DUPLICATE");
        }
        slip.rows.push(Row::Blank);
        let at_micros = match source.verdict {
            Verdict::Approved(approved) => {
                slip.approved_amounts(source.kind, approved);
                approved.at_micros
            }
            Verdict::Refused { refused, .. } => {
                slip.refused_amounts(source, refused);
                refused.at_micros
            }
        };
        slip.card(source, copy);
        slip.references(source);
        slip.pair("Time", local(at_micros, zone));
        slip.closing(source, copy);
        slip
    }

    fn pair(&mut self, label: &str, value: impl AsRef<str>) {
        let value = clean(value.as_ref());
        self.rows.push(Row::Pair(label.to_owned(), value));
    }

    fn maybe(&mut self, label: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.pair(label, value);
        }
    }

    fn note(&mut self, text: &str) {
        self.rows.push(Row::Note(text.to_owned()));
    }

    fn money(&mut self, label: &str, minor: i64, currency: Currency) {
        self.pair(label, amount::minor(minor, currency.code()));
    }

    fn approved_amounts(&mut self, kind: Kind, approved: &Approved) {
        let currency = approved.requested.total.currency;
        let extras = &approved.extras;
        if let Some(label) = amount_label(kind) {
            self.money(label, approved.approved_minor, currency);
        }
        if approved.partial {
            self.money("Asked", approved.requested.total.minor, currency);
        }
        let parts = [
            (
                "of it tip",
                extras.tip_minor.or(approved.requested.tip_minor),
            ),
            (
                "of it surcharge",
                extras
                    .surcharge_minor
                    .or(approved.requested.surcharge_minor),
            ),
            ("of it cash", approved.requested.cashback_minor),
        ];
        for (label, minor) in parts {
            if let Some(minor) = minor.filter(|minor| *minor > 0) {
                self.money(label, minor, currency);
            }
        }
        if let Some(dcc) = &approved.dcc {
            self.dcc(kind, dcc, currency);
        }
        if let Some(minor) = extras.balance_minor {
            self.money("Balance", minor, currency);
        }
        if let Some(totals) = &extras.totals {
            self.totals(totals);
        }
    }

    /// Both amounts, how one became the other, and whose choice it was: as the schemes want it.
    fn dcc(&mut self, kind: Kind, dcc: &Conversion, shop: Currency) {
        let code = dcc.amount.currency.code();
        self.money("In your currency", dcc.amount.minor, dcc.amount.currency);
        self.pair("Rate", format!("1 {} = {} {code}", shop.code(), dcc.rate));
        self.pair("of it markup", dcc.markup().to_string());
        if matches!(kind, Kind::Sale | Kind::Authorize) {
            self.note(&format!("I CHOSE TO PAY IN {code}"));
        }
    }

    fn totals(&mut self, totals: &Totals) {
        self.pair("Batch", &totals.batch);
        for row in &totals.rows {
            let of = |what: &str, count: u64| format!("{what} {count}");
            self.money(&of("Sales", row.sales), row.sales_minor, row.currency);
            self.money(&of("Refunds", row.refunds), row.refunds_minor, row.currency);
        }
        let taken = totals.collected.iter().filter(|one| one.accepted).count();
        let lost = totals.collected.len() - taken;
        for (label, count) in [("Offline collected", taken), ("Offline REFUSED", lost)] {
            if count > 0 {
                self.pair(label, count.to_string());
            }
        }
    }

    fn refused_amounts(&mut self, source: &Source<'_>, refused: &Refused) {
        if let (Some(amounts), Some(_)) = (&source.amounts, amount_label(source.kind)) {
            self.money("Asked", amounts.total.minor, amounts.total.currency);
        }
        self.maybe("Response", refused.response_code.as_deref());
        self.maybe("Reason", refused.response_text.as_deref());
    }

    fn card(&mut self, source: &Source<'_>, copy: ReceiptCopy) {
        if let Some(card) = source.card {
            self.pair("Card", masked(card, copy));
            self.pair("Scheme", &card.scheme);
            self.maybe("Application", card.application.as_deref());
            self.maybe("AID", card.aid.as_deref());
        }
        self.maybe("Entry", source.entry.map(entry_words));
        self.maybe("Verified by", source.cvm.and_then(cvm_words));
    }

    fn references(&mut self, source: &Source<'_>) {
        if let Verdict::Approved(approved) = source.verdict {
            self.maybe("Approval", approved.approval_code.as_deref());
            self.maybe(
                "Response",
                Some(&*approved.response_code).filter(|code| !code.is_empty()),
            );
            self.maybe("RRN", approved.rrn.as_deref());
            self.maybe("Token", approved.extras.token.as_deref().map(last_of_token));
        }
        self.maybe("Trace", source.stan.map(|stan| format!("{stan:06}")));
        if let Some(acceptor) = source.acceptor {
            self.maybe("Merchant", configured(&acceptor.merchant));
            self.maybe("Terminal", configured(&acceptor.terminal));
        }
        self.maybe("Reference", source.reference);
        self.pair("Transaction", source.transaction_id.to_string());
    }

    fn closing(&mut self, source: &Source<'_>, copy: ReceiptCopy) {
        if let Verdict::Approved(approved) = source.verdict {
            if approved.partial && source.cash_asked {
                self.note("NO CASH PAID OUT");
            }
            if approved.accepted_offline {
                self.note("ACCEPTED OFFLINE");
            }
            if approved.withdrawal {
                self.note("NOTHING WAS CHARGED");
            }
            match (approved.extras.offline, source.collected) {
                (true, None) => self.note("APPROVED OFFLINE, NOT YET COLLECTED"),
                (true, Some(false)) => self.note("REFUSED WHEN COLLECTED"),
                _ => {}
            }
            let signed = source.signature.clone().map(Box::new).map(Row::Signed);
            let signed = signed.or(approved.signature_required.then_some(Row::Signature));
            if let (Some(row), ReceiptCopy::Merchant) = (signed, copy) {
                self.rows.push(Row::Blank);
                self.rows.push(row);
            }
        }
        self.rows.push(Row::Blank);
        self.note(match copy {
            ReceiptCopy::Merchant => "Merchant copy",
            ReceiptCopy::Customer => "Customer copy",
        });
    }
}

/// Without a configured acceptor there is nothing to print.
fn configured(id: &str) -> Option<&str> {
    Some(id).filter(|id| !id.is_empty())
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Sale => "SALE",
        Kind::Authorize => "AUTHORIZATION",
        Kind::Capture { .. } => "CAPTURE",
        Kind::Adjust { .. } => "ADJUSTMENT",
        Kind::Refund { .. } | Kind::RefundUnreferenced | Kind::RefundByReceipt => "REFUND",
        Kind::Void { .. } => "VOID",
        Kind::Undo { .. } => "UNDO",
        Kind::Verify => "CARD CHECK",
        Kind::Balance => "BALANCE",
        Kind::CashAdvance => "CASH ADVANCE",
        Kind::BatchClose => "BATCH CLOSE",
        Kind::TokenRegister => "CARD KEPT",
        Kind::TokenUpdate => "KEPT CARD CHANGED",
        Kind::TokenDelete => "KEPT CARD DELETED",
    }
}

/// What the amount is called; nothing where there is none.
fn amount_label(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Sale => Some("Total"),
        Kind::Authorize => Some("Held"),
        Kind::Capture { .. } => Some("Captured"),
        Kind::Adjust { .. } => Some("New total"),
        Kind::Refund { .. } | Kind::RefundUnreferenced | Kind::RefundByReceipt => Some("Refunded"),
        Kind::Void { .. } | Kind::Undo { .. } => Some("Taken back"),
        Kind::CashAdvance => Some("Cash"),
        Kind::Verify
        | Kind::Balance
        | Kind::BatchClose
        | Kind::TokenRegister
        | Kind::TokenUpdate
        | Kind::TokenDelete => None,
    }
}

fn status(source: &Source<'_>) -> String {
    match source.verdict {
        Verdict::Approved(approved) if approved.partial => "APPROVED IN PART",
        Verdict::Approved(_) => "APPROVED",
        Verdict::Refused { reversed: true, .. } => "NOT CHARGED, REVERSED",
        Verdict::Refused {
            stands: Some(true), ..
        } => "CHARGED, AS WAS FOUND LATER",
        Verdict::Refused {
            stands: Some(false),
            ..
        } => "NOT CHARGED",
        Verdict::Refused { refused, .. } if refused.reversing => "NOT CHARGED, BEING REVERSED",
        Verdict::Refused { refused, .. } => match refused.reason.outcome() {
            Outcome::Declined => "DECLINED",
            Outcome::Cancelled => "CANCELLED",
            _ => "NOT CHARGED",
        },
    }
    .to_owned()
}

/// The customer's copy lies about in shops: it shows the last four digits alone.
fn masked(card: &CardFace, copy: ReceiptCopy) -> String {
    let digits: Vec<char> = card.masked_pan.chars().collect();
    let shown = match copy {
        ReceiptCopy::Merchant => return card.masked_pan.to_string(),
        ReceiptCopy::Customer => digits.len().saturating_sub(4),
    };
    let hidden = std::iter::repeat_n('*', shown);
    hidden.chain(digits[shown..].iter().copied()).collect()
}

/// Enough to find it again, too little to pay with it.
fn last_of_token(token: &str) -> String {
    let characters: Vec<char> = token.chars().collect();
    let last = match characters.len() {
        0..12 => String::new(),
        length => characters[length - 4..].iter().collect(),
    };
    format!("****{last}")
}

fn local(micros: i64, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    at.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

fn entry_words(entry: Entry) -> &'static str {
    match entry {
        Entry::Chip => "chip",
        Entry::Contactless => "contactless",
        Entry::Stripe => "stripe",
        Entry::Manual => "manual",
    }
}

/// Nothing is printed where nobody was asked.
fn cvm_words(cvm: Cvm) -> Option<&'static str> {
    match cvm {
        Cvm::None => None,
        Cvm::OnlinePin | Cvm::OfflinePin => Some("PIN"),
        Cvm::OnDevice => Some("own device"),
        Cvm::Signature => Some("signature"),
    }
}
