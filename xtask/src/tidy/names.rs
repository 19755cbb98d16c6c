// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names that say nothing are banned, and so is `get_`.

use super::lexer::is_word;
use super::tree::{Finding, Tree};

/// Banned as a whole name.
const EMPTY: [&str; 13] = [
    "common", "data", "handler", "handlers", "helper", "helpers", "imp", "info", "manager", "misc",
    "util", "utils", "managers",
];

/// Banned as the last part of a longer name too.
const EMPTY_ENDINGS: [&str; 7] = [
    "common", "handler", "helper", "helpers", "manager", "util", "utils",
];

const KEYWORDS: [&str; 7] = ["fn", "struct", "enum", "trait", "mod", "type", "union"];

/// Files, folders, modules, types and functions.
pub(crate) fn none_banned(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        for part in file.path.split('/') {
            let stem = part.strip_suffix(".rs").unwrap_or(part);
            if EMPTY.contains(&stem) {
                findings.push(file.finding(1, format!("`{stem}` says nothing as a file's name")));
            }
        }
        for (line, code) in rust.lines() {
            for name in declared(code).filter(|name| says_nothing(name)) {
                findings.push(file.finding(line, format!("`{name}` says nothing as a name")));
            }
        }
    }
    findings
}

/// Functions are named for what they return or do. Those of a trait of others have its names.
pub(crate) fn no_get(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        let mut of_trait = false;
        for (line, code) in rust.lines() {
            if !code.starts_with([' ', '}']) && !code.is_empty() {
                of_trait = code.starts_with("impl") && code.contains(" for ");
            }
            if of_trait {
                continue;
            }
            for name in names_after(code, "fn").filter(|name| name.starts_with("get_")) {
                findings.push(file.finding(line, format!("`{name}`: drop the `get_`")));
            }
        }
    }
    findings
}

fn declared(code: &str) -> impl Iterator<Item = &str> {
    KEYWORDS
        .iter()
        .flat_map(|keyword| names_after(code, keyword))
}

fn names_after<'a>(code: &'a str, keyword: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(keyword).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let rest = code[at + keyword.len()..].strip_prefix(' ')?;
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        (!name.is_empty() && !before.is_some_and(|c| is_word(c) || c == '\'')).then_some(name)
    })
}

fn says_nothing(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    EMPTY.contains(&words.concat().as_str()) || EMPTY_ENDINGS.contains(&last)
}

/// The words of a name, in snake case or with capitals.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in name.chars() {
        if (character == '_' || character.is_uppercase())
            && words.last().is_some_and(|w| !w.is_empty())
        {
            words.push(String::new());
        }
        if character != '_' {
            let word = words.last_mut().expect("starts with one word");
            word.extend(character.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found() {
        let bad = "struct Data;\nfn helper() {}\nmod util {}\nstruct ConnectionManager;\n\
                   enum Info {}\ntype RequestHandler = u8;\n";
        let tree = Tree::sample(&[("host/ipc/src/lib.rs", bad)]);
        assert_eq!(none_banned(&tree).len(), 6);
        let tree = Tree::sample(&[
            ("host/ipc/src/common.rs", ""),
            ("host/ipc/src/misc/a.rs", ""),
        ]);
        assert_eq!(none_banned(&tree).len(), 2);
    }

    #[test]
    fn names_that_say_something_pass() {
        let good = "struct SealedCardData;\nfn handle() {}\ninfo!(\"x\");\nlet data = 1;\n";
        let tree = Tree::sample(&[("sdk/card-data/src/lib.rs", good)]);
        assert_eq!(none_banned(&tree), []);
    }

    #[test]
    fn a_getter_is_found() {
        let text = "fn get_amount() {}\nfn get(k: u8) {}\nimpl Profile for Till {\n    \
                    fn get_name(&self) {}\n}\nimpl Till {\n    fn get_total(&self) {}\n}\n";
        let tree = Tree::sample(&[("a/src/lib.rs", text)]);
        let lines: Vec<_> = no_get(&tree).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 7]);
    }
}
