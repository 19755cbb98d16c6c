// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every mutation of the simulation still finds its place in the sources.

use super::tree::{Finding, Tree};
use crate::simulate::mutation::{FOLDER, Mutation};

/// Each `find` occurs exactly once in its file.
pub(crate) fn find_their_place(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let name = file.path.strip_prefix(FOLDER);
        if !name.is_some_and(|name| name.ends_with(".toml")) {
            continue;
        }
        let applied = Mutation::parse(&file.path, &file.text).and_then(|mutation| {
            let source = tree.text(&mutation.file);
            let source = source.ok_or_else(|| format!("there is no {}", mutation.file))?;
            mutation.place(source).map(|_| ())
        });
        if let Err(why) = applied {
            findings.push(file.finding(1, why));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "tests/simulation/mutations/01-x.toml";
    const TEXT: &str = "title = \"t\"\nbreaks = \"1\"\nfile = \"host/engine/src/a.rs\"\n\
                        find = \"one\"\nreplace = \"two\"\n";

    #[test]
    fn a_mutation_without_its_place_is_found() {
        let found = |source: &str| {
            let tree = Tree::sample(&[(PATH, TEXT), ("host/engine/src/a.rs", source)]);
            find_their_place(&tree).len()
        };
        assert_eq!(found("one"), 0);
        assert_eq!(found("one one"), 1);
        assert_eq!(found("neither"), 1);
        assert_eq!(find_their_place(&Tree::sample(&[(PATH, TEXT)])).len(), 1);
    }
}
