// SPDX-License-Identifier: MIT OR Apache-2.0
//! GOX: the chip's part of an authorization: card holder verification, and its cryptogram.

use super::tables::Acquirer;
use super::{Command, Fields, Key, WireError, Writer, amount, seconds, wire};
use std::time::Duration;

/// When a payment must go online though the chip would not insist, by the terminal's own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RiskRules {
    pub(crate) floor_limit_minor: u32,
    /// Percent of payments below the threshold that go online by chance.
    pub(crate) target_percent: u8,
    pub(crate) threshold_minor: u32,
    pub(crate) target_percent_max: u8,
}

impl RiskRules {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = self.floor_limit_minor.to_be_bytes().to_vec();
        bytes.push(self.target_percent);
        bytes.extend(self.threshold_minor.to_be_bytes());
        bytes.push(self.target_percent_max);
        bytes
    }
}

/// Goes on with a chip, inserted or held there.
pub(crate) struct GoOn {
    pub(crate) acquirer: Acquirer,
    /// Where they are other than when the card was asked for.
    pub(crate) amount_minor: Option<u64>,
    pub(crate) cashback_minor: Option<u64>,
    /// The card is on a list of those that nobody wants.
    pub(crate) excepted: bool,
    /// The chip alone must not approve.
    pub(crate) online_only: bool,
    /// The card holder must not skip the PIN.
    pub(crate) pin_required: bool,
    /// For a PIN that the issuer checks.
    pub(crate) pin_key: Key,
    /// While the PIN is typed.
    pub(crate) text: Option<String>,
    pub(crate) risk: Option<RiskRules>,
    pub(crate) objects: Vec<u8>,
    pub(crate) tags: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// What the chip decided so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    ApprovedOffline,
    Declined,
    /// The issuer must be asked.
    Online,
}

/// Who the card holder is, as far as the pinpad knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PinOutcome {
    None,
    CheckedByChip,
    /// The encrypted PIN is in the answer.
    ForIssuer,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WentOn {
    pub(crate) decision: Decision,
    pub(crate) signature: bool,
    pub(crate) pin: PinOutcome,
    /// The card holder was verified on the phone.
    pub(crate) on_device: bool,
    pub(crate) pin_block: Option<[u8; 8]>,
    pub(crate) pin_ksn: Option<[u8; 10]>,
    /// Tags, lengths and values that were asked for.
    pub(crate) objects: Vec<u8>,
}

impl Command for GoOn {
    type Answer = WentOn;
    const ID: [u8; 3] = *b"GOX";
    const WAITS: bool = true;
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let flag = |on| if on { b'1' } else { b'0' };
        let some = |bytes: &Vec<u8>| (!bytes.is_empty()).then(|| bytes.clone());
        let money = |minor: Option<u64>, field| minor.map(|minor| amount(minor, field)).transpose();
        let options = [
            flag(self.excepted),
            flag(self.online_only),
            flag(self.pin_required),
            b'0',
            b'0',
        ];
        let mut writer = Writer::default();
        writer.put_some(&wire::AMOUNT, money(self.amount_minor, &wire::AMOUNT)?)?;
        writer.put_some(
            &wire::CASHBACK,
            money(self.cashback_minor, &wire::CASHBACK)?,
        )?;
        self.pin_key.write_for_pin(&mut writer)?;
        writer
            .put_some(&wire::DSPMSG, self.text.as_deref().map(wire::latin))?
            .put_some(&wire::TRMPAR, self.risk.map(RiskRules::bytes))?
            .put_some(&wire::TAGLIST, some(&self.tags))?
            .put(
                &wire::ACQREF,
                &wire::digits(self.acquirer.into(), 2, "ACQREF")?,
            )?;
        writer
            .put_some(&wire::GOXOPT, (&options != b"00000").then_some(options))?
            .put_some(&wire::EMVDATA_IN, some(&self.objects))?
            .put_some(&wire::TIMEOUT, self.timeout.map(seconds))?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<WentOn, WireError> {
        let malformed = WireError::Malformed(wire::GOXRES.name);
        let fields = Fields::read(answer)?;
        let &[decision, signature, pin, device, ..] = fields.needed(&wire::GOXRES)? else {
            return Err(malformed);
        };
        let decision = match decision {
            b'0' => Decision::ApprovedOffline,
            b'1' => Decision::Declined,
            b'2' => Decision::Online,
            _ => return Err(malformed),
        };
        let pin = match pin {
            b'0' => PinOutcome::None,
            b'1' => PinOutcome::CheckedByChip,
            b'2' => PinOutcome::ForIssuer,
            _ => return Err(malformed),
        };
        let pin_block = fields.array(&wire::PINBLK)?;
        let pin_ksn = fields.array(&wire::KSN)?;
        if pin == PinOutcome::ForIssuer {
            pin_block.ok_or(WireError::Missing(wire::PINBLK.name))?;
            if matches!(self.pin_key, Key::Dukpt { .. }) {
                pin_ksn.ok_or(WireError::Missing(wire::KSN.name))?;
            }
        }
        Ok(WentOn {
            decision,
            signature: signature == b'1',
            pin,
            on_device: device == b'1',
            pin_block,
            pin_ksn,
            objects: fields.bytes(&wire::EMVDATA)?.unwrap_or_default(),
        })
    }
}
