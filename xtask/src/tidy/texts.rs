// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for every text, code or not.

use super::dead_files::resolved;
use super::tree::{Finding, Tree};

/// First parts of paths that exist on one machine only.
const MACHINE: [&str; 4] = ["home", "root", "work", "Users"];

/// No path of the machine it was written on.
pub(crate) fn no_machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (line, text) in file.lines() {
            if MACHINE.iter().any(|first| names_machine(text, first)) {
                findings.push(file.finding(line, "names a path of one machine"));
            }
        }
    }
    findings
}

fn names_machine(text: &str, first: &str) -> bool {
    let path = format!("/{first}/");
    text.match_indices(&path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || ".-_/})>*".contains(c))
    })
}

/// Links between our own pages lead somewhere.
pub(crate) fn links_resolve(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (line, text) in file.lines() {
            if text.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for link in links(text) {
                let path = link.split('#').next().unwrap_or(link);
                let target = resolved(folder, path);
                let outside = link.contains("://") || link.starts_with("mailto:");
                if !outside && !path.is_empty() && !tree.paths.contains(&target) {
                    findings
                        .push(file.finding(line, format!("links to `{link}`, which is not there")));
                }
            }
        }
    }
    findings
}

/// A page that names a test beside a link to a Rust file, or to a test of Node's, names one that is
/// there: a claim without its proof is found out.
pub(crate) fn proofs_exist(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, text) in file.lines() {
            for (name, link) in named_cases(text) {
                let target = resolved(folder, link);
                let proof = tree.files.iter().find(|file| file.path == target);
                let heads = match link.ends_with(".rs") {
                    true => [format!("fn {name}("), format!("fn {name}<")],
                    // As a case is named there; a quote inside a name asks for the other kind.
                    false => [format!("('{name}'"), format!("(\"{name}\"")],
                };
                let has = |text: &str| heads.iter().any(|head| text.contains(head));
                if !proof.is_some_and(|proof| has(&proof.text)) {
                    let message = format!("names `{name}`, which `{link}` has not");
                    findings.push(file.finding(line, message));
                }
            }
        }
    }
    findings
}

/// Names in backticks that link to a Rust file or to a test of Node's, with the file.
fn named_cases(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices("`](").filter_map(|(at, open)| {
        let name = &text[text[..at].rfind("[`")? + 2..at];
        let rest = &text[at + open.len()..];
        let link = &rest[..rest.find(')')?];
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_case = link.ends_with(".test.mjs") && name.contains(' ');
        let is_function = link.ends_with(".rs") && name.chars().all(is_name);
        (is_case || is_function).then_some((name, link))
    })
}

fn links(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("](").filter_map(|(at, open)| {
        let rest = &text[at + open.len()..];
        let link = &rest[..rest.find(')')?];
        link.split_whitespace().next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_any_more_is_found() {
        let page = "[`it_holds`](../tests/a.rs), [`it_is_gone`](../tests/a.rs)\n\
                    [`a.rs`](../tests/a.rs) [`it_holds`](../tests/b.rs)";
        let tree = Tree::sample(&[
            ("docs/a.md", page),
            (
                "tests/a.rs",
                "async fn it_holds() {}\nfn it_is_gone_too() {}",
            ),
        ]);
        let found = proofs_exist(&tree);
        let lines: Vec<_> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2], "{found:?}");
        assert!(found[0].message.contains("it_is_gone"));
    }

    #[test]
    fn so_is_one_of_nodes() {
        let page = "[`it holds`](../tests/a.test.mjs), [`it's so`](../tests/a.test.mjs)\n\
                    [`it is gone`](../tests/a.test.mjs) [`a.test.mjs`](../tests/a.test.mjs)";
        let cases =
            "test('it holds', run);\nattack(\"it's so\", run);\ntest('it is gone too', run);";
        let tree = Tree::sample(&[("docs/a.md", page), ("tests/a.test.mjs", cases)]);
        let found = proofs_exist(&tree);
        let lines: Vec<_> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2], "{found:?}");
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let bad = format!(
            "see {}home/me/x\nok: https://a.example/work/b and src/root/c\n",
            '/'
        );
        let tree = Tree::sample(&[("docs/a.md", &bad)]);
        let findings = no_machine_paths(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 1);
    }

    #[test]
    fn a_dead_link_is_found() {
        let text = "[a](b.md) [c](../README.md#top) [d](gone.md)\n[e](https://x.example) [f](#g)\n\
                    ```\n[h](gone.md)\n```\n";
        let tree = Tree::sample(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]);
        let findings = links_resolve(&tree);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("gone.md"));
    }
}
