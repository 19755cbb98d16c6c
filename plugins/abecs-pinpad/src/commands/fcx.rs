// SPDX-License-Identifier: MIT OR Apache-2.0
//! FCX: gives the chip the issuer's answer, and asks for its last word.

use super::{Command, Fields, WireError, Writer, wire};

/// What the issuer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issuer {
    Approved,
    Declined,
    /// Nobody could be asked.
    Unreachable,
}

/// Ends the chip's transaction.
pub(crate) struct FinishCard {
    pub(crate) issuer: Issuer,
    /// The issuer's response code, as field 39 has it.
    pub(crate) response_code: Option<[u8; 2]>,
    /// Its objects for the chip: 91, 71, 72.
    pub(crate) objects: Vec<u8>,
    pub(crate) tags: Vec<u8>,
}

/// The chip's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CardFinished {
    pub(crate) approved: bool,
    /// Tags, lengths and values that were asked for.
    pub(crate) objects: Vec<u8>,
    /// How each of the issuer's scripts went, five bytes each.
    pub(crate) scripts: Vec<[u8; 5]>,
}

impl Command for FinishCard {
    type Answer = CardFinished;
    const ID: [u8; 3] = *b"FCX";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let some = |bytes: &Vec<u8>| (!bytes.is_empty()).then(|| bytes.clone());
        let options = match self.issuer {
            Issuer::Approved => b"0000",
            Issuer::Declined => b"1000",
            Issuer::Unreachable => b"2000",
        };
        let mut writer = Writer::default();
        writer
            .put_some(&wire::EMVDATA_IN, some(&self.objects))?
            .put_some(&wire::TAGLIST, some(&self.tags))?
            .put_some(&wire::ARC, self.response_code)?
            .put(&wire::FCXOPT, options)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<CardFinished, WireError> {
        let fields = Fields::read(answer)?;
        // An example of the protocol's text has the result under the number of GOX's.
        let result = match fields.one(&wire::FCXRES)? {
            Some(result) => result,
            None => fields.needed(&wire::FCXRES_AS_GOXRES)?,
        };
        let approved = match result.first() {
            Some(b'0') => true,
            Some(b'1') => false,
            _ => return Err(WireError::Malformed(wire::FCXRES.name)),
        };
        let results = fields.one(&wire::ISRESULTS)?.unwrap_or_default();
        let (scripts, _) = results.as_chunks::<5>();
        Ok(CardFinished {
            approved,
            objects: fields.bytes(&wire::EMVDATA)?.unwrap_or_default(),
            scripts: scripts.to_vec(),
        })
    }
}
