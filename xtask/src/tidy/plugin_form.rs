// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every plugin folder has the same parts and its README the same headings.

use payhal_messages::manifest::Manifest;

use super::tree::{Finding, Tree};
use crate::layout::PLUGIN_PARENTS;

/// In this order; others may stand between them.
const HEADINGS: [&str; 6] = [
    "## Devices",
    "## Transport",
    "## Commands used",
    "## External access",
    "## Known deviations",
    "## How to test",
];

/// A connector speaks to a gateway; the rest of the form is the same.
const CONNECTOR_HEADING: &str = "## Gateway";

const PARTS: [&str; 5] = [
    "Cargo.toml",
    "README.md",
    "plugin.toml",
    "src/error.rs",
    "src/lib.rs",
];

/// The parts are there, and the README is the form filled in.
pub(crate) fn readme_and_parts(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (parent, folder) in folders(tree) {
        for part in PARTS {
            let path = format!("{folder}/{part}");
            if !tree.paths.contains(&path) {
                findings.push(finding(
                    &path,
                    1,
                    "is missing; plugins/README.md names the parts",
                ));
            }
        }
        let path = format!("{folder}/README.md");
        if let Some(text) = tree.text(&path) {
            findings.extend(form(&path, text, parent));
        }
    }
    findings
}

fn form(path: &str, text: &str, parent: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lines = text.lines().enumerate();
    for heading in HEADINGS {
        let heading = if parent != "plugins" && heading == HEADINGS[0] {
            CONNECTOR_HEADING
        } else {
            heading
        };
        let Some((at, _)) = lines.by_ref().find(|(_, line)| *line == heading) else {
            let message =
                format!("has no `{heading}` in its place; plugins/README.md has the form");
            findings.push(finding(path, 1, &message));
            break;
        };
        let filled = text
            .lines()
            .skip(at + 1)
            .find(|line| !line.trim().is_empty());
        if filled.is_none_or(|line| line.starts_with("## ")) {
            findings.push(finding(path, at + 1, "says nothing under this heading"));
        }
    }
    findings
}

/// Each manifest is one that the daemon takes, and names its folder and this crate's library. A
/// folder inside a plugin's may hold another manifest for the same library.
pub(crate) fn manifest(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, folder) in folders(tree) {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        findings.extend(named(tree, folder, name, name));
        for inner in tree.children(folder) {
            let variant = inner.rsplit('/').next().unwrap_or(inner);
            findings.extend(named(tree, inner, &format!("{name}-{variant}"), name));
        }
    }
    findings
}

/// What is wrong with the manifest of a folder, if there is one.
fn named(tree: &Tree, folder: &str, id: &str, plugin: &str) -> Vec<Finding> {
    let path = format!("{folder}/plugin.toml");
    let Some(text) = tree.text(&path) else {
        return Vec::new();
    };
    let library = format!("payhal_{}", plugin.replace('-', "_"));
    let mut findings = Vec::new();
    match toml::from_str::<Manifest>(text) {
        Err(error) => {
            let message = format!("is not a manifest: {}", error.message());
            findings.push(finding(&path, 1, &message));
        }
        Ok(manifest) => {
            if manifest.id != id {
                findings.push(finding(&path, 1, &format!("has not `id = \"{id}\"`")));
            }
            if manifest.library != library {
                let message = format!("has not `library = \"{library}\"`");
                findings.push(finding(&path, 1, &message));
            }
        }
    }
    findings
}

fn folders(tree: &Tree) -> impl Iterator<Item = (&'static str, &str)> {
    PLUGIN_PARENTS
        .into_iter()
        .flat_map(|parent| tree.children(parent).map(move |folder| (parent, folder)))
}

fn finding(path: &str, line: usize, message: &str) -> Finding {
    Finding {
        path: path.to_owned(),
        line,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readme(headings: &[&str]) -> String {
        headings
            .iter()
            .map(|heading| format!("{heading}\n\nText.\n\n"))
            .collect()
    }

    #[test]
    fn missing_parts_are_found() {
        let tree = Tree::sample(&[("plugins/a/README.md", &readme(&HEADINGS))]);
        assert_eq!(readme_and_parts(&tree).len(), PARTS.len() - 1);
    }

    #[test]
    fn a_readme_out_of_form_is_found() {
        assert!(form("a", &readme(&HEADINGS), "plugins").is_empty());
        assert_eq!(form("a", &readme(&HEADINGS[..5]), "plugins").len(), 1);
        assert_eq!(form("a", &readme(&HEADINGS), "gateway-connectors").len(), 1);
        let empty = readme(&HEADINGS).replacen("Text.\n\n", "", 1);
        assert_eq!(form("a", &empty, "plugins").len(), 1);
    }

    #[test]
    fn a_manifest_of_another_folder_is_found() {
        let text = "id = \"a\"\nname = \"A\"\nversion = \"1.0.0\"\nabi = 1\nkind = \"reader\"\n\
                    library = \"payhal_a\"\n";
        let good = Tree::sample(&[("plugins/a/plugin.toml", text)]);
        assert_eq!(manifest(&good), []);
        let inner = text.replacen("\"a\"", "\"a-strict\"", 1);
        for (path, findings) in [
            ("plugins/a/strict/plugin.toml", 0),
            ("plugins/a/x/plugin.toml", 1),
        ] {
            let tree = Tree::sample(&[("plugins/a/plugin.toml", text), (path, &inner)]);
            assert_eq!(manifest(&tree).len(), findings, "{path}");
        }
        let tree = Tree::sample(&[
            ("plugins/b/plugin.toml", text),
            ("plugins/c/plugin.toml", "id = \"c\""),
        ]);
        assert_eq!(manifest(&tree).len(), 3);
    }
}
