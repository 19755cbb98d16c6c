// SPDX-License-Identifier: MIT OR Apache-2.0
//! Methods, statuses and failures: the envelope of a plugin call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a call ended. The numbers are the `status` argument of the ABI's `reply`.
///
/// | status | payload |
/// |---|---|
/// | `Ok` | the method's reply |
/// | `Refused` | [`Refusal`]: the other side was reached and said no |
/// | `Failed` | [`Failure`]: the port, the protocol or the plugin broke |
/// | `Unsupported` | empty: the plugin does not know the method |
/// | `Cancelled` | empty: stopped by `cancel` before anything irrevocable happened |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub enum Status {
    /// The method's reply follows.
    Ok = 0,
    /// The other side said no.
    Refused = 1,
    /// The port or the protocol broke.
    Failed = 2,
    /// Unknown method.
    Unsupported = 3,
    /// Stopped by `cancel`.
    Cancelled = 4,
}

impl Status {
    /// The status for a number received over the ABI, if it is one.
    pub fn from_code(code: i32) -> Option<Self> {
        [
            Self::Ok,
            Self::Refused,
            Self::Failed,
            Self::Unsupported,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| *status as i32 == code)
    }
}

/// The other side (card, terminal or gateway) was reached and said no.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Refusal {
    /// Stable reason; a reader uses the names of [`CardRefusal`], others their own response code.
    pub code: String,
    /// One sentence for a cashier's screen, without card data.
    pub text: String,
}

/// Why a reader could not read or use a card: the `code` of its [`Refusal`], in snake case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CardRefusal {
    /// The card's expiry date has passed.
    CardExpired,
    /// Chip, antenna or stripe could not be read.
    CardUnreadable,
    /// The card left before the reader was done.
    CardRemoved,
    /// The cardholder pressed cancel on the device.
    CancelledOnDevice,
    /// No card came in time.
    NoCard,
    /// No application that card and reader share.
    NotAccepted,
    /// PIN entry failed for good.
    PinFailed,
}

impl CardRefusal {
    /// The name as it stands in [`Refusal::code`].
    pub fn code(self) -> &'static str {
        match self {
            Self::CardExpired => "card_expired",
            Self::CardUnreadable => "card_unreadable",
            Self::CardRemoved => "card_removed",
            Self::CancelledOnDevice => "cancelled_on_device",
            Self::NoCard => "no_card",
            Self::NotAccepted => "not_accepted",
            Self::PinFailed => "pin_failed",
        }
    }
}

/// The port, the protocol or the plugin itself broke during a call.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Failure {
    /// Whether the request can have reached the other side. When in doubt: `maybe`.
    pub sent: Sent,
    /// What broke, for an engineer; a fragment that completes "failed to …", without received bytes.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.reason)
    }
}

/// Whether a failed request can have reached the other side.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Certainly not: the connection was refused, or the request was never written.
    No,
    /// It may have: written, but not answered.
    Maybe,
}

/// Names of the methods, as `call` carries them. One list for readers, terminals and gateways.
pub mod method {
    /// Model, serial number, firmware. All kinds.
    pub const IDENTIFY: &str = "identify";
    /// Reader: EMV parameters.
    pub const LOAD_PARAMETERS: &str = "load_parameters";
    /// Reader: wait for a card, choose its application.
    pub const PRESENT: &str = "present";
    /// Reader: PIN, cryptogram, seal.
    pub const AUTHORIZE_CARD: &str = "authorize_card";
    /// Reader: let the customer choose the currency.
    pub const CONFIRM_CURRENCY: &str = "confirm_currency";
    /// Reader: hand the issuer's answer to the chip.
    pub const COMPLETE: &str = "complete";
    /// Reader and terminal: show text.
    pub const SHOW: &str = "show";
    /// Reader and terminal: how the device is set up.
    pub const SETTINGS: &str = "settings";
    /// Reader: talk to a card that does not pay.
    pub const APDU: &str = "apdu";
    /// Reader and terminal: a file is to come.
    pub const UPDATE_BEGIN: &str = "update_begin";
    /// Reader and terminal: the next bytes of the file.
    pub const UPDATE_PIECE: &str = "update_piece";
    /// Reader and terminal: the file is whole; check it and put it in force.
    pub const UPDATE_FINISH: &str = "update_finish";
    /// Terminal: run a whole payment.
    pub const PAY: &str = "pay";
    /// Terminal and gateway: outcome of a known transaction.
    pub const INQUIRE: &str = "inquire";
    /// Terminal and gateway: undo a transaction whose outcome is unknown.
    pub const REVERSE: &str = "reverse";
    /// Terminal and gateway: compare totals, close the batch.
    pub const RECONCILE: &str = "reconcile";
    /// Gateway: parameters and sealing key.
    pub const OPEN: &str = "open";
    /// Gateway: make the references the intent records.
    pub const PREPARE: &str = "prepare";
    /// Gateway: whether the card may pay in its own currency.
    pub const OFFER_CURRENCY: &str = "offer_currency";
    /// Gateway: ask the issuer.
    pub const AUTHORIZE: &str = "authorize";
    /// Gateway: take what was approved offline.
    pub const FORWARD: &str = "forward";
    /// Gateway: capture, void, refund, adjust.
    pub const MODIFY: &str = "modify";
    /// Gateway: advices and order notifications.
    pub const REPORT: &str = "report";
    /// Gateway: a payment token is kept no more.
    pub const FORGET_TOKEN: &str = "forget_token";
    /// Simulated plugins only: act as a person or a fault would.
    pub const SIMULATE: &str = "simulate";
}

/// Kinds of emission during a call: the `kind` argument of the ABI's `emit`.
pub mod emission {
    /// Payload: [`super::super::prompt::Progress`].
    pub const PROGRESS: u32 = 1;
    /// Payload: [`super::super::prompt::Prompt`]; answered by `deliver`.
    pub const PROMPT: u32 = 2;
    /// Token 0, payload: [`super::super::prompt::DeviceChange`].
    pub const CHANGE: u32 = 3;
}
