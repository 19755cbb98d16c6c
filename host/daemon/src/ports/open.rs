// SPDX-License-Identifier: MIT OR Apache-2.0
//! One attempt to open every port of an instance.
//!
//! Looks first and opens then, under one lock for all instances; waits for the network outside it.

use super::absent::{Absent, Cause, holder, permission};
use super::coming::Coming;
use super::found::Found;
use super::pick::{Claim, Picked, Taken, pick};
use super::serial::{self, Refused};
use super::watch::{Watch, usual};
use super::wish::{Place, PortWish};
use super::{OpenPort, PortState, Ports, stream};
use payhal_ipc::{Port, PortKind};
use payhal_messages::manifest::PortSort;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Somebody else's program may close a device at any time, and nothing tells.
const BUSY_AGAIN: Duration = Duration::from_secs(5);

pub(super) async fn open(
    ports: &Arc<Ports>,
    wishes: &[PortWish],
) -> Result<Vec<(Port, OwnedFd)>, Absent> {
    let Some(first) = wishes.first() else {
        return Ok(Vec::new());
    };
    let instance = first.instance.clone();
    ports.release(&instance);
    ports.expect(wishes);
    let released = *ports.released.borrow();
    // First the watch, then the look: what comes in between is told.
    let coming = Coming::watch(&ports.root, wishes, released);
    let pause = ports.held().instances.get(&instance).and_then(|ours| {
        let left = ours.history.pause(Instant::now())?;
        Some((
            left,
            ours.states.iter().find_map(|state| state.reason.clone()),
        ))
    });
    if let Some((left, reason)) = pause {
        let last = reason.unwrap_or_else(|| "it was lost".to_owned());
        let says = format!("it comes and goes; the last time: {last}");
        return Err(Absent::new(first, Cause::Broken, says).again(left));
    }
    let tried = all(ports, &instance, wishes).await;
    let opened = tried.map_err(|mut absent| {
        absent.released = released;
        absent
    });
    let handed = remember(ports, &instance, wishes, opened)?;
    if let Some(coming) = coming
        && let Some(ours) = ports.held().instances.get_mut(&instance)
    {
        ours.coming = Some(Arc::new(coming));
    }
    Ok(handed)
}

/// All ports, or the first that is absent and needed.
async fn all(
    ports: &Arc<Ports>,
    instance: &str,
    wishes: &[PortWish],
) -> Result<Vec<OpenPort>, Absent> {
    let mut open = nodes(ports, instance, wishes).await?;
    for wish in wishes
        .iter()
        .filter(|wish| wish.need.kind == PortSort::Stream)
    {
        match connect(wish).await {
            Ok(port) => open.push(port),
            Err(_) if wish.need.optional => {}
            Err(absent) => {
                let mut held = ports.held();
                let ours = held.instances.entry(instance.to_owned()).or_default();
                return Err(absent.again(ours.history.failed()));
            }
        }
    }
    let order = |port: &OpenPort| wishes.iter().position(|wish| wish.need.name == port.name);
    open.sort_by_key(order);
    Ok(open)
}

/// Keeps what was opened, hands out the plugin's descriptors, and notes how each port fares.
fn remember(
    ports: &Ports,
    instance: &str,
    wishes: &[PortWish],
    opened: Result<Vec<OpenPort>, Absent>,
) -> Result<Vec<(Port, OwnedFd)>, Absent> {
    let mut held = ports.held();
    let ours = held.instances.entry(instance.to_owned()).or_default();
    let none = Vec::new();
    let open = opened.as_ref().unwrap_or(&none);
    if let Err(absent) = &opened {
        let says = absent.to_string();
        let known = ours
            .states
            .iter()
            .any(|state| state.reason.as_ref() == Some(&says));
        if !known {
            tracing::info!(instance, cause = ?absent.cause, "{says}");
        }
    }
    ours.states = wishes
        .iter()
        .map(|wish| state(wish, open, opened.as_ref().err()))
        .collect();
    let open = opened?;
    let handed = open
        .iter()
        .map(|port| hand(wishes, port))
        .collect::<Result<Vec<_>, _>>()?;
    for port in &open {
        let number = port.picked.as_ref().and_then(|picked| picked.usb.as_ref());
        if let Some(number) = number.and_then(|usb| usb.serial_number.clone()) {
            ours.last.insert(port.name.clone(), number);
        }
    }
    ours.open = open;
    ours.history.opened(Instant::now());
    Ok(handed)
}

fn hand(wishes: &[PortWish], port: &OpenPort) -> Result<(Port, OwnedFd), Absent> {
    let wish = wishes.iter().find(|wish| wish.need.name == port.name);
    let wish = wish.expect("a port was opened for a wish");
    let kind = match wish.need.kind {
        PortSort::Serial => PortKind::Serial,
        PortSort::Usb => PortKind::Usb,
        PortSort::Stream => PortKind::Stream,
    };
    let line = port.line.try_clone();
    let line = line.map_err(|error| Absent::new(wish, Cause::Broken, error.to_string()))?;
    let name = port.name.clone();
    Ok((Port { name, kind }, line))
}

fn state(wish: &PortWish, open: &[OpenPort], absent: Option<&Absent>) -> PortState {
    let port = open.iter().find(|port| port.name == wish.need.name);
    let usb = port.and_then(|port| port.picked.as_ref()?.usb.as_ref());
    let node = port.and_then(|port| Some(port.picked.as_ref()?.node.display().to_string()));
    let reason = absent.filter(|absent| absent.port == wish.need.name);
    PortState {
        name: wish.need.name.clone(),
        kind: wish.need.kind,
        place: node.or_else(|| wish.place.as_ref().map(Place::to_string)),
        device: usb.and_then(|usb| usb.label.clone()),
        serial_number: usb.and_then(|usb| usb.serial_number.clone()),
        present: port.is_some(),
        reason: reason.map(Absent::to_string),
    }
}

/// Serial lines and USB devices: looked for and opened while nobody else does.
async fn nodes(
    ports: &Arc<Ports>,
    instance: &str,
    wishes: &[PortWish],
) -> Result<Vec<OpenPort>, Absent> {
    let wishes: Vec<PortWish> = wishes
        .iter()
        .filter(|wish| wish.need.kind != PortSort::Stream)
        .cloned()
        .collect();
    let Some(first) = wishes.first().cloned() else {
        return Ok(Vec::new());
    };
    let _alone = ports.looking.lock().await;
    // First the watch, then the look: what comes in between is told.
    let watch = Watch::on(&folders(&ports.root, &wishes));
    let (ports, instance) = (Arc::clone(ports), instance.to_owned());
    // Asking a device for its serial number may wait for that device.
    let look = tokio::task::spawn_blocking(move || look(&ports, &instance, &wishes)).await;
    let looked = look.unwrap_or_else(|_| {
        let says = "the host is stopping";
        Err(Absent::new(&first, Cause::Broken, says))
    });
    looked.map_err(|mut absent| match watch {
        Ok(watch) => {
            absent.watch = Some(watch);
            absent
        }
        Err(error) => {
            tracing::warn!("nobody tells when a device is plugged in: {error}");
            absent.again(BUSY_AGAIN)
        }
    })
}

pub(super) fn folders(root: &Path, wishes: &[PortWish]) -> Vec<PathBuf> {
    let of = |wish: &PortWish| match &wish.place {
        Some(Place::Path(path)) => {
            let link = below(root, path);
            let node = link.canonicalize().ok();
            [Some(link), node].into_iter().flatten().collect()
        }
        _ => usual(root, wish.need.kind == PortSort::Usb),
    };
    wishes.iter().flat_map(of).collect()
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn look(ports: &Ports, instance: &str, wishes: &[PortWish]) -> Result<Vec<OpenPort>, Absent> {
    let found = Found::look(&ports.root);
    let mut claims = ports.held().claims_beside(instance);
    let mut open = Vec::new();
    for wish in wishes {
        match one(ports, instance, wish, &found, &claims) {
            Ok(port) => {
                let picked = port.picked.iter().cloned();
                claims.extend(picked.map(|picked| Claim {
                    instance: instance.to_owned(),
                    picked,
                }));
                open.push(port);
            }
            Err(_) if wish.need.optional => {}
            Err(absent) => return Err(absent),
        }
    }
    Ok(open)
}

pub(super) fn one(
    ports: &Ports,
    instance: &str,
    wish: &PortWish,
    found: &Found,
    claims: &[Claim],
) -> Result<OpenPort, Absent> {
    let (named, last, of_others) = {
        let held = ports.held();
        let named = held.beside(instance).flat_map(|ours| &ours.wishes);
        let named: Vec<Place> = named
            .filter_map(|wish| wish.place.as_ref())
            .map(|place| resolved_place(&ports.root, place))
            .collect();
        let last = held.instances.get(instance);
        let last = last.and_then(|ours| ours.last.get(&wish.need.name).cloned());
        let others = held.beside(instance).flat_map(|ours| ours.last.values());
        (named, last, others.cloned().collect::<Vec<String>>())
    };
    let taken = Taken {
        claims,
        named: &named,
        last: last.as_deref(),
        of_others: &of_others,
    };
    let resolved = match &wish.place {
        Some(Place::Path(path)) => below(&ports.root, path).canonicalize().ok(),
        _ => None,
    };
    let picked = pick(wish, found, resolved.as_deref(), &taken)?;
    let line = open_node(&ports.root, wish, &picked)?;
    Ok(OpenPort {
        name: wish.need.name.clone(),
        called: called(&picked),
        picked: Some(picked),
        line,
    })
}

/// A device that fits a wish, whoever may have it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its node.
    pub(crate) node: PathBuf,
    /// For people.
    pub(crate) called: String,
    /// `vendor:product`, where it is on USB.
    pub(crate) usb_id: Option<String>,
    /// How many others would fit as well.
    pub(crate) others: usize,
}

/// Looks for a device below `root`, and opens nothing.
///
/// # Errors
/// [`Absent`], which says what to do.
pub(crate) fn look_for(root: &Path, wish: &PortWish) -> Result<Seen, Absent> {
    let found = Found::look(root);
    let free = Taken {
        claims: &[],
        named: &[],
        last: None,
        of_others: &[],
    };
    let resolved = match &wish.place {
        Some(Place::Path(path)) => below(root, path).canonicalize().ok(),
        _ => None,
    };
    let picked = pick(wish, &found, resolved.as_deref(), &free)?;
    let fitting = found.usb.iter().filter(|usb| usb.is_one_of(&wish.need.usb));
    Ok(Seen {
        called: called(&picked),
        usb_id: picked.usb.map(|usb| usb.id),
        node: picked.node,
        others: match wish.place {
            Some(_) => 0,
            None => fitting.count().saturating_sub(1),
        },
    })
}

fn called(picked: &Picked) -> String {
    match &picked.usb {
        Some(usb) => format!("{} ({})", picked.node.display(), usb.called()),
        None => picked.node.display().to_string(),
    }
}

fn resolved_place(root: &Path, place: &Place) -> Place {
    match place {
        Place::Path(path) => {
            let path = below(root, path);
            Place::Path(path.canonicalize().unwrap_or(path))
        }
        other => other.clone(),
    }
}

fn open_node(root: &Path, wish: &PortWish, picked: &Picked) -> Result<OwnedFd, Absent> {
    let node = picked.node.as_path();
    let opened = match wish.need.kind {
        PortSort::Usb => {
            let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY;
            rustix::fs::open(node, flags, Mode::empty()).map_err(Refused::from)
        }
        PortSort::Serial | PortSort::Stream => serial::open_line(node, &wish.need),
    };
    opened.map_err(|refused| why_not(root, wish, picked, refused))
}

fn why_not(root: &Path, wish: &PortWish, picked: &Picked, refused: Refused) -> Absent {
    let node = picked.node.as_path();
    let name = node.display();
    match refused {
        Refused::Busy => {
            let by = holder(root, node).unwrap_or_else(|| "another program".to_owned());
            let says = format!("{name} is used by {by}: stop that, or tell it to leave this port");
            Absent::new(wish, Cause::Taken, says).again(BUSY_AGAIN)
        }
        Refused::NoLine => Absent::new(
            wish,
            Cause::Unclear,
            format!("{name} is no serial port: name another"),
        ),
        Refused::Setting(what) => {
            let says = format!("{name} cannot be set as the device needs it: {what}");
            Absent::new(wish, Cause::Broken, says)
        }
        Refused::System(Errno::ACCESS | Errno::PERM) => {
            let id = picked.usb.as_ref().map(|usb| usb.id.as_str());
            let todo = permission(root, node, id.filter(|_| wish.need.kind == PortSort::Usb));
            Absent::new(
                wish,
                Cause::Denied,
                format!("this user may not use {name}: {todo}"),
            )
        }
        Refused::System(Errno::NOENT | Errno::NXIO | Errno::NODEV) => {
            // Its node may stay a moment longer than itself, or come a moment earlier.
            let says = format!("{name} is not there: plug it in and switch it on");
            Absent::new(wish, Cause::NotThere, says).again(BUSY_AGAIN)
        }
        Refused::System(error) => {
            let says = format!("failed to open {name}: {error}");
            Absent::new(wish, Cause::Broken, says).again(BUSY_AGAIN)
        }
    }
}

pub(super) async fn connect(wish: &PortWish) -> Result<OpenPort, Absent> {
    let Some(Place::Address(address)) = &wish.place else {
        let name = &wish.need.name;
        let says = format!("nobody says where it is: `ports = {{ {name} = \"HOST:PORT\" }}`");
        return Err(Absent::new(wish, Cause::Unclear, says));
    };
    let line = stream::connect(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::TimedOut => {
                "it does not answer: is it switched on and in the network?".to_owned()
            }
            ErrorKind::ConnectionRefused => {
                "it takes no connection at that port: is that its address?".to_owned()
            }
            _ => error.to_string(),
        };
        Absent::new(wish, Cause::NotThere, format!("{address}: {why}"))
    })?;
    Ok(OpenPort {
        name: wish.need.name.clone(),
        called: address.clone(),
        picked: None,
        line,
    })
}
