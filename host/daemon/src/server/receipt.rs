// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receipts of approved transactions: lines of text, fields, or a fragment of HTML.
//!
//! Everything on a receipt comes from the recorded answer; the card is as masked as it is there.

use super::convert::rfc3339;
use payhal_engine::answer::Approved;
use payhal_engine::card::{Cvm, Entry};
use payhal_engine::money::Currency;
use payhal_engine::request::Kind;
use payhal_protocol::payment::Receipts;
use payhal_protocol::transaction::ReceiptCopy;
use serde_json::{Map, Value, json};

/// Columns of the text form: the narrowest paper in common use.
const COLUMNS: usize = 32;

/// What a receipt is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// What was done.
    pub(super) kind: Kind,
    /// The recorded answer.
    pub(super) approved: &'a Approved,
}

/// An amount as people write it: `12.50 EUR`, with the currency's own digits.
pub(super) fn money(minor: i64, currency: Currency) -> String {
    let digits = usize::from(currency.exponent().unwrap_or(0));
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{:0width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction} {}", currency.code())
}

impl Source<'_> {
    fn title(&self) -> &'static str {
        match self.kind {
            Kind::Sale => "SALE",
            Kind::Authorize => "AUTHORIZATION",
            Kind::Capture { .. } => "CAPTURE",
            Kind::Adjust { .. } => "ADJUSTMENT",
            Kind::Refund { .. } | Kind::RefundUnreferenced | Kind::RefundByReceipt => "REFUND",
            Kind::Void { .. } | Kind::Undo { .. } => "VOID",
            Kind::Verify => "CARD CHECK",
            Kind::Balance => "BALANCE",
            Kind::CashAdvance => "CASH ADVANCE",
            Kind::BatchClose => "BATCH CLOSE",
        }
    }

    /// Label and value of each line, in order.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let approved = self.approved;
        let currency = approved.requested.total.currency;
        let mut rows = vec![("Total", money(approved.approved_minor, currency))];
        let parts = [
            ("of it tip", approved.requested.tip_minor),
            ("of it surcharge", approved.requested.surcharge_minor),
        ];
        for (label, minor) in parts {
            rows.extend(
                minor
                    .filter(|minor| *minor > 0)
                    .map(|m| (label, money(m, currency))),
            );
        }
        if let Some(card) = &approved.card {
            rows.push(("Card", card.masked_pan.to_string()));
            rows.push(("Scheme", card.scheme.to_string()));
            rows.extend(
                card.application
                    .as_ref()
                    .map(|name| ("Application", name.to_string())),
            );
            rows.extend(card.aid.as_ref().map(|aid| ("AID", aid.to_string())));
        }
        rows.extend(
            approved
                .entry
                .map(|entry| ("Entry", entry_words(entry).to_owned())),
        );
        let verified = approved.cvm.and_then(cvm_words);
        rows.extend(verified.map(|how| ("Verified by", how.to_owned())));
        rows.extend(
            approved
                .approval_code
                .as_ref()
                .map(|code| ("Approval", code.to_string())),
        );
        rows.extend(approved.rrn.as_ref().map(|rrn| ("RRN", rrn.to_string())));
        if let Some(acceptor) = &approved.acceptor {
            rows.push(("Merchant", acceptor.merchant.to_string()));
            rows.push(("Terminal", acceptor.terminal.to_string()));
        }
        rows.push(("Time", rfc3339(approved.at_micros)));
        rows
    }

    /// Lines of text.
    pub(super) fn text(&self, copy: ReceiptCopy) -> String {
        let mut lines = vec![centred(self.title()), centred("APPROVED"), String::new()];
        for (label, value) in self.rows() {
            lines.extend(line(label, &value));
        }
        if self.approved.signature_required && copy == ReceiptCopy::Merchant {
            lines.extend([String::new(), "Signature:".to_owned(), String::new()]);
            lines.push("_".repeat(COLUMNS));
        }
        lines.push(String::new());
        lines.push(centred(copy_words(copy)));
        lines.join("\n")
    }

    /// Both copies.
    pub(super) fn both(&self) -> Receipts {
        Receipts {
            merchant: self.text(ReceiptCopy::Merchant),
            customer: self.text(ReceiptCopy::Customer),
        }
    }

    /// Fields.
    pub(super) fn json(&self, copy: ReceiptCopy) -> Value {
        let rows = self.rows().into_iter();
        let fields: Map<String, Value> = rows
            .map(|(label, value)| (label.to_lowercase().replace(' ', "_"), json!(value)))
            .collect();
        json!({
            "title": self.title(),
            "copy": copy,
            "signature_line": self.approved.signature_required && copy == ReceiptCopy::Merchant,
            "fields": fields,
        })
    }

    /// A fragment of HTML.
    pub(super) fn html(&self, copy: ReceiptCopy) -> String {
        let rows: String = self
            .rows()
            .iter()
            .map(|(label, value)| format!("<tr><th>{}</th><td>{}</td></tr>", label, escaped(value)))
            .collect();
        format!(
            "<section class=\"receipt\"><h1>{}</h1><table>{rows}</table><p>{}</p></section>",
            self.title(),
            copy_words(copy)
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn centred(text: &str) -> String {
    format!("{text:^COLUMNS$}").trim_end().to_owned()
}

/// Label left, value right; on two lines where they do not fit on one.
fn line(label: &str, value: &str) -> Vec<String> {
    let taken = label.chars().count() + 1 + value.chars().count();
    if taken > COLUMNS {
        return vec![label.to_owned(), format!("{value:>COLUMNS$}")];
    }
    vec![format!("{label}{}{value}", " ".repeat(COLUMNS + 1 - taken))]
}

fn copy_words(copy: ReceiptCopy) -> &'static str {
    match copy {
        ReceiptCopy::Merchant => "Merchant copy",
        ReceiptCopy::Customer => "Customer copy",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        for (minor, currency, text) in [
            (1250, Currency::EUR, "12.50 EUR"),
            (5, Currency::EUR, "0.05 EUR"),
            (-5, Currency::EUR, "-0.05 EUR"),
            (1250, Currency::CLP, "1250 CLP"),
            (1250, Currency::BHD, "1.250 BHD"),
        ] {
            assert_eq!(money(minor, currency), text);
        }
    }

    #[test]
    fn no_line_is_wider_than_the_paper() {
        for lines in [
            line("Total", "12.50 EUR"),
            line("Time", "2026-11-21T12:00:00.123456Z"),
        ] {
            assert!(
                lines.iter().all(|line| line.chars().count() <= COLUMNS),
                "{lines:?}"
            );
        }
        assert_eq!(line("Total", "12.50 EUR")[0].chars().count(), COLUMNS);
    }

    #[test]
    fn html_is_escaped() {
        assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
