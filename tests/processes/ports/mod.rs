// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a plugin reaches its device by the ports that the host opens for it: a serial line
//! (a pseudo-terminal here, a real USB device in `usb`), a connection. A cable that is pulled takes
//! down that device only, is no crash, and heals when it is plugged in again.
//!
//! Owns the made-up pad, which never reads a card, and its plugin in C.

mod pad;
mod recording;
mod usb;

use crate::host::{Host, OWN_PLUGINS, Setup, soon};
use crate::register::{Played, Register, sale};
use pad::Pad;
use payhal_client::protocol::device::{DeviceState, DeviceSummary};
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState};
use payhal_client::protocol::plugins::{PluginInstance, PluginListParams};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The device with a port.
const PAD: &str = "pad";

/// The device beside it.
const OTHER: &str = "reader-1";

/// The pad's plugin, compiled once.
fn library() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let name = format!("libpad-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let output = Command::new("gcc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC"])
            .args(["-shared", "-I"])
            .arg(root.join("../sdk/abi/include"))
            .arg(root.join("processes/ports/pad.c"))
            .arg("-o")
            .arg(&library)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gcc refuses the plugin: {said}");
        library
    })
}

/// A folder with the pad's plugin in it, whose port is this.
fn folder(port: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join(OWN_PLUGINS).join("pad");
    std::fs::create_dir_all(&plugin).unwrap();
    let manifest = format!(
        "id = 'pad'\nname = 'Pad'\nversion = '1.0.0'\nabi = 1\nkind = 'reader'\nlibrary = 'pad'\n\
         [reader]\nentries = ['contactless']\nencrypts = true\n[[port]]\nname = 'main'\n{port}\n"
    );
    std::fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    std::fs::copy(library(), plugin.join("libpad.so")).unwrap();
    folder
}

fn device(name: &str, place: &str) -> String {
    format!("[[device]]\nname = \"{name}\"\nplugin = \"pad\"\nports = {{ main = \"{place}\" }}\n")
}

/// A host with these devices and a virtual reader.
async fn open(folder: TempDir, devices: &str) -> (Host, Register) {
    let setup = Setup::readers(1).rules(devices);
    std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
    let host = Host::start_unready(folder, &[]).await;
    let register = host.register("till-1").await;
    register.until_state(OTHER, DeviceState::Ready).await;
    let mut news = register.watch().await;
    soon("a gateway that is ready", async {
        loop {
            let listed = register.0.request(&GatewayListParams {}).await.unwrap();
            let mut gateways = listed.gateways.iter();
            if gateways.all(|gateway| gateway.state == GatewayState::Ready) {
                return;
            }
            news.next().await;
        }
    })
    .await;
    (host, register)
}

/// The device is not there, and these words say why.
async fn absent(register: &Register, name: &str, words: &str) {
    let mut news = register.watch().await;
    soon(&format!("{words:?} of {name}"), async {
        loop {
            let device = register.device(name).await;
            let said = device.state_text.as_deref().unwrap_or_default();
            if device.state == DeviceState::Unplugged && said.contains(words) {
                return;
            }
            news.next().await;
        }
    })
    .await;
}

/// The device is there, and has said who it is.
async fn ready(register: &Register, name: &str) -> DeviceSummary {
    register.until_state(name, DeviceState::Ready).await
}

/// A device as the operator sees it.
async fn instance(host: &Host, name: &str) -> PluginInstance {
    let operator = host.operator().await;
    let listed = operator.0.request(&PluginListParams {}).await.unwrap();
    let mut all = listed
        .plugins
        .into_iter()
        .flat_map(|plugin| plugin.instances);
    all.find(|instance| instance.name == name).unwrap()
}

/// A sale that its register knows to have moved nothing, and may try again.
fn nothing_moved(played: &Played) {
    let error = played.answer.as_ref().unwrap_err();
    let names = [ErrorName::PluginFailed, ErrorName::DeviceUnavailable];
    assert!(
        error.name().is_some_and(|name| names.contains(&name)),
        "{error:?}"
    );
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(
        (details.money_moved, details.retry),
        (MoneyMoved::No, Retry::SameKey)
    );
}

/// A sale waits at the device whose cable is pulled, and another one beside it, which ends well.
async fn pulled_mid_sale(host: &Host, register: &Register, name: &str, pull: impl FnOnce()) {
    let other = host.register("till-2").await;
    let mut params = sale("other", 999, OTHER);
    params.timeout_ms = Some(20_000);
    let waiting = other.begin(&params).await;
    let selling = register.begin(&sale("k", 1250, name)).await;
    pull();
    nothing_moved(&selling.end().await);
    other.show(OTHER, "tap", "visa-approve").await;
    waiting.end().await.approved();
}

#[tokio::test]
async fn a_line_is_plugged_in_pulled_mid_sale_and_plugged_in_again() {
    let folder = folder("kind = 'serial'\nbaud = 115200");
    let line = folder.path().join("line");
    let devices = device(PAD, line.to_str().unwrap());
    let (host, register) = open(folder, &devices).await;
    absent(&register, PAD, "plug it in").await;
    nothing_moved(&register.sell_alone(&sale("early", 1250, PAD)).await);
    let pad = Pad::on_line("A1", &line);
    let device = ready(&register, PAD).await;
    assert_eq!(device.serial_number.as_deref(), Some("A1"));
    assert_eq!(device.connection, "serial");
    let first = host.runner(PAD);
    pulled_mid_sale(&host, &register, PAD, || drop(pad)).await;
    absent(&register, PAD, "").await;
    nothing_moved(&register.sell_alone(&sale("late", 1250, PAD)).await);
    // Another pad, with another name for its line.
    let _pad = Pad::on_line("B2", &line);
    let device = ready(&register, PAD).await;
    assert_eq!(device.serial_number.as_deref(), Some("B2"));
    assert_ne!(
        host.runner(PAD),
        first,
        "a replugged device has a runner of its own"
    );
    let known = instance(&host, PAD).await;
    assert_eq!(known.restarts, 0, "a pulled cable is no crash: {known:?}");
    host.ledger().assert(&[("sale", "approved", 999)]);
}

#[tokio::test]
async fn a_connection_ends_mid_sale_and_is_made_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let devices = device(PAD, &address);
    let (host, register) = open(folder("kind = 'stream'"), &devices).await;
    let (connection, _) = soon("a connection", listener.accept()).await.unwrap();
    let pad = Pad::on_connection("A1", connection);
    assert_eq!(ready(&register, PAD).await.connection, "tcp");
    pulled_mid_sale(&host, &register, PAD, || drop(pad)).await;
    let (connection, _) = soon("another connection", listener.accept()).await.unwrap();
    let pad = Pad::on_connection("B2", connection);
    let device = ready(&register, PAD).await;
    assert_eq!(device.serial_number.as_deref(), Some("B2"));
    assert_eq!(instance(&host, PAD).await.restarts, 0);
    drop(listener);
    drop(pad);
    absent(&register, PAD, &address).await;
    host.ledger().assert(&[("sale", "approved", 999)]);
}

#[tokio::test]
async fn an_optional_port_that_comes_later_is_given_to_its_instance_when_it_is_idle() {
    let optional = "kind = 'serial'\n[[port]]\nname = 'printer'\nkind = 'serial'\noptional = true";
    let folder = folder(optional);
    let (line, printer) = (folder.path().join("line"), folder.path().join("printer"));
    let ports = format!(
        "ports = {{ main = \"{}\", printer = \"{}\" }}",
        line.display(),
        printer.display()
    );
    let devices = format!("[[device]]\nname = \"{PAD}\"\nplugin = \"pad\"\n{ports}\n");
    let _pad = Pad::on_line("A1", &line);
    let (host, register) = open(folder, &devices).await;
    let model = |device: &DeviceSummary| device.model.clone().unwrap_or_default();
    assert_eq!(model(&ready(&register, PAD).await), "Pad on main");
    let first = host.runner(PAD);
    let selling = register.begin(&sale("k", 1250, PAD)).await;
    let _printer = Pad::on_line("P1", &printer);
    // While it is used it stays as it is.
    let other = host.register("till-2").await;
    let sold = sale("other", 999, OTHER);
    other.sell(&sold, "tap", "visa-approve").await.approved();
    assert_eq!(host.runner(PAD), first);
    selling.cancel().await;
    selling.end().await.answer.unwrap_err();
    let mut news = register.watch().await;
    soon("the printer of the pad", async {
        while model(&register.device(PAD).await) != "Pad on main and printer" {
            news.next().await;
        }
    })
    .await;
    ready(&register, PAD).await;
    assert_eq!(instance(&host, PAD).await.restarts, 0, "that is no crash");
    host.ledger().assert(&[("sale", "approved", 999)]);
}

#[tokio::test]
async fn a_connection_that_ends_while_its_plugin_starts_is_no_crash() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let devices = device(PAD, &listener.local_addr().unwrap().to_string());
    let (host, register) = open(folder("kind = 'stream'"), &devices).await;
    // It is asked who it is, and hangs up.
    let (mut connection, _) = soon("a connection", listener.accept()).await.unwrap();
    let mut heard = [0; 4];
    let asked = tokio::io::AsyncReadExt::read_exact(&mut connection, &mut heard);
    soon("the question who it is", asked).await.unwrap();
    drop(connection);
    let (connection, _) = soon("another connection", listener.accept()).await.unwrap();
    let _pad = Pad::on_connection("A1", connection);
    ready(&register, PAD).await;
    let known = instance(&host, PAD).await;
    assert_eq!((known.restarts, known.last_error), (0, None));
}

#[tokio::test]
async fn a_device_is_used_by_one_instance_only() {
    let folder = folder("kind = 'serial'");
    let line = folder.path().join("line");
    let _pad = Pad::on_line("A1", &line);
    let place = line.to_str().unwrap();
    let devices = device("left", place) + &device("right", place);
    let (_host, register) = open(folder, &devices).await;
    let used = |device: &DeviceSummary| device.state == DeviceState::Ready;
    let mut news = register.watch().await;
    let (one, other) = soon("one that has the line", async {
        loop {
            let (left, right) = (
                register.device("left").await,
                register.device("right").await,
            );
            if used(&left) || used(&right) {
                break if used(&left) {
                    ("left", "right")
                } else {
                    ("right", "left")
                };
            }
            news.next().await;
        }
    })
    .await;
    absent(&register, other, &format!("used by `{one}`")).await;
}

#[tokio::test]
async fn a_place_that_cannot_be_is_named_with_what_to_write() {
    let devices = "[[device]]\nname = \"pad\"\nplugin = \"pad\"\n".to_owned();
    let (_host, register) = open(folder("kind = 'stream'"), &devices).await;
    absent(&register, PAD, "ports = { main = \"HOST:PORT\" }").await;
}
