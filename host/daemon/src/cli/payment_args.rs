// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said on the command line of payments and batches. It must never do anything.

use super::args::ClientArgs;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(super) enum PayCommand {
    /// Charge a card
    Sale(Box<SaleArgs>),
    /// Hold an amount on a card, to be captured later
    Authorize(Box<AuthorizeArgs>),
    /// Take what is held, all of it or a part
    Capture(CaptureArgs),
    /// Change what is held to a new total
    Adjust(AdjustArgs),
    /// Give money back, all of a sale or a part
    Refund(RefundArgs),
    /// Give money back to a card, without naming a transaction
    RefundUnreferenced(CashArgs),
    /// Give money back for a transaction that only its receipt tells of
    RefundReceipt(RefundReceiptArgs),
    /// Take a transaction back before the day's totals
    Void(VoidArgs),
    /// Void or refund, whichever the rules allow
    Undo(VoidArgs),
    /// Check a card, and keep it as a payment token where that is possible
    Verify(CardArgs),
    /// Ask what is left on a card
    Balance(CardArgs),
    /// Pay out cash
    CashAdvance(CashArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum BatchCommand {
    /// The totals so far, as gateway or terminal counts them
    Totals {
        #[command(flatten)]
        whose: BatchArgs,
        /// The answer as one line of JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Compare totals and close the batch
    Close {
        #[command(flatten)]
        whose: BatchArgs,
        /// An unresolved transaction a person has looked at; may be given several times
        #[arg(long, value_name = "TRANSACTION")]
        despite: Vec<String>,
        #[command(flatten)]
        payment: PaymentArgs,
    },
}

/// Whose batch.
#[derive(Args, Debug)]
pub(super) struct BatchArgs {
    /// The terminal, where its own batch is meant
    #[arg(long)]
    pub(super) device: Option<String>,
    /// The gateway [default: the host chooses]
    #[arg(long)]
    pub(super) gateway: Option<String>,
}

/// What all payments have.
#[derive(Args, Debug)]
pub(super) struct PaymentArgs {
    /// The register's own reference: the number of the receipt or the table
    #[arg(long, value_name = "TEXT")]
    pub(super) reference: Option<String>,
    /// Ask again for an earlier attempt: the same key never charges twice [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// How long to wait for a card
    #[arg(long, value_name = "SECONDS")]
    pub(super) timeout: Option<u64>,
    /// Take what the issuer approves, also where it is less than was asked, and ask nobody
    #[arg(long)]
    pub(super) accept_partial: bool,
    /// Progress and the answer as lines of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// What a sale and a hold have in common.
#[derive(Args, Debug)]
pub(super) struct ChargeArgs {
    /// Total, with the decimals of its currency: 12.50
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    /// The amount is an estimate: the final one is asked for here when the card is there
    #[arg(long)]
    pub(super) estimated: bool,
    /// How long the final amount may take
    #[arg(long, value_name = "SECONDS", requires = "estimated")]
    pub(super) amount_timeout: Option<u64>,
    /// The device [default: the host chooses]
    #[arg(long)]
    pub(super) device: Option<String>,
    /// The gateway [default: the host chooses]
    #[arg(long)]
    pub(super) gateway: Option<String>,
    /// An unresolved transaction a person has looked at; may be given several times
    #[arg(long, value_name = "TRANSACTION")]
    pub(super) despite: Vec<String>,
    /// How much of the total is tip
    #[arg(long, value_name = "AMOUNT")]
    pub(super) tip: Option<String>,
    /// How much of the total is surcharge
    #[arg(long, value_name = "AMOUNT")]
    pub(super) surcharge: Option<String>,
    /// How far a tip on the device or a surcharge may raise the total
    #[arg(long, value_name = "AMOUNT")]
    pub(super) amount_max: Option<String>,
    /// Leave the card's surcharge out, where its rule lets that be
    #[arg(long)]
    pub(super) bypass_surcharge: bool,
    /// In how many instalments the issuer splits it
    #[arg(long, value_name = "N")]
    pub(super) installments: Option<u32>,
    /// Only this way of presenting a card; may be given several times
    #[arg(long, value_enum)]
    pub(super) entry: Vec<EntryWay>,
    /// Never to be approved without asking the issuer
    #[arg(long)]
    pub(super) online_always: bool,
    /// A code the issuer gave by telephone
    #[arg(long, value_name = "CODE")]
    pub(super) voice_code: Option<String>,
    /// Pay with a payment token instead of a card
    #[arg(long)]
    pub(super) token: Option<String>,
    /// Pay with a kept card, by its reference
    #[arg(long, value_name = "REFERENCE", conflicts_with = "token")]
    pub(super) kept: Option<String>,
    /// Keep the card under this reference, to pay with it later
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["token", "kept"])]
    pub(super) keep_as: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct SaleArgs {
    #[command(flatten)]
    pub(super) charge: ChargeArgs,
    /// How much of the total is paid out in cash
    #[arg(long, value_name = "AMOUNT")]
    pub(super) cashback: Option<String>,
    /// May be accepted while the gateway is away, within the limits of `[[offline]]`, and forwarded
    /// later: if its issuer does not take it then, the money is lost
    #[arg(long)]
    pub(super) allow_offline: bool,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct AuthorizeArgs {
    #[command(flatten)]
    pub(super) charge: ChargeArgs,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct CaptureArgs {
    /// The authorization
    pub(super) transaction: String,
    /// How much of it is taken
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct AdjustArgs {
    /// The authorization
    pub(super) transaction: String,
    /// The new total
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    /// How much of the total is tip
    #[arg(long, value_name = "AMOUNT")]
    pub(super) tip: Option<String>,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct RefundArgs {
    /// The transaction that is given back
    pub(super) transaction: String,
    /// How much of it, with the decimals of its currency: 5.00
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    /// An unresolved transaction a person has looked at; may be given several times
    #[arg(long, value_name = "TRANSACTION")]
    pub(super) despite: Vec<String>,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("named").required(true).args(["rrn", "original_reference"]))]
pub(super) struct RefundReceiptArgs {
    /// How much is given back
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    /// The gateway that holds the original
    #[arg(long)]
    pub(super) gateway: String,
    /// The original's retrieval reference number
    #[arg(long)]
    pub(super) rrn: Option<String>,
    /// The gateway's own reference of the original
    #[arg(long, value_name = "TEXT")]
    pub(super) original_reference: Option<String>,
    /// When the original was made, as 2026-11-21T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) at: String,
    /// The original's amount
    #[arg(long, value_name = "AMOUNT")]
    pub(super) of: String,
    /// The device, where a card is needed [default: the host chooses]
    #[arg(long)]
    pub(super) device: Option<String>,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct VoidArgs {
    /// The transaction that is taken back
    pub(super) transaction: String,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct CardArgs {
    /// The device [default: the host chooses]
    #[arg(long)]
    pub(super) device: Option<String>,
    /// The gateway [default: the host chooses]
    #[arg(long)]
    pub(super) gateway: Option<String>,
    /// A payment token instead of a card
    #[arg(long)]
    pub(super) token: Option<String>,
    /// A kept card, by its reference
    #[arg(long, value_name = "REFERENCE", conflicts_with = "token")]
    pub(super) kept: Option<String>,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct CashArgs {
    /// How much, with the decimals of its currency: 40.00
    pub(super) amount: String,
    /// Currency by its ISO 4217 code: EUR
    pub(super) currency: String,
    /// The device [default: the host chooses]
    #[arg(long)]
    pub(super) device: Option<String>,
    /// The gateway [default: the host chooses]
    #[arg(long)]
    pub(super) gateway: Option<String>,
    /// A payment token instead of a card
    #[arg(long)]
    pub(super) token: Option<String>,
    /// A kept card, by its reference
    #[arg(long, value_name = "REFERENCE", conflicts_with = "token")]
    pub(super) kept: Option<String>,
    #[command(flatten)]
    pub(super) payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    /// The transaction
    pub(super) transaction: String,
    /// What became of it, as the other side's own records show
    #[arg(long, value_enum)]
    pub(super) outcome: Outcome,
    /// What that is based on: the line of the report, the call; kept for auditors
    #[arg(long, value_name = "TEXT")]
    pub(super) evidence: String,
    /// Who says so [default: the user of this command]
    #[arg(long, value_name = "NAME")]
    pub(super) operator: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Outcome {
    Approved,
    Failed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EntryWay {
    Chip,
    Contactless,
    Stripe,
    Manual,
}
