// SPDX-License-Identifier: MIT OR Apache-2.0
//! One configured device or gateway: its runner's life, its calls, its state.

use super::convert;
use super::discovery::Plugin;
use super::limits::{OPEN_MS_MAX, SCREEN_CHARS_MAX, SIMULATE_MS_MAX, STARTING_HINT};
use super::restart::{Ends, Verdict};
use super::runner::{CallEnd, Listener, Recipe, Runner};
use payhal_engine::device::{DeviceCommand, DeviceReply, DeviceStatus};
use payhal_engine::event::Event;
use payhal_engine::gateway::{GatewayCommand, GatewayParameters, GatewayReply, GatewayStatus};
use payhal_engine::ids::{CallId, DeviceId, GatewayId};
use payhal_engine::prompt::PromptAnswer;
use payhal_engine::protection::Protection;
use payhal_failpoint::failpoint;
use payhal_ipc::Payload;
use payhal_messages as m;
use payhal_messages::call::{Failure, Refusal, Status, emission, method};
use payhal_messages::manifest::Kind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Where an instance's events go.
pub(crate) trait Outlet: Send + Sync + 'static {
    /// To the engine.
    fn event(&self, event: Event);
    /// What registers see of this instance changed.
    fn changed(&self, instance: &str);
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
    /// The host is stopping.
    Stopped,
}

/// What is known of an instance.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Its plugin.
    pub(crate) plugin: Arc<Plugin>,
    /// Its state.
    pub(crate) state: State,
    /// Why, where there is a reason.
    pub(crate) reason: Option<String>,
    /// Since when, microseconds since 1970 UTC.
    pub(crate) since_micros: i64,
    /// What the device says about itself.
    pub(crate) identity: Option<m::reader::Identity>,
    /// What the gateway says about itself.
    pub(crate) opened: Option<m::gateway::Parameters>,
    /// The text on the device's display.
    pub(crate) screen: Option<Vec<String>>,
    /// How often its runner ended unasked.
    pub(crate) ends: u32,
    /// The runner's process id.
    pub(crate) pid: Option<u32>,
}

/// One configured device or gateway.
pub(super) struct Instance {
    recipe: Recipe,
    outlet: Arc<dyn Outlet>,
    held: Mutex<Held>,
    stop: Notify,
}

struct Held {
    view: View,
    runner: Option<Arc<Runner>>,
    /// Tokens of running calls, to cancel them.
    calls: BTreeMap<CallId, u64>,
    detached: Option<String>,
    stopping: bool,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.recipe.instance)
            .finish_non_exhaustive()
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
    pub(super) fn new(recipe: Recipe, outlet: Arc<dyn Outlet>) -> Arc<Self> {
        let view = View {
            name: recipe.instance.clone(),
            plugin: Arc::clone(&recipe.plugin),
            state: State::Starting,
            reason: None,
            since_micros: crate::clock::wall_micros(),
            identity: None,
            opened: None,
            screen: None,
            ends: 0,
            pid: None,
        };
        let held = Held {
            view,
            runner: None,
            calls: BTreeMap::new(),
            detached: None,
            stopping: false,
        };
        Arc::new(Self {
            recipe,
            outlet,
            held: Mutex::new(held),
            stop: Notify::new(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> View {
        self.held().view.clone()
    }

    pub(super) fn kind(&self) -> Kind {
        self.recipe.plugin.manifest.kind
    }

    /// Keeps a runner alive until `stop`.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut ends = Ends::default();
        loop {
            self.enter(State::Starting, None, Some(STARTING_HINT));
            let why = self.live_once().await;
            if self.held().stopping {
                self.enter(State::Stopped, None, None);
                return;
            }
            let pause = self.count_end(&mut ends, why);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.notified() => {}
            }
            if self.held().stopping {
                return;
            }
        }
    }

    fn count_end(&self, ends: &mut Ends, why: String) -> Duration {
        tracing::warn!(
            instance = self.recipe.instance,
            "plugin runner ended: {why}"
        );
        self.held().view.ends += 1;
        let (state, pause) = match ends.another(Instant::now()) {
            Verdict::Restart(pause) => (State::Failed, pause),
            Verdict::GiveUp(pause) => (State::GivenUp, pause),
        };
        self.enter(state, Some(why), Some(pause));
        pause
    }

    /// One runner from start to end; says why it ended.
    async fn live_once(self: &Arc<Self>) -> String {
        let listener: Arc<dyn Listener> = Arc::new(Heard(Arc::downgrade(self)));
        let runner = match Runner::start(&self.recipe, listener).await {
            Ok(runner) => runner,
            Err(why) => return why,
        };
        self.held().view.pid = runner.pid();
        if let Err(why) = self.open(&runner).await {
            runner.kill(&why).await;
            runner.ended().await;
            self.held().view.pid = None;
            return why;
        }
        self.held().runner = Some(Arc::clone(&runner));
        self.settle();
        tokio::select! {
            why = runner.ended() => self.forget_runner(why),
            () = self.stop.notified() => {
                runner.stop().await;
                self.forget_runner("the host is stopping".to_owned())
            }
        }
    }

    fn forget_runner(&self, why: String) -> String {
        let mut held = self.held();
        held.runner = None;
        held.detached = None;
        held.view.pid = None;
        held.view.screen = None;
        why
    }

    /// Asks a fresh plugin who it is.
    async fn open(&self, runner: &Runner) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_millis(OPEN_MS_MAX);
        let method = if self.kind() == Kind::Gateway {
            method::OPEN
        } else {
            method::IDENTIFY
        };
        let end = runner
            .call(runner.token(), method, b"{}".to_vec(), deadline, |_, _| {})
            .await;
        let payload = reply_of(end)?;
        let mut held = self.held();
        if self.kind() == Kind::Gateway {
            held.view.opened = Some(convert::parse(&payload).map_err(|why| why.to_string())?);
        } else {
            held.view.identity = Some(convert::parse(&payload).map_err(|why| why.to_string())?);
        }
        Ok(())
    }

    /// Ready or detached, whichever the plugin last said.
    fn settle(&self) {
        let detached = self.held().detached.clone();
        match detached {
            None => self.enter(State::Ready, None, None),
            Some(why) => self.enter(State::Detached, Some(why), None),
        }
    }

    fn enter(&self, state: State, reason: Option<String>, pause: Option<Duration>) {
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
        self.outlet.changed(&self.recipe.instance);
    }

    /// What a fresh engine must know.
    pub(super) fn status_now(&self) -> Event {
        let ready = self.held().view.state == State::Ready;
        self.status(ready, None)
    }

    fn status(&self, ready: bool, retry_after_ms: Option<u64>) -> Event {
        let name = self.recipe.instance.as_str();
        match convert::abilities(&self.recipe.plugin.manifest) {
            Some(abilities) => Event::DeviceChanged {
                device: DeviceId::from(name),
                status: Some(DeviceStatus {
                    abilities,
                    ready,
                    retry_after_ms,
                    protection: self.protection(),
                }),
            },
            None => Event::GatewayChanged {
                gateway: GatewayId::from(name),
                status: Some(GatewayStatus {
                    parameters: self.parameters(),
                    ready,
                    retry_after_ms,
                }),
            },
        }
    }

    fn protection(&self) -> Protection {
        let held = self.held();
        let sealing = held.view.identity.as_ref();
        let sealing = sealing.and_then(|identity| identity.sealing.as_ref());
        convert::protection(&self.recipe.plugin.manifest, sealing)
    }

    fn parameters(&self) -> Option<GatewayParameters> {
        let held = self.held();
        let opened = held.view.opened.as_ref()?;
        let gateway = GatewayId::from(self.recipe.instance.as_str());
        let abilities = self.recipe.plugin.manifest.gateway.as_ref();
        Some(convert::parameters(&gateway, opened, abilities))
    }

    /// Ends the runner and keeps it ended.
    pub(super) fn stop(&self) {
        self.held().stopping = true;
        self.stop.notify_one();
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
                let (method, payload) =
                    convert::device_command(&self.recipe.instance, &entries, &command);
                let emitted = |kind, payload: &[u8]| self.emitted(call, kind, payload);
                match runner.call(token, method, payload, deadline, emitted).await {
                    CallEnd::Replied { status, payload } => {
                        convert::device_reply(&self.recipe.instance, method, status, &payload)
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
        match convert::abilities(&self.recipe.plugin.manifest) {
            Some(payhal_engine::device::DeviceAbilities::Reader { entries, .. }) => entries,
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

    /// Runs one gateway call; its reply goes to the outlet, whatever happens. `number`: what was
    /// kept for a reversal.
    pub(super) async fn call_gateway(
        self: Arc<Self>,
        call: CallId,
        command: GatewayCommand,
        number: Option<m::gateway::SealedNumber>,
        deadline: Instant,
    ) {
        let not_sent = |reason: String| GatewayReply::Failed {
            sent: false,
            reason: reason.into(),
        };
        let reply = match (self.begin(call), convert::gateway_command(&command, number)) {
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
        let name = self.recipe.instance.clone();
        if !self.recipe.plugin.manifest.simulated {
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
                self.outlet.changed(&self.recipe.instance);
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

    fn attach(&self, detached: Option<String>) {
        let up = {
            let mut held = self.held();
            held.detached = detached;
            held.runner.is_some()
        };
        if up {
            self.settle();
        }
    }
}

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
fn reply_of(end: CallEnd) -> Result<Payload, String> {
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
struct Heard(std::sync::Weak<Instance>);

impl Listener for Heard {
    fn event(&self, kind: u32, payload: Payload) {
        if let Some(instance) = self.0.upgrade() {
            instance.heard(kind, &payload);
        }
    }
}
