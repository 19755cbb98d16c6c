// SPDX-License-Identifier: MIT OR Apache-2.0
//! The front of `payhal plugin check`: a line of JSON each way, on the time that it names.
//!
//! Owns names of ports. It must never read a clock.

use super::{Out, Simulator, Unplayable, Way};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::ExitCode;

/// The port of a device that has one.
const MAIN: &str = "main";

/// A line from the check: the time, and what happened at it.
#[derive(Debug, Deserialize)]
struct Told {
    now_us: u64,
    #[serde(default)]
    port: Option<String>,
    /// Bytes that the plugin wrote, hex.
    #[serde(default)]
    from_plugin: Option<String>,
    /// What somebody does.
    #[serde(default)]
    scenario: Option<String>,
    /// The plugin connected to the port.
    #[serde(default)]
    opened: bool,
    /// The connection to the port has ended.
    #[serde(default)]
    closed: bool,
    /// Wants to know what the device did.
    #[serde(default)]
    books: bool,
}

pub(super) fn run(simulator: Box<dyn Simulator>) -> Result<ExitCode, Unplayable> {
    let mut spoken = Spoken::new(simulator);
    let broken = |error| Unplayable::of("use standard input or output", error);
    for line in std::io::stdin().lock().lines() {
        let answer = spoken
            .answer(&line.map_err(broken)?)
            .unwrap_or_else(|why| json!({ "error": why }));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}")
            .and_then(|()| out.flush())
            .map_err(broken)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A device and the ports it was spoken to on.
pub(super) struct Spoken {
    simulator: Box<dyn Simulator>,
    ports: Vec<String>,
}

impl Spoken {
    pub(super) fn new(simulator: Box<dyn Simulator>) -> Self {
        Self {
            simulator,
            ports: Vec::new(),
        }
    }

    /// The text of an error is for the author.
    pub(super) fn answer(&mut self, line: &str) -> Result<Value, String> {
        let told: Told = serde_json::from_str(line)
            .map_err(|error| format!("failed to understand a line: {error}"))?;
        let now_us = told.now_us;
        let mut out = Out::default();
        self.simulator.due(now_us, &mut out);
        let port = told.port.as_deref().unwrap_or(MAIN);
        if told.opened {
            let way = self.way(port);
            self.simulator.opened(way, now_us, &mut out);
        }
        if let Some(words) = &told.scenario {
            self.simulator.act(words, now_us, &mut out)?;
        }
        if let Some(hex) = &told.from_plugin {
            let bytes = bytes(hex).ok_or("failed to understand a line: from_plugin is hex")?;
            let way = self.way(port);
            self.simulator.hear(way, &bytes, now_us, &mut out);
        }
        if told.closed {
            let way = self.way(port);
            self.simulator.closed(way, now_us, &mut out);
        }
        Ok(self.answered(&out, told.books))
    }

    fn answered(&self, out: &Out, books: bool) -> Value {
        let say: Vec<_> = out.said.iter().map(|said| {
            json!({ "port": self.port(said.way), "hex": hex(&said.bytes), "after_us": said.after_us })
        }).collect();
        let mut answer = json!({ "say": say, "next_us": self.simulator.next_us() });
        if !out.hung_up.is_empty() {
            answer["hang_up"] = out.hung_up.iter().map(|way| self.port(*way)).collect();
        }
        if books {
            answer["books"] = json!(self.simulator.books());
        }
        answer
    }

    fn way(&mut self, port: &str) -> Way {
        let known = self.ports.iter().position(|name| name == port);
        known.unwrap_or_else(|| {
            self.ports.push(port.to_owned());
            self.ports.len() - 1
        })
    }

    fn port(&self, way: Way) -> &str {
        self.ports.get(way).map_or(MAIN, String::as_str)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}
