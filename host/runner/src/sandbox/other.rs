// SPDX-License-Identifier: MIT OR Apache-2.0
//! Confinement where there is no Linux: bounds of the process, and the truth about the rest.
//!
//! Must never name a part that is not in force.

use super::{Outcome, Wish, rlimits};

/// Confines the process as far as this system lets it.
///
/// # Errors
///
/// Fails, naming the limit, when the system refuses one.
pub(super) fn confine(wish: Wish<'_>) -> Result<Outcome, String> {
    let locks = rlimits::let_lock_memory();
    rlimits::set(wish.confinement.address_space_bytes)?;
    let mut in_force = vec!["rlimits".to_owned()];
    if locks {
        in_force.push("locked_memory".to_owned());
    }
    Ok(Outcome {
        in_force,
        missing: vec![format!(
            "nothing on {} that keeps a plugin from files, network and other processes",
            std::env::consts::OS
        )],
    })
}
