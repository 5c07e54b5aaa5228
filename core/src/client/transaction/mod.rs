//! One message: MAIL, RCPT and the message itself, in as few flights as the server permits (RFC 5321 §3.3, RFC 2920 §3.1,
//! RFC 3030).
//!
//! An operation is one transaction as a rule, and several if the server takes fewer recipients at a time than there are.
//! `commands.rs` says what goes out next, `replies.rs` what comes back, `message.rs` takes the message.

mod commands;
mod message;
mod replies;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::expect::Expect;
use super::{Client, Operation};
use crate::body::BodyPlan;
use crate::envelope::Envelope;
use crate::error::Stage;
use crate::event::{Cause, DataSent, Event, Failure, OperationId, Outcome, Verdict};
use crate::reply::Reply;

use message::Message;

/// A message on its way.
pub(super) struct Transaction {
    pub(super) id: OperationId,
    envelope: Envelope,
    purpose: Purpose,
    /// Recipients that no transaction took yet, by index.
    pending: Vec<usize>,
    /// The transaction under way.
    part: Part,
    /// Whether there was one before.
    is_continued: bool,
    /// How many recipients the server took at a time, once it took no more: it is not asked for many more again.
    room: usize,
    /// The first reply that took the message.
    delivered: Option<Reply>,
    /// A part failed that may succeed later.
    is_temporary: bool,
}

/// So many are asked for at a time, however few a server took: it may have been for another reason.
const FEW: usize = 16;

/// What the recipients are asked for.
enum Purpose {
    /// To take a message.
    Send(BodyPlan),
    /// Whether they would take one.
    Verify,
}

/// One transaction of the protocol.
#[derive(Default)]
struct Part {
    next: Next,
    /// The position before its first command, once that is queued.
    start: Option<u64>,
    /// Whether that went out behind commands of an operation that was not answered.
    rides: bool,
    /// Replies that are due.
    due: usize,
    /// Its recipients, by index.
    recipients: Vec<usize>,
    sender_accepted: bool,
    /// Recipients that the server answered for, and those among them that it took, by index.
    answered: usize,
    accepted: Vec<usize>,
    /// Under LMTP: answers to the message that are there, and whether one of them took it.
    finals: usize,
    is_taken: bool,
    /// The server has no room for more recipients: the others are for the next part.
    is_full: bool,
    /// A dot ended it: whatever the answer is, nothing is left open (RFC 5321 §4.1.1.4).
    is_over: bool,
    /// The first refusal of a recipient, and whether any was temporary.
    refusal: Option<Reply>,
    temporary: bool,
    /// The result, once it cannot be other than a failure; replies may still be due.
    decided: Option<Failure>,
    /// The replies are out of step with what was sent ahead: once they are all there, it begins again.
    is_out_of_step: bool,
    message: Option<Message>,
}

/// What is to be done next. Replies are not waited for here: see [`Client::may_queue`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Mail,
    Rcpt(usize),
    /// DATA; or with BDAT, to ask for the message.
    Message,
    /// The message is the host's to give.
    Body,
    /// RSET, which ends a test of recipients.
    Reset,
    /// Nothing, but replies may be due.
    Nothing,
}

impl Part {
    /// The recipients whose result no event told.
    fn untold(&self) -> Vec<usize> {
        if !self.sender_accepted {
            return self.recipients.clone();
        }
        let accepted = self.accepted.iter().skip(self.finals);
        accepted.chain(self.recipients.iter().skip(self.answered)).copied().collect()
    }
}

impl Transaction {
    pub(super) fn new(id: OperationId, envelope: Envelope, plan: Option<BodyPlan>) -> Self {
        Self {
            id,
            pending: (0..envelope.recipients().len()).collect(),
            envelope,
            purpose: plan.map_or(Purpose::Verify, Purpose::Send),
            part: Part::default(),
            is_continued: false,
            room: usize::MAX,
            delivered: None,
            is_temporary: false,
        }
    }

    /// Whether everything that it has to say is queued.
    pub(super) fn is_out(&self) -> bool {
        self.part.next == Next::Nothing
    }

    /// The position before its first command, once that is queued.
    pub(super) fn start(&self) -> Option<u64> {
        self.part.start
    }

    /// Whether the server may know of the part under way.
    pub(super) fn has_begun(&self, handed: u64) -> bool {
        self.part.start.is_some_and(|start| handed > start)
    }

    pub(super) fn reply_is_due(&mut self) {
        self.part.due += 1;
    }

    /// What it would answer was taken back.
    pub(super) fn reply_is_not_due(&mut self) {
        self.part.due = self.part.due.saturating_sub(1);
    }

    const fn plan(&self) -> Option<&BodyPlan> {
        match &self.purpose {
            Purpose::Send(plan) => Some(plan),
            Purpose::Verify => None,
        }
    }

    /// Whether some of its recipients may be left for a transaction of their own.
    fn may_be_split(&self) -> bool {
        self.plan().is_none_or(|plan| !plan.once)
    }

    /// Begins the part under way again, as if nothing of it had been queued. `false`: its message cannot be had again, and
    /// nothing is changed.
    pub(super) fn restart(&mut self) -> bool {
        let may_restart = self.part.message.is_none() || self.may_be_split();
        if may_restart {
            let mut recipients = mem::take(&mut self.part).recipients;
            if recipients.last().zip(self.pending.first()).is_none_or(|(last, first)| last < first) {
                recipients.append(&mut self.pending);
                self.pending = recipients;
            } else {
                recipients.into_iter().for_each(|index| self.leave(index));
            }
        }
        may_restart
    }

    /// Leaves a recipient for a later part; they stay in the order of the envelope.
    fn leave(&mut self, index: usize) {
        let at = self.pending.partition_point(|other| *other < index);
        self.pending.insert(at, index);
    }

    /// Where it is, for an error of the caller's.
    pub(super) fn stage(&self) -> Stage {
        if self.part.message.is_some() { Stage::Data } else { Stage::Sender }
    }

    fn data_sent(&self, handed: u64) -> DataSent {
        self.part.message.as_ref().map_or(DataSent::None, |message| message.sent(handed))
    }

    /// Its result if the session ends here by `failure`, with `handed` octets with the transport; `is_culprit`: while
    /// something of its own was waited for.
    pub(super) fn broken(&self, failure: &Failure, handed: u64, is_culprit: bool) -> Failure {
        if let Some(decided) = self.part.decided.as_ref().filter(|_| !self.part.is_out_of_step) {
            return Failure { data_sent: self.data_sent(handed), ..decided.clone() };
        }
        let mut failure = failure.clone();
        let is_setup = matches!(failure.stage, Stage::Greeting | Stage::Hello | Stage::Tls | Stage::Auth);
        failure.data_sent = self.data_sent(handed);
        if !is_culprit && !is_setup {
            failure = failure.of_another();
            failure.stage = if failure.data_sent == DataSent::None { Stage::Sender } else { Stage::Data };
        }
        if failure.data_sent == DataSent::All && failure.cause != Cause::Refused {
            failure.outcome = Outcome::Unknown;
        }
        // The refusal that came last before the end may explain it, but says nothing of a message that was sent.
        if failure.stage == Stage::Recipients {
            failure.reply = failure.reply.or_else(|| self.part.refusal.clone());
        }
        failure
    }
}

impl Client {
    pub(super) fn transaction(&mut self, id: OperationId) -> Option<&mut Transaction> {
        match self.operations.get_mut(self.index_of(id)?)? {
            Operation::Transaction(transaction) => Some(transaction),
            Operation::Command(_) => None,
        }
    }

    fn part(&mut self, id: OperationId) -> Option<&mut Part> {
        self.transaction(id).map(|transaction| &mut transaction.part)
    }

    /// One of its replies is there and was dealt with.
    pub(super) fn settle(&mut self, id: OperationId) {
        let Some(part) = self.part(id) else { return };
        part.due = part.due.saturating_sub(1);
        if part.decided.is_some() {
            self.drop_unsent(id);
        }
        let Some(part) = self.part(id) else { return };
        if part.due > 0 || part.next != Next::Nothing {
            return;
        }
        if let Some(failure) = part.decided.take() {
            self.part_ended(id, Err(failure));
        }
    }

    /// Chunks of a message that failed are not sent any more (RFC 3030 §2) if they were not handed over. One that was begun
    /// has to be completed.
    fn drop_unsent(&mut self, id: OperationId) {
        let handed = self.out.handed();
        let mut start = self.answered;
        for expected in &self.expected {
            let is_chunk = matches!(expected.what, Expect::Chunk(of) | Expect::End(of) if of == id);
            if start >= handed && is_chunk {
                self.take_back(start);
                if let Some(message) = self.part(id).and_then(|part| part.message.as_mut()) {
                    message.end_is_dropped();
                }
                break;
            }
            start = expected.end;
        }
    }

    /// A transaction has its result: on to the next part, or to the result of the operation.
    fn part_ended(&mut self, id: OperationId, result: Result<Reply, Failure>) {
        let (nothing_follows, handed) = (self.expected.is_empty(), self.out.handed());
        let Some(transaction) = self.transaction(id) else { return };
        let data_sent = transaction.data_sent(handed);
        let part = &mut transaction.part;
        // What follows one that is open was sent behind RSET already.
        let mut is_open = result.is_err() && part.sender_accepted && !part.is_over;
        let is_out_of_step = part.is_out_of_step;
        let restarts = is_out_of_step && transaction.restart();
        // Whatever the server has open.
        is_open |= restarts;
        // A refusal of all recipients, or one by one under LMTP, says nothing of those that are left.
        let goes_on = match &result {
            Ok(_) => true,
            Err(failure) => {
                let is_of_recipients = failure.stage == Stage::Recipients || transaction.part.finals > 0;
                is_of_recipients && !transaction.pending.is_empty()
            }
        };
        let mut over = None;
        let mut told = Vec::new();
        match result {
            _ if restarts => {}
            Err(failure) if !goes_on => {
                transaction.is_temporary |= is_out_of_step;
                over = Some(Failure { data_sent, ..failure });
            }
            result => {
                let part = mem::take(&mut transaction.part);
                if part.is_full {
                    transaction.room = part.accepted.len().max(FEW);
                }
                match result {
                    Ok(reply) => {
                        // The result of each, since that of the operation is not theirs.
                        let is_split = transaction.is_continued || !transaction.pending.is_empty();
                        if is_split && part.finals == 0 {
                            told = part.accepted;
                        }
                        transaction.delivered.get_or_insert_with(|| reply.clone());
                        self.tell(id, told, Verdict::Accepted, Some(&reply));
                    }
                    Err(failure) => transaction.is_temporary |= failure.outcome == Outcome::Temporary,
                }
                self.next_part(id);
            }
        }
        self.needs_reset |= is_open && nothing_follows;
        if let Some(failure) = over
            && let Some(transaction) = self.take_transaction(id)
        {
            self.conclude(&transaction, failure);
        }
    }

    /// Another transaction for the recipients that are left, or the result.
    fn next_part(&mut self, id: OperationId) {
        let Some(transaction) = self.transaction(id) else { return };
        transaction.is_continued = true;
        if transaction.pending.is_empty()
            && let Some(reply) = transaction.delivered.take()
        {
            self.take_transaction(id);
            self.events.push_back(Event::Delivered { operation: id, reply });
        }
    }

    pub(super) fn take_transaction(&mut self, id: OperationId) -> Option<Box<Transaction>> {
        match self.operations.remove(self.index_of(id)?)? {
            Operation::Transaction(transaction) => Some(transaction),
            Operation::Command(_) => None,
        }
    }

    /// The result of an operation that goes no further. If a part was delivered, the operation was, and what became of the
    /// other recipients is told of each.
    pub(super) fn conclude(&mut self, transaction: &Transaction, failure: Failure) {
        let id = transaction.id;
        let Some(delivered) = transaction.delivered.clone() else {
            let least = if transaction.is_temporary { Outcome::Temporary } else { Outcome::Permanent };
            self.failed(id, Failure { outcome: failure.outcome.max(least), ..failure });
            return;
        };
        let reply = failure.reply.as_ref();
        self.tell(id, transaction.part.untold(), failure.outcome.into(), reply);
        // Nothing of the message went out for those that no transaction took.
        let outcome = if failure.outcome == Outcome::Unknown { Outcome::Temporary } else { failure.outcome };
        self.tell(id, transaction.pending.clone(), outcome.into(), reply);
        self.events.push_back(Event::Delivered { operation: id, reply: delivered });
    }

    fn tell(
        &mut self,
        operation: OperationId,
        recipients: Vec<usize>,
        verdict: Verdict,
        reply: Option<&Reply>,
    ) {
        let told = recipients.into_iter().map(|index| Event::Delivery {
            operation,
            index,
            verdict,
            reply: reply.cloned(),
        });
        self.events.extend(told);
    }
}
