//! Which login mechanism: the types of the reference API.

use super::SettingsError;
use crate::sasl::MechanismName;

/// Which login mechanism. The numbers are those of the JavaScript `SmtpAuthType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(i8)]
pub enum AuthType {
    /// The best that the server offers.
    #[default]
    Auto = -1,
    /// LOGIN.
    Login = 0,
    /// NTLM.
    Ntlm = 1,
    /// CRAM-MD5.
    CramMd5 = 2,
    /// PLAIN.
    Plain = 3,
    /// MSN: NTLM under the name that some servers offer.
    Msn = 4,
    /// XOAUTH2.
    Xoauth2 = 5,
    /// OAUTHBEARER.
    OauthBearer = 6,
    /// SCRAM-SHA-1.
    ScramSha1 = 7,
    /// SCRAM-SHA-256.
    ScramSha256 = 8,
    /// SCRAM-SHA-512.
    ScramSha512 = 9,
    /// EXTERNAL.
    External = 10,
    /// ANONYMOUS.
    Anonymous = 11,
    /// DIGEST-MD5.
    DigestMd5 = 12,
}

impl AuthType {
    /// The JavaScript name without `auth`, the mechanism, the type.
    const NAMES: [(&'static str, &'static str, Self); 14] = [
        ("Auto", "", Self::Auto),
        ("Login", "LOGIN", Self::Login),
        ("Ntlm", "NTLM", Self::Ntlm),
        ("CramMd5", "CRAM-MD5", Self::CramMd5),
        ("Plain", "PLAIN", Self::Plain),
        ("Msn", "MSN", Self::Msn),
        ("Xoauth2", "XOAUTH2", Self::Xoauth2),
        ("Oauthbearer", "OAUTHBEARER", Self::OauthBearer),
        ("ScramSha1", "SCRAM-SHA-1", Self::ScramSha1),
        ("ScramSha256", "SCRAM-SHA-256", Self::ScramSha256),
        ("ScramSha512", "SCRAM-SHA-512", Self::ScramSha512),
        ("External", "EXTERNAL", Self::External),
        ("Anonymous", "ANONYMOUS", Self::Anonymous),
        ("DigestMd5", "DIGEST-MD5", Self::DigestMd5),
    ];

    /// Reads a JavaScript name, a mechanism's name, in any case, or a number from -1 to 12.
    ///
    /// ```
    /// use sansmtp::settings::AuthType;
    /// assert_eq!(AuthType::parse("authCramMd5"), Ok(AuthType::CramMd5));
    /// assert_eq!(AuthType::parse("cram-md5"), Ok(AuthType::CramMd5));
    /// assert_eq!(AuthType::parse("-1"), Ok(AuthType::Auto));
    /// let error = AuthType::parse("Password").unwrap_err();
    /// assert!(error.to_string().contains("write authAuto"));
    /// ```
    ///
    /// # Errors
    /// [`SettingsError::AuthType`].
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let short = match text.split_at_checked(4) {
            Some((prefix, short)) if prefix.eq_ignore_ascii_case("auth") => short,
            _ => text,
        };
        let number = super::enumerated(text);
        let found = Self::NAMES.iter().find(|(name, mechanism, of)| {
            name.eq_ignore_ascii_case(short)
                || (!text.is_empty() && mechanism.eq_ignore_ascii_case(text))
                || number == Some(*of as i8)
        });
        found.map(|(_, _, of)| *of).ok_or_else(|| SettingsError::AuthType(text.into()))
    }

    /// Whether it takes a token instead of a password.
    #[must_use]
    pub const fn takes_token(self) -> bool {
        matches!(self, Self::OauthBearer | Self::Xoauth2)
    }

    /// The mechanism; `None` for [`Self::Auto`].
    #[must_use]
    pub fn mechanism(self) -> Option<MechanismName> {
        let (_, mechanism, _) = Self::NAMES.iter().find(|(_, _, of)| *of == self)?;
        MechanismName::parse(mechanism).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn names_and_numbers() {
        for (text, auth) in [
            ("authAuto", AuthType::Auto),
            ("AUTO", AuthType::Auto),
            ("authMsn", AuthType::Msn),
            ("SCRAM-SHA-256", AuthType::ScramSha256),
            ("12", AuthType::DigestMd5),
        ] {
            assert_eq!(AuthType::parse(text), Ok(auth), "{text}");
        }
        for text in ["", "auth", "Password", "password", "13", "-2", "OAuth", "SSL"] {
            assert_eq!(AuthType::parse(text), Err(SettingsError::AuthType(text.into())), "{text}");
        }
        for number in 0..=12 {
            let auth = AuthType::parse(&format!("{number}")).unwrap();
            assert_eq!(AuthType::parse(&auth.mechanism().unwrap().to_string()), Ok(auth));
        }
        assert_eq!(AuthType::Auto.mechanism(), None);
    }
}
