// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `pay`: a whole payment, from the card to the ledger.
//!
//! The ledger is written before anything is told. Until then the payment can be cancelled, after
//! that it cannot.

use crate::action::{At, Fault, FaultOrder, named_card};
use crate::card::{self, Read, Step};
use crate::change;
use crate::entry::{Collection, Entry, Kind, State, no};
use crate::error::{TerminalError, busy, no_answer, refusal};
use crate::fault::{overcharged, spoilt};
use crate::ledger::Books;
use crate::own_currency;
use crate::pin::{self, Verified};
use crate::rules::{self, Code, Question, Verdict};
use crate::screen::Screen;
use crate::state::Shared;
use crate::terminal::VirtualTerminal;
use crate::tip::{self, Added};
use crate::words::{fresh_token, headline, micros_of};
use payhal_card_data::Behaviour;
use payhal_messages::card::{Cvm, Entry as EntryMode};
use payhal_messages::money::Purpose;
use payhal_messages::prompt::Stage;
use payhal_messages::terminal::{Pay, TerminalOutcome};
use payhal_plugin::{Context, Outcome, PluginError};

/// What is left on every card, in minor units.
const BALANCE_MINOR: i64 = 12_345;

pub(crate) fn pay(
    terminal: &mut VirtualTerminal,
    request: &Pay,
    context: &Context,
) -> Outcome<TerminalOutcome> {
    let shared = &*terminal.shared;
    let asked = request.amounts.total_minor;
    let order = shared.enter(At::Pay, Some(asked), context)?;
    let known = shared.ledger.write(|books| {
        settle_running(books)?;
        books.by_id(&request.transaction_id)
    })?;
    if let Some(known) = known {
        return Ok(Ok(known.outcome()));
    }
    let fault = order.as_ref().map(|order| order.fault);
    match fault {
        Some(Fault::Busy) => return Ok(Err(busy())),
        Some(Fault::LateApproval) => return Err(late(shared, request, order, context)),
        _ => {}
    }
    let mut entry = Entry::undecided(request, micros_of(context.calendar()));
    let done = match fault {
        Some(Fault::Refuse) => Ok(Ok(Decided::no(rules::REFUSED))),
        _ => decide(shared, request, fault, context),
    };
    let decided = match done {
        Ok(Ok(decided)) => decided,
        ended => return ended_early(shared, entry, ended),
    };
    shared
        .ledger
        .write(|books| book(books, request, &mut entry, &decided))?;
    shared.show(result(&entry));
    let later = shared.enter(At::PayAnswer, Some(asked), context)?;
    context.progress(Stage::RemoveCard, "Thank you");
    let fault = later.map(|order| order.fault).or(fault);
    let most = asked + tip::room(request);
    let told = spoilt(entry.outcome(), fault, most, terminal.former.as_ref());
    terminal.former = Some(told.clone());
    Ok(Ok(told))
}

/// What the terminal and the issuer made of a request.
pub(crate) struct Decided {
    verdict: Verdict,
    added: Added,
    read: Option<Read>,
    cvm: Option<Cvm>,
    offline: bool,
    token: Option<String>,
    /// Whether the customer pays in the card's own currency.
    own_currency: bool,
}

impl Decided {
    fn no(code: Code) -> Self {
        Self::of(Verdict::Decline(code))
    }

    fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            added: Added::default(),
            read: None,
            cvm: None,
            offline: false,
            token: None,
            own_currency: false,
        }
    }
}

fn decide(
    shared: &Shared,
    request: &Pay,
    fault: Option<Fault>,
    context: &Context,
) -> Step<Decided> {
    let asks_for_nothing = matches!(request.purpose, Purpose::Verify | Purpose::Balance);
    let asked = request.amounts.total_minor;
    let possible = match asks_for_nothing {
        true => asked == 0,
        false => (1..=crate::config::AMOUNT_MINOR_MAX).contains(&asked),
    };
    if !possible {
        return Ok(Ok(Decided::no(rules::AMOUNT)));
    }
    match request.purpose {
        Purpose::Capture | Purpose::Adjust => {}
        Purpose::Refund if request.original.is_some() => {}
        _ => return with_card(shared, request, fault, context),
    }
    // No card is needed; what is left of the original is looked up when the change is booked.
    ask_issuer(shared, context)?;
    let offline = shared.lock().offline.on;
    let verdict = match rules::by_amount_of_change(asked) {
        _ if offline => Verdict::Decline(rules::ISSUER_DOWN),
        Some(code) => Verdict::Decline(code),
        None => Verdict::whole(asked),
    };
    Ok(Ok(Decided::of(verdict)))
}

fn with_card(
    shared: &Shared,
    request: &Pay,
    fault: Option<Fault>,
    context: &Context,
) -> Step<Decided> {
    let added = match tip::add(shared, request, context)? {
        Ok(added) => added,
        Err(why) => return Ok(Err(why)),
    };
    let headline = headline(request.purpose, &request.amounts);
    let read = match card::read(shared, &headline, context)? {
        Ok(read) => read,
        Err(why) => return Ok(Err(why)),
    };
    let total = request.amounts.total_minor + added.sum();
    let own_currency = match own_currency::chosen(shared, request, &read, total, context)? {
        Ok(own_currency) => own_currency,
        Err(why) => return Ok(Err(why)),
    };
    let verified = match pin::verify(shared, &read, context)? {
        Ok(verified) => verified,
        Err(why) => return Ok(Err(why)),
    };
    ask_issuer(shared, context)?;
    let mut decided = judge(shared, request, read, verified, added);
    decided.own_currency = own_currency;
    let approved = matches!(decided.verdict, Verdict::Approve { .. });
    let signs = read.card.behaviour == Behaviour::SignatureRequired;
    if approved && signs && pays(request.purpose) {
        if read.entry != EntryMode::Manual {
            decided.cvm = Some(Cvm::Signature);
        }
        if !pin::signature_is_right(shared, context)? {
            decided.verdict = Verdict::Decline(rules::SIGNATURE_WRONG);
        }
    }
    if let (Some(Fault::Overcharge), Verdict::Approve { minor, .. }) = (fault, &mut decided.verdict)
    {
        *minor = overcharged(request.amounts.total_minor + tip::room(request));
    }
    if approved && request.purpose == Purpose::Verify {
        let token = fresh_token().map_err(|_| PluginError::not_sent("draw random bytes"))?;
        decided.token = Some(token);
    }
    // The last moment at which nothing has happened.
    context.check_cancelled()?;
    Ok(Ok(decided))
}

fn ask_issuer(shared: &Shared, context: &Context) -> Result<(), PluginError> {
    context.progress(Stage::Authorizing, "Authorizing");
    shared.show(Screen::of(&["", "Authorizing"]));
    context.sleep(shared.latency)
}

fn judge(shared: &Shared, request: &Pay, read: Read, verified: Verified, added: Added) -> Decided {
    let question = Question {
        purpose: request.purpose,
        card: read.card,
        pin_is_right: verified.pin_is_right,
        asked_minor: request.amounts.total_minor,
        total_minor: request.amounts.total_minor + added.sum(),
    };
    let line = shared.lock().offline;
    let verdict = match line.on {
        true => rules::decide_offline(&question, read.has_chip(), line.floor_minor),
        false => rules::decide(&question),
    };
    let whole = matches!(verdict, Verdict::Approve { minor, .. } if minor == question.total_minor);
    Decided {
        verdict,
        added: if whole { added } else { Added::default() },
        read: Some(read),
        cvm: Some(verified.cvm),
        offline: line.on && whole,
        token: None,
        own_currency: false,
    }
}

fn pays(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
    )
}

/// Writes a decision into the ledger. A change of an earlier entry is checked against it here, so
/// that nothing comes between.
fn book(
    books: &mut Books,
    request: &Pay,
    entry: &mut Entry,
    decided: &Decided,
) -> rusqlite::Result<()> {
    let refused = change::refused(books, request, entry)?;
    let verdict = refused.map_or(decided.verdict, Verdict::Decline);
    let token = match (&decided.token, decided.read) {
        (Some(fresh), Some(read)) => books.token_of(read.card.name)?.or(Some(fresh.clone())),
        _ => None,
    };
    entry.seq = books.next_seq()?;
    entry.card = decided.read.map(|read| read.card.name.to_owned());
    settle(entry, verdict);
    entry.answer.entry = decided.read.map(|read| read.entry);
    entry.answer.card = decided.read.map(|read| read.face());
    entry.answer.cvm = decided.cvm;
    if entry.state == State::Approved {
        entry.answer.tip_minor = decided.added.tip_minor;
        entry.answer.surcharge_minor = decided.added.surcharge_minor;
        entry.answer.token = token;
        let own = decided.own_currency;
        entry.answer.dcc = own.then(|| own_currency::conversion(entry.amount_minor));
        entry.answer.offline = decided.offline;
        entry.collection = decided.offline.then_some(Collection::Waiting);
        entry.answer.balance_minor = (entry.kind == Kind::Balance).then_some(BALANCE_MINOR);
    }
    books.put(entry)
}

/// Gives an entry its end and its answer.
fn settle(entry: &mut Entry, verdict: Verdict) {
    let number = entry.seq;
    let reference = format!("R{number:06}");
    entry.reference = Some(reference.clone());
    entry.inquiries_left = 0;
    match verdict {
        Verdict::Decline(code) => {
            entry.state = State::Declined;
            entry.answer = no(&code);
        }
        Verdict::Approve { minor, code } => {
            entry.state = State::Approved;
            entry.amount_minor = minor;
            entry.answer = TerminalOutcome {
                approved: true,
                approved_minor: Some(minor),
                approval_code: Some(format!("{:06}", number % 1_000_000)),
                rrn: Some(format!("{:012}", number % 1_000_000_000_000)),
                ..no(&code)
            };
        }
    }
    entry.answer.reference = Some(reference);
}

/// Card, cardholder, cashier or cable ended it: that is kept too, because a terminal that knows
/// its last transaction only knows this one.
fn ended_early(
    shared: &Shared,
    mut entry: Entry,
    ended: Step<Decided>,
) -> Outcome<TerminalOutcome> {
    let code = match &ended {
        Ok(Err(why)) => Code {
            code: why.code(),
            text: rules::NOTHING.text,
        },
        Err(PluginError::Cancelled) => rules::STOPPED,
        _ => rules::NOTHING,
    };
    entry.answer = no(&code);
    shared.ledger.write(|books| {
        entry.seq = books.next_seq()?;
        books.put(&mut entry)
    })?;
    shared.show(Screen::of(&["", "Cancelled"]));
    match ended {
        Ok(Err(why)) => Ok(Err(refusal(why))),
        Err(error) => Err(error),
        Ok(Ok(_)) => Err(no_answer()),
    }
}

/// The host hears nothing; the customer is still at the terminal, and pays later.
fn late(
    shared: &Shared,
    request: &Pay,
    order: Option<FaultOrder>,
    context: &Context,
) -> PluginError {
    if request.original.is_some() {
        // No customer is there who could come late.
        return no_answer();
    }
    let mut entry = Entry::undecided(request, micros_of(context.calendar()));
    entry.state = State::Running;
    entry.card = order.as_ref().map(|order| order.card.clone());
    entry.inquiries_left = order.map_or(0, |order| order.inquiries);
    let written = shared.ledger.write(|books| {
        entry.seq = books.next_seq()?;
        books.put(&mut entry)
    });
    written.map_or_else(TerminalError::into, |()| no_answer())
}

/// The customer pays, if one is still at the terminal.
pub(crate) fn settle_running(books: &mut Books) -> rusqlite::Result<Option<Entry>> {
    let Some(mut entry) = books.running()? else {
        return Ok(None);
    };
    let read = entry
        .card
        .as_deref()
        .and_then(|name| named_card(name).ok())
        .map(Read::of);
    let verdict = read.map_or(Verdict::Decline(rules::NOTHING), |read| {
        rules::decide(&Question {
            purpose: if entry.kind == Kind::Refund {
                Purpose::Refund
            } else {
                Purpose::Sale
            },
            card: read.card,
            pin_is_right: read.card.pin().map(|_| true),
            asked_minor: entry.requested_minor,
            total_minor: entry.requested_minor,
        })
    });
    settle(&mut entry, verdict);
    entry.answer.entry = read.map(|read| read.entry);
    entry.answer.card = read.map(|read| read.face());
    books.put(&mut entry)?;
    Ok(Some(entry))
}

fn result(entry: &Entry) -> Screen {
    let word = if entry.state == State::Approved {
        "Approved"
    } else {
        "Declined"
    };
    Screen::of(&["", word])
}
