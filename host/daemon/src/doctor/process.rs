// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program itself: its version, its kernel, and the limits that it runs under.

use super::{Scene, note, ok, warn};
use payhal_protocol::diagnose::Finding;
use rustix::process::{Resource, Rlimit, getrlimit};

const AREA: &str = "process";
const VERSION: &str = "Version";
const FILES: &str = "Open files";
const LOCKED: &str = "Locked memory";
const CORES: &str = "Core files";

/// Connections, runners' lanes and the journal, with room to spare.
const FILES_MIN: u64 = 1_024;
/// What a plugin that seals by itself locks.
const LOCKED_BYTES_MIN: u64 = 64 * 1024;

pub(super) fn versions(scene: &Scene) -> Vec<Finding> {
    let kernel = scene.line("/proc/sys/kernel/osrelease");
    let says = format!(
        "payhal {} on {} {}, kernel {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        kernel.as_deref().unwrap_or("unknown")
    );
    vec![ok(AREA, VERSION, says)]
}

/// Of the process that looks: the host itself.
pub(super) fn limits() -> Vec<Finding> {
    judge(
        getrlimit(Resource::Nofile),
        getrlimit(Resource::Memlock),
        getrlimit(Resource::Core),
    )
}

fn judge(files: Rlimit, locked: Rlimit, cores: Rlimit) -> Vec<Finding> {
    let many = files.current.is_none_or(|most| most >= FILES_MIN);
    let open = match files.current {
        None => "any number may be open".to_owned(),
        Some(most) => format!("{most} may be open at once"),
    };
    let files = if many {
        ok(AREA, FILES, open)
    } else {
        let todo = format!("Raise it: LimitNOFILE={FILES_MIN} in the service, or ulimit -n.");
        warn(AREA, FILES, open, &todo)
    };
    let locks = locked.maximum.is_none_or(|most| most >= LOCKED_BYTES_MIN);
    let locked = if locks {
        ok(AREA, LOCKED, "plugins can keep keys out of the swap")
    } else {
        let says = "plugins cannot keep keys out of the swap: LimitMEMLOCK is too small";
        note(AREA, LOCKED, says)
    };
    let cores = if cores.current == Some(0) {
        ok(AREA, CORES, "a crash leaves no image of the memory")
    } else {
        let says = "a crash may leave an image of the memory, with secrets in it";
        let todo = "Restart the host: it switches them off by itself. LimitCORE=0 in the service.";
        warn(AREA, CORES, says, todo)
    };
    vec![files, locked, cores]
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, put, scene, titled};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    fn limit(most: Option<u64>) -> Rlimit {
        Rlimit {
            current: most,
            maximum: most,
        }
    }

    #[test]
    fn limits_are_judged() {
        let (most, none) = (limit(None), limit(Some(0)));
        let well = judge(most, most, none);
        for title in [FILES, LOCKED, CORES] {
            assert_eq!(level(&well, title), FindingLevel::Ok, "{title}");
        }
        let badly = judge(limit(Some(1_023)), none, most);
        assert_eq!(level(&badly, FILES), FindingLevel::Warn);
        assert_eq!(level(&badly, LOCKED), FindingLevel::Note);
        assert_eq!(level(&badly, CORES), FindingLevel::Warn);
    }

    #[test]
    fn the_version_is_told_with_the_kernel() {
        let (_folder, scene) = scene();
        put(
            &scene.system("/proc/sys/kernel/osrelease"),
            "6.8.0\n",
            0o644,
        );
        let found = versions(&scene);
        assert!(titled(&found, VERSION).says.ends_with("kernel 6.8.0"));
        assert_eq!(level(&found, VERSION), FindingLevel::Ok);
    }
}
