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

/// Comes back when a port has appeared and nobody uses the instance; why it is started anew. The
/// engine gives it to nobody from then on, until it is told its state again, and nothing else is
/// changed as long as what comes back is held.
pub(super) async fn appears(instance: &Instance) -> (String, OwnedMutexGuard<()>) {
    let port = instance.means.ports.appeared(&instance.name).await;
    loop {
        let changing = Arc::clone(&instance.means.changing);
        let one = changing.lock_owned().await;
        let answer = instance.outlet.set_aside(instance.part(), false).await;
        if matches!(answer, Ok(Answer::SetAside)) {
            return (format!("port `{port}` is there now"), one);
        }
        drop(one);
        tokio::time::sleep(IDLE_AGAIN).await;
    }
}
