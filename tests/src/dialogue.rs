//! Scripted dialogues: `tests/dialogues/*.json`, described by `tests/dialogue.schema.json`.
//!
//! The same files run through the core here and through the npm package in `wasm/test/dialogues.test.mjs`. Each runs
//! with the server's octets whole, by line and by octet; all three give the same octets and events, which are
//! recorded, so that the npm package is held against the core in full and not only against what a file asserts.

use std::fs;
use std::path::{Path, PathBuf};

use sansmtp::sasl::ChannelBinding;
use sansmtp::settings::Server;
use sansmtp::{
    AuthAnswer, BodyPlan, Client, Content, Envelope, Error, ForwardPath, LineEnds, LongLines, MailParameter,
    OperationId, RcptParameter, Recipient, ReversePath, Time, TlsFailure, TlsInfo, Transfer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::canary::Canary;
use crate::flight;

/// A file of dialogues about one behaviour.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The schema, for editors.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// The dialogues.
    pub dialogues: Vec<Dialogue>,
}

/// One session with a server that says what the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialogue {
    /// What happens, in a few words; unique in its file.
    pub name: String,
    /// Lines of the conformance checklist and attacks of the catalogue that it is a test for.
    #[serde(default)]
    pub covers: Vec<String>,
    /// Settings as for the JavaScript `SmtpServer`; `server` is the text for its constructor.
    pub settings: Map<String, Value>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step: exactly one of the fields but `error`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Octets from the server, each character one octet.
    pub server: Option<String>,
    /// The octets that the client has to say now, all of them; they are written.
    pub client: Option<String>,
    /// As `client`, for a long text: its length.
    #[serde(rename = "clientOctets")]
    pub client_octets: Option<usize>,
    /// The events since the last such step, in order, all of them. An expected event matches one that has its fields
    /// and others beside.
    pub events: Option<Vec<Value>>,
    /// A call of the host, and its arguments.
    pub call: Option<String>,
    /// The arguments of the call.
    pub with: Option<Value>,
    /// What the call returns, if that is a number.
    pub returns: Option<u64>,
    /// The handshake: `verified`, `unverified`, or the host's error code and text.
    pub tls: Option<Value>,
    /// The server closes its side.
    pub eof: Option<bool>,
    /// Milliseconds that pass with nothing coming.
    pub wait: Option<u64>,
    /// The transcript since the last such step.
    pub transcript: Option<Vec<String>>,
    /// Whether the session wants input now.
    #[serde(rename = "wantsInput")]
    pub wants_input: Option<bool>,
    /// The error that this step gives: its class and kind.
    pub error: Option<Value>,
}

/// How the server's octets are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Not at all.
    Whole,
    /// Behind each LF.
    Line,
    /// Behind each octet.
    Octet,
}

/// What a session said and did, in full.
#[derive(Debug, PartialEq, Serialize)]
pub struct Recording {
    /// One entry a step.
    pub steps: Vec<Value>,
}

/// Where the dialogues are.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues")
}

/// All files of dialogues, by name.
#[must_use]
pub fn files() -> Vec<(String, File)> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .expect("the dialogues")
        .map(|entry| {
            let path = entry.expect("a file").path();
            let text = fs::read_to_string(&path).expect("text");
            let file =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_stem().expect("a name").to_string_lossy().into_owned(), file)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

impl Dialogue {
    /// Runs it and checks every step.
    #[must_use]
    pub fn run(&self, cut: Cut) -> Recording {
        let mut run = Run::new(self);
        let mut steps = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            run.place = format!("{}, step {number}, {cut:?}", self.name);
            steps.push(run.step(step, cut));
        }
        run.end();
        Recording { steps }
    }
}

/// The randomness of every dialogue.
const ENTROPY: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

struct Run {
    client: Client,
    now: u64,
    canary: Canary,
    may_log_in: bool,
    last_error: Option<Error>,
    place: String,
}

impl Run {
    fn new(dialogue: &Dialogue) -> Self {
        let setting = |name: &str| dialogue.settings.get(name).map(text);
        let mut server = Server::parse(&setting("server").unwrap_or_else(|| "mail.example.com".into()))
            .unwrap_or_else(|error| panic!("{}: {error}", dialogue.name));
        // What belongs to the session and not to the settings of the server.
        let is_setting = |name: &str| !matches!(name, "server" | "deriveAbove");
        for (name, value) in dialogue.settings.iter().filter(|(name, _)| is_setting(name)) {
            server.set(name, &text(value)).unwrap_or_else(|error| panic!("{}: {error}", dialogue.name));
        }
        let mut config = server.resolve().unwrap_or_else(|error| panic!("{}: {error}", dialogue.name)).config;
        config.transcript = true;
        config.entropy = *ENTROPY;
        config.derive_above = dialogue
            .settings
            .get("deriveAbove")
            .and_then(Value::as_u64)
            .map(|above| u32::try_from(above).expect("a small number"));
        let may_log_in = config.allow_insecure_auth;
        Self {
            client: Client::new(config, Time::from_millis(0)),
            now: 0,
            canary: Canary::new(&setting("password").or(setting("token")).unwrap_or_default()),
            may_log_in,
            last_error: None,
            place: dialogue.name.clone(),
        }
    }

    fn time(&self) -> Time {
        Time::from_millis(self.now)
    }

    fn step(&mut self, step: &Step, cut: Cut) -> Value {
        let (result, record) = if let Some(octets) = &step.server {
            (self.server(&latin1(octets), cut), json!({}))
        } else if let Some(octets) = &step.client {
            let said = self.flight();
            assert_eq!(latin1_text(&said), *octets, "{}: the client's octets", self.place);
            (Ok(()), json!({ "client": octets }))
        } else if let Some(length) = step.client_octets {
            let said = self.flight();
            assert_eq!(said.len(), length, "{}: the length of the flight", self.place);
            (Ok(()), json!({ "client": latin1_text(&said) }))
        } else if let Some(expected) = &step.events {
            let events = self.events();
            self.compare(&events, expected);
            (Ok(()), json!({ "events": events }))
        } else if let Some(call) = &step.call {
            match self.call(call, step.with.as_ref().unwrap_or(&Value::Null)) {
                Ok(returned) => {
                    if step.returns.is_some() {
                        assert_eq!(returned, step.returns, "{}: {call}", self.place);
                    }
                    (Ok(()), json!({ "returns": returned }))
                }
                Err(error) => (Err(error), json!({})),
            }
        } else if let Some(tls) = &step.tls {
            (self.tls(tls), json!({}))
        } else if step.eof.is_some() {
            (self.client.handle_eof(self.time()), json!({}))
        } else if let Some(millis) = step.wait {
            self.now += millis;
            (
                self.client.handle_timeout(self.time()),
                json!({ "deadline": self.client.poll_timeout().map(Time::as_millis) }),
            )
        } else if let Some(expected) = &step.transcript {
            let lines = self.transcript();
            assert_eq!(&lines, expected, "{}: the transcript", self.place);
            (Ok(()), json!({ "transcript": lines }))
        } else if let Some(expected) = step.wants_input {
            assert_eq!(self.client.wants_input(), expected, "{}: wants_input", self.place);
            (Ok(()), json!({ "wantsInput": expected }))
        } else {
            panic!("{}: an empty step", self.place);
        };
        let error = result.err();
        let mut found = error.map_or(Value::Null, |error| serde_json::to_value(error).expect("JSON"));
        // The sentence for a person may change; what a program looks at may not.
        if let Some(fields) = found.as_object_mut() {
            fields.remove("message");
        }
        assert_eq!(found, step.error.clone().unwrap_or(Value::Null), "{}: the error", self.place);
        self.last_error = error.or(self.last_error);
        json!({ "record": record, "error": found })
    }

    /// At the end nothing may be left that no step looked at, and nothing may show the password.
    fn end(&mut self) {
        self.place.push_str(", end");
        assert_eq!(latin1_text(&self.flight()), "", "{}: octets that no step looked at", self.place);
        let events = self.events();
        assert_eq!(events, [] as [Value; 0], "{}: events that no step looked at", self.place);
        self.transcript();
        self.canary.check(format!("{:?}", self.client).as_bytes(), "Debug");
    }

    fn server(&mut self, octets: &[u8], cut: Cut) -> Result<(), Error> {
        let pieces: Vec<&[u8]> = match cut {
            Cut::Whole => vec![octets],
            Cut::Line => octets.split_inclusive(|octet| *octet == b'\n').collect(),
            Cut::Octet => octets.chunks(1).collect(),
        };
        let mut result = Ok(());
        for piece in pieces {
            result = self.client.handle_input(self.time(), piece);
        }
        result
    }

    fn flight(&mut self) -> Vec<u8> {
        let now = self.time();
        let flight = flight(&mut self.client, now);
        if !self.client.is_encrypted() && !self.may_log_in {
            self.canary.check(&flight, "the wire");
        }
        flight
    }

    fn events(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(event) = self.client.poll_event() {
            self.canary.check(format!("{event:?}").as_bytes(), "Debug of an event");
            let event = serde_json::to_value(event).expect("JSON");
            self.canary.check(event.to_string().as_bytes(), "an event");
            events.push(event);
        }
        events
    }

    fn transcript(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.client.poll_transcript() {
            self.canary.check(line.to_string().as_bytes(), "the transcript");
            lines.push(line.to_string());
        }
        lines
    }

    fn compare(&self, events: &[Value], expected: &[Value]) {
        let same = events.len() == expected.len()
            && events.iter().zip(expected).all(|(event, expected)| matches(event, expected));
        assert!(
            same,
            "{}: the events\n found: {}\nwanted: {}",
            self.place,
            serde_json::to_string_pretty(events).unwrap(),
            serde_json::to_string_pretty(expected).unwrap()
        );
    }

    fn tls(&mut self, tls: &Value) -> Result<(), Error> {
        let now = self.time();
        match tls {
            Value::String(verified) if verified == "verified" => {
                self.client.tls_established(now, TlsInfo::new(true))
            }
            Value::String(unverified) if unverified == "unverified" => {
                self.client.tls_established(now, TlsInfo::new(false))
            }
            Value::Object(up) if up.contains_key("channelBindings") => {
                let bindings = up["channelBindings"].as_array().expect("channel bindings").iter();
                let bindings = bindings.map(|binding| {
                    ChannelBinding::new(&text(&binding["name"]), latin1(&text(&binding["data"])))
                        .expect("a name")
                });
                let tls = TlsInfo::new(true).with_channel_bindings(bindings.collect());
                self.client.tls_established(now, tls)
            }
            failure => {
                let (code, text) = (text(&failure["code"]), text(&failure["text"]));
                self.client.tls_failed(now, TlsFailure { code, text })
            }
        }
    }

    fn call(&mut self, name: &str, with: &Value) -> Result<Option<u64>, Error> {
        let operation = || {
            let number = with.get("operation").and_then(Value::as_u64).unwrap_or(0);
            OperationId::from_number(u32::try_from(number).expect("a small number"))
        };
        let id = |id: OperationId| Some(u64::from(id.get()));
        let argument = || text(&with["argument"]);
        match name {
            "send" => {
                let envelope = envelope(with)?;
                self.client.send(&envelope, plan(with)).map(id)
            }
            "verifyRecipients" => self.client.verify_recipients(&envelope(with)?).map(id),
            "bodyChunk" => {
                let length = with["length"].as_u64().expect("a length");
                let taken = self.client.body_chunk(operation(), length, with["last"] == true)?;
                Ok(Some(u64::from(taken)))
            }
            "body" => {
                let octets = latin1(&text(&with["text"]))
                    .repeat(usize::try_from(with["times"].as_u64().unwrap_or(1)).unwrap());
                self.client.body(operation(), &octets).map(|taken| Some(taken as u64))
            }
            "endBody" => self.client.end_body(operation()).map(|()| None),
            "cancel" => self.client.cancel(operation()).map(|()| None),
            "noop" => self.client.noop().map(id),
            "reset" => self.client.reset().map(id),
            "vrfy" => self.client.vrfy(&argument()).map(id),
            "expn" => self.client.expn(&argument()).map(id),
            "help" => self.client.help(with.get("argument").and_then(Value::as_str)).map(id),
            "custom" => self.client.custom(&argument()).map(id),
            "quit" => self.client.quit().map(|()| None),
            "abort" => {
                self.client.abort();
                Ok(None)
            }
            "establishTls" => self.client.establish_tls().map(|()| None),
            "authSupply" => {
                self.canary.add(&text(&with["token"]));
                self.client.auth_supply(answer(with)).map(|()| None)
            }
            "transmitting" => {
                self.client.transmitting(self.time(), with["count"].as_u64().unwrap()).map(|()| None)
            }
            "transmitted" => {
                self.client.transmitted(self.time(), with["count"].as_u64().unwrap()).map(|()| None)
            }
            _ => panic!("{}: unknown call {name}", self.place),
        }
    }
}

/// The envelope that the arguments of `send` describe.
///
/// # Errors
/// That of a value that cannot be sent.
///
/// # Panics
/// If they have no list of recipients.
pub fn envelope(with: &Value) -> Result<Envelope, Error> {
    let mut envelope = Envelope::new(ReversePath::parse(&text(&with["from"]))?);
    for (keyword, value) in parameters(with) {
        envelope = envelope.with(MailParameter::parse(keyword, value.as_deref())?)?;
    }
    for to in with["to"].as_array().expect("recipients") {
        let address = to.get("address").unwrap_or(to);
        let mut recipient = Recipient::from(ForwardPath::parse(&text(address))?);
        for (keyword, value) in parameters(to) {
            recipient = recipient.with(RcptParameter::parse(keyword, value.as_deref())?)?;
        }
        envelope = envelope.to(recipient);
    }
    let many = with["recipients"].as_u64().unwrap_or(0);
    for number in 0..many {
        envelope = envelope.to(ForwardPath::parse(&format!("r{number}@example.org"))?);
    }
    Ok(envelope)
}

/// Keywords and their values; `true` is none.
fn parameters(with: &Value) -> impl Iterator<Item = (&String, Option<String>)> {
    let parameters = with.get("parameters").and_then(Value::as_object).into_iter().flatten();
    parameters.map(|(keyword, value)| (keyword, (*value != true).then(|| text(value))))
}

/// What the arguments of `send` declare of the message.
#[must_use]
pub fn plan(with: &Value) -> BodyPlan {
    let mut plan = BodyPlan::default();
    plan.content = match text(&with["content"]).as_str() {
        "eightBit" => Content::EightBit,
        "binary" => Content::Binary,
        "auto" => Content::Auto,
        _ => Content::SevenBit,
    };
    plan.line_ends = match text(&with["lineEnds"]).as_str() {
        "reject" => LineEnds::Reject,
        "canonical" => LineEnds::Canonical,
        _ => LineEnds::Normalize,
    };
    if with["longLines"] == "reject" {
        plan.long_lines = LongLines::Reject;
    }
    plan.transfer = match text(&with["transfer"]).as_str() {
        "bdat" => Transfer::Bdat,
        "data" => Transfer::Data,
        _ => Transfer::Auto,
    };
    plan.utf8_headers = with["utf8Headers"] == true;
    plan.once = with["once"] == true;
    plan.size = with["size"].as_u64();
    plan
}

fn answer(with: &Value) -> AuthAnswer {
    match text(&with["step"]).as_str() {
        "cancel" => AuthAnswer::Cancel,
        "derivedKey" => AuthAnswer::DerivedKey(latin1(&text(&with["key"])).into()),
        "finish" => AuthAnswer::Finish(with["ok"].as_bool().expect("ok")),
        "initialResponse" => {
            AuthAnswer::InitialResponse(with.get("response").map(|response| latin1(&text(response)).into()))
        }
        "response" => AuthAnswer::Response(latin1(&text(&with["response"])).into()),
        "token" => AuthAnswer::Token(text(&with["token"]).into()),
        other => panic!("unknown answer {other}"),
    }
}

/// Whether `found` has everything that `expected` has.
fn matches(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(name, expected)| found.get(name).is_some_and(|found| matches(found, expected))),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| matches(a, b))
        }
        _ => found == expected,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(char).unwrap_or_else(|_| panic!("{char} is no octet"))).collect()
}

fn latin1_text(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}
