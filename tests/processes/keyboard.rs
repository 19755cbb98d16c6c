// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that whoever sits at `payhal pay` is asked and answers at the keyboard, and that where
//! nobody sits only what a flag allowed is taken.
//!
//! A terminal is made by `script` of util-linux.

use crate::host::{Host, Process, Setup, from_xtask, soon, state_of};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};

const PART: &str = "tap visa-partial";

/// The command line of a payment.
fn pay(host: &Host, what: &[&str]) -> Vec<String> {
    let state = state_of(host.folder()).display().to_string();
    let end = ["--state", &state, "--register", "till-1"];
    let words = ["pay"].into_iter().chain(what.iter().copied()).chain(end);
    words.map(str::to_owned).collect()
}

/// A payment at a terminal.
struct Seat {
    process: Process,
    keys: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Seat {
    fn take(host: &Host, what: &[&str]) -> Self {
        let program = from_xtask("PAYHAL_BIN").display().to_string();
        let words = std::iter::once(program).chain(pay(host, what));
        let quoted: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        let mut command = Command::new("script");
        command
            .args(["-qefc", &quoted.join(" "), "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Process(command.spawn().unwrap(), PathBuf::new());
        let keys = process.0.stdin.take().unwrap();
        let screen = process.0.stdout.take().unwrap();
        Self {
            process,
            keys,
            screen,
            seen: String::new(),
        }
    }

    /// Waits until these words are on the screen, that many times.
    async fn sees(&mut self, words: &str, times: usize) {
        soon(words, async {
            while self.seen.matches(words).count() < times {
                assert!(self.more().await, "it ended: {}", self.seen);
            }
        })
        .await;
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // At its end a pseudo-terminal is broken rather than at its end.
        let read = self.screen.read(&mut bytes).await.unwrap_or(0);
        self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        read > 0
    }

    async fn types(&mut self, line: &str) {
        let keys = format!("{line}\n");
        self.keys.write_all(keys.as_bytes()).await.unwrap();
        self.keys.flush().await.unwrap();
    }

    /// What was on the screen, and the exit code.
    async fn ends(mut self) -> (String, i32) {
        soon("the end of a payment", async { while self.more().await {} }).await;
        let status = soon("its exit", self.process.0.wait()).await.unwrap();
        (self.seen, status.code().unwrap())
    }
}

#[tokio::test]
async fn a_part_is_taken_with_a_key() {
    let host = Host::start(&Setup::automatic(1, PART)).await;
    let mut seat = Seat::take(&host, &["sale", "12.50", "EUR"]);
    seat.sees("y or n", 1).await;
    assert_eq!(seat.seen.matches("6.25 EUR").count(), 1, "{}", seat.seen);
    // What is no answer is asked again.
    seat.types("maybe").await;
    seat.sees("y or n", 2).await;
    seat.types("y").await;
    let (seen, code) = seat.ends().await;
    assert!(seen.contains("LESS THAN THE 12.50 EUR ASKED"), "{seen}");
    assert_eq!(code, 16);
    host.ledger().assert(&[("sale", "approved", 625)]);
}

#[tokio::test]
async fn a_part_is_refused_with_a_key() {
    let host = Host::start(&Setup::automatic(1, PART)).await;
    let register = host.register("till-1").await;
    let mut watch = register.watch().await;
    let mut seat = Seat::take(&host, &["sale", "12.50", "EUR"]);
    seat.sees("y or n", 1).await;
    seat.types("n").await;
    let (seen, code) = seat.ends().await;
    assert_eq!(seen.matches("being taken back").count(), 1, "{seen}");
    assert_eq!(code, 11);
    let id = seen.split("transaction").nth(1).unwrap();
    watch.resolved(id.split_whitespace().next().unwrap()).await;
    host.ledger().assert(&[("sale", "reversed", 625)]);
}

#[tokio::test]
async fn a_signature_is_looked_at_and_a_code_is_typed() {
    let setup = Setup::automatic(1, "insert mastercard-signature");
    let host = Host::start(&setup).await;
    let mut seat = Seat::take(&host, &["sale", "12.50", "EUR"]);
    seat.sees("Is the signature right?", 1).await;
    seat.sees("y or n", 1).await;
    seat.types("y").await;
    assert_eq!(seat.ends().await.1, 0);
    let mut seat = Seat::take(&host, &["sale", "12.01", "EUR"]);
    seat.sees("The code", 1).await;
    seat.types("ABC123").await;
    seat.sees("Is the signature right?", 1).await;
    seat.types("y").await;
    let (seen, code) = seat.ends().await;
    assert!(seen.contains("approval ABC123"), "{seen}");
    assert_eq!(code, 0);
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 1201)]);
}

/// Without a terminal: what it printed, and the exit code.
async fn alone(host: &Host, what: &[&str]) -> (String, i32) {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command.args(pay(host, what)).stdin(Stdio::null());
    let done = soon("the end of a payment", command.output())
        .await
        .unwrap();
    let printed = [done.stdout, done.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    (printed, done.status.code().unwrap())
}

#[tokio::test]
async fn where_nobody_sits_nobody_is_waited_for() {
    let host = Host::start(&Setup::automatic(1, PART)).await;
    let (printed, code) = alone(&host, &["sale", "12.50", "EUR"]).await;
    assert!(printed.contains("(DECLINED)"), "{printed}");
    assert!(!printed.contains("y or n"), "{printed}");
    assert_eq!(code, 10);
    let (printed, code) = alone(&host, &["sale", "8.00", "EUR", "--accept-partial"]).await;
    assert!(printed.contains("4.00 EUR"), "{printed}");
    assert_eq!(code, 16);
    // A code of its own decides, whatever the card would have said.
    let given = ["sale", "7.01", "EUR", "--voice-code", "ABC123"];
    let (printed, code) = alone(&host, &given).await;
    assert!(printed.contains("approval ABC123"), "{printed}");
    assert_eq!(code, 0);
    let stands = host.ledger().charges().into_iter();
    let stands: Vec<_> = stands.map(|line| line.amount_minor).collect();
    assert_eq!(stands, [400, 701]);
}
