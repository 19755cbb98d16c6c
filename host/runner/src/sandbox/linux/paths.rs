// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which paths a plugin may use: Landlock.
//!
//! Owns the list. It holds what loading a library needs, what the C library reads by itself, and
//! the instance's own folder. Nothing of `/proc`, no folder that other programs write to, and no
//! program: nothing may be executed.
//!
//! Must never grow by a path that tells of other people or programs of the machine.

use crate::sandbox::Wish;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The newest ABI whose rights were looked at one by one.
const NEWEST: ABI = ABI::V9;

/// Libraries of the system, as the loader finds them.
const LIBRARIES: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/etc/ld.so.cache",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
];

/// Time zones, and the certificates of the authorities that this system trusts. Private keys lie
/// elsewhere.
const FACTS: &[&str] = &[
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// How names become addresses, for a plugin with a network of its own.
const RESOLVER: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/run/systemd/resolve/resolv.conf",
    "/run/systemd/resolve/stub-resolv.conf",
];

/// The folder of the smart card service's socket.
const SMART_CARD_SERVICE: &[&str] = &["/run/pcscd"];

/// What may be done below the instance's own folder: plain files and folders. No links, sockets
/// or device nodes: whoever looks after that folder must not be led elsewhere by them.
fn own() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// The folders from which the loader took the libraries of this very process. Where a system has
/// no `/usr/lib`, the plugin's libraries lie beside them. To be asked before anything is denied.
pub(super) fn library_folders() -> BTreeSet<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    folders_in(&maps, &program)
}

fn folders_in(maps: &str, program: &Path) -> BTreeSet<PathBuf> {
    let files = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let libraries = files.filter(|file| *file != program && is_library(file));
    libraries
        .filter_map(Path::parent)
        .map(Path::to_owned)
        .collect()
}

fn is_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.")
}

/// Restricts this thread; the ABI in force, 0 where the kernel has none.
///
/// # Errors
///
/// Fails when the kernel has Landlock and refuses.
pub(super) fn restrict(wish: Wish<'_>, library_folders: &BTreeSet<PathBuf>) -> Result<u32, String> {
    let failed = |error: RulesetError| format!("restrict paths: {error}");
    let status = rules(wish, library_folders)
        .and_then(RulesetCreated::restrict_self)
        .map_err(failed)?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Ok(0),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as u32),
        _ => Ok(0),
    }
}

fn rules(
    wish: Wish<'_>,
    library_folders: &BTreeSet<PathBuf>,
) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    if !wish.confinement.own_network {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let mut ruleset = ruleset
        .create()?
        .add_rules(path_beneath_rules(library_folders, read))?
        .add_rules(path_beneath_rules(LIBRARIES, read))?
        .add_rules(path_beneath_rules(FACTS, read))?
        .add_rules(path_beneath_rules(
            ["/dev/null"],
            read | AccessFs::WriteFile,
        ))?;
    if wish.confinement.own_network {
        ruleset = ruleset.add_rules(path_beneath_rules(RESOLVER, read))?;
    }
    if wish.confinement.pcsc {
        let rules = path_beneath_rules(SMART_CARD_SERVICE, read | AccessFs::ResolveUnix);
        ruleset = ruleset.add_rules(rules)?;
    }
    // In what ships there are none.
    ruleset = ruleset.add_rules(path_beneath_rules(payhal_failpoint::folders(), own()))?;
    // Without its folder an instance writes nothing.
    match PathFd::new(wish.state_dir) {
        Ok(folder) => ruleset.add_rule(PathBeneath::new(folder, own())),
        Err(_) => Ok(ruleset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_looked_for_beside_those_of_the_runner_and_never_beside_its_program() {
        let maps = "\
55d0-55d1 r-xp 00000000 fe:00 11 /opt/payhal/payhal-plugin-runner\n\
7f00-7f01 r-xp 00000000 fe:00 12 /nix/store/abc-glibc/lib/libc.so.6\n\
7f02-7f03 r--p 00000000 fe:00 13 /nix/store/abc-gcc/lib/libgcc_s.so\n\
7f04-7f05 rw-s 00000000 00:01 14 /memfd:plugin (deleted)\n\
7f06-7f07 rw-p 00000000 00:00 0 [stack]\n";
        let program = Path::new("/opt/payhal/payhal-plugin-runner");
        let found = folders_in(maps, program);
        let expected = ["/nix/store/abc-gcc/lib", "/nix/store/abc-glibc/lib"];
        assert!(found.iter().eq(expected.map(Path::new)), "{found:?}");
    }

    #[test]
    fn no_list_names_what_tells_of_others() {
        let all = [LIBRARIES, FACTS, RESOLVER, SMART_CARD_SERVICE].concat();
        for path in all {
            let theirs = [
                "/proc",
                "/home",
                "/root",
                "/tmp",
                "/var",
                "/sys",
                "/etc/ssl/private",
            ];
            let tells = |theirs: &&str| Path::new(path).starts_with(theirs);
            assert!(!theirs.iter().any(tells), "{path}");
            assert!(
                !theirs
                    .iter()
                    .any(|theirs| Path::new(theirs).starts_with(path)),
                "{path}"
            );
        }
    }
}
