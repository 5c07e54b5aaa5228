//! Server and port from one text: `host`, `host port`, `host:port`, `[address]:port`, `smtp://…` and `smtps://…`.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::SettingsError;
use crate::decimal;

/// What a text says of a server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServerText {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Whether the scheme was `smtps:`.
    pub(super) is_smtps: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<ServerText, SettingsError> {
    let text = text.trim_ascii();
    if let Some((scheme, rest)) = text.split_once(':')
        && let Some(rest) = rest.strip_prefix("//")
    {
        return url(scheme, rest);
    }
    let mut words = text.split_ascii_whitespace();
    let (Some(first), second) = (words.next(), words.next()) else {
        return Err(SettingsError::ServerMissing);
    };
    if words.next().is_some() {
        return Err(SettingsError::Host(shown(text)));
    }
    let (host, port) = match second {
        Some(port) => (host(first)?, Some(self::port(port)?)),
        None => host_and_port(first)?,
    };
    Ok(ServerText { host, port, ..ServerText::default() })
}

fn url(scheme: &str, rest: &str) -> Result<ServerText, SettingsError> {
    let is_smtps = match scheme.to_ascii_lowercase().as_str() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(SettingsError::Scheme(shown(scheme))),
    };
    if rest.contains(['?', '#']) {
        return Err(SettingsError::Url("query and no fragment"));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('/') {
        return Err(SettingsError::Url("path"));
    }
    let (user_info, authority) = match authority.rsplit_once('@') {
        Some((user_info, authority)) => (Some(user_info), authority),
        None => (None, authority),
    };
    let (user, password) = match user_info
        .map(|info| info.split_once(':').map_or((info, None), |(user, password)| (user, Some(password))))
    {
        Some((user, password)) => (Some(decode(user)?), password.map(decode).transpose()?),
        None => (None, None),
    };
    let (host, port) = host_and_port(authority)?;
    Ok(ServerText { host, port, is_smtps, user, password })
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), SettingsError> {
    // More than one colon without brackets is an IPv6 address, which cannot have a port.
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text.into(), None));
    }
    match text.rsplit_once(':') {
        Some((before, after)) if !after.ends_with(']') => Ok((host(before)?, Some(port(after)?))),
        _ => Ok((host(text)?, None)),
    }
}

/// A host name in ASCII, an IPv4 address, or an IPv6 address with or without brackets. Brackets are taken off.
pub(super) fn host(text: &str) -> Result<String, SettingsError> {
    let wrong = || SettingsError::Host(shown(text));
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(wrong)?;
        return inner.parse::<Ipv6Addr>().map(|_| inner.into()).map_err(|_| wrong());
    }
    if text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok() || is_name(text) {
        Ok(text.into())
    } else {
        Err(wrong())
    }
}

/// A DNS name; underscores are in use. A last label of digits only would be a mistyped address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn port(text: &str) -> Result<u16, SettingsError> {
    let port = decimal::parse(text).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    port.ok_or_else(|| SettingsError::Port(shown(text)))
}

/// What an error may show of a text: nothing before an `@`, where a password can stand.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, after)) => ["…@", after].concat(),
        None => text.into(),
    }
}

/// Percent-decoding (RFC 3986 §2.1).
fn decode(text: &str) -> Result<String, SettingsError> {
    let wrong = SettingsError::Url("bad %-escape before the @");
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(wrong) };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let Some(byte) =
            digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
        else {
            return Err(wrong);
        };
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8(decoded).map_err(|_| wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn every_form() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("localhost 25", "localhost", Some(25)),
            ("  mail.example.com   587 ", "mail.example.com", Some(587)),
            ("mail.example.com:587", "mail.example.com", Some(587)),
            ("mail.example.com.", "mail.example.com.", None),
            ("a_b.example", "a_b.example", None),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:465", "192.0.2.1", Some(465)),
            ("192.0.2.1 465", "192.0.2.1", Some(465)),
            ("::1", "::1", None),
            ("::1 25", "::1", Some(25)),
            ("[::1]", "::1", None),
            ("[::1]:587", "::1", Some(587)),
            ("[2001:db8::1] 587", "2001:db8::1", Some(587)),
            ("smtp://mail.example.com", "mail.example.com", None),
            ("SMTP://mail.example.com:2525/", "mail.example.com", Some(2525)),
            ("smtp://[::1]:25", "::1", Some(25)),
        ] {
            let expected = ServerText { host: host.into(), port, ..ServerText::default() };
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn urls_with_user_and_password() {
        let parsed = parse("smtps://ann%40example.com:p%C3%A4ss:%20w@mail.example.com").unwrap();
        assert!(parsed.is_smtps);
        assert_eq!(parsed.user.as_deref(), Some("ann@example.com"));
        assert_eq!(parsed.password.as_deref(), Some("päss: w"));
        assert_eq!(parsed.port, None);
        let parsed = parse("smtp://ann@host:25").unwrap();
        assert_eq!((parsed.user.as_deref(), parsed.password), (Some("ann"), None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, setting) in [
            ("", "server"),
            ("   ", "server"),
            ("a b c", "server"),
            ("localhost 25 x", "server"),
            ("localhost:", "port"),
            ("localhost 0", "port"),
            ("localhost 65536", "port"),
            ("localhost +25", "port"),
            ("localhost 25x", "port"),
            ("localhost:25:26", "server"),
            (":25", "server"),
            ("256.1.1.1", "server"),
            ("1.2.3", "server"),
            ("[::1", "server"),
            ("[1.2.3.4]", "server"),
            ("[::1]x", "server"),
            ("a..b", "server"),
            ("-a", "server"),
            ("a\r\nb", "port"),
            ("a\0b", "server"),
            ("ann@example.com", "server"),
            ("bücher.example", "server"),
            ("http://mail.example.com", "server"),
            ("smtp://", "server"),
            ("smtp://host/path", "server"),
            ("smtp://host?x=1", "server"),
            ("smtp://%zz@host", "server"),
            ("smtp://%+1@host", "server"),
            ("smtp://%4@host", "server"),
            ("smtp://%ff@host", "server"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.setting(), setting, "{text:?}: {error}");
            assert!(!format!("{error}").is_empty());
        }
        assert!(parse(&"a".repeat(64)).is_err());
    }

    #[test]
    fn no_error_shows_a_password() {
        for text in [
            "ann:hunter2@host",
            "hunter2@host 25 x",
            "x://ann:hunter2@host",
            "ann:hunter2@x:y",
            "hunter2@x://y",
        ] {
            let error = format!("{:?}", parse(text).unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
