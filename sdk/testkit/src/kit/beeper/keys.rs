// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example reader's key: injected by `payhal keys`, or one that everybody knows.
//!
//! The known one is for tests without a gateway of anybody's, and for the example gateway. It must
//! never be taken for a secret: it stands below.

use payhal_card_data::DUKPT_AES_SCHEME;
use payhal_card_data::DukptKey;
use payhal_card_data::dukpt::aes;
use payhal_card_data::key_file::InjectedKey;
use std::fmt;

/// Base derivation key of every beeper that has no injected one.
const KNOWN_BDK: [u8; 16] = *b"known to anybody";

/// Initial key id under that key: derivation id `beeper`, device 1.
const KNOWN_ID: [u8; 12] = [0xBE, 0xEF, 0xBE, 0xEF, 0, 0, 0, 1, 0, 0, 0, 0];

/// Slot of the known key.
pub(crate) const KNOWN_SLOT: &str = "known";

/// Where the keys of reads come from.
pub(crate) enum Keys {
    /// From a state folder; its counter goes on over restarts.
    Injected(Box<InjectedKey>),
    /// From the key above; its counter begins anew each time.
    Known(Box<aes::Device>),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.slot())
    }
}

impl Keys {
    /// The key that everybody knows.
    pub(crate) fn known() -> Self {
        let bdk = known_bdk();
        let initial = bdk.initial_key(aes::Ksn::new(KNOWN_ID).initial_key_id);
        Self::Known(Box::new(aes::Device::load(initial)))
    }

    pub(crate) fn slot(&self) -> &str {
        match self {
            Self::Injected(key) => &key.facts().slot,
            Self::Known(_) => KNOWN_SLOT,
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Injected(key) => key.facts().scheme.scheme(),
            Self::Known(_) => DUKPT_AES_SCHEME,
        }
    }

    /// KSN and key of the next read; `None` when they are used up.
    pub(crate) fn next(&mut self) -> Option<(Vec<u8>, DukptKey)> {
        match self {
            Self::Injected(key) => key.next_transaction().ok(),
            Self::Known(device) => {
                let (ksn, key) = device.next_transaction().ok()?;
                Some((ksn.bytes().to_vec(), DukptKey::Aes(key)))
            }
        }
    }
}

/// The key of a read that was sealed under the known key.
pub(crate) fn known_key(ksn: &[u8]) -> Option<DukptKey> {
    let ksn = aes::Ksn::new(ksn.try_into().ok()?);
    known_bdk().transaction_key(&ksn).ok().map(DukptKey::Aes)
}

fn known_bdk() -> aes::Bdk {
    aes::Bdk::new(&KNOWN_BDK).expect("as long as an AES key")
}
