//! The fuzz targets on stable: over their seeds, and over random input.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use proptest::prelude::*;
use sansmtp_tests::fuzz;

#[test]
fn seeds_hold() {
    let seeds = fuzz::seeds();
    assert!(seeds.len() > 500);
    for (target, data) in seeds {
        match target {
            "reply" => fuzz::reply(&data),
            "session" => fuzz::session(&data),
            "body" => fuzz::body(&data),
            other => panic!("unknown target {other}"),
        }
    }
}

/// Octets as servers send them, more often than by chance.
fn reply_octets() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        8 => "(220|250|334|354|235|421|451|550|554|503)[ -][ -~]{0,12}\r\n",
        2 => "[0-9]{2,4}[ -~]{0,3}\r?\n",
        1 => "\r\n",
        1 => "[ -~]{0,20}",
        1 => "\\+OK\r\n|HTTP/1.1 200 OK\r\n",
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat().into_bytes())
}

/// One action of a session: see `fuzz::session`.
fn action() -> impl Strategy<Value = Vec<u8>> {
    let said = prop_oneof![
        Just("220 hi\r\n".to_owned()),
        Just("250-h\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5 X-OWN\r\n".to_owned()),
        Just("250 ok\r\n".to_owned()),
        Just("250 ok\r\n250 ok\r\n354 go\r\n".to_owned()),
        Just("235 ok\r\n".to_owned()),
        Just("334 \r\n".to_owned()),
        Just("354 go\r\n".to_owned()),
        "(220|221|250|235|334|354|421|451|504|535|550) [a-z]{0,5}\r\n",
    ];
    let server = said.prop_map(|said| {
        let mut action = vec![0, u8::try_from(said.len()).unwrap()];
        action.extend(said.into_bytes());
        action
    });
    let text = |action: u8| {
        prop::collection::vec(any::<u8>(), 0..20).prop_map(move |text| {
            let mut octets = vec![action, u8::try_from(text.len()).unwrap()];
            octets.extend(text);
            octets
        })
    };
    prop_oneof![
        12 => server,
        2 => Just(vec![13]),
        2 => Just(vec![14, 0, 4, b'a', b'\n', b'.', b'\n']),
        2 => Just(vec![15, 0]),
        2 => Just(vec![9]),
        1 => Just(vec![7]),
        1 => Just(vec![8]),
        1 => Just(vec![19]),
        1 => Just(vec![20]),
        1 => (16_u8..24).prop_map(|action| vec![action, 0]),
        1 => text(21),
        1 => text(0),
        1 => text(5),
        1 => text(12),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replies_do_not_depend_on_cuts(mut octets in reply_octets(), seed in any::<[u8; 2]>()) {
        octets.extend(seed);
        fuzz::reply(&octets);
    }

    #[test]
    fn any_octets_are_bounded(mut octets in prop::collection::vec(any::<u8>(), 0..300), seed in any::<[u8; 2]>()) {
        octets.extend(seed);
        fuzz::reply(&octets);
    }

    #[test]
    fn messages_come_out_as_they_went_in(text in "[a.\r\n\u{0}é]{0,40}", options in any::<[u8; 3]>()) {
        let mut data = text.into_bytes();
        data.extend(options);
        fuzz::body(&data);
    }

    #[test]
    fn sessions_hold(actions in prop::collection::vec(action(), 0..30), options in any::<[u8; 2]>()) {
        let mut data = actions.concat();
        data.extend(options);
        fuzz::session(&data);
    }

    #[test]
    fn any_session_holds(mut data in prop::collection::vec(any::<u8>(), 0..200), options in any::<[u8; 2]>()) {
        data.extend(options);
        fuzz::session(&data);
    }
}
