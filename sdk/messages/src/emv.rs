// SPDX-License-Identifier: MIT OR Apache-2.0
//! EMV parameters of a gateway, in words that belong to no maker of readers: which applications a
//! reader accepts, under which limits, and the keys it checks cards with.
//!
//! Short binary values are hex, as EMV writes them; keys are base64, because long hex digits can
//! look like a card number. It must never hold anything secret: every key here is a public one.

use crate::base64_bytes;
use crate::gateway::Acceptor;
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of parameters, the content of a `LoadParameters`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct EmvParameters {
    /// Applications that are accepted, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<EmvApplication>,
    /// Public keys of the schemes, for offline data authentication and offline enciphered PINs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<CaPublicKey>,
    /// Issuers' certificates that are good no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedCertificate>,
}

/// One application that a reader accepts. What is absent is the reader's own.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct EmvApplication {
    /// AID (9F06), 5 to 16 bytes of hex.
    pub aid: String,
    /// Whether a card's AID must be this one to its end; otherwise it may be longer.
    #[serde(default)]
    pub whole_aid: bool,
    /// What a person is shown where the card names nothing, at most 16 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Credit or debit.
    #[serde(default)]
    pub kind: ApplicationKind,
    /// Application versions (9F09), 2 bytes of hex each, the preferred first; 3 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Terminal capabilities (9F33), 3 bytes of hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_capabilities: Option<String>,
    /// Additional terminal capabilities (9F40), 5 bytes of hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_capabilities: Option<String>,
    /// Terminal type (9F35), its two digits read as a number: 22 is attended, online and offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_type: Option<u8>,
    /// Country of the terminal (9F1A), ISO 3166-1 numeric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<u16>,
    /// Currency of the limits (5F2A), ISO 4217 numeric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<u16>,
    /// Decimal places of that currency (5F36).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent: Option<u8>,
    /// Merchant category code (9F15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<u16>,
    /// Transaction category code (9F53), one letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_category: Option<String>,
    /// Merchant and terminal (9F16, 9F1C), where a card may ask for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<Acceptor>,
    /// Acquirer (9F01), 6 to 11 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquirer: Option<String>,
    /// Terminal action codes for the contact chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tac: Option<ActionCodes>,
    /// Above it a payment goes online (9F1B), minor units; 0 = always.
    #[serde(default)]
    pub floor_limit_minor: u64,
    /// How payments below the floor limit are picked to go online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_selection: Option<RandomSelection>,
    /// What contactless cards of this application may do; absent = they are not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contactless: Option<Contactless>,
    /// Default TDOL (97), hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdol: Option<String>,
    /// Default DDOL (9F49), hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ddol: Option<String>,
}

/// What an application pays with.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationKind {
    /// Credit.
    Credit,
    /// Debit.
    Debit,
    /// Neither, or both.
    #[default]
    Other,
}

/// Terminal action codes, 5 bytes of hex each: the bits of the TVR that lead to a decision.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ActionCodes {
    /// Decline where nobody can be asked.
    pub default: String,
    /// Decline at once.
    pub denial: String,
    /// Ask the issuer.
    pub online: String,
}

/// Random selection of payments that go online (EMV Book 3, 10.6.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RandomSelection {
    /// Of payments below the threshold, in percent.
    pub target_percent: u8,
    /// From here the share rises, minor units.
    pub threshold_minor: u64,
    /// Of payments just below the floor limit, in percent.
    pub target_percent_max: u8,
}

/// What contactless cards of an application may do.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Contactless {
    /// How the card is read.
    pub mode: ContactlessMode,
    /// Number of the EMV contactless kernel: 2 Mastercard, 3 Visa, 4 American Express, 5 JCB,
    /// 6 Discover, 7 UnionPay, 8 the common one; others by agreement of reader and gateway.
    pub kernel: u8,
    /// Application version for contactless (9F09, 9F6D), 2 bytes of hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// From here on contactless is refused, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_limit_minor: Option<u64>,
    /// The same where the cardholder was verified on a device of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_device_limit_minor: Option<u64>,
    /// From here on the cardholder is verified, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvm_limit_minor: Option<u64>,
    /// Above it a payment goes online, minor units; 0 = always.
    #[serde(default)]
    pub floor_limit_minor: u64,
    /// What becomes of an amount of zero.
    #[serde(default)]
    pub zero_amount: ZeroAmount,
    /// Whether verification on a device of the cardholder's own counts.
    #[serde(default)]
    pub on_device_verification: bool,
    /// Whether issuer scripts are handed to the card, which is presented again for it.
    #[serde(default)]
    pub issuer_scripts: bool,
    /// Terminal action codes; absent = those of the contact chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tac: Option<ActionCodes>,
    /// Terminal capabilities (9F33), 3 bytes of hex; absent = those of the contact chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_capabilities: Option<String>,
    /// Additional terminal capabilities (9F40), 5 bytes of hex; absent = those of the contact
    /// chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_capabilities: Option<String>,
    /// Terminal transaction qualifiers (9F66), 4 bytes of hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifiers: Option<String>,
}

/// How a contactless card is read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactlessMode {
    /// As a chip, with a cryptogram.
    Chip,
    /// As the stripe it stands for.
    Stripe,
}

/// What becomes of a contactless payment of zero.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroAmount {
    /// It is refused.
    #[default]
    Refused,
    /// It goes online.
    Online,
}

/// A scheme's public key, with which a reader checks cards.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CaPublicKey {
    /// RID, 5 bytes of hex.
    pub rid: String,
    /// Index of the key (9F22).
    pub index: u8,
    /// RSA modulus, at most 248 bytes.
    #[serde(with = "base64_bytes")]
    #[schemars(with = "String")]
    pub modulus: Vec<u8>,
    /// RSA exponent, 3 or 65537.
    pub exponent: u32,
    /// SHA-1 over RID, index, modulus and exponent, as the scheme publishes it.
    #[serde(
        default,
        with = "optional_base64",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub checksum: Option<Vec<u8>>,
    /// Last day it is good for, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// An issuer's certificate that is good no more.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RevokedCertificate {
    /// RID, 5 bytes of hex.
    pub rid: String,
    /// Index of the scheme's key it was made under.
    pub index: u8,
    /// Its serial number, 3 bytes of hex.
    pub serial: String,
}

/// Where a set cannot be meant as it stands.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {must}")]
pub struct EmvFlaw {
    /// Such as `applications[2].tac.denial`.
    pub place: String,
    /// What must stand there.
    pub must: &'static str,
}

const RID_BYTES: usize = 5;
const MODULUS_BYTES_MAX: usize = 248;
const SHA1_BYTES: usize = 20;

impl EmvParameters {
    /// Whether every value has the form it must have; readers need not ask again.
    ///
    /// # Errors
    /// [`EmvFlaw`], with the first place that has not.
    pub fn check(&self) -> Result<(), EmvFlaw> {
        for (at, application) in self.applications.iter().enumerate() {
            let place = format!("applications[{at}]");
            application.check(&place)?;
        }
        for (at, key) in self.keys.iter().enumerate() {
            key.check(&format!("keys[{at}]"))?;
        }
        for (at, certificate) in self.revoked.iter().enumerate() {
            let place = format!("revoked[{at}]");
            hex(&certificate.rid, RID_BYTES, &place, "rid")?;
            hex(&certificate.serial, 3, &place, "serial")?;
        }
        Ok(())
    }
}

impl EmvApplication {
    fn check(&self, place: &str) -> Result<(), EmvFlaw> {
        let wrong = |name, must| Err(flaw(place, name, must));
        if !is_hex(&self.aid) || !(5..=16).contains(&(self.aid.len() / 2)) {
            return wrong("aid", "5 to 16 bytes of hex");
        }
        if self.label.chars().count() > 16 {
            return wrong("label", "16 characters at most");
        }
        if self.versions.len() > 3 {
            return wrong("versions", "3 at most");
        }
        for version in &self.versions {
            hex(version, 2, place, "versions")?;
        }
        if self.country.is_some_and(|code| code > 999) {
            return wrong("country", "3 digits");
        }
        if self.currency.is_some_and(|code| code > 999) {
            return wrong("currency", "3 digits");
        }
        if self.category.is_some_and(|code| code > 9_999) {
            return wrong("category", "4 digits");
        }
        if self.terminal_type.is_some_and(|code| code > 99) {
            return wrong("terminal_type", "2 digits");
        }
        for (list, name) in [(&self.tdol, "tdol"), (&self.ddol, "ddol")] {
            if list.as_ref().is_some_and(|list| !is_hex(list)) {
                return wrong(name, "hex");
            }
        }
        capabilities(
            self.terminal_capabilities.as_deref(),
            self.additional_capabilities.as_deref(),
            place,
        )?;
        action_codes(self.tac.as_ref(), place)?;
        let Some(contactless) = &self.contactless else {
            return Ok(());
        };
        contactless.check(&format!("{place}.contactless"))
    }
}

impl Contactless {
    fn check(&self, place: &str) -> Result<(), EmvFlaw> {
        if let Some(version) = &self.version {
            hex(version, 2, place, "version")?;
        }
        if let Some(qualifiers) = &self.qualifiers {
            hex(qualifiers, 4, place, "qualifiers")?;
        }
        capabilities(
            self.terminal_capabilities.as_deref(),
            self.additional_capabilities.as_deref(),
            place,
        )?;
        action_codes(self.tac.as_ref(), place)
    }
}

impl CaPublicKey {
    fn check(&self, place: &str) -> Result<(), EmvFlaw> {
        hex(&self.rid, RID_BYTES, place, "rid")?;
        if self.modulus.is_empty() || self.modulus.len() > MODULUS_BYTES_MAX {
            return Err(flaw(place, "modulus", "1 to 248 bytes"));
        }
        if ![3, 65_537].contains(&self.exponent) {
            return Err(flaw(place, "exponent", "3 or 65537"));
        }
        match &self.checksum {
            Some(sum) if sum.len() != SHA1_BYTES => Err(flaw(place, "checksum", "20 bytes")),
            _ => Ok(()),
        }
    }
}

fn capabilities(terminal: Option<&str>, more: Option<&str>, place: &str) -> Result<(), EmvFlaw> {
    if let Some(value) = terminal {
        hex(value, 3, place, "terminal_capabilities")?;
    }
    if let Some(value) = more {
        hex(value, 5, place, "additional_capabilities")?;
    }
    Ok(())
}

fn action_codes(codes: Option<&ActionCodes>, place: &str) -> Result<(), EmvFlaw> {
    let Some(codes) = codes else { return Ok(()) };
    hex(&codes.default, 5, place, "tac.default")?;
    hex(&codes.denial, 5, place, "tac.denial")?;
    hex(&codes.online, 5, place, "tac.online")
}

fn hex(value: &str, bytes: usize, place: &str, name: &str) -> Result<(), EmvFlaw> {
    let must = match bytes {
        2 => "2 bytes of hex",
        3 => "3 bytes of hex",
        4 => "4 bytes of hex",
        _ => "5 bytes of hex",
    };
    match is_hex(value) && value.len() == 2 * bytes {
        true => Ok(()),
        false => Err(flaw(place, name, must)),
    }
}

fn is_hex(value: &str) -> bool {
    value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn flaw(place: &str, name: &str, must: &'static str) -> EmvFlaw {
    EmvFlaw {
        place: format!("{place}.{name}"),
        must,
    }
}

mod optional_base64 {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        #[derive(Deserialize)]
        struct Element(#[serde(with = "base64_bytes")] Vec<u8>);
        Ok(Option::<Element>::deserialize(deserializer)?.map(|element| element.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> EmvParameters {
        EmvParameters {
            applications: vec![EmvApplication {
                aid: "A0000000031010".to_owned(),
                versions: vec!["0096".to_owned()],
                tac: Some(ActionCodes {
                    default: "DC4000A800".to_owned(),
                    denial: "0010000000".to_owned(),
                    online: "DC4004F800".to_owned(),
                }),
                ..EmvApplication::default()
            }],
            keys: vec![CaPublicKey {
                rid: "A000000003".to_owned(),
                index: 0x99,
                modulus: vec![0xab; 248],
                exponent: 3,
                checksum: Some(vec![1; 20]),
                expires: None,
            }],
            revoked: Vec::new(),
        }
    }

    #[test]
    fn a_set_survives_the_wire() {
        let text = serde_json::to_string(&set()).unwrap();
        assert_eq!(serde_json::from_str::<EmvParameters>(&text).unwrap(), set());
        assert_eq!(set().check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        type Spoil = fn(&mut EmvParameters);
        let cases: [(Spoil, &str); 6] = [
            (|set| set.applications[0].aid.clear(), "applications[0].aid"),
            (
                |set| set.applications[0].versions[0].push('1'),
                "applications[0].versions",
            ),
            (
                |set| set.applications[0].ddol = Some("9F3".to_owned()),
                "applications[0].ddol",
            ),
            (
                |set| {
                    set.applications[0].tac.as_mut().unwrap().denial = "none".to_owned();
                },
                "applications[0].tac.denial",
            ),
            (|set| set.keys[0].modulus.clear(), "keys[0].modulus"),
            (
                |set| {
                    set.revoked = vec![RevokedCertificate {
                        rid: "A000000003".to_owned(),
                        index: 1,
                        serial: "12".to_owned(),
                    }];
                },
                "revoked[0].serial",
            ),
        ];
        for (spoil, place) in cases {
            let mut spoilt = set();
            spoil(&mut spoilt);
            assert_eq!(spoilt.check().unwrap_err().place, place);
        }
    }

    #[test]
    fn a_key_never_looks_like_a_card_number() {
        // As hex, a modulus of these bytes would.
        let mut set = set();
        set.keys[0].modulus = vec![0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11];
        let text = serde_json::to_string(&set).unwrap();
        assert!(!crate::card_check::would_redact(&text));
    }
}
