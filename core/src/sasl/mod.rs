//! Login mechanisms (RFC 4422), one a file. A mechanism knows nothing of SMTP: it takes challenges and gives responses;
//! base64 and the exchange are the session's.

#[cfg(feature = "anonymous")]
mod anonymous;
mod authentication;
mod choice;
mod context;
#[cfg(feature = "cram-md5")]
mod cram_md5;
#[cfg(feature = "digest-md5")]
mod digest_md5;
#[cfg(feature = "external")]
mod external;
#[cfg(any(
    feature = "oauthbearer",
    feature = "scram-sha-1",
    feature = "scram-sha-256",
    feature = "scram-sha-512"
))]
mod gs2;
#[cfg(feature = "login")]
mod login;
#[cfg(any(feature = "cram-md5", feature = "digest-md5", feature = "ntlm"))]
#[allow(dead_code, reason = "not each of these mechanisms uses all of it")]
mod md5;
mod name;
#[cfg(feature = "ntlm")]
mod ntlm;
#[cfg(any(feature = "oauthbearer", feature = "xoauth2"))]
mod oauth;
#[cfg(feature = "plain")]
mod plain;
#[cfg(any(feature = "scram-sha-1", feature = "scram-sha-256", feature = "scram-sha-512"))]
mod saslprep;
#[cfg(any(feature = "scram-sha-1", feature = "scram-sha-256", feature = "scram-sha-512"))]
mod scram;
#[cfg(any(feature = "anonymous", feature = "plain"))]
mod single;

use alloc::boxed::Box;
use alloc::vec::Vec;

use zeroize::Zeroizing;

pub use authentication::{Authentication, Credential, Custom, Mechanisms};
pub(crate) use choice::usable;
pub use choice::{PASSWORD_ORDER, TOKEN_ORDER};
pub use context::{ChannelBinding, Context};
pub use name::MechanismName;

use crate::base64;

/// What a mechanism sends. Its memory is zeroed when it is dropped.
pub type Response = Zeroizing<Vec<u8>>;

/// What a mechanism wants after a challenge.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// A key that is slow to derive. It is given by [`Mechanism::derived`], which then has the response.
    Derive(KeyDerivation),
    /// This is sent.
    Respond(Response),
}

/// PBKDF2 with HMAC (RFC 8018 §5.2) of the password in its SASLprep form (RFC 4013), as SCRAM has it (RFC 5802 §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct KeyDerivation {
    /// `SHA-1`, `SHA-256` or `SHA-512`.
    pub hash: &'static str,
    /// How often it is applied.
    pub iterations: u32,
    /// The octets of the key: as many as the hash has.
    pub length: usize,
    /// The salt.
    pub salt: Vec<u8>,
}

/// Why an exchange ends: the session cancels it, and does not try another mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The mechanism gives up, for a reason of its own.
    Cancelled,
    /// The challenge does not fit the mechanism.
    Challenge,
    /// The user name, the password or the token has a character that the mechanism cannot carry.
    Credentials,
    /// The host gave no randomness.
    Entropy,
    /// The server wants the key derived with too few or too many iterations.
    Iterations,
    /// The server did not prove that it knows the password.
    Proof,
}

/// One exchange of one mechanism. The session cancels it after 16 challenges, and where a response does not fit a line of
/// 12,288 octets (RFC 4954 §4).
pub trait Mechanism: Send {
    /// The initial response (RFC 4422 §3), or `None` if the server speaks first.
    ///
    /// # Errors
    /// [`ExchangeError`] if there can be none: nothing is sent then.
    fn start(&mut self) -> Result<Option<Response>, ExchangeError>;

    /// The answer to a challenge, as the server sent it behind 334; see [`decode`].
    ///
    /// # Errors
    /// [`ExchangeError`] if the challenge does not fit.
    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError>;

    /// The response, with the key that [`Step::Derive`] asked for. Mechanisms without such a step keep this.
    ///
    /// # Errors
    /// [`ExchangeError`] if it was not asked for.
    fn derived(&mut self, key: Response) -> Result<Response, ExchangeError> {
        drop(key);
        Err(ExchangeError::Challenge)
    }

    /// The server reports success: whether the exchange was complete and the server proved what it has to.
    ///
    /// # Errors
    /// [`ExchangeError`] if it was not: the login does not count.
    fn finish(&mut self) -> Result<(), ExchangeError>;

    /// What the server told of its refusal, beside the reply: the JSON of RFC 7628 §3.2.2.
    fn refusal(&self) -> Option<&[u8]> {
        None
    }
}

/// The built-in mechanism of this name for these credentials; `None` if there is none.
#[allow(unused_variables, unreachable_patterns, reason = "as many as there are features")]
pub(crate) fn built_in(
    name: &MechanismName,
    authentication: &Authentication,
    context: &Context<'_>,
) -> Option<Box<dyn Mechanism>> {
    match name.as_str() {
        #[cfg(feature = "anonymous")]
        "ANONYMOUS" => Some(Box::new(anonymous::anonymous(authentication))),
        #[cfg(feature = "cram-md5")]
        "CRAM-MD5" => Some(Box::new(cram_md5::CramMd5::new(authentication))),
        #[cfg(feature = "digest-md5")]
        "DIGEST-MD5" => Some(Box::new(digest_md5::DigestMd5::new(authentication, context))),
        #[cfg(feature = "external")]
        "EXTERNAL" => Some(Box::new(external::External::new(authentication))),
        #[cfg(feature = "login")]
        "LOGIN" => Some(Box::new(login::Login::new(authentication))),
        #[cfg(feature = "ntlm")]
        "MSN" | "NTLM" => Some(Box::new(ntlm::Ntlm::new(authentication, context))),
        #[cfg(feature = "oauthbearer")]
        "OAUTHBEARER" => Some(Box::new(oauth::Oauth::bearer(authentication, context))),
        #[cfg(feature = "plain")]
        "PLAIN" => Some(Box::new(plain::plain(authentication))),
        #[cfg(feature = "scram-sha-1")]
        "SCRAM-SHA-1" | "SCRAM-SHA-1-PLUS" => {
            Some(Box::new(scram::Scram::new(&scram::SHA_1, name, authentication, context)))
        }
        #[cfg(feature = "scram-sha-256")]
        "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS" => {
            Some(Box::new(scram::Scram::new(&scram::SHA_256, name, authentication, context)))
        }
        #[cfg(feature = "scram-sha-512")]
        "SCRAM-SHA-512" | "SCRAM-SHA-512-PLUS" => {
            Some(Box::new(scram::Scram::new(&scram::SHA_512, name, authentication, context)))
        }
        #[cfg(feature = "xoauth2")]
        "XOAUTH2" => Some(Box::new(oauth::Oauth::xoauth2(authentication))),
        _ => None,
    }
}

/// Base64 as RFC 4954 §4 has it: the standard alphabet, padded, nothing else in between.
///
/// # Errors
/// [`ExchangeError::Challenge`] if it is not.
pub fn decode(base64: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    base64::decode(base64).ok_or(ExchangeError::Challenge)
}

/// What a mechanism answers, a derived key included.
#[cfg(test)]
fn respond(mechanism: &mut dyn Mechanism, challenge: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    match mechanism.step(challenge)? {
        Step::Respond(response) => Ok(response.to_vec()),
        Step::Derive(derivation) => panic!("{derivation:?}"),
    }
}

/// A session of a test: no TLS, `mail.example.com 587`, randomness that is not random.
#[cfg(test)]
fn context() -> Context<'static> {
    let entropy = b"0123456789abcdefghijklmnopqrstuv";
    Context { entropy, host: "mail.example.com", port: 587, ..Context::default() }
}
