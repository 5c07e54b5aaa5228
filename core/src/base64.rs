//! Base64 as RFC 4954 §4 has it: the standard alphabet, padded, nothing else in between. What is encoded is a secret
//! more often than not, so its text is zeroed when it is dropped.

use alloc::vec;
use alloc::vec::Vec;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(crate) fn encode(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(vec![0; octets.len().div_ceil(3) * 4]);
    let length = STANDARD.encode_slice(octets, &mut encoded).unwrap_or(0);
    encoded.truncate(length);
    encoded
}

pub(crate) fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = vec![0; encoded.len().div_ceil(4) * 3];
    let length = STANDARD.decode_slice(encoded, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (octets, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xff\xfe", "//4=")]
        {
            assert_eq!(encode(octets).as_slice(), text.as_bytes());
            assert_eq!(decode(text.as_bytes()).unwrap(), octets);
        }
        for wrong in ["Z", "Zg", "Zg=", "Zh==", "Z g=", "Zg==\n", "-_8=", "Zg==Zg=="] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
