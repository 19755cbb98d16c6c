// SPDX-License-Identifier: MIT OR Apache-2.0
//! What gateways report of themselves, and what a sale would cost there.

use super::convert;
use super::instances::name_of;
use super::session::Session;
use crate::supervisor::View as InstanceView;
use payhal_engine::answer::Answer;
use payhal_engine::request::Request;
use payhal_messages::gateway::Parameters;
use payhal_messages::settings as m;
use payhal_protocol::Amount;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::gateway_settings::{
    GatewayLimits, GatewayMerchant, GatewaySettings, GatewaySettingsParams, SurchargeEntry,
    TaxEntry, TipEntry,
};
use payhal_protocol::params::FieldError;
use payhal_protocol::payment::{QuoteParams, QuoteResult};
use std::sync::Arc;

/// `gateway.settings`.
pub(super) async fn settings(
    session: Arc<Session>,
    params: GatewaySettingsParams,
) -> Result<GatewaySettings, ErrorObject> {
    let view = session.gateway_meant(&params)?;
    let away = || {
        ErrorObject::named(ErrorName::GatewayUnavailable)
            .with_detail(format!("gateway {} has not opened yet", view.name))
    };
    let opened = view.opened.as_ref().ok_or_else(away)?;
    Ok(reported(&view, opened))
}

/// `payment.quote`.
pub(super) async fn quote(
    session: Arc<Session>,
    params: QuoteParams,
) -> Result<QuoteResult, ErrorObject> {
    let quote = convert::quote(&params)?;
    match session.ask(Request::Quote(Box::new(quote)), None).await {
        Some(Answer::Quoted(quoted)) => Ok(convert::quoted(&quoted)),
        Some(Answer::Refused { refused, replayed }) => Err(convert::refused(&refused, replayed)),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

impl Session {
    /// The one that is named, else the default one, else the only one.
    fn gateway_meant(&self, params: &GatewaySettingsParams) -> Result<InstanceView, ErrorObject> {
        let mut views = self.shared.supervisor.gateways();
        let named = params.gateway.as_ref().map(ToString::to_string);
        let wanted = named.or_else(|| self.shared.default_gateway.clone());
        match wanted {
            Some(name) => views
                .into_iter()
                .find(|view| view.name == name)
                .ok_or_else(|| {
                    ErrorObject::named(ErrorName::GatewayUnavailable)
                        .with_detail(format!("gateway {name} is not configured"))
                }),
            None if views.len() == 1 => Ok(views.remove(0)),
            None if views.is_empty() => Err(ErrorObject::named(ErrorName::GatewayUnavailable)
                .with_detail("no gateway is configured")),
            None => Err(FieldError::new("gateway", "must name one of several gateways").into()),
        }
    }
}

fn reported(view: &InstanceView, opened: &Parameters) -> GatewaySettings {
    let manifest = &view.plugin.manifest;
    let settings = opened.settings.clone().unwrap_or_default();
    let abilities = manifest.gateway.as_ref();
    let mut features: Vec<String> = abilities
        .map(|gateway| gateway.can.iter().filter_map(name_of).collect())
        .unwrap_or_default();
    if abilities.is_some_and(|gateway| gateway.inquiry) {
        features.push("inquiry".to_owned());
    }
    features.extend(settings.features);
    GatewaySettings {
        gateway: view.name.as_str().into(),
        name: opened.name.clone(),
        live: opened.live,
        currencies: opened.currencies.clone(),
        features,
        merchant: settings.merchant.map(merchant),
        limits: settings.limits.iter().map(limits).collect(),
        taxes: settings.taxes.into_iter().map(tax).collect(),
        tips: settings.tips.into_iter().map(tip).collect(),
        surcharges: settings.surcharges.into_iter().map(surcharge).collect(),
    }
}

fn merchant(merchant: m::Merchant) -> GatewayMerchant {
    GatewayMerchant {
        name: merchant.name,
        address: merchant.address,
        country: merchant.country,
        category: merchant.category,
    }
}

fn limits(limits: &m::Limits) -> GatewayLimits {
    let most = |minor: Option<i64>| minor.map(|minor| Amount::new(minor, &limits.currency));
    GatewayLimits {
        currency: limits.currency.clone(),
        sale_max: most(limits.sale_minor_max),
        refund_max: most(limits.refund_minor_max),
        cashback_max: most(limits.cashback_minor_max),
    }
}

fn tax(tax: m::Tax) -> TaxEntry {
    TaxEntry {
        id: tax.id,
        name: tax.name,
        rate_millionths: tax.rate_millionths,
    }
}

fn tip(tip: m::Tip) -> TipEntry {
    match tip {
        m::Tip::Percentage {
            id,
            rate_millionths,
        } => TipEntry::Percentage {
            id,
            rate_millionths,
        },
        m::Tip::Amount {
            id,
            minor,
            currency,
        } => TipEntry::Amount {
            id,
            amount: Amount::new(minor, &currency),
        },
    }
}

fn surcharge(entry: m::Surcharge) -> SurchargeEntry {
    let of = entry.currency.as_deref();
    SurchargeEntry {
        fixed: of
            .filter(|_| entry.fixed_minor > 0)
            .map(|currency| Amount::new(entry.fixed_minor, currency)),
        scheme: entry.scheme,
        ranges: entry.ranges,
        rate_millionths: entry.rate_millionths,
        bypass: entry.bypass,
        disclose: entry.disclose,
        currency: entry.currency,
    }
}
