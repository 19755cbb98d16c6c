// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a request asks of the other side beyond a plain sale, and whether the other side can.

use crate::gateway::Ability;
use crate::request::{Kind, MoneyRequest};

/// What is asked for and is not among the abilities, as the end of "it cannot ...".
pub(crate) fn lacking(request: &MoneyRequest, can: &[Ability]) -> Option<&'static str> {
    let of_kind = match request.kind {
        Kind::Sale | Kind::Undo { .. } => None,
        Kind::Authorize => Some((Ability::Authorize, "hold an amount for a later capture")),
        Kind::Capture { .. } => Some((Ability::Authorize, "capture an authorization")),
        Kind::Adjust { .. } => Some((Ability::Adjust, "change the amount of an authorization")),
        Kind::Refund { .. } => Some((Ability::Refund, "give back")),
        Kind::RefundByReceipt => Some((
            Ability::RefundByReceipt,
            "give back for a transaction that only its receipt tells of",
        )),
        Kind::RefundUnreferenced => Some((
            Ability::RefundUnreferenced,
            "give back without naming a transaction",
        )),
        Kind::Void { .. } => Some((Ability::Void, "void; payment.refund may give it back")),
        Kind::Verify => Some((Ability::Verify, "check a card")),
        Kind::Balance => Some((Ability::Balance, "tell what is left on a card")),
        Kind::TokenRegister | Kind::TokenUpdate => {
            Some((Ability::Token, "keep a card as a payment token"))
        }
        Kind::TokenDelete => None,
        Kind::CashAdvance => Some((Ability::CashAdvance, "pay out cash alone")),
        Kind::BatchClose => Some((Ability::BatchClose, "close a batch")),
    };
    let cashback = request.amounts.and_then(|amounts| amounts.cashback_minor);
    let terms = &request.terms;
    let besides = [
        (cashback.is_some_and(|minor| minor > 0))
            .then_some((Ability::Cashback, "pay out cash with a sale")),
        (terms.installments.is_some()).then_some((Ability::Installments, "be paid in instalments")),
        (terms.voice_code.is_some()).then_some((
            Ability::VoiceApproval,
            "take an approval code given by telephone",
        )),
        request
            .is_by_token()
            .then_some((Ability::Token, "be paid with a token")),
        (terms.keep.is_some()).then_some((Ability::Token, "keep a card as a payment token")),
    ];
    let needs = of_kind.into_iter().chain(besides.into_iter().flatten());
    let mut lacking = needs.filter(|(ability, _)| !can.contains(ability));
    lacking.next().map(|(_, words)| words)
}
