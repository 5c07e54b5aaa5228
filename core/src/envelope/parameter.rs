//! What MAIL and RCPT say besides the address: one type for each extension, so that no value can be wrong or become
//! another command.
//!
//! ```text
//! esmtp-param   = esmtp-keyword ["=" esmtp-value]               RFC 5321 §4.1.2
//! esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//! esmtp-value   = 1*(%d33-60 / %d62-126)                        any printable but "=" and SP
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use super::{ForwardPath, ReversePath, xtext};
use crate::decimal;
use crate::error::InvalidInput;

/// What a sender may ask of the server for a message. A server that does not offer the extension gets no such message: the
/// operation fails with [`Unsupported`](crate::Unsupported) before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailParameter {
    /// `AUTH=`: who submitted the message, or `<>` if that is not known (RFC 4954 §5). Left out where no login is offered.
    Auth(ReversePath),
    /// `BY=`: when the message must be delivered by (RFC 2852).
    DeliverBy(DeliverBy),
    /// `ENVID=`: a name for the message in notifications (RFC 3461 §4.4).
    EnvelopeId(EnvelopeId),
    /// `HOLDFOR=`: seconds for which a submission server keeps the message (RFC 4865).
    HoldFor(HoldFor),
    /// `HOLDUNTIL=`: until when it keeps the message (RFC 4865).
    HoldUntil(HoldUntil),
    /// Any other.
    Other(Parameter),
    /// `MT-PRIORITY=` (RFC 6710).
    Priority(Priority),
    /// `REQUIRETLS` (RFC 8689): every hop must use verified TLS, this one too.
    RequireTls,
    /// `RET=`: what of the message a notification has (RFC 3461 §4.3).
    Return(Return),
}

/// What a sender may ask of the server for one recipient: as [`MailParameter`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RcptParameter {
    /// `NOTIFY=`: when a notification is wanted (RFC 3461 §4.1).
    Notify(Notify),
    /// `ORCPT=`: whom the message was first addressed to (RFC 3461 §4.2).
    OriginalRecipient(OriginalRecipient),
    /// Any other.
    Other(Parameter),
}

impl MailParameter {
    /// A parameter from its keyword, in any case, and its value as a person writes it: xtext and the like are made of it
    /// here. An unknown keyword is [`Parameter`], of an extension of the same name.
    ///
    /// ```
    /// use sansmtp::MailParameter;
    /// assert_eq!(MailParameter::parse("ENVID", Some("a+b c"))?.to_string(), "ENVID=a+2Bb+20c");
    /// assert_eq!(MailParameter::parse("requiretls", None)?.to_string(), "REQUIRETLS");
    /// assert!(MailParameter::parse("ENVID", Some("QQ314159\r\nRSET")).is_err());
    /// # Ok::<(), sansmtp::InvalidInput>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`]; that of an address, for AUTH.
    pub fn parse(keyword: &str, value: Option<&str>) -> Result<Self, InvalidInput> {
        let wanted = value.ok_or(InvalidInput::Parameter);
        Ok(match keyword.to_ascii_uppercase().as_str() {
            "AUTH" => Self::Auth(ReversePath::parse(wanted?)?),
            "BY" => Self::DeliverBy(DeliverBy::parse(wanted?)?),
            "ENVID" => Self::EnvelopeId(EnvelopeId::parse(wanted?)?),
            "HOLDFOR" => Self::HoldFor(HoldFor::parse(wanted?)?),
            "HOLDUNTIL" => Self::HoldUntil(HoldUntil::parse(wanted?)?),
            "MT-PRIORITY" => Self::Priority(Priority::parse(wanted?)?),
            "REQUIRETLS" if value.is_none() => Self::RequireTls,
            "REQUIRETLS" => return Err(InvalidInput::Parameter),
            "RET" => Self::Return(Return::parse(wanted?)?),
            _ => Self::Other(Parameter::parse(keyword, value)?),
        })
    }

    /// The EHLO keyword of its extension.
    #[must_use]
    pub fn extension(&self) -> &str {
        match self {
            Self::Auth(_) => "AUTH",
            Self::DeliverBy(_) => "DELIVERBY",
            Self::EnvelopeId(_) | Self::Return(_) => "DSN",
            Self::HoldFor(_) | Self::HoldUntil(_) => "FUTURERELEASE",
            Self::Other(parameter) => parameter.extension(),
            Self::Priority(_) => "MT-PRIORITY",
            Self::RequireTls => "REQUIRETLS",
        }
    }

    /// As it goes into the command.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Auth(path) if path.as_str().is_empty() => "AUTH=<>".into(),
            Self::Auth(path) => ["AUTH=", &path_text(path.as_str())].concat(),
            Self::DeliverBy(by) => by.text(),
            Self::EnvelopeId(EnvelopeId(id)) => ["ENVID=", id].concat(),
            Self::HoldFor(HoldFor(seconds)) => ["HOLDFOR=", &decimal::text(*seconds)].concat(),
            Self::HoldUntil(HoldUntil(moment)) => ["HOLDUNTIL=", moment].concat(),
            Self::Other(parameter) => parameter.text.clone(),
            Self::Priority(Priority(priority)) => {
                let sign = if *priority < 0 { "-" } else { "" };
                ["MT-PRIORITY=", sign, &decimal::text(priority.unsigned_abs())].concat()
            }
            Self::RequireTls => "REQUIRETLS".into(),
            Self::Return(Return::Full) => "RET=FULL".into(),
            Self::Return(Return::Headers) => "RET=HDRS".into(),
        }
    }

    /// Whether both cannot be in one command: the same keyword, or both ways to hold a message.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::HoldFor(_), Self::HoldUntil(_)) | (Self::HoldUntil(_), Self::HoldFor(_))
        ) || keyword(&self.text()) == keyword(&other.text())
    }
}

impl RcptParameter {
    /// As [`MailParameter::parse`].
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(keyword: &str, value: Option<&str>) -> Result<Self, InvalidInput> {
        let wanted = value.ok_or(InvalidInput::Parameter);
        Ok(match keyword.to_ascii_uppercase().as_str() {
            "NOTIFY" => Self::Notify(Notify::parse(wanted?)?),
            "ORCPT" => Self::OriginalRecipient(OriginalRecipient::parse(wanted?)?),
            _ => Self::Other(Parameter::parse(keyword, value)?),
        })
    }

    /// The EHLO keyword of its extension.
    #[must_use]
    pub fn extension(&self) -> &str {
        match self {
            Self::Notify(_) | Self::OriginalRecipient(_) => "DSN",
            Self::Other(parameter) => parameter.extension(),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Notify(notify) => notify.text(),
            Self::OriginalRecipient(OriginalRecipient(text)) => ["ORCPT=", text].concat(),
            Self::Other(parameter) => parameter.text.clone(),
        }
    }

    pub(super) fn excludes(&self, other: &Self) -> bool {
        keyword(&self.text()) == keyword(&other.text())
    }
}

macro_rules! display {
    ($($name:ident),*) => {$(
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.text())
            }
        }
    )*};
}

display!(MailParameter, RcptParameter);

/// `RET=` (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// A notification of failure has the whole message.
    Full,
    /// It has the header only.
    Headers,
}

impl Return {
    fn parse(text: &str) -> Result<Self, InvalidInput> {
        match text.to_ascii_uppercase().as_str() {
            "FULL" => Ok(Self::Full),
            "HDRS" => Ok(Self::Headers),
            _ => Err(InvalidInput::Parameter),
        }
    }
}

/// `ENVID=` (RFC 3461 §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    /// 1 to 100 printable characters of ASCII, as they are: the encoding is done here.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        if !matches!(text.len(), 1..=100) {
            return Err(InvalidInput::Parameter);
        }
        xtext::encode(text).map(Self)
    }
}

/// `NOTIFY=` (RFC 3461 §4.1): any of the three, or none of them for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Once the message was delivered.
    pub success: bool,
    /// If it cannot be delivered.
    pub failure: bool,
    /// If it takes long.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`, or some of `SUCCESS`, `FAILURE` and `DELAY`, separated by commas.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let mut notify = Self::default();
        if text.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for word in text.split(',') {
            let wanted = match word.trim_ascii().to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return Err(InvalidInput::Parameter),
            };
            if core::mem::replace(wanted, true) {
                return Err(InvalidInput::Parameter);
            }
        }
        Ok(notify)
    }

    fn text(self) -> String {
        let words: Vec<&str> = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")]
            .iter()
            .filter_map(|(wanted, word)| wanted.then_some(*word))
            .collect();
        if words.is_empty() { "NOTIFY=NEVER".into() } else { ["NOTIFY=", &words.join(",")].concat() }
    }
}

/// `ORCPT=` (RFC 3461 §4.2): the type of the address, and the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient(String);

/// Octets in the value of ORCPT (RFC 3461 §4.2).
const ORIGINAL_RECIPIENT: usize = 500;

impl OriginalRecipient {
    /// An address as it is, such as `bob@example.org`, with or without its type before a semicolon: without, it is `rfc822`,
    /// or `utf-8` if it is not ASCII (RFC 6533 §3). The encoding is done here.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let (kind, address) = text.split_once(';').unwrap_or(("rfc822", text));
        let is_utf8 = kind.eq_ignore_ascii_case("utf-8");
        let is_of_kind = address.is_ascii() || is_utf8 || kind.eq_ignore_ascii_case("rfc822");
        if address.is_empty() || address.chars().any(char::is_control) || !is_keyword(kind) || !is_of_kind {
            return Err(InvalidInput::Parameter);
        }
        let value = if address.is_ascii() && !is_utf8 {
            [kind, ";", &xtext::encode(address)?].concat()
        } else {
            ["utf-8;", &xtext::encode_utf8(address)].concat()
        };
        if value.len() > ORIGINAL_RECIPIENT { Err(InvalidInput::Parameter) } else { Ok(Self(value)) }
    }
}

impl From<&ForwardPath> for OriginalRecipient {
    fn from(path: &ForwardPath) -> Self {
        Self(path_text_with_type(path.as_str()))
    }
}

/// `BY=` (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    seconds: i32,
    or: Overdue,
    trace: bool,
}

/// What becomes of a message that cannot be delivered in time (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// It is still delivered, and the sender is told.
    Notify,
    /// It is returned.
    Return,
}

impl DeliverBy {
    /// Within `seconds`, which must be positive to [return](Overdue::Return) the message; `trace`: each hop is reported.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn new(seconds: i32, or: Overdue, trace: bool) -> Result<Self, InvalidInput> {
        let is_in_range = seconds.unsigned_abs() <= 999_999_999 && (or == Overdue::Notify || seconds > 0);
        if is_in_range { Ok(Self { seconds, or, trace }) } else { Err(InvalidInput::Parameter) }
    }

    /// Such as `120;R`: seconds, `R` to return the message or `N` to be told, and perhaps `T` for a trace.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let (seconds, mode) = text.split_once(';').ok_or(InvalidInput::Parameter)?;
        let (or, trace) = match mode.to_ascii_uppercase().as_str() {
            "N" => (Overdue::Notify, false),
            "NT" => (Overdue::Notify, true),
            "R" => (Overdue::Return, false),
            "RT" => (Overdue::Return, true),
            _ => return Err(InvalidInput::Parameter),
        };
        let digits = seconds.strip_prefix('-');
        let number = decimal::parse(digits.or(seconds.strip_prefix('+')).unwrap_or(seconds))
            .and_then(|number| i32::try_from(number).ok())
            .ok_or(InvalidInput::Parameter)?;
        Self::new(if digits.is_some() { -number } else { number }, or, trace)
    }

    /// Whether a server that declared this shortest time takes it (RFC 2852 §3).
    pub(crate) const fn is_allowed(self, least: Option<u64>) -> bool {
        match (self.or, least) {
            (Overdue::Return, Some(least)) => self.seconds.unsigned_abs() as u64 >= least,
            _ => true,
        }
    }

    fn text(self) -> String {
        let sign = if self.seconds < 0 { "-" } else { "" };
        let mode = if self.or == Overdue::Return { ";R" } else { ";N" };
        let trace = if self.trace { "T" } else { "" };
        ["BY=", sign, &decimal::text(self.seconds.unsigned_abs()), mode, trace].concat()
    }
}

/// `HOLDFOR=` (RFC 4865 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldFor(u32);

impl HoldFor {
    /// 1 to 999,999,999 seconds.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub const fn new(seconds: u32) -> Result<Self, InvalidInput> {
        if matches!(seconds, 1..=999_999_999) { Ok(Self(seconds)) } else { Err(InvalidInput::Parameter) }
    }

    fn parse(text: &str) -> Result<Self, InvalidInput> {
        let seconds = decimal::parse(text).and_then(|seconds| u32::try_from(seconds).ok());
        Self::new(seconds.unwrap_or(0))
    }

    /// Seconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// `HOLDUNTIL=` (RFC 4865 §3, erratum 2040): a moment as RFC 3339 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldUntil(String);

impl HoldUntil {
    /// Such as `2030-01-31T12:00:00Z`, in UTC, without fractions of a second.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let text = text.to_ascii_uppercase();
        if is_moment(&text) { Ok(Self(text)) } else { Err(InvalidInput::Parameter) }
    }

    /// Whether a server that declared this latest moment takes it. One that is written in another way is for the server.
    pub(crate) fn is_allowed(&self, latest: Option<&str>) -> bool {
        latest.is_none_or(|latest| !is_moment(latest) || self.0.as_str() <= latest)
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`, of a calendar's range.
fn is_moment(text: &str) -> bool {
    let shape = text.len() == 20
        && text.bytes().zip(*b"0000-00-00T00:00:00Z").all(|(octet, shape)| match shape {
            b'0' => octet.is_ascii_digit(),
            _ => octet == shape,
        });
    let part = |at: core::ops::Range<usize>| text.get(at).and_then(decimal::parse).unwrap_or(0);
    let year = part(0..4);
    let days = match part(5..7) {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    shape && (1..=days).contains(&part(8..10)) && part(11..13) < 24 && part(14..16) < 60 && part(17..19) <= 60
}

/// `MT-PRIORITY=` (RFC 6710 §4): -9 to 9; 0 is normal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i8);

impl Priority {
    /// -9 to 9.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub const fn new(priority: i8) -> Result<Self, InvalidInput> {
        if matches!(priority, -9..=9) { Ok(Self(priority)) } else { Err(InvalidInput::Parameter) }
    }

    fn parse(text: &str) -> Result<Self, InvalidInput> {
        let digits = text.strip_prefix('-');
        let number = decimal::parse(digits.unwrap_or(text)).and_then(|number| i8::try_from(number).ok());
        let number = number.ok_or(InvalidInput::Parameter)?;
        Self::new(if digits.is_some() { -number } else { number })
    }
}

/// A parameter of an extension that has no type of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    extension: String,
    text: String,
}

/// Keywords that have a type of their own, or that the session sets itself.
const TYPED: [&str; 13] = [
    "AUTH",
    "BODY",
    "BY",
    "ENVID",
    "HOLDFOR",
    "HOLDUNTIL",
    "MT-PRIORITY",
    "NOTIFY",
    "ORCPT",
    "REQUIRETLS",
    "RET",
    "SIZE",
    "SMTPUTF8",
];
/// Octets in a parameter: what no known extension exceeds.
const PARAMETER: usize = 500;

impl Parameter {
    /// A keyword, and a value by the grammar of RFC 5321 §4.1.2: printable ASCII without space and `=`. Not one that
    /// [`MailParameter`] or [`RcptParameter`] has a type for, nor one that the session sets itself.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(keyword: &str, value: Option<&str>) -> Result<Self, InvalidInput> {
        let is_value = |value: &str| {
            !value.is_empty() && value.bytes().all(|octet| matches!(octet, b'!'..=b'<' | b'>'..=b'~'))
        };
        let length = keyword.len() + value.map_or(0, str::len);
        let extension = keyword.to_ascii_uppercase();
        let has_type = TYPED.contains(&extension.as_str());
        if !is_keyword(keyword) || has_type || !value.is_none_or(is_value) || length > PARAMETER {
            return Err(InvalidInput::Parameter);
        }
        let text = match value {
            Some(value) => [&extension, "=", value].concat(),
            None => extension.clone(),
        };
        Ok(Self { extension, text })
    }

    /// The same, of an extension whose EHLO keyword is another.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn of_extension(mut self, extension: &str) -> Result<Self, InvalidInput> {
        if !is_keyword(extension) {
            return Err(InvalidInput::Parameter);
        }
        self.extension = extension.to_ascii_uppercase();
        Ok(self)
    }

    /// The EHLO keyword of its extension.
    #[must_use]
    pub fn extension(&self) -> &str {
        &self.extension
    }
}

fn is_keyword(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

fn keyword(text: &str) -> &str {
    text.split('=').next().unwrap_or_default()
}

/// An address as xtext, or in the form of RFC 6533 if it is not ASCII.
fn path_text(address: &str) -> String {
    xtext::encode(address).unwrap_or_else(|_| xtext::encode_utf8(address))
}

fn path_text_with_type(address: &str) -> String {
    let kind = if address.is_ascii() { "rfc822;" } else { "utf-8;" };
    [kind, &path_text(address)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn mail(keyword: &str, value: &str) -> Result<String, InvalidInput> {
        MailParameter::parse(keyword, Some(value)).map(|parameter| parameter.to_string())
    }

    fn rcpt(keyword: &str, value: &str) -> Result<String, InvalidInput> {
        RcptParameter::parse(keyword, Some(value)).map(|parameter| parameter.to_string())
    }

    /// Lines X4 to X10 of the checklist.
    #[test]
    fn as_they_go_out() {
        for (keyword, value, text) in [
            ("RET", "full", "RET=FULL"),
            ("ret", "HDRS", "RET=HDRS"),
            ("ENVID", "QQ 314159+=", "ENVID=QQ+20314159+2B+3D"),
            ("AUTH", "", "AUTH=<>"),
            ("AUTH", "<>", "AUTH=<>"),
            ("AUTH", "e=mc2@example.com", "AUTH=e+3Dmc2@example.com"),
            ("BY", "120;R", "BY=120;R"),
            ("BY", "-120;nt", "BY=-120;NT"),
            ("BY", "+5;N", "BY=5;N"),
            ("HOLDFOR", "60", "HOLDFOR=60"),
            ("HOLDUNTIL", "2028-02-29t23:59:60z", "HOLDUNTIL=2028-02-29T23:59:60Z"),
            ("MT-PRIORITY", "-9", "MT-PRIORITY=-9"),
            ("MT-PRIORITY", "3", "MT-PRIORITY=3"),
            ("xfoo", "a<b>c", "XFOO=a<b>c"),
        ] {
            assert_eq!(mail(keyword, value).unwrap(), text);
        }
        for (keyword, value, text) in [
            ("NOTIFY", "never", "NOTIFY=NEVER"),
            ("notify", "DELAY, success,FAILURE", "NOTIFY=SUCCESS,FAILURE,DELAY"),
            ("ORCPT", "rfc822;a+b@example.org", "ORCPT=rfc822;a+2Bb@example.org"),
            ("ORCPT", "bob@example.org", "ORCPT=rfc822;bob@example.org"),
            ("ORCPT", "ñ@example.org", "ORCPT=utf-8;\\x{F1}@example.org"),
        ] {
            assert_eq!(rcpt(keyword, value).unwrap(), text);
        }
        let path = ForwardPath::parse("a=b@example.org").unwrap();
        assert_eq!(OriginalRecipient::from(&path).0, "rfc822;a+3Db@example.org");
        assert_eq!(MailParameter::parse("REQUIRETLS", None).unwrap().to_string(), "REQUIRETLS");
    }

    /// I-04 to I-06 of the attack list.
    #[test]
    fn what_is_no_parameter() {
        for (keyword, value) in [
            ("RET", "BODY"),
            ("ENVID", ""),
            ("ENVID", "QQ314159\r\nRSET"),
            ("ENVID", "é"),
            ("BY", "0;R"),
            ("BY", "-1;R"),
            ("BY", "1000000000;N"),
            ("BY", "1"),
            ("BY", "1;X"),
            ("HOLDFOR", "0"),
            ("HOLDFOR", "1000000000"),
            ("HOLDFOR", "1 SIZE=1"),
            ("HOLDUNTIL", "2027-02-29T00:00:00Z"),
            ("HOLDUNTIL", "2027-13-01T00:00:00Z"),
            ("HOLDUNTIL", "2027-01-01T24:00:00Z"),
            ("HOLDUNTIL", "2027-01-01T00:00:00+01:00"),
            ("HOLDUNTIL", "tomorrow"),
            ("MT-PRIORITY", "10"),
            ("MT-PRIORITY", "+1"),
            ("MT-PRIORITY", "-10"),
            ("REQUIRETLS", "yes"),
            ("SIZE", "1"),
            ("NOTIFY", "NEVER"),
            ("orcpt", "rfc822;a@b"),
            ("BODY", "8BITMIME"),
            ("SMTPUTF8", "1"),
            ("XFOO", ""),
            ("XFOO", "a b"),
            ("XFOO", "a=b"),
            ("XFOO", "a\r\nRSET"),
            ("X FOO", "a"),
            ("-FOO", "a"),
            ("", "a"),
            ("XFOO", "é"),
        ] {
            assert_eq!(mail(keyword, value), Err(InvalidInput::Parameter), "{keyword}={value:?}");
        }
        assert_eq!(mail("ENVID", &"a".repeat(101)), Err(InvalidInput::Parameter));
        assert_eq!(mail("XFOO", &"a".repeat(500)), Err(InvalidInput::Parameter));
        assert!(mail("AUTH", "a@b\r\nRSET").is_err());
        assert_eq!(MailParameter::parse("SIZE", None), Err(InvalidInput::Parameter));
        for keyword in ["RET", "ENVID", "BY", "HOLDFOR", "AUTH"] {
            assert_eq!(MailParameter::parse(keyword, None), Err(InvalidInput::Parameter), "{keyword}");
        }
        for (keyword, value) in [
            ("NOTIFY", ""),
            ("NOTIFY", "NEVER,SUCCESS"),
            ("NOTIFY", "SUCCESS,SUCCESS"),
            ("NOTIFY", "SUCCESS\r\nRSET"),
            ("ORCPT", ""),
            ("ORCPT", "rfc822;"),
            ("ORCPT", "x400;ñ"),
            ("RET", "FULL"),
            ("size", "1"),
            ("ORCPT", "x y;a"),
            ("ORCPT", "rfc822;a\r\nRSET"),
            ("ORCPT", "ñ\r\nRSET"),
        ] {
            assert_eq!(rcpt(keyword, value), Err(InvalidInput::Parameter), "{keyword}={value:?}");
        }
        assert_eq!(rcpt("ORCPT", &"a".repeat(494)), Err(InvalidInput::Parameter));
    }

    #[test]
    fn extensions() {
        let parameter = Parameter::parse("BAR", Some("x")).unwrap().of_extension("x-foo").unwrap();
        assert_eq!((parameter.extension(), parameter.text.as_str()), ("X-FOO", "BAR=x"));
        assert!(Parameter::parse("BAR", None).unwrap().of_extension("x y").is_err());
        assert_eq!(MailParameter::parse("by", Some("1;N")).unwrap().extension(), "DELIVERBY");
        let by = DeliverBy::new(60, Overdue::Return, false).unwrap();
        assert!(by.is_allowed(None) && by.is_allowed(Some(60)) && !by.is_allowed(Some(61)));
        let until = HoldUntil::parse("2030-01-01T00:00:00Z").unwrap();
        assert!(until.is_allowed(Some("2030-01-01T00:00:00Z")) && until.is_allowed(Some("x")));
        assert!(!until.is_allowed(Some("2029-12-31T23:59:59Z")));
    }
}
