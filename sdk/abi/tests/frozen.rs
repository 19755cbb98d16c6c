// SPDX-License-Identifier: MIT OR Apache-2.0
//! The live header may have grown since a version of it was frozen, and nothing else: every
//! structure begins as it did, every constant has its name and value, every function its type.
//!
//! Declarations are compared as text without comments, because that is what a vendor compiles.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a header declares.
#[derive(Debug, Default)]
struct Declared {
    /// Members of each structure, in order.
    structures: BTreeMap<String, Vec<String>>,
    /// Value of each constant.
    constants: BTreeMap<String, String>,
    /// Everything else that stands at the top, such as functions.
    rest: Vec<String>,
}

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> Declared {
    declared(&std::fs::read_to_string(path).unwrap())
}

fn declared(header: &str) -> Declared {
    let mut text = String::new();
    let mut left = header;
    while let Some((before, after)) = left.split_once("/*") {
        text.push_str(before);
        left = after.split_once("*/").unwrap().1;
    }
    text.push_str(left);
    let mut found = Declared::default();
    let mut code = String::new();
    for line in text.lines() {
        match line.strip_prefix("#define ") {
            Some(define) => {
                let (name, value) = define.split_once(' ').unwrap_or((define, ""));
                found
                    .constants
                    .insert(name.to_owned(), value.trim().to_owned());
            }
            // What C++ needs around it declares nothing.
            None if line.starts_with('#') || ["extern \"C\" {", "}"].contains(&line) => {}
            None => {
                code.push_str(line);
                code.push(' ');
            }
        }
    }
    let words: Vec<_> = code.split_whitespace().collect();
    for declaration in top(&words.join(" ")) {
        found.take(&declaration);
    }
    found
}

/// What ends with a semicolon outside braces.
fn top(code: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut depth = 0;
    for letter in code.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match (letter, depth) {
            (';', 0) => found.push(String::new()),
            _ => found.last_mut().unwrap().push(letter),
        }
    }
    let trimmed = found.iter().map(|one| one.trim().to_owned());
    trimmed.filter(|one| !one.is_empty()).collect()
}

impl Declared {
    fn take(&mut self, declaration: &str) {
        let inner = || {
            let (_, inner) = declaration.split_once('{').unwrap();
            inner.rsplit_once('}').unwrap().0
        };
        if let Some(rest) = declaration.strip_prefix("typedef struct ") {
            let name = rest.split(' ').next().unwrap().to_owned();
            let members = inner().split(';').map(|member| member.trim().to_owned());
            let members = members.filter(|member| !member.is_empty()).collect();
            self.structures.insert(name, members);
        } else if declaration.starts_with("enum {") {
            for one in inner().split(',') {
                if let Some((name, value)) = one.split_once('=') {
                    let value = value.trim().to_owned();
                    self.constants.insert(name.trim().to_owned(), value);
                }
            }
        } else {
            self.rest.push(declaration.to_owned());
        }
    }

    /// Where this is not what was frozen, perhaps with more at its end.
    fn flaws(&self, frozen: &Self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (name, members) in &frozen.structures {
            let now = self.structures.get(name).map(Vec::as_slice);
            if !now.unwrap_or_default().starts_with(members) {
                flaws.push(format!("structure {name} does not begin as it did"));
            }
            // The elements of an array lie as far apart as they always did.
            if name == "payhal_port" && now.is_some_and(|now| now != members) {
                flaws.push("structure payhal_port has grown".to_owned());
            }
        }
        for (name, value) in &frozen.constants {
            // It counts what was added.
            if name != "PAYHAL_ABI_MINOR" && self.constants.get(name) != Some(value) {
                flaws.push(format!("constant {name} is not {value} any more"));
            }
        }
        for declaration in &frozen.rest {
            if !self.rest.contains(declaration) {
                flaws.push(format!("gone: {declaration}"));
            }
        }
        flaws
    }
}

#[test]
fn the_header_only_grew_since_each_version_that_was_frozen() {
    let live = read(&folder("include/payhal_plugin.h"));
    let versions = std::fs::read_dir(folder("fixtures")).unwrap();
    let headers: Vec<_> = versions
        .map(|version| version.unwrap().path().join("payhal_plugin.h"))
        .filter(|header| header.is_file())
        .collect();
    assert!(!headers.is_empty(), "no frozen header");
    for header in headers {
        let frozen = read(&header);
        assert_eq!(frozen.structures.len(), 4, "{frozen:?}");
        assert!(frozen.constants.len() > 25, "{frozen:?}");
        let flaws = live.flaws(&frozen);
        assert!(flaws.is_empty(), "{}: {flaws:#?}", header.display());
    }
}

#[test]
fn what_breaks_a_promise_is_seen_and_what_was_added_is_not() {
    let text = std::fs::read_to_string(folder("include/payhal_plugin.h")).unwrap();
    let frozen = declared(&text);
    let flaws = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        declared(&text.replacen(from, to, 1)).flaws(&frozen)
    };
    for (from, to) in [
        ("PAYHAL_FAILED = 2", "PAYHAL_FAILED = 5"),
        ("PAYHAL_WAIT_WOKEN = 2", "PAYHAL_WAIT_AWAKE = 2"),
        (
            "uint64_t (*now)(void *context);",
            "int64_t (*now)(void *context);",
        ),
        ("uint16_t abi_minor;", "uint32_t abi_minor;"),
        ("void (*destroy)(void *instance);", ""),
        (
            "void (*cancel)(void *instance, uint64_t token);",
            "void (*halt)(void *instance);",
        ),
        ("uint32_t reserved;", "uint32_t reserved; uint64_t more;"),
        (
            "typedef intptr_t payhal_handle;",
            "typedef int payhal_handle;",
        ),
        ("payhal_plugin_v1(void);", "payhal_plugin_v1(int version);"),
        ("((payhal_handle)-1)", "((payhal_handle)0)"),
    ] {
        assert_eq!(flaws(from, to).len(), 1, "{from} -> {to}");
    }
    for (from, to) in [
        ("PAYHAL_ABI_MINOR 0", "PAYHAL_ABI_MINOR 1"),
        ("PAYHAL_OK = 0,", "PAYHAL_OK = 0, PAYHAL_LATER = 9,"),
        (
            "} payhal_host;",
            "int32_t (*later)(void *context); } payhal_host;",
        ),
        ("/** The one exported symbol.", "/** Another sentence."),
    ] {
        let text = text.replace("/**\n * The one", "/** The one");
        assert!(text.contains(from), "{from}");
        let flaws = declared(&text.replacen(from, to, 1)).flaws(&frozen);
        assert!(flaws.is_empty(), "{from} -> {to}: {flaws:?}");
    }
}
