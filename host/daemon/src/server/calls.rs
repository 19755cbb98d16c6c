// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each method does.

use super::convert;
use super::events::{Entry, Next, Subject};
use super::receipt;
use super::registers::Update;
use super::session::{Session, Taken};
use super::views;
use payhal_engine::answer::{Answer, Reason};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, RegisterId, TransactionId};
use payhal_engine::record::{Fact, FinalAnswer};
use payhal_engine::request::{MoneyRequest, Request, Snapshot, Which};
use payhal_journal::{Filter, View};
use payhal_messages::card_check::holds_card_number;
use payhal_protocol as p;
use payhal_protocol::device::{DeviceListResult, IdentifyParams, IdentifyResult, SimulateParams};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::events::{SubscribeParams, SubscribeResult, Topic};
use payhal_protocol::gateway::GatewayListResult;
use payhal_protocol::method::Method;
use payhal_protocol::params::{FieldError, Validate, decode};
use payhal_protocol::payment::{CancelParams, CancelResult, RefundParams, SaleParams, VoidParams};
use payhal_protocol::progress::{PROGRESS, PROMPT, Progress, RespondParams, RespondResult};
use payhal_protocol::rpc::{self, Id};
use payhal_protocol::session::{AccessState, HelloParams, HelloResult, PingParams, PingResult};
use payhal_protocol::transaction::{
    GetParams, ListParams, ListResult, Receipt, ReceiptFormat, ReceiptParams, TransactionView,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::Notify;

/// A method's name if there is such a method; what a client made up is not repeated.
pub(super) fn known_name(method: &str) -> &'static str {
    Method::from_name(method).map_or("(unknown)", Method::name)
}

/// Answers at once, or says what has to run.
pub(super) fn start(
    session: &Arc<Session>,
    id: Id,
    method: Method,
    params: Option<&RawValue>,
) -> Taken {
    match method {
        Method::Ping => now(&id, decode(params).map(|PingParams {}| PingResult {})),
        Method::Discover => discover(&id),
        Method::Hello => now(
            &id,
            decode(params)
                .map_err(Into::into)
                .and_then(|p| hello(session, &p)),
        ),
        Method::GatewayList => now(
            &id,
            decode(params).map(|_: p::gateway::GatewayListParams| gateways(session)),
        ),
        Method::Sale => money(session, id, params, |params: &SaleParams| {
            convert::sale(params)
        }),
        Method::Refund => money(session, id, params, |params: &RefundParams| {
            convert::refund(params)
        }),
        Method::Void => money(session, id, params, |params: &VoidParams| {
            convert::void(params)
        }),
        Method::DeviceList => run(session, id, params, devices),
        Method::DeviceIdentify => run(session, id, params, identify),
        Method::DeviceSimulate => run(session, id, params, simulate),
        Method::Cancel => run(session, id, params, cancel),
        Method::Get => run(session, id, params, get),
        Method::List => run(session, id, params, list),
        Method::Receipt => run(session, id, params, receipt),
        Method::Respond => run(session, id, params, respond),
        Method::Subscribe => subscribe(session, &id, params),
    }
}

fn now<R: Serialize, E: Into<ErrorObject>>(id: &Id, result: Result<R, E>) -> Taken {
    Taken::Answer(text(id, result))
}

fn text<R: Serialize, E: Into<ErrorObject>>(id: &Id, result: Result<R, E>) -> String {
    match result {
        Ok(result) => rpc::result_text(id, &result),
        Err(error) => rpc::error_text(Some(id), &error.into()),
    }
}

/// Decodes, checks for card numbers, and runs.
fn run<P, R, F>(
    session: &Arc<Session>,
    id: Id,
    params: Option<&RawValue>,
    call: impl FnOnce(Arc<Session>, P) -> F,
) -> Taken
where
    P: DeserializeOwned + Validate,
    R: Serialize,
    F: Future<Output = Result<R, ErrorObject>> + Send + 'static,
{
    let params = match decode::<P>(params) {
        Ok(params) => params,
        Err(error) => return now::<(), _>(&id, Err(error)),
    };
    let call = call(Arc::clone(session), params);
    let asking = Arc::clone(session);
    let answer_to = id.clone();
    session.running(id, async move {
        let answer = text(&answer_to, call.await);
        asking.outgoing.send(answer);
    })
}

/// A card number must not come in by any field; the error does not repeat it.
fn refuse_card_numbers(params: Option<&RawValue>) -> Result<(), ErrorObject> {
    let raw = params.map_or("", RawValue::get);
    // Looking at the raw text first costs nothing for the many calls without long numbers.
    // An escape may hide a digit from it.
    if !holds_card_number(raw) && !raw.contains("\\u") {
        return Ok(());
    }
    let Ok(value) = serde_json::from_str::<Value>(raw) else {
        return Ok(());
    };
    match card_number_field(&value, "") {
        None => Ok(()),
        Some(field) => Err(card_number_refused(&field)),
    }
}

fn card_number_refused(field: &str) -> ErrorObject {
    let mut error = ErrorObject::named(ErrorName::CardNumberRefused);
    if let Some(details) = error.data.as_deref_mut() {
        details.detail = Some(format!("`{field}` holds what looks like a card number"));
        details.field = Some(field.to_owned());
    }
    error
}

/// Path of the first string or number that holds one. Product references and serial numbers are
/// exempt: one EAN in ten passes the check digit of a card.
fn card_number_field(value: &Value, path: &str) -> Option<String> {
    let joined = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::String(text) => holds_card_number(text).then(|| path.to_owned()),
        Value::Number(number) => holds_card_number(&number.to_string()).then(|| path.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| card_number_field(item, path)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let exempt =
                path == "basket" && matches!(name.as_str(), "product_reference" | "serial");
            if holds_card_number(name) {
                return Some(joined("(a field name)"));
            }
            if exempt {
                None
            } else {
                card_number_field(value, &joined(name))
            }
        }),
        Value::Null | Value::Bool(_) => None,
    }
}

fn discover(id: &Id) -> Taken {
    let document = RawValue::from_string(payhal_protocol::OPENRPC.to_owned());
    let document = document.expect("the generated document is JSON");
    Taken::Answer(rpc::result_text(id, &document))
}

fn hello(session: &Arc<Session>, params: &HelloParams) -> Result<HelloResult, ErrorObject> {
    if !params.protocol.contains(&1) {
        return Err(ErrorObject::named(ErrorName::ProtocolUnsupported)
            .with_detail("this host speaks version 1"));
    }
    if let Some(register) = &params.register_id {
        session.set_register(RegisterId::from(register.as_str()));
    }
    session.set_prompts(convert::prompt_kinds(params));
    Ok(HelloResult {
        host: session.shared.identity.clone(),
        protocol: 1,
        state: AccessState::Open,
        register_id: session.register().to_string().into(),
        nonce: None,
        proof: None,
    })
}

fn gateways(session: &Session) -> GatewayListResult {
    let views = session.shared.supervisor.gateways();
    GatewayListResult {
        gateways: views.iter().map(views::gateway).collect(),
    }
}

/// A call that moves money: progress on the way, one answer.
fn money<P: DeserializeOwned + Validate>(
    session: &Arc<Session>,
    id: Id,
    params: Option<&RawValue>,
    convert: impl FnOnce(&P) -> Result<MoneyRequest, FieldError>,
) -> Taken {
    let request = refuse_card_numbers(params)
        .and_then(|()| decode::<P>(params).map_err(Into::into))
        .and_then(|params| convert(&params).map_err(Into::into));
    let request = match request {
        Ok(request) => request,
        Err(error) => return now::<(), _>(&id, Err::<(), ErrorObject>(error)),
    };
    let asking = Arc::clone(session);
    let answer_to = id.clone();
    let kind = request.kind;
    session.running(id, async move {
        let answer = asking
            .ask(Request::Money(Box::new(request)), Some(&answer_to))
            .await;
        let result = match answer {
            Some(Answer::Approved { approved, replayed }) => {
                let receipts = receipt::Source {
                    kind,
                    approved: &approved,
                }
                .both();
                Ok(convert::approved(&approved, receipts, replayed))
            }
            Some(Answer::Refused { refused, replayed }) => {
                Err(convert::refused(&refused, replayed))
            }
            // The host ends without having told: the key finds the outcome after its restart.
            _ => Err(ErrorObject::named(ErrorName::OutcomeUnknown)
                .with_detail("the host stopped; send the same call again")),
        };
        asking.outgoing.send(text(&answer_to, result));
    })
}

impl Session {
    /// Asks the engine; passes progress on while waiting.
    async fn ask(&self, request: Request, progress_of: Option<&Id>) -> Option<Answer> {
        let shared = &self.shared;
        let mut waiting = shared.registers.wait(Arc::clone(&shared.outlet));
        shared.outlet.event(Event::Asked {
            ticket: waiting.ticket,
            caller: self.caller(),
            transaction_id: TransactionId(uuid::Uuid::now_v7()),
            request,
        });
        loop {
            match waiting.next().await? {
                Update::Answer(answer) => return Some(answer),
                Update::Progress(progress) => {
                    if let Some(id) = progress_of {
                        let progress = progress_out(&progress, id);
                        self.outgoing
                            .send(rpc::notification_text(PROGRESS, &progress));
                    }
                }
                Update::Prompt(prompt) => {
                    let prompt = convert::prompt(&prompt);
                    self.outgoing.send(rpc::notification_text(PROMPT, &prompt));
                }
            }
        }
    }

    async fn live(&self, request: Request) -> Vec<Snapshot> {
        match self.ask(request, None).await {
            Some(Answer::Live(snapshots)) => snapshots,
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
    async fn transaction(&self, which: Which) -> Result<Option<TransactionView>, ErrorObject> {
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

fn progress_out(progress: &payhal_engine::answer::Progress, id: &Id) -> Progress {
    Progress {
        transaction_id: progress.transaction_id.to_string().into(),
        idempotency_key: progress.key.to_string().into(),
        request_id: id.clone(),
        seq: u64::from(progress.seq),
        stage: convert::stage(progress.stage),
        text: progress.text.to_string(),
        at: convert::rfc3339(progress.at_micros),
    }
}

async fn devices(
    session: Arc<Session>,
    _: p::device::DeviceListParams,
) -> Result<DeviceListResult, ErrorObject> {
    let live = session.live(Request::LiveAll).await;
    let views = session.shared.supervisor.devices();
    let devices = views
        .iter()
        .map(|view| views::device(view, holder(&live, &view.name)));
    Ok(DeviceListResult {
        devices: devices.collect(),
    })
}

fn holder<'a>(live: &'a [Snapshot], device: &str) -> Option<&'a Snapshot> {
    live.iter()
        .find(|snapshot| snapshot.device.as_ref().is_some_and(|id| &*id.0 == device))
}

async fn identify(
    session: Arc<Session>,
    params: IdentifyParams,
) -> Result<IdentifyResult, ErrorObject> {
    let device = DeviceId::from(params.device.as_str());
    let lines = vec![params.text.unwrap_or_else(|| format!("This is {device}"))];
    match session.ask(Request::Identify { device, lines }, None).await {
        Some(Answer::Identified) => Ok(IdentifyResult {
            did: vec!["beep".to_owned(), "text".to_owned()],
        }),
        Some(Answer::Refused { refused, replayed }) => Err(convert::refused(&refused, replayed)),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

async fn simulate(session: Arc<Session>, params: SimulateParams) -> Result<Value, ErrorObject> {
    use crate::supervisor::SimulateError;
    let supervisor = &session.shared.supervisor;
    let name = match &params.device {
        Some(device) => device.to_string(),
        None => only_simulated(&session)?,
    };
    supervisor
        .simulate(&name, params.for_device())
        .await
        .map_err(|why| {
            let error = match &why {
                SimulateError::NotFound(_) => ErrorName::DeviceNotFound,
                SimulateError::NotSimulated(_) => ErrorName::DeviceUnsupported,
                SimulateError::NotRunning { .. } => ErrorName::DeviceUnavailable,
                SimulateError::Refused(_) => ErrorName::NotAllowed,
            };
            let sentence = why.to_string();
            ErrorObject::named(error)
                .with_message(sentence.clone())
                .with_detail(sentence)
        })
}

fn only_simulated(session: &Session) -> Result<String, ErrorObject> {
    let views = session.shared.supervisor.devices();
    let mut simulated = views.iter().filter(|view| view.plugin.manifest.simulated);
    match (simulated.next(), simulated.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        _ => Err(FieldError::new("device", "must name a simulated device").into()),
    }
}

async fn cancel(session: Arc<Session>, params: CancelParams) -> Result<CancelResult, ErrorObject> {
    let id = params.transaction_id.as_ref();
    let which = convert::which(id, params.idempotency_key.as_ref())?;
    match session.ask(Request::Cancel(which), None).await {
        Some(Answer::Cancel(state)) => Ok(CancelResult {
            state: convert::cancel_state(state),
            transaction_id: params.transaction_id,
        }),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

async fn get(session: Arc<Session>, params: GetParams) -> Result<TransactionView, ErrorObject> {
    let id = params.transaction_id.as_ref();
    let which = convert::which(id, params.idempotency_key.as_ref())?;
    let shown = session.transaction(which).await?;
    shown.ok_or_else(|| ErrorObject::named(ErrorName::TransactionNotFound))
}

async fn list(session: Arc<Session>, params: ListParams) -> Result<ListResult, ErrorObject> {
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

async fn receipt(session: Arc<Session>, params: ReceiptParams) -> Result<Receipt, ErrorObject> {
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

/// Answers a question of a device; the first answer of its own register counts.
async fn respond(
    session: Arc<Session>,
    params: RespondParams,
) -> Result<RespondResult, ErrorObject> {
    if params.text.as_deref().is_some_and(holds_card_number) {
        return Err(card_number_refused("text"));
    }
    let Ok(prompt) = params.prompt_id.as_str().parse() else {
        let sentence = "There is no such question";
        return Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_message(sentence)
            .with_detail(sentence));
    };
    let response = convert::response(params);
    let request = Request::Respond { prompt, response };
    match session.ask(request, None).await {
        Some(Answer::Responded) => Ok(RespondResult { accepted: true }),
        Some(Answer::Refused { refused, replayed }) => {
            let error = convert::refused(&refused, replayed);
            Err(match (&refused.reason, &refused.detail) {
                (Reason::NotAllowed, Some(sentence)) => error.with_message(sentence.to_string()),
                _ => error,
            })
        }
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

/// Subscribes: the answer first, then what was missed, then whatever comes, until the connection
/// ends or subscribes anew.
fn subscribe(session: &Arc<Session>, id: &Id, params: Option<&RawValue>) -> Taken {
    let params = match decode::<SubscribeParams>(params) {
        Ok(params) => params,
        Err(error) => return now::<(), _>(id, Err(error)),
    };
    let events = &session.shared.events;
    let topics = params.topics.unwrap_or_else(|| Topic::ALL.to_vec());
    let latest = events.latest();
    let since = params.since_seq.unwrap_or(latest);
    let missed = matches!(events.after(since, |_| true), Next::Missed);
    let since = if missed { latest } else { since };
    let answer = text::<_, ErrorObject>(
        id,
        Ok(SubscribeResult {
            seq: latest,
            missed,
        }),
    );
    session.outgoing.send(answer);
    let replaced = Arc::new(Notify::new());
    let former = session
        .subscription
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .replace(Arc::clone(&replaced));
    if let Some(former) = former {
        former.notify_one();
    }
    let session = Arc::clone(session);
    Taken::Running(vec![Box::pin(async move {
        tokio::select! {
            () = session.follow(since, topics) => {}
            () = replaced.notified() => {}
        }
    })])
}

impl Session {
    async fn follow(&self, mut seq: u64, topics: Vec<Topic>) {
        let events = &self.shared.events;
        let mut news = events.watch();
        loop {
            news.borrow_and_update();
            match events.after(seq, |topic| topics.contains(&topic)) {
                Next::Entry(entry) => {
                    seq = entry.seq;
                    if let Some(message) = self.render(entry).await {
                        self.outgoing.send(message);
                    }
                }
                Next::Nothing => {
                    if news.changed().await.is_err() {
                        return;
                    }
                }
                Next::Missed => return self.outgoing.cut_off(),
            }
        }
    }

    /// The notification for a change, with its subject as it is now.
    async fn render(&self, entry: Entry) -> Option<String> {
        let seq = entry.seq;
        let at = convert::rfc3339(entry.at_micros);
        let topic = entry.subject.topic().as_str();
        let supervisor = &self.shared.supervisor;
        Some(match entry.subject {
            Subject::Changed(id) => {
                let transaction = self.transaction(Which::Transaction(id)).await.ok()??;
                rpc::notification_text(
                    topic,
                    &p::events::PaymentChanged {
                        seq,
                        at,
                        transaction,
                    },
                )
            }
            Subject::Resolved(id) => {
                let transaction = self.transaction(Which::Transaction(id)).await.ok()??;
                rpc::notification_text(
                    topic,
                    &p::events::PaymentResolved {
                        seq,
                        at,
                        transaction,
                    },
                )
            }
            Subject::Device(name) => {
                let live = self.live(Request::LiveAll).await;
                let device = views::device(&supervisor.view(&name)?, holder(&live, &name));
                rpc::notification_text(topic, &p::events::DeviceChanged { seq, at, device })
            }
            Subject::Gateway(name) => {
                let gateway = views::gateway(&supervisor.view(&name)?);
                rpc::notification_text(topic, &p::events::GatewayChanged { seq, at, gateway })
            }
            Subject::Stopping => {
                let reason = "the host was asked to stop".to_owned();
                let grace_ms = crate::host::STOP_GRACE_MS;
                rpc::notification_text(
                    topic,
                    &p::events::HostStopping {
                        seq,
                        at,
                        reason,
                        grace_ms,
                    },
                )
            }
        })
    }
}
