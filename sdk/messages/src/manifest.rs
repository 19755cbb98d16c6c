// SPDX-License-Identifier: MIT OR Apache-2.0
//! `plugin.toml`: what a plugin is, what it can do, and what it needs.

use crate::card::Entry;
use crate::limits::{CALLS_MAX, PORTS_MAX};
use crate::update::UpdateKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The manifest. Abilities are data: the host refuses what a device cannot do before it calls it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Manifest {
    /// Folder name and identity: lower case, digits and dashes.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Version of the plugin (semver).
    pub version: String,
    /// Major version of the ABI it was built for.
    pub abi: u32,
    /// What it drives.
    pub kind: Kind,
    /// File name of the library beside the manifest, without prefix and suffix of the platform.
    pub library: String,
    /// Whether it drives nothing real. Only such instances take `simulate`.
    #[serde(default)]
    pub simulated: bool,
    /// Simultaneous calls; 1 for readers and terminals.
    #[serde(default = "one")]
    pub calls_max: u16,
    /// Reader abilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<ReaderAbilities>,
    /// Terminal abilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TerminalAbilities>,
    /// Gateway abilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayAbilities>,
    /// Approvals, shown to people.
    #[serde(default)]
    pub approvals: Approvals,
    /// What it needs from the system.
    #[serde(default)]
    pub access: Access,
    /// The ports it is given: how its device is found, and how it is opened.
    #[serde(default, rename = "port", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortNeed>,
    /// What an instance's configuration starts from; its own keys replace these. It lets several
    /// manifests share one library.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// SHA-256, in hex, of each file that the host reads beside the manifest, by its name. The
    /// signature beside the manifest covers them this way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

fn one() -> u16 {
    1
}

/// What a plugin drives.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Card-reading unit without its own payment application.
    Reader,
    /// Runs the whole payment itself.
    Terminal,
    /// The service that authorizes.
    Gateway,
}

/// What a reader can do.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReaderAbilities {
    /// Entry modes; `manual` only on an encrypting keypad.
    pub entries: Vec<Entry>,
    /// Whether it has a display for `show`.
    #[serde(default)]
    pub display: bool,
    /// Whether it can take an encrypted PIN.
    #[serde(default)]
    pub online_pin: bool,
    /// Whether it can ask the customer for a tip.
    #[serde(default)]
    pub tip: bool,
    /// Whether the reader itself encrypts (P2PE), or its plugin seals in software.
    #[serde(default)]
    pub encrypts: bool,
    /// Whether it takes the gateway's EMV parameters (`load_parameters`) before it reads a card.
    #[serde(default)]
    pub parameters: bool,
    /// Whether it can complete a chip without its issuer (`offline` of `complete`).
    #[serde(default)]
    pub offline: bool,
    /// Whether it can talk to a card that does not pay (`apdu`).
    #[serde(default)]
    pub apdu: bool,
    /// Whether it can do so with a card that was presented for a payment, which may use the card
    /// afterwards (`presentation_id` of `apdu`).
    #[serde(default)]
    pub apdu_presented: bool,
    /// What of it the host can update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub update: Vec<UpdateKind>,
    /// Whether it can charge a card in its own currency (`confirm_currency`, `dcc` of
    /// `authorize_card`).
    #[serde(default)]
    pub dcc: bool,
}

/// What a terminal can do when an outcome is unknown.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TerminalAbilities {
    /// Whether it can be asked about a transaction.
    pub inquiry: Inquiry,
    /// Whether it can undo one.
    pub reversal: TerminalReversal,
    /// What it can do besides; a payment is understood.
    #[serde(default)]
    pub can: Vec<Ability>,
    /// What of it the host can update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub update: Vec<UpdateKind>,
}

/// What a terminal or gateway can do besides a plain sale. What is not listed is refused before
/// the plugin is called.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Hold now, capture later, in parts.
    Authorize,
    /// Change an authorization's amount before its capture.
    Adjust,
    /// Give back all or part of a transaction of this host.
    Refund,
    /// Give back for a transaction that only its receipt tells of.
    RefundByReceipt,
    /// Give back to a card without naming a transaction.
    RefundUnreferenced,
    /// Take back before reconciliation.
    Void,
    /// Check a card.
    Verify,
    /// Keep a card as a token, and pay with one.
    Token,
    /// Tell what is left on a card.
    Balance,
    /// Pay out cash alone.
    CashAdvance,
    /// Pay out cash with a sale.
    Cashback,
    /// Payment in instalments.
    Installments,
    /// Take an approval code given by telephone.
    VoiceApproval,
    /// Tell the totals of the batch.
    BatchTotals,
    /// Close the batch.
    BatchClose,
    /// Gateway: take the chip's completion data.
    Advice,
    /// Gateway: take the order behind a payment.
    NotifyOrder,
    /// Gateway: take what was approved offline, later.
    Forward,
    /// Gateway: forget a payment token.
    ForgetToken,
    /// Gateway: offer a payment in the card's own currency.
    Dcc,
}

/// Whether a terminal can be asked about a transaction.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Inquiry {
    /// Any recent one, by its id.
    ById,
    /// Only the last one.
    LastOnly,
    /// Not at all.
    None,
}

/// Whether a terminal can undo a transaction.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalReversal {
    /// By the reference it gave.
    ByReference,
    /// Only with the card presented again.
    NeedsCard,
    /// Not at all.
    None,
}

/// What a gateway can do, and what it insists on.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GatewayAbilities {
    /// Whether `inquire` works.
    #[serde(default)]
    pub inquiry: bool,
    /// Transactions one acceptor may have in flight; absent = no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_per_acceptor: Option<u32>,
    /// Whether a pending reversal must be acknowledged before the acceptor's next transaction.
    #[serde(default)]
    pub reversal_before_next: bool,
    /// Whether a reversal needs the card number again, sealed apart.
    #[serde(default)]
    pub reversal_needs_pan: bool,
    /// What it can do besides; a sale is understood.
    #[serde(default)]
    pub can: Vec<Ability>,
}

/// Approvals, as certificates or listing numbers.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Approvals {
    /// PCI PTS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<String>,
    /// PCI SRED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sred: Option<String>,
    /// EMV Level 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emv_l1: Option<String>,
    /// EMV Level 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emv_l2: Option<String>,
}

/// What a plugin needs from the system; everything else is denied.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Access {
    /// Hosts the daemon may connect for it, `host:port`.
    #[serde(default)]
    pub network: Vec<String>,
    /// Whether it opens sockets by itself, because a vendor's library insists on it. Nobody can
    /// tell then whom it talks to; the operator is told so.
    #[serde(default)]
    pub own_network: bool,
    /// Whether it talks to the smart card service (PC/SC).
    #[serde(default)]
    pub pcsc: bool,
    /// Address space it needs, in MiB; 0 is the usual.
    #[serde(default)]
    pub memory_mib: u32,
}

/// A port that an instance is given.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PortNeed {
    /// Its name, as the plugin asks for it and the configuration sets it.
    pub name: String,
    /// What it is.
    pub kind: PortSort,
    /// Devices that fit, `vendor:product` in hex: the USB device, or the USB adapter of a serial
    /// line. Empty: the configuration says where it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usb: Vec<String>,
    /// Serial: symbols a second.
    #[serde(default = "usual_baud")]
    pub baud: u32,
    /// Serial: bits of a character, 5 to 8.
    #[serde(default = "eight")]
    pub data_bits: u8,
    /// Serial: parity.
    #[serde(default)]
    pub parity: Parity,
    /// Serial: stop bits, 1 or 2.
    #[serde(default = "one_bit")]
    pub stop_bits: u8,
    /// Whether an instance works without it.
    #[serde(default)]
    pub optional: bool,
}

/// What a port is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PortSort {
    /// A serial line.
    Serial,
    /// A USB device.
    Usb,
    /// A TCP connection that stays.
    Stream,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// None.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

fn usual_baud() -> u32 {
    9_600
}

fn eight() -> u8 {
    8
}

fn one_bit() -> u8 {
    1
}

/// Why a manifest is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or a field is missing or of the wrong type; the text points at line and key.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A field has a value that cannot be.
    #[error("`{field}` must be {must}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`ManifestError`], naming the line or the field.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let wrong = |field, must: &str| {
            Err(ManifestError::Value {
                field,
                must: must.into(),
            })
        };
        if !is_plain_name(&self.id, b"-") {
            return wrong("id", "1 to 64 lower-case letters, digits and dashes");
        }
        if !is_plain_name(&self.library, b"_-") {
            return wrong(
                "library",
                "a bare library name without path, prefix and suffix",
            );
        }
        if self.calls_max == 0 || self.calls_max > CALLS_MAX {
            return wrong("calls_max", &format!("1 to {CALLS_MAX}"));
        }
        let (table, present) = match self.kind {
            Kind::Reader => ("reader", self.reader.is_some()),
            Kind::Terminal => ("terminal", self.terminal.is_some()),
            Kind::Gateway => ("gateway", self.gateway.is_some()),
        };
        if !present {
            return wrong(
                table,
                "present: a table that tells what a plugin of this kind can do",
            );
        }
        if self.kind != Kind::Gateway && self.calls_max != 1 {
            return wrong("calls_max", "1 for readers and terminals");
        }
        if self
            .reader
            .as_ref()
            .is_some_and(|reader| reader.entries.is_empty())
        {
            return wrong("reader.entries", "at least one entry mode");
        }
        self.check_ports()
    }

    fn check_ports(&self) -> Result<(), ManifestError> {
        let wrong = |field, must: String| Err(ManifestError::Value { field, must });
        if self.ports.len() > PORTS_MAX {
            return wrong("port", format!("{PORTS_MAX} tables at most"));
        }
        let mut names = BTreeSet::new();
        for port in &self.ports {
            if !is_plain_name(&port.name, b"_-") || !names.insert(&port.name) {
                let must = "1 to 64 lower-case letters, digits, dashes and underscores, each once";
                return wrong("port.name", must.to_owned());
            }
            if !port.usb.iter().all(|id| is_usb_id(id)) {
                let must = "vendor and product in hex, such as \"0acd:3810\"";
                return wrong("port.usb", must.to_owned());
            }
            if !(5..=8).contains(&port.data_bits) || !(1..=2).contains(&port.stop_bits) {
                let must = "5 to 8 data_bits with 1 or 2 stop_bits";
                return wrong("port", must.to_owned());
            }
        }
        Ok(())
    }

    /// File name of the library on this platform.
    pub fn library_file(&self) -> String {
        format!(
            "{}{}{}",
            std::env::consts::DLL_PREFIX,
            self.library,
            std::env::consts::DLL_SUFFIX
        )
    }
}

fn is_usb_id(id: &str) -> bool {
    let hex = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    id.split_once(':')
        .is_some_and(|(vendor, product)| hex(vendor) && hex(product))
}

fn is_plain_name(name: &str, also: &[u8]) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: &str = r#"
id = "beeper"
name = "Beeper"
version = "1.0.0"
abi = 1
kind = "reader"
library = "beeper"
[reader]
entries = ["chip"]
"#;

    #[test]
    fn a_minimal_manifest_gets_its_defaults() {
        let manifest = Manifest::parse(READER).unwrap();
        assert_eq!(manifest.calls_max, 1);
        assert!(!manifest.simulated);
        assert!(manifest.library_file().contains("beeper"));
    }

    #[test]
    fn a_manifest_can_set_what_configurations_start_from() {
        let manifest = Manifest::parse(&format!("{READER}[config]\nlevel = 3\n")).unwrap();
        assert_eq!(manifest.config["level"], 3);
        assert!(Manifest::parse(READER).unwrap().config.is_empty());
    }

    #[test]
    fn a_syntax_error_names_the_line() {
        let text = READER.replace("abi = 1", "abi = \"one\"");
        let error = Manifest::parse(&text).unwrap_err().to_string();
        assert!(error.contains("line 5"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_name_their_field() {
        for (from, to, field) in [
            ("beeper\"\nname", "../beeper\"\nname", "id"),
            ("library = \"beeper\"", "library = \"../x\"", "library"),
            ("[reader]", "[gateway]", "reader"),
            ("abi = 1", "abi = 1\ncalls_max = 2", "calls_max"),
            ("[\"chip\"]", "[]", "reader.entries"),
            (
                "[reader]",
                "[[port]]\nname = \"main\"\nkind = \"usb\"\nusb = [\"acd:1\"]\n[reader]",
                "port.usb",
            ),
            (
                "[reader]",
                "[[port]]\nname = \"main\"\nkind = \"serial\"\ndata_bits = 9\n[reader]",
                "port",
            ),
        ] {
            let text = READER
                .replacen(from, to, 1)
                .replace("[gateway]\nentries", "[gateway]\n#");
            let error = Manifest::parse(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}`")), "{field}: {error}");
        }
    }
}
