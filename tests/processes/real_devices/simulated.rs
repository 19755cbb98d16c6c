// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated device as a program of its own: started, acted on, asked for its books, reaped.

use crate::host::{from_xtask, soon};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A device that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Simulated {
    /// Where it is, as it says.
    pub(super) place: String,
    hands: ChildStdin,
    books: UnboundedReceiver<Value>,
    _process: Child,
}

impl Simulated {
    /// Starts the simulator of this name, which lies beside the daemon.
    pub(super) async fn start(name: &str, arguments: &[&str]) -> Self {
        let program = from_xtask("PAYHAL_BIN").with_file_name(name);
        let mut process = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", program.display()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = soon(name, lines.next_line()).await.unwrap().unwrap();
        let (_, place) = first.split_once(" on ").expect("it says where it is");
        let (tell, books) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(text) = line.strip_prefix("books ") {
                    let told = serde_json::from_str(text).expect("books are JSON");
                    // Nobody asks any more when this fails.
                    tell.send(told).ok();
                }
            }
        });
        Self {
            place: place.to_owned(),
            hands: process.stdin.take().unwrap(),
            books,
            _process: process,
        }
    }

    /// Somebody acts.
    pub(super) async fn does(&mut self, words: &str) {
        let line = format!("{words}\n");
        self.hands.write_all(line.as_bytes()).await.unwrap();
        self.hands.flush().await.unwrap();
    }

    /// What it did so far.
    pub(super) async fn books(&mut self) -> Vec<Value> {
        self.does("books").await;
        let told = soon("the books", self.books.recv()).await.unwrap();
        told.as_array().expect("books are a list").clone()
    }

    /// Amounts that moved, of this kind of booking.
    pub(super) async fn moved(&mut self, kind: &str) -> Vec<i64> {
        let books = self.books().await;
        let of_kind = books.iter().filter(|booked| booked["kind"] == kind);
        of_kind
            .filter(|booked| booked["approved"] == true)
            .filter_map(|booked| booked["minor"].as_i64())
            .collect()
    }
}
