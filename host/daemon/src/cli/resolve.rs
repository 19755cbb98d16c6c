// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal resolve`: a person's word on an outcome that nobody else can find out.
//!
//! It must never be said by a script: who says it has looked at the other side's own records.

use super::connect::connect;
use super::exit::{Exit, Failure};
use super::payment_args::{Outcome, ResolveArgs};
use super::screen::{say, say_json, word};
use payhal_protocol::payment::{ResolveParams, ResolvedOutcome};

pub(super) async fn resolve(args: &ResolveArgs) -> Result<Exit, Failure> {
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    let operator = args
        .operator
        .clone()
        .or_else(user)
        .ok_or_else(|| Failure::new(Exit::Usage, "nobody is named: say `--operator NAME`"))?;
    let params = ResolveParams {
        transaction_id: args.transaction.as_str().into(),
        outcome: match args.outcome {
            Outcome::Approved => ResolvedOutcome::Approved,
            Outcome::Failed => ResolvedOutcome::Failed,
        },
        evidence: args.evidence.clone(),
        operator,
    };
    let answer = connect(&args.client).await?.resolve(&params).await?;
    if args.json {
        say_json(&answer);
    } else {
        let outcome = word(&answer.transaction.outcome);
        let moved = word(&answer.transaction.money_moved);
        say(&format!("{outcome}, money moved: {moved}"));
    }
    Ok(Exit::Ok)
}
