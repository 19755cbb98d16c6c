// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pinpad handed out, for proofs.

use crate::digits::hex;
use payhal_testkit::simulate::Booked;

/// What was handed out, in order.
#[derive(Debug, Default)]
pub(crate) struct Books {
    booked: Vec<Booked>,
    /// Whether the last read goes on.
    open: bool,
}

impl Books {
    /// What is handed out from here on belongs to another read.
    pub(crate) fn begin(&mut self) {
        self.open = false;
    }

    /// A part of the read, encrypted.
    pub(crate) fn part(&mut self, ciphertext: &[u8]) {
        let part = hex(ciphertext);
        match self.booked.last_mut() {
            Some(Booked::Read { parts }) if self.open => parts.push(part),
            _ => self.booked.push(Booked::Read { parts: vec![part] }),
        }
        self.open = true;
    }

    /// The card's last word.
    pub(crate) fn completed(&mut self, accepted: bool) {
        self.open = false;
        self.booked.push(Booked::Completed { accepted });
    }

    pub(crate) fn all(&self) -> Vec<Booked> {
        self.booked.clone()
    }
}
