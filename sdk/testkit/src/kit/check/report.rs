// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table for people, and the same for machines.

use super::noise::Counted;
use super::subject::Subject;
use serde_json::{Value, json};

/// How a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds, with a word on how it was seen.
    Passed(String),
    /// It does not, and why.
    Failed(String),
    /// It could not be asked, and why.
    Left(String),
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// What to look at.
    pub(crate) look: &'static str,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// The last lines of the plugin's log.
    pub(crate) log: Vec<String>,
    /// What came of the noisy line, where there was one.
    pub(crate) counted: Option<Counted>,
}

impl Report {
    pub(crate) fn add(&mut self, name: impl Into<String>, look: &'static str, verdict: Verdict) {
        let name = name.into();
        self.rows.push(Row {
            name,
            verdict,
            look,
        });
    }

    /// How many rows passed, failed and were left out.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let count = |which: fn(&Verdict) -> bool| {
            let rows = self.rows.iter();
            rows.filter(|row| which(&row.verdict)).count()
        };
        (
            count(|verdict| matches!(verdict, Verdict::Passed(_))),
            count(|verdict| matches!(verdict, Verdict::Failed(_))),
            count(|verdict| matches!(verdict, Verdict::Left(_))),
        )
    }

    /// The table.
    pub(crate) fn table(&self, subject: &Subject) -> String {
        let manifest = &subject.manifest;
        let mut text = format!(
            "{} {} ({}), {}\n\n",
            manifest.id,
            manifest.version,
            manifest.name,
            subject.library.display()
        );
        let width = self.rows.iter().map(|row| row.name.len()).max();
        let width = width.unwrap_or_default();
        for row in &self.rows {
            let (mark, note) = match &row.verdict {
                Verdict::Passed(note) => ("ok  ", note),
                Verdict::Failed(why) => ("FAIL", why),
                Verdict::Left(why) => ("-   ", why),
            };
            let line = format!("{mark}  {:width$}  {note}", row.name);
            text.push_str(line.trim_end());
            text.push('\n');
            if let Verdict::Failed(_) = row.verdict {
                text.push_str(&format!("      {:width$}  look at: {}\n", "", row.look));
            }
        }
        let (passed, failed, left) = self.counts();
        if failed > 0 && !self.log.is_empty() {
            text.push_str("\nThe plugin's log, its last lines:\n");
            for line in &self.log {
                text.push_str(&format!("  {line}\n"));
            }
        }
        let counted = self.counted.as_ref();
        if let Some(violation) = counted.and_then(|counted| counted.violation.as_ref()) {
            text.push_str("\nWhat passed on the line, its last words:\n");
            for line in &violation.trace {
                text.push_str(&format!("  {line}\n"));
            }
        }
        let verdict = match failed {
            0 => "conformant",
            _ => "NOT conformant",
        };
        text.push_str(&format!(
            "\n{verdict}: {passed} passed, {failed} failed, {left} left out\n"
        ));
        text
    }

    /// The same for machines.
    pub(crate) fn json(&self, subject: &Subject) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let (verdict, text) = match &row.verdict {
                    Verdict::Passed(note) => ("passed", note),
                    Verdict::Failed(why) => ("failed", why),
                    Verdict::Left(why) => ("left_out", why),
                };
                json!({ "row": row.name, "verdict": verdict, "text": text, "look_at": row.look })
            })
            .collect();
        let (passed, failed, left_out) = self.counts();
        json!({
            "format": 1,
            "plugin": subject.manifest.id,
            "version": subject.manifest.version,
            "kind": subject.manifest.kind,
            "conformant": failed == 0,
            "passed": passed,
            "failed": failed,
            "left_out": left_out,
            "rows": rows,
            "noise": self.counted.as_ref().map(Counted::json),
        })
    }
}
