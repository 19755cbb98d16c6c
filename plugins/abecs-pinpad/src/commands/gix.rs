// SPDX-License-Identifier: MIT OR Apache-2.0
//! GIX: what the pinpad is and can; and GIN, its older form.

use super::{Command, Fields, Positions, Slot, WireError, Writer, blocks, wire};

/// Asks who the pinpad is.
#[derive(Debug)]
pub(crate) struct Inquire;

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pinpad {
    pub(crate) serial: String,
    pub(crate) part: String,
    pub(crate) model: String,
    pub(crate) maker: String,
    /// Of the protocol, as it stands there.
    pub(crate) specification: String,
    /// Operating system.
    pub(crate) system: String,
    /// Application that speaks this protocol.
    pub(crate) application: String,
    pub(crate) contactless: bool,
    /// Rows and columns of text.
    pub(crate) display: (u8, u8),
    pin_slots: Slots,
    data_slots: Slots,
}

/// One character for each slot: absent, present, not supported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Slots(Option<Vec<u8>>);

impl Slots {
    fn holds(&self, slot: Slot) -> Option<bool> {
        let map = self.0.as_ref()?;
        Some(map.get(usize::from(slot)) == Some(&b'1'))
    }
}

impl Pinpad {
    /// Whether a DUKPT key for PINs lies in the slot; `None` where the pinpad does not say.
    pub(crate) fn has_pin_key(&self, slot: Slot) -> Option<bool> {
        self.pin_slots.holds(slot)
    }

    /// Whether a DUKPT key for card data lies in the slot; `None` where the pinpad does not say.
    pub(crate) fn has_data_key(&self, slot: Slot) -> Option<bool> {
        self.data_slots.holds(slot)
    }
}

const ASKED: [wire::Field; 11] = [
    wire::SERNUM,
    wire::PARTNBR,
    wire::MODEL,
    wire::MNNAME,
    wire::CAPAB,
    wire::SOVER,
    wire::SPECVER,
    wire::APPVERS,
    wire::DSPTXTSZ,
    wire::DKPTTDESP,
    wire::DKPTTDESD,
];

impl Command for Inquire {
    type Answer = Pinpad;
    const ID: [u8; 3] = *b"GIX";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let ids: Vec<u8> = ASKED
            .iter()
            .flat_map(|field| field.id.to_be_bytes())
            .collect();
        let mut writer = Writer::default();
        writer.put(&wire::IDLIST, &ids)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Pinpad, WireError> {
        let fields = Fields::read(answer)?;
        let text = |field| Ok::<_, WireError>(fields.text(field)?.unwrap_or_default());
        let display = fields.number(&wire::DSPTXTSZ)?.unwrap_or(0);
        let small = |number| u8::try_from(number).unwrap_or(0);
        let capabilities = fields.one(&wire::CAPAB)?.unwrap_or_default();
        Ok(Pinpad {
            serial: text(&wire::SERNUM)?,
            part: text(&wire::PARTNBR)?,
            model: text(&wire::MODEL)?,
            maker: text(&wire::MNNAME)?,
            specification: text(&wire::SPECVER)?,
            system: text(&wire::SOVER)?,
            application: text(&wire::APPVERS)?,
            contactless: capabilities.first() == Some(&b'1'),
            display: (small(display / 100), small(display % 100)),
            pin_slots: Slots(fields.bytes(&wire::DKPTTDESP)?),
            data_slots: Slots(fields.bytes(&wire::DKPTTDESD)?),
        })
    }
}

/// Asks for fields by their identifiers; what the pinpad does not have is not in the answer.
#[derive(Debug)]
pub(crate) struct InquireFields {
    pub(crate) fields: Vec<wire::Field>,
}

impl Command for InquireFields {
    /// In the order they were asked for.
    type Answer = Vec<Option<Vec<u8>>>;
    const ID: [u8; 3] = *b"GIX";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let ids: Vec<u8> = self
            .fields
            .iter()
            .flat_map(|field| field.id.to_be_bytes())
            .collect();
        let mut writer = Writer::default();
        writer.put(&wire::IDLIST, &ids)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Self::Answer, WireError> {
        let found = Fields::read(answer)?;
        self.fields.iter().map(|field| found.bytes(field)).collect()
    }
}

/// Asks a pinpad that may be too old for GIX.
#[derive(Debug)]
pub(crate) struct InquireOld;

/// What such a pinpad says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldPinpad {
    pub(crate) maker: String,
    pub(crate) model: String,
    pub(crate) contactless: bool,
    pub(crate) system: String,
    pub(crate) specification: String,
    pub(crate) manager: String,
    pub(crate) serial: String,
}

impl Command for InquireOld {
    type Answer = OldPinpad;
    const ID: [u8; 3] = *b"GIN";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        blocks::block(b"00")
    }

    fn read(&self, answer: &[u8]) -> Result<OldPinpad, WireError> {
        let mut positions = Positions::of(blocks::only(answer)?, "identity");
        let pinpad = OldPinpad {
            maker: positions.text(20)?,
            model: positions.text(19)?,
            contactless: positions.take(1)? == b"C",
            system: positions.text(20)?,
            specification: positions.text(4)?,
            manager: positions.text(16)?,
            serial: positions.text(20)?,
        };
        positions.end()?;
        Ok(pinpad)
    }
}
