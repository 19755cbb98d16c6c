// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the register that asks may: each call that needs a permission, and limits of refunds.
//!
//! Looks at who asks and what for, never at what it would do.

use super::session::Session;
use crate::amount;
use crate::rights::AboveLimit;
use payhal_engine::ids::TransactionId;
use payhal_engine::request::{Kind, MoneyRequest, Which};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::session::Permission;

impl Session {
    /// Refuses what the operator has not allowed this register.
    pub(super) fn check_permission(&self, permission: Permission) -> Result<(), ErrorObject> {
        if self.grant().may(permission) {
            return Ok(());
        }
        let register = self.register();
        let word = permission.as_str();
        Err(ErrorObject::named(ErrorName::PermissionDenied)
            .with_message(format!("This register may not do that: it lacks `{word}`"))
            .with_detail(format!(
                "permission `{word}` is missing; the operator grants it to register `{register}` \
                 in the configuration file: [registers.{register}] may = [\"{word}\", …]"
            )))
    }

    /// What a money call needs beyond a register's plain rights.
    pub(super) fn check_money(&self, request: &MoneyRequest) -> Result<(), ErrorObject> {
        let needs = [
            (
                request.kind == Kind::RefundUnreferenced,
                Permission::RefundUnreferenced,
            ),
            (request.kind == Kind::BatchClose, Permission::BatchClose),
            (
                request.terms.voice_code.is_some(),
                Permission::VoiceApproval,
            ),
        ];
        for (needed, permission) in needs {
            if needed {
                self.check_permission(permission)?;
            }
        }
        match (request.kind, &request.amounts) {
            (
                Kind::Refund { .. } | Kind::RefundByReceipt | Kind::RefundUnreferenced,
                Some(amounts),
            ) => self.check_refund(amounts.total.minor, amounts.total.currency.code()),
            _ => Ok(()),
        }
    }

    /// An undo may become a refund of everything that was approved, so its limit is for that.
    pub(super) async fn check_undo(&self, original: TransactionId) -> Result<(), ErrorObject> {
        if !self.grant().limits_refunds() {
            return Ok(());
        }
        // Without a record there is nothing to give back, and the engine says so.
        let Some(view) = self.recorded(Which::Transaction(original)).await? else {
            return Ok(());
        };
        match (view.summary.amount, view.summary.approved_minor) {
            (Some(amount), Some(minor)) => self.check_refund(minor, amount.currency.code()),
            _ => Ok(()),
        }
    }

    fn check_refund(&self, minor: i64, currency: &str) -> Result<(), ErrorObject> {
        let limit = match self.grant().check_refund(minor, currency) {
            Ok(()) => return Ok(()),
            Err(AboveLimit::Most(most)) => format!("at most {} at a time", amount::show(&most)),
            Err(AboveLimit::Currency) => format!("nothing in {currency}"),
        };
        let register = self.register();
        Err(ErrorObject::named(ErrorName::PermissionDenied)
            .with_message(format!("This register may give back {limit}"))
            .with_detail(format!(
                "the operator sets the limit of register `{register}` in the configuration file: \
                 [registers.{register}] refund_max"
            )))
    }
}
