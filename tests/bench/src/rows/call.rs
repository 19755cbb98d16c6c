// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plugin calls through the real runner and the virtual reader, beside a bare process that answers
//! the same JSON over a socket pair.
//!
//! Both ends on one processor shows the work; left free, the processor's wake-up is most of it.
//! With many in flight the bare process reads them one after another from its one socket; a runner
//! has a lane and a thread for each.

use super::{Setup, both};
use crate::Failure;
use crate::baseline::exchange::Blocking;
use crate::measure::{COUNTED, Contestant, Cpu, Sample, Spread, WARM_UP, contest};
use crate::plugin::{Guard, Runner, has_a_name};
use crate::process;
use crate::report::{Goal, Report};
use payhal_ipc::limits::LANES_MAX;
use payhal_messages::call::method::IDENTIFY;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

const GOAL: Goal = Goal::AtMost(1.3);

/// Calls at once in the second contest: as many as a runner has lanes.
const IN_FLIGHT: usize = LANES_MAX;

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    for (row, one_processor) in [("call, one processor", true), ("call, free", false)] {
        // Processors are a thread's own, and its children inherit them.
        let setup = setup.clone();
        let samples = std::thread::spawn(move || {
            if one_processor {
                stay_on_one()?;
            }
            one_at_a_time(&setup)
        });
        let samples = samples.join().map_err(|_| "the measuring thread ended")??;
        let (ours, bare) = (&samples[0], &samples[1]);
        let p50 = Spread::of_ratios(ours, bare, |sample| sample.p50_us);
        let note = both(ours, bare, "us p50", |sample| sample.p50_us);
        report.add(row, "p50", GOAL, p50, note);
        let p99 = Spread::of_ratios(ours, bare, |sample| sample.p99_us);
        let note = both(ours, bare, "us p99", |sample| sample.p99_us);
        report.add(row, "p99", Goal::Told, p99, note);
        let cpu = Spread::of_ratios(ours, bare, |sample| sample.cpu_us);
        let note = both(ours, bare, "us CPU", |sample| sample.cpu_us);
        report.add(row, "CPU of the plugin's process", Goal::Told, cpu, note);
    }
    let samples = many_at_once(setup)?;
    let (ours, bare) = (&samples[0], &samples[1]);
    let row = format!("call, {IN_FLIGHT} in flight");
    let rate = Spread::of_ratios(ours, bare, |sample| sample.rate);
    let note = both(ours, bare, "/s", |sample| sample.rate);
    report.add(&row, "rate", Goal::Told, rate, note);
    let cpu = Spread::of_ratios(ours, bare, |sample| sample.cpu_us);
    let note = both(ours, bare, "us CPU", |sample| sample.cpu_us);
    report.add(&row, "CPU of the plugin's process", Goal::Told, cpu, note);
    Ok(())
}

fn stay_on_one() -> Result<(), Failure> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let mut one = CpuSet::new();
    one.set(last.ok_or("no processor is allowed")?);
    Ok(sched_setaffinity(None, &one)?)
}

/// A bare process that answers as a reader, and the socket to it.
fn bare() -> Result<(Guard, Blocking), Failure> {
    let (socket, theirs) = UnixStream::pair()?;
    let mut command = crate::baseline::reader()?;
    let child = Guard(command.stdin(OwnedFd::from(theirs)).spawn()?);
    Ok((child, Blocking::new(socket)))
}

fn one_at_a_time(setup: &Setup) -> Result<Vec<Vec<Sample>>, Failure> {
    let mut runner = Runner::start(&setup.installed, 1)?;
    let (bare, mut socket) = bare()?;
    let runner_pid = runner.pid();
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| time(runner_pid, 1, || runner.identify())),
        Box::new(|| {
            time(bare.0.id(), 1, || {
                has_a_name(socket.ask(IDENTIFY, &json!({}))?)
            })
        }),
    ];
    contest(setup.rounds, &mut contestants)
}

fn many_at_once(setup: &Setup) -> Result<Vec<Vec<Sample>>, Failure> {
    let mut runner = Runner::start(&setup.installed, IN_FLIGHT)?;
    let sockets = runner.sockets()?;
    let (bare, mut socket) = bare()?;
    let runner_pid = runner.pid();
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| {
            for lane in 0..IN_FLIGHT {
                runner.ask(lane)?;
            }
            let mut waiting = Vec::new();
            let sample = time(runner_pid, IN_FLIGHT, || {
                if waiting.is_empty() {
                    waiting = readable(&sockets)?;
                }
                let lane = waiting.pop().ok_or("no lane can be read")?;
                runner.hear(lane)?;
                runner.ask(lane)
            });
            // The last ones come before the other contestant's turn.
            for lane in 0..IN_FLIGHT {
                runner.hear(lane)?;
            }
            sample
        }),
        Box::new(|| {
            for _ in 0..IN_FLIGHT {
                socket.request(IDENTIFY, &json!({}))?;
            }
            let sample = time(bare.0.id(), IN_FLIGHT, || {
                has_a_name(socket.receive()?.ok_or("the bare reader ended")?)?;
                socket.request(IDENTIFY, &json!({}))
            });
            for _ in 0..IN_FLIGHT {
                socket.receive()?;
            }
            sample
        }),
    ];
    contest(setup.rounds, &mut contestants)
}

/// Lanes that have an answer, at least one.
fn readable(sockets: &[UnixStream]) -> Result<Vec<usize>, Failure> {
    let mut waits: Vec<_> = sockets
        .iter()
        .map(|socket| PollFd::new(socket, PollFlags::IN))
        .collect();
    poll(&mut waits, None)?;
    let lanes = waits.iter().enumerate();
    let lanes = lanes.filter(|(_, wait)| wait.revents().contains(PollFlags::IN));
    Ok(lanes.map(|(lane, _)| lane).collect())
}

/// Calls one after another. With several in flight a latency is the time between two answers.
fn time(
    pid: u32,
    in_flight: usize,
    mut call: impl FnMut() -> Result<(), Failure>,
) -> Result<Sample, Failure> {
    let warm = Instant::now() + WARM_UP;
    while Instant::now() < warm {
        call()?;
    }
    // The clock is asked once for all that are in flight.
    let mut latencies = Vec::new();
    let before = process::cpu_ns(pid);
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < COUNTED {
        for _ in 0..in_flight {
            call()?;
        }
        let now = Instant::now();
        let each = (now - last).as_nanos() / in_flight as u128;
        latencies.extend(std::iter::repeat_n(u64::try_from(each)?, in_flight));
        last = now;
    }
    let server_ns = process::cpu_ns(pid).saturating_sub(before);
    let cpu = Cpu {
        server_ns,
        children_ns: 0,
    };
    Sample::new(&mut latencies, begun.elapsed(), cpu)
}
