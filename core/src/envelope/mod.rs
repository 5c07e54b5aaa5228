//! Who sends and who receives, apart from what the message's header says (RFC 5321 §2.3.1).
//!
//! The types cannot hold a value that would change a command: a caller's CR, LF, `>` or parameter is refused when
//! the value is parsed, before anything is sent.

mod address;
mod domain;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use domain::HelloName;

use crate::error::InvalidInput;

/// The address that bounces go to: a mailbox, or `<>` for none (RFC 5321 §4.1.1.2).
///
/// ```
/// use sansmtp::ReversePath;
/// assert_eq!(ReversePath::parse("ann@example.com")?.to_string(), "<ann@example.com>");
/// assert_eq!(ReversePath::parse("<>")?, ReversePath::null());
/// assert_eq!(ReversePath::null().to_string(), "<>");
/// assert!(ReversePath::parse("ann@example.com> SIZE=1").is_err());
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReversePath(String);

impl ReversePath {
    /// `local@domain`, without angle brackets; the empty text and `<>` are [`Self::null`].
    ///
    /// # Errors
    /// [`InvalidInput`] says which part is wrong (RFC 5321 §4.1.2, RFC 6531 §3.3).
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let address = if text == "<>" { "" } else { text };
        if !address.is_empty() {
            address::mailbox(address)?;
        }
        Ok(Self(address.into()))
    }

    /// `<>`: nobody, for messages that must not bounce.
    #[must_use]
    pub const fn null() -> Self {
        Self(String::new())
    }

    /// The address without brackets; empty for [`Self::null`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// A recipient's address: a mailbox, or `Postmaster` without a domain (RFC 5321 §4.1.1.3).
///
/// ```
/// use sansmtp::{ForwardPath, InvalidInput};
/// assert!(ForwardPath::parse("postmaster").is_ok());
/// assert_eq!(ForwardPath::parse("bob"), Err(InvalidInput::AddressWithoutAt));
/// assert_eq!(ForwardPath::parse(""), Err(InvalidInput::EmptyAddress));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForwardPath(String);

impl ForwardPath {
    /// `local@domain`, without angle brackets.
    ///
    /// # Errors
    /// [`InvalidInput`] says which part is wrong (RFC 5321 §4.1.2, RFC 6531 §3.3).
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if text.is_empty() {
            return Err(InvalidInput::EmptyAddress);
        }
        if !text.eq_ignore_ascii_case("postmaster") {
            address::mailbox(text)?;
        }
        Ok(Self(text.into()))
    }

    /// The address without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// One sender and one or more recipients.
///
/// ```
/// use sansmtp::{Envelope, ForwardPath, ReversePath};
/// let envelope = Envelope::new(ReversePath::parse("ann@example.com")?)
///     .to(ForwardPath::parse("bob@example.org")?)
///     .to(ForwardPath::parse("\"c d\"@example.org")?);
/// assert_eq!(envelope.recipients().len(), 2);
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    sender: ReversePath,
    recipients: Vec<ForwardPath>,
}

impl Envelope {
    /// An envelope from `sender`, without a recipient yet.
    #[must_use]
    pub const fn new(sender: ReversePath) -> Self {
        Self { sender, recipients: Vec::new() }
    }

    /// This envelope with one more recipient. The order is that of the results.
    #[must_use]
    pub fn to(mut self, recipient: ForwardPath) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Who sends.
    #[must_use]
    pub const fn sender(&self) -> &ReversePath {
        &self.sender
    }

    /// Who receives, in the order given.
    #[must_use]
    pub fn recipients(&self) -> &[ForwardPath] {
        &self.recipients
    }

    /// Whether an address needs SMTPUTF8 (RFC 6531 §3.3).
    #[must_use]
    pub fn needs_utf8(&self) -> bool {
        !self.sender.0.is_ascii() || self.recipients.iter().any(|recipient| !recipient.0.is_ascii())
    }
}

impl Extend<ForwardPath> for Envelope {
    fn extend<I: IntoIterator<Item = ForwardPath>>(&mut self, recipients: I) {
        self.recipients.extend(recipients);
    }
}
