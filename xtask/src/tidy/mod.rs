// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask tidy`: what a machine can check of ARCHITECTURE.md and CONTRIBUTING.md.
//!
//! Each rule is a function from the tree to findings. No rule can be switched off for a place;
//! lengths alone have a ratchet.

mod absences;
mod dead_files;
pub(crate) mod functions;
mod headers;
mod imports;
mod lengths;
pub(crate) mod lexer;
mod mutations;
mod names;
mod plugin_form;
mod recordings;
mod texts;
mod tree;
mod unsafe_code;
mod vendors;

use tree::{Finding, Tree};

use crate::workspace;

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule, by the name that ARCHITECTURE.md and CONTRIBUTING.md use.
const RULES: [(&str, Rule); 27] = [
    ("imports", imports::allowed),
    ("card-data", imports::no_card_data_in_the_host),
    ("vendors", vendors::none_named_in_the_host),
    ("purity", absences::engine_and_dispatcher_are_pure),
    ("websocket", absences::websocket_in_the_server_only),
    ("sql", absences::sql_in_the_journal_only),
    ("dlopen", absences::libraries_loaded_by_the_runner_only),
    (
        "processes",
        absences::processes_started_by_the_supervisor_only,
    ),
    ("floats", absences::no_floats),
    ("leftovers", absences::no_leftovers),
    ("unsafe-place", unsafe_code::only_where_allowed),
    ("unsafe-reason", unsafe_code::every_block_says_why),
    ("unsafe-forbidden", unsafe_code::forbidden_at_every_root),
    ("names", names::none_banned),
    ("get", names::no_get),
    ("function-length", lengths::functions),
    ("file-length", lengths::files),
    ("spdx", headers::licence_first),
    ("module-docs", headers::modules_say_what_they_own),
    ("dead-files", dead_files::every_file_is_reached),
    ("plugin-form", plugin_form::readme_and_parts),
    ("plugin-manifest", plugin_form::manifest),
    ("recordings", recordings::hold_no_card_data),
    ("mutations", mutations::find_their_place),
    ("machine-paths", texts::no_machine_paths),
    ("links", texts::links_resolve),
    ("proofs", texts::proofs_exist),
];

/// Runs every rule and prints what it found.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::read(&workspace::root())?;
    let mut count = 0;
    for (name, rule) in RULES {
        let mut findings = rule(&tree);
        findings.sort();
        findings.dedup();
        count += findings.len();
        for finding in findings {
            println!(
                "{}:{}: {} [{name}]",
                finding.path, finding.line, finding.message
            );
        }
    }
    if count == 0 {
        println!(
            "tidy: {} rules, {} files, nothing found",
            RULES.len(),
            tree.files.len()
        );
        return Ok(());
    }
    Err(format!("tidy: {count} findings"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rule_names_are_distinct() {
        let names: BTreeSet<&str> = RULES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn an_empty_tree_has_no_findings() {
        for (name, rule) in RULES {
            assert_eq!(rule(&Tree::default()), [], "{name}");
        }
    }
}
