// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that the plugins of real devices sell through the real daemon: over TCP and over serial
//! lines (pseudo-terminals), with the simulated devices as programs of their own at the other end.
//! What registers are told is what stands in the devices' books, also over lines that spoil what
//! passes; a device whose cable is pulled again and again disturbs no other.

mod line;
mod noise;
mod pinpad;
mod simulated;
mod unplugging;

use crate::host::{GATEWAY, Host, OWN_PLUGINS, Setup, from_xtask, soon};
use crate::register::{Played, Register, Sale, eur, sale};
use line::{Cable, Noise};
use payhal_client::CallError;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState};
use payhal_client::protocol::payment::{RefundParams, VoidParams};
use payhal_client::protocol::{ErrorData, ErrorName, MoneyMoved};
use simulated::Simulated;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CONCERT: &str = "payhal-simulate-concert";
const ABECS: &str = "payhal-simulate-abecs";

/// A folder with the plugins of real devices in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = from_xtask("PAYHAL_DEVICE_PLUGINS");
    for plugin in std::fs::read_dir(&from).unwrap() {
        let plugin = plugin.unwrap();
        let to = folder.path().join(OWN_PLUGINS).join(plugin.file_name());
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(plugin.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    folder
}

/// A simulated device on a line of its own, and where the host finds it.
struct OnLine {
    device: Simulated,
    own: PathBuf,
    line: PathBuf,
}

impl OnLine {
    async fn start(program: &str, folder: &Path, name: &str, options: &[&str]) -> Self {
        let own = folder.join(format!("{name}-own"));
        let mut arguments = vec!["--pty", own.to_str().unwrap()];
        arguments.extend(options);
        Self {
            device: Simulated::start(program, &arguments).await,
            line: folder.join(name),
            own,
        }
    }

    /// A terminal where a customer is always there, and the amount decides.
    async fn terminal(folder: &Path, name: &str) -> Self {
        Self::start(CONCERT, folder, name, &["--auto"]).await
    }

    fn plug(&self, noise: Noise) -> Cable {
        Cable::plug(&self.own, &self.line, noise)
    }
}

/// A terminal on a serial line.
fn serial(name: &str, line: &Path) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nplugin = \"concert-terminal-serial\"\n\
         ports = {{ main = \"{}\" }}\nconfig = {{ answer_timeout_s = 8 }}\n",
        line.display()
    )
}

/// A terminal in the shop's network.
fn networked(name: &str, address: &str) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nplugin = \"concert-terminal\"\nnetwork = [\"{address}\"]\n\
         config = {{ address = \"{address}\", status_request = true, answer_timeout_s = 8 }}\n"
    )
}

/// A host with these devices, once its gateway is ready.
async fn open(folder: TempDir, devices: &str) -> (Host, Register) {
    open_as(folder, &Setup::readers(0).rules(devices)).await
}

async fn open_as(folder: TempDir, setup: &Setup) -> (Host, Register) {
    std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
    let host = Host::start_unready(folder, &[]).await;
    let register = host.register("till-1").await;
    let mut news = register.watch().await;
    soon("a gateway that is ready", async {
        loop {
            let listed = register.0.request(&GatewayListParams {}).await.unwrap();
            let mut gateways = listed.gateways.iter();
            if gateways.any(|gateway| {
                gateway.id.as_str() == GATEWAY && gateway.state == GatewayState::Ready
            }) {
                return;
            }
            news.next().await;
        }
    })
    .await;
    (host, register)
}

/// The details of the error that a payment ended with.
fn error(played: Played) -> ErrorData {
    match played.answer {
        Err(CallError::Rpc(error)) => *error.data.expect("an error of the host has details"),
        other => panic!("an error was expected, not {other:?}"),
    }
}

/// Where a simulator that listens is.
fn address(simulated: &Simulated) -> String {
    let words = simulated
        .place
        .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
    let mut addresses = words.filter(|word| word.contains(':'));
    let address = addresses.next_back();
    address.expect("it says its address").to_owned()
}

#[tokio::test]
async fn a_terminal_in_the_network_sells_is_refused_and_tells_what_got_lost() {
    let mut terminal = Simulated::start(CONCERT, &["--port", "0"]).await;
    let devices = networked("counter", &address(&terminal));
    let (_host, register) = open(folder(), &devices).await;
    register.until_state("counter", DeviceState::Ready).await;
    terminal.does("tap visa-approve").await;
    let sold = register.sell_alone(&sale("one", 1250, "counter")).await;
    assert_eq!(sold.approved().amounts.approved.unwrap().minor, 1250);
    terminal.does("refuse").await;
    let refused = error(register.sell_alone(&sale("two", 990, "counter")).await);
    assert_eq!(
        (refused.name, refused.money_moved),
        (ErrorName::Declined, MoneyMoved::No)
    );
    // It does what it was asked for, and hangs up without a word: it is asked.
    terminal.does("lost").await;
    terminal.does("tap visa-approve").await;
    let found = register.sell_alone(&sale("three", 770, "counter")).await;
    assert_eq!(found.approved().amounts.approved.unwrap().minor, 770);
    assert_eq!(terminal.moved("payment").await, [1250, 770]);
}

#[tokio::test]
async fn a_terminal_gives_back_and_takes_back_and_is_busy_with_something_else() {
    let mut terminal = Simulated::start(CONCERT, &["--port", "0"]).await;
    let devices = networked("counter", &address(&terminal));
    let (_host, register) = open(folder(), &devices).await;
    register.until_state("counter", DeviceState::Ready).await;
    terminal.does("busy").await;
    let busy = error(register.sell_alone(&sale("one", 1250, "counter")).await);
    assert_eq!(busy.money_moved, MoneyMoved::No, "{busy:?}");
    assert_eq!(terminal.books().await, Vec::<serde_json::Value>::new());

    terminal.does("tap visa-approve").await;
    let sold = register.sell_alone(&sale("two", 1250, "counter")).await;
    let sold = sold.approved().transaction_id;
    terminal.does("tap visa-approve").await;
    let void = register.0.void(&VoidParams::of("three", sold.clone()));
    Sale::new(void).end().await.approved();
    let again = register.0.void(&VoidParams::of("four", sold));
    let again = error(Sale::new(again).end().await);
    assert_eq!(again.name, ErrorName::NotAllowed);

    terminal.does("tap visa-approve").await;
    let mut credit = RefundParams::new("five", eur(300));
    credit.device = Some("counter".into());
    let given = Sale::new(register.0.refund(&credit)).end().await.approved();
    assert_eq!(given.amounts.approved.unwrap().minor, 300);
    for (kind, minor) in [("payment", 1250), ("reversal", 1250), ("credit", 300)] {
        assert_eq!(terminal.moved(kind).await, [minor], "{kind}");
    }
}
