// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sales without their gateway: which may be accepted while it is away, and how.
//!
//! The chip is completed first, then the sealed read is kept, then the approval is recorded, and
//! only then the register is told. Nothing is stored that may have been sent, and a gateway that
//! is merely busy is waited for.

use crate::admit::NotNow;
use crate::answer::{Approved, Reason, Stage};
use crate::card::{Cvm, Entry};
use crate::device::{DeviceCommand, DeviceReply, IssuerAnswer};
use crate::effect::Action;
use crate::engine::Engine;
use crate::forwarding::{Forwarding, ForwardingState};
use crate::gateway::{Ability, GatewayParameters};
use crate::ids::{DeviceId, GatewayId, Kept, RegisterId, TransactionId};
use crate::limits::STORED_MAX;
use crate::money::{Amount, Currency};
use crate::record::{FinalAnswer, Stored};
use crate::reports::completion_tags;
use crate::request::{Kind, MoneyRequest};
use crate::transaction::{Phase, SealedRead, Transaction};
use std::sync::Arc;

/// What a register is told as DE 39 (EMV: unable to go online, approved offline).
const APPROVED_OFFLINE: &str = "Y3";

const MS_PER_HOUR: u64 = 3_600_000;

/// How much may wait to be forwarded. A sale needs one rule that fits, and every rule that fits
/// must have room for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Of which gateway; absent: of all.
    pub gateway: Option<GatewayId>,
    /// Of which register; absent: of all.
    pub register: Option<RegisterId>,
    /// In which currency.
    pub currency: Currency,
    /// The largest sale, minor units.
    pub amount_max_minor: i64,
    /// How many may wait.
    pub count_max: u32,
    /// What they may come to, minor units.
    pub total_max_minor: i64,
    /// How long the oldest may wait before no other is accepted, milliseconds.
    pub age_max_ms: u64,
}

/// A sale that would go without its gateway, as far as it is known.
struct Candidate<'a> {
    request: &'a MoneyRequest,
    register: &'a RegisterId,
    gateway: &'a GatewayId,
    device: Option<&'a DeviceId>,
    total: Amount,
    entry: Option<Entry>,
    cvm: Option<Cvm>,
    /// Itself, which takes no room from itself.
    id: Option<TransactionId>,
}

impl Rule {
    fn fits(&self, gateway: Option<&GatewayId>, register: &RegisterId, total: Amount) -> bool {
        self.gateway.as_ref().is_none_or(|it| Some(it) == gateway)
            && self.register.as_ref().is_none_or(|it| it == register)
            && self.currency == total.currency
    }

    pub(crate) fn fits_open(&self, open: &Transaction) -> bool {
        let register = &open.scope.register;
        self.fits(open.gateway.as_ref(), register, open.amounts.total)
    }
}

impl Engine {
    /// What is known of a gateway that can be reached, or that a sale may do without.
    pub(crate) fn usable(
        &self,
        request: &MoneyRequest,
        gateway: &GatewayId,
    ) -> Result<&GatewayParameters, NotNow> {
        self.reachable(gateway).or_else(|not_now| {
            let known = self.known(gateway).filter(|_| request.terms.allow_offline);
            known.ok_or(not_now)
        })
    }

    /// What a gateway said of itself when it was last there.
    pub(crate) fn known(&self, gateway: &GatewayId) -> Option<&GatewayParameters> {
        self.gateways.get(gateway)?.parameters.as_ref()
    }

    /// Whether a sale is accepted although its gateway is away.
    pub(crate) fn accept_without(
        &self,
        transaction: &mut Transaction,
        not_now: NotNow,
    ) -> Result<(), NotNow> {
        self.may_store(transaction, not_now)?;
        transaction.going_offline = true;
        Ok(())
    }

    /// Its gateway is away, and nothing was sent: the next gateway takes it, or it goes without
    /// where it may, or it ends. `read`:
    /// once the card is sealed.
    pub(crate) fn gateway_away(
        &mut self,
        transaction: &mut Transaction,
        read: Option<SealedRead>,
        not_now: NotNow,
    ) {
        if self.fall_back(transaction, &not_now.words()) {
            return;
        }
        if let Err(not_now) = self.accept_without(transaction, not_now) {
            self.end_unsent(transaction, not_now);
            return;
        }
        match read {
            Some(read) => self.ask_chip(transaction, read),
            None => self.seal(transaction),
        }
    }

    fn may_store(&self, transaction: &Transaction, mut not_now: NotNow) -> Result<(), NotNow> {
        if !transaction.request.terms.allow_offline {
            return Err(not_now);
        }
        let objection = match &transaction.gateway {
            Some(_) if transaction.dcc.is_some() => {
                Some("the customer chose a currency that only the gateway can charge".into())
            }
            Some(gateway) => self.objection(&Candidate {
                request: &transaction.request,
                register: &transaction.scope.register,
                gateway,
                device: transaction.device.as_ref(),
                total: transaction.amounts.total,
                entry: transaction.entry,
                cvm: transaction.cvm,
                id: Some(transaction.id),
            }),
            None => Some("a terminal has its own way".into()),
        };
        let Some(objection) = objection else {
            return Ok(());
        };
        let detail = not_now.detail.as_deref().unwrap_or("the gateway is away");
        not_now.detail = Some(format!("{detail}; not accepted offline: {objection}").into());
        Err(not_now)
    }

    /// Why a sale may not go without its gateway.
    fn objection(&self, sale: &Candidate<'_>) -> Option<String> {
        let asked = asks_too_much(sale.request).or_else(|| reads_too_little(sale));
        if let Some(why) = asked {
            return Some(why.to_owned());
        }
        if !self.now.wall_trusted {
            return Some("the clock of this computer is wrong".to_owned());
        }
        let device = sale.device.filter(|id| self.devices.completes_offline(id));
        if device.is_none() {
            return Some("the reader cannot complete a card without its issuer".to_owned());
        }
        let gateway = sale.gateway;
        match self.known(gateway) {
            None => return Some(format!("gateway {gateway} was not there since the start")),
            Some(known) if !known.can.contains(&Ability::Forward) => {
                return Some(format!("gateway {gateway} takes no sales afterwards"));
            }
            Some(_) => {}
        }
        self.no_room(sale)
    }

    /// Which limit is reached.
    fn no_room(&self, sale: &Candidate<'_>) -> Option<String> {
        let register = sale.register;
        let rules = self.config.offline.iter();
        let mut rules = rules
            .filter(|rule| rule.fits(Some(sale.gateway), register, sale.total))
            .peekable();
        if rules.peek().is_none() {
            let code = sale.total.currency.code();
            return Some(format!("no rule allows it for {code} of {register}"));
        }
        if self.forwards.count() >= STORED_MAX {
            return Some(format!("{STORED_MAX} wait to be forwarded"));
        }
        rules.find_map(|rule| self.exceeded(rule, sale))
    }

    fn exceeded(&self, rule: &Rule, sale: &Candidate<'_>) -> Option<String> {
        let minor = sale.total.minor;
        if minor > rule.amount_max_minor {
            let most = rule.amount_max_minor;
            return Some(format!("a sale may come to {most} minor units at most"));
        }
        let used = self.used(rule, sale.id);
        if used.count >= rule.count_max {
            Some(format!("{} wait to be forwarded already", used.count))
        } else if used.total_minor.saturating_add(minor) > rule.total_max_minor {
            let most = rule.total_max_minor;
            Some(format!(
                "together they may come to {most} minor units at most"
            ))
        } else if used.oldest_ms > rule.age_max_ms {
            let hours = rule.age_max_ms / MS_PER_HOUR;
            Some(format!("the oldest has waited for more than {hours} hours"))
        } else {
            None
        }
    }

    /// The chip decides, before anything is kept.
    fn ask_chip(&mut self, transaction: &mut Transaction, read: SealedRead) {
        // It is completed once, whatever it says.
        let Some(presentation_id) = transaction.presentation_id.take() else {
            let detail = "the card is not there any more";
            self.end_unsent(transaction, NotNow::new(Reason::GatewayUnavailable, detail));
            return;
        };
        self.end_pause(transaction);
        self.step_to(transaction, Stage::Completing, None);
        transaction.phase = Phase::CompletingOffline(read);
        let command = DeviceCommand::Complete {
            transaction_id: transaction.id,
            presentation_id,
            answer: IssuerAnswer::NoAnswer,
            offline: true,
        };
        self.call_reader(transaction, command, self.config.timeouts.completion_ms);
    }

    /// The reader has completed, or could not.
    pub(crate) fn completed_offline(
        &mut self,
        transaction: &mut Transaction,
        read: SealedRead,
        reply: &DeviceReply,
    ) {
        let detail = match reply {
            DeviceReply::Completed {
                accepted: true,
                tags,
            } => {
                transaction.tags = completion_tags(tags);
                transaction.passed.chip = true;
                self.keep_read(transaction, read);
                return;
            }
            DeviceReply::Completed { .. } | DeviceReply::Refused { .. } => {
                "the gateway is away, and the card does not allow it without its issuer"
            }
            _ => "the gateway is away, and the reader did not complete the card without it",
        };
        self.end_unsent(transaction, NotNow::new(Reason::GatewayUnavailable, detail));
    }

    fn keep_read(&mut self, transaction: &mut Transaction, read: SealedRead) {
        transaction.read_kept = true;
        let keep = Action::Keep {
            transaction: transaction.id,
            part: Kept::Read,
            sealed: read.sealed.clone(),
        };
        transaction.phase = Phase::Storing(read);
        self.emit(transaction.after, keep);
    }

    /// The sealed read is on disk, or cannot be kept.
    pub(crate) fn read_kept(&mut self, id: TransactionId, refused: Option<Arc<str>>) {
        self.with(id, |engine, transaction| {
            let Phase::Storing(read) = transaction.phase.clone() else {
                return;
            };
            match refused {
                None => engine.accept_offline(transaction, read),
                Some(why) => {
                    let detail = format!("the read cannot be kept for its gateway: {why}");
                    let not_now = NotNow::new(Reason::JournalUnavailable, detail);
                    engine.end_unsent(transaction, not_now);
                }
            }
        });
    }

    /// Approved from here on, whatever its issuer will say.
    fn accept_offline(&mut self, transaction: &mut Transaction, read: SealedRead) {
        let wire = match transaction.wire.clone() {
            Some(wire) => wire,
            None => self.next_wire(transaction),
        };
        let mut intent = Self::intent_of(transaction, wire.clone());
        if transaction.intent {
            // They are spent by the record before.
            intent.spent.clear();
        }
        let stored = Stored {
            intent,
            read_id: read.read_id,
            tags: transaction.tags.clone(),
        };
        transaction.wire = Some(wire);
        transaction.intent = true;
        transaction.stored = Some(Box::new(stored));
        transaction.forwarding = Some(Forwarding {
            state: ForwardingState::Waiting,
            at_micros: self.now.wall_micros,
            response_code: None,
            response_text: None,
            next_at_micros: None,
        });
        let approved = Approved {
            response_code: APPROVED_OFFLINE.into(),
            accepted_offline: true,
            ..self.approval(transaction, transaction.amounts.total.minor)
        };
        let answer = FinalAnswer::Approved(Box::new(approved));
        self.end(transaction, &answer, None, None);
    }

    /// Nothing was sent. Before its intent it may be asked for again; after it, its key is used.
    pub(crate) fn end_unsent(&mut self, transaction: &mut Transaction, not_now: NotNow) {
        if !transaction.intent {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        let mut refused = self.refused(transaction, Reason::NothingSent);
        let why = not_now.detail.as_deref().unwrap_or("the gateway is away");
        refused.detail = Some(format!("nothing was sent: {why}").into());
        self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
    }
}

impl Transaction {
    /// Whether it counts against the limits: it is accepted and not forwarded, or on its way there.
    pub(crate) fn takes_room(&self) -> bool {
        self.owes_forwarding() || (self.going_offline && self.ending.is_none())
    }
}

/// What of a request only its issuer can allow.
fn asks_too_much(request: &MoneyRequest) -> Option<&'static str> {
    let terms = &request.terms;
    let cashback = request.amounts.and_then(|amounts| amounts.cashback_minor);
    if request.kind != Kind::Sale {
        Some("only sales are")
    } else if terms.online_always {
        Some("it asks for its issuer")
    } else if cashback.is_some_and(|minor| minor > 0) {
        Some("no cash is paid out without the issuer")
    } else if request.is_by_token() || terms.keep.is_some() {
        Some("a token needs its gateway")
    } else if terms.voice_code.is_some() {
        Some("an approval by telephone needs its gateway")
    } else if terms.installments.is_some() {
        Some("instalments need the issuer")
    } else {
        None
    }
}

/// What of a card only its issuer can verify.
fn reads_too_little(sale: &Candidate<'_>) -> Option<&'static str> {
    let chip = |entry| matches!(entry, Entry::Chip | Entry::Contactless);
    if sale.entry.is_some_and(|entry| !chip(entry)) {
        Some("only chips are, inserted or tapped")
    } else if sale.cvm == Some(Cvm::OnlinePin) {
        Some("only the issuer can verify the PIN")
    } else {
        None
    }
}
