// SPDX-License-Identifier: MIT OR Apache-2.0
//! When are two requests with one key the same request? When their money fields are.
//!
//! Never covers what a register may change between tries: time-outs, what it says it knows of,
//! the basket.

use crate::ids::Fingerprint;
use crate::money::{Amount, Amounts};
use crate::request::{MoneyRequest, Terms};
use crate::tokens::Named;
use sha2::{Digest, Sha256};

/// SHA-256 over the money fields, each with its length before it, so that no two requests have
/// one encoding.
pub fn fingerprint(request: &MoneyRequest) -> Fingerprint {
    let mut fields = Fields(Sha256::new());
    fields.text(Some("payhal fingerprint 1"));
    fields.text(Some(request.kind.name()));
    if let Some(original) = request.kind.original() {
        fields.bytes(Some(original.0.as_bytes()));
    }
    // What follows an estimate is an answer, and not part of what was asked.
    let asked = request.amounts.as_ref();
    fields.amounts(asked.filter(|_| request.terms.estimate.is_none()));
    fields.amount(request.amount_max.as_ref());
    fields.text(request.reference.as_deref());
    fields.text(request.device.as_ref().map(|device| &*device.0));
    fields.text(request.gateway.as_ref().map(|gateway| &*gateway.0));
    fields.terms(&request.terms);
    Fingerprint(fields.0.finalize().into())
}

struct Fields(Sha256);

impl Fields {
    /// Absent and empty differ.
    fn bytes(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            self.0.update([0]);
            return;
        };
        self.0.update([1]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        self.bytes(text.map(str::as_bytes));
    }

    fn number(&mut self, number: Option<i64>) {
        self.bytes(
            number
                .map(i64::to_be_bytes)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        );
    }

    fn amount(&mut self, amount: Option<&Amount>) {
        self.number(amount.map(|amount| amount.minor));
        self.text(amount.map(|amount| amount.currency.code()));
    }

    /// Nothing for a plain request.
    fn terms(&mut self, terms: &Terms) {
        if let Some(token) = &terms.token {
            self.text(Some("token"));
            self.text(Some(token));
        }
        match &terms.stored {
            Some(Named::Id(id)) => {
                self.text(Some("token id"));
                self.bytes(Some(id.0.as_bytes()));
            }
            Some(Named::Reference(reference)) => {
                self.text(Some("token reference"));
                self.text(Some(reference));
            }
            None => {}
        }
        if let Some(keep) = &terms.keep {
            self.text(Some("keep"));
            self.text(keep.reference.as_deref());
            self.text(keep.custom.as_deref());
            self.number(Some(keep.card.into()));
            self.bytes(keep.from.as_ref().map(|from| from.0.as_bytes().as_slice()));
        }
        if let Some(code) = &terms.voice_code {
            self.text(Some("voice"));
            self.text(Some(code));
        }
        if let Some(count) = terms.installments {
            self.text(Some("installments"));
            self.number(Some(count.into()));
        }
        if terms.allow_offline {
            self.text(Some("offline"));
        }
        if let Some(estimate) = &terms.estimate {
            self.text(Some("estimate"));
            self.amount(Some(&estimate.amount));
        }
        if terms.bypass_surcharge {
            self.text(Some("bypass surcharge"));
        }
        if let Some(presentation) = &terms.presentation {
            self.text(Some("presentation"));
            self.text(Some(presentation));
        }
        if let Some(receipt) = &terms.receipt {
            self.text(Some("receipt"));
            self.text(receipt.reference.as_deref());
            self.text(receipt.rrn.as_deref());
            self.number(Some(receipt.at_micros));
            self.number(Some(receipt.amount_minor));
        }
    }

    fn amounts(&mut self, amounts: Option<&Amounts>) {
        self.amount(amounts.map(|amounts| &amounts.total));
        self.number(amounts.and_then(|amounts| amounts.tip_minor));
        self.number(amounts.and_then(|amounts| amounts.surcharge_minor));
        self.number(amounts.and_then(|amounts| amounts.cashback_minor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delayed::Estimate;
    use crate::ids::TransactionId;
    use crate::money::Currency;
    use crate::request::{Kind, Receipt};
    use uuid::Uuid;

    fn request() -> MoneyRequest {
        let total = Amount {
            minor: 1_000,
            currency: Currency::EUR,
        };
        MoneyRequest {
            key: "k".into(),
            kind: Kind::Sale,
            amounts: Some(Amounts {
                total,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            }),
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            order: None,
            terms: Terms::default(),
        }
    }

    #[test]
    fn money_fields_count_and_no_others() {
        let plain = fingerprint(&request());
        let mut same = request();
        same.timeout_ms = Some(5);
        same.despite.push(TransactionId(Uuid::nil()));
        same.order = Some("{}".into());
        same.key = "other".into();
        assert_eq!(fingerprint(&same), plain);

        let original = TransactionId(Uuid::nil());
        let changes: [fn(&mut MoneyRequest); 17] = [
            |r| {
                r.kind = Kind::Refund {
                    original: TransactionId(Uuid::nil()),
                }
            },
            |r| r.amounts.as_mut().unwrap().total.minor += 1,
            |r| r.amounts.as_mut().unwrap().total.currency = Currency::USD,
            |r| r.amounts.as_mut().unwrap().tip_minor = Some(0),
            |r| r.amounts.as_mut().unwrap().cashback_minor = Some(0),
            |r| r.amount_max = Some(r.amounts.unwrap().total),
            |r| r.reference = Some("".into()),
            |r| r.device = Some("".into()),
            |r| r.gateway = Some("".into()),
            |r| r.terms.token = Some("".into()),
            |r| r.terms.voice_code = Some("".into()),
            |r| r.terms.installments = Some(2),
            |r| r.terms.allow_offline = true,
            |r| r.terms.bypass_surcharge = true,
            |r| r.terms.presentation = Some("".into()),
            |r| {
                let amount = r.amounts.take().unwrap().total;
                let timeout_ms = None;
                r.terms.estimate = Some(Estimate { amount, timeout_ms });
            },
            |r| {
                r.terms.receipt = Some(Receipt {
                    reference: None,
                    rrn: None,
                    at_micros: 0,
                    amount_minor: 1,
                })
            },
        ];
        let mut seen = vec![plain];
        for change in changes {
            let mut other = request();
            change(&mut other);
            let print = fingerprint(&other);
            assert!(!seen.contains(&print));
            seen.push(print);
        }
        let mut void = request();
        void.kind = Kind::Void { original };
        assert!(!seen.contains(&fingerprint(&void)));
    }
}
