// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the build id: a hash over this crate's sources and version.
//!
//! Daemon and runner exchange frames without a schema, so both must come from the same sources.
//! Hashing them makes any change of a frame's layout a visible mismatch.

use std::path::Path;

/// FNV-1a: small, stable and good enough to tell two honest builds apart.
fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    for &byte in bytes {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state
}

fn main() {
    let source_dir = Path::new("src");
    let mut files: Vec<_> = std::fs::read_dir(source_dir)
        .expect("the crate has sources")
        .map(|entry| entry.expect("the source folder can be read").path())
        .collect();
    files.sort();
    let mut state = 0xcbf2_9ce4_8422_2325;
    for file in files {
        state = hash(
            state,
            &std::fs::read(&file).expect("a source file can be read"),
        );
    }
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets the version");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rustc-env=PAYHAL_BUILD_ID={version}-{state:016x}");
}
