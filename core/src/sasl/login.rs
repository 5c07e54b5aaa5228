//! LOGIN (draft-murchison-sasl-login-00): the server prompts twice; what the prompts say does not matter.

use super::{Authentication, ExchangeError, Mechanism, Response, Step};

pub(super) struct Login {
    user: Option<Response>,
    password: Option<Response>,
}

impl Login {
    pub(super) fn new(authentication: &Authentication) -> Self {
        let own = |text: &str| Some(Response::new(text.as_bytes().into()));
        Self { user: own(authentication.user()), password: own(authentication.secret()) }
    }
}

impl Mechanism for Login {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        Ok(None)
    }

    fn step(&mut self, _prompt: &[u8]) -> Result<Step, ExchangeError> {
        let answer = self.user.take().or_else(|| self.password.take());
        answer.map(Step::Respond).ok_or(ExchangeError::Challenge)
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.password.is_none() { Ok(()) } else { Err(ExchangeError::Challenge) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::respond;

    #[test]
    fn user_then_password_whatever_the_prompts_say() {
        // As servers send them: encoded with and without a NUL at the end, in every case, empty, and not encoded at all.
        for prompts in [
            ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
            ["dXNlcm5hbWU6", "cGFzc3dvcmQ6"],
            ["VXNlciBOYW1lAA==", "UGFzc3dvcmQA"],
            ["VXNlciBuYW1l", "UGFzc3dvcmQ="],
            ["", ""],
            ["Username:", "Password:"],
        ] {
            let mut login = Login::new(&Authentication::password("ann", "pw").unwrap());
            assert_eq!(login.start(), Ok(None));
            for (prompt, answer) in prompts.iter().zip([b"ann".as_slice(), b"pw"]) {
                assert_eq!(login.finish(), Err(ExchangeError::Challenge));
                assert_eq!(respond(&mut login, prompt.as_bytes()).unwrap(), answer);
            }
            assert_eq!(login.finish(), Ok(()));
            assert_eq!(respond(&mut login, b""), Err(ExchangeError::Challenge), "a third prompt");
        }
    }
}
