// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes over the wire, declared once: tags and their values, frames and their fields.
//!
//! Both halves read bytes of strangers, and use nothing but the standard library. They must never
//! decide what an answer means.

pub(crate) mod serial;
pub(crate) mod v3;
