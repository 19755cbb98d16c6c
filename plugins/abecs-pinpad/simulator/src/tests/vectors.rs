// SPDX-License-Identifier: MIT OR Apache-2.0
//! The published examples that a pinpad has a side in.

use super::host::{Answer, Host};
use crate::digits::{hex, unhex};
use crate::fields::{Command, Reply};
use crate::frame::{Heard, Receiver, packet};
use crate::rsa::PublicKey;
use crate::secure::SessionKey;
use crate::tracks::{self, Mask};

pub(super) const MODULUS: &str = concat!(
    "A82A660B3C49226EFCDABA7FC68066B83D23D0560EDA3A12B63E9132F299FBF340A5AEBC4CD5DC1F14873F83",
    "A80BA9A88D3FEABBAB41DFFC1944BBBAA89F26AF9CC28FF31C497EB91D82F8613E7463C47529FBD1925FD332",
    "6A8DC027704DA68860E68BD0A1CEA8DE6EC75604CD3D9A6AF38822DE45AAA0C9FBF2BD4783B0F9A81F6350C0",
    "188156F908FAB1F559CFCE1F91A393431E8BF2CD78C04BD530DB441091CDFFB400DAC08B1450DB65C00E2D4A",
    "F4E9A85A1A19B61F550F0C289B14BD63DF8A1539A8CF629F98F88EA944D9056675000F95BFD0FEFC56F9D9D6",
    "6E2701BDBD71933191AE9928F5D623FE8B99ECC777444FFAA83DE456F5C8D3C83EC511AF",
);
pub(super) const PRIVATE_EXPONENT: &str = concat!(
    "40ADD87A79A5F98D262CBDE2600A001F79FA150D682C8C7D59C94B89BFC512227B536A97313E8FBD2F47B5F7",
    "8F66F27BE78EBCBE558F7D88587CE5BDF215D3CD63AD4B0EBC1C446E95325F87DCF1B037DE4B3977FD388C4E",
    "77C05D9903CF18AA9B6C5D28DBC5A3693E4CAAEE278DD8EE0EE59741CC068C9C7498702F32A687676BA0D102",
    "ADF170455DE26B716E0AC1CA139371D0B5275F0B93F7079F2F9CF01D21D6C0D41E212E20FE40C1E3AFAF7347",
    "3F5B7C167901A95B4944804EDCD68D4CA4E2C5D33CBF88AC42712CED32479A036B489F3823D8B863FA9CEB9E",
    "5A4CEDABAD251911D4F920D15D72B547A0AD21276E9CFD79F87B830C32B7650568D8EBD5",
);
const WRAPPED_KEY: &str = concat!(
    "4E5805E5ACF3BE4A3FD27300E682DDB028DC43223D6D2E59DB12BCB52D238D1875CF19A69FE4052B7FED0160",
    "ADF3006D8D66156AA1A0A55E2F1A045322FED5945B2F4A7A6E66C8D2FA97479D31B106FEC1A59370184AC637",
    "3B1053DA9BE7DC01B2AA18C208E1C0779C0CCD7D4496E5326E98AE744CCC58CA7B4630D96DD37FB7B79D6FBA",
    "793018C92C61516939CCA12D19241461605D589082BB5ED79E5AE720C9DCC07250FEE527D18AD8AB3749E2EE",
    "0D48D9BC2E0AED75AD749E11A379C37B68401048AD79DE254E0B45E143EBD0797C83F7AD88D255F19153C80B",
    "159BEA4F5E604EFA98D09193FB9BE4FE922BC1D1BFD9791E7764C625AE3E85BDCC8903BD",
);
const SESSION_KEY: &str = "DB3B4D015432AB3223555A1F81759A94";
const SECRET_COMMAND: &str = "12EA229EDD36F84C2AA7E00275105C3A8A787FC9B2883540AEE827BA1C5A039496";
const CLEAR_COMMAND: &str = "4749583031340001000A8001800480349101910E";
const SECRET_RESPONSE: &str = concat!(
    "12BA90C382651269B22D0EFC90B92BC3088371386A69B9A7A85BC6AC76E48437BC73A20286ECB673A4934C85",
    "354E47160F272E1A2B53BAC1B795859E4C622FC8661A4BAE1FEE450975B7CA0420C618A1FC744765C3E708AF",
    "5602256B75A907C3F9A25689CB11239C01E36FC618B417A02A2177E3C3C873B1F06E3BD6208FF2B496A2B0BD",
    "F81232FDA097300C7D19B007DDC17E6DEF8BE7BB0E82588C0711C01B39B121BB8C66E3E0313C826927FB7F13",
    "36",
);
const CLEAR_RESPONSE: &str = concat!(
    "4749583030303135318001000C3939313237343336363135358004000D48454D495350484552455320208034",
    "0064303131313030313130303030303030303030303030303030303232323232323232323232323232323232",
    "3232323232323232323232323232323232323232323232323232323232323232323232323232323232323232",
    "32323232323232323232323232329101000AFFFFF913250043200443",
);

/// What a packet says, and the packet.
const FRAMES: [(&str, &str); 11] = [
    ("4F504E", "164F504E17A8A9"),
    ("4F504E303030", "164F504E30303017775E"),
    ("445350303030", "16445350303030173963"),
    ("474958", "1647495817594D"),
    ("544C45", "16544C451747E9"),
    ("544C45303030", "16544C4530303017F692"),
    ("544C49303230", "16544C493032301713D9"),
    ("544C52303030", "16544C5230303017951C"),
    ("47494E3030323030", "1647494E303032303017EECA"),
    ("4348503030353031303030", "164348503030353031303030174DC0"),
    (
        "445350303332202020204F50455241C7C34F2020202020202046494E414C495A414441202020",
        "16445350303332202020204F50455241C7C34F2020202020202046494E414C495A414441202020175213",
    ),
];

/// Commands that a pinpad must be able to read.
const COMMANDS: [&str; 15] = [
    "4749583031340001000A8001800480349101910E",
    "43455830313000060006303130303030",
    "4348503030353031303030",
    "4348503032393032303132303041343034303030374130303030303030303431303130",
    "434850303135303230303530304330303030303332",
    "544C49303132303054414256455230303038",
    "445349303132001E00085152434F44453031",
    "434C58303430001B002450524553544F2053484F500D4F4252494741444F20450D564F4C54452053454D50524521",
    "434E4730343031393946333330334530443043383546324130323038343044463034303531363939333738323346",
    "464E4330333030303030303130393130384536344132464532314644383836373230303030323530313138323946323739463236394633363935384639463337",
    "454258303430000F00184441444F2041205345522043524950544F4752414641444F000300023731000900023037",
    "4743583036390017000530303030300010000230380013000C3030303030303034383330300015000631333039303100160006323031383437000500069F3303E0F8C8000400045F285F24",
    "474F583131360013000C3030303030303032333435300014000C3030303030303031303030300002000133000900023037001B00224352C94449544F0D5224203233342C35300D444947495445205355412053454E4841001A000A000027101400000019500004000B959F269F279F109F349F36001000023038",
    "4643583035390005001E9108A102DB6D41C6796372129F1800860D8424000008A071544A23761AA100040007959F269F279F10001C000259330019000430303030",
    "47504E30393331303834313335454135384241313345323632463434433539454437383939414133433136343434343333333332323232313131312020203130343132522420202020202020202033342C3536444947495445205355412053454E4841",
];
const GCX_ICC_CMD: &str = concat!(
    "4743583036390017000530303030300010000230380013000C30303030303030343833303000150006313330",
    "39303100160006323031383437000500069F3303E0F8C8000400045F285F24",
);
const CEX_MAG_CMD: &str = "43455830313000060006303130303030";
const CEX_MAG_RSP: &str =
    "43455830303030333480400002393080420018343331333033323932393833303031313D31353038363031";
const GOX_RSP: &str = concat!(
    "474F583030303038388056000632303230303080540030950500800000009F2608E0DB51A3742FEA839F2701",
    "809F100C2C514D270FC3CD876CA400009F34034203029F3602004C80570008B9DF0A996EA6CCB7804C000AFF",
    "FFF798410034400008",
);
const GTK_DUKPT_RSP: &str = concat!(
    "47544B3030303133338044004E3534373832337AE2FA69BA8C62939EC2382C33D5A16C06A2D4F6EA241EDC93",
    "732192FDD5327495667C8FD2DFE6A01CB794BEC58C5765D94CE18ACDCCCB57685164DD6556C735BE357E3945",
    "6A68DB8047000AFFFFF81946001870001F80450013547823EA2FB6CD9289F9701CB0883FD6CC6F798048000A",
    "FFFFF81946001870001F",
);
const GPN_CMD: &str = concat!(
    "47504E3039333130383431333545413538424131334532363246343443353945443738393941413343313634",
    "3434343333333332323232313131312020203130343132522420202020202020202033342C35364449474954",
    "45205355412053454E4841",
);
const GOX_CMD: &str = concat!(
    "474F583131360013000C3030303030303032333435300014000C303030303030303130303030000200013300",
    "0900023037001B00224352C94449544F0D5224203233342C35300D444947495445205355412053454E484100",
    "1A000A000027101400000019500004000B959F269F279F109F349F36001000023038",
);
const FCX_CMD: &str = concat!(
    "4643583035390005001E9108A102DB6D41C6796372129F1800860D8424000008A071544A23761AA100040007",
    "959F269F279F10001C000259330019000430303030",
);
const CHP_ON_CMD: &str = "4348503030353031303030";
const CHP_SELECT_CMD: &str =
    "4348503032393032303132303041343034303030374130303030303030303431303130";
const TLI_CMD: &str = "544C49303132303054414256455230303038";
const CLX_CMD: &str = concat!(
    "434C58303430001B002450524553544F2053484F500D4F4252494741444F20450D564F4C54452053454D5052",
    "4521",
);

fn bytes(hex: &str) -> Vec<u8> {
    unhex(hex.as_bytes()).unwrap()
}

#[test]
fn packets_are_the_published_ones() {
    for (said, whole) in FRAMES {
        let (said, whole) = (bytes(said), bytes(whole));
        assert_eq!(packet(&said), whole);
        assert_eq!(Receiver::default().take(&whole, 0), [Heard::Packet(said)]);
    }
}

#[test]
fn the_published_session_key_is_in_its_wrapping() {
    let private = PublicKey::new(&bytes(MODULUS), &bytes(PRIVATE_EXPONENT)).unwrap();
    let public = PublicKey::new(&bytes(MODULUS), &[0x0D]).unwrap();
    let wrapped = bytes(WRAPPED_KEY);
    let block = private.power(wrapped.as_slice().try_into().unwrap());
    let (filling, key) = block.split_at(block.len() - 16);
    assert_eq!(filling[..2], [0, 2]);
    assert_eq!(filling.last(), Some(&0));
    assert!(!filling[2..filling.len() - 1].contains(&0));
    assert_eq!(hex(key), SESSION_KEY);
    // The same key behind the same filling is wrapped to the same bytes.
    assert_eq!(public.wrap(key, &filling[2..filling.len() - 1]), wrapped);
}

#[test]
fn secret_packets_are_the_published_ones() {
    let key = bytes(SESSION_KEY);
    let key = SessionKey::new(key.as_slice().try_into().unwrap());
    for (secret, clear) in [
        (SECRET_COMMAND, CLEAR_COMMAND),
        (SECRET_RESPONSE, CLEAR_RESPONSE),
    ] {
        assert_eq!(key.unwrap(&bytes(secret)), Ok(bytes(clear)));
        assert_eq!(hex(&key.wrap(&bytes(clear))), secret);
    }
    // The response is one that is built here.
    let response = Answer::of(&bytes(CLEAR_RESPONSE));
    let built = response.objects.iter();
    let built = built.fold(Reply::ok(*b"GIX"), |reply, (id, value)| {
        reply.object(*id, value)
    });
    assert_eq!(hex(&built.bytes()), CLEAR_RESPONSE);
}

#[test]
fn published_commands_are_read_to_their_ends() {
    let in_blocks = [&b"CHP"[..], b"TLI", b"CNG", b"FNC", b"GPN"];
    for said in COMMANDS {
        let said = bytes(said);
        let command = Command::read(&said).unwrap();
        assert!(!command.block().is_empty());
        if !in_blocks.contains(&&command.name[..]) {
            command.objects().unwrap();
        }
    }
}

#[test]
fn what_may_be_shown_of_a_track_is_published() {
    let mask = |digits: &str| Mask::read(digits.as_bytes());
    for (track, digits, shown) in [
        (
            "66733246732413=1512601234879534275432",
            "",
            "66733246732413=1512601",
        ),
        (
            "667332467324131512601234879534275432",
            "",
            "6673324673241315126",
        ),
        (
            "4444333322221111=2212601019923625524",
            "0700",
            "4444333*********=2212601",
        ),
    ] {
        assert_eq!(
            tracks::track_2(track.as_bytes(), mask(digits)),
            shown.as_bytes()
        );
    }
    for (track, digits, shown) in [
        (
            "B9994444333322221111^NOME^1512601234879",
            "",
            "B9994444333322221111^NOME^1512601",
        ),
        (
            "B3764 329710 01006^JOE^2108100265123756",
            "0604",
            "B3764 32**** *1006^JOE^2108100",
        ),
        (
            "A756325325535^PROPRIETARYFORMAT=6562532",
            "0005",
            "A*******25535^PROPR",
        ),
    ] {
        assert_eq!(
            tracks::track_1(track.as_bytes(), mask(digits)),
            shown.as_bytes()
        );
    }
}

#[test]
fn a_published_stripe_is_answered_like_the_published_one() {
    let mut host = Host::opened();
    host.act("swipe stripe-only");
    let answer = Answer::of(&host.ask(&bytes(CEX_MAG_CMD)));
    let published = Answer::of(&bytes(CEX_MAG_RSP));
    assert_eq!(answer.status, published.status);
    assert_eq!(answer.text(0x8040), published.text(0x8040));
    let (track, shown) = (answer.text(0x8042), published.text(0x8042));
    assert_eq!(track.len(), shown.len());
    assert_eq!(track.find('='), shown.find('='));
}

#[test]
fn a_published_chip_transaction_goes_through() {
    let mut host = Host::opened();
    host.act("insert visa-pin");
    // Acquirer 08 is not the one of the simulator's own tables.
    assert_eq!(host.ask(&bytes(GCX_ICC_CMD)), b"GCX070");
    let any = GCX_ICC_CMD.replace("00100002303800", "00100002303000");
    assert_ne!(any, GCX_ICC_CMD);
    host.act("insert visa-pin");
    let answer = Answer::of(&host.ask(&bytes(&any)));
    assert_eq!(answer.status, "GCX000");
    assert_eq!(answer.text(0x804F), "03");
    // 5F28 and 5F24 in the order that they were asked for.
    assert_eq!(answer.hex(0x8054), "5F280209995F2403491231");
    // The key of the example is at place 07, and PINs go under it as 3.
    assert_eq!(host.ask(&bytes(GOX_CMD)), b"GOX042");
    let own = GOX_CMD.replace("000900023037", "000900023031");
    assert_ne!(own, GOX_CMD);
    let any = own.replace("001000023038", "001000023030");
    let answer = Answer::of(&host.ask(&bytes(&any)));
    let published = Answer::of(&bytes(GOX_RSP));
    assert_eq!(answer.status, published.status);
    assert_eq!(answer.text(0x8056), published.text(0x8056));
    let ids = |answer: &Answer| {
        let mut ids: Vec<u16> = answer.objects.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&answer), ids(&published));
    // The objects stand in the order that they were asked for.
    let emv = answer.hex(0x8054);
    assert_eq!(emv[..4], published.hex(0x8054)[..4]);
    assert_eq!(emv[14..20], published.hex(0x8054)[14..20]);
    assert_eq!(host.ask(&bytes(FCX_CMD))[..6], *b"FCX000");
}

#[test]
fn published_commands_of_other_kinds_are_answered() {
    let mut host = Host::opened();
    assert_eq!(host.ask(&bytes(TLI_CMD)), b"TLI020");
    // Method 1 wants a master key.
    assert_eq!(host.ask(&bytes(GPN_CMD)), b"GPN042");
    assert_eq!(host.ask(&bytes(CHP_ON_CMD)), b"CHP043");
    host.act("insert visa-approve");
    assert_eq!(host.ask(&bytes(CHP_ON_CMD))[..12], *b"CHP000027012");
    let selected = host.ask(&bytes(CHP_SELECT_CMD));
    // Another application than the card's.
    assert_eq!(selected, b"CHP0000070026A82");
    assert_eq!(host.ask(&bytes(CLX_CMD)), b"CLX000");
    assert!(host.pinpad.screen().starts_with(b"PRESTO SHOP\rOBRIGADO"));
}

#[test]
fn encrypted_tracks_have_the_form_of_the_published_ones() {
    let mut host = Host::opened();
    host.act("swipe stripe-only");
    host.objects("CEX", &[(0x0006, b"010000")]);
    let answer = host.objects("GTK", &[(7, b"1110"), (3, b"51"), (9, b"01"), (8, b"6")]);
    let published = Answer::of(&bytes(GTK_DUKPT_RSP));
    // Six characters of track 1 stand in clear, and three bytes of track 2; the letter of the
    // format does not count.
    assert_eq!(published.value(0x8044).unwrap()[..6], *b"547823");
    assert_eq!(answer.value(0x8044).unwrap()[..6], *b"545454");
    assert_eq!(published.value(0x8045).unwrap()[..3], [0x54, 0x78, 0x23]);
    assert_eq!(answer.value(0x8045).unwrap()[..3], [0x54, 0x54, 0x54]);
    for (id, open) in [(0x8044, 6), (0x8045, 3)] {
        for answer in [&answer, &published] {
            assert_eq!((answer.value(id).unwrap().len() - open) % 8, 0);
        }
    }
    for id in [0x8047, 0x8048] {
        let length = |answer: &Answer| answer.value(id).unwrap().len();
        assert_eq!(length(&answer), length(&published));
    }
}
