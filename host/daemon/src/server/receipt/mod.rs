// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receipts: what is on them, and how they look as lines of text, fields, or a fragment of HTML.
//!
//! Everything on one comes from the record; the card is at most as much as the record shows, and on
//! the customer's copy its last four digits. A payment token is never printed in full.

mod drawn;
mod slip;
mod source;
mod text;

pub(super) use source::Source;

use crate::config::Merchant;
use jiff::tz::TimeZone;
use payhal_protocol::payment::Receipts;
use payhal_protocol::transaction::ReceiptCopy;
use serde_json::{Map, Value, json};
use slip::{Row, Slip};

/// What receipts are printed on.
pub(super) struct Papers<'a> {
    merchant: &'a Merchant,
    zone: TimeZone,
    /// Columns of the text form.
    pub(super) columns: usize,
    /// Whether each is marked: the first issue went out before.
    pub(super) duplicate: bool,
}

impl<'a> Papers<'a> {
    /// The merchant's usual paper, in the time zone of this machine.
    pub(super) fn new(merchant: &'a Merchant) -> Self {
        Self {
            merchant,
            zone: TimeZone::system(),
            columns: merchant.columns as usize,
            duplicate: false,
        }
    }

    fn slip(&self, source: &Source<'_>, copy: ReceiptCopy) -> Slip {
        Slip::new(source, copy, self.duplicate, &self.zone)
    }

    /// Both copies as text.
    pub(super) fn both(&self, source: &Source<'_>) -> Receipts {
        Receipts {
            merchant: self.text(source, ReceiptCopy::Merchant),
            customer: self.text(source, ReceiptCopy::Customer),
        }
    }

    /// Lines of text.
    pub(super) fn text(&self, source: &Source<'_>, copy: ReceiptCopy) -> String {
        let slip = self.slip(source, copy);
        let mut lines = text::centred(&self.merchant.header, self.columns);
        for row in &slip.rows {
            lines.extend(text::row(row, self.columns));
        }
        lines.extend(text::centred(&self.merchant.footer, self.columns));
        lines.join("\n")
    }

    /// Fields.
    pub(super) fn json(&self, source: &Source<'_>, copy: ReceiptCopy) -> Value {
        let slip = self.slip(source, copy);
        let pairs = slip.rows.iter().filter_map(|row| match row {
            Row::Pair(label, value) => Some((label, value)),
            _ => None,
        });
        let fields: Map<String, Value> = pairs
            .clone()
            .map(|(label, value)| (label.to_lowercase().replace(' ', "_"), json!(value)))
            .collect();
        let lines: Vec<Value> = pairs
            .map(|(label, value)| json!({"label": label, "value": value}))
            .collect();
        let notes = slip.rows.iter().filter_map(|row| match row {
            Row::Note(text) => Some(text),
            _ => None,
        });
        json!({
            "header": self.merchant.header,
            "title": slip.title,
            "status": slip.status,
            "copy": copy,
            "duplicate": self.duplicate,
            "notes": notes.collect::<Vec<_>>(),
            "lines": lines,
            "fields": fields,
            "signature_line": slip.rows.contains(&Row::Signature),
            "signed": slip.rows.iter().any(|row| matches!(row, Row::Signed(_))),
            "footer": self.merchant.footer,
        })
    }

    /// A fragment of HTML.
    pub(super) fn html(&self, source: &Source<'_>, copy: ReceiptCopy) -> String {
        let slip = self.slip(source, copy);
        let paragraphs = |class: &str, lines: &[String]| -> String {
            let lines = lines.iter().map(|line| escaped(&text::clean(line)));
            lines
                .map(|line| format!("<p class=\"{class}\">{line}</p>"))
                .collect()
        };
        let body: String = slip.rows.iter().map(html_row).collect();
        format!(
            "<section class=\"receipt\">{}{body}{}</section>",
            paragraphs("header", &self.merchant.header),
            paragraphs("footer", &self.merchant.footer)
        )
    }
}

fn html_row(row: &Row) -> String {
    match row {
        Row::Title(text) => format!("<h1>{}</h1>", escaped(text)),
        Row::Note(text) => format!("<p class=\"note\">{}</p>", escaped(text)),
        Row::Pair(label, value) => format!(
            "<p class=\"line\"><span>{}</span> <b>{}</b></p>",
            escaped(label),
            escaped(value)
        ),
        Row::Blank => "<hr>".to_owned(),
        Row::Signature => "<p class=\"signature\">Signature: ____________________</p>".to_owned(),
        Row::Signed(signature) => {
            let drawn = drawn::html(signature);
            format!("<p class=\"signature\">Signature: {drawn}</p>")
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
