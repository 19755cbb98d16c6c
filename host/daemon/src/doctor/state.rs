// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state folder: whether it is there, whose it is, and that nobody else reads what is secret.

use super::{Scene, fail, ok, quoted, warn};
use payhal_protocol::diagnose::Finding;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const AREA: &str = "state";
const FOLDER: &str = "State folder";
const SECRETS: &str = "Secret files";
const OWNERS: &str = "Owners";
const CONFIGURATION: &str = "Configuration file";

/// How deep it looks, and at how many files: instances keep their own, and not thousands.
const DEPTH_MAX: usize = 5;
const FILES_MAX: usize = 5_000;
/// Files that a sentence names.
const NAMED_MAX: usize = 5;

/// Permissions of anybody but the owner.
const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let path = scene.state.display();
    let found = match std::fs::metadata(&scene.state) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let todo = "Name a folder with `--state`.";
            return vec![fail(AREA, FOLDER, format!("{path} is no folder"), todo)];
        }
        Err(error) => {
            let says = format!("{path} cannot be looked at: {error}");
            let todo = "Start the host once with `payhal serve`, which makes it; or name another \
                        one with `--state`.";
            return vec![warn(AREA, FOLDER, says, todo)];
        }
    };
    let mut all = vec![folder(scene, &found)];
    let mut files = Vec::new();
    walk(&scene.state, Path::new(""), 0, &mut files);
    all.push(owners(scene, found.uid(), &files));
    all.push(secrets(scene, &files));
    all.extend(configuration(scene));
    all
}

fn folder(scene: &Scene, found: &Metadata) -> Finding {
    let (path, mode) = (quoted(&scene.state), found.mode() & 0o7777);
    let todo = format!("chmod 700 {path}");
    if mode & OTHERS_WRITE != 0 {
        let says = format!("other users may put files into {path} (mode {mode:03o})");
        return fail(AREA, FOLDER, says, &todo);
    }
    if mode & OTHERS != 0 {
        let says = format!("other users may look into {path} (mode {mode:03o})");
        return warn(AREA, FOLDER, says, &todo);
    }
    ok(AREA, FOLDER, format!("{path} is for its owner alone"))
}

/// What lies in the state folder, with its place in it.
type Files = Vec<(PathBuf, Metadata)>;

fn walk(folder: &Path, place: &Path, depth: usize, files: &mut Files) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(found) = entry.metadata() else {
            continue;
        };
        let here = place.join(entry.file_name());
        if files.len() >= FILES_MAX {
            return;
        }
        if found.is_dir() && depth < DEPTH_MAX {
            walk(&entry.path(), &here, depth + 1, files);
        }
        files.push((here, found));
    }
}

fn owners(scene: &Scene, owner: u32, files: &Files) -> Finding {
    let others = files.iter().filter(|(_, found)| found.uid() != owner);
    let names = names(others.map(|(path, _)| path));
    let path = quoted(&scene.state);
    if !names.is_empty() {
        let says = format!("in {path} other users than {owner} have {names}");
        let todo = format!("sudo chown -R {owner} {path}");
        return fail(AREA, OWNERS, says, &todo);
    }
    if owner != scene.uid && scene.uid != 0 {
        let says = format!(
            "{path} belongs to user {owner}, and this is user {}",
            scene.uid
        );
        let todo = format!("Run it as that user: sudo -u '#{owner}' payhal doctor");
        return warn(AREA, OWNERS, says, &todo);
    }
    let says = format!("everything in it belongs to user {owner}");
    ok(AREA, OWNERS, says)
}

fn secrets(scene: &Scene, files: &Files) -> Finding {
    let kept = files.iter().filter(|(path, _)| is_secret(path));
    let (mut count, mut open) = (0, Vec::new());
    for (path, found) in kept {
        count += 1;
        // A link says nothing of what it leads to; there are none here by themselves.
        if found.mode() & OTHERS != 0 {
            open.push(path);
        }
    }
    if open.is_empty() {
        let says = format!("{count} files and folders with secrets are for their owner alone");
        return ok(AREA, SECRETS, says);
    }
    let path = quoted(&scene.state);
    let says = format!(
        "other users of this machine may use {}; whoever read them can act as a register, or read \
         what was paid",
        names(open.into_iter())
    );
    let todo = format!(
        "chmod -R go= {path}   Then unpair registers whose file others may have read: \
         `payhal registers unpair REGISTER`."
    );
    fail(AREA, SECRETS, says, &todo)
}

/// Keys, pairings, the journal and what hangs on it. Certificates are for everybody.
fn is_secret(path: &Path) -> bool {
    let first = path.iter().next().and_then(|part| part.to_str());
    let name = path.file_name().and_then(|name| name.to_str());
    let (first, name) = (first.unwrap_or_default(), name.unwrap_or_default());
    match first {
        "access" | "vault" => true,
        "tls" => name.ends_with(".key"),
        "instances" => path.iter().any(|part| part == "keys") || name.ends_with(".key"),
        _ => name.starts_with("journal.sqlite"),
    }
}

/// A gateway's credentials may be in it.
fn configuration(scene: &Scene) -> Option<Finding> {
    let path = scene.state.join("payhal.toml");
    let mode = std::fs::metadata(&path).ok()?.mode() & 0o777;
    let path = quoted(&path);
    Some(if mode & OTHERS == 0 {
        ok(
            AREA,
            CONFIGURATION,
            format!("{path} is for its owner alone"),
        )
    } else {
        let says = format!(
            "other users may use {path} (mode {mode:03o}), which may hold a gateway's credentials"
        );
        warn(AREA, CONFIGURATION, says, &format!("chmod 600 {path}"))
    })
}

/// Some of them, and how many more.
fn names<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let mut all: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    all.sort();
    let more = all.len().saturating_sub(NAMED_MAX);
    all.truncate(NAMED_MAX);
    let named = all.join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, mode, put, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn what_is_for_its_owner_alone_is_well() {
        let (_folder, scene) = scene();
        put(&scene.state.join("access/registers.json"), "{}", 0o600);
        put(&scene.state.join("tls/ca.pem"), "", 0o644);
        put(&scene.state.join("payhal.toml"), "", 0o600);
        mode(&scene.state.join("access"), 0o700);
        let found = check(&scene);
        for title in [FOLDER, OWNERS, SECRETS, CONFIGURATION] {
            assert_eq!(level(&found, title), FindingLevel::Ok, "{title}");
        }
        assert!(titled(&found, SECRETS).says.starts_with("2 files"));
    }

    #[test]
    fn each_secret_that_others_may_use_is_named() {
        for path in [
            "access/registers.json",
            "tls/leaf-1.key",
            "vault/keys/1",
            "instances/counter/keys/own",
            "journal.sqlite-wal",
        ] {
            let (_folder, scene) = scene();
            put(&scene.state.join(path), "x", 0o640);
            let found = check(&scene);
            assert_eq!(level(&found, SECRETS), FindingLevel::Fail, "{path}");
            assert!(titled(&found, SECRETS).says.contains(path), "{path}");
        }
    }

    #[test]
    fn a_folder_and_a_configuration_for_everybody_are_found() {
        let (_folder, scene) = scene();
        put(&scene.state.join("payhal.toml"), "", 0o644);
        mode(&scene.state, 0o755);
        let found = check(&scene);
        assert_eq!(level(&found, FOLDER), FindingLevel::Warn);
        assert_eq!(level(&found, CONFIGURATION), FindingLevel::Warn);
        mode(&scene.state, 0o777);
        assert_eq!(level(&check(&scene), FOLDER), FindingLevel::Fail);
    }

    #[test]
    fn another_user_s_folder_and_none_are_told() {
        let (_folder, mut scene) = scene();
        scene.uid += 1;
        assert_eq!(level(&check(&scene), OWNERS), FindingLevel::Warn);
        scene.state.push("absent");
        assert_eq!(level(&check(&scene), FOLDER), FindingLevel::Warn);
    }
}
