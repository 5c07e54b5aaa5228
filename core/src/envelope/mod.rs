//! Who sends and who receives, apart from what the message's header says (RFC 5321 §2.3.1).
//!
//! The types cannot hold a value that would change a command: a caller's CR, LF, `>` or parameter is refused when
//! the value is parsed, before anything is sent.

mod address;
mod domain;
mod parameter;
mod xtext;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use domain::HelloName;
pub use parameter::{
    DeliverBy, EnvelopeId, HoldFor, HoldUntil, MailParameter, Notify, OriginalRecipient, Overdue, Parameter,
    Priority, RcptParameter, Return,
};

use crate::error::InvalidInput;

pub(crate) use xtext::encode as xtext;

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
    /// `local@domain`, without angle brackets; the empty text and `<>` are [`Self::null`]. Of an address that is not ASCII
    /// behind the `@` only, the domain is put in ASCII (RFC 5890 §2.3.2.1), which any server takes: with the feature
    /// `unicode`, else that is the host's to do.
    ///
    /// # Errors
    /// [`InvalidInput`] says which part is wrong (RFC 5321 §4.1.2, RFC 6531 §3.3).
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let address = if text == "<>" { "" } else { text };
        if address.is_empty() { Ok(Self::null()) } else { address::mailbox(address).map(Self) }
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
    /// `local@domain`, without angle brackets. Its domain as for [`ReversePath::parse`].
    ///
    /// # Errors
    /// [`InvalidInput`] says which part is wrong (RFC 5321 §4.1.2, RFC 6531 §3.3).
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if text.is_empty() {
            return Err(InvalidInput::EmptyAddress);
        }
        if text.eq_ignore_ascii_case("postmaster") {
            Ok(Self(text.into()))
        } else {
            address::mailbox(text).map(Self)
        }
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

/// One recipient, and what is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    path: ForwardPath,
    parameters: Vec<RcptParameter>,
}

impl Recipient {
    /// This recipient with one more parameter.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`] if it has this one already.
    pub fn with(mut self, parameter: RcptParameter) -> Result<Self, InvalidInput> {
        if self.parameters.iter().any(|known| known.excludes(&parameter)) {
            return Err(InvalidInput::Parameter);
        }
        self.parameters.push(parameter);
        Ok(self)
    }

    /// The address.
    #[must_use]
    pub const fn path(&self) -> &ForwardPath {
        &self.path
    }

    /// What is asked for it.
    #[must_use]
    pub fn parameters(&self) -> &[RcptParameter] {
        &self.parameters
    }
}

impl From<ForwardPath> for Recipient {
    fn from(path: ForwardPath) -> Self {
        Self { path, parameters: Vec::new() }
    }
}

/// One sender and one or more recipients, each with what is asked for it.
///
/// ```
/// use sansmtp::{Envelope, ForwardPath, MailParameter, RcptParameter, Recipient, ReversePath};
/// let bob = Recipient::from(ForwardPath::parse("bob@example.org")?)
///     .with(RcptParameter::parse("NOTIFY", Some("SUCCESS"))?)?;
/// let envelope = Envelope::new(ReversePath::parse("ann@example.com")?)
///     .with(MailParameter::parse("ENVID", Some("order 7"))?)?
///     .to(bob)
///     .to(ForwardPath::parse("\"c d\"@example.org")?);
/// assert_eq!(envelope.recipients().len(), 2);
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    sender: ReversePath,
    parameters: Vec<MailParameter>,
    recipients: Vec<Recipient>,
}

impl Envelope {
    /// An envelope from `sender`, without a recipient yet.
    #[must_use]
    pub const fn new(sender: ReversePath) -> Self {
        Self { sender, parameters: Vec::new(), recipients: Vec::new() }
    }

    /// This envelope with one more recipient. The order is that of the results.
    #[must_use]
    pub fn to(mut self, recipient: impl Into<Recipient>) -> Self {
        self.recipients.push(recipient.into());
        self
    }

    /// This envelope with one more parameter.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`] if it has this one already, or one that excludes it.
    pub fn with(mut self, parameter: MailParameter) -> Result<Self, InvalidInput> {
        if self.parameters.iter().any(|known| known.excludes(&parameter)) {
            return Err(InvalidInput::Parameter);
        }
        self.parameters.push(parameter);
        Ok(self)
    }

    /// Who sends.
    #[must_use]
    pub const fn sender(&self) -> &ReversePath {
        &self.sender
    }

    /// What is asked for the message.
    #[must_use]
    pub fn parameters(&self) -> &[MailParameter] {
        &self.parameters
    }

    /// Who receives, in the order given.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// Whether an address needs SMTPUTF8 (RFC 6531 §3.3).
    #[must_use]
    pub fn needs_utf8(&self) -> bool {
        !self.sender.0.is_ascii() || self.recipients.iter().any(|recipient| !recipient.path.0.is_ascii())
    }
}

impl<R: Into<Recipient>> Extend<R> for Envelope {
    fn extend<I: IntoIterator<Item = R>>(&mut self, recipients: I) {
        self.recipients.extend(recipients.into_iter().map(Into::into));
    }
}
