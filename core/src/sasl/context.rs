//! What a mechanism may need to know of the session that it runs in.

use alloc::vec::Vec;

use super::ExchangeError;
use crate::base64;

/// What ties a login to its TLS channel (RFC 5056), as the host's TLS tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266): 32 octets for the label `EXPORTER-Channel-Binding` with an empty context. The one for
    /// TLS 1.3.
    TlsExporter(Vec<u8>),
    /// `tls-server-end-point` (RFC 5929 §4): the hash of the server's certificate, by the hash of its signature, or by
    /// SHA-256 where that is MD5 or SHA-1.
    TlsServerEndPoint(Vec<u8>),
    /// `tls-unique` (RFC 5929 §3): the first Finished message of the handshake. Not to be had with TLS 1.3.
    TlsUnique(Vec<u8>),
}

impl ChannelBinding {
    /// The channel binding of this name; `None` for one that is not known here.
    #[must_use]
    pub fn new(name: &str, data: Vec<u8>) -> Option<Self> {
        match name {
            "tls-exporter" => Some(Self::TlsExporter(data)),
            "tls-server-end-point" => Some(Self::TlsServerEndPoint(data)),
            "tls-unique" => Some(Self::TlsUnique(data)),
            _ => None,
        }
    }

    /// The name of its type.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TlsExporter(_) => "tls-exporter",
            Self::TlsServerEndPoint(_) => "tls-server-end-point",
            Self::TlsUnique(_) => "tls-unique",
        }
    }

    /// Its octets.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match self {
            Self::TlsExporter(data) | Self::TlsServerEndPoint(data) | Self::TlsUnique(data) => data,
        }
    }
}

/// What a mechanism may need to know of the session that it runs in.
///
/// ```
/// use sansmtp::sasl::Context;
/// // For a test of a mechanism.
/// let context = Context { host: "mail.example.com", port: 587, ..Context::default() };
/// # assert!(context.channel_bindings.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the host knows of the TLS channel, in its order of preference; nothing on a connection in clear.
    pub channel_bindings: &'a [ChannelBinding],
    /// Above how many iterations a key is derived by the host; `None`: never.
    pub derive_above: Option<u32>,
    /// Randomness of the host's.
    pub entropy: &'a [u8; 32],
    /// The server's host name or address, as the user gave it.
    pub host: &'a str,
    /// Whether the user named the mechanism, instead of leaving the choice to the session.
    pub is_named: bool,
    /// How many iterations a server may ask for, least and most.
    pub iterations: (u32, u32),
    /// Whether the server offers any form of SCRAM with `-PLUS`.
    pub offers_plus: bool,
    /// The server's port.
    pub port: u16,
    /// Seconds since 1970; 0 if the host does not tell.
    pub unix_time: u64,
}

impl Default for Context<'_> {
    /// No TLS, no randomness, and the iterations of [`Limits`](crate::Limits).
    fn default() -> Self {
        let limits = crate::Limits::default();
        Self {
            channel_bindings: &[],
            derive_above: None,
            entropy: &[0; 32],
            host: "",
            is_named: false,
            iterations: (limits.min_iterations, limits.max_iterations),
            offers_plus: false,
            port: 25,
            unix_time: 0,
        }
    }
}

impl Context<'_> {
    /// A nonce of `octets` random octets in base64, which has no comma, quote or space.
    ///
    /// # Errors
    /// [`ExchangeError::Entropy`] if the host gave no randomness.
    pub fn nonce(&self, octets: usize) -> Result<Vec<u8>, ExchangeError> {
        self.random(octets).map(|random| base64::encode(random).to_vec())
    }

    /// Some of the host's randomness.
    ///
    /// # Errors
    /// [`ExchangeError::Entropy`] if the host gave none: all octets are the same.
    pub fn random(&self, octets: usize) -> Result<&[u8], ExchangeError> {
        let [first, rest @ ..] = self.entropy;
        if rest.iter().all(|octet| octet == first) {
            return Err(ExchangeError::Entropy);
        }
        self.entropy.get(..octets).ok_or(ExchangeError::Entropy)
    }
}
