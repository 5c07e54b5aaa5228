//! How a session ends: each open operation gets its one result, then `Closed`.

use alloc::boxed::Box;
use core::mem;

use super::expect::Expect;
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
        let found = self.index_of(id).and_then(|index| Some((index, self.operations.get(index)?)));
        let Some((index, operation)) = found else { return Err(ApiMisuse::UnknownOperation.into()) };
        let start = operation.start();
        let stage = match operation {
            Operation::Command(_) => Stage::Command,
            Operation::Transaction(_) => Stage::Sender,
        };
        let failure = Failure::error(stage, Error::Cancelled);
        if self.take_back(start) {
            self.operations.remove(index);
            self.failed(id, failure);
            self.advance();
        } else {
            let failure = Failure { stage: self.stage(), ..failure };
            self.fail_operations(&failure);
            self.close();
        }
        Ok(())
    }

    /// Takes an operation's commands out of the transmit buffer, if none of them was handed over.
    fn take_back(&mut self, start: Option<u64>) -> bool {
        let Some(start) = start else { return true };
        if self.out.handed() > start {
            return false;
        }
        self.out.truncate(start);
        if let Some(transcript) = &mut self.transcript {
            transcript.take_back(start);
        }
        while let Some(expected) = self.expected.back().filter(|expected| expected.end > start) {
            self.needs_reset |= matches!(expected.what, Expect::Reset(_));
            self.expected.pop_back();
        }
        true
    }

    /// Every open operation fails: the one under way as far as it came, the others for the same reason.
    fn fail_operations(&mut self, failure: &Failure) {
        let handed = self.out.handed();
        for operation in mem::take(&mut self.operations) {
            match operation {
                Operation::Command(command) => self.failed(command.id, failure.clone()),
                Operation::Transaction(transaction) => {
                    self.failed(transaction.id, transaction.broken(failure, handed));
                }
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.out.clear();
        if let Some(transcript) = &mut self.transcript {
            transcript.take_back(self.out.handed());
        }
        self.expected.clear();
        self.exchange = None;
        drop(mem::take(&mut self.redactor));
        self.events.push_back(Event::Closed);
    }
}
