// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin`: what is installed, by manifest, and how it fares where the host runs; and what the
//! operator does about it. It loads none.

mod change;
mod explain;
mod keys;

use super::args::{PlaceArgs, PluginCommand};
use super::connect::by_socket;
use super::exit::{Exit, Failure, PLUGINS_ADVICE};
use super::screen::{say, say_json, table, tell};
use crate::config::{Config, Overrides};
use crate::plugins::{PluginShelf, Sources, discover};
use crate::server::plugin_summaries;
use payhal_protocol::plugins::{PluginInstance, PluginListParams, PluginListResult, PluginSummary};
use std::path::PathBuf;

/// Does what the words say. The authors' commands are another program's.
pub(super) async fn run(command: &PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::List {
            json,
            plugins,
            place,
        } => list(*json, plugins, place).await,
        PluginCommand::Explain(args) => explain::explain(args).await,
        PluginCommand::Trust(args) => keys::trust(args).await,
        PluginCommand::Untrust(args) => keys::untrust(args).await,
        PluginCommand::Keys { json, place } => keys::keys(*json, place).await,
        PluginCommand::Install(_)
        | PluginCommand::Disable(_)
        | PluginCommand::Enable(_)
        | PluginCommand::Rollback(_)
        | PluginCommand::Remove(_) => change::change(command).await,
        PluginCommand::New(_)
        | PluginCommand::Check(_)
        | PluginCommand::Sign(_)
        | PluginCommand::Play(_) => unreachable!("is another program, and was started before"),
    }
}

/// Every plugin in the plugin folders: the host's, unless folders are named.
async fn list(json: bool, folders: &[PathBuf], place: &PlaceArgs) -> Result<Exit, Failure> {
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
            plugins: plugin_summaries(&discover(&Sources::of(&config)), &[]),
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
            [
                "PLUGIN", "KIND", "VERSION", "", "SIGNED", "RUNS AS", "FOLDER",
            ],
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

fn row(plugin: &PluginSummary) -> [String; 7] {
    let instances: Vec<_> = plugin.instances.iter().map(instance).collect();
    let marks = [
        (plugin.simulated, "simulated"),
        (plugin.disabled, "disabled"),
    ];
    let marks = marks
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word));
    [
        plugin.id.clone(),
        plugin.kind.clone().unwrap_or_default(),
        plugin.version.clone().unwrap_or_default(),
        marks.collect::<Vec<_>>().join(", "),
        plugin.signed.clone(),
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

/// The shelf of a state folder that no host holds.
fn shelf(place: &PlaceArgs) -> Result<std::sync::Arc<PluginShelf>, Failure> {
    let config = Config::load(&place.overrides())?;
    let shelf = PluginShelf::open(Sources::of(&config));
    shelf.map_err(|why| Failure::new(Exit::Failed, format!("failed to use the plugins: {why}")))
}
