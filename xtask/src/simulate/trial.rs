// SPDX-License-Identifier: MIT OR Apache-2.0
//! One mutation on trial: the built programs run with it, and what they print tells who noticed it.

use super::mutation::{Mutation, Proof};
use super::scratch::{Programs, Scratch};
use super::woven::{REACHED, VARIABLE};
use super::{SEEDS_CASE, of_seeds};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

/// Histories after which a mutation has survived.
const SEEDS_MAX: u64 = 6_000;

/// Histories that must end well while nothing is broken; too few to hold everything that can happen.
const SEEDS_SOUND: u64 = 250;

/// What a checker says; then the law in brackets.
const VIOLATED: &str = "violated [";

/// What a failing history says before it.
const HISTORIES: &str = " histories: violated [";

/// How the line of a failed test ends.
const FAILED: &str = " ... FAILED";

/// How much is shown of why a mutation was not caught: the end of what was said.
const REASON_BYTES_MAX: usize = 2_000;

#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) name: String,
    title: String,
    pub(crate) caught: Result<Caught, String>,
    took: Duration,
}

#[derive(Debug)]
pub(crate) struct Caught {
    by: String,
    /// Absent where a script noticed it, or a test.
    histories: Option<u64>,
}

impl Tried {
    pub(crate) fn not_built(mutation: &Mutation, why: &str) -> Self {
        Self {
            name: mutation.name.clone(),
            title: mutation.title.clone(),
            caught: Err(format!("it does not build: {why}")),
            took: Duration::ZERO,
        }
    }
}

/// Where the programs lie, and what they were built to.
#[derive(Debug)]
pub(crate) struct Trial<'a> {
    pub(crate) scratch: &'a Scratch,
    pub(crate) programs: &'a Programs,
    /// Whether the programs choose the mutation, rather than have it built in.
    pub(crate) chosen: bool,
}

impl Trial<'_> {
    /// Nothing may be noticed while nothing is broken, or whatever is noticed proves nothing.
    pub(crate) fn is_sound(&self) -> Result<(), String> {
        for proof in self.programs.keys() {
            for run in self.runs(*proof, SEEDS_SOUND) {
                let said = run.output()?;
                if said.fails {
                    let all = said.out + &said.errors;
                    return Err(format!("it fails with nothing broken: {}", end_of(&all)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn of(&self, mutation: &Mutation) -> Tried {
        let started = Instant::now();
        let caught = self.caught(mutation);
        Tried {
            caught: caught.map_err(|why| format!("{why}; it should break {}", mutation.breaks)),
            name: mutation.name.clone(),
            title: mutation.title.clone(),
            took: started.elapsed(),
        }
    }

    /// By whatever fails first.
    fn caught(&self, mutation: &Mutation) -> Result<Caught, String> {
        let mut reached = !self.chosen;
        for mut run in self.runs(mutation.proof, SEEDS_MAX) {
            if self.chosen {
                run.command.env(VARIABLE, &mutation.name);
            }
            let said = run.output()?;
            reached |= said.errors.contains(REACHED);
            if !said.fails {
                continue;
            }
            let caught = match mutation.proof {
                Proof::Simulation => caught(&said.out).or_else(|| caught(&said.errors)),
                Proof::Journal => failed_test(&said.out),
            };
            return caught.ok_or_else(|| {
                let all = said.out + &said.errors;
                let end = end_of(&all);
                format!("no checker noticed it, but something broke: {end}")
            });
        }
        Err(match (reached, mutation.proof) {
            (false, _) => "nothing ever ran what it breaks".to_owned(),
            (true, Proof::Simulation) => format!("nobody noticed it in {SEEDS_MAX} histories"),
            (true, Proof::Journal) => "nobody noticed it".to_owned(),
        })
    }

    /// What has to run, in order: of the simulation the seeds, then the scripts.
    fn runs(&self, proof: Proof, seeds: u64) -> Vec<Run> {
        let programs = self.programs.get(&proof).into_iter().flatten();
        let start = |program: &Path| self.scratch.program(proof, program);
        match proof {
            Proof::Journal => programs
                .map(|program| Run {
                    command: start(program),
                    enough: Some(FAILED),
                })
                .collect(),
            Proof::Simulation => programs
                .flat_map(|program| {
                    let (mut histories, mut scripts) = (start(program), start(program));
                    histories.args(["--exact", SEEDS_CASE, "--nocapture"]);
                    of_seeds(&mut histories, 0, seeds);
                    scripts.args(["--skip", SEEDS_CASE, "--nocapture"]);
                    [(histories, None), (scripts, Some(VIOLATED))]
                })
                .map(|(command, enough)| Run { command, enough })
                .collect(),
        }
    }
}

struct Run {
    command: Command,
    /// A line with these words says enough: nothing more needs to run.
    enough: Option<&'static str>,
}

struct Said {
    fails: bool,
    out: String,
    errors: String,
}

impl Run {
    /// Runs to its end, or until it has said enough.
    fn output(mut self) -> Result<Said, String> {
        let failed =
            |error: std::io::Error| format!("failed to run a program that was built: {error}");
        self.command.stdin(Stdio::null());
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(failed)?;
        let (sender, lines) = mpsc::channel();
        let (mut out, mut errors) = (String::new(), String::new());
        std::thread::scope(|scope| {
            if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
                let others = sender.clone();
                scope.spawn(move || send_lines(stdout, &sender, false));
                scope.spawn(move || send_lines(stderr, &others, true));
            }
            for (is_error, line) in lines {
                let enough = self.enough.is_some_and(|words| line.contains(words));
                let said = if is_error { &mut errors } else { &mut out };
                said.push_str(&line);
                if enough {
                    return child.kill();
                }
            }
            Ok(())
        })
        .map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        Ok(Said {
            fails: !status.success(),
            out,
            errors,
        })
    }
}

/// Each with the newline that ends it.
fn send_lines(from: impl Read, to: &Sender<(bool, String)>, is_error: bool) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from
        .read_until(b'\n', &mut line)
        .is_ok_and(|bytes| bytes > 0)
    {
        let text = String::from_utf8_lossy(&line).into_owned();
        if to.send((is_error, text)).is_err() {
            return;
        }
        line.clear();
    }
}

/// The checker that noticed it, from what the simulation printed.
fn caught(said: &str) -> Option<Caught> {
    let mut laws = said.split(VIOLATED).skip(1);
    let by = laws.next()?.split(']').next()?.to_owned();
    let histories = said.find(HISTORIES).and_then(|at| {
        let words = said[..at].trim_end().rsplit(' ');
        words.into_iter().next()?.parse().ok()
    });
    Some(Caught { by, histories })
}

/// The first test that failed, from what the tests printed.
fn failed_test(said: &str) -> Option<Caught> {
    let mut failed = said.lines().filter_map(|line| line.strip_suffix(FAILED));
    let test = failed.next()?.trim_start_matches("test ");
    Some(Caught {
        by: format!("journal's test {test}"),
        histories: None,
    })
}

/// The end of what was said; it has the reason.
pub(crate) fn end_of(said: &str) -> &str {
    let end = said.len().saturating_sub(REASON_BYTES_MAX);
    let end = (end..).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
    &said[end..]
}

impl std::fmt::Display for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, title, seconds) = (&self.name, &self.title, self.took.as_secs_f32());
        match &self.caught {
            Ok(Caught { by, histories }) => {
                let after = match histories {
                    Some(histories) => histories.to_string(),
                    None => "-".to_owned(),
                };
                write!(
                    f,
                    "{name:<32} {by:<28} {after:>5} {seconds:>4.1} s  {title}"
                )
            }
            Err(why) => write!(f, "{name:<32} SURVIVED: {title}\n{why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_noticed_it_is_read_from_the_output() {
        let found = caught("x\nafter 12 histories: violated [4 no lost money]: t1\n").unwrap();
        assert_eq!(
            (found.by.as_str(), found.histories),
            ("4 no lost money", Some(12))
        );
        let found = caught("panicked:\nviolated [contract]: y").unwrap();
        assert_eq!((found.by.as_str(), found.histories), ("contract", None));
        assert!(caught("it never happened").is_none());
    }

    #[test]
    fn a_failed_test_is_read_from_its_line() {
        let said = "running 2 tests\ntest c ... ok\ntest a::b ... FAILED\ntest d ... FAILED\n";
        assert_eq!(failed_test(said).unwrap().by, "journal's test a::b");
        assert!(failed_test("test c ... ok\ntest result: ok.").is_none());
    }

    #[test]
    fn a_program_that_has_said_enough_is_ended() {
        let run = |program: &str, enough| {
            let command = crate::workspace::program(program);
            Run { command, enough }.output().unwrap()
        };
        let said = run("yes", Some("y"));
        assert!(said.fails && said.out == "y\n");
        let said = run("true", Some("y"));
        assert!(!said.fails && said.out.is_empty());
    }

    #[test]
    fn only_the_end_of_a_long_word_is_shown() {
        let said = "é".repeat(REASON_BYTES_MAX);
        assert_eq!(end_of(&said).len(), REASON_BYTES_MAX);
        assert_eq!(end_of(&format!("{said}x")).len(), REASON_BYTES_MAX - 1);
        assert_eq!(end_of("short"), "short");
    }
}
