//! CRAM-MD5 (RFC 2195): `user SP hex(HMAC-MD5(password, challenge))`. The server proves nothing.

use alloc::string::String;

use super::md5::hmac_md5;
use super::{Authentication, ExchangeError, Mechanism, Response, Step, decode};
use crate::hexadecimal;
use crate::secret::Secret;

pub(super) struct CramMd5 {
    user: String,
    password: Option<Secret>,
}

impl CramMd5 {
    pub(super) fn new(authentication: &Authentication) -> Self {
        Self { user: authentication.user().into(), password: Some(authentication.secret().into()) }
    }
}

impl Mechanism for CramMd5 {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(None)
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        let challenge = decode(challenge)?;
        let password = self.password.take().ok_or(ExchangeError::Challenge)?;
        let digest = hmac_md5(password.expose().as_bytes(), &[&challenge]);
        let mut response = Response::default();
        response.reserve_exact(self.user.len() + 1 + 32);
        response.extend_from_slice(self.user.as_bytes());
        response.push(b' ');
        response.extend_from_slice(&hexadecimal::lower(&digest));
        Ok(Step::Respond(response))
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.password.is_none() { Ok(()) } else { Err(ExchangeError::Challenge) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::encode;
    use crate::sasl::respond;

    fn answer(user: &str, password: &str, challenge: &str) -> String {
        let mut cram = CramMd5::new(&Authentication::password(user, password).unwrap());
        assert_eq!(cram.start(), Ok(None));
        assert_eq!(cram.finish(), Err(ExchangeError::Challenge), "success before the challenge");
        let response = respond(&mut cram, challenge.as_bytes()).unwrap();
        assert_eq!(respond(&mut cram, challenge.as_bytes()), Err(ExchangeError::Challenge));
        assert_eq!(cram.finish(), Ok(()));
        String::from_utf8(response).unwrap()
    }

    #[test]
    fn vectors() {
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        for (user, password, challenge, expected) in [
            // RFC 2195 §2
            ("tim", "tanstaaftanstaaf", challenge, "tim b913a602c7eda7a495b4e6e7334d3890"),
            // A key of exactly one block, and one that is hashed first.
            ("tim", &"x".repeat(64), challenge, "tim fdc02445891afc04eadce2e0a03dc6a0"),
            ("tim", &"x".repeat(65), challenge, "tim 58be6b73c6eb8692d473e4605123c66f"),
            ("tim", "tanstaaftanstaaf", "", "tim ba0016591d612662348b20bcd7f4439a"),
            (
                "joe",
                "tanstaaftanstaaf",
                "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UuZXhhbXBsZS5uZXQ+",
                "joe 3dbc88f0624776a737b39093f6eb6427",
            ),
            // RFC 4954 §4.1
            (
                "rjs3",
                "1234",
                "PDQxOTI5NDIzNDEuMTI4Mjg0NzJAc291cmNlZm91ci5hbmRyZXcuY211LmVkdT4=",
                "rjs3 ec3a59fed395aba1ec6367c4f4b41ac0",
            ),
            (
                "user",
                "pass",
                "PDEyMzQ1Ni4xMzIyODc2OTE0QHRlc3RzZXJ2ZXI+",
                "user 287eb355114cf5c471c26a875f1ca4ae",
            ),
        ] {
            assert_eq!(answer(user, password, challenge), expected);
        }
        let response = answer("tim", "tanstaaftanstaaf", challenge);
        assert_eq!(
            encode(response.as_bytes()).as_slice(),
            b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
        );
    }

    /// A-11 of the attack list.
    #[test]
    fn a_challenge_that_is_no_base64_is_refused() {
        for challenge in ["AA=A", "A A=", "-_", "A", "AA", "!!!!", "AAAA\n", "\0", "AAAA="] {
            let mut cram = CramMd5::new(&Authentication::password("tim", "x").unwrap());
            assert_eq!(
                cram.step(challenge.as_bytes()).unwrap_err(),
                ExchangeError::Challenge,
                "{challenge:?}"
            );
        }
    }
}
