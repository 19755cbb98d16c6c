// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of an instance, as `configuration.schema.json` describes it.
//!
//! A flaw must be found when the instance is opened, never in the middle of a payment.

use crate::limits::{ANSWER_TIMEOUT_S, ANSWER_TIMEOUT_S_MAX};
use payhal_plugin::PluginError;
use serde::Deserialize;
use std::time::Duration;

/// Which Concert the terminal speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) enum Protocol {
    /// V3 over TCP.
    #[default]
    #[serde(rename = "v3")]
    V3,
    /// E on a serial line.
    #[serde(rename = "e")]
    E,
    /// E+ on a serial line.
    #[serde(rename = "e+")]
    EPlus,
}

/// Version that V3 messages name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) enum Version {
    #[default]
    #[serde(rename = "0300")]
    V300,
    #[serde(rename = "0301")]
    V301,
    #[serde(rename = "0320")]
    V320,
}

impl Version {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V300 => "0300",
            Self::V301 => "0301",
            Self::V320 => "0320",
        }
    }
}

/// How cards may be read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReadMode {
    Any,
    Contact,
    Contactless,
    Stripe,
    Manual,
}

impl ReadMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Any => "0",
            Self::Contact => "1",
            Self::Contactless => "2",
            Self::Stripe => "3",
            Self::Manual => "4",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) protocol: Protocol,
    /// V3: `host:port`.
    #[serde(default)]
    pub(crate) address: String,
    /// Name of the terminal for people.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// Number of the till.
    #[serde(default = "usual_till")]
    pub(crate) till: String,
    #[serde(default = "usual_timeout")]
    pub(crate) answer_timeout_s: u64,
    /// Whether less than the amount may be paid.
    #[serde(default)]
    pub(crate) partial: bool,
    /// Whether the terminal is asked for a sign of life.
    #[serde(default)]
    pub(crate) identification: bool,
    #[serde(default)]
    pub(crate) version: Version,
    #[serde(default = "usual_protocol_id")]
    pub(crate) protocol_id: String,
    /// V3: whether the terminal gives our private data back.
    #[serde(default = "yes")]
    pub(crate) private_data: bool,
    /// V3: whether the terminal can be asked for its last transaction.
    #[serde(default)]
    pub(crate) status_request: bool,
    #[serde(default)]
    pub(crate) application: Option<String>,
    #[serde(default)]
    pub(crate) contract: Option<String>,
    #[serde(default)]
    pub(crate) read_mode: Option<ReadMode>,
    /// E, E+: means of payment.
    #[serde(default = "usual_mode")]
    pub(crate) mode: String,
    /// E, E+: whether the answer carries the card's number.
    #[serde(default)]
    pub(crate) report: bool,
    /// E+: whether the issuer is asked in any case.
    #[serde(default)]
    pub(crate) force_authorization: bool,
}

fn usual_till() -> String {
    "01".to_owned()
}

fn usual_timeout() -> u64 {
    ANSWER_TIMEOUT_S
}

fn usual_protocol_id() -> String {
    "012345678901".to_owned()
}

fn usual_mode() -> String {
    "1".to_owned()
}

fn yes() -> bool {
    true
}

/// Codes of means of payment in E and E+.
const MODES: &str = "1C235689AOUF0";

impl Config {
    /// What no type says.
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_v3 = self.protocol == Protocol::V3;
        let application = self.application.as_deref().unwrap_or("001");
        let contract = self.contract.as_deref().unwrap_or("0");
        let model = self.model.as_deref().unwrap_or("Concert");
        let flaws = [
            (
                self.till.len() != 2 || !digits(&self.till),
                "till must be two digits",
            ),
            (
                !(1..=ANSWER_TIMEOUT_S_MAX).contains(&self.answer_timeout_s),
                "answer_timeout_s must be 1 to 300",
            ),
            (
                is_v3 && !self.address.contains(':'),
                "address must be \"host:port\" of the terminal",
            ),
            (
                self.protocol_id.len() != 12 || !plain(&self.protocol_id),
                "protocol_id must be 12 letters and digits",
            ),
            (
                !matches!(application.len(), 1 | 3) || !plain(application),
                "application must be one or three letters and digits",
            ),
            (
                contract.is_empty() || contract.len() > 10 || !plain(contract),
                "contract must be 1 to 10 letters and digits",
            ),
            (
                self.mode.len() != 1 || !MODES.contains(&self.mode),
                "mode must be a code of the protocol, such as \"1\" for cards",
            ),
            (
                self.status_request && !(is_v3 && self.private_data),
                "status_request needs V3 and private_data",
            ),
            (
                model.is_empty() || model.len() > 64,
                "model must be 1 to 64 characters",
            ),
        ];
        match flaws.into_iter().find(|(flawed, _)| *flawed) {
            Some((_, what)) => {
                let what = format!("use the configuration: {what}");
                Err(PluginError::not_sent(what))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_timeout_s)
    }
}
