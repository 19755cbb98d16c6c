// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said behind `payhal list`. It must never do anything.

use super::args::ClientArgs;
use clap::Args;

/// Where a sale is that was accepted offline.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum OfflineState {
    /// Waits for its gateway
    Waiting,
    /// Its issuer did not take it
    Lost,
    /// A person must look
    NeedsOperator,
    /// Its gateway took it
    Taken,
    /// Taken back before its gateway heard of it
    Withdrawn,
}

/// What can become of a transaction, as the API names it.
pub(super) const OUTCOMES: [&str; 7] = [
    "running",
    "approved",
    "accepted_offline",
    "declined",
    "cancelled",
    "failed",
    "unknown",
];

#[derive(Args, Debug)]
pub(super) struct TransactionsArgs {
    /// Only what has not come to rest
    #[arg(long)]
    pub(super) open: bool,
    /// Only sales that were accepted offline: those that wait for their gateway, those that are lost
    /// because their issuer did not take them, or others
    #[arg(long, value_name = "STATE", value_enum, num_args = 0..=1, default_missing_value = "waiting")]
    pub(super) offline: Option<OfflineState>,
    /// Part of a reference; or a key, approval code, transaction or last four digits
    #[arg(long)]
    pub(super) text: Option<String>,
    /// Only of this amount, asked, approved or charged in the card's own currency, as 12.50 EUR
    #[arg(long, value_names = ["AMOUNT", "CURRENCY"], num_args = 2)]
    pub(super) amount: Option<Vec<String>>,
    /// Only those that this became of
    #[arg(long, value_parser = OUTCOMES)]
    pub(super) outcome: Option<String>,
    /// Only of cards with these last four digits
    #[arg(long, value_name = "DIGITS")]
    pub(super) last_four: Option<String>,
    /// Begun at or after this time, as 2026-11-21T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Begun before this time
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// How many, 1 to 100
    #[arg(long, default_value_t = payhal_protocol::limits::LIST_LIMIT_DEFAULT)]
    pub(super) limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    pub(super) cursor: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}
