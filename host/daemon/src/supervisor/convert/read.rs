// SPDX-License-Identifier: MIT OR Apache-2.0
//! Card reads, the keys that are spent with them, and the number that waits for a reversal.

use super::device::cvm_in;
use super::{SealedRead, entry_in, json};
use crate::supervisor::limits::{KEY_SERIAL_BYTES_MAX, KEY_SLOT_BYTES_MAX};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use payhal_engine::card::SpentKey;
use payhal_engine::device::DeviceReply;
use payhal_engine::ids::Opaque;
use payhal_messages as m;
use std::sync::Arc;

/// A read as the engine takes it. `device` is the instance that read.
pub(super) fn card_read(device: &str, read: m::reader::CardRead) -> Result<DeviceReply, Arc<str>> {
    let mut keys = Vec::new();
    for sealed in [Some(&read.sealed), read.number.as_ref()] {
        let Some(key) = sealed.map(spent_key).transpose()?.flatten() else {
            continue;
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let number = read.number.map(|sealed| {
        Opaque(json(&m::gateway::SealedNumber {
            device: device.to_owned(),
            read_id: read.read_id.clone(),
            sealed,
        }))
    });
    Ok(DeviceReply::CardAuthorized {
        read_id: read.read_id.into(),
        sealed: Opaque(json(&SealedRead {
            sealed: read.sealed,
            tags: read.tags,
        })),
        entry: entry_in(read.entry),
        cvm: cvm_in(read.cvm),
        completion_owed: read.completion_owed,
        keys,
        number,
    })
}

/// The key that a reader spent with a seal, where it says so. It is recorded, so it is bounded.
fn spent_key(sealed: &m::card::Sealed) -> Result<Option<SpentKey>, Arc<str>> {
    if sealed.ksn.is_empty() {
        return Ok(None);
    }
    if sealed.ksn.len() > KEY_SERIAL_BYTES_MAX || sealed.key_id.len() > KEY_SLOT_BYTES_MAX {
        return Err("the reader names a key by more than a key has".into());
    }
    Ok(Some(SpentKey {
        slot: sealed.key_id.as_str().into(),
        serial: STANDARD.encode(&sealed.ksn).into(),
    }))
}

/// A number that was kept, as a reversal carries it.
pub(in crate::supervisor) fn kept_number(kept: &[u8]) -> Option<m::gateway::SealedNumber> {
    serde_json::from_slice(kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_messages::card::{Cvm, Entry, Sealed};

    fn sealed(slot: &str, ksn: &[u8]) -> Sealed {
        Sealed {
            scheme: "dukpt-aes".into(),
            key_id: slot.into(),
            ksn: ksn.into(),
            sender_key: Vec::new(),
            encapsulated_key: Vec::new(),
            ciphertext: vec![1],
        }
    }

    fn read(sealed: Sealed, number: Option<Sealed>) -> Result<DeviceReply, Arc<str>> {
        let read = m::reader::CardRead {
            read_id: "read".into(),
            sealed,
            number,
            tags: Default::default(),
            entry: Entry::Chip,
            cvm: Cvm::None,
            completion_owed: false,
        };
        card_read("counter", read)
    }

    fn keys(reply: Result<DeviceReply, Arc<str>>) -> Vec<(String, String)> {
        let Ok(DeviceReply::CardAuthorized { keys, .. }) = reply else {
            panic!("{reply:?}")
        };
        let named = |key: SpentKey| (key.slot.to_string(), key.serial.to_string());
        keys.into_iter().map(named).collect()
    }

    #[test]
    fn a_key_is_spent_once_for_read_and_number() {
        let key = |serial: &str| ("main".to_owned(), serial.to_owned());
        assert_eq!(keys(read(sealed("main", &[]), None)), []);
        assert_eq!(keys(read(sealed("main", &[1]), None)), [key("AQ==")]);
        let both = read(sealed("main", &[1]), Some(sealed("main", &[1])));
        assert_eq!(keys(both), [key("AQ==")]);
        let apart = read(sealed("main", &[1]), Some(sealed("main", &[2])));
        assert_eq!(keys(apart), [key("AQ=="), key("Ag==")]);
    }

    #[test]
    fn what_no_key_is_called_is_no_read() {
        read(sealed(&"s".repeat(65), &[1]), None).unwrap_err();
        read(sealed("main", &[1; 33]), None).unwrap_err();
        read(sealed("main", &[]), Some(sealed("main", &[1; 33]))).unwrap_err();
    }

    #[test]
    fn a_number_is_kept_with_what_opens_it() {
        let number = sealed("main", &[1]);
        let Ok(DeviceReply::CardAuthorized {
            number: Some(kept), ..
        }) = read(sealed("main", &[1]), Some(number.clone()))
        else {
            panic!()
        };
        let kept = kept_number(&kept.0).unwrap();
        assert_eq!(
            (kept.device.as_str(), kept.read_id.as_str()),
            ("counter", "read")
        );
        assert_eq!(kept.sealed, number);
        assert_eq!(kept_number(b"{}"), None);
    }
}
