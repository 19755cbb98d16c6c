// SPDX-License-Identifier: MIT OR Apache-2.0
//! The key that `payhal keys inject` loaded into a simulated reader of a host's state folder.
//!
//! Owns where it lies and what to do where there is none. It must never print a key.

use clap::Args;
use payhal_card_data::key_file::{DeviceKeys, InjectedKey, KeyFileError};
use std::path::{Path, PathBuf};

/// Whose injected key a simulated reader has; without them it has one that everybody knows.
#[derive(Args, Clone, Debug, Default)]
pub struct KeyArgs {
    /// State folder of a host: the reader has the key that `payhal keys inject` put there for --device
    #[arg(long, value_name = "FOLDER", requires = "device")]
    pub state: Option<PathBuf>,
    /// The reader's name in that host's configuration
    #[arg(long, value_name = "NAME", requires = "state")]
    pub device: Option<String>,
}

impl KeyArgs {
    /// The injected key of the first of these schemes that has one; `None` where no reader is named.
    ///
    /// # Errors
    ///
    /// [`NoKey`], where a reader is named.
    pub fn injected(&self, schemes: &[&str]) -> Result<Option<InjectedKey>, NoKey> {
        match (&self.state, &self.device) {
            (Some(state), Some(device)) => injected(state, device, schemes).map(Some),
            _ => Ok(None),
        }
    }
}

/// The injected key of the first of these schemes that has one.
///
/// # Errors
///
/// [`NoKey`].
pub fn injected(state: &Path, device: &str, schemes: &[&str]) -> Result<InjectedKey, NoKey> {
    let no_key = |why| NoKey {
        device: device.to_owned(),
        why,
    };
    let keys = DeviceKeys::of(&state.join("instances").join(device));
    for scheme in schemes {
        if let Some(key) = keys.injected(scheme).map_err(|error| no_key(Some(error)))? {
            return Ok(key);
        }
    }
    Err(no_key(None))
}

/// Why a simulated reader has no key.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to find the reader's key: {}",
    why.as_ref().map_or_else(|| format!("no key was injected into {device}"), ToString::to_string)
)]
pub struct NoKey {
    device: String,
    why: Option<KeyFileError>,
}

impl NoKey {
    /// What to type, for a reader that wants this scheme.
    #[must_use]
    pub fn advice(&self, slot: &str, scheme: &str) -> String {
        let device = &self.device;
        format!(
            "Stop the host and run `payhal keys new-bdk --gateway <gateway> --slot {slot} --scheme \
             {scheme}`, then `payhal keys inject --device {device} --gateway <gateway> --slot {slot}`."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_card_data::{DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME};

    #[test]
    fn a_reader_without_a_key_is_told_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let args = KeyArgs {
            state: Some(folder.path().to_owned()),
            device: Some("counter".to_owned()),
        };
        let no_key = args
            .injected(&[DUKPT_TDES_SCHEME, DUKPT_AES_SCHEME])
            .unwrap_err();
        assert!(no_key.to_string().contains("counter"), "{no_key}");
        let advice = no_key.advice("pinpad", DUKPT_TDES_SCHEME);
        assert!(advice.contains("--slot pinpad --scheme dukpt-tdes"));
        assert!(advice.contains("inject --device counter"));
        assert!(KeyArgs::default().injected(&[]).unwrap().is_none());
    }
}
