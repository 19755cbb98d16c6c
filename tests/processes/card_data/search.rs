// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where is searched: bytes, files, whole folders, and the whole memory of a process that runs.
//!
//! It must never take for clean what it could not read, nor what it did not read at all.

use super::needles::Needles;
use crate::host::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

/// Read at once. What lies across two pieces is found: each begins with the end of the former.
const PIECE: usize = 1 << 20;

/// Mappings of the kernel, which hold nothing of the process and cannot be read from outside.
const OF_THE_KERNEL: [&str; 4] = ["[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]"];

/// What a search came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    bytes: u64,
    hits: Vec<String>,
}

impl Found {
    /// Bytes.
    pub(crate) fn in_bytes(needles: &Needles, place: &str, bytes: &[u8]) -> Self {
        let mut found = Self::default();
        found.look(needles, place, bytes);
        found
    }

    /// A file, or every file of a folder and the folders in it.
    pub(crate) fn in_files(needles: &Needles, path: &Path) -> Self {
        let mut found = Self::default();
        found.look_into(needles, path);
        found
    }

    /// Every readable mapping of a process, which stands still meanwhile.
    pub(crate) fn in_process(needles: &Needles, pid: Pid) -> Self {
        let _still = Still::hold(pid);
        let pid = pid.as_raw_nonzero();
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap_or_else(|error| {
            panic!("the memory of {pid} is not to be read ({error}); cargo xtask test card-data is")
        });
        let mut found = Self::default();
        for line in maps.lines().filter(|line| is_readable(line)) {
            found.look_at_mapping(needles, line, &memory);
        }
        found
    }

    /// How much was read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was found, each with where.
    pub(crate) fn hits(&self) -> &[String] {
        &self.hits
    }

    /// Asserts that something was read and nothing found.
    #[track_caller]
    pub(crate) fn assert_nothing(&self, place: &str) {
        assert!(self.bytes > 0, "{place}: the search read nothing");
        let number = self.hits.len();
        let first: Vec<&String> = self.hits.iter().take(12).collect();
        assert!(number == 0, "{place}: {number} hits: {first:#?}");
    }

    fn look(&mut self, needles: &Needles, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let hits = needles.hits(bytes);
        self.hits
            .extend(hits.map(|(at, hit)| format!("{place} at {at:x}: {hit}")));
    }

    fn look_into(&mut self, needles: &Needles, path: &Path) {
        let kind = std::fs::symlink_metadata(path).unwrap().file_type();
        if kind.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                self.look_into(needles, &entry.unwrap().path());
            }
        } else if kind.is_file() {
            let name = path.display().to_string();
            // A name tells as much as what is inside.
            self.look(needles, "a name", name.as_bytes());
            match std::fs::read(path) {
                Ok(bytes) => self.look(needles, &name, &bytes),
                // SQLite deletes its journal when the last connection closes.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }

    fn look_at_mapping(&mut self, needles: &Needles, line: &str, memory: &File) {
        let (bounds, rest) = line.split_once(' ').unwrap();
        let (start, end) = bounds.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let name = rest.split_whitespace().nth(4).unwrap_or("no name");
        let kept = needles.longest() - 1;
        let mut piece = Vec::with_capacity(PIECE + kept);
        let mut at = start;
        while at < end {
            let behind = piece.len().min(kept);
            piece.drain(..piece.len() - behind);
            let wanted = usize::try_from(end - at).unwrap().min(PIECE);
            piece.resize(behind + wanted, 0);
            if let Err(error) = memory.read_exact_at(&mut piece[behind..], at) {
                // The end of a mapped file can lie before the end of its mapping.
                assert!(name.starts_with('/'), "{name} at {at:x}: {error}");
                return;
            }
            self.bytes += wanted as u64;
            for (place, hit) in needles.hits(&piece) {
                let place = at + place as u64 - behind as u64;
                self.hits.push(format!("{name} at {place:x}: {hit}"));
            }
            at += wanted as u64;
        }
    }
}

fn is_readable(line: &str) -> bool {
    let rights = line.split_whitespace().nth(1).unwrap();
    rights.starts_with('r') && !OF_THE_KERNEL.iter().any(|name| line.ends_with(name))
}

/// A process that stands still, until this is dropped.
#[derive(Debug)]
pub(crate) struct Still(Pid);

impl Still {
    /// Stops a process and waits until it stands.
    pub(crate) fn hold(pid: Pid) -> Self {
        kill_process(pid, Signal::STOP).unwrap();
        let still = Self(pid);
        let since = Instant::now();
        while !stands(pid) {
            assert!(since.elapsed() < PATIENCE, "{pid:?} does not stop");
            std::thread::yield_now();
        }
        still
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        // Killed meanwhile is as good.
        kill_process(self.0, Signal::CONT).ok();
    }
}

/// Whether every thread has stopped: the first to stop says so for itself alone.
fn stands(pid: Pid) -> bool {
    let folder = format!("/proc/{}/task", pid.as_raw_nonzero());
    let threads = std::fs::read_dir(folder).unwrap().flatten();
    threads.into_iter().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // proc(5): the state follows the name, which ends with a parenthesis. `Z` has ended.
        let state = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
        state.starts_with(['T', 'Z', 'X'])
    })
}
