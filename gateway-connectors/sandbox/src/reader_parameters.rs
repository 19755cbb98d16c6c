// SPDX-License-Identifier: MIT OR Apache-2.0
//! The EMV parameters that readers get: every application of the test cards, and a test key.
//!
//! The key is of nobody: its private half was thrown away. No key of a scheme may ever stand here.

use crate::error::SandboxError;
use payhal_messages::reader::LoadParameters;

const SET: &str = include_str!("reader_parameters.json");

/// The set in this version; none where the configuration empties it.
pub(crate) fn reader_parameters(version: &str) -> Result<Option<LoadParameters>, SandboxError> {
    if version.is_empty() {
        return Ok(None);
    }
    let parameters = serde_json::from_str(SET).map_err(|flaw| {
        SandboxError::Configuration(format!("its own EMV parameters are no JSON: {flaw}"))
    })?;
    Ok(Some(LoadParameters {
        set: "sandbox".to_owned(),
        version: version.to_owned(),
        parameters,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_messages::card_check::would_redact;

    #[test]
    fn every_application_of_a_test_card_is_accepted() {
        let set = reader_parameters("1").unwrap().unwrap().emv().unwrap();
        for card in payhal_card_data::test_cards() {
            for (_, aid) in card.applications {
                let found = set.applications.iter().any(|one| aid.starts_with(&one.aid));
                assert!(found, "{aid} of {}", card.name);
                let key = set.keys.iter().any(|key| aid.starts_with(&key.rid));
                assert!(key, "no key for {aid}");
            }
        }
        assert!(
            !would_redact(SET),
            "it must pass the check of what plugins say"
        );
    }

    #[test]
    fn an_empty_version_is_none() {
        assert!(reader_parameters("").unwrap().is_none());
    }
}
