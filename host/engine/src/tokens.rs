// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens that registers keep, each under a reference of its own: kept, changed, used,
//! deleted.
//!
//! A token is good at the gateway that gave it out, for the merchant that it was given to, and is
//! never taken anywhere else. Never lets two tokens have one reference, and never says that a token
//! is kept before its record is durable.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::card::CardFace;
use crate::effect::RecallBy;
use crate::engine::{Engine, ScopedKey};
use crate::gateway::{Decision, Extras, GatewayAnswer};
use crate::ids::{Acceptor, GatewayId, Position, RegisterId, Scope, TokenId, TransactionId};
use crate::keys::{Ask, RecallFor};
use crate::money::{Amount, Currency};
use crate::record::{Fact, FinalAnswer, Past};
use crate::request::{Kind, MoneyRequest};
use crate::sums::whole;
use crate::transaction::Transaction;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A payment token that a register keeps.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Token {
    /// Our name for it, the same for as long as it is kept.
    pub id: TokenId,
    /// Whose it is.
    pub register: RegisterId,
    /// The register's own name for it; no other kept token has it.
    pub reference: Arc<str>,
    /// Who gave it out, and takes it.
    pub gateway: GatewayId,
    /// For whom it was given out.
    pub acceptor: Acceptor,
    /// The token itself.
    pub token: Arc<str>,
    /// The card that it stands for, as it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardFace>,
    /// The register's own words about it, JSON text of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Arc<str>>,
    /// When it was registered, microseconds since 1970 UTC.
    pub created_at_micros: i64,
    /// When it was last changed.
    pub changed_at_micros: i64,
    /// Whether it is kept no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Token {
    /// Whether both are one token to its gateway.
    pub fn is_same_to_gateway(
        &self,
        gateway: &GatewayId,
        acceptor: &Acceptor,
        token: &str,
    ) -> bool {
        self.gateway == *gateway
            && self.acceptor.merchant == acceptor.merchant
            && *self.token == *token
    }
}

/// How a register names a kept token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// By our name.
    Id(TokenId),
    /// By its own.
    Reference(Arc<str>),
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Reference(reference) => write!(f, "`{reference}`"),
        }
    }
}

/// What a card is kept as, or what of a kept token becomes another.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Keep {
    /// The register's own name for it; of a change: the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Arc<str>>,
    /// The register's own words about it, JSON text of an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Arc<str>>,
    /// Whether a card is presented for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub card: bool,
    /// The earlier payment or check whose token it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<TransactionId>,
    /// What that one gave, when the request was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Box<Given>>,
}

/// A payment token that an earlier transaction gave.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Given {
    /// Who gave it out.
    pub gateway: GatewayId,
    /// For whom.
    pub acceptor: Acceptor,
    /// The token.
    pub token: Arc<str>,
    /// The card.
    pub card: Option<CardFace>,
    /// When, microseconds since 1970 UTC.
    pub at_micros: i64,
}

/// A token that its gateway may forget.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Forget {
    /// Who gave it out.
    pub gateway: GatewayId,
    /// For whom.
    pub acceptor: Acceptor,
    /// The token.
    pub token: Arc<str>,
}

/// What is looked for in the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sought {
    /// A kept token; by its reference only while it is kept.
    Named(Named),
    /// Every token of this text, deleted or not.
    Text(Arc<str>),
    /// The records of the transaction that gave one, and every token of that text.
    GivenBy(TransactionId),
}

/// What the journal knew of a request's tokens.
#[derive(Debug)]
pub(crate) struct Recalled {
    /// The last change of any token that it saw.
    at: Position,
    past: Past,
}

impl MoneyRequest {
    /// Whether a payment token stands for the card.
    pub fn is_by_token(&self) -> bool {
        self.terms.token.is_some() || (self.terms.stored.is_some() && !self.kind.is_of_token())
    }

    /// The token that stands for the card, once the request is accepted.
    pub(crate) fn paying_token(&self) -> Option<&Arc<str>> {
        let registered = self.terms.registered.as_ref();
        let registered = registered.filter(|_| !self.kind.is_of_token());
        self.terms
            .token
            .as_ref()
            .or(registered.map(|token| &token.token))
    }

    /// Whether it is settled without a card and without anybody else's word.
    pub(crate) fn is_of_books(&self) -> bool {
        let card = self.terms.keep.as_ref().is_some_and(|keep| keep.card);
        self.kind.is_of_token() && !card
    }

    fn sought(&self) -> Vec<Sought> {
        let terms = &self.terms;
        let keep = terms.keep.as_ref();
        let reference = keep.and_then(|keep| keep.reference.clone());
        let from = keep.and_then(|keep| keep.from);
        let named = terms.stored.iter().cloned();
        (named
            .chain(reference.map(Named::Reference))
            .map(Sought::Named))
        .chain(terms.token.clone().map(Sought::Text))
        .chain(from.map(Sought::GivenBy))
        .collect()
    }
}

impl Engine {
    /// Whether a request must wait for what the journal knows of its tokens; asks it.
    pub(crate) fn tokens_awaited(&mut self, ask: &Ask, key: &ScopedKey) -> bool {
        let sought = ask.request.sought();
        let at = self.token_change;
        if sought.is_empty() || ask.tokens.as_ref().is_some_and(|known| known.at == at) {
            return false;
        }
        let from = ask.request.terms.keep.as_ref().and_then(|keep| keep.from);
        let written = from.and_then(|from| {
            let open = self.open.get(&from).map(|open| open.after);
            open.or_else(|| self.recent.find(from).map(|ended| ended.position))
        });
        let after = at.max(written.unwrap_or_default());
        let purpose = RecallFor::Tokens(key.clone(), at);
        self.recall(after, RecallBy::Tokens(sought), purpose);
        true
    }

    /// The journal told of a request's tokens.
    pub(crate) fn tokens_recalled(&mut self, key: &ScopedKey, at: Position, past: Option<Past>) {
        let past = past.unwrap_or_default();
        if let Some(ask) = self
            .pending
            .get_mut(key)
            .and_then(|pending| pending.first())
        {
            ask.tokens = Some(Recalled { at, past });
        }
        self.run_pending(key);
    }

    /// Puts the tokens that a request names in their place, and its gateway with them.
    pub(crate) fn take_tokens(&self, ask: &mut Ask) -> Result<(), NotNow> {
        if ask.request.sought().is_empty() {
            return Ok(());
        }
        let known = ask
            .tokens
            .take()
            .map(|known| known.past)
            .unwrap_or_default();
        if let Some(named) = ask.request.terms.stored.clone() {
            let stored = find(ask, &known, &named)?;
            self.check_unchanging(&stored)?;
            self.bind(ask, &stored.gateway, &stored.acceptor)?;
            ask.request.terms.registered = Some(Box::new(stored));
        } else if let Some(token) = ask.request.terms.token.clone() {
            self.bind_text(ask, &known, &token)?;
        }
        if let Some(from) = ask.request.terms.keep.as_ref().and_then(|keep| keep.from) {
            let given = self.given(ask, &known, from)?;
            self.bind(ask, &given.gateway, &given.acceptor)?;
            if let Some(keep) = &mut ask.request.terms.keep {
                keep.given = Some(Box::new(given));
            }
        }
        self.check_reference(ask, &known)
    }

    /// A token goes where it came from, and nowhere else.
    fn bind(&self, ask: &mut Ask, gateway: &GatewayId, of: &Acceptor) -> Result<(), NotNow> {
        let named = ask.request.gateway.get_or_insert_with(|| gateway.clone());
        if named != gateway {
            let detail = format!(
                "the payment token is gateway {gateway}'s, and cannot go to gateway {named}"
            );
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        if ask.request.kind != Kind::TokenDelete && self.acceptor(gateway).merchant != of.merchant {
            let detail = format!("the payment token is another merchant's at gateway {gateway}");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        Ok(())
    }

    /// One that is named by its own text goes where it came from, as far as that is known.
    fn bind_text(&self, ask: &mut Ask, known: &Past, token: &str) -> Result<(), NotNow> {
        let mut same = known.tokens.iter().filter(|known| *known.token == *token);
        let at_named = |stored: &&Token| ask.request.gateway.as_ref() == Some(&stored.gateway);
        let stored = same.clone().find(at_named).or_else(|| same.next());
        let Some(stored) = stored.cloned() else {
            return Ok(());
        };
        self.bind(ask, &stored.gateway, &stored.acceptor)
    }

    /// What an earlier transaction gave.
    fn given(&self, ask: &Ask, known: &Past, from: TransactionId) -> Result<Given, NotNow> {
        let not_found = || {
            NotNow::new(
                Reason::TransactionNotFound,
                format!("no transaction {from}"),
            )
        };
        let (scope, given) = given_by(known).ok_or_else(not_found)?;
        if !ask.may_touch(&scope) {
            return Err(not_found());
        }
        let Some(given) = given else {
            let detail = format!("transaction {from} has given no payment token of a gateway");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        };
        let same = |stored: &&Token| {
            stored.is_same_to_gateway(&given.gateway, &given.acceptor, &given.token)
        };
        let mut former = known.tokens.iter().filter(same);
        let is_forgotten = former.any(|it| it.deleted && it.changed_at_micros >= given.at_micros);
        if is_forgotten || self.is_being_forgotten(&given) {
            let detail = "this payment token was deleted since: register the card again";
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        Ok(given)
    }

    /// One call at a time changes a token.
    fn check_unchanging(&self, stored: &Token) -> Result<(), NotNow> {
        let changes = |open: &&Transaction| {
            let registered = open.request.terms.registered.as_ref();
            open.ending.is_none()
                && open.request.kind.is_of_token()
                && registered.is_some_and(|it| it.id == stored.id)
        };
        match self.open.values().find(changes) {
            Some(open) => {
                let detail = format!("transaction {} is changing this payment token", open.id);
                Err(NotNow::new(Reason::NotAllowed, detail))
            }
            None => Ok(()),
        }
    }

    /// No two kept tokens have one reference.
    fn check_reference(&self, ask: &Ask, known: &Past) -> Result<(), NotNow> {
        let keep = ask.request.terms.keep.as_ref();
        let Some(reference) = keep.and_then(|keep| keep.reference.as_ref()) else {
            return Ok(());
        };
        let own = ask.request.terms.registered.as_ref().map(|own| own.id);
        let mut kept = known.tokens.iter();
        let taken = kept.any(|it| !it.deleted && it.reference == *reference && Some(it.id) != own);
        let wants = |open: &Transaction| {
            let keep = open.request.terms.keep.as_ref();
            open.ending.is_none()
                && keep.is_some_and(|keep| keep.reference.as_ref() == Some(reference))
        };
        if taken || self.open.values().any(wants) {
            let detail = format!(
                "a payment token has the reference `{reference}`: delete it, or give it another \
                 card with token.update"
            );
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        Ok(())
    }

    /// What the books alone settle: a token of an earlier transaction, another reference, a
    /// deletion.
    pub(crate) fn accept_in_books(&self, ask: &Ask) -> Result<Transaction, NotNow> {
        let terms = &ask.request.terms;
        let given = terms.keep.as_ref().and_then(|keep| keep.given.as_deref());
        let registered = terms.registered.as_deref();
        let whose = given.map(|given| (&given.gateway, &given.acceptor, &given.card));
        let whose = whose.or(registered.map(|it| (&it.gateway, &it.acceptor, &it.card)));
        let Some((gateway, acceptor, card)) = whose else {
            let detail = "neither a card nor an earlier transaction is named";
            return Err(NotNow::new(Reason::NotAllowed, detail));
        };
        let parameters = self
            .gateways
            .get(gateway)
            .and_then(|it| it.parameters.as_ref());
        let currency = parameters.and_then(|parameters| parameters.currencies.first());
        let nothing = whole(Amount {
            minor: 0,
            currency: currency.copied().unwrap_or(Currency::XXX),
        });
        let (gateway, acceptor) = (Some(gateway.clone()), acceptor.clone());
        let mut transaction = self.accepted(ask, nothing, gateway, acceptor);
        transaction.card.clone_from(card);
        Ok(transaction)
    }

    /// Ends it at once.
    pub(crate) fn settle_in_books(&mut self, transaction: &mut Transaction) {
        let keep = transaction.request.terms.keep.as_ref();
        let given = keep.and_then(|keep| keep.given.as_ref());
        let answer = GatewayAnswer {
            decision: Decision::Approved,
            response_code: "".into(),
            response_text: None,
            approved_minor: Some(0),
            approval_code: None,
            rrn: None,
            signature_required: false,
            issuer: crate::ids::Opaque::default(),
            extras: Extras {
                token: given.map(|given| given.token.clone()),
                ..Extras::default()
            },
        };
        self.end_approved(transaction, &answer, 0, None);
    }

    /// The kept token as an approval leaves it; absent where the approval changes none.
    pub(crate) fn stored_by(&self, transaction: &Transaction, extras: &Extras) -> Option<Token> {
        let terms = &transaction.request.terms;
        let now = self.now.wall_micros;
        if transaction.request.kind == Kind::TokenDelete {
            let former = terms.registered.as_deref().cloned()?;
            return Some(Token {
                deleted: true,
                changed_at_micros: now,
                ..former
            });
        }
        let keep = terms.keep.as_ref()?;
        let mut stored = match (terms.registered.as_deref(), &extras.token) {
            (Some(former), _) => former.clone(),
            (None, token) => Token {
                id: TokenId(transaction.id.0),
                register: transaction.scope.register.clone(),
                reference: keep.reference.clone()?,
                gateway: transaction.gateway.clone()?,
                acceptor: transaction.acceptor.clone(),
                token: token.clone()?,
                card: None,
                custom: None,
                created_at_micros: now,
                changed_at_micros: now,
                deleted: false,
            },
        };
        stored.changed_at_micros = now;
        if let Some(reference) = &keep.reference {
            stored.reference.clone_from(reference);
        }
        if keep.custom.is_some() {
            stored.custom.clone_from(&keep.custom);
        }
        if keep.card || keep.from.is_some() {
            stored.token.clone_from(extras.token.as_ref()?);
            stored.card.clone_from(&transaction.card);
            stored.acceptor.clone_from(&transaction.acceptor);
        }
        Some(stored)
    }

    /// The token that nobody may keep any more after this answer.
    pub(crate) fn forgettable(
        &self,
        transaction: &Transaction,
        answer: &FinalAnswer,
    ) -> Option<Forget> {
        let FinalAnswer::Approved(approved) = answer else {
            return None;
        };
        let former = transaction.request.terms.registered.as_deref()?;
        let now = approved.extras.stored.as_deref()?;
        (now.deleted || now.token != former.token).then(|| Forget {
            gateway: former.gateway.clone(),
            acceptor: former.acceptor.clone(),
            token: former.token.clone(),
        })
    }
}

/// The kept token of that name, if the asker may touch it.
fn find(ask: &Ask, known: &Past, named: &Named) -> Result<Token, NotNow> {
    let mine = |stored: &&Token| ask.others || stored.register == ask.scope.register;
    let mut kept = known.tokens.iter().filter(|stored| !stored.deleted);
    let found = match named {
        Named::Id(id) => kept.find(|stored| stored.id == *id),
        Named::Reference(reference) => kept.find(|stored| stored.reference == *reference),
    };
    found.filter(mine).cloned().ok_or_else(|| {
        let detail = format!("no payment token {named}");
        NotNow::new(Reason::TransactionNotFound, detail)
    })
}

/// Whose transaction it is, and the token that it gave.
fn given_by(past: &Past) -> Option<(Scope, Option<Given>)> {
    let intent = past.records.iter().find_map(|record| match &record.fact {
        Fact::Intent(intent) => Some(intent),
        _ => None,
    });
    let ending = past
        .records
        .iter()
        .rev()
        .find_map(|record| match &record.fact {
            Fact::Ended(ending) => Some(ending),
            _ => None,
        });
    let unsent = ending.and_then(|ending| ending.unsent.as_ref());
    let scope = intent
        .map(|intent| &intent.scope)
        .or(unsent.map(|unsent| &unsent.scope))?;
    let given = ending.and_then(|ending| match &ending.answer {
        FinalAnswer::Approved(approved) => Some(Given {
            gateway: approved.gateway.clone()?,
            acceptor: approved.acceptor.clone().unwrap_or_default(),
            token: approved.extras.token.clone()?,
            card: approved.card.clone(),
            at_micros: approved.at_micros,
        }),
        FinalAnswer::Refused(_) => None,
    });
    Some((scope.clone(), given))
}
