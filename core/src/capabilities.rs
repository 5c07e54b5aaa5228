//! What the server offers: the lines of its reply to EHLO (RFC 5321 §4.1.1.1).
//!
//! ```text
//! ehlo-ok-rsp  = ( "250 " Domain [ SP ehlo-greet ] CRLF ) / ( "250-" … 1*( "250-" ehlo-line CRLF ) "250 " ehlo-line CRLF )
//! ehlo-line    = ehlo-keyword *( SP ehlo-param )
//! ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//! ehlo-param   = 1*(%d33-126)
//! ```
//! Read leniently: any run of spaces and tabs separates, `AUTH=LOGIN` is `AUTH LOGIN`, several AUTH lines are one.

use alloc::string::String;
use alloc::vec::Vec;

use core::str::from_utf8;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till1, take_while1};
use nom::character::complete::{space0, space1};
use nom::combinator::{eof, map_res, value, verify};
use nom::multi::many0;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser as _};

use crate::decimal;
use crate::sasl::MechanismName;

/// What the server offers, as its last EHLO reply said. Empty before it, after HELO, and again once TLS is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Capabilities {
    keywords: Vec<Keyword>,
    mechanisms: Vec<MechanismName>,
}

/// One line: a keyword in upper case and its parameters as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Keyword {
    keyword: String,
    parameters: Vec<String>,
}

/// Keywords kept of one reply.
const MAX_KEYWORDS: usize = 128;
/// Mechanisms kept of one reply.
const MAX_MECHANISMS: usize = 64;
/// Parameters kept of one keyword.
const MAX_PARAMETERS: usize = 64;

impl Capabilities {
    /// Reads the text of a 250 reply to EHLO, lines joined by LF. The first line is a greeting whatever it says;
    /// lines that are no `ehlo-line` are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut capabilities = Self::default();
        for line in text.split(|byte| *byte == b'\n').skip(1) {
            if let Ok((_, (keyword, parameters))) = ehlo_line(line) {
                capabilities.add(keyword, &parameters);
            }
        }
        capabilities
    }

    /// Whether `keyword` (in any case) is offered.
    #[must_use]
    pub fn offers(&self, keyword: &str) -> bool {
        self.find(keyword).is_some()
    }

    /// The parameters of `keyword`, as they came; `None` if it is not offered.
    #[must_use]
    pub fn parameters(&self, keyword: &str) -> Option<&[String]> {
        self.find(keyword).map(|found| found.parameters.as_slice())
    }

    /// The keywords in the server's order, in upper case.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(|keyword| keyword.keyword.as_str())
    }

    /// The SASL mechanisms of all AUTH lines, in order of first appearance (RFC 4954 §3).
    #[must_use]
    pub fn mechanisms(&self) -> &[MechanismName] {
        &self.mechanisms
    }

    /// Commands may be sent in groups (RFC 2920).
    #[must_use]
    pub fn pipelining(&self) -> bool {
        self.offers("PIPELINING")
    }

    /// The largest message the server accepts, in octets (RFC 1870 §4). `None`: no such limit was declared.
    #[must_use]
    pub fn max_size(&self) -> Option<u64> {
        let [size, ..] = self.parameters("SIZE")? else { return None };
        decimal::parse(size).filter(|size| *size > 0)
    }

    fn find(&self, keyword: &str) -> Option<&Keyword> {
        self.keywords.iter().find(|known| known.keyword.eq_ignore_ascii_case(keyword))
    }

    fn add(&mut self, keyword: &str, parameters: &[&str]) {
        let keyword = keyword.to_ascii_uppercase();
        if keyword == "AUTH" {
            for name in parameters.iter().filter_map(|name| MechanismName::parse(name).ok()) {
                if self.mechanisms.len() < MAX_MECHANISMS && !self.mechanisms.contains(&name) {
                    self.mechanisms.push(name);
                }
            }
        }
        if self.keywords.len() < MAX_KEYWORDS && !self.offers(&keyword) {
            let parameters =
                parameters.iter().take(MAX_PARAMETERS).map(|parameter| (*parameter).into()).collect();
            self.keywords.push(Keyword { keyword, parameters });
        }
    }
}

/// The keyword as it came, and the parameters.
fn ehlo_line(line: &[u8]) -> IResult<&[u8], (&str, Vec<&str>)> {
    let keyword =
        verify(take_while1(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'-'), |keyword: &[u8]| {
            !keyword.starts_with(b"-")
        });
    // "AUTH=LOGIN PLAIN" is how servers wrote it before RFC 2554.
    let separator = alt((value((), tag("=")), value((), space1), value((), eof)));
    let parameter = preceded(space0, map_res(take_till1(|byte| matches!(byte, b' ' | b'\t')), from_utf8));
    (terminated(map_res(keyword, from_utf8), separator), many0(parameter)).parse(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn parse(text: &str) -> Capabilities {
        Capabilities::parse(text.as_bytes())
    }

    #[test]
    fn keywords_and_parameters() {
        let capabilities =
            parse("host greets you\nPIPELINING\nsize 1000\nDeliverBy  60\t7 \nX-EXPS GSSAPI\nOK");
        assert!(capabilities.pipelining());
        assert_eq!(capabilities.max_size(), Some(1000));
        assert_eq!(capabilities.parameters("DELIVERBY").unwrap(), ["60", "7"]);
        assert_eq!(
            capabilities.keywords().collect::<Vec<_>>(),
            ["PIPELINING", "SIZE", "DELIVERBY", "X-EXPS", "OK"]
        );
        assert!(capabilities.mechanisms().is_empty());
    }

    #[test]
    fn the_first_line_is_never_a_keyword() {
        assert!(!parse("PIPELINING\nOK").pipelining());
        assert_eq!(parse("Hello ").keywords().count(), 0);
    }

    #[test]
    fn lines_that_are_no_keywords_are_left_out() {
        let capabilities = parse("h\n\n-X\n=\n 8BITMIME\nXXXX:\nSIZE 1");
        assert_eq!(capabilities.keywords().collect::<Vec<_>>(), ["SIZE"]);
    }

    #[test]
    fn mechanisms_of_all_lines_are_joined() {
        let names = |text| parse(text).mechanisms().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            names("h\nAUTH GSSAPI NTLM LOGIN\nAUTH=LOGIN PLAIN\nauth cram-md5"),
            ["GSSAPI", "NTLM", "LOGIN", "PLAIN", "CRAM-MD5"]
        );
        assert_eq!(names("h\nAUTH"), [""; 0]);
        assert!(parse("h\nAUTH").offers("AUTH"));
    }

    /// R-16 of the attack list.
    #[test]
    fn sizes_that_are_none() {
        for size in ["", " 0", " -1", " 1e9", " 18446744073709551616", " 999999999999999999999", " ٣"] {
            assert_eq!(parse(&format!("h\nSIZE{size}")).max_size(), None, "{size}");
        }
        assert_eq!(parse("h\nSIZE 18446744073709551615").max_size(), Some(u64::MAX));
    }

    /// R-15 of the attack list.
    #[test]
    fn bombs_are_bounded() {
        let keywords: String = (0..1000).map(|n| format!("\nX{n}")).collect();
        assert_eq!(parse(&keywords).keywords().count(), MAX_KEYWORDS);
        let mechanisms: String = (0..1000).map(|n| format!("\nAUTH X{n}")).collect();
        assert_eq!(parse(&mechanisms).mechanisms().len(), MAX_MECHANISMS);
        let parameters: String = (0..1000).map(|n| format!(" X{n}")).collect();
        assert_eq!(parse(&format!("h\nX{parameters}")).parameters("X").unwrap().len(), MAX_PARAMETERS);
    }
}
