//! How a session ends: each open operation gets its one result, then `Closed`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use super::expect::{Expect, Expected};
use super::{Client, Operation, Phase};
use crate::error::{ApiMisuse, Error, Stage};
use crate::event::{Cause, Event, Failure, OperationId, TlsFailure};
use crate::reply::Reply;

impl Client {
    pub(super) fn failed(&mut self, operation: impl Into<Option<OperationId>>, failure: Failure) {
        self.events.push_back(Event::Failed { operation: operation.into(), failure: Box::new(failure) });
    }

    /// The session broke. Nothing more goes out; every later call gives the same error.
    #[must_use]
    pub(super) fn fatal(&mut self, error: Error, reply: Option<Reply>) -> Error {
        self.fatal_at(self.stage(), error, reply)
    }

    #[must_use]
    pub(super) fn fatal_at(&mut self, stage: Stage, error: Error, reply: Option<Reply>) -> Error {
        // However the server ends a login that was cancelled: why it was cancelled is what counts.
        let error = match self.expected.front().map(|expected| expected.what) {
            Some(Expect::AuthCancel(why)) => why,
            _ => error,
        };
        let failure = Failure { reply, ..Failure::error(stage, error) };
        self.error = Some(error);
        self.break_off(&failure);
        error
    }

    pub(super) fn handshake_failed(&mut self, tls: TlsFailure) {
        self.error = Some(Error::TlsFailed);
        let failure = Failure {
            cause: Cause::Tls { code: tls.code, text: tls.text },
            ..Failure::error(Stage::Tls, Error::TlsFailed)
        };
        self.break_off(&failure);
    }

    fn break_off(&mut self, failure: &Failure) {
        self.failed(None, failure.clone());
        self.fail_operations(failure);
        self.close();
    }

    /// The session cannot be set up, but the connection stands: say QUIT.
    pub(super) fn setup_failed(&mut self, failure: Failure) {
        self.exchange = None;
        self.failed(None, failure.clone());
        self.fail_operations(&failure);
        self.queue_quit();
    }

    /// The server said 421, or something as final: nothing more is sent, not even QUIT (RFC 5321 §3.8).
    pub(super) fn server_closes(&mut self, stage: Stage, reply: Reply) {
        self.events.push_back(Event::ServerClosing { reply: reply.clone() });
        let failure = Failure::refused(stage, reply);
        if self.phase == Phase::Setup {
            self.failed(None, failure.clone());
        }
        self.fail_operations(&failure);
        self.close();
    }

    pub(super) fn abandon(&mut self) {
        if self.phase != Phase::Closed {
            let failure = Failure::error(self.stage(), Error::Cancelled);
            if matches!(self.phase, Phase::Setup | Phase::Tls) {
                self.failed(None, failure.clone());
            }
            self.fail_operations(&failure);
            self.close();
        }
    }

    pub(super) fn cancel_operation(&mut self, id: OperationId) -> Result<(), Error> {
        self.give_up(id, Error::Cancelled)
    }

    /// An operation ends with this error, of the caller's. One that the server does not know of is dropped. Else what is out
    /// of it must not be completed: nothing more is sent, and the connection is closed once what went before is answered.
    pub(super) fn give_up(&mut self, id: OperationId, error: Error) -> Result<(), Error> {
        let found = self.index_of(id).and_then(|index| Some((index, self.operations.get(index)?)));
        let Some((index, operation)) = found else { return Err(ApiMisuse::UnknownOperation.into()) };
        let handed = self.out.handed();
        let start = operation.start().unwrap_or(u64::MAX);
        let (stage, has_begun) = match operation {
            Operation::Command(_) => (Stage::Command, start < handed),
            Operation::Transaction(transaction) => (transaction.stage(), transaction.has_begun(handed)),
        };
        if !has_begun {
            let given_up = self.operations.remove(index);
            self.take_back(start);
            match given_up {
                Some(Operation::Transaction(transaction)) => {
                    self.conclude(&transaction, Failure::error(stage, error));
                }
                _ => self.failed(id, Failure::error(stage, error)),
            }
            self.advance();
            return Ok(());
        }
        let goes_on = |operation: &Operation| operation.start().is_some_and(|other| other < start);
        if !self.operations.iter().any(goes_on) {
            if error == Error::Cancelled {
                let failure = Failure { stage: self.stage(), ..Failure::error(stage, error) };
                self.fail_operations(&failure);
                self.close();
                return Ok(());
            }
            return Err(self.fatal(error, None));
        }
        let (before, after) = mem::take(&mut self.operations).into_iter().partition(goes_on);
        self.operations = after;
        self.fail_operations_of(&Failure::error(stage, error), Some(id));
        self.operations = before;
        self.clear_queued();
        self.drop_expected(start);
        self.phase = Phase::Draining;
        self.draining = (error != Error::Cancelled).then_some(error);
        if self.expected.is_empty() { self.drained() } else { Ok(()) }
    }

    /// What went before an operation that was given up has its replies.
    pub(super) fn drained(&mut self) -> Result<(), Error> {
        if let Some(error) = self.draining {
            return Err(self.fatal_at(Stage::Data, error, None));
        }
        self.fail_operations(&Failure::error(Stage::Command, Error::Cancelled));
        self.close();
        Ok(())
    }

    /// Takes the commands behind `start` out of the transmit buffer, none of which was handed over. The operations that they
    /// are of begin again, or fail if their message cannot be had again.
    pub(super) fn take_back(&mut self, start: u64) {
        if start >= self.out.end() {
            return;
        }
        self.out.truncate(start);
        if let Some(transcript) = &mut self.transcript {
            transcript.take_back(start);
        }
        let mails = |expected: &&Expected| matches!(expected.what, Expect::Mail(_)) && expected.end > start;
        let first = self.expected.iter().position(|expected| expected.end > start);
        let what = |at: usize| self.expected.get(at).map(|expected| expected.what);
        // RSET that comes first was for what is open on the server, unless it goes ahead of an answer; one behind it was for
        // what is taken back.
        self.needs_reset |= first.is_some_and(|first| {
            let goes_ahead = first.checked_sub(1).and_then(what);
            matches!(what(first), Some(Expect::Reset(_)))
                && !matches!(goes_ahead, Some(Expect::Chunk(_) | Expect::End(_)))
        });
        self.domains.retain(|(at, _)| *at < start);
        self.mails -= self.expected.iter().filter(mails).count() as u64;
        self.drop_expected(start);
        let mut lost = Vec::new();
        for operation in &mut self.operations {
            if operation.start().is_none_or(|other| other < start) {
                continue;
            }
            match operation {
                Operation::Command(command) => command.start = None,
                Operation::Transaction(transaction) => {
                    if !transaction.restart() {
                        lost.push(transaction.id);
                    }
                }
            }
        }
        for id in lost {
            if let Some(transaction) = self.take_transaction(id) {
                self.conclude(&transaction, Failure::error(Stage::Data, Error::Cancelled));
            }
        }
    }

    /// Every open operation fails: the one under way as far as it came, the others for the same reason.
    fn fail_operations(&mut self, failure: &Failure) {
        // What is answered, or waited for; else it is the one whose message is given.
        let waited_for = self.answering.or_else(|| Some(self.expected.front()?.what));
        let culprit = match waited_for.and_then(Expect::transaction) {
            Some(id) => Some(id),
            None => self.under_way().map(Operation::id),
        };
        self.fail_operations_of(failure, culprit);
    }

    fn fail_operations_of(&mut self, failure: &Failure, culprit: Option<OperationId>) {
        let handed = self.out.handed();
        for operation in mem::take(&mut self.operations) {
            match operation {
                Operation::Command(command) if culprit == Some(command.id) => {
                    self.failed(command.id, failure.clone());
                }
                Operation::Command(command) => self.failed(command.id, failure.clone().of_another()),
                Operation::Transaction(transaction) => {
                    let is_culprit = culprit == Some(transaction.id);
                    self.conclude(&transaction, transaction.broken(failure, handed, is_culprit));
                }
            }
        }
    }

    /// Nothing of what is queued goes out.
    fn clear_queued(&mut self) {
        self.out.clear();
        if let Some(transcript) = &mut self.transcript {
            transcript.take_back(self.out.handed());
        }
    }

    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.clear_queued();
        self.drop_expected(0);
        self.expected.clear();
        self.exchange = None;
        drop(mem::take(&mut self.redactor));
        self.events.push_back(Event::Closed);
    }
}
