// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody answered: ask what became of it, or undo it, until somebody does.
//!
//! "Not found" is never final here, and a sale is approved by an inquiry only while its register
//! still waits.

use crate::answer::{Reason, Stage};
use crate::device::IssuerAnswer;
use crate::engine::Engine;
use crate::gateway::{Finding, GatewayCommand, GatewayReply, GatewayStatus, ReversalReason};
use crate::record::Fact;
use crate::transaction::{Phase, Stop, Transaction};
use crate::turns::is_close;
use std::sync::Arc;

impl Engine {
    /// The answer to an exchange is lost; it may have reached the gateway.
    pub(crate) fn lost(&mut self, transaction: &mut Transaction, detail: Arc<str>) {
        transaction.sent_before = true;
        let inquiry = self.can_inquire(transaction);
        if transaction.is_irrevocable() {
            transaction.unknown = true;
            if inquiry && transaction.attempts == 0 {
                transaction.attempts = 1;
                self.inquire(transaction);
            } else {
                self.pause(transaction);
            }
        } else if transaction.completion_owed
            || !inquiry
            || transaction.waiters.is_empty()
            || !transaction.request.kind.moves_money()
        {
            self.undo(transaction, detail);
        } else {
            self.inquire(transaction);
        }
    }

    /// Nobody may wait any longer: what may have happened is undone.
    pub(crate) fn undo(&mut self, transaction: &mut Transaction, detail: impl Into<Arc<str>>) {
        let (reason, show) = (ReversalReason::NoAnswer, Some(IssuerAnswer::NoAnswer));
        self.end_reversing(transaction, Reason::TimedOut, reason, detail, show);
    }

    fn inquire(&mut self, transaction: &mut Transaction) {
        transaction.phase = Phase::Inquiring;
        transaction.unknown = true;
        self.end_pause(transaction);
        let Some(wire) = transaction.wire.clone() else {
            return;
        };
        if self.is_ready(transaction) {
            self.call_gateway(transaction, GatewayCommand::Inquire { wire });
        }
    }

    pub(crate) fn inquired(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        match reply {
            GatewayReply::Found(Finding::Reconciled(totals)) if is_close(transaction) => {
                self.batch_closed(transaction, *totals);
            }
            GatewayReply::Found(Finding::Reversed) if is_close(transaction) => {
                self.leave_to_operator(transaction, "the gateway says that a close was undone");
            }
            GatewayReply::Found(Finding::Answered(answer)) => {
                self.decided(transaction, *answer, false);
            }
            GatewayReply::Found(Finding::Reversed) => {
                let mut refused = self.refused(transaction, Reason::TimedOut);
                refused.detail = Some("the gateway had undone it already".into());
                self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
            }
            GatewayReply::Found(Finding::NotFound) => self.not_found(transaction),
            GatewayReply::Unsupported => {
                transaction.inquiry_unsupported = true;
                self.not_found(transaction);
            }
            _ => self.pause(transaction),
        }
    }

    fn not_found(&mut self, transaction: &mut Transaction) {
        if transaction.is_irrevocable() {
            self.modify(transaction);
        } else {
            self.undo(transaction, "the gateway does not know it yet");
        }
    }

    /// The next attempt to learn what became of it. Without its gateway it waits for it.
    pub(crate) fn resume_unknown(&mut self, transaction: &mut Transaction) {
        if transaction.on_terminal() {
            self.ask_terminal(transaction);
            return;
        }
        self.end_pause(transaction);
        if !self.is_ready(transaction) {
            return;
        }
        if self.can_inquire(transaction) {
            self.inquire(transaction);
        } else {
            self.not_found(transaction);
        }
    }

    /// Nobody waits for it any more.
    pub(crate) fn nobody_waits(&mut self, transaction: &mut Transaction) {
        if transaction.phase == Phase::Asking {
            self.nobody_answers(transaction);
        } else if transaction.waiters.is_empty()
            && transaction.phase == Phase::Inquiring
            && !transaction.is_irrevocable()
            && !transaction.on_terminal()
        {
            self.undo(transaction, "its register stopped waiting");
        }
    }

    /// Its register has waited as long as anybody may.
    pub(crate) fn out_of_patience(&mut self, transaction: &mut Transaction) {
        match transaction.phase {
            Phase::AwaitingReader
            | Phase::Presenting
            | Phase::AwaitingAmount
            | Phase::Pricing { .. }
            | Phase::OfferingCurrency
            | Phase::ChoosingCurrency(_)
            | Phase::AskingCurrency(_)
            | Phase::AuthorizingCard
            | Phase::CheckingKeys(_)
            | Phase::Keeping(_)
            | Phase::Preparing(_) => {
                self.stop_one(transaction, Stop::TooLong);
            }
            Phase::AwaitingTurn(_) => self.turn_expired(transaction),
            Phase::Paying => {
                self.cancel_reader(transaction);
                self.tell_unknown(transaction);
            }
            Phase::Authorizing | Phase::Modifying | Phase::Inquiring => {
                if transaction.is_irrevocable() || transaction.on_terminal() {
                    self.tell_unknown(transaction);
                } else {
                    self.undo(transaction, "no answer within the hard limit");
                }
            }
            Phase::Asking => self.prompt_expired(transaction),
            // The reader's own deadline ends the first; nobody waits for the others.
            Phase::Completing
            | Phase::CompletingOffline(_)
            | Phase::Storing(_)
            | Phase::Stored
            | Phase::Forwarding
            | Phase::Reversing
            | Phase::NeedsOperator
            | Phase::Reporting
            | Phase::Settled => {}
        }
    }

    /// Asks the gateway to undo it; until it says that it has.
    pub(crate) fn try_reverse(&mut self, transaction: &mut Transaction) {
        if transaction.on_terminal() {
            self.reverse_on_terminal(transaction);
            return;
        }
        self.end_pause(transaction);
        let (Some(wire), Some(reason)) = (transaction.wire.clone(), transaction.reversal) else {
            return;
        };
        if self.is_ready(transaction) {
            let reverse = GatewayCommand::Reverse {
                wire,
                amounts: transaction.amounts,
                reason,
                with_number: transaction.number_kept,
            };
            self.call_gateway(transaction, reverse);
        }
    }

    pub(crate) fn reversed(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        match reply {
            GatewayReply::Reversed => self.reversal_acknowledged(transaction),
            GatewayReply::ReversalRefused {
                response_code,
                response_text,
            } => {
                let reason =
                    format!("the gateway refused to reverse: {response_code} {response_text}");
                self.leave_to_operator(transaction, reason);
            }
            GatewayReply::Unsupported => {
                self.leave_to_operator(transaction, "the connector cannot reverse");
            }
            GatewayReply::NumberLost { reason } => self.leave_to_operator(transaction, reason),
            _ => self.pause(transaction),
        }
    }

    pub(crate) fn reversal_acknowledged(&mut self, transaction: &mut Transaction) {
        self.append(transaction, Fact::Reversed);
        let Some(outcome) = transaction.outcome() else {
            return;
        };
        transaction.stage = Stage::Reversing;
        self.resolved(transaction, outcome, true);
        self.come_to_rest(transaction);
    }

    fn can_inquire(&self, transaction: &Transaction) -> bool {
        let gateway = self.gateway_of(transaction);
        let parameters = gateway.and_then(|gateway| gateway.parameters.as_ref());
        !transaction.inquiry_unsupported && parameters.is_some_and(|parameters| parameters.inquiry)
    }

    fn is_ready(&self, transaction: &Transaction) -> bool {
        self.gateway_of(transaction)
            .is_some_and(|gateway| gateway.ready)
    }

    fn gateway_of(&self, transaction: &Transaction) -> Option<&GatewayStatus> {
        self.gateways.get(transaction.gateway.as_ref()?)
    }
}
