// SPDX-License-Identifier: MIT OR Apache-2.0
//! One runner with the plugin in it, its ports and its device: what has come, and what is sent.
//!
//! Owns the process and every socket to it; `master` decides what happens when. Must never leave a
//! process behind, and never wait for one without a bound.

use super::device::{Device, Say};
use super::limits::{ANSWER_BYTES_MAX, LOG_LINES_KEPT, WRITE_PATIENCE};
use super::mangle::Mangle;
use super::master::CANCELLED;
use super::noise::Line;
use super::subject::Subject;
use payhal_ipc::{
    Answer, BUILD_ID, Call, Confinement, ControlReader, FailureKind, FrameBuffer, FromRunner,
    Library, LogLevel, Payload, PortKind, Refused, Start, ToRunner, WaitOn, WaitOutcome, encode,
    send_frame,
};
use payhal_messages::manifest::PortSort;
use payhal_messages::recording::Side;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Why a call, or the start of an instance, has no answer.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The process has ended, and why as far as it said so.
    Ended(String),
    /// It did not answer, and what it was doing instead.
    Silent(String),
    /// The check itself cannot go on: the author's simulator, this machine.
    Check(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(why) => write!(f, "the plugin's process ended: {why}"),
            Self::Silent(why) => write!(f, "no reply: {why}"),
            Self::Check(why) => write!(f, "the check cannot go on: {why}"),
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: i32,
    pub(crate) payload: Vec<u8>,
}

/// The device's end of a port or of a connection.
pub(crate) struct Wire {
    pub(crate) name: String,
    pub(crate) on: WaitOn,
    end: Option<End>,
    /// What the plugin wrote and the device has not heard yet: on a noisy line.
    pub(crate) pending: Vec<u8>,
    /// The device has ended the connection: it neither speaks nor listens.
    hung_up: bool,
}

enum End {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Wire {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self.end.as_ref()? {
            End::Unix(stream) => Some(stream.as_fd()),
            End::Tcp(stream) => Some(stream.as_fd()),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        let count = match &mut self.end {
            Some(End::Unix(stream)) => stream.read(into),
            Some(End::Tcp(stream)) => stream.read(into),
            None => Ok(0),
        };
        count.unwrap_or(0)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.end.is_some() && !self.hung_up
    }

    fn is_connection(&self) -> bool {
        matches!(self.end, Some(End::Tcp(_)))
    }

    /// The device ends a connection. What it has said is still read.
    fn hang_up(&mut self) {
        self.hung_up = true;
        if let Some(End::Tcp(stream)) = &self.end {
            // It has ended already when this fails.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// What the plugin does not take is lost, as on a line that nobody reads.
    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.hung_up {
            return false;
        }
        match &mut self.end {
            Some(End::Unix(stream)) => stream.write_all(bytes).is_ok(),
            Some(End::Tcp(stream)) => stream.write_all(bytes).is_ok(),
            None => false,
        }
    }

    pub(crate) fn close(&mut self) {
        match self.end.take() {
            // A descriptor of ours that the runner inherited must not keep the line open.
            Some(End::Unix(stream)) => drop(stream.shutdown(Shutdown::Both)),
            Some(End::Tcp(stream)) => drop(stream.shutdown(Shutdown::Both)),
            None => {}
        }
    }
}

/// A lane and what runs on it.
pub(crate) struct Lane {
    socket: UnixStream,
    incoming: FrameBuffer,
    pub(crate) running: Option<u64>,
    pub(crate) replied: Option<Reply>,
}

/// A wait of the plugin that has no answer yet.
#[derive(Clone, Copy)]
pub(crate) struct OpenWait {
    pub(crate) request: u64,
    pub(crate) token: u64,
    pub(crate) on: WaitOn,
    pub(crate) until_ns: u64,
}

/// Where something on its way goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Plugin,
    /// To the plugin, from nobody: not worth a line of the trace.
    PluginFromNobody,
    Device,
    /// The device ends the connection.
    HangUp,
}

/// Bytes on their way.
pub(crate) struct Scheduled {
    pub(crate) at_ns: u64,
    pub(crate) port: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) to: To,
}

/// What was noticed beside the replies, in words for the author.
#[derive(Default)]
pub(crate) struct Noticed {
    /// The plugin's own log, its last lines.
    pub(crate) log: Vec<String>,
    /// Card numbers that the runner kept back.
    pub(crate) cards: Vec<String>,
    /// Emissions with another form than their schema.
    pub(crate) emissions: Vec<String>,
    /// Emissions and prompts there were.
    pub(crate) emitted: usize,
    pub(crate) prompts: usize,
    /// Waits that were asked for.
    pub(crate) waits: usize,
    /// Most real time that passed in one call while nobody waited at the host.
    pub(crate) by_itself: Duration,
}

/// A running plugin.
pub(crate) struct Session {
    child: Child,
    control: UnixStream,
    incoming: ControlReader,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) device: Box<dyn Device>,
    pub(crate) mangle: Mangle,
    /// What a noisy line does, beside `mangle`.
    pub(crate) line: Option<Line>,
    /// Waits that go on while no call runs.
    pub(crate) background: usize,
    /// What the device's time was when this runner began: it is there longer.
    pub(crate) epoch_us: u64,
    pub(crate) now_ns: u64,
    pub(crate) waits: Vec<OpenWait>,
    pub(crate) scheduled: Vec<Scheduled>,
    pub(crate) device_next_ns: Option<u64>,
    pub(crate) noticed: Noticed,
    pub(crate) ready: bool,
    /// Set once the process has ended, or said that it will.
    pub(crate) ended: Option<String>,
    pub(crate) unplugged: bool,
    pub(crate) tokens: u64,
    pub(crate) prompt: Option<(u64, u64)>,
    /// The last ping that came back.
    pub(crate) ponged: u64,
    /// When a call was cancelled, until the thread that did it answers again.
    pub(crate) cancelled: Option<Instant>,
    /// Why this runner can check nothing, whatever the plugin does.
    pub(crate) unfit: Option<String>,
    /// The same of the call that runs.
    pub(crate) by_itself: Duration,
    broke: Option<String>,
    _state: tempfile::TempDir,
}

fn sort(kind: PortSort) -> PortKind {
    match kind {
        PortSort::Serial => PortKind::Serial,
        PortSort::Usb => PortKind::Usb,
        PortSort::Stream => PortKind::Stream,
    }
}

fn check(what: &str) -> impl Fn(std::io::Error) -> Trouble + '_ {
    move |error| Trouble::Check(format!("{what}: {error}"))
}

/// What a start comes with, and our ends of it.
struct Furniture {
    /// The library, the runner's ends of the lanes, the plugin's ends of the ports.
    given: Vec<OwnedFd>,
    lanes: Vec<Lane>,
    wires: Vec<Wire>,
    ports: Vec<payhal_ipc::Port>,
}

impl Furniture {
    fn make(subject: &Subject) -> Result<Self, Trouble> {
        let mut lanes = Vec::new();
        let mut given: Vec<OwnedFd> = Vec::new();
        let library = subject.library_given();
        given.push(library.map_err(check("open the library"))?);
        for _ in 0..subject.lanes() {
            let (ours, theirs) = UnixStream::pair().map_err(check("make a socket pair"))?;
            given.push(theirs.into());
            lanes.push(Lane {
                socket: ours,
                incoming: FrameBuffer::new(),
                running: None,
                replied: None,
            });
        }
        let (mut wires, mut ports) = (Vec::new(), Vec::new());
        for (place, port) in (0..).zip(&subject.manifest.ports) {
            let (ours, theirs) = UnixStream::pair().map_err(check("make a port"))?;
            // A device does not wait for a plugin that does not read.
            ours.set_write_timeout(Some(WRITE_PATIENCE))
                .map_err(check("make a port"))?;
            given.push(theirs.into());
            ports.push(payhal_ipc::Port {
                name: port.name.clone(),
                kind: sort(port.kind),
            });
            wires.push(Wire {
                name: port.name.clone(),
                on: WaitOn::Port(place),
                end: Some(End::Unix(ours)),
                pending: Vec::new(),
                hung_up: false,
            });
        }
        Ok(Self {
            given,
            lanes,
            wires,
            ports,
        })
    }

    fn start(&self, subject: &Subject, state: &Path) -> ToRunner {
        let access = &subject.manifest.access;
        ToRunner::Start(Start {
            build_id: BUILD_ID.to_owned(),
            instance: "check-1".to_owned(),
            library: Library::Descriptor,
            state_dir: state.to_string_lossy().into_owned(),
            config: Payload::from(subject.config.to_string().into_bytes()),
            lanes: u32::try_from(self.lanes.len()).unwrap_or(1),
            ports: self.ports.clone(),
            confinement: Confinement {
                own_network: access.own_network,
                pcsc: access.pcsc,
                address_space_bytes: u64::from(access.memory_mib) * 1024 * 1024,
                // Whoever checks a plugin on another system checks its own.
                allow_incomplete: true,
            },
            virtual_time: true,
            record: false,
        })
    }
}

impl Session {
    /// Starts a runner and sends it the start; `master` waits until it is ready.
    pub(crate) fn begin(
        subject: &Subject,
        device: Box<dyn Device>,
        mangle: Mangle,
    ) -> Result<Self, Trouble> {
        let state = tempfile::tempdir().map_err(check("make a state folder"))?;
        let (control, theirs) = UnixStream::pair().map_err(check("make a socket pair"))?;
        let furniture = Furniture::make(subject)?;
        let child = Command::new(&subject.runner)
            .env_clear()
            .current_dir(state.path())
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(check(&format!("start {}", subject.runner.display())))?;
        let start = furniture.start(subject, state.path());
        let reading = control
            .try_clone()
            .map_err(check("keep the control socket"))?;
        let session = Self {
            child,
            incoming: ControlReader::new(reading),
            control,
            lanes: furniture.lanes,
            wires: furniture.wires,
            device,
            mangle,
            line: None,
            background: 0,
            epoch_us: 0,
            now_ns: 0,
            waits: Vec::new(),
            scheduled: Vec::new(),
            device_next_ns: None,
            noticed: Noticed::default(),
            ready: false,
            ended: None,
            unplugged: false,
            tokens: 0,
            prompt: None,
            ponged: 0,
            cancelled: None,
            unfit: None,
            by_itself: Duration::ZERO,
            broke: None,
            _state: state,
        };
        let given: Vec<BorrowedFd<'_>> = furniture.given.iter().map(AsFd::as_fd).collect();
        send_frame(&session.control, &start, &given)
            .map_err(|error| Trouble::Check(format!("send the start: {error}")))?;
        Ok(session)
    }

    /// The process, as `/proc` names it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether a thread of the process runs, waits for a processor or for a disk, as far as the system
    /// shows it: then it has not come to what it is to do, and waits for nobody.
    pub(crate) fn is_at_work(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        threads.into_iter().flatten().flatten().any(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state follows the name, which may hold anything.
            let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
            state.is_some_and(|state| state.starts_with(['R', 'D']))
        })
    }

    pub(crate) fn tell(&mut self, frame: &ToRunner) {
        // The process has ended when this fails, which reading tells.
        let _ = send_frame(&self.control, frame, &[]);
    }

    /// Starts a call on a lane; returns its token.
    pub(crate) fn send_call(
        &mut self,
        lane: usize,
        method: &str,
        deadline_ms: u32,
        payload: &[u8],
    ) -> u64 {
        self.tokens += 1;
        let call = Call {
            token: self.tokens,
            method: method.to_owned(),
            deadline_ms,
            payload: Payload::from(payload),
        };
        let lane = &mut self.lanes[lane];
        lane.running = Some(self.tokens);
        lane.replied = None;
        if let Ok(bytes) = encode(&call) {
            // As for a frame on the control socket.
            let _ = lane.socket.write_all(&bytes);
        }
        self.tokens
    }

    /// Takes everything that has come; waits up to `patience` for the first of it. `false` when
    /// nothing came.
    pub(crate) fn take(&mut self, patience: Duration) -> Result<bool, Trouble> {
        if self.ended.is_some() {
            // What it had to say was taken together with its end.
            return Ok(false);
        }
        self.wires.retain(|wire| wire.end.is_some());
        let lanes = self.lanes.len();
        let mut polled = vec![PollFd::new(&self.control, PollFlags::IN)];
        for lane in &self.lanes {
            polled.push(PollFd::new(&lane.socket, PollFlags::IN));
        }
        let open: Vec<usize> = (0..self.wires.len())
            .filter(|at| self.wires[*at].end.is_some())
            .collect();
        for at in &open {
            polled.extend(
                self.wires[*at]
                    .fd()
                    .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
            );
        }
        let patience = Timespec::try_from(patience).ok();
        let came = rustix::io::retry_on_intr(|| poll(&mut polled, patience.as_ref()))
            .map_err(|error| Trouble::Check(format!("wait for the plugin: {error}")))?;
        if came == 0 {
            return Ok(false);
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(polled);
        // What was written before a wait was asked for must be seen before the wait is.
        if ready[0] {
            self.take_control()?;
        }
        for (place, at) in open.iter().enumerate() {
            if ready[1 + lanes + place] || ready[0] {
                self.take_wire(*at)?;
            }
        }
        for (at, ready) in ready[1..=lanes].iter().enumerate() {
            if *ready {
                self.take_lane(at);
            }
        }
        Ok(true)
    }

    fn take_wire(&mut self, at: usize) -> Result<(), Trouble> {
        let Some(fd) = self.wires[at].fd() else {
            return Ok(());
        };
        let mut looks = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        if !matches!(poll(&mut looks, Some(&Timespec::default())), Ok(count) if count > 0) {
            return Ok(());
        }
        let mut bytes = vec![0; ANSWER_BYTES_MAX];
        let count = self.wires[at].read(&mut bytes);
        if count == 0 {
            return self.ended_by_plugin(at);
        }
        if self.wires[at].hung_up {
            return Ok(());
        }
        if self.line.is_some() {
            self.wires[at].pending.extend_from_slice(&bytes[..count]);
            return Ok(());
        }
        let name = self.wires[at].name.clone();
        self.hear_from_plugin(&name, &bytes[..count])
    }

    /// The device hears what the plugin wrote.
    pub(crate) fn hear_from_plugin(&mut self, port: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let now_us = self.now_us();
        if let Some(line) = &mut self.line {
            line.trace.bytes(now_us, port, Side::Plugin, bytes);
        }
        let said = self.device.received(self.now_us(), port, bytes);
        self.schedule(said.map_err(Trouble::Check)?);
        Ok(())
    }

    /// The plugin has closed its end.
    fn ended_by_plugin(&mut self, at: usize) -> Result<(), Trouble> {
        self.flush()?;
        self.end_connection(at)?;
        self.wires[at].close();
        Ok(())
    }

    /// Tells the device that a connection has ended, once.
    pub(crate) fn end_connection(&mut self, at: usize) -> Result<(), Trouble> {
        if self.wires[at].is_connection() && self.wires[at].is_open() {
            self.wires[at].hung_up = true;
            let name = self.wires[at].name.clone();
            let said = self.device.closed(self.now_us(), &name);
            self.schedule(said.map_err(Trouble::Check)?);
        }
        Ok(())
    }

    /// The device's time.
    pub(crate) fn now_us(&self) -> u64 {
        self.epoch_us + self.now_ns / 1000
    }

    /// Puts on the way what the device says, after the faults of the line.
    pub(crate) fn schedule(&mut self, said: Say) {
        let epoch_us = self.epoch_us;
        let own = |us: u64| us.saturating_sub(epoch_us).saturating_mul(1000);
        self.device_next_ns = said.next_us.map(own);
        let mut last_ns = self.now_ns;
        for word in said.words {
            let at_ns = self.now_ns + word.after_us.saturating_mul(1000);
            last_ns = last_ns.max(at_ns);
            if self.line.is_some() {
                self.noisily(at_ns, &word);
                continue;
            }
            for (late_ns, bytes) in self.mangle.pass(&word.bytes) {
                self.scheduled.push(Scheduled {
                    at_ns: at_ns + late_ns,
                    port: word.port.clone(),
                    bytes,
                    to: To::Plugin,
                });
            }
        }
        for port in said.hung_up {
            self.scheduled.push(Scheduled {
                at_ns: last_ns,
                port,
                bytes: Vec::new(),
                to: To::HangUp,
            });
        }
    }

    fn take_control(&mut self) -> Result<(), Trouble> {
        match self.incoming.read_once() {
            Ok(0) | Err(_) => {
                let why = self.broke.clone();
                let status = self.child.wait().map(|status| status.to_string());
                let without = || format!("without a word ({})", status.unwrap_or_default());
                self.ended.get_or_insert(why.unwrap_or_else(without));
                return Ok(());
            }
            Ok(_) => {}
        }
        while let Ok(Some(frame)) = self.incoming.buffered::<FromRunner>() {
            self.obey(frame)?;
        }
        Ok(())
    }

    fn obey(&mut self, frame: FromRunner) -> Result<(), Trouble> {
        match frame {
            FromRunner::Ready(_) => self.ready = true,
            FromRunner::Failed { kind, reason } => {
                let by = match kind {
                    FailureKind::Create => "create refused: ",
                    FailureKind::Load => "it cannot be loaded: ",
                    FailureKind::Broke => "it broke a rule: ",
                    FailureKind::Handshake | FailureKind::System => {
                        self.unfit = Some(format!("start the runner: it failed to {reason}"));
                        ""
                    }
                };
                self.broke = Some(format!("{by}{reason}"));
            }
            FromRunner::Wait {
                request,
                token,
                on,
                until_ns,
            } => {
                self.noticed.waits += 1;
                self.waits.push(OpenWait {
                    request,
                    token,
                    on,
                    until_ns,
                });
            }
            FromRunner::Connect { request, target } => self.connect(request, &target)?,
            FromRunner::Log { level, text, .. } => self.hear(level, text),
            FromRunner::Event { kind, payload } => self.emitted(kind, &payload),
            FromRunner::Pong { nonce: CANCELLED } => self.cancelled = None,
            FromRunner::Pong { nonce } => self.ponged = nonce,
            FromRunner::Recorded { .. } => {}
        }
        Ok(())
    }

    fn hear(&mut self, level: LogLevel, text: String) {
        if text.contains("card number") || text.contains(" digits]") {
            self.noticed.cards.push(text.clone());
        }
        if level <= LogLevel::Info && self.noticed.log.len() < LOG_LINES_KEPT {
            self.noticed.log.push(text);
        }
    }

    fn emitted(&mut self, kind: u32, payload: &[u8]) {
        self.noticed.emitted += 1;
        if let Err(flaw) = super::replies::emission(kind, payload) {
            self.noticed.emissions.push(flaw);
        }
    }

    /// Connects the plugin with the device: a TCP connection, which SDKs insist on.
    fn connect(&mut self, request: u64, target: &str) -> Result<(), Trouble> {
        // One that the plugin has closed ends before the next one of its name begins.
        for at in 0..self.wires.len() {
            if self.wires[at].name == target {
                self.take_wire(at)?;
                self.flush()?;
                self.end_connection(at)?;
            }
        }
        let made = || -> std::io::Result<(TcpStream, TcpStream)> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let theirs = TcpStream::connect(listener.local_addr()?)?;
            let (ours, _) = listener.accept()?;
            ours.set_nodelay(true)?;
            ours.set_write_timeout(Some(WRITE_PATIENCE))?;
            Ok((ours, theirs))
        };
        match made() {
            Ok((ours, theirs)) if !self.unplugged => {
                self.wires.push(Wire {
                    name: target.to_owned(),
                    on: WaitOn::Connection(request),
                    end: Some(End::Tcp(ours)),
                    pending: Vec::new(),
                    hung_up: false,
                });
                let frame = ToRunner::Connected { request };
                // As in `tell`.
                let _ = send_frame(&self.control, &frame, &[theirs.as_fd()]);
                let said = self.device.opened(self.now_us(), target);
                self.schedule(said.map_err(Trouble::Check)?);
            }
            _ => self.tell(&ToRunner::Refused {
                request,
                why: Refused::Unreachable,
            }),
        }
        Ok(())
    }

    fn take_lane(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let space = lane.incoming.space();
        match lane.socket.read(space) {
            Ok(count) if count > 0 => lane.incoming.filled(count),
            // The control socket says why.
            _ => return,
        }
        while let Ok(Some(answer)) = self.lanes[at].incoming.next_frame::<Answer>() {
            match answer {
                Answer::Emit {
                    token,
                    kind,
                    payload,
                } => {
                    self.emitted(kind, &payload);
                    if let Some(prompt) = super::replies::prompt_id(kind, &payload) {
                        self.noticed.prompts += 1;
                        self.prompt = Some((token, prompt));
                    }
                }
                Answer::Reply {
                    token,
                    status,
                    payload,
                } => {
                    if String::from_utf8_lossy(&payload).contains("the reply held a card number") {
                        let text = "a reply held a card number".to_owned();
                        self.noticed.cards.push(text);
                    }
                    let lane = &mut self.lanes[at];
                    lane.running = None;
                    lane.replied = Some(Reply {
                        status,
                        payload: payload.0,
                    });
                    self.waits.retain(|wait| wait.token != token);
                }
            }
        }
    }

    /// Answers the waits that `which` picks.
    pub(crate) fn answer_waits(
        &mut self,
        mut which: impl FnMut(&OpenWait) -> Option<WaitOutcome>,
    ) -> usize {
        let mut answers = Vec::new();
        self.waits.retain(|wait| {
            let outcome = which(wait);
            answers.extend(outcome.map(|outcome| (wait.request, outcome)));
            outcome.is_none()
        });
        for (request, outcome) in &answers {
            let now_ns = self.now_ns;
            self.tell(&ToRunner::Time {
                request: *request,
                now_ns,
                outcome: *outcome,
            });
        }
        answers.len()
    }

    /// Writes what the device says to the plugin.
    pub(crate) fn write(&mut self, port: &str, bytes: &[u8]) -> Option<WaitOn> {
        if bytes.is_empty() {
            return None;
        }
        // The youngest connection of a name is the one that is used.
        let wire = self.wires.iter_mut().rev().find(|wire| wire.name == port)?;
        wire.write(bytes).then_some(wire.on)
    }

    /// The device ends a connection.
    pub(crate) fn hang_up(&mut self, port: &str) -> Option<WaitOn> {
        let wire = self.wires.iter_mut().rev().find(|wire| wire.name == port)?;
        wire.hang_up();
        Some(wire.on)
    }

    /// Pulls every cable.
    pub(crate) fn unplug(&mut self) -> Result<(), Trouble> {
        self.unplugged = true;
        for at in 0..self.wires.len() {
            self.end_connection(at)?;
            self.wires[at].close();
            self.wires[at].pending.clear();
        }
        // Nor does anything that the device said about it arrive.
        self.scheduled.clear();
        Ok(())
    }

    /// Ends the process, whatever it does.
    pub(crate) fn kill(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The exit status, if the process has ended.
    pub(crate) fn exit_code(&mut self) -> Option<Option<i32>> {
        let ended = self.child.try_wait().ok().flatten();
        ended.map(|status| status.code())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill();
    }
}
