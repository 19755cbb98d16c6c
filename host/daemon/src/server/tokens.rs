// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at the payment tokens that registers keep, and at what was done with them.
//!
//! A register sees its own. Shows nothing that a crash could take back.

use super::session::Session;
use super::{convert, views};
use payhal_engine::ids::{GatewayId, RegisterId, TokenId};
use payhal_engine::tokens::Token;
use payhal_journal::{Filter, TokenFilter};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::params::FieldError;
use payhal_protocol::session::Permission;
use payhal_protocol::token::{
    ListTokensParams, ListTokensResult, TokenHistoryParams, TokenHistoryResult,
};
use std::sync::Arc;

/// Those that are kept, the newest first.
pub(super) async fn list(
    session: Arc<Session>,
    params: ListTokensParams,
) -> Result<ListTokensResult, ErrorObject> {
    session.check_permission(Permission::Tokens)?;
    let register = params
        .register
        .as_ref()
        .map(|id| RegisterId::from(id.as_str()));
    let before = params.cursor.as_deref().map(str::parse).transpose();
    let filter = TokenFilter {
        id: params
            .token_id
            .as_ref()
            .map(convert::token_id)
            .transpose()?,
        register: session.whose(register)?,
        reference: params.reference.as_deref().map(Into::into),
        gateway: params
            .gateway
            .as_ref()
            .map(|id| GatewayId::from(id.as_str())),
        before: before.map_err(|_| FieldError::new("cursor", "must be one that a list gave"))?,
        limit: params.limit(),
    };
    let page = session
        .shared
        .journal
        .tokens(filter)
        .await
        .map_err(unread)?;
    Ok(ListTokensResult {
        tokens: page.tokens.iter().map(convert::token).collect(),
        cursor: page.next.map(|next| next.to_string()),
    })
}

/// One of them with every transaction that was by it, or about it.
pub(super) async fn history(
    session: Arc<Session>,
    params: TokenHistoryParams,
) -> Result<TokenHistoryResult, ErrorObject> {
    session.check_permission(Permission::Tokens)?;
    let id = params
        .token_id
        .as_ref()
        .map(convert::token_id)
        .transpose()?;
    let stored = session.kept(id, params.reference.as_deref()).await?;
    let cursor = params.cursor.as_deref().map(str::parse).transpose();
    let filter = Filter {
        token: Some(stored.id),
        cursor: cursor.map_err(|_| FieldError::new("cursor", "must be one that a list gave"))?,
        limit: params.limit(),
        ..Filter::default()
    };
    let page = session.shared.journal.list(filter).await.map_err(unread)?;
    Ok(TokenHistoryResult {
        token: convert::token(&stored),
        transactions: page.rows.iter().map(views::from_summary).collect(),
        cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

fn unread(why: String) -> ErrorObject {
    ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why)
}

impl Session {
    /// The one of that name, if this connection may see it.
    async fn kept(
        &self,
        id: Option<TokenId>,
        reference: Option<&str>,
    ) -> Result<Token, ErrorObject> {
        let filter = TokenFilter {
            id,
            register: self.whose(None)?,
            reference: reference.map(Into::into),
            limit: 1,
            ..TokenFilter::default()
        };
        let page = self.shared.journal.tokens(filter).await.map_err(unread)?;
        page.tokens.into_iter().next().ok_or_else(|| {
            let sentence = "There is no such payment token";
            ErrorObject::named(ErrorName::TransactionNotFound)
                .with_message(sentence)
                .with_detail(sentence)
        })
    }
}
