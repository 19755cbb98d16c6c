// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the reader tells of how it is set up.

use crate::limits::{KEYS_MAX, PIN_DIGITS_MAX, PIN_DIGITS_MIN, PIN_TIME, PIN_TRIES};
use crate::limits::{SCREEN_COLUMNS, SCREEN_LINES};
use crate::reader::VirtualReader;
use payhal_messages::device::{DeviceSettings, KeyPlace};
use payhal_plugin::PluginError;
use std::collections::BTreeMap;

pub(crate) fn settings(reader: &VirtualReader) -> Result<DeviceSettings, PluginError> {
    let named = |name: &str| name.to_owned();
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let sealing = reader.sealing.told();
    let mut features: Vec<String> = ["chip", "contactless", "stripe", "manual", "pin", "tip"]
        .map(named)
        .into();
    if !reader.shared.allowed.is_empty() {
        features.push(named("apdu"));
    }
    let pin_ms = u64::try_from(PIN_TIME.as_millis()).unwrap_or(u64::MAX);
    let mut other: BTreeMap<_, _> = [(named("test_keys"), sealing.test_keys.to_string())].into();
    if let Some(name) = reader.flash.configuration()? {
        other.insert(named("configuration"), name);
    }
    Ok(DeviceSettings {
        currencies: Vec::new(),
        features,
        limits: [
            ("display_lines", number(SCREEN_LINES)),
            ("display_columns", number(SCREEN_COLUMNS)),
            ("keys", number(KEYS_MAX)),
            ("pin_digits_min", number(PIN_DIGITS_MIN)),
            ("pin_digits_max", number(PIN_DIGITS_MAX)),
            ("pin_tries", u64::from(PIN_TRIES)),
        ]
        .map(|(name, limit)| (named(name), limit))
        .into(),
        timeouts_ms: [(named("pin"), pin_ms)].into(),
        keys: vec![KeyPlace {
            slot: sealing.scheme,
            purpose: named("data"),
            present: Some(true),
            check_value: None,
            serial: None,
        }],
        tables: [("cards", env!("CARGO_PKG_VERSION"))]
            .map(|(name, version)| (named(name), named(version)))
            .into(),
        other,
    })
}
