// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency: who is asked, what is sealed, recorded, asked of the gateway and told.

use crate::answer::Reason;
use crate::bench::{
    Bench, answer, approved, authorized, completed, euros, gateway_is, on_terminal, paid, prepared,
    presented, reader_is, refused, request, with_number,
};
use crate::card::Cards;
use crate::conversion::Conversion;
use crate::dcc::CurrencyOffer;
use crate::device::{CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Ability, Decision, GatewayCommand, GatewayReply};
use crate::money::{Amount, Currency};
use crate::offline_cases::rule;
use crate::prompt::{Prompt, PromptKind, PromptKinds};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Request, Response};
use crate::routing::Route;
use crate::states::offered;

const CHOSEN: DeviceReply = DeviceReply::CurrencyChosen { accepted: true };
const LEFT: DeviceReply = DeviceReply::CurrencyChosen { accepted: false };

/// A gateway that can offer.
fn offering(id: &str, ready: bool) -> Event {
    let mut event = gateway_is(id, true, ready);
    if let Event::GatewayChanged {
        status: Some(status),
        ..
    } = &mut event
        && let Some(parameters) = &mut status.parameters
    {
        parameters.can.extend([Ability::Dcc, Ability::Forward]);
    }
    event
}

fn shop() -> Bench {
    let mut bench = Bench::new();
    bench.step(offering("asking", true));
    bench.prompts = PromptKinds::default().with(PromptKind::ConfirmCurrency);
    bench
}

fn sale() -> MoneyRequest {
    request("k", Kind::Sale, "asking")
}

fn offer() -> CurrencyOffer {
    match offered() {
        GatewayReply::CurrencyOffered(Some(offer)) => offer,
        other => panic!("{other:?}"),
    }
}

fn is_offering(bench: &Bench) -> bool {
    let call = bench.gateway_call.as_ref().map(|(_, command)| command);
    matches!(call, Some(GatewayCommand::OfferCurrency { .. }))
}

fn command(bench: &Bench) -> Option<&DeviceCommand> {
    bench.reader_call.as_ref().map(|(_, _, command)| command)
}

fn is_choosing(bench: &Bench) -> bool {
    matches!(
        command(bench),
        Some(DeviceCommand::ConfirmCurrency { offer, .. }) if *offer == self::offer()
    )
}

/// The offer of the seal; `None`: nothing is sealed.
fn sealed(bench: &Bench) -> Option<Option<CurrencyOffer>> {
    match command(bench) {
        Some(DeviceCommand::AuthorizeCard { dcc, .. }) => Some(dcc.clone()),
        _ => None,
    }
}

fn question(effects: &[Effect]) -> Option<Prompt> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Prompt { prompt, .. } => Some((**prompt).clone()),
        _ => None,
    })
}

fn say(bench: &mut Bench, effects: &[Effect], yes: bool) {
    let prompt = question(effects).expect("a question").prompt_id;
    let response = Response {
        accepted: Some(yes),
        ..Response::default()
    };
    bench.ask(Request::Respond { prompt, response });
}

fn expire(bench: &mut Bench, alarm: Alarm) -> Vec<Effect> {
    let timers = bench.engine.timers.iter();
    let mut timers = timers.filter(|(_, (_, set))| *set == alarm);
    let timer = *timers.next().expect("an alarm is set").0;
    bench.step(Event::TimerFired(timer))
}

/// As far as the customer's choice.
fn choosing(asked: MoneyRequest) -> Bench {
    let mut bench = shop();
    bench.money(asked);
    bench.reader(presented());
    bench.gateway(offered());
    assert!(is_choosing(&bench), "{:?}", bench.reader_call);
    bench
}

/// As far as the gateway's answer, in the card's currency.
fn authorizing(asked: MoneyRequest) -> Bench {
    let mut bench = choosing(asked);
    bench.reader(CHOSEN);
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench
}

fn approval(told: Option<Conversion>) -> GatewayReply {
    let mut answer = answer(Decision::Approved, Some(1_000));
    answer.extras.dcc = told.map(Box::new);
    GatewayReply::Answered(answer)
}

#[test]
fn an_offer_that_is_taken_is_sealed_recorded_asked_and_told() {
    let mut bench = shop();
    bench.money(sale());
    bench.reader(presented());
    assert!(is_offering(&bench));
    assert_eq!(sealed(&bench), None);
    bench.gateway(offered());
    assert!(is_choosing(&bench));
    bench.reader(CHOSEN);
    assert_eq!(sealed(&bench), Some(Some(offer())));
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let Some((_, GatewayCommand::Authorize { amounts, dcc, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    assert_eq!((*amounts, dcc.clone()), (euros(1_000), Some(offer())));
    let Some(Fact::Intent(intent)) = bench.records.first().map(|record| &record.fact) else {
        panic!("an intent")
    };
    assert_eq!(
        (intent.amounts, intent.dcc.clone()),
        (euros(1_000), Some(offer()))
    );
    let effects = bench.gateway(approval(Some(offer().conversion)));
    let told = approved(&effects).expect("approved");
    // The shop's money is the shop's currency.
    assert_eq!(told.approved_minor, 1_000);
    assert_eq!(told.requested, euros(1_000));
    assert_eq!(told.dcc, Some(offer().conversion));
    assert!(told.extras.is_plain());
}

#[test]
fn a_reader_that_does_not_ask_leaves_it_to_the_register() {
    for yes in [true, false] {
        let mut bench = choosing(sale());
        let effects = bench.reader(DeviceReply::Unsupported);
        assert_eq!(sealed(&bench), None);
        let asked = question(&effects).expect("a question");
        assert_eq!(asked.kind, PromptKind::ConfirmCurrency);
        assert_eq!(asked.amount, Some(offer().conversion.amount));
        for words in ["12.00 USD", "10.00 EUR", "1.2", "3%"] {
            assert!(asked.text.contains(words), "{}", asked.text);
        }
        say(&mut bench, &effects, yes);
        assert_eq!(sealed(&bench), Some(yes.then(offer)));
    }
}

#[test]
fn whoever_leaves_an_offer_pays_as_before() {
    let mut bench = choosing(sale());
    bench.reader(LEFT);
    assert_eq!(sealed(&bench), Some(None));
    let mut bench = choosing(sale());
    bench.reader(DeviceReply::Unsupported);
    expire(&mut bench, Alarm::Prompt);
    assert_eq!(sealed(&bench), Some(None));
}

#[test]
fn a_yes_that_comes_too_late_is_none() {
    let mut bench = shop();
    bench.money(sale());
    bench.reader(presented());
    let mut short = offer();
    short.expires_at_micros = bench.now().wall_micros + 10_000_000;
    bench.gateway(GatewayReply::CurrencyOffered(Some(short)));
    let Some(DeviceCommand::ConfirmCurrency { timeout_ms, .. }) = command(&bench) else {
        panic!("{:?}", bench.reader_call)
    };
    assert_eq!(*timeout_ms, 10_000);
    bench.boot_ms += 10_000;
    bench.reader(CHOSEN);
    assert_eq!(sealed(&bench), Some(None));
}

#[test]
fn no_offer_is_no_obstacle() {
    let wrong = |change: fn(&mut CurrencyOffer)| {
        let mut wrong = offer();
        change(&mut wrong);
        GatewayReply::CurrencyOffered(Some(wrong))
    };
    let replies = [
        GatewayReply::CurrencyOffered(None),
        GatewayReply::Unsupported,
        GatewayReply::Failed {
            sent: true,
            reason: "line".into(),
        },
        prepared(),
        wrong(|offer| offer.conversion.amount.currency = Currency::EUR),
        wrong(|offer| offer.conversion.amount.minor = 0),
        wrong(|offer| offer.conversion.amount.minor = 1_400),
        wrong(|offer| offer.conversion.markup_millionths = 1_000_001),
        wrong(|offer| offer.conversion.rate = "".into()),
        wrong(|offer| offer.conversion.rate = "12".into()),
        wrong(|offer| offer.expires_at_micros = i64::MIN),
        wrong(|offer| offer.offer_id = "".into()),
    ];
    for reply in replies {
        let mut bench = shop();
        bench.money(sale());
        bench.reader(presented());
        let effects = bench.gateway(reply.clone());
        assert!(question(&effects).is_none(), "{reply:?}");
        assert_eq!(sealed(&bench), Some(None), "{reply:?}");
    }
}

#[test]
fn a_silent_gateway_holds_nothing_up() {
    let mut bench = shop();
    bench.money(sale());
    bench.reader(presented());
    let asked = bench.gateway_call.clone();
    expire(&mut bench, Alarm::Offer);
    assert_eq!(sealed(&bench), Some(None));
    // What it says at last is not heard any more.
    bench.gateway_call = asked;
    let effects = bench.gateway(offered());
    assert!(effects.is_empty(), "{effects:?}");
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let effects = bench.gateway(approval(None));
    assert_eq!(approved(&effects).map(|told| told.dcc.clone()), Some(None));
}

fn without(reader: fn(&mut Bench)) -> (Bench, MoneyRequest) {
    let mut bench = shop();
    reader(&mut bench);
    (bench, sale())
}

#[test]
fn nobody_is_offered_what_nobody_can_take() {
    let plain = |change: fn(&mut MoneyRequest)| {
        let mut asked = sale();
        change(&mut asked);
        (shop(), asked)
    };
    let cases = [
        without(|bench| drop(bench.step(gateway_is("asking", true, true)))),
        without(|bench| bench.prompts = PromptKinds::default()),
        without(|bench| {
            let mut event = reader_is("reader", true);
            if let Event::DeviceChanged {
                status: Some(status),
                ..
            } = &mut event
                && let DeviceAbilities::Reader { dcc, .. } = &mut status.abilities
            {
                *dcc = false;
            }
            bench.step(event);
        }),
        plain(|asked| asked.amounts.as_mut().unwrap().cashback_minor = Some(100)),
        plain(|asked| asked.terms.installments = Some(3)),
        plain(|asked| asked.terms.voice_code = Some("V1".into())),
        (shop(), request("k", Kind::RefundUnreferenced, "asking")),
        (shop(), request("k", Kind::Verify, "asking")),
    ];
    for (mut bench, mut asked) in cases {
        asked.device = Some("reader".into());
        bench.money(asked.clone());
        bench.reader(presented());
        assert!(!is_offering(&bench), "{asked:?}");
    }
}

#[test]
fn it_is_never_offered_without_its_gateway() {
    let mut bench = shop();
    bench.engine.config.offline = vec![rule()];
    bench.step(offering("asking", false));
    let mut asked = sale();
    asked.terms.allow_offline = true;
    bench.money(asked);
    bench.reader(presented());
    assert!(!is_offering(&bench));
    assert_eq!(sealed(&bench), Some(None));
}

#[test]
fn what_was_chosen_is_not_accepted_without_its_gateway() {
    let mut asked = sale();
    asked.terms.allow_offline = true;
    let mut bench = choosing(asked);
    bench.engine.config.offline = vec![rule()];
    bench.reader(CHOSEN);
    bench.reader(authorized(true));
    let effects = bench.gateway(GatewayReply::Failed {
        sent: false,
        reason: "line".into(),
    });
    let told = refused(&effects).expect("refused");
    assert_eq!(told.reason, Reason::GatewayUnavailable);
    assert!(told.detail.as_deref().unwrap().contains("only the gateway"));
}

#[test]
fn an_offer_is_its_gateways_alone() {
    let mut asked = sale();
    asked.gateway = None;
    let till = || {
        let mut bench = shop();
        bench.step(offering("numbered", true));
        bench.engine.config.routes = vec![Route {
            cards: Cards::default(),
            currency: None,
            register: None,
            from_minor: None,
            to_minor: None,
            gateway: "numbered".into(),
            fallback: vec!["asking".into()],
        }];
        bench.money(asked.clone());
        bench.reader(presented());
        bench.gateway(offered());
        bench
    };
    // Before the seal: the next gateway makes its own.
    let mut bench = till();
    bench.step(offering("numbered", false));
    bench.reader(CHOSEN);
    assert!(is_offering(&bench));
    assert_eq!(sealed(&bench), None);
    bench.gateway(offered());
    bench.reader(LEFT);
    assert_eq!(sealed(&bench), Some(None));

    // After it: the card is presented once more, and what was chosen before is void.
    let mut bench = till();
    bench.reader(CHOSEN);
    bench.reader(with_number());
    bench.gateway(GatewayReply::Failed {
        sent: false,
        reason: "line".into(),
    });
    bench.reader(completed(false));
    bench.reader(presented());
    assert!(is_offering(&bench));
    bench.gateway(GatewayReply::CurrencyOffered(None));
    assert_eq!(sealed(&bench), Some(None));
}

#[test]
fn what_cannot_follow_from_the_choice_is_no_approval() {
    let part = GatewayReply::Answered(answer(Decision::Approved, Some(400)));
    let mut other = offer().conversion;
    other.amount.minor += 1;
    for reply in [part, approval(Some(other))] {
        let mut bench = authorizing(sale());
        let effects = bench.gateway(reply.clone());
        let told = refused(&effects).expect("refused");
        assert!(told.reversing, "{reply:?}");
        assert_eq!(told.reason, Reason::GatewayRejected);
    }
    // Nobody chose anything.
    let mut bench = choosing(sale());
    bench.reader(LEFT);
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let effects = bench.gateway(approval(Some(offer().conversion)));
    assert!(refused(&effects).is_some_and(|refused| refused.reversing));
}

#[test]
fn it_follows_the_final_amount_and_covers_every_part() {
    let mut asked = sale();
    asked.amount_max = Some(euros(1_200).total);
    let mut bench = shop();
    bench.money(asked);
    let mut tipped = presented();
    if let DeviceReply::Presented { tip_minor, .. } = &mut tipped {
        *tip_minor = Some(150);
    }
    bench.reader(tipped);
    let Some((_, GatewayCommand::OfferCurrency { amounts, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    assert_eq!(amounts.total.minor, 1_150);
    // The amount without the tip is not what was asked about.
    bench.gateway(offered());
    assert_eq!(sealed(&bench), Some(None));
}

#[test]
fn a_crash_before_the_seal_leaves_nothing() {
    let mut bench = choosing(sale());
    assert!(bench.records.is_empty());
    bench.restart();
    assert!(bench.engine.open.is_empty());
}

#[test]
fn what_was_chosen_survives_a_crash() {
    let mut bench = authorizing(sale());
    bench.restart();
    let open: Vec<_> = bench.engine.open.values().collect();
    assert_eq!(open[0].dcc, Some(offer()));
}

#[test]
fn a_cancel_reaches_the_reader_and_the_offer() {
    let mut bench = shop();
    bench.money(sale());
    bench.reader(presented());
    bench.cancel("k");
    let effects = bench.gateway(offered());
    assert!(question(&effects).is_none());
    assert!(!is_choosing(&bench));

    for reply in [CHOSEN, DeviceReply::Cancelled] {
        let mut bench = choosing(sale());
        bench.cancel("k");
        let effects = bench.reader(reply);
        assert_eq!(sealed(&bench), None);
        let told = refused(&effects).expect("refused");
        assert_eq!(told.reason, Reason::Cancelled);
    }
}

#[test]
fn a_card_that_leaves_ends_it() {
    let mut bench = choosing(sale());
    let effects = bench.reader(DeviceReply::Refused {
        refusal: CardRefusal::CardRemoved,
        text: "gone".into(),
    });
    assert_eq!(
        refused(&effects).map(|told| &told.reason),
        Some(&Reason::CardError)
    );
}

fn half() -> Conversion {
    let mut half = offer().conversion;
    half.amount = Amount {
        minor: 480,
        ..half.amount
    };
    half
}

#[test]
fn a_change_tells_what_its_gateway_says_of_the_cards_currency() {
    for (told, expected) in [
        (None, None),
        (Some(half()), Some(half())),
        // Not what 4.00 EUR come to.
        (Some(offer().conversion), None),
    ] {
        let mut bench = authorizing(sale());
        let effects = bench.gateway(approval(None));
        let original = approved(&effects).unwrap().transaction_id;
        let mut refund = request("r", Kind::Refund { original }, "asking");
        refund.amounts = Some(euros(400));
        bench.money(refund);
        bench.gateway(prepared());
        let mut answer = answer(Decision::Approved, Some(400));
        answer.extras.dcc = told.map(Box::new);
        let effects = bench.gateway(GatewayReply::Answered(answer));
        let refunded = approved(&effects).expect("refunded");
        assert_eq!(refunded.approved_minor, 400);
        assert_eq!(refunded.dcc, expected);
    }
}

#[test]
fn a_terminal_may_do_it_by_itself() {
    let mut bench = shop();
    bench.money(on_terminal("k", Kind::Sale, "counter"));
    assert!(!is_offering(&bench));
    let mut reply = paid(Decision::Approved, Some(1_000));
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.dcc = Some(Box::new(offer().conversion));
    }
    let effects = bench.reader(reply);
    let told = approved(&effects).expect("approved");
    assert_eq!(
        (told.approved_minor, told.dcc.clone()),
        (1_000, Some(offer().conversion))
    );
}

#[test]
fn an_earlier_try_that_becomes_unknown_meanwhile_stops_it() {
    let mut bench = shop();
    let shows = std::mem::take(&mut bench.prompts);
    bench.money(request("before", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let before = bench.gateway_call.take();
    bench.prompts = shows;
    let mut asked = sale();
    asked.device = Some("spare".into());
    bench.money(asked);
    bench.reader(presented());
    assert!(is_offering(&bench));
    let offer = std::mem::replace(&mut bench.gateway_call, before);
    bench.gateway(GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    });
    bench.gateway_call = offer;
    let effects = bench.gateway(GatewayReply::CurrencyOffered(None));
    let told = refused(&effects).expect("refused");
    let unresolved = matches!(told.reason, Reason::UnresolvedTransaction { .. });
    assert!(unresolved, "{:?}", told.reason);
    assert_eq!(sealed(&bench), None);
}
