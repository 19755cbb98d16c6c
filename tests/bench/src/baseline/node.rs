// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same bare WebSocket server, written for Node: what a shop's JavaScript service would cost.

use super::Server;
use crate::Failure;
use std::process::{Command, Stdio};

const SOURCE: &str = include_str!("node.mjs");

/// Starts it; `None` where there is no Node.
pub(crate) fn start() -> Result<Option<Server>, Failure> {
    if !is_there() {
        return Ok(None);
    }
    let mut command = Command::new("node");
    command.args(["--input-type=module", "--eval", SOURCE]);
    Server::start(&mut command).map(Some)
}

fn is_there() -> bool {
    let asked = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}
