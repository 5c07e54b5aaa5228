//! EXTERNAL (RFC 4422 appendix A): who the client is, its TLS certificate says.

use zeroize::Zeroizing;

use super::{Authentication, ExchangeError, Mechanism, Response, Step};

pub(super) struct External {
    authorization: Response,
    is_answered: bool,
}

impl External {
    pub(super) fn new(authentication: &Authentication) -> Self {
        Self { authorization: Zeroizing::new(authentication.authorization().into()), is_answered: false }
    }
}

impl Mechanism for External {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(Some(self.authorization.clone()))
    }

    /// Some servers ask although they were told: an empty challenge is answered once more.
    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        if !challenge.is_empty() || self.is_answered {
            return Err(ExchangeError::Challenge);
        }
        self.is_answered = true;
        Ok(Step::Respond(self.authorization.clone()))
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::respond;

    #[test]
    fn the_identity_or_nothing() {
        for identity in ["", "alice"] {
            let mut external = External::new(&Authentication::external(identity).unwrap());
            assert_eq!(external.start().unwrap().unwrap().as_slice(), identity.as_bytes());
            assert_eq!(respond(&mut external, b"QUJD"), Err(ExchangeError::Challenge));
            assert_eq!(respond(&mut external, b"").unwrap(), identity.as_bytes());
            assert_eq!(respond(&mut external, b""), Err(ExchangeError::Challenge));
        }
    }
}
