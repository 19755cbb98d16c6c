// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages: what each proves, what it needs, and how it runs.
//!
//! Order: what fails fastest first.

use super::cases::{self, Pick};
use super::tools::Tool;
use super::{Run, Stopped, line_noise, register_sdks};
use crate::{fuzz, kill, simulate, workspace};

/// Cases of the binary `processes` that have a stage of their own.
const OWN_STAGE: &[&str] = &[
    "card_data",
    "evil",
    "failpoints",
    "kill",
    "load",
    "mounted",
    "plugin_check",
    "real_devices",
    "runner_kill",
    "stock_clients",
    "traced",
    "usb",
];

/// Stages that run when they are named, and with `--all`.
pub(crate) const SLOW: &[&str] = &["mutations"];

/// Seeds of the `simulation` stage; `cargo xtask simulate` runs more.
const SEEDS: u64 = 10_000;

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) proves: &'static str,
    pub(crate) needs: &'static [Tool],
    /// Measured on two cores from an empty target folder, rounded up with some room.
    pub(crate) seconds: u64,
    pub(crate) run: fn(&mut Run) -> Result<(), Stopped>,
}

pub(crate) const STAGES: [Stage; 35] = [
    Stage {
        name: "fmt",
        proves: "the code is formatted",
        needs: &[Tool::Rustfmt],
        seconds: 10,
        run: |_| cargo(&["fmt", "--all", "--check"]),
    },
    Stage {
        name: "tidy",
        proves: "imports, absences, names, lengths and forms of the house",
        needs: &[],
        seconds: 10,
        run: |_| Ok(crate::tidy::run()?),
    },
    Stage {
        name: "generate",
        proves: "checked-in schemas are those of the Rust types",
        needs: &[],
        seconds: 20,
        run: |_| Ok(crate::generate::check_all()?),
    },
    Stage {
        name: "clippy",
        proves: "no lint anywhere",
        needs: &[Tool::Clippy],
        seconds: 180,
        run: |_| {
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ])
        },
    },
    Stage {
        name: "unit",
        proves: "each crate by itself, and the examples in its documentation",
        needs: &[Tool::Gcc],
        seconds: 270,
        run: unit,
    },
    Stage {
        name: "abi",
        proves: "the C header and the Rust layouts agree (gcc)",
        needs: &[Tool::Gcc],
        seconds: 10,
        run: |_| cargo(&["test", "--package", "payhal-abi"]),
    },
    Stage {
        name: "abi-compilers",
        proves: "the same with clang and with a C++ compiler",
        needs: &[Tool::Gcc, Tool::Clang, Tool::Gpp],
        seconds: 10,
        run: |_| cargo(&["test", "--package", "payhal-abi"]),
    },
    Stage {
        name: "sdk-packages",
        proves: "the crates that plugins are built with are whole packages",
        needs: &[],
        seconds: 20,
        run: |_| {
            cargo(&[
                "package",
                "--allow-dirty",
                "--no-verify",
                "--package",
                "payhal-abi",
                "--package",
                "payhal-messages",
                "--package",
                "payhal-card-data",
                "--package",
                "payhal-plugin",
            ])
        },
    },
    Stage {
        name: "simulation",
        proves: "every invariant under faults, seed by seed, and with a crash at every effect",
        needs: &[],
        seconds: 70,
        run: |_| {
            cases::run("simulation", Pick::AllBut(&[]), |command| {
                simulate::of_seeds(command, 0, SEEDS);
            })
        },
    },
    Stage {
        name: "fuzz",
        proves: "whatever reads foreign bytes neither panics nor hangs nor hoards memory",
        needs: &[],
        seconds: 40,
        run: |_| Ok(fuzz::all()?),
    },
    Stage {
        name: "card-peers",
        proves: "DUKPT, PIN blocks, MACs, chip data and seals are what others' programs make",
        needs: &[Tool::Python, Tool::Venv],
        seconds: 50,
        run: register_sdks::card_peers,
    },
    Stage {
        name: "device-peers",
        proves: "others' tills sell on our simulated terminal, and our plugin on others' terminals",
        needs: &[Tool::Python, Tool::Venv],
        seconds: 60,
        run: register_sdks::device_peers,
    },
    Stage {
        name: "mutations",
        proves: "the simulation notices every deliberate mutation of what it proves",
        needs: &[],
        seconds: 270,
        run: |_| Ok(simulate::mutations::run(&[])?),
    },
    Stage {
        name: "processes",
        proves: "the real daemon, runners and journal together",
        needs: &[],
        seconds: 270,
        run: |run| processes(run, Pick::AllBut(OWN_STAGE)),
    },
    Stage {
        name: "card-data",
        proves: "no card is in the host's memory, files, logs or words, whatever happens",
        needs: &[],
        seconds: 40,
        run: |run| {
            let layout = run.layout()?;
            cases::run_seeing_memory("processes", Pick::Only("card_data"), |command| {
                layout.name_in(command);
            })
        },
    },
    Stage {
        name: "plugin-check",
        proves: "our plugins are conformant, and the conformance suite finds what is wrong",
        needs: &[Tool::Gcc],
        seconds: 20,
        run: |run| processes(run, Pick::Only("plugin_check")),
    },
    Stage {
        name: "line-noise",
        proves: "no noise and no pulled cable makes a plugin say what its device did not do",
        needs: &[],
        seconds: 210,
        run: line_noise::run,
    },
    Stage {
        name: "real-devices",
        proves: "real devices sell through the daemon, over noise and with cables pulled",
        needs: &[],
        seconds: 70,
        run: real_devices,
    },
    Stage {
        name: "runner-kill",
        proves: "a killed runner disturbs no other device, and its sale is resolved",
        needs: &[],
        seconds: 10,
        run: |run| processes(run, Pick::Only("runner_kill")),
    },
    Stage {
        name: "evil",
        proves: "a malicious plugin harms its own device only, and everybody sees which it was",
        needs: &[Tool::Gcc],
        seconds: 80,
        run: |run| processes(run, Pick::Only("evil")),
    },
    Stage {
        name: "failpoints",
        proves: "a death at any named point of any flow breaks no promise",
        needs: &[],
        seconds: 360,
        run: |run| Ok(kill::at_points(&run.layout()?)?),
    },
    Stage {
        name: "kill",
        proves: "SIGKILL at random moments under load breaks no promise",
        needs: &[],
        seconds: 20,
        run: |run| Ok(kill::at_random(&run.layout()?, kill::TIMES, 1)?),
    },
    Stage {
        name: "disk",
        proves: "system calls of the journal that fail lose nothing and charge nobody twice",
        needs: &[Tool::Strace],
        seconds: 20,
        run: |run| processes(run, Pick::Only("traced")),
    },
    Stage {
        name: "disk-full",
        proves: "nor does a disk without room",
        needs: &[Tool::Mounts],
        seconds: 30,
        run: |run| {
            let layout = run.layout()?;
            cases::run_with_mounts("processes", Pick::Only("mounted"), |command| {
                layout.name_in(command);
            })
        },
    },
    Stage {
        name: "usb",
        proves: "USB devices are told apart, unplugged and plugged in again while others sell",
        needs: &[Tool::Gcc, Tool::Qemu],
        seconds: 60,
        run: usb,
    },
    Stage {
        name: "load",
        proves: "every request gets one answer, and the ledger agrees",
        needs: &[],
        seconds: 10,
        run: |run| processes(run, Pick::Only("load")),
    },
    Stage {
        name: "sdk-js",
        proves: "the JavaScript SDK",
        needs: &[Tool::Node],
        seconds: 20,
        run: register_sdks::javascript,
    },
    Stage {
        name: "sdk-python",
        proves: "the Python SDK",
        needs: &[Tool::Python, Tool::Venv],
        seconds: 30,
        run: register_sdks::python,
    },
    Stage {
        name: "stock-clients",
        proves: "a sale by JSON-RPC clients that know nothing of payhal",
        needs: &[Tool::Node, Tool::Npm, Tool::Python, Tool::Venv],
        seconds: 90,
        run: register_sdks::stock_clients,
    },
    Stage {
        name: "browser",
        proves: "a sale in a browser, at the console",
        needs: &[Tool::Node, Tool::Npm, Tool::Chromium],
        seconds: 120,
        run: register_sdks::browser,
    },
    Stage {
        name: "first-sale",
        proves: "the first sale of a page of one's own, as its guide says it, timed",
        needs: &[Tool::Node, Tool::Npm, Tool::Chromium],
        seconds: 30,
        run: register_sdks::first_sale,
    },
    Stage {
        name: "conformance",
        proves: "the daemon's WebSocket passes every case of Autobahn",
        needs: &[Tool::Python, Tool::Venv],
        seconds: 20,
        run: register_sdks::conformance,
    },
    Stage {
        name: "hostile",
        proves: "no page, program or flood gets anything of a paired host, and a sale goes on",
        needs: &[Tool::Node, Tool::Npm, Tool::Chromium],
        seconds: 70,
        run: register_sdks::hostile,
    },
    Stage {
        name: "hostile-firefox",
        proves: "nor does a page in Firefox, which asks nobody",
        needs: &[Tool::Node, Tool::Npm, Tool::Firefox],
        seconds: 40,
        run: register_sdks::hostile_in_firefox,
    },
    Stage {
        name: "demo",
        proves: "the command of the README sells something",
        needs: &[],
        seconds: 20,
        run: demo,
    },
];

fn cargo(arguments: &[&str]) -> Result<(), Stopped> {
    Ok(workspace::run(workspace::cargo().args(arguments))?)
}

/// Everything but the binaries that have stages of their own.
fn unit(_: &mut Run) -> Result<(), Stopped> {
    let nextest = workspace::output(workspace::cargo().args(["nextest", "--version"])).is_ok();
    let whole = [
        "--workspace",
        "--exclude",
        "payhal-tests",
        "--exclude",
        "payhal-abi",
    ];
    let mut all = workspace::cargo();
    if nextest {
        all.args(["nextest", "run"]);
    } else {
        all.args(["test", "--lib", "--bins", "--tests"]);
    }
    workspace::run(all.args(whole))?;
    let lib = ["test", "--package", "payhal-tests", "--lib"];
    cargo(&[&lib[..], &["--", "--skip", "fuzz"]].concat())?;
    cargo(&["test", "--doc", "--workspace"])
}

/// On a free port and with a journal of its own, beside whatever demo is open.
fn demo(_: &mut Run) -> Result<(), Stopped> {
    let state = workspace::target().join(format!("demo/state-{}", std::process::id()));
    let mut command = workspace::cargo();
    command
        .args([
            "xtask",
            "demo",
            "--once",
            "--listen",
            "127.0.0.1:0",
            "--state",
        ])
        .arg(&state);
    let done = workspace::run(&mut command);
    if state.is_dir() {
        std::fs::remove_dir_all(&state)
            .map_err(|error| format!("failed to remove {}: {error}", state.display()))?;
    }
    Ok(done?)
}

/// In a machine of its own, which has USB; see `tests/usb`.
fn usb(run: &mut Run) -> Result<(), Stopped> {
    let layout = run.layout()?;
    let machine = workspace::root().join("tests/usb/machine.sh");
    let architecture = std::env::consts::ARCH.to_uppercase();
    cases::run("processes", Pick::Only("usb"), |command| {
        layout.name_in(command);
        // Cargo starts the cases through it.
        command
            .env(
                format!("CARGO_TARGET_{architecture}_UNKNOWN_LINUX_GNU_RUNNER"),
                &machine,
            )
            .env("PAYHAL_MACHINE", workspace::target().join("usb"));
    })
}

/// With the simulators of the devices as programs beside the daemon.
fn real_devices(run: &mut Run) -> Result<(), Stopped> {
    let (layout, devices) = (run.layout()?, run.devices()?);
    cases::run("processes", Pick::Only("real_devices"), |command| {
        layout.name_in(command);
        command.env("PAYHAL_DEVICE_PLUGINS", &devices);
    })
}

fn processes(run: &mut Run, pick: Pick) -> Result<(), Stopped> {
    let layout = run.layout()?;
    let (registers, readers) = (run.registers.to_string(), run.readers.to_string());
    cases::run("processes", pick, |command| {
        layout.name_in(command);
        command
            .env("PAYHAL_LOAD_REGISTERS", &registers)
            .env("PAYHAL_LOAD_READERS", &readers);
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_the_sum_fits_in_45_minutes() {
        let names: BTreeSet<&str> = STAGES.iter().map(|stage| stage.name).collect();
        assert_eq!(names.len(), STAGES.len());
        let sum: u64 = STAGES.iter().map(|stage| stage.seconds).sum();
        assert!(sum <= 45 * 60, "{sum} seconds");
    }
}
