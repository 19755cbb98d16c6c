// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps a runner for each configured device and gateway, and carries the engine's calls to them.
//!
//! Knows processes and plugin messages; never payments, registers or SQL. It reads nothing a
//! plugin prints: the runner has checked every text for card numbers before it arrives here.

mod along;
mod appearing;
mod changes;
mod convert;
mod hearing;
mod instance;
mod keeper;
mod lane;
mod limits;
mod loading;
mod orders;
mod parameters;
mod restart;
mod runner;
mod updating;

pub(crate) use changes::{ChangeError, Changed};
pub(crate) use instance::{Outlet, SimulateError, State, View};
pub(crate) use updating::{Update, UpdateStage};

use crate::clock::Clock;
use crate::config::Config;
use crate::plugins::PluginShelf;
use crate::ports::{PortWish, Ports};
use crate::records::Records;
use crate::vault::Vault;
use instance::{Instance, Means};
use keeper::{Keeper, Order};
use limits::STARTING_HINT;
use orders::Orders;
use parameters::ParameterSets;
use payhal_dispatcher::ports::PluginPort;
use payhal_engine::device::{DeviceCommand, DeviceReply};
use payhal_engine::event::Event;
use payhal_engine::gateway::{GatewayCommand, GatewayReply};
use payhal_engine::ids::{Acceptor, CallId, DeviceId, GatewayId};
use payhal_engine::prompt::PromptAnswer;
use payhal_protocol::instances::{GatewayMode, InstanceKind, LogLevel, Source};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A device or gateway as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InstanceConfig {
    /// Its name, unique on this host.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: InstanceKind,
    /// Its plugin's id.
    pub(crate) plugin: String,
    /// Handed to the plugin.
    pub(crate) config: serde_json::Value,
    /// Targets it may connect to, `host:port`, beside its manifest's.
    pub(crate) network: Vec<String>,
    /// Which port of this machine each port of the manifest is.
    pub(crate) ports: BTreeMap<String, String>,
    /// Whose money it is.
    pub(crate) acceptor: Option<Acceptor>,
    /// A gateway that is live and yet takes what was encrypted on this computer.
    pub(crate) allow_software_sealing: bool,
    /// What a gateway must be.
    pub(crate) mode: Option<GatewayMode>,
    /// What of its plugin's words is let through; absent: everything.
    pub(crate) log: Option<LogLevel>,
    /// Where this is from.
    pub(crate) source: Source,
}

impl InstanceConfig {
    /// One of this plugin with nothing set.
    pub(crate) fn new(name: &str, kind: InstanceKind, plugin: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            plugin: plugin.to_owned(),
            config: serde_json::json!({}),
            network: Vec::new(),
            ports: BTreeMap::new(),
            acceptor: None,
            allow_software_sealing: false,
            mode: None,
            log: None,
            source: Source::File,
        }
    }
}

/// One instance and the task that keeps it.
#[derive(Debug)]
struct Kept {
    instance: Arc<Instance>,
    task: JoinHandle<()>,
}

/// All runners of this host.
#[derive(Clone)]
pub(crate) struct Supervisor {
    kept: Arc<RwLock<BTreeMap<String, Kept>>>,
    /// As they were last, for events that are still to be told.
    removed: Arc<Mutex<BTreeMap<String, View>>>,
    means: Arc<Means>,
    outlet: Arc<dyn Outlet>,
    vault: Vault,
    clock: Clock,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts a runner for each instance. Must be called within a runtime.
    pub(crate) fn start(
        config: &Config,
        plugins: Arc<PluginShelf>,
        outlet: Arc<dyn Outlet>,
        vault: Vault,
        clock: Clock,
        records: Records,
    ) -> Self {
        let means = Arc::new(Means {
            program: config.runner.clone(),
            folder: config.state.join("instances"),
            orders: Orders::new(config.state.join("updates")),
            records,
            shelf: plugins,
            ports: Ports::new(Path::new("/")),
            allow_incomplete_sandbox: config.allow_incomplete_sandbox,
            sets: ParameterSets::new(config.engine.gateway.as_ref().map(ToString::to_string)),
            changing: Arc::default(),
            stopping: watch::Sender::new(false),
        });
        let supervisor = Self {
            kept: Arc::default(),
            removed: Arc::default(),
            means,
            outlet,
            vault,
            clock,
        };
        for config in &config.instances {
            supervisor.expect_ports(config);
        }
        for config in &config.instances {
            let (instance, orders) = supervisor.make(config.clone());
            // Before any register can ask: what is configured is on its way, and not missing.
            instance.enter(State::Starting, None, Some(STARTING_HINT));
            let keeper = Keeper::new(Arc::clone(&instance), orders);
            supervisor.keep(instance, tokio::spawn(keeper.run()));
        }
        supervisor
    }

    /// What one names is not picked for another that names nothing.
    fn expect_ports(&self, config: &InstanceConfig) {
        // As last read: this thread serves everybody and waits for no disk.
        if let Some(plugin) = self.means.shelf.plugins().found.get(&config.plugin)
            && let Ok(wishes) = PortWish::of(&config.name, &plugin.manifest.ports, &config.ports)
        {
            self.means.ports.expect(&wishes);
        }
    }

    fn make(&self, config: InstanceConfig) -> (Arc<Instance>, mpsc::Receiver<Order>) {
        if config.kind == InstanceKind::Gateway {
            self.means.sets.expect(&config.name);
        }
        let made = Instance::new(config, Arc::clone(&self.means), Arc::clone(&self.outlet));
        // What it could not take before the host ended is not lost. What cannot be read is told
        // when it starts.
        if let Ok(Some(order)) = self.means.orders.pending(&made.0.name) {
            made.0.ordered(order.file);
        }
        made
    }

    fn keep(&self, instance: Arc<Instance>, task: JoinHandle<()>) {
        let name = instance.name.clone();
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name, Kept { instance, task });
    }

    fn instances(&self) -> Vec<Arc<Instance>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.values()
            .map(|kept| Arc::clone(&kept.instance))
            .collect()
    }

    fn instance(&self, name: &str) -> Option<Arc<Instance>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(name).map(|kept| Arc::clone(&kept.instance))
    }

    /// Every device, then every gateway, each in order of name.
    pub(crate) fn all(&self) -> Vec<View> {
        let mut views = self.devices();
        views.extend(self.gateways());
        views
    }

    /// Every device, in order of name.
    pub(crate) fn devices(&self) -> Vec<View> {
        self.views(InstanceKind::Device)
    }

    /// Every gateway, in order of name.
    pub(crate) fn gateways(&self) -> Vec<View> {
        self.views(InstanceKind::Gateway)
    }

    fn views(&self, wanted: InstanceKind) -> Vec<View> {
        let instances = self.instances().into_iter();
        let instances = instances.filter(|instance| instance.kind == wanted);
        instances.map(|instance| instance.view()).collect()
    }

    /// One instance.
    pub(crate) fn view(&self, name: &str) -> Option<View> {
        self.instance(name).map(|instance| instance.view())
    }

    /// One that was removed, as it was.
    pub(crate) fn removed(&self, name: &str) -> Option<View> {
        let removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.get(name).cloned()
    }

    /// What one runs with. There may be secrets in it.
    pub(crate) fn config(&self, name: &str) -> Option<InstanceConfig> {
        self.instance(name).map(|instance| instance.config())
    }

    /// What every instance would tell a fresh engine.
    pub(crate) fn statuses(&self) -> Vec<Event> {
        let instances = self.instances();
        instances
            .iter()
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
        match self.instance(name) {
            Some(instance) => instance.simulate(action).await,
            None => Err(SimulateError::NotFound(name.to_owned())),
        }
    }

    /// Ends every runner and waits until all are reaped.
    pub(crate) async fn stop(&self) {
        // No change begins any more.
        self.means.stopping.send_replace(true);
        let _last = self.means.changing.lock().await;
        let kept = {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *kept)
        };
        for kept in kept.values() {
            kept.instance.order(Order::Stop).await;
        }
        for kept in kept.into_values() {
            // A task that panicked has dropped its child, which kills it.
            let _ended = kept.task.await;
        }
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
        match self.instance(&device.0) {
            Some(instance) => {
                tokio::spawn(instance.call_device(call, command, deadline));
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
        if let Some(instance) = self.instance(&device.0) {
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
        if let Some(instance) = self.instance(&device.0) {
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
        match self.instance(&gateway.0) {
            Some(instance) => {
                let vault = self.vault.clone();
                let outlet = Arc::clone(&self.outlet);
                tokio::spawn(async move {
                    match along::taken(&vault, &command).await {
                        Ok(along) => instance.call_gateway(call, command, along, deadline).await,
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
