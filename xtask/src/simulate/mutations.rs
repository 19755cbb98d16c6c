// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--mutations`: breaks the product on purpose, each time in another way, and sees that a checker
//! notices. A mutation that nobody notices is a hole in the proof.

use super::mutation::{FOLDER, Mutation, Proof};
use super::scratch::Scratch;
use super::{SEEDS_CASE, of_seeds};
use crate::workspace;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Histories after which a mutation has survived.
const SEEDS_MAX: u64 = 6_000;

/// Copies that are built side by side.
const COPIES: usize = 2;

/// What a failing history says; then the law in brackets.
const VIOLATED: &str = "histories: violated [";

/// How much is shown of why a mutation was not caught: the end of what a compiler said.
const REASON_BYTES_MAX: usize = 2_000;

struct Tried {
    name: String,
    title: String,
    caught: Result<Caught, String>,
    took: Duration,
}

struct Caught {
    by: String,
    /// Absent where a script noticed it, or a test.
    histories: Option<u64>,
}

pub(crate) fn run(names: &[String]) -> Result<(), String> {
    let chosen: Vec<_> = all()?
        .into_iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|begins| name.starts_with(begins)))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no mutation of {FOLDER} has such a name"));
    }
    for (name, mutation) in &chosen {
        mutated(mutation).map_err(|error| format!("{name}: {error}"))?;
    }
    let tried = try_all(chosen)?;
    let survived = tried.iter().filter(|tried| tried.caught.is_err()).count();
    println!(
        "\n{:<32} {:<28} {:>5} {:>6}  title",
        "mutation", "caught by", "after", "time"
    );
    for one in &tried {
        println!("{one}");
    }
    if survived == 0 {
        return Ok(());
    }
    Err(format!("{survived} of {} mutations survived", tried.len()))
}

fn all() -> Result<Vec<(String, Mutation)>, String> {
    let folder = workspace::root().join(FOLDER);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("{FOLDER}: {error}"))? {
        let path = entry.map_err(|error| format!("{FOLDER}: {error}"))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let mutation = Mutation::parse(&text).map_err(|error| format!("{name}: {error}"))?;
        found.push((name.into_owned(), mutation));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

/// The source without and with the mutation.
fn mutated(mutation: &Mutation) -> Result<(String, String), String> {
    let path = workspace::root().join(&mutation.file);
    let source = fs::read_to_string(&path)
        .map_err(|error| format!("failed to read {}: {error}", mutation.file))?;
    let broken = mutation.apply(&source)?;
    Ok((source, broken))
}

fn try_all(chosen: Vec<(String, Mutation)>) -> Result<Vec<Tried>, String> {
    let copies = COPIES.min(chosen.len());
    let waiting = Mutex::new(chosen.into_iter());
    let tried = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..copies)
            .map(|number| {
                let (waiting, tried) = (&waiting, &tried);
                scope.spawn(move || -> Result<(), String> {
                    let scratch = Scratch::new(number)?;
                    loop {
                        let next = waiting.lock().map_err(|_| "a thread broke")?.next();
                        let Some((name, mutation)) = next else {
                            return Ok(());
                        };
                        let one = try_one(&scratch, name, &mutation)?;
                        println!("{one}");
                        tried.lock().map_err(|_| "a thread broke")?.push(one);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a thread broke")??;
        }
        Ok::<(), String>(())
    })?;
    let mut tried = tried.into_inner().map_err(|_| "a thread broke")?;
    tried.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tried)
}

fn try_one(scratch: &Scratch, name: String, mutation: &Mutation) -> Result<Tried, String> {
    let started = Instant::now();
    let (source, broken) = mutated(mutation)?;
    scratch.write(&mutation.file, &broken)?;
    let caught = match mutation.proof {
        Proof::Simulation => simulated(scratch),
        Proof::Journal => journal_tested(scratch),
    };
    scratch.write(&mutation.file, &source)?;
    Ok(Tried {
        caught: caught.map_err(|why| format!("{why}; it should break {}", mutation.breaks)),
        name,
        title: mutation.title.clone(),
        took: started.elapsed(),
    })
}

/// By the seeds, or else by the scripts.
fn simulated(scratch: &Scratch) -> Result<Caught, String> {
    let mut seeds = scratch.test(Proof::Simulation);
    seeds.args(["--exact", SEEDS_CASE, "--nocapture"]);
    of_seeds(&mut seeds, 0, SEEDS_MAX);
    let mut scripts = scratch.test(Proof::Simulation);
    scripts.args(["--skip", SEEDS_CASE, "--nocapture"]);
    for command in [&mut seeds, &mut scripts] {
        let done = command.output();
        let done = done.map_err(|error| format!("failed to start cargo: {error}"))?;
        let said = String::from_utf8_lossy(&done.stdout);
        if done.status.success() {
            continue;
        }
        let errors = String::from_utf8_lossy(&done.stderr);
        if !said.contains("running ") {
            return Err(format!("it does not build: {errors}"));
        }
        return caught(&said)
            .or_else(|| caught(&errors))
            .ok_or_else(|| "no checker noticed it, but something broke".to_owned());
    }
    Err(format!("nobody noticed it in {SEEDS_MAX} histories"))
}

/// Who noticed it, from what a test printed.
fn caught(said: &str) -> Option<Caught> {
    let mut laws = said.split("violated [").skip(1);
    let by = laws.next()?.split(']').next()?.to_owned();
    let histories = said.find(VIOLATED).and_then(|at| {
        let words = said[..at].trim_end().rsplit(' ');
        words.into_iter().next()?.parse().ok()
    });
    Some(Caught { by, histories })
}

fn journal_tested(scratch: &Scratch) -> Result<Caught, String> {
    let done = scratch.test(Proof::Journal).output();
    let done = done.map_err(|error| format!("failed to start cargo: {error}"))?;
    if done.status.success() {
        return Err("nobody noticed it".to_owned());
    }
    let said = String::from_utf8_lossy(&done.stdout);
    let failed = said.lines().filter_map(|line| line.strip_prefix("    "));
    let by = failed.into_iter().next();
    let by = by.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&done.stderr);
        format!("it does not build: {errors}")
    })?;
    Ok(Caught {
        by: format!("journal's test {by}"),
        histories: None,
    })
}

impl std::fmt::Display for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, title, seconds) = (&self.name, &self.title, self.took.as_secs());
        match &self.caught {
            Ok(Caught { by, histories }) => {
                let after = match histories {
                    Some(histories) => histories.to_string(),
                    None => "-".to_owned(),
                };
                write!(f, "{name:<32} {by:<28} {after:>5} {seconds:>4} s  {title}")
            }
            Err(why) => {
                let end = why.len().saturating_sub(REASON_BYTES_MAX);
                let end = (end..).find(|at| why.is_char_boundary(*at)).unwrap_or(0);
                write!(f, "{name:<32} SURVIVED: {title}\n{}", &why[end..])
            }
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
    fn every_mutation_can_be_read() {
        // Whether its place is there is for tidy to say.
        assert!(all().unwrap().len() >= 30);
    }
}
