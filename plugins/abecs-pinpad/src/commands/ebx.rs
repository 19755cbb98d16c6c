// SPDX-License-Identifier: MIT OR Apache-2.0
//! EBX: encrypts something under a key of the pinpad.

use super::{Chaining, Command, Fields, Key, WireError, Writer, wire};

/// Encrypts `clear`, whose length is a multiple of eight.
pub(crate) struct Encrypt {
    pub(crate) clear: Vec<u8>,
    pub(crate) key: Key,
    pub(crate) chaining: Chaining,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encrypted {
    pub(crate) text: Vec<u8>,
    /// Which key it was, with DUKPT.
    pub(crate) ksn: Option<[u8; 10]>,
}

impl Command for Encrypt {
    type Answer = Encrypted;
    const ID: [u8; 3] = *b"EBX";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let mut writer = Writer::default();
        writer.put(&wire::DATAIN, &self.clear)?;
        self.key.write_for_text(self.chaining, &mut writer)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Encrypted, WireError> {
        let fields = Fields::read(answer)?;
        Ok(Encrypted {
            text: fields.needed(&wire::DATAOUT)?.to_vec(),
            ksn: fields.array(&wire::KSN)?,
        })
    }
}
