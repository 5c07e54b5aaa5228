//! Domains, address literals and the name for EHLO.
//!
//! ```text
//! Domain          = sub-domain *("." sub-domain)                    RFC 5321 §4.1.2
//! sub-domain      = Let-dig [Ldh-str] / U-label                     RFC 6531 §3.3
//! address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr ) "]"     RFC 5321 §4.1.3
//! ```

use alloc::string::String;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::InvalidInput;

/// Octets in a domain (RFC 5321 §4.5.3.1.2).
const DOMAIN: usize = 255;
/// Octets in a label (RFC 1035 §2.3.4).
const LABEL: usize = 63;

/// What the client calls itself in EHLO: its full host name, or its address in brackets (RFC 5321 §4.1.4).
///
/// ```
/// use sansmtp::HelloName;
/// assert!(HelloName::parse("mail.example.com").is_ok());
/// assert!(HelloName::parse("[IPv6:2001:db8::1]").is_ok());
/// assert!(HelloName::parse("x\r\nMAIL FROM:<e>").is_err());
/// assert_eq!(HelloName::default().to_string(), "[127.0.0.1]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HelloName(String);

impl HelloName {
    /// A domain in ASCII or an address literal.
    ///
    /// # Errors
    /// [`InvalidInput::HelloName`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if (is_domain(text) && text.is_ascii()) || is_address_literal(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidInput::HelloName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[127.0.0.1]`, for a host that does not know its own name.
impl Default for HelloName {
    fn default() -> Self {
        Self("[127.0.0.1]".into())
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn is_domain(text: &str) -> bool {
    text.len() <= DOMAIN && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let is_let_dig = |char: char| char.is_ascii_alphanumeric() || is_utf8(char);
    label.len() <= LABEL
        && label.starts_with(is_let_dig)
        && label.ends_with(is_let_dig)
        && label.chars().all(|char| is_let_dig(char) || char == '-')
}

/// UTF8-non-ascii (RFC 6531 §3.3), less what some software takes for the end of a line.
pub(super) fn is_utf8(char: char) -> bool {
    !char.is_ascii() && !char.is_control() && !matches!(char, '\u{2028}' | '\u{2029}')
}

pub(super) fn is_address_literal(text: &str) -> bool {
    let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { return false };
    match address.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.get(5..).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        _ => address.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn hello_names() {
        for good in ["localhost", "a.example", "1.example", "[192.0.2.1]", "[IPv6:::1]"] {
            assert_eq!(HelloName::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "a.", "a b", "a_b", "bücher.example", "[1.2.3.4", "[IPv6:1.2.3.4]", "[::1]", "a>"]
        {
            assert_eq!(HelloName::parse(bad), Err(InvalidInput::HelloName), "{bad}");
        }
        assert!(HelloName::parse(&"a".repeat(64)).is_err());
    }

    /// I-03 of the attack list.
    #[test]
    fn no_control_character_in_a_hello_name() {
        for bad in ["\r\n", "\r", "\n", "\0", "\x7f", "\x1b", "\u{85}", "\u{2028}", ">", " "] {
            assert!(HelloName::parse(&format!("x{bad}MAIL")).is_err(), "{bad:?}");
        }
    }
}
