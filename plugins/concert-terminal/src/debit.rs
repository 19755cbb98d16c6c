// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debit (V3: `CD` 0; E, E+: type 0): a sale.

use crate::order::{Action, Mark, Order};
use crate::terminal::ConcertTerminal;
use payhal_messages::terminal::{Pay, TerminalOutcome};
use payhal_plugin::{Context, Outcome};

pub(crate) fn debit(
    terminal: &mut ConcertTerminal,
    request: &Pay,
    context: &Context,
) -> Outcome<TerminalOutcome> {
    let mark = Mark::of_payment(request.stan, &request.transaction_id);
    let order = match Order::of(&terminal.config, Action::Debit, &request.amounts, mark) {
        Ok(order) => order,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let outcome = terminal.run(&order, context)?.outcome(true)?;
    if let Ok(outcome) = &outcome
        && outcome.offline
    {
        terminal.waiting.add(&request.transaction_id, context);
    }
    Ok(outcome)
}
