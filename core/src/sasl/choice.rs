//! Which mechanism is used: the caller's order, the server's offer, never anything else.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Authentication, MechanismName, Mechanisms};
use crate::error::Unsupported;

/// The built-in mechanisms that take a password, in the order of the automatic choice: strongest first, and PLAIN
/// before LOGIN, which is as secret, for its fewer round trips. Each form of SCRAM stands for its `-PLUS` too.
pub const PASSWORD_ORDER: &[&str] = &[
    #[cfg(feature = "scram-sha-512")]
    "SCRAM-SHA-512",
    #[cfg(feature = "scram-sha-256")]
    "SCRAM-SHA-256",
    #[cfg(feature = "scram-sha-1")]
    "SCRAM-SHA-1",
    #[cfg(feature = "cram-md5")]
    "CRAM-MD5",
    #[cfg(feature = "plain")]
    "PLAIN",
    #[cfg(feature = "login")]
    "LOGIN",
    #[cfg(feature = "ntlm")]
    "NTLM",
    #[cfg(feature = "ntlm")]
    "MSN",
];

/// The built-in mechanisms that take a token, in the order of the automatic choice.
pub const TOKEN_ORDER: &[&str] = &[
    #[cfg(feature = "oauthbearer")]
    "OAUTHBEARER",
    #[cfg(feature = "xoauth2")]
    "XOAUTH2",
];

/// The built-in mechanisms that take a password and are used only by name.
pub(super) const PASSWORD_BY_NAME: &[&str] = &[
    #[cfg(feature = "digest-md5")]
    "DIGEST-MD5",
    #[cfg(feature = "scram-sha-1")]
    "SCRAM-SHA-1-PLUS",
    #[cfg(feature = "scram-sha-256")]
    "SCRAM-SHA-256-PLUS",
    #[cfg(feature = "scram-sha-512")]
    "SCRAM-SHA-512-PLUS",
];

/// The built-in mechanisms without a password.
pub(super) const WITHOUT_PASSWORD: &[&str] = &[
    #[cfg(feature = "anonymous")]
    "ANONYMOUS",
    #[cfg(feature = "external")]
    "EXTERNAL",
];

pub(super) fn is_built_in(name: &str) -> bool {
    [PASSWORD_ORDER, PASSWORD_BY_NAME, TOKEN_ORDER, WITHOUT_PASSWORD].iter().any(|list| list.contains(&name))
}

/// The mechanisms to try, in order: those that are allowed and offered. A form of SCRAM is bound to the TLS channel
/// where the host and the server both can, and then never used without (RFC 5802 §6).
///
/// # Errors
/// [`Unsupported::ChannelBinding`] if what is left needs a channel binding that the host does not have.
pub(crate) fn usable(
    authentication: &Authentication,
    offered: &[MechanismName],
    can_bind: bool,
) -> Result<VecDeque<MechanismName>, Unsupported> {
    let mut usable = VecDeque::new();
    let mut unbound = false;
    for allowed in authentication.allowed() {
        let plus = allowed.scram().filter(|_| !allowed.is_plus()).map(|base| [base, "-PLUS"].concat());
        let plus = plus.map(|plus| MechanismName::known(&plus)).filter(|_| can_bind);
        let name = plus.filter(|plus| offered.contains(plus)).unwrap_or(allowed);
        if !offered.contains(&name) || usable.contains(&name) {
            continue;
        }
        if name.is_plus() && !can_bind {
            unbound = true;
        } else {
            usable.push_back(name);
        }
    }
    // Whoever takes the -PLUS of one hash away must not get an exchange that is not bound while another one is left.
    if matches!(authentication.mechanisms(), Mechanisms::Automatic) {
        let (mut bound, mut free): (VecDeque<_>, _) =
            usable.into_iter().partition(|name: &MechanismName| name.is_plus());
        bound.append(&mut free);
        usable = bound;
    }
    if usable.is_empty() && unbound { Err(Unsupported::ChannelBinding) } else { Ok(usable) }
}

/// The names of an order.
pub(super) fn names(order: &[&str]) -> Vec<MechanismName> {
    order.iter().map(|name| MechanismName::known(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn chosen(
        allowed: &str,
        offered: &str,
        can_bind: bool,
    ) -> Result<Vec<alloc::string::String>, Unsupported> {
        let list = |text: &str| {
            text.split_whitespace().map(|name| MechanismName::parse(name).unwrap()).collect::<Vec<_>>()
        };
        let ann = Authentication::password("ann", "x").unwrap();
        let ann = if allowed.is_empty() { ann } else { ann.with_mechanisms(list(allowed)).unwrap() };
        usable(&ann, &list(offered), can_bind).map(|names| names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_strongest_that_both_have() {
        let all = "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 NTLM SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2 EXTERNAL";
        assert_eq!(
            chosen("", all, false).unwrap(),
            ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "NTLM"]
        );
        assert_eq!(
            chosen("", all, true).unwrap(),
            ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "NTLM"]
        );
        assert_eq!(
            chosen("", "PLAIN SCRAM-SHA-512 SCRAM-SHA-1-PLUS", true).unwrap(),
            ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512", "PLAIN"]
        );
        assert_eq!(chosen("SCRAM-SHA-256", all, true).unwrap(), ["SCRAM-SHA-256-PLUS"]);
        assert_eq!(chosen("SCRAM-SHA-256", all, false).unwrap(), ["SCRAM-SHA-256"]);
        assert_eq!(chosen("DIGEST-MD5", all, false).unwrap(), ["DIGEST-MD5"]);
        assert_eq!(chosen("SCRAM-SHA-256-PLUS SCRAM-SHA-256", all, true).unwrap(), ["SCRAM-SHA-256-PLUS"]);
        assert_eq!(chosen("SCRAM-SHA-512", all, true).unwrap(), [""; 0]);
    }

    /// a `-PLUS` without channel-binding data is not used, whatever is asked for.
    #[test]
    fn no_binding_no_plus() {
        let offered = "SCRAM-SHA-256-PLUS SCRAM-SHA-1";
        assert_eq!(chosen("SCRAM-SHA-256-PLUS", offered, false), Err(Unsupported::ChannelBinding));
        assert_eq!(chosen("SCRAM-SHA-256-PLUS SCRAM-SHA-1", offered, false).unwrap(), ["SCRAM-SHA-1"]);
    }
}
