// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices as the engine knows them: abilities, availability, commands, replies.

use crate::answer::Stage;
use crate::card::{CardFace, Cvm, Entry, SpentKey};
use crate::dcc::CurrencyOffer;
use crate::errands::Errand;
use crate::gateway::{Ability, GatewayAnswer, Recipient, Totals, Wire};
use crate::ids::{DeviceId, Opaque, TransactionId};
use crate::money::Amounts;
use crate::pricing::TipOffer;
use crate::protection::Protection;
use std::sync::Arc;

/// Whether a device can be used, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceStatus {
    /// What it can do; from its manifest.
    pub abilities: DeviceAbilities,
    /// Whether its runner is up and the device attached.
    pub ready: bool,
    /// How long until it may be ready again, where that is known.
    pub retry_after_ms: Option<u64>,
    /// Why it is not ready, in words for whoever asks for it.
    pub why: Option<Arc<str>>,
    /// How it protects what it reads.
    pub protection: Protection,
}

/// What a device can do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceAbilities {
    /// A reader.
    Reader {
        /// Its entry modes.
        entries: Vec<Entry>,
        /// Whether it can ask the customer for a tip.
        tip: bool,
        /// Whether its chips can complete without their issuer.
        offline: bool,
        /// Whether it can charge a card in its own currency.
        dcc: bool,
    },
    /// A terminal.
    Terminal {
        /// Whether it can be asked about a transaction.
        inquiry: Inquiry,
        /// Whether it can undo one.
        reversal: TerminalReversal,
        /// What it can do besides a sale.
        can: Vec<Ability>,
    },
}

/// Whether a terminal can be asked about a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inquiry {
    /// Any recent one.
    ById,
    /// Only the last one.
    LastOnly,
    /// Not at all.
    None,
}

/// Whether a terminal can undo a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TerminalReversal {
    /// By the reference it gave.
    ByReference,
    /// Only with the card presented again.
    NeedsCard,
    /// Not at all.
    None,
}

/// What is asked of a reader, a terminal or a gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Goods or services.
    Sale,
    /// Money back.
    Refund,
    /// Hold now, capture later.
    Authorize,
    /// Confirm an authorization.
    Capture,
    /// Change an authorization's amount.
    Adjust,
    /// Check a card.
    Verify,
    /// What is left on a card.
    Balance,
    /// Pay out cash.
    CashAdvance,
}

/// What a device is told to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceCommand {
    /// Wait for a card and choose its application.
    Present {
        /// Our transaction.
        transaction_id: TransactionId,
        /// What for.
        purpose: Purpose,
        /// Shown while waiting.
        amounts: Amounts,
        /// They are an estimate: the final ones follow the card.
        estimated: bool,
        /// How long to wait for a card.
        timeout_ms: u64,
        /// Entry modes that are wanted; empty = what the device allows.
        entries: Vec<Entry>,
        /// What a tip that it asks for may raise the total to; absent: it asks for none.
        total_minor_max: Option<i64>,
        /// Whether its card was presented before, for a gateway that was sent nothing.
        again: bool,
        /// Tips to offer then.
        tips: Vec<TipOffer>,
    },
    /// PIN, cryptogram, seal. Amounts and recipient are final.
    AuthorizeCard {
        /// Our transaction.
        transaction_id: TransactionId,
        /// From the presentation.
        presentation_id: Arc<str>,
        /// What for.
        purpose: Purpose,
        /// Final.
        amounts: Amounts,
        /// Whom to seal to.
        recipient: Recipient,
        /// Whether card number and expiry are sealed apart as well, for a reversal.
        seal_number: bool,
        /// Whether the gateway is away: no PIN that only the issuer can verify.
        offline: bool,
        /// The offer of the card's own currency that the customer took.
        dcc: Option<CurrencyOffer>,
    },
    /// Let the customer choose between the shop's currency and the card's own.
    ConfirmCurrency {
        /// Our transaction.
        transaction_id: TransactionId,
        /// From the presentation.
        presentation_id: Arc<str>,
        /// In the shop's currency.
        amounts: Amounts,
        /// What is offered.
        offer: CurrencyOffer,
        /// How long the customer has; silence is a no.
        timeout_ms: u64,
    },
    /// The issuer's answer, for chip and display.
    Complete {
        /// Our transaction.
        transaction_id: TransactionId,
        /// From the presentation.
        presentation_id: Arc<str>,
        /// What the gateway said.
        answer: IssuerAnswer,
        /// Nobody was asked: whether the card allows the sale all the same.
        offline: bool,
    },
    /// Text, with a beep.
    Show {
        /// The lines.
        lines: Vec<String>,
    },
    /// Something beside paying.
    Errand {
        /// What.
        errand: Errand,
        /// As the plugin gets it.
        command: Opaque,
        /// The card that lies there and is meant, as the reader names it.
        presentation_id: Option<Arc<str>>,
    },
    /// Terminal flow: run a whole payment.
    Pay {
        /// Our transaction.
        transaction_id: TransactionId,
        /// Trace number.
        stan: u32,
        /// What is asked.
        purpose: Purpose,
        /// Final.
        amounts: Amounts,
        /// What a tip or surcharge may raise the total to, minor units.
        total_minor_max: Option<i64>,
        /// The transaction that a refund, capture or adjustment belongs to.
        original: Option<OriginalPayment>,
    },
    /// Terminal flow: totals, and the end of the batch. Safe to repeat.
    Reconcile {
        /// References of the reconciliation.
        wire: Wire,
        /// Whether to close the batch.
        close: bool,
    },
    /// Terminal flow: what became of this transaction?
    Inquire {
        /// Our transaction.
        transaction_id: TransactionId,
        /// Its trace number.
        stan: u32,
    },
    /// Terminal flow: undo a payment.
    Reverse {
        /// Our transaction.
        transaction_id: TransactionId,
        /// The terminal's reference, if it gave one.
        reference: Option<Arc<str>>,
        /// Its amounts.
        amounts: Amounts,
    },
}

/// An earlier transaction of the same terminal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginalPayment {
    /// Our transaction.
    pub transaction_id: TransactionId,
    /// Its trace number.
    pub stan: u32,
    /// The terminal's own reference, if it gave one.
    pub reference: Option<Arc<str>>,
}

/// What the gateway said, as a reader needs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum IssuerAnswer {
    /// Approved.
    Approved {
        /// DE 39.
        response_code: Arc<str>,
        /// Tags for the chip.
        issuer: Opaque,
    },
    /// Declined.
    Declined {
        /// DE 39.
        response_code: Arc<str>,
        /// Tags for the chip.
        issuer: Opaque,
    },
    /// Nobody answered.
    NoAnswer,
}

/// What a device answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceReply {
    /// To `Present`.
    Presented {
        /// Names it.
        presentation_id: Arc<str>,
        /// How it was read.
        entry: Entry,
        /// What may be shown.
        card: CardFace,
        /// The tip the customer chose, to be added to the total.
        tip_minor: Option<i64>,
    },
    /// To `ConfirmCurrency`.
    CurrencyChosen {
        /// Whether the card pays in its own currency.
        accepted: bool,
    },
    /// To `AuthorizeCard`.
    CardAuthorized {
        /// Names the read; spent once.
        read_id: Arc<str>,
        /// Sealed card data and tags, for the gateway alone.
        sealed: Opaque,
        /// How it was read.
        entry: Entry,
        /// How the cardholder was verified.
        cvm: Cvm,
        /// Whether `Complete` decides about the approval.
        completion_owed: bool,
        /// Keys that are spent with this read; none where the reader has no such keys.
        keys: Vec<SpentKey>,
        /// Card number and expiry, sealed apart for the gateway's reversal alone.
        number: Option<Opaque>,
    },
    /// To `Complete`.
    Completed {
        /// Whether the chip accepts.
        accepted: bool,
        /// Tags for the advice.
        tags: Opaque,
    },
    /// To `Show`.
    Shown,
    /// To `Errand`: the plugin's answer, unread.
    Done(Opaque),
    /// To `Reconcile`.
    Reconciled(Box<Totals>),
    /// To `Pay`, or to an `Inquire` that found it ended.
    Paid(Box<TerminalOutcome>),
    /// To `Inquire`: it is running.
    Running,
    /// To `Inquire`: the terminal never took it.
    NotFound,
    /// To `Reverse`: undone.
    Reversed,
    /// The card or the cardholder said no; nothing moved.
    Refused {
        /// Why.
        refusal: CardRefusal,
        /// For a cashier's screen.
        text: Arc<str>,
    },
    /// Stopped as asked; nothing moved.
    Cancelled,
    /// The device or its plugin cannot do this.
    Unsupported,
    /// Port, protocol, plugin or runner broke, or the deadline passed.
    Failed {
        /// Whether the command can have had an effect.
        effect_possible: bool,
        /// For an engineer.
        reason: Arc<str>,
    },
}

/// Why a card could not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CardRefusal {
    /// Expired.
    CardExpired,
    /// Not readable.
    CardUnreadable,
    /// It left.
    CardRemoved,
    /// Cancel key.
    CancelledOnDevice,
    /// None came.
    NoCard,
    /// No common application.
    NotAccepted,
    /// PIN wrong for good.
    PinFailed,
    /// Something else the device named.
    Other,
}

/// What a terminal did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TerminalOutcome {
    /// What it decided; the extras hold its reference, tip, surcharge and whether it is offline.
    pub answer: GatewayAnswer,
    /// How the card was read.
    pub entry: Option<Entry>,
    /// How the cardholder was verified.
    pub cvm: Option<Cvm>,
    /// What may be shown.
    pub card: Option<CardFace>,
}

/// Progress of a device call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceProgress {
    /// The device.
    pub device: DeviceId,
    /// The stage.
    pub stage: Stage,
    /// As the device shows it.
    pub text: Arc<str>,
}
