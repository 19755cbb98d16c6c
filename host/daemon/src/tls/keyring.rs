// SPDX-License-Identifier: MIT OR Apache-2.0
//! The leaves in memory, and which of them is shown now.

use super::authority::{LEAVES, OVERLAP_DAYS};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::Decode;

const DAY: i64 = 24 * 60 * 60;

/// The next leaf is shown from the middle of the overlap on: a client's clock may be that wrong.
const SWITCH_SECONDS: i64 = OVERLAP_DAYS / 2 * DAY;

/// One certificate, ready for handshakes.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// Lower-case hex of the SHA-256 of its DER.
    pub(crate) fingerprint: Arc<str>,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
    /// Shows this certificate and no other.
    pub(crate) config: Arc<ServerConfig>,
}

/// A listener's certificates, by age. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    leaves: Vec<Leaf>,
}

impl Leaf {
    /// From a chain, the leaf first, and its key.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let first = chain.first().ok_or("there is no certificate in it")?;
        let fingerprint = fingerprint(first).into();
        let (not_before, not_after) = validity(first)?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| error.to_string())?;
        // Everything here is HTTP/1.1, WebSocket included.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            fingerprint,
            not_before,
            not_after,
            config: Arc::new(config),
        })
    }

    /// Whether a client with the right clock takes it.
    #[cfg(test)]
    pub(super) fn is_valid(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

impl Keyring {
    /// Of one listener that has a single certificate.
    pub(super) fn single(leaf: Leaf) -> Self {
        Self { leaves: vec![leaf] }
    }

    /// Of leaves that follow each other. None of them makes no keyring.
    pub(super) fn new(mut leaves: Vec<Leaf>) -> Option<Self> {
        leaves.sort_by_key(|leaf| leaf.not_before);
        (leaves.len() == LEAVES).then_some(Self { leaves })
    }

    /// The leaf to show at this time, in seconds since 1970. A clock outside of all of them gets the
    /// nearest: the client says what it thinks of it.
    pub(crate) fn at(&self, now: i64) -> &Leaf {
        let begun = |leaf: &&Leaf| leaf.not_before + SWITCH_SECONDS <= now;
        let newest = self.leaves.iter().rev().find(begun);
        newest.unwrap_or(&self.leaves[0])
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.leaves.len()
    }

    /// When the last one ends.
    pub(crate) fn ends(&self) -> i64 {
        self.leaves.last().map_or(0, |leaf| leaf.not_after)
    }
}

/// As browsers show it, without the colons.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    let digest = Sha256::digest(certificate);
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// From when to when, in seconds since 1970.
pub(super) fn validity(certificate: &[u8]) -> Result<(i64, i64), String> {
    let read = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let validity = read.tbs_certificate().validity();
    let seconds = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
    };
    Ok((seconds(validity.not_before), seconds(validity.not_after)))
}
