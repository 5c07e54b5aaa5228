//! The bodies of the fuzz targets: what they check is true for any input. They run on stable too, over the seeds and
//! over random input, in `tests/properties.rs`.

use std::collections::HashMap;

use sansmtp::reply::{Limits, Parser};
use sansmtp::sasl::{Authentication, ChannelBinding, Credential, MechanismName};
use sansmtp::{
    AuthAnswer, AuthNeeds, BodyEncoder, BodyPlan, Client, Config, Content, Envelope, Error, Event,
    ForwardPath, LineEnds, MailParameter, OperationId, Pipelining, RecipientPolicy, ReversePath, Time,
    TlsFailure, TlsInfo, TlsMode, Transfer,
};

use crate::canary::Canary;
use crate::capture::Capture;
use crate::dialogue::{self, Dialogue};
use crate::server::unstuff;
use crate::{MECHANISMS, base64, flight};

/// Where a fuzzer starts: what captured servers and the dialogues said, in the form that each target reads.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for capture in Capture::all() {
        let mut octets = capture.segments.concat();
        octets.extend([0, 1]);
        seeds.push(("reply", octets));
        // A message to two, in clear.
        let mut actions = vec![13];
        for segment in &capture.segments {
            say(&mut actions, segment);
        }
        actions.extend([0, 1]);
        seeds.push(("session", actions));
    }
    for (_, file) in dialogue::files() {
        for dialogue in &file.dialogues {
            seeds.push(("session", actions(dialogue)));
            seeds.extend(challenges(dialogue).map(|challenges| ("sasl", challenges)));
        }
    }
    for body in ["", ".", "a\r\n.b", "x\n.\r\ny", "a\r\r\n", "\r\n.\r\n", "gr\u{fc}\u{df}e\n", "x\0y"] {
        for options in 0..4 {
            let mut data = body.as_bytes().to_vec();
            data.extend([7, 3, options]);
            seeds.push(("body", data));
        }
    }
    seeds
}

/// The challenges of a dialogue with a login, as [`sasl`] reads them.
fn challenges(dialogue: &Dialogue) -> Option<Vec<u8>> {
    let command = dialogue.steps.iter().find_map(|step| step.client.as_deref()?.strip_prefix("AUTH "))?;
    let name = command.split([' ', '\r']).next()?;
    let mechanism = MECHANISMS.iter().position(|mechanism| *mechanism == name)?;
    let mut data = Vec::new();
    for line in dialogue.steps.iter().filter_map(|step| step.server.as_deref()?.strip_prefix("334 ")) {
        let challenge = sansmtp::sasl::decode(line.trim_end().as_bytes()).unwrap_or_default();
        data.push(u8::try_from(challenge.len()).ok()?);
        data.extend(challenge);
    }
    data.extend([u8::try_from(mechanism).ok()?, 0]);
    Some(data)
}

/// The server says this: see [`session`].
fn say(actions: &mut Vec<u8>, octets: &[u8]) {
    for piece in octets.chunks(255) {
        actions.extend([0, u8::try_from(piece.len()).unwrap_or(u8::MAX)]);
        actions.extend(piece);
    }
}

/// A dialogue as actions of [`session`].
fn actions(dialogue: &Dialogue) -> Vec<u8> {
    let mut actions = Vec::new();
    for step in &dialogue.steps {
        if let Some(server) = &step.server {
            say(&mut actions, &server.chars().filter_map(|char| u8::try_from(char).ok()).collect::<Vec<_>>());
        }
        match step.call.as_deref() {
            Some("send") => actions.push(13),
            Some("body") => actions.extend(b"\x0e\x00\x04x\n.\n"),
            Some("endBody") => actions.extend([15, 0]),
            Some("cancel") => actions.extend([16, 0]),
            Some("noop") => actions.push(17),
            Some("quit") => actions.push(19),
            Some("establishTls") => actions.push(20),
            Some("authSupply") => actions.extend(b"\x15\x02ab"),
            Some("reset") => actions.push(22),
            _ => {}
        }
        if step.tls.is_some() {
            actions.push(9);
        }
        if step.eof.is_some() {
            actions.push(7);
        }
        if step.wait.is_some() {
            actions.push(8);
        }
    }
    let setting = |name: &str| dialogue.settings.get(name).map(ToString::to_string).unwrap_or_default();
    let login = if setting("hostMechanism").is_empty() { 3 } else { 2 };
    let login = if setting("user").is_empty() && login == 3 { 0 } else { login };
    let tls = match setting("connectType").trim_matches('"') {
        "connectNormal" | "0" => 1,
        "connectDirectSSL" | "3" => 3,
        "connectTryTLS" | "4" | "" => 2,
        "connectManual" | "5" => 4,
        _ => 0,
    };
    actions.extend([login << 1, tls]);
    actions
}

/// Input is read from its end, so that the octets from the server stay in one piece at its start.
struct Tail<'a>(&'a [u8]);

impl Tail<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_last() {
            Some((last, rest)) => {
                self.0 = rest;
                *last
            }
            None => 0,
        }
    }
}

/// Cuts `octets` into pieces whose lengths follow from `seed`, empty ones among them.
fn cut(octets: &[u8], mut seed: u64) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = usize::try_from(seed >> 33).unwrap_or(0) % 9;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Any octets, any cut: the same replies and the same error; no more held than the limits allow; what was parsed,
/// written out again, gives the same.
///
/// # Panics
/// If that is not so.
pub fn reply(data: &[u8]) {
    let Some((seed, octets)) =
        data.split_last_chunk::<2>().map(|(octets, seed)| (u16::from_be_bytes(*seed), octets))
    else {
        return;
    };
    let limits = Limits::default();
    let parse = |pieces: &[&[u8]]| {
        let mut parser = Parser::new(limits);
        let mut replies = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match parser.feed(&mut input) {
                    Ok(Some(reply)) => {
                        assert!(reply.lines <= limits.lines && reply.text.len() <= limits.reply);
                        replies.push((reply.code, reply.text.to_vec(), reply.lines, reply.quirks));
                    }
                    Ok(None) => break,
                    Err(error) => return (replies, Some(error)),
                }
                assert!(parser.held() <= limits.reply + limits.line + 1);
            }
        }
        (replies, None)
    };
    let whole = parse(&[octets]);
    assert_eq!(parse(&cut(octets, u64::from(seed))), whole, "cut by {seed}");
    assert_eq!(parse(&octets.chunks(1).collect::<Vec<_>>()), whole, "by octet");
    for (code, text, lines, _) in &whole.0 {
        let mut canonical = Vec::new();
        let texts: Vec<&[u8]> = text.split(|octet| *octet == b'\n').collect();
        for (number, text) in texts.iter().enumerate() {
            let separator = if number + 1 == texts.len() { b' ' } else { b'-' };
            canonical.extend_from_slice(code.get().to_string().as_bytes());
            canonical.push(separator);
            canonical.extend_from_slice(text);
            canonical.extend_from_slice(b"\r\n");
        }
        let (again, error) = parse(&[&canonical]);
        assert_eq!(error, None);
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0].0, &again[0].1, &again[0].2), (code, text, lines));
    }
}

/// Any message, any cut: the wire has CR and LF in pairs only, its end exactly once and last, and un-stuffed it is
/// the message with its line ends made canonical.
///
/// # Panics
/// If that is not so.
pub fn body(data: &[u8]) {
    let mut tail = Tail(data);
    let (options, seed, limit) = (tail.next(), tail.next(), tail.next());
    let message = tail.0;
    let mut plan = BodyPlan::default();
    plan.content = if options & 1 == 0 { Content::SevenBit } else { Content::EightBit };
    plan.line_ends = if options & 2 == 0 { LineEnds::Normalize } else { LineEnds::Reject };
    let limit = usize::from(limit) + 2;
    let encode = |pieces: &[&[u8]], limit: usize| {
        let mut encoder = BodyEncoder::new(plan);
        let mut wire = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let mut flight = Vec::new();
                let taken = encoder.encode(rest, &mut flight, limit)?;
                assert!(taken > 0 && flight.len() <= limit);
                wire.extend(flight);
                rest = &rest[taken..];
            }
        }
        encoder.finish(&mut wire)?;
        Ok(wire)
    };
    let whole: Result<Vec<u8>, sansmtp::InvalidInput> = encode(&[message], usize::MAX);
    assert_eq!(encode(&cut(message, u64::from(seed)), limit), whole);
    let Ok(wire) = whole else { return };
    let with_line_end = [b"\r\n", &wire[..]].concat();
    let ends = with_line_end.windows(5).filter(|window| *window == b"\r\n.\r\n").count();
    assert_eq!(ends, 1, "exactly one end");
    assert!(with_line_end.ends_with(b"\r\n.\r\n"), "the end is last");
    for (at, octet) in wire.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(wire.get(at + 1), Some(&b'\n'), "CR alone"),
            b'\n' => assert_eq!(wire[at - 1], b'\r', "LF alone"),
            _ => {}
        }
    }
    let mut canonical = Vec::new();
    let mut rest = message;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\r', [b'\n', after @ ..]) => {
                canonical.extend_from_slice(b"\r\n");
                rest = after;
            }
            (b'\r' | b'\n', _) => canonical.extend_from_slice(b"\r\n"),
            _ => canonical.push(*first),
        }
    }
    if !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
        canonical.extend_from_slice(b"\r\n");
    }
    assert_eq!(unstuff(&wire[..wire.len() - 3]), canonical);
}

/// It stands in no seed: a server that never saw it does not say it.
const PASSWORD: &str = "fz7K.password.N4qR";

/// A session with a server and a host that do anything: server octets, calls in any order, cuts, ends of stream. Two
/// runs that differ in nothing but the cuts give the same octets and events; every operation gets one result; no
/// credential goes out before TLS; nothing goes out after the end.
///
/// # Panics
/// If that is not so.
pub fn session(data: &[u8]) {
    let whole = Session::run(data, None);
    for cut in [1, 3] {
        let cut = Session::run(data, Some(cut));
        assert_eq!(cut.wire, whole.wire, "the octets depend on the cuts");
        assert_eq!(
            without_lost_start_tls(&cut),
            without_lost_start_tls(&whole),
            "the events depend on the cuts"
        );
        assert_eq!(cut.client.error(), whole.client.error(), "the error depends on the cuts");
    }
}

/// The one difference that cuts may make: `StartTls` directly before the plaintext behind the 220 is found.
fn without_lost_start_tls(session: &Session) -> Vec<&Event> {
    use sansmtp::PeerMisbehaved::PlaintextAfterStartTls;
    let mut events: Vec<&Event> = session.events.iter().collect();
    if session.client.error() == Some(Error::PeerMisbehaved(PlaintextAfterStartTls)) {
        let end = events.iter().position(|event| matches!(event, Event::Failed { operation: None, .. }));
        if let Some(end) = end.filter(|end| *end > 0 && *events[end - 1] == Event::StartTls) {
            events.remove(end - 1);
        }
    }
    events
}

/// A server that says anything within a login: each challenge is an octet for its length, and its octets; the last two
/// octets of `data` choose the mechanism and how it is set up. Whatever it says, a server without the password never
/// passes for one that has it, and the password goes out only by mechanisms that send it.
///
/// # Panics
/// If one of that is not so.
pub fn sasl(data: &[u8]) {
    let [messages @ .., options, mechanism] = data else { return };
    let name = MECHANISMS[usize::from(*mechanism) % MECHANISMS.len()];
    let parsed = || Vec::from([MechanismName::parse(name).expect("a name")]);
    let mut config = Config::new(TlsMode::Implicit);
    config.transcript = true;
    config.entropy = *b"0123456789abcdefghijklmnopqrstuv";
    config.limits.max_iterations = 5000;
    config.derive_above = (options & 1 == 0).then_some(0);
    config.server_name = "mail.example.com".into();
    let user = "ann@example.com";
    let login = match name {
        "OAUTHBEARER" | "XOAUTH2" => Authentication::token(user, PASSWORD),
        "EXTERNAL" => Authentication::external(user),
        "ANONYMOUS" => Authentication::anonymous(user),
        // Where it is the automatic choice, it is stricter.
        "NTLM" if options & 2 == 0 => Authentication::password(user, PASSWORD),
        _ => Authentication::password(user, PASSWORD).and_then(|login| login.with_mechanisms(parsed())),
    };
    config.authentication = Some(login.expect("credentials"));
    let now = Time::from_millis(0);
    let mut client = Client::new(config, now);
    let tls = TlsInfo::new(true).with_channel_bindings(vec![ChannelBinding::TlsExporter(vec![7; 32])]);
    client.tls_established(now, tls).expect("TLS is due");
    let _ = client.handle_input(now, b"220 hi\r\n");
    let _ = flight(&mut client, now);
    let _ = client.handle_input(now, format!("250-hi\r\n250 AUTH {name}\r\n").as_bytes());
    let (mut wire, mut rest, mut shown) = (flight(&mut client, now), messages, String::new());
    while let [length, after @ ..] = rest {
        let (message, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let _ = client.handle_input(now, format!("334 {}\r\n", base64(message)).as_bytes());
        wire.extend(flight(&mut client, now));
        while let Some(event) = client.poll_event() {
            if let Event::AuthNeeds { needs: AuthNeeds::DerivedKey(derivation), .. } = &event {
                let _ = client.auth_supply(AuthAnswer::DerivedKey(vec![7; derivation.length].into()));
                wire.extend(flight(&mut client, now));
            }
            shown += &format!("{event:?}");
        }
    }
    let _ = client.handle_input(now, b"235 ok\r\n");
    let proves = name.starts_with("SCRAM-") || name == "DIGEST-MD5";
    assert!(!proves || client.mechanism().is_none(), "{name} took a server that proved nothing");
    // A login without a secret, and what the server says of itself, prove nothing.
    let canary =
        if matches!(name, "ANONYMOUS" | "EXTERNAL") { Canary::new("") } else { Canary::new(PASSWORD) };
    let is_told = messages.windows(PASSWORD.len()).any(|text| text == PASSWORD.as_bytes());
    if !is_told && !matches!(name, "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2") {
        canary.check(&wire, "the wire");
    }
    while let Some(line) = client.poll_transcript() {
        shown += &line.to_string();
    }
    canary.check(shown.as_bytes(), "an event or the transcript");
    for line in wire.split_inclusive(|octet| *octet == b'\n') {
        assert!(line.ends_with(b"\r\n") && line.len() <= 12_288, "no line: {line:?}");
    }
}

struct Session {
    client: Client,
    now: u64,
    wire: Vec<u8>,
    events: Vec<Event>,
    encrypted_from: Option<usize>,
    /// How much of the wire was looked at.
    checked: usize,
    opened: Vec<OperationId>,
    tls_asked: bool,
    has_password: bool,
    verifies_peer: bool,
    tls: TlsMode,
}

impl Session {
    /// The last octets of `data` choose the configuration; the rest is a list of actions: one octet says what, and
    /// where it needs a text, one octet its length.
    fn run(data: &[u8], cut: Option<usize>) -> Self {
        let mut tail = Tail(data);
        let options = tail.next();
        let config = config(options, tail.next());
        let mut session = Self {
            tls: config.tls,
            verifies_peer: config.verify_peer,
            has_password: config
                .authentication
                .as_ref()
                .is_some_and(|login| matches!(login.credential(), Credential::Password(_))),
            client: Client::new(config, Time::from_millis(0)),
            now: 0,
            wire: Vec::new(),
            events: Vec::new(),
            encrypted_from: None,
            checked: 0,
            opened: Vec::new(),
            tls_asked: false,
        };
        let mut rest = tail.0;
        while let [action, after @ ..] = rest {
            rest = session.act(*action, after, cut);
            session.check();
        }
        session.client.abort();
        session.take_events();
        session.end();
        session
    }

    fn act<'a>(&mut self, action: u8, rest: &'a [u8], cut: Option<usize>) -> &'a [u8] {
        let now = Time::from_millis(self.now);
        let text = |rest: &'a [u8]| -> (&'a [u8], &'a [u8]) {
            let Some((length, rest)) = rest.split_first() else { return (&[], &[]) };
            rest.split_at(usize::from(*length).min(rest.len()))
        };
        let operation = |rest: &'a [u8]| -> (OperationId, &'a [u8]) {
            let (number, rest) = rest.split_first().map_or((0, rest), |(number, rest)| (*number, rest));
            (OperationId::from_number(u32::from(number % 4)), rest)
        };
        match action % 28 {
            // The most common: the server says something, then the host does its round.
            0..=5 => {
                let (octets, rest) = text(rest);
                let step = cut.unwrap_or(octets.len()).max(1);
                let mut result = Ok(());
                for piece in octets.chunks(step) {
                    result = self.client.handle_input(now, piece);
                }
                assert!(result.is_ok() || octets.is_empty() || self.client.error() == result.err());
                self.take_events();
                if action % 28 < 5 {
                    self.write();
                }
                rest
            }
            6 => {
                self.write();
                rest
            }
            7 => {
                let _ = self.client.handle_eof(now);
                rest
            }
            8 => {
                if let Some(deadline) = self.client.poll_timeout() {
                    self.now = self.now.max(deadline.as_millis());
                    let _ = self.client.handle_timeout(Time::from_millis(self.now));
                }
                rest
            }
            9 | 10 => {
                let verified = action % 28 == 9;
                self.take_events();
                let asked = self.tls_asked;
                let result = self.client.tls_established(now, TlsInfo::new(verified));
                if result.is_ok() {
                    assert!(asked, "TLS without StartTls");
                    assert!(verified || !self.verifies_peer, "a peer that was not verified is taken");
                    self.encrypted_from = Some(self.wire.len());
                }
                self.tls_asked &= result.is_err() && !verified;
                rest
            }
            11 => {
                let _ = self.client.tls_failed(now, TlsFailure { code: "E".into(), text: "failed".into() });
                rest
            }
            12 => {
                let (octets, rest) = text(rest);
                let text = String::from_utf8_lossy(octets);
                let (Ok(from), Ok(to)) = (ReversePath::parse("a@example.com"), ForwardPath::parse(&text))
                else {
                    return self.send(&["b@example.org"], rest);
                };
                let opened = self.client.send(&Envelope::new(from).to(to), BodyPlan::default());
                self.opened.extend(opened.ok());
                rest
            }
            13 => self.send(&["b@example.org", "c@example.org"], rest),
            14 => {
                let (id, rest) = operation(rest);
                let (octets, rest) = text(rest);
                let _ = self.client.body(id, octets);
                rest
            }
            15 => {
                let (id, rest) = operation(rest);
                let _ = self.client.end_body(id);
                rest
            }
            16 => {
                let (id, rest) = operation(rest);
                let _ = self.client.cancel(id);
                rest
            }
            17 => {
                let opened = self.client.noop();
                self.opened.extend(opened.ok());
                rest
            }
            18 => {
                let (octets, rest) = text(rest);
                let opened = self.client.vrfy(&String::from_utf8_lossy(octets));
                self.opened.extend(opened.ok());
                rest
            }
            19 => {
                let _ = self.client.quit();
                rest
            }
            20 => {
                let _ = self.client.establish_tls();
                rest
            }
            21 => {
                let (octets, rest) = text(rest);
                let answer = match octets.len() % 6 {
                    4 => AuthAnswer::DerivedKey(octets.to_vec().into()),
                    5 => AuthAnswer::Token(String::from_utf8_lossy(octets).as_ref().into()),
                    0 => AuthAnswer::Cancel,
                    1 => AuthAnswer::Finish(true),
                    2 => AuthAnswer::InitialResponse(Some(octets.to_vec().into())),
                    _ => AuthAnswer::Response(octets.to_vec().into()),
                };
                let _ = self.client.auth_supply(answer);
                rest
            }
            22 => {
                let opened = self.client.reset();
                self.opened.extend(opened.ok());
                rest
            }
            24 => {
                let mut envelope = Envelope::new(ReversePath::null());
                envelope.extend(
                    ["b@example.org", "c@example.org"].map(|to| ForwardPath::parse(to).expect("an address")),
                );
                self.opened.extend(self.client.verify_recipients(&envelope).ok());
                rest
            }
            25 => {
                let (id, rest) = operation(rest);
                let (length, rest) = rest.split_first().map_or((0, rest), |(length, rest)| (*length, rest));
                let _ = self.client.body_chunk(id, u64::from(length >> 1), length & 1 == 1);
                rest
            }
            26 => {
                let (options, rest) =
                    rest.split_first().map_or((0, rest), |(options, rest)| (*options, rest));
                self.send_as(options, rest)
            }
            27 => {
                let (octets, rest) = text(rest);
                let half = self.client.transmit().count() as u64 * octets.len() as u64;
                let now = Time::from_millis(self.now);
                if self.client.transmitting(now, half).is_ok() {
                    let _ = self.client.transmitted(now, half / 2);
                }
                rest
            }
            _ => {
                let (count, rest) =
                    rest.split_first().map_or((1, rest), |(count, rest)| (u64::from(*count), rest));
                let before = self.client.error();
                if self.client.transmitted(now, count).is_err() && before.is_none() {
                    assert_eq!(self.client.error(), None, "an error of the caller changes nothing");
                }
                rest
            }
        }
    }

    fn send<'a>(&mut self, to: &[&str], rest: &'a [u8]) -> &'a [u8] {
        let mut envelope = Envelope::new(ReversePath::null());
        envelope.extend(to.iter().map(|to| ForwardPath::parse(to).expect("an address")));
        self.opened.extend(self.client.send(&envelope, BodyPlan::default()).ok());
        rest
    }

    /// A message that is not the usual one.
    fn send_as<'a>(&mut self, options: u8, rest: &'a [u8]) -> &'a [u8] {
        let mut plan = BodyPlan::default();
        plan.content =
            [Content::SevenBit, Content::EightBit, Content::Binary, Content::Auto][usize::from(options % 4)];
        plan.line_ends = if options & 4 == 0 { LineEnds::Normalize } else { LineEnds::Canonical };
        plan.transfer = [Transfer::Auto, Transfer::Bdat, Transfer::Data][usize::from(options >> 3) % 3];
        plan.once = options & 32 != 0;
        plan.utf8_headers = options & 64 != 0;
        let mut envelope = Envelope::new(ReversePath::null());
        if options & 128 != 0 {
            let parameter =
                MailParameter::parse("ENVID", Some("a+b")).and_then(|id| envelope.clone().with(id));
            envelope = parameter.expect("a parameter");
        }
        envelope
            .extend((0..3).map(|to| ForwardPath::parse(&format!("r{to}@example.org")).expect("an address")));
        self.opened.extend(self.client.send(&envelope, plan).ok());
        rest
    }

    fn write(&mut self) {
        let is_broken = self.client.error().is_some();
        let flight = flight(&mut self.client, Time::from_millis(self.now));
        assert!(!is_broken || flight.is_empty(), "octets after a fatal error");
        self.wire.extend(flight);
    }

    fn take_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            assert_ne!(self.events.last(), Some(&Event::Closed), "an event behind Closed");
            self.tls_asked |= event == Event::StartTls;
            if self.has_password {
                Canary::new(PASSWORD).check(format!("{event:?}").as_bytes(), "an event");
            }
            self.events.push(event);
        }
    }

    /// What came since the last call; so a run takes time in proportion to its input.
    fn check(&mut self) {
        self.take_events();
        if self.tls_asked && self.client.error().is_none() && !self.client.wants_input() {
            assert_eq!(self.client.transmit().count(), 0, "octets while TLS is due");
        }
        let canary = self.has_password.then(|| Canary::new(PASSWORD));
        let clear = &self.wire[..self.encrypted_from.unwrap_or(self.wire.len())];
        if self.checked < clear.len() {
            // The line that is not over yet is looked at again: no command in clear is long.
            let line =
                clear[..self.checked].iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
            let clear = &clear[line..];
            match self.tls {
                TlsMode::Implicit => panic!("octets before TLS"),
                // Whatever the server says, nothing weaker is tried.
                TlsMode::Required => {
                    for line in clear.split_inclusive(|octet| *octet == b'\n') {
                        let is_allowed = ["EHLO ", "LHLO ", "STARTTLS\r\n", "QUIT\r\n"]
                            .iter()
                            .any(|verb| line.starts_with(verb.as_bytes()));
                        assert!(is_allowed, "{} before TLS", String::from_utf8_lossy(line));
                    }
                }
                _ => {}
            }
            if let Some(canary) = &canary {
                canary.check(clear, "the wire before TLS");
            }
            self.checked = self.wire.len();
        }
        if let Some(canary) = &canary {
            let mut is_changed = false;
            while let Some(line) = self.client.poll_transcript() {
                canary.check(line.to_string().as_bytes(), "the transcript");
                is_changed = true;
            }
            if is_changed {
                canary.check(format!("{:?}", self.client).as_bytes(), "the session");
            }
        }
    }

    /// Every operation has one result.
    fn end(&self) {
        assert_eq!(self.events.last(), Some(&Event::Closed));
        let mut results: HashMap<OperationId, usize> = HashMap::new();
        for event in &self.events {
            match event {
                Event::Answer { operation, .. }
                | Event::Delivered { operation, .. }
                | Event::Failed { operation: Some(operation), .. } => {
                    *results.entry(*operation).or_default() += 1;
                }
                _ => {}
            }
        }
        for id in &self.opened {
            assert_eq!(results.get(id), Some(&1), "results of {id:?} in {:#?}", self.events);
        }
        for line in self.wire.split(|octet| *octet == b'\n') {
            assert!(line.is_empty() || line.ends_with(b"\r") || self.wire.ends_with(line), "a bare LF");
        }
    }
}

fn config(options: u8, more: u8) -> Config {
    let tls = match options % 5 {
        0 => TlsMode::Required,
        1 => TlsMode::Never,
        2 => TlsMode::Opportunistic,
        3 => TlsMode::Implicit,
        _ => TlsMode::Manual,
    };
    let mut config = Config::new(tls);
    config.pipelining = match options / 5 % 3 {
        0 => Pipelining::AcrossMessages,
        1 => Pipelining::WithinMessage,
        _ => Pipelining::Never,
    };
    config.lmtp = options / 15 % 2 == 1;
    config.limits.chunk = 64;
    config.limits.chunks = 1 + usize::from(options / 30);
    config.transcript = true;
    config.verify_peer = more & 1 == 0;
    config.entropy = *b"0123456789abcdefghijklmnopqrstuv";
    config.derive_above = Some(0);
    let ann = || Authentication::password("ann@example.com", PASSWORD).expect("credentials");
    let name = |name| MechanismName::parse(name).expect("a name");
    config.authentication = match more >> 1 & 7 {
        0 => None,
        1 => Some(ann().with_mechanisms([name("LOGIN"), name("PLAIN")].into()).expect("built in")),
        2 => Some(Authentication::host(name("X-OWN"))),
        3 => Some(Authentication::token_provider("ann@example.com").expect("a user")),
        _ => Some(ann()),
    };
    if more & 16 != 0 {
        config.recipients = RecipientPolicy::AllOrNone;
    }
    config
}
