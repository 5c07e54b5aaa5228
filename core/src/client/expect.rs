//! The queue of expected replies, and which commands may follow each other without waiting.

use core::time::Duration;

use super::{Client, Operation, Phase};
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
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// AUTH, or a response within its exchange.
    Auth,
    /// The `*` that cancels an exchange, and why.
    AuthCancel(Error),
    /// RSET, NOOP, VRFY, EXPN or HELP of the caller's.
    Command(OperationId),
    Data(OperationId),
    Ehlo,
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
}

impl Expect {
    /// Whether its replies may have enhanced codes: not the greeting and EHLO (RFC 2034 §4).
    pub(super) const fn has_enhanced_code(self) -> bool {
        !matches!(self, Self::Greeting | Self::Ehlo | Self::Helo)
    }
}

impl Expected {
    pub(super) const fn stage(&self) -> Stage {
        match self.what {
            Expect::Auth | Expect::AuthCancel(_) => Stage::Auth,
            Expect::Command(_) => Stage::Command,
            Expect::Data(_) | Expect::End(_) | Expect::LoneDot(_) => Stage::Data,
            Expect::Ehlo | Expect::Helo => Stage::Hello,
            Expect::Greeting => Stage::Greeting,
            Expect::Mail(_) | Expect::Reset(_) => Stage::Sender,
            Expect::Quit => Stage::Quit,
            Expect::Rcpt(..) => Stage::Recipients,
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
            | Expect::Command(_)
            | Expect::Ehlo
            | Expect::Helo
            | Expect::Reset(_)
            | Expect::StartTls => timeouts.command,
        }
    }

    /// Whether other commands may follow before the reply is there (RFC 2920 §3.1).
    const fn may_be_followed(&self) -> bool {
        matches!(self.what, Expect::Mail(_) | Expect::Rcpt(..) | Expect::Reset(_))
    }

    /// The transaction it belongs to.
    pub(super) const fn transaction(&self) -> Option<OperationId> {
        match self.what {
            Expect::Data(id)
            | Expect::End(id)
            | Expect::LoneDot(id)
            | Expect::Mail(id)
            | Expect::Rcpt(id, _)
            | Expect::Reset(id) => Some(id),
            _ => None,
        }
    }
}

impl Client {
    /// Whether a command of `length` octets may be queued now.
    pub(super) fn may_queue(&self, length: usize) -> bool {
        let Some(last) = self.expected.back() else { return true };
        let in_flight = self.out.end() - self.answered + length as u64;
        self.capabilities.pipelining()
            && last.may_be_followed()
            && in_flight <= self.config.limits.in_flight as u64
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
        self.expect(what);
    }

    pub(super) fn expect(&mut self, what: Expect) {
        self.expected.push_back(Expected { what, end: self.out.end(), written_at: None });
    }

    pub(super) fn expect_greeting(&mut self, now: Time) {
        let end = self.out.end();
        self.expected.push_back(Expected { what: Expect::Greeting, end, written_at: Some(now) });
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
            Expect::Command(id) => self.command_answered(id, reply),
            Expect::Data(id) => self.data_answered(id, reply),
            Expect::Ehlo => self.ehlo_answered(reply),
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
        }
    }

    /// Queues what may go out now.
    pub(super) fn advance(&mut self) {
        while self.phase == Phase::Ready {
            let went_on = match self.operations.front() {
                None => self.advance_quit(),
                Some(Operation::Command(_)) => self.advance_command(),
                Some(Operation::Transaction(_)) => self.advance_transaction(),
            };
            if !went_on {
                break;
            }
        }
    }

    fn advance_quit(&mut self) -> bool {
        if self.quits && self.expected.is_empty() {
            self.queue_quit();
        }
        false
    }

    pub(super) fn queue_quit(&mut self) {
        self.phase = Phase::Quitting;
        self.queue(b"QUIT\r\n", Expect::Quit);
    }

    /// Where the session is, for an error.
    pub(super) fn stage(&self) -> Stage {
        match (self.phase, self.expected.front()) {
            (Phase::Tls, _) => Stage::Tls,
            (_, Some(expected)) => expected.stage(),
            (Phase::Setup, None) => Stage::Auth,
            (_, None) => self.streaming().unwrap_or(Stage::Command),
        }
    }
}
