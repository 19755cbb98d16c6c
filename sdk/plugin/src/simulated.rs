// SPDX-License-Identifier: MIT OR Apache-2.0
//! The door through which people and tests act on a simulated device.

use serde_json::Value;

/// Acts on a simulated device as a person or a fault would: taps a card, pulls a cable.
///
/// It is called while other calls run (that is its point: a card is tapped while `present`
/// waits), so it must never wait for them. Change shared state, then
/// [`Waker::wake`](crate::Waker::wake). Give it to the export macro: `simulator = Type::method`,
/// where the method answers `Arc<dyn Simulated>`.
pub trait Simulated: Send + Sync {
    /// Carries out one action. The text of an error is for the person who asked.
    ///
    /// # Errors
    ///
    /// Fails when the action is unknown or impossible now.
    fn simulate(&self, action: Value) -> Result<Value, String>;
}
