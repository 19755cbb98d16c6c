// SPDX-License-Identifier: MIT OR Apache-2.0
//! One plugin call through the real runner and the virtual reader, beside a bare process that
//! answers the same JSON over a socket pair.
//!
//! Both ends on one processor shows the work; left free, the processor's wake-up is most of it.

use super::{Setup, both};
use crate::Failure;
use crate::baseline::exchange::Blocking;
use crate::measure::{COUNTED, Contestant, Cpu, Sample, Spread, WARM_UP, contest};
use crate::process;
use crate::report::{Goal, Report};
use payhal_ipc::{
    Answer, BUILD_ID, Call, ControlReader, FrameReader, FrameWriter, FromRunner, Library, Payload,
    Start, ToRunner, send_frame, split,
};
use payhal_messages::call::method::IDENTIFY;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const GOAL: Goal = Goal::AtMost(1.3);

/// How long a runner may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    for (row, one_processor) in [("call, one processor", true), ("call, free", false)] {
        // Processors are a thread's own, and its children inherit them.
        let setup = setup.clone();
        let samples = std::thread::spawn(move || {
            if one_processor {
                stay_on_one()?;
            }
            compete(&setup)
        });
        let samples = samples.join().map_err(|_| "the measuring thread ended")??;
        let (ours, bare) = (&samples[0], &samples[1]);
        let p50 = Spread::of_ratios(ours, bare, |sample| sample.p50_us);
        let p99 = both(ours, bare, "us p99", |sample| sample.p99_us);
        let note = format!(
            "{}; {p99}",
            both(ours, bare, "us p50", |sample| sample.p50_us)
        );
        report.add(row, "p50", GOAL, p50, note);
        let cpu = Spread::of_ratios(ours, bare, |sample| sample.cpu_us);
        let note = both(ours, bare, "us CPU", |sample| sample.cpu_us);
        report.add(row, "CPU of the plugin's process", Goal::Told, cpu, note);
    }
    Ok(())
}

fn stay_on_one() -> Result<(), Failure> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let mut one = CpuSet::new();
    one.set(last.ok_or("no processor is allowed")?);
    Ok(sched_setaffinity(None, &one)?)
}

fn compete(setup: &Setup) -> Result<Vec<Vec<Sample>>, Failure> {
    let folder = setup.installed.plugins.join("virtual-reader");
    let library = folder.join(format!(
        "libpayhal_virtual_reader{}",
        std::env::consts::DLL_SUFFIX
    ));
    let mut runner = Runner::start(&setup.installed.runner, &library)?;
    let (socket, theirs) = UnixStream::pair()?;
    let mut command = crate::baseline::reader()?;
    let bare = Guard(command.stdin(OwnedFd::from(theirs)).spawn()?);
    let mut socket = Blocking::new(socket);
    let runner_pid = runner.child.0.id();
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| time(runner_pid, || runner.identify())),
        Box::new(|| {
            time(bare.0.id(), || {
                let reply: payhal_messages::reader::Identity =
                    serde_json::from_slice(socket.ask(IDENTIFY, &serde_json::json!({}))?)?;
                if reply.model.is_empty() {
                    Err("it has no name".into())
                } else {
                    Ok(())
                }
            })
        }),
    ];
    contest(setup.rounds, &mut contestants)
}

/// One caller, one call at a time.
fn time(pid: u32, mut call: impl FnMut() -> Result<(), Failure>) -> Result<Sample, Failure> {
    let warm = Instant::now() + WARM_UP;
    while Instant::now() < warm {
        call()?;
    }
    let mut latencies = Vec::new();
    let before = process::cpu_ns(pid);
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < COUNTED {
        call()?;
        let now = Instant::now();
        latencies.push(u64::try_from((now - last).as_nanos())?);
        last = now;
    }
    let server_ns = process::cpu_ns(pid).saturating_sub(before);
    Sample::new(
        &mut latencies,
        begun.elapsed(),
        Cpu {
            server_ns,
            children_ns: 0,
        },
    )
}

/// Killed and reaped when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // One that has ended is only reaped.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A runner that holds the virtual reader.
struct Runner {
    child: Guard,
    lane: (FrameReader, FrameWriter),
    token: u64,
    /// The runner ends with it.
    _control: UnixStream,
    _state: tempfile::TempDir,
}

impl Runner {
    fn start(program: &Path, library: &Path) -> Result<Self, Failure> {
        let state = tempfile::Builder::new().prefix("payhal-bench-").tempdir()?;
        let (control, theirs) = UnixStream::pair()?;
        let child = Command::new(program)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to start {}: {error}", program.display()))?;
        let child = Guard(child);
        control.set_read_timeout(Some(PATIENCE))?;
        let (ours, lane) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        let start = ToRunner::Start(Start {
            build_id: BUILD_ID.to_owned(),
            instance: "bench".to_owned(),
            library: Library::Path(library.to_string_lossy().into_owned()),
            state_dir: state.path().to_string_lossy().into_owned(),
            config: Payload::from(b"{}".as_slice()),
            lanes: 1,
            ports: Vec::new(),
        });
        send_frame(&control, &start, &[lane.as_fd()])?;
        let mut incoming = ControlReader::new(control.try_clone()?);
        loop {
            match incoming.receive()? {
                Some(FromRunner::Ready(_)) => break,
                Some(FromRunner::Failed { reason, .. }) => return Err(reason.into()),
                Some(_) => {}
                None => return Err("the runner ended".into()),
            }
        }
        Ok(Self {
            child,
            lane: split(ours),
            token: 0,
            _control: control,
            _state: state,
        })
    }

    fn identify(&mut self) -> Result<(), Failure> {
        self.token += 1;
        let call = Call {
            token: self.token,
            method: IDENTIFY.to_owned(),
            deadline_ms: 10_000,
            payload: Payload::from(b"{}".as_slice()),
        };
        self.lane.1.send(&call)?;
        loop {
            match self.lane.0.receive::<Answer>()?.ok_or("the runner ended")? {
                Answer::Emit { .. } => {}
                Answer::Reply {
                    status: 0, payload, ..
                } => {
                    let reply: payhal_messages::reader::Identity =
                        serde_json::from_slice(&payload)?;
                    return if reply.model.is_empty() {
                        Err("it has no name".into())
                    } else {
                        Ok(())
                    };
                }
                Answer::Reply { status, .. } => {
                    return Err(format!("identify ended with status {status}").into());
                }
            }
        }
    }
}
