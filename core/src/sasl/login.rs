//! LOGIN (draft-murchison-sasl-login-00): the server prompts twice; what the prompts say does not matter.

use super::{Authentication, ExchangeError, Mechanism, Response};

pub(super) struct Login {
    user: Option<Response>,
    password: Option<Response>,
}

impl Login {
    pub(super) fn new(authentication: &Authentication) -> Self {
        let own = |text: &str| Some(Response::new(text.as_bytes().into()));
        Self { user: own(authentication.user()), password: own(authentication.secret().expose()) }
    }
}

impl Mechanism for Login {
    fn start(&mut self) -> Option<Response> {
        None
    }

    fn step(&mut self, _prompt: &[u8]) -> Result<Response, ExchangeError> {
        self.user.take().or_else(|| self.password.take()).ok_or(ExchangeError)
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.password.is_none() { Ok(()) } else { Err(ExchangeError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_then_password_whatever_the_prompts_say() {
        for prompts in [["VXNlcm5hbWU6", "UGFzc3dvcmQ6"], ["", ""], ["Username:", "UGFzc3dvcmQA"]] {
            let mut login = Login::new(&Authentication::password("ann", "pw").unwrap());
            assert_eq!(login.start(), None);
            assert_eq!(login.finish(), Err(ExchangeError));
            assert_eq!(login.step(prompts[0].as_bytes()).unwrap().as_slice(), b"ann");
            assert_eq!(login.finish(), Err(ExchangeError));
            assert_eq!(login.step(prompts[1].as_bytes()).unwrap().as_slice(), b"pw");
            assert_eq!(login.finish(), Ok(()));
            assert_eq!(login.step(b""), Err(ExchangeError), "a third prompt");
        }
    }
}
