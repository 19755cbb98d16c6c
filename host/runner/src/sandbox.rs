// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes rights away from this process before the plugin's first instruction runs.
//!
//! Owns the one seam for confinement. In force now, on Linux: no core files, a bound on
//! descriptors, no new privileges, not dumpable. The full sandbox adds behind the same function:
//! an address-space limit, Landlock (read the system's libraries, write the state folder), and a
//! seccomp filter (no sockets but those handed over, no new processes, no ptrace). Those must be
//! applied while there is one thread, which is why `confine` insists on that already.
//!
//! Must never be called after a library was loaded: its constructors run before any other code.

use crate::limits::DESCRIPTORS_MAX;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Names of the parts that are in force, as the daemon shows them.
pub(crate) const IN_FORCE: &str = "rlimits no_new_privs undumpable";

/// Confines the process for good.
///
/// # Errors
///
/// Fails, naming the part, when the system refuses one of them.
pub(crate) fn confine() -> Result<(), String> {
    require_single_thread()?;
    limit(Resource::Core, 0, "the size of core files")?;
    limit(Resource::Nofile, DESCRIPTORS_MAX, "open descriptors")?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("give up new privileges: {error}"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("become undumpable: {error}"))
}

fn limit(resource: Resource, most: u64, name: &str) -> Result<(), String> {
    let current = rustix::process::getrlimit(resource);
    let most = current.maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(
        resource,
        Rlimit {
            current: Some(most),
            maximum: Some(most),
        },
    )
    .map_err(|error| format!("limit {name}: {error}"))
}

/// Landlock and no_new_privs hold for the calling thread and those it starts later.
fn require_single_thread() -> Result<(), String> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|error| format!("count the threads: {error}"))?
        .count();
    match threads {
        1 => Ok(()),
        more => Err(format!("confine one thread: there are {more}")),
    }
}
