// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is measured: one module each, with its goal beside it.

mod call;
mod card;
mod idle;
mod journal;
mod memory;
mod ping;
mod plugin;
mod sale;
mod start;
mod syncs;

use crate::Failure;
use crate::measure::{Sample, Spread};
use crate::product::Installed;
use crate::report::Report;
use clap::ValueEnum;

/// A row, as it is named on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Row {
    /// `session.ping` beside a bare WebSocket server
    Ping,
    /// An instant sale beside a bare pipeline
    Sale,
    /// A plugin call beside a bare socket pair
    Call,
    /// A process for each plugin: its start, its memory, its return after a crash
    Plugin,
    /// From exec to the first answer
    Start,
    /// Resident memory of host and runners
    Memory,
    /// CPU and wake-ups while nothing happens
    Idle,
    /// Durable commits a sale
    Syncs,
    /// A journal of years: restart and looks
    Journal,
    /// Seal, open, DUKPT and cryptograms beside bare primitives
    Card,
}

impl Row {
    /// In the order they are measured.
    pub(crate) const ALL: [Self; 10] = [
        Self::Ping,
        Self::Sale,
        Self::Call,
        Self::Plugin,
        Self::Start,
        Self::Memory,
        Self::Idle,
        Self::Syncs,
        Self::Journal,
        Self::Card,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Sale => "sale",
            Self::Call => "call",
            Self::Plugin => "plugin",
            Self::Start => "start",
            Self::Memory => "memory",
            Self::Idle => "idle",
            Self::Syncs => "syncs",
            Self::Journal => "journal",
            Self::Card => "card",
        }
    }

    /// Measures it.
    pub(crate) fn measure(self, setup: &Setup, report: &mut Report) -> Result<(), Failure> {
        match self {
            Self::Ping => ping::measure(setup, report),
            Self::Sale => sale::measure(setup, report),
            Self::Call => call::measure(setup, report),
            Self::Plugin => plugin::measure(setup, report),
            Self::Start => start::measure(setup, report),
            Self::Memory => memory::measure(setup, report),
            Self::Idle => idle::measure(setup, report),
            Self::Syncs => syncs::measure(setup, report),
            Self::Journal => journal::measure(setup, report),
            Self::Card => card::measure(setup, report),
        }
    }
}

/// What all rows need.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) installed: Installed,
    pub(crate) rounds: u32,
    /// Whether to measure what takes minutes too.
    pub(crate) full: bool,
}

impl Setup {
    pub(crate) fn from_environment(rounds: u32, full: bool) -> Result<Self, Failure> {
        Ok(Self {
            installed: Installed::from_environment()?,
            rounds,
            full,
        })
    }
}

fn median(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    Spread::of(samples.iter().map(figure)).median
}

/// Two absolute figures, to know.
fn both(ours: &[Sample], bare: &[Sample], unit: &str, figure: impl Fn(&Sample) -> f64) -> String {
    format!(
        "{:.0} | {:.0} {unit}",
        median(ours, &figure),
        median(bare, &figure)
    )
}
