// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps one instance's runner alive, and replaces it when that is ordered.
//!
//! One task for each instance, and everything that happens to its runner happens in it, one thing
//! after another: nothing else starts or ends it.

use super::InstanceConfig;
use super::appearing::appears;
use super::changes::configured;
use super::convert;
use super::instance::{Heard, Instance, State, reply_of};
use super::limits::{OPEN_MS_MAX, STARTING_HINT};
use super::loading::{is_behind, load};
use super::restart::{Ends, Verdict};
use super::runner::{Listener, Recipe, Runner};
use super::updating::{is_to_update, update};
use crate::plugins::{Plugin, Why};
use crate::ports::{Absent, PortWish};
use payhal_messages::call::method;
use payhal_messages::gateway::Parameters;
use payhal_messages::manifest::Kind;
use payhal_protocol::instances::{GatewayMode, InstanceKind};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// What an instance is told to do. Whoever orders has made sure that no money is under way.
pub(super) enum Order {
    /// Run with this configuration, or go on with the old one.
    Change(Box<InstanceConfig>, oneshot::Sender<Result<(), String>>),
    /// Run with the plugin as it is now, or go on with the version that runs.
    Renew(oneshot::Sender<Result<(), String>>),
    /// End, for good.
    Stop,
}

/// Why an instance has no runner.
enum Hindrance {
    /// Its plugin is not to be had; the shelf tells when that changes.
    Plugin(Why),
    /// Its configuration is for nothing as long as the plugin is what it is.
    Unfit(String),
    /// A port is not there.
    Port(Box<Absent>),
    /// A port was lost while its plugin started, which is no crash.
    Lost(String),
    /// Its runner ended, or its plugin said no.
    Ended(String),
}

impl std::fmt::Display for Hindrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin(why) => why.fmt(f),
            Self::Unfit(why) | Self::Lost(why) | Self::Ended(why) => f.write_str(why),
            Self::Port(absent) => absent.fmt(f),
        }
    }
}

/// The task of one instance.
pub(super) struct Keeper {
    instance: Arc<Instance>,
    orders: mpsc::Receiver<Order>,
    shelf: watch::Receiver<u64>,
    ends: Ends,
    running: Option<Arc<Runner>>,
}

impl Keeper {
    pub(super) fn new(instance: Arc<Instance>, orders: mpsc::Receiver<Order>) -> Self {
        let shelf = instance.means.shelf.changed();
        Self {
            instance,
            orders,
            shelf,
            ends: Ends::default(),
            running: None,
        }
    }

    /// Starts a runner, and another one whenever it ended, until it is told to stop.
    pub(super) async fn run(mut self) {
        while self.turn().await.is_continue() {}
        if let Some(runner) = self.running.clone() {
            runner.stop().await;
            self.forget_runner();
        }
        self.instance.enter(State::Stopped, None, None);
    }

    /// The same for one that is new: only if it comes up. The instance is left alone otherwise.
    pub(super) async fn run_if_it_comes_up(mut self, reply: oneshot::Sender<Result<(), String>>) {
        match self.bring_up(None).await {
            Ok(()) => {
                // Whoever added it may be gone; it is there.
                let _gone = reply.send(Ok(()));
                self.run().await;
            }
            Err(why) => {
                self.instance.means.ports.release(&self.instance.name);
                let _gone = reply.send(Err(why.to_string()));
            }
        }
    }

    async fn turn(&mut self) -> ControlFlow<()> {
        let Some(runner) = self.running.clone() else {
            return match self.bring_up(None).await {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => self.rest(why).await,
            };
        };
        let ports = Arc::clone(&self.instance.means.ports);
        let has_ports = !self.instance.held().view.plugin.manifest.ports.is_empty();
        let instance = Arc::clone(&self.instance);
        let lost = async {
            match has_ports {
                true => ports.lost(&self.instance.name).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            why = runner.ended() => {
                let gone = ports.gone(&self.instance.name);
                self.forget_runner();
                match gone {
                    // It lost its device: that is no crash.
                    Some(lost) => {
                        self.instance.enter(State::Detached, Some(lost), None);
                        ControlFlow::Continue(())
                    }
                    None => self.rest(Hindrance::Ended(why)).await,
                }
            }
            why = lost => {
                self.take_down(&why).await;
                self.instance.enter(State::Detached, Some(why), None);
                ControlFlow::Continue(())
            }
            order = self.orders.recv() => self.obey(order).await,
            (why, one_change) = appears(&instance) => {
                self.take_down(&why).await;
                drop(one_change);
                ControlFlow::Continue(())
            }
            one_change = is_to_update(&instance) => {
                // It takes long: others are changed meanwhile, and it says that it is busy itself.
                drop(one_change);
                match equip(&instance, &runner).await {
                    Ok(()) => instance.settle(),
                    // Nobody knows what it has now; a fresh process begins again.
                    Err(why) => runner.kill(&why).await,
                }
                ControlFlow::Continue(())
            }
            one_change = is_behind(&instance) => {
                if let Err(why) = load(&instance, &runner).await {
                    // Nobody knows what it has now; a fresh process is given the set again.
                    runner.kill(&why).await;
                }
                instance.settle();
                drop(one_change);
                ControlFlow::Continue(())
            }
        }
    }

    /// Waits for what would make another attempt worth its while.
    async fn rest(&mut self, why: Hindrance) -> ControlFlow<()> {
        let instance = Arc::clone(&self.instance);
        let text = why.to_string();
        let order = match why {
            Hindrance::Ended(why) => {
                let pause = self.count_end(why);
                tokio::select! {
                    () = tokio::time::sleep(pause) => return ControlFlow::Continue(()),
                    order = self.orders.recv() => order,
                }
            }
            Hindrance::Lost(_) => {
                // Its ports know how often it comes and goes.
                instance.enter(State::Detached, Some(text), None);
                return ControlFlow::Continue(());
            }
            Hindrance::Port(absent) => {
                instance.enter(State::Detached, Some(text), None);
                tokio::select! {
                    () = instance.means.ports.changed(&absent) => return ControlFlow::Continue(()),
                    order = self.orders.recv() => order,
                }
            }
            Hindrance::Plugin(_) | Hindrance::Unfit(_) => {
                let state = match why {
                    Hindrance::Plugin(Why::Disabled { .. }) => State::Stopped,
                    _ => State::Failed,
                };
                instance.enter(state, Some(text), None);
                tokio::select! {
                    _ = self.shelf.changed() => return ControlFlow::Continue(()),
                    order = self.orders.recv() => order,
                }
            }
        };
        self.obey(order).await
    }

    fn count_end(&mut self, why: String) -> Duration {
        tracing::warn!(instance = self.instance.name, "plugin runner ended: {why}");
        {
            let mut held = self.instance.held();
            held.view.ends += 1;
            held.view.last_end = Some(why.clone());
        }
        let (state, pause) = match self.ends.another(Instant::now()) {
            Verdict::Restart(pause) => (State::Failed, pause),
            Verdict::GiveUp(pause) => (State::GivenUp, pause),
        };
        self.instance.enter(state, Some(why), Some(pause));
        pause
    }

    async fn obey(&mut self, order: Option<Order>) -> ControlFlow<()> {
        let (reply, done) = match order {
            None | Some(Order::Stop) => return ControlFlow::Break(()),
            Some(Order::Change(config, reply)) => (reply, self.change(*config).await),
            Some(Order::Renew(reply)) => (reply, self.renew().await),
        };
        if done.is_ok() {
            self.ends = Ends::default();
        }
        // Whoever ordered may be gone; what was done is done.
        let _gone = reply.send(done);
        ControlFlow::Continue(())
    }

    async fn change(&mut self, config: InstanceConfig) -> Result<(), String> {
        let before = self.instance.config();
        let plugin = Arc::clone(&self.instance.held().view.plugin);
        self.take_down("its configuration changes").await;
        self.configure(config);
        let Err(why) = self.bring_up(None).await else {
            return Ok(());
        };
        self.configure(before);
        self.instance.held().view.plugin = plugin;
        // Up again before anybody is told; if it is not, the next turn tries further.
        if let Err(old) = self.bring_up(None).await {
            tracing::warn!(
                instance = self.instance.name,
                "what was there before does not come up either: {old}"
            );
        }
        Err(why.to_string())
    }

    async fn renew(&mut self) -> Result<(), String> {
        let before = Arc::clone(&self.instance.held().view.plugin);
        let ran = self.running.is_some();
        self.take_down("its plugin changes").await;
        match self.bring_up(None).await {
            Ok(()) => Ok(()),
            // Neither is a matter of the version: it starts when that passes.
            Err(
                Hindrance::Plugin(Why::Disabled { .. }) | Hindrance::Port(_) | Hindrance::Lost(_),
            ) => Ok(()),
            Err(why) if !ran => Err(why.to_string()),
            Err(why) => {
                if let Err(old) = self.bring_up(Some(before)).await {
                    tracing::warn!(
                        instance = self.instance.name,
                        "the version before does not come up either: {old}"
                    );
                }
                Err(why.to_string())
            }
        }
    }

    /// Before anything runs with it: what the engine knows of it belongs to what runs.
    fn configure(&self, config: InstanceConfig) {
        self.instance.outlet.event(configured(&config));
        let mut held = self.instance.held();
        held.view.source = config.source;
        held.config = config;
    }

    /// Ends the runner, if there is one.
    async fn take_down(&mut self, why: &str) {
        let Some(runner) = self.running.clone() else {
            return;
        };
        self.instance
            .enter(State::Starting, Some(why.to_owned()), Some(STARTING_HINT));
        runner.stop().await;
        self.forget_runner();
    }

    fn forget_runner(&mut self) {
        self.running = None;
        let mut held = self.instance.held();
        held.runner = None;
        held.detached = None;
        held.waits = None;
        held.view.pid = None;
        held.view.screen = None;
        held.view.parameters = None;
        held.view.sandbox.clear();
        drop(held);
        self.instance.means.ports.release(&self.instance.name);
    }

    /// One attempt to have a runner whose plugin answers, of this version of it or the shelf's.
    async fn bring_up(&mut self, version: Option<Arc<Plugin>>) -> Result<(), Hindrance> {
        let instance = Arc::clone(&self.instance);
        self.shelf.mark_unchanged();
        let config = instance.config();
        let plugin = match version {
            Some(plugin) => plugin,
            None => self.plugin(&config).await?,
        };
        instance.held().view.plugin = Arc::clone(&plugin);
        instance.enter(State::Starting, None, Some(STARTING_HINT));
        let recipe = recipe(&instance, &config, plugin).await?;
        let listener: Arc<dyn Listener> = Arc::new(Heard(Arc::downgrade(&instance)));
        let started = Runner::start(&recipe, listener).await;
        // The runner has its own ends of the ports now, or nobody has.
        drop(recipe);
        let opened = match started {
            Ok(runner) => open(&instance, runner).await,
            Err(why) => Err(why),
        };
        let runner = opened.map_err(|why| {
            let lost = instance.means.ports.gone(&instance.name);
            instance.means.ports.release(&instance.name);
            lost.map_or(Hindrance::Ended(why), Hindrance::Lost)
        })?;
        instance.held().runner = Some(Arc::clone(&runner));
        self.running = Some(runner);
        instance.settle();
        Ok(())
    }

    async fn plugin(&self, config: &InstanceConfig) -> Result<Arc<Plugin>, Hindrance> {
        let (shelf, id) = (
            Arc::clone(&self.instance.means.shelf),
            config.plugin.clone(),
        );
        // It may hash files.
        let found = tokio::task::spawn_blocking(move || {
            let disabled = || shelf.plugins().disabled.get(&id).cloned();
            let found = shelf.plugin(&id).inspect(|plugin| shelf.runs(plugin));
            found.map_err(|why| (why, disabled()))
        });
        let found = found.await;
        let found = found.map_err(|_| Hindrance::Ended("the host is stopping".to_owned()))?;
        let plugin = found.map_err(|(why, disabled)| {
            let gateway = config.kind == InstanceKind::Gateway;
            let shown = disabled.unwrap_or_else(|| Plugin::absent(&config.plugin, gateway));
            self.instance.held().view.plugin = shown;
            Hindrance::Plugin(why)
        })?;
        match (config.kind, plugin.manifest.kind) {
            (InstanceKind::Gateway, Kind::Gateway)
            | (InstanceKind::Device, Kind::Reader | Kind::Terminal) => Ok(plugin),
            (InstanceKind::Device, Kind::Gateway) => Err(Hindrance::Unfit(format!(
                "the plugin `{}` is for gateways, and it is configured for a device",
                config.plugin
            ))),
            (InstanceKind::Gateway, Kind::Reader | Kind::Terminal) => {
                Err(Hindrance::Unfit(format!(
                    "the plugin `{}` is for devices, and it is configured for a gateway",
                    config.plugin
                )))
            }
        }
    }
}

async fn recipe(
    instance: &Instance,
    config: &InstanceConfig,
    plugin: Arc<Plugin>,
) -> Result<Recipe, Hindrance> {
    let wishes = PortWish::of(&config.name, &plugin.manifest.ports, &config.ports);
    let wishes = wishes.map_err(Hindrance::Unfit)?;
    let ports = instance.means.ports.open(&wishes).await;
    let ports = ports.map_err(|absent| Hindrance::Port(Box::new(absent)))?;
    Ok(Recipe {
        program: instance.means.program.clone(),
        instance: config.name.clone(),
        state_dir: instance.means.folder.join(&config.name),
        config: over(&plugin.manifest.config, &config.config),
        plugin,
        network: config.network.clone(),
        ports,
        record: instance.is_recording(),
        allow_incomplete_sandbox: instance.means.allow_incomplete_sandbox,
        log: config.log.map(convert::log_level),
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

/// Asks a fresh plugin who it is. One that does not say is ended.
async fn open(instance: &Instance, runner: Arc<Runner>) -> Result<Arc<Runner>, String> {
    {
        let mut held = instance.held();
        held.view.pid = runner.pid();
        held.view.sandbox = runner.sandbox().to_vec();
    }
    let ready = greet(instance, &runner).await;
    match ready {
        Ok(()) => Ok(runner),
        Err(why) => {
            runner.kill(&why).await;
            runner.ended().await;
            let mut held = instance.held();
            held.waits = None;
            held.view.pid = None;
            held.view.sandbox.clear();
            Err(why)
        }
    }
}

/// Who it is, what it is to take, what it is to know: in this order, so that it reads its first card
/// with everything it is to have.
async fn greet(instance: &Instance, runner: &Runner) -> Result<(), String> {
    ask(instance, runner).await?;
    equip(instance, runner).await
}

async fn equip(instance: &Instance, runner: &Runner) -> Result<(), String> {
    update(instance, runner).await?;
    load(instance, runner).await
}

/// Who it is.
pub(super) async fn ask(instance: &Instance, runner: &Runner) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_millis(OPEN_MS_MAX);
    let gateway = instance.kind == InstanceKind::Gateway;
    let method = match gateway {
        true => method::OPEN,
        false => method::IDENTIFY,
    };
    let end = runner
        .call(runner.token(), method, b"{}".to_vec(), deadline, |_, _| {})
        .await;
    let payload = reply_of(end)?;
    let mut held = instance.held();
    if gateway {
        let opened: Parameters = convert::parse(&payload).map_err(|why| why.to_string())?;
        check_mode(&instance.name, held.config.mode, opened.live)?;
        if let Some(settings) = &opened.settings {
            let flawed = |why| format!("the gateway's settings cannot be meant: {why}");
            settings.check().map_err(flawed)?;
        }
        instance.means.sets.opened(&instance.name, &opened);
        held.view.opened = Some(opened);
    } else {
        held.view.identity = Some(convert::parse(&payload).map_err(|why| why.to_string())?);
    }
    Ok(())
}

/// A gateway that is not what its owner takes it for is not used.
fn check_mode(name: &str, configured: Option<GatewayMode>, live: bool) -> Result<(), String> {
    match (configured, live) {
        (Some(GatewayMode::Live), false) => Err(format!(
            "`{name}` is configured with mode = \"live\", and its connector says that it is a test \
             gateway: no money would move; configure it for the live one, or say mode = \"test\""
        )),
        (Some(GatewayMode::Test), true) => Err(format!(
            "`{name}` is configured with mode = \"test\", and its connector says that it is live: \
             real money would move; configure it for the test gateway, or say mode = \"live\""
        )),
        _ => Ok(()),
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

    #[test]
    fn a_gateway_is_what_its_owner_takes_it_for() {
        for (configured, live, fits) in [
            (None, true, true),
            (None, false, true),
            (Some(GatewayMode::Live), true, true),
            (Some(GatewayMode::Test), false, true),
            (Some(GatewayMode::Live), false, false),
            (Some(GatewayMode::Test), true, false),
        ] {
            let checked = check_mode("bank", configured, live);
            assert_eq!(checked.is_ok(), fits, "{configured:?} {live}");
            assert!(checked.err().is_none_or(|why| why.contains("`bank`")));
        }
    }
}
