// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal simulate NAME`: becomes the program `payhal-simulate-NAME` beside this one.
//!
//! Which there are is seen in the folder: nothing here knows a device. It must never start a child:
//! this process ends or becomes the other one.

use super::args::{Cli, SimulateArgs};
use super::beside;
use super::exit::{Exit, Failure};
use super::screen::{say, tell};
use clap::CommandFactory as _;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

const PREFIX: &str = "payhal-simulate-";

/// Returns when there is nothing to become.
pub(super) fn simulate(args: &SimulateArgs) -> Result<Exit, Failure> {
    let Some((first, words)) = args.words.split_first() else {
        list();
        return Ok(Exit::Ok);
    };
    let name = first.to_string_lossy();
    if matches!(&*name, "--help" | "-h") {
        say(&help());
        return Ok(Exit::Ok);
    }
    if !is_name(&name) {
        let text = format!("`{name}` is no simulator's name: it is letters, digits and hyphens");
        return Err(Failure::new(Exit::Usage, text).advise(advice(&there())));
    }
    let words: Vec<OsString> = words.to_vec();
    Err(beside::become_program(
        &format!("{PREFIX}{name}"),
        &words,
        &advice(&there()),
    ))
}

fn list() {
    let there = there();
    for name in &there {
        say(name);
    }
    tell(&match there.is_empty() {
        true => advice(&there),
        false => "What one takes: payhal simulate NAME --help".to_owned(),
    });
}

fn advice(there: &[String]) -> String {
    match there {
        [] => "No simulator is installed: they are for tests, and come with the plugins whose devices \
               they are. Put payhal-simulate-NAME beside payhal."
            .to_owned(),
        there => format!("Installed: {}.", there.join(", ")),
    }
}

fn help() -> String {
    let mut cli = Cli::command();
    let command = cli.find_subcommand_mut("simulate");
    let named = command.map(|command| command.clone().bin_name("payhal simulate"));
    named.map_or_else(String::new, |mut named| {
        named.render_long_help().to_string()
    })
}

/// Those beside this program, by name.
fn there() -> Vec<String> {
    let exe = std::env::current_exe().ok();
    let folder = exe.as_deref().and_then(Path::parent);
    folder.map(installed).unwrap_or_default()
}

fn installed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|file| {
            let name = file.strip_suffix(std::env::consts::EXE_SUFFIX)?;
            name.strip_prefix(PREFIX).map(str::to_owned)
        })
        .filter(|name| is_name(name))
        .collect();
    names.sort();
    names
}

/// So that nothing but a program of that kind is ever started.
fn is_name(name: &str) -> bool {
    let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_program_is_listed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "payhal",
            "payhal-simulate-b",
            "payhal-simulate-a2",
            // What cargo leaves beside a program, and what is none.
            "payhal-simulate-a2.d",
            "payhal-simulate-",
        ] {
            let name = format!("{file}{}", std::env::consts::EXE_SUFFIX);
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("payhal-simulate-folder")).unwrap();
        assert_eq!(installed(folder.path()), ["a2", "b"]);
        assert!(installed(&folder.path().join("nowhere")).is_empty());
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for wrong in ["", "../x", "x/y", "X", "--port", "x.y", "-x"] {
            assert!(!is_name(wrong), "{wrong}");
            let words = vec![OsString::from(wrong)];
            let ended = simulate(&SimulateArgs { words });
            assert_eq!(ended.unwrap_err().exit, Exit::Usage, "{wrong}");
        }
        let words = vec!["nobody-has-this".into()];
        let failure = simulate(&SimulateArgs { words }).unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn help_is_there() {
        assert!(help().contains("payhal-simulate-"), "{}", help());
    }
}
