// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command's answer says first: how it went.

/// Three digits behind the command's letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const OK: Self = Self(0);
    /// A packet in clear where one in secret was due, or one that nobody with the key has made.
    pub(crate) const PACKET_SECURITY: Self = Self(9);
    /// What must come before has not come.
    pub(crate) const INVALID_CALL: Self = Self(10);
    pub(crate) const INVALID_PARAMETER: Self = Self(11);
    pub(crate) const TIMEOUT: Self = Self(12);
    pub(crate) const CANCEL: Self = Self(13);
    /// A parameter that must be there is not.
    pub(crate) const MANDATORY: Self = Self(19);
    /// The tables have another version.
    pub(crate) const OTHER_TABLES: Self = Self(20);
    pub(crate) const TABLES: Self = Self(21);
    /// No key at that place.
    pub(crate) const KEY: Self = Self(42);
    pub(crate) const NO_CARD: Self = Self(43);
    pub(crate) const NO_SAM: Self = Self(51);
    /// A chip that does not answer.
    pub(crate) const DUMB_CARD: Self = Self(60);
    /// The card and the tables have no application in common.
    pub(crate) const NO_APPLICATION: Self = Self(70);
    /// Contactless with another amount than the card was shown.
    pub(crate) const AMOUNT: Self = Self(77);
    pub(crate) const NO_CONTACTLESS_APPLICATION: Self = Self(84);
    /// No multimedia file of that name.
    pub(crate) const NO_FILE: Self = Self(100);
    pub(crate) const FILE: Self = Self(102);
}
