// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what keeps plugins is in force in every thread of every runner, by the kernel's own
//! word, and that the operator is told what each plugin may touch, with the host up and down.

use crate::host::{GATEWAY, Host, Process, Setup, from_xtask, soon, state_of};
use payhal_client::protocol::explain::{AccessRow, PluginExplainParams, PluginExplainResult};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

const READER: &str = "virtual-reader";

fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {status}"));
    value.trim().to_owned()
}

#[tokio::test]
async fn every_thread_of_every_runner_is_confined() {
    let host = Host::start(&Setup::readers(2)).await;
    for instance in ["reader-1", "reader-2", GATEWAY] {
        let process = format!("/proc/{}", host.runner(instance).as_raw_nonzero());
        let mut threads = 0;
        for thread in std::fs::read_dir(format!("{process}/task")).unwrap() {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            for (name, value) in [
                ("NoNewPrivs:", "1"),
                // A filter, and one of each kind of refusal.
                ("Seccomp:", "2"),
                ("Seccomp_filters:", "2"),
                ("CapEff:", "0000000000000000"),
                ("CapPrm:", "0000000000000000"),
            ] {
                assert_eq!(field(&status, name), value, "{instance} {name}");
            }
            threads += 1;
        }
        assert!(threads > 2, "a thread for each lane: {threads}");
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name));
            let mut both = line.unwrap().split_whitespace();
            both.nth(1).unwrap().to_owned()
        };
        assert_eq!(limit("Max core file size"), "0");
        assert_eq!(limit("Max address space"), (1 << 30).to_string());
    }
}

async fn explained(host: &Host, plugin: &str) -> PluginExplainResult {
    let params = PluginExplainParams {
        plugin: plugin.to_owned(),
    };
    let operator = host.operator().await;
    soon("an explanation", operator.0.request(&params))
        .await
        .unwrap()
}

fn about<'a>(answer: &'a PluginExplainResult, what: &str, instance: &str) -> &'a AccessRow {
    let of = |row: &&AccessRow| row.what == what && row.instance.as_deref() == Some(instance);
    let found = answer.rows.iter().find(of);
    found.unwrap_or_else(|| panic!("no {what} of {instance} in {answer:#?}"))
}

#[tokio::test]
async fn a_plugin_is_explained_as_it_runs() {
    let host = Host::start(&Setup::readers(2)).await;
    let answer = explained(&host, READER).await;
    for instance in ["reader-1", "reader-2"] {
        let own = state_of(host.folder()).join("instances").join(instance);
        let files = about(&answer, "Files", instance);
        assert!(files.access.contains(own.to_str().unwrap()), "{files:?}");
        let force = about(&answer, "In force", instance);
        for part in ["landlock:", "seccomp", "no_new_privs"] {
            assert!(force.access.contains(part), "{force:?}");
        }
        assert!(!force.exception, "{force:?}");
    }
    let answer = explained(&host, GATEWAY).await;
    about(&answer, "In force", GATEWAY);

    let params = PluginExplainParams {
        plugin: "nobody".to_owned(),
    };
    let operator = host.operator().await;
    let refused = soon("a refusal", operator.0.request(&params)).await;
    let refused = format!("{:?}", refused.unwrap_err());
    assert!(refused.contains("no plugin `nobody`"), "{refused}");
}

/// What the command line says of it in this shop.
async fn said(folder: &Path, plugin: &str) -> (String, i32) {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .args(["plugin", "explain", plugin, "--config"])
        .arg(folder.join("shop.toml"))
        .arg("--state")
        .arg(state_of(folder))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process(command.spawn().unwrap(), PathBuf::new());
    let mut said = String::new();
    let mut output = process.0.stdout.take().unwrap();
    let ended = async {
        output.read_to_string(&mut said).await.unwrap();
        process.0.wait().await.unwrap()
    };
    let status = soon("an explanation", ended).await;
    (said, status.code().unwrap())
}

#[tokio::test]
async fn the_command_line_tells_it_with_the_host_up_and_down() {
    let plugins = format!("[{:?}]", from_xtask("PAYHAL_PLUGINS"));
    let host = Host::start(&Setup::readers(1).host("plugins", &plugins)).await;
    let (up, code) = said(host.folder(), READER).await;
    assert_eq!(code, 0, "{up}");
    assert!(up.contains("seccomp"), "{up}");
    // Nobody has signed what lies in a folder of builds.
    assert!(up.contains("! Maker"), "{up}");
    let (_, folder) = host.stop().await;
    let (down, code) = said(folder.path(), READER).await;
    assert_eq!(code, 0, "{down}");
    assert!(down.contains("reader-1: it is not running"), "{down}");
    let same = |text: &str, what: &str| {
        let lines = text.lines().filter(|line| line.contains(what));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(same(&up, "Files"), same(&down, "Files"));
    let (nobody, code) = said(folder.path(), "nobody").await;
    assert_eq!((nobody.as_str(), code), ("", 1));
}
