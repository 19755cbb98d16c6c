// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin list`: what is installed, by manifest, and how it fares where the host runs. It
//! loads none.

use super::args::PlaceArgs;
use super::connect::by_socket;
use super::exit::{Exit, Failure, PLUGINS_ADVICE};
use super::screen::{say, say_json, table, tell};
use crate::config::{Config, Overrides};
use crate::server::plugin_summaries;
use crate::supervisor::discover;
use payhal_protocol::plugins::{PluginInstance, PluginListParams, PluginListResult, PluginSummary};
use std::path::PathBuf;

/// Every plugin in the plugin folders: the host's, unless folders are named.
pub(super) async fn list(
    json: bool,
    folders: &[PathBuf],
    place: &PlaceArgs,
) -> Result<Exit, Failure> {
    let config = Config::load(&Overrides {
        plugins: folders.to_vec(),
        ..place.overrides()
    })?;
    let host = match folders {
        [] => by_socket(place).await,
        _ => None,
    };
    let answer = match host {
        Some(host) => host.request(&PluginListParams {}).await?,
        None => PluginListResult {
            plugins: plugin_summaries(&discover(&config.plugins), &[]),
        },
    };
    if json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let plugins = answer.plugins;
    let rows: Vec<_> = plugins
        .iter()
        .filter(|one| one.broken.is_none())
        .map(row)
        .collect();
    if rows.is_empty() {
        let folders: Vec<_> = config
            .plugins
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        tell(&format!("no plugin in {}", folders.join(", ")));
        tell(PLUGINS_ADVICE);
    } else {
        say(&table(
            ["PLUGIN", "KIND", "VERSION", "", "RUNS AS", "FOLDER"],
            &rows,
        ));
    }
    for plugin in &plugins {
        if let Some(why) = &plugin.broken {
            tell(&format!("broken: {}: {why}", plugin.folder));
        }
    }
    Ok(Exit::Ok)
}

fn row(plugin: &PluginSummary) -> [String; 6] {
    let instances: Vec<_> = plugin.instances.iter().map(instance).collect();
    [
        plugin.id.clone(),
        plugin.kind.clone().unwrap_or_default(),
        plugin.version.clone().unwrap_or_default(),
        if plugin.simulated { "simulated" } else { "" }.to_owned(),
        instances.join(", "),
        plugin.folder.clone(),
    ]
}

fn instance(instance: &PluginInstance) -> String {
    match instance.restarts {
        0 => format!("{} ({})", instance.name, instance.state),
        times => format!("{} ({}, {times} restarts)", instance.name, instance.state),
    }
}
