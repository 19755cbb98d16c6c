// SPDX-License-Identifier: MIT OR Apache-2.0
//! PAY: a whole payment. Once the amount is written, nothing but the terminal's own word says that no
//! money moved.

use crate::error::{not_understood, refusal_in};
use crate::terminal::BeeperTerminal;
use crate::wire::{Cancel, Line};
use payhal_plugin::messages::card::{CardFace, Entry};
use payhal_plugin::messages::money::Purpose;
use payhal_plugin::messages::prompt::Stage;
use payhal_plugin::messages::terminal::{Pay, TerminalOutcome};
use payhal_plugin::{Context, Outcome, PluginError};

/// `PAY TRANSACTION PURPOSE CURRENCY TOTAL` -> `WAIT`, then `PAID …`, `DECLINED …` or `NO code`
pub(crate) fn pay(
    terminal: &mut BeeperTerminal,
    request: &Pay,
    context: &Context,
) -> Outcome<TerminalOutcome> {
    // The manifest lists no other ability.
    if request.purpose != Purpose::Sale {
        return Err(PluginError::Unsupported);
    }
    let amounts = &request.amounts;
    let (transaction, currency) = (&request.transaction_id, &amounts.currency);
    // The last moment at which nothing has happened.
    context.check_cancelled()?;
    terminal.wire.ask(&format!(
        "PAY {transaction} sale {currency} {}",
        amounts.total_minor
    ))?;
    let mut cancel = Cancel::Heeded;
    loop {
        let line = match terminal.wire.hear(context.deadline(), cancel, context) {
            // The terminal was told to stop; whether it did is what it says now.
            Err(PluginError::Cancelled) => {
                cancel = Cancel::Ignored;
                continue;
            }
            heard => heard?,
        };
        if line.is("WAIT") {
            context.progress(Stage::WaitingForCard, "See the terminal");
        } else if let Some(outcome) = outcome_in(&line) {
            return Ok(Ok(outcome));
        } else {
            return refusal_in(&line);
        }
    }
}

/// `PAID MINOR APPROVAL REFERENCE ENTRY MASKED SCHEME` or `DECLINED CODE TEXT`
pub(crate) fn outcome_in(line: &Line) -> Option<TerminalOutcome> {
    let approved = line.is("PAID");
    if !approved && !line.is("DECLINED") {
        return None;
    }
    let word = |place: usize| line.word(place).map(str::to_owned);
    let card = || {
        Some(CardFace {
            masked_pan: word(4)?,
            scheme: word(5)?,
            application: None,
            aid: None,
            country: None,
            expiry: None,
        })
    };
    Some(TerminalOutcome {
        approved,
        response_code: if approved { "00".to_owned() } else { word(0)? },
        response_text: (!approved).then(|| line.rest(1).to_owned()),
        approved_minor: if approved {
            Some(line.word(0)?.parse().ok()?)
        } else {
            None
        },
        tip_minor: None,
        surcharge_minor: None,
        approval_code: word(1).filter(|_| approved),
        reference: word(2).filter(|_| approved),
        rrn: None,
        token: None,
        balance_minor: None,
        entry: line.word(3).filter(|_| approved).and_then(entry_of),
        cvm: None,
        card: if approved { Some(card()?) } else { None },
        offline: false,
        dcc: None,
    })
}

/// How a payment ended that was never approved, where the terminal is asked later.
pub(crate) fn not_approved(line: &Line) -> Result<TerminalOutcome, PluginError> {
    let code = line
        .word(0)
        .filter(|_| line.is("NO"))
        .or_else(|| line.is("UNDONE").then_some("undone"));
    let code = code.ok_or_else(not_understood)?;
    Ok(TerminalOutcome {
        approved: false,
        response_code: code.to_owned(),
        response_text: None,
        approved_minor: None,
        tip_minor: None,
        surcharge_minor: None,
        approval_code: None,
        reference: None,
        rrn: None,
        token: None,
        balance_minor: None,
        entry: None,
        cvm: None,
        card: None,
        offline: false,
        dcc: None,
    })
}

fn entry_of(word: &str) -> Option<Entry> {
    match word {
        "chip" => Some(Entry::Chip),
        "contactless" => Some(Entry::Contactless),
        "stripe" => Some(Entry::Stripe),
        "manual" => Some(Entry::Manual),
        _ => None,
    }
}
