// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancellation of a debit (V3: `CD` 2; E, E+: type 2): its whole amount, with the card presented
//! again.

use crate::answer::End;
use crate::error::not_ours;
use crate::order::{Action, Mark, Order};
use crate::terminal::ConcertTerminal;
use payhal_messages::gateway::Reversal;
use payhal_messages::terminal::ReverseTerminal;
use payhal_plugin::{Context, Outcome};

pub(crate) fn reverse(
    terminal: &mut ConcertTerminal,
    request: &ReverseTerminal,
    context: &Context,
) -> Outcome<Reversal> {
    let mark = Mark::of_reversal(&request.transaction_id, context.calendar());
    let order = match Order::of(&terminal.config, Action::Cancel, &request.amounts, mark) {
        Ok(order) => order,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let told = terminal.run(&order, context)?;
    Ok(Ok(match told.end {
        End::Done { minor, .. } if minor == order.minor => {
            terminal.waiting.forget(&request.transaction_id, context);
            Reversal::Reversed
        }
        End::Done { .. } => return Err(not_ours()),
        End::NotDone(_, text) => Reversal::Refused {
            response_code: told.code,
            response_text: text.to_owned(),
        },
    }))
}
