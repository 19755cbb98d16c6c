// SPDX-License-Identifier: MIT OR Apache-2.0
//! A pinpad on a serial line, from its key and its tables to what the gateway has in its books.

use super::line::Noise;
use super::{ABECS, OnLine, error, folder, open};
use crate::host::{GATEWAY, from_xtask, soon, state_of};
use crate::register::sale;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::{ErrorName, MoneyMoved};
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

const SLOT: &str = "pinpad";

/// A pinpad on a line.
pub(super) fn configured(name: &str, line: &Path, more: &str) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nplugin = \"abecs-pinpad\"\n\
         ports = {{ main = \"{}\" }}\nconfig = {{ key_slot = \"{SLOT}\", test_keys = true{more} }}\n",
        line.display()
    )
}

/// A base key at the gateway, before its first pinpad.
pub(super) async fn new_base_key(folder: &Path) {
    let of_gateway = ["--gateway", GATEWAY, "--slot", SLOT];
    let new = ["new-bdk", "--scheme", "dukpt-tdes"];
    keys(folder, &[&new[..], &of_gateway[..]].concat()).await;
}

/// A pinpad with a key of its own and without tables.
pub(super) async fn start(folder: &Path, name: &str) -> OnLine {
    let inject = ["inject", "--device", name];
    let of_gateway = ["--gateway", GATEWAY, "--slot", SLOT];
    keys(folder, &[&inject[..], &of_gateway[..]].concat()).await;
    let state = state_of(folder);
    let options = ["--state", state.to_str().unwrap(), "--device", name];
    let bare = ["--tables", "none", "--seed", "1"];
    let options = [&options[..], &bare[..]].concat();
    OnLine::start(ABECS, folder, name, &options).await
}

async fn keys(folder: &Path, words: &[&str]) {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .arg("keys")
        .args(words)
        .arg("--state")
        .arg(state_of(folder))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = soon("the end of payhal keys", command.output()).await;
    let output = output.unwrap();
    let said = output.stderr.escape_ascii();
    assert!(output.status.success(), "{words:?}: {said}");
}

#[tokio::test]
async fn a_pinpad_reads_every_card_and_the_gateway_has_what_it_read() {
    let folder = folder();
    new_base_key(folder.path()).await;
    let mut pinpad = start(folder.path(), "counter").await;
    let _cable = pinpad.plug(Noise::NONE);
    let devices = configured("counter", &pinpad.line, "");
    let (host, register) = open(folder, &devices).await;
    register.until_state("counter", DeviceState::Ready).await;
    let parameters = register.device("counter").await.emv_parameters;
    assert_eq!(parameters.as_deref(), Some("sandbox 1"));

    let cards = [
        ("insert visa-pin", 1250),
        ("tap visa-approve", 990),
        ("swipe stripe-only", 770),
    ];
    for (card, minor) in cards {
        pinpad.device.does(card).await;
        let sold = register.sell_alone(&sale(card, minor, "counter")).await;
        let sold = sold.approved();
        assert_eq!(sold.amounts.approved.unwrap().minor, minor, "{card}");
    }
    pinpad.device.does("insert visa-decline").await;
    let declined = error(register.sell_alone(&sale("no", 500, "counter")).await);
    assert_eq!(
        (declined.name, declined.money_moved),
        (ErrorName::Declined, MoneyMoved::No)
    );
    let begun = register.begin(&sale("cancelled", 600, "counter")).await;
    begun.cancel().await;
    let cancelled = error(begun.end().await);
    assert_eq!(
        (cancelled.name, cancelled.money_moved),
        (ErrorName::Cancelled, MoneyMoved::No)
    );
    // And is no worse for it.
    pinpad.device.does("insert visa-approve").await;
    let last = register.sell_alone(&sale("last", 880, "counter")).await;
    last.approved();

    host.ledger().assert(&[
        ("sale", "approved", 1250),
        ("sale", "approved", 990),
        ("sale", "approved", 770),
        ("sale", "declined", 0),
        ("sale", "approved", 880),
    ]);
    let books = pinpad.device.books().await;
    let reads = books.iter().filter(|booked| booked["kind"] == "read");
    assert_eq!(reads.count(), 5, "{books:?}");
    // Chips alone hear of the answer.
    let completed = books.iter().filter(|booked| booked["kind"] == "completed");
    let accepted: Vec<_> = completed.map(|booked| &booked["accepted"]).collect();
    assert_eq!(accepted, [true, false, true], "{books:?}");
}
