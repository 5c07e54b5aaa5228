//! The AUTH exchange (RFC 4954 §4).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::mem;

use zeroize::Zeroizing;

use super::Client;
use super::expect::Expect;
use crate::base64;
use crate::config::TlsMode;
use crate::error::{ApiMisuse, Error, InvalidInput, PeerMisbehaved, Stage, Unsupported};
use crate::event::{AuthAnswer, AuthNeeds, Cause, DataSent, Event, Failure, Outcome};
use crate::reply::{EnhancedCode, Reply, ReplyRef};
use crate::sasl::{self, Mechanism, MechanismName, Mechanisms, Response};

/// One login, perhaps with more than one mechanism.
pub(super) struct Exchange {
    name: MechanismName,
    driver: Driver,
    /// The initial response, where it does not fit the command (RFC 4954 §4).
    deferred: Option<Response>,
    /// How many challenges were answered. After the first it is clear that the server knows the mechanism.
    responses: usize,
    /// What else may be tried if the server does not know this mechanism.
    others: VecDeque<MechanismName>,
}

/// Who carries a mechanism out.
enum Driver {
    BuiltIn(Box<dyn Mechanism>),
    /// The host; what it was asked for and has not answered.
    Host(Option<Asked>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Finish,
    InitialResponse,
    Response,
}

/// A command line with its line end (RFC 5321 §4.5.3.1.4). An AUTH command never exceeds it.
const COMMAND_LINE: usize = 512;
/// Challenges in one exchange.
const ROUNDS: usize = 16;
/// A line within an exchange, with its line end (RFC 4954 §4).
const RESPONSE_LINE: usize = 12_288;

impl Client {
    /// Logs in if there is a login, else the session is ready.
    pub(super) fn authenticate(&mut self) {
        let Some(authentication) = &self.config.authentication else {
            self.ready();
            return;
        };
        let may_be_clear = self.config.allow_insecure_auth && self.config.tls == TlsMode::Never;
        if !self.encrypted && !may_be_clear {
            self.setup_failed(Failure::error(Stage::Auth, Unsupported::AuthWithoutTls.into()));
            return;
        }
        let allowed = authentication.allowed();
        let offered = self.capabilities.mechanisms();
        let usable: VecDeque<_> = allowed.iter().filter(|name| offered.contains(name)).cloned().collect();
        if usable.is_empty() {
            let cause = Cause::Mechanism { allowed, offered: offered.into() };
            let (stage, outcome, data_sent) = (Stage::Auth, Outcome::Permanent, DataSent::None);
            self.setup_failed(Failure { stage, outcome, data_sent, cause, reply: None });
            return;
        }
        self.begin_exchange(usable);
    }

    fn begin_exchange(&mut self, mut names: VecDeque<MechanismName>) {
        let (Some(authentication), Some(name)) = (&self.config.authentication, names.pop_front()) else {
            return;
        };
        let built_in = match authentication.mechanisms() {
            Mechanisms::Host(_) => None,
            Mechanisms::Automatic | Mechanisms::Of(_) => sasl::built_in(&name, authentication),
        };
        let (driver, initial) = match built_in {
            Some(mut mechanism) => {
                let initial = mechanism.start();
                (Driver::BuiltIn(mechanism), Some(initial))
            }
            None => (Driver::Host(None), None),
        };
        self.exchange = Some(Exchange { name, driver, deferred: None, responses: 0, others: names });
        match initial {
            Some(initial) => self.queue_auth(initial),
            None => self.ask(Asked::InitialResponse, AuthNeeds::InitialResponse),
        }
    }

    fn ask(&mut self, asked: Asked, needs: AuthNeeds) {
        if let Some(exchange) = &mut self.exchange {
            exchange.driver = Driver::Host(Some(asked));
            let mechanism = exchange.name.clone();
            self.events.push_back(Event::AuthNeeds { mechanism, needs });
        }
    }

    /// AUTH with the initial response, if it fits; an empty one is `=`.
    fn queue_auth(&mut self, initial: Option<Response>) {
        let Some(exchange) = &mut self.exchange else { return };
        let command = ["AUTH ", exchange.name.as_str()].concat();
        let Some(initial) = initial else {
            self.queue([&command, "\r\n"].concat().as_bytes(), Expect::Auth);
            return;
        };
        let encoded = base64::encode(&initial);
        if encoded.is_empty() {
            self.queue([&command, " =\r\n"].concat().as_bytes(), Expect::Auth);
        } else if command.len() + 1 + encoded.len() + 2 > COMMAND_LINE {
            exchange.deferred = Some(initial);
            self.queue([&command, "\r\n"].concat().as_bytes(), Expect::Auth);
        } else {
            self.redactor.hide_line(&encoded);
            self.queue_secret([&command, " "].concat().as_bytes(), Some(&encoded), Expect::Auth);
        }
    }

    fn queue_response(&mut self, response: &Response) {
        let encoded = base64::encode(response);
        if encoded.len() + 2 > RESPONSE_LINE {
            self.cancel_exchange(InvalidInput::UserOrPassword.into());
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.responses += 1;
        }
        self.redactor.hide_line(&encoded);
        self.queue_secret(b"", Some(&encoded), Expect::Auth);
    }

    pub(super) fn auth_replied(&mut self, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        match reply.code.get() {
            235 => self.auth_succeeded(),
            334 => {
                self.challenged(reply);
                Ok(())
            }
            400.. => {
                self.auth_refused(self.owned(reply, true));
                Ok(())
            }
            _ => Err(PeerMisbehaved::AuthReply),
        }
    }

    fn auth_succeeded(&mut self) -> Result<(), PeerMisbehaved> {
        let Some(exchange) = &mut self.exchange else { return Ok(()) };
        let counts = exchange.deferred.is_none()
            && match &mut exchange.driver {
                Driver::BuiltIn(mechanism) => mechanism.finish().is_ok(),
                Driver::Host(_) => {
                    self.ask(Asked::Finish, AuthNeeds::Finish);
                    return Ok(());
                }
            };
        if !counts {
            return Err(PeerMisbehaved::AuthReply);
        }
        self.authenticated();
        Ok(())
    }

    fn authenticated(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.mechanism = Some(exchange.name.clone());
            self.events
                .push_back(Event::Authenticated { mechanism: exchange.name, encrypted: self.encrypted });
            self.ready();
        }
    }

    fn challenged(&mut self, reply: &ReplyRef<'_>) {
        let Some(exchange) = &mut self.exchange else { return };
        // A challenge is one line (RFC 4954 §4), and no mechanism needs many.
        if reply.lines != 1 || exchange.responses >= ROUNDS {
            self.cancel_exchange(PeerMisbehaved::Challenge.into());
            return;
        }
        if let Some(initial) = exchange.deferred.take() {
            match sasl::decode(reply.text) {
                Ok(_) => self.queue_response(&initial),
                Err(_) => self.cancel_exchange(PeerMisbehaved::Challenge.into()),
            }
            return;
        }
        match &mut exchange.driver {
            Driver::BuiltIn(mechanism) => match mechanism.step(reply.text) {
                Ok(response) => self.queue_response(&response),
                Err(_) => self.cancel_exchange(PeerMisbehaved::Challenge.into()),
            },
            Driver::Host(_) => match sasl::decode(reply.text) {
                Ok(challenge) => self.ask(Asked::Response, AuthNeeds::Response { challenge }),
                Err(_) => self.cancel_exchange(PeerMisbehaved::Challenge.into()),
            },
        }
    }

    /// 504 says that the server does not know the mechanism after all: the next allowed one is tried. Everything
    /// else ends the login, since a second attempt could lock the account or give the password to a weaker mechanism.
    fn auth_refused(&mut self, reply: Reply) {
        let Some(exchange) = &mut self.exchange else { return };
        let others = mem::take(&mut exchange.others);
        if is_unknown_mechanism(&reply) && exchange.responses == 0 && !others.is_empty() {
            self.begin_exchange(others);
        } else {
            self.setup_failed(Failure::refused(Stage::Auth, reply));
        }
    }

    /// `*` (RFC 4954 §4): the server answers it with 501, and only then the session goes on to its end.
    fn cancel_exchange(&mut self, why: Error) {
        self.queue(b"*\r\n", Expect::AuthCancel(why));
    }

    pub(super) fn auth_cancelled(&mut self, why: Error, reply: &ReplyRef<'_>) -> Result<(), PeerMisbehaved> {
        let reply = self.owned(reply, true);
        if !reply.code().is_negative() {
            return Err(PeerMisbehaved::AuthReply);
        }
        self.setup_failed(Failure { reply: Some(reply), ..Failure::error(Stage::Auth, why) });
        Ok(())
    }

    pub(super) fn supply(&mut self, answer: AuthAnswer) -> Result<(), Error> {
        let Some(Exchange { driver: Driver::Host(asked), .. }) = &mut self.exchange else {
            return Err(ApiMisuse::AuthNotAsked.into());
        };
        match (mem::take(asked), answer) {
            (Some(Asked::InitialResponse), AuthAnswer::InitialResponse(initial)) => {
                let initial = initial.map(Zeroizing::new);
                if let Some(initial) = &initial {
                    self.redactor.hide_parts(initial);
                }
                self.queue_auth(initial);
            }
            (Some(Asked::Response), AuthAnswer::Response(response)) => {
                let response = Zeroizing::new(response);
                self.redactor.hide_parts(&response);
                self.queue_response(&response);
            }
            (Some(Asked::Finish), AuthAnswer::Finish(true)) => {
                self.authenticated();
                self.advance();
            }
            (Some(Asked::Finish), AuthAnswer::Finish(false) | AuthAnswer::Cancel) => {
                return Err(self.fatal(PeerMisbehaved::AuthReply.into(), None));
            }
            (Some(Asked::Response), AuthAnswer::Cancel) => self.cancel_exchange(Error::Cancelled),
            (Some(Asked::InitialResponse), AuthAnswer::Cancel) => {
                self.setup_failed(Failure::error(Stage::Auth, Error::Cancelled));
            }
            (before, answer) => {
                *asked = before;
                // What was given is as secret as if it had been asked for.
                if let AuthAnswer::InitialResponse(Some(secret)) | AuthAnswer::Response(secret) = answer {
                    drop(Zeroizing::new(secret));
                }
                return Err(ApiMisuse::AuthNotAsked.into());
            }
        }
        Ok(())
    }
}

fn is_unknown_mechanism(reply: &Reply) -> bool {
    match reply.code().get() {
        504 => true,
        534 | 535 => false,
        _ => matches!(reply.enhanced(), Some(EnhancedCode { class: 5, subject: 5, detail: 4 })),
    }
}
