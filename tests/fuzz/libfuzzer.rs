// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same targets under libFuzzer; `PAYHAL_FUZZ_TARGET` names one. `cargo xtask fuzz` starts it.
#![no_main]
#![forbid(unsafe_code)]

mod targets;

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use targets::{TARGETS, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("PAYHAL_FUZZ_TARGET").expect("PAYHAL_FUZZ_TARGET names a target");
        let found = TARGETS.into_iter().find(|(known, _)| *known == name);
        found.expect("a target of that name").1
    });
    target(bytes);
});
