// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens that a register keeps under references of its own: `token.register`,
//! `token.update`, `token.delete`, `token.list`, `token.history`.
//!
//! Owns their shape. It must never offer a field for a card number, nor show more of a card than
//! its mask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, GatewayId, IdempotencyKey, RegisterId, TokenId, TransactionId};
use crate::limits::{LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, REFERENCE_CHARS_MAX, TEXT_CHARS_MAX};
use crate::params::{FieldError, Validate, check_chars, check_id, check_key, check_timeout};
use crate::payment::{CardToken, Free, check_entry, check_free, check_presentation, check_route};
use crate::transaction::{EntryMode, TransactionView};
use crate::verbatim::Verbatim;

/// A payment token that a register keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenView {
    /// The host's name for it, the same for as long as it is kept.
    pub token_id: TokenId,
    /// The token, as the gateway gave it.
    pub token: String,
    /// The gateway that gave it, and the only one that takes it.
    pub gateway: GatewayId,
    /// The register's own reference; no other kept token has it.
    pub reference: String,
    /// The register that keeps it.
    pub register: RegisterId,
    /// The card that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<TokenCard>,
    /// The register's own words about it, as it wrote them.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
    /// When it was registered, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub changed_at: String,
    /// It is kept no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// A card behind a token, as much of it as anyone outside the reader may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCard {
    /// Its number, masked where it was read, as `************1111`.
    pub masked_pan: String,
    /// Its scheme, as `visa`.
    pub scheme: String,
    /// The application's name on the card, as "VISA DEBIT".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
}

/// Params of `token.register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterTokenParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The register's own reference: the number of the customer or the contract.
    pub reference: String,
    /// The earlier payment or check whose token is kept; a card is presented if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// The reader; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// Kept as it is written, with the token; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl RegisterTokenParams {
    /// Keeps the card that is presented, with everything else left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, reference: impl Into<String>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            reference: reference.into(),
            transaction_id: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            entry: None,
            presentation_id: None,
            custom: Free::default(),
        }
    }
}

impl Validate for RegisterTokenParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_chars(&self.reference, 1, REFERENCE_CHARS_MAX, "reference")?;
        check_from(
            self.transaction_id.as_ref(),
            self.device.is_some() || self.entry.is_some(),
        )?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_entry(self.entry.as_deref())?;
        let from = self.transaction_id.is_some();
        check_presentation(self.presentation_id.as_deref(), from)?;
        check_free(&self.custom, "custom")
    }
}

/// Params of `token.update`: what is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateTokenParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The token, by the host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// The token, by the register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its new reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_reference: Option<String>,
    /// Whether a new card is presented for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_card: bool,
    /// The earlier payment or check whose token takes its place, at the same gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// The reader; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// Takes the place of what was kept with it; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl UpdateTokenParams {
    /// Changes nothing yet of the token with that reference.
    #[must_use]
    pub fn of(idempotency_key: impl Into<IdempotencyKey>, reference: impl Into<String>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            token_id: None,
            reference: Some(reference.into()),
            new_reference: None,
            new_card: false,
            transaction_id: None,
            device: None,
            timeout_ms: None,
            entry: None,
            presentation_id: None,
            custom: Free::default(),
        }
    }
}

impl Validate for UpdateTokenParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_one(self.token_id.as_ref(), self.reference.as_deref())?;
        if let Some(reference) = &self.new_reference {
            check_chars(reference, 1, REFERENCE_CHARS_MAX, "new_reference")?;
        }
        check_from(
            self.transaction_id.as_ref(),
            self.new_card || self.device.is_some() || self.entry.is_some(),
        )?;
        let presented = self.new_card || self.presentation_id.is_some();
        let card = presented || self.transaction_id.is_some();
        if !card && self.new_reference.is_none() && self.custom.is_empty() {
            return Err(FieldError::new(
                "new_reference",
                "must be given, or `new_card`, `transaction_id` or `custom`: nothing changes",
            ));
        }
        check_route(self.device.as_ref(), None)?;
        check_timeout(self.timeout_ms)?;
        check_entry(self.entry.as_deref())?;
        let from = self.transaction_id.is_some();
        check_presentation(self.presentation_id.as_deref(), from)?;
        check_free(&self.custom, "custom")
    }
}

/// Params of `token.delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeleteTokenParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The token, by the host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// The token, by the register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl DeleteTokenParams {
    /// Deletes the token with that reference.
    #[must_use]
    pub fn of(idempotency_key: impl Into<IdempotencyKey>, reference: impl Into<String>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            token_id: None,
            reference: Some(reference.into()),
        }
    }
}

impl Validate for DeleteTokenParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_one(self.token_id.as_ref(), self.reference.as_deref())
    }
}

/// Params of `token.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListTokensParams {
    /// Only this one, be it deleted or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// Only the one with this reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only those of this gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// Only this register's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterId>,
    /// Go on where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many, 1 to 100; 20 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

impl ListTokensParams {
    /// How many tokens the page holds at most.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIST_LIMIT_DEFAULT)
    }
}

impl Validate for ListTokensParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_named(self.token_id.as_ref(), self.reference.as_deref(), "")?;
        check_route(None, self.gateway.as_ref())?;
        if let Some(register) = &self.register {
            check_id(register.as_str(), "register")?;
        }
        check_page(self.cursor.as_deref(), self.limit())
    }
}

/// Result of `token.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListTokensResult {
    /// The tokens, newest first.
    pub tokens: Vec<TokenView>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Params of `token.history`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenHistoryParams {
    /// The token, by the host's name for it: the only one that a deleted token has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// The token, by the register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Go on where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many, 1 to 100; 20 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

impl TokenHistoryParams {
    /// The history of the token with that reference.
    #[must_use]
    pub fn of(reference: impl Into<String>) -> Self {
        Self {
            reference: Some(reference.into()),
            ..Self::default()
        }
    }

    /// How many transactions the page holds at most.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIST_LIMIT_DEFAULT)
    }
}

impl Validate for TokenHistoryParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_one(self.token_id.as_ref(), self.reference.as_deref())?;
        check_page(self.cursor.as_deref(), self.limit())
    }
}

/// Result of `token.history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenHistoryResult {
    /// The token as it is now.
    pub token: TokenView,
    /// What registered, changed, used or deleted it, newest first, for as long as the host keeps
    /// transactions.
    pub transactions: Vec<TransactionView>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A name of a kept token, each as it may be.
pub(crate) fn check_named(
    token_id: Option<&TokenId>,
    reference: Option<&str>,
    within: &str,
) -> Result<(), FieldError> {
    if let Some(id) = token_id {
        check_id(id.as_str(), &format!("{within}token_id"))?;
    }
    let field = format!("{within}reference");
    reference.map_or(Ok(()), |text| {
        check_chars(text, 1, REFERENCE_CHARS_MAX, &field)
    })
}

/// What a presented card is kept as; a token is no card.
pub(crate) fn check_keep(
    keep_as: Option<&str>,
    card: Option<&CardToken>,
) -> Result<(), FieldError> {
    let Some(reference) = keep_as else {
        return Ok(());
    };
    if card.is_some() {
        return Err(FieldError::new(
            "keep_as",
            "must be left out where `card` is a token",
        ));
    }
    check_chars(reference, 1, REFERENCE_CHARS_MAX, "keep_as")
}

fn check_one(token_id: Option<&TokenId>, reference: Option<&str>) -> Result<(), FieldError> {
    check_named(token_id, reference, "")?;
    match (token_id, reference) {
        (Some(_), None) | (None, Some(_)) => Ok(()),
        _ => Err(FieldError::new(
            "reference",
            "must be given, or `token_id` instead, but not both",
        )),
    }
}

fn check_from(from: Option<&TransactionId>, has_card: bool) -> Result<(), FieldError> {
    let Some(id) = from else { return Ok(()) };
    if has_card {
        return Err(FieldError::new(
            "transaction_id",
            "must be left out where a card is presented",
        ));
    }
    check_id(id.as_str(), "transaction_id")
}

fn check_page(cursor: Option<&str>, limit: u32) -> Result<(), FieldError> {
    cursor.map_or(Ok(()), |cursor| {
        check_chars(cursor, 0, TEXT_CHARS_MAX, "cursor")
    })?;
    if (1..=LIST_LIMIT_MAX).contains(&limit) {
        return Ok(());
    }
    let must = format!("must be an integer from 1 to {LIST_LIMIT_MAX}");
    Err(FieldError::new("limit", must))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_named_in_one_way() {
        assert!(CardToken::of("tok").check().is_ok());
        assert!(CardToken::kept("0199").check().is_ok());
        assert!(CardToken::referred("anna").check().is_ok());
        assert_eq!(CardToken::default().check().unwrap_err().field, "card");
        let two = CardToken {
            reference: Some("anna".into()),
            ..CardToken::of("tok")
        };
        assert_eq!(two.check().unwrap_err().field, "card");
        let mut delete = DeleteTokenParams::of("k", "anna");
        assert!(delete.validate().is_ok());
        delete.token_id = Some("0199".into());
        assert_eq!(delete.validate().unwrap_err().field, "reference");
    }

    #[test]
    fn what_changes_nothing_or_too_much_is_refused() {
        let mut update = UpdateTokenParams::of("k", "anna");
        assert_eq!(update.validate().unwrap_err().field, "new_reference");
        update.new_card = true;
        assert!(update.validate().is_ok());
        update.transaction_id = Some("0199".into());
        assert_eq!(update.validate().unwrap_err().field, "transaction_id");
        let mut register = RegisterTokenParams::new("k", "");
        assert_eq!(register.validate().unwrap_err().field, "reference");
        register.reference = "anna".into();
        register.transaction_id = Some("0199".into());
        assert!(register.validate().is_ok());
        register.device = Some("front".into());
        assert_eq!(register.validate().unwrap_err().field, "transaction_id");
    }
}
