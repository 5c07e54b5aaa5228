//! Mechanisms of the caller's own, in Rust: `Authentication::custom`.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use sansmtp::sasl::{
    Authentication, Context, ExchangeError, KeyDerivation, Mechanism, MechanismName, Response, Step,
};
use sansmtp::{AuthAnswer, AuthNeeds, Cause, Client, Config, Error, Event, PeerMisbehaved, Time, TlsMode};
use sansmtp_tests::{base64, flight};

const NOW: Time = Time::from_millis(0);

/// Does what its name says; `X-CONTEXT` answers with what it was told of the session.
struct Own(&'static str, String);

impl Own {
    fn boxed(name: &'static str, context: &Context<'_>) -> Box<dyn Mechanism> {
        Box::new(Self(name, format!("{}:{} {}", context.host, context.port, context.is_named)))
    }
}

impl Mechanism for Own {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        match self.0 {
            "X-FIRST" => Ok(Some(Response::new(b"hello-from-own".to_vec()))),
            "X-BROKEN" => Err(ExchangeError::Entropy),
            _ => Ok(None),
        }
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        match self.0 {
            "X-CONTEXT" => Ok(Step::Respond(Response::new(self.1.clone().into_bytes()))),
            "X-DERIVE" if challenge.is_empty() => {
                Ok(Step::Derive(KeyDerivation { hash: "SHA-1", iterations: 7, length: 20, salt: vec![1] }))
            }
            _ => Err(ExchangeError::Challenge),
        }
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.0 == "X-PROOF" { Err(ExchangeError::Proof) } else { Ok(()) }
    }
}

/// A session that has said AUTH, and what it said.
fn session(name: &'static str) -> (Client, String) {
    let mechanism = MechanismName::parse(name).unwrap();
    let mut config = Config::new(TlsMode::Never);
    config.authentication = Some(Authentication::custom(mechanism, move |context| Own::boxed(name, context)));
    config.allow_insecure_auth = true;
    config.transcript = true;
    config.server_name = "mail.example.com".into();
    config.port = 587;
    let mut client = Client::new(config, NOW);
    say(&mut client, "220 hi\r\n");
    let said = say(&mut client, &format!("250-hi\r\n250 AUTH PLAIN {name}\r\n"));
    (client, said)
}

fn say(client: &mut Client, text: &str) -> String {
    let _ = client.handle_input(NOW, text.as_bytes());
    String::from_utf8(flight(client, NOW)).unwrap()
}

fn events(client: &mut Client) -> Vec<Event> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

#[test]
fn it_speaks_first_or_answers() {
    let (mut client, said) = session("X-FIRST");
    assert_eq!(said, format!("AUTH X-FIRST {}\r\n", base64(b"hello-from-own")));
    say(&mut client, "235 ok hello-from-own\r\n");
    assert_eq!(client.mechanism().map(MechanismName::as_str), Some("X-FIRST"));
    let (mut client, said) = session("X-CONTEXT");
    assert_eq!(said, "AUTH X-CONTEXT\r\n");
    assert_eq!(say(&mut client, "334 \r\n"), format!("{}\r\n", base64(b"mail.example.com:587 true")));
}

/// What it sends may be a secret, whatever it is: it is in no event and no transcript.
#[test]
fn what_it_sends_is_hidden() {
    let (mut client, _) = session("X-FIRST");
    say(&mut client, "535 5.7.8 I do not know hello-from-own\r\n");
    let mut shown = format!("{:?}", events(&mut client));
    shown.extend(std::iter::from_fn(|| client.poll_transcript()).map(|line| line.to_string()));
    assert!(shown.contains("I do not know ***"), "{shown}");
    assert!(!shown.contains("hello-from-own") && !shown.contains(&base64(b"hello-from-own")), "{shown}");
}

#[test]
fn it_may_fail_before_anything_is_sent() {
    let (mut client, said) = session("X-BROKEN");
    assert_eq!(said, "QUIT\r\n");
    let failed = events(&mut client).into_iter().find_map(|event| match event {
        Event::Failed { failure, .. } => Some(failure.cause),
        _ => None,
    });
    let error = Error::InvalidInput(sansmtp::InvalidInput::Entropy);
    assert_eq!(failed, Some(Cause::Error { error }));
}

#[test]
fn a_challenge_that_does_not_fit_is_cancelled() {
    let (mut client, _) = session("X-STRICT");
    assert_eq!(say(&mut client, "334 QUJD\r\n"), "*\r\n");
}

#[test]
fn success_without_proof_is_none() {
    let (mut client, _) = session("X-PROOF");
    let error = client.handle_input(NOW, b"235 ok\r\n");
    assert_eq!(error, Err(PeerMisbehaved::ServerNotVerified.into()));
    assert!(client.mechanism().is_none());
}

/// A mechanism that asks for a key and does not take one: the question stays open until it is given up.
#[test]
fn a_key_that_it_does_not_take() {
    let (mut client, _) = session("X-DERIVE");
    assert_eq!(say(&mut client, "334 \r\n"), "");
    let needs = events(&mut client).pop();
    assert!(matches!(needs, Some(Event::AuthNeeds { needs: AuthNeeds::DerivedKey(_), .. })), "{needs:?}");
    assert!(client.auth_supply(AuthAnswer::DerivedKey(vec![0; 20].into())).is_err());
    assert_eq!(client.auth_supply(AuthAnswer::Cancel), Ok(()));
    assert_eq!(String::from_utf8(flight(&mut client, NOW)).unwrap(), "*\r\n");
}
