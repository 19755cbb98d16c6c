// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin install`, `disable`, `enable`, `rollback` and `remove`: asked of the running host,
//! or done in its state folder where none runs.

use super::super::args::{PlaceArgs, PluginCommand};
use super::super::connect::by_socket;
use super::super::exit::{Exit, Failure};
use super::super::screen::{say, say_json};
use super::shelf;
use crate::plugins::{Change, PluginShelf};
use payhal_client::{CallError, Client};
use payhal_protocol::plugins::{
    PluginChangeResult, PluginDisableParams, PluginEnableParams, PluginInstallParams,
    PluginRemoveParams, PluginRollBackParams,
};
use std::path::{Path, PathBuf};

/// What is to be done.
enum Wish {
    Install { folder: PathBuf, unsigned: bool },
    Disable(String),
    Enable(String),
    RollBack(String),
    Remove(String),
}

/// Does what the words say.
pub(super) async fn change(command: &PluginCommand) -> Result<Exit, Failure> {
    let (wish, place, json) = read(command)?;
    let answer = match by_socket(place).await {
        Some(host) => ask(&host, &wish).await?,
        None => {
            let shelf = shelf(place)?;
            let done = act(&shelf, &wish);
            done.map_err(|why| Failure::new(Exit::Failed, why))?
        }
    };
    if json {
        say_json(&answer);
    } else {
        say(&told(&wish, &answer));
    }
    Ok(Exit::Ok)
}

fn read(command: &PluginCommand) -> Result<(Wish, &PlaceArgs, bool), Failure> {
    let (wish, args) = match command {
        PluginCommand::Install(args) => {
            let folder = whole(&args.folder)?;
            let unsigned = args.allow_unsigned;
            return Ok((Wish::Install { folder, unsigned }, &args.place, args.json));
        }
        PluginCommand::Disable(args) => (Wish::Disable(args.plugin.clone()), args),
        PluginCommand::Enable(args) => (Wish::Enable(args.plugin.clone()), args),
        PluginCommand::Rollback(args) => (Wish::RollBack(args.plugin.clone()), args),
        PluginCommand::Remove(args) => (Wish::Remove(args.plugin.clone()), args),
        _ => unreachable!("is no change, and was done elsewhere"),
    };
    Ok((wish, &args.place, args.json))
}

fn whole(folder: &Path) -> Result<PathBuf, Failure> {
    let found = folder.canonicalize();
    found.map_err(|error| {
        let text = format!("failed to find {}: {error}", folder.display());
        Failure::new(Exit::Usage, text)
    })
}

async fn ask(host: &Client, wish: &Wish) -> Result<PluginChangeResult, CallError> {
    match wish {
        Wish::Install { folder, unsigned } => {
            let folder = folder.display().to_string();
            let allow_unsigned = *unsigned;
            let params = PluginInstallParams {
                folder,
                allow_unsigned,
            };
            host.request(&params).await
        }
        Wish::Disable(plugin) => {
            let plugin = plugin.clone();
            host.request(&PluginDisableParams { plugin }).await
        }
        Wish::Enable(plugin) => {
            let plugin = plugin.clone();
            host.request(&PluginEnableParams { plugin }).await
        }
        Wish::RollBack(plugin) => {
            let plugin = plugin.clone();
            host.request(&PluginRollBackParams { plugin }).await
        }
        Wish::Remove(plugin) => {
            let plugin = plugin.clone();
            host.request(&PluginRemoveParams { plugin }).await
        }
    }
}

fn act(shelf: &PluginShelf, wish: &Wish) -> Result<PluginChangeResult, String> {
    let change = match wish {
        Wish::Install { folder, unsigned } => shelf.install(folder, *unsigned),
        Wish::Disable(plugin) => shelf.enable(plugin, false),
        Wish::Enable(plugin) => shelf.enable(plugin, true),
        Wish::RollBack(plugin) => shelf.roll_back(plugin),
        Wish::Remove(plugin) => shelf.remove(plugin),
    };
    let change = change?;
    shelf.carry_out(&change)?;
    let Change { id, from, to, .. } = change;
    shelf.tidy(&id);
    Ok(PluginChangeResult {
        plugin: id,
        from,
        to,
        instances: Vec::new(),
    })
}

fn told(wish: &Wish, answer: &PluginChangeResult) -> String {
    let id = &answer.plugin;
    let (from, to) = (answer.from.as_deref(), answer.to.as_deref());
    let mut text = match (wish, from, to) {
        (Wish::Disable(_), ..) => format!("{id} is disabled"),
        (Wish::Enable(_), ..) => format!("{id} is enabled"),
        (Wish::Remove(_), ..) => format!("{id} is removed"),
        (_, Some(from), Some(to)) if from != to => format!("{id} went from {from} to {to}"),
        (_, _, to) => format!("{id} {} is installed", to.unwrap_or_default()),
    };
    if !answer.instances.is_empty() {
        text.push_str(&format!("; started anew: {}", answer.instances.join(", ")));
    }
    text
}
