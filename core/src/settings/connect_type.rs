//! How the connection is secured: the types of the reference API, and the words that other products have for them.

use super::SettingsError;
use crate::config::TlsMode;

/// How the connection is secured. The numbers are those of the JavaScript `SmtpConnectType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i8)]
pub enum ConnectType {
    /// Plain TCP; STARTTLS is not used even if it is offered.
    Normal = 0,
    /// TLS is required: by STARTTLS on ports 25 and 587, from the first octet on every other.
    SslAuto = 1,
    /// STARTTLS is required, on any port.
    StartTls = 2,
    /// TLS from the first octet, on any port.
    DirectSsl = 3,
    /// STARTTLS if it is offered; without it no credentials are sent.
    #[default]
    TryTls = 4,
    /// STARTTLS when the host says so.
    Manual = 5,
}

impl ConnectType {
    const NAMES: [(&'static str, Self); 20] = [
        ("connectNormal", Self::Normal),
        ("connectSSLAuto", Self::SslAuto),
        ("connectSTARTTLS", Self::StartTls),
        ("connectDirectSSL", Self::DirectSsl),
        ("connectTryTLS", Self::TryTls),
        ("connectManual", Self::Manual),
        ("none", Self::Normal),
        ("plain", Self::Normal),
        ("beforeConnect", Self::DirectSsl),
        ("implicit", Self::DirectSsl),
        ("smImplicit", Self::DirectSsl),
        ("ssl", Self::DirectSsl),
        ("afterConnect", Self::StartTls),
        ("explicit", Self::StartTls),
        ("smExplicit", Self::StartTls),
        ("startTls", Self::StartTls),
        ("auto", Self::SslAuto),
        ("opportunistic", Self::TryTls),
        ("explicitManual", Self::Manual),
        ("smExplicitManual", Self::Manual),
    ];

    /// Reads a name of any of the reference products, in any case, or a number from 0 to 5.
    ///
    /// ```
    /// use sansmtp::settings::ConnectType;
    /// assert_eq!(ConnectType::parse("connectSSLAuto"), Ok(ConnectType::SslAuto));
    /// assert_eq!(ConnectType::parse("BeforeConnect"), Ok(ConnectType::DirectSsl));
    /// assert_eq!(ConnectType::parse("2"), Ok(ConnectType::StartTls));
    /// assert!(ConnectType::parse("secure").is_err());
    /// ```
    ///
    /// # Errors
    /// [`SettingsError::ConnectType`].
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let by_name = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = super::enumerated(text);
        let by_number = || Self::NAMES.iter().find(|(_, of)| number == Some(*of as i8));
        by_name.or_else(by_number).map(|(_, of)| *of).ok_or_else(|| SettingsError::ConnectType(text.into()))
    }

    /// The JavaScript name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, of)| *of == self).map_or("", |(name, _)| name)
    }

    /// The port if none is given.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::DirectSsl => 465,
            Self::Normal | Self::SslAuto | Self::StartTls | Self::TryTls | Self::Manual => 25,
        }
    }

    /// When TLS comes on this port.
    ///
    /// ```
    /// use sansmtp::{TlsMode, settings::ConnectType};
    /// assert_eq!(ConnectType::SslAuto.tls_mode(587), TlsMode::Required);
    /// assert_eq!(ConnectType::SslAuto.tls_mode(465), TlsMode::Implicit);
    /// ```
    #[must_use]
    pub const fn tls_mode(self, port: u16) -> TlsMode {
        match self {
            Self::Normal => TlsMode::Never,
            Self::SslAuto => match port {
                25 | 587 => TlsMode::Required,
                _ => TlsMode::Implicit,
            },
            Self::StartTls => TlsMode::Required,
            Self::DirectSsl => TlsMode::Implicit,
            Self::TryTls => TlsMode::Opportunistic,
            Self::Manual => TlsMode::Manual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// requirements 1.5: `connectSSLAuto` over every port.
    #[test]
    fn ssl_auto_on_every_port() {
        for port in 0..=u16::MAX {
            let expected = if port == 25 || port == 587 { TlsMode::Required } else { TlsMode::Implicit };
            assert_eq!(ConnectType::SslAuto.tls_mode(port), expected, "{port}");
        }
    }

    #[test]
    fn the_others_do_not_depend_on_the_port() {
        for (connect, mode) in [
            (ConnectType::Normal, TlsMode::Never),
            (ConnectType::StartTls, TlsMode::Required),
            (ConnectType::DirectSsl, TlsMode::Implicit),
            (ConnectType::TryTls, TlsMode::Opportunistic),
            (ConnectType::Manual, TlsMode::Manual),
        ] {
            for port in [25, 465, 587, 2525] {
                assert_eq!(connect.tls_mode(port), mode);
            }
        }
    }

    #[test]
    fn names_and_numbers() {
        for (text, connect) in [
            ("0", ConnectType::Normal),
            ("1", ConnectType::SslAuto),
            ("3", ConnectType::DirectSsl),
            ("4", ConnectType::TryTls),
            ("CONNECTTRYTLS", ConnectType::TryTls),
            ("None", ConnectType::Normal),
            ("AfterConnect", ConnectType::StartTls),
            ("smExplicitManual", ConnectType::Manual),
        ] {
            assert_eq!(ConnectType::parse(text), Ok(connect), "{text}");
        }
        for text in ["", "6", "-1", "yes", "connect", "1.0"] {
            assert_eq!(ConnectType::parse(text), Err(SettingsError::ConnectType(text.into())), "{text}");
        }
        for number in 0..=5 {
            let connect = ConnectType::parse(&format!("{number}")).unwrap();
            assert_eq!(ConnectType::parse(connect.name()), Ok(connect));
        }
    }
}
