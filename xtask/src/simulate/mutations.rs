// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--mutations`: breaks the product on purpose, each time in another way, and sees that a checker
//! notices. A mutation that nobody notices is a hole in the proof.
//!
//! One build holds them all, and each run chooses one. What does not fit into it is built alone.

use super::mutation::{FOLDER, Mutation, Proof};
use super::scratch::{Fault, Instead, NotBuilt, Programs, ROOTS, Scratch};
use super::trial::{Trial, Tried, end_of};
use super::woven::{self, Woven};
use crate::workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::time::Instant;

/// Mutations that run side by side.
const SIDE_BY_SIDE: usize = 2;

pub(crate) fn run(names: &[String]) -> Result<(), String> {
    let mut chosen = all()?;
    chosen
        .retain(|one| names.is_empty() || names.iter().any(|begins| one.name.starts_with(begins)));
    if chosen.is_empty() {
        return Err(format!("no mutation of {FOLDER} has such a name"));
    }
    let sources = sources(&chosen)?;
    let proofs = chosen.iter().map(|mutation| mutation.proof).collect();
    let (together, mut alone) = parted(chosen, &sources)?;
    let (built, others) = Built::new(&sources, together, &proofs)?;
    alone.extend(others);
    let mut tried = built.try_together()?;
    for mutation in &alone {
        tried.push(built.try_alone(mutation, &sources[&mutation.file])?);
    }
    tried.sort_by(|one, other| one.name.cmp(&other.name));
    report(&tried)
}

fn report(tried: &[Tried]) -> Result<(), String> {
    let survived = tried.iter().filter(|tried| tried.caught.is_err()).count();
    println!(
        "\n{:<32} {:<28} {:>5} {:>6}  title",
        "mutation", "caught by", "after", "time"
    );
    for one in tried {
        println!("{one}");
    }
    if survived == 0 {
        return Ok(());
    }
    Err(format!("{survived} of {} mutations survived", tried.len()))
}

fn all() -> Result<Vec<Mutation>, String> {
    let folder = workspace::root().join(FOLDER);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("{FOLDER}: {error}"))? {
        let path = entry.map_err(|error| format!("{FOLDER}: {error}"))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        found.push(Mutation::parse(&name, &text).map_err(|error| format!("{name}: {error}"))?);
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The files to be broken, and the roots of their crates.
type Sources = BTreeMap<String, String>;

fn sources(mutations: &[Mutation]) -> Result<Sources, String> {
    let broken = mutations.iter().map(|mutation| mutation.file.as_str());
    let files: BTreeSet<&str> = broken.chain(ROOTS).collect();
    let read = |file: &str| {
        let text = fs::read_to_string(workspace::root().join(file));
        text.map_err(|error| format!("failed to read {file}: {error}"))
    };
    let texts = files
        .into_iter()
        .map(|file| Ok((file.to_owned(), read(file)?)));
    texts.collect()
}

/// Those that one build can hold, and those that it cannot.
fn parted(all: Vec<Mutation>, sources: &Sources) -> Result<(Vec<Mutation>, Vec<Mutation>), String> {
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for mutation in all {
        let source = &sources[&mutation.file];
        let in_place = mutation.place(source);
        in_place.map_err(|error| format!("{}: {error}", mutation.name))?;
        match woven::fits(source, &mutation) {
            Ok(()) => together.push(mutation),
            Err(why) => {
                println!("{} is built alone: {why}", mutation.name);
                alone.push(mutation);
            }
        }
    }
    Ok((together, alone))
}

/// The one build, and what is in it.
struct Built {
    scratch: Scratch,
    programs: Programs,
    mutations: Vec<Mutation>,
    files: Instead,
}

impl Built {
    /// With as many of the mutations as the compiler takes, and those that it does not.
    fn new(
        sources: &Sources,
        mut mutations: Vec<Mutation>,
        proofs: &BTreeSet<Proof>,
    ) -> Result<(Self, Vec<Mutation>), String> {
        let started = Instant::now();
        let mut others = Vec::new();
        loop {
            println!("building {} mutations at once", mutations.len());
            let woven = weave(sources, &mutations)?;
            let files = files(&woven);
            let scratch = Scratch::new(&files)?;
            match scratch.build(proofs) {
                Ok(programs) => {
                    let built = Self {
                        scratch,
                        programs,
                        mutations,
                        files,
                    };
                    built.trial(&built.programs, true).is_sound()?;
                    let seconds = started.elapsed().as_secs();
                    println!("built, and sound while none is on: {seconds} s");
                    return Ok((built, others));
                }
                Err(NotBuilt::Failed(why)) => return Err(why),
                Err(NotBuilt::Wrong(faults)) => {
                    let wrong = wrong(&woven, &faults)?;
                    println!("{} do not fit: each is built alone", listed(&wrong));
                    let (out, kept) = mutations
                        .into_iter()
                        .partition(|mutation| wrong.contains(&mutation.name));
                    mutations = kept;
                    others.extend::<Vec<_>>(out);
                }
            }
        }
    }

    fn trial<'a>(&'a self, programs: &'a Programs, chosen: bool) -> Trial<'a> {
        Trial {
            scratch: &self.scratch,
            programs,
            chosen,
        }
    }

    fn try_together(&self) -> Result<Vec<Tried>, String> {
        let waiting = Mutex::new(self.mutations.iter());
        let tried = Mutex::new(Vec::new());
        let trial = self.trial(&self.programs, true);
        std::thread::scope(|scope| {
            let work = || -> Result<(), String> {
                while let Some(mutation) = waiting.lock().map_err(|_| "a thread broke")?.next() {
                    let one = trial.of(mutation);
                    println!("{one}");
                    tried.lock().map_err(|_| "a thread broke")?.push(one);
                }
                Ok(())
            };
            let workers = [(); SIDE_BY_SIDE].map(|()| scope.spawn(work));
            for worker in workers {
                worker.join().map_err(|_| "a thread broke")??;
            }
            Ok::<(), String>(())
        })?;
        tried.into_inner().map_err(|_| "a thread broke".to_owned())
    }

    fn try_alone(&self, mutation: &Mutation, source: &str) -> Result<Tried, String> {
        let root = ROOTS.contains(&&*mutation.file);
        let mut broken = mutation.apply(source)?;
        broken.push_str(&root.then(woven::chooser).unwrap_or_default());
        self.scratch.write(&mutation.file, &broken)?;
        let tried = match self.scratch.build(&[mutation.proof].into()) {
            Ok(programs) => self.trial(&programs, false).of(mutation),
            Err(why) => Tried::not_built(mutation, &why.shown()),
        };
        let whole = self.files.get(&mutation.file).map_or(source, |text| text);
        self.scratch.write(&mutation.file, whole)?;
        println!("{tried}");
        Ok(tried)
    }
}

/// Each file with the mutations that stand in it.
fn weave(sources: &Sources, mutations: &[Mutation]) -> Result<BTreeMap<String, Woven>, String> {
    let mut all = BTreeMap::new();
    for (file, source) in sources {
        let within = mutations.iter().filter(|mutation| mutation.file == *file);
        let within: Vec<_> = within.collect();
        all.insert(file.clone(), Woven::new(source, &within)?);
    }
    Ok(all)
}

fn files(woven: &BTreeMap<String, Woven>) -> Instead {
    let text = |(file, woven): (&String, &Woven)| {
        let mut text = woven.text.clone();
        if ROOTS.contains(&file.as_str()) {
            text.push_str(&woven::chooser());
        }
        (file.clone(), text)
    };
    woven.iter().map(text).collect()
}

/// Those that the compiler speaks against.
fn wrong(woven: &BTreeMap<String, Woven>, faults: &[Fault]) -> Result<BTreeSet<String>, String> {
    let mut wrong = BTreeSet::new();
    for (file, line) in faults.iter().flat_map(|fault| &fault.places) {
        let there = woven.get(file).into_iter();
        wrong.extend(there.flat_map(|woven| woven.at(*line)).cloned());
    }
    if wrong.is_empty() {
        let why = shown(faults);
        return Err(format!(
            "nothing builds, and no mutation is at fault: {why}"
        ));
    }
    Ok(wrong)
}

fn listed(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.join(", ")
}

fn shown(faults: &[Fault]) -> String {
    let all: String = faults.iter().map(|fault| fault.shown.as_str()).collect();
    end_of(&all).to_owned()
}

impl NotBuilt {
    fn shown(&self) -> String {
        match self {
            Self::Wrong(faults) => shown(faults),
            Self::Failed(why) => end_of(why).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_every_mutation_is_in_the_one_build() {
        // Whether its place is there is for tidy to say.
        let all = all().unwrap();
        assert!(all.len() >= 80);
        let sources = sources(&all).unwrap();
        let (together, alone) = parted(all, &sources).unwrap();
        assert!(alone.len() * 20 < together.len(), "{} alone", alone.len());
    }

    #[test]
    fn an_error_is_the_mutations_whose_lines_it_names() {
        let text = "title = \"t\"\nbreaks = \"1\"\nfile = \"host/engine/src/a.rs\"\n\
                    find = \"one\"\nreplace = \"two\"\n";
        let mutation = Mutation::parse("x", text).unwrap();
        let source = "use one_more;\nfn a() { one() }\n".replace("one_more", "more");
        let sources = Sources::from([(mutation.file.clone(), source)]);
        let woven = weave(&sources, std::slice::from_ref(&mutation)).unwrap();
        let fault = |line| Fault {
            places: vec![(mutation.file.clone(), line)],
            shown: "it is wrong".into(),
        };
        let found = wrong(&woven, &[fault(1), fault(2)]).unwrap();
        assert_eq!(found, BTreeSet::from(["x".to_owned()]));
        assert!(
            wrong(&woven, &[fault(1)])
                .unwrap_err()
                .contains("it is wrong")
        );
    }
}
