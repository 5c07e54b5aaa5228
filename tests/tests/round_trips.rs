//! How many round trips a session costs: asserted, not measured.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use sansmtp::sasl::{Authentication, MechanismName};
use sansmtp::{Config, Envelope, Event, ForwardPath, OperationId, ReversePath, TlsMode};
use sansmtp_tests::pair::Pair;
use sansmtp_tests::server::Server;

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nhi\r\n";

fn envelope(recipients: usize) -> Envelope {
    let mut envelope = Envelope::new(ReversePath::parse("ann@example.com").unwrap());
    envelope
        .extend((0..recipients).map(|number| ForwardPath::parse(&format!("r{number}@example.org")).unwrap()));
    envelope
}

fn config(tls: TlsMode, mechanism: Option<&str>) -> Config {
    let mut config = Config::new(tls);
    config.allow_insecure_auth = true;
    config.authentication = mechanism.map(|mechanism| {
        let ann = Authentication::password("ann@example.com", "secret").unwrap();
        ann.with_mechanisms([MechanismName::parse(mechanism).unwrap()].into()).unwrap()
    });
    config
}

/// The round trips of the first message, and of the next one on the same connection.
fn flights(config: Config, extensions: &[&str], recipients: usize) -> (u64, u64) {
    let mut pair = Pair::new(config, Server::new(extensions), MESSAGE);
    let delivered = |id: OperationId| move |event: &Event| matches!(event, Event::Delivered { operation, .. } if *operation == id);
    let id = pair.send(&envelope(recipients));
    let first = pair.run_until(delivered(id));
    let id = pair.send(&envelope(recipients));
    let both = pair.run_until(delivered(id));
    for taken in &pair.server.taken {
        assert_eq!(taken.message, MESSAGE);
        assert_eq!(taken.recipients.len(), recipients);
    }
    assert_eq!(pair.server.taken.len(), 2);
    (first, both - first)
}

#[test]
fn flights_of_a_message() {
    let pipelining = &["PIPELINING", "AUTH PLAIN LOGIN CRAM-MD5", "STARTTLS"];
    let nothing = &["AUTH PLAIN LOGIN CRAM-MD5", "STARTTLS"];
    println!("server      tls       login     recipients  first  next");
    for (offer, extensions) in [("PIPELINING", &pipelining[..]), ("nothing", nothing)] {
        for (tls, by) in
            [(TlsMode::Never, "none"), (TlsMode::Required, "STARTTLS"), (TlsMode::Implicit, "implicit")]
        {
            for mechanism in [None, Some("PLAIN"), Some("LOGIN"), Some("CRAM-MD5")] {
                for recipients in [1, 10, 100] {
                    let (first, next) = flights(config(tls, mechanism), extensions, recipients);
                    let login = mechanism.unwrap_or("none");
                    println!("{offer:11} {by:9} {login:9} {recipients:10}  {first:5}  {next:4}");
                    // Greeting and EHLO; STARTTLS and EHLO again; the login; the message.
                    let setup = 2 + if tls == TlsMode::Required { 2 } else { 0 };
                    let login = match mechanism {
                        None => 0,
                        Some("PLAIN") => 1,
                        Some("CRAM-MD5") => 2,
                        Some(_) => 3,
                    };
                    let message = if offer == "PIPELINING" { 2 } else { 3 + recipients as u64 };
                    assert_eq!((first, next), (setup + login + message, message));
                }
            }
        }
    }
}

/// Which recipients the server takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Accepted {
    All,
    Some,
    None,
}

/// Every second one is refused, or every one.
fn envelope_of(recipients: usize, accepted: Accepted) -> Envelope {
    let mut envelope = Envelope::new(ReversePath::parse("ann@example.com").unwrap());
    envelope.extend((0..recipients).map(|number| {
        let is_refused = accepted == Accepted::None || (accepted == Accepted::Some && number % 2 == 1);
        let name = if is_refused { "refused" } else { "r" };
        ForwardPath::parse(&format!("{name}{number}@example.org")).unwrap()
    }));
    envelope
}

/// The round trips of a fresh session's first message, of the next one once the first has its result, and of one that
/// waited behind the first.
fn flights_in_a_row(extensions: &[&str], recipients: usize, accepted: Accepted) -> (u64, u64, u64) {
    let result = |id: OperationId| {
        move |event: &Event| match event {
            Event::Delivered { operation, .. } => *operation == id,
            Event::Failed { operation, .. } => *operation == Some(id),
            _ => false,
        }
    };
    let fresh = || Pair::new(config(TlsMode::Implicit, Some("PLAIN")), Server::new(extensions), MESSAGE);
    let envelope = envelope_of(recipients, accepted);
    let mut pair = fresh();
    let id = pair.send(&envelope);
    let first = pair.run_until(result(id));
    let id = pair.send(&envelope);
    let reused = pair.run_until(result(id)) - first;
    let mut queue = fresh();
    let ids = [queue.send(&envelope), queue.send(&envelope)];
    let before = queue.run_until(result(ids[0]));
    assert_eq!(before, first, "what waits behind a message does not slow it down");
    let queued = queue.run_until(result(ids[1])) - before;
    for pair in [pair, queue] {
        let expected = if accepted == Accepted::None { 0 } else { 2 };
        assert_eq!(pair.server.taken.len(), expected);
        assert!(pair.server.taken.iter().all(|taken| taken.message == MESSAGE));
    }
    (first, reused, queued)
}

#[test]
fn flights_of_messages_in_a_row() {
    let offers: [(&str, &[&str]); 4] = [
        ("PIPELINING + CHUNKING", &["PIPELINING", "CHUNKING", "AUTH PLAIN"]),
        ("PIPELINING", &["PIPELINING", "AUTH PLAIN"]),
        ("CHUNKING", &["CHUNKING", "AUTH PLAIN"]),
        ("nothing", &["AUTH PLAIN"]),
    ];
    println!(
        "with implicit TLS and PLAIN; reused: the next message; queued: one that waited behind the first"
    );
    println!("server                 recipients  accepted  fresh  reused  queued");
    for (offer, extensions) in offers {
        for recipients in [1, 10, 100] {
            for accepted in [Accepted::All, Accepted::Some, Accepted::None] {
                let found = flights_in_a_row(extensions, recipients, accepted);
                let (fresh, reused, queued) = found;
                let shown = format!("{accepted:?}").to_lowercase();
                println!("{offer:21}  {recipients:10}  {shown:8}  {fresh:5}  {reused:6}  {queued:6}");
                // One recipient is accepted or not.
                let is_lost = accepted == Accepted::None;
                let each = recipients as u64;
                // Greeting, EHLO and AUTH; RSET, where it cannot go ahead.
                let (setup, reset) = (3, u64::from(is_lost));
                let expected = match (offer, is_lost) {
                    ("PIPELINING + CHUNKING", _) => (setup + 1, 1, 0),
                    ("PIPELINING", false) => (setup + 2, 2, 1),
                    ("PIPELINING", true) => (setup + 1, 1, 1),
                    ("CHUNKING", false) => (setup + each + 2, each + 2, each + 2),
                    (_, false) => (setup + each + 3, each + 3, each + 3),
                    (_, true) => (setup + each + 1, reset + each + 1, reset + each + 1),
                };
                assert_eq!(found, expected, "{offer}, {recipients} recipients, {accepted:?}");
            }
        }
    }
}

#[test]
fn a_fresh_session_with_plain_and_pipelining_takes_five() {
    for recipients in [1, 10, 100] {
        let config = config(TlsMode::Implicit, Some("PLAIN"));
        assert_eq!(flights(config, &["PIPELINING", "AUTH PLAIN"], recipients), (5, 2));
    }
}

/// 32 KiB of commands may be under way; what is more waits for the replies.
#[test]
fn many_recipients_go_in_windows() {
    // 30 octets a recipient: about 1,090 in one window.
    let (first, next) = flights(config(TlsMode::Never, None), &["PIPELINING"], 2000);
    assert_eq!((first, next), (2 + 3, 3));
}

#[test]
fn a_refused_message_costs_the_next_one_nothing() {
    let mut pair = Pair::new(config(TlsMode::Never, None), Server::new(&["PIPELINING"]), MESSAGE);
    let refused = Envelope::new(ReversePath::null()).to(ForwardPath::parse("refused@example.org").unwrap());
    pair.send(&refused);
    let failed = pair.run_until(|event| matches!(event, Event::Failed { .. }));
    pair.send(&envelope(1));
    let delivered = pair.run_until(|event| matches!(event, Event::Delivered { .. }));
    assert_eq!((failed, delivered - failed), (3, 2));
    assert_eq!(
        pair.server.commands[4..],
        ["RSET", "MAIL FROM:<ann@example.com>", "RCPT TO:<r0@example.org>", "DATA"]
    );
}
