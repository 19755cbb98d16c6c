// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps a runner for each configured device and gateway, and carries the engine's calls to them.
//!
//! Knows processes and plugin messages; never payments, registers or SQL. It reads nothing a
//! plugin prints: the runner has checked every text for card numbers before it arrives here.

mod convert;
mod discovery;
mod instance;
mod lane;
mod limits;
mod restart;
mod runner;

pub(crate) use discovery::{Plugin, Plugins, discover};
pub(crate) use instance::{Outlet, SimulateError, State, View};

use crate::clock::Clock;
use crate::vault::{Unloaded, Vault};
use instance::Instance;
use payhal_dispatcher::ports::PluginPort;
use payhal_engine::device::{DeviceCommand, DeviceReply};
use payhal_engine::event::Event;
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::ids::{CallId, DeviceId, GatewayId};
use payhal_engine::prompt::PromptAnswer;
use payhal_messages::gateway::SealedNumber;
use payhal_messages::manifest::Kind;
use runner::Recipe;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// A device or gateway as the configuration names it.
#[derive(Clone, Debug)]
pub(crate) struct InstanceConfig {
    /// Its name, unique on this host.
    pub(crate) name: String,
    /// Its plugin's id.
    pub(crate) plugin: String,
    /// Handed to the plugin.
    pub(crate) config: serde_json::Value,
    /// Targets it may connect to, `host:port`, beside its manifest's.
    pub(crate) network: Vec<String>,
}

/// All runners of this host.
#[derive(Clone)]
pub(crate) struct Supervisor {
    instances: Arc<BTreeMap<String, Arc<Instance>>>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
    outlet: Arc<dyn Outlet>,
    vault: Vault,
    clock: Clock,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts a runner for each instance. Must be called within a runtime.
    ///
    /// # Errors
    /// An instance whose plugin is not installed, in words that name it.
    pub(crate) fn start(
        instances: &[InstanceConfig],
        plugins: &Plugins,
        program: &Path,
        state_dir: &Path,
        outlet: Arc<dyn Outlet>,
        vault: Vault,
        clock: Clock,
    ) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for config in instances {
            let recipe = recipe(config, plugins, program, state_dir)?;
            let instance = Instance::new(recipe, Arc::clone(&outlet));
            all.insert(config.name.clone(), instance);
        }
        let tasks = all
            .values()
            .map(|instance| tokio::spawn(Arc::clone(instance).keep()))
            .collect();
        Ok(Self {
            instances: Arc::new(all),
            tasks: Arc::new(Mutex::new(tasks)),
            outlet,
            vault,
            clock,
        })
    }

    /// Every device, in order of name.
    pub(crate) fn devices(&self) -> Vec<View> {
        self.views(|kind| kind != Kind::Gateway)
    }

    /// Every gateway, in order of name.
    pub(crate) fn gateways(&self) -> Vec<View> {
        self.views(|kind| kind == Kind::Gateway)
    }

    fn views(&self, wanted: impl Fn(Kind) -> bool) -> Vec<View> {
        let instances = self
            .instances
            .values()
            .filter(|instance| wanted(instance.kind()));
        instances.map(|instance| instance.view()).collect()
    }

    /// One instance.
    pub(crate) fn view(&self, name: &str) -> Option<View> {
        self.instances.get(name).map(|instance| instance.view())
    }

    /// What every instance would tell a fresh engine.
    pub(crate) fn statuses(&self) -> Vec<Event> {
        self.instances
            .values()
            .map(|instance| instance.status_now())
            .collect()
    }

    /// Acts as a person at a simulated instance would.
    ///
    /// # Errors
    /// [`SimulateError`].
    pub(crate) async fn simulate(
        &self,
        name: &str,
        action: serde_json::Value,
    ) -> Result<serde_json::Value, SimulateError> {
        match self.instances.get(name) {
            Some(instance) => instance.simulate(action).await,
            None => Err(SimulateError::NotFound(name.to_owned())),
        }
    }

    /// Ends every runner and waits until all are reaped.
    pub(crate) async fn stop(&self) {
        for instance in self.instances.values() {
            instance.stop();
        }
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // A task that panicked has dropped its child, which kills it.
            let _ended = task.await;
        }
    }
}

fn recipe(
    config: &InstanceConfig,
    plugins: &Plugins,
    program: &Path,
    state_dir: &Path,
) -> Result<Recipe, String> {
    let Some(plugin) = plugins.found.get(&config.plugin) else {
        let installed: Vec<&str> = plugins.found.keys().map(String::as_str).collect();
        return Err(format!(
            "`{}` wants the plugin `{}`, which is not installed; installed: {}",
            config.name,
            config.plugin,
            if installed.is_empty() {
                "none".to_owned()
            } else {
                installed.join(", ")
            }
        ));
    };
    let state_dir: PathBuf = state_dir.join("instances").join(&config.name);
    Ok(Recipe {
        program: program.to_owned(),
        instance: config.name.clone(),
        plugin: Arc::clone(plugin),
        state_dir,
        config: over(&plugin.manifest.config, &config.config),
        network: config.network.clone(),
    })
}

/// The manifest's configuration with the instance's own over it, key by key.
fn over(
    manifest: &serde_json::Map<String, serde_json::Value>,
    own: &serde_json::Value,
) -> serde_json::Value {
    match own {
        serde_json::Value::Object(own) => {
            let mut all = manifest.clone();
            all.extend(own.clone());
            serde_json::Value::Object(all)
        }
        other => other.clone(),
    }
}

impl PluginPort for Supervisor {
    fn call_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        command: DeviceCommand,
        deadline_boot_ms: u64,
    ) {
        let deadline = self.clock.instant_of(deadline_boot_ms);
        match self.instances.get(&*device.0) {
            Some(instance) => {
                tokio::spawn(Arc::clone(instance).call_device(call, command, deadline));
            }
            None => self.outlet.event(Event::DeviceReplied {
                call,
                reply: DeviceReply::Failed {
                    effect_possible: false,
                    reason: "no such device".into(),
                },
            }),
        }
    }

    fn cancel_device(&mut self, device: DeviceId, call: CallId) {
        if let Some(instance) = self.instances.get(&*device.0) {
            instance.cancel(call);
        }
    }

    fn deliver_device(
        &mut self,
        device: DeviceId,
        call: CallId,
        number: u64,
        answer: PromptAnswer,
    ) {
        if let Some(instance) = self.instances.get(&*device.0) {
            instance.deliver(call, number, answer);
        }
    }

    fn call_gateway(
        &mut self,
        gateway: GatewayId,
        call: CallId,
        command: GatewayCommand,
        deadline_boot_ms: u64,
    ) {
        let deadline = self.clock.instant_of(deadline_boot_ms);
        match self.instances.get(&*gateway.0) {
            Some(instance) => {
                let (instance, vault) = (Arc::clone(instance), self.vault.clone());
                let outlet = Arc::clone(&self.outlet);
                tokio::spawn(async move {
                    match kept_for(&vault, &command).await {
                        Ok(number) => instance.call_gateway(call, command, number, deadline).await,
                        Err(reply) => outlet.event(Event::GatewayReplied { call, reply }),
                    }
                });
            }
            None => self.outlet.event(Event::GatewayReplied {
                call,
                reply: GatewayReply::Failed {
                    sent: false,
                    reason: "no such gateway".into(),
                },
            }),
        }
    }
}

/// The number that a command takes along; or what to reply instead of sending it.
async fn kept_for(
    vault: &Vault,
    command: &GatewayCommand,
) -> Result<Option<SealedNumber>, GatewayReply> {
    let GatewayCommand::Reverse {
        wire,
        with_number: true,
        ..
    } = command
    else {
        return Ok(None);
    };
    let lost = |what: &str| GatewayReply::NumberLost {
        reason: format!("the card number that was kept for its reversal is lost: {what}").into(),
    };
    match vault.load(wire.transaction_id).await {
        Ok(kept) => match convert::kept_number(&kept) {
            Some(number) => Ok(Some(number)),
            None => Err(lost("another version of payhal kept it")),
        },
        Err(Unloaded::Lost(what)) => Err(lost(&what)),
        Err(Unloaded::Failed(why)) => Err(GatewayReply::Failed {
            sent: false,
            reason: format!("the card number that was kept for its reversal: {why}").into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_instances_configuration_goes_over_the_manifests() {
        let manifest = json!({"inquiry": "none", "level": 1});
        let manifest = manifest.as_object().unwrap();
        let all = over(manifest, &json!({"level": 2, "auto": "yes"}));
        assert_eq!(all, json!({"inquiry": "none", "level": 2, "auto": "yes"}));
        assert_eq!(over(manifest, &json!({})), json!(manifest));
    }
}
