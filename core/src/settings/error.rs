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
    /// A mechanism that exists and that this build does not have.
    AuthTypeNotBuiltIn(String),
    /// A setting that is either on or off has another value.
    Boolean(&'static str),
    /// A connection type that does not exist.
    ConnectType(String),
    /// None of the mechanisms takes what was given: a token instead of a password, or the other way round.
    CredentialKind(String),
    /// A password or a token for a mechanism that takes neither.
    CredentialNotUsed(String),
    /// The name for EHLO.
    HelloName(String),
    /// The server is neither a host name nor an address.
    Host(String),
    /// A number of iterations that is none.
    Iterations(&'static str),
    /// The default sender is no address.
    MailFrom(String, InvalidInput),
    /// A list of mechanisms has a name that cannot be one, or is empty.
    Mechanisms(String),
    /// A duration that is not a number of milliseconds.
    Milliseconds(&'static str),
    /// A user is set and no password.
    PasswordMissing,
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
}

impl SettingsError {
    /// The setting that is wrong, by the name that it has in JavaScript.
    #[must_use]
    pub fn setting(&self) -> &str {
        match self {
            Self::AuthType(_) | Self::AuthTypeNotBuiltIn(_) | Self::CredentialKind(_) => "authType",
            Self::Boolean(name) | Self::Iterations(name) | Self::Milliseconds(name) => name,
            Self::ConnectType(_) => "connectType",
            Self::HelloName(_) => "heloDomain",
            Self::Host(_) | Self::Scheme(_) | Self::ServerMissing | Self::Url(_) => "server",
            Self::MailFrom(..) => "mailFrom",
            Self::Mechanisms(_) => "authMechanisms",
            Self::CredentialNotUsed(_) | Self::PasswordMissing => "password",
            Self::Port(_) => "port",
            Self::Token | Self::TokenAndPassword | Self::TokenMissing => "token",
            Self::Unknown(name) => name,
            Self::UserMissing | Self::UserOrPassword => "user",
        }
    }
}

impl SettingsError {
    /// What is wrong, and what to write instead.
    #[must_use]
    pub fn message(&self) -> String {
        let (quoted, advice) = match self {
            Self::AuthType(value) => (
                value,
                " is not an authentication type; write authAuto to let the server's offer decide, or a mechanism \
                 such as authPlain, authLogin or authCramMd5",
            ),
            Self::AuthTypeNotBuiltIn(value) => (
                value,
                " is not built into this package; write authAuto, or bring it as a mechanism of your own",
            ),
            Self::Boolean(name) => return [name, " must be true or false"].concat(),
            Self::ConnectType(value) => (
                value,
                " is not a connection type; write connectNormal, connectSSLAuto, connectSTARTTLS, connectDirectSSL \
                 or connectTryTLS",
            ),
            Self::CredentialKind(value) => (
                value,
                " does not take what is set; OAUTHBEARER and XOAUTH2 take a token, the others a password",
            ),
            Self::CredentialNotUsed(value) => (value, " takes neither a password nor a token; set none"),
            Self::HelloName(value) => {
                (value, " cannot be heloDomain; write a full host name, or an address as [192.0.2.1]")
            }
            Self::Host(value) => (
                value,
                " is not a server; write a host name or an address, with the port behind a space or a colon: \
                 \"mail.example.com 587\", \"[::1]:587\"",
            ),
            Self::Iterations(name) => return [name, " must be a number from 1 to 4294967295"].concat(),
            Self::MailFrom(value, error) => {
                return ["\"", value, "\" cannot be mailFrom: ", error.message()].concat();
            }
            Self::Mechanisms(value) => (
                value,
                " is not a list of built-in mechanisms; write their names in the order of preference, such as \
                 \"PLAIN LOGIN\"",
            ),
            Self::Milliseconds(name) => return [name, " must be a number of milliseconds"].concat(),
            Self::PasswordMissing => {
                return "user is set but password is not; set both or neither".into();
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
            Self::UserOrPassword => return "user and password must not have a NUL character".into(),
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
