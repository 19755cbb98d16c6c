// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of the pinpad's tables: applications, keys, revoked certificates. One layout each, field
//! by field.
//!
//! What a gateway leaves open is filled in with what always asks the issuer. Values are checked
//! before they come here; one that still does not fit its field is told by the field's name.

use crate::commands::tables::Acquirer;
use payhal_messages::emv::{
    ActionCodes, ApplicationKind, CaPublicKey, Contactless, ContactlessMode, EmvApplication,
    EmvParameters, RevokedCertificate, ZeroAmount,
};

/// Lengths of records.
const APPLICATION: usize = 340;
const PUBLIC_KEY: usize = 611;
const REVOKED: usize = 26;

/// EMV, the only standard of applications that is left.
const ICC_STANDARD: u64 = 3;

/// Response codes of the terminal's own; pinpads have them fixed.
const OFFLINE_CODES: &str = "Y1Z1Y3Z3";

/// Reads chip, stripe and keyed numbers; every way of verification; SDA, DDA, CDA.
const CAPABILITIES: &str = "E0F8C8";
const CAPABILITIES_MORE: &str = "F000F0A001";

/// Attended, online and offline, of a merchant.
const TERMINAL_TYPE: u8 = 22;

/// Every doubt goes to the issuer, and without an issuer to a decline.
const CODES_ALL: &str = "FFFFFFFFFF";
const CODES_NONE: &str = "0000000000";

/// Retail.
const CATEGORY: &str = "R";

/// Bytes of TDOL and DDOL.
const LIST_BYTES: usize = 20;

/// Every record of a set.
pub(crate) fn of(set: &EmvParameters, acquirer: Acquirer) -> Result<Vec<Vec<u8>>, String> {
    let mut records = Vec::new();
    for (place, application) in set.applications.iter().enumerate() {
        records.push(of_application(application, acquirer, place)?);
    }
    for (place, key) in set.keys.iter().enumerate() {
        records.push(of_key(key, acquirer, place)?);
    }
    for (place, certificate) in set.revoked.iter().enumerate() {
        records.push(of_revoked(certificate, acquirer, place)?);
    }
    Ok(records)
}

/// Applications that a set accepts without contact and this protocol does not.
pub(crate) fn without_contactless(set: &EmvParameters) -> Vec<&str> {
    let unknown = |application: &&EmvApplication| {
        let contactless = application.contactless.as_ref();
        contactless.is_some_and(|contactless| mode_of(contactless) == "0")
    };
    let named = set.applications.iter().filter(unknown);
    named.map(|application| application.aid.as_str()).collect()
}

/// A record that is being written.
struct Record {
    text: String,
    flaw: Option<&'static str>,
}

impl Record {
    fn new(length: usize, table: u64, acquirer: Acquirer, place: usize) -> Self {
        let text = format!("{length:03}{table}{acquirer:02}{}", index(place));
        Self { text, flaw: None }
    }

    /// Digits, zeros in front.
    fn number(&mut self, name: &'static str, length: usize, value: u64) -> &mut Self {
        let digits = format!("{value:0length$}");
        self.checked(name, length, &digits)
    }

    /// Text, spaces behind; what Latin-1 has not becomes a question mark.
    fn text(&mut self, name: &'static str, length: usize, value: &str) -> &mut Self {
        let plain = value.chars().map(|c| match c {
            ' '..='~' | '\u{A0}'..='\u{FF}' => c,
            _ => '?',
        });
        let text: String = plain.collect();
        self.checked(name, length, &format!("{text:<length$}"))
    }

    /// Hex, zeros behind.
    fn hex(&mut self, name: &'static str, bytes: usize, value: &str) -> &mut Self {
        let digits = format!(
            "{:0<length$}",
            value.to_ascii_uppercase(),
            length = 2 * bytes
        );
        self.checked(name, 2 * bytes, &digits)
    }

    /// An amount in four bytes of hex; more than they hold is as good as none.
    fn amount(&mut self, minor: u64) -> &mut Self {
        let minor = u32::try_from(minor).unwrap_or(u32::MAX);
        self.checked("amount", 8, &format!("{minor:08X}"))
    }

    fn checked(&mut self, name: &'static str, length: usize, value: &str) -> &mut Self {
        if value.chars().count() != length {
            self.flaw = self.flaw.or(Some(name));
        }
        self.text.push_str(value);
        self
    }

    /// The record in Latin-1.
    fn finish(&self, length: usize, of: &str) -> Result<Vec<u8>, String> {
        let bytes: Option<Vec<u8>> = self
            .text
            .chars()
            .map(|letter| u8::try_from(letter).ok())
            .collect();
        match (self.flaw, bytes) {
            (None, Some(bytes)) if bytes.len() == length => Ok(bytes),
            (flaw, _) => Err(format!(
                "{} of {of} does not fit the pinpad's tables",
                flaw.unwrap_or("something")
            )),
        }
    }
}

/// A record's place in its table, 01 to ZZ: digits while they last.
fn index(place: usize) -> String {
    let number = place + 1;
    if number < 100 {
        return format!("{number:02}");
    }
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let (first, second) = ((number - 100) / 26 % 26, (number - 100) % 26);
    [letters[first], letters[second]]
        .into_iter()
        .map(char::from)
        .collect()
}

fn of_application(
    application: &EmvApplication,
    acquirer: Acquirer,
    place: usize,
) -> Result<Vec<u8>, String> {
    let mut record = Record::new(APPLICATION, 1, acquirer, place);
    let version = |at: usize| {
        let versions = &application.versions;
        let known = versions.get(at).or(versions.first());
        known.map_or("0000", String::as_str)
    };
    let (merchant, terminal) = match &application.acceptor {
        Some(acceptor) => (acceptor.merchant.as_str(), acceptor.terminal.as_str()),
        None => ("", ""),
    };
    record
        .number("aid", 2, (application.aid.len() / 2) as u64)
        .hex("aid", 16, &application.aid)
        .number("kind", 2, kind_of(application.kind))
        .text("label", 16, &application.label)
        .number("standard", 2, ICC_STANDARD)
        .hex("versions", 2, version(0))
        .hex("versions", 2, version(1))
        .hex("versions", 2, version(2))
        .number("country", 3, application.country.unwrap_or(0).into())
        .number("currency", 3, application.currency.unwrap_or(0).into())
        .number("exponent", 1, application.exponent.unwrap_or(2).into())
        .text("merchant", 15, merchant)
        .number("category", 4, application.category.unwrap_or(0).into())
        .text("terminal", 8, terminal);
    let capabilities = application.terminal_capabilities.as_deref();
    let more = application.additional_capabilities.as_deref();
    let (capabilities, more) = (
        capabilities.unwrap_or(CAPABILITIES),
        more.unwrap_or(CAPABILITIES_MORE),
    );
    let kind = application.terminal_type.unwrap_or(TERMINAL_TYPE);
    record
        .hex("terminal_capabilities", 3, capabilities)
        .hex("additional_capabilities", 5, more)
        .number("terminal_type", 2, kind.into());
    action_codes(&mut record, application.tac.as_ref());
    record.amount(application.floor_limit_minor).text(
        "transaction_category",
        1,
        application
            .transaction_category
            .as_deref()
            .unwrap_or(CATEGORY),
    );
    contactless_limits(&mut record, application.contactless.as_ref());
    record
        .number("reserved", 1, 0)
        .hex(
            "tdol",
            LIST_BYTES,
            application.tdol.as_deref().unwrap_or(""),
        )
        .hex(
            "ddol",
            LIST_BYTES,
            application.ddol.as_deref().unwrap_or(""),
        )
        .text("offline codes", 8, OFFLINE_CODES);
    contactless_rules(&mut record, application, capabilities, more);
    record.finish(APPLICATION, &application.aid)
}

fn action_codes(record: &mut Record, codes: Option<&ActionCodes>) {
    let (default, denial, online) = match codes {
        Some(codes) => (&*codes.default, &*codes.denial, &*codes.online),
        None => (CODES_ALL, CODES_NONE, CODES_ALL),
    };
    record
        .hex("tac.default", 5, default)
        .hex("tac.denial", 5, denial)
        .hex("tac.online", 5, online);
}

/// What the oldest pinpads know of contactless cards.
fn contactless_limits(record: &mut Record, contactless: Option<&Contactless>) {
    let Some(contactless) = contactless else {
        record.text("zero_amount", 1, "0").text("mode", 1, "0");
        record.amount(0).amount(0).amount(0).hex("version", 2, "");
        return;
    };
    let zero = match contactless.zero_amount {
        ZeroAmount::Online => "1",
        ZeroAmount::Refused => "0",
    };
    let none = u64::from(u32::MAX);
    record
        .text("zero_amount", 1, zero)
        .text("mode", 1, mode_of(contactless))
        .amount(contactless.transaction_limit_minor.unwrap_or(none))
        .amount(contactless.floor_limit_minor)
        .amount(contactless.cvm_limit_minor.unwrap_or(none))
        .hex(
            "contactless.version",
            2,
            contactless.version.as_deref().unwrap_or(""),
        );
}

/// What newer ones know besides; older ones do not read that far.
fn contactless_rules(
    record: &mut Record,
    application: &EmvApplication,
    capabilities: &str,
    more: &str,
) {
    let contactless = application.contactless.as_ref();
    let own = contactless.and_then(|contactless| contactless.tac.as_ref());
    action_codes(record, own.or(application.tac.as_ref()));
    let flag = |on: bool| u64::from(on);
    let limit = contactless.and_then(|contactless| {
        contactless
            .on_device_limit_minor
            .or(contactless.transaction_limit_minor)
    });
    let own_capabilities = contactless.and_then(|own| own.terminal_capabilities.as_deref());
    let own_more = contactless.and_then(|own| own.additional_capabilities.as_deref());
    let on_device = contactless.is_some_and(|own| own.on_device_verification);
    let scripts = contactless.is_some_and(|own| own.issuer_scripts);
    let none = match contactless {
        Some(_) => u64::from(u32::MAX),
        None => 0,
    };
    record
        .hex(
            "contactless.terminal_capabilities",
            3,
            own_capabilities.unwrap_or(capabilities),
        )
        .number("on_device_verification", 1, flag(on_device))
        .hex(
            "contactless.additional_capabilities",
            5,
            own_more.unwrap_or(more),
        )
        .amount(limit.unwrap_or(none))
        .number("issuer_scripts", 1, flag(scripts));
}

/// Which kinds of application there are is between host and gateway; these are the usual ones.
fn kind_of(kind: ApplicationKind) -> u64 {
    match kind {
        ApplicationKind::Credit => 1,
        ApplicationKind::Debit => 2,
        ApplicationKind::Other => 3,
    }
}

/// The pinpad's kernel, by the number of EMV's. Others than these are not in pinpads yet.
fn mode_of(contactless: &Contactless) -> &'static str {
    match (contactless.kernel, contactless.mode) {
        (3, ContactlessMode::Stripe) => "1",
        (3, ContactlessMode::Chip) => "2",
        (2, ContactlessMode::Stripe) => "3",
        (2, ContactlessMode::Chip) => "4",
        (4, ContactlessMode::Stripe) => "5",
        (4, ContactlessMode::Chip) => "6",
        (6, ContactlessMode::Stripe) => "8",
        (6, ContactlessMode::Chip) => "9",
        _ => "0",
    }
}

fn of_key(key: &CaPublicKey, acquirer: Acquirer, place: usize) -> Result<Vec<u8>, String> {
    let mut record = Record::new(PUBLIC_KEY, 2, acquirer, place);
    let exponent = key.exponent.to_be_bytes();
    let exponent = crate::objects::hex(match key.exponent {
        0..=0xFF => &exponent[3..],
        _ => &exponent[1..],
    });
    let checksum = key.checksum.as_deref().map(crate::objects::hex);
    record
        .hex("rid", 5, &key.rid)
        .hex("index", 1, &format!("{:02X}", key.index))
        .number("reserved", 2, 0)
        .number("exponent", 1, (exponent.len() / 2) as u64)
        .hex("exponent", 3, &exponent)
        .number("modulus", 3, key.modulus.len() as u64)
        .hex("modulus", 248, &crate::objects::hex(&key.modulus))
        .number("checksum", 1, u64::from(checksum.is_some()))
        .hex("checksum", 20, checksum.as_deref().unwrap_or(""))
        .text("reserved", 42, &"0".repeat(42));
    record.finish(PUBLIC_KEY, &format!("key {:02X} of {}", key.index, key.rid))
}

fn of_revoked(
    certificate: &RevokedCertificate,
    acquirer: Acquirer,
    place: usize,
) -> Result<Vec<u8>, String> {
    let mut record = Record::new(REVOKED, 3, acquirer, place);
    record
        .hex("rid", 5, &certificate.rid)
        .hex("index", 1, &format!("{:02X}", certificate.index))
        .hex("serial", 3, &certificate.serial);
    record.finish(REVOKED, &certificate.serial)
}

#[cfg(test)]
mod tests;
