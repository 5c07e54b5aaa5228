//! The session as a state machine: the server's octets and the host's calls in, octets and events out.
//!
//! Two things carry it: one transmit buffer, and one queue of the replies that are expected. A call or a reply puts
//! as many commands into the buffer as may go in one flight (RFC 2920), and for each an entry into the queue; each
//! reply takes the first entry, by order alone.

mod auth;
mod command;
mod end;
mod expect;
mod input;
mod session;
mod transaction;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::body::BodyPlan;
use crate::capabilities::Capabilities;
use crate::config::{Config, TlsMode};
use crate::envelope::Envelope;
use crate::error::{ApiMisuse, Error, InvalidInput, PeerMisbehaved, Stage};
use crate::event::{AuthAnswer, Event, OperationId, TlsFailure, TlsInfo};
use crate::reply::Parser;
use crate::sasl::{ChannelBinding, MechanismName};
use crate::secret::Redactor;
use crate::time::Time;
use crate::transcript::{Line, Transcript};
use crate::transmit::{Segment, Transmit};

use auth::Exchange;
use command::Command;
use expect::{Expect, Expected};
use transaction::Transaction;

/// One SMTP session over one connection. See the [crate's documentation](crate) for how to drive it.
pub struct Client {
    config: Config,
    phase: Phase,
    parser: Parser,
    out: Transmit,
    expected: VecDeque<Expected>,
    /// The position behind the last command that was answered, and what is being answered now.
    answered: u64,
    answering: Option<Expect>,
    /// Octets of commands without an answer, and messages without one.
    in_flight: usize,
    unanswered: usize,
    /// A reply showed that the server does not keep to PIPELINING: nothing is sent ahead any more.
    out_of_step: bool,
    last_reply: Time,
    /// When the octets were handed over that the transport has not written.
    handed_at: Time,
    events: VecDeque<Event>,
    capabilities: Capabilities,
    encrypted: bool,
    /// TLS is up and the server's certificate was verified.
    verified: bool,
    /// EHLO was said once more after the login.
    hello_repeated: bool,
    /// MAIL commands so far, and the domains of recipients where the server limits them, each with the position of its MAIL.
    mails: u64,
    domains: Vec<(u64, String)>,
    /// What a login can be bound to.
    channel_bindings: Vec<ChannelBinding>,
    exchange: Option<Exchange>,
    mechanism: Option<MechanismName>,
    /// In order, and so by number; the first one is under way.
    operations: VecDeque<Operation>,
    /// The one that began last.
    begun: Option<OperationId>,
    /// Behind the operations, QUIT.
    quits: bool,
    next_operation: u32,
    /// The server has a transaction open that no message ended: RSET goes before the next MAIL.
    needs_reset: bool,
    redactor: Redactor,
    transcript: Option<Transcript>,
    error: Option<Error>,
    /// Why the session ends once the replies that are due are there.
    draining: Option<Error>,
}

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// From the greeting to the login: the session's own commands.
    Setup,
    /// The host does the handshake.
    Tls,
    /// Operations run.
    Ready,
    /// Nothing more is sent: an operation was given up, and the replies to what went before it are waited for.
    Draining,
    /// QUIT is queued or sent: nothing that comes matters.
    Quitting,
    /// Over.
    Closed,
}

/// What a caller asked for.
enum Operation {
    Command(Command),
    Transaction(Box<Transaction>),
}

impl Operation {
    const fn id(&self) -> OperationId {
        match self {
            Self::Command(command) => command.id,
            Self::Transaction(transaction) => transaction.id,
        }
    }

    /// The position before its first command, once that is queued.
    fn start(&self) -> Option<u64> {
        match self {
            Self::Command(command) => command.start,
            Self::Transaction(transaction) => transaction.start(),
        }
    }

    /// Whether everything that it has to say is queued.
    fn is_out(&self) -> bool {
        match self {
            Self::Command(command) => command.start.is_some(),
            Self::Transaction(transaction) => transaction.is_out(),
        }
    }
}

impl Client {
    /// A session on a connection that stands, at the moment `now`. With [`TlsMode::Implicit`] the first event is
    /// [`Event::StartTls`]; else the server is to greet.
    #[must_use]
    pub fn new(config: Config, now: Time) -> Self {
        let mut client = Self {
            phase: Phase::Setup,
            parser: Parser::new(config.limits.reply),
            out: Transmit::default(),
            expected: VecDeque::new(),
            answered: 0,
            answering: None,
            in_flight: 0,
            unanswered: 0,
            out_of_step: false,
            last_reply: now,
            handed_at: now,
            events: VecDeque::new(),
            capabilities: Capabilities::default(),
            encrypted: false,
            verified: false,
            hello_repeated: false,
            mails: 0,
            domains: Vec::new(),
            channel_bindings: Vec::new(),
            exchange: None,
            mechanism: None,
            operations: VecDeque::new(),
            begun: None,
            quits: false,
            next_operation: 0,
            needs_reset: false,
            redactor: Redactor::default(),
            transcript: config.transcript.then(|| Transcript::new(config.limits.transcript)),
            error: None,
            draining: None,
            config,
        };
        if let Some(authentication) = &client.config.authentication {
            client.redactor.hide(authentication.secret().as_bytes());
        }
        if client.config.tls == TlsMode::Implicit {
            client.phase = Phase::Tls;
            client.events.push_back(Event::StartTls);
        } else {
            client.expect_greeting(now);
        }
        client
    }

    // ── The server's octets ──────────────────────────────────────────────────────────────────────────────────────

    /// Whether to read from the server. `false` from [`Event::StartTls`] until [`Self::tls_established`]: then no
    /// read may be under way, since what it would take belongs to TLS.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !matches!(self.phase, Phase::Tls | Phase::Closed)
    }

    /// Takes what the server sent, in pieces of any size: how they are cut changes nothing. Then take the
    /// [events](Self::poll_event) and write what is to be [transmitted](Self::transmit).
    ///
    /// # Errors
    /// The fatal error of the session; see [`Error`].
    pub fn handle_input(&mut self, now: Time, octets: &[u8]) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if octets.is_empty() || self.phase == Phase::Closed {
            return Ok(());
        }
        if self.phase == Phase::Tls {
            return Err(self.plaintext());
        }
        // The reply borrows from the parser while the rest of the session works on it.
        let mut parser = mem::take(&mut self.parser);
        let result = self.feed(&mut parser, now, octets);
        if self.phase != Phase::Tls {
            self.parser = parser;
        }
        result
    }

    /// The server closed its side of the connection.
    ///
    /// # Errors
    /// [`Error::UnexpectedEof`] if something was under way.
    pub fn handle_eof(&mut self, _now: Time) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.phase {
            Phase::Closed => {}
            Phase::Quitting => self.close(),
            Phase::Ready if self.is_idle() && !self.parser.is_mid_reply() => self.close(),
            _ => {
                let stage = self.stage();
                let error = match self.parser.other_protocol() {
                    Some(protocol) if stage == Stage::Greeting => PeerMisbehaved::NotSmtp(protocol).into(),
                    _ => Error::UnexpectedEof(stage),
                };
                return Err(self.fatal(error, None));
            }
        }
        Ok(())
    }

    /// Call this when the moment of [`Self::poll_timeout`] has come. Earlier it does nothing.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the server took too long.
    pub fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.phase == Phase::Quitting {
            self.close();
            return Ok(());
        }
        let stage = self.stage();
        Err(self.fatal(Error::TimedOut(stage), None))
    }

    // ── The client's octets ──────────────────────────────────────────────────────────────────────────────────────

    /// What is to be sent: one flight. Ask again after every other call. Tell how much of it the transport took by
    /// [`Self::transmitting`], and how much it wrote by [`Self::transmitted`].
    pub fn transmit(&self) -> impl Iterator<Item = Segment<'_>> {
        self.out.segments()
    }

    /// The next `count` octets of [`Self::transmit`] are with the transport: replies to them may come from here on,
    /// the time to write them runs, and they are not given out again.
    ///
    /// # Errors
    /// [`ApiMisuse::TooManyBytes`], or the fatal error of the session.
    pub fn transmitting(&mut self, now: Time, count: u64) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.out.handed() == self.out.written() {
            self.handed_at = now;
        }
        self.out.hand_over(count)?;
        if let Some(transcript) = &mut self.transcript {
            transcript.handed_over(self.out.handed());
        }
        Ok(())
    }

    /// The transport wrote `count` octets of those that were handed over: the time for the reply runs.
    ///
    /// # Errors
    /// [`ApiMisuse::TooManyBytes`], or the fatal error of the session.
    pub fn transmitted(&mut self, now: Time, count: u64) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.out.confirm(count)?;
        if count == 0 {
            return Ok(());
        }
        self.handed_at = now;
        let written = self.out.written();
        for expected in &mut self.expected {
            if expected.written_at.is_none() && expected.end <= written {
                expected.written_at = Some(now);
            }
        }
        // A chunk may have waited for room.
        self.advance();
        Ok(())
    }

    // ── To be asked after every call ─────────────────────────────────────────────────────────────────────────────

    /// The next event; call until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`]; `None`: never, as things stand.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let timeouts = &self.config.timeouts;
        if matches!(self.phase, Phase::Tls | Phase::Closed) {
            return None;
        }
        if self.out.handed() > self.out.written() {
            return Some(self.handed_at + timeouts.write);
        }
        let expected = self.expected.front()?;
        Some(expected.written_at?.max(self.last_reply) + expected.phase(timeouts))
    }

    /// The next line of the transcript, if the configuration asked for one; call until `None`.
    pub fn poll_transcript(&mut self) -> Option<Line> {
        self.transcript.as_mut()?.pop()
    }

    // ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The handshake that [`Event::StartTls`] asked for is done. All that the server said before is forgotten.
    ///
    /// # Errors
    /// [`PeerMisbehaved::PeerNotVerified`] if the certificate was not verified and the configuration demands it;
    /// [`ApiMisuse::TlsNotAsked`].
    pub fn tls_established(&mut self, now: Time, tls: TlsInfo) -> Result<(), Error> {
        self.check_tls_asked()?;
        if self.config.verify_peer && !tls.verified {
            return Err(self.fatal(PeerMisbehaved::PeerNotVerified.into(), None));
        }
        self.tls_is_up(now, tls);
        Ok(())
    }

    /// The handshake failed: the session is over.
    ///
    /// # Errors
    /// [`ApiMisuse::TlsNotAsked`].
    pub fn tls_failed(&mut self, _now: Time, failure: TlsFailure) -> Result<(), Error> {
        self.check_tls_asked()?;
        self.handshake_failed(failure);
        Ok(())
    }

    /// Starts TLS now: for [`TlsMode::Manual`], after [`Event::Ready`] and with no operation open.
    ///
    /// # Errors
    /// [`ApiMisuse::TlsNotNow`], [`ApiMisuse::TlsAlreadyUp`], or
    /// [`Unsupported::StartTls`](crate::Unsupported::StartTls) if the server does not offer it.
    pub fn establish_tls(&mut self) -> Result<(), Error> {
        self.check_open()?;
        self.start_manual_tls()
    }

    fn check_tls_asked(&self) -> Result<(), Error> {
        match (self.error, self.phase) {
            (Some(error), _) => Err(error),
            (None, Phase::Tls) => Ok(()),
            _ if self.encrypted => Err(ApiMisuse::TlsAlreadyUp.into()),
            _ => Err(ApiMisuse::TlsNotAsked.into()),
        }
    }

    // ── Login ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Answers [`Event::AuthNeeds`].
    ///
    /// # Errors
    /// [`ApiMisuse::AuthNotAsked`] if nothing, or something else, was asked; [`InvalidInput::Token`] or
    /// [`InvalidInput::DerivedKey`]; all leave the question open. [`PeerMisbehaved::ServerNotVerified`] for [`AuthAnswer::Finish`] with `false`.
    pub fn auth_supply(&mut self, answer: AuthAnswer) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.supply(answer)
    }

    // ── Operations: any number, at any time; they are carried out in order ───────────────────────────────────────

    /// Sends a message. [`Event::SendBody`] asks for it; [`Event::Delivered`] or [`Event::Failed`] is its result. May be called
    /// while other messages are under way: where the server permits, the next one goes out behind the last one. Results come
    /// in order, but for a message that goes out in parts: those behind its first part do not wait for the others.
    ///
    /// # Errors
    /// [`InvalidInput::NoRecipients`]; [`ApiMisuse::SessionOver`]; [`ApiMisuse::NotAuthenticated`].
    pub fn send(&mut self, envelope: &Envelope, plan: BodyPlan) -> Result<OperationId, Error> {
        self.begin(envelope, Some(plan))
    }

    /// Asks whether the recipients would be taken, and sends nothing: MAIL, RCPT and RSET. [`Event::Recipient`] tells of each;
    /// [`Event::Answer`] or [`Event::Failed`] is the result.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn verify_recipients(&mut self, envelope: &Envelope) -> Result<OperationId, Error> {
        self.begin(envelope, None)
    }

    fn begin(&mut self, envelope: &Envelope, plan: Option<BodyPlan>) -> Result<OperationId, Error> {
        self.check_open()?;
        if envelope.recipients().is_empty() {
            return Err(InvalidInput::NoRecipients.into());
        }
        if self.config.tls == TlsMode::Manual
            && self.config.authentication.is_some()
            && self.phase == Phase::Ready
            && !self.encrypted
        {
            return Err(ApiMisuse::NotAuthenticated.into());
        }
        let id = self.next_id();
        self.operations.push_back(Operation::Transaction(Box::new(Transaction::new(
            id,
            envelope.clone(),
            plan,
        ))));
        self.advance();
        Ok(id)
    }

    /// Gives a piece of the message that [`Event::SendBody`] asked for, of any size. Returns how much was taken: less
    /// than all means that the transmit buffer is full, or that replies are due first; write it out, then give the rest when
    /// there was a reply or a write.
    ///
    /// # Errors
    /// [`ApiMisuse::BodyNotAsked`], also once the message has failed; [`InvalidInput`] if the message is not what its
    /// [`BodyPlan`] declared: it fails before its end, so that the server does not accept it, and the connection is closed
    /// unless nothing of it was handed over. Messages that went before still get their results.
    pub fn body(&mut self, id: OperationId, piece: &[u8]) -> Result<usize, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.push_body(id, piece)
    }

    /// Announces `length` octets of the message's own, which the host writes itself where [`Self::transmit`] says
    /// [`Segment::Body`]: a chunk that never passes through the core. `is_last` ends the message, instead of
    /// [`Self::end_body`]. For a message that goes out by BDAT, see [`Event::SendBody`], and was declared
    /// [`LineEnds::Canonical`](crate::LineEnds::Canonical) or [`Content::Binary`](crate::Content::Binary). `false`: not
    /// now; try again when there was a reply or a write. A host that cannot write all that it announced must
    /// [cancel](Self::cancel) the message.
    ///
    /// # Errors
    /// [`ApiMisuse::BodyNotAsked`], [`ApiMisuse::ChunkNotPossible`].
    pub fn body_chunk(&mut self, id: OperationId, length: u64, is_last: bool) -> Result<bool, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.push_host_chunk(id, length, is_last)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub fn end_body(&mut self, id: OperationId) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.push_end(id)
    }

    /// Gives an operation up. One that has not begun is dropped and the session goes on. Otherwise the only safe way
    /// is to close the connection, once what went before it has its replies; the outcome is unknown if the end of a message
    /// is out (RFC 5321 §4.1.1.5).
    ///
    /// # Errors
    /// [`ApiMisuse::UnknownOperation`].
    pub fn cancel(&mut self, id: OperationId) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.cancel_operation(id)
    }

    /// NOOP (RFC 5321 §4.1.1.9). [`Event::Answer`] is its result.
    ///
    /// # Errors
    /// [`ApiMisuse::SessionOver`].
    pub fn noop(&mut self) -> Result<OperationId, Error> {
        self.command("NOOP", "")
    }

    /// RSET (RFC 5321 §4.1.1.5).
    ///
    /// # Errors
    /// [`ApiMisuse::SessionOver`].
    pub fn reset(&mut self) -> Result<OperationId, Error> {
        self.command("RSET", "")
    }

    /// VRFY (RFC 5321 §4.1.1.6): asks whether a mailbox exists.
    ///
    /// # Errors
    /// [`InvalidInput::Argument`]; [`ApiMisuse::SessionOver`].
    pub fn vrfy(&mut self, mailbox: &str) -> Result<OperationId, Error> {
        self.command("VRFY ", mailbox)
    }

    /// EXPN (RFC 5321 §4.1.1.7): asks who is on a mailing list.
    ///
    /// # Errors
    /// [`InvalidInput::Argument`]; [`ApiMisuse::SessionOver`].
    pub fn expn(&mut self, list: &str) -> Result<OperationId, Error> {
        self.command("EXPN ", list)
    }

    /// HELP (RFC 5321 §4.1.1.8), about `topic` or in general.
    ///
    /// # Errors
    /// [`InvalidInput::Argument`]; [`ApiMisuse::SessionOver`].
    pub fn help(&mut self, topic: Option<&str>) -> Result<OperationId, Error> {
        match topic {
            Some(topic) => self.command("HELP ", topic),
            None => self.command("HELP", ""),
        }
    }

    /// A command that has no method of its own, such as `ETRN example.com`: one line, without its line end. What it does to the
    /// session must be nothing that the session has to know of: those that it uses itself are refused.
    ///
    /// # Errors
    /// [`InvalidInput::Argument`]; [`ApiMisuse::SessionOver`].
    pub fn custom(&mut self, line: &str) -> Result<OperationId, Error> {
        self.custom_command(line)
    }

    /// Ends the session after what is queued: QUIT (RFC 5321 §4.1.1.10). [`Event::Closed`] follows the reply, the
    /// end of the connection or a second, whichever comes first; nobody needs to wait for it.
    ///
    /// # Errors
    /// [`ApiMisuse::SessionOver`].
    pub fn quit(&mut self) -> Result<(), Error> {
        self.check_open()?;
        self.quits = true;
        self.advance();
        Ok(())
    }

    /// Ends the session at once: what is open fails as [cancelled](Error::Cancelled), nothing more is sent, close the
    /// connection. May be called at any time.
    pub fn abort(&mut self) {
        self.abandon();
    }

    // ── What is known ────────────────────────────────────────────────────────────────────────────────────────────

    /// What the server offers, as its last reply to EHLO said.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether TLS is up.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The mechanism of the login, once it succeeded.
    #[must_use]
    pub fn mechanism(&self) -> Option<&MechanismName> {
        self.mechanism.as_ref()
    }

    /// The fatal error of the session, if there was one.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    fn check_open(&self) -> Result<(), Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.quits || matches!(self.phase, Phase::Draining | Phase::Quitting | Phase::Closed) {
            return Err(ApiMisuse::SessionOver.into());
        }
        Ok(())
    }

    fn next_id(&mut self) -> OperationId {
        let id = OperationId(self.next_operation);
        self.next_operation = self.next_operation.wrapping_add(1);
        id
    }

    /// Where an operation stands in the queue.
    fn index_of(&self, id: OperationId) -> Option<usize> {
        // By the distance from the first, since numbers begin again behind the last.
        let first = self.operations.front()?.id().0;
        self.operations
            .binary_search_by_key(&id.0.wrapping_sub(first), |operation| operation.id().0.wrapping_sub(first))
            .ok()
    }

    /// Whether nothing is under way or queued.
    fn is_idle(&self) -> bool {
        self.expected.is_empty() && self.operations.is_empty()
    }
}

/// Says how far the session is, and nothing of what it holds.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase)
            .field("encrypted", &self.encrypted)
            .field("expected", &self.expected.len())
            .field("operations", &self.operations.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
