// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal doctor`: what is well and what is not. It asks the host if one runs, and looks by itself
//! at what can be seen from outside.

use super::args::DoctorArgs;
use super::connect::by_socket;
use super::exit::{Exit, Failure};
use super::screen::{say, say_json};
use crate::config::{self, Config, ConfigError};
use crate::doctor::{self, Scene};
use payhal_client::Client;
use payhal_protocol::diagnose::{DiagnoseParams, DiagnoseResult, Finding, FindingLevel};
use serde_json::json;
use std::path::Path;

const AREA: &str = "host";

/// Looks, says what it found, and ends by the worst of it.
pub(super) async fn doctor(args: &DoctorArgs) -> Result<Exit, Failure> {
    let (config, mut all) = configuration(args)?;
    let scene = Scene::of(&config);
    let host = by_socket(&args.place).await;
    let running = host.is_some();
    match host {
        Some(host) => all.extend(ask(&host, &scene).await),
        None => {
            all.push(down(&scene));
            all.extend(doctor::outside(&scene, false));
        }
    }
    if args.json {
        let at = jiff::Timestamp::from_microsecond(scene.now_micros).unwrap_or_default();
        say_json(&json!({ "at": at.to_string(), "running": running, "findings": all }));
    } else {
        say(&words(&all));
    }
    Ok(match doctor::worst(&all) {
        FindingLevel::Ok | FindingLevel::Note => Exit::Ok,
        FindingLevel::Warn => Exit::DOCTOR_WARNS,
        FindingLevel::Fail => Exit::DOCTOR_FAILS,
    })
}

/// The configuration, or that of no file with what is wrong with this one.
fn configuration(args: &DoctorArgs) -> Result<(Config, Vec<Finding>), ConfigError> {
    const TITLE: &str = "Configuration";
    let overrides = args.place.overrides();
    match Config::load(&overrides) {
        Ok(config) => {
            let says = "every key and value of it is understood";
            Ok((config, vec![doctor::ok(AREA, TITLE, says)]))
        }
        Err(error) => {
            let state = config::state_folder(&overrides)?;
            let config = Config::parse("", Path::new("(defaults)"), &state, &overrides)?;
            let todo = "Put that line right; the host does not start with it.";
            let says = error.to_string();
            let finding = doctor::fail(AREA, TITLE, says.trim_end(), todo);
            Ok((config, vec![finding]))
        }
    }
}

const RUNNING: &str = "Host";

/// What the host finds, and what only this user's surroundings show.
async fn ask(host: &Client, scene: &Scene) -> Vec<Finding> {
    let theirs = &host.hello().host.version;
    let own = env!("CARGO_PKG_VERSION");
    let mut all = vec![if theirs == own {
        doctor::ok(AREA, RUNNING, format!("it runs, version {theirs}"))
    } else {
        let says = format!("it runs version {theirs}, and this program is {own}");
        let todo = "Restart the host, so that the installed one runs.";
        doctor::warn(AREA, RUNNING, says, todo)
    }];
    match host.request(&DiagnoseParams {}).await {
        Ok(DiagnoseResult { findings, .. }) => {
            // Of the same machine, but maybe of another user's home.
            let others = findings.into_iter();
            all.extend(others.filter(|finding| finding.area != doctor::BROWSERS));
            all.extend(doctor::browsers(scene));
        }
        Err(error) => {
            let says = format!("it does not say how it is: {error}");
            let todo = "Restart it, and look again.";
            all.push(doctor::fail(AREA, "Diagnosis", says, todo));
        }
    }
    all
}

fn down(scene: &Scene) -> Finding {
    let says = format!(
        "no host answers at {}: what only a running one knows was not looked at",
        scene.state.join("payhal.sock").display()
    );
    let todo = "Start it with `payhal serve`.";
    doctor::warn(AREA, RUNNING, says, todo)
}

/// Area by area, in the order in which they were looked at.
fn words(all: &[Finding]) -> String {
    let mut areas: Vec<&str> = Vec::new();
    for finding in all {
        if !areas.contains(&finding.area.as_str()) {
            areas.push(&finding.area);
        }
    }
    let mut lines = Vec::new();
    for area in areas {
        lines.push(area.to_owned());
        for finding in all.iter().filter(|finding| finding.area == area) {
            let mark = match finding.level {
                FindingLevel::Ok => "ok  ",
                FindingLevel::Note => "note",
                FindingLevel::Warn => "WARN",
                FindingLevel::Fail => "FAIL",
            };
            lines.push(format!("  {mark}  {}: {}", finding.title, finding.says));
            lines.extend(finding.todo.iter().map(|todo| format!("        -> {todo}")));
        }
    }
    let count = |level| all.iter().filter(|finding| finding.level == level).count();
    lines.push(format!(
        "{} looked at: {} fail, {} warn",
        all.len(),
        count(FindingLevel::Fail),
        count(FindingLevel::Warn)
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_area_by_area_with_what_to_do() {
        let all = [
            doctor::ok("disk", "Room", "much"),
            doctor::warn("tls", "Validity", "ends soon", "payhal tls install"),
            doctor::ok("disk", "Writing", "fast"),
        ];
        assert_eq!(
            words(&all),
            "disk\n  ok    Room: much\n  ok    Writing: fast\ntls\n  WARN  Validity: ends soon\n        \
             -> payhal tls install\n3 looked at: 0 fail, 1 warn"
        );
    }
}
