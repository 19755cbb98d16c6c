// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys as the simulator's actions show and change them: names, ages and origins. No key's
//! bytes may be told here, public or not.

use crate::opening::{Opener, now};
use payhal_card_data::key_file::{Enrolment, KeyFileError};
use serde_json::{Value, json};

type Told = Result<Value, String>;

/// Replaces the sealing key. Readers seal to the new one when the connector starts again.
pub(crate) fn rotated(opener: &Opener) -> Told {
    opener
        .sealing()
        .rotate(now())
        .map_err(|error| format!("failed to {error}"))?;
    keys(opener)
}

/// Forgets a device's key, so that the next one it comes with is its own.
pub(crate) fn forgotten(opener: &Opener, device: &str) -> Told {
    let was_known = opener.files().forget(device).map_err(|why| broken(&why))?;
    Ok(json!({ "name": device, "forgotten": was_known }))
}

/// Sealing keys, newest first; base keys; devices.
pub(crate) fn keys(opener: &Opener) -> Told {
    let sealing = opener.sealing();
    let own = sealing.shown().map(|(key, ends)| {
        let mut shown = json!({ "key_id": key.id, "made_at": key.made_at });
        if let Some(ends) = ends {
            shown["opens_until"] = json!(ends);
        }
        shown
    });
    let own: Vec<Value> = own.collect();
    let base = opener.base_keys().iter().map(|key| {
        let facts = key.facts();
        json!({
            "slot": facts.slot,
            "scheme": facts.scheme.scheme(),
            "bits": facts.scheme.key_bytes() * 8,
            "test": facts.test,
            "devices": facts.devices,
        })
    });
    let base: Vec<Value> = base.collect();
    let devices = opener.files().senders().map_err(|why| broken(&why))?;
    let devices = devices.iter().map(|sender| {
        json!({
            "device": sender.device,
            "key_id": payhal_card_data::key_id(&sender.key.to_bytes()),
            "enrolled": match sender.how {
                Enrolment::FirstUse => "first_use",
                Enrolment::Listed => "listed",
            },
            "at": sender.at,
        })
    });
    let devices: Vec<Value> = devices.collect();
    Ok(json!({ "sealing_keys": own, "base_keys": base, "devices": devices }))
}

fn broken(error: &KeyFileError) -> String {
    error.to_string()
}
