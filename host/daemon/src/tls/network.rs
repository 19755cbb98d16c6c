// SPDX-License-Identifier: MIT OR Apache-2.0
//! The listener in the shop's network: its address, its names, and the one certificate that its
//! clients compare with what they were told at the pairing.

use super::files::{Opened, certificates, day_of, key, make_folder, sync_folder, write_file};
use super::keyring::{Keyring, Leaf};
use super::{TlsError, authority};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Days of a certificate made here. Its clients know it by its fingerprint, so it must not change
/// within the life of a till.
const DAYS: i64 = 3_650;

/// How the operator wants it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Further names of this host in the network.
    pub(crate) names: Vec<String>,
    /// Certificate chain and key of the operator's own.
    pub(crate) files: Option<(PathBuf, PathBuf)>,
}

impl Network {
    /// The certificate: the operator's, or one made once and kept in `folder`.
    ///
    /// # Errors
    /// When it cannot be used. Nothing is made anew here, for clients would refuse it.
    pub(crate) fn keyring(
        &self,
        folder: &Path,
        host_id: &str,
        now: i64,
    ) -> Result<Opened, TlsError> {
        let own = folder.join("lan").join("certificate.pem");
        let made = self.files.is_none() && !own.exists();
        let (certificate, key_file) = match &self.files {
            Some(files) => files.clone(),
            None => self.made(&folder.join("lan"), host_id, now)?,
        };
        let leaf = Leaf::new(certificates(&certificate)?, key(&key_file)?);
        let leaf = leaf.map_err(|why| TlsError::unusable(&certificate, why))?;
        Ok(Opened {
            keyring: Keyring::single(leaf),
            remade: None,
            made,
        })
    }

    fn made(&self, folder: &Path, host_id: &str, now: i64) -> Result<(PathBuf, PathBuf), TlsError> {
        let (certificate, key) = (
            folder.join("certificate.pem"),
            folder.join("certificate.key"),
        );
        if !certificate.exists() {
            make_folder(folder)?;
            let name = authority::authority_name(host_id);
            let address = self.listen.ip();
            let pair = authority::make_alone(&name, &self.names, address, day_of(now), DAYS)?;
            write_file(&key, pair.key.as_bytes())?;
            write_file(&certificate, pair.certificate.as_bytes())?;
            sync_folder(folder)?;
        }
        Ok((certificate, key))
    }
}
