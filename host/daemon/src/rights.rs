// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator allows each register beyond plain payments, as the configuration says it.
//!
//! A register without a list may do everything while access is open. Decides nothing about money:
//! what a permitted call may do is the engine's.

use crate::amount;
use payhal_protocol::Amount;
use payhal_protocol::session::Permission;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// `[registers.ID]`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterTable {
    may: Option<Vec<Permission>>,
    refund_max: Option<Vec<String>>,
}

/// The rights of every register that the configuration names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights(BTreeMap<String, Grant>);

/// The rights of one register.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    may: BTreeSet<Permission>,
    /// Most that one refund gives back, for each currency; absent: no limit.
    refund_max: Option<Vec<Amount>>,
}

/// Why a refund is above what a register may give back.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum AboveLimit {
    /// More than this.
    Most(Amount),
    /// No limit is set for the currency, so nothing may be given back in it.
    Currency,
}

impl Rights {
    /// Reads the tables.
    ///
    /// # Errors
    /// The key, and what its value must be.
    pub(crate) fn read(tables: &BTreeMap<String, RegisterTable>) -> Result<Self, (String, String)> {
        let rights = tables.iter().map(|(id, table)| {
            let limits = table.refund_max.as_ref().map(|texts| {
                let limits = texts.iter().map(|text| limit(text));
                limits.collect::<Result<Vec<Amount>, String>>()
            });
            let refund_max = limits.transpose().map_err(|why| {
                let key = format!("registers.{id}.refund_max");
                (key, format!("a list of amounts as \"100.00 EUR\": {why}"))
            })?;
            let may = table.may.as_deref().unwrap_or(&Permission::ALL);
            let may = may.iter().copied().collect();
            Ok((id.clone(), Grant { may, refund_max }))
        });
        rights.collect::<Result<_, _>>().map(Self)
    }

    /// Those of one register.
    pub(crate) fn of(&self, register: &str) -> Grant {
        self.0.get(register).cloned().unwrap_or_else(Grant::all)
    }
}

fn limit(text: &str) -> Result<Amount, String> {
    let (number, code) = text
        .split_once(' ')
        .ok_or_else(|| format!("`{text}` names no currency"))?;
    amount::parse(number, code)
}

impl Grant {
    /// Everything, without a limit: the operator's.
    pub(crate) fn all() -> Self {
        Self {
            may: Permission::ALL.into(),
            refund_max: None,
        }
    }

    /// Whether this is allowed.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.may.contains(&permission)
    }

    /// Everything that is allowed.
    pub(crate) fn permissions(&self) -> Vec<Permission> {
        self.may.iter().copied().collect()
    }

    /// Whether there is a limit at all.
    pub(crate) fn limits_refunds(&self) -> bool {
        self.refund_max.is_some()
    }

    /// Whether this much may be given back at a time.
    pub(crate) fn check_refund(&self, minor: i64, currency: &str) -> Result<(), AboveLimit> {
        let Some(limits) = &self.refund_max else {
            return Ok(());
        };
        match limits.iter().find(|most| most.currency == currency) {
            Some(most) if minor <= most.minor => Ok(()),
            Some(most) => Err(AboveLimit::Most(most.clone())),
            None => Err(AboveLimit::Currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(text: &str) -> Result<Rights, (String, String)> {
        Rights::read(&toml::from_str(text).unwrap())
    }

    #[test]
    fn who_is_not_listed_may_do_everything() {
        let rights = rights("[till]\nmay = [\"others\"]").unwrap();
        let other = rights.of("other");
        assert!(Permission::ALL.into_iter().all(|right| other.may(right)));
        assert!(other.check_refund(i64::MAX, "EUR").is_ok());
        let till = rights.of("till");
        assert_eq!(till.permissions(), [Permission::Others]);
        assert!(!till.may(Permission::Resolve));
    }

    #[test]
    fn a_limit_is_for_its_currency() {
        let rights = rights("[till]\nrefund_max = [\"100.00 EUR\", \"9000 CLP\"]").unwrap();
        let till = rights.of("till");
        assert!(till.may(Permission::Resolve));
        assert!(till.check_refund(10_000, "EUR").is_ok());
        let most = AboveLimit::Most(Amount::new(10_000, "EUR"));
        assert_eq!(till.check_refund(10_001, "EUR"), Err(most));
        assert!(till.check_refund(9_000, "CLP").is_ok());
        assert_eq!(till.check_refund(1, "USD"), Err(AboveLimit::Currency));
    }

    #[test]
    fn a_limit_that_could_be_misread_is_refused() {
        for text in ["100 EUR", "100.00", "100,00 EUR", "all EUR"] {
            let (key, must) = rights(&format!("[till]\nrefund_max = [\"{text}\"]")).unwrap_err();
            assert_eq!(key, "registers.till.refund_max");
            assert!(must.contains("100.00 EUR"), "{must}");
        }
        let unknown = toml::from_str::<BTreeMap<String, RegisterTable>>("[till]\nmay = [\"fly\"]");
        assert!(unknown.unwrap_err().to_string().contains("fly"));
    }
}
