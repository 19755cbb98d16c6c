// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal device …` and `payhal gateway …`: what is configured, and its change while the host runs.
//!
//! It owns words. What may be set, the host and the plugin decide; a secret is never asked back.

use super::args::PlaceArgs;
use super::exit::{Exit, Failure};
use super::operator;
use super::screen::{say, say_json, table, word};
use clap::{Args, Subcommand};
use payhal_client::{CallError, Client};
use payhal_protocol::ErrorName;
use payhal_protocol::instances::{
    GatewayMode, InstanceAcceptor, InstanceKind, InstanceListParams, InstanceListResult,
    InstanceLogParams, InstanceRemoveParams, InstanceSetParams, InstanceShowParams,
    InstanceSummary, InstanceView, LogLevel, Source,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum InstanceCommand {
    /// List what is configured, and where
    List(ListArgs),
    /// Show one with its configuration, without secrets
    Show(NameArgs),
    /// Add one, or change one: it is put back if its plugin does not take it
    Set(Box<SetArgs>),
    /// Let more or less of a plugin's words into the host's log, until the host starts anew
    Log(LogArgs),
    /// Remove one that no transaction needs
    Remove(NameArgs),
}

#[derive(Args, Debug)]
pub(super) struct LogArgs {
    /// Its name
    name: String,
    /// What gets in: this, and what is more urgent
    #[arg(value_parser = level)]
    level: LogLevel,
    #[command(flatten)]
    place: PlaceArgs,
}

fn level(text: &str) -> Result<LogLevel, String> {
    let level = serde_json::from_value(Value::String(text.to_owned()));
    level.map_err(|_| "must be error, warn, info or debug".to_owned())
}

fn mode(text: &str) -> Result<GatewayMode, String> {
    let mode = serde_json::from_value(Value::String(text.to_owned()));
    mode.map_err(|_| "must be test or live".to_owned())
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct NameArgs {
    /// Its name
    name: String,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Its name; a new one is added
    name: String,
    /// Members of its configuration: a value is JSON, or else text; @FILE is what the file says,
    /// which keeps a secret out of the shell's history
    #[arg(value_name = "KEY=VALUE")]
    members: Vec<String>,
    /// Its plugin; needed for a new name
    #[arg(long, value_name = "ID")]
    plugin: Option<String>,
    /// Take a member out of its configuration
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// A target it may connect to, instead of those before; may be given several times
    #[arg(long, value_name = "HOST:PORT")]
    network: Vec<String>,
    /// Which port of this machine a port of the plugin is: a path, usb:SERIALNUMBER, or HOST:PORT;
    /// instead of those before
    #[arg(long, value_name = "NAME=PLACE")]
    port: Vec<String>,
    /// The merchant's number there
    #[arg(long, value_name = "NUMBER", requires = "terminal")]
    merchant: Option<String>,
    /// The terminal's number there
    #[arg(long, value_name = "NUMBER", requires = "merchant")]
    terminal: Option<String>,
    /// A live gateway takes what was encrypted on this computer, or no longer
    #[arg(long, value_name = "true|false")]
    allow_software_sealing: Option<bool>,
    /// What a gateway must be: one whose connector says otherwise is not taken
    #[arg(long, value_name = "test|live", value_parser = mode)]
    mode: Option<GatewayMode>,
    /// What of its plugin's words gets into the host's log: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log: Option<LogLevel>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Does it with devices, or with gateways.
pub(super) async fn run(kind: InstanceKind, command: &InstanceCommand) -> Result<Exit, Failure> {
    match command {
        InstanceCommand::List(args) => list(kind, args).await,
        InstanceCommand::Show(args) => {
            let client = operator::connect(&args.place).await?;
            tell(&one(&client, &args.name).await?, args.json);
            Ok(Exit::Ok)
        }
        InstanceCommand::Set(args) => set(kind, args).await,
        InstanceCommand::Log(args) => log(args).await,
        InstanceCommand::Remove(args) => remove(args).await,
    }
}

async fn list(kind: InstanceKind, args: &ListArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let mut instances = client.request(&InstanceListParams {}).await?.instances;
    instances.retain(|instance| instance.kind == kind);
    if args.json {
        say_json(&InstanceListResult { instances });
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = instances.iter().map(row).collect();
    say(&table(
        ["NAME", "PLUGIN", "STATE", "CONFIGURED IN", "WHY"],
        &rows,
    ));
    Ok(Exit::Ok)
}

fn row(instance: &InstanceSummary) -> [String; 5] {
    let version = instance.version.as_deref().unwrap_or_default();
    [
        instance.name.clone(),
        format!("{} {version}", instance.plugin),
        instance.state.clone(),
        source(instance.source).to_owned(),
        instance.reason.clone().unwrap_or_default(),
    ]
}

fn source(source: Source) -> &'static str {
    match source {
        Source::File => "the file",
        Source::State => "the state folder",
        Source::Demo => "the demonstration",
    }
}

async fn one(client: &Client, name: &str) -> Result<InstanceView, Failure> {
    let name = name.to_owned();
    Ok(client.request(&InstanceShowParams { name }).await?.instance)
}

fn tell(instance: &InstanceView, json: bool) {
    if json {
        say_json(instance);
        return;
    }
    let mut lines = vec![
        format!("Name        {} ({})", instance.name, word(&instance.kind)),
        format!(
            "Plugin      {} {}",
            instance.plugin,
            instance.version.as_deref().unwrap_or_default()
        ),
        format!("State       {}", instance.state),
        format!("Configured  in {}", source(instance.source)),
    ];
    let reason = instance.reason.iter();
    lines.extend(reason.map(|why| format!("Why         {why}")));
    let acceptor = instance.acceptor.iter();
    lines.extend(acceptor.map(|it| format!("Acceptor    {} {}", it.merchant, it.terminal)));
    let network = instance.network.iter();
    lines.extend(network.map(|target| format!("Network     {target}")));
    let ports = instance.ports.iter();
    lines.extend(ports.map(|(name, place)| format!("Port        {name} = {place}")));
    let members = instance.config.iter();
    lines.extend(members.map(|(name, value)| format!("Config      {name} = {value}")));
    let kept = instance.kept.iter();
    lines.extend(kept.map(|name| format!("Config      {name} is set, and not shown")));
    let own = |name: &&String| !instance.config.contains_key(*name);
    let defaults = instance.defaults.iter().filter(|(name, _)| own(name));
    lines.extend(defaults.map(|(name, value)| format!("Default     {name} = {value}")));
    say(&lines.join("\n"));
}

async fn set(kind: InstanceKind, args: &SetArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let named = InstanceShowParams {
        name: args.name.clone(),
    };
    let asked = client.request(&named);
    let before = match asked.await {
        Ok(shown) => Some(shown.instance),
        Err(CallError::Rpc(error)) if error.name() == Some(ErrorName::DeviceNotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let mut config = before.map(|before| before.config).unwrap_or_default();
    for member in &args.members {
        let (path, value) = member
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{member}` is not KEY=VALUE")))?;
        put(&mut config, path, value_of(value)?)?;
    }
    for path in &args.unset {
        // What is kept although it is absent goes with a `null`.
        put(&mut config, path, Value::Null)?;
    }
    let touched = !args.members.is_empty() || !args.unset.is_empty();
    let params = InstanceSetParams {
        name: args.name.clone(),
        kind: Some(kind),
        plugin: args.plugin.clone(),
        config: touched.then_some(config),
        network: (!args.network.is_empty()).then(|| args.network.clone()),
        ports: ports(&args.port)?,
        acceptor: acceptor(args),
        allow_software_sealing: args.allow_software_sealing,
        mode: args.mode,
        log: args.log,
    };
    let answer = client.request(&params).await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let did = match answer.added {
        true => "added",
        false => "changed",
    };
    let (name, state) = (&answer.instance.name, &answer.instance.state);
    say(&format!("{name} is {did}, and {state}."));
    Ok(Exit::Ok)
}

fn acceptor(args: &SetArgs) -> Option<InstanceAcceptor> {
    Some(InstanceAcceptor {
        merchant: args.merchant.clone()?,
        terminal: args.terminal.clone()?,
    })
}

fn ports(given: &[String]) -> Result<Option<BTreeMap<String, String>>, Failure> {
    if given.is_empty() {
        return Ok(None);
    }
    let split = given.iter().map(|port| {
        let (name, place) = port
            .split_once('=')
            .ok_or_else(|| wrong(format!("`{port}` is not NAME=PLACE")))?;
        Ok((name.to_owned(), place.to_owned()))
    });
    split.collect::<Result<_, Failure>>().map(Some)
}

fn wrong(text: String) -> Failure {
    Failure::new(Exit::Usage, text)
}

fn value_of(text: &str) -> Result<Value, Failure> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
    };
    let read = std::fs::read_to_string(PathBuf::from(path));
    let read = read.map_err(|error| wrong(format!("failed to read {path}: {error}")))?;
    // The line's end of an editor is no part of a secret.
    Ok(Value::from(read.strip_suffix('\n').unwrap_or(&read)))
}

/// Sets `a.b.c`.
fn put(config: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), Failure> {
    let Some((name, rest)) = path.split_once('.') else {
        config.insert(path.to_owned(), value);
        return Ok(());
    };
    let inner = config
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()));
    match inner {
        Value::Object(inner) => put(inner, rest, value),
        _ => Err(wrong(format!("`{name}` has no members"))),
    }
}

async fn log(args: &LogArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let (name, level) = (args.name.clone(), args.level);
    client.request(&InstanceLogParams { name, level }).await?;
    let level = word(&args.level);
    say(&format!(
        "{} says {level} and what is more urgent.",
        args.name
    ));
    Ok(Exit::Ok)
}

async fn remove(args: &NameArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let name = args.name.clone();
    let answer = client.request(&InstanceRemoveParams { name }).await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    say(&format!("{} is removed.", args.name));
    if answer.in_file {
        super::screen::tell(
            "The configuration file still has it: take it out there, or a host with another \
             state folder has it again.",
        );
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_put_by_their_path() {
        let mut config = json!({"a": 1, "b": {"c": 2}}).as_object().unwrap().clone();
        for (path, value) in [("a", "true"), ("b.d", "text"), ("e.f", "[1]")] {
            put(&mut config, path, value_of(value).unwrap()).unwrap();
        }
        assert_eq!(
            json!(config),
            json!({"a": true, "b": {"c": 2, "d": "text"}, "e": {"f": [1]}})
        );
        assert!(put(&mut config, "a.b", json!(1)).is_err());
    }

    #[test]
    fn a_secret_comes_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "s3cret\n").unwrap();
        let value = value_of(&format!("@{}", path.display())).unwrap();
        assert_eq!(value, json!("s3cret"));
        assert!(value_of("@/absent/file").is_err());
    }

    #[test]
    fn ports_are_named() {
        let given = ["main=/dev/ttyUSB0".to_owned()];
        let read = ports(&given).unwrap().unwrap();
        assert_eq!(read["main"], "/dev/ttyUSB0");
        assert!(ports(&[]).unwrap().is_none());
        assert!(ports(&["main".to_owned()]).is_err());
    }
}
