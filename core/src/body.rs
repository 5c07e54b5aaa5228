//! The message on its way into DATA or BDAT: line ends made canonical; for DATA, lines that start with a dot stuffed
//! (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2, RFC 3030 §2).

use alloc::vec::Vec;

use crate::error::InvalidInput;

/// What the caller declares of a message, and what is to be done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyPlan {
    /// Which octets it has.
    pub content: Content,
    /// What becomes of its line ends.
    pub line_ends: LineEnds,
    /// Whether a line of more than 998 octets (RFC 5321 §4.5.3.1.6) is sent or refused.
    pub long_lines: LongLines,
    /// Its size in octets with every line end as CRLF, declared to a server that offers SIZE (RFC 1870).
    pub size: Option<u64>,
    /// Whether its header has UTF-8, which needs a server that offers SMTPUTF8 (RFC 6531 §3.5). `false`.
    pub utf8_headers: bool,
    /// How it is transferred.
    pub transfer: Transfer,
    /// Whether it can be given only once. `false`: [`Event::SendBody`](crate::Event::SendBody) may come again, when a server
    /// takes fewer recipients at a time than there are.
    pub once: bool,
}

/// Which octets a message has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// 0 to 127 only. An octet above ends the session: declare [`EightBit`](Self::EightBit) instead.
    #[default]
    SevenBit,
    /// Any but NUL; needs a server that offers 8BITMIME (RFC 6152).
    EightBit,
    /// Any but NUL where the server offers 8BITMIME, else 0 to 127 only: for a message that nobody looked at yet. An octet
    /// above 127 that the server does not take ends the session.
    Auto,
    /// Any, sent as they are, line ends too; needs a server that offers BINARYMIME and CHUNKING (RFC 3030 §3).
    Binary,
}

/// How a message is transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// By BDAT where the server offers CHUNKING, else by DATA.
    #[default]
    Auto,
    /// By BDAT (RFC 3030).
    Bdat,
    /// By DATA (RFC 5321 §4.1.1.4).
    Data,
}

/// What becomes of CR, LF and CRLF. CR and LF alone never go out (RFC 5321 §2.3.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// Each becomes CRLF.
    #[default]
    Normalize,
    /// CR or LF alone is refused: for a message that is signed already.
    Reject,
    /// The caller vouches that there is none: with BDAT the message need not pass through the core, see
    /// [`Client::body_chunk`](crate::Client::body_chunk). What passes is checked as by [`Reject`](Self::Reject).
    Canonical,
}

/// What becomes of a line of more than 998 octets. It is never wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongLines {
    /// It is sent as it is; most servers take it.
    #[default]
    Allow,
    /// It is refused.
    Reject,
}

/// Octets in a line without its line end (RFC 5321 §4.5.3.1.6).
const LINE: usize = 998;

impl BodyPlan {
    /// This plan with the size declared.
    #[must_use]
    pub const fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// This plan for a message with these octets.
    #[must_use]
    pub const fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }
}

/// Turns a message, in pieces of any size, into what goes behind DATA, or into chunks. The pieces do not show in the
/// result.
///
/// ```
/// use sansmtp::{BodyEncoder, BodyPlan};
/// let mut encoder = BodyEncoder::new(BodyPlan::default());
/// let mut wire = Vec::new();
/// for piece in [&b"Subject: x\n\n.hi"[..], b"\r", b"\nbye"] {
///     assert_eq!(encoder.encode(piece, &mut wire, usize::MAX), Ok(piece.len()));
/// }
/// encoder.finish(&mut wire)?;
/// assert_eq!(wire, b"Subject: x\r\n\r\n..hi\r\nbye\r\n.\r\n");
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyEncoder {
    plan: BodyPlan,
    /// For DATA: dots are stuffed, and one ends the message.
    dots: bool,
    /// Octets in the current line so far.
    column: usize,
    /// The last octet was a CR: normalised, its CRLF is out and an LF is swallowed; else it waits for its LF.
    after_cr: bool,
}

impl BodyEncoder {
    /// An encoder at the start of a message for DATA.
    #[must_use]
    pub const fn new(plan: BodyPlan) -> Self {
        Self { plan, dots: true, column: 0, after_cr: false }
    }

    /// An encoder at the start of a message for BDAT: the same without dots (RFC 3030 §2).
    #[must_use]
    pub const fn for_chunks(plan: BodyPlan) -> Self {
        Self { dots: false, ..Self::new(plan) }
    }

    /// Takes as much of `piece` as fits and appends it to `out`, whose length stays within `limit`. Returns how much
    /// was taken.
    ///
    /// # Errors
    /// [`InvalidInput::NulInBody`], [`InvalidInput::EightBitContent`], [`InvalidInput::BareLineEnd`],
    /// [`InvalidInput::LineTooLong`]: the message is not what was declared. `out` may have its beginning.
    pub fn encode(&mut self, piece: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, InvalidInput> {
        if self.plan.content == Content::Binary {
            let taken = piece.len().min(limit.saturating_sub(out.len()));
            out.extend_from_slice(piece.get(..taken).unwrap_or_default());
            return Ok(taken);
        }
        let normalizes = self.plan.line_ends == LineEnds::Normalize;
        let mut rest = piece;
        while let [first, after @ ..] = rest {
            let room = limit.saturating_sub(out.len());
            match (*first, normalizes) {
                (b'\n', true) if self.after_cr => self.after_cr = false,
                (0, _) if normalizes || !self.after_cr => return Err(InvalidInput::NulInBody),
                (b'\n', false) if self.after_cr => {
                    if room < 2 {
                        break;
                    }
                    out.extend_from_slice(b"\r\n");
                    self.after_cr = false;
                    self.column = 0;
                }
                (_, false) if self.after_cr => return Err(InvalidInput::BareLineEnd),
                (b'\r', false) => self.after_cr = true,
                (b'\n', false) => return Err(InvalidInput::BareLineEnd),
                // Two octets, or none: a line end is not cut.
                (b'\r' | b'\n', true) if room < 2 => break,
                (b'\r' | b'\n', true) => {
                    out.extend_from_slice(b"\r\n");
                    self.after_cr = *first == b'\r';
                    self.column = 0;
                }
                (b'.', _) if self.column == 0 && self.dots => {
                    if room < 2 {
                        break;
                    }
                    out.extend_from_slice(b"..");
                    self.after_cr = false;
                    self.column = 1;
                }
                _ if room == 0 => break,
                _ => {
                    self.after_cr = false;
                    let taken = self.run(rest, out, room)?;
                    rest = rest.get(taken..).unwrap_or_default();
                    continue;
                }
            }
            rest = after;
        }
        Ok(piece.len() - rest.len())
    }

    /// Copies the longest stretch that goes out as it is: text, and line ends that are canonical and not followed by
    /// a dot. Stops before anything that a rule of [`Self::encode`] is for. Takes at least one octet.
    fn run(&mut self, rest: &[u8], out: &mut Vec<u8>, room: usize) -> Result<usize, InvalidInput> {
        let window = rest.get(..room).unwrap_or(rest);
        let mut end = window.len();
        let mut column = self.column;
        let mut line_start = 0;
        for at in memchr::memchr3_iter(b'\r', b'\n', 0, window) {
            // The LF of a CRLF that was passed.
            if at < line_start {
                continue;
            }
            self.check_column(window, line_start, column, at)?;
            column += at - line_start;
            match window.get(at..).unwrap_or_default() {
                [b'\r', b'\n', next, ..] if *next != b'.' || !self.dots => {
                    line_start = at + 2;
                    column = 0;
                }
                [b'\r', b'\n', b'.', ..] => {
                    end = at + 2;
                    line_start = end;
                    column = 0;
                    break;
                }
                _ => {
                    end = at;
                    line_start = at;
                    break;
                }
            }
        }
        self.check_column(window, line_start, column, end)?;
        column += end - line_start;
        let run = window.get(..end).unwrap_or_default();
        if self.plan.content == Content::SevenBit && !run.is_ascii() {
            return Err(InvalidInput::EightBitContent);
        }
        out.extend_from_slice(run);
        self.column = column;
        Ok(end)
    }

    /// Whether the line that goes on from `start` to `end` is short enough, if that matters; else which of the two
    /// faults that it may have comes first, so that the pieces do not show in the error either.
    fn check_column(
        &self,
        window: &[u8],
        start: usize,
        column: usize,
        end: usize,
    ) -> Result<(), InvalidInput> {
        if column + (end - start) <= LINE || self.plan.long_lines == LongLines::Allow {
            return Ok(());
        }
        let before = window.get(..start + LINE.saturating_sub(column)).unwrap_or_default();
        if self.plan.content == Content::SevenBit && !before.is_ascii() {
            return Err(InvalidInput::EightBitContent);
        }
        Err(InvalidInput::LineTooLong)
    }

    /// Whether an octet that was taken waits for the next one.
    pub(crate) fn holds_back(&self) -> bool {
        self.after_cr && self.plan.line_ends != LineEnds::Normalize
    }

    /// Ends the message: the last line is completed and, for DATA, `.` follows on a line of its own.
    ///
    /// # Errors
    /// [`InvalidInput::BareLineEnd`] if the message ends in CR and that is to be refused.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), InvalidInput> {
        if self.holds_back() {
            return Err(InvalidInput::BareLineEnd);
        }
        if self.column > 0 {
            out.extend_from_slice(b"\r\n");
        }
        if self.dots {
            out.extend_from_slice(b".\r\n");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn encode(encoder: &BodyEncoder, pieces: &[&[u8]], limit: usize) -> Result<Vec<u8>, InvalidInput> {
        let mut encoder = encoder.clone();
        let mut wire = vec![];
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let mut flight = vec![];
                let taken = encoder.encode(rest, &mut flight, limit)?;
                assert!(taken > 0 && flight.len() <= limit);
                wire.extend(flight);
                rest = &rest[taken..];
            }
        }
        encoder.finish(&mut wire)?;
        Ok(wire)
    }

    /// Every way to cut the message in two, by octet, and through a transmit buffer of every small size.
    fn encode_every_way(encoder: &BodyEncoder, body: &[u8]) -> Result<Vec<u8>, InvalidInput> {
        let whole = encode(encoder, &[body], usize::MAX);
        for cut in 0..=body.len() {
            assert_eq!(encode(encoder, &[&body[..cut], &body[cut..]], usize::MAX), whole, "cut at {cut}");
        }
        let octets: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(encode(encoder, &octets, usize::MAX), whole, "by octet");
        for limit in 2..8 {
            assert_eq!(encode(encoder, &[body], limit), whole, "limit {limit}");
        }
        whole
    }

    fn encode_all(plan: BodyPlan, body: &[u8]) -> Result<Vec<u8>, InvalidInput> {
        encode_every_way(&BodyEncoder::new(plan), body)
    }

    /// C-14 and C-15 of the attack list, line B4 of the checklist.
    #[test]
    fn chunks_have_no_dots() {
        let chunks = |plan, body: &str| encode_every_way(&BodyEncoder::for_chunks(plan), body.as_bytes());
        let text = BodyPlan::default();
        let binary = text.with_content(Content::Binary);
        for (body, wire) in [
            ("", ""),
            ("a\n.\nb", "a\r\n.\r\nb\r\n"),
            (".", ".\r\n"),
            ("..\r\n.\r\n", "..\r\n.\r\n"),
            ("a\r\n\r.b", "a\r\n\r\n.b\r\n"),
        ] {
            assert_eq!(chunks(text, body).unwrap(), wire.as_bytes(), "{body:?}");
        }
        for body in ["", "a\n.\nb", "\0\r\r\n\u{fc}"] {
            assert_eq!(chunks(binary, body).unwrap(), body.as_bytes(), "{body:?}");
        }
        assert_eq!(chunks(text, "\0"), Err(InvalidInput::NulInBody));
        for line_ends in [LineEnds::Reject, LineEnds::Canonical] {
            let plan = BodyPlan { line_ends, ..text };
            assert_eq!(chunks(plan, "a\n"), Err(InvalidInput::BareLineEnd));
            assert_eq!(chunks(plan, "a\r"), Err(InvalidInput::BareLineEnd));
            assert_eq!(chunks(plan, "a\r\n.b").unwrap(), b"a\r\n.b\r\n");
        }
    }

    /// C-01 to C-09, C-11 and C-12 of the attack list, D3 to D5 of the checklist.
    #[test]
    fn normalised_and_stuffed() {
        for (body, wire) in [
            ("", ".\r\n"),
            (".", "..\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r", "a\r\n.\r\n"),
            ("a\r\n.b", "a\r\n..b\r\n.\r\n"),
            ("a\r.b", "a\r\n..b\r\n.\r\n"),
            ("a\n.\n", "a\r\n..\r\n.\r\n"),
            ("a\r\r\n", "a\r\n\r\n.\r\n"),
            ("a\n\rb", "a\r\n\r\nb\r\n.\r\n"),
            ("a\r\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
            ("abc\n.jkl\rfoo\r\n..blue", "abc\r\n..jkl\r\nfoo\r\n...blue\r\n.\r\n"),
            ("x\n.\ny", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\n.\r\ny", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r.\ry", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r\n.\ny", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r\n.\ry", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r.\r\ny", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r.\ny", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\n.\ry", "x\r\n..\r\ny\r\n.\r\n"),
            ("x\r\r\n.\r\r\ny", "x\r\n\r\n..\r\n\r\ny\r\n.\r\n"),
            ("x\r\n\r\n.\r\ny", "x\r\n\r\n..\r\ny\r\n.\r\n"),
        ] {
            let encoded = encode_all(BodyPlan::default(), body.as_bytes()).unwrap();
            assert_eq!(core::str::from_utf8(&encoded).unwrap(), wire, "{body:?}");
        }
    }

    #[test]
    fn rejecting_leaves_canonical_text_alone() {
        let plan = BodyPlan { line_ends: LineEnds::Reject, ..BodyPlan::default() };
        assert_eq!(encode_all(plan, b"a\r\n.b\r\n").unwrap(), b"a\r\n..b\r\n.\r\n");
        for body in ["a\n", "a\r", "a\rb", "a\r\r\n", "\n", "\r\n\n"] {
            assert_eq!(encode_all(plan, body.as_bytes()), Err(InvalidInput::BareLineEnd), "{body:?}");
        }
    }

    /// C-10 and C-13 of the attack list.
    #[test]
    fn what_was_not_declared_is_refused() {
        for body in ["x\r\n\0.\r\ny", "x\r\n.\0\r\ny", "\0"] {
            assert_eq!(encode_all(BodyPlan::default(), body.as_bytes()), Err(InvalidInput::NulInBody));
        }
        let text = "grüße\r\n".as_bytes();
        assert_eq!(encode_all(BodyPlan::default(), text), Err(InvalidInput::EightBitContent));
        let plan = BodyPlan::default().with_content(Content::EightBit);
        assert_eq!(encode_all(plan, text).unwrap(), "grüße\r\n.\r\n".as_bytes());
    }

    #[test]
    fn long_lines() {
        let plan = BodyPlan { long_lines: LongLines::Reject, ..BodyPlan::default() };
        let line = |length| [&vec![b'a'; length][..], b"\r\nb"].concat();
        assert!(encode_all(plan, &line(998)).is_ok());
        assert_eq!(encode_all(plan, &line(999)), Err(InvalidInput::LineTooLong));
        assert!(encode_all(BodyPlan::default(), &line(999)).is_ok());
        for body in [
            ["é", &"a".repeat(1000)].concat(),
            ["a".repeat(998).as_str(), "é"].concat(),
            ["a\r\n", &"a".repeat(998), "é"].concat(),
        ] {
            assert!(encode_all(plan, body.as_bytes()).is_err());
        }
        // The dot that is added does not count.
        assert!(encode_all(plan, &[&b"."[..], &line(997)].concat()).is_ok());
    }
}
