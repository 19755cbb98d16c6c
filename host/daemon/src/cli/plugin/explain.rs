// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin explain`: what a plugin may touch, and why. The host tells what is in force; where
//! none runs, manifest and configuration tell what would be asked for.

use crate::cli::args::PluginArgs;
use crate::cli::connect::by_socket;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{say, say_json};
use crate::config::Config;
use crate::explain::{Seat, explain as rows};
use crate::plugins::{Sources, discover};
use payhal_protocol::explain::{AccessRow, PluginExplainParams, PluginExplainResult};

/// Says everything that the plugin may touch.
pub(super) async fn explain(args: &PluginArgs) -> Result<Exit, Failure> {
    let answer = match by_socket(&args.place).await {
        Some(host) => {
            let plugin = args.plugin.clone();
            host.request(&PluginExplainParams { plugin }).await?
        }
        None => alone(args)?,
    };
    match args.json {
        true => say_json(&answer),
        false => say(&words(&answer)),
    }
    Ok(Exit::Ok)
}

fn alone(args: &PluginArgs) -> Result<PluginExplainResult, Failure> {
    let config = Config::load(&args.place.overrides())?;
    // To explain is not to run: whoever thinks about allowing an unsigned one asks this first.
    let sources = Sources {
        allow_unsigned: true,
        ..Sources::of(&config)
    };
    let plugins = discover(&sources);
    let (id, known) = (&args.plugin, [&plugins.found, &plugins.disabled]);
    let Some(plugin) = known.iter().find_map(|known| known.get(id)) else {
        let why = plugins.refused.get(id);
        let sentence = match why {
            Some(why) => format!("the plugin `{id}` cannot be used: {why}"),
            None => format!("there is no plugin `{id}`"),
        };
        return Err(
            Failure::new(Exit::Failed, sentence).advise("What there is: payhal plugin list")
        );
    };
    let own = config.instances.iter().filter(|one| one.plugin == *id);
    let seats: Vec<_> = own
        .map(|one| Seat::configured(one, &config.state))
        .collect();
    Ok(rows(plugin, &seats))
}

/// One thing a line, its reason below it, and a mark at what is more than usual.
fn words(answer: &PluginExplainResult) -> String {
    let wide = answer.rows.iter().map(|row| row.what.chars().count());
    let wide = wide.max().unwrap_or(0);
    let mut lines = vec![format!(
        "{} {}: {}",
        answer.plugin, answer.version, answer.name
    )];
    lines.extend(answer.rows.iter().map(|row| line(row, wide)));
    if answer.rows.iter().any(|row| row.exception) {
        lines.push("! is more than plugins usually get, or less that keeps it".to_owned());
    }
    lines.join("\n")
}

fn line(row: &AccessRow, wide: usize) -> String {
    let mark = if row.exception { '!' } else { ' ' };
    let whose = match &row.instance {
        Some(instance) => format!("{instance}: "),
        None => String::new(),
    };
    format!(
        "{mark} {:wide$}  {whose}{}\n  {:wide$}  ({})",
        row.what, row.access, "", row.why
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_usual_is_marked() {
        let row = |what: &str, exception| AccessRow {
            what: what.to_owned(),
            access: "everything".to_owned(),
            why: "it asks".to_owned(),
            exception,
            instance: Some("till".to_owned()),
        };
        let answer = PluginExplainResult {
            plugin: "p".to_owned(),
            name: "P".to_owned(),
            version: "1".to_owned(),
            rows: vec![row("Files", false), row("Network", true)],
        };
        assert_eq!(
            words(&answer),
            "p 1: P\n  Files    till: everything\n           (it asks)\n! Network  till: everything\
             \n           (it asks)\n! is more than plugins usually get, or less that keeps it"
        );
    }
}
