// SPDX-License-Identifier: MIT OR Apache-2.0
//! One open transaction: what was asked, how far it is, what it waits for.
//!
//! Holds state only; what happens to it is decided in the modules named after what happens.

use crate::answer::{Outcome, Progress, Resolution, ResolutionState, Stage};
use crate::card::{CardFace, Cvm, Entry};
use crate::dcc::CurrencyOffer;
use crate::device::Purpose;
use crate::fallback::Tried;
use crate::forwarding::Forwarding;
use crate::gateway::{GatewayAnswer, ReversalReason, Totals, Wire};
use crate::ids::{
    Acceptor, CallId, DeviceId, Fingerprint, GatewayId, Opaque, Position, Scope, Ticket, TimerId,
    TransactionId,
};
use crate::money::Amounts;
use crate::prompt::{OpenPrompt, PromptKinds};
use crate::questions::Passed;
use crate::record::{FinalAnswer, Owed, Stored};
use crate::request::{Kind, MoneyRequest, Snapshot};
use crate::spent::DeviceKey;
use std::collections::VecDeque;
use std::sync::Arc;

/// A transaction that has not come to rest.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionId,
    pub(crate) scope: Scope,
    pub(crate) request: MoneyRequest,
    pub(crate) fingerprint: Fingerprint,
    /// Final amounts; a void's are its original's.
    pub(crate) amounts: Amounts,
    /// Absent for refunds and voids at a gateway.
    pub(crate) device: Option<DeviceId>,
    /// Absent in the terminal flow, where the device authorizes.
    pub(crate) gateway: Option<GatewayId>,
    pub(crate) acceptor: Acceptor,
    /// References of the transaction this one changes.
    pub(crate) original: Option<Wire>,
    pub(crate) phase: Phase,
    /// Set before the intent when it must not go on.
    pub(crate) stop: Option<Stop>,
    pub(crate) presentation_id: Option<Arc<str>>,
    pub(crate) card: Option<CardFace>,
    pub(crate) entry: Option<Entry>,
    pub(crate) cvm: Option<Cvm>,
    pub(crate) completion_owed: bool,
    /// The offer of the card's own currency that the customer took.
    pub(crate) dcc: Option<CurrencyOffer>,
    /// Keys of its device that it spends, or has spent.
    pub(crate) spent: Vec<DeviceKey>,
    /// Whether its reversal must carry the card's number.
    pub(crate) number_wanted: bool,
    /// Whether a sealed number is kept for it, or is on its way there.
    pub(crate) number_kept: bool,
    /// Its gateway is away, and it goes on without: it takes room of the rules for that.
    pub(crate) going_offline: bool,
    /// A sealed read is kept for it, or is on its way there.
    pub(crate) read_kept: bool,
    /// The read that was sent, as long as it may turn out that it was not.
    pub(crate) read: Option<SealedRead>,
    /// It was accepted offline.
    pub(crate) stored: Option<Box<Stored>>,
    /// What became of it, if it was accepted offline or took such a sale back.
    pub(crate) forwarding: Option<Forwarding>,
    /// It takes back a sale that is not forwarded yet.
    pub(crate) withdraws: bool,
    /// References for the gateway, once they are being made.
    pub(crate) wire: Option<Wire>,
    /// Whether the intent was appended.
    pub(crate) intent: bool,
    /// Whether an exchange may have reached the gateway before the one under way.
    pub(crate) sent_before: bool,
    /// Its terminal was stopped because nobody presented a card in time.
    pub(crate) no_card: bool,
    pub(crate) answered: Option<GatewayAnswer>,
    /// That answer is recorded so that a question about it may be told.
    pub(crate) firm: bool,
    /// Tags of the chip's completion, as JSON text.
    pub(crate) tags: Option<Arc<str>>,
    /// What a gateway must still be told.
    pub(crate) owed: Owed,
    /// A gateway would not take a report.
    pub(crate) report_refused: bool,
    /// What the answer has passed already.
    pub(crate) passed: Passed,
    pub(crate) ending: Option<FinalAnswer>,
    pub(crate) reversal: Option<ReversalReason>,
    /// A person's word on it.
    pub(crate) resolved: Option<Outcome>,
    /// Found at start, under inquiry, or told so: its register may believe it failed.
    pub(crate) unknown: bool,
    /// The other side turned out not to know inquiries.
    pub(crate) inquiry_unsupported: bool,
    /// Must be durable before anything of it is told or done.
    pub(crate) after: Position,
    /// The last record of it.
    pub(crate) position: Position,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) steps: VecDeque<Progress>,
    pub(crate) seq: u32,
    pub(crate) stage: Stage,
    pub(crate) started_at_micros: i64,
    /// When this engine came to know it.
    pub(crate) known_boot_ms: u64,
    /// Its device is its own; never so for one found at start.
    pub(crate) holds_device: bool,
    /// The call whose reply it waits for.
    pub(crate) call: Option<CallId>,
    /// Offline approvals that a batch close still has to look up, and its totals.
    pub(crate) collecting: Option<(usize, Totals)>,
    /// The terminal's payment: whenever its reply comes, it is the terminal's word.
    pub(crate) payment: Option<CallId>,
    /// The pause before the next attempt.
    pub(crate) pause: Option<TimerId>,
    /// The end of its register's patience.
    pub(crate) patience: Option<TimerId>,
    /// The question of its reader that is open.
    pub(crate) prompt: Option<OpenPrompt>,
    /// Questions so far.
    pub(crate) prompts: u32,
    /// What the customer drew, as it is to be kept with an approval.
    pub(crate) signature: Option<Arc<str>>,
    pub(crate) attempts: usize,
    pub(crate) next_at_micros: Option<i64>,
    /// The gateways before this one.
    pub(crate) tried: Tried,
    /// The surcharge that people agreed to, minor units; it is in the amounts.
    pub(crate) surcharge_added: Option<i64>,
}

/// A request that waits for a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    /// The questions its register can show.
    pub(crate) prompts: PromptKinds,
}

/// What a transaction waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// The device, which still ends what came before.
    AwaitingReader,
    /// A card.
    Presenting,
    /// A register: the final amount. The card is known, nothing is sealed.
    AwaitingAmount,
    /// A register: whether the customer pays this surcharge. The card is known, nothing is sealed.
    Pricing { surcharge_minor: i64 },
    /// The gateway: in which currencies the card may pay. Nothing is sealed.
    OfferingCurrency,
    /// The reader: whether the customer takes this offer. Nothing is sealed.
    ChoosingCurrency(CurrencyOffer),
    /// A register: the same, where the reader does not ask.
    AskingCurrency(CurrencyOffer),
    /// PIN, cryptogram, seal.
    AuthorizingCard,
    /// The journal: did another transaction spend the keys of the read?
    CheckingKeys(SealedRead),
    /// Room at its gateway; holds the sealed read of a card.
    AwaitingTurn(Option<SealedRead>),
    /// The connector's references; holds the sealed read of a sale.
    Preparing(Option<SealedRead>),
    /// The vault, which keeps the sealed number for a reversal.
    Keeping(SealedRead),
    /// The chip: whether it allows the sale without its issuer.
    CompletingOffline(SealedRead),
    /// The vault, which keeps the sealed read until it is forwarded.
    Storing(SealedRead),
    /// Its turn to be forwarded, or the connector's references for it. Its register has been
    /// answered, and the gateway has not heard of it.
    Stored,
    /// The gateway, to take what was accepted offline; or the next attempt.
    Forwarding,
    /// The terminal, which runs the whole payment.
    Paying,
    /// The issuer.
    Authorizing,
    /// A register: its people's word on an approval or a referral.
    Asking,
    /// The chip.
    Completing,
    /// The gateway, about a refund or a void.
    Modifying,
    /// The other side, about what became of it; or the next attempt to ask.
    Inquiring,
    /// The other side, to undo it; or the next attempt. Its register has been answered.
    Reversing,
    /// A person.
    NeedsOperator,
    /// The gateway, to know about the outcome, which is final; or the next attempt.
    Reporting,
    /// Nothing: it leaves the open ones.
    Settled,
}

/// A sealed read on its way from the reader to the gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SealedRead {
    pub(crate) read_id: Arc<str>,
    pub(crate) sealed: Opaque,
    pub(crate) entry: Entry,
    /// The sealed number, until it is kept.
    pub(crate) number: Option<Opaque>,
}

/// Why a transaction must end before its intent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    /// Its register said so.
    Cancelled,
    /// It took longer than anybody waits.
    TooLong,
    /// The host stops.
    HostStopping,
}

impl Transaction {
    /// A transaction just accepted.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is its own type; one caller per kind"
    )]
    pub(crate) fn new(
        id: TransactionId,
        scope: Scope,
        request: MoneyRequest,
        fingerprint: Fingerprint,
        amounts: Amounts,
        gateway: Option<GatewayId>,
        acceptor: Acceptor,
        started_at_micros: i64,
    ) -> Self {
        Self {
            id,
            scope,
            request,
            fingerprint,
            amounts,
            device: None,
            gateway,
            acceptor,
            original: None,
            phase: Phase::Presenting,
            stop: None,
            presentation_id: None,
            card: None,
            entry: None,
            cvm: None,
            completion_owed: false,
            dcc: None,
            spent: Vec::new(),
            number_wanted: false,
            number_kept: false,
            going_offline: false,
            read_kept: false,
            read: None,
            stored: None,
            forwarding: None,
            withdraws: false,
            wire: None,
            intent: false,
            sent_before: false,
            no_card: false,
            answered: None,
            firm: false,
            tags: None,
            owed: Owed::default(),
            report_refused: false,
            passed: Passed::default(),
            ending: None,
            reversal: None,
            resolved: None,
            unknown: false,
            inquiry_unsupported: false,
            after: Position(0),
            position: Position(0),
            waiters: Vec::new(),
            steps: VecDeque::new(),
            seq: 0,
            stage: Stage::Accepted,
            started_at_micros,
            known_boot_ms: 0,
            holds_device: false,
            call: None,
            payment: None,
            collecting: None,
            pause: None,
            patience: None,
            prompt: None,
            prompts: 0,
            signature: None,
            attempts: 0,
            next_at_micros: None,
            tried: Tried::default(),
            surcharge_added: None,
        }
    }

    /// Whether its device authorizes it, and no gateway takes part.
    pub(crate) fn on_terminal(&self) -> bool {
        self.gateway.is_none()
    }

    /// Whether it can still end without having touched the other side's ledger.
    pub(crate) fn before_intent(&self) -> bool {
        !self.intent && self.ending.is_none()
    }

    /// The gateway that it waits for.
    pub(crate) fn awaited_gateway(&self) -> Option<&GatewayId> {
        match self.phase {
            Phase::Reporting => match &self.owed {
                Owed {
                    advice: Some(_), ..
                } => self.gateway.as_ref(),
                Owed {
                    order: Some(gateway),
                    ..
                } => Some(gateway),
                Owed { forget, .. } => forget.as_ref().map(|forget| &forget.gateway),
            },
            _ => self.gateway.as_ref(),
        }
    }

    /// Whether its outcome is final, on both sides.
    pub(crate) fn is_decided(&self) -> bool {
        matches!(self.phase, Phase::Reporting | Phase::Settled)
    }

    /// Whether its register may wrongly take it for failed.
    pub(crate) fn is_unknown(&self) -> bool {
        if !self.intent {
            return false;
        }
        match (&self.phase, &self.ending) {
            (Phase::NeedsOperator, _) => self.stored.is_none(),
            (_, Some(_)) => false,
            (_, None) => self.unknown || self.waiters.is_empty(),
        }
    }

    /// What is asked of the other side.
    pub(crate) fn purpose(&self) -> Purpose {
        match self.request.kind {
            Kind::Capture { .. } => Purpose::Capture,
            Kind::Adjust { .. } => Purpose::Adjust,
            Kind::Refund { .. } | Kind::RefundByReceipt => Purpose::Refund,
            kind => kind.purpose().unwrap_or(Purpose::Sale),
        }
    }

    /// Whether nobody can undo it: it goes on until there is a definite answer.
    pub(crate) fn is_irrevocable(&self) -> bool {
        self.is_void() || self.request.kind == Kind::BatchClose
    }

    /// Whether it takes back a whole transaction.
    pub(crate) fn is_void(&self) -> bool {
        matches!(self.request.kind, Kind::Void { .. })
    }

    /// How it ended, if it did.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ending.as_ref().map(outcome)
    }

    /// What is being done about it, if it is unknown or on its way back.
    pub(crate) fn resolution(&self) -> Option<Resolution> {
        let state = match self.phase {
            Phase::NeedsOperator => ResolutionState::NeedsOperator,
            Phase::Reversing => ResolutionState::Reversing,
            _ if self.unknown => ResolutionState::Resolving,
            _ => return None,
        };
        let next_at_micros = match state {
            ResolutionState::NeedsOperator => None,
            _ => self.next_at_micros,
        };
        Some(Resolution {
            state,
            next_at_micros,
        })
    }

    /// Whether there is something to tell of it that the journal does not hold.
    pub(crate) fn is_live(&self) -> bool {
        self.ending.is_none() || self.resolution().is_some() || self.owes_forwarding()
    }

    /// As its register may see it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            transaction_id: self.id,
            scope: self.scope.clone(),
            request: self.request.clone(),
            device: self.device.clone(),
            gateway: self.gateway.clone(),
            stage: self.stage,
            intent: self.intent,
            ended: self.ending.is_some(),
            resolution: self.resolution(),
            forwarding: self.forwarding(),
            started_at_micros: self.started_at_micros,
        }
    }
}

/// The outcome of a final answer.
pub(crate) fn outcome(answer: &FinalAnswer) -> Outcome {
    match answer {
        FinalAnswer::Approved(_) => Outcome::Approved,
        FinalAnswer::Refused(refused) => refused.reason.outcome(),
    }
}
