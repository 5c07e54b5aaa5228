//! The names of mechanisms.

use alloc::string::String;
use core::fmt;

use super::choice::is_built_in;
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

    /// A name that is one.
    pub(super) fn known(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the core carries this mechanism out by itself.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        is_built_in(self.as_str())
    }

    /// The name of a form of SCRAM without `-PLUS`; `None` for every other mechanism.
    pub(super) fn scram(&self) -> Option<&str> {
        let base = self.0.strip_suffix("-PLUS").unwrap_or(&self.0);
        base.starts_with("SCRAM-").then_some(base)
    }

    /// Whether the exchange is bound to the TLS channel (RFC 5802 §6).
    pub(crate) fn is_plus(&self) -> bool {
        self.0.starts_with("SCRAM-") && self.0.ends_with("-PLUS")
    }
}

impl fmt::Display for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
