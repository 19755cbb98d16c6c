// SPDX-License-Identifier: MIT OR Apache-2.0
//! The templates: whole plugins for the beeper, file by file.
//!
//! The reader in C is the example of the ABI, and the other kinds in C share sources with it.
//! `tests/processes/kit.rs` builds and checks each of them.

use super::{Language, NewKind};

/// A plugin that others are made from.
pub(super) struct Template {
    /// Its id; in every spelling it becomes the new plugin's.
    pub(super) name: &'static str,
    pub(super) files: &'static [File],
}

/// One file of it.
pub(super) struct File {
    /// Where it lies in the new folder.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) origin: Origin,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// The template's own.
    Own,
    /// The reader's in C, which serves other kinds once it says their word for "reader".
    Reader(&'static str),
    /// payhal's: it stays as it is.
    Kept,
}

pub(super) fn template(kind: NewKind, lang: Language) -> &'static Template {
    match (kind, lang) {
        (NewKind::Reader, Language::Rust) => &READER_RUST,
        (NewKind::Reader, Language::C) => &READER_C,
        (NewKind::Terminal, Language::Rust) => &TERMINAL_RUST,
        (NewKind::Terminal, Language::C) => &TERMINAL_C,
        (NewKind::Gateway, Language::Rust) => &GATEWAY_RUST,
        (NewKind::Gateway, Language::C) => &GATEWAY_C,
    }
}

const fn file(path: &'static str, text: &'static str) -> File {
    File {
        path,
        text,
        origin: Origin::Own,
    }
}

const fn of_reader(kind: &'static str, path: &'static str, text: &'static str) -> File {
    File {
        path,
        text,
        origin: Origin::Reader(kind),
    }
}

const fn kept(path: &'static str, text: &'static str) -> File {
    File {
        path,
        text,
        origin: Origin::Kept,
    }
}

const READER_RUST: Template = Template {
    name: "beeper-reader",
    files: &[
        file(
            ".gitignore",
            include_str!("templates/reader-rust/gitignore"),
        ),
        file(
            "Cargo.toml",
            include_str!("templates/reader-rust/Cargo.toml.in"),
        ),
        file("Makefile", include_str!("templates/reader-rust/Makefile")),
        file("README.md", include_str!("templates/reader-rust/README.md")),
        file(
            "configuration.schema.json",
            include_str!("templates/reader-rust/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("templates/reader-rust/conformance.toml"),
        ),
        file(
            "plugin.toml",
            include_str!("templates/reader-rust/plugin.toml"),
        ),
        file(
            "src/authorize_card.rs",
            include_str!("templates/reader-rust/src/authorize_card.rs"),
        ),
        file(
            "src/complete.rs",
            include_str!("templates/reader-rust/src/complete.rs"),
        ),
        file(
            "src/config.rs",
            include_str!("templates/reader-rust/src/config.rs"),
        ),
        file(
            "src/error.rs",
            include_str!("templates/reader-rust/src/error.rs"),
        ),
        file(
            "src/identify.rs",
            include_str!("templates/reader-rust/src/identify.rs"),
        ),
        file(
            "src/lib.rs",
            include_str!("templates/reader-rust/src/lib.rs"),
        ),
        file(
            "src/present.rs",
            include_str!("templates/reader-rust/src/present.rs"),
        ),
        file(
            "src/reader.rs",
            include_str!("templates/reader-rust/src/reader.rs"),
        ),
        file(
            "src/wire.rs",
            include_str!("templates/reader-rust/src/wire.rs"),
        ),
        file(
            "tests/mod.rs",
            include_str!("templates/reader-rust/tests/mod.rs"),
        ),
        file(
            "tests/pin.recording",
            include_str!("../../../../abi/examples/c/tests/pin.recording"),
        ),
    ],
};

const READER_C: Template = Template {
    name: "beeper-reader",
    files: &[
        file(
            ".gitignore",
            include_str!("../../../../abi/examples/c/.gitignore"),
        ),
        file(
            "Makefile",
            include_str!("../../../../abi/examples/c/Makefile"),
        ),
        file(
            "README.md",
            include_str!("../../../../abi/examples/c/README.md"),
        ),
        file(
            "configuration.schema.json",
            include_str!("../../../../abi/examples/c/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("../../../../abi/examples/c/conformance.toml"),
        ),
        kept(
            "include/payhal_plugin.h",
            include_str!("../../../../abi/include/payhal_plugin.h"),
        ),
        file(
            "plugin.toml",
            include_str!("../../../../abi/examples/c/plugin.toml"),
        ),
        file(
            "src/answers.c",
            include_str!("../../../../abi/examples/c/src/answers.c"),
        ),
        file(
            "src/authorize_card.c",
            include_str!("../../../../abi/examples/c/src/authorize_card.c"),
        ),
        file(
            "src/beeper_reader.c",
            include_str!("../../../../abi/examples/c/src/beeper_reader.c"),
        ),
        file(
            "src/complete.c",
            include_str!("../../../../abi/examples/c/src/complete.c"),
        ),
        file(
            "src/identify.c",
            include_str!("../../../../abi/examples/c/src/identify.c"),
        ),
        file(
            "src/json.c",
            include_str!("../../../../abi/examples/c/src/json.c"),
        ),
        file(
            "src/json.h",
            include_str!("../../../../abi/examples/c/src/json.h"),
        ),
        file(
            "src/present.c",
            include_str!("../../../../abi/examples/c/src/present.c"),
        ),
        file(
            "src/reader.h",
            include_str!("../../../../abi/examples/c/src/reader.h"),
        ),
        file(
            "src/refusals.c",
            include_str!("../../../../abi/examples/c/src/refusals.c"),
        ),
        file(
            "src/replies.c",
            include_str!("../../../../abi/examples/c/src/replies.c"),
        ),
        file(
            "src/wire.c",
            include_str!("../../../../abi/examples/c/src/wire.c"),
        ),
        file(
            "src/wire.h",
            include_str!("../../../../abi/examples/c/src/wire.h"),
        ),
        file(
            "tests/fake_host.c",
            include_str!("../../../../abi/examples/c/tests/fake_host.c"),
        ),
        file(
            "tests/fake_host.h",
            include_str!("../../../../abi/examples/c/tests/fake_host.h"),
        ),
        file(
            "tests/pin.recording",
            include_str!("../../../../abi/examples/c/tests/pin.recording"),
        ),
        file(
            "tests/recording.c",
            include_str!("../../../../abi/examples/c/tests/recording.c"),
        ),
        file(
            "tests/recording.h",
            include_str!("../../../../abi/examples/c/tests/recording.h"),
        ),
        file(
            "tests/run.c",
            include_str!("../../../../abi/examples/c/tests/run.c"),
        ),
    ],
};

const TERMINAL_RUST: Template = Template {
    name: "beeper-terminal",
    files: &[
        file(
            ".gitignore",
            include_str!("templates/terminal-rust/gitignore"),
        ),
        file(
            "Cargo.toml",
            include_str!("templates/terminal-rust/Cargo.toml.in"),
        ),
        file("Makefile", include_str!("templates/terminal-rust/Makefile")),
        file(
            "README.md",
            include_str!("templates/terminal-rust/README.md"),
        ),
        file(
            "configuration.schema.json",
            include_str!("templates/terminal-rust/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("templates/terminal-rust/conformance.toml"),
        ),
        file(
            "plugin.toml",
            include_str!("templates/terminal-rust/plugin.toml"),
        ),
        file(
            "src/config.rs",
            include_str!("templates/terminal-rust/src/config.rs"),
        ),
        file(
            "src/error.rs",
            include_str!("templates/terminal-rust/src/error.rs"),
        ),
        file(
            "src/identify.rs",
            include_str!("templates/terminal-rust/src/identify.rs"),
        ),
        file(
            "src/inquire.rs",
            include_str!("templates/terminal-rust/src/inquire.rs"),
        ),
        file(
            "src/lib.rs",
            include_str!("templates/terminal-rust/src/lib.rs"),
        ),
        file(
            "src/pay.rs",
            include_str!("templates/terminal-rust/src/pay.rs"),
        ),
        file(
            "src/terminal.rs",
            include_str!("templates/terminal-rust/src/terminal.rs"),
        ),
        file(
            "src/wire.rs",
            include_str!("templates/reader-rust/src/wire.rs"),
        ),
        file(
            "tests/mod.rs",
            include_str!("templates/terminal-rust/tests/mod.rs"),
        ),
    ],
};

const GATEWAY_RUST: Template = Template {
    name: "beeper-gateway",
    files: &[
        file(
            ".gitignore",
            include_str!("templates/gateway-rust/gitignore"),
        ),
        file(
            "Cargo.toml",
            include_str!("templates/gateway-rust/Cargo.toml.in"),
        ),
        file("Makefile", include_str!("templates/gateway-rust/Makefile")),
        file(
            "README.md",
            include_str!("templates/gateway-rust/README.md"),
        ),
        file(
            "configuration.schema.json",
            include_str!("templates/gateway-rust/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("templates/gateway-rust/conformance.toml"),
        ),
        file(
            "plugin.toml",
            include_str!("templates/gateway-rust/plugin.toml"),
        ),
        file(
            "src/authorize.rs",
            include_str!("templates/gateway-rust/src/authorize.rs"),
        ),
        file(
            "src/config.rs",
            include_str!("templates/gateway-rust/src/config.rs"),
        ),
        file(
            "src/connector.rs",
            include_str!("templates/gateway-rust/src/connector.rs"),
        ),
        file(
            "src/inquire.rs",
            include_str!("templates/gateway-rust/src/inquire.rs"),
        ),
        file(
            "src/lib.rs",
            include_str!("templates/gateway-rust/src/lib.rs"),
        ),
        file(
            "src/modify.rs",
            include_str!("templates/gateway-rust/src/modify.rs"),
        ),
        file(
            "src/wire.rs",
            include_str!("templates/gateway-rust/src/wire.rs"),
        ),
        file(
            "tests/mod.rs",
            include_str!("templates/gateway-rust/tests/mod.rs"),
        ),
    ],
};

const TERMINAL_C: Template = Template {
    name: "beeper-terminal",
    files: &[
        of_reader(
            "terminal",
            ".gitignore",
            include_str!("../../../../abi/examples/c/.gitignore"),
        ),
        of_reader(
            "terminal",
            "Makefile",
            include_str!("../../../../abi/examples/c/Makefile"),
        ),
        file("README.md", include_str!("templates/terminal-c/README.md")),
        file(
            "configuration.schema.json",
            include_str!("templates/terminal-rust/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("templates/terminal-rust/conformance.toml"),
        ),
        kept(
            "include/payhal_plugin.h",
            include_str!("../../../../abi/include/payhal_plugin.h"),
        ),
        file(
            "plugin.toml",
            include_str!("templates/terminal-rust/plugin.toml"),
        ),
        of_reader(
            "terminal",
            "src/answers.c",
            include_str!("../../../../abi/examples/c/src/answers.c"),
        ),
        file(
            "src/beeper_terminal.c",
            include_str!("templates/terminal-c/src/beeper_terminal.c"),
        ),
        file(
            "src/identify.c",
            include_str!("templates/terminal-c/src/identify.c"),
        ),
        file(
            "src/inquire.c",
            include_str!("templates/terminal-c/src/inquire.c"),
        ),
        of_reader(
            "terminal",
            "src/json.c",
            include_str!("../../../../abi/examples/c/src/json.c"),
        ),
        of_reader(
            "terminal",
            "src/json.h",
            include_str!("../../../../abi/examples/c/src/json.h"),
        ),
        file("src/pay.c", include_str!("templates/terminal-c/src/pay.c")),
        file(
            "src/refusals.c",
            include_str!("templates/terminal-c/src/refusals.c"),
        ),
        of_reader(
            "terminal",
            "src/replies.c",
            include_str!("../../../../abi/examples/c/src/replies.c"),
        ),
        file(
            "src/terminal.h",
            include_str!("templates/terminal-c/src/terminal.h"),
        ),
        of_reader(
            "terminal",
            "src/wire.c",
            include_str!("../../../../abi/examples/c/src/wire.c"),
        ),
        of_reader(
            "terminal",
            "src/wire.h",
            include_str!("../../../../abi/examples/c/src/wire.h"),
        ),
        of_reader(
            "terminal",
            "tests/fake_host.c",
            include_str!("../../../../abi/examples/c/tests/fake_host.c"),
        ),
        of_reader(
            "terminal",
            "tests/fake_host.h",
            include_str!("../../../../abi/examples/c/tests/fake_host.h"),
        ),
        of_reader(
            "terminal",
            "tests/recording.c",
            include_str!("../../../../abi/examples/c/tests/recording.c"),
        ),
        of_reader(
            "terminal",
            "tests/recording.h",
            include_str!("../../../../abi/examples/c/tests/recording.h"),
        ),
        file(
            "tests/run.c",
            include_str!("templates/terminal-c/tests/run.c"),
        ),
    ],
};

const GATEWAY_C: Template = Template {
    name: "beeper-gateway",
    files: &[
        of_reader(
            "gateway",
            ".gitignore",
            include_str!("../../../../abi/examples/c/.gitignore"),
        ),
        of_reader(
            "gateway",
            "Makefile",
            include_str!("../../../../abi/examples/c/Makefile"),
        ),
        file("README.md", include_str!("templates/gateway-c/README.md")),
        file(
            "configuration.schema.json",
            include_str!("templates/gateway-rust/configuration.schema.json"),
        ),
        file(
            "conformance.toml",
            include_str!("templates/gateway-rust/conformance.toml"),
        ),
        kept(
            "include/payhal_plugin.h",
            include_str!("../../../../abi/include/payhal_plugin.h"),
        ),
        file(
            "plugin.toml",
            include_str!("templates/gateway-rust/plugin.toml"),
        ),
        file(
            "src/answers.c",
            include_str!("templates/gateway-c/src/answers.c"),
        ),
        file(
            "src/authorize.c",
            include_str!("templates/gateway-c/src/authorize.c"),
        ),
        file(
            "src/beeper_gateway.c",
            include_str!("templates/gateway-c/src/beeper_gateway.c"),
        ),
        file(
            "src/exchange.c",
            include_str!("templates/gateway-c/src/exchange.c"),
        ),
        file(
            "src/gateway.h",
            include_str!("templates/gateway-c/src/gateway.h"),
        ),
        file(
            "src/inquire.c",
            include_str!("templates/gateway-c/src/inquire.c"),
        ),
        of_reader(
            "gateway",
            "src/json.c",
            include_str!("../../../../abi/examples/c/src/json.c"),
        ),
        of_reader(
            "gateway",
            "src/json.h",
            include_str!("../../../../abi/examples/c/src/json.h"),
        ),
        file(
            "src/modify.c",
            include_str!("templates/gateway-c/src/modify.c"),
        ),
        file("src/open.c", include_str!("templates/gateway-c/src/open.c")),
        of_reader(
            "gateway",
            "src/replies.c",
            include_str!("../../../../abi/examples/c/src/replies.c"),
        ),
        of_reader(
            "gateway",
            "tests/fake_host.c",
            include_str!("../../../../abi/examples/c/tests/fake_host.c"),
        ),
        of_reader(
            "gateway",
            "tests/fake_host.h",
            include_str!("../../../../abi/examples/c/tests/fake_host.h"),
        ),
        of_reader(
            "gateway",
            "tests/recording.c",
            include_str!("../../../../abi/examples/c/tests/recording.c"),
        ),
        of_reader(
            "gateway",
            "tests/recording.h",
            include_str!("../../../../abi/examples/c/tests/recording.h"),
        ),
        file(
            "tests/run.c",
            include_str!("templates/gateway-c/tests/run.c"),
        ),
    ],
};
