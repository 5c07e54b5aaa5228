//! Frames replies out of a stream of octets, however it is cut, within fixed bounds.

use alloc::vec::Vec;
use core::mem;

use super::line::{More, reply_line};
use super::{Code, Quirks};
use crate::error::{Limit, PeerMisbehaved, Protocol};

/// The bounds of what a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in one line, without its line end. 16 KiB: RFC 4954 §4 needs 12,288 for a challenge.
    pub line: usize,
    /// Octets in one reply, without line ends. 64 KiB.
    pub reply: usize,
    /// Lines in one reply. 512.
    pub lines: usize,
    /// Empty lines between replies, in the whole session. 8.
    pub empty_lines: usize,
    /// Whether a line may end in LF alone (RFC 5321 §2.3.8 forbids it, servers do it). `true`.
    pub bare_line_feed: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 16 << 10, reply: 64 << 10, lines: 512, empty_lines: 8, bare_line_feed: true }
    }
}

/// Why the octets are not replies. The parser gives nothing more after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// More than [`Limits`] allows.
    Limit(Limit),
    /// Not what RFC 5321 §4.2 calls a reply. With [`PeerMisbehaved::CodesDiffer`] comes the last code seen.
    Peer(PeerMisbehaved, Option<Code>),
}

/// A complete reply, borrowed from the [`Parser`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyRef<'a> {
    /// The code of the last line.
    pub code: Code,
    /// The texts of all lines, without codes and separators, joined by LF.
    pub text: &'a [u8],
    /// How many lines there were.
    pub lines: usize,
    /// What was odd about it.
    pub quirks: Quirks,
}

/// Takes octets in pieces of any size and gives replies. The same octets give the same replies and the same error,
/// however they are cut; no octet is looked at twice for its line end.
///
/// ```
/// use sansmtp::reply::{Limits, Parser};
/// let mut parser = Parser::new(Limits::default());
/// let mut input = &b"250-one\r\n250 two\r\n220 "[..];
/// let reply = parser.feed(&mut input)?.expect("a reply");
/// assert_eq!((reply.code.get(), reply.text), (250, &b"one\ntwo"[..]));
/// assert_eq!(parser.feed(&mut input)?, None);
/// # Ok::<(), sansmtp::reply::ReplyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parser {
    limits: Limits,
    /// The start of a line whose end has not come.
    partial: Vec<u8>,
    /// The texts of the lines of the current reply.
    text: Vec<u8>,
    /// Whether `text` belongs to a reply that was given out.
    stale: bool,
    code: Option<Code>,
    lines: usize,
    empty_lines: usize,
    quirks: Quirks,
    error: Option<ReplyError>,
    /// The line that gave the error.
    rejected: Vec<u8>,
}

impl Parser {
    /// A parser with these bounds.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes from `input` what belongs to the next reply. `None`: all was taken and the reply is not complete;
    /// call again with what comes next. Call until it gives `None`.
    ///
    /// # Errors
    /// [`ReplyError`], the same at every later call.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Option<ReplyRef<'_>>, ReplyError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if mem::take(&mut self.stale) {
            self.text.clear();
            self.lines = 0;
            self.code = None;
            self.quirks = Quirks::default();
        }
        match self.advance(input) {
            Ok(None) => Ok(None),
            Ok(Some(code)) => {
                self.stale = true;
                Ok(Some(ReplyRef { code, text: &self.text, lines: self.lines, quirks: self.quirks }))
            }
            Err(error) => {
                self.error = Some(error);
                Err(error)
            }
        }
    }

    /// Whether part of a reply is held.
    #[must_use]
    pub fn is_mid_reply(&self) -> bool {
        !self.partial.is_empty() || (!self.stale && self.lines > 0)
    }

    /// The protocol that a server speaks instead of SMTP, told from the start of its first line.
    #[must_use]
    pub fn other_protocol(&self) -> Option<Protocol> {
        protocol_of(&self.partial)
    }

    /// The line that is no reply, once there was one, without its line end.
    #[must_use]
    pub fn rejected(&self) -> &[u8] {
        &self.rejected
    }

    /// Octets held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.partial.len() + self.text.len()
    }

    /// Forgets all that was fed, as if new.
    pub fn reset(&mut self) {
        *self = Self::new(self.limits);
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Code>, ReplyError> {
        loop {
            let Some(end) = memchr::memchr(b'\n', input) else {
                self.check_length(&self.partial, input)?;
                self.partial.extend_from_slice(mem::take(input));
                return Ok(None);
            };
            let (piece, after) = input.split_at_checked(end).unwrap_or_default();
            self.check_length(&self.partial, piece)?;
            *input = after.get(1..).unwrap_or_default();
            let code = if self.partial.is_empty() {
                self.line(piece)?
            } else {
                let mut line = mem::take(&mut self.partial);
                line.extend_from_slice(piece);
                let code = self.line(&line);
                line.clear();
                self.partial = line;
                code?
            };
            if code.is_some() {
                return Ok(code);
            }
        }
    }

    /// Whether a line that consists of these two pieces so far is still within bounds. A CR at the end may be part
    /// of the line end and does not count.
    fn check_length(&self, partial: &[u8], piece: &[u8]) -> Result<(), ReplyError> {
        let last = piece.last().or(partial.last());
        let length = partial.len() + piece.len() - usize::from(last == Some(&b'\r'));
        let room = self.limits.reply.saturating_sub(self.text.len());
        if length <= self.limits.line.min(room) {
            Ok(())
        } else if room < self.limits.line {
            Err(ReplyError::Limit(Limit::ReplySize))
        } else {
            Err(ReplyError::Limit(Limit::ReplyLine))
        }
    }

    /// One line, without its LF. Gives the code if it ends a reply.
    fn line(&mut self, line: &[u8]) -> Result<Option<Code>, ReplyError> {
        let line = match line.split_last() {
            Some((b'\r', line)) => line,
            _ if self.limits.bare_line_feed => {
                self.quirks.bare_line_feed = true;
                line
            }
            _ => return Err(ReplyError::Peer(PeerMisbehaved::BareLineFeed, None)),
        };
        if line.is_empty() && self.lines == 0 {
            self.empty_lines += 1;
            self.quirks.empty_lines = true;
            return if self.empty_lines > self.limits.empty_lines {
                Err(ReplyError::Limit(Limit::EmptyLines))
            } else {
                Ok(None)
            };
        }
        if self.lines >= self.limits.lines {
            return Err(ReplyError::Limit(Limit::ReplyLines));
        }
        let (code, more, text) = reply_line(line).map_err(|error| {
            self.rejected = line.into();
            let other = protocol_of(line).map_or(error, PeerMisbehaved::NotSmtp);
            ReplyError::Peer(other, None)
        })?;
        match self.code.replace(code) {
            Some(before) if before.severity() != code.severity() => {
                self.rejected = line.into();
                return Err(ReplyError::Peer(PeerMisbehaved::CodesDiffer, Some(code)));
            }
            Some(before) if before != code => self.quirks.codes_differ = true,
            _ => {}
        }
        if self.lines > 0 {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(text);
        self.lines += 1;
        Ok(match more {
            More::Yes => None,
            More::No => Some(code),
        })
    }
}

fn protocol_of(line: &[u8]) -> Option<Protocol> {
    const PREFIXES: [(&[u8], Protocol); 7] = [
        (b"* BYE", Protocol::Imap),
        (b"* OK", Protocol::Imap),
        (b"* PREAUTH", Protocol::Imap),
        (b"+OK", Protocol::Pop3),
        (b"-ERR", Protocol::Pop3),
        (b"HTTP/", Protocol::Http),
        (b"SSH-", Protocol::Ssh),
    ];
    // A TLS record: alert (21) or handshake (22), then the major version (RFC 8446 §5.1).
    if let [21 | 22, 3, ..] = line {
        return Some(Protocol::Tls);
    }
    PREFIXES.iter().find(|(prefix, _)| line.starts_with(prefix)).map(|(_, protocol)| *protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::{format, vec};

    /// Replies as `250x2 text/text` and the error at the end, if any.
    fn parse(limits: Limits, pieces: &[&[u8]]) -> (Vec<String>, Option<ReplyError>) {
        let mut parser = Parser::new(limits);
        let mut replies = vec![];
        for piece in pieces {
            let mut input = *piece;
            loop {
                match parser.feed(&mut input) {
                    Ok(Some(reply)) => {
                        let text = String::from_utf8_lossy(reply.text).replace('\n', "/");
                        replies.push(format!("{}x{} {text}", reply.code, reply.lines));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(parser.feed(&mut &b"250 ok\r\n"[..]), Err(error), "an error stays");
                        return (replies, Some(error));
                    }
                }
            }
        }
        (replies, None)
    }

    /// The same in one piece, by line and by octet, empty pieces between.
    fn parse_all(limits: Limits, input: &[u8]) -> (Vec<String>, Option<ReplyError>) {
        let whole = parse(limits, &[input]);
        let lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
        let octets: Vec<&[u8]> = input.chunks(1).flat_map(|octet| [octet, b""]).collect();
        assert_eq!(parse(limits, &lines), whole, "by line");
        assert_eq!(parse(limits, &octets), whole, "by octet");
        whole
    }

    fn small() -> Limits {
        Limits { line: 10, reply: 18, lines: 3, empty_lines: 2, bare_line_feed: true }
    }

    #[test]
    fn replies() {
        for (input, replies, error) in [
            ("250\r\n250 \r\n250-\r\n250\r\n", "250x1 ,250x1 ,250x2 /", None),
            ("250-a\r\n250 b\r\n", "250x2 a/b", None),
            ("250-a\r\n", "", None),
            ("250 a\rb\n", "250x1 a\rb", None),
            ("250 a\r\r\n", "250x1 a\r", None),
            ("\r\n250 a\r\n\r\n", "250x1 a", None),
            ("220 h -- x -- y\r\n", "220x1 h -- x -- y", None),
            ("240-a\r\n250 b\r\n", "250x2 a/b", None),
            ("250-a\r\n\r\n", "", Some(PeerMisbehaved::MalformedReply)),
            ("+OK ready\r\n", "", Some(PeerMisbehaved::NotSmtp(Protocol::Pop3))),
            ("* OK ready\r\n", "", Some(PeerMisbehaved::NotSmtp(Protocol::Imap))),
            ("HTTP/1.0 200 OK\r\n", "", Some(PeerMisbehaved::NotSmtp(Protocol::Http))),
            ("SSH-2.0-x\r\n", "", Some(PeerMisbehaved::NotSmtp(Protocol::Ssh))),
            ("250 a\r\n1\r\n", "250x1 a", Some(PeerMisbehaved::MalformedReply)),
        ] {
            let (found, found_error) = parse_all(Limits::default(), input.as_bytes());
            assert_eq!(found.join(","), replies, "{input:?}");
            assert_eq!(found_error, error.map(|error| ReplyError::Peer(error, None)), "{input:?}");
        }
    }

    #[test]
    fn a_changed_class_reports_the_last_code() {
        let (replies, error) = parse_all(Limits::default(), b"220-x\r\n521 y\r\n");
        assert!(replies.is_empty());
        assert_eq!(error, Some(ReplyError::Peer(PeerMisbehaved::CodesDiffer, Code::new(521))));
    }

    #[test]
    fn bounds() {
        for (input, replies, limit) in [
            ("250 6789012\r\n", 0, Some(Limit::ReplyLine)),
            ("250 678901\r\r\n", 0, Some(Limit::ReplyLine)),
            ("250 67890\r\n", 1, None),
            ("250 67890", 0, None),
            ("250 67890\r", 0, None),
            ("2506789012345", 0, Some(Limit::ReplyLine)),
            ("250-67890\r\n250-67890\r\n250-890123\r\n", 0, Some(Limit::ReplySize)),
            ("250-\r\n250-\r\n250 \r\n", 1, None),
            ("250-\r\n250-\r\n250-\r\n250 \r\n", 0, Some(Limit::ReplyLines)),
            ("\r\n\r\n250 \r\n", 1, None),
            ("\r\n\r\n250 \r\n\r\n", 1, Some(Limit::EmptyLines)),
        ] {
            let (found, error) = parse_all(small(), input.as_bytes());
            assert_eq!(found.len(), replies, "{input:?}");
            assert_eq!(error, limit.map(ReplyError::Limit), "{input:?}");
        }
    }

    #[test]
    fn bare_line_feeds_are_flagged_or_refused() {
        let mut parser = Parser::new(Limits::default());
        assert!(parser.feed(&mut &b"250 ok\n"[..]).unwrap().unwrap().quirks.bare_line_feed);
        assert!(!parser.feed(&mut &b"250 ok\r\n"[..]).unwrap().unwrap().quirks.bare_line_feed);
        let strict = Limits { bare_line_feed: false, ..Limits::default() };
        assert_eq!(
            parse_all(strict, b"250 a\r\n250 ok\n"),
            (vec!["250x1 a".to_string()], Some(ReplyError::Peer(PeerMisbehaved::BareLineFeed, None)))
        );
    }

    /// R-01 of the attack list: no line end ever comes.
    #[test]
    fn memory_is_bounded() {
        let mut parser = Parser::new(Limits::default());
        let chunk = [b'2'; 1000];
        let result = (0..1000).map(|_| parser.feed(&mut &chunk[..]).map(|_| ())).find(Result::is_err);
        assert_eq!(result, Some(Err(ReplyError::Limit(Limit::ReplyLine))));
        assert!(parser.held() <= 16 << 10);
    }

    #[test]
    fn tls_is_told_by_its_first_octets() {
        let mut parser = Parser::new(Limits::default());
        assert_eq!(parser.feed(&mut &b"\x15\x03\x01\x00\x02\x02\x28"[..]), Ok(None));
        assert_eq!(parser.other_protocol(), Some(Protocol::Tls));
    }
}
