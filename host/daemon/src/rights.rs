// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator granted a register beyond plain payments, and up to which amounts.
//!
//! Decides nothing about money: what a permitted call may do is the engine's.

use payhal_protocol::Amount;
use payhal_protocol::registers::Limits;
use payhal_protocol::session::Permission;
use std::collections::BTreeSet;

/// The rights of one register; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    may: BTreeSet<Permission>,
    limits: Limits,
}

/// Why an amount is above what a register may move.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum AboveLimit {
    /// More than this.
    Most(Amount),
    /// No limit is set for the currency, so nothing may be moved in it.
    Currency,
}

impl Grant {
    /// These rights; a permission that is named twice counts once.
    pub(crate) fn new(may: &[Permission], limits: Limits) -> Self {
        Self {
            may: may.iter().copied().collect(),
            limits,
        }
    }

    /// Everything, without a limit: the operator's.
    pub(crate) fn all() -> Self {
        Self::new(&Permission::ALL, Limits::default())
    }

    /// Whether this is allowed.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.may.contains(&permission)
    }

    /// Everything that is allowed.
    pub(crate) fn permissions(&self) -> Vec<Permission> {
        self.may.iter().copied().collect()
    }

    /// Up to which amounts.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Whether a limit lets so much through. An absent one lets everything through.
pub(crate) fn check_limit(
    limit: Option<&Vec<Amount>>,
    minor: i64,
    currency: &str,
) -> Result<(), AboveLimit> {
    let Some(list) = limit else {
        return Ok(());
    };
    match list.iter().find(|most| most.currency == currency) {
        Some(most) if minor <= most.minor => Ok(()),
        Some(most) => Err(AboveLimit::Most(most.clone())),
        None => Err(AboveLimit::Currency),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_what_it_names() {
        let till = Grant::new(&[Permission::Others, Permission::Others], Limits::default());
        assert_eq!(till.permissions(), [Permission::Others]);
        assert!(!till.may(Permission::Resolve));
        assert!(Grant::default().permissions().is_empty());
        let all = Grant::all();
        assert!(Permission::ALL.into_iter().all(|right| all.may(right)));
    }

    #[test]
    fn a_limit_is_for_its_currency() {
        let list = vec![Amount::new(10_000, "EUR"), Amount::new(9_000, "CLP")];
        let check = |minor, currency| check_limit(Some(&list), minor, currency);
        assert!(check(10_000, "EUR").is_ok());
        let most = AboveLimit::Most(Amount::new(10_000, "EUR"));
        assert_eq!(check(10_001, "EUR"), Err(most));
        assert!(check(9_000, "CLP").is_ok());
        assert_eq!(check(1, "USD"), Err(AboveLimit::Currency));
        assert!(check_limit(None, i64::MAX, "USD").is_ok());
    }
}
