// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator can say about registers and the console on the command line. It must never do
//! anything.

use super::args::PlaceArgs;
use crate::amount;
use clap::{Args, Subcommand};
use payhal_protocol::Amount;
use payhal_protocol::registers::Limits;
use payhal_protocol::session::Permission;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct PairArgs {
    /// Approve this one, by its pairing or its register, without asking
    #[arg(long, value_name = "ID", requires = "number")]
    pub(super) approve: Option<String>,
    /// The number that the register shows
    #[arg(long, value_name = "N", requires = "approve")]
    pub(super) number: Option<String>,
    /// Refuse this one, by its pairing or its register
    #[arg(long, value_name = "ID", conflicts_with = "approve")]
    pub(super) refuse: Option<String>,
    /// What it may do beyond plain payments: refund_unreferenced, others, batch_close,
    /// voice_approval, resolve, tokens; separated by commas
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', value_parser = permission)]
    pub(super) allow: Vec<Permission>,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    /// Unpair the register that has this id
    #[arg(long)]
    pub(super) replace: bool,
    /// The answer as one line of JSON; nothing is waited for or asked
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// Up to which amounts. Each may be given once for each currency; in others it is nothing then.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct LimitArgs {
    /// Most of one sale, authorization or cash advance, as "100.00 EUR"; none: no limit
    #[arg(long, value_name = "AMOUNT", value_parser = most)]
    pub(super) sale_max: Vec<Most>,
    /// Most of one refund of a transaction
    #[arg(long, value_name = "AMOUNT", value_parser = most)]
    pub(super) refund_max: Vec<Most>,
    /// Most of one refund without a transaction
    #[arg(long, value_name = "AMOUNT", value_parser = most)]
    pub(super) refund_unreferenced_max: Vec<Most>,
    /// Most that an approval by telephone may be for
    #[arg(long, value_name = "AMOUNT", value_parser = most)]
    pub(super) voice_approval_max: Vec<Most>,
    /// Most that a person may settle by word
    #[arg(long, value_name = "AMOUNT", value_parser = most)]
    pub(super) resolve_max: Vec<Most>,
}

/// One limit as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Most {
    /// No limit.
    Unlimited,
    /// This much.
    Amount(Amount),
}

impl LimitArgs {
    /// What was not named stays as it is in `limits`.
    pub(super) fn over(&self, mut limits: Limits) -> Limits {
        for (named, list) in [
            (&self.sale_max, &mut limits.sale_max),
            (&self.refund_max, &mut limits.refund_max),
            (
                &self.refund_unreferenced_max,
                &mut limits.refund_unreferenced_max,
            ),
            (&self.voice_approval_max, &mut limits.voice_approval_max),
            (&self.resolve_max, &mut limits.resolve_max),
        ] {
            if named.contains(&Most::Unlimited) {
                *list = None;
            } else if !named.is_empty() {
                *list = Some(named.iter().filter_map(Most::amount).collect());
            }
        }
        limits
    }
}

impl Most {
    fn amount(&self) -> Option<Amount> {
        match self {
            Self::Unlimited => None,
            Self::Amount(amount) => Some(amount.clone()),
        }
    }
}

fn most(text: &str) -> Result<Most, String> {
    if text == "none" {
        return Ok(Most::Unlimited);
    }
    let (number, code) = text
        .split_once(' ')
        .ok_or_else(|| format!("`{text}` names no currency: write it as \"100.00 EUR\""))?;
    amount::parse(number, code).map(Most::Amount)
}

fn permission(text: &str) -> Result<Permission, String> {
    let named = text.replace('-', "_");
    let known = Permission::ALL.into_iter();
    known
        .clone()
        .find(|one| one.as_str() == named)
        .ok_or_else(|| {
            let all: Vec<_> = known.map(Permission::as_str).collect();
            format!("there is {}", all.join(", "))
        })
}

#[derive(Args, Debug)]
pub(super) struct RegistersArgs {
    #[command(subcommand)]
    pub(super) command: Option<RegistersCommand>,
    /// The answer as one line of JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Configuration file of the host
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// State folder of the host
    #[arg(long, value_name = "FOLDER", global = true)]
    state: Option<PathBuf>,
}

impl RegistersArgs {
    /// Where the host is; said before or behind the word.
    pub(super) fn place(&self) -> PlaceArgs {
        PlaceArgs {
            config: self.config.clone(),
            state: self.state.clone(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum RegistersCommand {
    /// Every register (also without a word)
    List,
    /// One register with what it may do
    Show { register: String },
    /// Say what a register may do beyond plain payments, from now on
    Allow {
        register: String,
        /// All that it may: refund_unreferenced, others, batch_close, voice_approval, resolve, offline,
        /// tokens, apdu, watch
        #[arg(value_name = "PERMISSION", value_delimiter = ',', value_parser = permission)]
        #[arg(required_unless_present = "nothing", conflicts_with = "nothing")]
        permissions: Vec<Permission>,
        /// Plain payments only
        #[arg(long)]
        nothing: bool,
    },
    /// Say up to which amounts; what is not named stays
    Limit {
        register: String,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// End its pairing: its connections close, and it must be paired again
    Unpair { register: String },
    /// Have it replace its secret at its next connection
    Rotate { register: String },
}

#[derive(Args, Debug)]
pub(super) struct ConsoleArgs {
    /// Print the address instead of opening a browser; it is good once, for half a minute
    #[arg(long)]
    pub(super) print: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_named_stays() {
        let had = Limits {
            sale_max: Some(vec![Amount::new(5000, "EUR")]),
            refund_max: Some(vec![Amount::new(1000, "EUR")]),
            ..Limits::default()
        };
        let named = LimitArgs {
            sale_max: vec![Most::Unlimited],
            resolve_max: vec![most("100.00 EUR").unwrap(), most("9000 JPY").unwrap()],
            ..LimitArgs::default()
        };
        let limits = named.over(had.clone());
        assert_eq!(limits.sale_max, None);
        assert_eq!(limits.refund_max, had.refund_max);
        let wanted = vec![Amount::new(10_000, "EUR"), Amount::new(9000, "JPY")];
        assert_eq!(limits.resolve_max, Some(wanted));
    }

    #[test]
    fn what_is_no_amount_or_no_permission_is_told() {
        for wrong in ["100.00", "100 EUR", "-1.00 EUR", "1.00 XXX"] {
            assert!(most(wrong).is_err(), "{wrong}");
        }
        assert_eq!(permission("batch-close"), Ok(Permission::BatchClose));
        assert!(permission("steal").unwrap_err().contains("batch_close"));
    }
}
