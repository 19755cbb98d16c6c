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
