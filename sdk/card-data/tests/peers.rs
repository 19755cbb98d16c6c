// SPDX-License-Identifier: MIT OR Apache-2.0
//! This crate and packages that others wrote give the same answers: see `peers/README.md`.
//!
//! The cases need Python with packages: `cargo xtask test card-peers` has the feature that builds them.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{DukptError, aes, tdes};
use payhal_card_data::{
    AesKey, Amounts, Associated, Authority, CardSecrets, CertificateError, EncryptedPinBlock,
    EntryMode, Expiry, Inner, Padding, Pan, Pin, PrivateKey, Purpose, SEAL_VERSION, TdesKey,
    Track2, ValidTime, emv, open_from, passes_luhn, seal_from, verify_certificate,
};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// Of each kind of question.
const QUESTIONS: usize = 200;

/// Asks all at once, in one process.
fn ask(questions: &[Value]) -> Vec<Value> {
    let python = std::env::var("PAYHAL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/peers.py");
    let mut command = Command::new(python);
    command
        .args(["-B", "-W", "ignore", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let text = serde_json::to_vec(questions).unwrap();
    // It reads everything before it answers.
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the peer failed");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), questions.len());
    answers
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(answer: &Value, name: &str) -> Vec<u8> {
    let pairs = answer[name].as_str().unwrap().as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The same questions each time (xorshift64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    fn digits(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| b"0123456789"[self.below(10)]).collect()
    }

    fn pan(&mut self) -> Pan {
        // `psec` takes none of twelve.
        let length = 13 + self.below(7);
        let mut digits = self.digits(length);
        while !passes_luhn(&digits) {
            digits[length - 1] = b'0' + (digits[length - 1] - b'0' + 1) % 10;
        }
        Pan::new(&digits).unwrap()
    }

    fn pin(&mut self) -> Pin {
        let length = 4 + self.below(9);
        Pin::new(&self.digits(length)).unwrap()
    }
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap()
}

#[test]
fn tdes_dukpt_is_pydukpts() {
    let mut dice = Dice(0x5EED_0001);
    let questions: Vec<(Vec<u8>, tdes::Ksn)> = (0..QUESTIONS)
        .map(|number| {
            let ksn = tdes::Ksn::new(dice.bytes(10).try_into().unwrap());
            let counter = match number {
                // The last ones, and those around every carry.
                0 => 0x1F_F800,
                1..=60 => ((1_u32 << (number % 20 + 1)) + 1).saturating_sub(number as u32 / 20),
                _ => u32::try_from(dice.below(1 << 21) & dice.below(1 << 21)).unwrap(),
            };
            (dice.bytes(16), ksn.with_counter(counter))
        })
        .filter(|(_, ksn)| (1..=10).contains(&ksn.counter().count_ones()))
        .collect();
    assert!(questions.len() > QUESTIONS * 3 / 4);
    let asked: Vec<Value> = questions
        .iter()
        .map(|(bdk, ksn)| json!(["tdes_dukpt", {"bdk": hex(bdk), "ksn": hex(ksn.bytes())}]))
        .collect();
    for ((bdk, ksn), answer) in questions.iter().zip(ask(&asked)) {
        let bdk = tdes::Bdk::new(bdk).unwrap();
        let key = bdk.transaction_key(ksn).unwrap();
        assert_eq!(bdk.initial_key(ksn).bytes(), bytes(&answer, "initial"));
        assert_eq!(key.bytes(), bytes(&answer, "key"), "{ksn}");
        for (made, name) in [
            (key.pin_key(), "pin"),
            (key.mac_request_key(), "mac_request"),
            (key.mac_response_key(), "mac_response"),
            (key.data_request_key(), "data_request"),
            (key.data_response_key(), "data_response"),
        ] {
            assert_eq!(made.bytes(), bytes(&answer, name), "{name} of {ksn}");
        }
        let next = match ksn.next() {
            Ok(next) => next.bytes().to_vec(),
            Err(DukptError::Exhausted) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(next, bytes(&answer, "next"), "after {ksn}");
    }
}

#[test]
fn pin_blocks_are_psecs() {
    let mut dice = Dice(0x5EED_0002);
    let mut cases = Vec::new();
    for _ in 0..QUESTIONS {
        let tdes = TdesKey::new(&dice.bytes(16)).unwrap();
        let length = [16, 24, 32][dice.below(3)];
        let aes = AesKey::new(&dice.bytes(length)).unwrap();
        let (pin, pan) = (dice.pin(), dice.pan());
        let format3 = EncryptedPinBlock::format3(&pin, &pan, &tdes);
        let format4 = EncryptedPinBlock::format4(&pin, &pan, &aes);
        let question = json!(["pin_blocks", {
            "tdes": hex(tdes.bytes()),
            "aes": hex(aes.bytes()),
            "pin": text(pin.digits()),
            "pan": text(pan.digits()),
            "block3": hex(format3.bytes()),
            "block4": hex(format4.bytes()),
        }]);
        cases.push((question, tdes, aes, pin, pan));
    }
    let asked: Vec<Value> = cases.iter().map(|case| case.0.clone()).collect();
    for ((_, tdes, aes, pin, pan), answer) in cases.iter().zip(ask(&asked)) {
        assert_eq!(answer["pin3"], text(pin.digits()));
        assert_eq!(answer["pin4"], text(pin.digits()));
        let theirs =
            |format, name| EncryptedPinBlock::from_bytes(format, &bytes(&answer, name)).unwrap();
        let format0 = EncryptedPinBlock::format0(pin, pan, tdes);
        assert_eq!(theirs(0, "format0"), format0);
        assert_eq!(theirs(3, "format3").open_tdes(pan, tdes).as_ref(), Ok(pin));
        assert_eq!(theirs(4, "format4").open_aes(pan, aes).as_ref(), Ok(pin));
    }
}

#[test]
fn macs_are_theirs() {
    let mut dice = Dice(0x5EED_0003);
    let cases: Vec<[Vec<u8>; 3]> = (0..QUESTIONS)
        .map(|_| {
            let length = 1 + dice.below(100);
            [dice.bytes(16), dice.bytes(16), dice.bytes(length)]
        })
        .collect();
    let asked: Vec<Value> = cases
        .iter()
        .map(|[tdes, aes, message]| {
            json!(["macs", {"tdes": hex(tdes), "aes": hex(aes), "message": hex(message)}])
        })
        .collect();
    for ([tdes, aes, message], answer) in cases.iter().zip(ask(&asked)) {
        let (tdes, aes) = (TdesKey::new(tdes).unwrap(), AesKey::new(aes).unwrap());
        let retail = tdes.retail_mac(message).unwrap();
        assert_eq!(retail.to_vec(), bytes(&answer, "retail"));
        assert_eq!(tdes.cmac(message).to_vec(), bytes(&answer, "tdes_cmac"));
        assert_eq!(aes.cmac(message).to_vec(), bytes(&answer, "aes_cmac"));
    }
}

/// The key comes from a derivation, since there is no other way to one.
#[test]
fn hmac_is_theirs() {
    let id = aes::InitialKeyId::new([7; 8]);
    let initial = aes::InitialKey::new(&[9; 32], id).unwrap();
    let key = initial.update_key();
    let key = key.hmac(aes::KeyUsage::MacGeneration, aes::AesBits::Bits256);
    let (key, message) = (key.unwrap(), b"a message of any length");
    let asked = json!(["macs", {
        "tdes": hex(&[1; 16]), "aes": hex(key.bytes()), "message": hex(message),
    }]);
    let answer = &ask(&[asked])[0];
    assert!(key.has_authenticated(message, &bytes(answer, "hmac")));
    assert_eq!(key.authenticate(message).to_vec(), bytes(answer, "hmac"));
}

#[test]
fn chained_blocks_are_psecs() {
    let mut dice = Dice(0x5EED_0004);
    let cases: Vec<[Vec<u8>; 4]> = (0..QUESTIONS)
        .map(|_| {
            let (tdes, aes) = (16 + 8 * dice.below(2), 16 + 8 * dice.below(3));
            let length = 1 + dice.below(70);
            [
                dice.bytes(tdes),
                dice.bytes(aes),
                dice.bytes(16),
                dice.bytes(length),
            ]
        })
        .collect();
    let asked: Vec<Value> = cases
        .iter()
        .map(|[tdes, aes, iv, clear]| {
            json!(["chained", {
                "tdes": hex(tdes), "aes": hex(aes), "iv": hex(iv), "clear": hex(clear),
            }])
        })
        .collect();
    for ([tdes, aes, iv, clear], answer) in cases.iter().zip(ask(&asked)) {
        let (tdes, aes) = (TdesKey::new(tdes).unwrap(), AesKey::new(aes).unwrap());
        for (padding, name) in [(Padding::Zeros, "zeros"), (Padding::Bit, "bit")] {
            let made = tdes.encrypt_cbc(iv[..8].try_into().unwrap(), clear, padding);
            assert_eq!(made, bytes(&answer, &format!("tdes_{name}")));
            let made = aes.encrypt_cbc(iv[..].try_into().unwrap(), clear, padding);
            assert_eq!(made, bytes(&answer, &format!("aes_{name}")));
        }
    }
}

#[test]
fn data_objects_are_pyemvs() {
    let mut dice = Dice(0x5EED_0005);
    let built: Vec<_> = (0..QUESTIONS)
        .map(|_| {
            let mut builder = emv::TlvBuilder::new();
            let primitive = emv::Tag::NAMED.iter().filter(|tag| !tag.is_constructed());
            for tag in primitive.filter(|_| dice.below(9) == 0).collect::<Vec<_>>() {
                let length = [dice.below(20), dice.below(300)][dice.below(2)];
                let value = dice.bytes(length);
                let nested = dice.below(3) == 0;
                match nested {
                    true => builder.nest(emv::Tag::RESPONSE_FORMAT_2, |inner| {
                        inner.push(*tag, &value).map(drop)
                    }),
                    false => builder.push(*tag, &value),
                }
                .ok();
            }
            builder.finish()
        })
        .collect();
    let asked: Vec<Value> = built
        .iter()
        .map(|built| json!(["data_objects", {"encoded": hex(built.bytes())}]))
        .collect();
    let mut compared = 0;
    for (built, answer) in built.iter().zip(ask(&asked)) {
        let theirs = answer["flat"].as_object().unwrap();
        let mut tags = 0;
        for object in emv::walk(built.bytes()) {
            let object = object.unwrap();
            if !object.tag.is_constructed() {
                let name = object.tag.to_string();
                assert_eq!(theirs[&name], hex(object.value), "{name}");
                tags += 1;
            }
        }
        assert_eq!(theirs.len(), tags);
        // A template that comes twice is one in their dictionary.
        let templates = emv::read(built.bytes()).filter(|object| {
            let object = object.as_ref().unwrap();
            object.tag.is_constructed()
        });
        if templates.count() < 2 {
            assert_eq!(bytes(&answer, "again"), built.bytes());
            compared += 1;
        }
    }
    assert!(compared > 0);
}

#[test]
fn cryptograms_are_pyemvs() {
    let mut dice = Dice(0x5EED_0007);
    let cases: Vec<_> = (0..QUESTIONS)
        .map(|_| {
            let length = dice.below(60);
            let sequence = u8::try_from(dice.below(100)).unwrap();
            let atc = dice.bytes(2);
            let [issuer, message, code, update] =
                [16, length, 2, 4].map(|length| dice.bytes(length));
            (dice.pan(), sequence, atc, issuer, message, code, update)
        })
        .collect();
    let asked: Vec<Value> = cases
        .iter()
        .map(|(pan, sequence, atc, issuer, message, code, update)| {
            json!(["cryptogram", {
                "pan": text(pan.digits()),
                "sequence": format!("{sequence:02}"),
                "atc": hex(atc),
                "issuer": hex(issuer),
                "message": hex(message),
                "code": hex(code),
                "update": hex(update),
            }])
        })
        .collect();
    for (case, answer) in cases.iter().zip(ask(&asked)) {
        let (pan, sequence, atc, issuer, message, code, update) = case;
        let card = emv::IssuerMasterKey::new(issuer).unwrap();
        let atc = u16::from_be_bytes(atc[..].try_into().unwrap());
        let key = card.card_key(pan, *sequence).session_key(atc);
        let arqc = key.cryptogram(message);
        assert_eq!(arqc.to_vec(), bytes(&answer, "arqc"));
        let method_1 = key.response_by_method_1(&arqc, code[..].try_into().unwrap());
        assert_eq!(method_1.to_vec(), bytes(&answer, "method_1"));
        let method_2 = key.response_by_method_2(&arqc, update[..].try_into().unwrap(), code);
        assert_eq!(method_2.to_vec(), bytes(&answer, "method_2"));
    }
}

#[test]
fn seals_open_on_both_sides() {
    let mut dice = Dice(0x5EED_0006);
    let mut cases = Vec::new();
    for _ in 0..QUESTIONS / 10 {
        let (device, recipient) = (PrivateKey::generate(), PrivateKey::generate());
        let (inner, pin) = (read(&mut dice), dice.pin());
        let names: [String; 5] = std::array::from_fn(|_| hex(&dice.bytes(6)));
        let to = recipient.public_bytes();
        let (key, body) = seal_from(&device, &to, &associated(&names), &inner, Some(&pin)).unwrap();
        let question = json!(["seal", {
            "sender": hex(&device.to_bytes()),
            "recipient": hex(&recipient.to_bytes()),
            "version": SEAL_VERSION,
            "names": names,
            "encapsulated": hex(&key),
            "ciphertext": hex(&body),
        }]);
        cases.push((question, device, recipient, names, inner, pin));
    }
    let asked: Vec<Value> = cases.iter().map(|case| case.0.clone()).collect();
    for ((_, device, recipient, names, inner, pin), answer) in cases.iter().zip(ask(&asked)) {
        let (key, body) = (bytes(&answer, "encapsulated"), bytes(&answer, "ciphertext"));
        let sender = device.public();
        let opened = open_from(sender, recipient, &associated(names), &key, &body).unwrap();
        assert_eq!(opened.inner, *inner);
        assert_eq!(opened.open_pin(), Some(Ok(pin.clone())));
        assert_eq!(answer["pin"], text(pin.digits()));
    }
}

#[test]
fn certificates_are_understood_on_both_sides() {
    // Before and after the year in which the encoding of times changes.
    for (from, until) in [
        (1_767_225_600, 1_900_000_000),
        (1_767_225_600, 4_102_444_799),
    ] {
        let valid = ValidTime { from, until };
        let authority = Authority::new("An authority", &[7; 32]).unwrap();
        let key = PrivateKey::generate().public_bytes();
        let answer = &ask(&[json!(["certificate", {
            "leaf": hex(&authority.issue("A gateway", &key, valid).unwrap()),
            "anchor": hex(&authority.anchor(valid).unwrap()),
            "key": hex(&key),
            "from_": from,
            "until": until,
        }])])[0];
        assert_eq!(answer["subject"], "CN=A gateway");
        assert_eq!(bytes(answer, "key"), key);
        assert_eq!(
            (&answer["from"], &answer["until"]),
            (&json!(from), &json!(until))
        );
        assert_eq!(answer["key_agreement"], true);
        assert_eq!(answer["digital_signature"], false);
        assert_eq!(answer["is_authority"], false);
        let (leaf, anchor) = (bytes(answer, "leaf"), bytes(answer, "anchor"));
        let verify = |now| verify_certificate(&[&leaf], &[&anchor], now, &key);
        assert_eq!(verify(until).unwrap().not_after, until);
        assert_eq!(verify(until + 1), Err(CertificateError::Expired));
        let unknown = verify_certificate(&[&leaf], &[], until, &key);
        assert_eq!(unknown, Err(CertificateError::UnknownIssuer));
    }
}

fn associated(names: &[String; 5]) -> Associated<'_> {
    let [read_id, transaction_id, device, gateway, key_id] = names;
    Associated {
        version: SEAL_VERSION,
        read_id,
        transaction_id,
        device,
        gateway,
        key_id,
    }
}

fn read(dice: &mut Dice) -> Inner {
    let pan = dice.pan();
    let expiry = Expiry::new(2049, 12).unwrap();
    Inner {
        purpose: Purpose::Sale,
        amounts: Amounts {
            currency: *b"EUR",
            total_minor: i64::try_from(dice.below(1_000_000)).unwrap(),
            tip_minor: None,
            surcharge_minor: Some(1),
            cashback_minor: None,
        },
        secrets: CardSecrets {
            track2: Some(Track2::made_of(&pan, expiry, b"201").unwrap()),
            track1: None,
            entry: EntryMode::Chip,
            pan,
            expiry,
        },
    }
}
