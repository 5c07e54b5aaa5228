//! What is wrong with a setting, and what to write instead.

use alloc::string::String;
use core::fmt;

use crate::error::InvalidInput;

/// A setting that cannot be used. Its text says what to write instead, and never shows a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// An authentication type that does not exist.
    AuthType(String),
    /// An authentication type that the list of mechanisms does not have.
    AuthTypeNotAllowed(String),
    /// A mechanism that exists and that this build does not have.
    AuthTypeNotBuiltIn(String),
    /// A setting that is either on or off has another value.
    Boolean(&'static str),
    /// A size of chunks out of its range.
    ChunkSize,
    /// A connection type that does not exist.
    ConnectType(String),
    /// One of the mechanisms does not take what was given: a token instead of a password, or the other way round. The
    /// setting that names it, and the names.
    CredentialKind(&'static str, String),
    /// Mechanisms are named, and nothing that they take is set.
    CredentialMissing(String),
    /// A password or a token for a mechanism that takes neither.
    CredentialNotUsed(String),
    /// The name for EHLO.
    HelloName(String),
    /// The server is neither a host name nor an address.
    Host(String),
    /// The user of EXTERNAL or the trace of ANONYMOUS has a control character, or is longer than 255 characters.
    Identity,
    /// `minIterations` is above `maxIterations`; which of them was set.
    IterationBounds(&'static str),
    /// A number of iterations that is none.
    Iterations(&'static str),
    /// LMTP without a port, or on port 25.
    LmtpPort,
    /// The default sender is no address.
    MailFrom(String, InvalidInput),
    /// A mechanism of the host's own together with what chooses among the built-in ones.
    MechanismAlone,
    /// The name of a mechanism of the host's own cannot be one.
    MechanismName(String),
    /// A list of mechanisms has a name that is not built in.
    Mechanisms(String),
    /// A duration that is not a number of milliseconds.
    Milliseconds(&'static str),
    /// A list of mechanisms without any.
    NoMechanisms,
    /// A user is set and no password.
    PasswordMissing,
    /// A way of sending ahead that does not exist.
    Pipelining(String),
    /// A port that is not a number from 1 to 65535.
    Port(String),
    /// A URL of another scheme than `smtp:` and `smtps:`.
    Scheme(String),
    /// No server is set.
    ServerMissing,
    /// The token has a character that no token has.
    Token,
    /// A token and a password are set.
    TokenAndPassword,
    /// A mechanism that takes a token, and there is none.
    TokenMissing,
    /// A setting of this name does not exist.
    Unknown(String),
    /// A URL with a part that has no meaning here.
    Url(&'static str),
    /// A password or a token is set and no user.
    UserMissing,
    /// The user or the password has a NUL character.
    UserOrPassword,
    /// Attributes for XCLIENT that are none.
    XClient,
}

impl SettingsError {
    /// The setting that is wrong, by the name that it has in JavaScript.
    #[must_use]
    pub fn setting(&self) -> &str {
        match self {
            Self::AuthType(_) | Self::AuthTypeNotAllowed(_) | Self::AuthTypeNotBuiltIn(_) => "authType",
            Self::Boolean(name)
            | Self::CredentialKind(name, _)
            | Self::IterationBounds(name)
            | Self::Iterations(name)
            | Self::Milliseconds(name) => name,
            Self::CredentialMissing(_) | Self::Identity | Self::UserMissing | Self::UserOrPassword => "user",
            Self::MechanismAlone | Self::MechanismName(_) => "mechanism",
            Self::ChunkSize => "chunkSize",
            Self::ConnectType(_) => "connectType",
            Self::HelloName(_) => "heloDomain",
            Self::Host(_) | Self::Scheme(_) | Self::ServerMissing | Self::Url(_) => "server",
            Self::MailFrom(..) => "mailFrom",
            Self::Mechanisms(_) | Self::NoMechanisms => "authMechanisms",
            Self::CredentialNotUsed(_) | Self::PasswordMissing => "password",
            Self::LmtpPort | Self::Port(_) => "port",
            Self::Pipelining(_) => "pipelining",
            Self::Token | Self::TokenAndPassword | Self::TokenMissing => "token",
            Self::Unknown(name) => name,
            Self::XClient => "xclient",
        }
    }
}

impl SettingsError {
    /// What is wrong, and what to write instead.
    #[must_use]
    pub fn message(&self) -> String {
        let (quoted, advice) = match self {
            Self::AuthType(value) if value.to_ascii_uppercase().ends_with("-PLUS") => (
                value,
                " is not an authentication type; the form without -PLUS uses it where both sides can, and \
                 authMechanisms takes it to use nothing else",
            ),
            Self::AuthType(value) => (
                value,
                " is not an authentication type; write authAuto to let the server's offer decide, or a mechanism \
                 such as authPlain, authLogin or authCramMd5",
            ),
            Self::AuthTypeNotAllowed(value) => {
                (value, " is the authentication type, but authMechanisms does not allow it; set one of the two")
            }
            Self::AuthTypeNotBuiltIn(value) => (
                value,
                " is not built into this package; write authAuto, or bring it as a mechanism of your own",
            ),
            Self::Boolean(name) => return [name, " must be true or false"].concat(),
            Self::ChunkSize => return "chunkSize must be a number of octets from 64 to 16777216".into(),
            Self::ConnectType(value) => (
                value,
                " is not a connection type; write connectNormal, connectSSLAuto, connectSTARTTLS, connectDirectSSL \
                 or connectTryTLS",
            ),
            Self::CredentialKind(_, value) => (
                value,
                " does not go with what is set: OAUTHBEARER and XOAUTH2 take a token, EXTERNAL and ANONYMOUS nothing, \
                 the others a password; name only those",
            ),
            Self::CredentialMissing(value) => {
                (value, " is to be used, but neither user and password nor a token is set")
            }
            Self::CredentialNotUsed(value) => (value, " takes neither a password nor a token; set none"),
            Self::HelloName(value) => {
                (value, " cannot be heloDomain; write a full host name, or an address as [192.0.2.1]")
            }
            Self::Host(value) => (
                value,
                " is not a server; write a host name or an address, with the port behind a space or a colon: \
                 \"mail.example.com 587\", \"[::1]:587\"",
            ),
            Self::Identity => {
                return "user is not sent as a name here, but it must have no control character and at most 255 characters"
                    .into();
            }
            Self::IterationBounds(name) => {
                return [name, " does not fit: minIterations (4096 unless set) must not be above maxIterations (600000)"]
                    .concat();
            }
            Self::Iterations(name) => return [name, " must be a number from 1 to 4294967295"].concat(),
            Self::LmtpPort => {
                return "LMTP has no port of its own and is never spoken on port 25; set the port that the server is configured for"
                    .into();
            }
            Self::MailFrom(value, error) => {
                return ["\"", value, "\" cannot be mailFrom: ", error.message()].concat();
            }
            Self::MechanismAlone => {
                return "a mechanism of your own replaces the built-in ones: set neither token, authType nor \
                        authMechanisms with it"
                    .into();
            }
            Self::MechanismName(value) => {
                (value, " cannot be the name of a mechanism: 1 to 20 of A to Z, digits, - and _")
            }
            Self::Mechanisms(value) => (
                value,
                " is not a built-in mechanism; write names such as SCRAM-SHA-256, PLAIN or XOAUTH2",
            ),
            Self::Milliseconds(name) => return [name, " must be a number of milliseconds"].concat(),
            Self::NoMechanisms => {
                return "authMechanisms names no mechanism; name at least one, or leave it out".into();
            }
            Self::PasswordMissing => {
                return "user is set but password is not; set both or neither".into();
            }
            Self::Pipelining(value) => {
                (value, " is not a way of pipelining; write acrossMessages, withinMessage or never")
            }
            Self::Port(value) => (value, " is not a port; write a number from 1 to 65535, such as 587"),
            Self::Scheme(value) => (value, " is not a scheme for a mail server; write smtp:// or smtps://"),
            Self::ServerMissing => {
                return "no server is set; write its host name or its address".into();
            }
            Self::Token => {
                return "the token must be visible ASCII; give the access token alone, without \"Bearer\""
                    .into();
            }
            Self::TokenAndPassword => return "a token and a password are set; set one of them".into(),
            Self::TokenMissing => return "this authentication type takes a token; set token".into(),
            Self::Unknown(value) => (value, " is not a setting"),
            Self::Url(part) => return ["the URL of the server must have no ", part].concat(),
            Self::UserMissing => {
                return "a password or a token is set but user is not; set both or neither".into();
            }
            Self::UserOrPassword => return "user and password must not have a NUL character, nor the user of a token any control character".into(),
            Self::XClient => return "xclient must be attributes such as NAME=host.example ADDR=192.0.2.1, at most 500 characters".into(),
        };
        ["\"", quoted, "\"", advice].concat()
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl core::error::Error for SettingsError {}
