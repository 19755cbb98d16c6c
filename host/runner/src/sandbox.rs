// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes rights away from this process before the plugin's first instruction runs.
//!
//! Owns the one seam for confinement: what is asked for, what came of it, and whether that is
//! enough. How each system does it lies behind: Linux in full, others as far as they let us.
//!
//! Must never be called after a library was loaded (its constructors run before any other code),
//! never while there are threads (most of this holds for the calling thread and those it starts),
//! and never be quiet about a part that is missing.

mod rlimits;

#[cfg(target_os = "linux")]
#[path = "sandbox/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "sandbox/other.rs"]
mod system;

use payhal_ipc::Confinement;
use std::path::Path;

/// What one plugin may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// Where it differs from other plugins.
    pub(crate) confinement: &'a Confinement,
    /// The one folder it may write to.
    pub(crate) state_dir: &'a Path,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    /// Names of the parts that are in force.
    in_force: Vec<String>,
    /// What this system cannot do, each completing "there is …".
    missing: Vec<String>,
}

/// Confines the process for good; names the parts that are in force, with a space between.
///
/// # Errors
///
/// Fails, naming the part, when the system refuses one of them, or has not all of them and nobody
/// allowed that.
pub(crate) fn confine(wish: Wish<'_>) -> Result<String, String> {
    let Outcome { in_force, missing } = system::confine(wish)?;
    if missing.is_empty() || wish.confinement.allow_incomplete {
        return Ok(in_force.join(" "));
    }
    Err(format!(
        "confine the plugin: there is {}. Who trusts every plugin all the same writes \
         `allow_incomplete_sandbox = true` under [plugins] in payhal.toml",
        missing.join(" and ")
    ))
}
