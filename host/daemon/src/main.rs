// SPDX-License-Identifier: MIT OR Apache-2.0
//! The binary `payhal`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    payhal::main()
}
