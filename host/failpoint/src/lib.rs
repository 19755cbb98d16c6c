// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named points at which a test lets a process die, as a loss of power would end it: at once,
//! without unwinding, without flushing.
//!
//! Owns the names' syntax and the dying. Without the feature `on` the macro expands to nothing; it
//! must never be on in a program that ships.
//!
//! | variable | meaning |
//! |---|---|
//! | `PAYHAL_FAILPOINT` | `NAME=N`: die at the Nth time this point is reached |
//! | `PAYHAL_FAILPOINT_HIT` | a file made right before dying; while it exists nobody dies, so that one setting ends one process once |
//! | `PAYHAL_FAILPOINT_LOG` | a file that gets the name of each point that is reached, one a line |
//!
//! A name may have a detail behind a colon, as `lane.send.before:authorize`.
#![forbid(unsafe_code)]

/// A point by its name, with a detail where one place serves many: `failpoint!("a.b.before")`.
#[cfg(feature = "on")]
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::reached($name, "")
    };
    ($name:literal, $detail:expr) => {
        $crate::reached($name, $detail)
    };
}

/// Nothing: this build has no points.
#[cfg(not(feature = "on"))]
#[macro_export]
macro_rules! failpoint {
    ($name:literal $(, $detail:expr)?) => {};
}

/// The variables that a process hands on to one it starts with an empty environment.
pub fn environment() -> Vec<(&'static str, std::ffi::OsString)> {
    #[cfg(feature = "on")]
    let names = [point::DIE, point::HIT, point::LOG];
    #[cfg(not(feature = "on"))]
    let names: [&str; 0] = [];
    let set = |name| Some((name, std::env::var_os(name)?));
    names.into_iter().filter_map(set).collect()
}

/// The folders that the points write to: whoever is confined must be let there.
pub fn folders() -> Vec<std::path::PathBuf> {
    #[cfg(feature = "on")]
    let names = [point::HIT, point::LOG];
    #[cfg(not(feature = "on"))]
    let names: [&str; 0] = [];
    let files = names
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(std::path::PathBuf::from));
    files
        .filter_map(|file| file.parent().map(std::path::Path::to_owned))
        .collect()
}

#[cfg(feature = "on")]
pub use point::reached;

#[cfg(feature = "on")]
mod point {
    use std::fs::File;
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(crate) const DIE: &str = "PAYHAL_FAILPOINT";
    pub(crate) const HIT: &str = "PAYHAL_FAILPOINT_HIT";
    pub(crate) const LOG: &str = "PAYHAL_FAILPOINT_LOG";

    struct Plan {
        die: Option<(String, u32)>,
        hit: Option<PathBuf>,
        log: Option<File>,
        times: AtomicU32,
    }

    static PLAN: OnceLock<Plan> = OnceLock::new();

    fn plan() -> Plan {
        let wanted = std::env::var(DIE).ok();
        let log =
            std::env::var_os(LOG).map(|path| File::options().append(true).create(true).open(path));
        Plan {
            die: wanted.map(|text| match text.split_once('=') {
                Some((name, nth)) => (name.to_owned(), nth.parse().expect("NAME=N")),
                None => (text, 1),
            }),
            hit: std::env::var_os(HIT).map(PathBuf::from),
            log: log.map(|file| file.expect("a log of failpoints that can be written")),
            times: AtomicU32::new(0),
        }
    }

    /// Here the process dies, if it is time.
    pub fn reached(name: &str, detail: &str) {
        let plan = PLAN.get_or_init(plan);
        if plan.die.is_none() && plan.log.is_none() {
            return;
        }
        let full = match detail {
            "" => name.to_owned(),
            detail => format!("{name}:{detail}"),
        };
        if let Some(mut log) = plan.log.as_ref() {
            // One write, so that the lines of several processes do not mix.
            log.write_all(format!("{full}\n").as_bytes())
                .expect("a log of failpoints that can be written");
        }
        if let Some((wanted, nth)) = &plan.die
            && *wanted == full
            && plan.times.fetch_add(1, Ordering::SeqCst) + 1 == *nth
            && plan
                .hit
                .as_ref()
                .is_none_or(|hit| File::create_new(hit).is_ok())
        {
            die();
        }
    }

    fn die() -> ! {
        let own = rustix::process::getpid();
        // Fails never: it is our own process. The signal ends it before the loop turns often.
        let _dead = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
