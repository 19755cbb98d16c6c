// SPDX-License-Identifier: MIT OR Apache-2.0
//! The row about new firmware and configuration. It must never give a device a file that its author
//! did not name.

use super::super::limits::DEADLINE_MS;
use super::super::mangle::Mangle;
use super::super::master::Ask;
use super::super::replies;
use super::super::session::Session;
use super::super::suite::Suite;
use super::{Held, Unheld, left, wrong};
use payhal_messages::call::{Status, method};
use payhal_messages::update::{PIECE_BYTES_MAX, UpdateBegin, UpdateBegun, UpdateKind, UpdatePiece};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A damaged file changes nothing; a whole one goes on where it was, and is then in force.
pub(super) fn update(suite: &mut Suite<'_>) -> Held {
    let manifest = &suite.subject.manifest;
    let reader = manifest.reader.as_ref().map(|reader| &reader.update);
    let terminal = manifest.terminal.as_ref().map(|terminal| &terminal.update);
    let kinds = reader.or(terminal).cloned().unwrap_or_default();
    if kinds.is_empty() {
        return left("the manifest names no `update`");
    }
    let mut shown = Vec::new();
    for kind in kinds {
        let Some(bytes) = suite.subject.update_file(kind).map_err(Unheld::Wrong)? else {
            let name = word(kind);
            return left(format!("conformance.toml names no {name} in [update]"));
        };
        let mut session = suite.session(Mangle::default())?;
        let held = taken(suite, &mut session, kind, &bytes);
        suite.close(&session);
        held?;
        shown.push(format!("{} of {} bytes", word(kind), bytes.len()));
    }
    Ok(shown.join(", "))
}

fn word(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Firmware => "firmware",
        UpdateKind::Configuration => "configuration",
    }
}

fn taken(
    suite: &mut Suite<'_>,
    session: &mut Session,
    kind: UpdateKind,
    bytes: &[u8],
) -> Result<(), Unheld> {
    let file = announced(kind, bytes);
    whole(suite, session, "before")?;
    let mut damaged = bytes.to_vec();
    if let Some(last) = damaged.last_mut() {
        *last ^= 1;
    }
    let mut desk = Desk { suite, session };
    let Some(offset) = desk.begin(&file)? else {
        return wrong("it has the file of the check already: name another one in [update]");
    };
    desk.give(&damaged, offset, bytes.len())?;
    match desk.say(method::UPDATE_FINISH, &file)? {
        (Some(Status::Refused), _) => {}
        (_, said) => return wrong(format!("a damaged file is answered {said}")),
    }
    whole(desk.suite, desk.session, "after a damaged file")?;
    let Some(offset) = desk.begin(&file)? else {
        return wrong("it has a file that it refused");
    };
    let half = bytes.len() / 2;
    desk.give(bytes, offset, half)?;
    // As a host does that was started anew.
    match desk.begin(&file)? {
        Some(offset) if offset <= half => desk.give(bytes, offset, bytes.len())?,
        other => {
            return wrong(format!(
                "after {half} bytes it wants to go on at {other:?}, which it was never given"
            ));
        }
    }
    match desk.say(method::UPDATE_FINISH, &file)? {
        (Some(Status::Ok), _) => {}
        (_, said) => return wrong(format!("a whole file is answered {said}")),
    }
    match desk.begin(&file)? {
        None => whole(desk.suite, desk.session, "afterwards"),
        Some(offset) => wrong(format!(
            "it wants the file that it took again, from byte {offset}"
        )),
    }
}

fn announced(kind: UpdateKind, bytes: &[u8]) -> UpdateBegin {
    let hash = Sha256::digest(bytes);
    UpdateBegin {
        kind,
        name: format!("check-{}", word(kind)),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// It says who it is, and not that something is missing.
fn whole(suite: &mut Suite<'_>, session: &mut Session, when: &str) -> Result<(), Unheld> {
    let called = suite.greet(session)?;
    let identity = replies::value(&called.reply);
    match (replies::status(&called.reply), &identity["incomplete"]) {
        (Some(Status::Ok), Value::Null) => Ok(()),
        (Some(Status::Ok), why) => wrong(format!("{when} it says that it is not whole: {why}")),
        _ => {
            let said = replies::words(&called.reply);
            wrong(format!("{when} it answers {said} when asked who it is"))
        }
    }
}

struct Desk<'a, 'b> {
    suite: &'a mut Suite<'b>,
    session: &'a mut Session,
}

impl Desk<'_, '_> {
    fn say<T: Serialize>(
        &mut self,
        method: &str,
        message: &T,
    ) -> Result<(Option<Status>, String), Unheld> {
        let payload = serde_json::to_value(message).map_err(|error| {
            Unheld::Wrong(format!("the check cannot write `{method}`: {error}"))
        })?;
        let ask = Ask::new(method, &payload, DEADLINE_MS);
        let called = self.suite.call(self.session, &ask)?;
        let status = replies::status(&called.reply);
        let said = match status {
            Some(Status::Ok) => replies::value(&called.reply).to_string(),
            _ => replies::words(&called.reply),
        };
        Ok((status, said))
    }

    /// The byte that it wants first; nothing where it has the file.
    fn begin(&mut self, file: &UpdateBegin) -> Result<Option<usize>, Unheld> {
        let (status, said) = self.say(method::UPDATE_BEGIN, file)?;
        let begun = serde_json::from_str(&said).ok();
        match begun.filter(|_| status == Some(Status::Ok)) {
            Some(UpdateBegun::Has) => Ok(None),
            Some(UpdateBegun::Takes { offset }) if offset <= file.bytes => {
                Ok(usize::try_from(offset).ok())
            }
            _ => wrong(format!("`update_begin` is answered {said}")),
        }
    }

    fn give(&mut self, bytes: &[u8], from: usize, to: usize) -> Result<(), Unheld> {
        let mut offset = from;
        while offset < to {
            let end = (offset + PIECE_BYTES_MAX).min(to);
            let piece = UpdatePiece {
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
                data: bytes[offset..end].to_vec(),
            };
            let (status, said) = self.say(method::UPDATE_PIECE, &piece)?;
            if status != Some(Status::Ok) {
                return wrong(format!("the bytes from {offset} on are answered {said}"));
            }
            offset = end;
        }
        Ok(())
    }
}
