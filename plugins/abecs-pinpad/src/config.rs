// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration of an instance. A flaw must be found when the instance is opened, never in the
//! middle of a sale. `configuration.schema.json` beside the manifest describes the same for
//! consoles.

use crate::commands::tables::Acquirer;
use crate::commands::{Key, Slot};
use crate::limits::Timers;
use crate::session::Options;
use crate::texts::Language;
use payhal_messages::apdu::AllowList;
use serde::Deserialize;

/// Slots of a pinpad have two digits.
const SLOT_MAX: Slot = 99;

/// Acquirers of a pinpad's tables have two digits; 00 is everybody.
const ACQUIRER_MAX: Acquirer = 99;

/// How far apart two clocks on earth are, in minutes, either way.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// The configuration as JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Name of the base key at the gateway, of which the pinpad's keys come.
    pub(crate) key_slot: String,
    /// Where the pinpad has its key for card data.
    data_key: Slot,
    /// Where the pinpad has its key for PINs.
    pin_key: Slot,
    /// Whether these keys are for tests.
    pub(crate) test_keys: bool,
    /// Whether the line is encrypted.
    secure: bool,
    /// Whose tables are used and loaded.
    pub(crate) acquirer: Acquirer,
    /// Whether cards may be held there.
    pub(crate) contactless: bool,
    /// What the pinpad shows.
    pub(crate) language: Language,
    /// What it shows where nothing goes on.
    pub(crate) idle_text: Option<String>,
    /// Local time, ahead of UTC.
    pub(crate) utc_offset_minutes: i32,
    /// Waits of the line, in percent of the standard's.
    timer_percent: u32,
    /// Applications of cards that do not pay, which registers may talk to.
    apdu: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key_slot: "pinpad".to_owned(),
            data_key: 1,
            pin_key: 1,
            test_keys: false,
            secure: true,
            acquirer: 1,
            contactless: true,
            language: Language::default(),
            idle_text: None,
            utc_offset_minutes: 0,
            timer_percent: 100,
            apdu: Vec::new(),
        }
    }
}

impl Config {
    /// What is wrong with it, if anything is.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let offsets = -OFFSET_MINUTES_MAX..=OFFSET_MINUTES_MAX;
        if self.key_slot.is_empty() {
            Some("key_slot is the name of a base key at the gateway")
        } else if self.data_key > SLOT_MAX || self.pin_key > SLOT_MAX {
            Some("data_key and pin_key are 0 to 99")
        } else if !(1..=ACQUIRER_MAX).contains(&self.acquirer) {
            Some("acquirer is 1 to 99")
        } else if !offsets.contains(&self.utc_offset_minutes) {
            Some("utc_offset_minutes is at most 840 either way")
        } else if !(10..=1_000).contains(&self.timer_percent) {
            Some("timer_percent is 10 to 1000")
        } else if AllowList::new(&self.apdu).is_err() {
            Some("apdu lists applications of cards that do not pay, 5 to 16 bytes of hex each")
        } else {
            None
        }
    }

    pub(crate) fn session(&self) -> Options {
        Options {
            secure: self.secure,
            timers: Timers::scaled(self.timer_percent),
        }
    }

    pub(crate) fn data_key(&self) -> Key {
        Key::Dukpt {
            slot: self.data_key,
        }
    }

    pub(crate) fn pin_key(&self) -> Key {
        Key::Dukpt { slot: self.pin_key }
    }

    /// Slots of data and PIN, as an operator configured them.
    pub(crate) fn slots(&self) -> (Slot, Slot) {
        (self.data_key, self.pin_key)
    }

    /// Which cards that do not pay may be talked to. A flawed list never opens.
    pub(crate) fn allowed(&self) -> AllowList {
        AllowList::new(&self.apdu).unwrap_or_default()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }
}
