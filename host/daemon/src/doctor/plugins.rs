// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plugins: which are installed, which cannot be used, which the configuration wants in vain, and
//! which build each is of.

use super::{Scene, fail, note, ok, warn};
use crate::plugins::{Plugin, Plugins, discover, hash_file};
use payhal_protocol::diagnose::Finding;
use std::path::Path;

const AREA: &str = "plugins";
const RUNNER: &str = "Runner";
const INSTALLED: &str = "Installed";
const WANTED: &str = "Configured";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let plugins = discover(&scene.sources());
    let mut all = vec![runner(scene), wanted(scene, &plugins)];
    if plugins.found.is_empty() && plugins.broken.is_empty() {
        let folders: Vec<_> = scene
            .plugins
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        all.push(note(
            AREA,
            INSTALLED,
            format!("none in {}", folders.join(", ")),
        ));
    }
    for plugin in plugins.found.values() {
        all.push(installed(plugin));
    }
    for (folder, why) in &plugins.broken {
        let title = folder.file_name().map(|name| name.to_string_lossy());
        let title = title.unwrap_or_default();
        let says = format!("{} cannot be used: {why}", folder.display());
        let todo = "Install it again, or remove its folder.";
        all.push(warn(AREA, &title, says, todo));
    }
    all
}

fn runner(scene: &Scene) -> Finding {
    let path = scene.runner.display();
    let access = rustix::fs::Access::EXEC_OK;
    if scene.runner.is_file() && rustix::fs::access(&scene.runner, access).is_ok() {
        return ok(AREA, RUNNER, format!("{path}"));
    }
    let says = format!("{path} is missing, or no program: no device and no gateway can start");
    let todo = "Install payhal again: it lies beside the program. Or name it with `--runner`.";
    fail(AREA, RUNNER, says, todo)
}

fn wanted(scene: &Scene, plugins: &Plugins) -> Finding {
    let missing: Vec<_> = scene
        .instances
        .iter()
        .filter(|(_, plugin)| !plugins.found.contains_key(plugin))
        .map(|(name, plugin)| match plugins.refused.get(plugin) {
            _ if plugins.disabled.contains_key(plugin) => {
                format!("{name} wants {plugin}, which is disabled")
            }
            Some(why) => format!("{name} wants {plugin}, which is refused: {why}"),
            None => format!("{name} wants {plugin}, which is not installed"),
        })
        .collect();
    if !missing.is_empty() {
        let says = format!("{}; it does not come up", missing.join("; "));
        let todo = "Install it, or take the device or gateway out of the configuration. \
                    What there is: payhal plugin list";
        return fail(AREA, WANTED, says, todo);
    }
    match scene.instances.len() {
        0 => note(
            AREA,
            WANTED,
            "the configuration names no device and no gateway",
        ),
        count => ok(
            AREA,
            WANTED,
            format!("{count} devices and gateways have their plugins"),
        ),
    }
}

/// Approvals are the maker's word, as the manifest has it: nobody checks them here.
fn installed(plugin: &Plugin) -> Finding {
    let manifest = &plugin.manifest;
    let mut says = format!("{} {}", manifest.id, manifest.version);
    if let Some(build) = build(&plugin.library) {
        says.push_str(&format!(", build {build}"));
    }
    let claimed = plugin.approvals();
    if !claimed.is_empty() {
        says.push_str(&format!("; claims {}", claimed.join(", ")));
    }
    if manifest.simulated {
        says.push_str("; simulated");
    }
    match &plugin.signer {
        Some(signer) => says.push_str(&format!("; signed by {}", signer.key_id)),
        None => says.push_str("; not signed"),
    }
    if others_may_write(&plugin.library) {
        says.push_str("; other users may replace its library");
        let todo = "Take that right away: chmod go-w on the library and its folder.";
        return fail(AREA, &manifest.name, says, todo);
    }
    note(AREA, &manifest.name, says)
}

/// The first 16 digits of the library's SHA-256: which build it is.
fn build(library: &Path) -> Option<String> {
    let hash = hash_file(library).ok()?;
    hash.get(..16).map(ToOwned::to_owned)
}

fn others_may_write(library: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o022 != 0);
    open(library) || library.parent().is_some_and(open)
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, mode, put, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    const MANIFEST: &str = "id='good'\nname='Good'\nversion='1.2.3'\nabi=1\nkind='gateway'\n\
        library='good'\n[gateway]\n[approvals]\npts='4-1'\n";

    fn install(scene: &Scene) -> std::path::PathBuf {
        let folder = scene.plugins[0].join("good");
        put(&folder.join("plugin.toml"), MANIFEST, 0o644);
        put(&folder.join("libgood.so"), "abc", 0o755);
        mode(&folder, 0o755);
        put(&scene.runner, "#!", 0o755);
        folder
    }

    #[test]
    fn an_installed_plugin_is_named_with_its_build() {
        let (_folder, mut scene) = scene();
        install(&scene);
        scene.instances.push(("bank".to_owned(), "good".to_owned()));
        let found = check(&scene);
        for title in [RUNNER, WANTED] {
            assert_eq!(level(&found, title), FindingLevel::Ok, "{title}");
        }
        assert_eq!(
            titled(&found, "Good").says,
            "good 1.2.3, build ba7816bf8f01cfea; claims pci_pts 4-1; not signed"
        );
    }

    #[test]
    fn what_is_missing_broken_or_open_is_found() {
        let (_folder, mut scene) = scene();
        let found = check(&scene);
        assert_eq!(level(&found, RUNNER), FindingLevel::Fail);
        assert_eq!(level(&found, WANTED), FindingLevel::Note);
        let folder = install(&scene);
        scene
            .instances
            .push(("bank".to_owned(), "other".to_owned()));
        put(&scene.plugins[0].join("bad/plugin.toml"), "id = 3", 0o644);
        mode(&folder.join("libgood.so"), 0o777);
        let found = check(&scene);
        assert_eq!(level(&found, WANTED), FindingLevel::Fail);
        assert_eq!(level(&found, "bad"), FindingLevel::Warn);
        assert_eq!(level(&found, "Good"), FindingLevel::Fail);
    }
}
