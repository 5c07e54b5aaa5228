//! What real servers said: every captured session through the reply parser, and through a client.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::fs;

use sansmtp::reply::{EnhancedCode, Limits, Parser, ReplyError};
use sansmtp::{
    BodyPlan, Cause, Client, Config, Envelope, Error, Event, ForwardPath, PeerMisbehaved, ReversePath, Time,
    TlsInfo, TlsMode, Transfer,
};
use sansmtp_tests::capture::{self, Capture};
use sansmtp_tests::flight;

/// The replies in the notation of `EXPECTED.tsv`, and whether a line ended in LF alone.
fn replies(pieces: &[&[u8]]) -> (String, bool) {
    let mut parser = Parser::new(Limits::default());
    let mut found = Vec::new();
    let mut bare_line_feed = false;
    'all: for piece in pieces {
        let mut input = *piece;
        loop {
            match parser.feed(&mut input) {
                Ok(Some(reply)) => {
                    let mut text = reply.code.to_string();
                    if reply.lines > 1 {
                        text.push_str(&format!("x{}", reply.lines));
                    }
                    let last = reply.text.split(|octet| *octet == b'\n').next_back().unwrap();
                    if let Some((enhanced, _)) = EnhancedCode::split(reply.code, last) {
                        text.push_str(&format!("/{enhanced}"));
                    }
                    bare_line_feed |= reply.quirks.bare_line_feed;
                    found.push(text);
                }
                Ok(None) => break,
                Err(ReplyError::Peer(PeerMisbehaved::MalformedReply, _)) => {
                    found.push("<ERR malformed line".into());
                    break 'all;
                }
                Err(error) => {
                    found.push(format!("{error:?}"));
                    break 'all;
                }
            }
        }
    }
    (found.join(" "), bare_line_feed)
}

#[test]
fn captures_give_the_expected_replies() {
    let expected = fs::read_to_string(capture::folder().join("EXPECTED.tsv")).unwrap();
    let captures = Capture::all();
    for capture in &captures {
        let line = expected.lines().find(|line| line.starts_with(&capture.name)).expect("an expectation");
        let mut columns = line.split('\t').skip(1);
        let (flags, wanted) = (columns.next().unwrap(), columns.next().unwrap());
        // `<TLS>` is not a reply, and what a malformed line says stands behind its mark.
        let wanted = wanted.split(" b'").next().unwrap().trim_end_matches(" <TLS>");
        let whole = capture.segments.concat();
        let segments: Vec<&[u8]> = capture.segments.iter().map(Vec::as_slice).collect();
        let lines: Vec<&[u8]> = whole.split_inclusive(|octet| *octet == b'\n').collect();
        let octets: Vec<&[u8]> = whole.chunks(1).collect();
        for (cut, pieces) in
            [("whole", &[&whole[..]][..]), ("segments", &segments), ("lines", &lines), ("octets", &octets)]
        {
            assert_eq!(replies(pieces), (wanted.to_owned(), flags == "bare-LF"), "{}, {cut}", capture.name);
        }
    }
    assert_eq!(captures.len(), expected.lines().count());
}

/// A client that sends one message to as many recipients as the capture has, fed one segment at a time, and writes
/// what it has to after each. Gives what came of it.
fn outcome(capture: &Capture, step: usize) -> String {
    let now = Time::from_millis(0);
    let mut config = Config::new(TlsMode::Never);
    if capture.name.contains("starttls") {
        config.tls = TlsMode::Required;
    }
    if capture.name.contains("465") {
        config.tls = TlsMode::Implicit;
    }
    let mut client = Client::new(config, now);
    let to = |name: &str| ForwardPath::parse(name).unwrap();
    let mut envelope = Envelope::new(ReversePath::parse("a@example.com").unwrap()).to(to("b@example.org"));
    if capture.name.contains("many-rcpt") {
        envelope.extend((1..30).map(|number| to(&format!("r{number}@example.org"))));
    }
    // As the client did whose session it is.
    let mut plan = BodyPlan::default();
    plan.transfer = if capture.name.contains("bdat") { Transfer::Auto } else { Transfer::Data };
    client.send(&envelope, plan).unwrap();
    let mut said = Vec::new();
    let mut work = |client: &mut Client| {
        loop {
            while let Some(event) = client.poll_event() {
                said.push(match event {
                    Event::SendBody { operation, .. } => {
                        let message = b"Subject: x\r\n\r\nx\r\n";
                        let given = client.body(operation, message).and_then(|_| client.end_body(operation));
                        if given.is_ok() { "body" } else { "body not taken" }.to_owned()
                    }
                    Event::StartTls => "tls".to_owned(),
                    Event::Recipient { verdict, .. } => format!("{verdict:?}").to_lowercase(),
                    Event::Delivered { .. } => "delivered".to_owned(),
                    Event::ServerClosing { .. } => "server closing".to_owned(),
                    Event::Failed { operation, failure } => {
                        let who = if operation.is_some() { "message" } else { "session" };
                        let why = match failure.cause {
                            Cause::Error { error: Error::PeerMisbehaved(how) } => format!("{how:?}"),
                            Cause::Error { error } => format!("{error:?}"),
                            cause => format!("{cause:?}"),
                        };
                        format!("{who} {:?} {:?}: {why}", failure.stage, failure.outcome)
                    }
                    Event::Closed => "closed".to_owned(),
                    _ => continue,
                });
            }
            if flight(client, now).is_empty() {
                return;
            }
        }
    };
    work(&mut client);
    for segment in &capture.segments {
        for piece in segment.chunks(step) {
            let _ = client.handle_input(now, piece);
        }
        work(&mut client);
    }
    if client.wants_input() {
        let _ = client.handle_eof(now);
    } else if client.error().is_none() {
        let _ = client.tls_established(now, TlsInfo::new(true));
        let _ = client.handle_eof(now);
    }
    work(&mut client);
    said.dedup();
    said.join(", ")
}

#[test]
fn captures_give_the_listed_outcome() {
    let listed = fs::read_to_string(capture::folder().join("OUTCOMES.tsv")).unwrap_or_default();
    let mut all = String::new();
    for capture in Capture::all() {
        let found = outcome(&capture, usize::MAX);
        assert_eq!(outcome(&capture, 1), found, "{}, by octet", capture.name);
        all.push_str(&format!("{}\t{found}\n", capture.name));
    }
    assert_eq!(all, listed, "\n{all}");
}
