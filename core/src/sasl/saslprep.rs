//! SASLprep (RFC 4013): a name or a password in the one form that both sides derive keys from.

use alloc::string::String;

use zeroize::Zeroizing;

use super::{Authentication, ExchangeError};

/// User name and password as SCRAM needs them. What is printable ASCII is so already; the rest is prepared by the host,
/// or here with the feature `unicode`.
pub(super) fn credentials(authentication: &Authentication) -> Result<[Zeroizing<String>; 2], ExchangeError> {
    match authentication.given_prepared() {
        Some((user, password)) => Ok([user, password].map(|text| Zeroizing::new(text.into()))),
        None => Ok([prepare(authentication.user())?, prepare(authentication.secret())?]),
    }
}

pub(super) fn prepare(text: &str) -> Result<Zeroizing<String>, ExchangeError> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(Zeroizing::new(text.into()));
    }
    #[cfg(feature = "unicode")]
    if let Some(prepared) = stringprep::saslprep(text).ok().filter(|prepared| !prepared.is_empty()) {
        return Ok(Zeroizing::new(prepared.into_owned()));
    }
    Err(ExchangeError::Credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4013 §3, and what a password may look like.
    #[cfg(feature = "unicode")]
    #[test]
    fn vectors() {
        for (text, prepared) in [
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("p\u{e4}ssw\u{f6}rd", "p\u{e4}ssw\u{f6}rd"),
            ("pa\u{308}ssword", "p\u{e4}ssword"),
            ("a\u{a0}b", "a b"),
            ("\u{627}\u{628}", "\u{627}\u{628}"),
        ] {
            assert_eq!(prepare(text).unwrap().as_str(), prepared, "{text:?}");
        }
        for wrong in ["\u{7}", "\u{627}1", "a\tb", "\u{ad}", "a\u{200e}b", "\u{e000}"] {
            assert_eq!(prepare(wrong), Err(ExchangeError::Credentials), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_host_prepared_is_taken() {
        let ann = Authentication::password("\u{aa}nn", "\u{2168}").unwrap().prepared("ann", "IX");
        let [user, password] = credentials(&ann).unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("ann", "IX"));
    }
}
