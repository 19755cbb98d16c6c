// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLI, TLR, TLE: loads tables, which count from TLE on.

use super::{BLOCK_MAX, Command, Reply, Status, WireError, blocks, wire};

/// Whose tables, 01 to 99; 00 for everybody's.
pub(crate) type Acquirer = u8;

/// A version has so many characters.
pub(crate) const VERSION_CHARACTERS: usize = 10;

/// Begins to load the tables of an acquirer.
#[derive(Debug)]
pub(crate) struct BeginTables {
    pub(crate) acquirer: Acquirer,
    /// Up to ten characters.
    pub(crate) version: String,
}

impl Command for BeginTables {
    /// Whether the pinpad has other tables so far.
    type Answer = bool;
    const ID: [u8; 3] = *b"TLI";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let is_plain = self.version.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || self.version.is_empty() {
            return Err(WireError::Malformed("version of tables"));
        }
        let mut content = wire::digits(self.acquirer.into(), 2, "acquirer")?;
        content.extend(wire::padded(
            &self.version,
            VERSION_CHARACTERS,
            "version of tables",
        )?);
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<bool, WireError> {
        blocks::nothing(answer).map(|()| false)
    }

    /// "Other tables than expected" is what loading is for.
    fn settle(&self, reply: &Reply<'_>) -> Result<Result<bool, Status>, WireError> {
        match reply.status {
            Status::OK => self.read(reply.blocks).map(Ok),
            Status::TABVERDIF => Ok(Ok(true)),
            other => Ok(Err(other)),
        }
    }
}

/// Loads records. Each begins with its own length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadRecords {
    pub(crate) records: Vec<Vec<u8>>,
}

impl LoadRecords {
    /// As few commands as the records need, in their order.
    pub(crate) fn packed(records: impl IntoIterator<Item = Vec<u8>>) -> Vec<Self> {
        let mut packed: Vec<Self> = Vec::new();
        let mut filled = 0;
        for record in records {
            match packed.last_mut() {
                Some(last) if filled + record.len() <= BLOCK_MAX && last.records.len() < 99 => {
                    filled += record.len();
                    last.records.push(record);
                }
                _ => {
                    filled = 2 + record.len();
                    packed.push(Self {
                        records: vec![record],
                    });
                }
            }
        }
        packed
    }
}

impl Command for LoadRecords {
    type Answer = ();
    const ID: [u8; 3] = *b"TLR";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let mut content = wire::digits(self.records.len() as u64, 2, "records of tables")?;
        for record in &self.records {
            let length = record.get(..3).map(|head| wire::number(head, "record"));
            if length.transpose()? != Some(record.len() as u64) {
                return Err(WireError::Malformed("record of a table"));
            }
            content.extend(record);
        }
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}

/// Ends loading: from now on the records count.
#[derive(Debug)]
pub(crate) struct EndTables;

impl Command for EndTables {
    type Answer = ();
    const ID: [u8; 3] = *b"TLE";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        Ok(Vec::new())
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}
