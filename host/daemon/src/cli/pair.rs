// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal pair`: the operator compares two numbers and lets a register in.
//!
//! It must never approve what nobody compared: a number comes from the command line or from a
//! person's yes.

use super::access_args::PairArgs;
use super::exit::{Exit, Failure};
use super::operator;
use super::screen::{say, say_json, tell};
use payhal_client::{Client, Notification};
use payhal_protocol::access::{
    ApproveParams, PairedAs, PairingListParams, PairingView, RefuseParams,
};
use payhal_protocol::events::{SubscribeParams, Topic};
use payhal_protocol::registers::{Limits, RegisterView};
use std::io::{BufRead, IsTerminal, Write};
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub(super) async fn pair(args: &PairArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    if let Some(name) = &args.refuse {
        return refuse(&client, &named(&client, name).await?, args.json).await;
    }
    if let (Some(name), Some(number)) = (&args.approve, &args.number) {
        let pairing = named(&client, name).await?;
        return approve(&client, &pairing, digits(number), args.replace, args).await;
    }
    if args.json {
        say_json(&client.request(&PairingListParams {}).await?);
        return Ok(Exit::Ok);
    }
    let pairing = next(&client).await?;
    describe(&pairing);
    if std::io::stdin().is_terminal() {
        ask(&client, &pairing, args).await
    } else {
        say(&format!(
            "To approve: payhal pair --approve {} --number N, with the number that the register shows",
            pairing.register.id
        ));
        Ok(Exit::Ok)
    }
}

/// The open pairing with this id, or of the register with this id.
async fn named(client: &Client, name: &str) -> Result<PairingView, Failure> {
    let open = client.request(&PairingListParams {}).await?.pairings;
    let is_meant = |pairing: &&PairingView| {
        pairing.pairing_id.as_str() == name || pairing.register.id.as_str() == name
    };
    let mut meant = open.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(pairing), None) => Ok(pairing.clone()),
        (None, _) => {
            let text = format!("no pairing of `{name}` is open");
            Err(Failure::new(Exit::Failed, text)
                .advise("Begin it at the register again: it is open for two minutes."))
        }
        (Some(_), Some(_)) => {
            let text = format!("several pairings of `{name}` are open");
            Err(Failure::new(Exit::Usage, text)
                .advise("`payhal pair --json` lists them; name one by its pairing_id."))
        }
    }
}

/// The oldest pairing whose number is known; waits until there is one.
async fn next(client: &Client) -> Result<PairingView, Failure> {
    let mut news = client.notifications();
    let topics = Some(vec![Topic::PairingChanged]);
    let subscription = SubscribeParams {
        topics,
        ..SubscribeParams::default()
    };
    client.subscribe(&subscription).await?;
    let mut told = false;
    loop {
        let open = client.request(&PairingListParams {}).await?.pairings;
        let further = open.len().saturating_sub(1);
        if let Some(pairing) = open.into_iter().find(|one| one.number.is_some()) {
            if further > 0 {
                tell(&format!("{further} more: see `payhal pair --json`"));
            }
            return Ok(pairing);
        }
        if !told {
            tell("No register asks to be paired. Begin it at the register; Ctrl-C ends waiting.");
            told = true;
        }
        changed(&mut news).await?;
    }
}

async fn changed(news: &mut Receiver<Notification>) -> Result<(), Failure> {
    loop {
        match news.recv().await {
            Ok(event) if *event.method == *Topic::PairingChanged.as_str() => return Ok(()),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Ok(()),
            Err(RecvError::Closed) => {
                return Err(Failure::new(Exit::NotRunning, "the host has ended"));
            }
        }
    }
}

fn describe(pairing: &PairingView) {
    let number = pairing.number.as_deref().unwrap_or_default();
    let from = pairing.origin.as_deref();
    let mut lines = vec![
        format!(
            "Register  {} ({})",
            pairing.register.id, pairing.register.name
        ),
        format!("From      {}", from.unwrap_or("a program, no web page")),
        format!("Address   {}", pairing.authority),
    ];
    if let Some(certificate) = &pairing.certificate {
        lines.push(format!("TLS       {certificate}"));
    }
    lines.push(format!("Number    {}", spaced(number)));
    say(&lines.join("\n"));
    if let Some(conflict) = &pairing.conflict {
        tell(&format!(
            "{} is paired already: {}. Approving takes the pairing away from it.",
            pairing.register.id,
            paired_as(conflict)
        ));
    }
}

fn paired_as(register: &PairedAs) -> String {
    let origin = register
        .origin
        .as_ref()
        .map(|origin| format!(" at {origin}"));
    let seen = register.last_seen_at.as_ref().map_or_else(
        || ", never seen since".to_owned(),
        |at| format!(", last seen {at}"),
    );
    format!("{}{}{seen}", register.name, origin.unwrap_or_default())
}

/// As people read it.
fn spaced(number: &str) -> String {
    match number.split_at_checked(3) {
        Some((first, last)) if !last.is_empty() => format!("{first} {last}"),
        _ => number.to_owned(),
    }
}

/// As it is compared: people type it with a space, or a dash.
fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

async fn ask(client: &Client, pairing: &PairingView, args: &PairArgs) -> Result<Exit, Failure> {
    let number = pairing.number.clone().unwrap_or_default();
    let question = format!("Does the register show {}? [y/N] ", spaced(&number));
    if !yes(&question).await {
        return refuse(client, pairing, args.json).await;
    }
    let replace = args.replace
        || match &pairing.conflict {
            Some(conflict) => {
                let question = format!("Take the pairing away from {}? [y/N] ", conflict.name);
                if !yes(&question).await {
                    return refuse(client, pairing, args.json).await;
                }
                true
            }
            None => false,
        };
    approve(client, pairing, number, replace, args).await
}

/// Whether a person says yes. Anything else, and the end of input, is a no.
async fn yes(question: &str) -> bool {
    let question = question.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stdout().lock();
        let _gone = write!(out, "{question}").and_then(|()| out.flush());
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    });
    read.await.unwrap_or(false)
}

async fn approve(
    client: &Client,
    pairing: &PairingView,
    number: String,
    replace: bool,
    args: &PairArgs,
) -> Result<Exit, Failure> {
    let limits = args.limits.over(Limits::default());
    let params = ApproveParams {
        pairing_id: pairing.pairing_id.clone(),
        number,
        permissions: Some(args.allow.clone()),
        limits: (!limits.is_none()).then_some(limits),
        replace,
    };
    let answer = client.request(&params).await?;
    if args.json {
        say_json(&answer);
    } else {
        say(&paired(&answer.register));
    }
    Ok(Exit::Ok)
}

fn paired(register: &RegisterView) -> String {
    let may = operator::permissions(&register.permissions);
    let mut lines = vec![format!(
        "{} is paired. It may: {may}.",
        register.register_id
    )];
    lines.extend(
        operator::limits(&register.limits)
            .iter()
            .map(|limit| format!("Limit: {limit}.")),
    );
    lines.join("\n")
}

async fn refuse(client: &Client, pairing: &PairingView, json: bool) -> Result<Exit, Failure> {
    let params = RefuseParams {
        pairing_id: pairing.pairing_id.clone(),
    };
    let answer = client.request(&params).await?;
    if json {
        say_json(&answer);
    } else {
        say(&format!("{} was refused.", pairing.register.id));
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_write_it() {
        for text in ["123456", "123 456", "123-456", " 123456\n"] {
            assert_eq!(digits(text), "123456");
        }
        assert_eq!(spaced("004217"), "004 217");
        assert_eq!(spaced(""), "");
    }

    #[test]
    fn who_loses_a_pairing_is_named_with_where_and_when() {
        let had = PairedAs {
            name: "Old till".to_owned(),
            origin: Some("https://shop.example".to_owned()),
            paired_at: None,
            last_seen_at: None,
        };
        let words = paired_as(&had);
        assert_eq!(words, "Old till at https://shop.example, never seen since");
    }
}
