// SPDX-License-Identifier: MIT OR Apache-2.0
//! From an empty process to a plugin that takes calls, and to its end.
//!
//! Owns the order: control socket, start frame, output, confinement, control thread, library,
//! instance, lanes. Must never load the library before the process is confined.

use crate::host::HOST;
use crate::lane::{self, Lane};
use crate::library::{self, Instance, Table};
use crate::limits::{CONTROL_STACK_BYTES, STACK_BYTES};
use crate::link::{Link, exit, lock};
use crate::output::Output;
use crate::recorder::{Recorder, Tap};
use crate::threads::Threads;
use crate::wait::Time;
use crate::{control, recorder, sandbox, sealed};
use payhal_abi::{Setup, port_kind};
use payhal_ipc::limits::{LANES_MAX, PORTS_MAX};
use payhal_ipc::{
    BUILD_ID, ControlReader, FailureKind, FrameReader, FrameWriter, FromRunner, Library, PortKind,
    Ready, Start, ToRunner, WaitOn, send_frame,
};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

/// Why a runner did not start.
pub(crate) struct NotStarted {
    kind: FailureKind,
    reason: String,
}

fn handshake(reason: impl Into<String>) -> NotStarted {
    NotStarted {
        kind: FailureKind::Handshake,
        reason: reason.into(),
    }
}

fn system(reason: impl Into<String>) -> NotStarted {
    NotStarted {
        kind: FailureKind::System,
        reason: reason.into(),
    }
}

/// Runs the plugin that the daemon names on `control`; does not return.
pub(crate) fn run(control: UnixStream) -> ! {
    let answers = control.try_clone();
    match prepare(control) {
        Ok((link, start, plugin)) => serve(link, &start, plugin),
        Err(NotStarted { kind, reason }) => {
            let failed = FromRunner::Failed { kind, reason };
            if let Ok(answers) = answers {
                // Nothing is left to do when the daemon does not hear it.
                let _ = send_frame(&answers, &failed, &[]);
            }
            exit(crate::link::EXIT_FAILED)
        }
    }
}

/// Everything that came with the start, apart from what the link holds.
struct Given {
    library: OwnedFd,
    readers: Vec<FrameReader>,
    ports: Vec<OwnedFd>,
    /// The ports between whose ends a recorder stands.
    taps: Vec<Tap>,
    stop: Receiver<()>,
    /// Parts of the confinement that are in force.
    sandbox: String,
}

fn prepare(control: UnixStream) -> Result<(&'static Link, Start, Given), NotStarted> {
    let writer = control
        .try_clone()
        .map_err(|error| system(error.to_string()))?;
    let (_, writer) = payhal_ipc::split(writer);
    let mut reader = ControlReader::new(control);
    let start = match reader
        .receive::<ToRunner>()
        .map_err(|error| handshake(error.to_string()))?
    {
        Some(ToRunner::Start(start)) => start,
        Some(_) => return Err(handshake("begin with anything but a start")),
        None => exit(0),
    };
    check(&start)?;
    let mut given = reader
        .descriptors(start.descriptors())
        .map_err(|error| handshake(error.to_string()))?
        .into_iter();
    let library = library(&start.library, &mut given)?;
    let lanes: Vec<(FrameReader, FrameWriter)> = given
        .by_ref()
        .take(start.lanes as usize)
        .map(|lane| payhal_ipc::split(UnixStream::from(lane)))
        .collect();
    let ports: Vec<OwnedFd> = given.collect();
    // The socket pairs are made while the process still may.
    let (ports, taps) = match start.record {
        true => recorder::tap(ports, &start.ports).map_err(|error| system(error.to_string()))?,
        false => (ports, Vec::new()),
    };
    let (readers, writers): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
    let output = Output::capture().map_err(system)?;
    let threads = Threads::open();
    let wish = sandbox::Wish {
        confinement: &start.confinement,
        state_dir: Path::new(&start.state_dir),
    };
    let sandbox = sandbox::confine(wish).map_err(system)?;
    let lanes = writers.into_iter().map(Lane::new).collect();
    let link: &'static Link = Box::leak(Box::new(Link::new(
        writer,
        output,
        lanes,
        Time::new(start.virtual_time),
    )));
    let (stopper, stop) = channel();
    spawn("control", CONTROL_STACK_BYTES, move || {
        control::serve(link, reader, stopper, threads)
    })?;
    Ok((
        link,
        start,
        Given {
            library,
            readers,
            ports,
            taps,
            stop,
            sandbox,
        },
    ))
}

/// The library, as memory that cannot change.
fn library(
    named: &Library,
    given: &mut impl Iterator<Item = OwnedFd>,
) -> Result<OwnedFd, NotStarted> {
    let file = match named {
        Library::Path(path) => File::open(path).map_err(|error| NotStarted {
            kind: FailureKind::Load,
            reason: format!("open {path}: {error}"),
        })?,
        Library::Descriptor => given
            .next()
            .map(File::from)
            .ok_or_else(|| handshake("start without a library"))?,
    };
    sealed::sealed(file).map_err(system)
}

fn check(start: &Start) -> Result<(), NotStarted> {
    if start.build_id != BUILD_ID {
        let theirs = &start.build_id;
        return Err(handshake(format!(
            "work with a daemon of another build: it is {theirs}, this is {BUILD_ID}"
        )));
    }
    let (lanes, ports) = (start.lanes as usize, start.ports.len());
    match (1..=LANES_MAX).contains(&lanes) && ports <= PORTS_MAX {
        true => Ok(()),
        false => Err(handshake(format!(
            "start with {lanes} lanes and {ports} ports"
        ))),
    }
}

fn spawn(name: &str, stack: usize, run: impl FnOnce() + Send + 'static) -> Result<(), NotStarted> {
    let builder = std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(stack);
    builder
        .spawn(run)
        .map(|_| ())
        .map_err(|error| system(format!("start a thread: {error}")))
}

/// The main thread from here on: load, create, start the lanes, wait for the end.
fn serve(link: &'static Link, start: &Start, given: Given) -> ! {
    let Given {
        library,
        readers,
        ports,
        taps,
        stop,
        sandbox,
    } = given;
    record(link, taps);
    let table = match library::load(&library) {
        Ok(table) => table,
        Err(reason) => link.fail(FailureKind::Load, &reason),
    };
    drop(library);
    let instance = create(link, start, table, ports);
    // Nobody else sets it, so this always succeeds.
    let _ = link.instance.set(instance);
    for (lane, reader) in link.lanes.iter().zip(readers) {
        let started = spawn("lane", STACK_BYTES, move || lane::serve(link, lane, reader));
        if let Err(NotStarted { kind, reason }) = started {
            link.fail(kind, &reason);
        }
    }
    link.send(&FromRunner::Ready(Ready {
        build_id: BUILD_ID.to_owned(),
        abi_major: table.abi_major,
        abi_minor: table.abi_minor,
        sandbox,
    }));
    // An error would mean that the control thread is gone, which ends the process by itself.
    let _ = stop.recv();
    link.gate.close();
    // A call without its reply is not waited for: the instance ends with the process then.
    if !link.lanes.iter().any(Lane::is_busy) && link.gate.empty() {
        instance.destroy();
    }
    link.drain_output();
    link.finish_recording();
    exit(0)
}

/// From here on what passes between the plugin and its ports is told.
fn record(link: &'static Link, taps: Vec<Tap>) {
    if taps.is_empty() {
        return;
    }
    let tell = |line| link.send(&FromRunner::Recorded { line });
    match Recorder::start(taps, tell) {
        // Nobody else sets it, so this always succeeds.
        Ok(recorder) => drop(link.recorder.set(recorder)),
        Err(error) => link.fail(FailureKind::System, &format!("start a recorder: {error}")),
    }
}

fn create(link: &'static Link, start: &Start, table: Table, ports: Vec<OwnedFd>) -> Instance {
    let text = |text: &str| match CString::new(text) {
        Ok(text) => text,
        Err(_) => link.fail(FailureKind::Handshake, "take a name with a zero byte"),
    };
    let instance_name = text(&start.instance);
    let state_dir = text(&start.state_dir);
    let names: Vec<CString> = start.ports.iter().map(|port| text(&port.name)).collect();
    for (place, port) in (0..).zip(&ports) {
        link.time.know(port, WaitOn::Port(place));
    }
    let ports: Vec<payhal_abi::Port> = start
        .ports
        .iter()
        .zip(&names)
        .zip(ports)
        .map(|((port, name), descriptor)| abi_port(port.kind, name, descriptor))
        .collect();
    let mut config = start.config.0.clone();
    config.push(0);
    let setup = Setup {
        struct_size: size_of::<Setup>() as u32,
        port_count: u32::try_from(ports.len()).expect("the bound fits"),
        instance_name: instance_name.as_ptr(),
        state_dir: state_dir.as_ptr(),
        config: config.as_ptr(),
        config_len: config.len() - 1,
        ports: if ports.is_empty() {
            std::ptr::null()
        } else {
            ports.as_ptr()
        },
    };
    let context = std::ptr::from_ref(link).cast_mut().cast();
    // SAFETY: the table was checked; the setup and all it points at outlive the call; host and
    // context live as long as the process.
    let pointer = unsafe { (table.create)(&raw const HOST, context, &raw const setup) };
    if pointer.is_null() {
        let said = lock(&link.refusal).take();
        let reason = said.unwrap_or_else(|| "create the instance: no reason given".to_owned());
        link.fail(FailureKind::Create, &reason);
    }
    Instance { table, pointer }
}

/// The plugin owns the descriptor from here on.
fn abi_port(kind: PortKind, name: &CString, descriptor: OwnedFd) -> payhal_abi::Port {
    let raw = descriptor.into_raw_fd();
    payhal_abi::Port {
        name: name.as_ptr(),
        handle: payhal_abi::Handle::try_from(raw).expect("a descriptor fits a handle"),
        kind: match kind {
            PortKind::Serial => port_kind::SERIAL,
            PortKind::Usb => port_kind::USB,
            PortKind::Stream => port_kind::STREAM,
        },
        reserved: 0,
    }
}
