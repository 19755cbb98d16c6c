// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing under `host/` names a vendor or a gateway, so that adding one touches no line there.

use super::lexer::{has_word, is_word};
use super::tree::{Finding, Tree};
use crate::layout::PLUGIN_PARENTS;

/// First parts of folder names that are ordinary words and name nobody.
const ORDINARY: [&str; 3] = ["pcsc", "sandbox", "virtual"];

/// The names come from the folders; text, strings and comments are searched alike.
pub(crate) fn none_named_in_the_host(tree: &Tree) -> Vec<Finding> {
    let folders: Vec<&str> = PLUGIN_PARENTS
        .iter()
        .flat_map(|parent| tree.children(parent))
        .map(|path| path.rsplit('/').next().unwrap_or(path))
        .collect();
    let words: Vec<String> = folders
        .iter()
        .flat_map(|folder| spellings(folder))
        .collect();
    let mut findings = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("host/"))
    {
        for (line, text) in file.lines() {
            if let Some(word) = words.iter().find(|word| named(text, word)) {
                findings.push(file.finding(line, format!("names the plugin {word}")));
            }
        }
    }
    findings
}

/// How a folder's name could be written: as an id, a crate, an identifier, or the vendor alone.
fn spellings(folder: &str) -> Vec<String> {
    let parts: Vec<&str> = folder.split('-').collect();
    let mut words = vec![
        format!("\"{folder}\""),
        format!("payhal-{folder}"),
        format!("payhal_{}", folder.replace('-', "_")),
    ];
    if parts.len() > 1 {
        words.push(folder.to_owned());
        words.push(folder.replace('-', "_"));
        words.push(parts.iter().map(|part| capitalized(part)).collect());
    }
    if !ORDINARY.contains(&parts[0]) {
        words.push(parts[0].to_owned());
        words.push(capitalized(parts[0]));
    }
    words
}

fn named(text: &str, word: &str) -> bool {
    if word.starts_with(is_word) {
        has_word(text, word)
    } else {
        text.contains(word)
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let tree = Tree::sample(&[
            ("plugins/virtual-reader/plugin.toml", ""),
            ("plugins/acme-pinpad/plugin.toml", ""),
            ("gateway-connectors/sandbox/plugin.toml", ""),
            ("host/daemon/src/lib.rs", text),
        ]);
        none_named_in_the_host(&tree).len()
    }

    #[test]
    fn a_plugin_named_in_the_host_is_found() {
        for bad in [
            "let id = \"sandbox\";",
            "// like virtual-reader",
            "struct VirtualReader;",
            "if vendor == Acme {}",
            "use payhal_sandbox as s;",
        ] {
            assert_eq!(found(bad), 1, "{bad}");
        }
    }

    #[test]
    fn ordinary_words_pass() {
        for good in [
            "// the sandbox of a runner",
            "\"sandboxed\"",
            "let virtual_time = 1;",
        ] {
            assert_eq!(found(good), 0, "{good}");
        }
    }
}
