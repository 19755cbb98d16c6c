// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal gateway` and `payhal quote`: one gateway of a running host, and what a sale would cost.

use super::args::ClientArgs;
use super::connect::connect;
use super::exit::{Exit, Failure};
use super::instances::{self, InstanceCommand};
use super::screen::{say, say_json};
use crate::amount;
use clap::{Args, Subcommand};
use payhal_protocol::Amount;
use payhal_protocol::gateway_settings::{
    GatewaySettings, GatewaySettingsParams, SurchargeEntry, TipEntry,
};
use payhal_protocol::instances::InstanceKind;
use payhal_protocol::payment::{QuoteCard, QuoteParams, QuoteResult, QuoteTax, QuoteTip};

#[derive(Debug, Subcommand)]
pub(super) enum GatewayCommand {
    #[command(flatten)]
    Instance(InstanceCommand),
    /// What a gateway reports of its merchant, limits, taxes, tips and surcharges
    Settings(SettingsArgs),
}

#[derive(Args, Debug)]
pub(super) struct SettingsArgs {
    /// The gateway [default: the host's default one]
    name: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args, Debug)]
pub(super) struct QuoteArgs {
    /// The price, with the decimals of its currency: 12.50
    amount: String,
    /// Currency by its ISO 4217 code: EUR
    currency: String,
    /// The gateway [default: as for a sale]
    #[arg(long)]
    gateway: Option<String>,
    /// A tax of the gateway's list
    #[arg(long, value_name = "ID")]
    tax: Option<String>,
    /// A tip of the gateway's list
    #[arg(long, value_name = "ID", conflicts_with = "tip_amount")]
    tip: Option<String>,
    /// A tip of so much
    #[arg(long, value_name = "AMOUNT")]
    tip_amount: Option<String>,
    /// Cash that is paid out
    #[arg(long, value_name = "AMOUNT")]
    cashback: Option<String>,
    /// The card's scheme, for its surcharge: visa
    #[arg(long)]
    scheme: Option<String>,
    /// The first digits of the card's number, 1 to 8
    #[arg(long, value_name = "DIGITS", requires = "scheme")]
    begins: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(super) async fn run(command: &GatewayCommand) -> Result<Exit, Failure> {
    match command {
        GatewayCommand::Instance(command) => instances::run(InstanceKind::Gateway, command).await,
        GatewayCommand::Settings(args) => settings(args).await,
    }
}

async fn settings(args: &SettingsArgs) -> Result<Exit, Failure> {
    let params = GatewaySettingsParams {
        gateway: args.name.as_deref().map(Into::into),
    };
    let answer = connect(&args.client).await?.request(&params).await?;
    match args.json {
        true => say_json(&answer),
        false => say(&in_words(&answer)),
    }
    Ok(Exit::Ok)
}

fn in_words(settings: &GatewaySettings) -> String {
    let any = |list: &[String]| match list {
        [] => "any".to_owned(),
        list => list.join(" "),
    };
    let mut lines = vec![
        format!("gateway     {} ({})", settings.gateway, settings.name),
        format!(
            "money       {}",
            if settings.live {
                "real"
            } else {
                "none: a test"
            }
        ),
        format!("currencies  {}", any(&settings.currencies)),
        format!("can         {}", settings.features.join(" ")),
    ];
    if let Some(merchant) = &settings.merchant {
        let name = merchant.name.iter();
        let all = name.chain(&merchant.address).chain(&merchant.country);
        let all: Vec<_> = all.map(String::as_str).collect();
        lines.push(format!("merchant    {}", all.join(", ")));
    }
    for limits in &settings.limits {
        let all = [
            ("sale", &limits.sale_max),
            ("refund", &limits.refund_max),
            ("cashback", &limits.cashback_max),
        ];
        let all = all.into_iter();
        let told = all.filter_map(|(name, most)| Some((name, most.as_ref()?)));
        let told: Vec<_> = told
            .map(|(name, most)| format!("{name} up to {}", amount::show(most)))
            .collect();
        lines.push(format!("limits      {}", told.join(", ")));
    }
    let taxes = settings.taxes.iter();
    lines.extend(taxes.map(|tax| {
        let percent = percent(tax.rate_millionths);
        format!("tax         {}: {percent}, {}", tax.id, tax.name)
    }));
    lines.extend(settings.tips.iter().map(|tip| match tip {
        TipEntry::Percentage {
            id,
            rate_millionths,
        } => format!("tip         {id}: {}", percent(*rate_millionths)),
        TipEntry::Amount { id, amount } => format!("tip         {id}: {}", amount::show(amount)),
    }));
    lines.extend(settings.surcharges.iter().map(surcharge));
    lines.join("\n")
}

fn surcharge(entry: &SurchargeEntry) -> String {
    let scheme = entry.scheme.as_deref().unwrap_or("all cards");
    let ranges = match &entry.ranges[..] {
        [] => String::new(),
        ranges => format!(" that begin with {}", ranges.join(" or ")),
    };
    let fixed = entry.fixed.as_ref();
    let fixed = fixed.map_or(String::new(), |fixed| {
        format!(" and {}", amount::show(fixed))
    });
    let asked = if entry.disclose { "asked" } else { "not asked" };
    let bypass = if entry.bypass {
        ", may be left out"
    } else {
        ""
    };
    let percent = percent(entry.rate_millionths);
    format!("surcharge   {scheme}{ranges}: {percent}{fixed} ({asked}{bypass})")
}

/// Millionths as a percentage, without zeros at its end.
fn percent(millionths: u32) -> String {
    let (whole, rest) = (millionths / 10_000, millionths % 10_000);
    let rest = format!("{rest:04}");
    match rest.trim_end_matches('0') {
        "" => format!("{whole} %"),
        rest => format!("{whole}.{rest} %"),
    }
}

/// Works out what a sale would cost.
pub(super) async fn quote(args: &QuoteArgs) -> Result<Exit, Failure> {
    let params = params(args).map_err(|why| Failure::new(Exit::Usage, why))?;
    let answer = connect(&args.client).await?.request(&params).await?;
    match args.json {
        true => say_json(&answer),
        false => say(&bill(&answer)),
    }
    Ok(Exit::Ok)
}

fn params(args: &QuoteArgs) -> Result<QuoteParams, String> {
    let of = |text: &Option<String>| -> Result<Option<Amount>, String> {
        let text = text.as_deref();
        text.map(|text| amount::parse(text, &args.currency))
            .transpose()
    };
    let tip_amount = of(&args.tip_amount)?;
    let tip = args.tip.is_some() || tip_amount.is_some();
    Ok(QuoteParams {
        amount: amount::parse(&args.amount, &args.currency)?,
        gateway: args.gateway.as_deref().map(Into::into),
        tax: args.tax.clone().map(|id| QuoteTax {
            id: Some(id),
            rate_millionths: None,
        }),
        tip: tip.then(|| QuoteTip {
            id: args.tip.clone(),
            rate_millionths: None,
            amount: tip_amount,
        }),
        cashback: of(&args.cashback)?,
        surcharge_for: args.scheme.clone().map(|scheme| QuoteCard {
            scheme,
            begins: args.begins.clone(),
        }),
        presentation_id: None,
    })
}

fn bill(quote: &QuoteResult) -> String {
    let surcharge = quote.surcharge.as_ref();
    let lines = [
        ("price", Some(&quote.amount)),
        ("tax", quote.tax.as_ref()),
        ("tip", quote.tip.as_ref()),
        ("surcharge", surcharge.map(|surcharge| &surcharge.amount)),
        ("cash", quote.cashback.as_ref()),
        ("total", Some(&quote.total)),
    ];
    let lines = lines.into_iter();
    let told = lines.filter_map(|(name, part)| Some((name, amount::show(part?))));
    let told: Vec<_> = told
        .map(|(name, part)| format!("{name:<10} {part:>16}"))
        .collect();
    told.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::args::Cli;
    use super::*;
    use clap::Parser;

    #[test]
    fn what_the_manual_says_is_understood() {
        for line in [
            "gateway settings bank --json",
            "quote 10.00 EUR --tax standard --tip 10 --cashback 20.00 --scheme amex --begins 37",
            "quote 10.00 EUR --tip-amount 1.00 --gateway bank --json",
        ] {
            let words = std::iter::once("payhal").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn rates_read_as_people_write_them() {
        for (millionths, text) in [
            (15_000, "1.5 %"),
            (200_000, "20 %"),
            (1, "0.0001 %"),
            (0, "0 %"),
        ] {
            assert_eq!(percent(millionths), text);
        }
    }
}
