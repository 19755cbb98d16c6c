// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at devices and transactions: what runs from the engine, the rest from the journal.
//! Shows nothing that a crash could take back.

use super::session::Session;
use super::{convert, receipt, views};
use payhal_engine::answer::Answer;
use payhal_engine::ids::{DeviceId, RegisterId};
use payhal_engine::record::{Fact, FinalAnswer};
use payhal_engine::request::{Request, Snapshot, Which};
use payhal_journal::{Filter, View};
use payhal_protocol::device::{DeviceListParams, DeviceListResult};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::params::FieldError;
use payhal_protocol::transaction::{
    GetParams, ListParams, ListResult, Receipt, ReceiptFormat, ReceiptParams, TransactionView,
};
use serde_json::Value;
use std::sync::Arc;

impl Session {
    pub(super) async fn live(&self, request: Request) -> Vec<Snapshot> {
        match self.ask(request, None).await {
            Some(Answer::Live(snapshots)) => snapshots,
            _ => Vec::new(),
        }
    }

    /// The terminals that wait for the word on an earlier payment.
    pub(super) async fn quarantined(&self) -> Vec<DeviceId> {
        match self.ask(Request::Quarantined, None).await {
            Some(Answer::Quarantined(terminals)) => terminals,
            _ => Vec::new(),
        }
    }

    async fn recorded(&self, which: Which) -> Result<Option<View>, ErrorObject> {
        let reader = &self.shared.journal;
        let view = match which {
            Which::Transaction(id) => reader.view(id).await,
            Which::Key(key) => reader.view_by_key(self.caller().scope, key).await,
        };
        view.map_err(|why| ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why))
    }

    /// One transaction as it is now: running, or as recorded.
    pub(super) async fn transaction(
        &self,
        which: Which,
    ) -> Result<Option<TransactionView>, ErrorObject> {
        let live = self
            .live(Request::Live(which.clone()))
            .await
            .into_iter()
            .next();
        let recorded = self.recorded(which).await?;
        Ok(match (live, recorded) {
            (Some(snapshot), Some(view)) => {
                let mut shown = views::from_snapshot(&snapshot);
                let recorded = views::from_view(&view);
                shown.timeline = recorded.timeline;
                shown.card = recorded.card;
                Some(shown)
            }
            (Some(snapshot), None) => Some(views::from_snapshot(&snapshot)),
            (None, Some(view)) => Some(views::from_view(&view)),
            (None, None) => None,
        })
    }
}

pub(super) async fn devices(
    session: Arc<Session>,
    _: DeviceListParams,
) -> Result<DeviceListResult, ErrorObject> {
    let live = session.live(Request::LiveAll).await;
    let quarantined = session.quarantined().await;
    let views = session.shared.supervisor.devices();
    let devices = views
        .iter()
        .map(|view| views::device(view, holder(&live, &view.name), &quarantined));
    Ok(DeviceListResult {
        devices: devices.collect(),
    })
}

pub(super) fn holder<'a>(live: &'a [Snapshot], device: &str) -> Option<&'a Snapshot> {
    live.iter()
        .find(|snapshot| snapshot.device.as_ref().is_some_and(|id| &*id.0 == device))
}

pub(super) async fn get(
    session: Arc<Session>,
    params: GetParams,
) -> Result<TransactionView, ErrorObject> {
    let id = params.transaction_id.as_ref();
    let which = convert::which(id, params.idempotency_key.as_ref())?;
    let outlived = match &which {
        Which::Key(key) => session.shared.journal.outlived(key),
        Which::Transaction(_) => false,
    };
    let shown = session.transaction(which).await?;
    shown.ok_or_else(|| {
        if outlived {
            let detail = "the key is older than the host's journal, which was restored, copied or \
                          lost since";
            return ErrorObject::named(ErrorName::OutcomeUnknown).with_detail(detail);
        }
        ErrorObject::named(ErrorName::TransactionNotFound)
    })
}

pub(super) async fn list(
    session: Arc<Session>,
    params: ListParams,
) -> Result<ListResult, ErrorObject> {
    let filter = filter(&params)?;
    let first_page = filter.cursor.is_none();
    let page = session.shared.journal.list(filter).await;
    let page =
        page.map_err(|why| ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why))?;
    let mut transactions: Vec<TransactionView> = Vec::new();
    if first_page && params.open != Some(false) && params.text.is_none() {
        let live = session.live(Request::LiveAll).await;
        let running = live.iter().filter(|snapshot| {
            let id = snapshot.transaction_id;
            page.rows.iter().all(|row| row.transaction_id != id)
        });
        transactions.extend(running.map(views::from_snapshot));
        transactions.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    }
    transactions.extend(page.rows.iter().map(views::from_summary));
    Ok(ListResult {
        transactions,
        cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

fn filter(params: &ListParams) -> Result<Filter, FieldError> {
    let time = |field, text: &Option<String>| {
        text.as_deref()
            .map(|text| convert::micros(field, text))
            .transpose()
    };
    let cursor = params.cursor.as_deref().map(str::parse).transpose();
    Ok(Filter {
        since_micros: time("since", &params.since)?,
        until_micros: time("until", &params.until)?,
        register: params
            .register
            .as_ref()
            .map(|id| RegisterId::from(id.as_str())),
        outcome: None,
        open: params.open,
        text: params.text.clone(),
        cursor: cursor.map_err(|_| FieldError::new("cursor", "must be one that a list gave"))?,
        limit: params.limit(),
    })
}

pub(super) async fn receipt(
    session: Arc<Session>,
    params: ReceiptParams,
) -> Result<Receipt, ErrorObject> {
    let id = convert::transaction_id("transaction_id", &params.transaction_id)?;
    let view = session.recorded(Which::Transaction(id)).await?;
    let view = view.ok_or_else(|| ErrorObject::named(ErrorName::TransactionNotFound))?;
    let approved = view.records.iter().find_map(|record| match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => Some(approved),
            FinalAnswer::Refused(_) => None,
        },
        _ => None,
    });
    let Some(approved) = approved else {
        return Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_detail("only an approved transaction has a receipt"));
    };
    let source = receipt::Source {
        kind: view.summary.kind,
        approved,
    };
    let content = match params.format {
        ReceiptFormat::Text => Value::String(source.text(params.copy)),
        ReceiptFormat::Html => Value::String(source.html(params.copy)),
        ReceiptFormat::Json => source.json(params.copy),
    };
    Ok(Receipt {
        transaction_id: params.transaction_id,
        copy: params.copy,
        format: params.format,
        content,
    })
}
