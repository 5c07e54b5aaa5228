//! What PLAIN and ANONYMOUS have in common: one message, and nothing that the server could ask.

use super::{ExchangeError, Mechanism, Response, Step};

pub(super) struct Single(Option<Response>);

impl Single {
    pub(super) fn new(message: Response) -> Self {
        Self(Some(message))
    }
}

impl Mechanism for Single {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(self.0.take())
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Step, ExchangeError> {
        Err(ExchangeError::Challenge)
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        Ok(())
    }
}
