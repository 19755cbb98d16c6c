// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a plugin from the rest of the machine: what the kernel has, and what is in force now,
//! as each runner told it and as the kernel says of its process.

use super::{Inside, Scene, fail, ok, warn};
use crate::explain::missing;
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

/// With this ABI Landlock sees every way to a file's content; before, a filter stands in.
const LANDLOCK_WHOLE: u32 = 3;

/// `Seccomp:` in `/proc/PID/status` of a process with a filter (proc(5)).
const FILTERED: &str = "2";

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let landlock = landlock(scene);
    let actions = scene.line("/proc/sys/kernel/seccomp/actions_avail");
    let seccomp = actions.is_some_and(|actions| actions.contains("errno"));
    let finding = match (landlock, seccomp) {
        (Some(abi), true) => {
            let older = match abi < LANDLOCK_WHOLE {
                true => "; it is an old one, and the filter refuses what it does not see",
                false => "",
            };
            let says = format!("it has Landlock with ABI {abi} and seccomp filters{older}");
            ok(AREA, KERNEL, says)
        }
        (landlock, seccomp) => incomplete(scene, landlock.is_some(), seccomp),
    };
    vec![finding]
}

fn incomplete(scene: &Scene, landlock: bool, seccomp: bool) -> Finding {
    let lacks = match (landlock, seccomp) {
        (false, false) => "neither Landlock nor seccomp filters",
        (false, true) => "no Landlock",
        (true, _) => "no seccomp filters",
    };
    let newer = "Run a kernel with both: Linux 5.13 or later, with `landlock` among its security \
                 modules (the parameter `lsm=`).";
    if scene.allow_incomplete_sandbox {
        let says = format!(
            "it has {lacks}: plugins run all the same, since `allow_incomplete_sandbox` is set, \
             and reach what this user reaches. Run only those whose maker you trust"
        );
        return warn(AREA, KERNEL, says, newer);
    }
    let says = format!("it has {lacks}: no device and no gateway starts");
    let todo = format!("{newer} Or set `allow_incomplete_sandbox = true` under [plugins].");
    fail(AREA, KERNEL, says, &todo)
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

/// What is in force in each runner.
pub(super) fn runners(scene: &Scene, inside: &Inside) -> Vec<Finding> {
    let mut loose = Vec::new();
    let mut parts = Vec::new();
    let mut looked_at = 0;
    for view in &inside.views {
        let status = |pid| scene.line(&format!("/proc/{pid}/status"));
        let Some(status) = view.pid.and_then(status) else {
            continue;
        };
        // It tells only once it is up.
        if view.sandbox.is_empty() {
            continue;
        }
        looked_at += 1;
        parts.clone_from(&view.sandbox);
        let mut reach = missing(&view.sandbox);
        reach.extend(contradicted(&status));
        if !reach.is_empty() {
            loose.push(format!("{}: {}", view.name, reach.join(", ")));
        }
    }
    if !loose.is_empty() {
        let says = format!("nothing keeps a plugin from this: {}", loose.join("; "));
        let todo = "Run only plugins whose maker you trust, or a kernel that has Landlock and \
                    seccomp. What each plugin may touch: payhal plugin explain";
        return vec![fail(AREA, IN_FORCE, says, todo)];
    }
    if looked_at == 0 {
        return Vec::new();
    }
    let says = format!(
        "{looked_at} processes, one for each device and gateway; in force: {}",
        parts.join(", ")
    );
    vec![ok(AREA, IN_FORCE, says)]
}

/// What the kernel says is not in force, whatever the runner told.
fn contradicted(status: &str) -> Vec<&'static str> {
    let is = |name: &str, value: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim) == Some(value)
    };
    let mut all = Vec::new();
    if !is("NoNewPrivs:", "1") {
        all.push("privileges of programs that it starts");
    }
    if !is("Seccomp:", FILTERED) {
        all.push("system calls");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, put, scene, titled, view};
    use super::*;
    use crate::supervisor::State;
    use payhal_protocol::diagnose::FindingLevel;

    fn kernel(scene: &Scene, release: &str) {
        let actions = "/proc/sys/kernel/seccomp/actions_avail";
        put(&scene.system(actions), "kill errno allow\n", 0o644);
        put(&scene.system("/proc/sys/kernel/osrelease"), release, 0o644);
    }

    #[test]
    fn a_kernel_that_cannot_confine_is_a_failure_unless_it_was_allowed() {
        let (_folder, mut scene) = scene();
        let says = titled(&check(&scene), KERNEL).says.clone();
        assert!(says.contains("neither"), "{says}");
        assert_eq!(level(&check(&scene), KERNEL), FindingLevel::Fail);
        kernel(&scene, "5.10.0-22-amd64\n");
        let says = titled(&check(&scene), KERNEL).says.clone();
        assert!(says.contains("no Landlock: no device"), "{says}");
        scene.allow_incomplete_sandbox = true;
        assert_eq!(level(&check(&scene), KERNEL), FindingLevel::Warn);
    }

    #[test]
    fn a_kernel_that_can_is_named_with_its_age() {
        let (_folder, scene) = scene();
        for (release, abi, old) in [("5.15.0-31", 1, true), ("6.8.0-31", 4, false)] {
            kernel(&scene, release);
            let found = check(&scene);
            assert_eq!(level(&found, KERNEL), FindingLevel::Ok);
            let says = &titled(&found, KERNEL).says;
            assert!(says.contains(&format!("ABI {abi}")), "{says}");
            assert_eq!(says.contains("old"), old, "{says}");
        }
        let modules = scene.system("/sys/kernel/security/lsm");
        put(&modules, "capability,yama", 0o644);
        assert_eq!(level(&check(&scene), KERNEL), FindingLevel::Fail);
    }

    fn of(scene: &Scene, sandbox: &str, status: &str) -> Vec<Finding> {
        let mut view = view("counter", State::Ready, 0);
        view.pid = Some(77);
        view.sandbox = sandbox.split(' ').map(str::to_owned).collect();
        put(&scene.system("/proc/77/status"), status, 0o644);
        let inside = Inside {
            views: vec![view],
            quarantined: Vec::new(),
            open: false,
        };
        runners(scene, &inside)
    }

    #[test]
    fn a_part_that_is_missing_is_a_failure_whoever_says_so() {
        const FULL: &str = "rlimits no_new_privs landlock:6 seccomp";
        const SAFE: &str = "Name:\tx\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        let (_folder, scene) = scene();
        assert_eq!(level(&of(&scene, FULL, SAFE), IN_FORCE), FindingLevel::Ok);
        for (sandbox, status, reach) in [
            ("rlimits seccomp", SAFE, "counter: files"),
            ("rlimits landlock:6", SAFE, "other processes"),
            (FULL, "NoNewPrivs:\t0\nSeccomp:\t2\n", "privileges"),
            (FULL, "NoNewPrivs:\t1\nSeccomp:\t0\n", "system calls"),
        ] {
            let found = of(&scene, sandbox, status);
            assert_eq!(level(&found, IN_FORCE), FindingLevel::Fail);
            let says = &titled(&found, IN_FORCE).says;
            assert!(says.contains(reach), "{says}");
        }
    }
}
