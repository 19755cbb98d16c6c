// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one loop between the engine and the world.
#![forbid(unsafe_code)]

pub mod ports;
