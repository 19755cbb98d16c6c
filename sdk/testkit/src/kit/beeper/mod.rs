// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example device: a reader, a terminal and a gateway that speak lines of text.
//!
//! `payhal plugin check` runs it as an author's simulator, and `payhal plugin play` in real time. It
//! must never read a clock.

mod card;
mod device;
mod gateway;
mod keys;
mod reader;
mod terminal;
mod wire;

pub(crate) use device::Role;
pub(crate) use keys::Keys;

use crate::failure::Failure;
use clap::Args;
use device::{Action, Device, Lines, device};
use payhal_testkit::simulate::{self, Booked, Out, Place, Simulator, Way};
use std::collections::BTreeMap;
use std::process::ExitCode;
use wire::Splitter;

#[derive(Args, Debug)]
pub(crate) struct BeeperArgs {
    /// Speak JSON lines on standard input and output, as `conformance.toml` wants a simulator to
    #[arg(long, required = true)]
    lines: bool,
    /// What it is
    #[arg(long = "as", value_enum, default_value_t = Role::Reader)]
    role: Role,
}

pub(crate) fn run(args: &BeeperArgs) -> Result<ExitCode, Failure> {
    play(args.role, Keys::known(), &Place::Lines)
}

/// Runs one at that place.
pub(crate) fn play(role: Role, keys: Keys, place: &Place) -> Result<ExitCode, Failure> {
    let beeper = Box::new(Beeper::new(role, keys));
    simulate::run(name(role), beeper, place).map_err(|why| Failure::new(why.to_string()))
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Reader => "beeper",
        Role::Terminal => "beeper terminal",
        Role::Gateway => "beeper gateway",
    }
}

/// A device and the lines that are on their way to it.
struct Beeper {
    device: Box<dyn Device>,
    splitters: BTreeMap<Way, Splitter>,
}

impl Beeper {
    fn new(role: Role, keys: Keys) -> Self {
        Self {
            device: device(role, keys),
            splitters: BTreeMap::new(),
        }
    }
}

/// What it says, with what whoever plays it sees of that: words may hold ciphertext.
fn say(lines: &[(Way, String)], out: &mut Out) {
    for (way, line) in lines {
        let shown: Vec<_> = line.split(' ').take(3).collect();
        out.show(format!("> {}", shown.join(" ")));
        out.say(*way, format!("{line}\n"));
    }
}

impl Simulator for Beeper {
    fn hear(&mut self, way: Way, bytes: &[u8], now_us: u64, out: &mut Out) {
        for line in self.splitters.entry(way).or_default().take(bytes) {
            out.show(format!("< {} {}", line.number, line.name));
            let mut lines = Lines::new();
            self.device.hear(way, &line, now_us, &mut lines);
            say(&lines, out);
        }
    }

    fn closed(&mut self, way: Way, _: u64, _: &mut Out) {
        self.splitters.remove(&way);
    }

    fn act(&mut self, words: &str, now_us: u64, out: &mut Out) -> Result<(), String> {
        let action = Action::named(words)
            .ok_or_else(|| format!("it can be: {}", Action::words().join(", ")))?;
        let mut lines = Lines::new();
        self.device.act(action, now_us, &mut lines);
        say(&lines, out);
        Ok(())
    }

    fn due(&mut self, now_us: u64, out: &mut Out) {
        let mut lines = Lines::new();
        self.device.due(now_us, &mut lines);
        say(&lines, out);
    }

    fn next_us(&self) -> Option<u64> {
        self.device.next_us()
    }

    fn books(&self) -> Vec<Booked> {
        self.device.books()
    }

    fn words(&self) -> Vec<(&'static str, &'static str)> {
        Action::described()
    }
}

#[cfg(test)]
mod tests;
