// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be told about the installation's certificates without starting anything: for the
//! diagnosis, and for `payhal tls status`.

use super::authority::authority_name;
use super::files::{authority_pem, read, write_file};
use super::keyring::{fingerprint, validity};
use super::{TlsError, folder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use std::path::Path;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

/// RFC 5280, section 4.2.1.10.
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

/// Where the authority was made known, as `payhal tls install` wrote it down.
const TRUST: &str = "trust.json";

/// The certificates of one installation.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Fingerprint of the authority's certificate; absent if there is none.
    pub(crate) authority: Option<String>,
    /// When the authority begins and ends, in seconds since 1970.
    pub(crate) authority_valid: Option<(i64, i64)>,
    /// Fingerprint of the leaf that is shown now.
    pub(crate) leaf: Option<String>,
    /// When that leaf begins and ends, in seconds since 1970.
    pub(crate) leaf_valid: Option<(i64, i64)>,
    /// How many leaves there are.
    pub(crate) leaves: usize,
    /// When the last leaf ends, in seconds since 1970.
    pub(crate) ends: Option<i64>,
    /// What is wrong with the files.
    pub(crate) damage: Option<String>,
    /// Where this very authority was made known.
    pub(crate) trusted: Vec<Trust>,
}

/// A trust store that got the authority.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Trust {
    /// `system`, `nss`, `firefox` or `java`.
    pub(crate) store: String,
    /// The store's file or folder.
    pub(crate) place: String,
    /// Fingerprint of the authority that it got.
    pub(crate) authority: String,
}

/// Reads what is there at this time, in seconds since 1970.
pub(crate) fn state(host_state: &Path, now: i64) -> State {
    let folder = folder(host_state);
    let (keyring, damage) = match read(&folder) {
        Ok(keyring) => (keyring, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let authority = authority_pem(&folder).ok().flatten();
    let authority = authority.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    let name = authority.as_deref().map(fingerprint);
    let leaf = keyring.as_ref().map(|keyring| keyring.at(now));
    State {
        authority_valid: authority.as_deref().and_then(|der| validity(der).ok()),
        leaf: leaf.map(|leaf| leaf.fingerprint.to_string()),
        leaf_valid: leaf.map(|leaf| (leaf.not_before, leaf.not_after)),
        leaves: keyring.as_ref().map_or(0, super::Keyring::count),
        ends: keyring.as_ref().map(super::Keyring::ends),
        damage,
        trusted: trust(&folder)
            .into_iter()
            .filter(|trust| Some(&trust.authority) == name.as_ref())
            .collect(),
        authority: name,
    }
}

/// Writes down where the authority is known now: of the stores looked at, `found` and no other.
///
/// # Errors
/// When that cannot be written, as by another user than the host's.
pub(crate) fn record_trust(
    host_state: &Path,
    looked_at: &[&str],
    found: &[Trust],
) -> Result<(), TlsError> {
    let folder = folder(host_state);
    let mut all = trust(&folder);
    all.retain(|trust| !looked_at.contains(&trust.store.as_str()));
    all.extend_from_slice(found);
    let text = serde_json::to_vec_pretty(&all).expect("strings are JSON");
    write_file(&folder.join(TRUST), &text)
}

fn trust(folder: &Path) -> Vec<Trust> {
    let text = std::fs::read(folder.join(TRUST)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// An authority of some installation, to be made known.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// Whose it is.
    pub(crate) host_id: String,
    /// Lower-case hex of the SHA-256 of its DER.
    pub(crate) fingerprint: String,
    /// The certificate.
    pub(crate) pem: String,
}

impl Authority {
    /// Reads a certificate, which must be a payhal host's.
    ///
    /// # Errors
    /// Says what it is not. Nobody shall be made to trust something else here.
    pub(crate) fn read(pem: &str) -> Result<Self, String> {
        let not_ours = || "this is not the authority of a payhal host".to_owned();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| not_ours())?;
        let read = Certificate::from_der(&der).map_err(|_| not_ours())?;
        let subject = read.tbs_certificate().subject().to_string();
        let name = subject.split(',').find_map(|part| part.strip_prefix("CN="));
        let host_id = name.and_then(|name| name.strip_prefix(&authority_name("")));
        let host_id = host_id.filter(|id| uuid::Uuid::parse_str(id).is_ok());
        let critical = read.tbs_certificate().extensions().into_iter().flatten();
        let mut critical = critical.filter(|extension| extension.critical);
        if !critical.any(|extension| extension.extn_id == NAME_CONSTRAINTS) {
            return Err(not_ours());
        }
        Ok(Self {
            host_id: host_id.ok_or_else(not_ours)?.to_owned(),
            fingerprint: fingerprint(&der),
            pem: pem.to_owned(),
        })
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        authority_name(&self.host_id)
    }

    /// Whether these certificates are this one and no other.
    pub(crate) fn is_only(&self, pem: &str) -> bool {
        let all = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        all.is_ok_and(|all| {
            !all.is_empty() && all.iter().all(|der| fingerprint(der) == self.fingerprint)
        })
    }
}
