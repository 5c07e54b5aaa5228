//! What the server's replies say of a transaction.

use super::{Next, Part, Transaction};
use crate::client::Client;
use crate::client::expect::Expect;
use crate::config::RecipientPolicy;
use crate::error::{PeerMisbehaved, Stage};
use crate::event::{Event, Failure, OperationId, Outcome, Verdict};
use crate::reply::{EnhancedCode, Reply, ReplyRef, Severity};

use super::message::Message;

/// 503: a command out of its place.
const BAD_SEQUENCE: u16 = 503;

impl Part {
    /// Takes note of the answer for one recipient.
    fn answer(&mut self, index: usize, verdict: Verdict, reply: &Reply) {
        match verdict {
            Verdict::Accepted => self.accepted.push(index),
            Verdict::Permanent | Verdict::Temporary | Verdict::Unknown => {
                self.temporary |= verdict == Verdict::Temporary;
                self.refusal.get_or_insert_with(|| reply.clone());
            }
        }
    }

    /// Once all are answered for: whether nobody is left to send to.
    fn decide(&mut self, policy: RecipientPolicy) {
        let is_lost = self.accepted.is_empty() || policy == RecipientPolicy::AllOrNone;
        if self.answered < self.recipients.len() || !is_lost || self.decided.is_some() {
            return;
        }
        let outcome = if self.temporary { Outcome::Temporary } else { Outcome::Permanent };
        self.decided = self
            .refusal
            .clone()
            .map(|reply| Failure { outcome, ..Failure::refused(Stage::Recipients, reply) });
    }
}

impl Transaction {
    /// Whether a refusal says that there are too many recipients, and not that something is wrong with this one
    /// (RFC 5321 §4.5.3.1.10, RFC 3463 §3.6).
    fn is_too_many(&self, reply: &ReplyRef<'_>) -> bool {
        let says_so = match EnhancedCode::split(reply.code, reply.text) {
            Some((enhanced, _)) => enhanced.subject == 5 && enhanced.detail == 3,
            None => true,
        };
        matches!(reply.code.get(), 452 | 552)
            && says_so
            && self.may_be_split()
            && !self.part.accepted.is_empty()
    }
}

impl Client {
    pub(in crate::client) fn mail_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let answer = self.owned(reply, true);
        let Some(part) = self.part(id) else { return Ok(()) };
        if reply.code.get() == 250 {
            part.sender_accepted = true;
            self.events.push_back(Event::Sender { operation: id, reply: answer });
        } else if reply.code.is_negative() {
            let is_out_of_step = part.rides && reply.code.get() == BAD_SEQUENCE;
            part.is_out_of_step = is_out_of_step;
            part.decided = Some(Failure::refused(Stage::Sender, answer));
            // This server does not take what is sent ahead, whatever it says.
            self.out_of_step |= is_out_of_step;
        } else {
            return Err(PeerMisbehaved::UnexpectedReply);
        }
        Ok(())
    }

    pub(in crate::client) fn rcpt_answered(
        &mut self,
        id: OperationId,
        number: usize,
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
        transaction.part.answered += 1;
        // Without a sender the answer says nothing of the recipient.
        let Some(index) = transaction.part.recipients.get(number).copied() else { return Ok(()) };
        if !transaction.part.sender_accepted {
            if verdict == Verdict::Accepted {
                transaction.part.accepted.push(index);
            }
            return Ok(());
        }
        if policy == RecipientPolicy::Accepted && transaction.is_too_many(reply) {
            transaction.part.is_full = true;
            transaction.leave(index);
        } else {
            transaction.part.answer(index, verdict, &answer);
            self.events.push_back(Event::Recipient { operation: id, index, verdict, reply: answer });
        }
        if let Some(transaction) = self.transaction(id).filter(|transaction| transaction.plan().is_some()) {
            transaction.part.decide(policy);
        }
        Ok(())
    }

    pub(in crate::client) fn data_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        let answer = self.owned(reply, true);
        let (start, lmtp) = (self.out.end(), self.config.lmtp);
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        let plan = transaction.plan().copied();
        let part = &mut transaction.part;
        match reply.code.get() {
            354 if part.decided.is_none() => {
                part.next = Next::Body;
                part.message = plan.map(|plan| Message::with_dots(plan, start));
                self.events.push_back(Event::SendBody { operation: id, chunked: false });
            }
            // RFC 2920 §3.1: nobody to send to, so nothing but the end of the message. Under LMTP nobody knows how many replies
            // that would have (RFC 2033 §4.2).
            354 if part.accepted.is_empty() && !lmtp => {
                part.is_over = true;
                self.queue(b".\r\n", Expect::LoneDot(id));
            }
            400.. => {
                let failure = Failure::refused(Stage::Data, answer);
                part.decided.get_or_insert(failure);
            }
            _ => return Err(PeerMisbehaved::UnexpectedReply),
        }
        Ok(())
    }

    /// A chunk that is not the last one (RFC 3030 §2): its answer promises nothing.
    pub(in crate::client) fn chunk_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Self::check_final(reply)?;
        let answer = self.owned(reply, true);
        let Some(part) = self.part(id) else { return Ok(()) };
        if let Some(message) = &mut part.message {
            message.chunk_is_answered();
        }
        if reply.code.is_negative() {
            // No more chunks; those that are out are answered too.
            part.decided.get_or_insert(Failure::refused(Stage::Data, answer));
        }
        Ok(())
    }

    /// The answer to the end of a message: one, or under LMTP one for each accepted recipient (RFC 2033 §4.2).
    pub(in crate::client) fn end_answered(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Self::check_final(reply)?;
        let answer = self.owned(reply, true);
        let lmtp = self.config.lmtp;
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        let part = &mut transaction.part;
        part.is_over = !part.message.as_ref().is_some_and(Message::is_chunked);
        if let Some(failure) = &mut part.decided {
            // Nobody was left to send to, or a chunk before was refused: `settle` tells, unless the server took it after all.
            if reply.code.severity() == Severity::Positive {
                if !part.accepted.is_empty() {
                    failure.outcome = Outcome::Unknown;
                }
                return Err(PeerMisbehaved::UnexpectedReply);
            }
            return Ok(());
        }
        let refused = |reply| Failure::refused(Stage::Data, reply);
        if !lmtp {
            let result = if reply.code.is_negative() { Err(refused(answer)) } else { Ok(answer) };
            self.part_ended(id, result);
            return Ok(());
        }
        let verdict = match reply.code.severity() {
            Severity::Permanent => Verdict::Permanent,
            Severity::Temporary => Verdict::Temporary,
            _ => Verdict::Accepted,
        };
        let part = &mut transaction.part;
        let Some(index) = part.accepted.get(part.finals).copied() else {
            return Err(PeerMisbehaved::UnexpectedReply);
        };
        if part.finals == 0 {
            // What RCPT refused says nothing of the message.
            (part.refusal, part.temporary) = (None, false);
        }
        part.finals += 1;
        part.temporary |= verdict == Verdict::Temporary;
        let is_last = part.finals == part.accepted.len();
        if verdict == Verdict::Accepted {
            part.is_taken = true;
            transaction.delivered.get_or_insert_with(|| answer.clone());
        } else {
            part.refusal.get_or_insert_with(|| answer.clone());
        }
        self.events.push_back(Event::Delivery { operation: id, index, verdict, reply: Some(answer) });
        if !is_last {
            self.expect_again(Expect::End(id));
            return Ok(());
        }
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        let part = &transaction.part;
        let result = match (&transaction.delivered, &part.refusal) {
            (Some(reply), _) if part.is_taken => Ok(reply.clone()),
            (_, Some(refusal)) if part.temporary => {
                Err(Failure { outcome: Outcome::Temporary, ..refused(refusal.clone()) })
            }
            (_, Some(refusal)) => Err(refused(refusal.clone())),
            (_, None) => return Ok(()),
        };
        self.part_ended(id, result);
        Ok(())
    }

    /// RSET, which ended a test of recipients.
    pub(in crate::client) fn verified(
        &mut self,
        id: OperationId,
        reply: &ReplyRef<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Self::check_final(reply)?;
        let answer = self.owned(reply, true);
        if self.part(id).is_some_and(|part| part.decided.is_some()) {
            // The sender was refused: `settle` tells.
            return Ok(());
        }
        self.needs_reset |= reply.code.is_negative() && self.expected.is_empty();
        let Some(transaction) = self.transaction(id) else { return Ok(()) };
        transaction.part = Part::default();
        transaction.is_continued = true;
        if transaction.pending.is_empty()
            && let Some(index) = self.index_of(id)
        {
            self.operations.remove(index);
            self.events.push_back(Event::Answer { operation: id, reply: answer });
        }
        Ok(())
    }
}
