//! The fuzz targets on stable: over their seeds, and over random input.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use proptest::prelude::*;
use sansmtp::sasl::Authentication;
use sansmtp::{BodyPlan, Client, Config, Envelope, Event, ForwardPath, ReversePath, Time, TlsInfo, TlsMode};
use sansmtp_tests::{flight, fuzz};

#[test]
fn seeds_hold() {
    let seeds = fuzz::seeds();
    assert!(seeds.len() > 500);
    for (target, data) in seeds {
        match target {
            "reply" => fuzz::reply(&data),
            "session" => fuzz::session(&data),
            "body" => fuzz::body(&data),
            "sasl" => fuzz::sasl(&data),
            other => panic!("unknown target {other}"),
        }
    }
}

/// TLS from the first octet with a peer that is not to be verified, a greeting, and EHLO over that.
#[test]
fn an_unverified_peer_is_taken_where_the_settings_say_so() {
    fuzz::session(b"\x0d\x0a\x00\x08220 go\r\n\xa3\xa3");
}

/// Inputs as long as the fuzzer makes them, of the shortest actions: the work is in proportion to the input, here and
/// in the core. Nothing is measured: if it were not so, this would take minutes.
#[test]
fn long_sessions_take_no_longer_than_their_input() {
    let greeted = b"\x00\x08220 hi\r\n\x00\x08250 ok\r\n";
    for actions in
        [&[13][..], &[17], &[18, 1, b'x'], &[16, 3], &[22, 0, 8, b'2', b'5', b'0', b' ', b'o', b'k', 13, 10]]
    {
        let mut data = greeted.to_vec();
        data.extend(actions.iter().cycle().take(65_000));
        for options in [[0, 1], [6, 1]] {
            fuzz::session(&[&data[..], &options].concat());
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

/// Challenges as servers send them, more often than by chance.
fn challenge() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        "r=MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u[!-+]{0,3},s=[A-Za-z]{4},i=(4096|4100|0|9999999999)",
        "[rvesi]=[ -~]{0,20}",
        "nonce=\"[a-z]{0,5}\",algorithm=md5-sess,qop=\"auth\",realm=\"[a-z]{0,5}\"",
        "rspauth=[0-9a-f]{30,34}",
    ];
    prop_oneof![
        3 => text.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..80),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(|octets| {
            [b"NTLMSSP\0\x02\0\0\0\0\0\0\0\x30\0\0\0\x05\x82\x89\xa2".as_slice(), &octets].concat()
        }),
    ]
}

/// One action of a session: see `fuzz::session`.
fn action() -> impl Strategy<Value = Vec<u8>> {
    let said = prop_oneof![
        Just("220 hi\r\n".to_owned()),
        Just("250-h\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 OAUTHBEARER X-OWN\r\n".to_owned()),
        Just("250-h\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-8BITMIME\r\n250-DSN\r\n250 LIMITS RCPTMAX=2\r\n".to_owned()),
        Just("250 ok\r\n250 ok\r\n452 4.5.3 many\r\n250 ok\r\n250 ok\r\n".to_owned()),
        Just("250 ok\r\n".to_owned()),
        Just("250 ok\r\n250 ok\r\n354 go\r\n".to_owned()),
        Just("235 ok\r\n".to_owned()),
        Just("334 \r\n".to_owned()),
        Just("354 go\r\n".to_owned()),
        "(220|221|250|235|334|354|421|451|452|503|504|535|550) [a-z]{0,5}\r\n",
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
        1 => (16_u8..28).prop_map(|action| vec![action, 0]),
        2 => any::<u8>().prop_map(|options| vec![26, options]),
        1 => any::<u8>().prop_map(|length| vec![25, 0, length]),
        1 => text(21),
        1 => text(0),
        1 => text(5),
        1 => text(12),
    ]
}

/// What a client says and tells behind STARTTLS, when it was told `before` in clear and `after` inside TLS.
fn behind_tls(before: &str, after: &[String]) -> (Vec<u8>, Vec<Event>) {
    let now = Time::from_millis(0);
    let mut config = Config::new(TlsMode::Required);
    config.authentication = Some(Authentication::password("ann@example.com", "password").unwrap());
    let mut client = Client::new(config, now);
    let envelope = Envelope::new(ReversePath::null()).to(ForwardPath::parse("b@example.org").unwrap());
    client.send(&envelope, BodyPlan::default()).unwrap();
    let take = |client: &mut Client| {
        (flight(client, now), std::iter::from_fn(|| client.poll_event()).collect::<Vec<_>>())
    };
    for server in
        ["220 hi\r\n".to_owned(), format!("250-hi\r\n{before}250 STARTTLS\r\n"), "220 go\r\n".to_owned()]
    {
        client.handle_input(now, server.as_bytes()).unwrap();
        take(&mut client);
    }
    client.tls_established(now, TlsInfo::new(true)).unwrap();
    let (mut wire, mut events) = take(&mut client);
    for server in after {
        let _ = client.handle_input(now, server.as_bytes());
        let (more_wire, more_events) = take(&mut client);
        wire.extend(more_wire);
        events.extend(more_events);
    }
    (wire, events)
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

    /// RFC 3207 §4.2: what was said in clear has no effect on what comes behind TLS.
    #[test]
    fn nothing_in_clear_outlives_tls(
        before in "(250-(PIPELINING|SIZE [0-9]{1,4}|AUTH (PLAIN|LOGIN|CRAM-MD5)( X)?|SMTPUTF8|8BITMIME|[A-Z]{1,8})\r\n){0,6}",
        after in prop::collection::vec(
            "(250-h\r\n(250-PIPELINING\r\n)?250 AUTH (PLAIN|LOGIN|CRAM-MD5)\r\n|235 ok\r\n|334 \r\n|250 ok\r\n|250 ok\r\n250 ok\r\n354 go\r\n|5[035]0 no\r\n)",
            0..8,
        ),
    ) {
        prop_assert_eq!(behind_tls(&before, &after), behind_tls("", &after));
    }

    #[test]
    fn any_session_holds(mut data in prop::collection::vec(any::<u8>(), 0..200), options in any::<[u8; 2]>()) {
        data.extend(options);
        fuzz::session(&data);
    }

    #[test]
    fn logins(messages in prop::collection::vec(challenge(), 0..4), options in any::<[u8; 2]>()) {
        let mut data = Vec::new();
        for message in messages {
            data.push(u8::try_from(message.len()).unwrap_or(u8::MAX));
            data.extend(message.iter().take(255));
        }
        data.extend(options);
        fuzz::sasl(&data);
    }
}
