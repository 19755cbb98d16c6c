// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of test cards. Constant, so that no number of it stands in a program.

use super::hidden::Hidden;
use super::{Behaviour, TestCard, Verification};
use crate::secrets::EntryMode;
use EntryMode::{Chip, Contactless, Manual, Stripe};

const ANY: &[EntryMode] = &[Chip, Contactless, Stripe, Manual];
const VISA: &[(&str, &str)] = &[("VISA CREDIT", "A0000000031010")];
const MASTERCARD: &[(&str, &str)] = &[("MASTERCARD", "A0000000041010")];

const BASE: TestCard = TestCard {
    name: "",
    label: "",
    behaviour: Behaviour::Approve,
    entries: ANY,
    verification: Verification::None,
    applications: VISA,
    offline_max_minor: 0,
    country: None,
    number: Hidden::new(b""),
    expires: (2049, 12),
    pin: Hidden::new(b""),
    discretionary: Hidden::new(b""),
    holder: Hidden::new(b"TEST/CARD"),
};

pub(super) const CARDS: &[TestCard] = &[
    TestCard {
        name: "visa-approve",
        label: "Visa, approves",
        offline_max_minor: 10_000,
        number: Hidden::new(b"4111111111111111"),
        ..BASE
    },
    TestCard {
        name: "visa-decline",
        label: "Visa, insufficient funds",
        behaviour: Behaviour::Decline,
        offline_max_minor: 10_000,
        number: Hidden::new(b"4000000000009995"),
        ..BASE
    },
    TestCard {
        name: "visa-partial",
        label: "Visa, approves half",
        behaviour: Behaviour::PartialApproval,
        offline_max_minor: 10_000,
        number: Hidden::new(b"4012888888881881"),
        ..BASE
    },
    TestCard {
        name: "visa-pin",
        label: "Visa, PIN 1234",
        behaviour: Behaviour::PinRequired,
        verification: Verification::OnlinePin,
        pin: Hidden::new(b"1234"),
        entries: &[Chip, Contactless, Stripe],
        applications: &[("VISA DEBIT", "A0000000031010")],
        number: Hidden::new(b"4000056655665556"),
        ..BASE
    },
    TestCard {
        name: "visa-expired",
        label: "Visa, expired",
        behaviour: Behaviour::Expired,
        number: Hidden::new(b"4000000000000069"),
        expires: (2020, 1),
        ..BASE
    },
    TestCard {
        name: "mastercard-approve",
        label: "Mastercard, approves",
        applications: MASTERCARD,
        offline_max_minor: 5_000,
        number: Hidden::new(b"5555555555554444"),
        ..BASE
    },
    TestCard {
        name: "mastercard-signature",
        label: "Mastercard, signature",
        behaviour: Behaviour::SignatureRequired,
        verification: Verification::Signature,
        applications: MASTERCARD,
        number: Hidden::new(b"5105105105105100"),
        ..BASE
    },
    TestCard {
        name: "mastercard-pin-at-issuer",
        label: "Mastercard, PIN 4321 checked by the issuer",
        behaviour: Behaviour::PinAtIssuer,
        verification: Verification::OnlinePin,
        pin: Hidden::new(b"4321"),
        entries: &[Chip, Contactless, Stripe],
        applications: MASTERCARD,
        number: Hidden::new(b"2223000048400011"),
        ..BASE
    },
    TestCard {
        name: "mastercard-chip-fault",
        label: "Mastercard, broken chip",
        behaviour: Behaviour::ChipFault,
        entries: &[Chip, Stripe],
        applications: MASTERCARD,
        number: Hidden::new(b"2223003122003222"),
        ..BASE
    },
    TestCard {
        name: "mastercard-declines-after-approval",
        label: "Mastercard, chip refuses after approval",
        behaviour: Behaviour::RefusesAfterApproval,
        entries: &[Chip],
        applications: MASTERCARD,
        number: Hidden::new(b"5200828282828210"),
        ..BASE
    },
    TestCard {
        name: "maestro-pin",
        label: "Maestro, PIN 1234 checked by the chip",
        behaviour: Behaviour::Approve,
        verification: Verification::OfflinePin,
        pin: Hidden::new(b"1234"),
        entries: &[Chip],
        applications: &[("MAESTRO", "A0000000043060")],
        number: Hidden::new(b"6759649826438453"),
        ..BASE
    },
    TestCard {
        name: "amex-approve",
        label: "American Express, approves",
        applications: &[("AMERICAN EXPRESS", "A00000002501")],
        country: Some("US"),
        number: Hidden::new(b"378282246310005"),
        ..BASE
    },
    TestCard {
        name: "discover-two-applications",
        label: "Discover, two applications",
        entries: &[Chip, Contactless],
        applications: &[
            ("DISCOVER", "A0000001523010"),
            ("US DEBIT", "A0000001524010"),
        ],
        number: Hidden::new(b"6011111111111117"),
        ..BASE
    },
    TestCard {
        name: "jcb-approve",
        label: "JCB, approves",
        applications: &[("JCB CREDIT", "A0000000651010")],
        country: Some("JP"),
        number: Hidden::new(b"3530111333300000"),
        ..BASE
    },
    TestCard {
        name: "diners-decline",
        label: "Diners Club, declines",
        behaviour: Behaviour::Decline,
        applications: &[("DINERS CLUB", "A0000001523010")],
        number: Hidden::new(b"30569309025904"),
        ..BASE
    },
    TestCard {
        name: "unionpay-approve",
        label: "UnionPay, approves",
        applications: &[("UNIONPAY CREDIT", "A000000333010102")],
        country: Some("CN"),
        number: Hidden::new(b"6200000000000005"),
        ..BASE
    },
    TestCard {
        name: "contactless-only",
        label: "Visa on a phone, contactless only",
        entries: &[Contactless],
        offline_max_minor: 5_000,
        number: Hidden::new(b"4242424242424242"),
        ..BASE
    },
    TestCard {
        name: "stripe-only",
        label: "Mastercard, stripe only",
        entries: &[Stripe, Manual],
        applications: &[],
        number: Hidden::new(b"5454545454545454"),
        ..BASE
    },
    // Canaries: numbers, PINs and tracks that stand nowhere else, to be searched for.
    TestCard {
        name: "canary-visa",
        label: "Canary: Visa, PIN checked by the issuer",
        behaviour: Behaviour::PinAtIssuer,
        verification: Verification::OnlinePin,
        entries: &[Chip, Contactless, Stripe],
        number: Hidden::new(b"4000006112762355"),
        pin: Hidden::new(b"827934967156"),
        discretionary: Hidden::new(b"615491243"),
        holder: Hidden::new(b"CANARINI/VISALIA"),
        ..BASE
    },
    TestCard {
        name: "canary-mastercard",
        label: "Canary: Mastercard, approves",
        applications: MASTERCARD,
        offline_max_minor: 10_000,
        number: Hidden::new(b"5555558167896229"),
        discretionary: Hidden::new(b"245971111"),
        holder: Hidden::new(b"CANARINI/MASTERSON"),
        ..BASE
    },
    TestCard {
        name: "canary-amex",
        label: "Canary: American Express, approves",
        applications: &[("AMERICAN EXPRESS", "A00000002501")],
        number: Hidden::new(b"378282487379222"),
        discretionary: Hidden::new(b"662794926"),
        holder: Hidden::new(b"CANARINI/AMEXANDRA"),
        ..BASE
    },
    TestCard {
        name: "canary-declines",
        label: "Canary: Visa, insufficient funds",
        behaviour: Behaviour::Decline,
        offline_max_minor: 10_000,
        number: Hidden::new(b"4000004933405999"),
        discretionary: Hidden::new(b"524875631"),
        holder: Hidden::new(b"CANARINI/DECLINDA"),
        ..BASE
    },
    TestCard {
        name: "canary-maestro",
        label: "Canary: Maestro, PIN checked by the chip",
        verification: Verification::OfflinePin,
        entries: &[Chip],
        applications: &[("MAESTRO", "A0000000043060")],
        number: Hidden::new(b"6799993496792858706"),
        pin: Hidden::new(b"542771781473"),
        discretionary: Hidden::new(b"936679692"),
        holder: Hidden::new(b"CANARINI/MAESTRA"),
        ..BASE
    },
    TestCard {
        name: "canary-refuses",
        label: "Canary: Mastercard, chip refuses after approval",
        behaviour: Behaviour::RefusesAfterApproval,
        entries: &[Chip],
        applications: MASTERCARD,
        number: Hidden::new(b"2223008527636195"),
        discretionary: Hidden::new(b"477572616"),
        holder: Hidden::new(b"CANARINI/REFUSILDA"),
        ..BASE
    },
];
