// SPDX-License-Identifier: MIT OR Apache-2.0
//! An optional port that was not there when its instance started, and comes later.
//!
//! It is opened once, to see that it can be, and closed again: whoever starts the instance anew
//! opens it for good. It must never disturb a port that somebody has.

use super::found::Found;
use super::limits::AGAIN_LONGEST;
use super::open::{connect, folders, one};
use super::watch::Watch;
use super::wish::{Place, PortWish};
use super::{PortState, Ports};
use payhal_messages::manifest::PortSort;
use std::path::Path;
use std::sync::Arc;

/// What tells that it may have come.
#[derive(Debug)]
pub(super) struct Coming {
    watch: Option<Watch>,
    /// How often an instance had given a device back.
    released: u64,
}

impl Coming {
    /// For those of the wishes that are optional; nothing, where none is.
    pub(super) fn watch(root: &Path, wishes: &[PortWish], released: u64) -> Option<Self> {
        let optional = wishes.iter().filter(|wish| wish.need.optional);
        let optional: Vec<PortWish> = optional.cloned().collect();
        (!optional.is_empty()).then(|| Self::on(root, &optional, released))
    }

    fn on(root: &Path, wishes: &[PortWish], released: u64) -> Self {
        let (nodes, _) = sorts(wishes);
        let watch = (!nodes.is_empty()).then(|| Watch::on(&folders(root, &nodes)));
        let watch = watch.and_then(|watch| {
            let failed = |error: &std::io::Error| {
                tracing::warn!("nobody tells when a device is plugged in: {error}");
            };
            watch.inspect_err(failed).ok()
        });
        Self { watch, released }
    }

    /// Waits until a look is worth its while.
    async fn changed(&self, ports: &Ports, addressed: bool) {
        let mut released = ports.released.subscribe();
        let given_back = released.wait_for(|count| *count != self.released);
        let watched = async {
            match &self.watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        // Nobody tells that a device in the network was switched on.
        let due = async {
            match addressed {
                true => tokio::time::sleep(AGAIN_LONGEST).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = given_back => {}
            () = watched => {}
            () = due => {}
        }
    }
}

/// Serial lines and USB devices, and those in the network of which it is known where.
fn sorts(wishes: &[PortWish]) -> (Vec<PortWish>, Vec<PortWish>) {
    let (streams, nodes): (Vec<_>, Vec<_>) = wishes
        .iter()
        .cloned()
        .partition(|wish| wish.need.kind == PortSort::Stream);
    let addressed = |wish: &PortWish| matches!(wish.place, Some(Place::Address(_)));
    (nodes, streams.into_iter().filter(addressed).collect())
}

pub(super) async fn appeared(ports: &Arc<Ports>, instance: &str) -> String {
    let (missing, mut coming) = {
        let held = ports.held();
        let ours = held.instances.get(instance);
        let coming = ours.and_then(|ours| ours.coming.clone());
        let missing = ours.map(|ours| missing(&ours.wishes, &ours.states));
        (missing.unwrap_or_default(), coming)
    };
    let (nodes, streams) = sorts(&missing);
    while let Some(now) = coming {
        if missing.is_empty() {
            break;
        }
        now.changed(ports, !streams.is_empty()).await;
        let released = *ports.released.borrow();
        coming = Some(Arc::new(Coming::on(&ports.root, &missing, released)));
        if let Some(port) = there(ports, instance, &nodes, &streams).await {
            return port;
        }
    }
    std::future::pending().await
}

fn missing(wishes: &[PortWish], states: &[PortState]) -> Vec<PortWish> {
    let present = |wish: &&PortWish| {
        let mut states = states.iter();
        states.any(|state| state.name == wish.need.name && state.present)
    };
    let optional = wishes.iter().filter(|wish| wish.need.optional);
    optional.filter(|wish| !present(wish)).cloned().collect()
}

/// The first that can be opened.
async fn there(
    ports: &Arc<Ports>,
    instance: &str,
    nodes: &[PortWish],
    streams: &[PortWish],
) -> Option<String> {
    if !nodes.is_empty() {
        let _alone = ports.looking.lock().await;
        let (ports, instance) = (Arc::clone(ports), instance.to_owned());
        let nodes = nodes.to_vec();
        // Asking a device for its serial number may wait for that device.
        let look = tokio::task::spawn_blocking(move || {
            let found = Found::look(&ports.root);
            let claims = ports.held().claims();
            let opens = |wish: &&PortWish| one(&ports, &instance, wish, &found, &claims).is_ok();
            nodes.iter().find(opens).map(|wish| wish.need.name.clone())
        });
        if let Ok(Some(port)) = look.await {
            return Some(port);
        }
    }
    for wish in streams {
        if connect(wish).await.is_ok() {
            return Some(wish.need.name.clone());
        }
    }
    None
}
