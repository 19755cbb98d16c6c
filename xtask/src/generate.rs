// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask generate`: writes the checked-in schemas that Rust types are the source of.
//!
//! The text comes from the crates that own the types; nothing is worded here.

use std::fs;
use std::path::Path;

use crate::workspace;

#[derive(clap::Args, Debug)]
pub(crate) struct Generate {
    /// Write nothing; fail when a checked-in file differs.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(generate: &Generate) -> Result<(), String> {
    if generate.check {
        return check_all();
    }
    let files = sources();
    let written = write(&workspace::root(), &files)?;
    println!("{written} of {} generated files written", files.len());
    Ok(())
}

/// Compares every checked-in file with what would be written.
pub(crate) fn check_all() -> Result<(), String> {
    check(&workspace::root(), &sources())
}

/// Path below the root, and text, of every generated file.
type Files = Vec<(String, String)>;

fn sources() -> Files {
    [payhal_messages::generate(), payhal_protocol::generate()].concat()
}

fn check(root: &Path, files: &Files) -> Result<(), String> {
    let drifted = drift(root, files);
    for line in &drifted {
        println!("{line}");
    }
    if drifted.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} generated files differ; write them with `cargo xtask generate`",
        drifted.len()
    ))
}

/// One line for each file that is not as generated, with the first line that differs.
fn drift(root: &Path, files: &Files) -> Vec<String> {
    let mut drifted = Vec::new();
    for (path, wanted) in files {
        match fs::read_to_string(root.join(path)) {
            Ok(found) if found == *wanted => {}
            Ok(found) => drifted.push(format!(
                "{path}:{}: differs",
                first_difference(&found, wanted)
            )),
            Err(error) => drifted.push(format!("{path}: {error}")),
        }
    }
    drifted
}

fn first_difference(found: &str, wanted: &str) -> usize {
    let same = found
        .lines()
        .zip(wanted.lines())
        .take_while(|(found, wanted)| found == wanted)
        .count();
    same + 1
}

fn write(root: &Path, files: &Files) -> Result<usize, String> {
    let mut written = 0;
    for (path, text) in files {
        let to = root.join(path);
        if fs::read_to_string(&to).is_ok_and(|found| found == *text) {
            continue;
        }
        let parent = to.parent().expect("a file below the root has a parent");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&to, text))
            .map_err(|error| format!("failed to write {}: {error}", to.display()))?;
        written += 1;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_names_the_first_line_that_differs() {
        let root = workspace::root();
        let path = "xtask/src/generate.rs".to_owned();
        let mut text = fs::read_to_string(root.join(&path)).unwrap();
        assert!(drift(&root, &vec![(path.clone(), text.clone())]).is_empty());
        text = text.replacen("//!", "//?", 1);
        assert_eq!(
            drift(&root, &vec![(path.clone(), text)]),
            vec![format!("{path}:2: differs")]
        );
    }

    #[test]
    fn a_missing_file_is_drift() {
        let files = vec![("xtask/no-such-file.json".to_owned(), "{}".to_owned())];
        assert_eq!(drift(&workspace::root(), &files).len(), 1);
    }
}
