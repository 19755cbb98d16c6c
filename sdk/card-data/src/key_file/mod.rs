// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys at rest, in the state folders of readers and of gateways that open DUKPT.
//!
//! Owns the layout below, which `payhal keys` writes while the host is stopped:
//!
//! ```text
//! <state>/instances/<device>/keys/      of a reader: DeviceKeys
//!     device.key                        its private key for sealing (HPKE, auth mode); made by itself
//!     device.pub                        the public half, for enrolment
//!     dukpt-tdes.key, dukpt-aes.key     an injected key as it runs: slot, KSN, future keys
//! <state>/instances/<gateway>/keys/     of a gateway: GatewayKeys
//!     bdk/<slot>.key                    a base derivation key, and how many devices it has
//!     senders/<device>.pub              a device's public key that this gateway takes
//! ```
//!
//! Every file is of the same small form (`form.rs`), readable by its owner alone, and is written
//! aside, synced and renamed; what stood there is overwritten. Folders are made for the owner alone.
//! A file that others may read or write is refused. On a file system or disk that writes elsewhere
//! than it was told (copy on write, flash), overwriting promises nothing.
//!
//! A reader calls [`DeviceKeys::sealing_key`] at `open`, or [`DeviceKeys::injected`] and then
//! [`InjectedKey::next_transaction`] for each read: the state is on disk before the key is given out.
//! A gateway calls [`GatewayKeys::base_key`] with the slot a read names and
//! [`BaseKey::transaction_key`] with its KSN; [`GatewayKeys::sender`] and, on first use,
//! [`GatewayKeys::enrol`]. Its own keys it keeps with [`store`], [`load`] and [`destroy`].
//!
//! Nothing here may print a key, make one up where a file is damaged, or be called under `host/`.

mod device;
mod disk;
mod form;
mod gateway;
mod scheme;

pub use device::{DeviceKeys, InjectedKey, KeyFacts};
pub use disk::{destroy, load, store};
pub use gateway::{BaseKey, BaseKeyFacts, Enrolment, GatewayKeys, Sender};
pub use scheme::{KeyScheme, KeySerial};

use crate::dukpt::DukptError;
use crate::seal::OpenError;
use std::io;
use std::path::{Path, PathBuf};

/// Letters of a slot's name, at most.
const SLOT_CHARS_MAX: usize = 32;

/// Characters of an instance's name, at most; as the host has it.
const INSTANCE_CHARS_MAX: usize = 64;

/// Why a key could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error("failed to {verb} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than the owner have rights on it.
    #[error(
        "failed to trust {path}: others than its owner may use it (mode {mode:03o}); take a new key \
         if anybody did, or else `chmod go-rwx` it",
        path = path.display()
    )]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its rights.
        mode: u32,
    },
    /// It is not what it was when it was written.
    #[error("failed to read {path}: it is damaged, or no key file ({what})", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it went wrong.
        what: &'static str,
    },
    /// A slot's name is a part of file names and of replies, where digits would look like a card's.
    #[error("failed to name a key slot: 1 to 32 lower-case letters and dashes")]
    SlotName,
    /// No instance of the host has such a name.
    #[error("failed to name an instance: 1 to 64 letters, digits, dots, dashes, underscores")]
    InstanceName,
    /// A key is there, and was not to be replaced.
    #[error("failed to put a key where one is: {path}", path = path.display())]
    Occupied {
        /// Its file.
        path: PathBuf,
    },
    /// The key serial number is not of this key.
    #[error("failed to find the key of a serial number: it is of another base key")]
    OtherKey,
    /// As many devices as serial numbers can name have a key of this base key.
    #[error("failed to make another initial key: this base key has as many devices as it can name")]
    DevicesExhausted,
    /// A key cannot be derived.
    #[error("failed to derive a key: {0}")]
    Dukpt(#[from] DukptError),
    /// A key is no key of P-256.
    #[error("failed to use a sealing key: {0}")]
    Sealing(#[from] OpenError),
}

/// Whether this may name a key slot.
pub fn is_slot_name(name: &str) -> bool {
    (1..=SLOT_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')
}

fn slot_name(name: &str) -> Result<&str, KeyFileError> {
    match is_slot_name(name) {
        true => Ok(name),
        false => Err(KeyFileError::SlotName),
    }
}

/// Whether this may name an instance. It becomes a file's name: nothing leads out of the folder.
pub fn is_instance_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=INSTANCE_CHARS_MAX).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('.')
}

fn instance_name(name: &str) -> Result<&str, KeyFileError> {
    match is_instance_name(name) {
        true => Ok(name),
        false => Err(KeyFileError::InstanceName),
    }
}

/// Where an instance's keys are.
fn keys_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("keys")
}
