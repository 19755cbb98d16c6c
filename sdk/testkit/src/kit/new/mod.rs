// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin new`: the folder of a new plugin, from a template that is a whole plugin itself.
//!
//! The templates drive the kit's beeper; a new folder is one of them under its own name. It must
//! never write over anything.

mod templates;

use crate::failure::Failure;
use crate::say;
use clap::{Args, ValueEnum};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use templates::{File, Origin, Template, template};

/// As a manifest's id has it.
const NAME_BYTES_MAX: usize = 64;

#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// Name of plugin and folder: lower-case letters, digits and dashes
    name: String,
    /// What it drives
    #[arg(long, value_enum)]
    kind: NewKind,
    /// What it is written in
    #[arg(long, value_enum)]
    lang: Language,
    /// Folder of payhal's SDK crates, until they are published (Rust)
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Where the folder is made
    #[arg(long = "in", value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum NewKind {
    /// A device that reads cards; somebody else authorizes
    Reader,
    /// A device that runs the whole payment
    Terminal,
    /// The service that authorizes
    Gateway,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Language {
    /// Rust, on `payhal-plugin`
    Rust,
    /// C99, on the header
    C,
}

pub(crate) fn run(args: &NewArgs) -> Result<ExitCode, Failure> {
    if !is_name(&args.name) {
        let text = format!("failed to name a plugin {:?}", args.name);
        let advice = "A name begins with a lower-case letter and has up to 64 lower-case letters, \
                      digits and dashes.";
        return Err(Failure::new(text).advise(advice));
    }
    let sdk = args.sdk.as_deref().map(sdk).transpose()?;
    let folder = args.parent.join(&args.name);
    if folder.exists() {
        let text = format!("failed to make {}: it is there already", folder.display());
        return Err(Failure::new(text));
    }
    let template = template(args.kind, args.lang);
    for file in template.files {
        let path = folder.join(named(template, file.path, &args.name));
        write(&path, &text_of(template, file, &args.name, sdk.as_deref()))?;
    }
    tell(args, &folder);
    Ok(ExitCode::SUCCESS)
}

/// Also the name of a crate and, with underscores, of a C file.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(allowed)
}

/// The folder, absolute, if the crates are there.
fn sdk(folder: &Path) -> Result<PathBuf, Failure> {
    let found = folder.join("plugin/Cargo.toml").is_file();
    match folder.canonicalize() {
        Ok(folder) if found => Ok(folder),
        _ => {
            let text = format!("failed to find the crate `plugin` in {}", folder.display());
            Err(Failure::new(text).advise("It is the folder `sdk` of payhal's source tree."))
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| Failure::file("create", parent, &error))?;
    fs::write(path, text).map_err(|error| Failure::file("write", path, &error))
}

/// A C file that bears the template's name bears the plugin's.
fn named(template: &Template, path: &str, name: &str) -> String {
    path.replace(&template.name.replace('-', "_"), &name.replace('-', "_"))
}

/// The file as it stands in the new folder.
fn text_of(template: &Template, file: &File, name: &str, sdk: Option<&Path>) -> String {
    let text = match file.origin {
        Origin::Kept => return file.text.to_owned(),
        Origin::Own => file.text.to_owned(),
        Origin::Reader(kind) => file.text.replace("reader", kind),
    };
    // The new plugin's licence is its author's business.
    let licence = |line: &&str| !line.contains("SPDX-License-Identifier");
    let lines: Vec<_> = text.lines().filter(licence).collect();
    let mut text = format!("{}\n", lines.join("\n"));
    for (from, to) in words(template.name).into_iter().zip(words(name)) {
        text = text.replace(&from, &to);
    }
    text = text.replace(
        "PAYHAL_INCLUDE ?= ../../include",
        "PAYHAL_INCLUDE ?= include",
    );
    if let Some(sdk) = sdk {
        let path = toml::Value::from(sdk.join("plugin").to_string_lossy().into_owned());
        let dependency = format!("payhal-plugin = {{ path = {path} }}");
        text = text.replace("payhal-plugin = \"0.1.0\"", &dependency);
    }
    text
}

/// A name as it is written in ids, in code, in types and in sentences.
fn words(name: &str) -> [String; 4] {
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    let camel: String = parts.iter().map(|part| capital(part)).collect();
    [
        name.to_owned(),
        name.replace('-', "_"),
        camel,
        capital(&parts.join(" ")),
    ]
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn tell(args: &NewArgs, folder: &Path) {
    let place = folder.display();
    say(&format!("{place}: a plugin that drives the kit's beeper"));
    say(&format!("  cd {place}"));
    say("  make          # builds it");
    say("  make check    # its own tests, then `payhal plugin check`");
    say("README.md says how to see it sell, and what to replace.");
    if args.lang == Language::Rust && args.sdk.is_none() {
        say(
            "Its Cargo.toml wants payhal-plugin from the registry; --sdk FOLDER takes a source tree's.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_in_every_place_that_it_comes_to() {
        for good in ["a", "acme-reader", "x2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "2x",
            "Acme",
            "a_b",
            "a b",
            "../a",
            "-a",
            "a-",
            &"a".repeat(65),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
        let words = words("acme-pin-pad");
        assert_eq!(
            words,
            ["acme-pin-pad", "acme_pin_pad", "AcmePinPad", "Acme pin pad"]
        );
    }

    #[test]
    fn nothing_of_the_template_s_name_is_left_and_every_manifest_is_one() {
        for kind in NewKind::value_variants() {
            for lang in Language::value_variants() {
                let template = template(*kind, *lang);
                for file in template.files {
                    let text = text_of(template, file, "acme-thing", Some(Path::new("/sdk")));
                    for word in words(template.name) {
                        assert!(
                            !text.contains(&word),
                            "{kind:?} {lang:?}: {}: {word}",
                            file.path
                        );
                    }
                    if file.path == "plugin.toml" {
                        let manifest: toml::Table = toml::from_str(&text).unwrap();
                        assert_eq!(manifest["id"].as_str(), Some("acme-thing"));
                        assert_eq!(manifest["library"].as_str(), Some("acme_thing"));
                    }
                    if file.path == "Cargo.toml" {
                        let package: toml::Table = toml::from_str(&text).unwrap();
                        let sdk = package["dependencies"]["payhal-plugin"]["path"].as_str();
                        assert_eq!(sdk, Some("/sdk/plugin"));
                    }
                }
            }
        }
    }
}
