//! From the greeting to the login: greeting, EHLO or HELO, STARTTLS.

use core::mem;

use super::{Client, Operation, Phase};
use crate::capabilities::Capabilities;
use crate::config::TlsMode;
use crate::error::{ApiMisuse, Error, PeerMisbehaved, Stage, Unsupported};
use crate::event::{Event, Failure, TlsInfo};
use crate::reply::{Parser, ReplyRef, Severity};
use crate::time::Time;

use super::expect::Expect;

impl Client {
    /// RFC 5321 §3.1: 220 opens the session, 554 and the like refuse it; the client then says QUIT.
    pub(super) fn greeted(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match reply.code.get() {
            220 => {
                self.events.push_back(Event::Greeting { reply: self.owned(reply, false) });
                self.queue_ehlo();
                Ok(())
            }
            400.. => {
                self.setup_failed(Failure::refused(Stage::Greeting, self.owned(reply, false)));
                Ok(())
            }
            _ => Err(PeerMisbehaved::UnexpectedReply),
        }
    }

    fn queue_ehlo(&mut self) {
        self.queue_hello(Expect::Ehlo);
    }

    /// EHLO, LHLO (RFC 2033 §4.1) or HELO.
    pub(super) fn queue_hello(&mut self, what: Expect) {
        let verb = match what {
            Expect::Helo => "HELO ",
            _ if self.config.lmtp => "LHLO ",
            _ => "EHLO ",
        };
        self.queue([verb, self.config.hello.as_str(), "\r\n"].concat().as_bytes(), what);
    }

    /// RFC 5321 §4.1.1.1, with HELO where EHLO is not known and nothing that only EHLO brings is needed.
    pub(super) fn ehlo_answered(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match reply.code.get() {
            250 => {
                self.capabilities = Capabilities::parse(reply.text);
                self.hello_done();
                Ok(())
            }
            500 | 502 | 504 | 550 if self.may_use_helo() => {
                self.queue_hello(Expect::Helo);
                Ok(())
            }
            _ => self.hello_refused(reply),
        }
    }

    /// A login may bring what was not offered before. Refused, it changes nothing (RFC 5321 §4.1.4).
    pub(super) fn ehlo_answered_again(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match reply.code.get() {
            250 => {
                self.capabilities = Capabilities::parse(reply.text);
                self.needs_reset = false;
                Ok(())
            }
            400.. => Ok(()),
            _ => Err(PeerMisbehaved::UnexpectedReply),
        }
    }

    /// The session begins anew, as the client that XCLIENT told of.
    pub(super) fn xclient_answered(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match reply.code.get() {
            220 => {
                self.capabilities = Capabilities::default();
                self.queue_ehlo();
                Ok(())
            }
            _ => self.hello_refused(reply),
        }
    }

    pub(super) fn helo_answered(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        if reply.code.get() != 250 {
            return self.hello_refused(reply);
        }
        // Whatever the lines say, this server did not agree to any extension.
        self.capabilities = Capabilities::default();
        self.hello_done();
        Ok(())
    }

    fn hello_refused(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        if !reply.code.is_negative() {
            return Err(PeerMisbehaved::UnexpectedReply);
        }
        self.setup_failed(Failure::refused(Stage::Hello, self.owned(reply, false)));
        Ok(())
    }

    /// HELO would do without TLS and without a login: never where one of them was asked for.
    fn may_use_helo(&self) -> bool {
        !self.encrypted
            && !self.config.lmtp
            && self.config.authentication.is_none()
            && self.config.xclient.is_none()
            && matches!(self.config.tls, TlsMode::Never | TlsMode::Opportunistic | TlsMode::Manual)
    }

    fn hello_done(&mut self) {
        self.needs_reset = false;
        // Nothing is wanted any more: neither TLS nor a login.
        if self.quits && self.operations.is_empty() {
            self.queue_quit();
            return;
        }
        let offered = self.capabilities.offers("STARTTLS");
        match self.config.tls {
            TlsMode::Required | TlsMode::Opportunistic if !self.encrypted && offered => {
                self.queue(b"STARTTLS\r\n", Expect::StartTls);
            }
            TlsMode::Required if !self.encrypted => {
                self.setup_failed(Failure::error(Stage::Tls, Unsupported::StartTls.into()));
            }
            TlsMode::Opportunistic if !self.encrypted => {
                self.events.push_back(Event::TlsDowngraded { reply: None });
                self.introduce();
            }
            TlsMode::Manual if !self.encrypted => self.ready(),
            _ => self.introduce(),
        }
    }

    /// XCLIENT, once, before the login.
    fn introduce(&mut self) {
        let Some(xclient) = self.config.xclient.take() else {
            self.authenticate();
            return;
        };
        if xclient.is_offered(&self.capabilities) {
            self.queue(["XCLIENT ", &xclient.text(), "\r\n"].concat().as_bytes(), Expect::XClient);
        } else {
            self.setup_failed(Failure::error(Stage::Hello, Unsupported::XClient.into()));
        }
    }

    /// RFC 3207 §4. Only 220 starts TLS.
    pub(super) fn starttls_answered(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        let reply = self.owned(reply, true);
        if reply.code().get() == 220 {
            self.phase = Phase::Tls;
            self.forget();
            return Ok(());
        }
        if self.config.tls == TlsMode::Opportunistic {
            self.events.push_back(Event::TlsDowngraded { reply: Some(reply) });
            self.introduce();
        } else if reply.code().is_negative() {
            self.setup_failed(Failure::refused(Stage::Tls, reply));
        } else {
            return Err(PeerMisbehaved::UnexpectedReply);
        }
        Ok(())
    }

    /// RFC 3207 §4.2: what was learned in clear does not count.
    fn forget(&mut self) {
        self.capabilities = Capabilities::default();
        self.parser = Parser::new(self.config.limits.reply);
        self.mechanism = None;
        self.exchange = None;
        self.needs_reset = false;
    }

    pub(super) fn tls_is_up(&mut self, now: Time, tls: TlsInfo) {
        self.encrypted = true;
        self.verified = tls.verified;
        if self.config.channel_binding {
            self.channel_bindings = tls.channel_bindings;
            // What binds nothing must not look as if it did.
            self.channel_bindings.retain(|binding| !binding.data().is_empty());
        }
        self.phase = Phase::Setup;
        if let Some(transcript) = &mut self.transcript {
            transcript.tls(tls.verified);
        }
        if self.config.tls == TlsMode::Implicit {
            self.expect_greeting(now);
        } else {
            self.queue_ehlo();
        }
    }

    pub(super) fn start_manual_tls(&mut self) -> Result<(), Error> {
        if self.encrypted {
            return Err(ApiMisuse::TlsAlreadyUp.into());
        }
        if self.config.tls != TlsMode::Manual || self.phase != Phase::Ready || !self.is_idle() {
            return Err(ApiMisuse::TlsNotNow.into());
        }
        if !self.capabilities.offers("STARTTLS") {
            return Err(Unsupported::StartTls.into());
        }
        self.phase = Phase::Setup;
        self.queue(b"STARTTLS\r\n", Expect::StartTls);
        Ok(())
    }

    pub(super) fn ready(&mut self) {
        self.phase = Phase::Ready;
        self.events.push_back(Event::Ready);
        // Messages that were queued before it was clear that this session waits for the caller to start TLS.
        if self.config.tls == TlsMode::Manual && !self.encrypted && self.config.authentication.is_some() {
            for operation in mem::take(&mut self.operations) {
                if let Operation::Transaction(transaction) = &operation {
                    let failure = Failure::error(Stage::Auth, ApiMisuse::NotAuthenticated.into());
                    self.failed(transaction.id, failure);
                } else {
                    self.operations.push_back(operation);
                }
            }
        }
    }

    /// Whether the reply ends a command, well or not: 2yz that report that something was done, 4yz or 5yz. 220, 221 and
    /// 235 have a meaning of their own: in any other place they show that the replies are out of step.
    pub(super) fn check_final(reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match (reply.code.severity(), reply.code.get()) {
            (Severity::Intermediate, _) | (_, 220 | 221 | 235) => Err(PeerMisbehaved::UnexpectedReply),
            _ => Ok(()),
        }
    }
}
