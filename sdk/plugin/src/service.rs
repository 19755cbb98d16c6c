// SPDX-License-Identifier: MIT OR Apache-2.0
//! From method names and JSON to the traits and back.
//!
//! Owns the three tables of methods. Must never run unsafe code, and must never let a payload's
//! content into an error.

use crate::context::Context;
use crate::gateway::GatewayConnector;
use crate::outcome::{Outcome, PluginError};
use crate::reader::Reader;
use crate::simulated::Simulated;
use crate::terminal::Terminal;
use payhal_messages::call::{Failure, Sent, Status, method};
use payhal_messages::gateway::Parameters;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};

/// A status and its payload, as `reply` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// How the call ended.
    pub status: Status,
    /// JSON, or empty.
    pub payload: Vec<u8>,
}

impl Answered {
    pub(crate) fn failed(sent: Sent, reason: String) -> Self {
        let failure = Failure { sent, reason };
        let payload = serde_json::to_vec(&failure).expect("a failure is JSON");
        Self {
            status: Status::Failed,
            payload,
        }
    }

    fn empty(status: Status) -> Self {
        Self {
            status,
            payload: Vec::new(),
        }
    }
}

impl From<PluginError> for Answered {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Failed(failure) => Self::failed(failure.sent, failure.reason),
            PluginError::Cancelled => Self::empty(Status::Cancelled),
            PluginError::Unsupported => Self::empty(Status::Unsupported),
        }
    }
}

/// One loaded instance, whatever it drives.
pub trait Service: Sized + Send + Sync + 'static {
    /// Whether an instance can go on after a panic. One that is called exclusively cannot: the
    /// panic left it halfway.
    const SURVIVES_PANIC: bool = false;

    /// Makes the instance from its configuration.
    ///
    /// # Errors
    ///
    /// Fails as the vendor's `open` does, or when the configuration does not fit.
    fn open(config: &[u8], context: &Context) -> Result<Self, PluginError>;
    /// Carries out one method.
    fn call(&self, method: &str, payload: &[u8], context: &Context) -> Answered;
    /// Ends the instance.
    fn close(&self, context: &Context);
}

/// Where the simulator of a vendor's type comes from; made by the export macros.
pub trait SimulatorOf<T>: Send + Sync + 'static {
    /// The simulator, if the type has one.
    fn of(instance: &T) -> Option<Arc<dyn Simulated>>;
}

/// For real devices.
#[derive(Debug)]
pub struct NotSimulated;

impl<T> SimulatorOf<T> for NotSimulated {
    fn of(_: &T) -> Option<Arc<dyn Simulated>> {
        None
    }
}

type Simulator = Option<Arc<dyn Simulated>>;

fn simulate(simulator: &Simulator, payload: &[u8]) -> Answered {
    let Some(simulator) = simulator else {
        return Answered::empty(Status::Unsupported);
    };
    answer(method::SIMULATE, payload, |action| {
        Ok(simulator
            .simulate(action)
            .map_err(|text| payhal_messages::call::Refusal {
                code: "simulator_refused".to_owned(),
                text,
            }))
    })
}

/// Runs `act` on the decoded arguments and encodes how it ended.
fn answer<A: DeserializeOwned, R: Serialize>(
    method: &str,
    payload: &[u8],
    act: impl FnOnce(A) -> Outcome<R>,
) -> Answered {
    // Methods without arguments may come with an empty payload.
    let payload = if payload.is_empty() { b"{}" } else { payload };
    let arguments = match serde_json::from_slice(payload) {
        Ok(arguments) => arguments,
        Err(error) => {
            let reason = format!("understand the arguments of {method}: {}", flaw(&error));
            return Answered::failed(Sent::No, reason);
        }
    };
    match act(arguments) {
        Ok(Ok(reply)) => encode(Status::Ok, &reply),
        Ok(Err(refusal)) => encode(Status::Refused, &refusal),
        Err(error) => error.into(),
    }
}

/// The same for methods whose reply is empty.
fn answer_empty<A: DeserializeOwned>(
    method: &str,
    payload: &[u8],
    act: impl FnOnce(A) -> Outcome<()>,
) -> Answered {
    answer(method, payload, |arguments| {
        Ok(act(arguments)?.map(|()| Empty {}))
    })
}

/// Arguments or reply of methods that have none.
#[derive(serde::Deserialize, Serialize)]
struct Empty {}

fn encode<T: Serialize>(status: Status, message: &T) -> Answered {
    match serde_json::to_vec(message) {
        Ok(payload) => Answered { status, payload },
        Err(_) => Answered::failed(Sent::Maybe, "write the reply as JSON".to_owned()),
    }
}

/// What is wrong with some JSON, without quoting any of it.
fn flaw(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    let said = error.to_string();
    let missing = said
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    match (missing, error.classify()) {
        (Some(field), _) => format!("{field} is missing at {place}"),
        (None, serde_json::error::Category::Data) => format!("a wrong value at {place}"),
        (None, _) => format!("no JSON at {place}"),
    }
}

fn parse_config<T: DeserializeOwned>(config: &[u8]) -> Result<T, PluginError> {
    serde_json::from_slice(config).map_err(|error| {
        PluginError::not_sent(format!("understand the configuration: {}", flaw(&error)))
    })
}

/// The instance, unless a panic left it in an unknown state.
fn exclusive<'a, T>(instance: &'a Mutex<T>, method: &str) -> Result<MutexGuard<'a, T>, Answered> {
    instance.lock().map_err(|_| {
        let reason = format!("run {method}: the plugin panicked before and must be restarted");
        Answered::failed(Sent::No, reason)
    })
}

/// A reader behind its method table.
pub struct ReaderService<R, S> {
    reader: Mutex<R>,
    simulator: Simulator,
    source: PhantomData<fn() -> S>,
}

impl<R: Reader, S: SimulatorOf<R>> Service for ReaderService<R, S> {
    fn open(config: &[u8], context: &Context) -> Result<Self, PluginError> {
        let reader = R::open(parse_config(config)?, context)?;
        let simulator = S::of(&reader);
        Ok(Self {
            reader: Mutex::new(reader),
            simulator,
            source: PhantomData,
        })
    }

    fn call(&self, method: &str, payload: &[u8], context: &Context) -> Answered {
        if method == method::SIMULATE {
            return simulate(&self.simulator, payload);
        }
        let mut reader = match exclusive(&self.reader, method) {
            Ok(reader) => reader,
            Err(answered) => return answered,
        };
        match method {
            method::IDENTIFY => answer(method, payload, |_: Empty| reader.identify(context)),
            method::LOAD_PARAMETERS => answer_empty(method, payload, |request| {
                reader.load_parameters(request, context)
            }),
            method::PRESENT => answer(method, payload, |request| reader.present(request, context)),
            method::CONFIRM_CURRENCY => answer(method, payload, |request| {
                reader.confirm_currency(request, context)
            }),
            method::AUTHORIZE_CARD => answer(method, payload, |request| {
                reader.authorize_card(request, context)
            }),
            method::COMPLETE => {
                answer(method, payload, |request| reader.complete(request, context))
            }
            method::SHOW => answer_empty(method, payload, |request| reader.show(request, context)),
            method::SETTINGS => answer(method, payload, |_: Empty| reader.settings(context)),
            method::APDU => answer(method, payload, |request| reader.apdu(request, context)),
            method::UPDATE_BEGIN => {
                answer(method, payload, |file| reader.update_begin(file, context))
            }
            method::UPDATE_PIECE => {
                answer_empty(method, payload, |piece| reader.update_piece(piece, context))
            }
            method::UPDATE_FINISH => {
                answer_empty(method, payload, |file| reader.update_finish(file, context))
            }
            _ => Answered::empty(Status::Unsupported),
        }
    }

    fn close(&self, context: &Context) {
        if let Ok(mut reader) = self.reader.lock() {
            reader.close(context);
        }
    }
}

/// A terminal behind its method table.
pub struct TerminalService<T, S> {
    terminal: Mutex<T>,
    simulator: Simulator,
    source: PhantomData<fn() -> S>,
}

impl<T: Terminal, S: SimulatorOf<T>> Service for TerminalService<T, S> {
    fn open(config: &[u8], context: &Context) -> Result<Self, PluginError> {
        let terminal = T::open(parse_config(config)?, context)?;
        let simulator = S::of(&terminal);
        Ok(Self {
            terminal: Mutex::new(terminal),
            simulator,
            source: PhantomData,
        })
    }

    fn call(&self, method: &str, payload: &[u8], context: &Context) -> Answered {
        if method == method::SIMULATE {
            return simulate(&self.simulator, payload);
        }
        let mut terminal = match exclusive(&self.terminal, method) {
            Ok(terminal) => terminal,
            Err(answered) => return answered,
        };
        match method {
            method::IDENTIFY => answer(method, payload, |_: Empty| terminal.identify(context)),
            method::PAY => answer(method, payload, |request| terminal.pay(request, context)),
            method::INQUIRE => answer(method, payload, |request| {
                terminal.inquire(request, context)
            }),
            method::REVERSE => answer(method, payload, |request| {
                terminal.reverse(request, context)
            }),
            method::RECONCILE => answer(method, payload, |request| {
                terminal.reconcile(request, context)
            }),
            method::SHOW => {
                answer_empty(method, payload, |request| terminal.show(request, context))
            }
            method::SETTINGS => answer(method, payload, |_: Empty| terminal.settings(context)),
            method::UPDATE_BEGIN => {
                answer(method, payload, |file| terminal.update_begin(file, context))
            }
            method::UPDATE_PIECE => answer_empty(method, payload, |piece| {
                terminal.update_piece(piece, context)
            }),
            method::UPDATE_FINISH => answer_empty(method, payload, |file| {
                terminal.update_finish(file, context)
            }),
            _ => Answered::empty(Status::Unsupported),
        }
    }

    fn close(&self, context: &Context) {
        if let Ok(mut terminal) = self.terminal.lock() {
            terminal.close(context);
        }
    }
}

/// A gateway connector behind its method table.
pub struct GatewayService<G, S> {
    gateway: G,
    parameters: Parameters,
    simulator: Simulator,
    source: PhantomData<fn() -> S>,
}

impl<G: GatewayConnector, S: SimulatorOf<G>> Service for GatewayService<G, S> {
    const SURVIVES_PANIC: bool = true;

    fn open(config: &[u8], context: &Context) -> Result<Self, PluginError> {
        let (gateway, parameters) = G::open(parse_config(config)?, context)?;
        let simulator = S::of(&gateway);
        Ok(Self {
            gateway,
            parameters,
            simulator,
            source: PhantomData,
        })
    }

    fn call(&self, method: &str, payload: &[u8], context: &Context) -> Answered {
        let gateway = &self.gateway;
        match method {
            method::SIMULATE => simulate(&self.simulator, payload),
            method::OPEN => answer(method, payload, |_: Empty| Ok(Ok(&self.parameters))),
            method::PREPARE => answer(method, payload, |request| gateway.prepare(request, context)),
            method::OFFER_CURRENCY => answer(method, payload, |request| {
                gateway.offer_currency(request, context)
            }),
            method::AUTHORIZE => answer(method, payload, |request| {
                gateway.authorize(request, context)
            }),
            method::FORWARD => answer(method, payload, |request| gateway.forward(request, context)),
            method::MODIFY => answer(method, payload, |request| gateway.modify(request, context)),
            method::INQUIRE => answer(method, payload, |request| gateway.inquire(request, context)),
            method::REVERSE => answer(method, payload, |request| gateway.reverse(request, context)),
            method::REPORT => {
                answer_empty(method, payload, |request| gateway.report(request, context))
            }
            method::FORGET_TOKEN => answer_empty(method, payload, |request| {
                gateway.forget_token(request, context)
            }),
            method::RECONCILE => answer(method, payload, |request| {
                gateway.reconcile(request, context)
            }),
            _ => Answered::empty(Status::Unsupported),
        }
    }

    fn close(&self, _: &Context) {}
}

macro_rules! opaque_debug {
    ($($service:ident)*) => {$(
        impl<T, S> std::fmt::Debug for $service<T, S> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($service))
            }
        }
    )*};
}
opaque_debug!(ReaderService TerminalService GatewayService);

#[cfg(test)]
mod tests;
