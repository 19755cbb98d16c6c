// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configured devices and gateways of a host, as the operator looks at them and changes them.
//!
//! Owns `instance.*`. It must never carry a secret out of the host: what a plugin's schema calls
//! `writeOnly` is taken, and never told again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{INSTANCE_CONFIG_BYTES_MAX, INSTANCE_NAME_CHARS_MAX, INSTANCE_TARGETS_MAX};
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::ports::PortSummary;

/// What an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceKind {
    /// A reader or a terminal.
    Device,
    /// A gateway.
    Gateway,
}

/// Where an instance's configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The configuration file, which the host never writes.
    File,
    /// The state folder: it was changed or added while the host ran.
    State,
    /// The host itself, for a demonstration.
    Demo,
}

/// A merchant's identity at a gateway or terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceAcceptor {
    /// The merchant's number.
    pub merchant: String,
    /// The terminal's number.
    pub terminal: String,
}

/// Params of `instance.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceListParams {}

impl Validate for InstanceListParams {}

/// Result of `instance.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceListResult {
    /// Every configured device and gateway, by its name.
    pub instances: Vec<InstanceSummary>,
}

/// A configured device or gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceSummary {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: InstanceKind,
    /// The plugin that drives it.
    pub plugin: String,
    /// Version of the plugin that runs, or ran last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where its configuration comes from.
    pub source: Source,
    /// `starting`, `ready`, `detached`, `failed`, `given_up` or `stopped`.
    pub state: String,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Params of `instance.show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceShowParams {
    /// Its name.
    pub name: String,
}

impl Validate for InstanceShowParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_name(&self.name)
    }
}

/// Result of `instance.show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceShowResult {
    /// The instance.
    pub instance: InstanceView,
}

/// Everything about one instance that may be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: InstanceKind,
    /// The plugin that drives it.
    pub plugin: String,
    /// Version of the plugin that runs, or ran last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where its configuration comes from.
    pub source: Source,
    /// `starting`, `ready`, `detached`, `failed`, `given_up` or `stopped`.
    pub state: String,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its own configuration, without what must not be told.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Members of `config` that are set and must not be told: absent in `instance.set`, they are
    /// kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// What the plugin's manifest sets where `config` does not.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub defaults: Map<String, Value>,
    /// JSON Schema of `config`, where the plugin has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Targets, `host:port`, that it may connect to beside those of its plugin's manifest.
    #[serde(default)]
    pub network: Vec<String>,
    /// Which port of this machine each port of the manifest is; one that is not named is found.
    #[serde(default)]
    pub ports: BTreeMap<String, String>,
    /// How each port fares now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub port_states: Vec<PortSummary>,
    /// Whose money it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<InstanceAcceptor>,
    /// A gateway that is live, and yet takes what was encrypted on this computer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_software_sealing: bool,
    /// What a gateway must be; one whose connector says otherwise is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<GatewayMode>,
    /// What of its plugin's words gets into the host's log; absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogLevel>,
}

/// What is at stake at a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayMode {
    /// Nothing: cards and money are made up.
    Test,
    /// Real money.
    Live,
}

/// What of a plugin's words gets into the host's log: these, and what is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// It cannot go on.
    Error,
    /// A technician should see it.
    Warn,
    /// Worth keeping in normal operation.
    Info,
    /// For the plugin's developer.
    Debug,
}

/// Params of `instance.draft`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceDraftParams {
    /// An installed plugin.
    pub plugin: String,
}

impl Validate for InstanceDraftParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(&self.plugin, "plugin")
    }
}

/// Result of `instance.draft`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceDraftResult {
    /// A name that is free.
    pub name: String,
    /// What an instance of this plugin is.
    pub kind: InstanceKind,
    /// The plugin.
    pub plugin: String,
    /// What its manifest sets where `config` does not.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub defaults: Map<String, Value>,
    /// JSON Schema of `config`, where the plugin has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The ports it needs, by their names in the manifest.
    #[serde(default)]
    pub ports: Vec<InstancePort>,
}

/// A port that a plugin needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstancePort {
    /// Its name in the manifest.
    pub name: String,
    /// `serial`, `usb` or `stream`.
    pub kind: String,
    /// The plugin comes up without it, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What is plugged in and could be it, those first that the manifest names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<PortChoice>,
}

/// Something that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortChoice {
    /// As `ports` of `instance.set` takes it.
    pub place: String,
    /// What it is, for people.
    pub text: String,
}

/// Params of `instance.set`: what is absent stays as it is. A name that is new is added, and needs
/// `plugin`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceSetParams {
    /// Its name.
    pub name: String,
    /// What it is; must be what the plugin drives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<InstanceKind>,
    /// The plugin that drives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// All of its configuration. Members that the schema calls `writeOnly` are kept where they are
    /// absent; `null` there removes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Targets, `host:port`, that it may connect to beside those of its plugin's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Vec<String>>,
    /// Which port of this machine each port of the manifest is: a path, `usb:SERIALNUMBER`, or
    /// `HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<BTreeMap<String, String>>,
    /// Whose money it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<InstanceAcceptor>,
    /// A gateway that is live, and yet takes what was encrypted on this computer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_software_sealing: Option<bool>,
    /// What a gateway must be; one whose connector says otherwise is not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<GatewayMode>,
    /// What of its plugin's words gets into the host's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogLevel>,
}

impl Validate for InstanceSetParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_name(&self.name)?;
        if let Some(plugin) = &self.plugin {
            check_id(plugin, "plugin")?;
        }
        if let Some(config) = &self.config {
            check_config(config)?;
        }
        let mut targets = self.network.iter().flatten();
        if self.network.as_ref().map_or(0, Vec::len) > INSTANCE_TARGETS_MAX {
            let must = format!("must have at most {INSTANCE_TARGETS_MAX} targets");
            return Err(FieldError::new("network", must));
        }
        targets.try_for_each(|target| check_target(target, "network"))?;
        let ports = self.ports.iter().flatten();
        for (name, place) in ports {
            check_id(name, "ports")?;
            check_chars(place, 1, 256, "ports")?;
        }
        if let Some(acceptor) = &self.acceptor {
            check_chars(&acceptor.merchant, 1, 64, "acceptor.merchant")?;
            check_chars(&acceptor.terminal, 1, 64, "acceptor.terminal")?;
        }
        Ok(())
    }
}

/// Result of `instance.set`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceSetResult {
    /// The instance, which runs with what was set.
    pub instance: InstanceView,
    /// Whether it is new.
    pub added: bool,
}

/// Params of `instance.log`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceLogParams {
    /// Its name.
    pub name: String,
    /// What of its plugin's words gets into the host's log from now on.
    pub level: LogLevel,
}

impl Validate for InstanceLogParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_name(&self.name)
    }
}

/// Result of `instance.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceLogResult {}

/// Params of `instance.remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceRemoveParams {
    /// Its name.
    pub name: String,
}

impl Validate for InstanceRemoveParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_name(&self.name)
    }
}

/// Result of `instance.remove`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceRemoveResult {
    /// Whether the configuration file still names it, which the host does not write: the removal
    /// is kept in the state folder.
    #[serde(default)]
    pub in_file: bool,
}

/// Whether a text can be the name of an instance: it is a file's name, too.
#[must_use]
pub fn is_instance_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=INSTANCE_NAME_CHARS_MAX).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('.')
}

fn check_name(name: &str) -> Result<(), FieldError> {
    if is_instance_name(name) {
        return Ok(());
    }
    let must = format!(
        "must be 1 to {INSTANCE_NAME_CHARS_MAX} letters, digits, dots, dashes, underscores"
    );
    Err(FieldError::new("name", must))
}

fn check_config(config: &Map<String, Value>) -> Result<(), FieldError> {
    let length = serde_json::to_string(config).map_or(usize::MAX, |text| text.len());
    if length <= INSTANCE_CONFIG_BYTES_MAX {
        return Ok(());
    }
    let must = format!("must have at most {INSTANCE_CONFIG_BYTES_MAX} bytes as JSON");
    Err(FieldError::new("config", must))
}

fn check_target(target: &str, field: &str) -> Result<(), FieldError> {
    let port = target.rsplit_once(':');
    let port = port.filter(|(host, _)| !host.is_empty());
    let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) if target.len() <= 256 && !target.contains(char::is_whitespace) => Ok(()),
        _ => Err(FieldError::new(field, "must be `host:port`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(params: Value) -> Result<(), String> {
        let params: InstanceSetParams =
            serde_json::from_value(params).map_err(|error| error.to_string())?;
        params.validate().map_err(|error| error.field)
    }

    #[test]
    fn names_are_names_of_files() {
        for good in ["counter-1", "a", "Till_2.b"] {
            assert_eq!(check(json!({ "name": good })), Ok(()), "{good}");
        }
        for bad in ["", ".", ".hidden", "a/b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(
                check(json!({ "name": bad })),
                Err("name".to_owned()),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_cannot_be_names_its_field() {
        for (field, value) in [
            ("network", json!(["nowhere"])),
            ("network", json!([":1"])),
            ("network", json!(["a:0"])),
            ("network", json!(vec!["a:1"; INSTANCE_TARGETS_MAX + 1])),
            ("ports", json!({"main": ""})),
            (
                "config",
                json!({"a": "x".repeat(INSTANCE_CONFIG_BYTES_MAX)}),
            ),
            ("plugin", json!("")),
        ] {
            let params = json!({"name": "a", field: value});
            assert_eq!(check(params), Err(field.to_owned()), "{field}");
        }
        assert!(check(json!({"name": "a", "konfig": {}})).is_err());
    }
}
