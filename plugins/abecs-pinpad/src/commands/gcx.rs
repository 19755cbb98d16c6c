// SPDX-License-Identifier: MIT OR Apache-2.0
//! GCX: waits for a card of any kind, and begins the transaction with it.

use super::tables::Acquirer;
use super::{Command, Day, Fields, Mask, Time, WireError, Writer, amount, seconds, shown, wire};
use std::time::Duration;

/// Asks for a card.
pub(crate) struct BeginCard {
    /// As in ISO 8583: 00 goods, which is what it is unless said, 01 cash, 09 goods with cash back,
    /// 20 refund.
    pub(crate) transaction: u8,
    /// Whose tables; 00 for everybody's.
    pub(crate) acquirer: Acquirer,
    /// Kinds of application, each 1 to 98; none for all.
    pub(crate) kinds: Vec<u8>,
    /// Exactly these table records instead.
    pub(crate) records: Vec<(Acquirer, [u8; 2])>,
    pub(crate) amount_minor: u64,
    pub(crate) cashback_minor: Option<u64>,
    /// Numeric; 0 for the tables' own.
    pub(crate) currency: u16,
    pub(crate) day: Day,
    pub(crate) time: Time,
    pub(crate) contactless: bool,
    /// Whether the display asks for a card without telling the amount.
    pub(crate) hide_amount: bool,
    pub(crate) mask: Option<Mask>,
    /// Objects that replace those of the tables.
    pub(crate) objects: Vec<u8>,
    /// Tags to be answered, one after the other.
    pub(crate) tags: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) text: Option<String>,
}

/// How a card came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardKind {
    Stripe,
    Chip,
    ContactlessStripe,
    Contactless,
}

/// What it was held in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Card,
    Phone,
    Other(u8),
}

/// The card, as far as it may be shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CardBegun {
    pub(crate) kind: CardKind,
    /// How reading a chip went before a stripe was read: 0 well or not at all, 1 the chip failed
    /// in a way that allows the stripe, 2 its application is not accepted.
    pub(crate) chip_before: Option<u8>,
    /// Tables records that fit, the first is in use.
    pub(crate) applications: Vec<Application>,
    /// With the mask that was asked for.
    pub(crate) pan: Option<String>,
    pub(crate) pan_sequence: Option<u8>,
    /// Cut after the service code, with the mask.
    pub(crate) track1: Option<String>,
    /// Cut after the service code, with the mask.
    pub(crate) track2: Option<String>,
    pub(crate) track3: Option<String>,
    pub(crate) holder: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) issuer_country: Option<u16>,
    pub(crate) expiry: Option<Day>,
    /// Tags, lengths and values that were asked for.
    pub(crate) objects: Vec<u8>,
    pub(crate) shape: Option<Shape>,
}

/// A record of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Application {
    pub(crate) acquirer: Acquirer,
    pub(crate) record: [u8; 2],
    pub(crate) kind: u8,
}

impl BeginCard {
    fn options(&self) -> [u8; 5] {
        let flag = |on| if on { b'1' } else { b'0' };
        [
            flag(self.contactless),
            flag(self.hide_amount),
            b'0',
            b'0',
            b'0',
        ]
    }

    fn write_choice(&self, writer: &mut Writer) -> Result<(), WireError> {
        let acquirer = wire::digits(self.acquirer.into(), 2, wire::ACQREF.name)?;
        writer.put(&wire::ACQREF, &acquirer)?;
        if !self.kinds.is_empty() {
            let pairs = self.kinds.iter();
            let pairs = pairs.map(|&kind| wire::digits(kind.into(), 2, wire::APPTYPE.name));
            writer.put(
                &wire::APPTYPE,
                &pairs.collect::<Result<Vec<_>, _>>()?.concat(),
            )?;
        }
        if !self.records.is_empty() {
            let mut list = Vec::new();
            for (acquirer, record) in &self.records {
                list.extend(wire::digits((*acquirer).into(), 2, wire::AIDLIST.name)?);
                list.extend(record);
            }
            writer.put(&wire::AIDLIST, &list)?;
        }
        Ok(())
    }
}

impl Command for BeginCard {
    type Answer = CardBegun;
    const ID: [u8; 3] = *b"GCX";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let some = |bytes: &Vec<u8>| (!bytes.is_empty()).then(|| bytes.clone());
        let mut writer = Writer::default();
        writer.put(&wire::GCXOPT, &self.options())?;
        self.write_choice(&mut writer)?;
        writer.put(&wire::AMOUNT, &amount(self.amount_minor, &wire::AMOUNT)?)?;
        let cashback = self.cashback_minor;
        let cashback = cashback.map(|minor| amount(minor, &wire::CASHBACK));
        writer.put_some(&wire::CASHBACK, cashback.transpose()?)?;
        writer
            .put(&wire::TRNDATE, &self.day.digits()?)?
            .put(&wire::TRNTIME, &self.time.digits()?)?
            .put_some(&wire::EMVDATA_IN, some(&self.objects))?
            .put_some(&wire::TAGLIST, some(&self.tags))?;
        let transaction = (self.transaction != 0).then_some([self.transaction]);
        let currency = (self.currency != 0).then(|| {
            let name = wire::TRNCURR.name;
            wire::digits(self.currency.into(), 3, name)
        });
        writer
            .put_some(&wire::TRNTYPE, transaction)?
            .put_some(&wire::TRNCURR, currency.transpose()?)?
            .put_some(&wire::PANMASK, self.mask.map(Mask::digits).transpose()?)?
            .put_some(&wire::TIMEOUT, self.timeout.map(seconds))?
            .put_some(&wire::DSPMSG, self.text.as_deref().map(wire::latin))?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<CardBegun, WireError> {
        let fields = Fields::read(answer)?;
        let kind = match fields.needed(&wire::CARDTYPE)? {
            b"00" => CardKind::Stripe,
            b"03" => CardKind::Chip,
            b"05" => CardKind::ContactlessStripe,
            b"06" => CardKind::Contactless,
            _ => return Err(WireError::Malformed(wire::CARDTYPE.name)),
        };
        let small = |field| Ok::<_, WireError>(fields.number(field)?.map(byte));
        let expiry = fields.one(&wire::CARDEXP)?;
        let country = fields.number(&wire::ISSCNTRY)?;
        Ok(CardBegun {
            kind,
            chip_before: small(&wire::ICCSTAT)?,
            applications: applications(fields.one(&wire::AIDTABINFO)?.unwrap_or_default())?,
            pan: pan(fields.text(&wire::PAN)?)?.map(|pan| shown::pan(&pan, self.mask)),
            pan_sequence: small(&wire::PANSEQNO)?,
            track1: fields
                .text(&wire::TRK1INC)?
                .map(|track| shown::track1(&track, self.mask)),
            track2: fields
                .text(&wire::TRK2INC)?
                .map(|track| shown::track2(&track, self.mask)),
            track3: fields
                .text(&wire::TRK3INC)?
                .map(|track| shown::track3(&track, self.mask)),
            holder: fields.text(&wire::CHNAME)?,
            label: fields.text(&wire::LABEL)?,
            issuer_country: country.map(|country| u16::try_from(country).unwrap_or(0)),
            expiry: expiry
                .map(|value| Day::read(value, "CARDEXP"))
                .transpose()?,
            objects: fields.bytes(&wire::EMVDATA)?.unwrap_or_default(),
            shape: small(&wire::DEVTYPE)?.map(|code| match code {
                0 => Shape::Card,
                1 => Shape::Phone,
                other => Shape::Other(other),
            }),
        })
    }
}

/// A number of two digits.
fn byte(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Digits, and stars where the mask lies.
fn pan(shown: Option<String>) -> Result<Option<String>, WireError> {
    let fits = |pan: &String| {
        pan.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'*')
    };
    match shown {
        Some(pan) if !fits(&pan) => Err(WireError::Malformed(wire::PAN.name)),
        other => Ok(other),
    }
}

fn applications(value: &[u8]) -> Result<Vec<Application>, WireError> {
    let name = wire::AIDTABINFO.name;
    let (records, _) = value.as_chunks::<6>();
    let read = |&[a, b, first, second, c, d]: &[u8; 6]| {
        Ok(Application {
            acquirer: byte(wire::number(&[a, b], name)?),
            record: [first, second],
            kind: byte(wire::number(&[c, d], name)?),
        })
    };
    records.iter().map(read).collect()
}
