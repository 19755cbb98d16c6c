// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system's randomness. Nothing here may draw on anything else.

/// Random bytes.
pub(crate) fn array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
