// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TEST authority that certifies the sandbox's sealing keys.
//!
//! Its private key stands here for everybody to read, so that anybody can certify a key that the
//! simulated reader then seals to. That is all it may ever be good for: no reader for real cards
//! may carry its certificate.

use payhal_card_data::{Authority, IssueError};

/// Also in the certificates: nobody shall take them for more than they are.
const NAME: &str = "payhal sandbox TEST authority";

/// No secret.
const TEST_PRIVATE_KEY: &[u8; 32] = b"payhal TEST authority, no secret";

pub(crate) fn test_authority() -> Result<Authority, IssueError> {
    Authority::new(NAME, TEST_PRIVATE_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_card_data::ValidTime;

    /// As long as anybody will test: 2026 to 2099.
    const ANCHOR_TIME: ValidTime = ValidTime {
        from: 1_767_225_600,
        until: 4_102_444_799,
    };

    #[test]
    fn readers_carry_this_authoritys_anchor() {
        let carried = include_bytes!("../../../plugins/virtual-reader/anchors/sandbox-test.der");
        let anchor = test_authority().unwrap().anchor(ANCHOR_TIME).unwrap();
        assert_eq!(anchor, carried);
    }
}
