// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin list`: what is installed, by manifest. It loads none.

use super::args::PlaceArgs;
use super::exit::{Exit, Failure, PLUGINS_ADVICE};
use super::screen::{say, say_json, table, tell, word};
use crate::config::{Config, Overrides};
use crate::supervisor::{Plugin, discover};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Every plugin in the plugin folders.
pub(super) fn list(json: bool, folders: &[PathBuf], place: &PlaceArgs) -> Result<Exit, Failure> {
    let config = Config::load(&Overrides {
        plugins: folders.to_vec(),
        ..place.overrides()
    })?;
    let plugins = discover(&config.plugins);
    if json {
        let found: Vec<_> = plugins
            .found
            .values()
            .map(|plugin| machine(plugin))
            .collect();
        let broken = plugins
            .broken
            .iter()
            .map(|(folder, why)| json!({ "folder": folder, "why": why }));
        say_json(&json!({ "plugins": found, "broken": broken.collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = plugins.found.values().map(row).collect();
    if rows.is_empty() {
        let folders: Vec<_> = config
            .plugins
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        tell(&format!("no plugin in {}", folders.join(", ")));
        tell(PLUGINS_ADVICE);
    } else {
        say(&table(["PLUGIN", "KIND", "VERSION", "", "LIBRARY"], &rows));
    }
    for (folder, why) in &plugins.broken {
        tell(&format!("broken: {}: {why}", folder.display()));
    }
    Ok(Exit::Ok)
}

fn machine(plugin: &Plugin) -> serde_json::Value {
    let manifest = &plugin.manifest;
    json!({
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
        "abi": manifest.abi,
        "simulated": manifest.simulated,
        "library": plugin.library,
    })
}

fn row(plugin: &Arc<Plugin>) -> [String; 5] {
    let manifest = &plugin.manifest;
    [
        manifest.id.clone(),
        word(&manifest.kind),
        manifest.version.clone(),
        if manifest.simulated { "simulated" } else { "" }.to_owned(),
        plugin.library.display().to_string(),
    ]
}
