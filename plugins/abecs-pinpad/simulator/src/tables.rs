// SPDX-License-Identifier: MIT OR Apache-2.0
//! EMV tables: what acquirers load, and which of their records a card's application matches.
//!
//! Records become valid all at once, when the loading ends.

use crate::digits::{hex, number, unhex};
use payhal_card_data::test_cards;
use std::collections::BTreeMap;

/// Length of a record of an application: as short as they come.
const APPLICATION_LENGTH_MIN: usize = 284;
const PUBLIC_KEY_LENGTH: usize = 611;
const REVOKED_LENGTH: usize = 26;

/// Most that a pinpad must hold.
const APPLICATIONS_MAX: usize = 160;
const PUBLIC_KEYS_MAX: usize = 80;

/// Version of tables: ten characters.
pub(crate) type Version = [u8; 10];

/// No tables at all.
pub(crate) const NO_VERSION: Version = *b"0000000000";

/// One application of an acquirer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Application {
    pub(crate) acquirer: u8,
    /// The record's place in the acquirer's list: two characters.
    pub(crate) place: [u8; 2],
    pub(crate) aid: Vec<u8>,
    /// Credit, debit and others.
    pub(crate) kind: u8,
    pub(crate) label: Vec<u8>,
    /// Two bytes.
    pub(crate) country: Vec<u8>,
    /// Two bytes.
    pub(crate) currency: Vec<u8>,
    pub(crate) capabilities: Vec<u8>,
    pub(crate) terminal_type: Vec<u8>,
    pub(crate) contactless: Contactless,
}

/// What an application allows without contact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Contactless {
    pub(crate) allowed: bool,
    /// Amounts from here on are for the slot; zero is no limit.
    pub(crate) limit: u64,
    /// Amounts from here on verify the cardholder.
    pub(crate) verify_from: u64,
}

/// A record that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Records {
    applications: Vec<Application>,
    public_keys: usize,
}

/// What is loaded, and what is being loaded.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    versions: BTreeMap<u8, Version>,
    records: Records,
    staged: Option<Staged>,
}

#[derive(Debug)]
struct Staged {
    acquirer: u8,
    version: Version,
    records: Records,
}

impl Tables {
    /// The applications of every test card, for any acquirer, as if they had been loaded.
    pub(crate) fn of_test_cards() -> Self {
        let mut aids: Vec<_> = test_cards()
            .iter()
            .flat_map(|card| card.applications)
            .collect();
        aids.sort_unstable_by_key(|(_, aid)| *aid);
        aids.dedup_by_key(|(_, aid)| *aid);
        let application = |(place, (label, aid)): (usize, &(&str, &str))| Application {
            acquirer: 1,
            place: two_digits(place + 1),
            aid: unhex(aid.as_bytes()).unwrap_or_default(),
            kind: 1,
            label: label.as_bytes().to_vec(),
            country: vec![0x09, 0x99],
            currency: vec![0x09, 0x99],
            capabilities: vec![0xE0, 0xF0, 0xC8],
            terminal_type: vec![0x22],
            contactless: Contactless {
                allowed: true,
                limit: 0,
                verify_from: 0,
            },
        };
        let applications = aids.into_iter().enumerate().map(application).collect();
        Self {
            versions: [(1, *b"TESTCARDS0")].into(),
            records: Records {
                applications,
                public_keys: 0,
            },
            staged: None,
        }
    }

    /// The version of an acquirer's tables.
    pub(crate) fn version(&self, acquirer: u8) -> Version {
        let known = self.versions.get(&acquirer);
        known.copied().unwrap_or(NO_VERSION)
    }

    /// Acquirers that have tables.
    pub(crate) fn acquirers(&self) -> impl Iterator<Item = u8> {
        self.versions.keys().copied()
    }

    /// Begins to load; whether that version is loaded already.
    pub(crate) fn begin(&mut self, acquirer: u8, version: Version) -> bool {
        self.staged = Some(Staged {
            acquirer,
            version,
            records: Records::default(),
        });
        self.version(acquirer) == version
    }

    /// Takes a record; `None` where no loading has begun.
    pub(crate) fn take(&mut self, records: &[u8]) -> Option<Result<(), Malformed>> {
        let staged = self.staged.as_mut()?;
        Some(staged.records.take(records))
    }

    /// What was loaded becomes valid. Tables of which nothing was sent stay as they are, and so do
    /// other acquirers'.
    pub(crate) fn end(&mut self) -> Option<()> {
        let staged = self.staged.take()?;
        let is_empty = staged.records == Records::default();
        if !is_empty || self.version(staged.acquirer) != staged.version {
            let of_others = |application: &Application| {
                staged.acquirer != 0 && application.acquirer != staged.acquirer
            };
            self.records.applications.retain(of_others);
            self.records.public_keys = staged.records.public_keys;
            let loaded = staged.records.applications;
            self.records.applications.extend(loaded);
            if staged.acquirer == 0 {
                self.versions.clear();
            }
            self.versions.insert(staged.acquirer, staged.version);
        }
        Some(())
    }

    /// Forgets a loading that did not end.
    pub(crate) fn forget_staged(&mut self) {
        self.staged = None;
    }

    /// The records that match an application of a card, longest identifier first.
    pub(crate) fn matching(&self, aid: &[u8], asked: &Asked) -> Vec<&Application> {
        let applications = self.records.applications.iter();
        let mut matching: Vec<_> = applications
            .filter(|application| aid.starts_with(&application.aid) && asked.wants(application))
            .collect();
        matching.sort_by_key(|application| std::cmp::Reverse(application.aid.len()));
        matching
    }

    /// Whether anything without contact is allowed for what is asked.
    pub(crate) fn allow_contactless(&self, asked: &Asked, amount: u64) -> bool {
        let mut applications = self.records.applications.iter();
        applications.any(|application| {
            let contactless = application.contactless;
            let within = contactless.limit == 0 || amount < contactless.limit;
            asked.wants(application) && contactless.allowed && within
        })
    }
}

/// Which records a command asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Asked {
    /// Zero is any.
    pub(crate) acquirer: u8,
    /// None is any.
    pub(crate) kinds: Vec<u8>,
    /// Acquirer and place of each; none is any.
    pub(crate) places: Vec<(u8, [u8; 2])>,
}

impl Asked {
    fn wants(&self, application: &Application) -> bool {
        let place = (application.acquirer, application.place);
        (self.acquirer == 0 || self.acquirer == application.acquirer)
            && (self.kinds.is_empty() || self.kinds.contains(&application.kind))
            && (self.places.is_empty() || self.places.contains(&place))
    }
}

impl Application {
    /// Acquirer, place and kind as six characters.
    pub(crate) fn reference(&self) -> Vec<u8> {
        let [first, second] = self.place;
        let [a, b] = two_digits(self.acquirer.into());
        let [c, d] = two_digits(self.kind.into());
        vec![a, b, first, second, c, d]
    }
}

impl Records {
    /// How many, then each with its length in front.
    fn take(&mut self, block: &[u8]) -> Result<(), Malformed> {
        let (count, mut rest) = block.split_at_checked(2).ok_or(Malformed)?;
        for _ in 0..number(count).ok_or(Malformed)? {
            let length = rest.get(..3).and_then(number).ok_or(Malformed)?;
            let length = usize::try_from(length).map_err(|_| Malformed)?;
            let (record, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
            self.record(record)?;
            rest = behind;
        }
        match rest {
            [] => Ok(()),
            _ => Err(Malformed),
        }
    }

    fn record(&mut self, record: &[u8]) -> Result<(), Malformed> {
        match (record.get(3), record.len()) {
            (Some(b'1'), APPLICATION_LENGTH_MIN..) => {
                self.applications.push(application(record)?);
            }
            (Some(b'2'), PUBLIC_KEY_LENGTH) => {
                unhex(record.get(8..20).ok_or(Malformed)?).ok_or(Malformed)?;
                self.public_keys += 1;
            }
            (Some(b'3'), REVOKED_LENGTH) => {
                unhex(&record[8..]).ok_or(Malformed)?;
            }
            _ => return Err(Malformed),
        }
        let has_room =
            self.applications.len() <= APPLICATIONS_MAX && self.public_keys <= PUBLIC_KEYS_MAX;
        has_room.then_some(()).ok_or(Malformed)
    }
}

/// Reads fields of fixed length, one behind the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(field)
    }

    fn number(&mut self, length: usize) -> Result<u64, Malformed> {
        number(self.take(length)?).ok_or(Malformed)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Malformed> {
        unhex(self.take(length)?).ok_or(Malformed)
    }

    /// Big-endian, in so many hex digits.
    fn amount(&mut self, length: usize) -> Result<u64, Malformed> {
        let bytes = self.bytes(length)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }
}

fn application(record: &[u8]) -> Result<Application, Malformed> {
    let mut fields = Fields(&record[4..]);
    let acquirer = small(fields.number(2)?)?;
    let place = fields.take(2)?.try_into().map_err(|_| Malformed)?;
    let length = usize::from(small(fields.number(2)?)?);
    let aid = fields.bytes(32)?.get(..length).ok_or(Malformed)?.to_vec();
    if !(5..=16).contains(&length) {
        return Err(Malformed);
    }
    let kind = small(fields.number(2)?)?;
    let label = fields.take(16)?.trim_ascii_end().to_vec();
    fields.number(2)?;
    fields.bytes(12)?;
    let country = crate::digits::packed(fields.take(3)?);
    let currency = crate::digits::packed(fields.take(3)?);
    fields.number(1)?;
    // Acceptor, category and terminal are the acquirer's own words.
    fields.take(15)?;
    fields.number(4)?;
    fields.take(8)?;
    let capabilities = fields.bytes(6)?;
    fields.bytes(10)?;
    let terminal_type = crate::digits::packed(fields.take(2)?);
    fields.bytes(3 * 10)?;
    fields.bytes(8)?;
    // Category of the transaction, and what an amount of zero means.
    fields.take(2)?;
    let mode = fields.take(1)?;
    let limit = fields.amount(8)?;
    fields.amount(8)?;
    let verify_from = fields.amount(8)?;
    fields.bytes(4)?;
    fields.take(1)?;
    fields.bytes(2 * 40)?;
    fields.take(8)?;
    Ok(Application {
        acquirer,
        place,
        aid,
        kind,
        label,
        country,
        currency,
        capabilities,
        terminal_type,
        contactless: Contactless {
            allowed: mode != b"0" && mode != b" ",
            limit,
            verify_from,
        },
    })
}

fn small(number: u64) -> Result<u8, Malformed> {
    u8::try_from(number).map_err(|_| Malformed)
}

pub(crate) fn two_digits(number: usize) -> [u8; 2] {
    let digit = |value: usize| b"0123456789"[value % 10];
    [digit(number / 10), digit(number)]
}

impl std::fmt::Display for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.aid))
    }
}
