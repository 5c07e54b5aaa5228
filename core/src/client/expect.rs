//! The queue of expected replies, and which commands may follow each other without waiting.

use core::time::Duration;

use super::{Client, Operation, Phase};
use crate::config::Pipelining;
use crate::error::{Error, PeerMisbehaved, Stage};
use crate::event::OperationId;
use crate::reply::ReplyRef;
use crate::time::{Time, Timeouts};

/// One reply that is due.
pub(super) struct Expected {
    pub(super) what: Expect,
    /// The position in the stream behind the command: a reply that comes before it was handed over is no reply to it.
    pub(super) end: u64,
    /// When the transport had written the command.
    pub(super) written_at: Option<Time>,
    /// How much of [`Limits::in_flight`](crate::Limits::in_flight) it takes: octets of the command, without a message.
    octets: usize,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// AUTH, or a response within its exchange.
    Auth,
    /// The `*` that cancels an exchange, and why.
    AuthCancel(Error),
    /// BDAT that is not the last one.
    Chunk(OperationId),
    /// RSET, NOOP, VRFY, EXPN or HELP of the caller's.
    Command(OperationId),
    Data(OperationId),
    /// EHLO, or under LMTP LHLO.
    Ehlo,
    /// EHLO once more after the login, since a message needs what was not offered before.
    EhloAgain,
    /// The end of a message. Under LMTP there is one for each accepted recipient (RFC 2033 §4.2), else one for all.
    End(OperationId),
    Greeting,
    Helo,
    /// The end of a message that was never there: DATA was accepted without a recipient.
    LoneDot(OperationId),
    Mail(OperationId),
    Quit,
    Rcpt(OperationId, usize),
    /// RSET of the session's own, before MAIL.
    Reset(OperationId),
    StartTls,
    /// RSET, which ends a test of recipients.
    Verified(OperationId),
    XClient,
}

impl Expect {
    /// Whether its replies may have enhanced codes: not the greeting and EHLO (RFC 2034 §4).
    pub(super) const fn has_enhanced_code(self) -> bool {
        !matches!(self, Self::Greeting | Self::Ehlo | Self::EhloAgain | Self::Helo)
    }

    /// The transaction it belongs to.
    pub(super) const fn transaction(self) -> Option<OperationId> {
        match self {
            Self::Chunk(id)
            | Self::Data(id)
            | Self::End(id)
            | Self::LoneDot(id)
            | Self::Mail(id)
            | Self::Rcpt(id, _)
            | Self::Reset(id)
            | Self::Verified(id) => Some(id),
            _ => None,
        }
    }
}

impl Expected {
    pub(super) const fn stage(&self) -> Stage {
        match self.what {
            Expect::Auth | Expect::AuthCancel(_) => Stage::Auth,
            Expect::Command(_) => Stage::Command,
            Expect::Chunk(_) | Expect::Data(_) | Expect::End(_) | Expect::LoneDot(_) => Stage::Data,
            Expect::Ehlo | Expect::EhloAgain | Expect::Helo | Expect::XClient => Stage::Hello,
            Expect::Greeting => Stage::Greeting,
            Expect::Mail(_) | Expect::Reset(_) => Stage::Sender,
            Expect::Quit => Stage::Quit,
            Expect::Rcpt(..) | Expect::Verified(_) => Stage::Recipients,
            Expect::StartTls => Stage::Tls,
        }
    }

    /// How long the reply may take (RFC 5321 §4.5.3.2).
    pub(super) const fn phase(&self, timeouts: &Timeouts) -> Duration {
        match self.what {
            Expect::Greeting => timeouts.greeting,
            Expect::Mail(_) => timeouts.mail,
            Expect::Rcpt(..) => timeouts.rcpt,
            Expect::Data(_) => timeouts.data_start,
            Expect::End(_) | Expect::LoneDot(_) => timeouts.data_end,
            Expect::Quit => timeouts.quit,
            Expect::Auth
            | Expect::AuthCancel(_)
            | Expect::Chunk(_)
            | Expect::Command(_)
            | Expect::Ehlo
            | Expect::EhloAgain
            | Expect::Helo
            | Expect::Reset(_)
            | Expect::StartTls
            | Expect::Verified(_)
            | Expect::XClient => timeouts.command,
        }
    }
}

impl Client {
    /// Whether a command of `length` octets may be queued now; `of`: the transaction that it is of.
    pub(super) fn may_queue(&self, length: usize, of: Option<OperationId>) -> bool {
        let Some(last) = self.expected.back() else { return true };
        let limits = &self.config.limits;
        // RFC 2920 §3.1, RFC 3030 §4.2.
        let may_follow = match last.what {
            Expect::Chunk(_)
            | Expect::Mail(_)
            | Expect::Rcpt(..)
            | Expect::Reset(_)
            | Expect::Verified(_) => true,
            Expect::End(_) => self.unanswered < limits.messages,
            _ => false,
        };
        let is_across = last.what.transaction() != of;
        may_follow
            && (!is_across || self.config.pipelining == Pipelining::AcrossMessages)
            && self.pipelines()
            && self.in_flight + length <= limits.in_flight
    }

    /// Whether commands may be sent ahead at all.
    pub(super) fn pipelines(&self) -> bool {
        self.capabilities.pipelining() && self.config.pipelining != Pipelining::Never && !self.out_of_step
    }

    /// Queues a command, which has its line end, and the reply that it will have.
    pub(super) fn queue(&mut self, line: &[u8], what: Expect) {
        self.queue_secret(line, None, what);
    }

    /// Queues a command whose last part must not be seen.
    pub(super) fn queue_secret(&mut self, public: &[u8], secret: Option<&[u8]>, what: Expect) {
        self.out.push(public);
        if let Some(secret) = secret {
            self.out.push_secret(secret);
            self.out.push(b"\r\n");
        }
        if let Some(transcript) = &mut self.transcript {
            let public = public.strip_suffix(b"\r\n").unwrap_or(public);
            transcript.client(public, secret.is_some(), self.out.end());
        }
        self.expect(what, public.len());
    }

    /// A reply is due to what was queued last, which takes `octets` of the window.
    pub(super) fn expect(&mut self, what: Expect, octets: usize) {
        if let Some(transaction) = what.transaction().and_then(|id| self.transaction(id)) {
            transaction.reply_is_due();
        }
        self.in_flight += octets;
        self.unanswered += usize::from(matches!(what, Expect::End(_)));
        self.expected.push_back(Expected { what, end: self.out.end(), written_at: None, octets });
    }

    /// Another reply is due, before all others, to what the last one answered.
    pub(super) fn expect_again(&mut self, what: Expect) {
        if let Some(transaction) = what.transaction().and_then(|id| self.transaction(id)) {
            transaction.reply_is_due();
        }
        self.unanswered += 1;
        let written_at = Some(self.last_reply);
        self.expected.push_front(Expected { what, end: self.answered, written_at, octets: 0 });
    }

    pub(super) fn expect_greeting(&mut self, now: Time) {
        let end = self.out.end();
        self.expected.push_back(Expected { what: Expect::Greeting, end, written_at: Some(now), octets: 0 });
    }

    /// The first reply that is due is there.
    pub(super) fn take_expected(&mut self) -> Option<Expected> {
        let expected = self.expected.pop_front()?;
        self.not_expected(&expected);
        self.answered = expected.end;
        self.answering = Some(expected.what);
        Some(expected)
    }

    /// No reply is due to what was queued behind `position`.
    pub(super) fn drop_expected(&mut self, position: u64) {
        while self.expected.back().is_some_and(|expected| expected.end > position) {
            if let Some(expected) = self.expected.pop_back() {
                self.not_expected(&expected);
                if let Some(transaction) = expected.what.transaction().and_then(|id| self.transaction(id)) {
                    transaction.reply_is_not_due();
                }
            }
        }
    }

    fn not_expected(&mut self, expected: &Expected) {
        self.in_flight -= expected.octets;
        self.unanswered -= usize::from(matches!(expected.what, Expect::End(_)));
    }

    /// Gives a reply to what it answers. An error: the command cannot have this reply, so that no reply behind it
    /// can be trusted to belong to its command.
    pub(super) fn dispatch(&mut self, what: Expect, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match what {
            Expect::Auth => self.auth_replied(reply),
            Expect::AuthCancel(why) => {
                self.auth_cancelled(why, reply);
                Ok(())
            }
            Expect::Chunk(id) => self.chunk_answered(id, reply),
            Expect::Command(id) => self.command_answered(id, reply),
            Expect::Data(id) => self.data_answered(id, reply),
            Expect::Ehlo => self.ehlo_answered(reply),
            Expect::EhloAgain => self.ehlo_answered_again(reply),
            Expect::End(id) => self.end_answered(id, reply),
            Expect::Greeting => self.greeted(reply),
            Expect::Helo => self.helo_answered(reply),
            // RSET before MAIL: refused or not, MAIL is on its way, and its reply tells. A lone dot: whatever the server
            // says, the message that was not there was not delivered.
            Expect::LoneDot(_) | Expect::Reset(_) => Self::check_final(reply),
            Expect::Mail(id) => self.mail_answered(id, reply),
            Expect::Quit => {
                self.close();
                Ok(())
            }
            Expect::Rcpt(id, index) => self.rcpt_answered(id, index, reply),
            Expect::StartTls => self.starttls_answered(reply),
            Expect::Verified(id) => self.verified(id, reply),
            Expect::XClient => self.xclient_answered(reply),
        }
    }

    /// Queues what may go out now.
    pub(super) fn advance(&mut self) {
        while self.phase == Phase::Ready && self.advance_operation() {}
    }

    fn advance_operation(&mut self) -> bool {
        // One that has begun goes on; else the first that has something to say: those before it wait for replies.
        let begun = self.begun().and_then(|index| Some((index, self.operations.get(index)?)));
        let next = || self.operations.iter().enumerate().find(|(_, operation)| !operation.is_out());
        match begun.or_else(next) {
            Some((index, Operation::Command(_))) => self.advance_command(index),
            Some((index, Operation::Transaction(_))) => self.advance_transaction(index),
            None => {
                if self.quits && self.is_idle() {
                    self.queue_quit();
                }
                false
            }
        }
    }

    pub(super) fn queue_quit(&mut self) {
        self.phase = Phase::Quitting;
        self.queue(b"QUIT\r\n", Expect::Quit);
    }

    /// The operation that has begun and has more to say.
    fn begun(&self) -> Option<usize> {
        let index = self.begun.and_then(|id| self.index_of(id))?;
        let operation = self.operations.get(index)?;
        (operation.start().is_some() && !operation.is_out()).then_some(index)
    }

    /// That one, or the first.
    pub(super) fn under_way(&self) -> Option<&Operation> {
        self.operations.get(self.begun().unwrap_or(0))
    }

    /// Where the session is, for an error.
    pub(super) fn stage(&self) -> Stage {
        match (self.phase, self.expected.front()) {
            (Phase::Tls, _) => Stage::Tls,
            (_, Some(expected)) => expected.stage(),
            (Phase::Setup, None) => Stage::Auth,
            (_, None) => match self.under_way() {
                Some(Operation::Transaction(transaction)) => transaction.stage(),
                _ => Stage::Command,
            },
        }
    }
}
