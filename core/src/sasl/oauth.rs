//! OAUTHBEARER (RFC 7628) and XOAUTH2, its forerunner: a token instead of a password, in one message.
//!
//! ```text
//! OAUTHBEARER = "n,a=" saslname "," ^A "host=" host ^A "port=" port ^A "auth=Bearer " token ^A ^A
//! XOAUTH2     = "user=" user ^A "auth=Bearer " token ^A ^A
//! ```
//! A refusal comes as a challenge with JSON (RFC 7628 §3.2.2). It is answered, with 0x01 or with nothing, and the server
//! then says 535.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Authentication, ExchangeError, Mechanism, Response, Step, decode};

pub(super) struct Oauth {
    message: Option<Response>,
    /// What answers a refusal.
    acknowledgement: &'static [u8],
    refusal: Option<Vec<u8>>,
}

impl Oauth {
    #[cfg(feature = "oauthbearer")]
    pub(super) fn bearer(authentication: &Authentication, context: &super::Context<'_>) -> Self {
        let user = super::gs2::saslname(authentication.user());
        let port = crate::decimal::text(context.port);
        let parts = ["n,a=", &user, ",\u{1}host=", context.host, "\u{1}port=", &port, "\u{1}auth=Bearer "];
        Self::new(&parts, authentication, b"\x01")
    }

    #[cfg(feature = "xoauth2")]
    pub(super) fn xoauth2(authentication: &Authentication) -> Self {
        Self::new(&["user=", authentication.user(), "\u{1}auth=Bearer "], authentication, b"")
    }

    fn new(before: &[&str], authentication: &Authentication, acknowledgement: &'static [u8]) -> Self {
        let token = authentication.secret();
        let mut message = Response::default();
        message.reserve_exact(before.iter().map(|part| part.len()).sum::<usize>() + token.len() + 2);
        for part in before {
            message.extend_from_slice(part.as_bytes());
        }
        message.extend_from_slice(token.as_bytes());
        message.extend_from_slice(b"\x01\x01");
        Self { message: Some(message), acknowledgement, refusal: None }
    }
}

impl Mechanism for Oauth {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(self.message.take())
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        if self.refusal.is_some() {
            return Err(ExchangeError::Challenge);
        }
        self.refusal = Some(decode(challenge)?);
        Ok(Step::Respond(Zeroizing::new(self.acknowledgement.into())))
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.refusal.is_none() { Ok(()) } else { Err(ExchangeError::Challenge) }
    }

    fn refusal(&self) -> Option<&[u8]> {
        self.refusal.as_deref()
    }
}

#[cfg(test)]
#[cfg(all(feature = "oauthbearer", feature = "xoauth2"))]
mod tests {
    use core::str::from_utf8;

    use super::*;
    use crate::base64::encode;
    use crate::sasl::{Context, context, respond};

    fn first(mut oauth: Oauth) -> (Vec<u8>, Oauth) {
        let message = oauth.start().unwrap().unwrap().to_vec();
        (message, oauth)
    }

    /// RFC 7628 §4, with its own port and with that of submission.
    #[test]
    fn bearer() {
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        let ann = Authentication::token("user@example.com", token).unwrap();
        let context = Context { host: "server.example.com", ..context() };
        let (message, mut oauth) = first(Oauth::bearer(&ann, &context));
        assert_eq!(
            encode(&message).as_slice(),
            b"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRx\
              bVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
        );
        let (imap, _) = first(Oauth::bearer(&ann, &Context { port: 143, ..context }));
        assert_eq!(
            from_utf8(&imap),
            Ok("n,a=user@example.com,\u{1}host=server.example.com\u{1}port=143\u{1}auth=Bearer \
                vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}")
        );
        assert_eq!(oauth.finish(), Ok(()));
        let refusal = b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciBtYWMiLCJzY29wZSI6Imh0dHBzOi8vbWFpbC5l\
                        eGFtcGxlLmNvbS8ifQ==";
        assert_eq!(respond(&mut oauth, refusal).unwrap(), b"\x01");
        let json =
            br#"{"status":"invalid_token","schemes":"bearer mac","scope":"https://mail.example.com/"}"#;
        assert_eq!(oauth.refusal(), Some(json.as_slice()));
        assert_eq!(oauth.finish(), Err(ExchangeError::Challenge), "success after a refusal");
        assert_eq!(respond(&mut oauth, refusal), Err(ExchangeError::Challenge), "a second refusal");
    }

    #[test]
    fn a_name_with_a_comma_cannot_become_another_attribute() {
        let ann = Authentication::token("a,b=c", "t").unwrap();
        let (message, _) = first(Oauth::bearer(&ann, &context()));
        assert!(message.starts_with(b"n,a=a=2Cb=3Dc,\x01"));
    }

    /// The example of the provider that made it.
    #[test]
    fn xoauth2() {
        let token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
        let (message, mut oauth) =
            first(Oauth::xoauth2(&Authentication::token("someuser@example.com", token).unwrap()));
        assert_eq!(
            encode(&message).as_slice(),
            b"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRH\
              RXVZMjl0Q2cBAQ=="
        );
        for refusal in [
            &b"eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K"[..],
            b"eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==",
        ] {
            oauth.refusal = None;
            assert_eq!(respond(&mut oauth, refusal).unwrap(), b"");
            assert!(oauth.refusal().unwrap().starts_with(br#"{"status":"40"#));
        }
    }
}
