// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole transactions; what is handed out is opened as a gateway would, and checked as an issuer
//! would.

use super::host::{Answer, Host};
use super::sessions::opened_in_secret;
use super::vectors::{MODULUS, PRIVATE_EXPONENT};
use crate::digits::{hex, unhex};
use crate::rsa::PublicKey;
use payhal_card_data::dukpt::tdes::{Bdk, Ksn, TransactionKey};
use payhal_card_data::emv::{CRYPTOGRAM_DOL, SessionKey, Tag, fill_dol, find};
use payhal_card_data::{EncryptedPinBlock, Padding, Pin, TdesKey, test_card, test_cards};
use payhal_testkit::simulate::{Booked, Simulator};

/// Everything a cryptogram is made of, and it.
const TAGS: &[u8] = &[
    0x82, 0x95, 0x9A, 0x9C, 0x5F, 0x2A, 0x9F, 0x02, 0x9F, 0x03, 0x9F, 0x1A, 0x9F, 0x36, 0x9F, 0x37,
    0x9F, 0x26, 0x9F, 0x27, 0x9F, 0x34,
];

const AMOUNT: &[u8] = b"000000001250";
const PIN_KEY: [(u16, &[u8]); 2] = [(2, b"3"), (9, b"01")];

fn read(host: &mut Host) -> Answer {
    host.objects(
        "GCX",
        &[
            (0x10, b"00"),
            (0x13, AMOUNT),
            (0x22, b"986"),
            (0x15, b"261122"),
            (0x17, b"10000"),
            (0x23, b"0604"),
        ],
    )
}

fn go_on(host: &mut Host, with: &[(u16, &[u8])]) -> Answer {
    let objects = [&[(0x13, AMOUNT), (4, TAGS)], with].concat();
    host.objects("GOX", &objects)
}

fn take_tracks(host: &mut Host) -> Answer {
    host.objects("GTK", &[(7, b"1110"), (3, b"51"), (9, b"01")])
}

/// As the gateway has it.
fn key_of(ksn: &[u8]) -> TransactionKey {
    let bdk = Bdk::new(&unhex(b"0123456789ABCDEFFEDCBA9876543210").unwrap()).unwrap();
    bdk.transaction_key(&Ksn::new(ksn.try_into().unwrap()))
        .unwrap()
}

fn opened(answer: &Answer, part: u16, ksn: u16) -> Vec<u8> {
    let key = key_of(answer.value(ksn).unwrap()).data_request_key();
    let clear = key.decrypt_cbc(&[0; 8], answer.value(part).unwrap(), Padding::Zeros);
    clear.unwrap().bytes().to_vec()
}

fn opened_pin(answer: &Answer, card: &str) -> Pin {
    let key = key_of(answer.value(0x804C).unwrap()).pin_key();
    let block = EncryptedPinBlock::from_bytes(0, answer.value(0x8057).unwrap()).unwrap();
    block
        .open_tdes(&test_card(card).unwrap().pan(), &key)
        .unwrap()
}

fn digits_of(card: &str) -> String {
    String::from_utf8(test_card(card).unwrap().pan().digits().to_vec()).unwrap()
}

/// The issuer's look at a cryptogram; what its answer is made with.
fn checked(card: &str, tags: &[u8]) -> (SessionKey, [u8; 8]) {
    let value = |tag| find(tags, tag).unwrap().unwrap_or_default();
    let counter = u16::from_be_bytes(value(Tag::ATC).try_into().unwrap());
    let key = test_card(card).unwrap().card_key().session_key(counter);
    let message = fill_dol(CRYPTOGRAM_DOL, |tag| find(tags, tag).unwrap()).unwrap();
    assert_eq!(message.bytes().len(), 33);
    let cryptogram = value(Tag::CRYPTOGRAM);
    assert!(key.has_cryptogram(message.bytes(), cryptogram));
    assert_eq!(value(Tag::AMOUNT_AUTHORIZED), [0, 0, 0, 0, 0x12, 0x50]);
    (key, cryptogram.try_into().unwrap())
}

fn issuer_data(key: &SessionKey, arqc: &[u8; 8], code: [u8; 2]) -> Vec<u8> {
    let response = key.response_by_method_1(arqc, code);
    [&[0x91, 10][..], &response, &code].concat()
}

fn conclude(host: &mut Host, options: &[u8], code: &[u8], emv: &[u8]) -> Answer {
    host.objects(
        "FCX",
        &[
            (0x19, options),
            (0x1C, code),
            (5, emv),
            (4, &[0x9F, 0x26, 0x9F, 0x27, 0x95, 0x9B]),
        ],
    )
}

#[test]
fn a_chip_with_a_pin_for_its_issuer_is_read_verified_and_concluded() {
    for mut host in [Host::opened(), opened_in_secret()] {
        host.act("insert mastercard-pin-at-issuer");
        let card = "mastercard-pin-at-issuer";
        let shown = read(&mut host);
        assert_eq!(
            (shown.status.as_str(), shown.text(0x804F)),
            ("GCX000", "03")
        );
        assert_eq!(shown.text(0x8052), "222300******0011");
        assert_eq!(shown.text(0x8042), "222300******0011=4912201");
        assert_eq!(
            (shown.text(0x8053), shown.text(0x805B)),
            ("01", "MASTERCARD")
        );
        let asked = go_on(&mut host, &PIN_KEY);
        assert_eq!(asked.text(0x8056), "202000");
        assert_eq!(opened_pin(&asked, card).digits(), b"4321");
        let tracks = take_tracks(&mut host);
        assert!(tracks.value(0x8044).is_none());
        let pan = opened(&tracks, 0x804A, 0x804B);
        assert_eq!(hex(&pan), digits_of(card));
        let track = opened(&tracks, 0x8045, 0x8048);
        assert_eq!(
            hex(&track),
            format!("{}D4912201{:F<8}", digits_of(card), "")
        );
        let emv = asked.value(0x8054).unwrap();
        let (key, arqc) = checked(card, emv);
        assert_eq!(
            find(emv, Tag::CRYPTOGRAM_INFORMATION),
            Ok(Some(&[0x80][..]))
        );
        let done = conclude(&mut host, b"0000", b"00", &issuer_data(&key, &arqc, *b"00"));
        assert_eq!((done.status.as_str(), done.text(0x8058)), ("FCX000", "000"));
        let emv = done.value(0x8054).unwrap();
        assert_eq!(
            find(emv, Tag::CRYPTOGRAM_INFORMATION),
            Ok(Some(&[0x40][..]))
        );
        assert_eq!(host.objects("FCX", &[(0x19, b"0000")]).status, "FCX010");
        let part = |answer: &Answer, id| answer.hex(id);
        let parts = [(&asked, 0x8057), (&tracks, 0x804A), (&tracks, 0x8045)];
        let parts = parts.map(|(answer, id)| part(answer, id)).to_vec();
        let booked = [Booked::Read { parts }, Booked::Completed { accepted: true }];
        assert_eq!(host.pinpad.books(), booked);
    }
}

#[test]
fn no_key_is_used_twice() {
    let mut host = Host::opened();
    let mut serials = Vec::new();
    for _ in 0..3 {
        host.act("swipe stripe-only");
        read(&mut host);
        let tracks = take_tracks(&mut host);
        serials.extend([0x804B, 0x8047, 0x8048].map(|id| tracks.hex(id)));
    }
    let count = serials.len();
    serials.sort_unstable();
    serials.dedup();
    assert_eq!((serials.len(), count), (9, 9));
}

#[test]
fn an_answer_that_is_not_the_issuers_is_declined_by_the_chip() {
    let outcome = |card: &str, options: &[u8], code: &[u8], spoil: bool, silent: bool| {
        let mut host = Host::opened();
        host.act(&format!("insert {card}"));
        read(&mut host);
        let asked = go_on(&mut host, &[]);
        let (key, arqc) = checked(card, asked.value(0x8054).unwrap());
        let mut emv = issuer_data(&key, &arqc, code.try_into().unwrap());
        emv[3] ^= u8::from(spoil);
        let done = conclude(&mut host, options, code, if silent { &[] } else { &emv });
        let accepted = done.text(0x8058) == "000";
        assert_eq!(host.pinpad.books(), [Booked::Completed { accepted }]);
        let kind = find(done.value(0x8054).unwrap(), Tag::CRYPTOGRAM_INFORMATION);
        assert_eq!(kind, Ok(Some(&[if accepted { 0x40 } else { 0 }][..])));
        accepted
    };
    assert!(outcome("visa-approve", b"0000", b"00", false, false));
    assert!(!outcome("visa-approve", b"0000", b"00", true, false));
    assert!(outcome("visa-approve", b"0000", b"00", false, true));
    assert!(!outcome("visa-approve", b"1000", b"51", false, false));
    assert!(!outcome("visa-approve", b"2000", b"Z3", false, true));
    assert!(outcome("visa-approve", b"2000", b"Y3", false, true));
    // The card has the last word.
    assert!(!outcome("amex-approve", b"2000", b"Y3", false, true));
    assert!(!outcome(
        "mastercard-declines-after-approval",
        b"0000",
        b"00",
        false,
        false
    ));
}

#[test]
fn scripts_are_answered_one_by_one() {
    let mut host = Host::opened();
    host.act("insert visa-approve");
    read(&mut host);
    go_on(&mut host, &[]);
    let emv = unhex(b"71099F180412345678860072049F180100").unwrap();
    let done = conclude(&mut host, b"0000", b"00", &emv);
    assert_eq!(done.hex(0x8059), "20123456782000000000");
}

#[test]
fn without_contact_the_amount_is_what_the_card_was_shown() {
    let mut host = Host::opened();
    host.act("tap visa-approve");
    let shown = read(&mut host);
    assert_eq!((shown.text(0x804F), shown.text(0x8060)), ("06", "00"));
    let other = host.objects("GOX", &[(0x13, b"000000001251")]);
    assert_eq!(other.status, "GOX077");
    let asked = go_on(&mut host, &PIN_KEY);
    assert_eq!(asked.text(0x8056), "200000");
    checked("visa-approve", asked.value(0x8054).unwrap());
    assert_eq!(host.objects("GOX", &[]).status, "GOX010");
    assert_eq!(conclude(&mut host, b"0000", b"00", &[]).text(0x8058), "000");
    // A host that wants none gets none.
    host.act("tap visa-approve");
    assert_eq!(host.objects("GCX", &[(0x0C, &[5])]).status, "GCX012");
}

#[test]
fn a_stripe_is_read_where_there_is_no_chip_or_it_failed() {
    let mut host = Host::opened();
    host.act("swipe stripe-only");
    let shown = read(&mut host);
    assert_eq!((shown.text(0x804F), shown.text(0x8050)), ("00", "0"));
    assert!(
        shown
            .text(0x8041)
            .starts_with("B545454******5454^TEST/CARD^4912101")
    );
    assert_eq!(host.objects("GOX", &[]).status, "GOX010");
    assert_eq!(host.objects("GED", &[(4, TAGS)]).status, "GED010");
    let tracks = take_tracks(&mut host);
    let track = opened(&tracks, 0x8044, 0x8047);
    assert!(track.starts_with(b"B5454545454545454^TEST/CARD^4912101"));
    assert_eq!(take_tracks(&mut host).status, "GTK010");
    // With a chip, the chip first.
    host.act("swipe mastercard-chip-fault");
    let asked = [(0x0C, &[7][..])];
    let said = host.converse(&super::host::command("GCX", &asked));
    assert!(
        said.iter()
            .any(|said| said.ends_with(b"CARTAO COM CHIP INSIRA O CARTAO "))
    );
    assert_eq!(said.last().unwrap(), b"GCX012");
    host.act("insert mastercard-chip-fault");
    assert_eq!(read(&mut host).status, "GCX060");
    host.act("swipe mastercard-chip-fault");
    let shown = read(&mut host);
    assert_eq!((shown.text(0x804F), shown.text(0x8050)), ("00", "1"));
}

#[test]
fn pins_are_checked_by_the_chip_three_times() {
    let outcome = |acts: &[&str]| {
        let mut host = Host::opened();
        host.act("insert maestro-pin");
        read(&mut host);
        acts.iter().for_each(|words| host.act(words));
        let asked = go_on(&mut host, &[]);
        match asked.status.as_str() {
            "GOX000" => {
                checked("maestro-pin", asked.value(0x8054).unwrap());
                assert!(asked.value(0x8057).is_none());
                asked.text(0x8056).to_owned()
            }
            refused => refused.to_owned(),
        }
    };
    assert_eq!(outcome(&[]), "201000");
    assert_eq!(outcome(&["pin 1234"]), "201000");
    assert_eq!(outcome(&["wrong-pin"]), "201000");
    assert_eq!(outcome(&["wrong-pin", "pin 9998", "wrong-pin"]), "200000");
    assert_eq!(outcome(&["no-pin"]), "200000");
    assert_eq!(outcome(&["unwilling"]), "GOX013");
    assert_eq!(outcome(&["remove"]), "GOX043");
}

#[test]
fn whoever_stands_there_decides_about_the_pin() {
    let outcome = |acts: &[&str], options: &[u8]| {
        let mut host = Host::opened();
        host.act("insert visa-pin");
        read(&mut host);
        acts.iter().for_each(|words| host.act(words));
        let objects = [&PIN_KEY[..], &[(0x18, options), (0x0C, &[30])]].concat();
        let asked = go_on(&mut host, &objects);
        let pin = asked.value(0x8057).map(|_| opened_pin(&asked, "visa-pin"));
        (asked.status, pin.map(|pin| pin.digits().to_vec()))
    };
    let ok = |pin: Option<&[u8]>| ("GOX000".to_owned(), pin.map(<[u8]>::to_vec));
    assert_eq!(outcome(&[], b"00000"), ok(Some(b"1234")));
    assert_eq!(outcome(&["wrong-pin"], b"00000"), ok(Some(b"9999")));
    assert_eq!(outcome(&["pin 123456"], b"00000"), ok(Some(b"123456")));
    assert_eq!(outcome(&["no-pin"], b"00000"), ok(None));
    assert_eq!(outcome(&["no-pin"], b"00100"), ok(Some(b"1234")));
    assert_eq!(outcome(&["idle"], b"00000").0, "GOX012");
    assert_eq!(outcome(&[], b"10000"), ok(None));
    let mut host = Host::opened();
    host.act("snatch visa-pin");
    assert_eq!(read(&mut host).status, "GCX000");
    assert_eq!(go_on(&mut host, &PIN_KEY).status, "GOX043");
    assert_eq!(host.pinpad.books(), []);
}

#[test]
fn keys_that_are_not_there_are_refused() {
    let mut host = Host::opened();
    host.act("insert visa-pin");
    read(&mut host);
    assert_eq!(go_on(&mut host, &[(2, b"3"), (9, b"02")]).status, "GOX042");
    assert_eq!(go_on(&mut host, &[(2, b"1"), (9, b"01")]).status, "GOX042");
    assert_eq!(go_on(&mut host, &[(2, b"2"), (9, b"01")]).status, "GOX011");
    assert_eq!(go_on(&mut host, &[(2, b"3")]).status, "GOX019");
    for (method, status) in [("10", "042"), ("30", "011"), ("00", "011")] {
        let objects = [(7, &b"1110"[..]), (3, method.as_bytes()), (9, b"01")];
        assert_eq!(host.objects("GTK", &objects).status, format!("GTK{status}"));
    }
    assert_eq!(
        host.objects("GTK", &[(7, b"1110"), (3, b"51"), (9, b"02")])
            .status,
        "GTK042"
    );
    assert_eq!(host.pinpad.books(), []);
}

#[test]
fn a_signature_and_an_application_are_chosen() {
    let mut host = Host::opened();
    host.act("insert mastercard-signature");
    read(&mut host);
    assert_eq!(go_on(&mut host, &PIN_KEY).text(0x8056), "210000");
    for (choice, label) in [(None, "DISCOVER"), (Some("choose 2"), "US DEBIT")] {
        host.act("insert discover-two-applications");
        choice.into_iter().for_each(|words| host.act(words));
        assert_eq!(read(&mut host).text(0x805B), label);
    }
}

#[test]
fn the_card_is_never_in_what_the_chip_tells() {
    let all: Vec<u8> = [0x56_u32, 0x57, 0x5A, 0x99, 0x9F1F, 0x9F20, 0x9F6B, 0x84]
        .iter()
        .flat_map(|tag| tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0))
        .collect();
    let mut host = Host::opened();
    host.act("insert visa-pin");
    read(&mut host);
    let told = host.objects("GED", &[(4, &all)]);
    assert_eq!(told.hex(0x8054), "8407A0000000031010");
    // Neither may a host write what is the card's.
    let emv = unhex(b"9F36020001820200009F3303112233").unwrap();
    let asked = go_on(&mut host, &[(5, &emv)]);
    checked("visa-pin", asked.value(0x8054).unwrap());
    let told = host.objects("GED", &[(4, &[0x9F, 0x33, 0x82])]);
    assert_eq!(told.hex(0x8054), "9F330311223382023900");
}

#[test]
fn an_expired_card_says_so() {
    let mut host = Host::opened();
    host.act("insert visa-expired");
    assert_eq!(read(&mut host).text(0x805D), "200131");
    let asked = go_on(&mut host, &[]);
    let results = find(asked.value(0x8054).unwrap(), Tag::TVR);
    assert_eq!(results, Ok(Some(&[0, 0x40, 0, 0, 0][..])));
}

#[test]
fn every_card_that_has_a_chip_is_read() {
    for card in test_cards() {
        let mut host = Host::opened();
        host.act(&format!("insert {}", card.name));
        let status = read(&mut host).status;
        let answers = !matches!(
            card.name,
            "contactless-only" | "stripe-only" | "mastercard-chip-fault"
        );
        assert_eq!(
            status,
            if answers { "GCX000" } else { "GCX060" },
            "{}",
            card.name
        );
    }
}

#[test]
fn tracks_come_in_clear_or_under_a_random_key_where_that_is_asked() {
    let mut host = Host::opened();
    host.act("swipe stripe-only");
    read(&mut host);
    let clear = host.objects("GTK", &[(7, b"1010")]);
    assert_eq!(clear.hex(0x804A), "5454545454545454");
    assert!(clear.value(0x8044).is_none() && clear.value(0x8048).is_none());
    assert_eq!(host.pinpad.books(), []);
    host.act("swipe stripe-only");
    read(&mut host);
    let [modulus, exponent] = [MODULUS, PRIVATE_EXPONENT].map(|hex| unhex(hex.as_bytes()).unwrap());
    let random = host.objects(
        "GTK",
        &[(7, b"1000"), (3, b"91"), (0x24, &modulus), (0x25, &[0x0D])],
    );
    let private = PublicKey::new(&modulus, &exponent).unwrap();
    let block = private.power(random.value(0x8063).unwrap().try_into().unwrap());
    let key = TdesKey::new(&block[240..]).unwrap();
    let pan = key.decrypt_cbc(&[0; 8], random.value(0x804A).unwrap(), Padding::Zeros);
    assert_eq!(hex(pan.unwrap().bytes()), "5454545454545454");
}

#[test]
fn a_pin_for_a_number_that_the_host_tells_is_encrypted() {
    let mut host = Host::opened();
    let zeros = "0".repeat(32);
    let number = digits_of("visa-pin");
    let ask = |method: &str, least: &str, number: &str| {
        let head = format!("{method}01{zeros}{:02}{number:19}1", number.len());
        format!("GPN093{head}{least}12{:32}", "DIGITE SUA SENHA").into_bytes()
    };
    let answer = host.ask(&ask("3", "04", &number));
    assert_eq!(answer[..9], *b"GPN000036");
    let block = unhex(&answer[9..25]).unwrap();
    let key = key_of(&unhex(&answer[25..]).unwrap()).pin_key();
    let block = EncryptedPinBlock::from_bytes(0, &block).unwrap();
    let pan = test_card("visa-pin").unwrap().pan();
    assert_eq!(block.open_tdes(&pan, &key).unwrap().digits(), b"1234");
    assert_eq!(host.ask(&ask("0", "04", &number)), b"GPN011");
    assert_eq!(host.ask(&ask("1", "04", &number)), b"GPN042");
    assert_eq!(host.ask(&ask("3", "03", &number)), b"GPN011");
    assert_eq!(host.ask(&ask("3", "04", "12")), b"GPN011");
    host.act("unwilling");
    assert_eq!(host.ask(&ask("3", "04", &number)), b"GPN013");
}

#[test]
fn bytes_of_the_hosts_are_encrypted() {
    let mut host = Host::opened();
    let text = b"DADO A SER CRIPTOGRAFADO";
    for (method, vector) in [("50", None), ("51", None), ("51", Some([7; 8]))] {
        let mut objects = vec![(0x0F, &text[..]), (3, method.as_bytes()), (9, b"01")];
        objects.extend(vector.as_ref().map(|vector| (0x1D, &vector[..])));
        let answer = host.objects("EBX", &objects);
        let key = key_of(answer.value(0x804C).unwrap()).data_request_key();
        let output = answer.value(0x804E).unwrap();
        let clear = key.decrypt_cbc(&vector.unwrap_or_default(), output, Padding::Zeros);
        let clear = clear.unwrap().bytes().to_vec();
        assert_eq!(clear[..8], text[..8]);
        assert_eq!(clear == text, method == "51");
    }
    assert_eq!(
        host.objects("EBX", &[(0x0F, b"1234567"), (3, b"51"), (9, b"01")])
            .status,
        "EBX011"
    );
    assert_eq!(
        host.objects("EBX", &[(0x0F, b"12345678"), (3, b"71"), (9, b"07")])
            .status,
        "EBX011"
    );
}
