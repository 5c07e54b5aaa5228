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
