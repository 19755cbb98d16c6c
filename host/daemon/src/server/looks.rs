// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at devices and transactions: what runs from the engine, the rest from the journal.
//! Shows nothing that a crash could take back.

use super::receipt::{Papers, Source};
use super::session::Session;
use super::{convert, instances, views};
use payhal_engine::answer::{Answer, Outcome};
use payhal_engine::ids::{DeviceId, RegisterId};
use payhal_engine::leases::LeaseView;
use payhal_engine::money::Currency;
use payhal_engine::request::{Request, Snapshot, Which};
use payhal_engine::room::Room;
use payhal_journal::{Became, Filter, Page, Sought, View};
use payhal_protocol::device::{DeviceListParams, DeviceListResult, DeviceSummary};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::gateway::{GatewayListParams, GatewayListResult, GatewaySummary};
use payhal_protocol::params::FieldError;
use payhal_protocol::session::Permission;
use payhal_protocol::transaction::{
    AmountSought, GetParams, ListParams, ListResult, Receipt, ReceiptFormat, ReceiptParams,
    TransactionOutcome, TransactionView,
};
use serde_json::Value;
use std::sync::Arc;

impl Session {
    async fn live(&self, request: Request) -> Vec<Snapshot> {
        snapshots(self.ask(request, None).await)
    }

    /// What runs for any register: devices are busy for everybody. Not to be told as it is.
    pub(super) async fn running_anywhere(&self) -> Vec<Snapshot> {
        let mut running = snapshots(self.ask_of_all(Request::LiveAll).await);
        running.retain(|snapshot| !snapshot.ended);
        running
    }

    /// The terminals that wait for the word on an earlier payment.
    pub(super) async fn quarantined(&self) -> Vec<DeviceId> {
        match self.ask_of_all(Request::Quarantined).await {
            Some(Answer::Quarantined(terminals)) => terminals,
            _ => Vec::new(),
        }
    }

    /// The devices that are lent to registers.
    pub(super) async fn lent(&self) -> Vec<LeaseView> {
        match self.ask_of_all(Request::Lent).await {
            Some(Answer::Lent(leases)) => leases,
            _ => Vec::new(),
        }
    }

    /// What may be sold without a gateway, and what of it is used, whosever it is.
    async fn rooms(&self) -> Vec<Room> {
        match self.ask_of_all(Request::Rooms).await {
            Some(Answer::Rooms(rooms)) => rooms,
            _ => Vec::new(),
        }
    }

    /// The device with its lease, if it has one.
    pub(super) fn with_lease(
        &self,
        mut device: DeviceSummary,
        lent: &[LeaseView],
    ) -> DeviceSummary {
        let mut lent = lent.iter();
        let lease = lent.find(|lease| *lease.device.0 == *device.id.as_str());
        device.lease = lease.map(|lease| convert::lease(lease, self.may_see(&lease.owner)));
        device
    }

    /// Whether this connection may know what is this register's.
    pub(super) fn may_see(&self, owner: &RegisterId) -> bool {
        let caller = self.caller();
        caller.others || caller.scope.register == *owner
    }

    /// Whose things a list may show: everybody's where nobody is named, or its own.
    pub(super) fn whose(
        &self,
        named: Option<RegisterId>,
    ) -> Result<Option<RegisterId>, ErrorObject> {
        if self.caller().others {
            return Ok(named);
        }
        let own = self.register();
        if named.is_some_and(|named| named != own) {
            self.check_permission(Permission::Others)?;
        }
        Ok(Some(own))
    }

    /// What the journal holds of it, whosever it is: never to be told as it is.
    pub(super) async fn recorded(&self, which: Which) -> Result<Option<View>, ErrorObject> {
        let reader = &self.shared.journal;
        let view = match which {
            Which::Transaction(id) => reader.view(id).await,
            Which::Key(key) => reader.view_by_key(self.caller().scope.of(&key), key).await,
        };
        view.map_err(|why| ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why))
    }

    /// The same, if this connection may know of it.
    pub(super) async fn recorded_own(&self, which: Which) -> Result<Option<View>, ErrorObject> {
        let view = self.recorded(which).await?;
        Ok(view.filter(|view| self.may_see(&view.summary.scope.register)))
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
        let recorded = self.recorded_own(which).await?;
        Ok(match (live, recorded) {
            (Some(snapshot), Some(view)) => {
                Some(views::running(views::from_view(&view), &snapshot))
            }
            (Some(snapshot), None) => (!snapshot.ended).then(|| views::from_snapshot(&snapshot)),
            (None, Some(view)) => Some(views::from_view(&view)),
            (None, None) => None,
        })
    }

    /// What is said of a name that neither engine nor journal knows. A key from before the journal's
    /// present life may have moved money: it is unknown, and never "not found".
    fn unheard_of(&self, which: &Which) -> ErrorObject {
        let outlived = match which {
            Which::Key(key) => self.shared.journal.outlived(key),
            Which::Transaction(_) => false,
        };
        if outlived {
            let detail = "the key is older than the host's journal, which was restored, copied or \
                          lost since";
            return ErrorObject::named(ErrorName::OutcomeUnknown).with_detail(detail);
        }
        ErrorObject::named(ErrorName::TransactionNotFound)
    }
}

fn snapshots(answer: Option<Answer>) -> Vec<Snapshot> {
    match answer {
        Some(Answer::Live(snapshots)) => snapshots,
        _ => Vec::new(),
    }
}

pub(super) async fn devices(
    session: Arc<Session>,
    _: DeviceListParams,
) -> Result<DeviceListResult, ErrorObject> {
    let live = session.running_anywhere().await;
    let quarantined = session.quarantined().await;
    let lent = session.lent().await;
    let views = session.shared.supervisor.devices();
    let devices = views.iter().map(|view| {
        let holder = holder(&live, &view.name);
        let device = instances::device(view, holder, &quarantined, |owner| session.may_see(owner));
        session.with_lease(device, &lent)
    });
    Ok(DeviceListResult {
        devices: devices.collect(),
    })
}

pub(super) async fn gateways(
    session: Arc<Session>,
    _: GatewayListParams,
) -> Result<GatewayListResult, ErrorObject> {
    let mut rooms = session.rooms().await;
    rooms.retain(|room| {
        let register = room.rule.register.as_ref();
        register.is_none_or(|register| session.may_see(register))
    });
    let views = session.shared.supervisor.gateways();
    let gateways = views.iter().map(|view| {
        let of = rooms.iter().filter(|room| {
            let gateway = room.rule.gateway.as_ref();
            gateway.is_none_or(|gateway| *gateway.0 == *view.name)
        });
        GatewaySummary {
            offline: of.map(convert::offline_limit).collect(),
            ..instances::gateway(view)
        }
    });
    Ok(GatewayListResult {
        gateways: gateways.collect(),
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
    let shown = session.transaction(which.clone()).await?;
    shown.ok_or_else(|| session.unheard_of(&which))
}

pub(super) async fn list(
    session: Arc<Session>,
    params: ListParams,
) -> Result<ListResult, ErrorObject> {
    let mut filter = filter(&params)?;
    filter.register = session.whose(filter.register.take())?;
    let live = session.live(Request::LiveAll).await;
    if params.outcome == Some(TransactionOutcome::Unknown) {
        filter.without = live
            .iter()
            .filter(|it| runs(it))
            .map(|it| it.transaction_id)
            .collect();
    }
    let sought = filter.clone();
    let page = match params.outcome {
        // No record says that it runs: the engine knows all that do.
        Some(TransactionOutcome::Running) => Page::default(),
        _ => {
            let page = session.shared.journal.list(filter).await;
            page.map_err(|why| ErrorObject::named(ErrorName::JournalUnavailable).with_detail(why))?
        }
    };
    let mut transactions: Vec<TransactionView> = Vec::new();
    if sought.cursor.is_none() {
        let running = live.iter().filter(|snapshot| {
            let id = snapshot.transaction_id;
            let unlisted = page.rows.iter().all(|row| row.transaction_id != id);
            unlisted && is_sought(&params, &sought, snapshot)
        });
        transactions.extend(running.map(views::from_snapshot));
        transactions.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    }
    transactions.extend(page.rows.iter().map(|row| {
        let mut live = live.iter();
        let live = live.find(|snapshot| snapshot.transaction_id == row.transaction_id);
        let recorded = views::from_summary(row);
        match live {
            Some(snapshot) => views::running(recorded, snapshot),
            None => recorded,
        }
    }));
    Ok(ListResult {
        transactions,
        cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

/// Whether a transaction is told as running: not over, and nobody resolves it.
fn runs(snapshot: &Snapshot) -> bool {
    !snapshot.ended && snapshot.resolution.is_none()
}

/// Whether a list shows what the journal need not know yet. What is looked for in records only is not found.
fn is_sought(params: &ListParams, sought: &Filter, snapshot: &Snapshot) -> bool {
    let of = sought.register.as_ref();
    let began = snapshot.started_at_micros;
    let outcome = match runs(snapshot) {
        true => TransactionOutcome::Running,
        false => TransactionOutcome::Unknown,
    };
    let amount = snapshot.request.expected().map(|amounts| amounts.total);
    let has = |sought: Sought| {
        amount.is_some_and(|amount| {
            let currency = sought.currency.is_none_or(|it| it == amount.currency);
            currency && amount.minor == sought.minor
        })
    };
    !snapshot.ended
        && params.open != Some(false)
        && params.text.is_none()
        && params.last_four.is_none()
        && params.forwarding.is_none()
        && of.is_none_or(|of| snapshot.scope.register == *of)
        && params.outcome.is_none_or(|wanted| wanted == outcome)
        && sought.since_micros.is_none_or(|since| began >= since)
        && sought.until_micros.is_none_or(|until| began < until)
        && sought.amount.is_none_or(has)
}

/// An amount that is looked for; a currency that does not exist is nobody's.
fn amount_sought(amount: &AmountSought) -> Result<Sought, FieldError> {
    let code = amount.currency.as_deref();
    let currency = code.map(|code| {
        let unknown = || FieldError::new("amount.currency", "must be a currency of ISO 4217");
        Currency::from_code(code).ok_or_else(unknown)
    });
    Ok(Sought {
        minor: amount.minor,
        currency: currency.transpose()?,
    })
}

/// As the journal has it; nothing for what only the engine knows.
fn became(outcome: TransactionOutcome) -> Option<Became> {
    Some(match outcome {
        TransactionOutcome::Running => return None,
        TransactionOutcome::Approved => Became::Ended(Outcome::Approved),
        TransactionOutcome::AcceptedOffline => Became::AcceptedOffline,
        TransactionOutcome::Declined => Became::Ended(Outcome::Declined),
        TransactionOutcome::Cancelled => Became::Ended(Outcome::Cancelled),
        TransactionOutcome::Failed => Became::Ended(Outcome::Failed),
        TransactionOutcome::Unknown => Became::Ended(Outcome::Unknown),
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
        token: None,
        outcome: params.outcome.and_then(became),
        without: Vec::new(),
        amount: params.amount.as_ref().map(amount_sought).transpose()?,
        last_four: params.last_four.as_deref().map(Into::into),
        open: params.open,
        forwarding: params.forwarding.map(convert::forwarding_in),
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
    let view = session.recorded_own(Which::Transaction(id)).await?;
    let view = view.ok_or_else(|| session.unheard_of(&Which::Transaction(id)))?;
    let source = Source::recorded(&view).ok_or_else(|| {
        ErrorObject::named(ErrorName::NotAllowed)
            .with_detail("it has no receipt: no card was presented, or its outcome is not known")
    })?;
    let mut papers = Papers::new(&session.shared.merchant);
    papers.duplicate = params.reprint.unwrap_or(true);
    if let Some(columns) = params.columns {
        papers.columns = columns as usize;
    }
    let content = match params.format {
        ReceiptFormat::Text => Value::String(papers.text(&source, params.copy)),
        ReceiptFormat::Html => Value::String(papers.html(&source, params.copy)),
        ReceiptFormat::Json => papers.json(&source, params.copy),
    };
    Ok(Receipt {
        transaction_id: params.transaction_id,
        copy: params.copy,
        format: params.format,
        content,
    })
}
