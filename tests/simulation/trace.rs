// SPDX-License-Identifier: MIT OR Apache-2.0
//! A history in readable lines: what happened when. Kept only when somebody will read it.

use payhal_engine::event::Event;
use payhal_engine::request::Request;
use std::fmt::Debug;

/// Longest line; what is cut off is in the code that `--trace` points at.
const LINE_CHARS_MAX: usize = 220;

#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) wanted: bool,
}

impl Trace {
    #[expect(
        clippy::print_stdout,
        reason = "printed as it happens, so that the last line is what broke"
    )]
    pub(crate) fn note(&self, now_ms: u64, line: impl FnOnce() -> String) {
        if self.wanted {
            let line: String = brief_text(&line()).chars().take(LINE_CHARS_MAX).collect();
            println!("{:>9}.{:03}  {line}", now_ms / 1_000, now_ms % 1_000);
        }
    }
}

/// Something in the words of the code, without what every line has.
pub(crate) fn brief(what: &impl Debug) -> String {
    brief_text(&format!("{what:?}"))
}

/// What happened to the host.
pub(crate) fn event(event: &Event) -> String {
    let is = |ready: Option<bool>| match ready {
        Some(true) => "is ready",
        Some(false) => "is away",
        None => "is gone",
    };
    match event {
        Event::DeviceChanged { device, status } => {
            format!(
                "{device} {}",
                is(status.as_ref().map(|status| status.ready))
            )
        }
        Event::GatewayChanged { gateway, status } => {
            format!(
                "{gateway} {}",
                is(status.as_ref().map(|status| status.ready))
            )
        }
        Event::Asked {
            ticket,
            caller,
            transaction_id,
            request,
        } => format!(
            "{} asks (ticket {}, id {transaction_id}): {}",
            caller.scope.register,
            ticket.0,
            asked(request)
        ),
        event => format!("{event:?}"),
    }
}

fn asked(request: &Request) -> String {
    let Request::Money(money) = request else {
        return format!("{request:?}");
    };
    let minor = money.amounts.map(|amounts| amounts.total.minor);
    format!(
        "{}, {:?}, {minor:?} minor units, reference {:?}, device {:?}, despite {:?}",
        money.key, money.kind, money.reference, money.device, money.despite
    )
}

fn brief_text(text: &str) -> String {
    // Simulated ids are small numbers.
    let text = text.replace("00000000-0000-0000-0000-0000000000", "");
    text.replace("TransactionId", "")
        .replace("IdempotencyKey", "")
        .replace("RegisterId", "")
        .replace("Amounts { total: Amount ", "")
        .replace(
            ", tip_minor: None, surcharge_minor: None, cashback_minor: None }",
            "",
        )
}
