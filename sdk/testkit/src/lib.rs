// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every simulated device has in common: how it is spoken to, acted on and proven, and the key
//! that was injected into it.
//!
//! Owns connections and time of simulators; what a device does is the simulator's. Must never be
//! linked by a plugin.
#![forbid(unsafe_code)]

pub mod keys;
pub mod simulate;
