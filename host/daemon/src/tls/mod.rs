// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates of this host: the local authority of one installation, the leaves it signed ahead,
//! and the certificate of the listener in the shop's network.
//!
//! Knows files and the clock it is given. It must never start a program, touch a trust store, nor
//! keep the authority's key: `payhal tls install` brings trust, and nobody can sign anything more.

mod authority;
mod files;
mod keyring;
mod network;
mod settings;
mod state;

pub(crate) use files::authority_pem;
pub(crate) use keyring::Keyring;
pub(crate) use network::Network;
pub(crate) use settings::{LanTable, Settings, TlsTable};
pub(crate) use state::{Authority, State, Trust, record_trust, state};

use std::path::{Path, PathBuf};

/// The folder of certificates and keys in the state folder.
const FOLDER: &str = "tls";

/// Where they lie.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read or written.
    #[error("failed to use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate cannot be made.
    #[error("failed to make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A certificate or key is not what it must be.
    #[error("failed to use {path}: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl TlsError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    fn unusable(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
