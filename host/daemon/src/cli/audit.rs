// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal audit`: what was done to the host and by whom, read from the journal's file, with the
//! host running or not.

use super::args::AuditArgs;
use super::connect::state_folder;
use super::exit::{Exit, Failure};
use super::screen::{say, say_json, table, tell};
use crate::server::audit_entry;
use payhal_protocol::audit::AuditListResult;

/// A page of it, newest first.
pub(super) fn list(args: &AuditArgs) -> Result<Exit, Failure> {
    let path = state_folder(&args.place)?.join("journal.sqlite");
    let page = payhal_journal::audit(path, args.before, args.limit)?;
    let answer = AuditListResult {
        entries: page.entries.into_iter().map(audit_entry).collect(),
        more: page.more,
    };
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer
        .entries
        .iter()
        .map(|entry| {
            [
                entry.seq.to_string(),
                // Without fractions of a second.
                entry
                    .at
                    .split('.')
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches('Z')
                    .to_owned()
                    + "Z",
                entry.actor.clone(),
                entry.action.clone(),
                entry.subject.clone().unwrap_or_default(),
                entry.text.clone(),
            ]
        })
        .collect();
    if rows.is_empty() {
        tell("nothing was written yet");
    } else {
        say(&table(["NUMBER", "TIME", "WHO", "WHAT", "", ""], &rows));
    }
    if let (true, Some(last)) = (answer.more, answer.entries.last()) {
        tell(&format!(
            "there are older ones: payhal audit --before {}",
            last.seq
        ));
    }
    Ok(Exit::Ok)
}
