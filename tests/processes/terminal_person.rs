// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that the person at the command line is told what a terminal waits for, why one takes no
//! payment, and what to do about it; and that doing it works.

use crate::host::{Process, Setup, from_xtask, soon, state_of};
use crate::terminal_desk::{AUTO, Desk, TERMINAL};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

/// Runs `payhal`, with the state folder of this desk; its two outputs, and its exit code.
async fn payhal(desk: &Desk, words: &[&str]) -> (String, String, i32) {
    let mut process = started(desk, words);
    let (mut said, mut told) = (String::new(), String::new());
    let mut output = process.0.stdout.take().unwrap();
    let mut errors = process.0.stderr.take().unwrap();
    let both = async {
        let (read, more) = tokio::join!(
            output.read_to_string(&mut said),
            errors.read_to_string(&mut told)
        );
        read.unwrap();
        more.unwrap();
        process.0.wait().await.unwrap()
    };
    let status = soon("the end of a command", both).await;
    (said, told, status.code().unwrap())
}

fn started(desk: &Desk, words: &[&str]) -> Process {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .args(words)
        .arg("--state")
        .arg(state_of(desk.host.folder()))
        .env("USER", "ann")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Process(command.spawn().unwrap(), PathBuf::new())
}

/// All of it is there.
#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    for words in wanted {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

#[tokio::test]
async fn whoever_waits_for_a_card_is_told_where_and_what_ends_it() {
    let desk = Desk::with("virtual-terminal", "{}").await;
    let mut sale = started(&desk, &["sale", "12.50", "EUR", "--device", TERMINAL]);
    let mut told = BufReader::new(sale.0.stderr.take().unwrap()).lines();
    let mut command = String::new();
    soon("a hint", async {
        while !command.contains("reader tap") {
            command = told.next_line().await.unwrap().expect("a hint");
        }
    })
    .await;
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("payhal"));
    let (said, _, code) = payhal(&desk, &words.collect::<Vec<_>>()).await;
    assert_eq!((said.as_str(), code), ("the card was taken\n", 0));
    let mut output = String::new();
    let mut answer = sale.0.stdout.take().unwrap();
    soon("the answer", answer.read_to_string(&mut output))
        .await
        .unwrap();
    says(&output, &["Approved: 12.50 EUR"]);
}

#[tokio::test]
async fn a_terminal_that_owes_a_word_says_so_until_a_person_has_looked() {
    let desk = Desk::with("virtual-terminal-blind", AUTO).await;
    let fault = ["reader", "fault", "lose-answer", "--at", "pay-answer"];
    assert_eq!(payhal(&desk, &fault).await.2, 0);
    let sell = ["sale", "22.00", "EUR", "--device", TERMINAL, "--key", "k"];
    let (_, told, code) = payhal(&desk, &sell).await;
    assert_eq!(code, 13);
    let id = told.split("payhal resolve ").nth(1).unwrap();
    let id = id.split(' ').next().unwrap();
    says(&told, &["OUTCOME_UNKNOWN", "needs_operator"]);

    let (devices, ..) = payhal(&desk, &["devices"]).await;
    says(&devices, &["quarantined", "no payment until it is known"]);
    let next = ["sale", "23.00", "EUR", "--device", TERMINAL];
    let (_, told, code) = payhal(&desk, &next).await;
    assert_eq!(code, 14);
    says(&told, &["until a person has resolved", id]);
    let (open, ..) = payhal(&desk, &["journal", "open"]).await;
    says(&open, &[id, "cannot be asked", "`payhal resolve`"]);

    // What the terminal's own list says.
    let (list, _, code) = payhal(&desk, &["reader", "do", "ledger", "since=0"]).await;
    assert_eq!(code, 0);
    says(&list, &[id, "\"state\":\"approved\""]);
    let word = ["--outcome", "approved", "--evidence", "its list, line 1"];
    let resolve = [&["resolve", id][..], &word[..]].concat();
    let (said, _, code) = payhal(&desk, &resolve).await;
    assert_eq!((said.as_str(), code), ("approved, money moved: yes\n", 0));
    let (_, _, code) = payhal(&desk, &resolve).await;
    assert_eq!(code, 1, "once");
    let (said, _, code) = payhal(&desk, &sell).await;
    assert_eq!(code, 0);
    says(&said, &["Approved: 22.00 EUR", "answered before", id]);
    let (shown, ..) = payhal(&desk, &["get", id]).await;
    says(&shown, &["settled by      ann: its list, line 1"]);
    assert_eq!(payhal(&desk, &next).await.2, 0);
}

#[tokio::test]
async fn a_relative_state_folder_holds_for_every_plugin() {
    let setup = Setup::readers(0).terminal(TERMINAL, "virtual-terminal", AUTO);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .current_dir(folder.path())
        .args(["serve", "--allow-unsigned"])
        .args(["--config", "shop.toml", "--state", "state"])
        .arg("--plugins")
        .arg(from_xtask("PAYHAL_PLUGINS"))
        .arg("--runner")
        .arg(from_xtask("PAYHAL_RUNNER"))
        .args(["--listen", "127.0.0.1:0", "--access", "open"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process(command.spawn().unwrap(), PathBuf::new());
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let line = soon("the line that says where it listens", lines.next_line()).await;
    let line = line.unwrap().unwrap();
    let address = line.strip_prefix("payhal: listening on ").unwrap();
    let url = payhal_client::Endpoint::Ws(format!("ws://{address}/v1/ws"));
    let operator = crate::register::Register::connect(url, "operator").await;
    operator.until_all_ready().await;
    assert!(
        folder
            .path()
            .join("state/instances")
            .join(TERMINAL)
            .is_dir()
    );
}
