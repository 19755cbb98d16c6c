// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connector: the way a request travels to the sandbox, with its latency and its faults.
//!
//! Decides what the caller hears. What happens to money is decided in one file per command.

use crate::card;
use crate::contradict;
use crate::currency;
use crate::error::SandboxError;
use crate::faults::{Fault, FaultKind, Faults, Place};
use crate::gateway::{Gateway, Request, Underway};
use crate::inquire::inquire;
use crate::keys::letters;
use crate::ledger::Ledger;
use crate::modify::modify;
use crate::opening::Opener;
use crate::reader_parameters::reader_parameters;
use crate::reconcile::reconcile;
use crate::report::report;
use crate::reverse::refused as reversal_refused;
use crate::rules;
use crate::settings::{LedgerPlace, Settings};
use crate::turns::{Kind, Turns};
use payhal_messages::currency::{CurrencyOffered, OfferCurrency};
use payhal_messages::gateway::{
    Answer, Authorize, Finding, ForgetToken, Forward, Inquire, Modify, Parameters, Prepare,
    Prepared, Reconcile, Report, Reversal, Reverse, Totals, Wire,
};
use payhal_plugin::{Context, GatewayConnector, Outcome, PluginError, Simulated, refused};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An instance.
#[derive(Debug)]
pub(crate) struct Sandbox {
    gateway: Arc<Gateway>,
    latency: Duration,
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
        if matches!(&fault, Some(fault) if fault.fault == FaultKind::GoAway && !fault.after_send) {
            return Err(not_there());
        }
        let turn = match way.turn {
            Turn::Watched(kind, wire) => {
                let begun = gateway.turns.begin(&gateway.ledger, wire, kind);
                Some((wire, begun.map_err(sql_broke)?))
            }
            Turn::Free => None,
        };
        let outcome = self.arrive(context, way, fault.as_ref())?;
        if let Some((wire, _running)) = &turn {
            gateway
                .turns
                .settle(&gateway.ledger, wire)
                .map_err(sql_broke)?;
        }
        Ok(outcome)
    }

    /// What becomes of a request that was sent.
    fn arrive<T>(&self, context: &Context, way: &Way<'_, T>, fault: Option<&Fault>) -> Outcome<T> {
        let act = || (way.act)().map_err(sql_broke);
        let kind = fault.map(|fault| fault.fault);
        match (kind, way.late) {
            (Some(FaultKind::GoAway | FaultKind::LoseRequest), _) => return Err(no_answer()),
            (Some(FaultKind::Late), Some(late)) => {
                self.gateway.hang(late());
                return Err(no_answer());
            }
            _ => {}
        }
        let delay = Duration::from_millis(fault.map_or(0, |fault| fault.delay_ms));
        let stayed = self.travel(context, way.turn.money(), delay);
        let answer = match kind {
            None | Some(FaultKind::Delay | FaultKind::GoAway | FaultKind::LoseRequest) => act()?,
            Some(FaultKind::Duplicate) => {
                act()?;
                act()?
            }
            Some(FaultKind::Refuse) => return (way.refuse)(),
            Some(FaultKind::Contradict) => (way.contradict)(act()?),
            Some(FaultKind::LoseReply | FaultKind::Late) => {
                act()?;
                return Err(no_answer());
            }
            Some(kind @ (FaultKind::Pending | FaultKind::NotFound)) => match way.pretend {
                Some(pretend) => pretend(kind),
                None => act()?,
            },
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
    turn: Turn<'a>,
    amount_minor: Option<i64>,
    act: &'a dyn Fn() -> rusqlite::Result<T>,
    refuse: fn() -> Outcome<T>,
    contradict: &'a dyn Fn(T) -> T,
    /// The request, to hang on its way.
    late: Option<&'a dyn Fn() -> Request>,
    /// An answer of inquiries that nobody looked up.
    pretend: Option<fn(FaultKind) -> T>,
}

/// Whether an exchange must wait for its acceptor's turn.
#[derive(Clone, Copy)]
enum Turn<'a> {
    Watched(Kind, &'a Wire),
    Free,
}

impl<'a> Turn<'a> {
    /// The transaction that travels, if an inquiry would find it pending.
    fn money(self) -> Option<&'a Wire> {
        match self {
            Self::Watched(Kind::Reversal, _) | Self::Free => None,
            Self::Watched(_, wire) => Some(wire),
        }
    }
}

fn not_there() -> PluginError {
    PluginError::not_sent("reach the sandbox gateway: it is away, as scripted")
}

fn no_answer() -> PluginError {
    PluginError::maybe_sent("get an answer of the sandbox gateway")
}

fn sql_broke(error: rusqlite::Error) -> PluginError {
    broke(SandboxError::from(error))
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

fn opener(settings: &Settings, context: &Context) -> Result<Opener, SandboxError> {
    Opener::open(
        context.instance_name(),
        context.state_dir(),
        settings.trust()?,
        settings.pretend_live,
        settings.lifetime()?,
    )
}

impl GatewayConnector for Sandbox {
    type Config = Settings;

    fn open(settings: Settings, context: &Context) -> Result<(Self, Parameters), PluginError> {
        let ledger = match settings.ledger {
            LedgerPlace::File => Ledger::open(&context.state_dir().join("ledger.sqlite")),
            LedgerPlace::Memory => Ledger::in_memory(),
        }
        .map_err(broke)?;
        let opener = opener(&settings, context).map_err(broke)?;
        settings
            .settings
            .check()
            .map_err(|why| broke(SandboxError::Configuration(format!("settings: {why}"))))?;
        let faults = Faults::starting_with(settings.faults)
            .map_err(SandboxError::Configuration)
            .map_err(broke)?;
        // Whoever sees it in a list shall not take it for one.
        let name = match settings.pretend_live {
            true => "Sandbox that pretends to be live",
            false => "Sandbox",
        };
        let parameters = Parameters {
            name: name.into(),
            currencies: settings.currencies.clone(),
            recipient: opener.recipient().map_err(broke)?,
            opens: opener.schemes(),
            live: settings.pretend_live,
            reader_parameters: reader_parameters(&settings.reader_parameters).map_err(broke)?,
            settings: Some(settings.settings.clone()),
        };
        let gateway = Arc::new(Gateway {
            ledger,
            faults,
            turns: Turns::new(
                settings.in_flight_per_acceptor,
                settings.reversal_before_next,
            ),
            opener,
            reversal_needs_number: settings.reversal_needs_number,
            currencies: settings.currencies,
            underway: Mutex::default(),
            late: Mutex::default(),
        });
        let sandbox = Self {
            gateway,
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

    fn offer_currency(
        &self,
        request: OfferCurrency,
        context: &Context,
    ) -> Outcome<CurrencyOffered> {
        let secret = self.gateway.opener.tokens();
        let now = context.calendar();
        self.exchange(
            context,
            &Way {
                at: Place::OfferCurrency,
                turn: Turn::Free,
                amount_minor: Some(request.amounts.total_minor),
                act: &|| Ok(currency::offered(secret, &request, now)),
                refuse,
                contradict: &currency::wrong,
                late: None,
                pretend: None,
            },
        )
    }

    fn authorize(&self, request: Authorize, context: &Context) -> Outcome<Answer> {
        let asked = Some(request.amounts.total_minor);
        self.exchange(
            context,
            &Way {
                at: Place::Authorize,
                turn: Turn::Watched(Kind::Payment, &request.wire),
                amount_minor: asked,
                act: &|| self.gateway.authorize(&request),
                refuse: refuse_answer,
                contradict: &|answer| contradict::answer(answer, asked),
                late: Some(&|| Request::Authorize(Box::new(request.clone()))),
                pretend: None,
            },
        )
    }

    fn forward(&self, request: Forward, context: &Context) -> Outcome<Answer> {
        let asked = Some(request.amounts.total_minor);
        self.exchange(
            context,
            &Way {
                at: Place::Forward,
                turn: Turn::Watched(Kind::Forward, &request.wire),
                amount_minor: asked,
                act: &|| self.gateway.forward(&request),
                refuse: refuse_answer,
                contradict: &|answer| contradict::answer(answer, asked),
                late: None,
                pretend: None,
            },
        )
    }

    fn modify(&self, request: Modify, context: &Context) -> Outcome<Answer> {
        let asked = Some(request.amounts.total_minor);
        self.exchange(
            context,
            &Way {
                at: Place::Modify,
                turn: Turn::Watched(Kind::Payment, &request.wire),
                amount_minor: asked,
                act: &|| modify(&self.gateway.ledger, &request),
                refuse: refuse_answer,
                contradict: &|answer| contradict::answer(answer, asked),
                late: Some(&|| Request::Modify(Box::new(request.clone()))),
                pretend: None,
            },
        )
    }

    fn inquire(&self, request: Inquire, context: &Context) -> Outcome<Finding> {
        let gateway = &self.gateway;
        let wire = &request.wire;
        let outcome = self.exchange(
            context,
            &Way {
                at: Place::Inquire,
                turn: Turn::Free,
                amount_minor: None,
                act: &|| inquire(&gateway.ledger, wire, || gateway.carries(wire)),
                refuse,
                contradict: &|finding| {
                    let entry = gateway.ledger.read(|books| books.find(wire));
                    contradict::finding(finding, entry.ok().flatten().as_ref())
                },
                late: None,
                pretend: Some(|kind| match kind {
                    FaultKind::Pending => Finding::Pending,
                    _ => Finding::NotFound,
                }),
            },
        )?;
        if let Ok(Finding::Answered { .. } | Finding::Reversed | Finding::Reconciled { .. }) =
            &outcome
        {
            gateway
                .turns
                .settle(&gateway.ledger, wire)
                .map_err(sql_broke)?;
        }
        Ok(outcome)
    }

    fn reverse(&self, request: Reverse, context: &Context) -> Outcome<Reversal> {
        self.exchange(
            context,
            &Way {
                at: Place::Reverse,
                turn: Turn::Watched(Kind::Reversal, &request.wire),
                amount_minor: Some(request.amounts.total_minor),
                act: &|| self.gateway.reverse(&request),
                refuse: refuse_reversal,
                contradict: &|reversal| contradict::reversal(&reversal),
                late: None,
                pretend: None,
            },
        )
    }

    fn report(&self, request: Report, context: &Context) -> Outcome<()> {
        self.exchange(
            context,
            &Way {
                at: Place::Report,
                turn: Turn::Free,
                amount_minor: None,
                act: &|| report(&self.gateway.ledger, &request),
                refuse,
                contradict: &std::convert::identity,
                late: None,
                pretend: None,
            },
        )
    }

    fn forget_token(&self, request: ForgetToken, context: &Context) -> Outcome<()> {
        let merchant = &request.acceptor.merchant;
        self.exchange(
            context,
            &Way {
                at: Place::Forget,
                turn: Turn::Free,
                amount_minor: None,
                act: &|| {
                    let ledger = &self.gateway.ledger;
                    ledger.write(|books| card::forget(books, merchant, &request.token))
                },
                refuse,
                contradict: &std::convert::identity,
                late: None,
                pretend: None,
            },
        )
    }

    fn reconcile(&self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        let turn = if request.close {
            Turn::Watched(Kind::Payment, &request.wire)
        } else {
            Turn::Free
        };
        let outcome = self.exchange(
            context,
            &Way {
                at: Place::Reconcile,
                turn,
                amount_minor: None,
                act: &|| reconcile(&self.gateway.ledger, &request),
                refuse,
                contradict: &|outcome| {
                    outcome.map(|totals| Totals {
                        totals: Vec::new(),
                        ..totals
                    })
                },
                late: None,
                pretend: None,
            },
        )?;
        match outcome {
            Ok(Ok(totals)) => Ok(Ok(totals)),
            Ok(Err(code)) => refused(code.code, code.text),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}
