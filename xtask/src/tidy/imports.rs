// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may import whom: the directions of ARCHITECTURE.md, read from every Cargo.toml.

use super::tree::{File, Finding, Tree};

/// Folder (or the parent of many), what it may import of ours, and what its tests may besides.
struct Direction {
    folder: &'static str,
    imports: &'static [&'static str],
    in_tests: &'static [&'static str],
}

const SDK_TYPES: &[&str] = &["sdk/abi", "sdk/messages", "sdk/protocol", "sdk/client-rust"];
const FOR_PLUGINS: &[&str] = &["sdk/plugin", "sdk/messages", "sdk/card-data"];
const PLUGIN_TESTS: &[&str] = &["sdk/abi", "sdk/testkit"];

const DIRECTIONS: [Direction; 17] = [
    direction("sdk/abi", &[], &[]),
    direction("sdk/messages", &[], &[]),
    direction("sdk/card-data", &[], &[]),
    direction("sdk/protocol", &[], &[]),
    direction(
        "sdk/plugin",
        &["sdk/abi", "sdk/messages", "sdk/card-data"],
        &[],
    ),
    direction(
        "sdk/testkit",
        // The kit checks a plugin in a real runner, whose frames are the host's.
        &["sdk/plugin", "sdk/card-data", "sdk/messages", "host/ipc"],
        &[],
    ),
    direction("sdk/client-rust", &["sdk/protocol"], &[]),
    direction("plugins", FOR_PLUGINS, PLUGIN_TESTS),
    direction("gateway-connectors", FOR_PLUGINS, PLUGIN_TESTS),
    direction("host/engine", &[], &[]),
    direction("host/dispatcher", &["host/engine"], &[]),
    direction("host/failpoint", &[], &[]),
    direction("host/journal", &["host/engine", "host/failpoint"], &[]),
    direction("host/ipc", &[], &[]),
    direction(
        "host/runner",
        &["host/ipc", "host/failpoint", "sdk/abi", "sdk/messages"],
        &[],
    ),
    direction(
        "host/daemon",
        &[
            "host/dispatcher",
            "host/engine",
            "host/journal",
            "host/failpoint",
            "host/ipc",
            "sdk/messages",
            "sdk/protocol",
            "sdk/client-rust",
        ],
        SDK_TYPES,
    ),
    direction("host/relay", &["sdk/protocol"], SDK_TYPES),
];

/// A device's simulator stands beside its plugin and shares no code with it, so that one mistake
/// does not hide another.
const SIMULATOR: Direction = direction(
    "plugins/*/simulator",
    &["sdk/testkit", "sdk/card-data"],
    &[],
);

/// Folders that may import anything.
const FREE: [&str; 2] = ["tests", "xtask"];

const fn direction(
    folder: &'static str,
    imports: &'static [&'static str],
    in_tests: &'static [&'static str],
) -> Direction {
    Direction {
        folder,
        imports,
        in_tests,
    }
}

/// Each manifest names only packages of ours that its folder may import.
pub(crate) fn allowed(tree: &Tree) -> Vec<Finding> {
    let manifests: Vec<&File> = tree
        .files
        .iter()
        .filter(|file| file.name() == "Cargo.toml" && file.path.contains('/'))
        .collect();
    let ours: Vec<(String, &str)> = manifests
        .iter()
        .filter_map(|file| Some((package_name(file)?, folder(file))))
        .collect();
    let mut findings = Vec::new();
    for file in &manifests {
        let own = folder(file);
        if FREE
            .iter()
            .any(|free| own == *free || own.starts_with(&format!("{free}/")))
        {
            continue;
        }
        let Some(direction) = direction_of(own) else {
            let message = format!("no import direction is written down for `{own}`");
            findings.push(file.finding(1, message));
            continue;
        };
        findings.extend(strangers(file, direction, &ours));
    }
    findings
}

fn direction_of(folder: &str) -> Option<&'static Direction> {
    if folder.starts_with("plugins/") && folder.ends_with("/simulator") {
        return Some(&SIMULATOR);
    }
    DIRECTIONS.iter().find(|direction| {
        let parent = folder.rsplit_once('/').map(|(parent, _)| parent);
        direction.folder == folder || parent == Some(direction.folder)
    })
}

fn strangers(file: &File, direction: &Direction, ours: &[(String, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(manifest) = file.text.parse::<toml::Table>() else {
        return vec![file.finding(1, "is not TOML")];
    };
    for (kind, package) in dependencies(&manifest) {
        let Some((_, target)) = ours.iter().find(|(name, _)| *name == package) else {
            continue;
        };
        let in_tests = kind == "dev-dependencies" && direction.in_tests.contains(target);
        if !direction.imports.contains(target) && !in_tests {
            let line = line_of(file, &package);
            let message = format!("`{}` may not import `{target}` ({kind})", folder(file));
            findings.push(file.finding(line, message));
        }
    }
    findings
}

/// Kind and package of every dependency, those of one platform included.
fn dependencies(manifest: &toml::Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let platforms = manifest.get("target").and_then(toml::Value::as_table);
        let tables = platforms
            .into_iter()
            .flat_map(toml::Table::values)
            .filter_map(|platform| platform.get(kind))
            .chain(manifest.get(kind))
            .filter_map(toml::Value::as_table);
        for (name, entry) in tables.flatten() {
            let package = entry.get("package").and_then(toml::Value::as_str);
            found.push((kind.to_owned(), package.unwrap_or(name).to_owned()));
        }
    }
    found
}

fn package_name(file: &File) -> Option<String> {
    let manifest = file.text.parse::<toml::Table>().ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

fn folder(file: &File) -> &str {
    file.path.strip_suffix("/Cargo.toml").unwrap_or_default()
}

fn line_of(file: &File, word: &str) -> usize {
    file.lines()
        .find(|(_, line)| line.starts_with(word))
        .map_or(1, |(at, _)| at)
}

/// Nothing under `host/` is built from the crate that can hold a card number, however far away.
pub(crate) fn no_card_data_in_the_host(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, folder) in &tree.cargo.folders {
        if folder.starts_with("host/") && tree.cargo.closure(package).contains("payhal-card-data") {
            findings.push(Finding {
                path: format!("{folder}/Cargo.toml"),
                line: 1,
                message: format!("`{package}` is built from payhal-card-data"),
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ENGINE: (&str, &str) = ("host/engine/Cargo.toml", "[package]\nname = \"e\"\n");

    #[test]
    fn an_import_against_the_direction_is_found() {
        let sample = "[package]\nname = \"v\"\n[dependencies]\ne.workspace = true\n";
        let tree = Tree::sample(&[ENGINE, ("plugins/v/Cargo.toml", sample)]);
        let findings = allowed(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].path.as_str(), findings[0].line),
            ("plugins/v/Cargo.toml", 4)
        );
    }

    #[test]
    fn neither_a_platform_nor_another_name_hides_an_import() {
        let sample = "[package]\nname = \"i\"\n[target.'cfg(unix)'.dependencies]\n\
                      other = { package = \"e\", path = \"../engine\" }\n";
        let tree = Tree::sample(&[ENGINE, ("host/ipc/Cargo.toml", sample)]);
        assert_eq!(allowed(&tree).len(), 1);
    }

    #[test]
    fn a_simulator_shares_nothing_with_its_plugin() {
        let plugin = ("plugins/v/Cargo.toml", "[package]\nname = \"v\"\n");
        let sample = "[package]\nname = \"s\"\n[dependencies]\nv.workspace = true\n";
        let tree = Tree::sample(&[plugin, ("plugins/v/simulator/Cargo.toml", sample)]);
        assert_eq!(allowed(&tree).len(), 1);
    }

    #[test]
    fn a_permitted_import_passes() {
        let sample = "[package]\nname = \"d\"\n[dependencies]\ne.workspace = true\n";
        let tree = Tree::sample(&[ENGINE, ("host/dispatcher/Cargo.toml", sample)]);
        assert_eq!(allowed(&tree), []);
    }

    #[test]
    fn tests_may_not_import_what_only_code_elsewhere_may() {
        let sample = "[package]\nname = \"j\"\n[dev-dependencies]\nd.workspace = true\n";
        let dispatcher = ("host/dispatcher/Cargo.toml", "[package]\nname = \"d\"\n");
        let tree = Tree::sample(&[dispatcher, ("host/journal/Cargo.toml", sample)]);
        assert_eq!(allowed(&tree).len(), 1);
    }

    #[test]
    fn a_folder_without_a_direction_is_found() {
        let tree = Tree::sample(&[("host/new/Cargo.toml", "[package]\nname = \"n\"\n")]);
        assert_eq!(allowed(&tree).len(), 1);
    }

    #[test]
    fn card_data_is_found_behind_another_crate() {
        let mut tree = Tree::default();
        let cargo = &mut tree.cargo;
        cargo.folders.insert("payhal".into(), "host/daemon".into());
        cargo
            .dependencies
            .insert("payhal".into(), BTreeSet::from(["between".into()]));
        cargo.dependencies.insert(
            "between".into(),
            BTreeSet::from(["payhal-card-data".into()]),
        );
        assert_eq!(no_card_data_in_the_host(&tree).len(), 1);
    }
}
