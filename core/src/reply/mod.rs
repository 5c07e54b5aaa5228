//! What the server says: replies, their codes and their enhanced codes (RFC 5321 §4.2, RFC 3463).
//!
//! [`Parser`] frames first, bounded, and parses after; [`Reply`] is the owned form that events carry.

mod line;
mod parser;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::decimal;

pub use parser::{Limits, Parser, ReplyError, ReplyRef};

/// The three digits of a reply. The first one, 2 to 5, decides (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Code(u16);

/// What the first digit of a code says (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// 2yz: done.
    Positive,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not now; the same command may succeed later.
    Temporary,
    /// 5yz: no.
    Permanent,
}

impl Code {
    /// `None` unless the first digit is 2 to 5 and there are three digits.
    ///
    /// ```
    /// use sansmtp::reply::Code;
    /// assert_eq!(Code::new(250).map(Code::get), Some(250));
    /// assert_eq!(Code::new(199), None);
    /// assert_eq!(Code::new(600), None);
    /// ```
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code <= 599 { Some(Self(code)) } else { None }
    }

    /// 421: the server closes the connection, whatever it was asked (RFC 5321 §3.8).
    pub(crate) const CLOSING: Self = Self(421);

    /// Whether it asks for more within a login: 334, or what a server takes for it.
    pub(crate) fn is_challenge(self) -> bool {
        (330..340).contains(&self.0)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the first digit says.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 {
            ..300 => Severity::Positive,
            300..400 => Severity::Intermediate,
            400..500 => Severity::Temporary,
            500.. => Severity::Permanent,
        }
    }

    /// 4yz or 5yz.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 >= 400
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An enhanced status code `class.subject.detail` (RFC 3463 §2, RFC 2034 §4). It never decides anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedCode {
    /// 2, 4 or 5: the same as the first digit of the reply.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl EnhancedCode {
    /// The enhanced code at the start of a reply's text, and the text behind it. `None` if the text has none, or
    /// one that contradicts `code`.
    ///
    /// ```
    /// use sansmtp::reply::{Code, EnhancedCode};
    /// let ok = Code::new(250).unwrap();
    /// let (enhanced, rest) = EnhancedCode::split(ok, b"2.1.5 Recipient ok").unwrap();
    /// assert_eq!(enhanced.to_string(), "2.1.5");
    /// assert_eq!(rest, b"Recipient ok");
    /// assert!(EnhancedCode::split(ok, b"5.1.1 no").is_none());
    /// ```
    #[must_use]
    pub fn split(code: Code, text: &[u8]) -> Option<(Self, &[u8])> {
        line::enhanced_code(code, text)
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl EnhancedCode {
    fn text(self) -> String {
        let [class, subject, detail] = [u16::from(self.class), self.subject, self.detail].map(decimal::text);
        [class, subject, detail].join(".")
    }
}

/// What was odd about a reply and was accepted all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// A line ended in LF alone.
    pub bare_line_feed: bool,
    /// The lines had different codes of the same class; the last one counts.
    pub codes_differ: bool,
    /// One or more empty lines stood before the reply.
    pub empty_lines: bool,
}

/// A reply, owned.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: Code,
    enhanced: Option<EnhancedCode>,
    text: Vec<u8>,
    truncated: bool,
    quirks: Quirks,
}

impl Reply {
    /// An event keeps this many octets of a reply's text.
    pub const TEXT_LIMIT: usize = 4096;

    /// `text` has its lines joined by LF. The enhanced code is looked for on each line and taken off it.
    pub(crate) fn new(code: Code, text: &[u8], quirks: Quirks, with_enhanced: bool) -> Self {
        let mut kept = Vec::with_capacity(text.len().min(Self::TEXT_LIMIT));
        let mut enhanced = None;
        let mut first = true;
        for line in text.split(|byte| *byte == b'\n') {
            let line = match EnhancedCode::split(code, line).filter(|_| with_enhanced) {
                Some((found, rest)) => {
                    enhanced = Some(found);
                    rest
                }
                None => line,
            };
            if !first {
                kept.push(b'\n');
            }
            first = false;
            kept.extend_from_slice(line);
        }
        let truncated = kept.len() > Self::TEXT_LIMIT;
        kept.truncate(Self::TEXT_LIMIT);
        // Not within a character, which would make all of it look like Latin-1.
        if let Err(error) = core::str::from_utf8(&kept)
            && error.error_len().is_none()
            && truncated
        {
            kept.truncate(error.valid_up_to());
        }
        Self { code, enhanced, text: kept, truncated, quirks }
    }

    /// The code of the last line.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The last enhanced code of the reply, if it had one that fits its code.
    #[must_use]
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text as the server sent it, without codes, lines joined by LF, at most [`Self::TEXT_LIMIT`] octets,
    /// with secrets replaced by `***`.
    #[must_use]
    pub fn raw_text(&self) -> &[u8] {
        &self.text
    }

    /// The text for a person: UTF-8 if it is valid, else read as Latin-1; control characters as `\xNN`.
    #[must_use]
    pub fn text(&self) -> String {
        display(&self.text)
    }

    /// Whether the text was longer than [`Self::TEXT_LIMIT`].
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// What was odd about it.
    #[must_use]
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }
}

/// `Reply("550 5.1.1 no such user")`
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&alloc::format!("{self}")).finish()
    }
}

/// `550 5.1.1 no such user`, on as many lines as the reply had.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text())?;
        }
        Ok(())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Reply {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut reply = serializer.serialize_struct("Reply", 4)?;
        reply.serialize_field("code", &self.code)?;
        reply.serialize_field("enhanced", &self.enhanced.map(EnhancedCode::text))?;
        reply.serialize_field("text", &self.text())?;
        reply.serialize_field("truncated", &self.truncated)?;
        reply.end()
    }
}

/// Line separators, and marks that turn the direction of what follows.
fn is_layout(char: char) -> bool {
    matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Octets from the server as text that is safe to print: UTF-8 if it is valid, else Latin-1; control characters
/// other than LF as `\xNN`, line separators and marks of direction as `\uNNNN`, so that neither a terminal nor a log
/// nor a reader can be told anything by them.
pub(crate) fn display(raw: &[u8]) -> String {
    let text = match core::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(raw.iter().copied().map(char::from).collect()),
    };
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        let (mark, shifts) = match char {
            char if is_layout(char) => ("\\u", &[12, 8, 4, 0][..]),
            char if char.is_control() && char != '\n' => ("\\x", &[4, 0][..]),
            char => {
                shown.push(char);
                continue;
            }
        };
        shown.push_str(mark);
        shown.extend(
            shifts.iter().map(|shift| char::from_digit((u32::from(char) >> shift) & 15, 16).unwrap_or('0')),
        );
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn reply(code: u16, text: &[u8]) -> Reply {
        Reply::new(Code::new(code).unwrap(), text, Quirks::default(), true)
    }

    #[test]
    fn enhanced_codes_are_taken_off_every_line() {
        let reply = reply(550, b"5.7.1 first\n5.7.1 second\nthird");
        assert_eq!(reply.enhanced(), Some(EnhancedCode { class: 5, subject: 7, detail: 1 }));
        assert_eq!(reply.text(), "first\nsecond\nthird");
        assert_eq!(reply.to_string(), "550 5.7.1 first\nsecond\nthird");
    }

    /// R-17 of the attack list.
    #[test]
    fn traps_in_enhanced_codes() {
        for (code, text) in [
            (250, &b""[..]),
            (250, b"2"),
            (250, b"2."),
            (250, b"2.1."),
            (550, b"2.1.1 x"),
            (250, b"2.1.1234"),
            (250, b"2.01.5"),
            (354, b"3.0.0 x"),
        ] {
            let reply = reply(code, text);
            assert_eq!(reply.enhanced(), None, "{code} {text:?}");
            assert_eq!(reply.raw_text(), text);
        }
    }

    #[test]
    fn text_is_safe_to_print() {
        assert_eq!(reply(250, b"\x1b]0;title\x07 \x00").text(), "\\x1b]0;title\\x07 \\x00");
        assert_eq!(reply(250, b"gr\xfc\xdf").text(), "grüß");
        assert_eq!(reply(250, "grüß \u{85}\u{202e}".as_bytes()).text(), "grüß \\x85\\u202e");
    }

    #[test]
    fn long_text_is_cut_and_flagged() {
        let reply = reply(250, &[b'a'; Reply::TEXT_LIMIT + 1]);
        assert!(reply.is_truncated());
        assert_eq!(reply.raw_text().len(), Reply::TEXT_LIMIT);
        let reply = self::reply(250, "aü".repeat(Reply::TEXT_LIMIT).as_bytes());
        assert!(reply.text().starts_with("aüaü"));
    }
}
