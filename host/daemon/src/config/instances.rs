// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables of devices and gateways: what they may say, and what the host makes of them.
//!
//! What was configured while the host ran goes over the file here. It must never read another
//! table than these two.

use super::{Config, ConfigError, File};
use crate::configured::Kept;
use crate::supervisor::InstanceConfig;
use payhal_engine::ids::{Acceptor, DeviceId, GatewayId};
use payhal_messages::manifest::Kind;
use payhal_protocol::instances::{GatewayMode, InstanceKind, LogLevel, Source, is_instance_name};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// One device or gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceTable {
    pub(super) name: String,
    plugin: String,
    #[serde(default)]
    network: Vec<String>,
    acceptor: Option<AcceptorTable>,
    #[serde(default)]
    allow_software_sealing: bool,
    mode: Option<GatewayMode>,
    log: Option<LogLevel>,
    #[serde(default)]
    ports: BTreeMap<String, String>,
    #[serde(default)]
    config: toml::Table,
    /// Of a file in the state folder, which says so.
    #[serde(skip)]
    kept: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptorTable {
    merchant: String,
    terminal: String,
}

impl Config {
    /// The names of the gateways.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = &str> {
        let gateways = self.instances.iter();
        let gateways = gateways.filter(|instance| instance.kind == InstanceKind::Gateway);
        gateways.map(|instance| instance.name.as_str())
    }

    /// Adds a simulated device and a simulated gateway where none is configured: just one of each,
    /// so that registers and people need not name them. Readers come before terminals.
    pub(crate) fn add_simulated(&mut self, plugins: &crate::plugins::Plugins) {
        for sort in [&[Kind::Reader, Kind::Terminal][..], &[Kind::Gateway]] {
            let of_sort = |id: &String| {
                let manifest = &plugins.found.get(id)?.manifest;
                let rank = sort.iter().position(|kind| *kind == manifest.kind)?;
                manifest.simulated.then_some(rank)
            };
            let configured = self.instances.iter().map(|instance| &instance.plugin);
            if configured.filter_map(of_sort).next().is_some() {
                continue;
            }
            let kind = match sort {
                [Kind::Gateway] => InstanceKind::Gateway,
                _ => InstanceKind::Device,
            };
            let ids = plugins
                .found
                .keys()
                .filter(|id| !self.removed.contains(*id))
                .filter_map(|id| Some((of_sort(id)?, id)));
            self.instances
                .extend(ids.min().map(|(_, id)| InstanceConfig {
                    source: Source::Demo,
                    ..InstanceConfig::new(id, kind, id)
                }));
        }
    }
}

impl File {
    /// Of all that the file has.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let tables = self.device.iter().chain(&self.gateway);
        tables.map(|table| table.name.clone()).collect()
    }

    /// Puts what was configured while the host ran over what the file says; the names of what was
    /// removed.
    pub(super) fn put_over(&mut self, kept: BTreeMap<String, Kept>) -> BTreeSet<String> {
        let mut removed = BTreeSet::new();
        for (name, kept) in kept {
            self.device.retain(|table| table.name != name);
            self.gateway.retain(|table| table.name != name);
            if kept.removed {
                removed.insert(name);
                continue;
            }
            match kept.kind {
                InstanceKind::Device => self.device.push(InstanceTable::of(name, kept)),
                InstanceKind::Gateway => self.gateway.push(InstanceTable::of(name, kept)),
            }
        }
        removed
    }

    /// Each with a name of its own.
    pub(super) fn instances(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<Vec<InstanceConfig>, ConfigError> {
        let mut names = BTreeSet::new();
        let devices = self.device.iter();
        let devices = devices.map(|table| (InstanceKind::Device, "device.name", table));
        let gateways = self.gateway.iter();
        let gateways = gateways.map(|table| (InstanceKind::Gateway, "gateway.name", table));
        devices
            .chain(gateways)
            .map(|(kind, key, table)| {
                if !is_instance_name(&table.name) {
                    return Err(value(
                        key,
                        "1 to 64 letters, digits, dots, dashes, underscores",
                    ));
                }
                if !names.insert(table.name.as_str()) {
                    return Err(value(
                        key,
                        &format!("unique; `{}` is there twice", table.name),
                    ));
                }
                let config = serde_json::to_value(&table.config)
                    .map_err(|_| value("config", "a table that JSON can say"))?;
                Ok(InstanceConfig {
                    config,
                    network: table.network.clone(),
                    ports: table.ports.clone(),
                    acceptor: table.acceptor(),
                    allow_software_sealing: table.allow_software_sealing,
                    mode: table.mode,
                    log: table.log,
                    source: match table.kept {
                        true => Source::State,
                        false => Source::File,
                    },
                    ..InstanceConfig::new(&table.name, kind, &table.plugin)
                })
            })
            .collect()
    }

    /// On whose account each gateway works.
    pub(super) fn acceptors(&self) -> BTreeMap<GatewayId, Acceptor> {
        self.gateway
            .iter()
            .filter_map(|table| Some((table.name.as_str().into(), table.acceptor()?)))
            .collect()
    }

    /// On whose account each terminal works.
    pub(super) fn terminals(&self) -> BTreeMap<DeviceId, Acceptor> {
        self.device
            .iter()
            .filter_map(|table| Some((table.name.as_str().into(), table.acceptor()?)))
            .collect()
    }

    /// Which gateways are live and which are not, as far as the configuration says.
    pub(super) fn live(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<BTreeMap<GatewayId, bool>, ConfigError> {
        if self.device.iter().any(|table| table.mode.is_some()) {
            return Err(value("device.mode", "left out: a gateway says it"));
        }
        let modes = self.gateway.iter();
        let modes = modes.filter_map(|table| Some((table.name.as_str(), table.mode?)));
        let live = modes.map(|(name, mode)| (name.into(), mode == GatewayMode::Live));
        Ok(live.collect())
    }

    /// Gateways that take what a plugin sealed.
    pub(super) fn software_sealing(
        &self,
        value: &impl Fn(&str, &str) -> ConfigError,
    ) -> Result<BTreeSet<GatewayId>, ConfigError> {
        if self.device.iter().any(|table| table.allow_software_sealing) {
            let key = "device.allow_software_sealing";
            return Err(value(key, "left out: a gateway says it"));
        }
        let allowed = self.gateway.iter();
        let allowed = allowed.filter(|table| table.allow_software_sealing);
        Ok(allowed.map(|table| table.name.as_str().into()).collect())
    }
}

impl InstanceTable {
    fn of(name: String, kept: Kept) -> Self {
        Self {
            name,
            plugin: kept.plugin,
            network: kept.network,
            acceptor: kept.acceptor.map(|acceptor| AcceptorTable {
                merchant: acceptor.merchant,
                terminal: acceptor.terminal,
            }),
            allow_software_sealing: kept.allow_software_sealing,
            mode: kept.mode,
            log: kept.log,
            ports: kept.ports,
            config: kept.config,
            kept: true,
        }
    }

    fn acceptor(&self) -> Option<Acceptor> {
        let acceptor = self.acceptor.as_ref()?;
        Some(Acceptor {
            merchant: acceptor.merchant.as_str().into(),
            terminal: acceptor.terminal.as_str().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Overrides;
    use super::*;
    use crate::plugins::{Plugin, Plugins};
    use payhal_messages::manifest::Manifest;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let (path, state) = (Path::new("payhal.toml"), Path::new("s"));
        Config::parse(text, path, state, &Overrides::default())
    }

    #[test]
    fn one_simulated_device_and_gateway_are_added_where_none_is_configured() {
        let plugin = |id: &str, kind: &str, rest: &str| {
            let text = format!(
                "id=\"{id}\"\nname=\"N\"\nversion=\"1.0.0\"\nabi=1\nkind=\"{kind}\"\nlibrary=\"l\"\n\
                 simulated=true\n[{kind}]\n{rest}"
            );
            let manifest = Manifest::parse(&text).unwrap();
            (id.to_owned(), Plugin::made_up(manifest))
        };
        let terminal = "inquiry=\"none\"\nreversal=\"none\"";
        let plugins = Plugins {
            found: BTreeMap::from([
                plugin("a-terminal", "terminal", terminal),
                plugin("b-reader", "reader", "entries=[\"chip\"]"),
                plugin("c-gateway", "gateway", ""),
                plugin("c-gateway-strict", "gateway", ""),
            ]),
            ..Plugins::default()
        };
        let names = |text: &str| {
            let mut config = parse(text).unwrap();
            config.add_simulated(&plugins);
            config
                .instances
                .into_iter()
                .map(|instance| instance.plugin)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(""), ["b-reader", "c-gateway"]);
        let own = "[[device]]\nname = \"t\"\nplugin = \"a-terminal\"";
        assert_eq!(names(own), ["a-terminal", "c-gateway"]);
    }
}
