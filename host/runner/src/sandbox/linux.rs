// SPDX-License-Identifier: MIT OR Apache-2.0
//! Confinement on Linux: bounds, privileges, paths, system calls, in this order.
//!
//! Must never drop a right that a later step needs: the filter of system calls comes last, because
//! it forbids some that the steps before it make.

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
#[path = "linux/calls.rs"]
mod calls;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
#[path = "linux/filter.rs"]
mod filter;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
mod filter {
    /// Nobody has looked at the calls of this architecture one by one.
    pub(super) fn apply(_: &payhal_ipc::Confinement, _: u32) -> Result<bool, String> {
        Ok(false)
    }
}
#[path = "linux/paths.rs"]
mod paths;

use super::{Outcome, Wish, rlimits};
use crate::limits::OUT_OF_MEMORY_SCORE;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

/// Confines the process.
///
/// # Errors
///
/// Fails, naming the part, when the system has a part and refuses it.
pub(super) fn confine(wish: Wish<'_>) -> Result<Outcome, String> {
    require_single_thread()?;
    let mut outcome = Outcome::default();
    // Both are a service to the rest of the machine; a system that refuses is no reason not to sell.
    let _ = std::fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    let locks = rlimits::let_lock_memory();
    let library_folders = paths::library_folders();
    rlimits::set(wish.confinement.address_space_bytes)?;
    set_no_new_privs(true).map_err(|error| format!("give up new privileges: {error}"))?;
    drop_capabilities()?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("become undumpable: {error}"))?;
    let plain = ["rlimits", "no_new_privs", "no_capabilities", "undumpable"];
    outcome.in_force.extend(plain.map(str::to_owned));
    if locks {
        outcome.in_force.push("locked_memory".to_owned());
    }
    let abi = paths::restrict(wish, &library_folders)?;
    match abi {
        0 => outcome.missing.push(
            "no Landlock, which keeps a plugin from files (Linux 5.13 and later, switched on)"
                .to_owned(),
        ),
        abi => outcome.in_force.push(format!("landlock:{abi}")),
    }
    match filter::apply(wish.confinement, abi)? {
        true => outcome.in_force.push("seccomp".to_owned()),
        false => outcome.missing.push(format!(
            "no seccomp filter for {}, which keeps a plugin from network and other processes",
            std::env::consts::ARCH
        )),
    }
    Ok(outcome)
}

/// A host that runs as root has runners that own root's files, and nothing else of root.
fn drop_capabilities() -> Result<(), String> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|error| format!("give up capabilities: {error}"))
}

/// Landlock, seccomp and capabilities hold for the calling thread and those it starts later.
fn require_single_thread() -> Result<(), String> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|error| format!("count the threads: {error}"))?
        .count();
    match threads {
        1 => Ok(()),
        more => Err(format!("confine one thread: there are {more}")),
    }
}
