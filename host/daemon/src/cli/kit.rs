// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin new`, `check`, `sign` and `play`: becomes the program `payhal-kit` beside this one.
//!
//! A plugin's author needs no host for them, and the host needs none of them. It must never read the
//! words: they are the other program's.

use super::args::KitArgs;
use super::beside;
use super::exit::Failure;

const ADVICE: &str = "It is for authors of plugins and is not installed where none is written. In a source \
     tree, `cargo build --package payhal-testkit` makes it; put it beside payhal.";

/// Returns only when that could not be done.
pub(super) fn become_kit(command: &str, args: &KitArgs) -> Failure {
    let mut words = args.words.clone();
    words.insert(0, command.into());
    beside::become_program("payhal-kit", &words, ADVICE)
}
