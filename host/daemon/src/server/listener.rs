// SPDX-License-Identifier: MIT OR Apache-2.0
//! Accepts connections: plain and TLS on loopback, TLS alone in the shop's network; bounded in
//! number, in the time a handshake and a request head may take, and in size.
//!
//! Knows nothing of what is said on them.

use super::arrival::{Arrival, Channel, Names};
use super::limits::{ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT};
use super::seats::{Seat, Seats};
use crate::audit::{Action, Actor, Audit};
use crate::audit_left;
use crate::clock::wall_micros;
use crate::config::Config;
use crate::host::HostError;
use crate::tls::{self, Keyring};
use axum::Router;
use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The register API's listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    plain: Twins,
    tls: Option<Twins>,
    network: Option<TcpListener>,
}

/// Both loopback addresses with one port: `localhost` means either.
#[derive(Debug)]
struct Twins {
    named: TcpListener,
    twin: Option<TcpListener>,
}

/// Where a host listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// Loopback, without TLS.
    pub(crate) plain: SocketAddr,
    /// Loopback, with TLS, as `localhost`.
    pub(crate) tls: Option<SocketAddr>,
    /// The shop's network.
    pub(crate) network: Option<SocketAddr>,
}

/// One listener, ready to answer.
pub(super) struct Open {
    listener: TcpListener,
    names: Arc<Names>,
    /// TLS, if it has any.
    keyring: Option<Arc<Keyring>>,
}

/// Binds every port of the register API. There is no fallback port, so that nobody can sit between a
/// register and the real host.
pub(crate) async fn bind(config: &Config) -> Result<Listeners, HostError> {
    raise_descriptors();
    let plain = bind_twins(config.listen, "--listen").await?;
    let tls = match config.tls.listen {
        Some(address) => Some(bind_twins(address, "--tls-listen").await?),
        None => None,
    };
    let network = match &config.tls.network {
        Some(network) => Some(bind_one(network.listen, "lan.listen").await?),
        None => None,
    };
    Ok(Listeners {
        plain,
        tls,
        network,
    })
}

/// A connection is a descriptor, and systems give few unless they are asked: usually 1,024 of half a
/// million.
fn raise_descriptors() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("few connections are possible: {error}");
    }
}

impl Listeners {
    /// Where they listen.
    fn addresses(&self) -> std::io::Result<Addresses> {
        let of = |listener: &TcpListener| listener.local_addr();
        Ok(Addresses {
            plain: of(&self.plain.named)?,
            tls: self.tls.as_ref().map(|tls| of(&tls.named)).transpose()?,
            network: self.network.as_ref().map(of).transpose()?,
        })
    }

    /// Gives each of them its names and certificates, made now if there are none.
    pub(super) fn open(
        self,
        config: &Config,
        host_id: &str,
    ) -> Result<(Vec<Open>, Addresses), HostError> {
        let mut addresses = self.addresses().map_err(|source| HostError::Listen {
            place: config.listen.to_string(),
            source,
        })?;
        let now = wall_micros() / 1_000_000;
        let folder = tls::folder(&config.state);
        let mut all = Vec::new();
        let names = Names::loopback(addresses.plain.port(), false);
        self.plain.open(names, None, &mut all);
        if let (Some(twins), Some(address)) = (self.tls, addresses.tls) {
            match local(&config.state, host_id, now) {
                Some(keyring) => {
                    let names = Names::loopback(address.port(), true);
                    twins.open(names, Some(&Arc::new(keyring)), &mut all);
                }
                None => addresses.tls = None,
            }
        }
        if let (Some(listener), Some(network)) = (self.network, &config.tls.network) {
            let opened = network.keyring(&folder, host_id, now)?;
            if opened.made {
                let text = "a certificate for the listener in the shop's network was made";
                made(&config.state, text);
            }
            let keyring = opened.keyring;
            let address = addresses.network.unwrap_or(network.listen);
            all.push(Open {
                listener,
                names: Arc::new(Names::network(address, &network.names)),
                keyring: Some(Arc::new(keyring)),
            });
        }
        Ok((all, addresses))
    }
}

/// The certificates for loopback. Without them the plain listener still sells.
fn local(state: &std::path::Path, host_id: &str, now: i64) -> Option<Keyring> {
    match Keyring::open(&tls::folder(state), host_id, now) {
        Ok(opened) => {
            if let Some(story) = opened.story() {
                made(state, &story);
            }
            if let Some(why) = opened.remade {
                tracing::warn!(
                    "the certificates were made anew: {why}; say `payhal tls install` again, so \
                     that browsers trust them"
                );
            }
            Some(opened.keyring)
        }
        Err(error) => {
            tracing::error!("there is no TLS: {error}");
            None
        }
    }
}

/// Certificates were made, before the journal can be told.
fn made(state: &std::path::Path, text: &str) {
    let audit = Audit::new(&Actor::Host, Action::TlsMade, None, text);
    audit_left::leave_or_tell(state, &audit);
}

impl Twins {
    fn open(self, names: Names, keyring: Option<&Arc<Keyring>>, all: &mut Vec<Open>) {
        let names = Arc::new(names);
        let listeners = [Some(self.named), self.twin].into_iter().flatten();
        all.extend(listeners.map(|listener| Open {
            listener,
            names: Arc::clone(&names),
            keyring: keyring.cloned(),
        }));
    }
}

async fn bind_twins(address: SocketAddr, option: &str) -> Result<Twins, HostError> {
    let named = bind_one(address, option).await?;
    let failed = |source| HostError::Listen {
        place: address.to_string(),
        source,
    };
    let port = named.local_addr().map_err(failed)?.port();
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut others = loopback.into_iter().filter(|ip| *ip != address.ip());
    let twin = match (others.next(), others.next()) {
        (Some(other), None) => bind_one(SocketAddr::new(other, port), option).await,
        // An address of its own, as 127.0.0.2: it has no twin.
        _ => return Ok(Twins { named, twin: None }),
    };
    match twin {
        Ok(twin) => Ok(Twins {
            named,
            twin: Some(twin),
        }),
        // Somebody else is called localhost too, unless the port was ours to choose.
        Err(taken @ HostError::PortTaken { .. }) if address.port() != 0 => Err(taken),
        Err(absent) => {
            tracing::debug!("only {} is served: {absent}", address.ip());
            Ok(Twins { named, twin: None })
        }
    }
}

async fn bind_one(address: SocketAddr, option: &str) -> Result<TcpListener, HostError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => HostError::PortTaken {
                address,
                holder: holder(address, option),
            },
            _ => HostError::Listen {
                place: address.to_string(),
                source,
            },
        })
}

/// Who listens at an address, as /proc tells it.
pub(crate) fn holder(address: SocketAddr, option: &str) -> String {
    let advice = format!("stop it, or listen elsewhere with `{option}`");
    match listening_inode(address).and_then(process_with_socket) {
        Some((pid, name)) => format!("process {pid} (`{name}`) has this port; {advice}"),
        None => format!("another user's process has this port; {advice}"),
    }
}

/// Inode of the socket that listens at an address, or at all of them (proc(5), net/tcp).
fn listening_inode(address: SocketAddr) -> Option<u64> {
    const LISTEN: &str = "0A";
    let wanted = in_proc(address.ip());
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    tables
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|table| {
            table.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (ip, port) = fields.get(1)?.rsplit_once(':')?;
                let at_port = u16::from_str_radix(port, 16).ok()? == address.port();
                let at_ip = ip == wanted || ip.bytes().all(|digit| digit == b'0');
                let listens = *fields.get(3)? == LISTEN;
                (at_port && at_ip && listens).then(|| fields.get(9)?.parse().ok())?
            })
        })
}

/// An address as the kernel prints it: words of 32 bits, each in the machine's byte order.
fn in_proc(ip: IpAddr) -> String {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.as_chunks::<4>().0;
    words
        .iter()
        .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
        .collect()
}

fn process_with_socket(inode: u64) -> Option<(u32, String)> {
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let descriptors = std::fs::read_dir(process.path().join("fd")).ok()?;
        let has = descriptors.flatten().any(|descriptor| {
            std::fs::read_link(descriptor.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str())
        });
        let name = || std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        has.then(|| (pid, name().trim().to_owned()))
    })
}

/// Serves until the task is aborted. Connections are tasks of their own.
pub(super) async fn serve(listeners: Vec<Open>, router: Router) {
    let seats = Seats::default();
    let serving = listeners.iter().map(|open| accept(open, &router, &seats));
    join_all(serving).await;
}

async fn accept(open: &Open, router: &Router, seats: &Seats) {
    loop {
        match open.listener.accept().await {
            Ok((stream, _)) => {
                let guest = Guest {
                    names: Arc::clone(&open.names),
                    seat: seats.admit(),
                    router: router.clone(),
                };
                match &open.keyring {
                    None => tokio::spawn(guest.plain(stream)),
                    Some(keyring) => tokio::spawn(guest.tls(stream, Arc::clone(keyring))),
                };
            }
            Err(error) => {
                // Out of descriptors, most likely: those that close make room.
                tracing::warn!("failed to accept a connection: {error}");
                if !seats.drop_oldest() {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // Who was dropped closes in a turn of its own.
                tokio::task::yield_now().await;
            }
        }
    }
}

/// A connection and what serves it.
struct Guest {
    names: Arc<Names>,
    seat: Arc<Seat>,
    router: Router,
}

impl Guest {
    async fn plain(self, stream: TcpStream) {
        // Nagle with delayed acknowledgement would cost 40 ms an answer.
        if stream.set_nodelay(true).is_ok() {
            self.serve(stream, Channel::Plain).await;
        }
    }

    async fn tls(self, stream: TcpStream, keyring: Arc<Keyring>) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        // By the clock of this very moment: a host runs for months.
        let leaf = keyring.at(wall_micros() / 1_000_000);
        let handshake = TlsAcceptor::from(Arc::clone(&leaf.config)).accept(stream);
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake) => shaken,
            () = self.seat.lost() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let fingerprint = Arc::clone(&leaf.fingerprint);
                self.serve(stream, Channel::Tls { fingerprint }).await;
            }
            Ok(Err(error)) => tracing::debug!("a handshake failed: {error}"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S, channel: Channel)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let seat = Arc::clone(&self.seat);
        let arrival = Arrival {
            channel,
            names: self.names,
            seat: self.seat,
        };
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            arrival.seat.heard();
            request.extensions_mut().insert(arrival.clone());
            router.call(request)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::select! {
            served = served => {
                if let Err(error) = served {
                    tracing::debug!("a connection ended: {error}");
                }
            }
            () = seat.lost() => tracing::debug!("a connection was dropped for a newer one"),
        }
    }
}
