//! The grammar of one reply line, without its line end.
//!
//! ```text
//! Reply-code     = %x32-35 %x30-35 %x30-39          RFC 5321 §4.2; any second and third digit is accepted
//! Reply-line     = Reply-code [ ( "-" / SP ) textstring ]
//! status-code    = class "." subject "." detail     RFC 3463 §2; SP or the end follows
//! class          = "2" / "4" / "5"
//! subject        = 1*3DIGIT
//! detail         = 1*3DIGIT
//! ```

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::combinator::{eof, map_opt, value};
use nom::sequence::terminated;
use nom::{IResult, Parser as _};

use super::{Code, EnhancedCode, Severity};
use crate::error::PeerMisbehaved;

/// Whether another line of the same reply follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Yes,
    No,
}

/// Splits a line into its code, its separator and its text.
pub(super) fn reply_line(line: &[u8]) -> Result<(Code, More, &[u8]), PeerMisbehaved> {
    let (text, (code, more)) =
        (number::<3, 3>, separator).parse(line).map_err(|_| PeerMisbehaved::MalformedReply)?;
    let code = Code::new(code).ok_or(PeerMisbehaved::CodeOutOfRange)?;
    Ok((code, more, text))
}

/// RFC 5321 §4.2: the space may be missing where there is no text.
fn separator(input: &[u8]) -> IResult<&[u8], More> {
    alt((value(More::No, tag(" ")), value(More::Yes, tag("-")), value(More::No, eof))).parse(input)
}

pub(super) fn enhanced_code(code: Code, text: &[u8]) -> Option<(EnhancedCode, &[u8])> {
    let class = match code.severity() {
        Severity::Positive => 2,
        Severity::Temporary => 4,
        Severity::Permanent => 5,
        Severity::Intermediate => return None,
    };
    // Most texts have none: do not set the parser up for them.
    if text.first() != Some(&(b'0' + class)) || text.get(1) != Some(&b'.') {
        return None;
    }
    let (text, (subject, _, detail)) =
        terminated((part, tag("."), part), alt((tag(" "), eof))).parse(text.get(2..)?).ok()?;
    Some((EnhancedCode { class, subject, detail }, text))
}

/// Up to three digits without a leading zero.
fn part(input: &[u8]) -> IResult<&[u8], u16> {
    let (after, number) = number::<1, 3>(input)?;
    let digits = input.len() - after.len();
    if digits > 1 && input.first() == Some(&b'0') {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Digit)));
    }
    Ok((after, number))
}

fn number<const MIN: usize, const MAX: usize>(input: &[u8]) -> IResult<&[u8], u16> {
    map_opt(take_while_m_n(MIN, MAX, |byte: u8| byte.is_ascii_digit()), |digits: &[u8]| {
        digits.iter().try_fold(0_u16, |sum, digit| sum.checked_mul(10)?.checked_add(u16::from(digit - b'0')))
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let code = |code| Code::new(code).unwrap();
        for (line, expected) in [
            (&b"250"[..], Ok((code(250), More::No, &b""[..]))),
            (b"250 ", Ok((code(250), More::No, b""))),
            (b"250-", Ok((code(250), More::Yes, b""))),
            (b"250 ok", Ok((code(250), More::No, b"ok"))),
            (b"250--x", Ok((code(250), More::Yes, b"-x"))),
            (b"599 x", Ok((code(599), More::No, b"x"))),
            (b"472 x", Ok((code(472), More::No, b"x"))),
            (b"250:ok", Err(PeerMisbehaved::MalformedReply)),
            (b"2506-me", Err(PeerMisbehaved::MalformedReply)),
            (b"250\tok", Err(PeerMisbehaved::MalformedReply)),
            (b"3yz-", Err(PeerMisbehaved::MalformedReply)),
            (b"1.2", Err(PeerMisbehaved::MalformedReply)),
            (b"25", Err(PeerMisbehaved::MalformedReply)),
            (b"2500", Err(PeerMisbehaved::MalformedReply)),
            (b"-250", Err(PeerMisbehaved::MalformedReply)),
            (b"+50", Err(PeerMisbehaved::MalformedReply)),
            ("٢٥٠ ok".as_bytes(), Err(PeerMisbehaved::MalformedReply)),
            (b"SIZE", Err(PeerMisbehaved::MalformedReply)),
            (b"4.7.0 [IPTS04]", Err(PeerMisbehaved::MalformedReply)),
            (b"000 x", Err(PeerMisbehaved::CodeOutOfRange)),
            (b"199 x", Err(PeerMisbehaved::CodeOutOfRange)),
            (b"600 x", Err(PeerMisbehaved::CodeOutOfRange)),
            (b"850 x", Err(PeerMisbehaved::CodeOutOfRange)),
            (b"999 x", Err(PeerMisbehaved::CodeOutOfRange)),
        ] {
            assert_eq!(reply_line(line), expected, "{:?}", core::str::from_utf8(line));
        }
    }
}
