// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain functions over text for whoever throws text at them. They must never panic.

use crate::config::{Config, Overrides};
use std::path::Path;

/// Reads a configuration file as `payhal serve` does, or says why not.
///
/// # Errors
/// What the operator would be told.
pub fn read_configuration(text: &str) -> Result<(), String> {
    let (path, state) = (Path::new("payhal.toml"), Path::new("state").to_owned());
    let read = Config::parse(text, path, &state, &Overrides::default());
    read.map(drop).map_err(|error| error.to_string())
}
