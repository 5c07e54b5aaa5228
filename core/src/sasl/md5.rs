//! MD5 and its HMAC, for CRAM-MD5, DIGEST-MD5 and NTLM.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::Response;

/// The hash of the parts in a row.
pub(super) fn md5(parts: &[&[u8]]) -> Response {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().to_vec())
}

/// The HMAC of the parts in a row. It takes a key of any length, so that there is no other way through.
pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> Response {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return Response::default() };
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}
