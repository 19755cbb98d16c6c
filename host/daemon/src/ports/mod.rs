// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports: finds the devices that instances wish for, opens them, and notices when one goes or
//! comes.
//!
//! Owns which instance has which device. It must never read from a port or write to one: what
//! passes there is between plugin and device.

mod absent;
mod choices;
mod coming;
mod found;
mod history;
mod limits;
mod open;
mod pick;
mod serial;
mod stream;
mod watch;
mod wish;

pub(crate) use absent::{Absent, permission};
pub(crate) use open::look_for;
pub(crate) use wish::PortWish;

use coming::Coming;
use history::History;
use limits::GRACE;
use payhal_messages::manifest::PortSort;
use payhal_protocol::ports::PortSummary;
use pick::{Claim, Picked};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch as channel;
use tokio::time::Instant;
use watch::Ends;

/// The ports of this host.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Where the system's files are: `/`.
    root: PathBuf,
    held: Mutex<Held>,
    /// One instance at a time looks for its device, so that no two find the same.
    looking: tokio::sync::Mutex<()>,
    /// Counts what was given back.
    released: channel::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    instances: BTreeMap<String, Ours>,
}

/// What is known of one instance.
#[derive(Debug, Default)]
struct Ours {
    wishes: Vec<PortWish>,
    open: Vec<OpenPort>,
    states: Vec<PortState>,
    history: History,
    /// Serial numbers that its ports had last, by the port's name.
    last: BTreeMap<String, String>,
    /// What tells that an optional port may have come since its ports were opened.
    coming: Option<Arc<Coming>>,
}

#[derive(Debug)]
struct OpenPort {
    name: String,
    called: String,
    picked: Option<Picked>,
    /// Of the same open file as the plugin's: to see its end, never to read.
    line: OwnedFd,
}

/// How a port fares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PortState {
    /// Its name in the manifest.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: PortSort,
    /// Where it is, or where the configuration says that it is.
    pub(crate) place: Option<String>,
    /// What is there, as it says itself.
    pub(crate) device: Option<String>,
    /// Its serial number.
    pub(crate) serial_number: Option<String>,
    /// Whether it is open.
    pub(crate) present: bool,
    /// Why not.
    pub(crate) reason: Option<String>,
}

impl PortState {
    /// As the operator is told.
    pub(crate) fn told(&self) -> PortSummary {
        let kind = match self.kind {
            PortSort::Serial => "serial",
            PortSort::Usb => "usb",
            PortSort::Stream => "stream",
        };
        PortSummary {
            name: self.name.clone(),
            kind: kind.to_owned(),
            place: self.place.clone(),
            device: self.device.clone(),
            serial_number: self.serial_number.clone(),
            present: self.present,
            reason: self.reason.clone(),
        }
    }
}

impl Ports {
    /// The ports of the system whose files are below `root`.
    pub(crate) fn new(root: &Path) -> Arc<Self> {
        Arc::new(Self {
            root: root.canonicalize().unwrap_or_else(|_| root.to_owned()),
            held: Mutex::default(),
            looking: tokio::sync::Mutex::new(()),
            released: channel::Sender::new(0),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what an instance will wish for, before anybody opens: what one names is never picked
    /// for another that names nothing.
    pub(crate) fn expect(&self, wishes: &[PortWish]) {
        if let Some(first) = wishes.first() {
            let mut held = self.held();
            let ours = held.instances.entry(first.instance.clone()).or_default();
            ours.wishes = wishes.to_vec();
        }
    }

    /// Opens the ports of an instance, in the order of its wishes; optional ones that are not
    /// there are left out. What it had open before is given back.
    ///
    /// # Errors
    /// [`Absent`]; wait with [`Ports::changed`] before the next try.
    pub(crate) async fn open(
        self: &Arc<Self>,
        wishes: &[PortWish],
    ) -> Result<Vec<(payhal_ipc::Port, OwnedFd)>, Absent> {
        open::open(self, wishes).await
    }

    /// Waits until another try is worth its while.
    pub(crate) async fn changed(&self, absent: &Absent) {
        let mut released = self.released.subscribe();
        let given_back = released.wait_for(|count| *count != absent.released);
        let watched = async {
            match &absent.watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        let due = async {
            match absent.again {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = given_back => {}
            () = watched => {}
            () = due => {}
        }
    }

    /// Waits until a port that the instance has open is lost, and a moment more, in which its
    /// plugin may finish what it has read. Then why.
    pub(crate) async fn lost(&self, instance: &str) -> String {
        let ends = {
            let held = self.held();
            let open = held.instances.get(instance).map(|ours| &ours.open);
            let lines = open.into_iter().flatten().map(|port| &port.line);
            Ends::of(lines)
        };
        match ends {
            Ok(ends) => ends.reached().await,
            Err(error) => {
                tracing::warn!(instance, "nobody watches its ports: {error}");
                std::future::pending().await
            }
        }
        tokio::time::sleep(GRACE).await;
        self.gone(instance)
            .unwrap_or_else(|| "a port was closed".to_owned())
    }

    /// Why the instance has lost a port that it had open, if it has: asked when its runner has
    /// ended, before that is called a crash.
    pub(crate) fn gone(&self, instance: &str) -> Option<String> {
        let mut held = self.held();
        let ours = held.instances.get_mut(instance)?;
        let lost = ours
            .open
            .iter()
            .find(|port| watch::is_hung_up(&port.line))?;
        let (name, says) = (
            lost.name.clone(),
            format!("port `{}`: {}", lost.name, lost.lost()),
        );
        ours.history.lost(Instant::now());
        for state in ours.states.iter_mut().filter(|state| state.name == name) {
            state.present = false;
            state.reason = Some(says.clone());
        }
        Some(says)
    }

    /// Waits until an optional port that the instance went without can be had; its name. Nothing is
    /// kept open: the instance opens it when it starts anew.
    pub(crate) async fn appeared(self: &Arc<Self>, instance: &str) -> String {
        coming::appeared(self, instance).await
    }

    /// Gives back what an instance has open: its runner has ended.
    pub(crate) fn release(&self, instance: &str) {
        let mut held = self.held();
        let Some(ours) = held.instances.get_mut(instance) else {
            return;
        };
        for state in &mut ours.states {
            state.present = false;
        }
        ours.coming = None;
        if !std::mem::take(&mut ours.open).is_empty() {
            drop(held);
            self.released.send_modify(|count| *count += 1);
        }
    }

    /// Forgets an instance that was removed.
    pub(crate) fn forget(&self, instance: &str) {
        self.release(instance);
        self.held().instances.remove(instance);
    }

    /// How the ports of an instance fare.
    pub(crate) fn states(&self, instance: &str) -> Vec<PortState> {
        let held = self.held();
        let ours = held.instances.get(instance);
        ours.map(|ours| ours.states.clone()).unwrap_or_default()
    }
}

impl OpenPort {
    fn lost(&self) -> String {
        match self.picked {
            Some(_) => format!("{} was unplugged: plug it in again", self.called),
            None => format!("{} ended the connection", self.called),
        }
    }
}

impl Held {
    /// Devices that others than this instance have open.
    fn claims_beside(&self, instance: &str) -> Vec<Claim> {
        let mut claims = self.claims();
        claims.retain(|claim| claim.instance != instance);
        claims
    }

    /// Devices that instances have open.
    fn claims(&self) -> Vec<Claim> {
        let claims = self.instances.iter().flat_map(|(name, ours)| {
            let picked = ours.open.iter().filter_map(|port| port.picked.clone());
            picked.map(|picked| Claim {
                instance: name.clone(),
                picked,
            })
        });
        claims.collect()
    }

    fn beside<'a>(&'a self, instance: &'a str) -> impl Iterator<Item = &'a Ours> {
        let others = self.instances.iter();
        others
            .filter(move |(name, _)| *name != instance)
            .map(|(_, ours)| ours)
    }
}

#[cfg(test)]
mod tests;
