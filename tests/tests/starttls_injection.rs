//! Octets in clear behind the 220 that accepts STARTTLS, however they are cut. The dialogues cannot say this: it is
//! the one place where the cut shows, as `StartTls` directly before the error (RFC 3207 §4.2).
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use sansmtp::sasl::Authentication;
use sansmtp::{Client, Config, Error, Event, PeerMisbehaved, Stage, Time, TlsInfo, TlsMode};
use sansmtp_tests::flight;

const NOW: Time = Time::from_millis(0);

/// A client whose STARTTLS is out.
fn client() -> Client {
    let mut config = Config::new(TlsMode::Required);
    config.authentication = Some(Authentication::password("ann@example.com", "q8Zv-canary-W3xT").unwrap());
    let mut client = Client::new(config, NOW);
    for (server, command) in [
        ("220 hi\r\n", "EHLO [127.0.0.1]\r\n"),
        ("250-hi\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n", "STARTTLS\r\n"),
    ] {
        client.handle_input(NOW, server.as_bytes()).unwrap();
        assert_eq!(flight(&mut client, NOW), command.as_bytes());
    }
    while client.poll_event().is_some() {}
    client
}

/// T-01, T-02 and T-03 of the attack list.
#[test]
fn octets_behind_the_220_are_fatal() {
    const ACCEPTED: &str = "220 go\r\n";
    let error = Error::PeerMisbehaved(PeerMisbehaved::PlaintextAfterStartTls);
    for residue in [
        "250-evil\r\n250 AUTH PLAIN LOGIN\r\n",
        "250-SMTPUTF8 INJECTED-MARKER ",
        "235 ok\r\n",
        "\r\n",
        "\n",
        " ",
        "\0",
        "2",
    ] {
        let octets = [ACCEPTED.as_bytes(), residue.as_bytes()].concat();
        // Cut in two at every place, the ends among them, and by octet.
        let mut cuts: Vec<Vec<&[u8]>> =
            (0..=octets.len()).map(|at| vec![&octets[..at], &octets[at..]]).collect();
        cuts.push(octets.chunks(1).collect());
        for pieces in cuts {
            let mut client = client();
            let mut result = Ok(());
            for piece in &pieces {
                result = client.handle_input(NOW, piece);
            }
            // Nothing is said after the end of the octets: an empty piece tells the same.
            assert_eq!(client.handle_input(NOW, b""), Err(error), "{residue:?} in {pieces:?}");
            assert!(pieces.last().is_some_and(|last| last.is_empty()) || result == Err(error));
            let mut events: Vec<Event> = std::iter::from_fn(|| client.poll_event()).collect();
            let is_cut_at_the_line_end = pieces.len() > 2 || pieces[0].len() == ACCEPTED.len();
            assert_eq!(events.first() == Some(&Event::StartTls), is_cut_at_the_line_end, "{pieces:?}");
            events.retain(|event| *event != Event::StartTls);
            let [Event::Failed { operation: None, failure }, Event::Closed] = &events[..] else {
                panic!("{events:?}");
            };
            assert_eq!(failure.stage, Stage::Tls);
            assert_eq!(flight(&mut client, NOW), b"");
            assert!(!client.wants_input());
            assert_eq!(client.tls_established(NOW, TlsInfo::new(true)), Err(error));
            assert_eq!(flight(&mut client, NOW), b"", "no login, no EHLO, nothing");
        }
    }
}

/// Without a residue the handshake is asked for, once, and EHLO is said again.
#[test]
fn the_220_alone_starts_tls() {
    let mut client = client();
    client.handle_input(NOW, b"220 go\r\n").unwrap();
    assert_eq!(client.poll_event(), Some(Event::StartTls));
    assert_eq!(client.poll_event(), None);
    assert!(!client.wants_input());
    assert!(client.capabilities().mechanisms().is_empty(), "what was learned in clear is forgotten");
    client.tls_established(NOW, TlsInfo::new(true)).unwrap();
    assert_eq!(flight(&mut client, NOW), b"EHLO [127.0.0.1]\r\n");
}
