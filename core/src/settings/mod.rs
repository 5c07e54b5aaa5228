//! The settings of a session as people write them, for every front end: one server, one port, how the connection is
//! secured, who logs in and how. [`Server::resolve`] makes a [`Config`] of them and says what was chosen.

mod auth_type;
mod connect_type;
mod error;
mod server_text;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use auth_type::AuthType;
pub use connect_type::ConnectType;
pub use error::SettingsError;

use crate::config::{Config, Pipelining, RecipientPolicy, TlsMode};
use crate::decimal;
use crate::envelope::{HelloName, ReversePath};
use crate::error::InvalidInput;
use crate::sasl::{Authentication, MechanismName};
use crate::secret::Secret;
use crate::xclient::XClient;

/// The settings of a session as people write them.
///
/// ```
/// use sansmtp::TlsMode;
/// use sansmtp::settings::Server;
/// let mut server = Server::parse("mail.example.com 587")?;
/// server.set("connectType", "connectSSLAuto")?;
/// server.set("user", "ann@example.com")?;
/// server.set("password", "secret")?;
/// let resolved = server.resolve()?;
/// assert_eq!((resolved.port, resolved.config.tls), (587, TlsMode::Required));
/// # Ok::<(), sansmtp::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    host: String,
    port: Option<u16>,
    connect_type: Option<ConnectType>,
    legacy: Legacy,
    auth_type: AuthType,
    mechanisms: Vec<MechanismName>,
    host_mechanism: Option<MechanismName>,
    user: String,
    password: Secret,
    token: Option<Secret>,
    token_provider: bool,
    prepared_user: Option<String>,
    prepared_password: Option<Secret>,
    upper_user: Option<String>,
    channel_binding: bool,
    iterations: [Option<u32>; 2],
    hello: HelloName,
    mail_from: Option<ReversePath>,
    allow_insecure_auth: bool,
    all_or_none: bool,
    verify_peer: bool,
    greeting_timeout: Option<Duration>,
    lmtp: bool,
    pipelining: Pipelining,
    chunk_size: Option<usize>,
    xclient: Option<XClient>,
}

/// How older products say how the connection is secured: in up to three settings.
#[derive(Clone, Copy, Debug, Default)]
struct Legacy {
    use_ssl: Option<bool>,
    use_start_tls: Option<bool>,
}

/// A [`Config`], where to connect, and what was chosen for the user.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The server's host name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the session is to behave.
    pub config: Config,
    /// The sender for messages that name none.
    pub mail_from: Option<ReversePath>,
    /// What was chosen because it was not said.
    pub choices: Vec<Choice>,
}

/// A setting that was chosen, so that a user can pin it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Choice {
    /// The setting by its JavaScript name.
    pub setting: &'static str,
    /// What was chosen.
    pub value: String,
    /// Why.
    pub reason: &'static str,
}

impl Server {
    /// A server from `host`, `host port`, `host:port`, `[::1]:port`, `smtp://…` or `smtps://…`, the last two with or
    /// without `user:password@`.
    ///
    /// # Errors
    /// [`SettingsError`] says what to write instead.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let parsed = server_text::parse(text)?;
        Ok(Self {
            host: parsed.host,
            port: parsed.port,
            connect_type: parsed.is_smtps.then_some(ConnectType::DirectSsl),
            legacy: Legacy::default(),
            auth_type: AuthType::Auto,
            mechanisms: Vec::new(),
            host_mechanism: None,
            user: parsed.user.unwrap_or_default(),
            password: Secret::from(parsed.password.unwrap_or_default()),
            token: None,
            token_provider: false,
            prepared_user: None,
            prepared_password: None,
            upper_user: None,
            channel_binding: true,
            iterations: [None; 2],
            hello: HelloName::default(),
            mail_from: None,
            allow_insecure_auth: false,
            all_or_none: false,
            verify_peer: true,
            greeting_timeout: None,
            lmtp: false,
            pipelining: Pipelining::default(),
            chunk_size: None,
            xclient: None,
        })
    }

    /// The host name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if it was given.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The connection type, if it was given.
    #[must_use]
    pub const fn given_connect_type(&self) -> Option<ConnectType> {
        self.connect_type
    }

    /// The user; empty if there is none.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password; empty if there is none.
    #[must_use]
    pub const fn password(&self) -> &Secret {
        &self.password
    }

    /// Sets one setting by its name, in any case, from text. The names are those of the JavaScript `SmtpServer` and
    /// their synonyms in other products:
    ///
    /// | setting | synonyms | value |
    /// |---|---|---|
    /// | `server` | `host` | as for [`Self::parse`], without the port |
    /// | `port` | | 1 to 65535; empty or 0: chosen |
    /// | `connectType` | `sslMode` | see [`ConnectType::parse`] |
    /// | | `useSSL`, `SSL.Enabled`, `secure` | `true` or `false`; the port decides what `true` means |
    /// | | `SSL.UseStartTLS` | `true` or `false` |
    /// | `authType` | | see [`AuthType::parse`] |
    /// | `authMechanisms` | | names, separated by spaces or commas: only these, in this order; at least one |
    /// | `hostMechanism` | | the name of a mechanism that the host carries out, with credentials of its own |
    /// | `user` | `userName` | |
    /// | `password` | `pass` | |
    /// | `token` | `accessToken` | for OAUTHBEARER and XOAUTH2, instead of a password |
    /// | `tokenProvider` | | `true`: the host brings the token when it is needed |
    /// | `preparedUser`, `preparedPassword` | | in the form of SASLprep, for a build that cannot do it |
    /// | `upperUser` | | the user in upper case, for such a build |
    /// | `channelBinding` | | `true` or `false`: whether SCRAM may be bound to the TLS channel |
    /// | `minIterations`, `maxIterations` | | of a key derivation that a server may ask for |
    /// | `heloDomain` | `name` | a full host name, or an address in brackets; empty: `[127.0.0.1]` |
    /// | `mailFrom` | | an address |
    /// | `allowInsecureAuth` | | `true` or `false` |
    /// | `allOrNone` | | `true` or `false` |
    /// | `rejectUnauthorized` | | `true` or `false` |
    /// | `greetingTimeout` | | milliseconds |
    /// | `lmtp` | | `true` or `false`: whether the server speaks LMTP |
    /// | `pipelining` | | `acrossMessages`, `withinMessage` or `never`: see [`Pipelining`] |
    /// | `chunkSize` | | octets of a message in one BDAT, 64 to 16777216 |
    /// | `xclient` | | attributes for a test set-up, see [`XClient::parse`] |
    ///
    /// # Errors
    /// [`SettingsError`] says what to write instead; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingsError> {
        match name.to_ascii_lowercase().as_str() {
            "server" | "host" => self.host = server_text::host(value.trim_ascii())?,
            "port" => {
                self.port = if matches!(value, "" | "0") { None } else { Some(server_text::port(value)?) };
            }
            "connecttype" | "sslmode" => self.connect_type = Some(ConnectType::parse(value)?),
            "usessl" | "ssl.enabled" | "secure" => self.legacy.use_ssl = Some(boolean("useSSL", value)?),
            "ssl.usestarttls" | "usestarttls" => {
                self.legacy.use_start_tls = Some(boolean("SSL.UseStartTLS", value)?);
            }
            "authtype" => self.auth_type = AuthType::parse(value)?,
            "authmechanisms" => self.mechanisms = mechanisms(value)?,
            "hostmechanism" => {
                let parsed =
                    MechanismName::parse(value).map_err(|_| SettingsError::MechanismName(value.into()))?;
                self.host_mechanism = Some(parsed);
            }
            "user" | "username" => self.user = value.into(),
            "password" | "pass" => self.password = Secret::from(value),
            "token" | "accesstoken" => self.token = Some(Secret::from(value)).filter(|_| !value.is_empty()),
            "tokenprovider" => self.token_provider = boolean("tokenProvider", value)?,
            "prepareduser" => self.prepared_user = Some(value.into()),
            "preparedpassword" => self.prepared_password = Some(Secret::from(value)),
            "upperuser" => self.upper_user = Some(value.into()),
            "channelbinding" => self.channel_binding = boolean("channelBinding", value)?,
            "miniterations" => self.iterations[0] = Some(iterations("minIterations", value)?),
            "maxiterations" => self.iterations[1] = Some(iterations("maxIterations", value)?),
            "helodomain" | "name" if value.is_empty() => self.hello = HelloName::default(),
            "helodomain" | "name" => {
                self.hello = HelloName::parse(value).map_err(|_| SettingsError::HelloName(value.into()))?;
            }
            "mailfrom" => {
                let parsed = ReversePath::parse(value)
                    .map_err(|error| SettingsError::MailFrom(value.into(), error))?;
                self.mail_from = Some(parsed).filter(|_| !value.is_empty());
            }
            "allowinsecureauth" => self.allow_insecure_auth = boolean("allowInsecureAuth", value)?,
            "allornone" => self.all_or_none = boolean("allOrNone", value)?,
            "greetingtimeout" => {
                let millis = decimal::parse(value).ok_or(SettingsError::Milliseconds("greetingTimeout"))?;
                self.greeting_timeout = Some(Duration::from_millis(millis));
            }
            "lmtp" => self.lmtp = boolean("lmtp", value)?,
            "pipelining" => self.pipelining = pipelining(value)?,
            "chunksize" => {
                let octets = decimal::parse(value).and_then(|octets| usize::try_from(octets).ok());
                let octets = octets.filter(|octets| (64..=16 << 20).contains(octets));
                self.chunk_size = Some(octets.ok_or(SettingsError::ChunkSize)?);
            }
            "xclient" => {
                self.xclient = match value {
                    "" => None,
                    _ => Some(XClient::parse(value).map_err(|_| SettingsError::XClient)?),
                };
            }
            "rejectunauthorized" => self.verify_peer = boolean("rejectUnauthorized", value)?,
            _ => return Err(SettingsError::Unknown(name.into())),
        }
        Ok(())
    }

    /// Checks the settings against each other and chooses what was left open.
    ///
    /// # Errors
    /// [`SettingsError`] says what to write instead.
    pub fn resolve(&self) -> Result<Resolved, SettingsError> {
        let mut choices = Vec::new();
        let connect_type = self.connect_type(&mut choices);
        // RFC 2033 §5: never on the port of SMTP, and it has none of its own.
        if self.lmtp && self.port.is_none_or(|port| port == 25) {
            return Err(SettingsError::LmtpPort);
        }
        let port = self.port.unwrap_or_else(|| {
            let port = connect_type.default_port();
            let reason = if port == 465 { "TLS comes first" } else { "no port was given" };
            choices.push(Choice { setting: "port", value: decimal::text(port), reason });
            port
        });
        let tls = connect_type.tls_mode(port);
        if connect_type == ConnectType::SslAuto {
            let (value, reason) = if tls == TlsMode::Required {
                ("connectSTARTTLS", "ports 25 and 587 start in clear")
            } else {
                ("connectDirectSSL", "on this port TLS comes first")
            };
            choices.push(Choice { setting: "connectType", value: value.into(), reason });
        }
        let mut config = Config::new(tls);
        config.hello = self.hello.clone();
        config.authentication = self.authentication()?;
        config.allow_insecure_auth = self.allow_insecure_auth;
        config.verify_peer = self.verify_peer;
        config.server_name.clone_from(&self.host);
        config.port = port;
        config.channel_binding = self.channel_binding;
        let [least, most] = self.iterations;
        config.limits.min_iterations = least.unwrap_or(config.limits.min_iterations);
        config.limits.max_iterations = most.unwrap_or(config.limits.max_iterations);
        if config.limits.min_iterations > config.limits.max_iterations {
            let wrong = if least.is_some() { "minIterations" } else { "maxIterations" };
            return Err(SettingsError::IterationBounds(wrong));
        }
        if let Some(greeting) = self.greeting_timeout {
            config.timeouts.greeting = greeting;
        }
        config.lmtp = self.lmtp;
        config.pipelining = self.pipelining;
        config.limits.chunk = self.chunk_size.unwrap_or(config.limits.chunk);
        config.xclient.clone_from(&self.xclient);
        if self.all_or_none {
            config.recipients = RecipientPolicy::AllOrNone;
        }
        Ok(Resolved { host: self.host.clone(), port, config, mail_from: self.mail_from.clone(), choices })
    }

    /// What is said by its own name wins; then what older products say; else [`ConnectType::TryTls`].
    fn connect_type(&self, choices: &mut Vec<Choice>) -> ConnectType {
        if let Some(connect_type) = self.connect_type {
            return connect_type;
        }
        let (connect_type, reason) = match (self.legacy.use_ssl, self.legacy.use_start_tls) {
            (Some(false), _) => (ConnectType::Normal, "useSSL is false"),
            (_, Some(true)) => (ConnectType::StartTls, "SSL.UseStartTLS is true"),
            (Some(true), Some(false)) => (ConnectType::DirectSsl, "SSL.UseStartTLS is false"),
            (Some(true), None) => (ConnectType::SslAuto, "useSSL is true, and the port says how"),
            (None, Some(false) | None) => (ConnectType::TryTls, "no connection type was given"),
        };
        choices.push(Choice { setting: "connectType", value: connect_type.name().into(), reason });
        connect_type
    }

    /// What is set says what is meant: a token, a password, or neither. A mechanism that is named and cannot be used with it
    /// is an error, never left out.
    fn authentication(&self) -> Result<Option<Authentication>, SettingsError> {
        let has_password = !self.password.expose().is_empty();
        let has_token = self.token.is_some() || self.token_provider;
        if let Some(mechanism) = &self.host_mechanism {
            if has_token || self.auth_type != AuthType::Auto || !self.mechanisms.is_empty() {
                return Err(SettingsError::MechanismAlone);
            }
            let login = Authentication::host(mechanism.clone());
            return Ok(Some(login.hiding(&self.user, self.password.clone())));
        }
        let mut allowed = self.mechanisms.clone();
        if let Some(forced) = self.auth_type.mechanism() {
            if !forced.is_built_in() {
                return Err(SettingsError::AuthTypeNotBuiltIn(forced.as_str().into()));
            }
            if !allowed.is_empty() && !allowed.contains(&forced) {
                return Err(SettingsError::AuthTypeNotAllowed(forced.as_str().into()));
            }
            allowed = [forced].into();
        }
        let names = allowed.iter().map(MechanismName::as_str).collect::<Vec<_>>().join(" ");
        if let [name] = allowed.as_slice()
            && let Some(login) = self.without_password(name)
        {
            return if has_password || has_token {
                Err(SettingsError::CredentialNotUsed(names))
            } else {
                login.map(Some).map_err(|_| SettingsError::Identity)
            };
        }
        if allowed.iter().any(|name| self.without_password(name).is_some()) {
            return Err(SettingsError::CredentialKind("authMechanisms", names));
        }
        // The reference API gives the token as the password.
        let takes_token = |name: &MechanismName| matches!(name.as_str(), "OAUTHBEARER" | "XOAUTH2");
        let only_tokens = !allowed.is_empty() && allowed.iter().all(takes_token);
        let is_token = has_token || self.auth_type.takes_token() || (only_tokens && !has_password);
        if has_password && has_token {
            return Err(SettingsError::TokenAndPassword);
        }
        match (self.user.is_empty(), has_password || has_token) {
            (true, true) => return Err(SettingsError::UserMissing),
            (false, false) if is_token => return Err(SettingsError::TokenMissing),
            (false, false) => return Err(SettingsError::PasswordMissing),
            (true, false) if allowed.is_empty() => return Ok(None),
            (true, false) => return Err(SettingsError::CredentialMissing(names)),
            (false, true) => {}
        }
        let login = if !is_token {
            Authentication::password(&self.user, self.password.clone())
        } else if self.token_provider {
            Authentication::token_provider(&self.user)
        } else {
            Authentication::token(&self.user, self.token.as_ref().unwrap_or(&self.password).clone())
        };
        let mut login = login.map_err(|error| match error {
            InvalidInput::Token => SettingsError::Token,
            _ => SettingsError::UserOrPassword,
        })?;
        if let Some(password) = &self.prepared_password {
            let user = self.prepared_user.as_deref().unwrap_or(&self.user);
            login = login.prepared(user, password.clone());
        }
        if let Some(upper) = &self.upper_user {
            login = login.upper_case(upper);
        }
        if allowed.is_empty() {
            return Ok(Some(login));
        }
        let setting = if self.auth_type == AuthType::Auto { "authMechanisms" } else { "authType" };
        login.with_mechanisms(allowed).map(Some).map_err(|_| SettingsError::CredentialKind(setting, names))
    }

    /// The login by a mechanism that takes neither a password nor a token.
    #[allow(unused_variables, reason = "as many as there are features")]
    fn without_password(&self, name: &MechanismName) -> Option<Result<Authentication, InvalidInput>> {
        match name.as_str() {
            #[cfg(feature = "anonymous")]
            "ANONYMOUS" => Some(Authentication::anonymous(&self.user)),
            #[cfg(feature = "external")]
            "EXTERNAL" => Some(Authentication::external(&self.user)),
            _ => None,
        }
    }
}

fn iterations(name: &'static str, value: &str) -> Result<u32, SettingsError> {
    let number = decimal::parse(value).and_then(|number| u32::try_from(number).ok());
    number.filter(|number| *number > 0).ok_or(SettingsError::Iterations(name))
}

fn pipelining(value: &str) -> Result<Pipelining, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "acrossmessages" => Ok(Pipelining::AcrossMessages),
        "withinmessage" => Ok(Pipelining::WithinMessage),
        "never" => Ok(Pipelining::Never),
        _ => Err(SettingsError::Pipelining(value.into())),
    }
}

/// A number of one of the JavaScript enumerations.
fn enumerated(text: &str) -> Option<i8> {
    let digits = text.strip_prefix('-');
    let number = i8::try_from(decimal::parse(digits.unwrap_or(text))?).ok()?;
    Some(if digits.is_some() { -number } else { number })
}

fn boolean(name: &'static str, value: &str) -> Result<bool, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err(SettingsError::Boolean(name)),
    }
}

fn mechanisms(value: &str) -> Result<Vec<MechanismName>, SettingsError> {
    let parse = |name: &str| MechanismName::parse(name).ok().filter(MechanismName::is_built_in);
    let names = value.split([' ', ',']).filter(|name| !name.is_empty());
    let parsed: Result<Vec<_>, _> =
        names.map(|name| parse(name).ok_or_else(|| SettingsError::Mechanisms(name.into()))).collect();
    // A list that is empty by mistake must not allow everything.
    parsed.and_then(|names| if names.is_empty() { Err(SettingsError::NoMechanisms) } else { Ok(names) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn server(text: &str, settings: &[(&str, &str)]) -> Result<Resolved, SettingsError> {
        let mut server = Server::parse(text)?;
        for (name, value) in settings {
            server.set(name, value)?;
        }
        server.resolve()
    }

    fn choices(resolved: &Resolved) -> Vec<String> {
        resolved.choices.iter().map(|choice| alloc::format!("{}={}", choice.setting, choice.value)).collect()
    }

    #[test]
    fn ports_and_modes() {
        use TlsMode::{Implicit, Never, Opportunistic, Required};
        for (text, settings, port, tls, chosen) in [
            ("h", &[][..], 25, Opportunistic, &["connectType=connectTryTLS", "port=25"][..]),
            ("h 2525", &[("connectType", "connectNormal")], 2525, Never, &[]),
            ("h", &[("connectType", "3")], 465, Implicit, &["port=465"]),
            ("h", &[("connectType", "1")], 25, Required, &["port=25", "connectType=connectSTARTTLS"]),
            ("h 465", &[("connectType", "1")], 465, Implicit, &["connectType=connectDirectSSL"]),
            ("h 587", &[("connectType", "AfterConnect")], 587, Required, &[]),
            ("smtps://h", &[], 465, Implicit, &["port=465"]),
            ("smtp://h:587", &[], 587, Opportunistic, &["connectType=connectTryTLS"]),
            (
                "h 587",
                &[("useSSL", "true")],
                587,
                Required,
                &["connectType=connectSSLAuto", "connectType=connectSTARTTLS"],
            ),
            (
                "h 465",
                &[("SSL.Enabled", "true")],
                465,
                Implicit,
                &["connectType=connectSSLAuto", "connectType=connectDirectSSL"],
            ),
            (
                "h 2525",
                &[("ssl.enabled", "true"), ("SSL.UseStartTLS", "true")],
                2525,
                Required,
                &["connectType=connectSTARTTLS"],
            ),
            (
                "h 25",
                &[("UseSSL", "true"), ("SSL.UseStartTLS", "false")],
                25,
                Implicit,
                &["connectType=connectDirectSSL"],
            ),
            (
                "h 25",
                &[("UseSSL", "false"), ("SSL.UseStartTLS", "true")],
                25,
                Never,
                &["connectType=connectNormal"],
            ),
            ("h 25", &[("UseSSL", "true"), ("SSLMode", "smImplicit")], 25, Implicit, &[]),
            ("h 25", &[("UseSSL", "false"), ("connectType", "connectSTARTTLS")], 25, Required, &[]),
        ] {
            let resolved = server(text, settings).unwrap();
            assert_eq!((resolved.port, resolved.config.tls), (port, tls), "{text} {settings:?}");
            assert_eq!(choices(&resolved), chosen, "{text} {settings:?}");
        }
    }

    #[test]
    fn credentials_come_in_pairs() {
        use SettingsError::{
            CredentialKind, CredentialMissing, CredentialNotUsed, PasswordMissing, UserMissing,
            UserOrPassword,
        };
        assert!(server("h", &[]).unwrap().config.authentication.is_none());
        assert!(server("smtp://ann:x@h", &[]).unwrap().config.authentication.is_some());
        let (user, password, token) = (("user", "ann"), ("password", "x"), ("token", "t"));
        for (settings, error) in [
            (&[user][..], PasswordMissing),
            (&[password], UserMissing),
            (&[token], UserMissing),
            (&[("tokenProvider", "true")], UserMissing),
            (&[user, password, token], SettingsError::TokenAndPassword),
            (&[user, ("authType", "authXoauth2")], SettingsError::TokenMissing),
            (&[user, ("token", "two words")], SettingsError::Token),
            (&[("user", "a\0"), ("pass", "x")], UserOrPassword),
            (&[user, token, ("authType", "authPlain")], CredentialKind("authType", "PLAIN".into())),
            (
                &[user, password, ("authMechanisms", "XOAUTH2 PLAIN")],
                CredentialKind("authMechanisms", "XOAUTH2 PLAIN".into()),
            ),
            (
                &[user, password, ("authMechanisms", "EXTERNAL PLAIN")],
                CredentialKind("authMechanisms", "EXTERNAL PLAIN".into()),
            ),
            (
                &[user, password, ("authMechanisms", "SCRAM-SHA-256"), ("authType", "authPlain")],
                SettingsError::AuthTypeNotAllowed("PLAIN".into()),
            ),
            (&[("authType", "authPlain")], CredentialMissing("PLAIN".into())),
            (
                &[("authMechanisms", "EXTERNAL PLAIN")],
                CredentialKind("authMechanisms", "EXTERNAL PLAIN".into()),
            ),
            (&[user, password, ("authMechanisms", " , ")], SettingsError::NoMechanisms),
            (&[user, password, ("authMechanisms", "LOGIN PLIAN")], SettingsError::Mechanisms("PLIAN".into())),
            (&[("hostMechanism", "my mech")], SettingsError::MechanismName("my mech".into())),
            (
                &[("minIterations", "9"), ("maxIterations", "8")],
                SettingsError::IterationBounds("minIterations"),
            ),
            (&[("maxIterations", "1000")], SettingsError::IterationBounds("maxIterations")),
            (&[user, ("authMechanisms", "XOAUTH2")], SettingsError::TokenMissing),
            (&[("authType", "authAnonymous"), ("user", "a\nb")], SettingsError::Identity),
            (&[("hostMechanism", "X-A"), token, user], SettingsError::MechanismAlone),
            (&[user, password, ("authType", "authExternal")], CredentialNotUsed("EXTERNAL".into())),
            (&[token, ("authType", "authAnonymous")], CredentialNotUsed("ANONYMOUS".into())),
        ] {
            assert_eq!(server("h", settings).unwrap_err(), error, "{settings:?}");
        }
        assert_eq!(server("smtp://ann@h", &[]).unwrap_err(), PasswordMissing);
    }

    #[test]
    fn mechanisms_in_order() {
        let ann = &[("user", "ann"), ("password", "x")][..];
        let token = &[("user", "ann"), ("token", "x")][..];
        for (credentials, settings, names) in [
            (ann, &[][..], "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN NTLM MSN"),
            (ann, &[("authMechanisms", "login, plain")], "LOGIN PLAIN"),
            (ann, &[("authType", "authPlain"), ("authMechanisms", "LOGIN PLAIN")], "PLAIN"),
            (ann, &[("authType", "authNtlm")], "NTLM"),
            (ann, &[("authType", "authDigestMd5")], "DIGEST-MD5"),
            (ann, &[("authMechanisms", "SCRAM-SHA-256-PLUS")], "SCRAM-SHA-256-PLUS"),
            // The reference API gives the token as the password.
            (ann, &[("authType", "authXoauth2")], "XOAUTH2"),
            (token, &[], "OAUTHBEARER XOAUTH2"),
            (token, &[("authMechanisms", "XOAUTH2")], "XOAUTH2"),
            (
                &[("user", "ann"), ("tokenProvider", "true")],
                &[("authType", "authOauthbearer")],
                "OAUTHBEARER",
            ),
            (&[], &[("authType", "authExternal")], "EXTERNAL"),
            (&[("user", "ann")], &[("authType", "authExternal")], "EXTERNAL"),
            (&[("user", "ann")], &[("authMechanisms", "ANONYMOUS")], "ANONYMOUS"),
        ] {
            let all = [credentials, settings].concat();
            let login = server("h", &all).unwrap().config.authentication.unwrap();
            let allowed: Vec<_> = login.allowed().iter().map(ToString::to_string).collect();
            assert_eq!(allowed.join(" "), names, "{all:?}");
        }
        assert_eq!(
            server("h", &[("authMechanisms", "X-OWN")]).unwrap_err(),
            SettingsError::Mechanisms("X-OWN".into())
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_changes_nothing() {
        for (name, value, setting) in [
            ("port", "70000", "port"),
            ("port", "x", "port"),
            ("server", "a b", "server"),
            ("connectType", "ssl/tls", "connectType"),
            ("authType", "Password", "authType"),
            ("heloDomain", "x y", "heloDomain"),
            ("mailFrom", "ann", "mailFrom"),
            ("allowInsecureAuth", "maybe", "allowInsecureAuth"),
            ("greetingTimeout", "soon", "greetingTimeout"),
            ("minIterations", "0", "minIterations"),
            ("maxIterations", "4294967296", "maxIterations"),
            ("channelBinding", "tls-unique", "channelBinding"),
            ("colour", "red", "colour"),
        ] {
            let error = server("h 25", &[(name, value)]).unwrap_err();
            assert_eq!(error.setting(), setting);
            assert!(error.to_string().len() > 10, "{error}");
        }
    }
}
