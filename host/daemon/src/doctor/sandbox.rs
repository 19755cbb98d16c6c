// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a plugin from the rest of the machine: what the kernel has, and what is in force now.
//! The full sandbox is not there yet, and this says so.

use super::{Inside, Scene, fail, note, ok};
use payhal_protocol::diagnose::Finding;

const AREA: &str = "confinement";
const KERNEL: &str = "Kernel";
const IN_FORCE: &str = "Runners";

/// Kernels from which on Landlock has this ABI (landlock(7)).
const LANDLOCK: [((u32, u32), u32); 7] = [
    ((5, 13), 1),
    ((5, 19), 2),
    ((6, 2), 3),
    ((6, 7), 4),
    ((6, 10), 5),
    ((6, 12), 6),
    ((6, 15), 7),
];

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let landlock = match landlock(scene) {
        Some(abi) => format!("Landlock with ABI {abi}"),
        None => "no Landlock".to_owned(),
    };
    let seccomp = match scene.line("/proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) if actions.contains("errno") => "seccomp filters",
        _ => "no seccomp filters",
    };
    let namespaces = match namespaces(scene) {
        true => "user namespaces for everybody",
        false => "no user namespaces for everybody",
    };
    let says = format!(
        "it has {landlock}, {seccomp} and {namespaces}. Runners use neither Landlock nor seccomp \
         yet: a plugin can read what this user can, so install only those whose maker you trust"
    );
    vec![note(AREA, KERNEL, says)]
}

/// The ABI that a kernel of this version has, where Landlock is switched on.
fn landlock(scene: &Scene) -> Option<u32> {
    // Readable for everybody where it is mounted; where not, the version has to do.
    let modules = scene.line("/sys/kernel/security/lsm");
    if modules.is_some_and(|modules| !modules.split(',').any(|name| name == "landlock")) {
        return None;
    }
    let release = scene.line("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    let version = (number()?, number()?);
    let known = LANDLOCK.iter().rev();
    known
        .into_iter()
        .find(|(since, _)| version >= *since)
        .map(|(_, abi)| *abi)
}

fn namespaces(scene: &Scene) -> bool {
    let is = |path: &str, value: &str| scene.line(path).as_deref() == Some(value);
    let most = scene.line("/proc/sys/user/max_user_namespaces");
    most.is_some_and(|most| most != "0")
        && !is("/proc/sys/kernel/unprivileged_userns_clone", "0")
        && !is(
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
        )
}

/// What is in force in each runner, as the kernel says.
pub(super) fn runners(scene: &Scene, inside: &Inside) -> Vec<Finding> {
    let mut loose = Vec::new();
    let mut looked_at = 0;
    for view in &inside.views {
        let status = |pid| scene.line(&format!("/proc/{pid}/status"));
        let Some(status) = view.pid.and_then(status) else {
            continue;
        };
        looked_at += 1;
        let flag = status
            .lines()
            .find_map(|line| line.strip_prefix("NoNewPrivs:"));
        if flag.map(str::trim) != Some("1") {
            loose.push(view.name.as_str());
        }
    }
    if !loose.is_empty() {
        let says = format!("these could gain privileges: {}", loose.join(", "));
        let todo = "Restart the host. If it stays so, this runner is not the one of this payhal: \
                    install payhal again.";
        return vec![fail(AREA, IN_FORCE, says, todo)];
    }
    if looked_at == 0 {
        return Vec::new();
    }
    let says = format!(
        "{looked_at} processes, one for each device and gateway; in force in each: no new \
         privileges, no core files, a bound on descriptors, not dumpable"
    );
    vec![ok(AREA, IN_FORCE, says)]
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, put, scene, titled, view};
    use super::*;
    use crate::supervisor::State;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn what_the_kernel_has_is_named_and_what_is_missing_too() {
        let (_folder, scene) = scene();
        let says = titled(&check(&scene), KERNEL).says.clone();
        assert!(
            says.contains("no Landlock, no seccomp filters and no user"),
            "{says}"
        );
        for (path, text) in [
            ("/proc/sys/kernel/osrelease", "6.8.0-31-generic\n"),
            (
                "/proc/sys/kernel/seccomp/actions_avail",
                "kill errno allow\n",
            ),
            ("/proc/sys/user/max_user_namespaces", "1024\n"),
        ] {
            put(&scene.system(path), text, 0o644);
        }
        let found = check(&scene);
        let says = &titled(&found, KERNEL).says;
        assert!(
            says.contains("Landlock with ABI 4, seccomp filters and user"),
            "{says}"
        );
        assert!(says.contains("yet"), "{says}");
        assert_eq!(level(&found, KERNEL), FindingLevel::Note);
        put(
            &scene.system("/sys/kernel/security/lsm"),
            "capability,yama",
            0o644,
        );
        assert_eq!(landlock(&scene), None);
    }

    #[test]
    fn a_runner_that_could_gain_privileges_is_found() {
        let (_folder, scene) = scene();
        let mut view = view("counter", State::Ready, 0);
        view.pid = Some(77);
        let inside = Inside {
            views: vec![view],
            quarantined: Vec::new(),
            open: false,
        };
        assert!(runners(&scene, &inside).is_empty());
        let status = scene.system("/proc/77/status");
        put(&status, "Name:\tx\nNoNewPrivs:\t1\n", 0o644);
        assert_eq!(level(&runners(&scene, &inside), IN_FORCE), FindingLevel::Ok);
        put(&status, "Name:\tx\nNoNewPrivs:\t0\n", 0o644);
        assert_eq!(
            level(&runners(&scene, &inside), IN_FORCE),
            FindingLevel::Fail
        );
    }
}
