// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a register sells over TLS to the host whose certificate it knows and to no other, that
//! damaged certificates are made anew without a word lost in the plain part of the shop, and that
//! `payhal tls` gives trust and takes exactly that back.

use crate::audit::newest;
use crate::host::{Host, Setup, from_xtask, soon};
use crate::register::{Register, sale};
use payhal_client::{Client, Config};
use std::path::Path;
use std::process::{Command, Output};

/// `payhal tls …` for this host, in a home of its own.
fn tls(state: &Path, home: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command.arg("tls").args(words).arg("--state").arg(state);
    command.env("HOME", home).output().unwrap()
}

/// What `payhal tls status` says behind this word.
fn said(host: &Host, what: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let status = tls(&host.state(), home.path(), &["status", "--store", "nss"]);
    let text = String::from_utf8(status.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(what));
    let line = line.unwrap_or_else(|| panic!("{what}is not in {text}"));
    let (fingerprint, _) = line.split_once(',').unwrap();
    fingerprint.to_owned()
}

#[tokio::test]
async fn a_register_sells_over_tls_to_the_certificate_it_knows() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let shown = said(&host, "shown now ");
    let register = Register::connect(host.wss(&shown), "till-1").await;
    let hello = register.0.hello();
    assert_eq!(hello.certificate.as_deref(), Some(shown.as_str()));
    let sold = register
        .sell_alone(&sale("over-tls", 1_250, "reader-1"))
        .await;
    let sold = sold.approved();
    // One transaction, on whatever connection it is asked about.
    let plain = host.register("till-1").await;
    assert!(plain.0.hello().certificate.is_none());
    let again = plain.sell_alone(&sale("over-tls", 1_250, "reader-1")).await;
    assert_eq!(again.approved().transaction_id, sold.transaction_id);
}

#[tokio::test]
async fn another_certificate_is_refused_before_a_word_is_said() {
    let host = Host::start(&Setup::readers(1)).await;
    let authority = said(&host, "authority ");
    let config = Config::new("payhal-tests", "1").register("till-1");
    let refused = Client::connect_with(host.wss(&authority), config);
    assert!(soon("a refusal", refused).await.is_err());
}

#[tokio::test]
async fn damaged_certificates_are_made_anew_and_the_shop_sells_on() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let before = said(&host, "shown now ");
    let first = newest(&host, "tls.made").await.unwrap();
    let host = host.stop_and_restart().await;
    assert_eq!(said(&host, "shown now "), before, "whole ones are kept");
    assert_eq!(newest(&host, "tls.made").await, Some(first));
    std::fs::write(host.state().join("tls/leaf-2.pem"), "rubbish").unwrap();
    let host = host.stop_and_restart().await;
    let after = said(&host, "shown now ");
    assert_ne!(after, before);
    let again = newest(&host, "tls.made").await.unwrap();
    assert!(again.text.contains("anew"), "{again:?}");
    let log = std::fs::read_to_string(host.folder().join("daemon.log")).unwrap();
    assert!(log.contains("payhal tls install"), "{log}");
    let register = Register::connect(host.wss(&after), "till-1").await;
    register
        .sell_alone(&sale("after", 500, "reader-1"))
        .await
        .approved();
}

#[tokio::test]
async fn trust_is_given_shown_and_taken_back() {
    let host = Host::start(&Setup::readers(1)).await;
    let home = tempfile::tempdir().unwrap();
    let run = |word| {
        let done = tls(&host.state(), home.path(), &[word, "--store", "nss"]);
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, text) = run("install");
    if text.contains("libnss3-tools") {
        // Without the tool, its package is named and nothing is half done.
        assert_eq!(code, Some(1), "{text}");
        return;
    }
    assert_eq!(code, Some(0), "{text}");
    let entry = newest(&host, "tls.installed").await.unwrap();
    assert!(entry.actor.contains("command line"), "{entry:?}");
    assert_eq!(entry.subject.as_deref(), Some("nss"));
    for (word, code, says) in [
        ("install", 0, "was trusted already"),
        ("status", 0, ": trusted"),
        ("remove", 0, "is no longer trusted"),
        ("remove", 0, "was not trusted"),
        ("status", 1, ": not trusted"),
        ("install", 0, "is trusted now"),
    ] {
        let (ended, text) = run(word);
        assert!(
            text.contains(says) && ended == Some(code),
            "{word}: {ended:?} {text}"
        );
    }
}
