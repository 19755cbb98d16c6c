// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal tls`: makes this host's certificates trusted on this machine, shows that, and takes it
//! back.
//!
//! Changes trust stores by their own programs. It must never touch a key.

mod args;
mod stores;
mod tool;

pub(super) use args::TlsCommand;

use super::connect::{by_socket, state_folder};
use super::exit::{Exit, Failure};
use super::screen::say;
use crate::audit::{Action, Actor, Audit};
use crate::audit_left;
use crate::clock::wall_micros;
use crate::host::make_state_folder;
use crate::tls::{self, Authority, State, Trust};
use args::{StoreArg, TlsArgs};
use jiff::Timestamp;
use payhal_protocol::audit::AuditListParams;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use stores::{Has, Store};
use tool::Trouble;

/// What is said of a store that was changed.
const TRUSTED_NOW: &str = "is trusted now";

/// The same of trust that was taken back.
const TRUSTED_NO_LONGER: &str = "is no longer trusted";

/// What is wanted of each store.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Wish {
    Trust,
    Look,
    NoTrust,
}

/// Does what the command line says.
pub(super) async fn tls(command: &TlsCommand) -> Result<Exit, Failure> {
    let (args, wish) = match command {
        TlsCommand::Install(args) => (args, Wish::Trust),
        TlsCommand::Status(args) => (args, Wish::Look),
        TlsCommand::Remove(args) => (args, Wish::NoTrust),
    };
    let state = state_folder(&args.place)?;
    let authority = authority(args, &state, wish)?;
    if wish == Wish::Look && args.ca.is_none() {
        describe(&tls::state(&state, now()));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let stores = stores::find(args.store, home.as_deref());
    if stores.is_empty() {
        say(nothing_there(args.store));
        return Ok(Exit::Failed);
    }
    let file = in_a_file(&authority)?;
    let mut all_well = true;
    let mut found = Vec::new();
    let mut changed = false;
    let mut left = false;
    for store in &stores {
        let (well, text) = match bring(store, &authority, file.path(), wish) {
            Ok((has, text)) => {
                changed |= text == TRUSTED_NOW;
                if [TRUSTED_NOW, TRUSTED_NO_LONGER].contains(&text) && args.ca.is_none() {
                    left |= leave(&state, store, text);
                }
                if has == Has::Ours {
                    found.push(trust(store, &authority));
                }
                (wish != Wish::Look || has == Has::Ours, text.to_owned())
            }
            Err(trouble) => (false, trouble.to_string()),
        };
        all_well &= well;
        say(&format!("{:8} {}: {text}", store.name(), store.place()));
    }
    if args.ca.is_none() {
        let looked_at: Vec<&str> = stores.iter().map(Store::name).collect();
        // Another user's host cannot be told; its doctor then does not know.
        tls::record_trust(&state, &looked_at, &found).ok();
    }
    if left && let Some(host) = by_socket(&args.place).await {
        // A host that runs takes what was left when its audit is asked for; else it does when it starts.
        host.request(&AuditListParams::default()).await.ok();
    }
    if changed {
        say("Programs that run already may have to be started again.");
    }
    Ok(if all_well { Exit::Ok } else { Exit::Failed })
}

/// For the audit of the host whose state folder this is. Another user's cannot be told.
fn leave(state: &Path, store: &Store, text: &str) -> bool {
    let place = store.place();
    let text = format!(
        "the authority of this host {text} in {} ({place})",
        store.name()
    );
    let audit = Audit::new(&actor(), Action::TlsInstalled, Some(store.name()), &text);
    audit_left::leave(state, &audit).is_ok()
}

fn actor() -> Actor {
    Actor::Command {
        uid: rustix::process::getuid().as_raw(),
    }
}

fn now() -> i64 {
    wall_micros() / 1_000_000
}

fn nothing_there(store: StoreArg) -> &'static str {
    match store {
        StoreArg::Firefox => "There is no Firefox profile in this home: start Firefox once.",
        _ => "There is no such trust store here: HOME is not set.",
    }
}

/// The authority that is meant: of a file, or of the state folder, made there if there is none.
fn authority(args: &TlsArgs, state: &Path, wish: Wish) -> Result<Authority, Failure> {
    let failed = |text: String| Failure::new(Exit::Failed, text);
    let pem = match &args.ca {
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|error| failed(format!("failed to read {}: {error}", path.display())))?,
        ),
        None => {
            let folder = tls::folder(state);
            if wish == Wish::Trust {
                let made = make_state_folder(state)
                    .and_then(|()| crate::server::host_id(state))
                    .map_err(|error| error.to_string())
                    .and_then(|host_id| {
                        let opened = tls::Keyring::open(&folder, &host_id, now());
                        let story = opened.map_err(|error| error.to_string())?.story();
                        if let Some(story) = story {
                            let audit = Audit::new(&actor(), Action::TlsMade, None, &story);
                            audit_left::leave_or_tell(state, &audit);
                        }
                        Ok(())
                    });
                made.map_err(failed)?;
            }
            tls::authority_pem(&folder).map_err(|error| failed(error.to_string()))?
        }
    };
    let none = "there are no certificates yet; the host makes them when it starts, as \
                `payhal tls install` does";
    let pem = pem.ok_or_else(|| failed(none.to_owned()))?;
    Authority::read(&pem).map_err(failed)
}

/// Brings one store to what is wanted. What it has then, and words for it.
fn bring(
    store: &Store,
    authority: &Authority,
    file: &Path,
    wish: Wish,
) -> Result<(Has, &'static str), Trouble> {
    let has = store.look(authority)?;
    match (wish, has) {
        (Wish::Trust, Has::Ours) => Ok((has, "was trusted already")),
        (Wish::Trust, _) => {
            if has == Has::Older {
                store.remove(authority)?;
            }
            store.add(authority, file)?;
            // A program that says it is done is believed when it shows it.
            match store.look(authority)? {
                Has::Ours => Ok((Has::Ours, TRUSTED_NOW)),
                _ => Err(Trouble::Failed("it did not take the certificate".into())),
            }
        }
        (Wish::NoTrust, Has::Nothing) => Ok((has, "was not trusted")),
        (Wish::NoTrust, _) => {
            store.remove(authority)?;
            Ok((Has::Nothing, TRUSTED_NO_LONGER))
        }
        (Wish::Look, Has::Ours) => Ok((has, "trusted")),
        (Wish::Look, Has::Older) => Ok((has, "trusts an older certificate of this host")),
        (Wish::Look, Has::Nothing) => Ok((has, "not trusted")),
    }
}

fn trust(store: &Store, authority: &Authority) -> Trust {
    Trust {
        store: store.name().to_owned(),
        place: store.place(),
        authority: authority.fingerprint.clone(),
    }
}

/// The programs read the certificate from a file, which must not be the user's to choose for root.
fn in_a_file(authority: &Authority) -> Result<tempfile::NamedTempFile, Failure> {
    let made = || {
        let mut file = tempfile::Builder::new().suffix(".pem").tempfile()?;
        file.write_all(authority.pem.as_bytes())?;
        file.flush()?;
        Ok::<_, std::io::Error>(file)
    };
    made().map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("failed to make a temporary file: {error}"),
        )
    })
}

fn describe(state: &State) {
    let day = |seconds: i64| {
        let time = Timestamp::from_second(seconds).unwrap_or_default();
        time.strftime("%Y-%m-%d").to_string()
    };
    let lines = [
        ("authority", &state.authority, state.authority_valid),
        ("shown now", &state.leaf, state.leaf_valid),
    ];
    for (what, fingerprint, valid) in lines {
        if let (Some(fingerprint), Some((from, until))) = (fingerprint, valid) {
            let (from, until) = (day(from), day(until));
            say(&format!("{what} {fingerprint}, {from} to {until}"));
        }
    }
    if let Some(ends) = state.ends {
        say(&format!(
            "{} certificates are signed, the last until {}",
            state.leaves,
            day(ends)
        ));
    }
    if let Some(damage) = &state.damage {
        say(&format!(
            "damaged: {damage}; the host makes them anew when it starts"
        ));
    }
}
