// SPDX-License-Identifier: MIT OR Apache-2.0
//! The installation's certificates on disk: made once, checked at each start, made anew when they
//! are damaged.

use super::TlsError;
use super::authority::{self, LEAVES, Made};
use super::keyring::{Keyring, Leaf};
use crate::whole_file;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::{FlockOperation, flock};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The authority's certificate. It is written last, so that it says the rest is there.
const AUTHORITY: &str = "ca.pem";

/// Files larger than this are none of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What opening found.
#[derive(Debug)]
pub(crate) struct Opened {
    /// For handshakes.
    pub(crate) keyring: Keyring,
    /// Why everything was made anew, if it was there before.
    pub(crate) remade: Option<String>,
    /// Whether they were made now.
    pub(crate) made: bool,
}

impl Keyring {
    /// The certificates of this installation, made if they are not there. `now` is in seconds since
    /// 1970, `host_id` stands in the authority's name.
    ///
    /// # Errors
    /// When the folder cannot be used at all.
    pub(crate) fn open(folder: &Path, host_id: &str, now: i64) -> Result<Opened, TlsError> {
        make_folder(folder)?;
        // A command and the host may both find nothing here at the same time.
        let lock = File::open(folder).map_err(TlsError::file(folder))?;
        let locked = flock(&lock, FlockOperation::LockExclusive);
        locked.map_err(|error| TlsError::file(folder)(error.into()))?;
        let remade = match read(folder) {
            Ok(Some(keyring)) => {
                return Ok(Opened {
                    keyring,
                    remade: None,
                    made: false,
                });
            }
            Ok(None) => None,
            Err(damaged) => Some(damaged.to_string()),
        };
        write(folder, &authority::make(host_id, day_of(now))?)?;
        let keyring = read(folder)?
            .ok_or_else(|| TlsError::unusable(folder, "what was written is not there"))?;
        Ok(Opened {
            keyring,
            remade,
            made: true,
        })
    }
}

impl Opened {
    /// What the audit is told of certificates that were made now.
    pub(crate) fn story(&self) -> Option<String> {
        let why = self.remade.as_deref();
        let why = why.map_or_else(String::new, |why| format!(" anew: {why}"));
        let count = self.keyring.count();
        (self.made).then(|| {
            format!("an authority and {count} certificates for this machine were made{why}; its key is gone")
        })
    }
}

/// The authority's certificate, to be trusted. None if there is none yet.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn authority_pem(folder: &Path) -> Result<Option<String>, TlsError> {
    let path = folder.join(AUTHORITY);
    let text = read_file(&path)?;
    let text = text.map(String::from_utf8).transpose();
    text.map_err(|error| TlsError::unusable(&path, error))
}

/// What is on disk and whole; none if nothing is there.
pub(super) fn read(folder: &Path) -> Result<Option<Keyring>, TlsError> {
    let path = folder.join(AUTHORITY);
    let Some(authority) = read_file(&path)? else {
        let some = (1..=LEAVES).any(|number| leaf_paths(folder, number).0.exists());
        return match some {
            true => Err(TlsError::unusable(&path, "it is missing")),
            false => Ok(None),
        };
    };
    let authority = CertificateDer::from_pem_slice(&authority)
        .map_err(|error| TlsError::unusable(&path, format!("{error:?}")))?;
    let mut trusted = RootCertStore::empty();
    trusted
        .add(authority)
        .map_err(|error| TlsError::unusable(&path, error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(trusted.into(), provider);
    let verifier = verifier
        .build()
        .map_err(|error| TlsError::unusable(&path, error))?;
    let leaves = (1..=LEAVES).map(|number| read_leaf(folder, number, &verifier));
    let leaves = leaves.collect::<Result<Vec<_>, _>>()?;
    Ok(Keyring::new(leaves))
}

fn read_leaf(
    folder: &Path,
    number: usize,
    verifier: &WebPkiServerVerifier,
) -> Result<Leaf, TlsError> {
    let (path, key_path) = leaf_paths(folder, number);
    let certificate = certificates(&path)?;
    let key = key(&key_path)?;
    let leaf = Leaf::new(certificate.clone(), key);
    let leaf = leaf.map_err(|why| TlsError::unusable(&path, why))?;
    let middle = leaf.not_before.midpoint(leaf.not_after).unsigned_abs();
    let middle = UnixTime::since_unix_epoch(Duration::from_secs(middle));
    let localhost = ServerName::try_from("localhost").expect("it is a name");
    verifier
        .verify_server_cert(&certificate[0], &[], &localhost, &[], middle)
        .map_err(|error| TlsError::unusable(&path, error))?;
    Ok(leaf)
}

/// All certificates of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = needed(path)?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(TlsError::unusable(path, "there is no certificate in it")),
        Err(error) => Err(TlsError::unusable(path, format!("{error:?}"))),
    }
}

/// The one key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = zeroize::Zeroizing::new(needed(path)?);
    // Its error could tell of the content.
    let key = PrivateKeyDer::from_pem_slice(&text);
    key.map_err(|_| TlsError::unusable(path, "there is no private key in it"))
}

fn needed(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_file(path)?.ok_or_else(|| TlsError::unusable(path, "it is missing"))
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    match std::fs::metadata(path) {
        Ok(about) if about.len() > FILE_BYTES_MAX => {
            Err(TlsError::unusable(path, "it is far too long"))
        }
        Ok(_) => std::fs::read(path).map(Some).map_err(TlsError::file(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::file(path)(error)),
    }
}

fn leaf_paths(folder: &Path, number: usize) -> (PathBuf, PathBuf) {
    let file = |end: &str| folder.join(format!("leaf-{number}.{end}"));
    (file("pem"), file("key"))
}

/// The old authority goes first and the new one comes last: what lies between is seen as damage.
fn write(folder: &Path, made: &Made) -> Result<(), TlsError> {
    let authority = folder.join(AUTHORITY);
    match std::fs::remove_file(&authority) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(TlsError::file(&authority)(error));
        }
        _ => {}
    }
    for (index, leaf) in made.leaves.iter().enumerate() {
        let (certificate, key) = leaf_paths(folder, index + 1);
        write_file(&key, leaf.key.as_bytes())?;
        write_file(&certificate, leaf.certificate.as_bytes())?;
    }
    // Everything else is in the folder for certain before that one is.
    sync_folder(folder)?;
    write_file(&authority, made.authority.as_bytes())?;
    sync_folder(folder)
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), TlsError> {
    whole_file::sync_folder(folder).map_err(TlsError::file(folder))
}

/// For this user alone, whole or not at all.
pub(super) fn write_file(path: &Path, content: &[u8]) -> Result<(), TlsError> {
    whole_file::write(path, content).map_err(TlsError::file(path))
}

/// A folder for this user alone.
pub(super) fn make_folder(folder: &Path) -> Result<(), TlsError> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    let private =
        made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(0o700)));
    private.map_err(TlsError::file(folder))
}

/// The day of a time in seconds since 1970. A clock that was never set counts as this program's
/// year: certificates of 1970 would be of no use once it is right.
pub(super) fn day_of(now: i64) -> jiff::civil::Date {
    const BUILD_SECONDS: i64 = 1_767_225_600;
    let now = Timestamp::from_second(now.max(BUILD_SECONDS)).unwrap_or(Timestamp::UNIX_EPOCH);
    now.to_zoned(TimeZone::UTC).date()
}
