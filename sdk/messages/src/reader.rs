// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and replies of a reader: present, authorize the card, complete.

use crate::card::{CardFace, Cvm, Entry, Recipient, Sealed};
use crate::currency::CurrencyOffer;
use crate::emv::EmvParameters;
use crate::money::{Amounts, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reply to `identify`: what the device says about itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Identity {
    /// Maker and model.
    pub model: String,
    /// Serial number as the device reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Firmware version as the device reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// How the device encrypts what it reads; absent on terminals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Sealing>,
    /// Why the device is not whole and takes nothing but an update, as after one that was
    /// interrupted. Absent: it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

/// How a reader encrypts what it reads.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Sealing {
    /// As [`Sealed::scheme`].
    pub scheme: String,
    /// Whether the plugin's process encrypts, because the device itself cannot.
    pub software: bool,
    /// Whether the keys are for tests. A live gateway refuses them.
    #[serde(default)]
    pub test_keys: bool,
}

/// Command `present`: wait for a card and choose its application. Nothing is sealed yet.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Present {
    /// Our transaction, for the device's own log.
    pub transaction_id: String,
    /// What the card is presented for.
    pub purpose: Purpose,
    /// The amount to show while waiting.
    pub amounts: Amounts,
    /// It is an estimate: the final amount comes with [`AuthorizeCard`]. What is shown says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Entry modes that are allowed; never empty.
    pub entries: Vec<Entry>,
    /// What a tip that the reader asks for may raise the total to. Absent: it asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_minor_max: Option<i64>,
    /// Whether the card was presented before in this transaction: its gateway could not be reached,
    /// and another is asked. Customers should be told, or they take it for a second payment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Tips to offer, where the reader asks for one; the customer may choose another, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tip_choices: Vec<TipChoice>,
    /// How long to wait for a card.
    pub timeout_ms: u64,
}

/// A tip that is offered. Each fits below `total_minor_max`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TipChoice {
    /// A few characters for the display: `10%`.
    pub label: String,
    /// How much, minor units.
    pub minor: i64,
}

/// Reply to `present`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Presentation {
    /// Names this presentation in the commands that follow.
    pub presentation_id: String,
    /// How the card was read.
    pub entry: Entry,
    /// What may be shown of the card.
    pub card: CardFace,
    /// The tip that the customer chose on the reader, minor units, to be added to the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
}

/// Command `authorize_card`: amounts and recipient are final. PIN, cryptogram, seal.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AuthorizeCard {
    /// Our transaction; part of the sealing's associated data.
    pub transaction_id: String,
    /// From the [`Presentation`].
    pub presentation_id: String,
    /// The instance name of this device; part of the sealing's associated data.
    pub device: String,
    /// What the card is presented for.
    pub purpose: Purpose,
    /// Final amounts, sealed with the card.
    pub amounts: Amounts,
    /// Whom to seal to.
    pub recipient: Recipient,
    /// Whether the cardholder must be asked for an online PIN when card and reader allow it.
    #[serde(default)]
    pub online_pin: PinPolicy,
    /// Whether this gateway's reversals need the card number: it is sealed apart, as
    /// [`CardRead::number`].
    #[serde(default)]
    pub seal_number: bool,
    /// The offer that the customer took: cryptogram and seal are over its amount, in its currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<CurrencyOffer>,
}

impl AuthorizeCard {
    /// What the card is charged: what cryptogram and seal are over.
    pub fn charged(&self) -> Amounts {
        let dcc = self.dcc.as_ref();
        dcc.map_or_else(|| self.amounts.clone(), CurrencyOffer::amounts)
    }
}

/// Whether an online PIN is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinPolicy {
    /// As card and kernel decide.
    #[default]
    ByCard,
    /// Never: the gateway cannot take a PIN block.
    Never,
}

/// Reply to `authorize_card`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CardRead {
    /// Names this read; the recipient spends each once.
    pub read_id: String,
    /// The card data, sealed to the recipient.
    pub sealed: Sealed,
    /// Card number and expiry alone, sealed apart for a reversal. No track, no PIN block: it may
    /// be kept after the authorization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Sealed>,
    /// How the card was read.
    pub entry: Entry,
    /// How the cardholder was verified.
    pub cvm: Cvm,
    /// Whether `complete` must be called with the issuer's answer before the card is done
    /// (a contact chip waits for its second GENERATE AC).
    pub completion_owed: bool,
    /// EMV tags that are neither cardholder data nor authentication data, hex to hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Command `complete`: the issuer's answer, for the chip and the display.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Complete {
    /// Our transaction.
    pub transaction_id: String,
    /// From the [`Presentation`].
    pub presentation_id: String,
    /// What the gateway said.
    pub answer: IssuerAnswer,
    /// With [`IssuerAnswer::NoAnswer`]: whether the payment may be approved without the issuer, if
    /// chip and reader allow it ([`CompletionRead::accepted`]). Only readers with `[reader] offline`
    /// are asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
}

/// What the gateway said, as a card reader needs it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum IssuerAnswer {
    /// Approved; `issuer` holds tags 91, 71, 72 as hex, where there are any.
    Approved {
        /// DE 39.
        response_code: String,
        /// Tags for the chip.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        issuer: BTreeMap<String, String>,
    },
    /// Declined.
    Declined {
        /// DE 39.
        response_code: String,
        /// Tags for the chip.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        issuer: BTreeMap<String, String>,
    },
    /// Nobody answered: the chip is told "unable to go online". It is asked for a decline, unless
    /// [`Complete::offline`] says otherwise.
    NoAnswer,
}

/// Reply to `complete`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CompletionRead {
    /// Whether the card accepts the approval (TC). `false`: it refuses (AAC), and an approval
    /// must be reversed. Offline: whether the chip gave a TC; or, of a contactless card, whether
    /// its kernel permits that the issuer is asked later.
    pub accepted: bool,
    /// Tags for the advice: 9F26, 9F27, 95, 9B, 9F5B, hex to hex; of an offline approval 8A too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Command `show`: text on the device's display, an optional beep; reply is empty (`{}`).
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Show {
    /// Lines; the device cuts what does not fit.
    pub lines: Vec<String>,
    /// Whether to beep or flash, so that a person finds the device.
    #[serde(default)]
    pub beep: bool,
}

/// Command `load_parameters`: EMV parameters of the gateway that a reader pays at; reply is empty
/// (`{}`). Comes before the first card, and again after each start of the plugin and whenever the
/// gateway has others. What was loaded before is replaced as a whole.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct LoadParameters {
    /// Name of the set.
    pub set: String,
    /// Version of the set; a device that has it already answers at once.
    pub version: String,
    /// Applications, keys, limits. The host hands on what it does not know itself, so that a
    /// newer gateway can tell a newer reader.
    #[schemars(with = "EmvParameters")]
    pub parameters: serde_json::Value,
}

impl LoadParameters {
    /// The parameters as this version knows them.
    ///
    /// # Errors
    /// In words, where they are no set of EMV parameters.
    pub fn emv(&self) -> Result<EmvParameters, String> {
        let set = EmvParameters::deserialize(&self.parameters).map_err(|flaw| flaw.to_string())?;
        set.check().map_err(|flaw| flaw.to_string())?;
        Ok(set)
    }
}
