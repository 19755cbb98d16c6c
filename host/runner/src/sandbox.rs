// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes rights away from this process before the plugin's first instruction runs.
//!
//! Owns the one seam for confinement. In force now, on Linux: no core files, a bound on
//! descriptors, no new privileges, not dumpable; and memory that may be locked, which is the one
//! thing given rather than taken. The full sandbox adds behind the same function:
//! an address-space limit, Landlock (read the system's libraries, write the state folder), and a
//! seccomp filter (no sockets but those handed over, no new processes, no ptrace). Those must be
//! applied while there is one thread, which is why `confine` insists on that already.
//!
//! Must never be called after a library was loaded: its constructors run before any other code.

use crate::limits::{DESCRIPTORS_MAX, LOCKED_BYTES_MIN, LOCKED_BYTES_WANTED};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Names of the parts that are in force, as the daemon shows them.
const IN_FORCE: &str = "rlimits no_new_privs undumpable";

/// The same where a plugin may lock what it must not let the system write to a swap device.
const IN_FORCE_WITH_LOCKS: &str = "rlimits no_new_privs undumpable locked_memory";

/// Confines the process for good; names the parts that are in force.
///
/// # Errors
///
/// Fails, naming the part, when the system refuses one of them.
pub(crate) fn confine() -> Result<&'static str, String> {
    require_single_thread()?;
    let locks = let_lock_memory();
    limit(Resource::Core, 0, "the size of core files")?;
    limit(Resource::Nofile, DESCRIPTORS_MAX, "open descriptors")?;
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("give up new privileges: {error}"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("become undumpable: {error}"))?;
    Ok(if locks { IN_FORCE_WITH_LOCKS } else { IN_FORCE })
}

/// Raises what may be locked as far as the system lets it; whether a plugin has enough then. A
/// system that refuses is no reason not to sell: the plugin says what it could not lock.
fn let_lock_memory() -> bool {
    let before = getrlimit(Resource::Memlock);
    let current = before.current.unwrap_or(u64::MAX);
    if current < LOCKED_BYTES_WANTED {
        let raised = |maximum: Option<u64>| Rlimit {
            current: Some(
                maximum.map_or(LOCKED_BYTES_WANTED, |most| most.min(LOCKED_BYTES_WANTED)),
            ),
            maximum,
        };
        // Only a privileged process may raise the upper limit.
        let higher = before.maximum.map(|most| most.max(LOCKED_BYTES_WANTED));
        let _refused = setrlimit(Resource::Memlock, raised(higher))
            .or_else(|_| setrlimit(Resource::Memlock, raised(before.maximum)));
    }
    let granted = getrlimit(Resource::Memlock).current;
    granted.is_none_or(|granted| granted >= LOCKED_BYTES_MIN)
}

fn limit(resource: Resource, most: u64, name: &str) -> Result<(), String> {
    let current = getrlimit(resource);
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
