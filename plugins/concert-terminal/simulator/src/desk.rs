// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens at the terminal, whatever the till speaks: one transaction at a time, a card or
//! none, the bank's word, and the terminal's own record of it.
//!
//! It must never know a wire: tills ask for an [`Order`] and are told an [`Ended`].

use crate::amounts;
use crate::person::Person;
use payhal_card_data::{Behaviour, EntryMode, TestCard};
use payhal_testkit::simulate::{Booked, Money};

/// From a card's presence to its number.
const HAND_US: u64 = 300_000;
/// A PIN is entered.
const PIN_US: u64 = 2_000_000;
/// The bank is asked.
const BANK_US: u64 = 1_200_000;
/// Nobody comes.
const WAIT_US: u64 = 60_000_000;
/// What needs no card.
const AT_ONCE_US: u64 = 500_000;
/// Minor units up to which is approved while the bank cannot be reached.
pub(crate) const FLOOR_MINOR: i64 = 5_000;

/// What a till wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Debit,
    Credit,
    Cancel,
    /// Collected later, without asking the bank now.
    Deferred,
}

/// A till's order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) minor: i64,
    pub(crate) currency: String,
    /// What the till sent as its reference.
    pub(crate) tag: Option<String>,
    /// Whether less than the amount may be paid.
    pub(crate) partial: bool,
    /// Whether the bank is to be asked in any case.
    pub(crate) online: bool,
    /// How the card may be read; any way where it says nothing.
    pub(crate) entry: Option<EntryMode>,
}

/// Why no money moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    VoiceCall,
    Refused,
    Forbidden,
    Abandoned,
    NotCompleted,
    NobodyCame,
    OperatorAbandoned,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// So many minor units moved.
    Done {
        minor: i64,
        forced: bool,
    },
    NotDone(Reason),
    /// The terminal does not say; money moved.
    Unverified {
        minor: i64,
    },
}

/// A transaction that ended at the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) order: Order,
    pub(crate) outcome: Outcome,
    pub(crate) card: Option<(&'static TestCard, EntryMode)>,
    /// The bank's number; none where it was not asked.
    pub(crate) authorisation: Option<String>,
    pub(crate) serial: u32,
}

impl Ended {
    /// Minor units that moved.
    pub(crate) fn moved(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Done { minor, .. } | Outcome::Unverified { minor } => Some(minor),
            Outcome::NotDone(_) => None,
        }
    }

    fn booked(&self) -> Booked {
        let money = Money {
            minor: self.moved().unwrap_or(self.order.minor),
            approved: self.moved().is_some(),
            tag: self.order.tag.clone(),
        };
        match self.order.kind {
            Kind::Debit | Kind::Deferred => Booked::Payment(money),
            Kind::Credit => Booked::Credit(money),
            Kind::Cancel => Booked::Reversal(money),
        }
    }
}

#[derive(Debug)]
struct Running {
    order: Order,
    person: Option<Person>,
    due_us: u64,
}

/// The terminal.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// What somebody does about the next transaction.
    person: Option<Person>,
    /// A customer is always there, and the amount decides.
    pub(crate) auto: bool,
    /// The bank cannot be reached.
    pub(crate) cut_off: bool,
    running: Option<Running>,
    ended: Vec<Ended>,
    cancelled: Vec<u32>,
    /// Serials of approvals the bank does not know of yet.
    stored: Vec<u32>,
    serial: u32,
}

impl Desk {
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// The transaction that ended last.
    pub(crate) fn last(&self) -> Option<&Ended> {
        self.ended.last()
    }

    /// The order of the transaction that runs.
    pub(crate) fn order(&self) -> Option<&Order> {
        self.running.as_ref().map(|running| &running.order)
    }

    pub(crate) fn books(&self) -> Vec<Booked> {
        self.ended.iter().map(Ended::booked).collect()
    }

    /// Begins a transaction; the terminal must not be busy.
    pub(crate) fn start(&mut self, order: Order, now_us: u64) {
        let person = self.person.take();
        let person = person.or_else(|| self.auto.then(|| amounts::person(order.minor)));
        let person = person.filter(|person| order.kind != Kind::Cancel && can(person, &order));
        let after_us = match &person {
            _ if order.kind == Kind::Cancel => AT_ONCE_US,
            Some(person) => takes_us(person),
            None => WAIT_US,
        };
        self.running = Some(Running {
            order,
            person,
            due_us: now_us + after_us,
        });
    }

    /// Somebody does something: now, if it waits for him.
    pub(crate) fn act(&mut self, person: Option<Person>, now_us: u64) {
        match (&mut self.running, person) {
            (Some(running), Some(person))
                if running.person.is_none()
                    && running.order.kind != Kind::Cancel
                    && can(&person, &running.order) =>
            {
                running.due_us = now_us + takes_us(&person);
                running.person = Some(person);
            }
            (_, person) => self.person = person,
        }
    }

    /// Ends what runs without a word of it: somebody pulled the plug.
    pub(crate) fn reboot(&mut self) {
        self.running = None;
        self.person = None;
    }

    /// Tells the bank what it does not know yet: how many, and how much. `None` where it cannot.
    pub(crate) fn collect(&mut self) -> Option<(usize, i64)> {
        if self.cut_off {
            return None;
        }
        let stored = std::mem::take(&mut self.stored);
        let is_stored = |ended: &&Ended| stored.contains(&ended.serial);
        let sum = self.ended.iter().filter(is_stored).filter_map(Ended::moved);
        Some((stored.len(), sum.sum()))
    }

    pub(crate) fn next_us(&self) -> Option<u64> {
        self.running.as_ref().map(|running| running.due_us)
    }

    /// What ended by now.
    pub(crate) fn due(&mut self, now_us: u64) -> Option<&Ended> {
        let running = self.running.take_if(|running| running.due_us <= now_us)?;
        self.serial += 1;
        let mut ended = Ended {
            outcome: Outcome::NotDone(Reason::NobodyCame),
            card: None,
            authorisation: None,
            serial: self.serial,
            order: running.order,
        };
        if ended.order.kind == Kind::Cancel {
            self.cancel(&mut ended);
        } else if let Some(person) = running.person {
            self.settle(&person, &mut ended);
        }
        self.ended.push(ended);
        self.ended.last()
    }

    /// Takes back the latest payment of exactly that amount, which nobody took back before.
    fn cancel(&mut self, ended: &mut Ended) {
        let of = self.ended.iter().rev().find(|old| {
            matches!(old.order.kind, Kind::Debit | Kind::Deferred)
                && old.moved() == Some(ended.order.minor)
                && old.order.currency == ended.order.currency
                && !self.cancelled.contains(&old.serial)
        });
        let Some(of) = of else {
            ended.outcome = Outcome::NotDone(Reason::NotCompleted);
            return;
        };
        ended.card = of.card;
        ended.authorisation = of.authorisation.clone();
        ended.outcome = Outcome::Done {
            minor: ended.order.minor,
            forced: false,
        };
        self.stored.retain(|serial| *serial != of.serial);
        self.cancelled.push(of.serial);
    }

    fn settle(&mut self, person: &Person, ended: &mut Ended) {
        let (card, entry) = match person {
            Person::Stops(reason) => {
                ended.outcome = Outcome::NotDone(*reason);
                return;
            }
            Person::Presents { card, entry, .. } => (*card, *entry),
        };
        ended.card = Some((card, entry));
        ended.outcome = self.decided(person, &ended.order, card, entry);
        if ended.moved().is_none() {
            return;
        }
        if self.asks(&ended.order) {
            ended.authorisation = Some(format!("{:06}", 424_242 + ended.serial % 500_000));
        } else {
            self.stored.push(ended.serial);
        }
    }

    fn asks(&self, order: &Order) -> bool {
        order.kind != Kind::Deferred && !self.cut_off
    }

    fn decided(
        &self,
        person: &Person,
        order: &Order,
        card: &TestCard,
        entry: EntryMode,
    ) -> Outcome {
        let refused = Outcome::NotDone(Reason::Refused);
        let Person::Presents { word, .. } = person else {
            return refused;
        };
        if entry == EntryMode::Chip
            && matches!(
                card.behaviour,
                Behaviour::ChipFault | Behaviour::RefusesAfterApproval
            )
        {
            return Outcome::NotDone(Reason::NotCompleted);
        }
        let over_floor = order.minor > FLOOR_MINOR || order.online;
        if order.kind != Kind::Deferred && self.cut_off && over_floor {
            return refused;
        }
        let less = match word {
            Word::Says(reason) => return Outcome::NotDone(*reason),
            Word::Unverified => return Outcome::Unverified { minor: order.minor },
            Word::Forced => {
                return Outcome::Done {
                    minor: order.minor,
                    forced: true,
                };
            }
            Word::Less(minor) => Some(minor.unwrap_or(order.minor / 2)),
            Word::Own => match card.behaviour {
                Behaviour::Decline | Behaviour::Expired => return refused,
                Behaviour::PartialApproval => Some(order.minor / 2),
                _ => None,
            },
        };
        match less {
            Some(less) if !order.partial || less <= 0 || less >= order.minor => refused,
            less => Outcome::Done {
                minor: less.unwrap_or(order.minor),
                forced: false,
            },
        }
    }
}

/// What the bank says to a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Word {
    /// What the card's own behaviour makes it say.
    Own,
    Says(Reason),
    /// It approves so much, or half.
    Less(Option<i64>),
    /// Approved without its word, by a person who asked it.
    Forced,
    /// Approved, and the terminal does not say so.
    Unverified,
}

/// Whether the terminal reads the card as it is presented.
fn can(person: &Person, order: &Order) -> bool {
    match person {
        Person::Stops(_) => true,
        Person::Presents { entry, .. } => order.entry.is_none_or(|wanted| wanted == *entry),
    }
}

fn takes_us(person: &Person) -> u64 {
    match person {
        Person::Stops(_) => HAND_US,
        Person::Presents { card, entry, .. } => {
            let wants_pin = matches!(
                card.behaviour,
                Behaviour::PinRequired | Behaviour::PinAtIssuer
            );
            let pin = wants_pin && *entry == EntryMode::Chip;
            HAND_US + BANK_US + if pin { PIN_US } else { 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person;

    fn order(kind: Kind, minor: i64) -> Order {
        Order {
            kind,
            minor,
            currency: "978".to_owned(),
            tag: Some("000001".to_owned()),
            partial: false,
            online: false,
            entry: None,
        }
    }

    fn ended(desk: &mut Desk, words: &str, order: Order) -> Outcome {
        desk.act(person::read(words).unwrap().unwrap(), 0);
        desk.start(order, 0);
        let due_us = desk.next_us().unwrap();
        assert!(desk.due(due_us - 1).is_none() && desk.is_busy());
        desk.due(due_us).unwrap().outcome
    }

    #[test]
    fn cards_words_and_amounts_decide() {
        let mut desk = Desk::default();
        let done = |minor| Outcome::Done {
            minor,
            forced: false,
        };
        let not = Outcome::NotDone;
        let mut partial = order(Kind::Debit, 1250);
        partial.partial = true;
        for (words, order, outcome) in [
            ("tap", order(Kind::Debit, 1250), done(1250)),
            ("insert visa-pin", order(Kind::Debit, 1250), done(1250)),
            (
                "tap visa-decline",
                order(Kind::Debit, 1250),
                not(Reason::Refused),
            ),
            ("refuse", order(Kind::Debit, 1250), not(Reason::Refused)),
            (
                "forbidden",
                order(Kind::Debit, 1250),
                not(Reason::Forbidden),
            ),
            ("abandon", order(Kind::Debit, 1250), not(Reason::Abandoned)),
            ("tap", order(Kind::Credit, 300), done(300)),
            (
                "tap visa-partial",
                order(Kind::Debit, 1250),
                not(Reason::Refused),
            ),
            ("tap visa-partial", partial.clone(), done(625)),
            ("partial 1000", partial.clone(), done(1000)),
            ("partial 1250", partial, not(Reason::Refused)),
            (
                "unverified",
                order(Kind::Debit, 7),
                Outcome::Unverified { minor: 7 },
            ),
            (
                "forced",
                order(Kind::Debit, 7),
                Outcome::Done {
                    minor: 7,
                    forced: true,
                },
            ),
        ] {
            assert_eq!(ended(&mut desk, words, order), outcome, "{words}");
        }
        desk.auto = true;
        desk.start(order(Kind::Debit, 1051), 0);
        assert_eq!(desk.due(u64::MAX).unwrap().outcome, not(Reason::Refused));
    }

    #[test]
    fn nobody_comes_and_somebody_comes_late() {
        let mut desk = Desk::default();
        desk.start(order(Kind::Debit, 1250), 0);
        assert_eq!(desk.next_us(), Some(WAIT_US));
        desk.act(person::read("tap").unwrap().unwrap(), 59_000_000);
        assert!(desk.due(WAIT_US).is_none());
        assert!(desk.due(WAIT_US + 1_000_000).is_some());
        let mut contact = order(Kind::Debit, 1250);
        contact.entry = Some(EntryMode::Chip);
        desk.start(contact, 0);
        desk.act(person::read("tap").unwrap().unwrap(), 0);
        let ended = desk.due(WAIT_US).unwrap();
        assert_eq!(ended.outcome, Outcome::NotDone(Reason::NobodyCame));
    }

    #[test]
    fn a_payment_is_taken_back_once_and_only_as_a_whole() {
        let mut desk = Desk::default();
        ended(&mut desk, "tap", order(Kind::Debit, 1250));
        let mut take_back = |minor| {
            desk.start(order(Kind::Cancel, minor), 0);
            desk.due(u64::MAX).unwrap().moved()
        };
        assert_eq!(take_back(1249), None);
        assert_eq!(take_back(1250), Some(1250));
        assert_eq!(take_back(1250), None);
        let approved: Vec<_> = desk
            .books()
            .iter()
            .map(|booked| match booked {
                Booked::Payment(money) | Booked::Reversal(money) => money.approved,
                _ => unreachable!("nothing else was asked for"),
            })
            .collect();
        assert_eq!(approved, [true, false, true, false]);
    }

    #[test]
    fn without_the_bank_small_amounts_are_stored_until_it_hears_of_them() {
        let mut desk = Desk {
            cut_off: true,
            ..Desk::default()
        };
        ended(&mut desk, "tap", order(Kind::Debit, FLOOR_MINOR));
        assert_eq!(desk.last().unwrap().authorisation, None);
        let refused = Outcome::NotDone(Reason::Refused);
        let over = order(Kind::Debit, FLOOR_MINOR + 1);
        assert_eq!(ended(&mut desk, "tap", over), refused);
        let mut online = order(Kind::Debit, 1);
        online.online = true;
        assert_eq!(ended(&mut desk, "tap", online), refused);
        ended(&mut desk, "tap", order(Kind::Deferred, 90_000));
        assert_eq!((desk.collect(), desk.stored.len()), (None, 2));
        desk.cut_off = false;
        assert_eq!(desk.collect(), Some((2, 90_000 + FLOOR_MINOR)));
        assert_eq!(desk.collect(), Some((0, 0)));
    }
}
