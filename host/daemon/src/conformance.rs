// SPDX-License-Identifier: MIT OR Apache-2.0
//! The WebSocket of the register API without the register API, for conformance tests. It is in no
//! command and no configuration.

use tokio::net::TcpListener;

/// Sends every message back over the very settings that registers get, but for the length of a
/// message: conformance cases have longer ones.
///
/// # Errors
/// When nothing can be accepted any more.
pub async fn echo(listener: TcpListener) -> std::io::Result<()> {
    crate::server::echo(listener).await
}
