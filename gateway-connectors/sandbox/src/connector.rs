// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connector: the way a request travels to the sandbox, with its latency and its faults.
//!
//! Decides what the caller hears. What happens to money is decided in one file per command.

use crate::authorize::{Recipient, authorize};
use crate::error::SandboxError;
use crate::inquire::inquire;
use crate::keys::{key_id, letters, load_or_make};
use crate::ledger::Ledger;
use crate::modify::modify;
use crate::reconcile::reconcile;
use crate::report::report;
use crate::reverse::{refused as reversal_refused, reverse};
use crate::rules;
use crate::settings::{LedgerPlace, Settings};
use crate::simulator::{Fault, FaultKind, Faults, Place, simulate};
use payhal_messages::card::Recipient as PublicRecipient;
use payhal_messages::gateway::{
    Answer, Authorize, Decision, Finding, Inquire, Modify, Parameters, Prepare, Prepared,
    Reconcile, Report, Reversal, Reverse, Totals, Wire,
};
use payhal_plugin::{Context, GatewayConnector, Outcome, PluginError, Simulated, refused};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An instance.
#[derive(Debug)]
pub(crate) struct Sandbox {
    gateway: Arc<Gateway>,
    recipient: Recipient,
    currencies: Vec<String>,
    latency: Duration,
}

/// What connector and simulator share: the far side.
#[derive(Debug)]
struct Gateway {
    ledger: Ledger,
    faults: Faults,
    /// Transactions whose request is on its way.
    underway: Mutex<HashSet<String>>,
}

impl Sandbox {
    /// The door for people and tests.
    pub(crate) fn simulator(&self) -> Arc<dyn Simulated> {
        Arc::clone(&self.gateway) as Arc<dyn Simulated>
    }

    /// Lets one request travel, hit whatever fault waits for it, and act.
    fn exchange<T>(&self, context: &Context, way: &Way<'_, T>) -> Outcome<T> {
        let gateway = &*self.gateway;
        if gateway.faults.is_unplugged() {
            return Err(not_there());
        }
        let fault = gateway.faults.take(way.at, way.amount_minor);
        match &fault {
            Some(Fault {
                fault: FaultKind::GoAway,
                after_send: false,
                ..
            }) => {
                return Err(not_there());
            }
            Some(Fault {
                fault: FaultKind::GoAway,
                ..
            }) => return Err(no_answer()),
            _ => {}
        }
        let delay = fault.as_ref().map_or(0, |fault| fault.delay_ms);
        let stayed = self.travel(context, way.wire, Duration::from_millis(delay));
        let act = || (way.act)().map_err(SandboxError::from).map_err(broke);
        let answer = match fault.map(|fault| fault.fault) {
            None | Some(FaultKind::Delay) => act()?,
            Some(FaultKind::Duplicate) => {
                act()?;
                act()?
            }
            Some(FaultKind::Refuse) => return (way.refuse)(),
            Some(FaultKind::Contradict) => (way.contradict)(act()?),
            Some(FaultKind::LoseReply | FaultKind::GoAway) => {
                act()?;
                return Err(no_answer());
            }
        };
        // Whoever hung up meanwhile hears nothing, but the request had been sent.
        if stayed {
            Ok(Ok(answer))
        } else {
            Err(no_answer())
        }
    }

    /// Waits as long as the request travels; false when the caller hung up meanwhile.
    fn travel(&self, context: &Context, wire: Option<&Wire>, delay: Duration) -> bool {
        let time = self.latency + delay;
        if time.is_zero() {
            return true;
        }
        let _underway = wire.map(|wire| Underway::of(&self.gateway, wire));
        context.sleep(time).is_ok()
    }
}

/// One exchange: where faults find it, what it does, and how it would be spoilt.
struct Way<'a, T> {
    at: Place,
    wire: Option<&'a Wire>,
    amount_minor: Option<i64>,
    act: &'a dyn Fn() -> rusqlite::Result<T>,
    refuse: fn() -> Outcome<T>,
    contradict: fn(T) -> T,
}

fn not_there() -> PluginError {
    PluginError::not_sent("reach the sandbox gateway: it is away, as scripted")
}

fn no_answer() -> PluginError {
    PluginError::maybe_sent("get an answer of the sandbox gateway")
}

fn broke(error: SandboxError) -> PluginError {
    PluginError::Failed(error.into_failure())
}

fn refuse<T>() -> Outcome<T> {
    refused(rules::REFUSED.code, rules::REFUSED.text)
}

fn refuse_answer() -> Outcome<Answer> {
    Ok(Ok(rules::rejected(&rules::REFUSED)))
}

fn refuse_reversal() -> Outcome<Reversal> {
    Ok(Ok(reversal_refused(&rules::REFUSED)))
}

/// Yes for no, and no for yes.
fn contradict_answer(answer: Answer) -> Answer {
    match answer.decision {
        Decision::Approved => Answer {
            decision: Decision::Declined,
            response_code: rules::DO_NOT_HONOR.code.into(),
            response_text: Some(rules::DO_NOT_HONOR.text.into()),
            approved_minor: None,
            approval_code: None,
            ..answer
        },
        Decision::Declined | Decision::Rejected | Decision::Referred => Answer {
            decision: Decision::Approved,
            response_code: rules::APPROVED.code.into(),
            response_text: Some(rules::APPROVED.text.into()),
            ..answer
        },
    }
}

fn contradict_finding(finding: Finding) -> Finding {
    match finding {
        Finding::Answered { answer } => Finding::Answered {
            answer: contradict_answer(answer),
        },
        Finding::Reversed | Finding::Pending | Finding::NotFound | Finding::Reconciled { .. } => {
            Finding::Answered {
                answer: contradict_answer(rules::rejected(&rules::REVERSED)),
            }
        }
    }
}

impl GatewayConnector for Sandbox {
    type Config = Settings;

    fn open(settings: Settings, context: &Context) -> Result<(Self, Parameters), PluginError> {
        let ledger = match settings.ledger {
            LedgerPlace::File => Ledger::open(&context.state_dir().join("ledger.sqlite")),
            LedgerPlace::Memory => Ledger::in_memory(),
        }
        .map_err(broke)?;
        let key = load_or_make(context.state_dir()).map_err(broke)?;
        let faults = Faults::starting_with(settings.faults)
            .map_err(SandboxError::Configuration)
            .map_err(broke)?;
        let public_key = key.public_bytes();
        let recipient = Recipient {
            gateway: context.instance_name().to_owned(),
            key_id: key_id(&public_key),
            key,
        };
        let parameters = Parameters {
            name: "Sandbox".into(),
            currencies: settings.currencies.clone(),
            recipient: PublicRecipient {
                gateway: recipient.gateway.clone(),
                key_id: recipient.key_id.clone(),
                public_key,
            },
            live: false,
        };
        let gateway = Arc::new(Gateway {
            ledger,
            faults,
            underway: Mutex::default(),
        });
        let sandbox = Self {
            gateway,
            recipient,
            currencies: settings.currencies,
            latency: Duration::from_millis(settings.latency_ms),
        };
        Ok((sandbox, parameters))
    }

    fn prepare(&self, _: Prepare, _: &Context) -> Outcome<Prepared> {
        let mut fresh = [0; 16];
        getrandom::fill(&mut fresh)
            .map_err(|error| PluginError::not_sent(format!("make a reference: {error}")))?;
        Ok(Ok(Prepared {
            reference: letters(&fresh),
        }))
    }

    fn authorize(&self, request: Authorize, context: &Context) -> Outcome<Answer> {
        let ledger = &self.gateway.ledger;
        self.exchange(
            context,
            &Way {
                at: Place::Authorize,
                wire: Some(&request.wire),
                amount_minor: Some(request.amounts.total_minor),
                act: &|| authorize(ledger, &self.recipient, &self.currencies, &request),
                refuse: refuse_answer,
                contradict: contradict_answer,
            },
        )
    }

    fn modify(&self, request: Modify, context: &Context) -> Outcome<Answer> {
        let ledger = &self.gateway.ledger;
        self.exchange(
            context,
            &Way {
                at: Place::Modify,
                wire: Some(&request.wire),
                amount_minor: Some(request.amounts.total_minor),
                act: &|| modify(ledger, &request),
                refuse: refuse_answer,
                contradict: contradict_answer,
            },
        )
    }

    fn inquire(&self, request: Inquire, context: &Context) -> Outcome<Finding> {
        let gateway = &self.gateway;
        self.exchange(
            context,
            &Way {
                at: Place::Inquire,
                wire: None,
                amount_minor: None,
                act: &|| {
                    inquire(&gateway.ledger, &request.wire, || {
                        gateway.carries(&request.wire)
                    })
                },
                refuse,
                contradict: contradict_finding,
            },
        )
    }

    fn reverse(&self, request: Reverse, context: &Context) -> Outcome<Reversal> {
        let ledger = &self.gateway.ledger;
        self.exchange(
            context,
            &Way {
                at: Place::Reverse,
                wire: None,
                amount_minor: Some(request.amounts.total_minor),
                act: &|| reverse(ledger, &request),
                refuse: refuse_reversal,
                contradict: |reversal| match reversal {
                    Reversal::Reversed => reversal_refused(&rules::REFUSED),
                    Reversal::Refused { .. } => Reversal::Reversed,
                },
            },
        )
    }

    fn report(&self, request: Report, context: &Context) -> Outcome<()> {
        let ledger = &self.gateway.ledger;
        self.exchange(
            context,
            &Way {
                at: Place::Report,
                wire: None,
                amount_minor: None,
                act: &|| report(ledger, &request),
                refuse,
                contradict: std::convert::identity,
            },
        )
    }

    fn reconcile(&self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        let ledger = &self.gateway.ledger;
        self.exchange(
            context,
            &Way {
                at: Place::Reconcile,
                wire: None,
                amount_minor: None,
                act: &|| reconcile(ledger, &request),
                refuse,
                contradict: |totals| Totals {
                    totals: Vec::new(),
                    ..totals
                },
            },
        )
    }
}

impl Gateway {
    fn carries(&self, wire: &Wire) -> bool {
        self.requests().contains(&wire.transaction_id)
    }

    fn requests(&self) -> MutexGuard<'_, HashSet<String>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulated for Gateway {
    fn simulate(&self, action: Value) -> Result<Value, String> {
        simulate(&self.ledger, &self.faults, action)
    }
}

/// Marks a transaction as on its way, until dropped.
struct Underway<'a> {
    gateway: &'a Gateway,
    transaction_id: &'a str,
}

impl<'a> Underway<'a> {
    fn of(gateway: &'a Gateway, wire: &'a Wire) -> Self {
        gateway.requests().insert(wire.transaction_id.clone());
        Self {
            gateway,
            transaction_id: &wire.transaction_id,
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.gateway.requests().remove(self.transaction_id);
    }
}
