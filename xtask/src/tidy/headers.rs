// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a source file opens.

use super::tree::{File, Finding, Tree};

const LICENCE: &str = "SPDX-License-Identifier: MIT OR Apache-2.0";

/// The licence stands on the first line, or on the second under a `#!` or a doctype. An empty
/// file needs none.
pub(crate) fn licence_first(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_source(file)) {
        if file.text.is_empty() {
            continue;
        }
        let mut lines = file.text.lines();
        let first = lines.next().unwrap_or_default();
        let opens = if first.starts_with("#!/") || first.starts_with("<!") {
            lines.next().unwrap_or_default()
        } else {
            first
        };
        if !opens.contains(LICENCE) {
            findings.push(file.finding(1, format!("does not open with `{LICENCE}`")));
        }
    }
    findings
}

fn is_source(file: &File) -> bool {
    let endings = [
        "rs", "js", "mjs", "ts", "py", "pyi", "css", "html", "c", "h", "sh",
    ];
    let ending = file.name().rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| endings.contains(&ending)) || file.path == ".ci/run"
}

/// The first thing said in a Rust file is what the module owns.
pub(crate) fn modules_say_what_they_own(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _) in tree.rust() {
        let first = file
            .lines()
            .find(|(_, text)| !text.trim().is_empty() && !text.contains(LICENCE));
        if !first.is_some_and(|(_, text)| text.starts_with("//! ")) {
            findings.push(file.finding(1, "does not say in `//!` what it owns"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_licence_is_found() {
        let tree = Tree::sample(&[
            ("a/src/lib.rs", "//! Owns.\n"),
            ("a/b.py", &format!("#!/usr/bin/env python3\n# {LICENCE}\n")),
            ("a/c.js", &format!("\n// {LICENCE}\n")),
            ("a/notes.md", "text"),
        ]);
        let paths: Vec<String> = licence_first(&tree).into_iter().map(|f| f.path).collect();
        assert_eq!(paths, ["a/src/lib.rs", "a/c.js"]);
    }

    #[test]
    fn a_module_without_a_word_is_found() {
        let tree = Tree::sample(&[
            (
                "a/src/lib.rs",
                &format!("// {LICENCE}\nfn f() {{}}\n//! Late.\n"),
            ),
            ("a/src/b.rs", &format!("// {LICENCE}\n//! Owns b.\n")),
        ]);
        assert_eq!(modules_say_what_they_own(&tree).len(), 1);
    }
}
