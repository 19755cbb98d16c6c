// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where plugin messages and the engine's vocabulary meet.

mod currency;
mod device;
mod gateway;
mod lists;
mod read;

pub(super) use device::{
    abilities, device_command, device_reply, pin_event, prompt, prompt_answer, protection, stage,
};
pub(super) use gateway::{gateway_command, gateway_reply, parameters};
pub(super) use read::kept_number;

use payhal_engine::card::Entry;
use payhal_engine::device::Purpose;
use payhal_engine::gateway::{Ability, Collected, CurrencyTotals, Totals, Wire};
use payhal_engine::ids::TransactionId;
use payhal_engine::money::{Amounts, Currency};
use payhal_ipc::LogLevel;
use payhal_messages as m;
use payhal_protocol::instances;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A method's name and the JSON of its command.
pub(super) type Encoded = (&'static str, Vec<u8>);

/// What the gateway alone may read of a card read; the engine carries it unread.
#[derive(Serialize, Deserialize)]
struct SealedRead {
    sealed: m::card::Sealed,
    tags: BTreeMap<String, String>,
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("messages are plain JSON")
}

/// A reply that is no JSON of the method. The error tells where, never what.
pub(super) fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Arc<str>> {
    serde_json::from_slice(payload).map_err(|error| {
        format!(
            "the plugin's reply of {} bytes is not what the method answers (column {})",
            payload.len(),
            error.column()
        )
        .into()
    })
}

fn reconcile(wire: &Wire, close: bool) -> Vec<u8> {
    json(&m::gateway::Reconcile {
        wire: wire_out(wire),
        close,
    })
}

/// An error names what is not understood: totals that cannot be shown must not be taken for none.
fn totals_in(totals: m::gateway::Totals) -> Result<Totals, Arc<str>> {
    let rows = totals.totals.into_iter().map(|row| {
        let currency = Currency::from_code(&row.currency)
            .ok_or("the totals are in a currency that does not exist")?;
        Ok(CurrencyTotals {
            currency,
            sales: row.sales,
            sales_minor: row.sales_minor,
            refunds: row.refunds,
            refunds_minor: row.refunds_minor,
        })
    });
    let collected = totals.collected.into_iter().map(|collected| {
        let transaction_id = collected
            .transaction_id
            .parse()
            .map_err(|_| "the totals name a transaction that is not this host's")?;
        Ok(Collected {
            transaction_id: TransactionId(transaction_id),
            accepted: collected.accepted,
        })
    });
    Ok(Totals {
        batch: totals.batch.into(),
        rows: rows.collect::<Result<_, &str>>()?,
        collected: collected.collect::<Result<_, &str>>()?,
    })
}

fn abilities_in(can: &[m::manifest::Ability]) -> Vec<Ability> {
    use m::manifest::Ability as Listed;
    let ability = |listed: &Listed| match listed {
        Listed::Authorize => Ability::Authorize,
        Listed::Adjust => Ability::Adjust,
        Listed::Refund => Ability::Refund,
        Listed::RefundByReceipt => Ability::RefundByReceipt,
        Listed::RefundUnreferenced => Ability::RefundUnreferenced,
        Listed::Void => Ability::Void,
        Listed::Verify => Ability::Verify,
        Listed::Token => Ability::Token,
        Listed::Balance => Ability::Balance,
        Listed::CashAdvance => Ability::CashAdvance,
        Listed::Cashback => Ability::Cashback,
        Listed::Installments => Ability::Installments,
        Listed::VoiceApproval => Ability::VoiceApproval,
        Listed::BatchTotals => Ability::BatchTotals,
        Listed::BatchClose => Ability::BatchClose,
        Listed::Advice => Ability::Advice,
        Listed::NotifyOrder => Ability::NotifyOrder,
        Listed::Forward => Ability::Forward,
        Listed::ForgetToken => Ability::ForgetToken,
        Listed::Dcc => Ability::Dcc,
    };
    can.iter().map(ability).collect()
}

fn acceptor_out(acceptor: &payhal_engine::ids::Acceptor) -> m::gateway::Acceptor {
    m::gateway::Acceptor {
        merchant: acceptor.merchant.to_string(),
        terminal: acceptor.terminal.to_string(),
    }
}

fn wire_out(wire: &Wire) -> m::gateway::Wire {
    m::gateway::Wire {
        transaction_id: wire.transaction_id.to_string(),
        stan: wire.stan,
        at_micros: wire.at_micros,
        acceptor: acceptor_out(&wire.acceptor),
        reference: wire.reference.to_string(),
    }
}

fn amounts_out(amounts: &Amounts) -> m::money::Amounts {
    m::money::Amounts {
        currency: amounts.total.currency.code().to_owned(),
        total_minor: amounts.total.minor,
        tip_minor: amounts.tip_minor,
        surcharge_minor: amounts.surcharge_minor,
        cashback_minor: amounts.cashback_minor,
    }
}

fn purpose_out(purpose: Purpose) -> m::money::Purpose {
    match purpose {
        Purpose::Sale => m::money::Purpose::Sale,
        Purpose::Refund => m::money::Purpose::Refund,
        Purpose::Authorize => m::money::Purpose::Authorize,
        Purpose::Capture => m::money::Purpose::Capture,
        Purpose::Adjust => m::money::Purpose::Adjust,
        Purpose::Verify => m::money::Purpose::Verify,
        Purpose::Balance => m::money::Purpose::Balance,
        Purpose::CashAdvance => m::money::Purpose::CashAdvance,
    }
}

fn entry_out(entry: Entry) -> m::card::Entry {
    match entry {
        Entry::Chip => m::card::Entry::Chip,
        Entry::Contactless => m::card::Entry::Contactless,
        Entry::Stripe => m::card::Entry::Stripe,
        Entry::Manual => m::card::Entry::Manual,
    }
}

fn entry_in(entry: m::card::Entry) -> Entry {
    match entry {
        m::card::Entry::Chip => Entry::Chip,
        m::card::Entry::Contactless => Entry::Contactless,
        m::card::Entry::Stripe => Entry::Stripe,
        m::card::Entry::Manual => Entry::Manual,
    }
}

/// What a runner lets through.
pub(in crate::supervisor) fn log_level(level: instances::LogLevel) -> LogLevel {
    match level {
        instances::LogLevel::Error => LogLevel::Error,
        instances::LogLevel::Warn => LogLevel::Warn,
        instances::LogLevel::Info => LogLevel::Info,
        instances::LogLevel::Debug => LogLevel::Debug,
    }
}
