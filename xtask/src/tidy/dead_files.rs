// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every Rust file is compiled by something.

use std::collections::BTreeSet;

use super::lexer::{Rust, is_word};
use super::tree::{File, Finding, Tree};

/// Follows `mod`, `#[path]` and `include!` from the roots that cargo knows.
pub(crate) fn every_file_is_reached(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = tree.cargo.roots.iter().cloned().collect();
    while let Some(path) = open.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        let found = tree.rust().find(|(file, _)| file.path == path);
        if let Some((file, rust)) = found {
            let root = tree.cargo.roots.contains(&path);
            let wanted = wanted(file, rust, root);
            open.extend(wanted.into_iter().filter(|path| tree.paths.contains(path)));
        }
    }
    tree.rust()
        .filter(|(file, _)| !reached.contains(&file.path) && !tree.cargo.roots.is_empty())
        .map(|(file, _)| file.finding(1, "no module leads to this file"))
        .collect()
}

/// Paths that the file's modules could lie at.
fn wanted(file: &File, rust: &Rust, root: bool) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let below = if root || stem == "mod" {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    let mut paths = Vec::new();
    for module in modules(&rust.code) {
        paths.push(format!("{below}/{module}.rs"));
        paths.push(format!("{below}/{module}/mod.rs"));
    }
    for (_, text) in rust
        .strings
        .iter()
        .filter(|(_, text)| text.ends_with(".rs"))
    {
        paths.push(resolved(folder, text));
    }
    paths
}

/// Names behind `mod` that have no body here.
fn modules(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("mod ") {
        let rest = &code[at + "mod ".len()..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let whole = !code[..at].chars().next_back().is_some_and(is_word);
        if whole && rest[end..].trim_start().starts_with(';') {
            names.push(&rest[..end]);
        }
    }
    names
}

/// A path with its `.` and `..` taken out.
pub(super) fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nothing_declares_is_found() {
        let mut tree = Tree::sample(&[
            (
                "a/src/lib.rs",
                "mod b;\npub mod c;\n#[path = \"odd/d.rs\"]\nmod d;\nmod e {}\n",
            ),
            ("a/src/b.rs", "mod inner;"),
            ("a/src/b/inner.rs", ""),
            ("a/src/c/mod.rs", "mod f;"),
            ("a/src/c/f.rs", ""),
            ("a/src/odd/d.rs", ""),
            ("a/src/e.rs", ""),
        ]);
        tree.cargo.roots.insert("a/src/lib.rs".to_owned());
        let paths: Vec<String> = every_file_is_reached(&tree)
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(paths, ["a/src/e.rs"]);
    }

    #[test]
    fn paths_are_resolved() {
        assert_eq!(resolved("a/b", "../c/./d.md"), "a/c/d.md");
    }
}
