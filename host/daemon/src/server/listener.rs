// SPDX-License-Identifier: MIT OR Apache-2.0
//! Accepts connections: bounded in number, in the time a request head may take, and in its size.

use super::arrival::{Arrival, Channel, Names};
use super::limits::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_TIMEOUT};
use crate::host::HostError;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The register API's listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// At the configured address.
    pub(super) named: TcpListener,
    /// At the other loopback address with the same port: `localhost` means either.
    pub(super) twin: Option<TcpListener>,
}

/// Binds the register API's port, at both loopback addresses. There is no fallback port, so that
/// nobody can sit between a register and the real host.
pub(crate) async fn bind(address: SocketAddr) -> Result<Listeners, HostError> {
    let named = bind_one(address).await?;
    let failed = |source| HostError::Listen {
        place: address.to_string(),
        source,
    };
    let port = named.local_addr().map_err(failed)?.port();
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let mut others = loopback.into_iter().filter(|ip| *ip != address.ip());
    let twin = match (others.next(), others.next()) {
        (Some(other), None) => bind_one(SocketAddr::new(other, port)).await,
        // An address of its own, as 127.0.0.2: it has no twin.
        _ => return Ok(Listeners { named, twin: None }),
    };
    match twin {
        Ok(twin) => Ok(Listeners {
            named,
            twin: Some(twin),
        }),
        // Somebody else is called localhost too, unless the port was ours to choose.
        Err(taken @ HostError::PortTaken { .. }) if address.port() != 0 => Err(taken),
        Err(absent) => {
            tracing::debug!("only {} is served: {absent}", address.ip());
            Ok(Listeners { named, twin: None })
        }
    }
}

async fn bind_one(address: SocketAddr) -> Result<TcpListener, HostError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => HostError::PortTaken {
                address,
                holder: holder(address),
            },
            _ => HostError::Listen {
                place: address.to_string(),
                source,
            },
        })
}

/// Who listens at an address, as /proc tells it.
fn holder(address: SocketAddr) -> String {
    let advice = "stop it, or listen elsewhere with `--listen`";
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
pub(super) async fn serve(listeners: Listeners, router: Router) {
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let Listeners { named, twin } = listeners;
    let Ok(port) = named.local_addr().map(|address| address.port()) else {
        return;
    };
    let router = router.layer(Extension(Arrival {
        channel: Channel::Plain,
        names: Arc::new(Names::loopback(port, false)),
    }));
    loop {
        let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = named.accept() => accepted,
            accepted = accept(twin.as_ref()) => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    connection(stream, router).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: those that close make room.
                tracing::warn!("failed to accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Never, where there is no listener.
async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Nagle with delayed acknowledgement would cost 40 ms an answer.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection ended: {error}");
    }
}
