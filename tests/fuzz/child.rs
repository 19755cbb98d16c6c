// SPDX-License-Identifier: MIT OR Apache-2.0
//! The process in which one target runs, with a watchdog and a bound on its memory.

use super::corpus;
use super::mutate::Mutator;
use super::targets::{TARGETS, Target};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// No input may take longer.
const HANG: Duration = Duration::from_secs(1);

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(250);

/// What the program may take besides what it has at the start, whatever the bytes say.
#[cfg(target_os = "linux")]
const MEMORY_BYTES_MAX: u64 = 16 << 20;

/// Each is wrong on purpose.
const TRAPS: [(&str, Target); 3] = [
    ("trap-panic", |bytes| assert!(bytes.len() < 3, "a trap")),
    ("trap-hang", |_| {
        loop {
            std::hint::spin_loop();
        }
    }),
    ("trap-hoard", |bytes| {
        std::hint::black_box(vec![bytes.len() as u64; 4 << 20]);
    }),
];

/// The input under way, and since when.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

#[test]
fn one_target() {
    // Started in a process of its own, by its neighbour and by `cargo xtask fuzz --plain`.
    let Ok(name) = std::env::var("PAYHAL_FUZZ_TARGET") else {
        return;
    };
    let seed = number("PAYHAL_FUZZ_SEED", 1);
    let seconds = number("PAYHAL_FUZZ_SECONDS", 1);
    let all = TARGETS.into_iter().chain(TRAPS);
    let target = all.into_iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    let kept = kept(&name);
    let current = Current::default();
    let (_alive, watched) = channel::<()>();
    let watchdog = {
        let (current, name) = (Arc::clone(&current), name.clone());
        std::thread::spawn(move || watch(&watched, &current, &name))
    };
    bound_memory();
    let record = std::env::var_os("PAYHAL_FUZZ_RECORD").map(|_| found(&name, "last"));
    let mut mutator = Mutator::new(seed);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut inputs = 0_u64;
    let mut waiting = kept.clone();
    while Instant::now() < until || !waiting.is_empty() {
        let input = waiting.pop().unwrap_or_else(|| mutator.input(&kept));
        if let Some(path) = &record {
            std::fs::write(path, &input).expect("the input is written down");
        }
        one_input(target, &input, &current, &name);
        inputs += 1;
    }
    println!("{name}: {inputs} inputs in {seconds} s, seed {seed}");
    drop(_alive);
    watchdog.join().expect("the watchdog ends");
}

fn one_input(target: Target, input: &[u8], current: &Current, name: &str) {
    *lock(current) = Some((Instant::now(), input.to_vec()));
    let survived = catch_unwind(|| target(input));
    *lock(current) = None;
    if survived.is_err() {
        panic!("{name} panicked on {}", keep(name, input));
    }
}

/// Ends the process when one input takes too long.
fn watch(alive: &Receiver<()>, current: &Current, name: &str) {
    while alive.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let slow = lock(current).clone();
        if let Some((since, input)) = slow
            && since.elapsed() > HANG
        {
            println!("{name} takes more than a second for {}", keep(name, &input));
            std::process::exit(1);
        }
    }
}

fn lock(current: &Current) -> std::sync::MutexGuard<'_, Option<(Instant, Vec<u8>)>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept for a target.
pub(super) fn kept(name: &str) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(corpus(name)).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).expect("a kept input"))
        .collect()
}

/// Writes an input where it can be looked at, and kept.
fn keep(name: &str, input: &[u8]) -> String {
    let path = found(name, "found");
    std::fs::write(&path, input).expect("the input is written down");
    format!("{} ({} bytes)", path.display(), input.len())
}

/// Below the target folder.
fn found(name: &str, file: &str) -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let target = program.ancestors().nth(3).unwrap_or(Path::new("target"));
    let folder = target.join("fuzz").join(name);
    std::fs::create_dir_all(&folder).expect("a folder below the target folder");
    folder.join(file)
}

/// From here on the system refuses what goes beyond.
#[cfg(target_os = "linux")]
fn bound_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let status = std::fs::read_to_string("/proc/self/status").expect("the system says");
    let held = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let held = held.and_then(|line| line.split_whitespace().next());
    let held: u64 = held.and_then(|held| held.parse().ok()).expect("a number");
    let most = Some(held * 1_024 + MEMORY_BYTES_MAX);
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Data, limit).expect("the limit is lowered");
}

#[cfg(not(target_os = "linux"))]
fn bound_memory() {}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}")),
        Err(_) => default,
    }
}
