//! The WebAssembly shell: the core's calls, one by one, in types that cross the boundary. It decides nothing.
//!
//! Octets go in through one buffer that is reused, and come out as a copy of the flight, since the core's buffer is
//! reused too; events cross as one JSON text a call, in the shape that `wasm/js/events.ts` types.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![allow(missing_docs, reason = "documented in wasm/js, which is what users see")]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Uint8Array;
use sansmtp::sasl::{Authentication, ChannelBinding, MechanismName};
use sansmtp::settings::{Resolved, Server};
use sansmtp::{
    AuthAnswer, BodyPlan, Client, Content, Envelope, Error, ForwardPath, InvalidInput, LineEnds, LongLines,
    MailParameter, OperationId, RcptParameter, Recipient, ReversePath, Segment, Time, TlsFailure, TlsInfo,
    Transfer,
};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// A panic is a bug and becomes a trap, which `wasm/js/wasm.ts` turns into a typed error. Without std, nothing that
/// formats its message is linked.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// What a failed call throws: the text of a JSON object.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn thrown(error: Error) -> JsValue {
    json(&error).into()
}

fn invalid(error: InvalidInput) -> JsValue {
    thrown(error.into())
}

fn wrong_setting(error: &sansmtp::settings::SettingsError) -> JsValue {
    #[derive(Serialize)]
    struct Thrown<'a> {
        class: &'static str,
        setting: &'a str,
        message: String,
    }
    json(&Thrown { class: "settings", setting: error.setting(), message: error.message() }).into()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is cut to what a u64 can hold"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

fn time(now: f64) -> Time {
    Time::from_millis(whole(now))
}

fn id(operation: u32) -> OperationId {
    OperationId::from_number(operation)
}

#[wasm_bindgen]
pub struct Settings(Server);

#[wasm_bindgen]
impl Settings {
    #[wasm_bindgen(constructor)]
    pub fn new(text: String) -> Result<Self, JsValue> {
        let text = Zeroizing::new(text);
        Server::parse(&text).map(Self).map_err(|error| wrong_setting(&error))
    }

    pub fn set(&mut self, name: &str, value: String) -> Result<(), JsValue> {
        let value = Zeroizing::new(value);
        self.0.set(name, &value).map_err(|error| wrong_setting(&error))
    }

    /// What the text of the constructor said, as far as it is no secret.
    pub fn given(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Given<'a> {
            host: &'a str,
            port: Option<u16>,
            connect_type: Option<i8>,
            user: &'a str,
        }
        let connect_type = self.0.given_connect_type().map(|connect_type| connect_type as i8);
        json(&Given { host: self.0.host(), port: self.0.port(), connect_type, user: self.0.user() })
    }

    pub fn password(&self) -> String {
        self.0.password().expose().into()
    }

    pub fn resolve(&self) -> Result<String, JsValue> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown<'a> {
            host: &'a str,
            port: u16,
            tls: sansmtp::TlsMode,
            helo_domain: &'a str,
            user: Option<&'a str>,
            mechanisms: Vec<MechanismName>,
            verify_peer: bool,
            mail_from: Option<&'a str>,
            choices: &'a [sansmtp::settings::Choice],
        }
        let Resolved { host, port, config, mail_from, choices, .. } =
            &self.0.resolve().map_err(|error| wrong_setting(&error))?;
        Ok(json(&Shown {
            host,
            port: *port,
            tls: config.tls,
            helo_domain: config.hello.as_str(),
            user: config.authentication.as_ref().map(Authentication::user),
            mechanisms: config.authentication.as_ref().map(Authentication::allowed).unwrap_or_default(),
            verify_peer: config.verify_peer,
            mail_from: mail_from.as_ref().map(ReversePath::as_str),
            choices,
        }))
    }
}

#[wasm_bindgen]
pub struct Session {
    client: Client,
    input: Vec<u8>,
    envelope: Envelope,
    recipients: Vec<Recipient>,
    channel_bindings: Vec<ChannelBinding>,
}

#[wasm_bindgen]
impl Session {
    #[wasm_bindgen(constructor)]
    pub fn new(
        settings: &Settings,
        transcript: bool,
        now: f64,
        entropy: &Uint8Array,
        unix_time: f64,
        derive_above: Option<u32>,
    ) -> Result<Self, JsValue> {
        let mut config = settings.0.resolve().map_err(|error| wrong_setting(&error))?.config;
        config.transcript = transcript;
        if entropy.length() as usize == config.entropy.len() {
            entropy.copy_to(&mut config.entropy);
        }
        config.unix_time = whole(unix_time);
        config.derive_above = derive_above;
        Ok(Self {
            client: Client::new(config, time(now)),
            input: Vec::new(),
            envelope: Envelope::new(ReversePath::null()),
            recipients: Vec::new(),
            channel_bindings: Vec::new(),
        })
    }

    pub fn wants_input(&self) -> bool {
        self.client.wants_input()
    }

    pub fn handle_input(&mut self, now: f64, octets: &Uint8Array) -> Result<(), JsValue> {
        self.take_in(octets);
        self.client.handle_input(time(now), &self.input).map_err(thrown)
    }

    pub fn handle_eof(&mut self, now: f64) -> Result<(), JsValue> {
        self.client.handle_eof(time(now)).map_err(thrown)
    }

    pub fn handle_timeout(&mut self, now: f64) -> Result<(), JsValue> {
        self.client.handle_timeout(time(now)).map_err(thrown)
    }

    /// A copy of what is to be sent; nothing if that is nothing, or the host's own.
    pub fn flight(&self) -> Option<Uint8Array> {
        self.client.transmit().next().and_then(Segment::bytes).map(Uint8Array::from)
    }

    /// Copies the beginning of what is to be sent, as much as `into` holds; gives how much that is.
    pub fn flight_into(&self, into: &Uint8Array) -> u32 {
        let octets = self.client.transmit().next().and_then(Segment::bytes).unwrap_or_default();
        let length = into.length().min(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        into.subarray(0, length).copy_from(octets.get(..length as usize).unwrap_or_default());
        length
    }

    /// The message whose own octets are to be sent next, and how many, if there is one.
    pub fn body_due(&self) -> Option<Vec<f64>> {
        match self.client.transmit().next() {
            Some(Segment::Body { operation, length }) => {
                Some(Vec::from([f64::from(operation.get()), float(length)]))
            }
            _ => None,
        }
    }

    pub fn transmitting(&mut self, now: f64, count: f64) -> Result<(), JsValue> {
        self.client.transmitting(time(now), whole(count)).map_err(thrown)
    }

    pub fn transmitted(&mut self, now: f64, count: f64) -> Result<(), JsValue> {
        self.client.transmitted(time(now), whole(count)).map_err(thrown)
    }

    /// All events since the last call, as a JSON array; nothing if there is none.
    pub fn poll_events(&mut self) -> Option<String> {
        let first = self.client.poll_event()?;
        let mut events = Vec::from([first]);
        events.extend(core::iter::from_fn(|| self.client.poll_event()));
        Some(json(&events))
    }

    pub fn poll_timeout(&self) -> Option<f64> {
        self.client.poll_timeout().map(|deadline| float(deadline.as_millis()))
    }

    /// All lines since the last call, each with its line end; nothing if there is none.
    pub fn poll_transcript(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(line) = self.client.poll_transcript() {
            text.push_str(&line.text());
            text.push('\n');
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// What a login can be bound to, for the next `tls_established`. A name that is not known is left out.
    pub fn channel_binding(&mut self, name: &str, data: &Uint8Array) {
        self.channel_bindings.extend(ChannelBinding::new(name, data.to_vec()));
    }

    pub fn tls_established(&mut self, now: f64, verified: bool) -> Result<(), JsValue> {
        let bindings = core::mem::take(&mut self.channel_bindings);
        let tls = TlsInfo::new(verified).with_channel_bindings(bindings);
        self.client.tls_established(time(now), tls).map_err(thrown)
    }

    pub fn tls_failed(&mut self, now: f64, code: String, text: String) -> Result<(), JsValue> {
        self.client.tls_failed(time(now), TlsFailure { code, text }).map_err(thrown)
    }

    pub fn establish_tls(&mut self) -> Result<(), JsValue> {
        self.client.establish_tls().map_err(thrown)
    }

    /// Answers what a login needs: `step` says which answer this is, and what of the rest counts.
    pub fn auth_supply(&mut self, step: &str, octets: Option<Uint8Array>, ok: bool) -> Result<(), JsValue> {
        let octets = octets.map(|octets| Zeroizing::new(octets.to_vec()));
        let answer = match step {
            "derivedKey" => AuthAnswer::DerivedKey(octets.unwrap_or_default()),
            "finish" => AuthAnswer::Finish(ok),
            "initialResponse" => AuthAnswer::InitialResponse(octets),
            "response" => AuthAnswer::Response(octets.unwrap_or_default()),
            // What is no UTF-8 is no token either.
            "token" => {
                AuthAnswer::Token(str::from_utf8(&octets.unwrap_or_default()).unwrap_or_default().into())
            }
            _ => AuthAnswer::Cancel,
        };
        self.client.auth_supply(answer).map_err(thrown)
    }

    /// The sender of the next message. Whoever was given before is forgotten.
    pub fn mail(&mut self, sender: &str) -> Result<(), JsValue> {
        self.recipients.clear();
        self.envelope = Envelope::new(ReversePath::parse(sender).map_err(invalid)?);
        Ok(())
    }

    pub fn mail_parameter(&mut self, keyword: &str, value: Option<String>) -> Result<(), JsValue> {
        let parameter = MailParameter::parse(keyword, value.as_deref()).map_err(invalid)?;
        let envelope = core::mem::replace(&mut self.envelope, Envelope::new(ReversePath::null()));
        self.envelope = envelope.with(parameter).map_err(invalid)?;
        Ok(())
    }

    /// A recipient of the next message.
    pub fn recipient(&mut self, address: &str) -> Result<(), JsValue> {
        self.recipients.push(ForwardPath::parse(address).map_err(invalid)?.into());
        Ok(())
    }

    /// A parameter of the last recipient.
    pub fn recipient_parameter(&mut self, keyword: &str, value: Option<String>) -> Result<(), JsValue> {
        let parameter = RcptParameter::parse(keyword, value.as_deref()).map_err(invalid)?;
        if let Some(recipient) = self.recipients.pop() {
            self.recipients.push(recipient.with(parameter).map_err(invalid)?);
        }
        Ok(())
    }

    /// Sends to the recipients that were given. The numbers are places in the lists of `wasm/js/session.ts`.
    #[allow(clippy::too_many_arguments, reason = "each is one of a plan's")]
    pub fn send(
        &mut self,
        size: Option<f64>,
        content: u8,
        line_ends: u8,
        long_lines: u8,
        transfer: u8,
        utf8_headers: bool,
        once: bool,
    ) -> Result<u32, JsValue> {
        let mut plan = BodyPlan::default();
        plan.size = size.map(whole);
        plan.content = match content {
            1 => Content::EightBit,
            2 => Content::Binary,
            3 => Content::Auto,
            _ => Content::SevenBit,
        };
        plan.line_ends = match line_ends {
            1 => LineEnds::Reject,
            2 => LineEnds::Canonical,
            _ => LineEnds::Normalize,
        };
        plan.long_lines = if long_lines == 1 { LongLines::Reject } else { LongLines::Allow };
        plan.transfer = match transfer {
            1 => Transfer::Bdat,
            2 => Transfer::Data,
            _ => Transfer::Auto,
        };
        plan.utf8_headers = utf8_headers;
        plan.once = once;
        let envelope = self.take_envelope();
        self.client.send(&envelope, plan).map(OperationId::get).map_err(thrown)
    }

    pub fn verify_recipients(&mut self) -> Result<u32, JsValue> {
        let envelope = self.take_envelope();
        self.client.verify_recipients(&envelope).map(OperationId::get).map_err(thrown)
    }

    /// Whether the chunk was taken.
    pub fn body_chunk(&mut self, operation: u32, length: f64, is_last: bool) -> Result<bool, JsValue> {
        self.client.body_chunk(id(operation), whole(length), is_last).map_err(thrown)
    }

    /// Gives how much was taken.
    pub fn body(&mut self, operation: u32, piece: &Uint8Array) -> Result<usize, JsValue> {
        self.take_in(piece);
        self.client.body(id(operation), &self.input).map_err(thrown)
    }

    pub fn end_body(&mut self, operation: u32) -> Result<(), JsValue> {
        self.client.end_body(id(operation)).map_err(thrown)
    }

    pub fn cancel(&mut self, operation: u32) -> Result<(), JsValue> {
        self.client.cancel(id(operation)).map_err(thrown)
    }

    /// NOOP, RSET, VRFY, EXPN or HELP.
    pub fn command(&mut self, verb: &str, argument: Option<String>) -> Result<u32, JsValue> {
        let text = argument.as_deref();
        let operation = match verb {
            "RSET" => self.client.reset(),
            "VRFY" => self.client.vrfy(text.unwrap_or_default()),
            "EXPN" => self.client.expn(text.unwrap_or_default()),
            "HELP" => self.client.help(text),
            _ => self.client.noop(),
        };
        operation.map(OperationId::get).map_err(thrown)
    }

    pub fn custom(&mut self, line: &str) -> Result<u32, JsValue> {
        self.client.custom(line).map(OperationId::get).map_err(thrown)
    }

    pub fn quit(&mut self) -> Result<(), JsValue> {
        self.client.quit().map_err(thrown)
    }

    pub fn abort(&mut self) {
        self.client.abort();
    }

    pub fn capabilities(&self) -> String {
        json(self.client.capabilities())
    }

    pub fn is_encrypted(&self) -> bool {
        self.client.is_encrypted()
    }

    pub fn mechanism(&self) -> Option<String> {
        self.client.mechanism().map(|name| name.as_str().into())
    }

    fn take_envelope(&mut self) -> Envelope {
        let mut envelope = core::mem::replace(&mut self.envelope, Envelope::new(ReversePath::null()));
        envelope.extend(self.recipients.drain(..));
        envelope
    }

    fn take_in(&mut self, octets: &Uint8Array) {
        self.input.resize(octets.length() as usize, 0);
        octets.copy_to(&mut self.input);
    }
}

/// SHA-256 of what comes piece by piece, for DKIM: that of the platforms takes it only as a whole.
#[cfg(feature = "scram-sha-256")]
#[wasm_bindgen]
#[derive(Default)]
pub struct Digest(sha2::Sha256);

#[cfg(feature = "scram-sha-256")]
#[wasm_bindgen]
impl Digest {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn update(&mut self, octets: &[u8]) {
        sha2::Digest::update(&mut self.0, octets);
    }

    /// Ends it; what comes then begins another.
    pub fn finish(&mut self) -> Vec<u8> {
        sha2::Digest::finalize_reset(&mut self.0).to_vec()
    }
}
