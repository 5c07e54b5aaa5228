//! Mailboxes.
//!
//! ```text
//! Mailbox        = Local-part "@" ( Domain / address-literal )      RFC 5321 §4.1.2
//! Local-part     = Dot-string / Quoted-string
//! Dot-string     = Atom *( "." Atom )
//! Atom           = 1*atext                                          RFC 5322 §3.2.3
//! Quoted-string  = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
//! qtextSMTP      = %d32-33 / %d35-91 / %d93-126 / UTF8-non-ascii    RFC 6531 §3.3
//! quoted-pairSMTP = %d92 %d32-126
//! ```
//! Beyond ASCII everything but control characters and line separators is taken.

use alloc::string::String;

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while1};
use nom::combinator::verify;
use nom::multi::{fold_many0, many0_count};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser as _};

use super::domain::{self, is_utf8};
use crate::error::InvalidInput;

/// Octets before the `@` (RFC 5321 §4.5.3.1.1).
const LOCAL_PART: usize = 64;
/// Octets in a path without its brackets (RFC 5321 §4.5.3.1.3, erratum 1690 to RFC 3696).
const ADDRESS: usize = 254;

/// Checks that `text` is a mailbox, to its end, and gives it as it goes out.
pub(super) fn mailbox(text: &str) -> Result<String, InvalidInput> {
    let Some((local_part, domain)) = text.rsplit_once('@') else {
        return Err(InvalidInput::AddressWithoutAt);
    };
    if text.len() > ADDRESS || local_part.len() > LOCAL_PART {
        return Err(InvalidInput::AddressTooLong);
    }
    // The grammar is one of octets; what it takes of UTF-8 is looked at by character.
    let is_text = local_part.chars().all(|char| char.is_ascii() || is_utf8(char));
    match alt((dot_string, quoted_string)).parse(local_part.as_bytes()) {
        Ok((b"", ())) if is_text => {}
        _ => return Err(InvalidInput::AddressLocalPart),
    }
    if !domain::is_domain(domain) && !domain::is_address_literal(domain) {
        return Err(InvalidInput::AddressDomain);
    }
    if local_part.is_ascii() && !domain.is_ascii() {
        return in_ascii(local_part, domain);
    }
    Ok(text.into())
}

/// The domain as A-labels (RFC 5890 §2.3.2.1).
#[cfg(feature = "unicode")]
fn in_ascii(local_part: &str, domain: &str) -> Result<String, InvalidInput> {
    let domain = idna::domain_to_ascii(domain).map_err(|_| InvalidInput::AddressDomain)?;
    let address = [local_part, "@", &domain].concat();
    if !domain::is_domain(&domain) {
        return Err(InvalidInput::AddressDomain);
    }
    if address.len() > ADDRESS { Err(InvalidInput::AddressTooLong) } else { Ok(address) }
}

#[cfg(not(feature = "unicode"))]
fn in_ascii(local_part: &str, domain: &str) -> Result<String, InvalidInput> {
    Ok([local_part, "@", domain].concat())
}

fn dot_string(input: &[u8]) -> IResult<&[u8], ()> {
    let atom = || take_while1(is_atext);
    pair(atom(), fold_many0(preceded(tag("."), atom()), || (), |(), _| ())).map(|_| ()).parse(input)
}

fn quoted_string(input: &[u8]) -> IResult<&[u8], ()> {
    let quoted_pair =
        preceded(tag("\\"), verify(take(1_usize), |octet: &[u8]| matches!(octet, [b' '..=b'~'])));
    let content = many0_count(alt((take_while1(is_qtext), quoted_pair)));
    delimited(tag("\""), content, tag("\"")).map(|_| ()).parse(input)
}

fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet) || !octet.is_ascii()
}

fn is_qtext(octet: u8) -> bool {
    matches!(octet, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~') || !octet.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn mailboxes() {
        for good in [
            "a@b",
            "a.b+c=d@example.com",
            "user%host@example.com",
            "o'neil@example.com",
            "\"a b\"@example.com",
            "\"a@b\"@example.com",
            "\"a\\\"\\\\b>\"@example.com",
            "\"\"@example.com",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "a@xn--bcher-kva.example",
            "ünï@bücher.example",
        ] {
            assert_eq!(mailbox(good).unwrap(), good);
        }
    }

    #[cfg(feature = "unicode")]
    #[test]
    fn domains_alone_become_ascii() {
        assert_eq!(mailbox("ann@Bücher.example").unwrap(), "ann@xn--bcher-kva.example");
        assert_eq!(mailbox("ann@例え。テスト").unwrap(), "ann@xn--r8jz45g.xn--zckzah");
        assert_eq!(mailbox("ünï@bücher.example").unwrap(), "ünï@bücher.example");
        assert_eq!(mailbox("a@\u{200d}b.example"), Err(InvalidInput::AddressDomain));
        assert_eq!(mailbox(&format!("a@{}.example", "ü".repeat(60))), Err(InvalidInput::AddressDomain));
    }

    #[test]
    fn what_is_no_mailbox() {
        use InvalidInput::{AddressDomain, AddressLocalPart, AddressTooLong, AddressWithoutAt};
        for (bad, error) in [
            ("a", AddressWithoutAt),
            ("@b", AddressLocalPart),
            ("a@", AddressDomain),
            (".a@b", AddressLocalPart),
            ("a.@b", AddressLocalPart),
            ("a..b@c", AddressLocalPart),
            ("a b@c", AddressLocalPart),
            ("a@b c", AddressDomain),
            ("a@b.", AddressDomain),
            ("a@-b", AddressDomain),
            ("a@b..c", AddressDomain),
            ("a@[1.2.3]", AddressDomain),
            ("a@[IPv6:x]", AddressDomain),
            ("<a@b>", AddressLocalPart),
            ("Ann <a@b>", AddressLocalPart),
            ("@x,@y:user@z", AddressLocalPart),
            // I-01 and I-02 of the attack list.
            ("a@b>\r\nRCPT TO:<evil@x", AddressLocalPart),
            ("\"a\r\nDATA\"@b", AddressLocalPart),
            ("a@b> SIZE=1", AddressDomain),
            ("\"toni@x> ORCPT=admin\"@y z", AddressDomain),
            ("a@b NOTIFY=NEVER", AddressDomain),
        ] {
            assert_eq!(mailbox(bad), Err(error), "{bad:?}");
        }
        assert_eq!(mailbox(&format!("{}@b", "a".repeat(65))), Err(AddressTooLong));
        assert_eq!(mailbox(&format!("a@{}", "b.".repeat(130))), Err(AddressTooLong));
    }

    #[test]
    fn no_control_character_anywhere() {
        for bad in ["\r\n", "\r", "\n", "\0", "\x7f", "\x1b", "\u{85}", "\u{2028}", "\u{2029}", ">"] {
            for text in [format!("a{bad}b@c"), format!("a@b{bad}c"), format!("a@b{bad}"), format!("{bad}a@b")]
            {
                assert!(mailbox(&text).is_err(), "{text:?}");
            }
            if bad != ">" {
                assert!(mailbox(&format!("\"a{bad}b\"@c")).is_err(), "{bad:?}");
                assert!(mailbox(&format!("\"a\\{bad}b\"@c")).is_err(), "{bad:?}");
            }
        }
    }
}
