//! Messages behind each other, in parts and in chunks: what went wrong once, as short as it gets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use sansmtp::{
    ApiMisuse, BodyPlan, Client, Config, Content, DataSent, Envelope, Event, ForwardPath, LineEnds, Outcome,
    Pipelining, ReversePath, Segment, Stage, Time, TlsMode, Verdict,
};
use sansmtp_tests::flight;

const NOW: Time = Time::from_millis(0);

fn config() -> Config {
    Config::new(TlsMode::Never)
}

fn envelope(recipients: usize) -> Envelope {
    let mut envelope = Envelope::new(ReversePath::parse("ann@example.com").unwrap());
    envelope
        .extend((0..recipients).map(|number| ForwardPath::parse(&format!("r{number}@example.org")).unwrap()));
    envelope
}

/// A session that is ready, with a server that offers these.
fn ready(config: Config, offers: &[&str]) -> Client {
    let mut client = Client::new(config, NOW);
    say(&mut client, "220 hi\r\n");
    flight(&mut client, NOW);
    let mut lines = String::from("250-hi\r\n");
    for offer in offers {
        lines += &format!("250-{offer}\r\n");
    }
    say(&mut client, &(lines + "250 HELP\r\n"));
    client
}

/// The server says this; what happened then.
fn say(client: &mut Client, replies: &str) -> Vec<Event> {
    let _ = client.handle_input(NOW, replies.as_bytes());
    events(client)
}

fn events(client: &mut Client) -> Vec<Event> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

fn sent(client: &mut Client) -> String {
    String::from_utf8(flight(client, NOW)).unwrap()
}

fn results(events: &[Event]) -> Vec<(u32, &Event)> {
    let result = |event| match event {
        &Event::Delivered { operation, .. }
        | &Event::Answer { operation, .. }
        | &Event::Failed { operation: Some(operation), .. } => Some((operation.get(), event)),
        _ => None,
    };
    events.iter().filter_map(result).collect()
}

#[test]
fn the_rest_of_a_message_does_not_go_into_the_next_one() {
    let mut client = ready(config(), &["PIPELINING", "LIMITS RCPTMAX=1"]);
    let first = client.send(&envelope(2), BodyPlan::default()).unwrap();
    let second = client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n354 go\r\n");
    client.body(first, b"one").unwrap();
    client.end_body(first).unwrap();
    assert!(
        sent(&mut client)
            .ends_with(".\r\nRSET\r\nMAIL FROM:<ann@example.com>\r\nRCPT TO:<r0@example.org>\r\nDATA\r\n")
    );
    say(&mut client, "250 taken\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    client.body(second, b"two").unwrap();
    client.end_body(second).unwrap();
    let wire = sent(&mut client);
    assert!(wire.starts_with("two\r\n.\r\n"), "{wire}");
}

#[test]
fn too_many_recipients_are_asked_for_once_more_and_not_twice() {
    let mut client = ready(config(), &[]);
    let id = client.send(&envelope(5), BodyPlan::default()).unwrap();
    let (mut wire, mut accepted) = (String::new(), 0);
    for _ in 0..40 {
        let line = sent(&mut client);
        if line.is_empty() {
            break;
        }
        wire += &line;
        accepted =
            if line.starts_with("MAIL") { 0 } else { accepted + usize::from(line.starts_with("RCPT")) };
        let events = match line.get(..4).unwrap_or_default() {
            "RCPT" if accepted == 2 && !wire.contains("DATA") => say(&mut client, "452 4.5.3 too many\r\n"),
            "DATA" => say(&mut client, "354 go\r\n"),
            _ => say(&mut client, "250 ok\r\n"),
        };
        if events.iter().any(|event| matches!(event, Event::SendBody { .. })) {
            client.end_body(id).unwrap();
        }
    }
    // Refused once and accepted once.
    assert_eq!(wire.matches("<r1@").count(), 2, "{wire}");
    assert_eq!(wire.matches("MAIL").count(), 2, "{wire}");
}

#[test]
fn nothing_follows_an_open_transaction_without_rset() {
    let mut config = config();
    config.limits.chunk = 64;
    let mut client = ready(config, &["PIPELINING", "CHUNKING"]);
    let first = client.send(&envelope(1), BodyPlan::default()).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    client.body(first, &[b'a'; 100]).unwrap();
    assert!(sent(&mut client).contains("BDAT 64\r\n"));
    say(&mut client, "250 ok\r\n550 no\r\n");
    let ahead = sent(&mut client);
    assert!(ahead.is_empty() || ahead.starts_with("RSET"), "{ahead}");
}

#[test]
fn the_last_chunk_goes_out_once_the_one_before_is_written() {
    let mut config = config();
    (config.limits.chunk, config.limits.transmit) = (64, 64);
    let mut client = ready(config, &["PIPELINING", "CHUNKING"]);
    let id = client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n");
    assert_eq!(client.body(id, &[b'a'; 100]), Ok(100));
    client.end_body(id).unwrap();
    let length: usize = client.transmit().filter_map(Segment::bytes).map(<[u8]>::len).sum();
    client.transmitting(NOW, length as u64).unwrap();
    say(&mut client, "250 chunk\r\n");
    client.transmitted(NOW, length as u64).unwrap();
    assert!(
        sent(&mut client).ends_with("aa\r\n"),
        "nothing goes out, and no timer runs: {:?}",
        client.poll_timeout()
    );
}

#[test]
fn a_message_that_was_cancelled_has_one_result_and_takes_no_other_with_it() {
    let mut client = ready(config(), &["PIPELINING", "CHUNKING"]);
    let mut plan = BodyPlan::default();
    plan.once = true;
    let first = client.send(&envelope(1), plan).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    events(&mut client);
    client.cancel(first).unwrap();
    let events = events(&mut client);
    assert_eq!(results(&events).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [0], "{events:?}");
    assert!(sent(&mut client).starts_with("MAIL"), "the other one is gone");
}

#[test]
fn cancelled_between_two_parts() {
    let mut client = ready(config(), &["PIPELINING", "LIMITS RCPTMAX=1"]);
    let first = client.send(&envelope(2), BodyPlan::default()).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n354 go\r\n");
    client.end_body(first).unwrap();
    let count = b".\r\nMAIL FROM:<ann@example.com>\r\n".len() as u64;
    client.transmitting(NOW, count).unwrap();
    client.transmitted(NOW, count).unwrap();
    say(&mut client, "250 taken\r\n");
    client.cancel(first).unwrap();
    let mut events = events(&mut client);
    sent(&mut client);
    events.extend(say(&mut client, "250 ok\r\n"));
    let is_waiting = client.poll_timeout().is_some();
    assert!(is_waiting || events.contains(&Event::Closed), "the next one never ends: {events:?}");
}

#[test]
fn what_a_part_delivered_is_not_reported_as_failed() {
    let mut client = ready(config(), &["LIMITS RCPTMAX=1"]);
    let id = client.send(&envelope(2), BodyPlan::default()).unwrap();
    for reply in ["250 ok\r\n", "250 ok\r\n", "354 go\r\n"] {
        sent(&mut client);
        say(&mut client, reply);
    }
    client.end_body(id).unwrap();
    sent(&mut client);
    let mut all = say(&mut client, "250 taken\r\n");
    let _ = client.handle_eof(NOW);
    all.extend(events(&mut client));
    assert!(matches!(results(&all)[..], [(0, Event::Delivered { .. })]), "{all:#?}");
}

fn lmtp() -> Config {
    let mut config = config();
    config.lmtp = true;
    config
}

#[test]
fn an_lmtp_failure_is_that_of_the_message_and_not_of_another_recipient() {
    let mut client = ready(lmtp(), &["PIPELINING"]);
    let id = client.send(&envelope(2), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n550 no such user\r\n250 ok\r\n354 go\r\n");
    client.end_body(id).unwrap();
    sent(&mut client);
    let events = say(&mut client, "452 mailbox full\r\n");
    let [(0, Event::Failed { failure, .. })] = results(&events)[..] else { panic!("{events:?}") };
    assert_eq!(failure.outcome, Outcome::Temporary, "{failure:?}");
    assert_eq!(failure.reply.as_ref().unwrap().code().get(), 452);
}

#[test]
fn lmtp_replies_are_waited_for_when_the_next_message_is_cancelled() {
    let mut client = ready(lmtp(), &["PIPELINING"]);
    let first = client.send(&envelope(2), BodyPlan::default()).unwrap();
    let second = client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    client.end_body(first).unwrap();
    sent(&mut client);
    let mut all = say(&mut client, "250 first\r\n");
    client.cancel(second).unwrap();
    all.extend(events(&mut client));
    all.extend(say(&mut client, "250 second\r\n"));
    let delivered =
        all.iter().filter(|event| matches!(event, Event::Delivery { verdict: Verdict::Accepted, .. }));
    assert_eq!(delivered.count(), 2, "{all:#?}");
}

#[test]
fn rset_follows_a_last_chunk_that_lmtp_refused_for_all() {
    let mut client = ready(lmtp(), &["CHUNKING", "LIMITS RCPTMAX=1"]);
    let id = client.send(&envelope(3), BodyPlan::default()).unwrap();
    for last in ["250 taken\r\n", "451 no\r\n"] {
        for reply in ["250 ok\r\n", "250 ok\r\n"] {
            sent(&mut client);
            say(&mut client, reply);
        }
        client.end_body(id).unwrap();
        sent(&mut client);
        say(&mut client, last);
    }
    assert_eq!(sent(&mut client), "RSET\r\n");
}

#[test]
fn a_session_that_cannot_be_set_up_fails_all_messages_alike() {
    let mut client = Client::new(config(), NOW);
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    let events = say(&mut client, "554 go away\r\n");
    for (_, result) in results(&events) {
        let Event::Failed { failure, .. } = result else { panic!("{result:?}") };
        assert_eq!(failure.outcome, Outcome::Permanent, "{failure:?}");
    }
}

#[test]
fn results_come_in_order() {
    let mut client = ready(config(), &[]);
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    let plan = BodyPlan::default().with_content(Content::EightBit);
    client.send(&envelope(1), plan).unwrap();
    sent(&mut client);
    let mut all = events(&mut client);
    for _ in 0..2 {
        all.extend(say(&mut client, "250 ok\r\n"));
        sent(&mut client);
    }
    assert_eq!(results(&all), [], "the first one waits for the answer to DATA");
}

#[test]
fn messages_that_wait_for_each_other_do() {
    let mut config = config();
    config.pipelining = Pipelining::WithinMessage;
    let mut client = ready(config, &["PIPELINING"]);
    client.verify_recipients(&envelope(1)).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    assert_eq!(sent(&mut client).matches("MAIL").count(), 1);
}

#[test]
fn a_message_that_is_to_begin_again_did_not_fail_for_good() {
    let mut client = ready(config(), &["PIPELINING"]);
    let first = client.send(&envelope(1), BodyPlan::default()).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n354 go\r\n");
    client.end_body(first).unwrap();
    sent(&mut client);
    say(&mut client, "250 taken\r\n503 out of order\r\n");
    let _ = client.handle_eof(NOW);
    let events = events(&mut client);
    let [(1, Event::Failed { failure, .. })] = results(&events)[..] else { panic!("{events:?}") };
    assert_eq!(failure.outcome, Outcome::Temporary, "{failure:?}");
}

#[test]
fn a_cr_that_is_held_back_is_not_lost_before_a_chunk_of_the_hosts_own() {
    let mut client = ready(config(), &["PIPELINING", "CHUNKING"]);
    let mut plan = BodyPlan::default();
    plan.line_ends = LineEnds::Canonical;
    let id = client.send(&envelope(1), plan).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n");
    assert_eq!(client.body(id, b"\r"), Ok(1));
    // Either it is refused, or the CR goes out before it.
    if client.body_chunk(id, 2, true) == Ok(true) {
        let wire = sent(&mut client);
        assert!(wire.contains('\r') && !wire.starts_with("BDAT 2 LAST"), "{wire:?}");
    }
}

#[test]
fn an_early_refusal_is_of_the_message_that_is_given() {
    let mut client = ready(config(), &["PIPELINING", "LIMITS RCPTMAX=1"]);
    let first = client.send(&envelope(2), BodyPlan::default()).unwrap();
    let second = client.send(&envelope(1), BodyPlan::default()).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n354 go\r\n");
    client.end_body(first).unwrap();
    sent(&mut client);
    say(&mut client, "250 taken\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
    client.body(second, b"text").unwrap();
    sent(&mut client);
    let events = say(&mut client, "552 too big\r\n");
    let results = results(&events);
    let Some((_, Event::Failed { failure, .. })) = results.iter().find(|(id, _)| *id == second.get()) else {
        panic!("{results:?}")
    };
    assert_eq!((failure.stage, failure.outcome), (Stage::Data, Outcome::Permanent), "{failure:?}");
    // The other one was delivered to one, and nobody said that it is too big for the other.
    let temporary =
        |event: &Event| matches!(event, Event::Delivery { index: 1, verdict: Verdict::Temporary, .. });
    assert!(events.iter().any(temporary), "{events:?}");
}

#[test]
fn an_end_that_was_taken_back_was_not_sent() {
    let mut config = config();
    config.limits.chunk = 64;
    let mut client = ready(config, &["PIPELINING", "CHUNKING"]);
    let first = client.send(&envelope(1), BodyPlan::default()).unwrap();
    client.body(first, &[b'a'; 64]).unwrap();
    sent(&mut client);
    say(&mut client, "250 ok\r\n250 ok\r\n");
    client.body(first, &[b'a'; 65]).unwrap();
    sent(&mut client);
    client.end_body(first).unwrap();
    client.send(&envelope(1), BodyPlan::default()).unwrap();
    say(&mut client, "552 too big\r\n");
    sent(&mut client);
    let events = say(&mut client, "552 too big\r\n");
    let [(_, Event::Failed { failure, .. }), ..] = results(&events)[..] else { panic!("{events:?}") };
    assert_eq!(failure.data_sent, DataSent::Partial);
}

#[test]
fn a_chunk_without_end_is_refused() {
    let mut client = ready(config(), &["CHUNKING", "BINARYMIME"]);
    let plan = BodyPlan::default().with_content(Content::Binary);
    let id = client.send(&envelope(1), plan).unwrap();
    for _ in 0..2 {
        sent(&mut client);
        say(&mut client, "250 ok\r\n");
    }
    for length in [u64::MAX, u64::MAX - 100, u64::MAX / 2] {
        assert_eq!(client.body_chunk(id, length, false), Err(ApiMisuse::ChunkNotPossible.into()));
    }
    assert_eq!(client.body_chunk(id, 5, true), Ok(true));
    assert_eq!(sent(&mut client), "BDAT 5 LAST\r\n#####");
}
