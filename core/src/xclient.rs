//! XCLIENT: whom a server takes the client for, in a test set-up. A server allows it to few addresses. It is not in an RFC:
//! Postfix documents it as XCLIENT_README.
//!
//! ```text
//! xclient-command = "XCLIENT" 1*( SP attribute-name "=" attribute-value )
//! attribute-value = xtext
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use crate::capabilities::Capabilities;
use crate::envelope;
use crate::error::InvalidInput;

/// Attributes for XCLIENT.
///
/// ```
/// use sansmtp::XClient;
/// let client = XClient::parse("NAME=spike.example.com ADDR=192.0.2.1")?;
/// assert_eq!(client.to_string(), "NAME=spike.example.com ADDR=192.0.2.1");
/// assert!(XClient::parse("NAME=a\r\nRSET").is_err());
/// # Ok::<(), sansmtp::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XClient(Vec<(String, String)>);

/// Octets in the attributes, so that the line stays within 512 (RFC 5321 §4.5.3.1.4).
const ATTRIBUTES: usize = 500;

impl XClient {
    /// `NAME=value` once or more, separated by spaces: NAME, ADDR, PORT, PROTO, HELO, LOGIN and what else the server lists.
    /// The values are given as they are.
    ///
    /// # Errors
    /// [`InvalidInput::Parameter`].
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let mut attributes: Vec<(String, String)> = Vec::new();
        for attribute in text.split(' ').filter(|attribute| !attribute.is_empty()) {
            let (name, value) = attribute.split_once('=').ok_or(InvalidInput::Parameter)?;
            let name = name.to_ascii_uppercase();
            let is_name = !name.is_empty()
                && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
                && !attributes.iter().any(|(known, _)| *known == name);
            if !is_name || value.is_empty() {
                return Err(InvalidInput::Parameter);
            }
            attributes.push((name, envelope::xtext(value)?));
        }
        let client = Self(attributes);
        let length = client.text().len();
        if length == 0 || length > ATTRIBUTES { Err(InvalidInput::Parameter) } else { Ok(client) }
    }

    /// Whether the server takes all of them.
    pub(crate) fn is_offered(&self, capabilities: &Capabilities) -> bool {
        capabilities.parameters("XCLIENT").is_some_and(|offered| {
            self.0.iter().all(|(name, _)| offered.iter().any(|offered| offered.eq_ignore_ascii_case(name)))
        })
    }

    pub(crate) fn text(&self) -> String {
        let attributes: Vec<String> =
            self.0.iter().map(|(name, value)| [name, "=", value].concat()).collect();
        attributes.join(" ")
    }
}

impl core::fmt::Display for XClient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes() {
        let client = XClient::parse(" name=[UNAVAILABLE]  LOGIN=a+b").unwrap();
        assert_eq!(client.text(), "NAME=[UNAVAILABLE] LOGIN=a+2Bb");
        assert!(client.is_offered(&Capabilities::parse(b"h\nXCLIENT NAME login")));
        assert!(!client.is_offered(&Capabilities::parse(b"h\nXCLIENT NAME")));
        assert!(!client.is_offered(&Capabilities::parse(b"h")));
        let long = ["NAME=", &"a".repeat(500)].concat();
        for wrong in
            ["", " ", "NAME", "NAME=", "=x", "NA ME=x", "NAME=a NAME=b", "NAME=a\r\n", "NAME=é", &long]
        {
            assert_eq!(XClient::parse(wrong), Err(InvalidInput::Parameter), "{wrong:?}");
        }
    }
}
