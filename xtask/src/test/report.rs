// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run of stages came to, printed at its end.

use std::fmt;
use std::time::Duration;

use super::stages::Stage;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// What would have to be installed, one line each.
    NotRun(Vec<String>),
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => out.write_str("passed"),
            Self::Failed(reason) => write!(out, "FAILED: {reason}"),
            Self::NotRun(_) => out.write_str("not run"),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    usual: Duration,
    took: Duration,
    outcome: Outcome,
}

impl Report {
    pub(crate) fn add(&mut self, stage: &Stage, took: Duration, outcome: Outcome) {
        self.rows.push(Row {
            name: stage.name,
            usual: Duration::from_secs(stage.seconds),
            took,
            outcome,
        });
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| which(&row.outcome)).count()
    }
}

/// The last line stands alone and is read by machines.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\n{:<16} {:>8} {:>6}  outcome",
            "stage", "minutes", "usual"
        )?;
        for row in &self.rows {
            let (took, usual) = (minutes(row.took), minutes(row.usual));
            writeln!(
                out,
                "{:<16} {took:>8} {usual:>6}  {}",
                row.name, row.outcome
            )?;
        }
        let sum = self.rows.iter().map(|row| row.took).sum();
        let usual = minutes(self.rows.iter().map(|row| row.usual).sum());
        writeln!(out, "{:<16} {:>8} {usual:>6}", "sum", minutes(sum))?;

        if self.count(|outcome| matches!(outcome, Outcome::NotRun(_))) > 0 {
            writeln!(out, "\nNot run, and what each needs:")?;
        }
        for row in &self.rows {
            if let Outcome::NotRun(needs) = &row.outcome {
                for need in needs {
                    writeln!(out, "  {:<14} {need}", row.name)?;
                }
            }
        }
        let passed = self.count(|outcome| *outcome == Outcome::Passed);
        writeln!(out, "\n{passed} passed, {} failed", self.failed())
    }
}

/// Minutes with one decimal, rounded.
pub(super) fn minutes(took: Duration) -> String {
    let tenths = (took.as_secs() + 3) / 6;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::stages::STAGES;

    #[test]
    fn the_last_line_counts_the_stages() {
        let mut report = Report::default();
        report.add(&STAGES[0], Duration::from_secs(90), Outcome::Passed);
        report.add(
            &STAGES[1],
            Duration::from_secs(2),
            Outcome::Failed("broke".into()),
        );
        let missing = vec!["clang: apt-get install -y clang".to_owned()];
        report.add(&STAGES[2], Duration::ZERO, Outcome::NotRun(missing));
        let text = report.to_string();
        assert_eq!(text.lines().last(), Some("1 passed, 1 failed"));
        assert!(text.contains("apt-get install -y clang"));
        assert_eq!(report.failed(), 1);
    }

    #[test]
    fn minutes_are_rounded_to_tenths() {
        assert_eq!(minutes(Duration::from_secs(90)), "1.5");
        assert_eq!(minutes(Duration::from_secs(2)), "0.0");
        assert_eq!(minutes(Duration::from_secs(3)), "0.1");
    }
}
