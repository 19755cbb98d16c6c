// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was measured, beside its goal: a table for people, JSON for programs.

use crate::measure::Spread;
use crate::process;
use serde::Serialize;

/// Above this spread of the rounds, a goal that lies within it is neither met nor missed.
const NOISY: f64 = 0.4;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    Exactly(f64),
    Below(f64),
    /// No goal: to know.
    Told,
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::Exactly(bound) => format!("= {bound}"),
            Self::Below(bound) => format!("< {bound}"),
            Self::Told => "-".to_owned(),
        }
    }

    fn verdict(self, spread: Spread) -> &'static str {
        let met = |figure: f64| match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
            Self::Exactly(bound) => (figure - bound).abs() < 0.005,
            Self::Below(bound) => figure < bound,
            Self::Told => true,
        };
        let wide = (spread.max - spread.min) / spread.median > NOISY;
        match self {
            Self::Told => "",
            _ if wide && met(spread.min) != met(spread.max) => "noisy",
            _ if met(spread.median) => "met",
            _ => "missed",
        }
    }
}

/// One measured figure.
#[derive(Debug, Serialize)]
struct Line {
    row: String,
    figure: String,
    goal: String,
    median: f64,
    min: f64,
    max: f64,
    verdict: &'static str,
    load: f64,
    note: String,
}

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rounds: u32,
    lines: Vec<Line>,
    skipped: Vec<String>,
}

impl Report {
    pub(crate) fn new(rounds: u32) -> Self {
        Self {
            rounds,
            lines: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Adds a figure. `note`: absolute figures, to know.
    pub(crate) fn add(
        &mut self,
        row: &str,
        figure: &str,
        goal: Goal,
        spread: Spread,
        note: impl Into<String>,
    ) {
        self.lines.push(Line {
            row: row.to_owned(),
            figure: figure.to_owned(),
            goal: goal.text(),
            median: spread.median,
            min: spread.min,
            max: spread.max,
            verdict: goal.verdict(spread),
            load: process::load(),
            note: note.into(),
        });
    }

    /// Adds what was not measured, and why.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped.push(why.into());
    }

    pub(crate) fn print_json(&self) {
        let text = serde_json::to_string_pretty(self).expect("a report is plain JSON");
        println!("{text}");
    }

    pub(crate) fn print_table(&self) {
        println!(
            "{:<20} {:<34} {:>8} {:>8} {:>17} {:<7} {:>5}  absolute (payhal | baseline)",
            "row", "figure", "goal", "median", "min - max", "", "load",
        );
        for line in &self.lines {
            println!(
                "{:<20} {:<34} {:>8} {:>8.2} {:>8.2} -{:>7.2} {:<7} {:>5.1}  {}",
                line.row,
                line.figure,
                line.goal,
                line.median,
                line.min,
                line.max,
                line.verdict,
                line.load,
                line.note,
            );
        }
        for why in &self.skipped {
            println!("skipped: {why}");
        }
        println!(
            "{} rounds; ratios are payhal / baseline, paired by round.",
            self.rounds
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(min: f64, median: f64, max: f64) -> Spread {
        Spread { median, min, max }
    }

    #[test]
    fn a_goal_inside_a_wide_spread_is_noisy() {
        let goal = Goal::AtMost(1.5);
        assert_eq!(goal.verdict(spread(1.0, 1.2, 1.4)), "met");
        assert_eq!(goal.verdict(spread(1.6, 1.7, 1.8)), "missed");
        assert_eq!(goal.verdict(spread(1.4, 1.45, 1.6)), "met");
        assert_eq!(goal.verdict(spread(1.0, 1.4, 2.0)), "noisy");
        assert_eq!(Goal::Exactly(2.0).verdict(spread(2.0, 2.0, 2.0)), "met");
        assert_eq!(Goal::Below(2.0).verdict(spread(2.0, 2.0, 2.0)), "missed");
    }
}
