// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariants written as absences: words that may stand in one place only, or nowhere.

use super::lexer::{self, has_word};
use super::tree::{File, Finding, Tree};

/// What would make the engine or the dispatcher depend on anything but its events.
const IMPURE: [&str; 20] = [
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync::mpsc",
    "rand",
    "getrandom",
    "tokio",
    "async fn",
    "async move",
    "HashMap",
    "HashSet",
    "RandomState",
    "jiff::Timestamp::now",
    "Uuid::now_v7",
];

/// Clock, file, socket, randomness, environment, thread, async: none, and no hash map whose
/// order differs from run to run.
pub(crate) fn engine_and_dispatcher_are_pure(tree: &Tree) -> Vec<Finding> {
    let inside = |path: &str| below(path, "host/engine") || below(path, "host/dispatcher");
    paths_found(
        tree,
        inside,
        &IMPURE,
        "the engine and the dispatcher are pure",
    )
}

/// Only the server knows how a register is connected.
pub(crate) fn websocket_in_the_server_only(tree: &Tree) -> Vec<Finding> {
    let outside = |path: &str| below(path, "host") && !below(path, "host/daemon/src/server");
    let words = [
        "WebSocket",
        "WebSocketUpgrade",
        "axum::extract::ws",
        "tungstenite",
        "tokio_tungstenite",
    ];
    paths_found(
        tree,
        outside,
        &words,
        "only host/daemon/src/server knows WebSocket",
    )
}

/// Only the journal knows its database.
pub(crate) fn sql_in_the_journal_only(tree: &Tree) -> Vec<Finding> {
    let outside = |path: &str| below(path, "host") && !below(path, "host/journal");
    let why = "only host/journal knows SQL";
    let mut findings = paths_found(tree, outside, &["rusqlite", "sqlx"], why);
    for (file, rust) in tree.rust().filter(|(file, _)| outside(&file.path)) {
        for (line, text) in &rust.strings {
            if is_sql(text) && !rust.is_test(*line) {
                findings.push(file.finding(*line, why));
            }
        }
    }
    findings
}

fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["SELECT", rest @ ..] => rest.contains(&"FROM"),
        ["UPDATE", _, "SET", ..] | ["INSERT" | "REPLACE", "INTO" | "OR", ..] => true,
        ["DELETE", "FROM", ..] | ["PRAGMA", _, ..] => true,
        [
            "CREATE" | "ALTER" | "DROP",
            "TABLE" | "INDEX" | "UNIQUE" | "VIEW",
            ..,
        ] => true,
        _ => false,
    }
}

/// Foreign code is mapped into the runner and into nothing else that ships.
pub(crate) fn libraries_loaded_by_the_runner_only(tree: &Tree) -> Vec<Finding> {
    let ships = ["host", "sdk", "plugins", "gateway-connectors"];
    let outside =
        |path: &str| ships.iter().any(|folder| below(path, folder)) && !below(path, "host/runner");
    let words = ["libloading", "dlopen", "dlsym"];
    paths_found(tree, outside, &words, "only host/runner loads a library")
}

/// Only the supervisor starts a process. `payhal keys` and the authors' half of `payhal plugin` become
/// another program and start none.
pub(crate) fn processes_started_by_the_supervisor_only(tree: &Tree) -> Vec<Finding> {
    // Both become another program: they have no child.
    let becoming = [
        "host/daemon/src/cli/beside.rs",
        "host/daemon/src/cli/console.rs",
    ];
    // Trust stores are changed by the programs that own them.
    let trust = "host/daemon/src/cli/tls/tool.rs";
    let allowed = [
        "host/daemon/src/supervisor",
        becoming[0],
        becoming[1],
        trust,
    ];
    let outside = |path: &str| {
        let is_allowed = |allowed: &&str| path == *allowed || below(path, allowed);
        below(path, "host") && !allowed.iter().any(is_allowed)
    };
    let words = [
        "Command::new",
        "std::process::Command",
        "tokio::process",
        "libc::fork",
        "libc::execve",
    ];
    paths_found(
        tree,
        outside,
        &words,
        "only the supervisor starts a process",
    )
}

/// Money is an integer of minor units; only measurements are fractions.
pub(crate) fn no_floats(tree: &Tree) -> Vec<Finding> {
    let measures = |path: &str| below(path, "tests/bench") || path.contains("metrics");
    let mut findings = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| !measures(&file.path)) {
        for (line, code) in rust.lines() {
            for word in ["f32", "f64"] {
                if has_word(code, word) {
                    let message = format!("`{word}`: no floats outside measurements");
                    findings.push(file.finding(line, message));
                }
            }
        }
    }
    findings
}

/// Nothing unfinished, nothing silenced.
pub(crate) fn no_leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME")];
    for file in tree.files.iter().filter(|file| file.name() != "Cargo.lock") {
        for (line, text) in file.lines() {
            for note in notes.into_iter().filter(|note| has_word(text, note)) {
                findings.push(file.finding(line, format!("`{note}` is left over")));
            }
        }
    }
    let unfinished = ["dbg!", "todo!", "unimplemented!"];
    let attributes = ["ignore", "allow"];
    for (file, rust) in tree.rust() {
        for (line, code) in rust.lines() {
            for word in unfinished.into_iter().filter(|word| has_word(code, word)) {
                findings.push(file.finding(line, format!("`{word}` is left over")));
            }
            for word in attributes
                .into_iter()
                .filter(|word| has_attribute(code, word))
            {
                let message = format!("`#[{word}]`: say `#[expect(…, reason = …)]` or mend it");
                findings.push(file.finding(line, message));
            }
        }
    }
    findings
}

fn has_attribute(code: &str, name: &str) -> bool {
    ["#[", "#!["].iter().any(|open| {
        code.match_indices(open).any(|(at, _)| {
            let rest = &code[at + open.len()..];
            rest.strip_prefix(name)
                .is_some_and(|after| !after.starts_with(lexer::is_word))
        })
    })
}

/// Shipped code under `inside` that says one of the words, directly or through a `use` tree.
fn paths_found(
    tree: &Tree,
    inside: impl Fn(&str) -> bool,
    words: &[&str],
    why: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| inside(&file.path)) {
        for (line, code) in rust.shipped() {
            findings.extend(said(file, line, code, words, why));
        }
        for (line, path) in used(&rust.code) {
            if !rust.is_test(line) {
                findings.extend(said(file, line, &path, words, why));
            }
        }
    }
    findings
}

fn said(file: &File, line: usize, code: &str, words: &[&str], why: &str) -> Option<Finding> {
    let word = words.iter().find(|word| has_word(code, word))?;
    Some(file.finding(line, format!("`{word}`: {why}")))
}

fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Every path that a `use` brings in, its braces taken apart, with the line it starts on.
fn used(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        if code[..at].chars().next_back().is_some_and(lexer::is_word) {
            continue;
        }
        let rest = &code[at + "use ".len()..];
        let tree: String = rest[..rest.find(';').unwrap_or(0)]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let line = code[..at].matches('\n').count() + 1;
        let mut paths = Vec::new();
        expand("", &tree, &mut paths);
        found.extend(paths.into_iter().map(|path| (line, path)));
    }
    found
}

fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{head}");
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut depth = 0_i32;
    let mut start = 0;
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &inner[start..], paths);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        let findings = rule(&Tree::sample(&[(path, text)]));
        let mut lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        lines.dedup();
        lines
    }

    #[test]
    fn an_impure_engine_is_found() {
        let rule = engine_and_dispatcher_are_pure;
        let path = "host/engine/src/lib.rs";
        for bad in [
            "use std::{collections::BTreeMap, time::{Duration, Instant}};",
            "let map: HashMap<u8, u8> = x;",
            "pub async fn step() {}",
            "let now = std::time::SystemTime::now();",
            "std::thread::spawn(f);",
            "use std::fs;",
            "getrandom::fill(&mut bytes)",
        ] {
            assert_eq!(lines(rule, path, bad), [1], "{bad}");
        }
        assert!(lines(rule, path, "use std::time::Duration; // HashMap").is_empty());
        assert!(lines(rule, "host/journal/src/lib.rs", "use std::fs;").is_empty());
        let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert!(lines(rule, path, tested).is_empty());
    }

    #[test]
    fn a_websocket_outside_the_server_is_found() {
        let rule = websocket_in_the_server_only;
        let code = "use axum::extract::{State, ws::Message};";
        assert_eq!(lines(rule, "host/daemon/src/cli.rs", code), [1]);
        assert!(lines(rule, "host/daemon/src/server/socket.rs", code).is_empty());
        assert!(lines(rule, "sdk/client-rust/src/lib.rs", code).is_empty());
    }

    #[test]
    fn sql_outside_the_journal_is_found() {
        let rule = sql_in_the_journal_only;
        let code = "run(\"SELECT a\n FROM b\");";
        assert_eq!(lines(rule, "host/daemon/src/cli.rs", code), [1]);
        assert!(lines(rule, "host/journal/src/read.rs", code).is_empty());
        assert!(
            lines(
                rule,
                "host/daemon/src/cli.rs",
                "say(\"SELECT an application\");"
            )
            .is_empty()
        );
        assert_eq!(
            lines(rule, "host/engine/src/lib.rs", "use rusqlite::Connection;"),
            [1]
        );
    }

    #[test]
    fn a_library_loaded_elsewhere_is_found() {
        let rule = libraries_loaded_by_the_runner_only;
        let code = "libloading::Library::new(path)";
        assert_eq!(lines(rule, "host/daemon/src/supervisor/mod.rs", code), [1]);
        assert!(lines(rule, "host/runner/src/load.rs", code).is_empty());
    }

    #[test]
    fn a_process_started_elsewhere_is_found() {
        let rule = processes_started_by_the_supervisor_only;
        let code = "use tokio::{net, process::Command};";
        assert_eq!(lines(rule, "host/daemon/src/cli.rs", code), [1]);
        assert!(lines(rule, "host/daemon/src/cli/beside.rs", code).is_empty());
        assert!(lines(rule, "host/daemon/src/supervisor/start.rs", code).is_empty());
        assert!(lines(rule, "host/daemon/src/cli.rs", "std::process::exit(2)").is_empty());
    }

    #[test]
    fn a_float_is_found() {
        assert_eq!(
            lines(no_floats, "sdk/protocol/src/lib.rs", "a: u8,\nb: f64,"),
            [2]
        );
        assert!(lines(no_floats, "tests/bench/src/main.rs", "b: f64").is_empty());
        assert!(lines(no_floats, "sdk/protocol/src/lib.rs", "b: u8, // f64").is_empty());
    }

    #[test]
    fn leftovers_are_found() {
        let path = "host/engine/src/lib.rs";
        for bad in [
            concat!("// TO", "DO: later"),
            "dbg!(x);",
            "#[ignore = \"slow\"]",
            "#![allow(dead_code)]",
            "#[allow(unused)]",
        ] {
            assert_eq!(lines(no_leftovers, path, bad), [1], "{bad}");
        }
        assert!(lines(no_leftovers, path, "#[allowed] fn f() { say(\"dbg!\") }").is_empty());
    }
}
