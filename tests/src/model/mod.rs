//! A server whose state is the truth, a caller who does anything that the API allows, and a connection between them that
//! cuts, delays and breaks: what the client reports must be what the server did.

mod caller;
mod random;
mod server;

use std::collections::BTreeMap;

use sansmtp::sasl::{Authentication, MechanismName};
use sansmtp::{
    Cause, Client, Config, DataSent, Error, Event, Failure, Outcome, Pipelining, RecipientPolicy, Segment,
    Stage, Time, TlsMode, Verdict,
};

use caller::{Kind, Operation};
use random::Random;
use server::{Had, Rules, Server};

/// Domains that recipients are in.
const DOMAINS: usize = 3;
/// Rounds after which a session that did not end never will.
const ROUNDS: usize = 20_000;

/// Octets that the client queued up to a position, and what it knew then.
#[derive(Clone, Copy, Debug)]
struct Queued {
    end: u64,
    had: Had,
}

/// What became of a session.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Messages that were delivered, that failed, and of which nobody knows.
    pub delivered: usize,
    /// See `delivered`.
    pub failed: usize,
    /// See `delivered`.
    pub unknown: usize,
}

struct Session {
    random: Random,
    client: Client,
    server: Server,
    now: u64,
    operations: Vec<Operation>,
    /// Octets handed over that the client was not told to be written.
    unconfirmed: u64,
    handed: u64,
    queued: Vec<Queued>,
    /// Replies that the client has in full, and octets that it has of the next one.
    had: usize,
    partly: usize,
    is_over: bool,
    has_quit: bool,
    is_shown: bool,
    /// Operations yet to be called for.
    plans: usize,
    /// The caller gives up something now and then.
    gives_up: bool,
    lawful: bool,
}

/// One session, which follows from the seed; `is_shown` prints it.
///
/// # Panics
/// If what the client says or reports is not what it should be.
#[must_use]
pub fn session(seed: u64, is_shown: bool) -> Outcomes {
    let mut random = Random::new(seed);
    let rules = rules(&mut random);
    let config = config(&mut random, &rules);
    if is_shown {
        println!("{rules:?}\n{:?} {:?}", config.recipients, config.limits);
    }
    let lawful = rules.nonsense == 0;
    let mut session = Session {
        client: Client::new(config, Time::from_millis(0)),
        server: Server::new(rules, Random::new(seed ^ 0x5555)),
        now: 0,
        operations: Vec::new(),
        unconfirmed: 0,
        handed: 0,
        queued: Vec::new(),
        had: 0,
        partly: 0,
        is_over: false,
        has_quit: false,
        is_shown,
        plans: 1 + random.below(6),
        gives_up: random.chance(20),
        lawful,
        random,
    };
    for _ in 0..session.random.below(300) {
        if session.is_over {
            break;
        }
        session.step();
    }
    session.finish();
    session.judge()
}

/// How the server is to be. Most behave most of the time.
fn rules(random: &mut Random) -> Rules {
    let lmtp = random.chance(25);
    let old = !lmtp && random.chance(3);
    let mut offers = |percent| !old && random.chance(percent);
    let (pipelining, chunking, eight_bit, size, login) =
        (offers(75), offers(60), offers(80), offers(50), offers(15));
    let binary = chunking && offers(50);
    let mut limit = |percent, most| (!old && random.chance(percent)).then(|| 1 + random.below(most));
    let (rcpt_max, domain_max, mail_max) = (limit(15, 4), limit(10, 2), limit(10, 6));
    let mut seldom = |percent, most| if random.chance(percent) { 1 + random.below(most) } else { 0 };
    let (closes, breaks, loses) = (seldom(15, 5), seldom(15, 5), seldom(10, 5));
    let (refuses, nonsense) = (seldom(60, 20), seldom(10, 20));
    Rules {
        lmtp,
        pipelining,
        chunking,
        eight_bit,
        binary,
        size,
        login,
        rcpt_max,
        domain_max,
        mail_max,
        room: if random.chance(40) { 1 + random.below(5) } else { usize::MAX },
        refuses,
        closes,
        breaks,
        loses,
        lenient: random.chance(30),
        old,
        nonsense,
        ahead: random.pick(&[
            Pipelining::AcrossMessages,
            Pipelining::AcrossMessages,
            Pipelining::AcrossMessages,
            Pipelining::WithinMessage,
            Pipelining::Never,
        ]),
    }
}

fn config(random: &mut Random, rules: &Rules) -> Config {
    let mut config = Config::new(TlsMode::Never);
    config.lmtp = rules.lmtp;
    config.pipelining = rules.ahead;
    config.transcript = random.chance(10);
    if random.chance(25) {
        config.recipients = RecipientPolicy::AllOrNone;
    }
    if rules.login {
        let plain = MechanismName::parse("PLAIN").expect("a name");
        let login = Authentication::password("ann@example.com", "secret")
            .and_then(|login| login.with_mechanisms(vec![plain]));
        config.authentication = Some(login.expect("credentials"));
        config.allow_insecure_auth = true;
    }
    if random.chance(60) {
        config.limits.in_flight = random.pick(&[0, 40, 100, 200, 500, 32 << 10]);
        config.limits.chunk = random.pick(&[0, 64, 65, 100, 300]);
        config.limits.chunks = random.pick(&[0, 1, 2, 64]);
        config.limits.messages = random.pick(&[0, 1, 2, 8]);
        config.limits.transmit = random.pick(&[2, 64, 100, 300, 64 << 10]);
    }
    config
}

impl Session {
    fn now(&self) -> Time {
        Time::from_millis(self.now)
    }

    /// Something happens: the host, the network and the caller take turns as they like.
    fn step(&mut self) {
        match self.random.below(100) {
            0..20 => self.hand_over(false),
            20..35 => self.confirm(false),
            35..60 => self.deliver(false),
            60..75 => self.give(),
            75..90 => self.call(),
            90..94 => self.give_up(),
            94 if self.random.chance(10) => self.fall_silent(),
            95..97 => self.now += 1000,
            97 if self.random.chance(4) => self.wait(),
            _ => {}
        }
    }

    /// The server closes, or the connection breaks, while nobody expects it.
    fn fall_silent(&mut self) {
        if !self.server.is_closed && self.server.said > 0 {
            if self.random.chance(50) {
                self.server.close_unasked();
            } else {
                self.server.break_off();
            }
            self.partly = if self.server.replies.is_empty() { 0 } else { self.partly };
        }
    }

    /// Until the session is over: everything that can happen does.
    fn finish(&mut self) {
        for _ in 0..ROUNDS {
            if self.is_over {
                return;
            }
            let before = self.progress();
            // In any order, since replies may come before the transport tells that it wrote what they answer.
            for at in [0, 1, 2, 3, 4].map(|at| (at + self.random.below(5)) % 5) {
                match at {
                    0 => self.hand_over(true),
                    1 => self.confirm(true),
                    2 => self.deliver(true),
                    3 => self.give(),
                    _ => self.call(),
                }
            }
            if self.progress() != before || self.is_over {
                continue;
            }
            self.hand_over(true);
            self.deliver(true);
            self.confirm(true);
            self.give();
            if self.progress() != before || self.is_over || self.plans > 0 {
                continue;
            }
            let is_open = self.operations.iter().any(|operation| operation.results == 0);
            if self.server.is_closed && !self.server.is_mute {
                let result = self.client.handle_eof(self.now());
                self.shown(|| format!("end of the stream: {result:?}"));
                self.after(self.had, false);
                assert!(self.is_over, "the end of the stream did not end the session");
            } else if self.client.poll_timeout().is_some() {
                assert!(self.server.is_mute || !self.lawful, "nobody goes on, and all was answered");
                self.wait();
            } else if is_open {
                let open: Vec<usize> =
                    (0..self.operations.len()).filter(|at| self.operations[*at].results == 0).collect();
                panic!("stalled with {open:?} open and no timer");
            } else if self.has_quit || self.random.chance(20) {
                self.client.abort();
                self.after(self.had, false);
                assert!(self.is_over, "abort did not end the session");
            } else {
                self.quit();
            }
        }
        panic!("no end");
    }

    /// Changes whenever something happened.
    fn progress(&self) -> (u64, u64, usize, usize, usize) {
        let given = self.operations.iter().map(|operation| operation.given).sum();
        let asked = self.operations.iter().filter(|operation| operation.is_asked).count();
        (self.handed + self.waiting(), self.unconfirmed, self.had * 1000 + self.partly, given, asked)
    }

    fn shown(&self, text: impl FnOnce() -> String) {
        if self.is_shown {
            println!("{}", text());
        }
    }

    // ── The connection ───────────────────────────────────────────────────────────────────────────────────────────

    fn hand_over(&mut self, whole: bool) {
        let total: u64 = self.waiting();
        if total == 0 {
            return;
        }
        let total = usize::try_from(total).expect("little");
        let count = if whole { total } else { self.random.part(total) };
        let mut octets = Vec::new();
        let segments: Vec<(Option<usize>, Vec<u8>)> = self
            .client
            .transmit()
            .map(|segment| match segment {
                Segment::Bytes(octets) => (None, octets.to_vec()),
                Segment::Body { operation, length } => {
                    (Some(operation.get() as usize), vec![0; usize::try_from(length).expect("little")])
                }
            })
            .collect();
        for (operation, mut piece) in segments {
            piece.truncate(count - octets.len());
            if let Some(operation) = operation {
                let own = &mut self.operations[operation].announced;
                assert!(own.len() >= piece.len(), "more is to be written than was announced");
                piece = own.drain(..piece.len()).collect();
            }
            octets.extend(piece);
        }
        self.shown(|| format!("C: {:?}", String::from_utf8_lossy(&octets)));
        self.client.transmitting(self.now(), count as u64).expect("what there is can be handed over");
        let (start, queued) = (self.handed, &self.queued);
        let had = |offset: usize| {
            let position = start + offset as u64;
            queued.iter().find(|queued| queued.end > position).expect("it was queued").had
        };
        self.server.handle(&octets, had);
        self.handed += count as u64;
        self.unconfirmed += count as u64;
        self.queued.retain(|queued| queued.end > start + count as u64);
        self.after(self.had, false);
    }

    fn confirm(&mut self, whole: bool) {
        if self.unconfirmed == 0 {
            return;
        }
        let all = usize::try_from(self.unconfirmed).expect("little");
        let count = if whole { all } else { self.random.part(all) } as u64;
        self.unconfirmed -= count;
        self.client
            .transmitted(self.now(), count)
            .or_else(|error| if self.is_over { Ok(()) } else { Err(error) })
            .expect("it was handed over");
        self.shown(|| format!("written: {count}"));
        self.after(self.had, false);
    }

    fn deliver(&mut self, whole: bool) {
        let replies = if self.random.chance(20) { 1 + self.random.below(4) } else { 1 };
        let mut octets: Vec<u8> = Vec::new();
        let before = self.had;
        for _ in 0..replies {
            let Some(reply) = self.server.replies.front() else { break };
            let rest = &reply[self.partly.min(reply.len())..];
            let count = if whole || rest.is_empty() { rest.len() } else { self.random.part(rest.len()) };
            octets.extend(&rest[..count]);
            self.partly += count;
            if self.partly < reply.len() {
                break;
            }
            self.server.replies.pop_front();
            (self.partly, self.had) = (0, self.had + 1);
        }
        if octets.is_empty() || !self.client.wants_input() {
            return;
        }
        self.shown(|| format!("S: {:?}", String::from_utf8_lossy(&octets)));
        let waited = self.waiting_octets();
        let result = self.client.handle_input(self.now(), &octets);
        // Chunks of a message that is refused are not sent any more.
        let took_back = !self.waiting_octets().starts_with(&waited);
        let ours = matches!(result, Ok(()) | Err(Error::InvalidInput(_)));
        assert!(ours || !self.lawful, "{result:?} to a server without faults");
        self.after(before, took_back);
    }

    /// Time passes until the client does something about it.
    fn wait(&mut self) {
        if let Some(deadline) = self.client.poll_timeout() {
            self.now = self.now.max(deadline.as_millis());
            let result = self.client.handle_timeout(self.now());
            self.shown(|| format!("timeout: {result:?}"));
            self.after(self.had, false);
            assert!(self.is_over, "the time passed, and nothing happened");
        }
    }

    fn waiting(&self) -> u64 {
        self.waiting_octets().len() as u64
    }

    /// What is to be sent, with zeros for what is the host's.
    fn waiting_octets(&self) -> Vec<u8> {
        let octets = |segment: Segment<'_>| match segment {
            Segment::Bytes(octets) => octets.to_vec(),
            Segment::Body { length, .. } => vec![0; usize::try_from(length).expect("little")],
        };
        self.client.transmit().flat_map(octets).collect()
    }

    /// After every call: what was queued, and what happened. `took_back`: what was queued may be other than it was.
    fn after(&mut self, least: usize, took_back: bool) {
        let end = self.handed + self.waiting();
        if took_back {
            for queued in &mut self.queued {
                queued.had.most = self.had;
            }
        }
        while self.queued.last().is_some_and(|queued| queued.end > end) {
            let last = self.queued.pop().expect("there is one");
            let start = self.queued.last().map_or(self.handed, |before| before.end);
            if start < end {
                self.queued.push(Queued { end, ..last });
            }
        }
        if self.queued.last().map_or(self.handed, |last| last.end) < end {
            self.queued.push(Queued { end, had: Had { least, most: self.had } });
        }
        while let Some(event) = self.client.poll_event() {
            self.shown(|| format!("   {event:?}"));
            assert!(!self.is_over, "{event:?} after the end");
            self.note(event);
        }
        while self.client.poll_transcript().is_some() {}
        assert!(!self.is_over || self.waiting() == 0, "octets after the end");
    }

    // ── What is reported ─────────────────────────────────────────────────────────────────────────────────────────

    fn note(&mut self, event: Event) {
        match event {
            Event::Closed => self.is_over = true,
            Event::SendBody { operation, chunked } => {
                let operation = &mut self.operations[operation.get() as usize];
                assert_eq!(operation.results, 0, "asked for a message that has its result");
                operation.ask(chunked);
            }
            Event::Recipient { operation, index, verdict, ref reply } => {
                let text = reply.text();
                let number = operation.get() as usize;
                assert!(!self.lawful || text.contains(&format!("r{index}.op{number}@")), "{event:?}");
                let operation = &mut self.operations[number];
                let known = operation.answers.insert(index, verdict);
                assert!(known.is_none() || !self.lawful, "two answers for recipient {index} of {number}");
                assert_eq!(operation.results, 0, "an answer behind the result");
            }
            Event::Delivery { operation, index, verdict, ref reply } => {
                let number = operation.get() as usize;
                let is_own = reply.as_ref().is_none_or(|reply| {
                    let text = reply.text();
                    text.contains(&format!("op{number};"))
                        || text.contains(&format!("op{number}@"))
                        || reply.code().get() == 421
                });
                assert!(!self.lawful || is_own, "{event:?}");
                let operation = &mut self.operations[number];
                let known = operation.deliveries.insert(index, verdict);
                assert!(known.is_none() || !self.lawful, "two results for recipient {index} of {number}");
                assert_eq!(operation.results, 0, "a recipient's result behind the operation's");
            }
            Event::Answer { operation, .. } | Event::Delivered { operation, .. } => {
                self.result(operation.get() as usize, event);
            }
            Event::Failed { operation: Some(operation), .. } => self.result(operation.get() as usize, event),
            _ => {}
        }
    }

    fn result(&mut self, number: usize, event: Event) {
        let rules = &self.server.rules;
        // What begins again, or goes on in another transaction, comes behind those that went ahead of it.
        let is_straight = rules.rcpt_max.is_none()
            && rules.domain_max.is_none()
            && rules.room == usize::MAX
            && rules.refuses == 0;
        if self.lawful && is_straight && !self.operations[number].is_given_up {
            let waits = self.operations[..number].iter().position(|before| before.results == 0);
            assert_eq!(waits, None, "the result of {number} comes before: {event:?}");
        }
        let operation = &mut self.operations[number];
        operation.results += 1;
        assert_eq!(operation.results, 1, "two results for {number}: {:?} and {event:?}", operation.result);
        operation.is_asked = false;
        operation.result = Some(event);
    }

    /// Holds the results against what the server did.
    fn judge(&self) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (number, operation) in self.operations.iter().enumerate() {
            assert_eq!(operation.results, 1, "results of {number}");
            let Some(result) = &operation.result else { continue };
            if self.lawful {
                match &operation.kind {
                    Kind::Message => self.judge_message(number, operation, result),
                    Kind::Test => self.judge_test(number, operation, result),
                    Kind::Command => {}
                }
            }
            match (&operation.kind, result) {
                (Kind::Message, Event::Delivered { .. }) => outcomes.delivered += 1,
                (Kind::Message, Event::Failed { failure, .. }) if failure.outcome == Outcome::Unknown => {
                    outcomes.unknown += 1;
                }
                (Kind::Message, _) => outcomes.failed += 1,
                _ => {}
            }
        }
        outcomes
    }

    fn judge_message(&self, number: usize, operation: &Operation, result: &Event) {
        // Who got it, once each, octet for octet.
        let mut takers: BTreeMap<usize, usize> = BTreeMap::new();
        for taken in self.server.taken.iter().filter(|taken| taken.operation == number) {
            assert!(operation.is_ended, "{number} was taken, and not given to its end");
            assert_eq!(
                String::from_utf8_lossy(&taken.content),
                String::from_utf8_lossy(&operation.expected()),
                "the message of {number}"
            );
            for index in &taken.recipients {
                *takers.entry(*index).or_default() += 1;
            }
        }
        for (index, times) in &takers {
            assert_eq!(*times, 1, "recipient {index} of {number} got it {times} times");
        }
        let is_open = self.has_open_end(number);
        for (index, verdict) in &operation.deliveries {
            if *verdict == Verdict::Unknown {
                assert!(is_open, "recipient {index} of {number} is unknown, but its end was answered");
                continue;
            }
            assert_eq!(
                *verdict == Verdict::Accepted,
                takers.contains_key(index),
                "recipient {index} of {number}: {verdict:?}"
            );
        }
        match result {
            Event::Delivered { .. } => {
                for index in 0..operation.recipients {
                    let is_told = match operation.deliveries.get(&index) {
                        Some(Verdict::Unknown) => continue,
                        Some(verdict) => *verdict == Verdict::Accepted,
                        None => operation.answers.get(&index) == Some(&Verdict::Accepted),
                    };
                    assert_eq!(
                        is_told,
                        takers.contains_key(&index),
                        "recipient {index} of {number}, which was delivered"
                    );
                    let is_known =
                        operation.answers.contains_key(&index) || operation.deliveries.contains_key(&index);
                    assert!(is_known, "nothing is said of recipient {index} of {number}");
                }
                assert!(!takers.is_empty(), "{number} is delivered to nobody");
            }
            Event::Failed { failure, .. } => self.judge_failure(number, operation, failure, &takers),
            other => panic!("{other:?} for a message"),
        }
    }

    fn judge_failure(
        &self,
        number: usize,
        operation: &Operation,
        failure: &Failure,
        takers: &BTreeMap<usize, usize>,
    ) {
        if failure.outcome == Outcome::Unknown {
            assert_eq!(failure.data_sent, DataSent::All, "{number}: {failure:?}");
            let is_open = self.has_open_end(number);
            assert!(is_open, "{number} is unknown, but its end did not go out, or was answered");
            return;
        }
        assert!(
            takers.is_empty(),
            "failed as {:?}, and some have it: {number}, {takers:?}, {failure:?}",
            failure.stage
        );
        if let (Cause::Refused, Some(reply)) = (&failure.cause, &failure.reply) {
            let text = reply.text();
            let is_setup = matches!(failure.stage, Stage::Greeting | Stage::Hello | Stage::Auth);
            let is_own = text.contains(&format!("op{number};")) || text.contains(&format!("op{number}@"));
            assert!(
                is_own || is_setup || reply.code().get() == 421,
                "{number}: the reply of another: {failure:?}"
            );
        }
        if failure.outcome == Outcome::Permanent {
            let is_temporary = operation.deliveries.values().any(|verdict| *verdict == Verdict::Temporary);
            assert!(!is_temporary, "{number} failed for good, and not for all: {failure:?}");
        }
    }

    /// Whether an end of it went out that the client has no answer to.
    fn has_open_end(&self, number: usize) -> bool {
        let mut ends = self.server.ends.iter().filter(|end| end.operation == number);
        ends.any(|end| end.reply.is_none_or(|reply| reply >= self.had))
    }

    fn judge_test(&self, number: usize, operation: &Operation, result: &Event) {
        assert!(self.server.taken.iter().all(|taken| taken.operation != number), "a test was delivered");
        if let Event::Answer { .. } = result {
            let answers: Vec<usize> = operation.answers.keys().copied().collect();
            assert_eq!(answers, (0..operation.recipients).collect::<Vec<_>>(), "answers of test {number}");
        }
    }
}
