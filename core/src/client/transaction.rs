//! One message: MAIL, RCPT, DATA in one flight where the server offers PIPELINING, and the message
//! (RFC 5321 §3.3, RFC 2920 §3.1).

use alloc::collections::VecDeque;
use alloc::string::String;

use super::expect::Expect;
use super::{Client, Operation};
use crate::body::{BodyEncoder, BodyPlan, Content};
use crate::capabilities::Capabilities;
use crate::config::RecipientPolicy;
use crate::decimal;
use crate::envelope::Envelope;
use crate::error::{ApiMisuse, Error, PeerMisbehaved, Stage, Unsupported};
use crate::event::{Cause, DataSent, Event, Failure, OperationId, Outcome, Verdict};
use crate::reply::{Reply, ReplyRef};
use crate::transmit::Transmit;

/// A message on its way.
pub(super) struct Transaction {
    pub(super) id: OperationId,
    envelope: Envelope,
    plan: BodyPlan,
    next: Next,
    /// The position before its first command, once that is queued.
    pub(super) start: Option<u64>,
    sender_accepted: bool,
    /// Recipients that the server answered for, and those among them that it took.
    answered: usize,
    accepted: usize,
    /// The first refusal of a recipient, and whether any was temporary.
    refusal: Option<Reply>,
    temporary: bool,
    /// The result, once it cannot be other than a failure; replies may still be due.
    decided: Option<Failure>,
    message: Option<Message>,
}

/// What is to be done next. Replies are not waited for here: see [`Client::may_queue`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Mail,
    Rcpt(usize),
    Data,
    /// The message is the host's to give.
    Body,
    /// Nothing, but replies may be due.
    Nothing,
}

/// Octets of the final dot and its line end.
const FINAL_DOT: u64 = 3;

/// The message itself, from 354 on.
struct Message {
    encoder: BodyEncoder,
    /// The positions before its first octet and behind its final dot.
    start: u64,
    end: Option<u64>,
}

impl Transaction {
    pub(super) const fn new(id: OperationId, envelope: Envelope, plan: BodyPlan) -> Self {
        Self {
            id,
            envelope,
            plan,
            next: Next::Mail,
            start: None,
            sender_accepted: false,
            answered: 0,
            accepted: 0,
            refusal: None,
            temporary: false,
            decided: None,
            message: None,
        }
    }

    /// What the message needs and the server does not offer: told before anything is sent.
    fn unmet(&self, capabilities: &Capabilities) -> Option<Unsupported> {
        if self.envelope.needs_utf8() && !capabilities.offers("SMTPUTF8") {
            Some(Unsupported::SmtpUtf8)
        } else if self.plan.content == Content::EightBit && !capabilities.offers("8BITMIME") {
            Some(Unsupported::EightBitMime)
        } else if self.plan.size.zip(capabilities.max_size()).is_some_and(|(size, max)| size > max) {
            Some(Unsupported::Size)
        } else {
            None
        }
    }

    /// MAIL with the parameters that the server offers and the message needs (RFC 1870, 6152, 6531).
    fn mail_line(&self, capabilities: &Capabilities) -> String {
        let mut line = ["MAIL FROM:<", self.envelope.sender().as_str(), ">"].concat();
        if let Some(size) = self.plan.size.filter(|_| capabilities.offers("SIZE")) {
            line.push_str(" SIZE=");
            line.push_str(&decimal::text(size));
        }
        if self.plan.content == Content::EightBit {
            line.push_str(" BODY=8BITMIME");
        }
        if self.envelope.needs_utf8() {
            line.push_str(" SMTPUTF8");
        }
        line.push_str("\r\n");
        line
    }

    /// Takes note of the answer for one recipient.
    fn answer(&mut self, verdict: Verdict, reply: &Reply, policy: RecipientPolicy) {
        self.answered += 1;
        match verdict {
            Verdict::Accepted => self.accepted += 1,
            Verdict::Permanent | Verdict::Temporary => {
                self.temporary |= verdict == Verdict::Temporary;
                self.refusal.get_or_insert_with(|| reply.clone());
            }
        }
        let is_lost = self.accepted == 0 || policy == RecipientPolicy::AllOrNone;
        if self.answered == self.envelope.recipients().len() && is_lost && self.decided.is_none() {
            let outcome = if self.temporary { Outcome::Temporary } else { Outcome::Permanent };
            self.decided = self
                .refusal
                .clone()
                .map(|reply| Failure { outcome, ..Failure::refused(Stage::Recipients, reply) });
        }
    }

    fn data_sent(&self, handed: u64) -> DataSent {
        match &self.message {
            Some(Message { end: Some(end), .. }) if handed >= *end => DataSent::All,
            Some(Message { start, .. }) if handed > *start => DataSent::Partial,
            _ => DataSent::None,
        }
    }

    /// Its result if the session ends here by `failure`, with `handed` octets with the transport.
    pub(super) fn broken(&self, failure: &Failure, handed: u64) -> Failure {
        if let Some(decided) = &self.decided {
            return decided.clone();
        }
        let mut failure = failure.clone();
        let is_setup = matches!(failure.stage, Stage::Greeting | Stage::Hello | Stage::Tls | Stage::Auth);
        if self.start.is_none() && !is_setup {
            // Another operation broke the session: nothing is wrong with this one.
            failure.stage = Stage::Sender;
            failure.outcome = Outcome::Temporary;
            if let Cause::Error { error: Error::InvalidInput(_) } = failure.cause {
                failure.cause = Cause::Error { error: Error::Cancelled };
            }
            return failure;
        }
        failure.data_sent = self.data_sent(handed);
        if failure.data_sent == DataSent::All && failure.cause != Cause::Refused {
            failure.outcome = Outcome::Unknown;
        }
        // The refusal that came last before the end may explain it, but says nothing of a message that was sent.
        if failure.stage == Stage::Recipients {
            failure.reply = failure.reply.or_else(|| self.refusal.clone());
        }
        failure
    }
}

impl Client {
    fn transaction(&mut self, id: OperationId) -> Option<&mut Transaction> {
        match self.operations.get_mut(self.index_of(id)?)? {
            Operation::Transaction(transaction) => Some(transaction),
            Operation::Command(_) => None,
        }
    }

    /// Queues the next command of the transaction under way. `false`: nothing can go out now.
    pub(super) fn advance_transaction(&mut self) -> bool {
        let Some(Operation::Transaction(transaction)) = self.operations.front() else { return false };
        let id = transaction.id;
        let all_or_none = self.config.recipients == RecipientPolicy::AllOrNone;
        let (line, what, next) = match transaction.next {
            Next::Body | Next::Nothing => return self.settle(),
            _ if transaction.decided.is_some() => {
                self.needs_reset |= transaction.sender_accepted;
                return self.set_next(id, Next::Nothing);
            }
            Next::Mail => {
                if let Some(unmet) = transaction.unmet(&self.capabilities) {
                    self.operations.pop_front();
                    self.failed(id, Failure::error(Stage::Sender, unmet.into()));
                    return true;
                }
                if self.needs_reset {
                    ("RSET\r\n".into(), Expect::Reset(id), Next::Mail)
                } else {
                    (transaction.mail_line(&self.capabilities), Expect::Mail(id), Next::Rcpt(0))
                }
            }
            Next::Rcpt(index) => match transaction.envelope.recipients().get(index) {
                Some(to) => {
                    let line = ["RCPT TO:<", to.as_str(), ">\r\n"].concat();
                    (line, Expect::Rcpt(id, index), Next::Rcpt(index + 1))
                }
                None => return self.set_next(id, Next::Data),
            },
            Next::Data if all_or_none && transaction.answered < transaction.envelope.recipients().len() => {
                return false;
            }
            Next::Data => ("DATA\r\n".into(), Expect::Data(id), Next::Nothing),
        };
        if !self.may_queue(line.len()) {
            return false;
        }
        if matches!(what, Expect::Reset(_)) {
            self.needs_reset = false;
        }
        let position = self.out.end();
        if let Some(transaction) = self.transaction(id) {
            transaction.start.get_or_insert(position);
        }
        self.queue(line.as_bytes(), what);
        self.set_next(id, next)
    }

    fn set_next(&mut self, id: OperationId, next: Next) -> bool {
        if let Some(transaction) = self.transaction(id) {
            transaction.next = next;
        }
        true
    }

    /// Ends the transaction under way if it failed and no reply is due.
    fn settle(&mut self) -> bool {
        let Some(Operation::Transaction(transaction)) = self.operations.front_mut() else { return false };
        let id = transaction.id;
        if self.expected.iter().any(|expected| expected.transaction() == Some(id)) {
            return false;
        }
        let Some(failure) = transaction.decided.take() else { return false };
        self.operations.pop_front();
        self.failed(id, failure);
        true
    }

    pub(super) fn mail_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let answer = self.owned(reply, true);
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        if reply.code.get() == 250 {
            transaction.sender_accepted = true;
            self.events.push_back(Event::Sender { operation: id, reply: answer });
        } else if reply.code.is_negative() {
            transaction.decided = Some(Failure::refused(Stage::Sender, answer));
        } else {
            return Err(PeerMisbehaved::UnexpectedReply);
        }
        Ok(())
    }

    pub(super) fn rcpt_answered(
        &mut self,
        id: OperationId,
        index: usize,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let verdict = match reply.code.get() {
            250..=252 => Verdict::Accepted,
            400..500 | 552 => Verdict::Temporary,
            500.. => Verdict::Permanent,
            _ => return Err(PeerMisbehaved::UnexpectedReply),
        };
        let policy = self.config.recipients;
        let answer = self.owned(reply, true);
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        // Without a sender the answer says nothing of the recipient.
        if !transaction.sender_accepted {
            transaction.accepted += usize::from(verdict == Verdict::Accepted);
        } else {
            transaction.answer(verdict, &answer, policy);
            self.events.push_back(Event::Recipient { operation: id, index, verdict, reply: answer });
        }
        Ok(())
    }

    pub(super) fn data_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let answer = self.owned(reply, true);
        let start = self.out.end();
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        match reply.code.get() {
            354 if transaction.decided.is_none() => {
                transaction.next = Next::Body;
                let encoder = BodyEncoder::new(transaction.plan);
                transaction.message = Some(Message { encoder, start, end: None });
                self.events.push_back(Event::SendBody { operation: id });
            }
            // RFC 2920 §3.1: nobody to send to, so nothing but the end of the message.
            354 if transaction.accepted == 0 => self.queue(b".\r\n", Expect::LoneDot(id)),
            400.. => {
                let failure = Failure::refused(Stage::Data, answer);
                transaction.decided.get_or_insert(failure);
                self.needs_reset = transaction.sender_accepted;
            }
            _ => return Err(PeerMisbehaved::UnexpectedReply),
        }
        Ok(())
    }

    pub(super) fn end_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Self::check_final(reply)?;
        let answer = self.owned(reply, true);
        self.operations.pop_front();
        if reply.code.is_negative() {
            let failure = Failure { data_sent: DataSent::All, ..Failure::refused(Stage::Data, answer) };
            self.failed(id, failure);
        } else {
            self.events.push_back(Event::Delivered { operation: id, reply: answer });
        }
        Ok(())
    }

    pub(super) fn push_body(&mut self, id: OperationId, piece: &[u8]) -> Result<usize, Error> {
        let limit = self.config.limits.transmit;
        let before = self.out.end();
        let (message, out) = Self::message(&mut self.operations, &mut self.out, id)?;
        match out.push_body(&mut message.encoder, piece, limit) {
            Ok(taken) => {
                if let Some(transcript) = &mut self.transcript {
                    transcript.message(self.out.end() - before, self.out.end());
                }
                Ok(taken)
            }
            Err(error) => Err(self.fatal(error.into(), None)),
        }
    }

    pub(super) fn push_end(&mut self, id: OperationId) -> Result<(), Error> {
        let before = self.out.end();
        let (message, out) = Self::message(&mut self.operations, &mut self.out, id)?;
        if let Err(error) = out.push_end(message.encoder.clone()) {
            return Err(self.fatal(error.into(), None));
        }
        message.end = Some(out.end());
        self.set_next(id, Next::Nothing);
        if let Some(transcript) = &mut self.transcript {
            let end = self.out.end();
            transcript.message(end - before - FINAL_DOT, end - FINAL_DOT);
            transcript.client(b".", false, end);
        }
        self.expect(Expect::End(id));
        Ok(())
    }

    /// The message that the host is giving, if it is this one.
    fn message<'a>(
        operations: &'a mut VecDeque<Operation>,
        out: &'a mut Transmit,
        id: OperationId,
    ) -> Result<(&'a mut Message, &'a mut Transmit), Error> {
        let Some(Operation::Transaction(transaction)) = operations.front_mut() else {
            return Err(ApiMisuse::BodyNotAsked.into());
        };
        match &mut **transaction {
            Transaction { id: of, next: Next::Body, message: Some(message), .. } if *of == id => {
                Ok((message, out))
            }
            _ => Err(ApiMisuse::BodyNotAsked.into()),
        }
    }

    /// Whether a message is on its way whose end was not handed over: there is no reply then that could be its own.
    pub(super) fn streaming(&self) -> Option<Stage> {
        let Some(Operation::Transaction(transaction)) = self.operations.front() else { return None };
        let message = transaction.message.as_ref()?;
        let is_out = message.end.is_some_and(|end| self.out.handed() >= end);
        if is_out { None } else { Some(Stage::Data) }
    }
}
