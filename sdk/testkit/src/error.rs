// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why nothing was done, and what to do about it.

use payhal_card_data::key_file::KeyFileError;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    #[error("no state folder is named")]
    NoState,
    #[error(
        "a host runs on {state}{}",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(),
        state = state.display()
    )]
    Running { state: PathBuf, pid: Option<u32> },
    #[error("failed to {verb} {path}: {source}", path = path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("AES has keys of 128, 192 and 256 bits")]
    Bits,
    #[error("gateway `{gateway}` has no key slot `{slot}`{there}")]
    NoSlot {
        gateway: String,
        slot: String,
        there: String,
    },
    #[error("reader `{0}` has made no key yet")]
    NoDeviceKey(String),
    #[error("reader `{device}` has a key for {scheme} already")]
    Injected {
        device: String,
        scheme: &'static str,
    },
    #[error("gateway `{gateway}` has a key slot `{slot}` already")]
    SlotTaken { gateway: String, slot: String },
    #[error("gateway `{gateway}` knows reader `{device}` by another key")]
    KnownByOther { gateway: String, device: String },
    #[error(transparent)]
    Key(#[from] KeyFileError),
}

impl KeysError {
    /// The line to type, or what to look at.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::NoState => Some(
                "Name one with --state FOLDER, or start this tool as `payhal keys`, which finds it."
                    .to_owned(),
            ),
            Self::Running { .. } => Some(
                "Stop it first: readers and gateways read their keys when they are opened. \
                 `payhal keys list` works meanwhile."
                    .to_owned(),
            ),
            Self::NoSlot { gateway, slot, .. } => Some(format!(
                "Make one: payhal keys new-bdk --gateway {gateway} --slot {slot} --scheme dukpt-aes"
            )),
            Self::NoDeviceKey(_) => Some(
                "It makes one when it is opened: start the host with it once, and stop it.".to_owned(),
            ),
            Self::Injected { .. } => Some(
                "--replace takes a new one; the gateway refuses nothing of the former, which is \
                 destroyed."
                    .to_owned(),
            ),
            Self::SlotTaken { gateway, slot } => Some(format!(
                "Take another name, or destroy it: payhal keys forget --gateway {gateway} --slot {slot}"
            )),
            Self::KnownByOther { gateway, device } => Some(format!(
                "If the reader's state folder was really made anew: payhal keys forget --gateway \
                 {gateway} --device {device}"
            )),
            Self::File { .. } | Self::Bits | Self::Key(_) => None,
        }
    }
}
