//! Which mechanism is used: the caller's order, the server's offer, never anything else.

use alloc::string::String;
use alloc::vec::Vec;

use super::MechanismName;
use crate::error::InvalidInput;
use crate::secret::Secret;

/// The built-in mechanisms that take a password, in the order of the automatic choice: strongest first, and PLAIN
/// before LOGIN, which is as secret, for its fewer round trips.
pub const AUTOMATIC_ORDER: &[&str] = &[
    #[cfg(feature = "cram-md5")]
    "CRAM-MD5",
    #[cfg(feature = "plain")]
    "PLAIN",
    #[cfg(feature = "login")]
    "LOGIN",
];

/// Which mechanisms may be used, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mechanisms {
    /// The built-in ones that take a password, in [`AUTOMATIC_ORDER`].
    #[default]
    Automatic,
    /// These built-in ones, in this order: the first that is offered.
    Of(Vec<MechanismName>),
    /// One that the host carries out: it is asked by [`Event::AuthNeeds`](crate::Event::AuthNeeds).
    Host(MechanismName),
}

/// Who logs in, and how. A user name and password that were checked: neither empty nor with a NUL.
#[derive(Clone, Debug)]
pub struct Authentication {
    authorization: String,
    user: String,
    password: Secret,
    mechanisms: Mechanisms,
}

impl Authentication {
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
        Ok(Self {
            authorization: String::new(),
            user: user.into(),
            password,
            mechanisms: Mechanisms::Automatic,
        })
    }

    /// A mechanism that the host carries out with credentials of its own.
    #[must_use]
    pub fn host(mechanism: MechanismName) -> Self {
        Self {
            authorization: String::new(),
            user: String::new(),
            password: Secret::from(String::new()),
            mechanisms: Mechanisms::Host(mechanism),
        }
    }

    /// The same, to act as another identity, where the mechanism can say so (PLAIN can; RFC 4422 §2).
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

    /// The same with only these mechanisms, in this order.
    ///
    /// # Errors
    /// [`InvalidInput::MechanismName`] if one of them is not built in, or there is none.
    pub fn with_mechanisms(mut self, names: Vec<MechanismName>) -> Result<Self, InvalidInput> {
        if names.is_empty() || !names.iter().all(MechanismName::is_built_in) {
            return Err(InvalidInput::MechanismName);
        }
        self.mechanisms = Mechanisms::Of(names);
        Ok(self)
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Which mechanisms may be used.
    #[must_use]
    pub const fn mechanisms(&self) -> &Mechanisms {
        &self.mechanisms
    }

    /// The identity to act as; empty: the user's own.
    #[must_use]
    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.password
    }

    /// The names that may be used, in order.
    pub(crate) fn allowed(&self) -> Vec<MechanismName> {
        match &self.mechanisms {
            Mechanisms::Automatic => {
                AUTOMATIC_ORDER.iter().map(|name| MechanismName((*name).into())).collect()
            }
            Mechanisms::Of(names) => names.clone(),
            Mechanisms::Host(name) => [name.clone()].into(),
        }
    }
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
    }

    #[test]
    fn only_what_is_built_in_can_be_listed() {
        let name = |name| MechanismName::parse(name).unwrap();
        let ann = || Authentication::password("ann", "x").unwrap();
        assert!(ann().with_mechanisms([name("LOGIN"), name("PLAIN")].into()).is_ok());
        assert!(ann().with_mechanisms([name("LOGIN"), name("X-OWN")].into()).is_err());
        assert!(ann().with_mechanisms([].into()).is_err());
    }
}
