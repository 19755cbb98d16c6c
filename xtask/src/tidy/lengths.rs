// SPDX-License-Identifier: MIT OR Apache-2.0
//! Functions fit on a screen and files in a head. What is too long already may only shrink.

use std::collections::BTreeMap;

use super::functions;
use super::lexer::Rust;
use super::tree::{Finding, Tree};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 800;
const RATCHET: &str = "xtask/tidy-ratchet.toml";

/// Lines of code in each function; blank lines and comments are free.
pub(crate) fn functions(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, rust) in tree.rust() {
        for (line, name, length) in lengths(rust) {
            found.push(Measured {
                key: format!("{}::{name}", file.path),
                path: file.path.clone(),
                line,
                length,
            });
        }
    }
    judge(tree, "functions", &found, FUNCTION_LINES_MAX)
}

/// Lines of each source file, whatever stands on them.
pub(crate) fn files(tree: &Tree) -> Vec<Finding> {
    let sources = [".rs", ".js", ".mjs", ".ts", ".py", ".css", ".c", ".h"];
    let found: Vec<Measured> = tree
        .files
        .iter()
        .filter(|file| sources.iter().any(|ending| file.path.ends_with(ending)))
        .map(|file| Measured {
            key: file.path.clone(),
            path: file.path.clone(),
            line: 1,
            length: file.text.lines().count(),
        })
        .collect();
    judge(tree, "files", &found, FILE_LINES_MAX)
}

struct Measured {
    key: String,
    path: String,
    line: usize,
    length: usize,
}

fn judge(tree: &Tree, table: &str, found: &[Measured], most: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ratchet = ratchet(tree, table);
    for measured in found {
        let allowed = ratchet.remove(&measured.key).unwrap_or(most);
        let message = if measured.length > allowed {
            format!("{} lines of at most {allowed}", measured.length)
        } else if allowed != most && measured.length < allowed {
            format!("shrank to {} lines: lower it in {RATCHET}", measured.length)
        } else {
            continue;
        };
        findings.push(Finding {
            path: measured.path.clone(),
            line: measured.line,
            message,
        });
    }
    findings.extend(ratchet.into_keys().map(|key| Finding {
        path: RATCHET.to_owned(),
        line: 1,
        message: format!("`{key}` is gone: remove it"),
    }));
    findings
}

fn ratchet(tree: &Tree, table: &str) -> BTreeMap<String, usize> {
    let parsed: toml::Table = tree
        .text(RATCHET)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    let entries = parsed.get(table).and_then(toml::Value::as_table);
    let length = |value: &toml::Value| usize::try_from(value.as_integer()?).ok();
    entries
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), length(value)?)))
        .collect()
}

/// Line, name and length of every function with a body.
fn lengths(rust: &Rust) -> Vec<(usize, String, usize)> {
    let length = |body: &str| {
        let lines = body.lines().filter(|line| !line.trim().is_empty());
        lines.count().saturating_sub(2)
    };
    functions::of(&rust.code)
        .into_iter()
        .map(|found| {
            (
                found.line,
                found.name.to_owned(),
                length(&rust.code[found.body]),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "fn long(a: [u8; 2]) -> u8 {{\n{}}}\n",
            "    step();\n\n".repeat(lines)
        )
    }

    #[test]
    fn a_long_function_is_found() {
        let tree = Tree::sample(&[("a/src/lib.rs", &function(71))]);
        assert_eq!(functions(&tree)[0].message, "71 lines of at most 70");
        let tree = Tree::sample(&[("a/src/lib.rs", &function(70))]);
        assert_eq!(functions(&tree), []);
    }

    #[test]
    fn a_long_file_is_found() {
        let tree = Tree::sample(&[("a/src/lib.rs", &"//\n".repeat(801))]);
        assert_eq!(files(&tree).len(), 1);
    }

    #[test]
    fn the_ratchet_only_shrinks() {
        let ratchet = "[functions]\n\"a/src/lib.rs::long\" = 80\n";
        let with = |lines: usize| {
            let text = function(lines);
            let tree = Tree::sample(&[("a/src/lib.rs", &text), (RATCHET, ratchet)]);
            functions(&tree).len()
        };
        assert_eq!(with(80), 0);
        assert_eq!(with(81), 1);
        assert_eq!(with(79), 1);
        assert_eq!(functions(&Tree::sample(&[(RATCHET, ratchet)])).len(), 1);
    }
}
