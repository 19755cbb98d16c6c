// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal keys`: becomes the program `payhal-keys` beside this one, with the state folder named.
//!
//! Keys are made there and never here: nothing of the host is linked with what can hold one. It must
//! never start a child: this process ends or becomes the other one.

use super::args::{KeysArgs, PlaceArgs};
use super::connect::state_folder;
use super::exit::{Exit, Failure};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// Returns only when that could not be done.
pub(super) fn become_keys(args: &KeysArgs) -> Failure {
    match command_line(args) {
        Ok((program, words)) => failed(&program, &Command::new(&program).args(words).exec()),
        Err(failure) => failure,
    }
}

fn command_line(args: &KeysArgs) -> Result<(PathBuf, Vec<OsString>), Failure> {
    let (place, mut words) = place(args)?;
    let asks_for_help = |word: &OsString| {
        ["--help", "-h", "--version", "-V"]
            .iter()
            .any(|h| word == h)
    };
    if !words.is_empty() && !words.iter().any(asks_for_help) {
        let state = state_folder(&place)?;
        words.splice(0..0, ["--state".into(), state.into()]);
    }
    Ok((beside(), words))
}

/// Takes `--config` and `--state` out of the words, wherever they stand.
fn place(args: &KeysArgs) -> Result<(PlaceArgs, Vec<OsString>), Failure> {
    let mut place = PlaceArgs::default();
    let mut rest = Vec::new();
    let mut words = args.words.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (&*text, None),
        };
        let slot = match name {
            "--config" => &mut place.config,
            "--state" => &mut place.state,
            _ => {
                rest.push(word.clone());
                continue;
            }
        };
        let value = value.or_else(|| words.next().cloned());
        let value = value.ok_or_else(|| {
            Failure::new(Exit::Usage, format!("a value is missing behind {name}"))
        })?;
        *slot = Some(value.into());
    }
    Ok((place, rest))
}

fn beside() -> PathBuf {
    let name = format!("payhal-keys{}", std::env::consts::EXE_SUFFIX);
    let exe = std::env::current_exe().ok();
    let beside = exe.and_then(|exe| Some(exe.parent()?.join(&name)));
    beside.unwrap_or_else(|| PathBuf::from(name))
}

fn failed(program: &std::path::Path, error: &std::io::Error) -> Failure {
    if error.kind() != std::io::ErrorKind::NotFound {
        let text = format!("failed to start {}: {error}", program.display());
        return Failure::new(Exit::Failed, text);
    }
    let name = program.file_name().unwrap_or(OsStr::new("payhal-keys"));
    let folder = program.parent().unwrap_or(program);
    let text = format!(
        "`{}` is not installed (looked in {})",
        name.display(),
        folder.display()
    );
    Failure::new(Exit::Failed, text).advise(
        "It is for simulated readers and is not installed where none is used. In a source tree, \
         `cargo build --package payhal-testkit` makes it; put it beside payhal.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(words: &[&str]) -> Result<(PlaceArgs, Vec<OsString>), Failure> {
        let words = words.iter().map(OsString::from).collect();
        place(&KeysArgs { words })
    }

    #[test]
    fn the_place_is_taken_out_wherever_it_stands() {
        for words in [
            ["--state", "s", "list", "--json", "--config=c"],
            ["list", "--config", "c", "--json", "--state=s"],
        ] {
            let (place, rest) = taken(&words).unwrap();
            assert_eq!(place.state, Some("s".into()));
            assert_eq!(place.config, Some("c".into()));
            assert_eq!(rest, ["list", "--json"]);
        }
        assert!(taken(&["list", "--state"]).is_err());
    }

    #[test]
    fn a_missing_program_is_named_with_where_it_belongs() {
        let program = PathBuf::from("/nowhere/payhal-keys");
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        let said = format!("{:?}", failed(&program, &error));
        assert!(
            said.contains("/nowhere") && said.contains("payhal-testkit"),
            "{said}"
        );
    }
}
