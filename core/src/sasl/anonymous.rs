//! ANONYMOUS (RFC 4505): nobody logs in, and may leave a trace of who it was.

use zeroize::Zeroizing;

use super::Authentication;
use super::single::Single;

pub(super) fn anonymous(authentication: &Authentication) -> Single {
    Single::new(Zeroizing::new(authentication.user().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::{ExchangeError, Mechanism as _};

    /// RFC 4505 §3.
    #[test]
    fn a_trace_or_nothing() {
        for trace in ["sirhc", "", "ann@example.com"] {
            let mut anonymous = anonymous(&Authentication::anonymous(trace).unwrap());
            assert_eq!(anonymous.start().unwrap().unwrap().as_slice(), trace.as_bytes());
            assert_eq!(anonymous.step(b"").unwrap_err(), ExchangeError::Challenge);
        }
    }
}
