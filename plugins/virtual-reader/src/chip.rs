// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chip of a test card and the kernel beside it: cryptograms over what the terminal and the card
//! know (EMV Book 3 sections 6.5.5 and 10), and the issuer's answer to them.
//!
//! What goes out in clear is looked at here: never an object that is card data.

use crate::alone::Alone;
use crate::reader::Held;
use crate::words::{currency_number, date, transaction_type, twelve_digits};
use payhal_card_data::emv::{CRYPTOGRAM_DOL, SessionKey, Tag, fill_dol};
use payhal_card_data::{Behaviour, TestCard};
use payhal_messages::card::Cvm;
use payhal_messages::reader::{AuthorizeCard, IssuerAnswer};
use payhal_plugin::PluginError;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Country of the terminal: one that ISO 3166 leaves to its users.
const COUNTRY: &str = "0999";

/// Issuer application data: derivation key 1, cryptogram version 10, no result that declines.
const ISSUER_APPLICATION: &str = "06010A03A00000";

/// What a reader says to the chip in the issuer's place: unable to go online, offline approved.
const APPROVED_ALONE: &[u8] = b"Y3";

/// Bit of the terminal verification results, byte 5: issuer authentication failed.
const ISSUER_AUTHENTICATION_FAILED: u8 = 0x40;

/// A chip between its two cryptograms.
pub(crate) struct Chip {
    card: &'static TestCard,
    objects: BTreeMap<u32, Vec<u8>>,
    atc: u16,
    arqc: [u8; 8],
    /// What the first cryptogram is over.
    pub(crate) total_minor: i64,
}

/// What a chip says to the issuer's answer.
pub(crate) struct Second {
    pub(crate) accepted: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Chip {
    /// GENERATE AC 1: asks the issuer. `None` for a card that was read without its chip.
    pub(crate) fn first(
        held: &Held,
        request: &AuthorizeCard,
        cvm: Cvm,
        atc: u16,
        now: SystemTime,
    ) -> Result<Option<Self>, PluginError> {
        let Some((_, aid)) = held.application else {
            return Ok(None);
        };
        let mut unpredictable = [0; 4];
        getrandom::fill(&mut unpredictable)
            .map_err(|_| PluginError::not_sent("draw random bytes"))?;
        let amounts = &request.charged();
        // EMV Book 3, annex C3 and section 10.5: method, condition, result.
        let cvm_results = match cvm {
            Cvm::OnlinePin => "020300",
            Cvm::OfflinePin => "010302",
            Cvm::Signature => "1E0300",
            Cvm::None | Cvm::OnDevice => "1F0302",
        };
        let digits = [
            (Tag::AIP, "3900".to_owned()),
            (Tag::DF_NAME, aid.to_owned()),
            (Tag::TVR, "0000000000".to_owned()),
            (Tag::TRANSACTION_DATE, date(now)),
            (
                Tag::TRANSACTION_TYPE,
                transaction_type(request.purpose, amounts).to_owned(),
            ),
            (
                Tag::TRANSACTION_CURRENCY,
                currency_number(&amounts.currency),
            ),
            (
                Tag::PAN_SEQUENCE_NUMBER,
                format!("{:02}", TestCard::SEQUENCE_NUMBER),
            ),
            (Tag::AMOUNT_AUTHORIZED, twelve_digits(amounts.total_minor)),
            (
                Tag::AMOUNT_OTHER,
                twelve_digits(amounts.cashback_minor.unwrap_or(0)),
            ),
            (Tag::ISSUER_APPLICATION, ISSUER_APPLICATION.to_owned()),
            (Tag::TERMINAL_COUNTRY, COUNTRY.to_owned()),
            (Tag::CVM_RESULTS, cvm_results.to_owned()),
            (Tag::ATC, hex(&atc.to_be_bytes())),
            (Tag::UNPREDICTABLE_NUMBER, hex(&unpredictable)),
        ];
        let objects = digits.iter().filter_map(|(tag, digits)| {
            let value = bytes(digits)?;
            Some((tag.number(), value))
        });
        let mut chip = Self {
            card: held.card,
            objects: objects.collect(),
            atc,
            arqc: [0; 8],
            total_minor: amounts.total_minor,
        };
        chip.arqc = chip.cryptogram()?;
        Ok(Some(chip))
    }

    /// What the issuer is told in clear.
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        let mut objects = self.objects.clone();
        objects.insert(Tag::CRYPTOGRAM.number(), self.arqc.to_vec());
        // An authorization request cryptogram.
        objects.insert(Tag::CRYPTOGRAM_INFORMATION.number(), vec![0x80]);
        in_clear(&objects)
    }

    /// GENERATE AC 2: accepts what the issuer approved, if it was the issuer.
    pub(crate) fn second(mut self, answer: &IssuerAnswer) -> Result<Second, PluginError> {
        let authentic = self.is_authentic(answer);
        if authentic == Some(false)
            && let Some(last) = self
                .objects
                .get_mut(&Tag::TVR.number())
                .and_then(|results| results.last_mut())
        {
            *last |= ISSUER_AUTHENTICATION_FAILED;
        }
        let accepted = matches!(answer, IssuerAnswer::Approved { .. })
            && authentic != Some(false)
            && self.card.behaviour != Behaviour::RefusesAfterApproval;
        self.end(accepted, authentic.is_some(), None)
    }

    /// GENERATE AC 2 where nobody could be asked, and the reader wants an approval all the same.
    pub(crate) fn alone(mut self, alone: Alone) -> Result<Second, PluginError> {
        if let Some(results) = self.objects.get_mut(&Tag::TVR.number())
            && let Some(byte) = results.get_mut(3)
        {
            *byte |= alone.results();
        }
        let code = alone.approved.then_some(APPROVED_ALONE);
        self.end(alone.approved, false, code)
    }

    fn end(
        mut self,
        accepted: bool,
        authenticated: bool,
        code: Option<&[u8]>,
    ) -> Result<Second, PluginError> {
        // Offline data authentication, cardholder verification and risk management were performed.
        let status = 0xE8 | if authenticated { 0x10 } else { 0 };
        let cryptogram = self.cryptogram()?;
        let results = self.objects.remove(&Tag::TVR.number()).unwrap_or_default();
        let mut objects = BTreeMap::from([
            (Tag::TVR.number(), results),
            (Tag::TSI.number(), vec![status, 0]),
            (Tag::CRYPTOGRAM.number(), cryptogram.to_vec()),
            // A transaction certificate, or a decline.
            (
                Tag::CRYPTOGRAM_INFORMATION.number(),
                vec![if accepted { 0x40 } else { 0x00 }],
            ),
        ]);
        if let Some(code) = code {
            objects.insert(Tag::AUTHORIZATION_RESPONSE_CODE.number(), code.to_vec());
        }
        Ok(Second {
            accepted,
            tags: in_clear(&objects),
        })
    }

    /// Whether the answer is the issuer's and the decision its own; `None` where it sent no
    /// authentication, as for an approval by voice.
    fn is_authentic(&self, answer: &IssuerAnswer) -> Option<bool> {
        let (IssuerAnswer::Approved {
            response_code,
            issuer,
        }
        | IssuerAnswer::Declined {
            response_code,
            issuer,
        }) = answer
        else {
            return None;
        };
        let data = issuer.get(&tag_name(Tag::ISSUER_AUTHENTICATION.number()))?;
        let right = || {
            let code: [u8; 2] = response_code.as_bytes().try_into().ok()?;
            let response = self.session().response_by_method_1(&self.arqc, code);
            Some(bytes(data)? == [&response[..], &code].concat())
        };
        Some(right().unwrap_or(false))
    }

    /// The cryptogram over what the objects are now.
    fn cryptogram(&self) -> Result<[u8; 8], PluginError> {
        let value_of = |tag: Tag| self.objects.get(&tag.number()).map(Vec::as_slice);
        let message = fill_dol(CRYPTOGRAM_DOL, value_of)
            .map_err(|why| PluginError::not_sent(format!("ask the chip: {why}")))?;
        Ok(self.session().cryptogram(message.bytes()))
    }

    fn session(&self) -> SessionKey {
        self.card.card_key().session_key(self.atc)
    }
}

/// Hex to hex, and nothing of what must be sealed.
fn in_clear(objects: &BTreeMap<u32, Vec<u8>>) -> BTreeMap<String, String> {
    let is_open = |number: u32| Tag::new(number).is_some_and(|tag| !tag.is_sensitive());
    let open = objects.iter().filter(|(number, _)| is_open(**number));
    open.map(|(number, value)| (tag_name(*number), hex(value)))
        .collect()
}

fn tag_name(number: u32) -> String {
    format!("{number:02X}")
}

fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    match rest {
        [] => pairs.iter().map(byte).collect(),
        _ => None,
    }
}
