//! The one buffer of what goes to the server.

use alloc::vec::Vec;

use zeroize::Zeroize as _;

use crate::body::BodyEncoder;
use crate::error::{ApiMisuse, InvalidInput};

/// Part of a flight. Write all of them in one go where the transport can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// These octets.
    Bytes(&'a [u8]),
}

/// Octets wait here until they are handed to the transport. Positions count from the start of the session, so that
/// a reply can be held against what was sent.
#[derive(Default)]
pub(crate) struct Transmit {
    buffer: Vec<u8>,
    /// Where in `buffer` the first octet is that was not handed over.
    start: usize,
    /// The position behind the last octet queued.
    end: u64,
    /// The position behind the last octet that the transport reports as written.
    written: u64,
    /// Whether `buffer` has, or had, a secret in it.
    holds_secret: bool,
}

impl Transmit {
    /// What was queued and not handed over.
    pub(crate) fn queued(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// The position behind the last octet queued.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The position behind the last octet handed over.
    pub(crate) fn handed(&self) -> u64 {
        self.end - self.queued().len() as u64
    }

    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    pub(crate) fn push(&mut self, octets: &[u8]) {
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
        let surplus = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let surplus = surplus.min(self.queued().len());
        self.buffer.truncate(self.buffer.len() - surplus);
        self.end -= surplus as u64;
    }

    /// The next `count` octets are with the transport.
    pub(crate) fn hand_over(&mut self, count: u64) -> Result<(), ApiMisuse> {
        let count = usize::try_from(count).map_err(|_| ApiMisuse::TooManyBytes)?;
        let queued = self.buffer.get_mut(self.start..).unwrap_or_default();
        let handed = queued.get_mut(..count).ok_or(ApiMisuse::TooManyBytes)?;
        if self.holds_secret {
            handed.zeroize();
        }
        self.start += count;
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
