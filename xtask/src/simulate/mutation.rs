// SPDX-License-Identifier: MIT OR Apache-2.0
//! A deliberate mutation: a text in one source file, and what stands there instead. It leaves no
//! trace in the product.

use serde::Deserialize;
use std::ops::Range;

/// Where they lie, one file each.
pub(crate) const FOLDER: &str = "tests/simulation/mutations";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutation {
    /// The name of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// What goes wrong, in a few words.
    pub(crate) title: String,
    /// What must always be true and is not any more: the number and name of an invariant, or the
    /// name of another checker.
    pub(crate) breaks: String,
    /// The file, from the root.
    pub(crate) file: String,
    /// Occurs there exactly once.
    find: String,
    /// Stands there instead.
    pub(crate) replace: String,
    /// What must notice it.
    #[serde(default)]
    pub(crate) proof: Proof,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proof {
    /// A checker of the simulation.
    #[default]
    Simulation,
    /// A test of the journal.
    Journal,
}

impl Mutation {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut mutation: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        name.clone_into(&mut mutation.name);
        let folders: &[&str] = match mutation.proof {
            Proof::Simulation => &["host/engine/src/", "host/dispatcher/src/"],
            Proof::Journal => &["host/journal/src/", "host/engine/src/"],
        };
        if folders
            .iter()
            .any(|folder| mutation.file.starts_with(folder))
        {
            return Ok(mutation);
        }
        Err(format!(
            "`{}` must lie in {}",
            mutation.file,
            folders.join(" or ")
        ))
    }

    /// Where in the file's text it stands, in bytes.
    pub(crate) fn place(&self, source: &str) -> Result<Range<usize>, String> {
        let mut places = source.match_indices(&self.find);
        match (places.next(), places.count()) {
            (Some((start, found)), 0) => Ok(start..start + found.len()),
            (first, more) => Err(format!(
                "its `find` must occur once in {} and occurs {} times",
                self.file,
                more + usize::from(first.is_some())
            )),
        }
    }

    /// The file's text with the mutation in it.
    pub(crate) fn apply(&self, source: &str) -> Result<String, String> {
        let mut broken = source.to_owned();
        broken.replace_range(self.place(source)?, &self.replace);
        Ok(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "title = \"t\"\nbreaks = \"1\"\nfile = \"host/engine/src/a.rs\"\n\
                        find = \"one\"\nreplace = \"two\"\n";

    #[test]
    fn a_text_is_found_once_or_the_mutation_is_wrong() {
        let mutation = Mutation::parse("x", TEXT).unwrap();
        assert_eq!(mutation.apply("a one b").unwrap(), "a two b");
        assert!(mutation.apply("neither").is_err());
        assert!(mutation.apply("one one").is_err());
    }

    #[test]
    fn only_what_the_proof_is_built_from_can_be_mutated() {
        assert!(Mutation::parse("x", &TEXT.replace("engine", "daemon")).is_err());
        assert!(Mutation::parse("x", &TEXT.replace("title", "name")).is_err());
    }
}
