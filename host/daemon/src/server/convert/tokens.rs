// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls about kept payment tokens, as the engine gets them.

use super::requests::{Converted, custom, device, gateway, plain, presentation, presented};
use super::transaction_id;
use payhal_engine::ids::TokenId;
use payhal_engine::request::{Kind, MoneyRequest, Terms};
use payhal_engine::tokens::{Keep, Named};
use payhal_protocol as p;
use payhal_protocol::params::FieldError;
use payhal_protocol::token::{DeleteTokenParams, RegisterTokenParams, UpdateTokenParams};

/// A card is kept.
pub(in crate::server) fn register_token(params: &RegisterTokenParams) -> Converted {
    let from = params.transaction_id.as_ref();
    let from = from
        .map(|id| transaction_id("transaction_id", id))
        .transpose()?;
    let keep = Keep {
        reference: Some(params.reference.as_str().into()),
        custom: custom(&params.custom),
        card: from.is_none(),
        from,
        given: None,
    };
    Ok(MoneyRequest {
        device: device(params.device.as_ref()),
        gateway: gateway(params.gateway.as_ref()),
        timeout_ms: params.timeout_ms,
        terms: Terms {
            keep: Some(keep),
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), None)?
        },
        ..plain(
            &params.idempotency_key,
            Kind::TokenRegister,
            &Some(params.reference.clone()),
        )
    })
}

/// A kept token changes.
pub(in crate::server) fn update_token(params: &UpdateTokenParams) -> Converted {
    let from = params.transaction_id.as_ref();
    let keep = Keep {
        reference: params.new_reference.as_deref().map(Into::into),
        custom: custom(&params.custom),
        card: params.new_card
            || params.device.is_some()
            || params.entry.is_some()
            || params.presentation_id.is_some(),
        from: from
            .map(|id| transaction_id("transaction_id", id))
            .transpose()?,
        given: None,
    };
    Ok(MoneyRequest {
        device: device(params.device.as_ref()),
        timeout_ms: params.timeout_ms,
        terms: Terms {
            stored: named(params.token_id.as_ref(), params.reference.as_deref())?,
            keep: Some(keep),
            presentation: presentation(params.presentation_id.as_ref()),
            ..presented(params.entry.as_deref(), None)?
        },
        ..plain(&params.idempotency_key, Kind::TokenUpdate, &None)
    })
}

/// A token is kept no more.
pub(in crate::server) fn delete_token(params: &DeleteTokenParams) -> Converted {
    Ok(MoneyRequest {
        terms: Terms {
            stored: named(params.token_id.as_ref(), params.reference.as_deref())?,
            ..Terms::default()
        },
        ..plain(&params.idempotency_key, Kind::TokenDelete, &None)
    })
}

/// What a presented card is kept as.
pub(super) fn keep_as(reference: Option<&str>) -> Option<Keep> {
    reference.map(|reference| Keep {
        reference: Some(reference.into()),
        ..Keep::default()
    })
}

/// A kept token, by either of its names.
pub(super) fn named(
    id: Option<&p::ids::TokenId>,
    reference: Option<&str>,
) -> Result<Option<Named>, FieldError> {
    Ok(match id {
        Some(id) => Some(Named::Id(token_id(id)?)),
        None => reference.map(|reference| Named::Reference(reference.into())),
    })
}

/// The host's name for a kept token.
pub(in crate::server) fn token_id(id: &p::ids::TokenId) -> Result<TokenId, FieldError> {
    let parsed = id.as_str().parse().map(TokenId);
    parsed.map_err(|_| FieldError::new("token_id", "must be one that this host gave"))
}
