// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes that are erased when dropped.
//!
//! They lie in locked pages and never move: moving the owner copies a pointer, not the bytes. They
//! must never be printed, compared in a time that depends on them, or cloned without a reason.

use crate::locked::Pages;
use std::fmt;
use subtle::ConstantTimeEq;

/// Secret bytes: erased when dropped, in locked memory, shown as a length.
pub struct SecretBytes {
    pages: Pages,
    length: usize,
}

impl SecretBytes {
    /// Copies bytes. The caller erases its own copy.
    pub fn copied(bytes: &[u8]) -> Self {
        let mut secret = Self::zeroed(bytes.len());
        secret.bytes_mut().copy_from_slice(bytes);
        secret
    }

    /// In clear. For what encodes, encrypts or compares them, never for text.
    pub fn bytes(&self) -> &[u8] {
        &self.pages.bytes()[..self.length]
    }

    pub(crate) fn zeroed(length: usize) -> Self {
        Self {
            pages: Pages::new(length),
            length,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.pages.bytes_mut()[..self.length]
    }

    /// Drops what lies behind the first `length` bytes.
    pub(crate) fn shortened(mut self, length: usize) -> Self {
        self.length = self.length.min(length);
        self
    }
}

impl Clone for SecretBytes {
    fn clone(&self) -> Self {
        Self::copied(self.bytes())
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().ct_eq(other.bytes()).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.length)
    }
}

/// `Debug` of types whose fields are secret: a fixed text.
macro_rules! shown_as {
    ($($type:ident: $shown:literal),+) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        })+
    };
}

pub(crate) use shown_as;
