// SPDX-License-Identifier: MIT OR Apache-2.0
//! Crate `jsonrpsee`, as it comes: every scenario over open access, or with `paired` the way in.
//!
//! It must never use anything of payhal's: that none is needed is what it shows.

// By path: cargo's list of this repository's crates does not have this one, and each file is reached.
#[path = "paired.rs"]
mod paired;
#[path = "scenarios.rs"]
mod scenarios;
#[path = "world.rs"]
mod world;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let url = std::env::var("PAYHAL_URL").expect("PAYHAL_URL names the host");
    let good = if std::env::args().nth(1).as_deref() == Some("paired") {
        paired::run(&url).await
    } else {
        scenarios::run(&url).await
    };
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
