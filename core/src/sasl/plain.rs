//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`, in one message.

use super::{Authentication, ExchangeError, Mechanism, Response, Step};

pub(super) struct Plain {
    message: Option<Response>,
}

impl Plain {
    pub(super) fn new(authentication: &Authentication) -> Self {
        let (authorization, user) = (authentication.authorization(), authentication.user());
        let password = authentication.secret();
        let mut message = Response::default();
        message.reserve_exact(authorization.len() + user.len() + password.len() + 2);
        message.extend_from_slice(authorization.as_bytes());
        message.push(0);
        message.extend_from_slice(user.as_bytes());
        message.push(0);
        message.extend_from_slice(password.as_bytes());
        Self { message: Some(message) }
    }
}

impl Mechanism for Plain {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(self.message.take())
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Step, ExchangeError> {
        Err(ExchangeError::Challenge)
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::encode;

    /// RFC 4616 §4, RFC 4954 §4.1, and UTF-8.
    #[test]
    fn vectors() {
        for (authorization, user, password, expected) in [
            ("", "tim", "tanstaaftanstaaf", "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"),
            ("Ursel", "Kurt", "xipj3plmq", "VXJzZWwAS3VydAB4aXBqM3BsbXE="),
            ("test", "test", "1234", "dGVzdAB0ZXN0ADEyMzQ="),
            ("", "user@example.com", "pässword", "AHVzZXJAZXhhbXBsZS5jb20AcMOkc3N3b3Jk"),
        ] {
            let authentication =
                Authentication::password(user, password).unwrap().acting_as(authorization).unwrap();
            let mut plain = Plain::new(&authentication);
            let response = plain.start().unwrap().unwrap();
            assert_eq!(encode(&response).as_slice(), expected.as_bytes());
            assert_eq!(plain.step(b"").unwrap_err(), ExchangeError::Challenge, "a second message");
            assert_eq!(plain.finish(), Ok(()));
        }
    }
}
