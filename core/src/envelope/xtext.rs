//! Text in a parameter: xtext (RFC 3461 §4), and its form for addresses beyond ASCII (RFC 6533 §3).
//!
//! ```text
//! xtext           = *( xchar / hexchar )
//! xchar           = %d33-42 / %d44-60 / %d62-126        any but "+" and "="
//! hexchar         = "+" 2( "0"-"9" / "A"-"F" )
//! ```

use alloc::string::String;

use crate::error::InvalidInput;
use crate::hexadecimal;

/// Printable ASCII as xtext.
pub(crate) fn encode(text: &str) -> Result<String, InvalidInput> {
    if !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Err(InvalidInput::Parameter);
    }
    let mut encoded = String::new();
    for char in text.chars() {
        if is_xchar(char) {
            encoded.push(char);
        } else {
            encoded.push('+');
            push_hex(&mut encoded, &[u8::try_from(char).unwrap_or_default()]);
        }
    }
    Ok(encoded)
}

/// An address beyond ASCII as `utf-8-addr-xtext`: `\x{…}` for what xtext has not (RFC 6533 §3).
pub(super) fn encode_utf8(address: &str) -> String {
    let mut encoded = String::new();
    for char in address.chars() {
        if is_xchar(char) && char != '\\' {
            encoded.push(char);
        } else {
            // Two digits, or more of which the first is not zero.
            let mut digits = String::new();
            push_hex(&mut digits, &u32::from(char).to_be_bytes());
            let zeros = digits.bytes().take_while(|digit| *digit == b'0').count().min(digits.len() - 2);
            encoded.push_str("\\x{");
            encoded.push_str(digits.get(zeros..).unwrap_or_default());
            encoded.push('}');
        }
    }
    encoded
}

const fn is_xchar(char: char) -> bool {
    matches!(char, '!'..='~') && !matches!(char, '+' | '=')
}

fn push_hex(text: &mut String, octets: &[u8]) {
    text.extend(hexadecimal::upper(octets).iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        assert_eq!(encode("a+b=c d").unwrap(), "a+2Bb+3Dc+20d");
        assert_eq!(encode("e=mc2@example.com").unwrap(), "e+3Dmc2@example.com");
        assert_eq!(encode("").unwrap(), "");
        for wrong in ["a\r\nb", "a\0", "\u{7f}", "é"] {
            assert_eq!(encode(wrong), Err(InvalidInput::Parameter), "{wrong:?}");
        }
        assert_eq!(encode_utf8("a+\\ñ@x=€😀"), "a\\x{2B}\\x{5C}\\x{F1}@x\\x{3D}\\x{20AC}\\x{1F600}");
        assert_eq!(encode_utf8("\u{1}łп\u{10ffff}"), "\\x{01}\\x{142}\\x{43F}\\x{10FFFF}");
    }
}
