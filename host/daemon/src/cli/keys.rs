// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal keys`: becomes the program `payhal-keys` beside this one, with the state folder named.
//!
//! Keys are made there and never here: nothing of the host is linked with what can hold one. It must
//! never start a child: this process ends or becomes the other one.

use super::args::{KeysArgs, PlaceArgs};
use super::beside;
use super::connect::state_folder;
use super::exit::{Exit, Failure};
use std::ffi::OsString;

const ADVICE: &str = "It is for simulated readers and is not installed where none is used. In a source tree, \
     `cargo build --package payhal-testkit` makes it; put it beside payhal.";

/// Returns only when that could not be done.
pub(super) fn become_keys(args: &KeysArgs) -> Failure {
    match command_line(args) {
        Ok(words) => beside::become_program("payhal-keys", &words, ADVICE),
        Err(failure) => failure,
    }
}

fn command_line(args: &KeysArgs) -> Result<Vec<OsString>, Failure> {
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
    Ok(words)
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
}
