// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader takes the EMV parameters of its gateway: before its first card, and when they change.
//!
//! Until it has them it is not ready. It must never be given any while a transaction has it.

use super::instance::{Instance, State, reply_of};
use super::limits::{LOAD_AGAIN, LOAD_MS_MAX, STARTING_HINT};
use super::parameters::{ParameterSet, Wanted};
use super::runner::Runner;
use payhal_engine::answer::Answer;
use payhal_messages::call::method;
use payhal_messages::reader::LoadParameters;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// Gives a reader what it is to have. Where that is not known, it stays unready.
///
/// # Errors
/// In words, where it does not take it: nobody knows then what it has.
pub(super) async fn load(instance: &Instance, runner: &Runner) -> Result<(), String> {
    if !instance.takes_parameters() || !instance.can_load() {
        return Ok(());
    }
    let set = match instance.means.sets.wanted() {
        Wanted::Set(set) => set,
        Wanted::Own => {
            instance.held().waits = None;
            return Ok(());
        }
        Wanted::Unknown(why) => {
            instance.held().waits = Some(why);
            return Ok(());
        }
    };
    let name = ParameterSet::of(&set);
    let why = format!("it takes the EMV parameters {name}");
    {
        let mut held = instance.held();
        held.waits = Some(why.clone());
        held.view.parameters = None;
    }
    instance.enter(State::Starting, Some(why), Some(STARTING_HINT));
    let taken = ask(instance, runner, &set).await;
    let mut held = instance.held();
    if let Err(why) = taken {
        if held.detached.is_some() {
            // That is no fault of its plugin: it gets them when it is there again.
            return Ok(());
        }
        return Err(format!("it does not take the EMV parameters {name}: {why}"));
    }
    held.waits = None;
    held.view.parameters = Some(name);
    Ok(())
}

async fn ask(instance: &Instance, runner: &Runner, set: &LoadParameters) -> Result<(), String> {
    let payload = serde_json::to_vec(set).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + Duration::from_millis(LOAD_MS_MAX);
    let token = runner.token();
    let call = runner.call(token, method::LOAD_PARAMETERS, payload, deadline, |_, _| {});
    let mut stopping = instance.means.stopping.subscribe();
    tokio::select! {
        end = call => reply_of(end).map(drop),
        // A slow line takes its time, and nobody needs the set any more.
        _ = stopping.wait_for(|stopping| *stopping) => Err("the host is stopping".to_owned()),
    }
}

/// Comes back when the reader is to have another set than it has, nobody uses it, and nothing else
/// is changed as long as what it gives is held. The engine gives it to nobody from then on, until
/// it is told its state again.
pub(super) async fn is_behind(instance: &Instance) -> OwnedMutexGuard<()> {
    let mut changes = instance.means.sets.changes();
    loop {
        changes.mark_unchanged();
        if !instance.is_behind() {
            // The sender lives as long as the instance.
            let _new = changes.changed().await;
            continue;
        }
        let changing = Arc::clone(&instance.means.changing);
        let one = changing.lock_owned().await;
        let answer = instance.outlet.set_aside(instance.part(), false).await;
        if matches!(answer, Ok(Answer::SetAside)) {
            return one;
        }
        drop(one);
        tokio::time::sleep(LOAD_AGAIN).await;
    }
}

impl Instance {
    /// Whether it is there, and whole.
    fn can_load(&self) -> bool {
        let held = self.held();
        held.detached.is_none() && held.incomplete().is_none()
    }

    pub(super) fn takes_parameters(&self) -> bool {
        let held = self.held();
        let reader = held.view.plugin.manifest.reader.as_ref();
        reader.is_some_and(|reader| reader.parameters)
    }

    /// Whether it must be given something, or need wait for nothing any more.
    fn is_behind(&self) -> bool {
        if !self.takes_parameters() {
            return false;
        }
        let wanted = self.means.sets.wanted();
        let held = self.held();
        match wanted {
            _ if held.detached.is_some() || held.incomplete().is_some() => false,
            Wanted::Set(set) => held.view.parameters.as_ref() != Some(&ParameterSet::of(&set)),
            Wanted::Own => held.waits.is_some(),
            Wanted::Unknown(why) => held.waits.as_ref().is_some_and(|before| *before != why),
        }
    }
}
