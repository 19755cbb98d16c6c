// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers as the operator sees them: who is paired, what each may do, up to which amounts.
//!
//! Owns `register.*` and the limits. It must never decide about money: what a permitted call does
//! is the host's engine's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::check_permissions;
use crate::ids::RegisterId;
use crate::limits::{AMOUNT_MINOR_MAX, LIMIT_CURRENCIES_MAX, REGISTER_NAME_CHARS_MAX};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::session::Permission;

/// Up to which amounts a register may do what it may. An absent list is no limit; a list is one
/// for each currency in it, and nothing in every other currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Most that one sale, authorization or cash advance charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_max: Option<Vec<Amount>>,
    /// Most that one refund of a transaction gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_max: Option<Vec<Amount>>,
    /// Most that one refund without a transaction gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_unreferenced_max: Option<Vec<Amount>>,
    /// Most that an approval by telephone may be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_approval_max: Option<Vec<Amount>>,
    /// Most that a person may settle by word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_max: Option<Vec<Amount>>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every list: amounts within bounds, each currency once.
    ///
    /// # Errors
    /// Names the field and what it must be.
    pub fn check(&self) -> Result<(), FieldError> {
        let lists = [
            ("limits.sale_max", &self.sale_max),
            ("limits.refund_max", &self.refund_max),
            (
                "limits.refund_unreferenced_max",
                &self.refund_unreferenced_max,
            ),
            ("limits.voice_approval_max", &self.voice_approval_max),
            ("limits.resolve_max", &self.resolve_max),
        ];
        lists
            .into_iter()
            .filter_map(|(field, list)| Some((field, list.as_ref()?)))
            .try_for_each(|(field, list)| check_limit(list, field))
    }
}

fn check_limit(list: &[Amount], field: &str) -> Result<(), FieldError> {
    if list.len() > LIMIT_CURRENCIES_MAX {
        let must = format!("must have at most {LIMIT_CURRENCIES_MAX} currencies");
        return Err(FieldError::new(field, must));
    }
    let most = Amount::new(AMOUNT_MINOR_MAX, "");
    for (index, amount) in list.iter().enumerate() {
        let own = Amount {
            currency: amount.currency.clone(),
            ..most.clone()
        };
        amount.check_part(&own, field)?;
        let before = list.iter().take(index);
        if before
            .into_iter()
            .any(|other| other.currency == amount.currency)
        {
            return Err(FieldError::new(field, "must name each currency once"));
        }
    }
    Ok(())
}

/// Params of `register.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterListParams {}

impl Validate for RegisterListParams {}

/// Result of `register.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterListResult {
    /// Every register, by its id.
    pub registers: Vec<RegisterView>,
}

/// A register as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterView {
    /// Its id.
    pub register_id: RegisterId,
    /// Its name.
    pub name: String,
    /// Its web page's origin; absent for a native application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Whether it is there.
    pub state: RegisterState,
    /// Its connections that proved the pairing.
    pub connections: u32,
    /// How often its id was paired; 0 where access is open.
    pub generation: u32,
    /// What it may do beyond plain payments.
    #[serde(default)]
    pub permissions: Vec<Permission>,
    /// Up to which amounts.
    #[serde(default)]
    pub limits: Limits,
    /// When it was paired, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_at: Option<String>,
    /// When its secret is from, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<String>,
    /// Its secret is due to be replaced: the register is told at its next hello.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotate_due: bool,
    /// When it last proved itself, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<String>,
}

/// Whether a register is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegisterState {
    /// It has a connection that proved the pairing.
    Connected,
    /// It has none.
    Away,
    /// It was never paired: access is open, and it was granted something.
    Open,
}

/// Params of `register.update`. What is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterUpdateParams {
    /// The register.
    pub register_id: RegisterId,
    /// Its new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Everything it may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Every limit it has from now on; an empty object is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

impl Validate for RegisterUpdateParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.register_id.as_str(), "register_id")?;
        if let Some(name) = &self.name {
            check_chars(name, 1, REGISTER_NAME_CHARS_MAX, "name")?;
        }
        check_permissions(self.permissions.as_deref())?;
        self.limits.as_ref().map_or(Ok(()), Limits::check)
    }
}

/// Result of `register.update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterUpdateResult {
    /// The register as it is now.
    pub register: RegisterView,
}

/// Params of `register.unpair`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnpairParams {
    /// The register.
    pub register_id: RegisterId,
}

impl Validate for UnpairParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.register_id.as_str(), "register_id")
    }
}

/// Result of `register.unpair`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnpairResult {}

/// Params of `register.rotate`: the secret is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotateDueParams {
    /// The register.
    pub register_id: RegisterId,
}

impl Validate for RotateDueParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.register_id.as_str(), "register_id")
    }
}

/// Result of `register.rotate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RotateDueResult {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_each_currency_once() {
        let limits = |list: Vec<Amount>| Limits {
            refund_max: Some(list),
            ..Limits::default()
        };
        let fits = vec![Amount::new(0, "EUR"), Amount::new(9000, "CLP")];
        assert!(limits(fits).check().is_ok());
        for wrong in [
            vec![Amount::new(1, "EUR"), Amount::new(2, "EUR")],
            vec![Amount::new(-1, "EUR")],
            vec![Amount::new(AMOUNT_MINOR_MAX + 1, "EUR")],
            vec![Amount::new(1, "euro")],
        ] {
            let error = limits(wrong).check().unwrap_err();
            assert!(error.field.starts_with("limits.refund_max"), "{error}");
        }
    }

    #[test]
    fn an_update_without_limits_is_none_and_with_an_empty_object_takes_them_away() {
        let keeps: RegisterUpdateParams = serde_json::from_str(r#"{"register_id":"t"}"#).unwrap();
        assert_eq!(keeps.limits, None);
        let text = r#"{"register_id":"t","limits":{}}"#;
        let clears: RegisterUpdateParams = serde_json::from_str(text).unwrap();
        assert!(clears.limits.unwrap().is_none());
    }
}
