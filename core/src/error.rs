//! What can go wrong, sorted by who is at fault: the caller, a limit, the peer, time.
//!
//! A negative reply is none of these: it is an [`Event`](crate::Event).

use core::fmt;

/// Why a call failed, or why the session ended.
///
/// An error of the caller ([`ApiMisuse`](Self::ApiMisuse), [`InvalidInput`](Self::InvalidInput)) changes
/// nothing, with one exception: message content that breaks what was declared of it ends the session, since
/// part of it may be on the wire. Every other error is fatal: the first one is kept, and later calls return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A call that does not fit the state of the session.
    ApiMisuse(ApiMisuse),
    /// The host cancelled the operation, or aborted the session.
    Cancelled,
    /// A value from the caller that cannot be sent.
    InvalidInput(InvalidInput),
    /// The peer sent more than was allowed.
    LimitExceeded(Limit),
    /// The peer broke the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// The reply that this stage waits for did not come in time.
    TimedOut(Stage),
    /// The host reported that TLS could not be established.
    TlsFailed,
    /// The peer closed the connection while this stage waited for a reply.
    UnexpectedEof(Stage),
    /// The server does not offer what the settings or the message need.
    Unsupported(Unsupported),
}

/// A call that does not fit the state of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum ApiMisuse {
    /// `auth_supply` without an open `AuthNeeds`, or with an answer of another kind.
    AuthNotAsked,
    /// Message content before `SendBody`, after `end_body`, for another transaction, or for one that has failed.
    BodyNotAsked,
    /// `body_chunk` for a message that goes out by DATA, was not declared as canonical or binary, or of which `body` holds
    /// a part.
    ChunkNotPossible,
    /// `send` in the explicit-manual mode before `establish_tls`, although credentials are set.
    NotAuthenticated,
    /// The session is over, or `quit` was called: make a new one.
    SessionOver,
    /// `establish_tls`, `tls_established` or `tls_failed` when TLS is up already.
    TlsAlreadyUp,
    /// `tls_established` or `tls_failed` although no `StartTls` is open.
    TlsNotAsked,
    /// `establish_tls` before EHLO was answered, with operations open, or in a mode that is not manual.
    TlsNotNow,
    /// `transmitting` or `transmitted` with more bytes than there were.
    TooManyBytes,
    /// No open operation has this identifier.
    UnknownOperation,
}

/// A value from the caller that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum InvalidInput {
    /// The domain of an address, or an address literal, is not one of RFC 5321 §4.1.2 and §4.1.3.
    AddressDomain,
    /// The local part is neither a dot-string nor a quoted string (RFC 5321 §4.1.2).
    AddressLocalPart,
    /// Longer than RFC 5321 §4.5.3.1 allows: 64 octets before the `@`, 255 behind it, 254 in all.
    AddressTooLong,
    /// An address has no `@`.
    AddressWithoutAt,
    /// The argument of VRFY, EXPN or HELP has a character that is not printable ASCII, or is too long or empty; or a custom
    /// command is more than that, or one that the session uses itself.
    Argument,
    /// A line of the message ends in CR or LF alone, and the caller asked for that to be refused.
    BareLineEnd,
    /// A user name or a password with a character that the login mechanism does not allow: what SASLprep (RFC 4013)
    /// forbids, or what is not ASCII and was not prepared.
    Credentials,
    /// The derived key is not as long as it was asked for.
    DerivedKey,
    /// The message has an octet above 127, and was declared to be 7-bit, or left to a server that takes no other.
    EightBitContent,
    /// An empty address where a recipient is needed (RFC 5321 §3.3).
    EmptyAddress,
    /// The mechanism needs randomness, and [`Config::entropy`](crate::Config::entropy) was not set.
    Entropy,
    /// The name for EHLO is neither a domain nor an address literal (RFC 5321 §4.1.4).
    HelloName,
    /// A line of the message is longer than 998 octets, and the caller asked for that to be refused.
    LineTooLong,
    /// A name that no SASL mechanism can have (RFC 4422 §3.1).
    MechanismName,
    /// No recipient was given.
    NoRecipients,
    /// The message has a NUL octet, which RFC 5322 forbids.
    NulInBody,
    /// A parameter of MAIL or RCPT whose keyword or value its extension does not have, or which is given twice.
    Parameter,
    /// What the login mechanism would send is longer than a line of an exchange may be: 12,288 octets (RFC 4954 §4).
    ResponseTooLong,
    /// A token that is empty or has anything but visible ASCII.
    Token,
    /// A user name or password that the mechanism cannot carry: NUL, or one of them empty.
    UserOrPassword,
}

/// A bound of [`Limits`](crate::Limits) that the peer exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Limit {
    /// Empty lines between replies.
    EmptyLines,
    /// Octets in one line of a reply.
    ReplyLine,
    /// Lines in one reply.
    ReplyLines,
    /// Octets in one reply.
    ReplySize,
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// Success before the mechanism was complete, or a positive reply that AUTH does not know.
    AuthReply,
    /// A reply line ends in LF alone, and the configuration asked for that to be refused.
    BareLineFeed,
    /// A challenge that is not base64, not one line, or one too many.
    Challenge,
    /// A code whose first digit is none of 2 to 5 (RFC 5321 §4.2).
    CodeOutOfRange,
    /// The lines of one reply carry codes of different classes (RFC 5321 §4.2.1).
    CodesDiffer,
    /// The login's key is to be derived with fewer or more iterations than [`Limits`](crate::Limits) allow.
    Iterations,
    /// Not a reply line of RFC 5321 §4.2.
    MalformedReply,
    /// The greeting is that of another protocol.
    NotSmtp(Protocol),
    /// The server's certificate was not verified although the configuration demands it.
    PeerNotVerified,
    /// Octets in clear behind the 220 that accepted STARTTLS, before TLS was up.
    PlaintextAfterStartTls,
    /// Octets in clear on a connection where TLS comes first.
    PlaintextBeforeTls,
    /// A reply to a command that was not handed to the transport yet.
    ReplyBeforeCommand,
    /// The server did not prove that it knows the password, as SCRAM and DIGEST-MD5 have it.
    ServerNotVerified,
    /// A reply that the command in question cannot have.
    UnexpectedReply,
    /// A reply that no command asked for.
    UnsolicitedReply,
}

/// A protocol that is not SMTP, recognised by its first octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Protocol {
    /// `HTTP/1.1 400 …`
    Http,
    /// `* OK …`
    Imap,
    /// `+OK …`
    Pop3,
    /// `SSH-2.0-…`
    Ssh,
    /// A TLS record: the port expects TLS from the first octet.
    Tls,
}

/// Where in the session something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Stage {
    /// AUTH.
    Auth,
    /// RSET, NOOP, VRFY, EXPN or HELP, or nothing at all was under way.
    Command,
    /// DATA and the message itself.
    Data,
    /// The server's first reply.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// QUIT.
    Quit,
    /// RCPT.
    Recipients,
    /// MAIL.
    Sender,
    /// STARTTLS and the handshake.
    Tls,
}

/// What the server does not offer, or the settings do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Unsupported {
    /// Credentials are set and the connection is not encrypted.
    AuthWithoutTls,
    /// The message is binary, and the server does not offer BINARYMIME with CHUNKING (RFC 3030).
    BinaryMime,
    /// The mechanism is bound to the TLS channel, and the host does not tell what that needs.
    ChannelBinding,
    /// BDAT was asked for and the server does not offer CHUNKING (RFC 3030).
    Chunking,
    /// The server does not offer DELIVERBY, or not so short a time (RFC 2852).
    DeliverBy,
    /// Notifications were asked for and the server does not offer DSN (RFC 3461).
    Dsn,
    /// The message has octets above 127 and the server does not offer 8BITMIME (RFC 6152).
    EightBitMime,
    /// The server does not offer the extension of a parameter.
    Extension,
    /// The server does not offer FUTURERELEASE, or not for so long (RFC 4865).
    FutureRelease,
    /// The server takes no more messages on this connection (RFC 9422): open another.
    Messages,
    /// The server does not offer MT-PRIORITY (RFC 6710).
    Priority,
    /// The server takes fewer recipients at a time (RFC 9422), and the message must not be split.
    Recipients,
    /// The server does not offer REQUIRETLS, or its certificate was not verified (RFC 8689).
    RequireTls,
    /// The message is larger than the server's declared maximum (RFC 1870).
    Size,
    /// An address or the header is not ASCII and the server does not offer SMTPUTF8 (RFC 6531).
    SmtpUtf8,
    /// STARTTLS is required and not offered (RFC 3207).
    StartTls,
    /// The server does not offer XCLIENT, or not with these attributes.
    XClient,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Error {}

impl Error {
    /// One sentence for a person, in English.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::ApiMisuse(misuse) => misuse.message(),
            Self::Cancelled => "the operation was cancelled",
            Self::InvalidInput(input) => input.message(),
            Self::LimitExceeded(limit) => limit.message(),
            Self::PeerMisbehaved(how) => how.message(),
            Self::TimedOut(stage) => stage.timed_out(),
            Self::TlsFailed => "TLS could not be established",
            Self::UnexpectedEof(stage) => stage.ended(),
            Self::Unsupported(what) => what.message(),
        }
    }
}

/// Its class, which of its class, and a sentence for a person.
#[cfg(feature = "serde")]
impl serde::Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut error = serializer.serialize_struct("Error", 3)?;
        let class = match self {
            Self::ApiMisuse(_) => "apiMisuse",
            Self::Cancelled => "cancelled",
            Self::InvalidInput(_) => "invalidInput",
            Self::LimitExceeded(_) => "limitExceeded",
            Self::PeerMisbehaved(_) => "peerMisbehaved",
            Self::TimedOut(_) => "timedOut",
            Self::TlsFailed => "tlsFailed",
            Self::UnexpectedEof(_) => "unexpectedEof",
            Self::Unsupported(_) => "unsupported",
        };
        error.serialize_field("class", class)?;
        match self {
            Self::ApiMisuse(kind) => error.serialize_field("kind", kind)?,
            Self::InvalidInput(kind) => error.serialize_field("kind", kind)?,
            Self::LimitExceeded(kind) => error.serialize_field("kind", kind)?,
            Self::PeerMisbehaved(kind) => error.serialize_field("kind", kind)?,
            Self::TimedOut(kind) | Self::UnexpectedEof(kind) => error.serialize_field("kind", kind)?,
            Self::Unsupported(kind) => error.serialize_field("kind", kind)?,
            Self::Cancelled | Self::TlsFailed => {}
        }
        error.serialize_field("message", self.message())?;
        error.end()
    }
}

impl ApiMisuse {
    const fn message(self) -> &'static str {
        match self {
            Self::AuthNotAsked => "auth_supply was called although the session asked for no such answer",
            Self::BodyNotAsked => "message content was given before SendBody or after its end",
            Self::ChunkNotPossible => "this message cannot go out as chunks of the host's own octets",
            Self::NotAuthenticated => "credentials are set: call establish_tls before sending",
            Self::SessionOver => "the session is over: open a new connection",
            Self::TlsAlreadyUp => "TLS is established already",
            Self::TlsNotAsked => "the session did not ask for TLS",
            Self::TlsNotNow => {
                "TLS can be started by hand only in the manual mode, after EHLO and with nothing open"
            }
            Self::TooManyBytes => "more bytes were reported than there were to transmit",
            Self::UnknownOperation => "no open operation has this identifier",
        }
    }
}

impl InvalidInput {
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::AddressDomain => "the part behind the @ must be a domain name or an address in brackets",
            Self::AddressLocalPart => {
                "the part before the @ has a character that must be quoted or is not allowed"
            }
            Self::AddressTooLong => {
                "the address is too long: 64 octets before the @ and 254 in all are allowed"
            }
            Self::AddressWithoutAt => "the address has no @",
            Self::Argument => {
                "the command must be one line of printable ASCII, and none that the session uses itself"
            }
            Self::BareLineEnd => "a line of the message ends in CR or LF alone",
            Self::Credentials => "user or password has a character that this login mechanism does not allow",
            Self::DerivedKey => "the derived key is not as long as it was asked for",
            Self::EightBitContent => {
                "the message has octets above 127, which was not declared, or the server does not offer 8BITMIME"
            }
            Self::EmptyAddress => "the recipient's address is empty",
            Self::Entropy => "the login mechanism needs randomness and the host gave none",
            Self::HelloName => "the name for EHLO must be a full host name or an address in brackets",
            Self::LineTooLong => "a line of the message is longer than 998 octets",
            Self::MechanismName => "this cannot be the name of a SASL mechanism",
            Self::NoRecipients => "the message has no recipient",
            Self::NulInBody => "the message has a NUL octet, which mail cannot carry",
            Self::Parameter => {
                "a parameter of the sender or a recipient is not what its extension allows, or is given twice"
            }
            Self::ResponseTooLong => "what the login would send is longer than a line may be",
            Self::Token => "the token must be visible ASCII, without spaces",
            Self::UserOrPassword => "user and password must not be empty and must not have a NUL character",
        }
    }
}

impl Limit {
    const fn message(self) -> &'static str {
        match self {
            Self::EmptyLines => "the server sent too many empty lines",
            Self::ReplyLine => "the server sent a line that is too long",
            Self::ReplyLines => "the server sent a reply of too many lines",
            Self::ReplySize => "the server sent a reply that is too long",
        }
    }
}

impl PeerMisbehaved {
    const fn message(self) -> &'static str {
        match self {
            Self::AuthReply => "the server ended the login before it was complete",
            Self::BareLineFeed => "the server ends its lines with LF alone",
            Self::Challenge => "the server sent a challenge that does not fit the login mechanism",
            Self::CodeOutOfRange => "the server sent a reply code that SMTP does not have",
            Self::CodesDiffer => "the server changed the code within one reply",
            Self::Iterations => "the server wants the login's key derived too cheaply or too expensively",
            Self::MalformedReply => "the server sent a line that is no SMTP reply",
            Self::NotSmtp(protocol) => protocol.message(),
            Self::PeerNotVerified => "the server's certificate was not verified",
            Self::PlaintextAfterStartTls => "the server sent octets in clear after it accepted STARTTLS",
            Self::PlaintextBeforeTls => "the server speaks in clear where TLS comes first",
            Self::ReplyBeforeCommand => "the server answered a command before it was sent",
            Self::ServerNotVerified => "the server did not prove that it knows the password",
            Self::UnexpectedReply => "the server sent a reply that the command cannot have",
            Self::UnsolicitedReply => "the server sent a reply that no command asked for",
        }
    }
}

impl Protocol {
    const fn message(self) -> &'static str {
        match self {
            Self::Http => "this is not an SMTP server: it speaks HTTP",
            Self::Imap => "this is not an SMTP server: it speaks IMAP",
            Self::Pop3 => "this is not an SMTP server: it speaks POP3",
            Self::Ssh => "this is not an SMTP server: it speaks SSH",
            Self::Tls => "the server expects TLS from the first octet",
        }
    }
}

impl Stage {
    const fn timed_out(self) -> &'static str {
        match self {
            Self::Auth => "the server did not answer the login in time",
            Self::Command => "the server did not answer the command in time",
            Self::Data => "the server did not answer the message in time",
            Self::Greeting => "the server did not greet in time",
            Self::Hello => "the server did not answer EHLO in time",
            Self::Quit => "the server did not answer QUIT in time",
            Self::Recipients => "the server did not answer for a recipient in time",
            Self::Sender => "the server did not answer for the sender in time",
            Self::Tls => "the server did not answer STARTTLS in time",
        }
    }

    const fn ended(self) -> &'static str {
        match self {
            Self::Auth => "the server closed the connection during the login",
            Self::Command => "the server closed the connection",
            Self::Data => "the server closed the connection while the message was sent",
            Self::Greeting => "the server closed the connection before it greeted",
            Self::Hello => "the server closed the connection instead of answering EHLO",
            Self::Quit => "the server closed the connection instead of answering QUIT",
            Self::Recipients => "the server closed the connection instead of answering for a recipient",
            Self::Sender => "the server closed the connection instead of answering for the sender",
            Self::Tls => "the server closed the connection before TLS was established",
        }
    }
}

impl Unsupported {
    const fn message(self) -> &'static str {
        match self {
            Self::AuthWithoutTls => "a login is set but the connection is not encrypted",
            Self::BinaryMime => {
                "the message is binary and the server does not offer BINARYMIME with CHUNKING"
            }
            Self::ChannelBinding => {
                "the login mechanism is bound to the TLS channel, and this runtime does not tell what that needs"
            }
            Self::Chunking => "BDAT was asked for and the server does not offer CHUNKING",
            Self::DeliverBy => "the server does not offer DELIVERBY, or not so short a time",
            Self::Dsn => "delivery notifications were asked for and the server does not offer DSN",
            Self::EightBitMime => "the message has octets above 127 and the server does not offer 8BITMIME",
            Self::Extension => "the server does not offer the extension of a parameter",
            Self::FutureRelease => "the server does not offer FUTURERELEASE, or not for so long",
            Self::Messages => "the server takes no more messages on this connection",
            Self::Priority => "the server does not offer MT-PRIORITY",
            Self::Recipients => {
                "the server takes fewer recipients at a time, and the message must not be split"
            }
            Self::RequireTls => {
                "REQUIRETLS was asked for, and the server does not offer it or its certificate was not verified"
            }
            Self::Size => "the message is larger than the server accepts",
            Self::SmtpUtf8 => "an address or the header is not ASCII and the server does not offer SMTPUTF8",
            Self::StartTls => "the settings require STARTTLS and the server does not offer it",
            Self::XClient => "XCLIENT was asked for, and the server does not offer it with these attributes",
        }
    }
}

macro_rules! class {
    ($($payload:ident => $class:ident),* $(,)?) => {$(
        impl From<$payload> for Error {
            fn from(payload: $payload) -> Self {
                Self::$class(payload)
            }
        }

        impl fmt::Display for $payload {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.message())
            }
        }

        impl core::error::Error for $payload {}
    )*};
}

class! {
    ApiMisuse => ApiMisuse,
    InvalidInput => InvalidInput,
    Limit => LimitExceeded,
    PeerMisbehaved => PeerMisbehaved,
    Unsupported => Unsupported,
}
