// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin trust`, `untrust` and `keys`: whose signatures count.

use super::super::args::{PlaceArgs, TrustArgs, UntrustArgs};
use super::super::connect::by_socket;
use super::super::exit::{Exit, Failure};
use super::super::screen::{say, say_json, table, tell};
use super::shelf;
use crate::server::trusted_key;
use payhal_protocol::plugins::{
    PluginKeysParams, PluginKeysResult, PluginTrustParams, PluginTrustResult, PluginUntrustParams,
    PluginUntrustResult,
};

/// Lets the signatures of a key count.
pub(super) async fn trust(args: &TrustArgs) -> Result<Exit, Failure> {
    let key = read(&args.key)?;
    let answer = match by_socket(&args.place).await {
        Some(host) => host.request(&PluginTrustParams { key }).await?,
        None => {
            let key = shelf(&args.place)?.trust(&key);
            let key = trusted_key(key.map_err(|why| Failure::new(Exit::Failed, why))?);
            PluginTrustResult { key }
        }
    };
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let key = &answer.key;
    let comment = match key.comment.as_str() {
        "" => String::new(),
        comment => format!(" ({comment})"),
    };
    say(&format!(
        "plugins that {}{comment} signs may run here",
        key.key_id
    ));
    Ok(Exit::Ok)
}

/// A key as it is written, or the file with it.
fn read(key: &str) -> Result<String, Failure> {
    let path = std::path::Path::new(key);
    if !path.is_file() {
        return Ok(key.to_owned());
    }
    std::fs::read_to_string(path).map_err(|error| {
        let text = format!("failed to read {}: {error}", path.display());
        Failure::new(Exit::Usage, text)
    })
}

/// Lets them count no longer.
pub(super) async fn untrust(args: &UntrustArgs) -> Result<Exit, Failure> {
    let key_id = args.key_id.clone();
    let answer = match by_socket(&args.place).await {
        Some(host) => host.request(&PluginUntrustParams { key_id }).await?,
        None => {
            let untrusted = shelf(&args.place)?.untrust(&key_id);
            untrusted.map_err(|why| Failure::new(Exit::Failed, why))?;
            PluginUntrustResult::default()
        }
    };
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    say(&format!(
        "the signatures of {} count no longer",
        args.key_id
    ));
    for plugin in &answer.refused {
        tell(&format!(
            "{plugin} does not start any more; what runs of it goes on until it ends"
        ));
    }
    Ok(Exit::Ok)
}

/// Whose signatures count.
pub(super) async fn keys(json: bool, place: &PlaceArgs) -> Result<Exit, Failure> {
    let answer = match by_socket(place).await {
        Some(host) => host.request(&PluginKeysParams {}).await?,
        None => PluginKeysResult {
            keys: shelf(place)?.keys().into_iter().map(trusted_key).collect(),
        },
    };
    if json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    if answer.keys.is_empty() {
        tell(
            "no key is trusted: `payhal plugin trust KEY` trusts one, with the public key from its maker",
        );
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer
        .keys
        .into_iter()
        .map(|key| [key.key_id, key.comment, key.key])
        .collect();
    say(&table(["KEY", "COMMENT", "PUBLIC KEY"], &rows));
    Ok(Exit::Ok)
}
