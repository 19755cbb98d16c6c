// SPDX-License-Identifier: MIT OR Apache-2.0
//! The header compiles as strict C99, C11 and C++17 and has the layout that Rust has; the example in C
//! is built and passes its own tests.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use payhal_abi::{
    ABI_MAJOR, ABI_MINOR, Host, NO_HANDLE, Plugin, Port, Setup, answer, emission, level, port_kind,
    status, wait,
};
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each line: a C expression and the value Rust has for it.
macro_rules! layout {
    ($($c:literal = $rust:ty { $($field:ident),* })*) => {
        vec![$(
            (concat!("sizeof(", $c, ")").to_owned(), size_of::<$rust>() as i64),
            $((
                format!("offsetof({}, {})", $c, stringify!($field)),
                offset_of!($rust, $field) as i64,
            ),)*
        )*]
    };
}

fn expectations() -> Vec<(String, i64)> {
    let mut expected = layout! {
        "payhal_port" = Port { name, handle, kind, reserved }
        "payhal_setup" = Setup {
            struct_size, port_count, instance_name, state_dir, config, config_len, ports
        }
        "payhal_host" = Host {
            struct_size, abi_major, abi_minor, reply, emit, log, connect, now, wait
        }
        "payhal_plugin" = Plugin {
            struct_size, abi_major, abi_minor, create, call, cancel, deliver, destroy
        }
    };
    let constants: [(&str, i64); 27] = [
        ("PAYHAL_ABI_MAJOR", ABI_MAJOR.into()),
        ("PAYHAL_ABI_MINOR", ABI_MINOR.into()),
        ("PAYHAL_OK", status::OK.into()),
        ("PAYHAL_REFUSED", status::REFUSED.into()),
        ("PAYHAL_FAILED", status::FAILED.into()),
        ("PAYHAL_UNSUPPORTED", status::UNSUPPORTED.into()),
        ("PAYHAL_CANCELLED", status::CANCELLED.into()),
        ("PAYHAL_EMIT_PROGRESS", emission::PROGRESS.into()),
        ("PAYHAL_EMIT_PROMPT", emission::PROMPT.into()),
        ("PAYHAL_EMIT_CHANGE", emission::CHANGE.into()),
        ("PAYHAL_LOG_ERROR", level::ERROR.into()),
        ("PAYHAL_LOG_WARN", level::WARN.into()),
        ("PAYHAL_LOG_INFO", level::INFO.into()),
        ("PAYHAL_LOG_DEBUG", level::DEBUG.into()),
        ("PAYHAL_ANSWER_OK", answer::OK.into()),
        ("PAYHAL_ANSWER_INVALID", answer::INVALID.into()),
        ("PAYHAL_ANSWER_NOT_ALLOWED", answer::NOT_ALLOWED.into()),
        ("PAYHAL_ANSWER_UNREACHABLE", answer::UNREACHABLE.into()),
        ("PAYHAL_ANSWER_DROPPED", answer::DROPPED.into()),
        ("PAYHAL_WAIT_TIMEOUT", wait::TIMEOUT.into()),
        ("PAYHAL_WAIT_READY", wait::READY.into()),
        ("PAYHAL_WAIT_WOKEN", wait::WOKEN.into()),
        ("PAYHAL_NO_HANDLE", NO_HANDLE as i64),
        ("PAYHAL_PORT_SERIAL", port_kind::SERIAL.into()),
        ("PAYHAL_PORT_USB", port_kind::USB.into()),
        ("PAYHAL_PORT_STREAM", port_kind::STREAM.into()),
        (
            "sizeof(payhal_handle)",
            size_of::<payhal_abi::Handle>() as i64,
        ),
    ];
    expected.extend(constants.map(|(c, rust)| (c.to_owned(), rust)));
    expected
}

fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

fn compile(compiler: &str, standard: &str, source: &Path, program: &Path) {
    let output = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(include_dir())
        .arg(source)
        .arg("-o")
        .arg(program)
        .output()
        .unwrap_or_else(|error| panic!("failed to start {compiler}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{compiler} refuses the header: {said}"
    );
}

fn compare_layout(compiler: &str, standard: &str, suffix: &str) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join(format!("layout.{suffix}"));
    let program = folder.path().join("layout");
    let expected = expectations();
    let mut text =
        String::from("#include \"payhal_plugin.h\"\n#include <stdio.h>\nint main(void)\n{\n");
    for (expression, _) in &expected {
        text.push_str(&format!(
            "    printf(\"%lld\\n\", (long long)({expression}));\n"
        ));
    }
    text.push_str("    return 0;\n}\n");
    std::fs::write(&source, text).unwrap();
    compile(compiler, standard, &source, &program);
    let printed = Command::new(&program).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let values: Vec<i64> = printed.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(values.len(), expected.len());
    for ((expression, rust), c) in expected.iter().zip(values) {
        assert_eq!(
            *rust, c,
            "{expression}: Rust has {rust}, {compiler} has {c}"
        );
    }
}

/// Each standard that the header is for, with the ending of its files.
const STANDARDS: [(&str, &str); 3] = [("-std=c99", "c"), ("-std=c11", "c"), ("-std=c++17", "cpp")];

fn compare_all(c: &str, cpp: &str) {
    for (standard, suffix) in STANDARDS {
        let compiler = if suffix == "c" { c } else { cpp };
        compare_layout(compiler, standard, suffix);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "who runs the tests should see what was left out"
)]
fn is_here(compiler: &str) -> bool {
    let here = Command::new(compiler).arg("--version").output().is_ok();
    if !here {
        println!("not run: {compiler} is absent; install it with: apt-get install {compiler}");
    }
    here
}

#[test]
fn gcc_lays_the_header_out_as_rust_does() {
    compare_layout("gcc", "-std=c99", "c");
    compare_layout("gcc", "-std=c11", "c");
    if is_here("g++") {
        compare_all("gcc", "g++");
    }
}

#[test]
fn clang_lays_the_header_out_as_rust_does() {
    if is_here("clang") {
        // clang++ is a part of clang.
        compare_all("clang", "clang++");
    }
}

/// Builds the example and runs its own tests, as its Makefile does.
fn build_example(compiler: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("make")
        .arg("--directory")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c"))
        .arg(format!("CC={compiler}"))
        .arg(format!("BUILD={}", folder.path().display()))
        .args(["all", "test"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler}: {said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.matches("\nok: ").count(), 10, "{printed}");
    let library = folder.path().join("libbeeper_reader.so");
    assert!(library.is_file(), "{compiler} made no library");
}

#[test]
fn gcc_builds_the_example_and_its_tests_pass() {
    build_example("gcc");
}

#[test]
fn clang_builds_the_example_and_its_tests_pass() {
    if is_here("clang") {
        build_example("clang");
    }
}

#[test]
fn every_enumerator_of_the_header_is_compared() {
    let header = std::fs::read_to_string(include_dir().join("payhal_plugin.h")).unwrap();
    let compared = expectations();
    let named: Vec<&str> = header
        .lines()
        .filter_map(|line| line.trim_start().split_once(" = "))
        .filter(|(name, _)| name.starts_with("PAYHAL_"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(named.len(), 23, "the header's enumerators: {named:?}");
    for name in named {
        assert!(
            compared.iter().any(|(expression, _)| expression == name),
            "{name} is not compared"
        );
    }
}
