//! ANONYMOUS (RFC 4505): nobody logs in, and may leave a trace of who it was.

use zeroize::Zeroizing;

use super::{Authentication, ExchangeError, Mechanism, Response, Step};

pub(super) struct Anonymous {
    trace: Option<Response>,
}

impl Anonymous {
    pub(super) fn new(authentication: &Authentication) -> Self {
        Self { trace: Some(Zeroizing::new(authentication.user().into())) }
    }
}

impl Mechanism for Anonymous {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(self.trace.take())
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

    /// RFC 4505 §3.
    #[test]
    fn a_trace_or_nothing() {
        for trace in ["sirhc", "", "ann@example.com"] {
            let mut anonymous = Anonymous::new(&Authentication::anonymous(trace).unwrap());
            assert_eq!(anonymous.start().unwrap().unwrap().as_slice(), trace.as_bytes());
            assert_eq!(anonymous.step(b"").unwrap_err(), ExchangeError::Challenge);
        }
    }
}
