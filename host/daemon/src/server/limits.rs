// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the register API, each with its reason. Those that registers must know stand in
//! `payhal_protocol::limits`.

use std::num::NonZeroU32;
use std::time::Duration;

/// Connections that have proven who they are, at once. A shop has dozens of registers; each idle
/// connection costs some 7 KiB.
pub(super) const CONNECTIONS_MAX: usize = 1024;

/// Connections that have not sent a whole request head. The oldest is dropped for a newcomer: a
/// register sends its head within milliseconds, so that it is gone from here before others come.
pub(super) const GREETING_MAX: usize = 256;

/// Connections that have sent a request and proven nothing: pages being read, registers about to
/// prove themselves. The oldest is dropped for a newcomer here too.
pub(super) const UNPROVEN_MAX: usize = 256;

/// WebSockets of the pages of one origin: a shop's registers in as many tabs, and one hostile page
/// cannot take more.
pub(super) const ORIGIN_CONNECTIONS_MAX: usize = 64;

/// WebSockets of one register: its pages, and those that a dead network has not ended yet.
pub(super) const REGISTER_CONNECTIONS_MAX: usize = 32;

/// How long a WebSocket may prove nothing (close 4401). Registers need milliseconds; a person who
/// compares numbers is waited for until the pairing's own end.
pub(super) const UNPROVEN_TIMEOUT: Duration = Duration::from_secs(60);

/// After so long without a word a WebSocket is pinged. Browsers answer by themselves.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(30);

/// After so long without a word, two pings unanswered, the other side is gone.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Messages a second on one proven WebSocket, for long. A sale takes a handful.
pub(super) const MESSAGE_RATE: NonZeroU32 = NonZeroU32::new(200).expect("not zero");

/// Messages at once on one proven WebSocket: a register that comes back asks for all it has open.
pub(super) const MESSAGE_BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// Messages a second of one register on all its WebSockets, for long.
pub(super) const REGISTER_RATE: NonZeroU32 = NonZeroU32::new(400).expect("not zero");

/// Messages at once of one register on all its WebSockets.
pub(super) const REGISTER_BURST: NonZeroU32 = NonZeroU32::new(2_000).expect("not zero");

/// Messages a second of who has proven nothing, for long: it can only ask to be paired.
pub(super) const STRANGER_RATE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// Messages at once of who has proven nothing.
pub(super) const STRANGER_BURST: NonZeroU32 = NonZeroU32::new(50).expect("not zero");

/// Refusals a second, for long; who is refused oftener does not listen (close 4429).
pub(super) const REFUSED_RATE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// Refusals at once: what was on its way when the first one was said.
pub(super) const REFUSED_BURST: NonZeroU32 = NonZeroU32::new(200).expect("not zero");

/// What who spoke too fast is told to wait: at the slowest rate a handful of messages.
pub(super) const RATE_RETRY_MS: u64 = 1_000;

/// Messages of one WebSocket that are no JSON-RPC, before it is ended (close 4400). A developer
/// makes some by hand; a register makes none.
pub(super) const MALFORMED_MAX: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

/// Time after which one malformed message is forgotten.
pub(super) const MALFORMED_REFILL: Duration = Duration::from_secs(10);

/// From accept to the end of the TLS handshake, which takes two round trips.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long no connection is accepted where the system has no room and no stranger can be dropped.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// WebSocket read buffer. The library's default of 128 KiB is touched at once, 21 times the cost
/// of everything else a connection holds.
pub(super) const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes a WebSocket collects before it writes without being told: some progress messages.
pub(super) const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes a WebSocket may hold unsent before it counts as broken: some answers and one long list.
pub(super) const WRITE_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// Messages waiting for one connection before its reader counts as slow (close 4408).
pub(super) const OUTGOING_MAX: usize = 1024;

/// Calls of one connection that may run at once; further ones are refused.
pub(super) const CALLS_MAX: usize = 128;

/// Messages in one batch.
pub(super) const BATCH_MAX: usize = 32;

/// From accept to the end of the request head: a slow loris must not hold a connection.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to accept what it is sent; then it is closed. Whoever comes
/// back gets every answer by its key.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closed WebSocket is listened to for the other side's goodbye.
pub(super) const CLOSE_LINGER: Duration = Duration::from_secs(1);

/// Bytes of a request head.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Questions put to one client as requests that it has not answered: one for each payment it can
/// have under way at a handful of devices.
pub(super) const QUESTIONS_MAX: usize = 32;

/// Events kept for registers that come back: an hour of a busy shop.
pub(super) const EVENTS_KEPT: usize = 1024;

/// Request ids remembered for `$/cancelRequest`; the same bound as the calls they name.
pub(super) const CANCELLABLE_MAX: usize = CALLS_MAX;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    const DOCUMENT: &str = include_str!("../../../../docs/limits.md");
    const PARTS: [(&str, &str); 2] = [
        ("host", include_str!("limits.rs")),
        (
            "protocol",
            include_str!("../../../../sdk/protocol/src/limits.rs"),
        ),
    ];

    /// Every constant of a file: name, value and reason, as a table says them.
    fn table(source: &str) -> String {
        let mut table = String::from("| limit | value | reason |\n|---|---|---|\n");
        let mut reason: Vec<&str> = Vec::new();
        for line in source.lines() {
            if let Some(text) = line.strip_prefix("///") {
                reason.push(text.trim());
            } else if let Some((name, value)) = constant(line) {
                let reason = std::mem::take(&mut reason).join(" ").replace("[`", "`");
                let reason = reason.replace("`]", "`");
                writeln!(table, "| `{name}` | {} | {reason} |", shown(value)).unwrap();
            } else {
                reason.clear();
            }
        }
        table
    }

    fn constant(line: &str) -> Option<(&str, &str)> {
        let rest = line.strip_prefix("pub ");
        let rest = rest.or_else(|| line.strip_prefix("pub(super) "))?;
        let (name, rest) = rest.strip_prefix("const ")?.split_once(':')?;
        let (_, value) = rest.split_once('=')?;
        Some((name, value.trim().strip_suffix(';')?))
    }

    /// `256 * 1024` as 262,144; `Duration::from_secs(10)` as 10 s.
    fn shown(value: &str) -> String {
        let within = |open: &str| Some(value.strip_prefix(open)?.split_once(')')?.0);
        if let Some(seconds) = within("Duration::from_secs(") {
            return format!("{seconds} s");
        }
        if let Some(ms) = within("Duration::from_millis(") {
            return format!("{ms} ms");
        }
        let plain = within("NonZeroU32::new(").unwrap_or(value).replace('_', "");
        let factors: Option<Vec<u64>> = plain.split('*').map(|n| n.trim().parse().ok()).collect();
        match factors {
            Some(factors) => grouped(factors.iter().product()),
            None => value.to_owned(),
        }
    }

    fn grouped(number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    #[test]
    fn the_document_names_every_limit_with_its_value_and_reason() {
        for (part, source) in PARTS {
            let (begin, end) = (
                format!("<!-- begin {part} -->\n"),
                format!("<!-- end {part} -->"),
            );
            let (_, rest) = DOCUMENT.split_once(&begin).expect(part);
            let (written, _) = rest.split_once(&end).expect(part);
            let wanted = table(source);
            assert!(wanted.lines().count() > 20, "{part} has limits");
            assert_eq!(
                written, wanted,
                "docs/limits.md, {part}, must be:\n{wanted}"
            );
        }
    }

    #[test]
    fn values_are_read_as_people_say_them() {
        for (value, text) in [
            ("256 * 1024", "262,144"),
            ("1_000", "1,000"),
            ("Duration::from_secs(10)", "10 s"),
            ("NonZeroU32::new(200).expect(\"not zero\")", "200"),
            ("CALLS_MAX", "CALLS_MAX"),
            ("[24, 32]", "[24, 32]"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}
