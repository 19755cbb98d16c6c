// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes that are measured: started, looked at through /proc, ended and reaped.
//!
//! Must never leave one behind, and never end one it did not start.

use crate::Failure;
use crate::measure::Cpu;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to end after it was asked to.
const END_MAX: Duration = Duration::from_secs(12);

/// How a process is asked to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndBy {
    /// Its standard input ends; it cleans up after itself.
    Input,
    /// A signal.
    Signal,
}

/// A process of ours; ended and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    end_by: EndBy,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a server that says on its standard output where it listens.
    pub(crate) fn start(command: &mut Command, end_by: EndBy) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("failed to start {name}: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self {
            child,
            stdin,
            end_by,
            stdout,
        })
    }

    /// The address behind `listening on`, as soon as it is said.
    pub(crate) fn address(&mut self) -> Result<String, Failure> {
        let stdout = self
            .stdout
            .as_mut()
            .ok_or("the process has no standard output")?;
        let mut line = String::new();
        while stdout.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.split_once("listening on ") {
                return Ok(address.trim().to_owned());
            }
            line.clear();
        }
        Err("a server ended before it listened".into())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a loss of power would: at once, without a word to it.
    pub(crate) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn has_ended_within(&mut self, most: Duration) -> bool {
        let until = Instant::now() + most;
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if self.end_by == EndBy::Signal
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            // One that has ended cannot be asked; it is reaped below.
            kill_process(pid, Signal::TERM).ok();
        }
        if !self.has_ended_within(END_MAX) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Threads of a process, as their folders in /proc.
fn tasks(pid: u32) -> Vec<std::path::PathBuf> {
    let listed = fs::read_dir(format!("/proc/{pid}/task"));
    listed
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// CPU time of all threads of a process so far, nanoseconds. A thread that ended takes its share
/// with it.
pub(crate) fn cpu_ns(pid: u32) -> u64 {
    let of_task = |path: &std::path::PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks(pid).iter().filter_map(of_task).sum()
}

/// How often the threads of a process went to sleep by themselves, thus were woken.
pub(crate) fn voluntary_switches(pid: u32) -> u64 {
    let of_task = |path: &std::path::PathBuf| -> Option<u64> {
        field(
            &fs::read_to_string(path.join("status")).ok()?,
            "voluntary_ctxt_switches:",
        )
    };
    tasks(pid).iter().filter_map(of_task).sum()
}

/// Children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let of_task = |path: &std::path::PathBuf| fs::read_to_string(path.join("children")).ok();
    let listed: Vec<String> = tasks(pid).iter().filter_map(of_task).collect();
    listed
        .iter()
        .flat_map(|text| text.split_whitespace())
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// CPU time of a process and of its children so far.
pub(crate) fn cpu_of_family(pid: u32) -> Cpu {
    let children_ns = children(pid).into_iter().map(cpu_ns).sum();
    Cpu {
        server_ns: cpu_ns(pid),
        children_ns,
    }
}

/// What was spent between two looks.
pub(crate) fn spent(before: Cpu, after: Cpu) -> Cpu {
    Cpu {
        server_ns: after.server_ns.saturating_sub(before.server_ns),
        children_ns: after.children_ns.saturating_sub(before.children_ns),
    }
}

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All of it, KiB (`VmRSS`).
    pub(crate) resident_kib: u64,
    /// What belongs to no file, KiB (`RssAnon`).
    pub(crate) anonymous_kib: u64,
    pub(crate) threads: u64,
}

pub(crate) fn memory(pid: u32) -> Result<Memory, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name| field(&status, name).ok_or_else(|| format!("/proc does not tell {name}"));
    Ok(Memory {
        resident_kib: of("VmRSS:")?,
        anonymous_kib: of("RssAnon:")?,
        threads: of("Threads:")?,
    })
}

/// Memory of a process with what it shares counted by shares, KiB (`Pss`). Who may not trace the
/// process does not see it.
pub(crate) fn proportional_kib(pid: u32) -> Result<u64, Failure> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    field(&rollup, "Pss:").ok_or_else(|| "/proc does not tell Pss".into())
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Load average of the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_shows_its_time_and_memory() {
        let own = std::process::id();
        assert!(cpu_ns(own) > 0);
        let memory = memory(own).unwrap();
        assert!(memory.resident_kib >= memory.anonymous_kib && memory.threads >= 1);
    }

    #[test]
    fn a_server_is_reaped() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo listening on nowhere; read line"]);
        let mut process = Process::start(&mut command, EndBy::Input).unwrap();
        assert_eq!(process.address().unwrap(), "nowhere");
        let id = process.id();
        assert!(children(std::process::id()).contains(&id));
        drop(process);
        assert!(!children(std::process::id()).contains(&id));
    }
}
