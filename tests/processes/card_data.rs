// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that the host cannot see a card: canary cards go through every flow, and what the host
//! has in its memory, writes and says is searched for them in every form.
//!
//! The search itself is shown to find each form first. It must never pass because it looked at
//! nothing.

mod evil;
mod flows;
mod needles;
mod planted;
mod puppet;
mod recorder;
mod search;
mod shop;
