// SPDX-License-Identifier: MIT OR Apache-2.0
//! A vendor's first afternoon: a plugin from `payhal plugin new` builds, passes its own tests and
//! `payhal plugin check`, and sells on a real daemon, with the kit's device at the other end of its
//! line.

use crate::host::{GATEWAY, Host, OWN_PLUGINS, Setup, from_xtask, soon, state_of};
use crate::register::sale;
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Declined;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

const PLUGIN: &str = "acme-reader";
const DEVICE: &str = "counter";

async fn run(program: &Path, words: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(program);
    command
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let what = format!("the end of {} {}", program.display(), words.join(" "));
    soon(&what, command.output()).await.unwrap()
}

/// Runs it to its good end; what it printed.
async fn done(program: &Path, words: &[&str], folder: &Path) -> String {
    let output = run(program, words, folder).await;
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {printed}{said}");
    printed
}

fn payhal() -> PathBuf {
    from_xtask("PAYHAL_BIN")
}

/// A new plugin in C below this folder, built.
async fn new_in_c(folder: &Path, kind: &str, name: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let words = ["plugin", "new", "--kind", kind, "--lang", "c", name];
    let said = done(&payhal(), &words, folder).await;
    assert!(said.contains("make check"), "{said}");
    let plugin = folder.join(name);
    done(Path::new("make"), &["CC=gcc"], &plugin).await;
    plugin
}

/// A new one passes its own tests, one of which is this, and the check, which makes this call.
async fn new_one_is_conformant(kind: &str, test: &str, call: &str) {
    let folder = tempfile::tempdir().unwrap();
    let plugin = new_in_c(folder.path(), kind, "acme-thing").await;
    let said = done(Path::new("make"), &["CC=gcc", "test"], &plugin).await;
    assert!(said.contains(&format!("ok: {test}")), "{said}");
    is_conformant(&plugin, call).await;
}

/// The check passes, and makes this call.
async fn is_conformant(plugin: &Path, call: &str) {
    let kit = payhal().with_file_name("payhal-kit");
    let runner = from_xtask("PAYHAL_RUNNER");
    let words = ["check", ".", "--runner", runner.to_str().unwrap()];
    let said = done(&kit, &words, plugin).await;
    let row = |line: &str| line.split_whitespace().take(2).eq(["ok", call]);
    assert!(said.lines().any(row), "{said}");
    assert!(said.contains("\nconformant: "), "{said}");
}

#[tokio::test]
async fn a_new_reader_in_c_passes_its_own_tests_and_the_check() {
    new_one_is_conformant("reader", "a recorded sale is read again", "present").await;
}

#[tokio::test]
async fn a_new_terminal_in_c_passes_its_own_tests_and_the_check() {
    new_one_is_conformant("terminal", "a payment is approved", "pay").await;
}

#[tokio::test]
async fn a_new_gateway_in_c_passes_its_own_tests_and_the_check() {
    new_one_is_conformant("gateway", "the seal is passed on", "authorize").await;
}

/// Where new plugins in Rust are built, so that what they depend on is compiled once for all of
/// them, and once for ever where this is not the first run.
const RUST_TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/new-plugins");

/// Longest build of a new plugin in Rust: the first one compiles all that the SDK depends on, on a
/// machine that compiles other things, too.
const BUILD_PATIENCE: Duration = Duration::from_secs(900);

/// Cargo's words in a folder outside of this workspace, without a network.
async fn cargo(word: &str, plugin: &Path) -> String {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command
        .arg(word)
        .current_dir(plugin)
        .env("CARGO_TARGET_DIR", RUST_TARGET)
        .env("CARGO_NET_OFFLINE", "true")
        // What is compiled here is never debugged, nor changed and compiled again.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTFLAGS", "--deny warnings")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(BUILD_PATIENCE, command.output()).await;
    let output = output.expect("cargo ends in time").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {word}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A new plugin in Rust is built without a warning, passes its own tests, one of which is this,
/// and the check, which makes this call.
async fn new_one_in_rust_is_conformant(kind: &str, test: &str, call: &str) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sdk = workspace.join("sdk");
    let folder = tempfile::tempdir().unwrap();
    let name = format!("acme-{kind}");
    let mut words = vec!["plugin", "new", "--kind", kind, "--lang", "rust", &name];
    words.extend(["--sdk", sdk.to_str().unwrap()]);
    done(&payhal(), &words, folder.path()).await;
    let plugin = folder.path().join(&name);
    // The versions that are on this machine.
    std::fs::copy(workspace.join("Cargo.lock"), plugin.join("Cargo.lock")).unwrap();
    let said = cargo("test", &plugin).await;
    assert!(
        said.contains(&format!("test tests::{test} ... ok")),
        "{said}"
    );
    cargo("build", &plugin).await;
    let library = format!("lib{}.so", name.replace('-', "_"));
    let built = Path::new(RUST_TARGET).join("debug").join(&library);
    std::fs::copy(built, plugin.join(&library)).unwrap();
    is_conformant(&plugin, call).await;
}

/// One after another, as they share a folder.
#[tokio::test]
async fn a_new_plugin_in_rust_of_each_kind_passes_its_own_tests_and_the_check() {
    for (kind, test, call) in [
        ("reader", "a_recorded_sale_is_read_again", "present"),
        (
            "terminal",
            "a_payment_is_approved_and_another_declined",
            "pay",
        ),
        (
            "gateway",
            "the_seal_is_passed_on_and_the_answer_comes_back",
            "authorize",
        ),
    ] {
        new_one_in_rust_is_conformant(kind, test, call).await;
    }
}

#[tokio::test]
async fn nothing_is_written_over_and_a_name_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let new = |name: &'static str| {
        let words = ["plugin", "new", "--kind", "reader", "--lang", "c", name];
        let folder = folder.path().to_owned();
        async move { run(&payhal(), &words, &folder).await }
    };
    assert!(new(PLUGIN).await.status.success());
    let readme = folder.path().join(PLUGIN).join("README.md");
    std::fs::write(&readme, "mine").unwrap();
    let again = new(PLUGIN).await;
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read_to_string(readme).unwrap(), "mine");
    assert!(!new("../out").await.status.success());
    assert!(!new("Acme").await.status.success());
}

/// The kit's device on a terminal of its own.
struct Played {
    _process: Child,
    hands: ChildStdin,
}

impl Played {
    async fn on(pty: &Path, state: &Path) -> Self {
        let mut process = Command::new(payhal())
            .args(["plugin", "play", "--device", DEVICE, "--pty"])
            .arg(pty)
            .arg("--state")
            .arg(state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = soon("the beeper", lines.next_line())
            .await
            .unwrap()
            .unwrap();
        assert!(first.starts_with("beeper on "), "{first}");
        // Whoever plays reads along.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            hands: process.stdin.take().unwrap(),
            _process: process,
        }
    }

    async fn does(&mut self, what: &str) {
        self.hands
            .write_all(format!("{what}\n").as_bytes())
            .await
            .unwrap();
        self.hands.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_new_reader_in_c_sells_on_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    new_in_c(&path.join(OWN_PLUGINS), "reader", PLUGIN).await;
    let pty = path.join("beeper");
    let device = format!(
        "[[device]]\nname = \"{DEVICE}\"\nplugin = \"{PLUGIN}\"\nports = {{ main = \"{}\" }}\n",
        pty.display()
    );
    let setup = Setup::readers(0).rules(&device);
    std::fs::write(path.join("shop.toml"), setup.text()).unwrap();
    let state = state_of(path);
    let place = ["--state", state.to_str().unwrap()];
    for line in [
        format!("keys new-bdk --gateway {GATEWAY} --slot beeper --scheme dukpt-aes"),
        format!("keys inject --device {DEVICE} --gateway {GATEWAY} --slot beeper"),
    ] {
        let words: Vec<_> = line.split(' ').chain(place).collect();
        done(&payhal(), &words, path).await;
    }
    let mut beeper = Played::on(&pty, &state).await;
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    register.until_state(DEVICE, DeviceState::Ready).await;

    beeper.does("tap").await;
    let approved = register
        .sell_alone(&sale("one", 1250, DEVICE))
        .await
        .approved();
    assert!(approved.approval_code.is_some());
    beeper.does("pin").await;
    register
        .sell_alone(&sale("two", 990, DEVICE))
        .await
        .approved();
    beeper.does("decline").await;
    let declined = register.sell_alone(&sale("three", 500, DEVICE)).await;
    declined.refused(ErrorName::Declined, Declined);
    host.ledger().assert(&[
        ("sale", "approved", 1250),
        ("sale", "approved", 990),
        ("sale", "declined", 0),
    ]);
}
