//! Names as GS2 writes them (RFC 5801 §4), for SCRAM and OAUTHBEARER.

use alloc::borrow::Cow;

/// A name with `=` as `=3D` and `,` as `=2C`.
pub(super) fn saslname(name: &str) -> Cow<'_, str> {
    if name.contains([',', '=']) { name.replace('=', "=3D").replace(',', "=2C").into() } else { name.into() }
}
