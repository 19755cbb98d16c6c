// SPDX-License-Identifier: MIT OR Apache-2.0
//! One runner process: its start, its control lane, its call lanes, its end.

use super::hearing::{self, Heard, Hearing};
use super::lane::{Lane, LaneEnd};
use super::limits::{
    CALL_GRACE, CONTROL_QUEUE, EMISSIONS_PER_CALL, PING_MS_MAX, SIMULATION_LANES, START_MS_MAX,
    STOP_MS_MAX, TELL_MS_MAX,
};
use crate::plugins::Plugin;
use payhal_failpoint::failpoint;
use payhal_ipc::{
    Answer, BUILD_ID, Call, Confinement, FromRunner, Library, LogLevel, Payload, Port, Refused,
    Start, ToRunner,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::Interest;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

/// What a runner needs to start.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The runner program.
    pub(super) program: PathBuf,
    /// Name of the instance.
    pub(super) instance: String,
    /// The plugin.
    pub(super) plugin: Arc<Plugin>,
    /// The instance's own folder.
    pub(super) state_dir: PathBuf,
    /// The instance's configuration.
    pub(super) config: serde_json::Value,
    /// Targets of `connect` that the configuration names, beside the manifest's.
    pub(super) network: Vec<String>,
    /// The ports of the manifest, open.
    pub(super) ports: Vec<(Port, OwnedFd)>,
    /// Whether what passes through the ports is recorded.
    pub(super) record: bool,
    /// Whether it runs where this system cannot confine it in full.
    pub(super) allow_incomplete_sandbox: bool,
    /// What of the plugin's words is let through; absent: everything.
    pub(super) log: Option<LogLevel>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum CallEnd {
    /// With a reply.
    Replied {
        /// The ABI's status.
        status: i32,
        /// The reply.
        payload: Payload,
    },
    /// Without: the runner died or broke the protocol.
    Died(String),
    /// Without: its deadline passed.
    Late(String),
}

/// A runner whose plugin is loaded.
#[derive(Debug)]
pub(super) struct Runner {
    lanes: Mutex<Vec<Lane>>,
    free: Semaphore,
    next_token: AtomicU64,
    control: mpsc::Sender<Order>,
    pid: Option<u32>,
    sandbox: Vec<String>,
    ended: watch::Receiver<Option<String>>,
}

#[derive(Debug)]
enum Order {
    Send(ToRunner),
    Connected(u64, OwnedFd),
    Ping(oneshot::Sender<()>),
    Kill(String),
    Stop,
}

/// Receives what a runner says outside any call.
pub(super) trait Listener: Send + Sync + 'static {
    /// Something about the instance.
    fn event(&self, kind: u32, payload: Payload);
    /// A line of a recording.
    fn recorded(&self, line: &str);
}

impl Runner {
    /// Starts a runner and waits until its plugin is loaded.
    ///
    /// # Errors
    /// In words for the operator.
    pub(super) async fn start(
        recipe: &Recipe,
        listener: Arc<dyn Listener>,
    ) -> Result<Arc<Self>, String> {
        std::fs::create_dir_all(&recipe.state_dir)
            .map_err(|error| format!("failed to make the instance's state folder: {error}"))?;
        let library = library(recipe).await?;
        let (mut control, theirs) =
            Lane::pair().map_err(|error| format!("failed to make a socket pair: {error}"))?;
        failpoint!("runner.start.before");
        let mut child = spawn(recipe, theirs)?;
        let (lanes, lane_ends) = make_lanes(recipe)?;
        let handshake = async {
            send_start(&mut control, recipe, &library, lane_ends).await?;
            wait_until_ready(&mut control, recipe).await
        };
        let ready = timeout(Duration::from_millis(START_MS_MAX), handshake).await;
        let ready =
            ready.unwrap_or_else(|_| Err(format!("it was not ready within {START_MS_MAX} ms")));
        let sandbox = match ready {
            Ok(sandbox) => sandbox,
            Err(why) => {
                // A failing kill means that it is gone already.
                let _gone = child.kill().await;
                return Err(why);
            }
        };
        failpoint!("runner.start.after");
        let (commands, queue) = mpsc::channel(CONTROL_QUEUE);
        let (end, ended) = watch::channel(None);
        let pid = child.id();
        let keeper = Keeper {
            instance: recipe.instance.clone(),
            network: allowed(recipe),
            control,
            queue,
            commands: commands.clone(),
            listener,
            pings: Vec::new(),
            hearing: Hearing::new(Instant::now()),
        };
        tokio::spawn(keeper.run(child, end));
        Ok(Arc::new(Self {
            free: Semaphore::new(lanes.len()),
            lanes: Mutex::new(lanes),
            next_token: AtomicU64::new(1),
            control: commands,
            pid,
            sandbox: sandbox.split_whitespace().map(str::to_owned).collect(),
            ended,
        }))
    }

    /// Process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Parts of the sandbox that are in force.
    pub(super) fn sandbox(&self) -> &[String] {
        &self.sandbox
    }

    /// Waits until the process is gone and reaped; says why.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the supervisor ended".to_owned(),
        }
    }

    /// A number for the next call.
    pub(super) fn token(&self) -> u64 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs one call to its end, which is a little after its deadline at the latest. Must not be
    /// dropped halfway: spawn it.
    pub(super) async fn call(
        &self,
        token: u64,
        method: &str,
        payload: Vec<u8>,
        deadline: Instant,
        mut emitted: impl FnMut(u32, &[u8]),
    ) -> CallEnd {
        let Ok(Ok(_permit)) = tokio::time::timeout_at(deadline, self.free.acquire()).await else {
            return CallEnd::Late("no lane became free in time".to_owned());
        };
        let taken = self
            .lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut lane = taken.expect("a permit stands for a free lane");
        let left = deadline
            .saturating_duration_since(Instant::now())
            .as_millis();
        let call = Call {
            token,
            method: method.to_owned(),
            deadline_ms: u32::try_from(left.max(1)).unwrap_or(u32::MAX),
            payload: payload.into(),
        };
        let exchange = exchange(&mut lane, &call, &mut emitted);
        let end = match tokio::time::timeout_at(deadline + CALL_GRACE, exchange).await {
            Ok(Ok((status, payload))) => CallEnd::Replied { status, payload },
            Ok(Err(why)) => CallEnd::Died(self.why_dead(why).await),
            Err(_) => CallEnd::Late(self.give_up(method).await),
        };
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lane);
        end
    }

    /// The runner's own reason says more than its closed lane.
    async fn why_dead(&self, lane: LaneEnd) -> String {
        match lane {
            // A socket is reset where a frame of ours was left unread: it ended all the same.
            LaneEnd::Closed | LaneEnd::Socket(_) => {
                match timeout(Duration::from_millis(PING_MS_MAX), self.ended()).await {
                    Ok(why) => why,
                    // A lane that is gone would fail every further call.
                    Err(_) => {
                        self.kill_for("the runner closed the lane of a call and went on")
                            .await
                    }
                }
            }
            broken => self.kill_for(&broken.to_string()).await,
        }
    }

    async fn kill_for(&self, why: &str) -> String {
        self.kill(why).await;
        why.to_owned()
    }

    /// A call that outlived its deadline can only be ended with its process.
    async fn give_up(&self, method: &str) -> String {
        let (pong, answered) = oneshot::channel();
        let asked = self.control.send(Order::Ping(pong)).await;
        let alive = asked.is_ok()
            && matches!(
                timeout(Duration::from_millis(PING_MS_MAX), answered).await,
                Ok(Ok(()))
            );
        let what = if alive {
            "the plugin hangs"
        } else {
            "the runner does not answer"
        };
        let why = format!("`{method}` did not end by its deadline: {what}");
        self.kill(&why).await;
        why
    }

    /// Ends the process now.
    pub(super) async fn kill(&self, why: &str) {
        // A closed queue means that it has ended.
        let _ended = self.control.send(Order::Kill(why.to_owned())).await;
    }

    /// Asks the plugin to end, and waits until the process is gone.
    pub(super) async fn stop(&self) {
        if self.control.send(Order::Stop).await.is_ok()
            && timeout(Duration::from_millis(STOP_MS_MAX), self.ended())
                .await
                .is_err()
        {
            self.kill("it did not stop in time").await;
            self.ended().await;
        }
    }

    /// Asks a call to end soon. Lost only when the runner is lost.
    pub(super) fn cancel(&self, token: u64) {
        let _full_or_ended = self
            .control
            .try_send(Order::Send(ToRunner::Cancel { token }));
    }

    /// From now on its plugin's words are let through from this level on.
    pub(super) async fn log(&self, level: LogLevel) {
        let _ended = self
            .control
            .send(Order::Send(ToRunner::Log { level }))
            .await;
    }

    /// Brings a call the answer to its question. Lost only when the runner is lost; the plugin
    /// keeps its own time.
    pub(super) fn deliver(&self, token: u64, prompt_id: u64, answer: Vec<u8>) {
        let payload = answer.into();
        let _full_or_ended = self.control.try_send(Order::Send(ToRunner::Deliver {
            token,
            prompt_id,
            payload,
        }));
    }
}

async fn exchange(
    lane: &mut Lane,
    call: &Call,
    emitted: &mut impl FnMut(u32, &[u8]),
) -> Result<(i32, Payload), LaneEnd> {
    failpoint!("lane.send.before", &call.method);
    lane.send(call).await?;
    failpoint!("lane.send.after", &call.method);
    let mut emissions = 0;
    loop {
        match lane.receive::<Answer>().await? {
            Answer::Emit {
                token,
                kind,
                payload,
            } if token == call.token => {
                emissions += 1;
                if emissions > EMISSIONS_PER_CALL {
                    return Err(LaneEnd::Flooded);
                }
                emitted(kind, &payload);
            }
            Answer::Reply {
                token,
                status,
                payload,
            } if token == call.token => {
                failpoint!("lane.reply.before", &call.method);
                return Ok((status, payload));
            }
            // What belongs to an earlier call on this lane came too late.
            Answer::Emit { .. } | Answer::Reply { .. } => {}
        }
    }
}

fn allowed(recipe: &Recipe) -> Vec<String> {
    let manifest = &recipe.plugin.manifest.access.network;
    manifest.iter().chain(&recipe.network).cloned().collect()
}

fn spawn(recipe: &Recipe, control: OwnedFd) -> Result<Child, String> {
    Command::new(&recipe.program)
        .env_clear()
        .envs(payhal_failpoint::environment())
        .current_dir(&recipe.state_dir)
        .stdin(Stdio::from(control))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in a terminal goes to the whole group: the daemon ends its runners itself.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("failed to start {}: {error}", recipe.program.display()))
}

fn make_lanes(recipe: &Recipe) -> Result<(Vec<Lane>, Vec<OwnedFd>), String> {
    let manifest = &recipe.plugin.manifest;
    let extra = if manifest.simulated {
        SIMULATION_LANES
    } else {
        0
    };
    let pairs: Result<Vec<_>, _> = (0..manifest.calls_max + extra)
        .map(|_| Lane::pair())
        .collect();
    let pairs = pairs.map_err(|error| format!("failed to make lanes: {error}"))?;
    Ok(pairs.into_iter().unzip())
}

/// The plugin's library as it was verified. The first runner of a version has it copied.
async fn library(recipe: &Recipe) -> Result<Arc<OwnedFd>, String> {
    let plugin = Arc::clone(&recipe.plugin);
    let sealed = tokio::task::spawn_blocking(move || plugin.sealed()).await;
    sealed.map_err(|_| "the host is stopping".to_owned())?
}

async fn send_start(
    control: &mut Lane,
    recipe: &Recipe,
    library: &OwnedFd,
    lanes: Vec<OwnedFd>,
) -> Result<(), String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let start = ToRunner::Start(Start {
        build_id: BUILD_ID.to_owned(),
        instance: recipe.instance.clone(),
        library: Library::Descriptor,
        state_dir: text(&recipe.state_dir),
        config: recipe.config.to_string().into_bytes().into(),
        lanes: u32::try_from(lanes.len()).unwrap_or(u32::MAX),
        ports: recipe.ports.iter().map(|(port, _)| port.clone()).collect(),
        confinement: confinement(recipe),
        virtual_time: false,
        record: recipe.record,
    });
    let ports = recipe.ports.iter().map(|(_, descriptor)| descriptor);
    let descriptors = std::iter::once(library).chain(&lanes).chain(ports);
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.map(AsFd::as_fd).collect();
    let failed = |error| format!("failed to send the start: {error}");
    send_with(control, &start, &borrowed)
        .await
        .map_err(failed)?;
    if let Some(level) = recipe.log {
        let log = ToRunner::Log { level };
        send_with(control, &log, &[]).await.map_err(failed)?;
    }
    Ok(())
}

/// What the manifest asks for beyond what everybody may.
fn confinement(recipe: &Recipe) -> Confinement {
    let access = &recipe.plugin.manifest.access;
    Confinement {
        own_network: access.own_network,
        pcsc: access.pcsc,
        address_space_bytes: u64::from(access.memory_mib) * 1024 * 1024,
        allow_incomplete: recipe.allow_incomplete_sandbox,
    }
}

async fn send_with(
    control: &mut Lane,
    frame: &ToRunner,
    descriptors: &[BorrowedFd<'_>],
) -> std::io::Result<()> {
    let bytes = payhal_ipc::encode(frame).map_err(std::io::Error::other)?;
    let stream = control.stream();
    let send = || payhal_ipc::send_some(stream, &bytes, descriptors);
    let mut sent = stream.async_io(Interest::WRITABLE, send).await?;
    while sent < bytes.len() {
        let rest = || payhal_ipc::send_some(stream, &bytes[sent..], &[]);
        sent += stream.async_io(Interest::WRITABLE, rest).await?;
    }
    Ok(())
}

/// The parts of its sandbox, as the runner tells them.
async fn wait_until_ready(control: &mut Lane, recipe: &Recipe) -> Result<String, String> {
    let instance = recipe.instance.as_str();
    let mut hearing = Hearing::new(Instant::now());
    loop {
        let frame = control.receive::<FromRunner>().await;
        let frame = frame.map_err(|end| end.to_string())?;
        match hearing.another(&frame, Instant::now()) {
            Heard::Listen => {}
            Heard::Drop => continue,
            Heard::Flood => return Err(LaneEnd::Flooded.to_string()),
        }
        match frame {
            FromRunner::Ready(ready) if ready.build_id == BUILD_ID => {
                tracing::debug!(instance, sandbox = ready.sandbox, "plugin is loaded");
                warn_of_missing(instance, &ready.sandbox);
                return Ok(ready.sandbox);
            }
            FromRunner::Ready(_) => {
                return Err(
                    "the runner was built apart from this daemon; install both anew".into(),
                );
            }
            FromRunner::Failed { reason, .. } => return Err(reason),
            FromRunner::Log { level, text, .. } => log(instance, level, &text),
            // A plugin may connect in `create`, which then waits for this.
            FromRunner::Connect { request, target } => {
                let answer = permitted(&allowed(recipe), &target).await;
                let told = answer_connect(control, request, answer).await;
                told.map_err(|end| end.to_string())?;
            }
            _ => {}
        }
    }
}

/// A runner refuses what it cannot confine, unless the configuration allows it: then it is said.
fn warn_of_missing(instance: &str, sandbox: &str) {
    let in_force: Vec<String> = sandbox.split_whitespace().map(str::to_owned).collect();
    for reach in crate::explain::missing(&in_force) {
        tracing::warn!(instance, "nothing keeps this plugin from {reach}");
    }
}

fn log(instance: &str, level: LogLevel, text: &str) {
    let text = hearing::line(text);
    match level {
        LogLevel::Error => tracing::error!(instance, "{text}"),
        LogLevel::Warn => tracing::warn!(instance, "{text}"),
        LogLevel::Info => tracing::info!(instance, "{text}"),
        LogLevel::Debug => tracing::debug!(instance, "{text}"),
    }
}

/// Owns the control lane and the process until both are gone.
struct Keeper {
    instance: String,
    network: Vec<String>,
    control: Lane,
    queue: mpsc::Receiver<Order>,
    commands: mpsc::Sender<Order>,
    listener: Arc<dyn Listener>,
    pings: Vec<oneshot::Sender<()>>,
    hearing: Hearing,
}

impl Keeper {
    async fn run(mut self, mut child: Child, end: watch::Sender<Option<String>>) {
        let mut why = self.until_end().await;
        // A failing kill means that it is gone already; wait reaps it in both cases.
        let _gone = child.start_kill();
        if let Ok(status) = child.wait().await
            && why.is_none()
        {
            why = Some(format!("the runner ended ({status})"));
        }
        end.send_replace(Some(why.unwrap_or_else(|| "the runner ended".to_owned())));
    }

    /// The reason, where somebody knew one.
    async fn until_end(&mut self) -> Option<String> {
        let mut reason = None;
        loop {
            tokio::select! {
                frame = self.control.receive::<FromRunner>() => match frame {
                    Ok(FromRunner::Failed { reason: why, .. }) => reason = Some(why),
                    Ok(frame) => match self.hearing.another(&frame, Instant::now()) {
                        Heard::Listen => self.heard(frame),
                        Heard::Drop => {}
                        Heard::Flood => return reason.or(Some(LaneEnd::Flooded.to_string())),
                    },
                    Err(LaneEnd::Closed | LaneEnd::Socket(_)) => return reason,
                    Err(broken) => return reason.or(Some(broken.to_string())),
                },
                command = self.queue.recv() => match command {
                    Some(Order::Kill(why)) => return Some(why),
                    Some(command) => {
                        // Who does not read what it is told must not keep others from ending it.
                        let limit = Duration::from_millis(TELL_MS_MAX);
                        let told = timeout(limit, self.tell(command)).await;
                        if let Err(end) = told.unwrap_or(Err(LaneEnd::Deaf)) {
                            return reason.or(Some(end.to_string()));
                        }
                    }
                    None => return reason,
                },
            }
        }
    }

    fn heard(&mut self, frame: FromRunner) {
        match frame {
            FromRunner::Log { level, text, .. } => log(&self.instance, level, &text),
            FromRunner::Event { kind, payload } => self.listener.event(kind, payload),
            FromRunner::Pong { .. } => {
                for ping in self.pings.drain(..) {
                    // Whoever asked may have given up.
                    let _gone = ping.send(());
                }
            }
            FromRunner::Connect { request, target } => self.connect(request, target),
            FromRunner::Recorded { line } => self.listener.recorded(&line),
            // Its time is its own.
            FromRunner::Wait { .. } => {}
            FromRunner::Ready(_) | FromRunner::Failed { .. } => {}
        }
    }

    /// Connects in a task of its own, so that a slow name server does not hold up pings.
    fn connect(&self, request: u64, target: String) {
        let Some(permit) = self.hearing.connect() else {
            // More than a runner asks for at once: nobody waits for an answer.
            return;
        };
        let network = self.network.clone();
        let commands = self.commands.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let answer = permitted(&network, &target).await;
            let command = match answer {
                Ok(descriptor) => Order::Connected(request, descriptor),
                Err(why) => Order::Send(ToRunner::Refused { request, why }),
            };
            // A closed queue means that the runner has ended.
            let _ended = commands.send(command).await;
        });
    }

    async fn tell(&mut self, command: Order) -> Result<(), LaneEnd> {
        match command {
            Order::Send(frame) => self.control.send(&frame).await,
            Order::Stop => self.control.send(&ToRunner::Stop).await,
            Order::Ping(pong) => {
                self.pings.push(pong);
                self.control.send(&ToRunner::Ping { nonce: 0 }).await
            }
            Order::Connected(request, descriptor) => {
                answer_connect(&mut self.control, request, Ok(descriptor)).await
            }
            Order::Kill(_) => Ok(()),
        }
    }
}

/// Connects to a target that manifest or configuration names.
async fn permitted(network: &[String], target: &str) -> Result<OwnedFd, Refused> {
    match network.iter().any(|one| one == target) {
        true => connect(target).await,
        false => Err(Refused::NotAllowed),
    }
}

async fn answer_connect(
    control: &mut Lane,
    request: u64,
    answer: Result<OwnedFd, Refused>,
) -> Result<(), LaneEnd> {
    match answer {
        Ok(descriptor) => {
            let frame = ToRunner::Connected { request };
            Ok(send_with(control, &frame, &[descriptor.as_fd()]).await?)
        }
        Err(why) => control.send(&ToRunner::Refused { request, why }).await,
    }
}

async fn connect(target: &str) -> Result<OwnedFd, Refused> {
    if !target.contains(':') {
        return Err(Refused::Malformed);
    }
    let stream = tokio::net::TcpStream::connect(target)
        .await
        .map_err(|_| Refused::Unreachable)?;
    // Nagle with delayed acknowledgement costs 44 ms an exchange.
    stream.set_nodelay(true).map_err(|_| Refused::Unreachable)?;
    let stream = stream.into_std().map_err(|_| Refused::Unreachable)?;
    stream
        .set_nonblocking(false)
        .map_err(|_| Refused::Unreachable)?;
    Ok(stream.into())
}
