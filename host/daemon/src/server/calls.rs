// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each method does.

use super::admission::{begin, complete, hello, prove, reveal, rotate};
use super::registers::Update;
use super::session::{Session, Taken};
use super::{
    audit, card_numbers, configured, convert, diagnose, errands, explain, follow, leases, looks,
    money, operator, plugin_changes, plugins, record, settings, signatures, tokens, updates,
};
use payhal_engine::answer::{Answer, Reason};
use payhal_engine::event::Event;
use payhal_engine::ids::{DeviceId, TransactionId};
use payhal_engine::request::{Caller, Request, Which};
use payhal_protocol::batch::{BatchTotals, TotalsParams};
use payhal_protocol::device::{IdentifyParams, IdentifyResult, SimulateParams};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::method::Method;
use payhal_protocol::params::{FieldError, Validate, decode};
use payhal_protocol::payment::{CancelParams, CancelResult, ResolveParams, ResolveResult};
use payhal_protocol::progress::{PROGRESS, Progress, RespondParams, RespondResult};
use payhal_protocol::rpc::{self, Id};
use payhal_protocol::session::{PingParams, PingResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

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
    // Before anything reads them: who reads may repeat what it could not read.
    if let Err(error) = card_numbers::refuse(params) {
        return now::<(), _>(&id, Err(error));
    }
    match method {
        Method::Ping => now(&id, decode(params).map(|PingParams {}| PingResult {})),
        Method::Discover => discover(&id),
        Method::Hello => at_once(session, &id, params, |s, p| hello(s, &p)),
        Method::GatewayList => run(session, id, params, looks::gateways),
        Method::GatewaySettings => run(session, id, params, settings::settings),
        Method::Quote => run(session, id, params, settings::quote),
        Method::Sale => money::call(session, id, params, convert::sale),
        Method::Authorize => money::call(session, id, params, convert::authorize),
        Method::Adjust => money::call(session, id, params, convert::adjust),
        Method::Capture => money::call(session, id, params, convert::capture),
        Method::Refund => money::call(session, id, params, convert::refund),
        Method::Void => money::call(session, id, params, convert::void),
        Method::Undo => money::call(session, id, params, convert::undo),
        Method::Verify => money::call(session, id, params, convert::verify),
        Method::Balance => money::call(session, id, params, convert::balance),
        Method::CashAdvance => money::call(session, id, params, convert::cash_advance),
        Method::BatchClose => money::call(session, id, params, convert::close),
        Method::TokenRegister => money::call(session, id, params, convert::register_token),
        Method::TokenUpdate => money::call(session, id, params, convert::update_token),
        Method::TokenDelete => money::call(session, id, params, convert::delete_token),
        Method::TokenList => run(session, id, params, tokens::list),
        Method::TokenHistory => run(session, id, params, tokens::history),
        Method::BatchTotals => run(session, id, params, totals),
        Method::Resolve => run(session, id, params, resolve),
        Method::Sign => run(session, id, params, signatures::sign),
        Method::Signature => run(session, id, params, signatures::signature),
        Method::DeviceList => run(session, id, params, looks::devices),
        Method::DeviceIdentify => run(session, id, params, identify),
        Method::DeviceSettings => run(session, id, params, errands::settings),
        Method::DeviceApdu => run(session, id, params, errands::apdu),
        Method::DeviceWatch => leases::watch(session, id, params),
        Method::DeviceReserve => leases::reserve(session, id, params),
        Method::DeviceUnwatch => run(session, id, params, leases::unwatch),
        Method::DeviceRelease => run(session, id, params, leases::release),
        Method::DeviceSimulate => run(session, id, params, simulate),
        Method::Cancel => run(session, id, params, cancel),
        Method::Get => run(session, id, params, looks::get),
        Method::List => run(session, id, params, looks::list),
        Method::Receipt => run(session, id, params, looks::receipt),
        Method::Respond => run(session, id, params, respond),
        Method::Subscribe => follow::subscribe(session, &id, params),
        Method::Prove => at_once(session, &id, params, |s, p| prove(s, &p)),
        Method::PairingBegin => at_once(session, &id, params, begin),
        Method::PairingReveal => at_once(session, &id, params, |s, p| reveal(s, &p)),
        Method::PairingComplete => run(session, id, params, complete),
        Method::PairingRotate => run(session, id, params, rotate),
        _ => operate(session, id, method, params),
    }
}

/// What is for the operator alone.
fn operate(session: &Arc<Session>, id: Id, method: Method, params: Option<&RawValue>) -> Taken {
    match method {
        Method::AuditList => run(session, id, params, audit::list),
        Method::Diagnose => run(session, id, params, diagnose::diagnose),
        Method::PluginList => run(session, id, params, plugins::list),
        Method::PluginExplain => run(session, id, params, explain::explain),
        Method::DeviceRecord => run(session, id, params, record::record),
        Method::DeviceUpdate => run(session, id, params, updates::update),
        Method::PluginInstall => run(session, id, params, plugin_changes::install),
        Method::PluginDisable => run(session, id, params, plugin_changes::disable),
        Method::PluginEnable => run(session, id, params, plugin_changes::enable),
        Method::PluginRollBack => run(session, id, params, plugin_changes::roll_back),
        Method::PluginRemove => run(session, id, params, plugin_changes::remove),
        Method::PluginTrust => run(session, id, params, plugin_changes::trust),
        Method::PluginUntrust => run(session, id, params, plugin_changes::untrust),
        Method::PluginKeys => run(session, id, params, plugin_changes::keys),
        Method::InstanceList => run(session, id, params, configured::list),
        Method::InstanceShow => run(session, id, params, configured::show),
        Method::InstanceDraft => run(session, id, params, configured::draft),
        Method::InstanceSet => run(session, id, params, configured::set),
        Method::InstanceLog => run(session, id, params, configured::log),
        Method::InstanceRemove => run(session, id, params, configured::remove),
        Method::PairingList => run(session, id, params, operator::pairings),
        Method::PairingApprove => run(session, id, params, operator::approve),
        Method::PairingRefuse => run(session, id, params, operator::refuse),
        Method::RegisterList => run(session, id, params, operator::registers),
        Method::RegisterUpdate => run(session, id, params, operator::update),
        Method::RegisterUnpair => run(session, id, params, operator::unpair),
        Method::RegisterRotate => run(session, id, params, operator::mark_due),
        Method::OperatorCode => run(session, id, params, operator::code),
        Method::OperatorEnd => run(session, id, params, operator::end),
        // Every other method is served above.
        _ => now::<(), _>(&id, Err(ErrorObject::named(ErrorName::MethodNotFound))),
    }
}

/// Decodes and answers in the reader's own turn.
fn at_once<P, R>(
    session: &Arc<Session>,
    id: &Id,
    params: Option<&RawValue>,
    call: impl FnOnce(&Arc<Session>, P) -> Result<R, ErrorObject>,
) -> Taken
where
    P: DeserializeOwned + Validate,
    R: Serialize,
{
    let params = decode::<P>(params).map_err(ErrorObject::from);
    now(id, params.and_then(|params| call(session, params)))
}

pub(super) fn now<R: Serialize, E: Into<ErrorObject>>(id: &Id, result: Result<R, E>) -> Taken {
    Taken::Answer(text(id, result))
}

pub(super) fn text<R: Serialize, E: Into<ErrorObject>>(id: &Id, result: Result<R, E>) -> String {
    match result {
        Ok(result) => rpc::result_text(id, &result),
        Err(error) => rpc::error_text(Some(id), &error.into()),
    }
}

/// Decodes and runs.
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

fn discover(id: &Id) -> Taken {
    let document = RawValue::from_string(payhal_protocol::OPENRPC.to_owned());
    let document = document.expect("the generated document is JSON");
    Taken::Answer(rpc::result_text(id, &document))
}

impl Session {
    /// Asks the engine; passes progress on while waiting.
    pub(super) async fn ask(&self, request: Request, progress_of: Option<&Id>) -> Option<Answer> {
        self.ask_as(self.caller(), request, progress_of).await
    }

    /// The same in the name of the host itself, for what is told of everybody.
    pub(super) async fn ask_of_all(&self, request: Request) -> Option<Answer> {
        let caller = Caller {
            others: true,
            ..self.caller()
        };
        self.ask_as(caller, request, None).await
    }

    async fn ask_as(
        &self,
        caller: Caller,
        request: Request,
        progress_of: Option<&Id>,
    ) -> Option<Answer> {
        let shared = &self.shared;
        let mut waiting = shared.registers.wait(Arc::clone(&shared.outlet));
        shared.outlet.event(Event::Asked {
            ticket: waiting.ticket,
            caller,
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
                    let messages = self.questions().put(&prompt);
                    messages
                        .into_iter()
                        .for_each(|message| self.outgoing.send(message));
                }
                // Told to whoever asked for a lease, which waits elsewhere.
                Update::Lease(_) => {}
            }
        }
    }
}

fn progress_out(progress: &payhal_engine::answer::Progress, id: &Id) -> Progress {
    Progress {
        transaction_id: progress.transaction_id.to_string().into(),
        idempotency_key: progress.key.to_string().into(),
        request_id: id.clone(),
        seq: u64::from(progress.seq),
        stage: convert::stage(progress.stage),
        pin: progress.pin.map(convert::pin_event),
        text: progress.text.to_string(),
        at: convert::rfc3339(progress.at_micros),
    }
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

/// The totals of a batch, as the other side counts them.
async fn totals(session: Arc<Session>, params: TotalsParams) -> Result<BatchTotals, ErrorObject> {
    match session.ask(convert::totals(&params), None).await {
        Some(Answer::Totals(totals)) => Ok(convert::batch(&totals)),
        Some(Answer::Refused { refused, replayed }) => Err(convert::refused(&refused, replayed)),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

/// A person's word on an unknown outcome.
async fn resolve(
    session: Arc<Session>,
    params: ResolveParams,
) -> Result<ResolveResult, ErrorObject> {
    let request = convert::resolve(&params)?;
    let unknown = convert::transaction_id("transaction_id", &params.transaction_id)?;
    session.check_resolve(unknown).await?;
    match session.ask(request, None).await {
        Some(Answer::Resolved) => {
            session.resolved(&params).await;
            let id = convert::transaction_id("transaction_id", &params.transaction_id)?;
            let shown = session.transaction(Which::Transaction(id)).await?;
            let gone = || ErrorObject::named(ErrorName::TransactionNotFound);
            let transaction = shown.ok_or_else(gone)?;
            Ok(ResolveResult { transaction })
        }
        Some(Answer::Refused { refused, replayed }) => Err(convert::refused(&refused, replayed)),
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
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

/// Answers a question of a device; the first answer of its own register counts.
pub(super) async fn respond(
    session: Arc<Session>,
    params: RespondParams,
) -> Result<RespondResult, ErrorObject> {
    let Ok(prompt) = params.prompt_id.as_str().parse() else {
        let sentence = "There is no such question";
        return Err(ErrorObject::named(ErrorName::NotAllowed)
            .with_message(sentence)
            .with_detail(sentence));
    };
    let response = convert::response(params)?;
    session.check_response(&response)?;
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
