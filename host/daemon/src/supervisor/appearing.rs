// SPDX-License-Identifier: MIT OR Apache-2.0
//! An instance that went without an optional port is started anew when that port is there.
//!
//! It must never be while a transaction has it: whoever waits for idleness here waits as long as
//! that takes.

use super::instance::Instance;
use super::limits::IDLE_AGAIN;
use payhal_engine::answer::Answer;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// Comes back when a port has appeared and nobody uses the instance; why it is started anew. As
/// [`idle`] has it.
pub(super) async fn appears(instance: &Instance) -> (String, OwnedMutexGuard<()>) {
    let port = instance.means.ports.appeared(&instance.name).await;
    let one = idle(instance, false).await;
    (format!("port `{port}` is there now"), one)
}

/// Comes back when nobody uses the instance, nor needs it where it becomes another (`wholly`). The
/// engine gives it to nobody from then on, until it is told its state again, and nothing else is
/// changed as long as what comes back is held.
pub(super) async fn idle(instance: &Instance, wholly: bool) -> OwnedMutexGuard<()> {
    loop {
        let changing = Arc::clone(&instance.means.changing);
        let one = changing.lock_owned().await;
        let answer = instance.outlet.set_aside(instance.part(), wholly).await;
        if matches!(answer, Ok(Answer::SetAside)) {
            return one;
        }
        drop(one);
        tokio::time::sleep(IDLE_AGAIN).await;
    }
}
