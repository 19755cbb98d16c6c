// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal config check`: what a host would run with, and which file says so; `payhal config route`:
//! where a payment would go. They start nothing and show no value that could be a secret.

mod route;

use super::args::PlaceArgs;
use super::exit::{Exit, Failure};
use super::screen::{say, say_json, table, tell, word};
use crate::config::Config;
use crate::configured;
use crate::plugins::{Plugins, Sources, discover};
use crate::routes;
use crate::schema;
use crate::supervisor::InstanceConfig;
use clap::{Args, Subcommand};
use payhal_protocol::instances::Source;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read the configuration as a host would, and say where each part comes from: exit code 0 if
    /// all of it can be used
    Check(CheckArgs),
    /// Say which gateway a payment would go to, and why: a dry run that asks nobody
    Route(route::RouteArgs),
}

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

struct Row {
    key: String,
    value: String,
    from: String,
}

pub(super) fn run(command: &ConfigCommand) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check(args) => check(args),
        ConfigCommand::Route(args) => route::run(args),
    }
}

fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.place.overrides())?;
    let plugins = discover(&Sources::of(&config));
    let mut rows = parts(&config);
    rows.extend(instances(&config));
    rows.extend(ways(&config));
    let routes = routes::look(&config.engine);
    let mut wrong: Vec<String> = (config.instances.iter())
        .filter_map(|instance| misfit(instance, &plugins))
        .collect();
    wrong.extend(routes.wrong);
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({"key": row.key, "value": row.value, "from": row.from}))
            .collect();
        say_json(&json!({ "configuration": rows, "wrong": wrong, "notes": routes.notes }));
    } else {
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| [row.key, row.value, row.from])
            .collect();
        say(&table(["WHAT", "IS", "FROM"], &rows));
        for line in wrong.iter().chain(&routes.notes) {
            tell(line);
        }
    }
    Ok(match wrong.is_empty() {
        true => Exit::Ok,
        false => Exit::Failed,
    })
}

/// What is set once for the host; what the file does not say is a default.
fn parts(config: &Config) -> Vec<Row> {
    let said: toml::Table = config
        .file
        .as_ref()
        .and_then(|path| std::fs::read_to_string(path).ok()?.parse().ok())
        .unwrap_or_default();
    let engine = &config.engine;
    let folders: Vec<String> = config
        .plugins
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let gateway = engine.gateway.as_ref();
    let parts = [
        ("host.name", config.name.clone()),
        ("host.listen", config.listen.to_string()),
        ("host.state", config.state.display().to_string()),
        ("host.plugins", folders.join(", ")),
        (
            "host.default_gateway",
            gateway.map_or_else(|| "none".to_owned(), |gateway| gateway.0.to_string()),
        ),
        ("plugins.allow_unsigned", config.allow_unsigned.to_string()),
        ("routes", count(engine.routes.len())),
        ("surcharges", count(engine.surcharges.len())),
    ];
    let file = config.file.as_ref();
    let file = file.map(|path| path.display().to_string());
    let from = |key: &str| {
        let mut at = Some(&said);
        let mut there = false;
        for name in key.split('.') {
            let value = at.and_then(|table| table.get(name));
            there = value.is_some();
            at = value.and_then(toml::Value::as_table);
        }
        let file = file.clone().filter(|_| there);
        file.unwrap_or_else(|| "default".to_owned())
    };
    let rows = parts.into_iter().map(|(key, value)| Row {
        key: key.to_owned(),
        value,
        from: from(key),
    });
    rows.collect()
}

/// Which payments go where.
fn ways(config: &Config) -> Vec<Row> {
    let file = config.file.as_ref();
    let file = file.map_or_else(|| "default".to_owned(), |path| path.display().to_string());
    let ways = routes::explain(&config.engine).into_iter();
    let rows = ways.map(|(key, value)| Row {
        key,
        value,
        from: file.clone(),
    });
    rows.collect()
}

fn count(number: usize) -> String {
    match number {
        0 => "none".to_owned(),
        number => number.to_string(),
    }
}

fn instances(config: &Config) -> Vec<Row> {
    let file = config.file.as_ref();
    let file = file.map_or_else(String::new, |path| path.display().to_string());
    let kept = |name: &str| configured::path(&config.state, name).display().to_string();
    let over = |name: &str| match config.in_file.contains(name) {
        true => ", instead of the file's",
        false => "",
    };
    let there = config.instances.iter().map(|instance| Row {
        key: format!("{} {}", word(&instance.kind), instance.name),
        value: instance.plugin.clone(),
        from: match instance.source {
            Source::State => format!("{}{}", kept(&instance.name), over(&instance.name)),
            Source::File | Source::Demo => file.clone(),
        },
    });
    let removed = config.removed.iter().map(|name| Row {
        key: name.clone(),
        value: "removed".to_owned(),
        from: format!("{}{}", kept(name), over(name)),
    });
    there.chain(removed).collect()
}

/// What keeps an instance from running, as far as can be told without running it.
fn misfit(instance: &InstanceConfig, plugins: &Plugins) -> Option<String> {
    let (name, id) = (&instance.name, &instance.plugin);
    let Some(plugin) = plugins.found.get(id) else {
        let why = match plugins.refused.get(id) {
            Some(why) => format!("is refused: {why}"),
            None if plugins.disabled.contains_key(id) => "is disabled".to_owned(),
            None => "is not installed".to_owned(),
        };
        return Some(format!("`{name}`: the plugin `{id}` {why}"));
    };
    let mut all = plugin.manifest.config.clone();
    all.extend(instance.config.as_object().cloned().unwrap_or_default());
    let checked = schema::check(plugin.schema.as_ref()?, &all.into());
    let misfit = checked.err()?;
    Some(format!("`{name}`: `{}` {}", misfit.path, misfit.must))
}
