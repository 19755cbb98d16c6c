// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire against published facts, and on the SDK's test bench in virtual time.

mod reader;
mod wire;
