// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conformance check of every plugin of a real device, with whole payments over noisy lines and
//! pulled cables beside its simulator's books: `payhal plugin check --noise --cuts`.

use std::fs;
use std::path::Path;

use super::{Run, Stopped};
use crate::{layout, workspace};

/// Exchanges of one driver.
const EXCHANGES: &str = "2000";

/// Checks one driver, or all that have a simulator.
pub(crate) fn run(run: &mut Run) -> Result<(), Stopped> {
    let driver = run.driver.clone();
    let (host, devices) = (run.layout()?, run.devices()?);
    let mut provable = layout::conformances()?;
    if let Some(driver) = &driver {
        let known: Vec<String> = provable.iter().map(|(id, _)| id.clone()).collect();
        provable.retain(|(id, _)| id == driver);
        if provable.is_empty() {
            let known = known.join(", ");
            return Err(Stopped::Failed(format!(
                "there is no driver {driver} with a simulator; there are {known}"
            )));
        }
    }
    let mut failed = Vec::new();
    for (id, conformance) in &provable {
        println!("--- {id}");
        let folder = devices.join(id);
        copy(conformance, &folder.join("conformance.toml"))?;
        let mut command = workspace::program(host.daemon.with_file_name("payhal-kit"));
        command.arg("check").arg(&folder).arg("--runner");
        command.arg(&host.runner);
        command.args(["--cuts", "--noise", EXCHANGES]);
        if workspace::run(&mut command).is_err() {
            failed.push(id.as_str());
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Stopped::Failed(format!(
            "not right over a noisy line: {}",
            failed.join(", ")
        ))),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Stopped> {
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| Stopped::Failed(format!("failed to copy {}: {error}", from.display())))
}
