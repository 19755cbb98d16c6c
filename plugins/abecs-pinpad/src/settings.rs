// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pinpad tells of how it is set up: GIX, and GTS for its tables.

use crate::commands::gix::Inquire;
use crate::commands::gts::TableVersion;
use crate::error::{Doing, ended};
use crate::reader::AbecsPinpad;
use payhal_messages::device::{DeviceSettings, KeyPlace};
use payhal_plugin::{Context, Outcome};
use std::collections::BTreeMap;

/// Command `settings`.
pub(crate) fn settings(reader: &mut AbecsPinpad, context: &Context) -> Outcome<DeviceSettings> {
    let pinpad = match reader.session(context)?.command(&Inquire, context)? {
        Ok(pinpad) => pinpad,
        Err(status) => return ended(status, Doing::Present),
    };
    let acquirer = reader.config.acquirer;
    let version = TableVersion { acquirer };
    // A pinpad without tables says so by a status.
    let version = reader.session(context)?.command(&version, context)?.ok();
    let mut features = vec!["chip".to_owned(), "stripe".to_owned(), "pin".to_owned()];
    if pinpad.contactless && reader.config.contactless {
        features.push("contactless".to_owned());
    }
    if !reader.config.allowed().is_empty() {
        features.push("apdu".to_owned());
    }
    let (data, pin) = reader.config.slots();
    let place = |slot: u8, purpose: &str, present| KeyPlace {
        slot: format!("{slot:02}"),
        purpose: purpose.to_owned(),
        present,
        check_value: None,
        serial: None,
    };
    let (rows, columns) = pinpad.display;
    let limits = [("display_lines", rows), ("display_columns", columns)];
    let other = [
        ("part", &pinpad.part),
        ("specification", &pinpad.specification),
        ("system", &pinpad.system),
        ("application", &pinpad.application),
    ];
    let tables = version.map(|version| (format!("acquirer {acquirer:02}"), trimmed(&version)));
    Ok(Ok(DeviceSettings {
        currencies: Vec::new(),
        features,
        limits: limits
            .map(|(name, limit)| (name.to_owned(), u64::from(limit)))
            .into(),
        timeouts_ms: BTreeMap::new(),
        keys: vec![
            place(data, "data", pinpad.has_data_key(data)),
            place(pin, "pin", pinpad.has_pin_key(pin)),
        ],
        tables: tables.into_iter().collect(),
        other: other
            .map(|(name, text)| (name.to_owned(), trimmed(text)))
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect(),
    }))
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}
