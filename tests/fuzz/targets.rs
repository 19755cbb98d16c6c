// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that reads bytes of others, as a plain function over bytes. It may refuse them; it
//! must not panic, hang, or take memory that the bytes only announce.
//!
//! A new target is a function here, a line in [`TARGETS`] and a folder in `corpus`.

use payhal_card_data::{Track1, Track2, Track2Equivalent, emv};
use payhal_engine::record::Record;
use payhal_ipc::{Answer, Call, FrameBuffer, FromRunner, ToRunner};
use payhal_protocol::{
    access, audit, batch, device, diagnose, events, params, payment, plugins, progress, registers,
    rpc, session, transaction,
};
use serde::de::DeserializeOwned;

#[expect(dead_code, reason = "what writes to a pinpad is not for these targets")]
#[path = "abecs.rs"]
mod abecs;

#[expect(dead_code, reason = "what writes to a terminal stays aside")]
#[path = "concert.rs"]
mod concert;

pub(crate) type Target = fn(&[u8]);

/// By name.
pub(crate) const TARGETS: [(&str, Target); 18] = [
    ("api", api),
    ("journal-record", journal_record),
    ("journal-log", journal_log),
    ("ipc-from-runner", ipc_frames::<FromRunner>),
    ("ipc-to-runner", ipc_frames::<ToRunner>),
    ("ipc-lane", ipc_lane),
    ("json-rpc", json_rpc),
    ("plugin-messages", plugin_messages),
    ("plugin-manifest", plugin_manifest),
    ("configuration", configuration),
    ("card-emv", card_emv),
    ("card-tracks", card_tracks),
    ("card-record", card_record),
    ("abecs-line", abecs::line),
    ("abecs-answers", abecs::answers),
    ("concert-line", concert::line),
    ("concert-network", concert::network),
    ("card-pinpad", card_pinpad),
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

/// What the params of every method are made of: read, checked, and never repeated in an error.
fn api(bytes: &[u8]) {
    let Ok(rpc::Incoming::Call { params: raw, .. }) =
        std::str::from_utf8(bytes).map_or(Ok(rpc::Incoming::Batch(Vec::new())), rpc::read)
    else {
        return;
    };
    for read in PARAMS {
        read(raw);
    }
}

type Raw<'a> = Option<&'a serde_json::value::RawValue>;

/// One for each shape of params.
const PARAMS: [fn(Raw<'_>); 36] = [
    params_of::<session::HelloParams>,
    params_of::<session::ProveParams>,
    params_of::<access::BeginParams>,
    params_of::<access::RevealParams>,
    params_of::<access::CompleteParams>,
    params_of::<access::RotateParams>,
    params_of::<access::ApproveParams>,
    params_of::<access::RefuseParams>,
    params_of::<registers::RegisterUpdateParams>,
    params_of::<registers::UnpairParams>,
    params_of::<registers::RotateDueParams>,
    params_of::<device::IdentifyParams>,
    params_of::<device::SimulateParams>,
    params_of::<payment::SaleParams>,
    params_of::<payment::AuthorizeParams>,
    params_of::<payment::AdjustParams>,
    params_of::<payment::CaptureParams>,
    params_of::<payment::RefundParams>,
    params_of::<payment::VoidParams>,
    params_of::<payment::UndoParams>,
    params_of::<payment::VerifyParams>,
    params_of::<payment::BalanceParams>,
    params_of::<payment::CashAdvanceParams>,
    params_of::<payment::ResolveParams>,
    params_of::<payment::CancelParams>,
    params_of::<batch::TotalsParams>,
    params_of::<batch::CloseParams>,
    params_of::<transaction::GetParams>,
    params_of::<transaction::ListParams>,
    params_of::<transaction::ReceiptParams>,
    params_of::<progress::RespondParams>,
    params_of::<events::SubscribeParams>,
    params_of::<audit::AuditListParams>,
    params_of::<diagnose::DiagnoseParams>,
    params_of::<plugins::PluginListParams>,
    params_of::<registers::RegisterListParams>,
];

fn params_of<P: DeserializeOwned + params::Validate>(raw: Raw<'_>) {
    if let Err(error) = params::decode::<P>(raw) {
        let told = format!("{error:?}");
        assert!(told.len() < 2_000, "an error repeats what was sent");
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

/// What a chip answers. What can be read can be built again, and is then read the same.
fn card_emv(bytes: &[u8]) {
    let objects: Vec<_> = emv::walk(bytes)
        .take_while(Result::is_ok)
        .flatten()
        .collect();
    assert!(objects.len() <= emv::COUNT_MAX);
    for object in &objects {
        assert!(object.value.len() < bytes.len());
        let nested = object.children().flatten();
        assert!(nested.map(|inner| inner.value.len()).sum::<usize>() <= object.value.len());
        emv::find(bytes, object.tag).expect("it was read before");
        emv::fill_dol(object.value, |_| Some(bytes)).ok();
    }
    let beside: Vec<_> = emv::read(bytes)
        .take_while(Result::is_ok)
        .flatten()
        .collect();
    let mut built = emv::TlvBuilder::new();
    for object in &beside {
        let pushed = built.push(object.tag, object.value);
        pushed.expect("no longer than what was read");
    }
    let again: Vec<_> = emv::read(built.bytes()).flatten().collect();
    assert_eq!(again, beside, "an object changes as it is built");
    if let Ok(filled) = emv::fill_dol(bytes, |_| Some(bytes)) {
        let asked = emv::read_dol(bytes).flatten().map(|entry| entry.length);
        assert_eq!(filled.bytes().len(), asked.sum::<usize>());
    }
}

/// Tracks of a stripe and of a chip. A track that is one has all its fields.
fn card_tracks(bytes: &[u8]) {
    if let Ok(track) = Track1::new(bytes) {
        let fields = (track.pan(), track.expiry(), track.service_code());
        assert!(track.name().len() < track.characters().len(), "{fields:?}");
    }
    if let Ok(track) = Track2::new(bytes) {
        let fields = (track.pan(), track.expiry(), track.service_code());
        let chip = Track2Equivalent::from(&track);
        assert_eq!((chip.pan(), chip.expiry(), chip.service_code()), fields);
    }
    if let Ok(chip) = Track2Equivalent::new(bytes) {
        let fields = (chip.pan(), chip.expiry(), chip.service_code());
        let track = chip.track2();
        assert_eq!((track.pan(), track.expiry(), track.service_code()), fields);
    }
}

/// The record inside a seal; only who holds a device's key can send one.
fn card_record(bytes: &[u8]) {
    payhal_card_data::fuzz::read_record(bytes);
}

/// What a pinpad handed out; a host passes it on as it came.
fn card_pinpad(bytes: &[u8]) {
    payhal_card_data::fuzz::read_pinpad(bytes);
}
