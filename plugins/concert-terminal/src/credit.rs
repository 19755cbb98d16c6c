// SPDX-License-Identifier: MIT OR Apache-2.0
//! Credit (V3: `CD` 1; E, E+: type 1): money back to a card that is presented. The terminal knows of
//! no sale that it belongs to; the host keeps the sums.

use crate::order::{Action, Mark, Order};
use crate::terminal::ConcertTerminal;
use payhal_messages::terminal::{Pay, TerminalOutcome};
use payhal_plugin::{Context, Outcome};

pub(crate) fn credit(
    terminal: &mut ConcertTerminal,
    request: &Pay,
    context: &Context,
) -> Outcome<TerminalOutcome> {
    let mark = Mark::of_payment(request.stan, &request.transaction_id);
    let order = match Order::of(&terminal.config, Action::Credit, &request.amounts, mark) {
        Ok(order) => order,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Terminals ask no issuer for a credit: that is not what an offline approval is.
    terminal.run(&order, context)?.outcome(false)
}
