//! The one buffer of what goes to the server.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use zeroize::Zeroize as _;

use crate::body::BodyEncoder;
use crate::error::{ApiMisuse, InvalidInput};
use crate::event::OperationId;

/// Part of a flight. Write all of them in one go where the transport can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// These octets.
    Bytes(&'a [u8]),
    /// So many octets of the message's own, which the host announced by [`Client::body_chunk`](crate::Client::body_chunk).
    Body {
        /// Which message.
        operation: OperationId,
        /// How many octets.
        length: u64,
    },
}

impl<'a> Segment<'a> {
    /// The octets, if they are the session's.
    #[must_use]
    pub const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(octets) => Some(octets),
            Self::Body { .. } => None,
        }
    }
}

/// Octets of the host's own between those of the buffer.
struct Gap {
    operation: OperationId,
    /// The position of the first of them that was not handed over.
    position: u64,
    /// How many were not.
    length: u64,
}

/// Octets wait here until they are handed to the transport. Positions count from the start of the session, so that
/// a reply can be held against what was sent.
#[derive(Default)]
pub(crate) struct Transmit {
    buffer: Vec<u8>,
    /// Where in `buffer` the first octet is that was not handed over.
    start: usize,
    /// In order, and none of them handed over in full.
    gaps: VecDeque<Gap>,
    /// The position behind the last octet queued.
    end: u64,
    /// The position behind the last octet that the transport reports as written.
    written: u64,
    /// Whether `buffer` has, or had, a secret in it.
    holds_secret: bool,
}

impl Transmit {
    /// What was queued and not handed over.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let (mut octets, mut gaps) = (self.queued(), self.gaps.iter().peekable());
        let mut position = self.handed();
        core::iter::from_fn(move || {
            let before = gaps.peek().map_or(u64::MAX, |gap| gap.position - position);
            let own = octets.len().min(usize::try_from(before).unwrap_or(usize::MAX));
            if own > 0 {
                let (first, rest) = octets.split_at_checked(own)?;
                octets = rest;
                position += own as u64;
                return Some(Segment::Bytes(first));
            }
            let gap = gaps.next()?;
            position += gap.length;
            Some(Segment::Body { operation: gap.operation, length: gap.length })
        })
    }

    /// What of it is in the buffer.
    fn queued(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The position behind the last octet queued.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The position behind the last octet handed over.
    pub(crate) fn handed(&self) -> u64 {
        self.end - self.queued().len() as u64 - self.gaps.iter().map(|gap| gap.length).sum::<u64>()
    }

    /// Whether octets of the host's own are queued.
    pub(crate) fn has_gap(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Queues octets of the host's own.
    pub(crate) fn push_gap(&mut self, operation: OperationId, length: u64) {
        if length > 0 {
            self.gaps.push_back(Gap { operation, position: self.end, length });
            self.end += length;
        }
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
        // What was handed over is let go of, now and then.
        if self.start > self.buffer.len() / 2 && !self.holds_secret {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let room = self.buffer.capacity() - self.buffer.len();
        if self.holds_secret && room < octets.len() {
            // Growing would leave a copy behind.
            let mut grown = Vec::with_capacity((self.buffer.len() + octets.len()).next_power_of_two());
            grown.extend_from_slice(&self.buffer);
            self.buffer.zeroize();
            self.buffer = grown;
        }
        self.buffer.extend_from_slice(octets);
        self.end += octets.len() as u64;
    }

    pub(crate) fn push_secret(&mut self, octets: &[u8]) {
        self.holds_secret = true;
        self.push(octets);
    }

    /// Appends as much of a message as `limit` octets of what is not written allow; see [`BodyEncoder::encode`].
    pub(crate) fn push_body(
        &mut self,
        encoder: &mut BodyEncoder,
        piece: &[u8],
        limit: usize,
    ) -> Result<usize, InvalidInput> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        let under_way = usize::try_from(self.handed() - self.written).unwrap_or(usize::MAX);
        let taken = encoder.encode(piece, &mut self.buffer, limit.saturating_sub(under_way));
        self.end += (self.buffer.len() - before) as u64;
        taken
    }

    /// Appends the end of a message.
    pub(crate) fn push_end(&mut self, encoder: BodyEncoder) -> Result<(), InvalidInput> {
        let before = self.buffer.len();
        let result = encoder.finish(&mut self.buffer);
        self.end += (self.buffer.len() - before) as u64;
        result
    }

    /// Takes back everything behind `position`, which was not handed over.
    pub(crate) fn truncate(&mut self, position: u64) {
        while let Some(gap) = self.gaps.back().filter(|gap| gap.position >= position) {
            self.end -= gap.length;
            self.gaps.pop_back();
        }
        let surplus = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let surplus = surplus.min(self.queued().len());
        self.buffer.truncate(self.buffer.len() - surplus);
        self.end -= surplus as u64;
    }

    /// The next `count` octets are with the transport.
    pub(crate) fn hand_over(&mut self, count: u64) -> Result<(), ApiMisuse> {
        let mut position = self.handed();
        if count > self.end - position {
            return Err(ApiMisuse::TooManyBytes);
        }
        let mut rest = count;
        while rest > 0 {
            let before = self.gaps.front().map_or(u64::MAX, |gap| gap.position - position);
            let part = if before > 0 {
                let part = rest.min(before);
                // No more than the buffer has, which fits a usize.
                let own = usize::try_from(part).unwrap_or(usize::MAX);
                let queued = self.buffer.get_mut(self.start..).unwrap_or_default();
                if self.holds_secret {
                    queued.get_mut(..own).unwrap_or_default().zeroize();
                }
                self.start += own;
                part
            } else {
                let Some(gap) = self.gaps.front_mut() else { break };
                let part = rest.min(gap.length);
                gap.position += part;
                gap.length -= part;
                if gap.length == 0 {
                    self.gaps.pop_front();
                }
                part
            };
            position += part;
            rest -= part;
        }
        if self.start == self.buffer.len() {
            self.clear_buffer();
        }
        Ok(())
    }

    /// The transport wrote `count` octets more.
    pub(crate) fn confirm(&mut self, count: u64) -> Result<(), ApiMisuse> {
        let written = self.written.checked_add(count).ok_or(ApiMisuse::TooManyBytes)?;
        if written > self.handed() {
            return Err(ApiMisuse::TooManyBytes);
        }
        self.written = written;
        Ok(())
    }

    /// Forgets what was not handed over.
    pub(crate) fn clear(&mut self) {
        self.end = self.handed();
        self.gaps.clear();
        self.clear_buffer();
    }

    fn clear_buffer(&mut self) {
        if self.holds_secret {
            self.buffer.zeroize();
            self.holds_secret = false;
        }
        self.buffer.clear();
        self.start = 0;
    }
}

impl Drop for Transmit {
    fn drop(&mut self) {
        self.clear_buffer();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        let mut out = Transmit::default();
        out.push(b"EHLO x\r\n");
        assert_eq!((out.end(), out.handed(), out.written()), (8, 0, 0));
        out.hand_over(3).unwrap();
        assert_eq!(out.queued(), b"O x\r\n");
        assert_eq!(out.hand_over(6), Err(ApiMisuse::TooManyBytes));
        assert_eq!(out.confirm(4), Err(ApiMisuse::TooManyBytes));
        out.confirm(3).unwrap();
        out.push(b"NOOP\r\n");
        out.truncate(8);
        assert_eq!(out.queued(), b"O x\r\n");
        out.truncate(0);
        assert_eq!((out.end(), out.handed(), out.written()), (3, 3, 3));
    }

    #[test]
    fn octets_of_the_host_keep_their_place() {
        let mut out = Transmit::default();
        let operation = OperationId(7);
        let body = |length| Segment::Body { operation, length };
        out.push(b"BDAT 5\r\n");
        out.push_gap(operation, 5);
        out.push(b"BDAT 0 LAST\r\n");
        out.push_gap(operation, 0);
        assert_eq!((out.end(), out.handed()), (26, 0));
        let segments =
            |out: &Transmit| out.segments().map(|segment| alloc::format!("{segment:?}")).collect::<Vec<_>>();
        let shown = |segments: &[Segment<'_>]| {
            segments.iter().map(|segment| alloc::format!("{segment:?}")).collect::<Vec<_>>()
        };
        assert_eq!(
            segments(&out),
            shown(&[Segment::Bytes(b"BDAT 5\r\n"), body(5), Segment::Bytes(b"BDAT 0 LAST\r\n")])
        );
        out.hand_over(10).unwrap();
        assert_eq!(segments(&out), shown(&[body(3), Segment::Bytes(b"BDAT 0 LAST\r\n")]));
        assert_eq!(out.hand_over(17), Err(ApiMisuse::TooManyBytes));
        assert_eq!((out.end(), out.handed()), (26, 10));
        out.truncate(13);
        assert_eq!(segments(&out), shown(&[body(3)]));
        out.hand_over(3).unwrap();
        assert_eq!((out.end(), out.handed(), out.segments().count()), (13, 13, 0));
        out.confirm(13).unwrap();
        out.push_gap(operation, u64::MAX / 2);
        out.push(b"x");
        out.truncate(13);
        assert_eq!((out.end(), out.handed(), out.segments().count()), (13, 13, 0));
    }

    #[test]
    fn a_message_fills_the_buffer_to_its_limit_only() {
        let mut out = Transmit::default();
        let mut encoder = BodyEncoder::new(crate::BodyPlan::default());
        assert_eq!(out.push_body(&mut encoder, &[b'a'; 100], 64), Ok(64));
        assert_eq!(out.push_body(&mut encoder, &[b'a'; 100], 64), Ok(0));
        out.hand_over(64).unwrap();
        assert_eq!(out.push_body(&mut encoder, &[b'a'; 100], 64), Ok(0), "handed over is not written");
        out.confirm(60).unwrap();
        assert_eq!(out.push_body(&mut encoder, &[b'a'; 100], 64), Ok(60));
    }
}
