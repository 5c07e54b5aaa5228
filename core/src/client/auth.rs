//! The AUTH exchange (RFC 4954 §4).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::mem;

use super::Client;
use super::expect::Expect;
use crate::base64;
use crate::config::TlsMode;
use crate::error::{ApiMisuse, Error, InvalidInput, PeerMisbehaved, Stage, Unsupported};
use crate::event::{AuthAnswer, AuthNeeds, Cause, DataSent, Event, Failure, Outcome};
use crate::reply::{EnhancedCode, Reply, ReplyRef, Severity};
use crate::sasl::{
    self, Authentication, Context, Credential, ExchangeError, Mechanism, MechanismName, Mechanisms, Response,
    Step,
};

/// One login, perhaps with more than one mechanism.
pub(super) struct Exchange {
    name: MechanismName,
    /// `None`: the host carries it out, or has to bring a token first.
    mechanism: Option<Box<dyn Mechanism>>,
    /// What the host was asked for and has not answered.
    asked: Option<Asked>,
    /// The initial response, where it does not fit the command (RFC 4954 §4).
    deferred: Option<Response>,
    /// How many challenges were answered. After the first it is clear that the server knows the mechanism.
    responses: usize,
    /// What else may be tried if the server does not know this mechanism.
    others: VecDeque<MechanismName>,
    /// The login with the token that the host brought.
    login: Option<Authentication>,
    /// The server refused a token of the host's: another one is on its way, and no more will be asked for.
    refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    DerivedKey,
    Finish,
    InitialResponse,
    Response,
    Token,
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
        let offered = self.capabilities.mechanisms();
        match sasl::usable(authentication, offered, !self.channel_bindings.is_empty()) {
            Ok(usable) if usable.is_empty() => {
                let cause = Cause::Mechanism { allowed: authentication.allowed(), offered: offered.into() };
                let (stage, outcome, data_sent) = (Stage::Auth, Outcome::Permanent, DataSent::None);
                self.setup_failed(Failure { stage, outcome, data_sent, cause, reply: None });
            }
            Ok(usable) => self.begin_exchange(usable, None, false),
            Err(unsupported) => self.setup_failed(Failure::error(Stage::Auth, unsupported.into())),
        }
    }

    fn begin_exchange(
        &mut self,
        mut names: VecDeque<MechanismName>,
        login: Option<Authentication>,
        refused: bool,
    ) {
        let (Some(authentication), Some(name)) = (&self.config.authentication, names.pop_front()) else {
            return;
        };
        let asked = match (authentication.mechanisms(), authentication.credential()) {
            (Mechanisms::Host(_), _) => Some((Asked::InitialResponse, AuthNeeds::InitialResponse)),
            (_, Credential::Provider) if login.is_none() => {
                Some((Asked::Token, AuthNeeds::Token { refused }))
            }
            _ => None,
        };
        self.exchange = Some(Exchange {
            name,
            mechanism: None,
            asked: None,
            deferred: None,
            responses: 0,
            others: names,
            login,
            refused,
        });
        match asked {
            Some((asked, needs)) => self.ask(asked, needs),
            None => self.start_mechanism(),
        }
    }

    /// Makes the mechanism, now that its credential is there, and sends AUTH.
    fn start_mechanism(&mut self) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(authentication) = exchange.login.as_ref().or(self.config.authentication.as_ref()) else {
            return;
        };
        let config = &self.config;
        let context = Context {
            channel_bindings: &self.channel_bindings,
            derive_above: config.derive_above,
            entropy: &config.entropy,
            host: &config.server_name,
            is_named: !matches!(authentication.mechanisms(), Mechanisms::Automatic),
            iterations: (config.limits.min_iterations, config.limits.max_iterations),
            offers_plus: self.capabilities.mechanisms().iter().any(MechanismName::is_plus),
            port: config.port,
            unix_time: config.unix_time,
        };
        let mechanism = match authentication.mechanisms() {
            Mechanisms::Custom(_, make) => Some(make(&context)),
            _ => sasl::built_in(&exchange.name, authentication, &context),
        };
        let Some(mut mechanism) = mechanism else {
            self.setup_failed(Failure::error(Stage::Auth, InvalidInput::MechanismName.into()));
            return;
        };
        match mechanism.start() {
            Ok(initial) => {
                exchange.mechanism = Some(mechanism);
                self.queue_auth(initial);
            }
            Err(error) => self.setup_failed(Failure::error(Stage::Auth, error_of(error))),
        }
    }

    fn ask(&mut self, asked: Asked, needs: AuthNeeds) {
        if let Some(exchange) = &mut self.exchange {
            exchange.asked = Some(asked);
            let mechanism = exchange.name.clone();
            self.events.push_back(Event::AuthNeeds { mechanism, needs });
        }
    }

    /// AUTH with the initial response, if it fits; an empty one is `=`.
    fn queue_auth(&mut self, initial: Option<Response>) {
        let Some(exchange) = &self.exchange else { return };
        let command = ["AUTH ", exchange.name.as_str()].concat();
        let Some(initial) = initial else {
            self.queue([&command, "\r\n"].concat().as_bytes(), Expect::Auth);
            return;
        };
        let encoded = self.encode(&initial);
        if encoded.is_empty() {
            self.queue([&command, " =\r\n"].concat().as_bytes(), Expect::Auth);
        } else if encoded.len() + 2 > RESPONSE_LINE {
            self.setup_failed(Failure::error(Stage::Auth, InvalidInput::ResponseTooLong.into()));
        } else if command.len() + 1 + encoded.len() + 2 > COMMAND_LINE {
            if let Some(exchange) = &mut self.exchange {
                exchange.deferred = Some(initial);
            }
            self.queue([&command, "\r\n"].concat().as_bytes(), Expect::Auth);
        } else {
            self.queue_secret([&command, " "].concat().as_bytes(), Some(&encoded), Expect::Auth);
        }
    }

    fn queue_response(&mut self, response: &Response) {
        let encoded = self.encode(response);
        if encoded.len() + 2 > RESPONSE_LINE {
            self.cancel_exchange(InvalidInput::ResponseTooLong.into());
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.responses += 1;
        }
        self.queue_secret(b"", Some(&encoded), Expect::Auth);
    }

    /// A response in base64, which from here on is looked for in what the server says.
    fn encode(&mut self, response: &Response) -> Response {
        let encoded = base64::encode(response);
        self.redactor.hide_sent(&encoded);
        let login = self.config.authentication.as_ref();
        match login.map(Authentication::mechanisms) {
            // Of a mechanism that is not built in it is not known which part is the secret.
            Some(Mechanisms::Custom(..) | Mechanisms::Host(_)) => {
                self.redactor.hide(response);
                self.redactor.hide_sent(response);
            }
            _ => {
                let user = login.map_or("", Authentication::user);
                let authorization = login.map_or("", Authentication::authorization);
                self.redactor.hide_proofs(response, &[user, authorization, &self.config.server_name]);
            }
        }
        encoded
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
        if exchange.deferred.is_some() {
            return Err(PeerMisbehaved::AuthReply);
        }
        match exchange.mechanism.as_mut().map(|mechanism| mechanism.finish()) {
            None => self.ask(Asked::Finish, AuthNeeds::Finish),
            Some(Ok(())) => self.authenticated(),
            Some(Err(ExchangeError::Proof)) => return Err(PeerMisbehaved::ServerNotVerified),
            Some(Err(_)) => return Err(PeerMisbehaved::AuthReply),
        }
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
                Err(error) => self.cancel_exchange(error_of(error)),
            }
            return;
        }
        match &mut exchange.mechanism {
            Some(mechanism) => match mechanism.step(reply.text) {
                Ok(Step::Respond(response)) => self.queue_response(&response),
                Ok(Step::Derive(derivation)) => {
                    self.ask(Asked::DerivedKey, AuthNeeds::DerivedKey(derivation));
                }
                Err(error) => self.cancel_exchange(error_of(error)),
            },
            None => match sasl::decode(reply.text) {
                Ok(challenge) => self.ask(Asked::Response, AuthNeeds::Response { challenge }),
                Err(error) => self.cancel_exchange(error_of(error)),
            },
        }
    }

    /// 504 says that the server does not know the mechanism after all: the next allowed one is tried. Everything
    /// else ends the login, since a second attempt could lock the account or give the password to a weaker mechanism.
    fn auth_refused(&mut self, reply: Reply) {
        let Some(exchange) = &mut self.exchange else { return };
        let mut others = mem::take(&mut exchange.others);
        let answer = exchange.mechanism.as_ref().and_then(|mechanism| mechanism.refusal());
        let answer = answer.filter(|answer| !answer.is_empty()).map(<[u8]>::to_vec);
        let is_provided = exchange.login.is_some() && !exchange.refused;
        let is_token = reply.code().get() == 535 || answer.is_some() && reply.code().get() != 534;
        if is_unknown_mechanism(&reply) && exchange.responses == 0 && !exchange.refused && !others.is_empty()
        {
            let login = exchange.login.take();
            self.begin_exchange(others, login, false);
        } else if is_provided && is_token && reply.code().severity() == Severity::Permanent {
            // The one exception: a token may have expired between the provider and the server.
            others.push_front(exchange.name.clone());
            self.begin_exchange(others, None, true);
        } else {
            let mut failure = Failure::refused(Stage::Auth, reply);
            if let Some(answer) = answer {
                failure.cause = Cause::Token { answer: self.text(&answer) };
            }
            self.setup_failed(failure);
        }
    }

    /// `*` (RFC 4954 §4): the server answers it with 501, and only then the session goes on to its end.
    fn cancel_exchange(&mut self, why: Error) {
        self.queue(b"*\r\n", Expect::AuthCancel(why));
    }

    /// A refusal, as it has to be: anything else has ended the session already.
    pub(super) fn auth_cancelled(&mut self, why: Error, reply: &ReplyRef<'_>) {
        let reply = self.owned(reply, true);
        self.setup_failed(Failure { reply: Some(reply), ..Failure::error(Stage::Auth, why) });
    }

    pub(super) fn supply(&mut self, answer: AuthAnswer) -> Result<(), Error> {
        let Some(exchange) = &mut self.exchange else { return Err(ApiMisuse::AuthNotAsked.into()) };
        match (exchange.asked.take(), answer) {
            (Some(Asked::DerivedKey), AuthAnswer::DerivedKey(key)) => {
                let Some(Ok(response)) = exchange.mechanism.as_mut().map(|mechanism| mechanism.derived(key))
                else {
                    exchange.asked = Some(Asked::DerivedKey);
                    return Err(InvalidInput::DerivedKey.into());
                };
                self.queue_response(&response);
            }
            (Some(Asked::Token), AuthAnswer::Token(token)) => {
                let login = self.config.authentication.as_ref().map(|login| login.with_token(token));
                match login.transpose() {
                    Ok(login) => exchange.login = login,
                    Err(error) => {
                        exchange.asked = Some(Asked::Token);
                        return Err(error.into());
                    }
                }
                let secret = exchange.login.as_ref().map_or("", Authentication::secret);
                self.redactor.hide(secret.as_bytes());
                self.start_mechanism();
            }
            (Some(Asked::InitialResponse), AuthAnswer::InitialResponse(initial)) => self.queue_auth(initial),
            (Some(Asked::Response), AuthAnswer::Response(response)) => self.queue_response(&response),
            (Some(Asked::Finish), AuthAnswer::Finish(true)) => {
                self.authenticated();
                self.advance();
            }
            (Some(Asked::Finish), AuthAnswer::Finish(false)) => {
                return Err(self.fatal(PeerMisbehaved::ServerNotVerified.into(), None));
            }
            (Some(Asked::Finish), AuthAnswer::Cancel) => return Err(self.fatal(Error::Cancelled, None)),
            (Some(Asked::DerivedKey | Asked::Response), AuthAnswer::Cancel) => {
                self.cancel_exchange(Error::Cancelled);
            }
            (Some(Asked::InitialResponse | Asked::Token), AuthAnswer::Cancel) => {
                self.setup_failed(Failure::error(Stage::Auth, Error::Cancelled));
            }
            (before, _) => {
                exchange.asked = before;
                return Err(ApiMisuse::AuthNotAsked.into());
            }
        }
        Ok(())
    }
}

fn error_of(error: ExchangeError) -> Error {
    match error {
        ExchangeError::Cancelled => Error::Cancelled,
        ExchangeError::Challenge => PeerMisbehaved::Challenge.into(),
        ExchangeError::Credentials => InvalidInput::Credentials.into(),
        ExchangeError::Entropy => InvalidInput::Entropy.into(),
        ExchangeError::Iterations => PeerMisbehaved::Iterations.into(),
        ExchangeError::Proof => PeerMisbehaved::ServerNotVerified.into(),
    }
}

fn is_unknown_mechanism(reply: &Reply) -> bool {
    match reply.code().get() {
        504 => true,
        534 | 535 => false,
        _ => matches!(reply.enhanced(), Some(EnhancedCode { class: 5, subject: 5, detail: 4 })),
    }
}
