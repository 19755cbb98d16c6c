// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pinpad's one DUKPT key: injected by `payhal keys`, or one that a standard publishes.
//!
//! The published one is for tests without a gateway of anybody's. It must never be taken for a
//! secret.

use payhal_card_data::DukptKey;
use payhal_card_data::dukpt::tdes::{Bdk, Device, Ksn, TransactionKey};
use payhal_card_data::key_file::InjectedKey;
use std::fmt;

/// Base derivation key of the examples in ANSI X9.24-1.
const PUBLISHED_BDK: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];

/// Its first device there.
const PUBLISHED_KSN: [u8; 10] = [0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0];

/// Where keys of transactions come from.
pub struct Keys {
    from: Source,
    /// The one before the next.
    last: Ksn,
}

enum Source {
    /// A state folder; its counter goes on over restarts.
    Injected(Box<InjectedKey>),
    /// The examples; the counter begins anew each time.
    Published(Box<Device>),
}

impl Keys {
    /// The key of the standard's examples.
    pub fn published() -> Self {
        let ksn = Ksn::new(PUBLISHED_KSN);
        let bdk = Bdk::new(&PUBLISHED_BDK).expect("as long as a TDES key");
        Self {
            from: Source::Published(Box::new(Device::load(bdk.initial_key(&ksn)))),
            last: ksn,
        }
    }

    /// The key that `payhal keys inject` loaded into a device; `None` where it is no TDES key.
    pub fn injected(key: InjectedKey) -> Option<Self> {
        let facts = key.facts();
        let initial = facts.initial.as_slice().try_into().ok()?;
        Some(Self {
            last: Ksn::new(initial).with_counter(facts.used),
            from: Source::Injected(Box::new(key)),
        })
    }

    /// The number before the next.
    pub(crate) fn last(&self) -> Ksn {
        self.last
    }

    /// Number and key of the next transaction; `None` when they are used up.
    pub(crate) fn next(&mut self) -> Option<(Ksn, TransactionKey)> {
        let (ksn, key) = match &mut self.from {
            Source::Published(device) => device.next_transaction().ok()?,
            Source::Injected(key) => match key.next_transaction().ok()? {
                (ksn, DukptKey::Tdes(key)) => (Ksn::new(ksn.try_into().ok()?), key),
                _ => return None,
            },
        };
        self.last = ksn;
        Some((ksn, key))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys(after {})", self.last)
    }
}
