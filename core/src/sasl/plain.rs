//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`, in one message.

use super::single::Single;
use super::{Authentication, Response};

pub(super) fn plain(authentication: &Authentication) -> Single {
    let parts = [authentication.authorization(), "\0", authentication.user(), "\0", authentication.secret()];
    let mut message = Response::default();
    // At once, so that no part of the password stays behind where the message was before it grew.
    message.reserve_exact(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        message.extend_from_slice(part.as_bytes());
    }
    Single::new(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::encode;
    use crate::sasl::{ExchangeError, Mechanism as _};

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
            let mut plain = plain(&authentication);
            let response = plain.start().unwrap().unwrap();
            assert_eq!(encode(&response).as_slice(), expected.as_bytes());
            assert_eq!(plain.step(b"").unwrap_err(), ExchangeError::Challenge, "a second message");
            assert_eq!(plain.finish(), Ok(()));
        }
    }
}
