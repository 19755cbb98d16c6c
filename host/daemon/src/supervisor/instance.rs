// SPDX-License-Identifier: MIT OR Apache-2.0
//! One configured device or gateway: its runner's life, its calls, its state.

use super::InstanceConfig;
use super::along::Along;
use super::convert;
use super::keeper::Order;
use super::limits::{
    ORDERS, RECORDED_BYTES_MAX, RECORDING_BYTES_MAX, SCREEN_CHARS_MAX, SIMULATE_MS_MAX,
    STARTING_HINT,
};
use super::orders::Orders;
use super::parameters::{ParameterSet, ParameterSets};
use super::runner::{CallEnd, Listener, Runner};
use super::updating::Update;
use crate::plugins::{Plugin, PluginShelf};
use crate::ports::{PortState, Ports};
use crate::records::Records;
use payhal_engine::answer::Answer;
use payhal_engine::device::DeviceAbilities;
use payhal_engine::device::{DeviceCommand, DeviceReply, DeviceStatus};
use payhal_engine::event::Event;
use payhal_engine::gateway::{GatewayCommand, GatewayParameters, GatewayReply, GatewayStatus};
use payhal_engine::ids::{CallId, DeviceId, GatewayId};
use payhal_engine::prompt::PromptAnswer;
use payhal_engine::protection::Protection;
use payhal_engine::request::Part;
use payhal_failpoint::failpoint;
use payhal_ipc::Payload;
use payhal_messages as m;
use payhal_messages::call::{Failure, Refusal, Status, emission, method};
use payhal_protocol::instances::{InstanceKind, Source};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Where an instance's events go.
pub(crate) trait Outlet: Send + Sync + 'static {
    /// To the engine.
    fn event(&self, event: Event);
    /// What registers see of this instance changed.
    fn changed(&self, instance: &str);
    /// Asks the engine whether what drives this may be replaced now. Granted, no transaction gets
    /// it until it is ready again. Nothing comes back only while the host ends.
    fn set_aside(&self, part: Part, wholly: bool) -> oneshot::Receiver<Answer>;
}

/// In what state an instance is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Its runner is starting.
    Starting,
    /// It takes calls.
    Ready,
    /// Its runner is up, its device is gone.
    Detached,
    /// Its runner ended and will be started again.
    Failed,
    /// Its runner keeps ending; it is left alone for a while.
    GivenUp,
    /// It was removed, its plugin is switched off, or the host is stopping.
    Stopped,
}

impl State {
    /// As programs read it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Detached => "detached",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
            Self::Stopped => "stopped",
        }
    }
}

/// What is known of an instance.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: InstanceKind,
    /// Where its configuration comes from.
    pub(crate) source: Source,
    /// Its plugin; a name with nothing behind it, where that is not to be had.
    pub(crate) plugin: Arc<Plugin>,
    /// Its state.
    pub(crate) state: State,
    /// Why, where there is a reason.
    pub(crate) reason: Option<String>,
    /// Why its runner ended last, also when it is well again.
    pub(crate) last_end: Option<String>,
    /// Since when, microseconds since 1970 UTC.
    pub(crate) since_micros: i64,
    /// What the device says about itself.
    pub(crate) identity: Option<m::reader::Identity>,
    /// What the gateway says about itself.
    pub(crate) opened: Option<m::gateway::Parameters>,
    /// The EMV parameters that this reader was given.
    pub(crate) parameters: Option<ParameterSet>,
    /// How its last update fares.
    pub(crate) update: Option<Update>,
    /// The text on the device's display.
    pub(crate) screen: Option<Vec<String>>,
    /// How often its runner ended unasked.
    pub(crate) ends: u32,
    /// The runner's process id.
    pub(crate) pid: Option<u32>,
    /// Parts of the sandbox that are in force in its runner.
    pub(crate) sandbox: Vec<String>,
    /// How its ports fare.
    pub(crate) ports: Vec<PortState>,
}

/// The next lines of a recording.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Each with its end.
    pub(crate) lines: String,
    /// More is there already.
    pub(crate) more: bool,
    /// Whether it is recorded now.
    pub(crate) recording: bool,
    /// Lines were lost: nobody read in time.
    pub(crate) lost: bool,
}

/// What every instance is made with.
#[derive(Debug)]
pub(super) struct Means {
    /// The runner program.
    pub(super) program: PathBuf,
    /// The folder of instances' own folders.
    pub(super) folder: PathBuf,
    /// What devices are to take.
    pub(super) orders: Orders,
    /// Where what became of it is kept.
    pub(super) records: Records,
    /// Where plugins come from.
    pub(super) shelf: Arc<PluginShelf>,
    /// Where ports come from.
    pub(super) ports: Arc<Ports>,
    /// Whether plugins run where this system cannot confine them in full.
    pub(super) allow_incomplete_sandbox: bool,
    /// The EMV parameters of gateways.
    pub(super) sets: ParameterSets,
    /// One change of any instance at a time.
    pub(super) changing: Arc<tokio::sync::Mutex<()>>,
    /// Whether the host ends.
    pub(super) stopping: watch::Sender<bool>,
}

/// One configured device or gateway.
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) kind: InstanceKind,
    pub(super) means: Arc<Means>,
    pub(super) outlet: Arc<dyn Outlet>,
    held: Mutex<Held>,
    orders: mpsc::Sender<Order>,
}

pub(super) struct Held {
    pub(super) view: View,
    /// What it runs with, or is to.
    pub(super) config: InstanceConfig,
    pub(super) runner: Option<Arc<Runner>>,
    /// Tokens of running calls, to cancel them.
    calls: BTreeMap<CallId, u64>,
    pub(super) detached: Option<String>,
    /// What it waits for before it is ready, though it is there.
    pub(super) waits: Option<String>,
    /// Its next runner records what passes through its ports.
    record: bool,
    /// The operator gave up what it takes.
    pub(super) update_aborted: bool,
    recording: String,
    /// More was recorded than is kept.
    recording_lost: bool,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Held {
    /// Why the device is not whole.
    pub(super) fn incomplete(&self) -> Option<&str> {
        let identity = self.view.identity.as_ref()?;
        identity.incomplete.as_deref()
    }
}

/// Why a simulated action was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    /// No such instance.
    #[error("there is no `{0}`")]
    NotFound(String),
    /// It drives something real.
    #[error("`{0}` is not simulated")]
    NotSimulated(String),
    /// Its runner is down.
    #[error("`{name}` is not running: {reason}")]
    NotRunning {
        /// The instance.
        name: String,
        /// Why.
        reason: String,
    },
    /// The plugin said no.
    #[error("{0}")]
    Refused(String),
}

impl Instance {
    /// It does nothing before it is kept.
    pub(super) fn new(
        config: InstanceConfig,
        means: Arc<Means>,
        outlet: Arc<dyn Outlet>,
    ) -> (Arc<Self>, mpsc::Receiver<Order>) {
        let (orders, queue) = mpsc::channel(ORDERS);
        let view = View {
            name: config.name.clone(),
            kind: config.kind,
            source: config.source,
            plugin: Plugin::absent(&config.plugin, config.kind == InstanceKind::Gateway),
            state: State::Starting,
            reason: None,
            last_end: None,
            since_micros: crate::clock::wall_micros(),
            identity: None,
            opened: None,
            parameters: None,
            update: None,
            screen: None,
            ends: 0,
            pid: None,
            sandbox: Vec::new(),
            ports: Vec::new(),
        };
        let (name, kind) = (config.name.clone(), config.kind);
        let held = Held {
            view,
            config,
            runner: None,
            calls: BTreeMap::new(),
            detached: None,
            waits: None,
            record: false,
            update_aborted: false,
            recording: String::new(),
            recording_lost: false,
        };
        let instance = Self {
            name,
            kind,
            means,
            outlet,
            held: Mutex::new(held),
            orders,
        };
        (Arc::new(instance), queue)
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> View {
        let mut view = self.held().view.clone();
        view.ports = self.means.ports.states(&self.name);
        view
    }

    pub(super) fn config(&self) -> InstanceConfig {
        self.held().config.clone()
    }

    pub(super) fn part(&self) -> Part {
        match self.kind {
            InstanceKind::Device => Part::Device(DeviceId::from(self.name.as_str())),
            InstanceKind::Gateway => Part::Gateway(GatewayId::from(self.name.as_str())),
        }
    }

    /// Tells its keeper; one that has ended does nothing any more.
    pub(super) async fn order(&self, order: Order) {
        let _ended = self.orders.send(order).await;
    }

    /// Ready or detached, whichever the plugin last said; not ready as long as it waits.
    pub(super) fn settle(&self) {
        let (detached, waits) = {
            let held = self.held();
            let incomplete = held.incomplete().map(|why| {
                format!("{why}; it takes no payment until it is given an update that is whole")
            });
            let waits = incomplete.or_else(|| held.waits.clone());
            (held.detached.clone(), waits)
        };
        match (detached, waits) {
            (None, None) => self.enter(State::Ready, None, None),
            (None, Some(why)) => self.enter(State::Starting, Some(why), Some(STARTING_HINT)),
            (Some(why), _) => self.enter(State::Detached, Some(why), None),
        }
    }

    pub(super) fn enter(&self, state: State, reason: Option<String>, pause: Option<Duration>) {
        let ready = state == State::Ready;
        {
            let mut held = self.held();
            held.view.state = state;
            held.view.reason = reason;
            held.view.since_micros = crate::clock::wall_micros();
        }
        let retry_after_ms =
            pause.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        self.outlet.event(self.status(ready, retry_after_ms));
        self.outlet.changed(&self.name);
    }

    /// What a fresh engine must know.
    pub(super) fn status_now(&self) -> Event {
        let ready = self.held().view.state == State::Ready;
        self.status(ready, None)
    }

    fn status(&self, ready: bool, retry_after_ms: Option<u64>) -> Event {
        let (plugin, reason) = {
            let held = self.held();
            (Arc::clone(&held.view.plugin), held.view.reason.clone())
        };
        match self.kind {
            InstanceKind::Device => Event::DeviceChanged {
                device: DeviceId::from(self.name.as_str()),
                status: Some(DeviceStatus {
                    abilities: convert::abilities(&plugin.manifest).unwrap_or(NOTHING),
                    ready,
                    retry_after_ms,
                    why: reason.map(Into::into),
                    protection: self.protection(&plugin),
                }),
            },
            InstanceKind::Gateway => Event::GatewayChanged {
                gateway: GatewayId::from(self.name.as_str()),
                status: Some(GatewayStatus {
                    parameters: self.parameters(&plugin),
                    ready,
                    retry_after_ms,
                }),
            },
        }
    }

    fn protection(&self, plugin: &Plugin) -> Protection {
        let held = self.held();
        let sealing = held.view.identity.as_ref();
        let sealing = sealing.and_then(|identity| identity.sealing.as_ref());
        convert::protection(&plugin.manifest, sealing)
    }

    fn parameters(&self, plugin: &Plugin) -> Option<GatewayParameters> {
        let held = self.held();
        let opened = held.view.opened.as_ref()?;
        let gateway = GatewayId::from(self.name.as_str());
        let abilities = plugin.manifest.gateway.as_ref();
        Some(convert::parameters(&gateway, opened, abilities))
    }

    fn begin(&self, call: CallId) -> Option<(Arc<Runner>, u64)> {
        let mut held = self.held();
        let runner = held.runner.clone()?;
        let token = runner.token();
        held.calls.insert(call, token);
        Some((runner, token))
    }

    fn why_down(&self) -> String {
        let held = self.held();
        held.view
            .reason
            .clone()
            .unwrap_or_else(|| "its plugin is starting".to_owned())
    }

    /// Runs one device call; its reply goes to the outlet, whatever happens.
    /// It can be cancelled from the moment this returns.
    pub(super) fn call_device(
        self: Arc<Self>,
        call: CallId,
        command: DeviceCommand,
        deadline: Instant,
    ) -> impl Future<Output = ()> + Send + 'static {
        let begun = self.begin(call);
        async move { self.run_device_call(begun, call, command, deadline).await }
    }

    async fn run_device_call(
        &self,
        begun: Option<(Arc<Runner>, u64)>,
        call: CallId,
        command: DeviceCommand,
        deadline: Instant,
    ) {
        let reply = match begun {
            None => DeviceReply::Failed {
                effect_possible: false,
                reason: self.why_down().into(),
            },
            Some((runner, token)) => {
                let entries = self.entries();
                let (method, payload) = convert::device_command(&self.name, &entries, &command);
                let emitted = |kind, payload: &[u8]| self.emitted(call, kind, payload);
                match runner.call(token, method, payload, deadline, emitted).await {
                    CallEnd::Replied { status, payload } => {
                        convert::device_reply(&self.name, method, status, &payload)
                    }
                    CallEnd::Died(why) | CallEnd::Late(why) => DeviceReply::Failed {
                        effect_possible: true,
                        reason: why.into(),
                    },
                }
            }
        };
        self.held().calls.remove(&call);
        self.outlet.event(Event::DeviceReplied { call, reply });
        failpoint!("device.reply.after");
    }

    fn entries(&self) -> Vec<payhal_engine::card::Entry> {
        let plugin = Arc::clone(&self.held().view.plugin);
        match convert::abilities(&plugin.manifest) {
            Some(DeviceAbilities::Reader { entries, .. }) => entries,
            _ => Vec::new(),
        }
    }

    fn emitted(&self, call: CallId, kind: u32, payload: &[u8]) {
        match kind {
            emission::PROGRESS => {
                // Progress is advice: what cannot be read is left out.
                if let Ok(progress) = serde_json::from_slice::<m::prompt::Progress>(payload) {
                    self.outlet.event(Event::DeviceProgressed {
                        call,
                        stage: convert::stage(progress.stage),
                        pin: progress.pin.map(convert::pin_event),
                        text: progress.text.into(),
                    });
                }
            }
            emission::PROMPT => {
                // So is a question that cannot be read: its plugin keeps its own time.
                if let Ok(prompt) = serde_json::from_slice::<m::prompt::Prompt>(payload) {
                    let prompt = convert::prompt(&prompt);
                    self.outlet.event(Event::DevicePrompted { call, prompt });
                }
            }
            _ => {}
        }
    }

    /// Brings a call the answer to its question; a call that has ended needs none.
    pub(super) fn deliver(&self, call: CallId, number: u64, answer: PromptAnswer) {
        let held = self.held();
        if let (Some(runner), Some(token)) = (&held.runner, held.calls.get(&call)) {
            runner.deliver(*token, number, convert::prompt_answer(answer));
        }
    }

    /// Runs one gateway call; its reply goes to the outlet, whatever happens. `along`: what was
    /// kept for it.
    pub(super) async fn call_gateway(
        self: Arc<Self>,
        call: CallId,
        command: GatewayCommand,
        along: Option<Along>,
        deadline: Instant,
    ) {
        let not_sent = |reason: String| GatewayReply::Failed {
            sent: false,
            reason: reason.into(),
        };
        let reply = match (self.begin(call), convert::gateway_command(&command, along)) {
            (None, _) => not_sent(self.why_down()),
            (_, None) => not_sent("the sealed read is malformed".to_owned()),
            (Some((runner, token)), Some((method, payload))) => {
                match runner
                    .call(token, method, payload, deadline, |_, _| {})
                    .await
                {
                    CallEnd::Replied { status, payload } => {
                        convert::gateway_reply(method, status, &payload)
                    }
                    CallEnd::Died(why) | CallEnd::Late(why) => GatewayReply::Failed {
                        sent: true,
                        reason: why.into(),
                    },
                }
            }
        };
        self.held().calls.remove(&call);
        self.outlet.event(Event::GatewayReplied { call, reply });
        failpoint!("gateway.reply.after");
    }

    pub(super) fn cancel(&self, call: CallId) {
        let held = self.held();
        if let (Some(runner), Some(token)) = (&held.runner, held.calls.get(&call)) {
            runner.cancel(*token);
        }
    }

    /// Acts as a person at a simulated device would.
    pub(super) async fn simulate(
        &self,
        action: serde_json::Value,
    ) -> Result<serde_json::Value, SimulateError> {
        let name = self.name.clone();
        if !self.held().view.plugin.manifest.simulated {
            return Err(SimulateError::NotSimulated(name));
        }
        let Some(runner) = self.held().runner.clone() else {
            return Err(SimulateError::NotRunning {
                name,
                reason: self.why_down(),
            });
        };
        let deadline = Instant::now() + Duration::from_millis(SIMULATE_MS_MAX);
        let payload = action.to_string().into_bytes();
        // A task of its own, because a lane must not be left halfway when a register goes away.
        let call = tokio::spawn(async move {
            runner
                .call(
                    runner.token(),
                    method::SIMULATE,
                    payload,
                    deadline,
                    |_, _| {},
                )
                .await
        });
        let end = call
            .await
            .unwrap_or_else(|_| CallEnd::Died("the host is stopping".to_owned()));
        let payload = reply_of(end).map_err(SimulateError::Refused)?;
        serde_json::from_slice(&payload)
            .map_err(|_| SimulateError::Refused("the plugin's reply is no JSON".to_owned()))
    }

    fn heard(&self, kind: u32, payload: &[u8]) {
        if kind != emission::CHANGE {
            return;
        }
        let Ok(change) = serde_json::from_slice::<m::prompt::DeviceChange>(payload) else {
            return;
        };
        match change {
            m::prompt::DeviceChange::Screen { lines } => {
                self.held().view.screen = Some(bounded(lines));
                self.outlet.changed(&self.name);
            }
            m::prompt::DeviceChange::Broken { reason } => self.restart(reason),
            m::prompt::DeviceChange::Attached => self.attach(None),
            m::prompt::DeviceChange::Detached { reason } => self.attach(Some(reason)),
        }
    }

    /// The plugin says that it cannot go on.
    fn restart(&self, why: String) {
        if let Some(runner) = self.held().runner.clone() {
            tokio::spawn(async move { runner.kill(&why).await });
        }
    }

    /// Whether what passes through its ports is recorded from its next start on; whether it was.
    pub(super) fn record(&self, on: bool) -> bool {
        let mut held = self.held();
        if on {
            held.recording.clear();
            held.recording_lost = false;
        }
        std::mem::replace(&mut held.record, on)
    }

    pub(super) fn is_recording(&self) -> bool {
        self.held().record
    }

    /// What its runners have recorded.
    pub(super) fn take_recording(&self) -> Recorded {
        let mut held = self.held();
        let whole = held.recording.len() <= RECORDED_BYTES_MAX;
        let end = match whole {
            true => held.recording.len(),
            // Each line is shorter by far.
            false => held.recording[..RECORDED_BYTES_MAX]
                .rfind('\n')
                .map_or(0, |end| end + 1),
        };
        Recorded {
            lines: held.recording.drain(..end).collect(),
            more: !held.recording.is_empty(),
            recording: held.record,
            lost: std::mem::take(&mut held.recording_lost),
        }
    }

    fn recorded(&self, line: &str) {
        let mut held = self.held();
        if held.recording.len() + line.len() < RECORDING_BYTES_MAX {
            held.recording.push_str(line);
            held.recording.push('\n');
        } else {
            held.recording_lost = true;
        }
    }

    fn attach(&self, detached: Option<String>) {
        let up = {
            let mut held = self.held();
            held.detached = detached;
            held.runner.is_some()
        };
        if up {
            self.settle();
            // What it could not be given while it was away.
            self.means.sets.look_again();
        }
    }
}

/// What a device can do whose plugin is not to be had.
const NOTHING: DeviceAbilities = DeviceAbilities::Reader {
    entries: Vec::new(),
    tip: false,
    offline: false,
    dcc: false,
};

fn bounded(lines: Vec<String>) -> Vec<String> {
    let mut left = SCREEN_CHARS_MAX;
    let cut = lines.into_iter().map(|line| {
        let line: String = line.chars().take(left).collect();
        left -= line.chars().count();
        line
    });
    cut.collect()
}

/// The payload of a good reply, or what went wrong in words.
pub(super) fn reply_of(end: CallEnd) -> Result<Payload, String> {
    match end {
        CallEnd::Died(why) | CallEnd::Late(why) => Err(why),
        CallEnd::Replied { status, payload } => match Status::from_code(status) {
            Some(Status::Ok) => Ok(payload),
            Some(Status::Refused) => {
                let refusal: Refusal = convert::parse(&payload).map_err(|why| why.to_string())?;
                Err(refusal.text)
            }
            Some(Status::Failed) => {
                let failure: Failure = convert::parse(&payload).map_err(|why| why.to_string())?;
                Err(failure.to_string())
            }
            Some(Status::Unsupported) => Err("the plugin does not support this".to_owned()),
            Some(Status::Cancelled) => Err("the call was cancelled".to_owned()),
            None => Err(format!("{status} is no status")),
        },
    }
}

/// Breaks the cycle between an instance and its runner's keeper.
pub(super) struct Heard(pub(super) std::sync::Weak<Instance>);

impl Listener for Heard {
    fn event(&self, kind: u32, payload: Payload) {
        if let Some(instance) = self.0.upgrade() {
            instance.heard(kind, &payload);
        }
    }

    fn recorded(&self, line: &str) {
        if let Some(instance) = self.0.upgrade() {
            instance.recorded(line);
        }
    }
}
