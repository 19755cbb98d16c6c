// SPDX-License-Identifier: MIT OR Apache-2.0
//! `unsafe` stands in few places, and each place says why it is sound.

use super::lexer::{Rust, has_word};
use super::tree::{File, Finding, Tree};

/// Crates with a place for `unsafe` inside, so that their roots cannot forbid it.
const PARTLY: [&str; 4] = ["host/daemon", "host/runner", "sdk/abi", "sdk/plugin"];

/// `unsafe` is in the ABI, the SDK's export module, the runner and the supervisor's OS module.
pub(crate) fn only_where_allowed(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| !may_be_unsafe(&file.path)) {
        for (line, _) in rust.lines().filter(|(_, code)| has_word(code, "unsafe")) {
            findings.push(file.finding(line, "`unsafe` has no place here"));
        }
    }
    findings
}

fn may_be_unsafe(path: &str) -> bool {
    let places = [
        "sdk/abi/",
        "sdk/plugin/src/export",
        "host/runner/",
        "host/daemon/src/supervisor/os",
    ];
    places.iter().any(|place| path.starts_with(place))
}

/// Right above each block, a comment argues its soundness.
pub(crate) fn every_block_says_why(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        for line in blocks(rust) {
            if !says_why(file, line) {
                findings.push(file.finding(line, "`unsafe` without `// SAFETY:` above it"));
            }
        }
    }
    findings
}

/// Lines on which an unsafe block or implementation begins.
fn blocks(rust: &Rust) -> Vec<usize> {
    let opens = |code: &str| {
        code.match_indices("unsafe").any(|(at, word)| {
            let rest = code[at + word.len()..].trim_start();
            rest.starts_with('{') || rest.starts_with("impl")
        })
    };
    rust.lines()
        .filter(|(_, code)| opens(code))
        .map(|(line, _)| line)
        .collect()
}

/// Looks upward through the statement that the block is part of and the comment above it.
fn says_why(file: &File, line: usize) -> bool {
    let marker = "SAFETY:";
    let above: Vec<&str> = file.text.lines().take(line).collect();
    let mut seen_code = 0;
    for text in above.iter().rev().map(|text| text.trim()) {
        if text.contains(marker) {
            return true;
        }
        let comment = text.starts_with("//") || text.starts_with("#[");
        seen_code += usize::from(!comment);
        if seen_code > 3 || text.is_empty() {
            return false;
        }
    }
    false
}

/// Every library and program forbids `unsafe` at its root, so that the compiler checks it too.
pub(crate) fn forbidden_at_every_root(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        if !tree.cargo.roots.contains(&file.path) || !file.path.contains("/src/") {
            continue;
        }
        let partly = PARTLY
            .iter()
            .any(|folder| file.path.starts_with(&format!("{folder}/src/")));
        let says = |level: &str| {
            rust.code.contains(&format!("#![{level}(unsafe_code)]"))
                || rust.code.contains(&format!("#![{level}(unsafe_code,"))
        };
        if !says("forbid") && !partly {
            findings.push(file.finding(1, "does not say `#![forbid(unsafe_code)]`"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_in_the_wrong_place_is_found() {
        let bad = "fn f() { unsafe { g() } }";
        let tree = Tree::sample(&[("host/engine/src/lib.rs", bad), ("sdk/abi/src/lib.rs", bad)]);
        let findings = only_where_allowed(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "host/engine/src/lib.rs");
    }

    #[test]
    fn a_block_without_a_reason_is_found() {
        let bad = "// SAFETY: for f.\n\nfn f() {\n    unsafe { g() }\n}\n";
        let tree = Tree::sample(&[("sdk/abi/src/lib.rs", bad)]);
        assert_eq!(every_block_says_why(&tree).len(), 1);
        let good =
            "fn f() {\n    // SAFETY: g has no demands.\n    let a =\n        unsafe { g() };\n}\n";
        let tree = Tree::sample(&[("sdk/abi/src/lib.rs", good)]);
        assert_eq!(every_block_says_why(&tree), []);
    }

    #[test]
    fn a_root_that_forbids_nothing_is_found() {
        let mut tree = Tree::sample(&[
            ("host/engine/src/lib.rs", "fn f() {}"),
            ("host/ipc/src/lib.rs", "#![forbid(unsafe_code)]"),
            ("host/runner/src/main.rs", "fn main() {}"),
        ]);
        tree.cargo.roots = tree.paths.clone();
        let findings = forbidden_at_every_root(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path, "host/engine/src/lib.rs");
    }
}
