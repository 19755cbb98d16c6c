// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator sees of registers and says about them, over the Unix socket or in the console.
//!
//! Whatever is decided here is in the audit before it has an effect.

use super::admission::{not_allowed, on_disk, refused};
use super::convert;
use super::presence::Presences;
use super::session::Session;
use crate::access::{Granted, Paired, Refusal, Seen, Standing, Unapproved, paired_as};
use crate::audit::Action;
use crate::clock::Moment;
use payhal_protocol::access::{
    ApproveParams, ApproveResult, CodeParams, CodeResult, EndParams, EndResult, PairingListParams,
    PairingListResult, PairingRegister, PairingState, PairingView, RefuseParams, RefuseResult,
};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::registers::{
    Limits, RegisterListParams, RegisterListResult, RegisterState, RegisterUpdateParams,
    RegisterUpdateResult, RegisterView, RotateDueParams, RotateDueResult, UnpairParams,
    UnpairResult,
};
use payhal_protocol::session::{Ended, Permission};
use std::fmt::Write as _;
use std::sync::Arc;

/// `pairing.list`.
pub(super) async fn pairings(
    session: Arc<Session>,
    _: PairingListParams,
) -> Result<PairingListResult, ErrorObject> {
    let presences = session.presences();
    presences.sweep();
    let pairings = presences.gate.pairings().into_iter().map(pairing_view);
    Ok(PairingListResult {
        pairings: pairings.collect(),
    })
}

/// An open pairing for the operator.
pub(super) fn pairing_view(seen: Seen) -> PairingView {
    PairingView {
        conflict: seen.conflict.as_ref().map(paired_as),
        pairing_id: seen.id.into(),
        register: PairingRegister {
            id: seen.register_id.into(),
            name: seen.name,
        },
        origin: seen.asker.origin,
        number: seen.number,
        authority: seen.asker.authority,
        certificate: seen.asker.certificate,
        began_at: convert::rfc3339(seen.began.wall_micros),
        expires_at: convert::rfc3339(seen.expires.wall_micros),
    }
}

/// `pairing.approve`.
pub(super) async fn approve(
    session: Arc<Session>,
    params: ApproveParams,
) -> Result<ApproveResult, ErrorObject> {
    let presences = session.presences();
    presences.sweep();
    let id = params.pairing_id.as_str();
    let seen = match presences.gate.compare(id, &params.number, params.replace) {
        Ok(seen) => seen,
        Err(Unapproved::Refused(Refusal::Number)) => {
            presences.pairing_changed(id, PairingState::Ended);
            let text = "the operator named another number than the pairing's";
            let failed = session.audit(Action::PairingFailed, None, text);
            failed.await?;
            return Err(refused(Refusal::Number));
        }
        Err(other) => return Err(unapproved(other)),
    };
    let permissions = params.permissions.unwrap_or_default();
    let limits = params.limits.unwrap_or_default();
    let text = approved_text(&seen, &permissions, &limits);
    let register = seen.register_id.as_str();
    session
        .audit(Action::PairingApproved, Some(register), &text)
        .await?;
    if let Some(holder) = &seen.conflict {
        let text = format!("{} took the place of {}", of(&seen), holder_text(holder));
        session
            .audit(Action::RegisterReplaced, Some(register), &text)
            .await?;
    }
    // While that was written the register may have left, or its time run out.
    presences.sweep();
    let paired = presences
        .gate
        .approve(id, &permissions, limits, Moment::now());
    let paired = match paired {
        Ok(paired) => paired,
        Err(error) => {
            let text = format!("{} was not let in after all: it is gone", of(&seen));
            session
                .audit(Action::PairingFailed, Some(register), &text)
                .await?;
            return Err(unapproved(error));
        }
    };
    presences.pairing_changed(id, PairingState::Approved);
    presences.end_register(register, Some(paired.generation), Ended::Replaced);
    presences.register_changed(register);
    Ok(ApproveResult {
        register: paired_view(presences, &paired),
    })
}

fn unapproved(why: Unapproved) -> ErrorObject {
    match why {
        Unapproved::Refused(refusal) => refused(refusal),
        Unapproved::Disk(error) => on_disk(&error),
        Unapproved::Conflict(holder) => {
            let message = format!(
                "`{}` is paired under this id already; approving replaces it",
                holder.name
            );
            let mut error = ErrorObject::named(ErrorName::RegisterConflict)
                .with_message(message)
                .with_detail("say `replace: true` to unpair the register that has this id");
            if let Some(details) = error.data.as_deref_mut() {
                details.conflict = Some(holder);
            }
            error
        }
    }
}

/// A register at its place, for the audit.
fn of(seen: &Seen) -> String {
    match &seen.asker.origin {
        Some(origin) => format!("`{}` of {origin}", seen.name),
        None => format!("`{}`, a native application", seen.name),
    }
}

fn holder_text(holder: &Paired) -> String {
    match &holder.origin {
        Some(origin) => format!("`{}` of {origin}", holder.name),
        None => format!("`{}`, a native application", holder.name),
    }
}

fn approved_text(seen: &Seen, permissions: &[Permission], limits: &Limits) -> String {
    let mut text = format!("{} was let in; ", of(seen));
    push_grant(&mut text, permissions, limits);
    text
}

/// What a register may do, as a person reads it.
fn push_grant(text: &mut String, permissions: &[Permission], limits: &Limits) {
    let words: Vec<&str> = permissions.iter().map(|one| one.as_str()).collect();
    let words = match words.as_slice() {
        [] => "nothing beyond plain payments".to_owned(),
        words => words.join(", "),
    };
    write!(text, "granted: {words}").expect("writing to a string succeeds");
    let limits = serde_json::to_string(limits).unwrap_or_default();
    if limits != "{}" {
        write!(text, "; limits {limits}").expect("writing to a string succeeds");
    }
}

/// `pairing.refuse`.
pub(super) async fn refuse(
    session: Arc<Session>,
    params: RefuseParams,
) -> Result<RefuseResult, ErrorObject> {
    let presences = session.presences();
    presences.sweep();
    let id = params.pairing_id.as_str();
    let unknown = || refused(Refusal::Unknown);
    let seen = presences.gate.pairing(id).ok_or_else(unknown)?;
    let text = format!("{} was not let in", of(&seen));
    session
        .audit(Action::PairingRefused, Some(&seen.register_id), &text)
        .await?;
    presences.gate.refuse(id).ok_or_else(unknown)?;
    presences.pairing_changed(id, PairingState::Refused);
    Ok(RefuseResult {})
}

/// `register.list`.
pub(super) async fn registers(
    session: Arc<Session>,
    _: RegisterListParams,
) -> Result<RegisterListResult, ErrorObject> {
    let presences = session.presences();
    let paired = presences.gate.all_paired();
    let mut registers: Vec<RegisterView> = paired
        .iter()
        .map(|paired| paired_view(presences, paired))
        .collect();
    if presences.is_open() {
        let grants = presences.gate.grants();
        registers.extend(
            grants
                .into_iter()
                .map(|(id, granted)| granted_view(id, granted)),
        );
    }
    registers.sort_by(|one, other| one.register_id.cmp(&other.register_id));
    Ok(RegisterListResult { registers })
}

/// A register for the operator, paired or only granted something.
pub(super) fn register_view(presences: &Presences, register: &str) -> Option<RegisterView> {
    if let Some(paired) = presences.gate.paired(register) {
        return Some(paired_view(presences, &paired));
    }
    let grants = presences.gate.grants();
    let (id, granted) = grants.into_iter().find(|(id, _)| id == register)?;
    Some(granted_view(id, granted))
}

/// One that is not paired: what it was granted counts where access is open.
fn granted_view(id: String, granted: Granted) -> RegisterView {
    RegisterView {
        register_id: id.into(),
        name: granted.name,
        origin: None,
        state: RegisterState::Open,
        connections: 0,
        generation: 0,
        permissions: granted.permissions,
        limits: granted.limits,
        paired_at: None,
        rotated_at: None,
        rotate_due: false,
        last_seen_at: None,
    }
}

fn paired_view(presences: &Presences, paired: &Paired) -> RegisterView {
    let connections = presences.connections_of(&paired.register_id);
    RegisterView {
        register_id: paired.register_id.as_str().into(),
        name: paired.name.clone(),
        origin: paired.origin.clone(),
        state: match connections {
            0 => RegisterState::Away,
            _ => RegisterState::Connected,
        },
        connections,
        generation: paired.generation,
        permissions: paired.permissions.clone(),
        limits: paired.limits.clone(),
        paired_at: Some(convert::rfc3339(paired.paired_at_micros)),
        rotated_at: Some(convert::rfc3339(paired.rotated_at_micros)),
        rotate_due: paired.rotate_due,
        last_seen_at: paired.last_seen_at_micros.map(convert::rfc3339),
    }
}

/// `register.update`.
pub(super) async fn update(
    session: Arc<Session>,
    params: RegisterUpdateParams,
) -> Result<RegisterUpdateResult, ErrorObject> {
    let presences = session.presences();
    let register = params.register_id.as_str();
    let before = register_view(presences, register);
    if before.is_none() && !presences.is_open() {
        return Err(no_such(register));
    }
    let mut text = match &params.name {
        Some(name) => format!("it is called `{name}`; "),
        None => String::new(),
    };
    let permissions = params.permissions.as_deref();
    let kept = before.as_ref().map(|view| view.permissions.as_slice());
    let permissions = permissions.or(kept).unwrap_or(&Permission::ALL);
    let limits = params.limits.clone();
    let limits = limits.or_else(|| before.as_ref().map(|view| view.limits.clone()));
    push_grant(&mut text, permissions, &limits.unwrap_or_default());
    session
        .audit(Action::RegisterUpdated, Some(register), &text)
        .await?;
    let changed = presences
        .gate
        .update(register, params.name, params.permissions, params.limits)
        .map_err(|error| on_disk(&error))?;
    let view = register_view(presences, register).filter(|_| changed);
    let register_now = view.ok_or_else(|| no_such(register))?;
    presences.register_changed(register);
    Ok(RegisterUpdateResult {
        register: register_now,
    })
}

fn no_such(register: &str) -> ErrorObject {
    let sentence = "There is no such register";
    not_allowed(&format!("no register is paired as `{register}`")).with_message(sentence)
}

/// `register.unpair`.
pub(super) async fn unpair(
    session: Arc<Session>,
    params: UnpairParams,
) -> Result<UnpairResult, ErrorObject> {
    let presences = session.presences();
    let register = params.register_id.as_str();
    let paired = presences.gate.paired(register);
    let paired = paired.ok_or_else(|| no_such(register))?;
    let text = format!("{} was unpaired", holder_text(&paired));
    session
        .audit(Action::RegisterUnpaired, Some(register), &text)
        .await?;
    let ended = presences.gate.unpair(register, Moment::now());
    ended.map_err(|error| on_disk(&error))?;
    presences.end_register(register, None, Ended::Unpaired);
    presences.register_changed(register);
    Ok(UnpairResult {})
}

/// `register.rotate`.
pub(super) async fn mark_due(
    session: Arc<Session>,
    params: RotateDueParams,
) -> Result<RotateDueResult, ErrorObject> {
    let presences = session.presences();
    let register = params.register_id.as_str();
    if presences.gate.paired(register).is_none() {
        return Err(no_such(register));
    }
    let text = "it is to replace its secret at its next hello";
    session
        .audit(Action::RegisterUpdated, Some(register), text)
        .await?;
    presences
        .gate
        .mark_due(register)
        .map_err(|error| on_disk(&error))?;
    presences.register_changed(register);
    Ok(RotateDueResult {})
}

/// `operator.code`.
pub(super) async fn code(session: Arc<Session>, _: CodeParams) -> Result<CodeResult, ErrorObject> {
    let (code, until) = session.gate().code(Moment::now());
    Ok(CodeResult {
        url: format!("{}#code={code}", session.shared.console_url),
        code,
        expires_at: convert::rfc3339(until.wall_micros),
    })
}

/// `operator.end`.
pub(super) async fn end(session: Arc<Session>, _: EndParams) -> Result<EndResult, ErrorObject> {
    let Standing::Console(number) = session.standing() else {
        return Err(not_allowed("this connection is no session of the console"));
    };
    session
        .audit(Action::OperatorEnded, None, "the console was closed")
        .await?;
    session.gate().end_console(number);
    let presences = Arc::clone(session.presences());
    // The answer goes out first.
    tokio::spawn(async move {
        tokio::task::yield_now().await;
        presences.end_console(number);
    });
    Ok(EndResult {})
}
