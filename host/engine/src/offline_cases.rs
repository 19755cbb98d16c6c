// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sales that are accepted while their gateway is away, and those that are not.

use crate::answer::Reason;
use crate::bench::{
    Bench, answer, approved, authorized, completed, euros, gateway_is, prepared, presented,
    reader_is, refused, request,
};
use crate::card::{Cvm, Entry};
use crate::device::{DeviceAbilities, DeviceCommand, DeviceReply};
use crate::effect::Effect;
use crate::event::Event;
use crate::forwarding::ForwardingState;
use crate::gateway::{Ability, Decision, GatewayCommand, GatewayReply};
use crate::ids::{Kept, Opaque, TransactionId};
use crate::money::Currency;
use crate::offline::Rule;
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Terms};
use crate::transaction::Phase;
use uuid::Uuid;

pub(crate) fn rule() -> Rule {
    Rule {
        gateway: None,
        register: None,
        currency: Currency::EUR,
        amount_max_minor: 5_000,
        count_max: 3,
        total_max_minor: 10_000,
        age_max_ms: 3_600_000,
    }
}

pub(crate) fn shop() -> Bench {
    let mut bench = Bench::new();
    bench.engine.config.offline = vec![rule()];
    bench
}

pub(crate) fn away(bench: &mut Bench) {
    bench.step(gateway_is("asking", true, false));
}

pub(crate) fn back(bench: &mut Bench) -> Vec<Effect> {
    bench.step(gateway_is("asking", true, true))
}

pub(crate) fn sale(key: &str) -> MoneyRequest {
    MoneyRequest {
        terms: Terms {
            allow_offline: true,
            ..Terms::default()
        },
        ..request(key, Kind::Sale, "asking")
    }
}

/// A read without a PIN that only the issuer could verify.
pub(crate) fn tapped() -> DeviceReply {
    let mut read = authorized(true);
    if let DeviceReply::CardAuthorized { cvm, entry, .. } = &mut read {
        *cvm = Cvm::None;
        *entry = Entry::Contactless;
    }
    read
}

fn allowed() -> DeviceReply {
    DeviceReply::Completed {
        accepted: true,
        tags: Opaque(br#"{"9F26":"01"}"#.to_vec()),
    }
}

pub(crate) fn read_kept(bench: &mut Bench, refused: Option<&str>) -> Vec<Effect> {
    let phase = |phase: &Phase| matches!(phase, Phase::Storing(_));
    let mut open = bench.engine.open.values();
    let transaction = open.find(|open| phase(&open.phase)).unwrap().id;
    bench.step(Event::Kept {
        transaction,
        part: Kept::Read,
        refused: refused.map(Into::into),
    })
}

/// From the request to the chip's own word.
fn present(bench: &mut Bench, key: &str) {
    bench.money(sale(key));
    bench.reader(presented());
    bench.reader(tapped());
}

/// Accepted and told.
pub(crate) fn accept(bench: &mut Bench, key: &str) -> Vec<Effect> {
    present(bench, key);
    bench.reader(allowed());
    read_kept(bench, None)
}

/// A bench in one of the states of this mode.
pub(crate) fn offline_in(state: &str) -> Option<Bench> {
    let wanted = [
        "completing without its issuer",
        "storing",
        "stored",
        "stored (preparing)",
        "forwarding",
        "needs operator (forwarding)",
    ];
    let far = wanted.iter().position(|name| *name == state)?;
    let mut bench = shop();
    away(&mut bench);
    present(&mut bench, "key");
    if far > 0 {
        bench.reader(allowed());
    }
    if far > 1 {
        read_kept(&mut bench, None);
    }
    if far > 2 {
        back(&mut bench);
    }
    if far > 3 {
        bench.gateway(prepared());
    }
    if far > 4 {
        bench.gateway(GatewayReply::Unsupported);
    }
    Some(bench)
}

fn detail(effects: &[Effect]) -> String {
    let refused = refused(effects).unwrap();
    assert_eq!(refused.reason, Reason::GatewayUnavailable);
    refused.detail.as_deref().unwrap().to_owned()
}

fn not_sent() -> GatewayReply {
    GatewayReply::Failed {
        sent: false,
        reason: "line".into(),
    }
}

#[test]
fn the_chip_then_the_vault_then_one_record_then_the_register() {
    let mut bench = shop();
    away(&mut bench);
    bench.money(sale("key"));
    bench.reader(presented());
    let Some((_, _, DeviceCommand::AuthorizeCard { offline, .. })) = &bench.reader_call else {
        panic!("{:?}", bench.reader_call)
    };
    assert!(*offline);
    bench.reader(tapped());
    let Some((_, _, DeviceCommand::Complete { offline, .. })) = &bench.reader_call else {
        panic!("{:?}", bench.reader_call)
    };
    assert!(*offline && bench.reads.is_empty());
    let effects = bench.reader(allowed());
    assert!(approved(&effects).is_none() && bench.records.is_empty());
    assert_eq!(bench.reads.len(), 1);
    let effects = read_kept(&mut bench, None);
    let told = approved(&effects).unwrap();
    assert!(told.accepted_offline && told.approved_minor == 1_000);
    assert_eq!(&*told.response_code, "Y3");
    assert_eq!(bench.records.len(), 1);
    let Fact::Ended(ending) = &bench.records[0].fact else {
        panic!("{:?}", bench.records)
    };
    let stored = ending.stored.as_ref().unwrap();
    assert!(ending.unsent.is_none() && ending.owed.is_nothing());
    assert_eq!(stored.tags.as_deref(), Some(r#"{"9F26":"01"}"#));
    assert_eq!(
        bench.records[0].fact.intent().unwrap().amounts,
        euros(1_000)
    );
    assert!(bench.gateway_call.is_none() && bench.reader_call.is_none());
    let again = bench.money(sale("key"));
    assert!(approved(&again).unwrap().accepted_offline);
}

#[test]
fn what_turns_out_before_anything_was_sent_goes_without() {
    // The connector cannot prepare.
    let mut bench = shop();
    bench.money(sale("key"));
    bench.reader(presented());
    bench.reader(tapped());
    bench.gateway(not_sent());
    assert!(matches!(
        bench.reader_call,
        Some((_, _, DeviceCommand::Complete { offline: true, .. }))
    ));
    // The intent is on disk, and nothing was sent.
    let mut bench = shop();
    bench.money(sale("key"));
    bench.reader(presented());
    bench.reader(tapped());
    bench.gateway(prepared());
    bench.gateway(not_sent());
    bench.reader(allowed());
    let effects = read_kept(&mut bench, None);
    assert!(approved(&effects).unwrap().accepted_offline);
    assert_eq!(bench.records.len(), 2);
    // A chip that refuses then has used the key.
    let mut bench = shop();
    bench.money(sale("key"));
    bench.reader(presented());
    bench.reader(tapped());
    bench.gateway(prepared());
    bench.gateway(not_sent());
    let effects = bench.reader(completed(false));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NothingSent);
    assert!(bench.engine.open.is_empty() && bench.reads.is_empty());
}

#[test]
fn what_may_have_been_sent_is_never_stored() {
    let mut bench = shop();
    bench.money(sale("key"));
    bench.reader(presented());
    bench.reader(tapped());
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    });
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Reverse { .. }))
    ));
    assert!(bench.reads.is_empty());
    // A code given by telephone could not be passed on: the issuer knows of the payment.
    let mut bench = shop();
    bench.prompts = bench.prompts.with(crate::prompt::PromptKind::VoiceApproval);
    bench.money(sale("key"));
    bench.reader(presented());
    let mut read = tapped();
    if let DeviceReply::CardAuthorized {
        completion_owed, ..
    } = &mut read
    {
        *completion_owed = false;
    }
    bench.reader(read);
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(Decision::Referred, None)));
    let open = bench.engine.open.values().next().unwrap();
    assert!(open.read.is_none());
}

#[test]
fn a_gateway_that_comes_back_in_time_is_asked() {
    let mut bench = shop();
    away(&mut bench);
    bench.money(sale("key"));
    bench.reader(presented());
    back(&mut bench);
    bench.reader(tapped());
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Prepare { .. }))
    ));
    let open = bench.engine.open.values().next().unwrap();
    assert!(!open.going_offline);
}

#[test]
fn only_what_its_issuer_need_not_allow_goes_without() {
    let terms = |change: fn(&mut MoneyRequest)| {
        let mut asked = sale("key");
        change(&mut asked);
        asked
    };
    let cases = [
        (terms(|it| it.terms.allow_offline = false), "is not ready"),
        (terms(|it| it.kind = Kind::Authorize), "only sales"),
        (terms(|it| it.terms.online_always = true), "its issuer"),
        (terms(|it| it.terms.token = Some("t".into())), "a token"),
        (
            terms(|it| it.terms.keep = Some(crate::tokens::Keep::default())),
            "a token",
        ),
        (
            terms(|it| it.terms.voice_code = Some("1".into())),
            "telephone",
        ),
        (terms(|it| it.terms.installments = Some(3)), "instalments"),
        (
            terms(|it| it.amounts.as_mut().unwrap().cashback_minor = Some(1)),
            "no cash",
        ),
        (
            terms(|it| it.amounts = Some(euros(5_001))),
            "a sale may come to 5000 minor units",
        ),
    ];
    for (asked, why) in cases {
        let mut bench = shop();
        away(&mut bench);
        let effects = bench.money(asked);
        let detail = detail(&effects);
        assert!(detail.contains(why), "{detail}");
        assert!(bench.engine.keys.is_empty() && bench.reader_call.is_none());
    }
}

#[test]
fn a_pin_for_the_issuer_or_a_stripe_does_not_go_without() {
    let stripe = |read: &mut DeviceReply| {
        if let DeviceReply::CardAuthorized { entry, .. } = read {
            *entry = Entry::Stripe;
        }
    };
    for (read, why) in [
        (authorized(true), "verify the PIN"),
        (
            {
                let mut read = tapped();
                stripe(&mut read);
                read
            },
            "only chips",
        ),
    ] {
        let mut bench = shop();
        away(&mut bench);
        bench.money(sale("key"));
        bench.reader(presented());
        let effects = bench.reader(read);
        assert!(detail(&effects).contains(why));
        assert!(bench.records.is_empty() && bench.engine.open.is_empty());
    }
}

#[test]
fn reader_gateway_and_clock_must_be_able() {
    let mut bench = shop();
    let unable = |status: Event| match status {
        Event::DeviceChanged {
            device,
            status: Some(mut status),
        } => {
            if let DeviceAbilities::Reader { offline, .. } = &mut status.abilities {
                *offline = false;
            }
            Event::DeviceChanged {
                device,
                status: Some(status),
            }
        }
        other => other,
    };
    away(&mut bench);
    bench.step(unable(reader_is("reader", true)));
    bench.step(unable(reader_is("spare", true)));
    assert!(detail(&bench.money(sale("1"))).contains("cannot complete a card"));

    let mut bench = shop();
    let mut status = bench.engine.gateways[&"asking".into()].clone();
    status.ready = false;
    let known = status.parameters.as_mut().unwrap();
    known.can.retain(|ability| *ability != Ability::Forward);
    bench.step(Event::GatewayChanged {
        gateway: "asking".into(),
        status: Some(status.clone()),
    });
    assert!(detail(&bench.money(sale("2"))).contains("takes no sales afterwards"));
    status.parameters = None;
    bench.step(Event::GatewayChanged {
        gateway: "asking".into(),
        status: Some(status),
    });
    assert!(detail(&bench.money(sale("3"))).contains("is not ready"));

    let mut bench = shop();
    away(&mut bench);
    bench.distrusted = true;
    assert!(detail(&bench.money(sale("4"))).contains("the clock"));

    let mut bench = Bench::new();
    away(&mut bench);
    assert!(detail(&bench.money(sale("5"))).contains("no rule allows it for EUR"));
}

#[test]
fn every_rule_that_fits_must_have_room() {
    let with = |rules: Vec<Rule>| {
        let mut bench = shop();
        bench.engine.config.offline = rules;
        away(&mut bench);
        accept(&mut bench, "1");
        bench
    };
    let mut one = with(vec![
        rule(),
        Rule {
            count_max: 1,
            ..rule()
        },
    ]);
    assert!(detail(&one.money(sale("2"))).contains("1 wait to be forwarded already"));
    let mut sum = with(vec![Rule {
        total_max_minor: 1_999,
        ..rule()
    }]);
    assert!(detail(&sum.money(sale("2"))).contains("together they may come to 1999"));
    let mut old = with(vec![rule()]);
    old.boot_ms += 3_600_001;
    assert!(detail(&old.money(sale("2"))).contains("more than 1 hours"));
    // Of another register or gateway it is no matter.
    let mut other = with(vec![
        Rule {
            register: Some("other".into()),
            count_max: 0,
            ..rule()
        },
        Rule {
            gateway: Some("mute".into()),
            count_max: 0,
            ..rule()
        },
        rule(),
    ]);
    assert!(approved(&accept(&mut other, "2")).is_some());
}

#[test]
fn what_is_on_its_way_takes_room_and_gives_it_back() {
    let mut bench = shop();
    bench.engine.config.offline = vec![Rule {
        count_max: 1,
        ..rule()
    }];
    away(&mut bench);
    bench.money(MoneyRequest {
        device: Some("reader".into()),
        ..sale("1")
    });
    let other = || MoneyRequest {
        device: Some("spare".into()),
        ..sale("2")
    };
    assert!(detail(&bench.money(other())).contains("wait to be forwarded already"));
    let rooms = bench.engine.rooms();
    assert_eq!(rooms.len(), 1);
    assert_eq!(
        rooms[0].used.count, rooms[0].rule.count_max,
        "as a look tells it"
    );
    bench.cancel("1");
    bench.reader(DeviceReply::Cancelled);
    assert!(refused(&bench.money(other())).is_none());
}

#[test]
fn a_card_or_a_vault_that_refuses_leaves_nothing() {
    let mut bench = offline_in("completing without its issuer").unwrap();
    let effects = bench.reader(completed(false));
    assert!(detail(&effects).contains("the card does not allow it"));
    assert!(bench.records.is_empty() && bench.engine.keys.is_empty());
    assert!(bench.reader_call.is_none(), "it is completed once");

    let mut bench = offline_in("storing").unwrap();
    let effects = read_kept(&mut bench, Some("no space left"));
    assert_eq!(
        refused(&effects).unwrap().reason,
        Reason::JournalUnavailable
    );
    assert!(bench.records.is_empty() && bench.reads.is_empty());
}

#[test]
fn a_number_for_a_reversal_is_not_kept_with_it() {
    let mut bench = shop();
    bench.money(MoneyRequest {
        gateway: Some("numbered".into()),
        ..sale("key")
    });
    bench.reader(presented());
    let mut read = tapped();
    if let DeviceReply::CardAuthorized { number, .. } = &mut read {
        *number = Some(Opaque(vec![7]));
    }
    bench.reader(read);
    bench.gateway(prepared());
    let transaction = TransactionId(Uuid::from_u128(1));
    bench.step(Event::Kept {
        transaction,
        part: Kept::Number,
        refused: None,
    });
    bench.gateway(not_sent());
    bench.reader(allowed());
    read_kept(&mut bench, None);
    assert_eq!((bench.destroyed.len(), bench.reads.len()), (1, 1));
    let open = bench.engine.open.values().next().unwrap();
    assert_eq!(open.forwarding().unwrap().state, ForwardingState::Waiting);
}
