// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that reads bytes of others, as a plain function over bytes. It may refuse them; it
//! must not panic, hang, or take memory that the bytes only announce.
//!
//! A new target is a function here, a line in [`TARGETS`] and a folder in `corpus`.

use payhal_engine::record::Record;
use payhal_ipc::{Answer, Call, FrameBuffer, FromRunner, ToRunner};
use payhal_protocol::{params, payment, rpc};
use serde::de::DeserializeOwned;

pub(crate) type Target = fn(&[u8]);

/// By name.
pub(crate) const TARGETS: [(&str, Target); 9] = [
    ("journal-record", journal_record),
    ("journal-log", journal_log),
    ("ipc-from-runner", ipc_frames::<FromRunner>),
    ("ipc-to-runner", ipc_frames::<ToRunner>),
    ("ipc-lane", ipc_lane),
    ("json-rpc", json_rpc),
    ("plugin-messages", plugin_messages),
    ("plugin-manifest", plugin_manifest),
    ("configuration", configuration),
];

/// A record, as its column holds it. What is read is written the same way again.
fn journal_record(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Record>(bytes) else {
        return;
    };
    payhal_journal::fuzz::read_record(bytes);
    let text = serde_json::to_string(&record).expect("a record is plain");
    let again: Record = serde_json::from_str(&text).expect("what was written");
    assert_eq!(record, again, "a record changes as it is written");
}

/// A write-ahead log, as it is scanned before the journal is opened.
fn journal_log(bytes: &[u8]) {
    payhal_journal::fuzz::scan_log(bytes);
}

fn ipc_lane(bytes: &[u8]) {
    ipc_frames::<Call>(bytes);
    ipc_frames::<Answer>(bytes);
}

/// Frames of a stream that comes in pieces of any length.
fn ipc_frames<T: DeserializeOwned>(bytes: &[u8]) {
    let piece_bytes = usize::from(bytes.first().copied().unwrap_or(0)).max(1);
    let mut buffer = FrameBuffer::new();
    for piece in bytes.chunks(piece_bytes) {
        let mut rest = piece;
        while !rest.is_empty() {
            let space = buffer.space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            buffer.filled(count);
            rest = &rest[count..];
            loop {
                match buffer.next_frame::<T>() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    // The stream ends here.
                    Err(_) => return,
                }
            }
        }
    }
}

/// What a register sends, up to the parameters of a call; and what the host sends, in a client.
fn json_rpc(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    drop(rpc::read_from_host(text));
    match rpc::read(text) {
        Ok(rpc::Incoming::Call { params: raw, .. }) => {
            if let Err(error) = params::decode::<payment::SaleParams>(raw) {
                let told = format!("{error:?}");
                assert!(told.len() < 2_000, "an error repeats what was sent");
            }
        }
        Ok(_) => {}
        Err(malformed) => assert!(malformed.to_text().len() < 2_000),
    }
}

/// What plugins answer.
fn plugin_messages(bytes: &[u8]) {
    serde_json::from_slice::<payhal_messages::gateway::Answer>(bytes).ok();
    serde_json::from_slice::<payhal_messages::gateway::Parameters>(bytes).ok();
    serde_json::from_slice::<payhal_messages::gateway::Finding>(bytes).ok();
    serde_json::from_slice::<payhal_messages::call::Failure>(bytes).ok();
    serde_json::from_slice::<payhal_messages::card::Sealed>(bytes).ok();
}

/// What describes a plugin.
fn plugin_manifest(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        payhal_messages::manifest::Manifest::parse(text).ok();
    }
}

/// What the operator writes.
fn configuration(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        payhal::fuzz::read_configuration(text).ok();
    }
}
