// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `load_parameters`: a gateway's EMV parameters as tables of the pinpad, by TLI, TLR, TLE.
//!
//! Records become valid together, with TLE. A pinpad that names the version already is left alone.

use crate::commands::gts::TableVersion;
use crate::commands::tables::{BeginTables, EndTables, LoadRecords};
use crate::reader::AbecsPinpad;
use crate::records;
use crate::status::Status;
use payhal_messages::reader::LoadParameters;
use payhal_plugin::{Context, Level, Outcome, PluginError};

/// 32 characters that no display takes for each other.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

pub(crate) fn load_parameters(
    reader: &mut AbecsPinpad,
    request: &LoadParameters,
    context: &Context,
) -> Outcome<()> {
    let set = request.emv().map_err(|flaw| {
        PluginError::not_sent(format!("use the gateway's EMV parameters: {flaw}"))
    })?;
    let acquirer = reader.config.acquirer;
    let version = version_of(&request.set, &request.version);
    let loaded = reader
        .session(context)?
        .command(&TableVersion { acquirer }, context)?;
    if loaded.as_ref() == Ok(&version) {
        return Ok(Ok(()));
    }
    let left_out = records::without_contactless(&set);
    if !left_out.is_empty() {
        context.log(
            Level::Warn,
            &format!(
                "the pinpad has no contactless kernel for {}: these cards are to be inserted",
                left_out.join(", ")
            ),
        );
    }
    let records = records::of(&set, acquirer)
        .map_err(|flaw| PluginError::not_sent(format!("load the EMV parameters: {flaw}")))?;
    let begin = BeginTables { acquirer, version };
    // Whether the pinpad has other tables or none: both are what loading is for.
    reader
        .session(context)?
        .command(&begin, context)?
        .map_err(refused)?;
    for load in LoadRecords::packed(records) {
        reader
            .session(context)?
            .command(&load, context)?
            .map_err(refused)?;
    }
    reader
        .session(context)?
        .command(&EndTables, context)?
        .map_err(refused)?;
    Ok(Ok(()))
}

fn refused(status: Status) -> PluginError {
    PluginError::not_sent(format!(
        "load the EMV parameters: the pinpad says {status}; it may have no room for them"
    ))
}

/// A set and its version in the ten characters that a pinpad keeps. No secret: a pinpad that was
/// loaded by somebody else is only to be told apart.
fn version_of(set: &str, version: &str) -> String {
    let bytes = set.bytes().chain([0]).chain(version.bytes());
    // FNV-1a.
    let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let letter = |place: u32| {
        let five = usize::try_from(hash >> (14 + 5 * place) & 31).unwrap_or(0);
        char::from(LETTERS[five])
    };
    (0..10).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_ten_characters_of_its_own() {
        let versions = [
            version_of("sandbox", "1"),
            version_of("sandbox", "2"),
            version_of("sandbox1", ""),
            version_of("", "sandbox1"),
        ];
        for (place, version) in versions.iter().enumerate() {
            assert_eq!(version.len(), 10);
            assert!(version.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert!(!versions[..place].contains(version));
        }
        assert_eq!(version_of("sandbox", "1"), versions[0]);
    }
}
