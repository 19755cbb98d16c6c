// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets reach of the inside. Nobody else may.

/// The record inside a seal, as it is read after decryption.
pub fn read_record(bytes: &[u8]) -> bool {
    crate::record::decode(bytes).is_some()
}

/// What a pinpad handed out, as a gateway takes it apart.
pub fn read_pinpad(bytes: &[u8]) -> bool {
    match crate::pinpad_read::PinpadRead::decode(bytes) {
        Ok(read) => {
            assert_eq!(
                crate::pinpad_read::PinpadRead::decode(&read.encode()),
                Ok(read)
            );
            true
        }
        Err(_) => false,
    }
}
