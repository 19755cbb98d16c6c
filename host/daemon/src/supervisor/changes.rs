// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways that come, change and go while the host runs and others work.
//!
//! One change at a time, each to its end or back to what was before. It must never end a runner
//! before the engine has said that no money is under way there.

use super::instance::{Instance, Recorded, State, View};
use super::keeper::{Keeper, Order};
use super::limits::{IDLE_AGAIN, IDLE_WAIT, INSTANCES_MAX};
use super::orders::{Order as Ordered, Unstored};
use super::{InstanceConfig, Supervisor, convert};
use payhal_engine::answer::{Answer, Refused};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, GatewayId};
use payhal_engine::request::Part;
use payhal_messages::manifest::PortNeed;
use payhal_messages::update::UpdateKind;
use payhal_protocol::instances::{InstanceKind, LogLevel, PortChoice};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Views of removed instances that are kept: events are told within moments.
const REMOVED_KEPT: usize = 64;

/// Why a change was not made. Everything is as before.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// No such instance.
    NotFound,
    /// It is of the other kind.
    OtherKind,
    /// There are as many as there can be.
    TooMany,
    /// A transaction needs it.
    Needed(Box<Refused>),
    /// The plugin does not come up this way; its reason.
    Plugin(String),
    /// It takes a file now, and nothing else is changed about it meanwhile.
    Updating,
    /// A file is not what it should be; why.
    File(String),
    /// This host cannot keep a file; why.
    Unkept(String),
    /// The host is stopping.
    Stopping,
}

impl From<Unstored> for ChangeError {
    fn from(why: Unstored) -> Self {
        match why {
            Unstored::File(why) => Self::File(why),
            Unstored::Host(why) => Self::Unkept(why),
        }
    }
}

/// What a change did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Changed {
    /// It is new.
    Added,
    /// It was there before.
    Replaced,
}

impl Supervisor {
    /// Lets a device or gateway run with this configuration, be it new or changed.
    ///
    /// # Errors
    /// [`ChangeError`]; what was there before runs on.
    pub(crate) async fn set(&self, config: InstanceConfig) -> Result<Changed, ChangeError> {
        let _one = self.means.changing.lock().await;
        let Some(instance) = self.instance(&config.name) else {
            return self.add(config).await.map(|()| Changed::Added);
        };
        if instance.kind != config.kind {
            return Err(ChangeError::OtherKind);
        }
        let before = instance.config();
        let becomes_another = before.plugin != config.plugin || before.acceptor != config.acceptor;
        // A device may be another one behind the same name; a gateway's account stays.
        let wholly = becomes_another || instance.kind == InstanceKind::Device;
        self.set_aside(&instance, wholly).await?;
        self.expect_ports(&config);
        let (reply, done) = oneshot::channel();
        instance.order(Order::Change(Box::new(config), reply)).await;
        let done = done.await.map_err(|_| ChangeError::Stopping)?;
        done.map_err(|why| {
            self.expect_ports(&before);
            ChangeError::Plugin(why)
        })?;
        Ok(Changed::Replaced)
    }

    async fn add(&self, config: InstanceConfig) -> Result<(), ChangeError> {
        if self.instances().len() >= INSTANCES_MAX {
            return Err(ChangeError::TooMany);
        }
        self.outlet.event(configured(&config));
        self.expect_ports(&config);
        let (instance, orders) = self.make(config);
        let keeper = Keeper::new(Arc::clone(&instance), orders);
        let (reply, done) = oneshot::channel();
        let task = tokio::spawn(keeper.run_if_it_comes_up(reply));
        // Known from the start: the engine may call it as soon as it is ready.
        self.keep(Arc::clone(&instance), task);
        let done = done.await.map_err(|_| ChangeError::Stopping)?;
        if let Err(why) = done {
            self.drop_instance(&instance).await;
            return Err(ChangeError::Plugin(why));
        }
        Ok(())
    }

    /// Ends a device or gateway, and forgets it.
    ///
    /// # Errors
    /// [`ChangeError`]; it runs on.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), ChangeError> {
        let _one = self.means.changing.lock().await;
        let instance = self.instance(name).ok_or(ChangeError::NotFound)?;
        self.set_aside(&instance, true).await?;
        self.drop_instance(&instance).await;
        Ok(())
    }

    async fn drop_instance(&self, instance: &Instance) {
        instance.order(Order::Stop).await;
        let kept = {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.remove(&instance.name)
        };
        if let Some(kept) = kept {
            // A task that panicked has dropped its child, which kills it.
            let _ended = kept.task.await;
        }
        self.means.ports.forget(&instance.name);
        self.means.sets.forget(&instance.name);
        let (orders, name) = (self.means.orders.clone(), instance.name.clone());
        let forgotten = tokio::task::spawn_blocking(move || orders.forget(&name, None)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!("failed to forget what it was to take: {error}");
        }
        self.remember(instance.view());
        self.outlet.event(match instance.part() {
            Part::Device(device) => Event::DeviceChanged {
                device,
                status: None,
            },
            Part::Gateway(gateway) => Event::GatewayChanged {
                gateway,
                status: None,
            },
        });
        self.outlet.event(Event::Configured {
            part: instance.part(),
            acceptor: None,
            software_sealing: false,
        });
        self.outlet.changed(&instance.name);
    }

    fn remember(&self, view: View) {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        let view = View {
            state: State::Stopped,
            reason: Some("it was removed".to_owned()),
            since_micros: crate::clock::wall_micros(),
            ..view
        };
        removed.insert(view.name.clone(), view);
        if removed.len() > REMOVED_KEPT {
            let oldest = removed.values().min_by_key(|view| view.since_micros);
            let oldest = oldest.map(|view| view.name.clone());
            oldest.map(|name| removed.remove(&name));
        }
    }

    /// Lets every instance of a plugin follow what the shelf has now, one after another, each when
    /// it is idle; their names.
    ///
    /// # Errors
    /// The first that does not come up with it, in a sentence. It runs with what it had before;
    /// those before it in the list run with the new version.
    pub(crate) async fn renew(&self, plugin: &str) -> Result<Vec<String>, String> {
        let _one = self.means.changing.lock().await;
        let mut followed = Vec::new();
        for instance in self.instances() {
            if instance.config().plugin != plugin || !self.is_behind(&instance).await {
                continue;
            }
            let name = &instance.name;
            self.when_idle(&instance).await?;
            let (reply, done) = oneshot::channel();
            instance.order(Order::Renew(reply)).await;
            let done = done.await;
            let done = done.map_err(|_| "the host is stopping".to_owned())?;
            done.map_err(|why| format!("`{name}` did not come up: {why}"))?;
            followed.push(name.clone());
        }
        Ok(followed)
    }

    /// Whether it runs with something else than the shelf has, or does not run.
    async fn is_behind(&self, instance: &Instance) -> bool {
        let (shelf, id) = (Arc::clone(&self.means.shelf), instance.config().plugin);
        let now = tokio::task::spawn_blocking(move || shelf.plugin(&id)).await;
        let held = instance.held();
        match now {
            Ok(Ok(now)) => held.runner.is_none() || !Arc::ptr_eq(&now, &held.view.plugin),
            _ => held.runner.is_some(),
        }
    }

    async fn when_idle(&self, instance: &Instance) -> Result<(), String> {
        let until = Instant::now() + IDLE_WAIT;
        loop {
            match self.set_aside(instance, false).await {
                Ok(()) => return Ok(()),
                Err(ChangeError::Needed(_) | ChangeError::Updating) if Instant::now() < until => {
                    tokio::time::sleep(IDLE_AGAIN).await;
                }
                Err(ChangeError::Stopping) => return Err("the host is stopping".to_owned()),
                Err(_) => {
                    let (name, seconds) = (&instance.name, IDLE_WAIT.as_secs());
                    return Err(format!("`{name}` was not idle within {seconds} s"));
                }
            }
        }
    }

    /// Starts the idle runner of a device anew so that what passes through its ports is recorded,
    /// or is no longer.
    ///
    /// # Errors
    /// [`ChangeError`]; it runs as before.
    pub(crate) async fn record(&self, name: &str, on: bool) -> Result<(), ChangeError> {
        let _one = self.means.changing.lock().await;
        let instance = self.instance(name).ok_or(ChangeError::NotFound)?;
        self.set_aside(&instance, false).await?;
        let before = instance.record(on);
        let (reply, done) = oneshot::channel();
        instance.order(Order::Renew(reply)).await;
        let done = done.await.map_err(|_| ChangeError::Stopping)?;
        done.map_err(|why| {
            instance.record(before);
            ChangeError::Plugin(why)
        })?;
        Ok(())
    }

    /// Keeps a file for an idle device, which is given it now and whenever its runner starts, until
    /// it has it. `sha256` is what the file must be.
    ///
    /// # Errors
    /// [`ChangeError`]; what was ordered before stands.
    pub(crate) async fn update(
        &self,
        name: &str,
        kind: UpdateKind,
        path: PathBuf,
        sha256: Option<String>,
    ) -> Result<(), ChangeError> {
        let _one = self.means.changing.lock().await;
        let instance = self.instance(name).ok_or(ChangeError::NotFound)?;
        let (orders, device) = (self.means.orders.clone(), name.to_owned());
        let staged = tokio::task::spawn_blocking(move || {
            orders.stage(&device, kind, &path, sha256.as_deref())
        });
        let file = staged.await.map_err(|_| ChangeError::Stopping)??;
        let (orders, device) = (self.means.orders.clone(), name.to_owned());
        // Wholly: what a terminal still owes an answer about may not survive its new firmware.
        if let Err(why) = self.set_aside(&instance, true).await {
            let dropped = tokio::task::spawn_blocking(move || orders.unstage(&device));
            dropped.await.map_err(|_| ChangeError::Stopping)?;
            return Err(why);
        }
        let order = Ordered {
            plugin: instance.config().plugin,
            file: file.clone(),
        };
        let kept = tokio::task::spawn_blocking(move || orders.order(&device, &order));
        let kept = kept.await.map_err(|_| ChangeError::Stopping)?;
        if kept.is_ok() {
            instance.ordered(file);
        }
        if instance.held().runner.is_none() {
            // Whatever it rests from: it tries at once.
            self.start_anew(&instance);
        } else if kept.is_ok() {
            self.means.sets.look_again();
        } else {
            instance.settle();
        }
        Ok(kept?)
    }

    /// Gives up what a device is to take. Whether it is whole, it says at its next start.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn abort_update(&self, name: &str) -> Result<(), ChangeError> {
        let instance = self.instance(name).ok_or(ChangeError::NotFound)?;
        instance.give_up_update();
        let (orders, device) = (self.means.orders.clone(), name.to_owned());
        let forgotten = tokio::task::spawn_blocking(move || orders.forget(&device, None)).await;
        let forgotten = forgotten.map_err(|_| ChangeError::Stopping)?;
        forgotten.map_err(|error| ChangeError::Unkept(format!("failed to forget it: {error}")))
    }

    /// In its own time: a device that takes a file is away for long.
    fn start_anew(&self, instance: &Arc<Instance>) {
        let instance = Arc::clone(instance);
        tokio::spawn(async move {
            let (reply, _done) = oneshot::channel();
            instance.order(Order::Renew(reply)).await;
        });
    }

    /// What is plugged in and could be this port of a plugin.
    pub(crate) fn choices(&self, need: &PortNeed) -> Vec<PortChoice> {
        self.means.ports.choices(need)
    }

    /// The next lines of what was recorded; they are not given again.
    pub(crate) fn recorded(&self, name: &str) -> Option<Recorded> {
        Some(self.instance(name)?.take_recording())
    }

    /// From now on its plugin's words are let through from this level on, also from its next
    /// runner. Whether there is such an instance.
    pub(crate) async fn log(&self, name: &str, level: LogLevel) -> bool {
        let Some(instance) = self.instance(name) else {
            return false;
        };
        let runner = {
            let mut held = instance.held();
            held.config.log = Some(level);
            held.runner.clone()
        };
        if let Some(runner) = runner {
            runner.log(convert::log_level(level)).await;
        }
        true
    }

    /// Asks the engine.
    async fn set_aside(&self, instance: &Instance, wholly: bool) -> Result<(), ChangeError> {
        if instance.takes_update() {
            return Err(ChangeError::Updating);
        }
        let answer = self.outlet.set_aside(instance.part(), wholly).await;
        match answer.map_err(|_| ChangeError::Stopping)? {
            Answer::Refused { refused, .. } => Err(ChangeError::Needed(refused)),
            _ => Ok(()),
        }
    }
}

/// What the engine must know of a configuration.
pub(super) fn configured(config: &InstanceConfig) -> Event {
    let name = config.name.as_str();
    Event::Configured {
        part: match config.kind {
            InstanceKind::Device => Part::Device(DeviceId::from(name)),
            InstanceKind::Gateway => Part::Gateway(GatewayId::from(name)),
        },
        acceptor: config.acceptor.clone(),
        software_sealing: config.allow_software_sealing,
    }
}
