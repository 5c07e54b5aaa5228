//! What the session tells its host.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, Stage, Unsupported};
use crate::reply::{Reply, Severity};
use crate::sasl::{ChannelBinding, KeyDerivation, MechanismName, Response};
use crate::secret::Secret;

/// Names one call of `send`, `verify_recipients`, `noop`, `reset`, `vrfy`, `expn` or `help`. Each gets exactly one result: `Delivered`,
/// `Answer` or `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OperationId(pub(crate) u32);

impl OperationId {
    /// The number, for a host that keeps its own tables. The first operation of a session is 0.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The identifier with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// What happened, or what the host has to do. Events are owned: they can be batched, recorded and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase"))]
#[non_exhaustive]
pub enum Event {
    /// The server's answer to NOOP, RSET, VRFY, EXPN or HELP, positive or not. It ends the operation.
    Answer {
        /// Which call.
        operation: OperationId,
        /// What the server said.
        reply: Reply,
    },
    /// The login succeeded.
    Authenticated {
        /// With which mechanism.
        mechanism: MechanismName,
        /// Whether the connection was encrypted.
        encrypted: bool,
    },
    /// The login needs something of the host: answer with `auth_supply`. No timer runs meanwhile.
    AuthNeeds {
        /// The mechanism.
        mechanism: MechanismName,
        /// What is needed.
        needs: AuthNeeds,
    },
    /// The session is over: close the connection. The last event.
    Closed,
    /// What became of the message for one accepted recipient, where the result of the operation does not say it: under LMTP
    /// (RFC 2033 §4.2), and when the message went out in several transactions.
    Delivery {
        /// Which call.
        operation: OperationId,
        /// Which recipient, counted from 0 in the envelope's order.
        index: usize,
        /// What the answer means.
        verdict: Verdict,
        /// What the server said; `None`: the session ended without an answer.
        reply: Option<Reply>,
    },
    /// The server took the message, for some recipients at least. It ends the operation.
    Delivered {
        /// Which call.
        operation: OperationId,
        /// What the server said.
        reply: Reply,
    },
    /// An operation did not succeed, which ends it; or, without `operation`, the session could not be set up or broke.
    Failed {
        /// Which call; `None`: the session itself.
        operation: Option<OperationId>,
        /// Why.
        failure: Box<Failure>,
    },
    /// The server greeted.
    Greeting {
        /// What it said.
        reply: Reply,
    },
    /// The session is set up: operations that were queued begin.
    Ready,
    /// The server answered for one recipient.
    Recipient {
        /// Which call.
        operation: OperationId,
        /// Which recipient, counted from 0 in the envelope's order.
        index: usize,
        /// What the answer means.
        verdict: Verdict,
        /// What the server said.
        reply: Reply,
    },
    /// The message is due: give it with `body`, then `end_body`, from its start. It comes again if the server takes fewer
    /// recipients at a time than there are, unless the message was declared as one that can be given [`once`](crate::BodyPlan::once).
    SendBody {
        /// Which call.
        operation: OperationId,
        /// Whether it goes out by BDAT: then `body_chunk` may serve too.
        chunked: bool,
    },
    /// The server took the sender.
    Sender {
        /// Which call.
        operation: OperationId,
        /// What it said.
        reply: Reply,
    },
    /// The server closes the connection (421, or an unasked 4yz).
    ServerClosing {
        /// What it said.
        reply: Reply,
    },
    /// Do the TLS handshake on this connection, then call `tls_established` or `tls_failed`. Give the session
    /// everything that was read before first.
    StartTls,
    /// TLS was wanted if offered, and is not to be had: the session goes on in clear, without credentials.
    TlsDowngraded {
        /// How the server refused, if it offered STARTTLS at all.
        reply: Option<Reply>,
    },
}

/// What a login needs next of the host: a step of a mechanism that it carries out, a token, a slow key.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "step", rename_all = "camelCase"))]
#[non_exhaustive]
pub enum AuthNeeds {
    /// A key that is slow to derive, of the user's password. Answer with [`AuthAnswer::DerivedKey`].
    DerivedKey(KeyDerivation),
    /// The server reported success. Whether it counts: a mechanism in which the server proves something must have
    /// seen the proof. Answer with [`AuthAnswer::Finish`].
    Finish,
    /// The initial response, or none. Answer with [`AuthAnswer::InitialResponse`].
    InitialResponse,
    /// The response to a challenge. Answer with [`AuthAnswer::Response`].
    Response {
        /// What the server sent, decoded.
        challenge: Vec<u8>,
    },
    /// The token of a login that was set up with [`Authentication::token_provider`](crate::sasl::Authentication::token_provider).
    /// Answer with [`AuthAnswer::Token`].
    Token {
        /// The server refused the one before: fetch a fresh one. It is asked for once.
        refused: bool,
    },
}

/// Says which step it is, and nothing of what the server sent.
impl fmt::Debug for AuthNeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DerivedKey(_) => "DerivedKey(***)",
            Self::Finish => "Finish",
            Self::InitialResponse => "InitialResponse",
            Self::Response { .. } => "Response(***)",
            Self::Token { refused: false } => "Token",
            Self::Token { refused: true } => "Token(refused)",
        })
    }
}

/// The host's answer to [`AuthNeeds`]. Its memory is zeroed when it is dropped, whatever becomes of it.
#[non_exhaustive]
pub enum AuthAnswer {
    /// Give up: the exchange is cancelled as RFC 4954 §4 says, and the session ends.
    Cancel,
    /// The key.
    DerivedKey(Response),
    /// Whether the success counts.
    Finish(bool),
    /// The initial response; `None` if the server speaks first.
    InitialResponse(Option<Response>),
    /// The response to the challenge.
    Response(Response),
    /// The token.
    Token(Secret),
}

impl fmt::Debug for AuthAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "Cancel",
            Self::DerivedKey(_) => "DerivedKey(***)",
            Self::Finish(_) => "Finish",
            Self::InitialResponse(_) => "InitialResponse(***)",
            Self::Response(_) => "Response(***)",
            Self::Token(_) => "Token(***)",
        })
    }
}

/// What a reply means for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub enum Verdict {
    /// 250, 251 or 252.
    Accepted,
    /// 5yz but 552.
    Permanent,
    /// 4yz, or 552 to RCPT, which says that there are too many recipients (RFC 5321 §4.5.3.1.10); or the session ended
    /// before.
    Temporary,
    /// The message went out to its end and no valid reply came. Only in [`Event::Delivery`].
    Unknown,
}

/// What is known of a message that was not reported as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub enum Outcome {
    /// Not accepted; the same again would fail again.
    Permanent,
    /// Not accepted; the same later may succeed.
    Temporary,
    /// The message went out to its end and no valid reply came: it may or may not have been accepted
    /// (RFC 5321 §4.5.4.2, RFC 1047).
    Unknown,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Permanent => Self::Permanent,
            Outcome::Temporary => Self::Temporary,
            Outcome::Unknown => Self::Unknown,
        }
    }
}

impl From<Severity> for Outcome {
    fn from(severity: Severity) -> Self {
        if severity == Severity::Permanent { Self::Permanent } else { Self::Temporary }
    }
}

/// How much of a message was handed to the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub enum DataSent {
    /// Its end included.
    All,
    /// Nothing.
    #[default]
    None,
    /// Something, but not its end: the server cannot have accepted it.
    Partial,
}

/// Why an operation, or the session, did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What is known of the message.
    pub outcome: Outcome,
    /// How much of the message went out.
    pub data_sent: DataSent,
    /// Why.
    pub cause: Cause,
    /// The reply that refused, or the last one before the end that may explain it.
    pub reply: Option<Reply>,
}

/// The reason of a [`Failure`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Cause {
    /// The session broke, or what the server offers does not do.
    Error {
        /// How.
        error: Error,
    },
    /// None of the allowed mechanisms is offered.
    Mechanism {
        /// Those that the settings allow.
        allowed: Vec<MechanismName>,
        /// Those that the server offers.
        offered: Vec<MechanismName>,
    },
    /// The server said no: see the reply.
    Refused,
    /// The handshake failed: the host's own error code and text, verbatim.
    Tls {
        /// Such as `CERT_HAS_EXPIRED`.
        code: String,
        /// The host's text.
        text: String,
    },
    /// The server refused the token, and said why (RFC 7628 §3.2.2).
    Token {
        /// What it said: JSON as a rule. It is the server's word, not to be trusted: never fetch an address from it.
        answer: String,
    },
}

/// What the host tells of TLS once it is up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// Whether the server's certificate was verified for the name that the user configured (RFC 7817 §3).
    pub verified: bool,
    /// What a login can be bound to, best first (RFC 5056); empty if the host's TLS does not tell.
    pub channel_bindings: Vec<ChannelBinding>,
}

impl TlsInfo {
    /// TLS is up, and the certificate was verified or not.
    #[must_use]
    pub const fn new(verified: bool) -> Self {
        Self { verified, channel_bindings: Vec::new() }
    }

    /// The same with what a login can be bound to, best first.
    #[must_use]
    pub fn with_channel_bindings(mut self, bindings: Vec<ChannelBinding>) -> Self {
        self.channel_bindings = bindings;
        self
    }
}

/// The host's own error code and text for a failed handshake, verbatim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFailure {
    /// Such as `CERT_HAS_EXPIRED`.
    pub code: String,
    /// The host's text.
    pub text: String,
}

impl Failure {
    pub(crate) fn refused(stage: Stage, reply: Reply) -> Self {
        let outcome = reply.code().severity().into();
        Self { stage, outcome, data_sent: DataSent::None, cause: Cause::Refused, reply: Some(reply) }
    }

    /// The same for an operation that had no part in it: nothing is wrong with that one.
    pub(crate) fn of_another(mut self) -> Self {
        self.outcome = Outcome::Temporary;
        if let Cause::Error { error: Error::InvalidInput(_) } = self.cause {
            self.cause = Cause::Error { error: Error::Cancelled };
        }
        self
    }

    pub(crate) fn error(stage: Stage, error: Error) -> Self {
        Self {
            stage,
            outcome: outcome_of(error),
            data_sent: DataSent::None,
            cause: Cause::Error { error },
            reply: None,
        }
    }
}

/// What an error says of a message whose end was not sent.
fn outcome_of(error: Error) -> Outcome {
    use crate::error::PeerMisbehaved::{NotSmtp, PeerNotVerified};
    match error {
        Error::Cancelled | Error::LimitExceeded(_) | Error::TimedOut(_) | Error::UnexpectedEof(_) => {
            Outcome::Temporary
        }
        Error::PeerMisbehaved(NotSmtp(_) | PeerNotVerified) => Outcome::Permanent,
        Error::PeerMisbehaved(_) | Error::Unsupported(Unsupported::Messages) => Outcome::Temporary,
        Error::ApiMisuse(_) | Error::InvalidInput(_) | Error::TlsFailed | Error::Unsupported(_) => {
            Outcome::Permanent
        }
    }
}
