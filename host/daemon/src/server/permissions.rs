// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the register that asks may: each call that needs a permission, and how much each may
//! move at a time.
//!
//! Looks at who asks and what for, never at what it would do. A grant counts from the moment the
//! operator gives it, on connections that are open too.

use super::session::Session;
use crate::access::Mode;
use crate::amount;
use crate::rights::{AboveLimit, check_limit};
use payhal_engine::ids::TransactionId;
use payhal_engine::request::{Kind, MoneyRequest, Response, Which};
use payhal_protocol::Amount;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::registers::Limits;
use payhal_protocol::session::Permission;

/// One of the operator's limits.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Sale,
    Refund,
    RefundUnreferenced,
    VoiceApproval,
    Resolve,
}

impl Limit {
    fn of(self, limits: &Limits) -> Option<&Vec<Amount>> {
        match self {
            Self::Sale => limits.sale_max.as_ref(),
            Self::Refund => limits.refund_max.as_ref(),
            Self::RefundUnreferenced => limits.refund_unreferenced_max.as_ref(),
            Self::VoiceApproval => limits.voice_approval_max.as_ref(),
            Self::Resolve => limits.resolve_max.as_ref(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale_max",
            Self::Refund => "refund_max",
            Self::RefundUnreferenced => "refund_unreferenced_max",
            Self::VoiceApproval => "voice_approval_max",
            Self::Resolve => "resolve_max",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Sale => "charge",
            Self::Refund => "give back",
            Self::RefundUnreferenced => "give back without a payment",
            Self::VoiceApproval => "charge by telephone",
            Self::Resolve => "settle by word",
        }
    }
}

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
                 in the console or with `payhal registers allow {register} {word}`"
            )))
    }

    /// What a money call needs beyond a register's plain rights.
    pub(super) fn check_money(&self, request: &MoneyRequest) -> Result<(), ErrorObject> {
        self.check_live()?;
        let telephone = request.terms.voice_code.is_some();
        let needs = [
            (
                request.kind == Kind::RefundUnreferenced,
                Permission::RefundUnreferenced,
            ),
            (request.kind == Kind::BatchClose, Permission::BatchClose),
            (telephone, Permission::VoiceApproval),
            (request.terms.allow_offline, Permission::Offline),
            (is_of_kept_token(request), Permission::Tokens),
        ];
        for (needed, permission) in needs {
            if needed {
                self.check_permission(permission)?;
            }
        }
        let Some(amounts) = request.expected() else {
            return Ok(());
        };
        let currency = amounts.total.currency.code();
        // A tip or a surcharge may raise it so far without asking anybody here again.
        let most = request
            .amount_max
            .map_or(amounts.total.minor, |most| most.minor);
        let limit = match request.kind {
            Kind::Sale | Kind::Authorize | Kind::Adjust { .. } | Kind::CashAdvance => {
                Some((Limit::Sale, most))
            }
            Kind::Refund { .. } | Kind::RefundByReceipt => {
                Some((Limit::Refund, amounts.total.minor))
            }
            Kind::RefundUnreferenced => Some((Limit::RefundUnreferenced, amounts.total.minor)),
            _ => None,
        };
        if let Some((limit, minor)) = limit {
            self.check_amount(limit, minor, currency)?;
        }
        if telephone {
            self.check_amount(Limit::VoiceApproval, most, currency)?;
        }
        Ok(())
    }

    /// An amount that follows its card is bounded like one that comes before it.
    pub(super) fn check_response(&self, response: &Response) -> Result<(), ErrorObject> {
        let Some(amounts) = &response.amounts else {
            return Ok(());
        };
        let total = amounts.total;
        self.check_amount(Limit::Sale, total.minor, total.currency.code())
    }

    /// An undo may become a refund of everything that was approved, so its limit is for that.
    pub(super) async fn check_undo(&self, original: TransactionId) -> Result<(), ErrorObject> {
        self.check_recorded(Limit::Refund, original).await
    }

    /// A word on an unknown outcome is for everything that was asked.
    pub(super) async fn check_resolve(&self, unknown: TransactionId) -> Result<(), ErrorObject> {
        self.check_permission(Permission::Resolve)?;
        self.check_recorded(Limit::Resolve, unknown).await
    }

    async fn check_recorded(&self, limit: Limit, id: TransactionId) -> Result<(), ErrorObject> {
        if limit.of(self.grant().limits()).is_none() {
            return Ok(());
        }
        // Without a record there is nothing to move, and the engine says so.
        let Some(view) = self.recorded(Which::Transaction(id)).await? else {
            return Ok(());
        };
        let Some(amount) = view.summary.amount else {
            return Ok(());
        };
        let minor = match limit {
            Limit::Resolve => view.summary.approved_minor.unwrap_or(amount.minor),
            _ => match view.summary.approved_minor {
                Some(minor) => minor,
                None => return Ok(()),
            },
        };
        self.check_amount(limit, minor, amount.currency.code())
    }

    fn check_amount(&self, limit: Limit, minor: i64, currency: &str) -> Result<(), ErrorObject> {
        let grant = self.grant();
        let at_most = match check_limit(limit.of(grant.limits()), minor, currency) {
            Ok(()) => return Ok(()),
            Err(AboveLimit::Most(most)) => format!("at most {} at a time", amount::show(&most)),
            Err(AboveLimit::Currency) => format!("nothing in {currency}"),
        };
        let (register, verb, name) = (self.register(), limit.verb(), limit.name());
        Err(ErrorObject::named(ErrorName::PermissionDenied)
            .with_message(format!("This register may {verb} {at_most}"))
            .with_detail(format!(
                "the operator sets `{name}` of register `{register}` in the console or with \
                 `payhal registers limit {register}`"
            )))
    }

    /// Real money and access for everybody do not go together.
    fn check_live(&self) -> Result<(), ErrorObject> {
        if self.gate().mode() == Mode::Paired {
            return Ok(());
        }
        let gateways = self.shared.supervisor.gateways();
        let is_live = |opened: &payhal_messages::gateway::Parameters| opened.live;
        let mut live = gateways
            .iter()
            .filter(|view| view.opened.as_ref().is_some_and(is_live));
        let Some(live) = live.next() else {
            return Ok(());
        };
        let gateway = &live.name;
        Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_message("This payment host is open to everybody, so it moves no real money")
            .with_detail(format!(
                "gateway `{gateway}` is live and access is open: start the host with \
                 `payhal serve`, and pair this register"
            )))
    }
}

/// Whether it keeps a card as a token, or touches a kept one.
fn is_of_kept_token(request: &MoneyRequest) -> bool {
    let terms = &request.terms;
    request.kind.is_of_token() || terms.stored.is_some() || terms.keep.is_some()
}
