//! The caller's own commands: NOOP, RSET, VRFY, EXPN, HELP (RFC 5321 §4.1.1).

use alloc::string::String;

use super::expect::Expect;
use super::{Client, Operation};
use crate::error::{Error, InvalidInput, PeerMisbehaved};
use crate::event::{Event, OperationId};
use crate::reply::{ReplyRef, Severity};

/// A command that the caller gave.
pub(super) struct Command {
    pub(super) id: OperationId,
    line: String,
    /// The position before it, once it is queued.
    pub(super) start: Option<u64>,
}

/// Octets in an argument, so that the line stays within 512 (RFC 5321 §4.5.3.1.4).
const ARGUMENT: usize = 505;

/// Commands that the session uses itself, or that have a method of their own.
const OWN: [&str; 22] = [
    "ATRN", "AUTH", "BDAT", "BURL", "DATA", "EHLO", "EXPN", "HELO", "HELP", "LHLO", "MAIL", "NOOP", "QUIT",
    "RCPT", "RSET", "SAML", "SEND", "SOML", "STARTTLS", "TURN", "VRFY", "XCLIENT",
];

impl Client {
    /// Queues a command of the caller's own.
    pub(super) fn custom_command(&mut self, line: &str) -> Result<OperationId, Error> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        let is_verb = !verb.is_empty() && verb.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let is_own = OWN.contains(&verb.as_str());
        if !is_verb || is_own || verb.len() + argument.len() > ARGUMENT {
            return Err(InvalidInput::Argument.into());
        }
        if argument.is_empty() {
            self.command(&verb, "")
        } else {
            self.command(&[&verb, " "].concat(), argument)
        }
    }

    /// Queues the command. A verb that ends in a space wants an argument.
    pub(super) fn command(&mut self, verb: &str, argument: &str) -> Result<OperationId, Error> {
        self.check_open()?;
        let wants_argument = verb.ends_with(' ');
        let is_printable = argument.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if wants_argument == argument.trim_ascii().is_empty() || !is_printable || argument.len() > ARGUMENT {
            return Err(InvalidInput::Argument.into());
        }
        let id = self.next_id();
        let line = [verb, argument, "\r\n"].concat();
        self.operations.push_back(Operation::Command(Command { id, line, start: None }));
        self.advance();
        Ok(id)
    }

    pub(super) fn advance_command(&mut self, index: usize) -> bool {
        let nothing_expected = self.expected.is_empty();
        let Some(Operation::Command(command)) = self.operations.get_mut(index) else { return false };
        if !nothing_expected {
            return false;
        }
        command.start = Some(self.out.end());
        let (id, line) = (command.id, command.line.clone());
        self.queue(line.as_bytes(), Expect::Command(id));
        true
    }

    pub(super) fn command_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Self::check_final(reply)?;
        if let Some(Operation::Command(command)) = self.operations.pop_front()
            && command.line == "RSET\r\n"
            && reply.code.severity() == Severity::Positive
        {
            self.needs_reset = false;
        }
        self.events.push_back(Event::Answer { operation: id, reply: self.owned(reply, true) });
        Ok(())
    }
}
