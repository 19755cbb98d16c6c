// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of an instance, as `configuration.schema.json` describes it.

use payhal_plugin::PluginError;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How often it beeps when it is asked to be found.
    #[serde(default = "once")]
    beeps: u8,
    /// How long the device may take for an answer that needs nobody.
    #[serde(default = "usual_patience")]
    patience_ms: u64,
}

fn once() -> u8 {
    1
}

fn usual_patience() -> u64 {
    5_000
}

impl Config {
    /// What no type says.
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        let wrong = |what: &str| PluginError::not_sent(format!("use the configuration: {what}"));
        if !(1..=9).contains(&self.beeps) {
            return Err(wrong("beeps must be 1 to 9"));
        }
        if !(100..=60_000).contains(&self.patience_ms) {
            return Err(wrong("patience_ms must be 100 to 60000"));
        }
        Ok(())
    }

    pub(crate) fn beeps(&self) -> u8 {
        self.beeps
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }
}
