// SPDX-License-Identifier: MIT OR Apache-2.0
//! An evil daemon between the real virtual reader and the real sandbox gateway: whatever it changes
//! on the way, one of the two refuses; what it leaves alone is approved.

use super::puppet::Puppet;
use super::shop::{Mode, inject};
use payhal_card_data::{Authority, PrivateKey, ValidTime, key_id};
use payhal_messages::card::{Entry, Recipient};
use payhal_messages::currency::CurrencyOffer;
use payhal_messages::gateway::{
    Acceptor, Answer, Authorize, CardSource, Decision, Parameters, Prepare, Prepared, ReadCard,
    Wire,
};
use payhal_messages::money::{Amounts, Purpose};
use payhal_messages::reader::{AuthorizeCard, CardRead, PinPolicy, Present, Presentation};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const DEVICE: &str = "counter";
const GATEWAY: &str = "sandbox";

/// The published key of the TEST authority: with it anybody certifies anything, which is why no
/// reader for real cards carries its anchor. Here it makes certificates that are out of date.
const TEST_AUTHORITY: (&str, &[u8; 32]) = (
    "payhal sandbox TEST authority",
    b"payhal TEST authority, no secret",
);

/// Both plugins, and what the gateway said at its start.
struct Between {
    reader: Puppet,
    gateway: Puppet,
    recipient: Recipient,
    transactions: u32,
    _state: TempDir,
}

/// A read and all that goes with it to the gateway.
struct Exchange {
    wire: Wire,
    read: CardRead,
    device: String,
    purpose: Purpose,
    amounts: Amounts,
    dcc: Option<CurrencyOffer>,
}

fn amounts(total_minor: i64) -> Amounts {
    Amounts {
        currency: "EUR".to_owned(),
        total_minor,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

impl Between {
    /// With a reader that encrypts so.
    async fn new(mode: Mode) -> Self {
        let state = tempfile::tempdir().unwrap();
        inject(state.path(), DEVICE, mode).await;
        let card = json!({ "auto": "insert canary-mastercard", "sealing": mode.name() });
        let reader = Puppet::start("virtual-reader", DEVICE, &card, state.path());
        let mut gateway = Puppet::start("sandbox", GATEWAY, &json!({}), state.path());
        let parameters: Parameters = gateway.ask("open", &json!({})).unwrap();
        Self {
            reader,
            gateway,
            recipient: parameters.recipient,
            transactions: 0,
            _state: state,
        }
    }

    fn wire(&mut self) -> Wire {
        self.transactions += 1;
        Wire {
            transaction_id: format!("transaction-{}", self.transactions),
            stan: self.transactions,
            at_micros: i64::try_from(now()).unwrap() * 1_000_000,
            acceptor: Acceptor {
                merchant: "shop".to_owned(),
                terminal: "one".to_owned(),
            },
            reference: String::new(),
        }
    }

    /// A card is shown and sealed to this recipient, over 12.50 EUR.
    fn read(&mut self, recipient: &Recipient) -> Result<Exchange, String> {
        let mut wire = self.wire();
        let transaction_id = wire.transaction_id.clone();
        let amounts = amounts(1250);
        let presented: Presentation = self.reader.ask(
            "present",
            &Present {
                estimated: false,
                transaction_id: transaction_id.clone(),
                purpose: Purpose::Sale,
                amounts: amounts.clone(),
                entries: vec![Entry::Chip],
                total_minor_max: None,
                again: false,
                tip_choices: Vec::new(),
                timeout_ms: 5_000,
            },
        )?;
        let read = self.reader.ask(
            "authorize_card",
            &AuthorizeCard {
                transaction_id,
                presentation_id: presented.presentation_id,
                device: DEVICE.to_owned(),
                purpose: Purpose::Sale,
                amounts: amounts.clone(),
                recipient: recipient.clone(),
                online_pin: PinPolicy::ByCard,
                seal_number: false,
                dcc: None,
            },
        )?;
        let prepared: Prepared = self.gateway.ask(
            "prepare",
            &Prepare {
                wire: wire.clone(),
                purpose: Purpose::Sale,
                amounts: amounts.clone(),
            },
        )?;
        wire.reference = prepared.reference;
        Ok(Exchange {
            wire,
            read,
            device: DEVICE.to_owned(),
            purpose: Purpose::Sale,
            amounts,
            dcc: None,
        })
    }

    /// What the gateway says to it.
    fn authorize(&mut self, exchange: &Exchange) -> Result<Answer, String> {
        let request = Authorize {
            wire: exchange.wire.clone(),
            purpose: exchange.purpose,
            amounts: exchange.amounts.clone(),
            card: CardSource::Read(ReadCard {
                device: exchange.device.clone(),
                read_id: exchange.read.read_id.clone(),
                entry: exchange.read.entry,
                sealed: exchange.read.sealed.clone(),
                tags: exchange.read.tags.clone(),
            }),
            merchant_reference: None,
            installments: None,
            voice_code: None,
            keep_card: false,
            dcc: exchange.dcc.clone(),
        };
        self.gateway.ask("authorize", &request)
    }

    fn honest(&mut self) -> Exchange {
        let recipient = self.recipient.clone();
        let exchange = self.read(&recipient).unwrap();
        let answer = self.authorize(&exchange).unwrap();
        assert_eq!(answer.decision, Decision::Approved, "{answer:?}");
        exchange
    }

    /// Asserts that the reader seals nothing to this.
    #[track_caller]
    fn reader_refuses(&mut self, what: &str, recipient: &Recipient) {
        match self.read(recipient) {
            Ok(_) => panic!("the reader sealed to {what}"),
            Err(why) => assert!(why.contains("Failed") || why.contains("Refused"), "{why}"),
        }
    }

    /// Asserts that the gateway does not approve what is changed so.
    fn gateway_refuses(&mut self, what: &str, change: impl FnOnce(&mut Exchange)) {
        let recipient = self.recipient.clone();
        let mut exchange = self.read(&recipient).unwrap();
        change(&mut exchange);
        self.assert_refused(what, &exchange);
    }

    fn assert_refused(&mut self, what: &str, exchange: &Exchange) {
        if let Ok(answer) = self.authorize(exchange) {
            // The issuer of the card sees some of it before the gateway does.
            let refused = [Decision::Rejected, Decision::Declined];
            assert!(refused.contains(&answer.decision), "{what}: {answer:?}");
        }
    }
}

/// A certificate for this key by the holder of that one.
fn certified(authority: (&str, &[u8; 32]), key: &[u8], from: u64, until: u64) -> Vec<Vec<u8>> {
    let authority = Authority::new(authority.0, authority.1).unwrap();
    vec![
        authority
            .issue(GATEWAY, key, ValidTime { from, until })
            .unwrap(),
    ]
}

#[tokio::test]
async fn the_reader_seals_to_nobody_but_the_certified_gateway() {
    let mut between = Between::new(Mode::Hpke).await;
    between.honest();
    let genuine = between.recipient.clone();
    let with = |change: &dyn Fn(&mut Recipient)| {
        let mut recipient = genuine.clone();
        change(&mut recipient);
        recipient
    };
    let own = PrivateKey::generate().public_bytes().to_vec();
    between.reader_refuses("another key", &with(&|to| to.public_key.clone_from(&own)));
    let renamed = with(&|to| {
        to.public_key.clone_from(&own);
        to.key_id = key_id(&own);
    });
    between.reader_refuses("another key under its own name", &renamed);
    let day = 24 * 60 * 60;
    let self_made = with(&|to| {
        to.public_key.clone_from(&own);
        to.key_id = key_id(&own);
        // The genuine authority's name, and not its key.
        let forger = (TEST_AUTHORITY.0, b"a daemon that would like to read");
        to.certificates = certified(forger, &own, now() - day, now() + day);
    });
    between.reader_refuses("a key that it certified itself", &self_made);
    between.reader_refuses(
        "a key without a certificate",
        &with(&|to| to.certificates.clear()),
    );
    between.reader_refuses(
        "a certificate that is cut",
        &with(&|to| to.certificates[0].truncate(99)),
    );
    let genuine_key = genuine.public_key.clone();
    for (what, from, until) in [
        ("a certificate that is over", now() - 2 * day, now() - day),
        (
            "a certificate that is not yet valid",
            now() + day,
            now() + 2 * day,
        ),
    ] {
        let out_of_date = with(&|to| {
            to.certificates = certified(TEST_AUTHORITY, &genuine_key, from, until);
        });
        between.reader_refuses(what, &out_of_date);
    }
    between.reader_refuses(
        "another name of the key",
        &with(&|to| to.key_id = key_id(&own)),
    );
    between.honest();
}

/// What can be changed of any read.
async fn nothing_changed_is_taken(mode: Mode) -> Between {
    let mut between = Between::new(mode).await;
    let former = between.honest();
    between.gateway_refuses("a higher amount", |it| it.amounts.total_minor += 1);
    between.gateway_refuses("a lower amount", |it| it.amounts.total_minor -= 1);
    between.gateway_refuses("another currency", |it| {
        "USD".clone_into(&mut it.amounts.currency);
    });
    between.gateway_refuses("an offer of a currency that nobody made", |it| {
        it.dcc = Some(CurrencyOffer {
            offer_id: "o-1".into(),
            amount_minor: 1250,
            currency: "EUR".into(),
            rate: "1".into(),
            markup_millionths: 0,
            expires_at_micros: i64::MAX,
        });
    });
    between.gateway_refuses("a tip", |it| it.amounts.tip_minor = Some(100));
    between.gateway_refuses("another purpose", |it| it.purpose = Purpose::Refund);
    between.gateway_refuses("another transaction", |it| {
        "transaction-elsewhere".clone_into(&mut it.wire.transaction_id);
    });
    between.gateway_refuses("another device", |it| {
        "drive-in".clone_into(&mut it.device);
    });
    between.gateway_refuses("another read", |it| it.read.read_id.push('x'));
    between.gateway_refuses("another key's name", |it| {
        it.read.sealed.key_id = key_id(&it.read.sealed.ciphertext);
    });
    between.gateway_refuses("an altered seal", |it| {
        it.read.sealed.ciphertext[7] ^= 1;
    });
    between.gateway_refuses("a seal cut short", |it| {
        it.read.sealed.ciphertext.pop();
    });
    between.gateway_refuses("an altered cryptogram", |it| {
        let cryptogram = it.read.tags.get_mut("9F26").unwrap();
        let turned = if cryptogram.starts_with('0') {
            "1"
        } else {
            "0"
        };
        cryptogram.replace_range(..1, turned);
    });
    between.gateway_refuses("another amount in the chip's tags", |it| {
        it.read
            .tags
            .insert("9F02".to_owned(), "000000000001".to_owned());
    });
    // A read that was spent, under a transaction of its own.
    let recipient = between.recipient.clone();
    let mut again = between.read(&recipient).unwrap();
    again.read = former.read.clone();
    between.assert_refused("a replayed read", &again);
    between.honest();
    between
}

#[tokio::test]
async fn the_gateway_takes_nothing_that_was_changed_on_the_way() {
    let mut between = nothing_changed_is_taken(Mode::Hpke).await;
    between.gateway_refuses("another sender", |it| {
        it.read.sealed.sender_key = PrivateKey::generate().public_bytes().to_vec();
    });
    between.gateway_refuses("no sender", |it| it.read.sealed.sender_key.clear());
    between.gateway_refuses("an altered key of the seal", |it| {
        it.read.sealed.encapsulated_key = PrivateKey::generate().public_bytes().to_vec();
    });
    between.honest();
}

async fn no_other_ksn_is_taken(mode: Mode) {
    let mut between = nothing_changed_is_taken(mode).await;
    between.gateway_refuses("another counter", |it| {
        let last = it.read.sealed.ksn.last_mut().unwrap();
        *last = last.wrapping_add(1);
    });
    between.gateway_refuses("another device's key", |it| it.read.sealed.ksn[3] ^= 1);
    between.gateway_refuses("no key", |it| it.read.sealed.ksn.clear());
    between.honest();
}

#[tokio::test]
async fn nor_under_dukpt_with_tdes() {
    no_other_ksn_is_taken(Mode::DukptTdes).await;
}

#[tokio::test]
async fn nor_under_dukpt_with_aes() {
    no_other_ksn_is_taken(Mode::DukptAes).await;
}

#[tokio::test]
async fn a_seal_for_one_gateway_opens_at_no_other() {
    let mut between = Between::new(Mode::Hpke).await;
    let mut elsewhere = between.recipient.clone();
    "another".clone_into(&mut elsewhere.gateway);
    // The reader cannot know what its gateway is called here; the gateway does.
    if let Ok(exchange) = between.read(&elsewhere) {
        between.assert_refused("a seal that names another gateway", &exchange);
    }
    between.honest();
}
