// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hash that ties every record to all before it, so that a missing or altered one is found.
//!
//! Records that were pruned are replaced by a seal with the link of the last of them; a new epoch
//! has a link of its own. Nothing else may stand between two records.

use crate::error::JournalError;
use crate::project;
use crate::rows::{Began, Head, Seal, Stored};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// One link.
pub(crate) type Link = [u8; 32];

/// The link before the first record: another journal's records do not fit.
pub(crate) fn origin(epoch_id: &[u8]) -> Link {
    Sha256::new()
        .chain_update(b"payhal journal")
        .chain_update(epoch_id)
        .finalize()
        .into()
}

/// SHA-256(previous link, position in big endian, bytes of the record).
pub(crate) fn next(previous: &Link, position: u64, body: &[u8]) -> Link {
    Sha256::new()
        .chain_update(previous)
        .chain_update(position.to_be_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

/// The link of an epoch's beginning.
pub(crate) fn epoch(previous: &Link, began: &Began) -> Link {
    Sha256::new()
        .chain_update(b"payhal epoch")
        .chain_update(previous)
        .chain_update(began.number.to_be_bytes())
        .chain_update(began.id)
        .chain_update(began.at_micros.to_be_bytes())
        .chain_update(began.position.to_be_bytes())
        .chain_update(began.stan.to_be_bytes())
        .finalize()
        .into()
}

/// Follows the chain from one place to the head.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    path: &'a Path,
    /// The last position that is accounted for, and its link.
    at: u64,
    link: Link,
    /// The counter of trace numbers there, where that is known.
    stan: Option<u32>,
    seals: std::vec::IntoIter<Seal>,
    epochs: std::vec::IntoIter<Began>,
    /// Records that seals stand for.
    sealed: u64,
}

impl<'a> Walk<'a> {
    /// From a place whose link is known. `seals` and `epochs`: those after it, in order.
    pub(crate) fn from(
        path: &'a Path,
        (at, link): (u64, Link),
        seals: Vec<Seal>,
        epochs: Vec<Began>,
    ) -> Result<Self, JournalError> {
        let mut walk = Self {
            path,
            at,
            link,
            stan: (at == 0).then_some(0),
            seals: seals.into_iter(),
            epochs: epochs.into_iter(),
            sealed: 0,
        };
        walk.epochs_begin()?;
        Ok(walk)
    }

    /// The next record that is there.
    pub(crate) fn record(
        &mut self,
        stored: &Stored,
        stan: Option<u32>,
    ) -> Result<(), JournalError> {
        self.seals_until(stored.position)?;
        let expected = self.at + 1;
        if stored.position != expected {
            return Err(self.wrong(expected, "is missing"));
        }
        self.link = next(&self.link, expected, stored.body.as_bytes());
        if stored.chain != self.link {
            return Err(self.wrong(expected, "is not as written"));
        }
        self.at = expected;
        if let (Some(known), Some(recorded)) = (self.stan, stan) {
            self.stan = Some(project::later_stan(known, recorded));
        }
        self.epochs_begin()
    }

    /// The records were not read for their trace numbers.
    pub(crate) fn unread_stan(mut self) -> Self {
        self.stan = None;
        self
    }

    /// The last position that is accounted for.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The end. Returns how many records seals stand for.
    pub(crate) fn end(mut self, head: &Head) -> Result<u64, JournalError> {
        self.seals_until(head.position + 1)?;
        let stan = self.stan.is_none_or(|stan| stan == head.stan);
        if self.at == head.position && self.link == head.chain && stan {
            return Ok(self.sealed);
        }
        Err(JournalError::damaged(
            self.path,
            "records after the last one are missing",
        ))
    }

    fn seals_until(&mut self, position: u64) -> Result<(), JournalError> {
        while self.at + 1 < position
            && let Some(seal) = self.seals.as_slice().first()
            && seal.first == self.at + 1
            && seal.last < position
        {
            (self.at, self.link, self.stan) = (seal.last, seal.chain, None);
            self.sealed += seal.last - seal.first + 1;
            self.seals.next();
            self.epochs_begin()?;
        }
        Ok(())
    }

    fn epochs_begin(&mut self) -> Result<(), JournalError> {
        while let Some(began) = self.epochs.as_slice().first()
            && began.position <= self.at
        {
            // One inside a seal is in the seal's link.
            if began.position == self.at {
                let link = epoch(&self.link, began);
                if began.chain.as_slice() != link {
                    let number = began.number;
                    return Err(JournalError::damaged(
                        self.path,
                        format!("the beginning of epoch {number} is not as written"),
                    ));
                }
                (self.link, self.stan) = (link, Some(began.stan));
            }
            self.epochs.next();
        }
        Ok(())
    }

    fn wrong(&self, position: u64, what: &str) -> JournalError {
        JournalError::damaged(self.path, format!("record {position} {what}"))
    }
}
