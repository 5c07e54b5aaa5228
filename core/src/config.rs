//! How a session is to behave. Everything is decided before it starts.

use alloc::string::String;

use crate::envelope::HelloName;
use crate::reply;
use crate::sasl::Authentication;
use crate::time::Timeouts;
use crate::xclient::XClient;

/// When TLS comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum TlsMode {
    /// Before the first octet (RFC 8314 §3).
    Implicit,
    /// By STARTTLS (RFC 3207), when the host calls [`Client::establish_tls`](crate::Client::establish_tls).
    Manual,
    /// Not at all, even if it is offered.
    Never,
    /// By STARTTLS if it is offered. If it is not, the session goes on in clear, says so by
    /// [`Event::TlsDowngraded`](crate::Event::TlsDowngraded), and carries no credentials.
    Opportunistic,
    /// By STARTTLS; without it the session fails.
    Required,
}

/// What becomes of a message when some of its recipients are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecipientPolicy {
    /// It goes to those that were accepted.
    #[default]
    Accepted,
    /// It goes to all or to none. Costs a round trip: DATA waits for every answer.
    AllOrNone,
}

/// Which commands are sent before the replies to those before them are there, where the server offers PIPELINING
/// (RFC 2920).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pipelining {
    /// Those of a message, and those of the next message behind the end of the one before.
    #[default]
    AcrossMessages,
    /// None: for a server that offers it and does not keep to it.
    Never,
    /// Those of a message.
    WithinMessage,
}

/// The bounds of a session's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// What the server may send.
    pub reply: reply::Limits,
    /// Octets of commands without an answer that may be under way: 32 KiB, so that neither side blocks
    /// (RFC 2920 §3.1).
    pub in_flight: usize,
    /// Octets of a message in one BDAT: 64 KiB. They are kept until the chunk is complete.
    pub chunk: usize,
    /// Chunks of one message without an answer that may be under way: 64.
    pub chunks: usize,
    /// Messages without an answer that may be under way, where one follows the other: 8. If the connection breaks, nobody
    /// knows what became of them.
    pub messages: usize,
    /// Octets of a message that wait to be written: 64 KiB.
    pub transmit: usize,
    /// The least iterations of a key derivation that a server may ask for: 4096 (RFC 7677 §4). Fewer would let a server
    /// (or who plays it) guess the password cheaply.
    pub min_iterations: u32,
    /// The most: 600,000. More would keep the client busy.
    pub max_iterations: u32,
    /// Octets of a transcript that wait to be taken: 256 KiB. Past it, lines are left out, and counted.
    pub transcript: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reply: reply::Limits::default(),
            in_flight: 32 << 10,
            chunk: 64 << 10,
            chunks: 64,
            messages: 8,
            transmit: 64 << 10,
            min_iterations: 4096,
            max_iterations: 600_000,
            transcript: 256 << 10,
        }
    }
}

/// How a session is to behave.
///
/// ```
/// use sansmtp::{Config, TlsMode, sasl::Authentication};
/// let mut config = Config::new(TlsMode::Required);
/// config.authentication = Some(Authentication::password("ann@example.com", "secret")?);
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// When TLS comes.
    pub tls: TlsMode,
    /// Whether a host that reports an unverified certificate ends the session. `true`.
    pub verify_peer: bool,
    /// The name for EHLO.
    pub hello: HelloName,
    /// Who logs in. `None`: nobody.
    pub authentication: Option<Authentication>,
    /// The server's host name or address as the user gave it, for mechanisms that name it: OAUTHBEARER, NTLM, DIGEST-MD5.
    pub server_name: String,
    /// The server's port, for OAUTHBEARER. 25.
    pub port: u16,
    /// 32 random octets, for mechanisms that need them: SCRAM, NTLM, DIGEST-MD5. All zero, the default, is refused when
    /// one of them is used. Never give the same to two sessions.
    pub entropy: [u8; 32],
    /// Seconds since 1970, for NTLM with servers that tell no time. 0: not known.
    pub unix_time: u64,
    /// Whether SCRAM is bound to the TLS channel where host and server can (RFC 5802 §6). `true`; `false` for a server
    /// behind something that ends TLS for it.
    pub channel_binding: bool,
    /// Above how many iterations the host derives the key, by [`AuthNeeds::DerivedKey`](crate::AuthNeeds::DerivedKey),
    /// for a host that must not be kept busy. `None`: the core always does.
    pub derive_above: Option<u32>,
    /// Whether credentials may go out in clear. It counts with [`TlsMode::Never`] only: a connection that could
    /// have been encrypted and is not never carries them. `false`.
    pub allow_insecure_auth: bool,
    /// Whether the server speaks LMTP (RFC 2033): LHLO, and an answer for each recipient. `false`. Never on port 25.
    pub lmtp: bool,
    /// Which commands are sent ahead.
    pub pipelining: Pipelining,
    /// What becomes of a message when some of its recipients are refused.
    pub recipients: RecipientPolicy,
    /// Whom the server is to take the client for, in a test set-up. `None`.
    pub xclient: Option<XClient>,
    /// Whether a [transcript](crate::transcript) is kept. `false`.
    pub transcript: bool,
    /// Bounds of memory.
    pub limits: Limits,
    /// How long each phase may take.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults with this TLS mode.
    #[must_use]
    pub fn new(tls: TlsMode) -> Self {
        Self {
            tls,
            verify_peer: true,
            hello: HelloName::default(),
            authentication: None,
            server_name: String::new(),
            port: 25,
            entropy: [0; 32],
            unix_time: 0,
            channel_binding: true,
            derive_above: None,
            allow_insecure_auth: false,
            lmtp: false,
            pipelining: Pipelining::default(),
            recipients: RecipientPolicy::default(),
            xclient: None,
            transcript: false,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}
