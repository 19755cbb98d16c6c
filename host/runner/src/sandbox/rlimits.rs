// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds that the kernel keeps for each process, and memory that may be locked, which is the one
//! thing given rather than taken.
//!
//! Must never raise a limit that whoever started the host has set, except that one.

use crate::limits::{
    ADDRESS_SPACE_BYTES_MIN, DESCRIPTORS_MAX, LOCKED_BYTES_MIN, LOCKED_BYTES_WANTED,
};
use payhal_ipc::limits::ADDRESS_SPACE_BYTES;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sets the bounds. 0 asks for the usual address space.
///
/// # Errors
///
/// Fails, naming the limit, when the system refuses.
pub(super) fn set(address_space_bytes: u64) -> Result<(), String> {
    limit(Resource::Core, 0, "the size of core files")?;
    limit(Resource::Nofile, DESCRIPTORS_MAX, "open descriptors")?;
    let space = address_space(address_space_bytes);
    limit(Resource::As, space, "the address space")
}

fn address_space(asked: u64) -> u64 {
    match asked {
        0 => ADDRESS_SPACE_BYTES,
        asked => asked.max(ADDRESS_SPACE_BYTES_MIN),
    }
}

/// Raises what may be locked as far as the system lets it; whether a plugin has enough then. A
/// system that refuses is no reason not to sell: the plugin says what it could not lock.
pub(super) fn let_lock_memory() -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_the_address_space_it_asks_for_and_never_too_little_to_start() {
        assert_eq!(address_space(0), ADDRESS_SPACE_BYTES);
        assert_eq!(address_space(1), ADDRESS_SPACE_BYTES_MIN);
        assert_eq!(address_space(4 << 30), 4 << 30);
    }
}
