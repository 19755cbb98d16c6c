// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that `payhal doctor` finds what is wrong, with the host running and with the host down,
//! and that a script can go by its exit code.

use crate::host::{Host, Process, Setup, from_xtask, soon, state_of};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// What it says in this shop, as JSON or in words, and its exit code.
async fn doctor(folder: &Path, words: &[&str]) -> (String, i32) {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .arg("doctor")
        .args(words)
        .arg("--config")
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
    let status = soon("the doctor's word", ended).await;
    (said, status.code().unwrap())
}

async fn findings(folder: &Path) -> (Value, i32) {
    let (said, code) = doctor(folder, &["--json"]).await;
    (serde_json::from_str(&said).unwrap(), code)
}

/// The level of the finding with this area and title, which says what to do if it is not well.
#[track_caller]
fn level<'a>(found: &'a Value, area: &str, title: &str) -> &'a str {
    let all = found["findings"].as_array().unwrap();
    let one = all
        .iter()
        .find(|one| one["area"] == area && one["title"] == title);
    let one = one.unwrap_or_else(|| panic!("no {area}, {title} in {found:#}"));
    let level = one["level"].as_str().unwrap();
    let bad = level == "warn" || level == "fail";
    assert_eq!(one["todo"].is_string(), bad, "{one:#}");
    level
}

#[tokio::test]
async fn it_asks_a_running_host_and_looks_by_itself_at_one_that_is_down() {
    // Beside the runner of these tests nothing is installed where the doctor would look by itself.
    let plugins = format!("[{:?}]", from_xtask("PAYHAL_PLUGINS"));
    let rules = "[plugins]\nallow_unsigned = true\n";
    let setup = Setup::readers(1).host("plugins", &plugins).rules(rules);
    let host = Host::start(&setup).await;
    let (up, code) = findings(host.folder()).await;
    assert_eq!(up["running"], true);
    assert_eq!(level(&up, "host", "Host"), "ok");
    assert_eq!(level(&up, "access", "Access"), "warn", "it is open");
    assert_eq!(level(&up, "devices", "reader-1"), "ok");
    assert_eq!(level(&up, "gateways", "sandbox"), "ok");
    assert_eq!(level(&up, "confinement", "Runners"), "ok");
    assert_eq!(level(&up, "process", "Core files"), "ok");
    for title in ["State folder", "Owners", "Secret files"] {
        assert_eq!(level(&up, "state", title), "ok", "{title}");
    }
    for (area, title) in [
        ("journal", "Journal"),
        ("clock", "Date"),
        ("plugins", "Configured"),
    ] {
        assert_eq!(level(&up, area, title), "ok", "{title}");
    }
    assert_eq!(code, 1, "access is open, and that is a warning");
    let (words, code_of_words) = doctor(host.folder(), &[]).await;
    assert_eq!(code_of_words, 1);
    assert!(words.contains("WARN  Access: it is open"), "{words}");

    let (_, folder) = host.stop().await;
    let (down, code) = findings(folder.path()).await;
    assert_eq!(down["running"], false);
    assert_eq!(level(&down, "host", "Host"), "warn");
    assert_eq!(level(&down, "journal", "Journal"), "ok");
    let areas = down["findings"].as_array().unwrap().iter();
    assert!(areas.clone().all(|one| one["area"] != "devices"));
    // The runner is found beside the program, if it lies there; nothing else may fail.
    let failed = areas.filter(|one| one["level"] == "fail" && one["title"] != "Runner");
    assert_eq!(failed.collect::<Vec<_>>(), [&Value::Null; 0]);
    assert!([1, 2].contains(&code), "{code}");
}

#[tokio::test]
async fn a_secret_that_others_may_read_fails_with_the_host_up_and_down() {
    let host = Host::start(&Setup::readers(1)).await;
    let journal = host.state().join("journal.sqlite");
    let open = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&journal, mode).unwrap();
    };
    open(0o644);
    let (up, code) = findings(host.folder()).await;
    assert_eq!((level(&up, "state", "Secret files"), code), ("fail", 2));
    let text = up.to_string();
    assert!(text.contains("journal.sqlite"), "{text}");
    let (_, folder) = host.stop().await;
    open(0o640);
    let (down, code) = findings(folder.path()).await;
    assert_eq!((level(&down, "state", "Secret files"), code), ("fail", 2));
    open(0o600);
    let (down, _) = findings(folder.path()).await;
    assert_eq!(level(&down, "state", "Secret files"), "ok");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), "[host]\nlisten = 7\n").unwrap();
    let (found, code) = findings(folder.path()).await;
    assert_eq!(level(&found, "host", "Configuration"), "fail");
    assert_eq!(level(&found, "state", "State folder"), "warn");
    assert_eq!(code, 2);
}
