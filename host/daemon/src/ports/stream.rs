// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connects to a device at the network: a connection that stays for as long as its runner.

use super::limits::{CONNECT, KEEPALIVE, KEEPALIVE_TIMES};
use rustix::net::sockopt;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::OwnedFd;
use tokio::net::TcpStream;

/// Connects. Reads of the descriptor wait.
pub(super) async fn connect(address: &str) -> Result<OwnedFd> {
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address));
    let stream = connecting
        .await
        .map_err(|_| Error::from(ErrorKind::TimedOut))??;
    // Nagle with delayed acknowledgement costs 44 ms an exchange.
    stream.set_nodelay(true)?;
    // A cable that is pulled says nothing, and a device that waits for a card says nothing either.
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(&stream, KEEPALIVE)?;
    sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_TIMES)?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream.into())
}
