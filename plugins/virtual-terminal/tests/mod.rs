// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal on the bench.
