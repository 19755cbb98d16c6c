// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal, spoken to as a till speaks to it; frames made by programs of others.

use super::*;
use payhal_testkit::simulate::Money;

const SECOND_US: u64 = 1_000_000;

/// Bytes on the line by the time the terminal has nothing to do before `until_us`.
fn runs(terminal: &mut ConcertTerminal, from_us: u64, until_us: u64) -> Out {
    let mut all = Out::default();
    let mut now_us = from_us;
    while let Some(next_us) = terminal.next_us().filter(|next_us| *next_us <= until_us) {
        now_us = now_us.max(next_us);
        let mut out = Out::default();
        terminal.due(now_us, &mut out);
        all.said.extend(out.said);
        all.hung_up.extend(out.hung_up);
    }
    all
}

fn text(out: &Out) -> String {
    let bytes = out.said.iter().flat_map(|said| said.bytes.clone());
    String::from_utf8(bytes.collect()).unwrap()
}

mod over_tcp {
    use super::*;

    const REQUEST: &str = "CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978BA0010BF0010";

    fn terminal(words: &[&str]) -> ConcertTerminal {
        let mut terminal = ConcertTerminal::new(Options::of(Protocol::V3));
        acted(&mut terminal, words);
        terminal
    }

    fn acted(terminal: &mut ConcertTerminal, words: &[&str]) {
        for words in words {
            terminal.act(words, 0, &mut Out::default()).unwrap();
        }
    }

    /// What is answered on a new connection within three minutes.
    fn asked(terminal: &mut ConcertTerminal, request: &str) -> Out {
        let mut out = Out::default();
        terminal.opened(0, 0, &mut out);
        for piece in request.as_bytes().chunks(7) {
            terminal.hear(0, piece, 0, &mut out);
        }
        assert!(out.said.is_empty());
        let out = runs(terminal, 0, 180 * SECOND_US);
        terminal.closed(0, 180 * SECOND_US, &mut Out::default());
        out
    }

    fn answered(terminal: &mut ConcertTerminal, request: &str) -> String {
        text(&asked(terminal, request))
    }

    #[test]
    fn a_payment_gives_the_request_back_and_says_what_became_of_it() {
        let mut terminal = terminal(&["insert"]);
        let answer = answered(&mut terminal, &format!("{REQUEST}CF006000042"));
        let expected = "AE00210CC003001CI0011AC006424243AI014A0000000031010\
                        AA016411111######1111AB0044912AQ006000001";
        assert_eq!(answer, format!("{REQUEST}CF006000042{expected}"));
        let money = Money {
            minor: 1250,
            approved: true,
            tag: Some("000042".to_owned()),
        };
        assert_eq!(terminal.books(), [Booked::Payment(money)]);
    }

    #[test]
    fn each_reason_has_its_code() {
        for (words, reason) in [
            ("voice-call", "02"),
            ("refuse", "04"),
            ("forbidden", "05"),
            ("abandon", "06"),
            ("incomplete", "07"),
            ("idle", "08"),
            ("operator-abandon", "11"),
        ] {
            let mut terminal = terminal(&[words]);
            let answer = answered(&mut terminal, REQUEST);
            let expected = format!("{REQUEST}AE00201AF002{reason}");
            assert!(answer.starts_with(&expected), "{words}: {answer}");
            assert!(!answer.contains("AC006"), "{words}: {answer}");
        }
    }

    #[test]
    fn what_it_does_not_understand_or_take_is_not_done() {
        let mut terminal = terminal(&[]);
        for (wrong, reason) in [
            (REQUEST.replace("CE003978", "CE003840"), "13"),
            (REQUEST.replace("CD0010", "CD001X"), "12"),
            (REQUEST.replace("CE003978", ""), "09"),
            (REQUEST.replace("CB0041250", "CB00412x0"), "09"),
            (REQUEST.replace("CB0041250", "CB0011"), "09"),
            (REQUEST.replace("CB0041250", "CB0040000"), "09"),
            (REQUEST[..REQUEST.len() - 1].to_owned(), "09"),
            ("hello".to_owned(), "09"),
        ] {
            let answer = answered(&mut terminal, &wrong);
            assert!(
                answer.ends_with(&format!("AE00201AF002{reason}")),
                "{wrong}: {answer}"
            );
        }
        assert!(terminal.books().is_empty());
    }

    #[test]
    fn the_last_transaction_is_told_to_who_asks_again() {
        let status = "CZ0040300CJ012012345678901CA00201CB00200CD001TCE003978";
        let mut terminal = terminal(&[]);
        assert_eq!(
            answered(&mut terminal, status),
            format!("{status}AE00201AF00200")
        );
        acted(&mut terminal, &["tap", "hang-up"]);
        let request = format!("{REQUEST}CF006000007");
        let out = asked(&mut terminal, &request);
        assert_eq!((text(&out).as_str(), &out.hung_up[..]), ("", &[0][..]));
        let answer = answered(&mut terminal, status);
        let expected = "CZ0040300CJ012012345678901CA00201CB0041250CD001TCE003978CF006000007AE00210";
        assert!(answer.starts_with(expected), "{answer}");

        let mut options = Options::of(Protocol::V3);
        options.status = false;
        let mut older = ConcertTerminal::new(options);
        assert_eq!(
            answered(&mut older, status),
            format!("{status}AE00201AF00212")
        );
    }

    #[test]
    fn an_answer_at_once_says_that_the_request_was_taken_and_who_asks_meanwhile_hears_so() {
        let mut terminal = terminal(&[]);
        let mut out = Out::default();
        terminal.opened(0, 0, &mut out);
        let request = REQUEST.replace("BA0010", "BA0011");
        terminal.hear(0, request.as_bytes(), 0, &mut out);
        let answer = runs(&mut terminal, 0, SECOND_US);
        assert_eq!(text(&answer), format!("{request}AE00211"));
        terminal.opened(1, SECOND_US, &mut out);
        let status = "CZ0040300CJ012012345678901CA00201CB00200CD001TCE003978";
        terminal.hear(1, status.as_bytes(), SECOND_US, &mut out);
        let answer = runs(&mut terminal, SECOND_US, 2 * SECOND_US);
        assert!(text(&answer).ends_with("AE00211"));
        terminal.hear(1, REQUEST.as_bytes(), 3 * SECOND_US, &mut out);
        let answer = runs(&mut terminal, 3 * SECOND_US, 4 * SECOND_US);
        assert!(text(&answer).ends_with("AE00201AF00207"));
        assert_eq!(text(&runs(&mut terminal, 0, 180 * SECOND_US)), "");
        assert_eq!(terminal.books().len(), 1);
    }

    #[test]
    fn money_goes_back_payments_are_taken_back_tickets_repeated_and_batches_collected() {
        let mut terminal = terminal(&["tap"]);
        answered(&mut terminal, REQUEST);
        let ticket = answered(&mut terminal, &REQUEST.replace("CD0010", "CD0013"));
        assert!(
            ticket.contains("AE00210") && ticket.contains("MONTANT 12.50"),
            "{ticket}"
        );
        let cancel = REQUEST.replace("CD0010", "CD0012");
        assert!(answered(&mut terminal, &cancel).contains("AE00210"));
        assert!(answered(&mut terminal, &cancel).contains("AE00201AF00207"));
        acted(&mut terminal, &["tap"]);
        assert!(answered(&mut terminal, &REQUEST.replace("CD0010", "CD0011")).contains("AE00210"));
        acted(&mut terminal, &["offline", "tap"]);
        let offline = answered(&mut terminal, REQUEST);
        assert!(
            offline.contains("AE00210") && !offline.contains("AC006"),
            "{offline}"
        );
        let collect = "CZ0040300CJ012012345678901CA00201CB00200CD001BCE003978";
        assert_eq!(
            answered(&mut terminal, collect),
            format!("{collect}AE00201AF00207")
        );
        acted(&mut terminal, &["online"]);
        assert_eq!(
            answered(&mut terminal, collect),
            format!("{collect}AE00210")
        );
        assert_eq!(terminal.desk.collect(), Some((0, 0)));
        for action in ["I", "P", "C", "R"] {
            let request = collect.replace("CD001B", &format!("CD001{action}"));
            let out = asked(&mut terminal, &request);
            assert_eq!(text(&out), format!("{request}AE00210"));
            assert_eq!(out.hung_up.len(), usize::from(action == "R"));
        }
    }

    #[test]
    fn who_acts_after_the_connection_ended_ends_the_payment_and_it_is_told() {
        let status = "CZ0040300CJ012012345678901CA00201CB00200CD001TCE003978";
        let ask = |terminal: &mut ConcertTerminal, way, now_us| {
            let mut out = Out::default();
            terminal.opened(way, now_us, &mut out);
            terminal.hear(way, status.as_bytes(), now_us, &mut out);
            let answer = text(&runs(terminal, now_us, now_us + SECOND_US));
            terminal.closed(way, now_us + SECOND_US, &mut out);
            answer
        };
        for (words, reason) in [("refuse", "04"), ("abandon", "06")] {
            let mut terminal = terminal(&["hang-up"]);
            let mut out = Out::default();
            terminal.opened(0, 0, &mut out);
            terminal.hear(0, REQUEST.as_bytes(), 0, &mut out);
            let out = runs(&mut terminal, 0, SECOND_US);
            assert_eq!((text(&out).as_str(), &out.hung_up[..]), ("", &[0][..]));
            terminal.closed(0, SECOND_US, &mut Out::default());
            assert!(ask(&mut terminal, 1, 2 * SECOND_US).ends_with("AE00211"));
            let acted = terminal.act(words, 4 * SECOND_US, &mut Out::default());
            acted.unwrap();
            runs(&mut terminal, 4 * SECOND_US, 20 * SECOND_US);
            let answer = ask(&mut terminal, 2, 20 * SECOND_US);
            assert!(
                answer.contains(&format!("AE00201AF002{reason}")),
                "{words}: {answer}"
            );
        }
    }

    #[test]
    fn less_is_approved_only_where_the_till_allows_it() {
        let mut terminal = terminal(&["partial 800"]);
        assert!(answered(&mut terminal, REQUEST).contains("AE00201AF00204"));
        acted(&mut terminal, &["partial 800"]);
        let answer = answered(&mut terminal, &REQUEST.replace("BF0010", "BF0011"));
        assert!(
            answer.contains("CB003800") && answer.contains("AE00210"),
            "{answer}"
        );
    }

    #[test]
    fn what_is_wrong_with_the_way_changes_nothing_of_the_record() {
        for (fault, is_booked) in [
            ("silent", false),
            ("lost", true),
            ("late 300", true),
            ("wrong-lrc", true),
            ("tear", true),
            ("mixed-up", true),
            ("hang-up", true),
            ("busy", false),
            ("deaf", false),
        ] {
            let mut terminal = terminal(&["tap", fault]);
            let out = asked(&mut terminal, REQUEST);
            let answer = text(&out);
            let whole = matches!(
                tlv::Message::read(answer.as_bytes()),
                tlv::Read::Whole(message) if message.text("AE") == Some("10")
            );
            let right = whole && !answer.contains("999999MIX") && out.said[0].after_us == 0;
            assert!(!right, "{fault}: {answer}");
            assert_eq!(!terminal.books().is_empty(), is_booked, "{fault}");
        }
        let mut terminal = terminal(&["talk"]);
        terminal.opened(0, 0, &mut Out::default());
        assert!(runs(&mut terminal, 0, SECOND_US).said.len() > 90);
        acted(&mut terminal, &["well"]);
        assert_eq!(terminal.next_us(), None);
        let not_here = terminal.act("nak", 0, &mut Out::default());
        assert!(not_here.unwrap_err().contains("this protocol"));
        let unknown = terminal.act("dance", 0, &mut Out::default());
        assert!(unknown.unwrap_err().contains("insert"));
        let no_card = terminal.act("tap nobody", 0, &mut Out::default());
        assert!(no_card.unwrap_err().contains("visa-approve"));
    }
}

mod on_a_line {
    use super::*;

    /// Made by a Python package of others: position 01, 12.50 EUR, full report.
    const PUBLISHED: &str =
        "02303130303030313235303131303937382020202020202020202041303130423031300301";

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().as_chunks::<2>().0.iter();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        pairs.map(|pair| byte(pair).unwrap()).collect()
    }

    fn heard(terminal: &mut ConcertTerminal, bytes: &[u8], now_us: u64) -> Vec<u8> {
        let mut out = Out::default();
        for byte in bytes {
            terminal.hear(0, &[*byte], now_us, &mut out);
        }
        out.said.into_iter().flat_map(|said| said.bytes).collect()
    }

    fn terminal(words: &str) -> ConcertTerminal {
        let mut terminal = ConcertTerminal::new(Options::of(Protocol::Serial));
        terminal.act(words, 0, &mut Out::default()).unwrap();
        terminal
    }

    fn frame(text: &str) -> Vec<u8> {
        let lrc = text.bytes().fold(3, |sum, byte| sum ^ byte);
        [&[2], text.as_bytes(), &[3, lrc]].concat()
    }

    /// The whole exchange; the frame of the answer.
    fn asked(terminal: &mut ConcertTerminal, request: &[u8]) -> Vec<u8> {
        assert_eq!(heard(terminal, &[0x05], 0), [0x06]);
        assert_eq!(heard(terminal, request, 0), [0x06]);
        assert_eq!(heard(terminal, &[0x04], 0), b"");
        let called = runs(terminal, 0, 2 * SECOND_US);
        assert_eq!(called.said[0].bytes, [0x05]);
        let frame = heard(terminal, &[0x06], 2 * SECOND_US);
        assert_eq!(heard(terminal, &[0x06], 2 * SECOND_US), [0x04]);
        frame
    }

    #[test]
    fn published_frames_are_taken_and_made() {
        let request = bytes(PUBLISHED);
        let mut terminal = terminal("tap");
        let answer = asked(&mut terminal, &request);
        let pan = "4111111111111111";
        assert_eq!(
            answer,
            frame(&format!("010000012501{pan:<55}978          "))
        );
        let short = frame("0100001250010978          A010B010");
        terminal.act("tap", 0, &mut Out::default()).unwrap();
        assert_eq!(
            asked(&mut terminal, &short),
            frame("010000012501978          ")
        );
        let private = frame("01000012500109780000000000A010B010");
        terminal.act("tap", 0, &mut Out::default()).unwrap();
        // As a Python package of others makes it.
        let made = bytes("02303130303030303132353031393738303030303030303030300333");
        assert_eq!(asked(&mut terminal, &private), made);
        terminal.act("refuse", 0, &mut Out::default()).unwrap();
        let made = bytes("02303137303030303132353031393738303030303030303030300334");
        assert_eq!(asked(&mut terminal, &private), made);
    }

    #[test]
    fn version_e_has_no_delay_and_mode_is_not_type() {
        let mut terminal = terminal("tap");
        let credit = frame("0100000300011978      0042");
        assert_eq!(
            asked(&mut terminal, &credit),
            frame("010000003001978      0042")
        );
        let Booked::Credit(money) = &terminal.books()[0] else {
            panic!("{:?}", terminal.books());
        };
        assert_eq!((money.minor, money.tag.as_deref()), (300, Some("0042")));
    }

    #[test]
    fn a_frame_that_is_not_right_is_refused_until_it_is() {
        let mut terminal = terminal("nak 2");
        heard(&mut terminal, &[0x05], 0);
        let request = bytes(PUBLISHED);
        let mut wrong = request.clone();
        *wrong.last_mut().unwrap() ^= 1;
        for (frame, said) in [
            (&wrong, 0x15),
            (&request, 0x15),
            (&request, 0x15),
            (&request, 0x06),
        ] {
            assert_eq!(heard(&mut terminal, frame, 0), [said]);
        }
        // Without its end of transmission nothing is done.
        assert!(runs(&mut terminal, 0, 180 * SECOND_US).said.is_empty());
        assert!(terminal.books().is_empty());
        terminal.act("nak-storm", 0, &mut Out::default()).unwrap();
        assert_eq!(heard(&mut terminal, &[0x05], 0), [0x06]);
        assert_eq!(heard(&mut terminal, &request, 0), [0x15]);
    }

    #[test]
    fn a_busy_terminal_says_so_and_an_unacknowledged_request_is_carried_out() {
        let mut terminal = terminal("busy");
        assert_eq!(heard(&mut terminal, &[0x05], 0), [0x15]);
        terminal.act("no-ack", 0, &mut Out::default()).unwrap();
        terminal.act("tap", 0, &mut Out::default()).unwrap();
        assert_eq!(heard(&mut terminal, &[0x05], 0), [0x06]);
        assert_eq!(heard(&mut terminal, &bytes(PUBLISHED), 0), b"");
        assert_eq!(heard(&mut terminal, &[0x05], 0), [0x15]);
        // It calls three times and then leaves it at that.
        let said = runs(&mut terminal, 0, 60 * SECOND_US).said;
        assert_eq!(said.len(), 3);
        assert_eq!(terminal.books().len(), 1);
        assert_eq!(heard(&mut terminal, &[0x05], 60 * SECOND_US), [0x06]);
    }

    #[test]
    fn an_answer_that_is_refused_is_said_again() {
        let mut terminal = terminal("tap");
        terminal.act("wrong-lrc", 0, &mut Out::default()).unwrap();
        heard(&mut terminal, &[0x05], 0);
        heard(&mut terminal, &bytes(PUBLISHED), 0);
        heard(&mut terminal, &[0x04], 0);
        runs(&mut terminal, 0, 2 * SECOND_US);
        let first = heard(&mut terminal, &[0x06], 2 * SECOND_US);
        let second = heard(&mut terminal, &[0x15], 2 * SECOND_US);
        assert_eq!(first[..first.len() - 1], second[..second.len() - 1]);
        assert_ne!(first, second);
        assert_eq!(heard(&mut terminal, &[0x15], 2 * SECOND_US), second);
        assert_eq!(heard(&mut terminal, &[0x15], 2 * SECOND_US), [0x04]);
    }

    #[test]
    fn who_does_not_wait_for_the_end_is_told_that_it_is_not_known() {
        let mut terminal = terminal("tap");
        let at_once = frame("0100001250010978          A011B010");
        heard(&mut terminal, &[0x05], 0);
        heard(&mut terminal, &at_once, 0);
        assert_eq!(heard(&mut terminal, &[0x04], 0), [0x05]);
        assert_eq!(
            heard(&mut terminal, &[0x06], 0),
            frame("019000012501978          ")
        );
        assert_eq!(heard(&mut terminal, &[0x06], 0), [0x04]);
        assert!(runs(&mut terminal, 0, 60 * SECOND_US).said.is_empty());
        assert_eq!(terminal.books().len(), 1);
    }
}
