//! Login mechanisms (RFC 4422), one a file. A mechanism knows nothing of SMTP: it takes decoded challenges and gives
//! responses; base64 and the exchange are the session's.

mod choice;
#[cfg(feature = "cram-md5")]
mod cram_md5;
#[cfg(feature = "login")]
mod login;
#[cfg(feature = "plain")]
mod plain;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

pub use choice::{AUTOMATIC_ORDER, Authentication, Mechanisms};

use crate::base64;
use crate::error::InvalidInput;

/// The name of a mechanism: 1 to 20 of `A` to `Z`, digits, `-` and `_` (RFC 4422 §3.1).
///
/// ```
/// use sansmtp::sasl::MechanismName;
/// assert_eq!(MechanismName::parse("cram-md5")?.as_str(), "CRAM-MD5");
/// assert!(MechanismName::parse("PLAIN\r\nX").is_err());
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MechanismName(String);

impl MechanismName {
    /// The name, in upper case.
    ///
    /// # Errors
    /// [`InvalidInput::MechanismName`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=20).contains(&text.len()) && text.bytes().all(is_name) {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(InvalidInput::MechanismName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the core carries this mechanism out by itself, with a user name and a password.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        AUTOMATIC_ORDER.contains(&self.as_str())
    }
}

impl fmt::Display for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mechanism sends. Its memory is zeroed when it is dropped.
pub type Response = Zeroizing<Vec<u8>>;

/// The exchange does not fit the mechanism: the session cancels it and does not try a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeError;

/// One exchange of one mechanism.
pub trait Mechanism: Send {
    /// The initial response (RFC 4422 §3), or `None` if the server speaks first.
    fn start(&mut self) -> Option<Response>;

    /// The answer to a challenge, as the server sent it behind 334; see [`decode`].
    ///
    /// # Errors
    /// [`ExchangeError`] if the challenge does not fit.
    fn step(&mut self, challenge: &[u8]) -> Result<Response, ExchangeError>;

    /// The server reports success: whether the exchange was complete and the server proved what it has to.
    ///
    /// # Errors
    /// [`ExchangeError`] if it was not: the login does not count.
    fn finish(&mut self) -> Result<(), ExchangeError>;
}

/// The built-in mechanism of this name for these credentials; `None` if there is none.
#[cfg_attr(not(any(feature = "cram-md5", feature = "login", feature = "plain")), allow(unused_variables))]
pub(crate) fn built_in(name: &MechanismName, authentication: &Authentication) -> Option<Box<dyn Mechanism>> {
    match name.as_str() {
        #[cfg(feature = "cram-md5")]
        "CRAM-MD5" => Some(Box::new(cram_md5::CramMd5::new(authentication))),
        #[cfg(feature = "login")]
        "LOGIN" => Some(Box::new(login::Login::new(authentication))),
        #[cfg(feature = "plain")]
        "PLAIN" => Some(Box::new(plain::Plain::new(authentication))),
        _ => None,
    }
}

/// Base64 as RFC 4954 §4 has it: the standard alphabet, padded, nothing else in between.
///
/// # Errors
/// [`ExchangeError`] if it is not.
pub fn decode(base64: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    base64::decode(base64).ok_or(ExchangeError)
}
