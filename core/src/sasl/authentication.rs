//! Who logs in, with what, and how.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::choice::{self, PASSWORD_BY_NAME, PASSWORD_ORDER, TOKEN_ORDER};
use super::{Context, Mechanism, MechanismName};
use crate::error::InvalidInput;
use crate::secret::Secret;

/// What a user logs in with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing that the session knows of: a client certificate, or nothing at all.
    None,
    /// A password.
    Password(Secret),
    /// A token that the host brings when it is needed.
    Provider,
    /// A token (RFC 6750).
    Token(Secret),
}

/// Which mechanisms may be used, in which order.
#[derive(Clone)]
pub enum Mechanisms {
    /// The built-in ones for the credential: [`PASSWORD_ORDER`] or [`TOKEN_ORDER`].
    Automatic,
    /// One of the caller's own; see [`Authentication::custom`].
    Custom(MechanismName, Custom),
    /// One that the host carries out: it is asked by [`Event::AuthNeeds`](crate::Event::AuthNeeds).
    Host(MechanismName),
    /// These built-in ones, in this order: the first that is offered.
    Of(Vec<MechanismName>),
}

/// Makes an exchange of a mechanism of the caller's own.
pub type Custom = Arc<dyn Fn(&Context<'_>) -> Box<dyn Mechanism> + Send + Sync>;

impl fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.write_str("Automatic"),
            Self::Custom(name, _) => f.debug_tuple("Custom").field(name).finish_non_exhaustive(),
            Self::Host(name) => f.debug_tuple("Host").field(name).finish(),
            Self::Of(names) => f.debug_tuple("Of").field(names).finish(),
        }
    }
}

/// Who logs in, and how. Its values were checked: nothing that a mechanism must not carry is in them.
#[derive(Clone, Debug)]
pub struct Authentication {
    authorization: String,
    user: String,
    credential: Credential,
    prepared: Option<(String, Secret)>,
    upper: Option<String>,
    mechanisms: Mechanisms,
}

impl Authentication {
    fn new(user: &str, credential: Credential, mechanisms: Mechanisms) -> Self {
        Self {
            authorization: String::new(),
            user: user.into(),
            credential,
            prepared: None,
            upper: None,
            mechanisms,
        }
    }

    /// A user name and a password.
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if one of them is empty or has a NUL (RFC 4616 §2).
    pub fn password(user: &str, password: impl Into<Secret>) -> Result<Self, InvalidInput> {
        let password = password.into();
        let is_wrong = |text: &str| text.is_empty() || text.contains('\0');
        if is_wrong(user) || is_wrong(password.expose()) {
            return Err(InvalidInput::UserOrPassword);
        }
        Ok(Self::new(user, Credential::Password(password), Mechanisms::Automatic))
    }

    /// A user name and a token, for OAUTHBEARER (RFC 7628) and XOAUTH2.
    ///
    /// ```
    /// use sansmtp::sasl::Authentication;
    /// assert!(Authentication::token("ann@example.com", "ya29.vF9dft4qmTc2").is_ok());
    /// assert!(Authentication::token("ann@example.com", "two words").is_err());
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if the user is empty or has a control character; [`InvalidInput::Token`] if the
    /// token is empty or has anything but visible ASCII.
    pub fn token(user: &str, token: impl Into<Secret>) -> Result<Self, InvalidInput> {
        let token = token.into();
        check_token(&token)?;
        Ok(Self { credential: Credential::Token(token), ..Self::token_provider(user)? })
    }

    /// A user name, and a token that the host is asked for when it is needed, by
    /// [`AuthNeeds::Token`](crate::AuthNeeds::Token). If the server refuses it, the host is asked once more.
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if the user is empty or has a control character.
    pub fn token_provider(user: &str) -> Result<Self, InvalidInput> {
        if user.is_empty() || user.chars().any(char::is_control) {
            return Err(InvalidInput::UserOrPassword);
        }
        Ok(Self::new(user, Credential::Provider, Mechanisms::Automatic))
    }

    /// EXTERNAL (RFC 4422 appendix A): what the TLS client certificate says; `user` may be empty.
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if the user has a NUL.
    #[cfg(feature = "external")]
    pub fn external(user: &str) -> Result<Self, InvalidInput> {
        let mechanisms = Mechanisms::Of(choice::names(&["EXTERNAL"]));
        Self::new(user, Credential::None, mechanisms).acting_as(user)
    }

    /// ANONYMOUS (RFC 4505), with a trace of who it is: an address, or up to 255 characters, or nothing.
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if the trace has a control character or is longer.
    #[cfg(feature = "anonymous")]
    pub fn anonymous(trace: &str) -> Result<Self, InvalidInput> {
        if trace.chars().any(char::is_control) || trace.chars().nth(255).is_some() {
            return Err(InvalidInput::UserOrPassword);
        }
        Ok(Self::new(trace, Credential::None, Mechanisms::Of(choice::names(&["ANONYMOUS"]))))
    }

    /// A mechanism that the host carries out with credentials of its own.
    #[must_use]
    pub fn host(mechanism: MechanismName) -> Self {
        Self::new("", Credential::None, Mechanisms::Host(mechanism))
    }

    /// The same with a user and a secret of the host's own, which the session does not use and does not show.
    pub(crate) fn hiding(self, user: &str, secret: Secret) -> Self {
        Self { user: user.into(), credential: Credential::Password(secret), ..self }
    }

    /// A mechanism of the caller's own: `make` begins an exchange.
    ///
    /// ```
    /// use sansmtp::sasl::{Authentication, ExchangeError, Mechanism, MechanismName, Response, Step};
    ///
    /// /// Says a word when it is asked.
    /// struct Word(&'static str);
    ///
    /// impl Mechanism for Word {
    ///     fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
    ///         Ok(None)
    ///     }
    ///     fn step(&mut self, _challenge: &[u8]) -> Result<Step, ExchangeError> {
    ///         Ok(Step::Respond(Response::new(self.0.into())))
    ///     }
    ///     fn finish(&mut self) -> Result<(), ExchangeError> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let name = MechanismName::parse("X-WORD")?;
    /// let login = Authentication::custom(name, |_context| Box::new(Word("open sesame")));
    /// # Ok::<(), sansmtp::InvalidInput>(())
    /// ```
    #[must_use]
    pub fn custom(
        name: MechanismName,
        make: impl Fn(&Context<'_>) -> Box<dyn Mechanism> + Send + Sync + 'static,
    ) -> Self {
        Self::new("", Credential::None, Mechanisms::Custom(name, Arc::new(make)))
    }

    /// The same, to act as another identity, where the mechanism can say so (RFC 4422 §2): PLAIN, SCRAM, DIGEST-MD5 and
    /// EXTERNAL can.
    ///
    /// # Errors
    /// [`InvalidInput::UserOrPassword`] if it has a NUL.
    pub fn acting_as(mut self, authorization: &str) -> Result<Self, InvalidInput> {
        if authorization.contains('\0') {
            return Err(InvalidInput::UserOrPassword);
        }
        self.authorization = authorization.into();
        Ok(self)
    }

    /// The same with only these mechanisms, in this order. A form of SCRAM stands for its `-PLUS` too.
    ///
    /// # Errors
    /// [`InvalidInput::MechanismName`] if one of them is not built in or does not take this credential, or if there is
    /// none.
    pub fn with_mechanisms(mut self, names: Vec<MechanismName>) -> Result<Self, InvalidInput> {
        if names.is_empty() || !names.iter().all(|name| self.takes(name)) {
            return Err(InvalidInput::MechanismName);
        }
        self.mechanisms = Mechanisms::Of(names);
        Ok(self)
    }

    /// The same, with user name and password as SASLprep (RFC 4013) makes them, for SCRAM. Needed only without the
    /// feature `unicode`, and for what is not ASCII.
    #[must_use]
    pub fn prepared(mut self, user: &str, password: impl Into<Secret>) -> Self {
        self.prepared = Some((user.into(), password.into()));
        self
    }

    /// The same, with the user name in upper case, for NTLM. Needed only without the feature `unicode`, and for what is
    /// not ASCII.
    #[must_use]
    pub fn upper_case(mut self, user: &str) -> Self {
        self.upper = Some(user.into());
        self
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The identity to act as; empty: the user's own.
    #[must_use]
    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    /// What the user logs in with.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Which mechanisms may be used.
    #[must_use]
    pub const fn mechanisms(&self) -> &Mechanisms {
        &self.mechanisms
    }

    /// The password or the token; empty if there is none.
    pub(crate) fn secret(&self) -> &str {
        match &self.credential {
            Credential::Password(secret) | Credential::Token(secret) => secret.expose(),
            Credential::None | Credential::Provider => "",
        }
    }

    /// The prepared forms that the host gave.
    #[cfg_attr(
        not(any(feature = "scram-sha-1", feature = "scram-sha-256", feature = "scram-sha-512")),
        allow(dead_code)
    )]
    pub(super) fn given_prepared(&self) -> Option<(&str, &str)> {
        self.prepared.as_ref().map(|(user, password)| (user.as_str(), password.expose()))
    }

    /// The user name in upper case, as the host gave it.
    #[cfg(feature = "ntlm")]
    pub(super) fn given_upper(&self) -> Option<&str> {
        self.upper.as_deref()
    }

    /// Takes the token that the provider brought.
    pub(crate) fn with_token(&self, token: Secret) -> Result<Self, InvalidInput> {
        check_token(&token)?;
        Ok(Self { credential: Credential::Token(token), ..self.clone() })
    }

    /// Whether this built-in mechanism takes the credential.
    pub(crate) fn takes(&self, name: &MechanismName) -> bool {
        self.lists().iter().any(|list| list.contains(&name.as_str()))
    }

    fn lists(&self) -> [&'static [&'static str]; 2] {
        match self.credential {
            Credential::None => [&[], &[]],
            Credential::Password(_) => [PASSWORD_ORDER, PASSWORD_BY_NAME],
            Credential::Provider | Credential::Token(_) => [TOKEN_ORDER, &[]],
        }
    }

    /// The mechanisms that may be used, in order.
    #[must_use]
    pub fn allowed(&self) -> Vec<MechanismName> {
        match &self.mechanisms {
            Mechanisms::Automatic => choice::names(self.lists()[0]),
            Mechanisms::Custom(name, _) | Mechanisms::Host(name) => [name.clone()].into(),
            Mechanisms::Of(names) => names.clone(),
        }
    }
}

/// RFC 6750 §2.1 has fewer characters; what a server's tokens look like is its own matter, as long as they are visible.
fn check_token(token: &Secret) -> Result<(), InvalidInput> {
    let token = token.expose();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidInput::Token);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_checked() {
        for (user, password) in [("", "x"), ("x", ""), ("a\0b", "x"), ("x", "a\0b")] {
            assert_eq!(
                Authentication::password(user, password).map(|_| ()),
                Err(InvalidInput::UserOrPassword)
            );
        }
        for user in ["", "a\0", "a\u{1}b", "a\r\nb"] {
            assert_eq!(Authentication::token(user, "t").map(|_| ()), Err(InvalidInput::UserOrPassword));
        }
        for token in ["", "a b", "a\u{1}b", "a\r\n", "tökén", "a\0"] {
            assert_eq!(Authentication::token("ann", token).map(|_| ()), Err(InvalidInput::Token));
        }
        assert!(Authentication::anonymous(&"x".repeat(256)).is_err());
        assert!(Authentication::anonymous("a\nb").is_err());
        assert!(Authentication::external("a\0b").is_err());
    }

    #[test]
    fn only_what_is_built_in_and_fits_can_be_listed() {
        let names = |text: &str| text.split(' ').map(|name| MechanismName::parse(name).unwrap()).collect();
        let ann = || Authentication::password("ann", "x").unwrap();
        assert!(ann().with_mechanisms(names("LOGIN PLAIN DIGEST-MD5 SCRAM-SHA-1-PLUS")).is_ok());
        for wrong in ["LOGIN X-OWN", "XOAUTH2", "EXTERNAL", "PLAIN-PLUS"] {
            assert!(ann().with_mechanisms(names(wrong)).is_err(), "{wrong}");
        }
        assert!(ann().with_mechanisms([].into()).is_err());
        let token = Authentication::token("ann", "t").unwrap();
        assert!(token.clone().with_mechanisms(names("XOAUTH2")).is_ok());
        assert!(token.with_mechanisms(names("PLAIN")).is_err());
    }

    #[test]
    fn no_secret_in_debug_text() {
        let text = alloc::format!(
            "{:?} {:?}",
            Authentication::password("ann", "hunter22").unwrap().prepared("ann", "hunter22"),
            Authentication::token("ann", "hunter22").unwrap()
        );
        assert!(!text.contains("hunter22"), "{text}");
    }
}
