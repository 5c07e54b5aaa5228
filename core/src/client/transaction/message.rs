//! The message itself: behind DATA with dots, or in chunks behind BDAT.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Next, Transaction};
use crate::body::{BodyEncoder, BodyPlan, Content, LineEnds};
use crate::client::expect::Expect;
use crate::client::{Client, Operation};
use crate::decimal;
use crate::error::{ApiMisuse, Error, Stage};
use crate::event::{DataSent, OperationId};

/// A message that the host gives.
pub(super) struct Message {
    encoder: BodyEncoder,
    /// The position before its first octet, once there is one.
    start: Option<u64>,
    /// The position behind its end.
    end: Option<u64>,
    chunks: Option<Chunks>,
}

/// What is not queued of a message that goes out by BDAT.
struct Chunks {
    /// The next chunk.
    next: Vec<u8>,
    /// The host gave all.
    is_last: bool,
    /// Chunks without an answer.
    unanswered: usize,
    /// Whether its octets may stay with the host.
    is_verbatim: bool,
}

/// Octets of the final dot and its line end.
const FINAL_DOT: u64 = 3;
/// The smallest chunk and the smallest buffer, whatever the configuration says: one octet each would be a command each, and a
/// line end has two.
const CHUNK: usize = 64;

impl Message {
    /// By DATA, from this position on.
    pub(super) const fn with_dots(plan: BodyPlan, start: u64) -> Self {
        Self { encoder: BodyEncoder::new(plan), start: Some(start), end: None, chunks: None }
    }

    /// By BDAT.
    pub(super) fn chunked(plan: BodyPlan) -> Self {
        let is_verbatim = plan.content == Content::Binary || plan.line_ends == LineEnds::Canonical;
        let chunks = Chunks { next: Vec::new(), is_last: false, unanswered: 0, is_verbatim };
        Self { encoder: BodyEncoder::for_chunks(plan), start: None, end: None, chunks: Some(chunks) }
    }

    pub(super) const fn is_chunked(&self) -> bool {
        self.chunks.is_some()
    }

    /// The end was queued, and is not to go out.
    pub(super) fn end_is_dropped(&mut self) {
        self.end = None;
    }

    pub(super) fn chunk_is_answered(&mut self) {
        if let Some(chunks) = &mut self.chunks {
            chunks.unanswered = chunks.unanswered.saturating_sub(1);
        }
    }

    /// How much of it went out, with `handed` octets with the transport.
    pub(super) fn sent(&self, handed: u64) -> DataSent {
        match (self.start, self.end) {
            (_, Some(end)) if handed >= end => DataSent::All,
            (Some(start), _) if handed > start => DataSent::Partial,
            _ => DataSent::None,
        }
    }

    /// Whether the server waits for more of it, or may have seen some of it.
    fn has_begun(&self, handed: u64) -> bool {
        self.start.is_some_and(|start| !self.is_chunked() || handed > start)
    }

    /// Whether the reply to its end can come.
    pub(super) fn is_out(&self, handed: u64) -> bool {
        self.end.is_some_and(|end| handed >= end)
    }
}

impl Client {
    pub(in crate::client) fn push_body(&mut self, id: OperationId, piece: &[u8]) -> Result<usize, Error> {
        let limits = self.config.limits;
        let before = self.out.end();
        let index = self.giving(id)?;
        let Some(message) = self.message_at(index) else { return Err(ApiMisuse::BodyNotAsked.into()) };
        if message.is_chunked() {
            return self.push_chunked(id, piece);
        }
        let Some(Operation::Transaction(transaction)) = self.operations.get_mut(index) else { return Ok(0) };
        let Some(message) = &mut transaction.part.message else { return Ok(0) };
        match self.out.push_body(&mut message.encoder, piece, limits.transmit.max(CHUNK)) {
            Ok(taken) => {
                if let Some(transcript) = &mut self.transcript {
                    transcript.message(self.out.end() - before, self.out.end());
                }
                Ok(taken)
            }
            Err(error) => Err(self.body_is_wrong(id, error.into())),
        }
    }

    fn push_chunked(&mut self, id: OperationId, piece: &[u8]) -> Result<usize, Error> {
        let limit = self.config.limits.chunk.max(CHUNK);
        let mut rest = piece;
        loop {
            let index = self.giving(id)?;
            let Some(Message { encoder, chunks: Some(chunks), .. }) = self.message_at(index) else { break };
            match encoder.encode(rest, &mut chunks.next, limit) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(error) => return Err(self.body_is_wrong(id, error.into())),
            }
            // A chunk that is full waits for what follows it, since it may be the last one.
            if rest.is_empty() || !self.queue_chunk(id, false) {
                break;
            }
        }
        Ok(piece.len() - rest.len())
    }

    pub(in crate::client) fn push_end(&mut self, id: OperationId) -> Result<(), Error> {
        let before = self.out.end();
        let index = self.giving(id)?;
        let Some(Operation::Transaction(transaction)) = self.operations.get_mut(index) else { return Ok(()) };
        let Some(message) = &mut transaction.part.message else { return Ok(()) };
        if let Some(chunks) = &mut message.chunks {
            if let Err(error) = message.encoder.clone().finish(&mut chunks.next) {
                return Err(self.body_is_wrong(id, error.into()));
            }
            chunks.is_last = true;
        } else {
            if let Err(error) = self.out.push_end(message.encoder.clone()) {
                return Err(self.body_is_wrong(id, error.into()));
            }
            let end = self.out.end();
            message.end = Some(end);
            transaction.part.next = Next::Nothing;
            if let Some(transcript) = &mut self.transcript {
                transcript.message(end - before - FINAL_DOT, end - FINAL_DOT);
                transcript.client(b".", false, end);
            }
            self.expect(Expect::End(id), 0);
        }
        self.advance();
        Ok(())
    }

    /// BDAT of `length` octets that the host writes itself: see [`Client::body_chunk`].
    pub(in crate::client) fn push_host_chunk(
        &mut self,
        id: OperationId,
        length: u64,
        is_last: bool,
    ) -> Result<bool, Error> {
        let index = self.giving(id)?;
        match self.message_at(index) {
            Some(Message { encoder, chunks: Some(chunks), .. })
                if chunks.is_verbatim && chunks.next.is_empty() && !encoder.holds_back() => {}
            _ => return Err(ApiMisuse::ChunkNotPossible.into()),
        }
        if length == 0 && !is_last {
            return Ok(true);
        }
        // Positions are counted in 64 bits.
        if self.out.end().checked_add(length).is_none_or(|end| end > u64::MAX / 2) {
            return Err(ApiMisuse::ChunkNotPossible.into());
        }
        if self.out.has_gap() || !self.may_queue_chunk(id) {
            return Ok(false);
        }
        self.queue_chunk_header(id, length, is_last);
        self.out.push_gap(id, length);
        self.chunk_is_queued(id, length, is_last);
        if is_last {
            self.advance();
        }
        Ok(true)
    }

    /// Queues the last chunk, once the host gave all and it may go out. With the line end that was added at the end, there may
    /// be two.
    pub(super) fn queue_last_chunk(&mut self, id: OperationId) -> bool {
        let limit = self.config.limits.chunk.max(CHUNK);
        match self.part(id).and_then(|part| part.message.as_ref()?.chunks.as_ref()) {
            Some(chunks) if chunks.is_last => {
                let is_last = chunks.next.len() <= limit;
                self.queue_chunk(id, is_last)
            }
            _ => false,
        }
    }

    /// Queues the chunk that is there, if it may go out now.
    fn queue_chunk(&mut self, id: OperationId, is_last: bool) -> bool {
        if !self.may_queue_chunk(id) {
            return false;
        }
        let limit = self.config.limits.chunk.max(CHUNK);
        let room = (self.config.limits.transmit as u64).saturating_sub(self.out.end() - self.out.written());
        let is_written = self.out.end() == self.out.written();
        let Some(Message { chunks: Some(chunks), .. }) = self.part(id).and_then(|part| part.message.as_mut())
        else {
            return false;
        };
        let count = chunks.next.len().min(limit);
        let length = count as u64;
        if length > room && !is_written {
            return false;
        }
        let rest = chunks.next.split_off(count);
        let mut octets = core::mem::replace(&mut chunks.next, rest);
        self.queue_chunk_header(id, length, is_last);
        self.out.push(&octets);
        self.chunk_is_queued(id, length, is_last);
        // Its memory serves the next one.
        if let Some(Message { chunks: Some(chunks), .. }) =
            self.part(id).and_then(|part| part.message.as_mut()).filter(|_| !is_last)
        {
            octets.clear();
            octets.append(&mut chunks.next);
            chunks.next = octets;
        }
        true
    }

    /// Whether another chunk may go out: any number, but for a bound, where commands may follow each other; before the
    /// recipients are known only one, since nobody may want it.
    fn may_queue_chunk(&mut self, id: OperationId) -> bool {
        if self.expected.is_empty() {
            return true;
        }
        let most = self.config.limits.chunks;
        let Some(part) = self.part(id) else { return false };
        let waits = part.answered < part.recipients.len();
        let unanswered = part
            .message
            .as_ref()
            .and_then(|message| message.chunks.as_ref())
            .map_or(0, |chunks| chunks.unanswered);
        let fits = if waits { unanswered == 0 } else { unanswered < most.max(1) };
        fits && self.may_queue(CHUNK, Some(id))
    }

    fn queue_chunk_header(&mut self, id: OperationId, length: u64, is_last: bool) {
        let line: String = ["BDAT ", &decimal::text(length), if is_last { " LAST" } else { "" }].concat();
        self.out.push(line.as_bytes());
        self.out.push(b"\r\n");
        let start = self.out.end();
        if let Some(transcript) = &mut self.transcript {
            transcript.client(line.as_bytes(), false, start);
        }
        if let Some(message) = self.part(id).and_then(|part| part.message.as_mut()) {
            message.start.get_or_insert(start);
        }
    }

    /// Its header and its octets are queued.
    fn chunk_is_queued(&mut self, id: OperationId, length: u64, is_last: bool) {
        let end = self.out.end();
        if let Some(transcript) = &mut self.transcript {
            transcript.message(length, end);
        }
        if let Some(part) = self.part(id) {
            if is_last {
                part.next = Next::Nothing;
            }
            if let Some(message) = &mut part.message {
                message.end = is_last.then_some(end);
                if let Some(chunks) = &mut message.chunks {
                    chunks.unanswered += 1;
                }
            }
        }
        self.expect(if is_last { Expect::End(id) } else { Expect::Chunk(id) }, CHUNK);
    }

    /// Where the transaction is whose message the host may give now, if it is this one.
    fn giving(&self, id: OperationId) -> Result<usize, Error> {
        let not_asked = || Error::from(ApiMisuse::BodyNotAsked);
        let index = self.index_of(id).ok_or_else(not_asked)?;
        match self.operations.get(index) {
            Some(Operation::Transaction(transaction)) if transaction.takes_body() => Ok(index),
            _ => Err(not_asked()),
        }
    }

    fn message_at(&mut self, index: usize) -> Option<&mut Message> {
        match self.operations.get_mut(index) {
            Some(Operation::Transaction(transaction)) => transaction.part.message.as_mut(),
            _ => None,
        }
    }

    /// The message is not what was declared.
    fn body_is_wrong(&mut self, id: OperationId, error: Error) -> Error {
        self.give_up(id, error).err().unwrap_or(error)
    }

    /// Whether a message is on its way whose end was not handed over: a reply that nothing asked for is about it.
    pub(in crate::client) fn streaming(&self) -> Option<Stage> {
        let Some(Operation::Transaction(transaction)) = self.under_way() else { return None };
        transaction.is_streaming(self.out.handed()).then_some(Stage::Data)
    }
}

impl Transaction {
    fn takes_body(&self) -> bool {
        let is_given = self
            .part
            .message
            .as_ref()
            .and_then(|message| message.chunks.as_ref())
            .is_some_and(|chunks| chunks.is_last);
        self.part.next == Next::Body && self.part.decided.is_none() && !is_given
    }

    fn is_streaming(&self, handed: u64) -> bool {
        self.part.message.as_ref().is_some_and(|message| message.has_begun(handed) && !message.is_out(handed))
    }
}
