// SPDX-License-Identifier: MIT OR Apache-2.0
//! New firmware or configuration for a device: stored first, handed over when nobody needs the
//! device and whenever its runner starts, until the device says that it works with it.
//!
//! The file and the order stand on disk before anything is asked of the device, so that whatever
//! dies is done again. While it goes on, and as long as the device says that it is not whole, the
//! device takes no payment. A file must never be handed over that is not the one that was stored.

use super::appearing::idle;
use super::instance::{Instance, State, reply_of};
use super::keeper::ask;
use super::limits::{STARTING_HINT, UPDATE_FINISH_MS_MAX, UPDATE_MS_MAX};
use super::orders::Order;
use super::runner::{CallEnd, Runner};
use crate::audit::{Action, Actor, Audit};
use payhal_ipc::Payload;
use payhal_messages::call::{Refusal, Status, method};
use payhal_messages::update::{PIECE_BYTES_MAX, UpdateBegin, UpdateBegun, UpdateKind, UpdatePiece};
use payhal_protocol::instances::InstanceKind;
use serde::Serialize;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

const STOPPING: &str = "the host is stopping";

/// How an update fares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Update {
    /// What.
    pub(crate) file: UpdateBegin,
    /// Bytes that the device has.
    pub(crate) done: u64,
    /// Where it stands.
    pub(crate) stage: UpdateStage,
    /// The device's firmware before, as it told.
    pub(crate) before: Option<String>,
    /// Its firmware after that.
    pub(crate) after: Option<String>,
}

/// Where an update stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum UpdateStage {
    /// It is stored; the device is away, starting or failing.
    Waiting,
    /// The device takes it.
    Running,
    /// The device works with it.
    Done,
    /// The device does not take it, and works as before. Why.
    Refused(String),
    /// The operator gave it up.
    Aborted,
}

impl Update {
    fn new(file: UpdateBegin) -> Self {
        Self {
            file,
            done: 0,
            stage: UpdateStage::Waiting,
            before: None,
            after: None,
        }
    }

    fn hundredth(&self) -> u64 {
        self.done.saturating_mul(100) / self.file.bytes.max(1)
    }

    /// For the audit, whose readers may have nothing else.
    fn story(&self) -> String {
        let name = &self.file.name;
        let end = match &self.stage {
            UpdateStage::Waiting | UpdateStage::Running => format!("it is to take {name}"),
            UpdateStage::Done => format!("it took {name}"),
            UpdateStage::Refused(why) => format!("it did not take {name}: {why}"),
            UpdateStage::Aborted => format!("what it was to take was given up: {name}"),
        };
        let version = |version: &Option<String>| version.clone().unwrap_or("unknown".to_owned());
        let (before, after) = (version(&self.before), version(&self.after));
        format!("{end}; firmware before: {before}, now: {after}")
    }
}

/// How a handing over ended that nothing broke.
enum End {
    Has,
    Refused(String),
    Aborted,
}

/// Hands over what is ordered, if anything is. The device works with it when this returns, or as it
/// did before, or it is away and takes it when it is there again; whether it is whole, it has said.
///
/// # Errors
/// In words, where nobody knows what the device has now: a fresh process begins again.
pub(super) async fn update(instance: &Instance, runner: &Runner) -> Result<(), String> {
    if instance.kind != InstanceKind::Device || instance.held().detached.is_some() {
        return Ok(());
    }
    let order = match ordered(instance).await {
        Ok(Some(order)) => order,
        Ok(None) => {
            instance.end_waiting(UpdateStage::Aborted);
            return Ok(());
        }
        Err(why) => {
            // No reason to keep it from its work: a device that is not whole says so by itself.
            tracing::error!(instance = instance.name, "{why}; order the update again");
            instance.end_waiting(UpdateStage::Refused(why));
            return Ok(());
        }
    };
    let why = format!("it takes the {} {}", word(order.file.kind), order.file.name);
    instance.begin_update(&order.file);
    instance.enter(State::Starting, Some(why.clone()), Some(STARTING_HINT));
    let mut stopping = instance.means.stopping.subscribe();
    let end = tokio::select! {
        end = taken(instance, runner, &order) => end,
        _ = stopping.wait_for(|stopping| *stopping) => Err(STOPPING.to_owned()),
    };
    let stage = match end {
        Ok(End::Has) => UpdateStage::Done,
        Ok(End::Refused(why)) => UpdateStage::Refused(why),
        Ok(End::Aborted) => UpdateStage::Aborted,
        Err(broken) => {
            let given_up = instance.held().update_aborted;
            instance.tell_update(&order.file, |update| {
                update.stage = match given_up {
                    true => UpdateStage::Aborted,
                    false => UpdateStage::Waiting,
                };
            });
            // One that went away is no fault of its plugin.
            return match instance.held().detached.is_some() {
                true => Ok(()),
                false => Err(format!("{why}: {broken}")),
            };
        }
    };
    conclude(instance, &order, stage).await;
    Ok(())
}

fn word(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Firmware => "firmware",
        UpdateKind::Configuration => "configuration",
    }
}

async fn ordered(instance: &Instance) -> Result<Option<Order>, String> {
    let (orders, name) = (instance.means.orders.clone(), instance.name.clone());
    let pending = tokio::task::spawn_blocking(move || orders.pending(&name)).await;
    pending.map_err(|_| STOPPING.to_owned())?
}

/// The whole way, to a device that has said who it is now.
async fn taken(instance: &Instance, runner: &Runner, order: &Order) -> Result<End, String> {
    let plugin = instance.config().plugin;
    if plugin != order.plugin {
        let text = format!("it is for a device of the plugin `{}`", order.plugin);
        return Ok(End::Refused(text));
    }
    let end = hand_over(instance, runner, &order.file).await?;
    // It may be another one now.
    ask(instance, runner).await?;
    Ok(end)
}

/// In the audit before the order is forgotten: a device that has it says so again after a crash.
async fn conclude(instance: &Instance, order: &Order, stage: UpdateStage) {
    let after = instance.firmware();
    let update = instance.tell_update(&order.file, |update| {
        if stage == UpdateStage::Done {
            update.done = update.file.bytes;
        }
        update.stage = stage;
        update.after = after;
    });
    let name = instance.name.as_str();
    let story = update.story();
    match update.stage {
        UpdateStage::Refused(_) => tracing::warn!(instance = name, "update: {story}"),
        _ => tracing::info!(instance = name, "update: {story}"),
    }
    let details = serde_json::json!({
        "kind": update.file.kind,
        "sha256": update.file.sha256,
        "firmware_before": update.before,
        "firmware": update.after,
    });
    let audit = Audit::new(&Actor::Host, Action::DeviceUpdated, Some(name), &story);
    if let Err(why) = instance
        .means
        .records
        .audit(audit.with_details(&details))
        .await
    {
        tracing::error!(instance = name, "the update is not in the audit: {why}");
    }
    let (orders, device, order) = (
        instance.means.orders.clone(),
        name.to_owned(),
        order.clone(),
    );
    let forgotten = tokio::task::spawn_blocking(move || orders.forget(&device, Some(&order)));
    if let Ok(Err(error)) = forgotten.await {
        // The device says next time that it has it, or refuses it again.
        tracing::warn!(
            instance = name,
            "failed to end the order of an update: {error}"
        );
    }
}

async fn hand_over(
    instance: &Instance,
    runner: &Runner,
    file: &UpdateBegin,
) -> Result<End, String> {
    let (orders, name, wanted) = (
        instance.means.orders.clone(),
        instance.name.clone(),
        file.clone(),
    );
    let opened = tokio::task::spawn_blocking(move || orders.open(&name, &wanted)).await;
    let copy = match opened.map_err(|_| STOPPING.to_owned())? {
        Ok(copy) => Arc::new(copy),
        Err(why) => return Ok(End::Refused(why)),
    };
    let begun = match say(runner, method::UPDATE_BEGIN, file, UPDATE_MS_MAX).await? {
        Ok(reply) => serde_json::from_slice(&reply)
            .map_err(|_| "its answer to `update_begin` is none".to_owned())?,
        Err(refused) => return Ok(End::Refused(refused)),
    };
    let UpdateBegun::Takes { mut offset } = begun else {
        return Ok(End::Has);
    };
    if offset > file.bytes {
        return Err("it wants bytes that the file does not have".to_owned());
    }
    while offset < file.bytes {
        if instance.held().update_aborted {
            return Ok(End::Aborted);
        }
        let data = piece(&copy, offset, file.bytes - offset).await?;
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let piece = UpdatePiece { offset, data };
        if let Err(refused) = say(runner, method::UPDATE_PIECE, &piece, UPDATE_MS_MAX).await? {
            return Ok(End::Refused(refused));
        }
        offset += length;
        instance.tell_update(file, |update| update.done = offset);
    }
    match say(runner, method::UPDATE_FINISH, file, UPDATE_FINISH_MS_MAX).await? {
        Ok(_) => Ok(End::Has),
        Err(refused) => Ok(End::Refused(refused)),
    }
}

/// The next bytes of the copy, `left` being all of them.
async fn piece(copy: &Arc<File>, offset: u64, left: u64) -> Result<Vec<u8>, String> {
    let copy = Arc::clone(copy);
    let read = tokio::task::spawn_blocking(move || {
        let most = left.min(u64::try_from(PIECE_BYTES_MAX).unwrap_or(u64::MAX));
        let mut data = vec![0; usize::try_from(most).unwrap_or(PIECE_BYTES_MAX)];
        copy.read_exact_at(&mut data, offset).map(|()| data)
    });
    let read = read.await.map_err(|_| STOPPING.to_owned())?;
    read.map_err(|error| format!("the host's copy: {error}"))
}

/// The reply, or a refusal in the device's words.
async fn say<T: Serialize>(
    runner: &Runner,
    method: &str,
    message: &T,
    limit_ms: u64,
) -> Result<Result<Payload, String>, String> {
    let payload = serde_json::to_vec(message).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    let end = runner
        .call(runner.token(), method, payload, deadline, |_, _| {})
        .await;
    if let CallEnd::Replied { status, payload } = &end
        && matches!(
            Status::from_code(*status),
            Some(Status::Refused | Status::Unsupported)
        )
    {
        let words = serde_json::from_slice(payload).map(|refusal: Refusal| refusal.text);
        return Ok(Err(
            words.unwrap_or_else(|_| "its plugin cannot do this".to_owned())
        ));
    }
    reply_of(end).map(Ok)
}

/// Comes back when a device that is there is to take something, and nobody needs it. As [`idle`] has
/// it.
pub(super) async fn is_to_update(instance: &Instance) -> OwnedMutexGuard<()> {
    let mut changes = instance.means.sets.changes();
    loop {
        changes.mark_unchanged();
        if instance.waits_for_update() {
            // Wholly: what a terminal still owes an answer about may not survive its new firmware.
            return idle(instance, true).await;
        }
        // The sender lives as long as the instance.
        let _new = changes.changed().await;
    }
}

impl Instance {
    /// For whoever looks; told in steps of a hundredth. Nobody is told of a file that another one
    /// has taken the place of.
    fn tell_update(&self, file: &UpdateBegin, change: impl FnOnce(&mut Update)) -> Update {
        let (told, now) = {
            let mut held = self.held();
            let shown = held.view.update.as_mut();
            let Some(update) = shown.filter(|update| update.file == *file) else {
                drop(held);
                let mut unseen = Update::new(file.clone());
                change(&mut unseen);
                return unseen;
            };
            let (stage, hundredth) = (update.stage.clone(), update.hundredth());
            change(update);
            (
                stage != update.stage || hundredth != update.hundredth(),
                update.clone(),
            )
        };
        if told {
            self.outlet.changed(&self.name);
        }
        now
    }

    fn firmware(&self) -> Option<String> {
        let held = self.held();
        held.view.identity.as_ref()?.firmware.clone()
    }

    fn begin_update(&self, file: &UpdateBegin) {
        let before = self.firmware();
        let mut held = self.held();
        let known = held.view.update.take().filter(|known| known.file == *file);
        let known = known.unwrap_or_else(|| Update::new(file.clone()));
        held.view.update = Some(Update {
            done: 0,
            stage: UpdateStage::Running,
            // What is half on it is not what was there before.
            before: known.before.clone().or(before),
            ..known
        });
    }

    /// A file is stored for it.
    pub(super) fn ordered(&self, file: UpdateBegin) {
        {
            let mut held = self.held();
            held.update_aborted = false;
            held.view.update = Some(Update::new(file));
        }
        self.outlet.changed(&self.name);
    }

    /// The operator gives up what it is to take.
    pub(super) fn give_up_update(&self) {
        self.held().update_aborted = true;
        self.end_waiting(UpdateStage::Aborted);
    }

    /// It waits no more.
    fn end_waiting(&self, stage: UpdateStage) {
        let waits = {
            let mut held = self.held();
            let update = held.view.update.as_mut();
            let waits = update.filter(|update| update.stage == UpdateStage::Waiting);
            waits.map(|update| update.stage = stage).is_some()
        };
        if waits {
            self.outlet.changed(&self.name);
        }
    }

    /// Whether it takes a file now: nothing else is changed about it meanwhile.
    pub(super) fn takes_update(&self) -> bool {
        self.is_at(&UpdateStage::Running)
    }

    /// Whether it is there, and is to take a file that it was not given yet.
    fn waits_for_update(&self) -> bool {
        self.held().detached.is_none() && self.is_at(&UpdateStage::Waiting)
    }

    fn is_at(&self, stage: &UpdateStage) -> bool {
        let held = self.held();
        let update = held.view.update.as_ref();
        update.is_some_and(|update| update.stage == *stage)
    }
}
