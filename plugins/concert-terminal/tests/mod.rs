// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plugin against terminals that behave, and against some that do not: published bytes, every
//! reason, every echo, every cut.

mod batches;
mod cards;
mod echoes;
mod last;
mod network;
mod serial;
mod serial_faults;
mod vectors;
mod words;

use crate::terminal::ConcertTerminal;
use payhal_messages::call::{Failure, Sent};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::terminal::{Pay, ReverseTerminal, TerminalOutcome};
use payhal_plugin::testing::Bench;
use payhal_plugin::{Outcome, PluginError};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// Whom the plugin is configured to call.
const TARGET: &str = "terminal:8888";

const ID: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff12ab";

/// Stan 7 of [`ID`].
const MARK: &str = "00000712AB";

fn amounts(total_minor: i64) -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn pay(purpose: Purpose) -> Pay {
    Pay {
        transaction_id: ID.into(),
        stan: 7,
        purpose,
        amounts: amounts(1250),
        total_minor_max: None,
        original: None,
    }
}

fn sale() -> Pay {
    pay(Purpose::Sale)
}

fn void() -> ReverseTerminal {
    ReverseTerminal {
        transaction_id: ID.into(),
        reference: None,
        amounts: amounts(1250),
    }
}

/// How a call failed.
fn failure<T: std::fmt::Debug>(outcome: Outcome<T>) -> Failure {
    match outcome {
        Err(PluginError::Failed(failure)) => failure,
        other => panic!("not a failure: {other:?}"),
    }
}

fn is_unknown<T: std::fmt::Debug>(outcome: Outcome<T>) -> bool {
    failure(outcome).sent == Sent::Maybe
}

fn is_unsent<T: std::fmt::Debug>(outcome: Outcome<T>) -> bool {
    failure(outcome).sent == Sent::No
}

fn approved(outcome: Outcome<TerminalOutcome>) -> TerminalOutcome {
    let outcome = outcome.expect("no failure").expect("no refusal");
    assert!(outcome.approved, "{outcome:?}");
    outcome
}

/// One field of V3.
fn field(tag: &str, value: &str) -> String {
    format!("{tag}{:03}{value}", value.len())
}

/// What a V3 terminal does once it has the request: pieces, each with a pause before it; then it
/// hangs up.
type Pieces = Vec<(Duration, Vec<u8>)>;

fn at_once(answer: impl Into<Vec<u8>>) -> Pieces {
    vec![(Duration::ZERO, answer.into())]
}

/// A V3 terminal: one connection for each of its answers.
struct Desk {
    bench: Bench,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
}

impl Desk {
    fn new(answers: Vec<Pieces>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let wrote = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).expect("a request");
                request.truncate(count);
                wrote.lock().expect("no panic").push(request);
                for (pause, piece) in answer {
                    // A pause as a read that nothing answers.
                    if !pause.is_zero() {
                        let _ = stream.set_read_timeout(Some(pause));
                        let _ = stream.read(&mut [0; 1]);
                    }
                    // The plugin may have heard enough.
                    let _ = stream.write_all(&piece);
                }
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            bench: Bench::new()
                .reachable(TARGET, address)
                .state_dir(folder.path()),
            heard,
            thread: Some(thread),
            folder,
        }
    }

    /// A terminal that answers every request with these fields behind its echo.
    fn echoing(status: &str) -> (Self, ConcertTerminal) {
        let desk = Self::new(vec![at_once(echo("0") + status)]);
        let terminal = desk.terminal("");
        (desk, terminal)
    }

    /// The plugin, with further members of its configuration.
    fn terminal(&self, more: &str) -> ConcertTerminal {
        let config = format!(r#"{{"address":"{TARGET}"{more}}}"#);
        self.bench.terminal(&config).expect("a right configuration")
    }

    /// What was asked, once everything was answered.
    fn heard(mut self) -> Vec<String> {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the terminal behaves");
        }
        let heard = self.heard.lock().expect("no panic");
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("text");
        heard.iter().map(text).collect()
    }
}

/// What a V3 terminal gives back of the usual request with this action.
fn echo(action: &str) -> String {
    [
        ("CZ", "0300"),
        ("CJ", "012345678901"),
        ("CA", "01"),
        ("CB", "1250"),
        ("CD", action),
        ("CE", "978"),
        ("CF", MARK),
    ]
    .map(|(tag, value)| field(tag, value))
    .concat()
}
