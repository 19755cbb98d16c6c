// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every deadline, in one table.

/// Durations in milliseconds. The defaults are the product's; tests shorten them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// Waiting for a card, unless the register says otherwise.
    pub card_ms: u64,
    /// PIN entry, part of `authorize_card`.
    pub pin_ms: u64,
    /// An answer to a question of a device.
    pub prompt_ms: u64,
    /// The final amount, where it comes after the card.
    pub amount_ms: u64,
    /// The gateway's offer of the card's own currency; then the payment goes on without.
    pub offer_ms: u64,
    /// The gateway's answer to one exchange; then inquiry.
    pub gateway_ms: u64,
    /// The reader's completion after the gateway's answer.
    pub completion_ms: u64,
    /// Waiting for an acceptor's turn at its gateway.
    pub turn_ms: u64,
    /// Added to a device's own time-out before its runner is given up.
    pub grace_ms: u64,
    /// Retry hint of `DEVICE_BUSY`.
    pub busy_hint_ms: u64,
    /// How long a register may be kept waiting before an unanswered exchange is reversed, or
    /// answered as unknown where it cannot be reversed.
    pub hard_ms: u64,
    /// A terminal's whole payment.
    pub terminal_ms: u64,
    /// Pauses between attempts to inquire or reverse: the last one repeats.
    pub retry_ms: [u64; 3],
    /// How long a gateway is told again what it should know about an outcome.
    pub report_ms: u64,
    /// How long a transaction of unknown outcome guards against its own repetition under a new
    /// key.
    pub guard_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            card_ms: 60_000,
            pin_ms: 60_000,
            prompt_ms: 60_000,
            amount_ms: 300_000,
            offer_ms: 5_000,
            gateway_ms: 60_000,
            completion_ms: 30_000,
            turn_ms: 60_000,
            grace_ms: 5_000,
            busy_hint_ms: 15_000,
            hard_ms: 300_000,
            terminal_ms: 180_000,
            retry_ms: [2_000, 30_000, 300_000],
            report_ms: 72 * 60 * 60_000,
            guard_ms: 15 * 60_000,
        }
    }
}
