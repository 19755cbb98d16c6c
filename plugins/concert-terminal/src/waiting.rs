// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments that the terminal approved alone and has not uploaded yet, and what the last upload was
//! answered with: a small file in the instance's folder, because processes end.
//!
//! It must never stand in the way of a payment: what cannot be written is said in the log, and such a
//! payment stays uncollected in the host's books until somebody looks.

use crate::limits::WAITING_MAX;
use payhal_messages::gateway::{Collected, Totals};
use payhal_plugin::{Context, Level};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

const FILE: &str = "waiting.json";

#[derive(Debug, Default, Deserialize, Serialize)]
struct Book {
    /// Transactions, oldest first.
    waiting: Vec<String>,
    /// The last upload.
    #[serde(default)]
    closed: Option<Closed>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Closed {
    /// The transaction of the close.
    by: String,
    batch: String,
    collected: Vec<String>,
}

impl Closed {
    fn totals(&self) -> Totals {
        let collected = self.collected.iter().map(|transaction_id| Collected {
            transaction_id: transaction_id.clone(),
            accepted: true,
        });
        Totals {
            batch: self.batch.clone(),
            totals: Vec::new(),
            collected: collected.collect(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Waiting {
    path: PathBuf,
    book: Book,
}

impl Waiting {
    pub(crate) fn open(context: &Context) -> Self {
        let path = context.state_dir().join(FILE);
        let book = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Book::default()),
            Err(_) => None,
        };
        if book.is_none() {
            let text =
                "the file of payments that wait for their upload cannot be read; it begins anew";
            context.log(Level::Warn, text);
        }
        Self {
            path,
            book: book.unwrap_or_default(),
        }
    }

    /// A payment waits from now on.
    pub(crate) fn add(&mut self, transaction_id: &str, context: &Context) {
        let waiting = &mut self.book.waiting;
        if waiting.iter().any(|known| known == transaction_id) {
            return;
        }
        if waiting.len() == WAITING_MAX {
            waiting.remove(0);
        }
        waiting.push(transaction_id.to_owned());
        self.write(context);
    }

    /// A payment was undone before its upload.
    pub(crate) fn forget(&mut self, transaction_id: &str, context: &Context) {
        let before = self.book.waiting.len();
        self.book.waiting.retain(|known| known != transaction_id);
        if self.book.waiting.len() != before {
            self.write(context);
        }
    }

    /// What an upload was answered with, if it was the last one.
    pub(crate) fn told(&self, by: &str) -> Option<Totals> {
        let closed = self.book.closed.as_ref()?;
        (closed.by == by).then(|| closed.totals())
    }

    /// Everything that waited is with the acquirers.
    pub(crate) fn uploaded(&mut self, by: &str, batch: &str, context: &Context) -> Totals {
        let closed = Closed {
            by: by.to_owned(),
            batch: batch.to_owned(),
            collected: std::mem::take(&mut self.book.waiting),
        };
        let totals = closed.totals();
        self.book.closed = Some(closed);
        self.write(context);
        totals
    }

    fn write(&self, context: &Context) {
        if write_whole(&self.path, &self.book).is_err() {
            let text = "the file of payments that wait for their upload cannot be written";
            context.log(Level::Error, text);
        }
    }
}

/// Replaces the file at once, or not at all.
fn write_whole(path: &Path, book: &Book) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(&serde_json::to_vec(book)?)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}
