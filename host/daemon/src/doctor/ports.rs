// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports: whether the host has its own, and who has them otherwise.

use super::{Scene, fail, note, ok};
use crate::server::port_holder;
use payhal_protocol::diagnose::Finding;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

const AREA: &str = "ports";

pub(super) fn check(scene: &Scene, running: bool) -> Vec<Finding> {
    let listeners = scene.listeners.iter();
    listeners
        .map(|(address, option)| port(*address, option, running))
        .collect()
}

fn port(address: SocketAddr, option: &str, running: bool) -> Finding {
    let title = match option {
        "--listen" => "Register API",
        "--tls-listen" => "Register API with TLS",
        _ => "Shop network",
    };
    if address.port() == 0 {
        return note(AREA, title, "any free port, as it was asked to take");
    }
    if running {
        return ok(AREA, title, format!("the host listens on {address}"));
    }
    match TcpListener::bind(address) {
        Ok(_) => ok(AREA, title, format!("{address} is free for the host")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let says = format!("{address}: {}", port_holder(address, option));
            let todo = "If that is a host of another state folder, as a demonstration is, name its folder \
                        with `--state`. Else stop it: registers look for the host at its usual port.";
            fail(AREA, title, says, todo)
        }
        Err(error) => {
            let says = format!("{address} cannot be listened on: {error}");
            let todo = "Give the machine that address, or name another one in the configuration.";
            fail(AREA, title, says, todo)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn a_taken_port_is_told_with_its_holder() {
        let (_folder, mut scene) = scene();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        scene
            .listeners
            .push((taken.local_addr().unwrap(), "--listen"));
        let found = check(&scene, false);
        assert_eq!(level(&found, "Register API"), FindingLevel::Fail);
        let own = format!("process {}", std::process::id());
        assert!(titled(&found, "Register API").says.contains(&own));
        // It is the host's own then.
        assert_eq!(
            level(&check(&scene, true), "Register API"),
            FindingLevel::Ok
        );
        drop(taken);
        assert_eq!(
            level(&check(&scene, false), "Register API"),
            FindingLevel::Ok
        );
    }

    #[test]
    fn an_address_of_another_machine_is_told() {
        let (_folder, mut scene) = scene();
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 7_427));
        scene.listeners.push((elsewhere, "lan.listen"));
        assert_eq!(
            level(&check(&scene, false), "Shop network"),
            FindingLevel::Fail
        );
    }
}
