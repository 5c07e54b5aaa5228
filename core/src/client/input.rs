//! What the server says, from octets to the reply of one command.

use alloc::borrow::Cow;
use alloc::string::String;

use super::expect::Expect;
use super::{Client, Phase};
use crate::config::TlsMode;
use crate::error::{Error, PeerMisbehaved, Stage};
use crate::event::Event;
use crate::reply::{self, Code, Parser, Quirks, Reply, ReplyError, ReplyRef, Severity};
use crate::secret::{MASK, Redactor};
use crate::time::Time;

impl Client {
    pub(super) fn feed(&mut self, parser: &mut Parser, now: Time, octets: &[u8]) -> Result<(), Error> {
        let mut rest = octets;
        while self.phase != Phase::Closed {
            match parser.feed(&mut rest) {
                Ok(None) => break,
                Ok(Some(reply)) => self.reply(now, &reply)?,
                Err(_) if self.phase == Phase::Quitting => self.close(),
                Err(ReplyError::Limit(limit)) => return Err(self.fatal(limit.into(), None)),
                Err(ReplyError::Peer(how, code)) => return Err(self.no_reply(how, code, parser.rejected())),
            }
            if self.phase == Phase::Tls {
                if !rest.is_empty() {
                    return Err(self.plaintext());
                }
                self.events.push_back(Event::StartTls);
            }
        }
        Ok(())
    }

    /// A line that is no reply, or not part of this one.
    fn no_reply(&mut self, how: PeerMisbehaved, code: Option<Code>, line: &[u8]) -> Error {
        if let Some(transcript) = &mut self.transcript {
            let shown = shown(&self.redactor, line, line.starts_with(b"33"));
            transcript.server_line(&shown);
        }
        // Another protocol shows in its first line; later it is but a line that is no reply.
        let how = match how {
            PeerMisbehaved::NotSmtp(_) if self.stage() != Stage::Greeting => PeerMisbehaved::MalformedReply,
            how => how,
        };
        let reply = code.map(|code| {
            let text = line.get(4..).unwrap_or_default();
            self.owned(&ReplyRef { code, text, lines: 1, quirks: Quirks::default() }, true)
        });
        self.fatal(how.into(), reply)
    }

    /// Octets in clear where only TLS may be spoken.
    pub(super) fn plaintext(&mut self) -> Error {
        let how = if self.config.tls == TlsMode::Implicit {
            PeerMisbehaved::PlaintextBeforeTls
        } else {
            PeerMisbehaved::PlaintextAfterStartTls
        };
        self.fatal(how.into(), None)
    }

    fn reply(&mut self, now: Time, reply: &ReplyRef<'_>) -> Result<(), Error> {
        if let Some(transcript) = &mut self.transcript {
            let shown = shown(&self.redactor, reply.text, reply.code.is_challenge());
            transcript.server(reply.code.get(), &shown);
        }
        let handed = self.out.handed();
        let is_asked = self.expected.front().is_some_and(|expected| expected.end <= handed);
        if self.phase == Phase::Quitting {
            if is_asked {
                self.close();
            }
            return Ok(());
        }
        if !is_asked {
            return self.unasked(reply);
        }
        let Some(expected) = self.take_expected() else { return Ok(()) };
        self.last_reply = now;
        if let Expect::AuthCancel(why) = expected.what
            && (reply.code == Code::CLOSING || !reply.code.is_negative())
        {
            let reply = self.owned(reply, true);
            return Err(self.fatal_at(Stage::Auth, why, Some(reply)));
        }
        if reply.code == Code::CLOSING {
            self.server_closes(expected.stage(), self.owned(reply, expected.what.has_enhanced_code()));
            return Ok(());
        }
        let stage = expected.stage();
        if let Err(how) = self.dispatch(expected.what, reply) {
            let reply = self.owned(reply, expected.what.has_enhanced_code());
            return Err(self.fatal_at(stage, how.into(), Some(reply)));
        }
        if let Some(id) = expected.what.transaction() {
            self.settle(id);
        }
        self.answering = None;
        if self.phase == Phase::Draining && self.expected.is_empty() {
            return self.drained();
        }
        self.advance();
        Ok(())
    }

    /// A reply that no command asked for, or whose command was not handed over.
    fn unasked(&mut self, reply: &ReplyRef<'_>) -> Result<(), Error> {
        let owned = self.owned(reply, true);
        let streaming = self.streaming();
        // RFC 5321 §4.2.5 knows no reply before the final dot: whatever it says, the message was not accepted.
        if reply.code.severity() == Severity::Temporary || (streaming.is_some() && reply.code.is_negative()) {
            self.server_closes(streaming.unwrap_or(self.stage()), owned);
            return Ok(());
        }
        let how = if streaming.is_none() && !self.expected.is_empty() {
            PeerMisbehaved::ReplyBeforeCommand
        } else {
            PeerMisbehaved::UnsolicitedReply
        };
        Err(self.fatal(how.into(), Some(owned)))
    }

    /// Something that the server said within a reply, for an event: without secrets, and not all of it if it is long.
    pub(super) fn text(&self, octets: &[u8]) -> String {
        let octets = shown(&self.redactor, octets, false);
        reply::display(octets.get(..Reply::TEXT_LIMIT).unwrap_or(&octets))
    }

    /// The reply for an event, without secrets.
    pub(super) fn owned(&self, reply: &ReplyRef<'_>, with_enhanced: bool) -> Reply {
        let shown = shown(&self.redactor, reply.text, reply.code.is_challenge());
        Reply::new(reply.code, &shown, reply.quirks, with_enhanced)
    }
}

/// What the server said, without secrets. Of a challenge nothing is shown: together with the response, or with the server's
/// own proof, it is enough to guess the password offline.
fn shown<'a>(redactor: &Redactor, text: &'a [u8], is_challenge: bool) -> Cow<'a, [u8]> {
    if is_challenge && !text.is_empty() {
        return Cow::Borrowed(MASK.as_bytes());
    }
    redactor.redact(text).map_or(Cow::Borrowed(text), Cow::Owned)
}
