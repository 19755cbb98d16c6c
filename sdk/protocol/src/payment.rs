// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that move money, their answer, and the call that stops them.
//!
//! Owns `payment.sale`, `payment.refund`, `payment.void` and `payment.cancel`. It must never offer
//! a field for a card number or a PIN.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::limits::{
    BASKET_LINES_MAX, CUSTOM_BYTES_MAX, DESPITE_MAX, INSTALLMENTS_MAX, REFERENCE_CHARS_MAX,
    TEXT_CHARS_MAX,
};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars, check_id, check_key, check_timeout};
use crate::transaction::{Amounts, CardView, Cvm, EntryMode, check_one_name};

/// Params of `payment.sale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SaleParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The total the card is charged, every part included.
    pub amount: Amount,
    /// How far a tip on the device or a surcharge may raise the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_max: Option<Amount>,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether it may be accepted without asking the gateway, where configured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_offline: bool,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// How much of the total is paid out in cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// How much of the total is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// How much of the total is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
    /// In how many instalments the issuer splits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installments: Option<u32>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// Whether the gateway is always asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlinePolicy>,
    /// A code the issuer gave by telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_approval: Option<VoiceApproval>,
    /// Pay with a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// What is sold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basket: Vec<BasketLine>,
    /// Who buys, in the register's own words.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub customer: Map<String, Value>,
    /// Kept word for word with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

impl SaleParams {
    /// A sale of an amount with everything else left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, amount: Amount) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount,
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            allow_offline: false,
            despite: Vec::new(),
            cashback: None,
            tip: None,
            surcharge: None,
            installments: None,
            entry: None,
            online: None,
            voice_approval: None,
            card: None,
            basket: Vec::new(),
            customer: Map::new(),
            custom: Map::new(),
        }
    }
}

impl Validate for SaleParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        self.amount.check("amount")?;
        for (field, part) in [
            ("cashback", &self.cashback),
            ("tip", &self.tip),
            ("surcharge", &self.surcharge),
        ] {
            part.as_ref()
                .map_or(Ok(()), |part| part.check_part(&self.amount, field))?;
        }
        self.check_parts_sum()?;
        self.check_amount_max()?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        if self.entry.as_ref().is_some_and(Vec::is_empty) {
            return Err(FieldError::new(
                "entry",
                "must name at least one way, or be left out",
            ));
        }
        if self
            .installments
            .is_some_and(|count| !(1..=INSTALLMENTS_MAX).contains(&count))
        {
            let must = format!("must be an integer from 1 to {INSTALLMENTS_MAX}");
            return Err(FieldError::new("installments", must));
        }
        if let Some(voice) = &self.voice_approval {
            check_chars(&voice.code, 1, 16, "voice_approval.code")?;
        }
        if let Some(card) = &self.card {
            check_chars(&card.token, 1, TEXT_CHARS_MAX, "card.token")?;
        }
        check_basket(&self.basket)?;
        check_object(&self.customer, CUSTOM_BYTES_MAX, "customer")?;
        check_object(&self.custom, CUSTOM_BYTES_MAX, "custom")
    }
}

impl SaleParams {
    fn check_parts_sum(&self) -> Result<(), FieldError> {
        // Each part is bounded by twelve digits, so three of them cannot overflow.
        let parts = [&self.cashback, &self.tip, &self.surcharge];
        let sum: i64 = parts.into_iter().flatten().map(|part| part.minor).sum();
        if sum > self.amount.minor {
            return Err(FieldError::amount(
                "amount.minor",
                "must be the total, `cashback`, `tip` and `surcharge` included",
            ));
        }
        Ok(())
    }

    fn check_amount_max(&self) -> Result<(), FieldError> {
        let Some(most) = &self.amount_max else {
            return Ok(());
        };
        most.check("amount_max")?;
        if most.currency != self.amount.currency {
            return Err(FieldError::amount(
                "amount_max.currency",
                "must be the currency of `amount`",
            ));
        }
        if most.minor < self.amount.minor {
            return Err(FieldError::amount(
                "amount_max.minor",
                "must not be less than `amount.minor`",
            ));
        }
        Ok(())
    }
}

/// When the gateway is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnlinePolicy {
    /// As card and device decide.
    ByRule,
    /// Always.
    Always,
}

/// A code the issuer gave by telephone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoiceApproval {
    /// The code.
    pub code: String,
}

/// A payment token in place of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardToken {
    /// The token, as the gateway gave it.
    pub token: String,
}

/// One line of what is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BasketLine {
    /// What it is.
    pub name: String,
    /// The price of the line.
    pub amount: Amount,
    /// How many, as a decimal text: "2", "0.350".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The product's own number, as an EAN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_reference: Option<String>,
    /// The serial number of the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its tax category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<String>,
}

/// Params of `payment.refund`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefundParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// What is given back; at most what is left of the original.
    pub amount: Amount,
    /// The transaction it gives back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// An original this host has no record of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the original's if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// Kept word for word with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

impl RefundParams {
    /// A refund of a transaction of this host.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
        amount: Amount,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount,
            transaction_id: Some(transaction_id.into()),
            original: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            custom: Map::new(),
        }
    }
}

impl Validate for RefundParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        self.amount.check("amount")?;
        if let Some(id) = &self.transaction_id {
            check_id(id.as_str(), "transaction_id")?;
        }
        if let Some(original) = &self.original {
            if self.transaction_id.is_some() {
                return Err(FieldError::new(
                    "original",
                    "must be left out where `transaction_id` is given",
                ));
            }
            original.check()?;
        }
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_object(&self.custom, CUSTOM_BYTES_MAX, "custom")
    }
}

/// A payment this host has no record of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Original {
    /// The gateway that holds it.
    pub gateway: GatewayId,
    /// The register's reference of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The gateway's retrieval reference number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// When it was made, RFC 3339.
    pub at: String,
    /// Its amount.
    pub amount: Amount,
}

impl Original {
    fn check(&self) -> Result<(), FieldError> {
        check_id(self.gateway.as_str(), "original.gateway")?;
        match (&self.reference, &self.rrn) {
            (Some(reference), None) => {
                check_chars(reference, 1, REFERENCE_CHARS_MAX, "original.reference")?;
            }
            (None, Some(rrn)) => check_chars(rrn, 1, REFERENCE_CHARS_MAX, "original.rrn")?,
            _ => {
                return Err(FieldError::new(
                    "original.reference",
                    "must be given, or `original.rrn` instead, but not both",
                ));
            }
        }
        check_chars(&self.at, 1, 64, "original.at")?;
        self.amount.check("original.amount")
    }
}

/// Params of `payment.void`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VoidParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The transaction to take back, all of it.
    pub transaction_id: TransactionId,
    /// How long to wait for a card, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Kept word for word with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub custom: Map<String, Value>,
}

impl VoidParams {
    /// A void of a transaction of this host.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            transaction_id: transaction_id.into(),
            timeout_ms: None,
            reference: None,
            custom: Map::new(),
        }
    }
}

impl Validate for VoidParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_object(&self.custom, CUSTOM_BYTES_MAX, "custom")
    }
}

/// Result of `payment.sale`, `payment.refund` and `payment.void`: approved, and only that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approved {
    /// The host's name for it.
    pub transaction_id: TransactionId,
    /// The register's name for it.
    pub idempotency_key: IdempotencyKey,
    /// Approved, or accepted to be forwarded later.
    pub outcome: ApprovedOutcome,
    /// Its amounts.
    pub amounts: Amounts,
    /// Less than the requested amount was approved.
    pub partial: bool,
    /// The issuer's approval code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// The gateway's response code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// Retrieval reference number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// System trace audit number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stan: Option<String>,
    /// The card; absent where none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardView>,
    /// How the cardholder was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvm: Option<Cvm>,
    /// Receipts as lines of text.
    pub receipts: Receipts,
    /// The customer must sign the merchant's receipt.
    pub signature_required: bool,
    /// The gateway that approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// The device that read the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The merchant's identity at the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<Acceptor>,
    /// When it was approved, RFC 3339.
    pub at: String,
    /// This is the stored answer of an earlier call with the same key.
    pub replayed: bool,
}

/// The two ways of being approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovedOutcome {
    /// The gateway or the terminal approved it.
    Approved,
    /// Accepted without asking; `payment.resolved` tells how it went.
    AcceptedOffline,
}

/// Receipts as lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipts {
    /// The shop's copy.
    pub merchant: String,
    /// The customer's copy.
    pub customer: String,
}

/// A merchant's identity at a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptor {
    /// The merchant's id there.
    pub merchant_id: String,
    /// The terminal's id there.
    pub terminal_id: String,
}

/// Params of `payment.cancel`: one of the two names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelParams {
    /// The register's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
}

impl Validate for CancelParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_one_name(self.transaction_id.as_ref(), self.idempotency_key.as_ref())
    }
}

/// Result of `payment.cancel`. The cancelled call still gets its own one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CancelResult {
    /// What came of it.
    pub state: CancelState,
    /// The transaction, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
}

/// What came of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelState {
    /// The host is stopping it.
    Cancelling,
    /// It is stopped.
    Cancelled,
    /// The gateway or the terminal was asked already; its answer decides.
    TooLate,
    /// It had ended before.
    Finished,
    /// There is no such transaction.
    NotFound,
}

fn check_route(device: Option<&DeviceId>, gateway: Option<&GatewayId>) -> Result<(), FieldError> {
    device.map_or(Ok(()), |device| check_id(device.as_str(), "device"))?;
    gateway.map_or(Ok(()), |gateway| check_id(gateway.as_str(), "gateway"))
}

fn check_reference(reference: Option<&str>) -> Result<(), FieldError> {
    reference.map_or(Ok(()), |text| {
        check_chars(text, 1, REFERENCE_CHARS_MAX, "reference")
    })
}

fn check_despite(despite: &[TransactionId]) -> Result<(), FieldError> {
    if despite.len() > DESPITE_MAX {
        let must = format!("must name at most {DESPITE_MAX} transactions");
        return Err(FieldError::new("despite", must));
    }
    despite
        .iter()
        .try_for_each(|id| check_id(id.as_str(), "despite"))
}

fn check_basket(basket: &[BasketLine]) -> Result<(), FieldError> {
    if basket.len() > BASKET_LINES_MAX {
        let must = format!("must have at most {BASKET_LINES_MAX} lines");
        return Err(FieldError::new("basket", must));
    }
    for line in basket {
        check_chars(&line.name, 0, TEXT_CHARS_MAX, "basket[].name")?;
        for (field, text) in [
            ("basket[].quantity", &line.quantity),
            ("basket[].product_reference", &line.product_reference),
            ("basket[].serial", &line.serial),
            ("basket[].tax", &line.tax),
        ] {
            text.as_deref()
                .map_or(Ok(()), |text| check_chars(text, 0, TEXT_CHARS_MAX, field))?;
        }
    }
    Ok(())
}

/// Checks the size of a free object as JSON.
pub(crate) fn check_object(
    object: &Map<String, Value>,
    bytes_max: usize,
    field: &str,
) -> Result<(), FieldError> {
    let bytes = if object.is_empty() {
        0
    } else {
        bytes_of(object)
    };
    if bytes > bytes_max {
        return Err(FieldError::new(
            field,
            format!("must be at most {bytes_max} bytes of JSON"),
        ));
    }
    Ok(())
}

fn bytes_of(object: &Map<String, Value>) -> usize {
    serde_json::to_vec(object).map_or(usize::MAX, |bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale() -> SaleParams {
        SaleParams::new("key-1", Amount::new(1250, "EUR"))
    }

    fn field(params: &impl Validate) -> String {
        params.validate().unwrap_err().field
    }

    #[test]
    fn a_plain_sale_is_valid_and_small() {
        assert!(sale().validate().is_ok());
        assert_eq!(
            serde_json::to_string(&sale()).unwrap(),
            r#"{"idempotency_key":"key-1","amount":{"minor":1250,"currency":"EUR"}}"#
        );
    }

    #[test]
    fn every_bound_names_its_field() {
        type Spoil = fn(&mut SaleParams);
        let cases: [(&str, Spoil); 12] = [
            ("idempotency_key", |p| p.idempotency_key = "".into()),
            ("amount.minor", |p| p.amount.minor = 0),
            ("amount_max.minor", |p| {
                p.amount_max = Some(Amount::new(1249, "EUR"))
            }),
            ("tip.currency", |p| p.tip = Some(Amount::new(1, "USD"))),
            ("device", |p| p.device = Some("".into())),
            ("timeout_ms", |p| p.timeout_ms = Some(1)),
            ("reference", |p| p.reference = Some("a\nb".into())),
            ("despite", |p| p.despite = vec!["t".into(); 17]),
            ("entry", |p| p.entry = Some(Vec::new())),
            ("installments", |p| p.installments = Some(0)),
            ("custom", |p| {
                p.custom
                    .insert("k".into(), Value::String("x".repeat(CUSTOM_BYTES_MAX)));
            }),
            ("amount.minor", |p| {
                p.tip = Some(Amount::new(700, "EUR"));
                p.cashback = Some(Amount::new(700, "EUR"));
            }),
        ];
        for (name, spoil) in cases {
            let mut params = sale();
            spoil(&mut params);
            assert_eq!(field(&params), name);
        }
    }

    #[test]
    fn custom_may_fill_its_limit() {
        let mut params = sale();
        let room = CUSTOM_BYTES_MAX - r#"{"k":""}"#.len();
        params
            .custom
            .insert("k".into(), Value::String("x".repeat(room)));
        assert!(params.validate().is_ok());
    }

    #[test]
    fn a_transaction_has_one_name() {
        assert_eq!(field(&CancelParams::default()), "transaction_id");
        let both = CancelParams {
            idempotency_key: Some("k".into()),
            transaction_id: Some("t".into()),
        };
        assert_eq!(field(&both), "transaction_id");
    }
}
