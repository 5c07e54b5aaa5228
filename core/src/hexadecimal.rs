//! Octets as hexadecimal digits. What is shown so is a secret more often than not, so its text is zeroed when dropped.

use alloc::vec::Vec;

use zeroize::Zeroizing;

pub(crate) fn lower(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    digits(octets, b'a')
}

pub(crate) fn upper(octets: &[u8]) -> Zeroizing<Vec<u8>> {
    digits(octets, b'A')
}

fn digits(octets: &[u8], ten: u8) -> Zeroizing<Vec<u8>> {
    let digit = |value: u8| if value < 10 { b'0' + value } else { ten + value - 10 };
    let mut text = Zeroizing::new(Vec::with_capacity(2 * octets.len()));
    text.extend(octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]));
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_cases() {
        assert_eq!(super::lower(b"\x00\x9a\xff").as_slice(), b"009aff");
        assert_eq!(super::upper(b"\x00\x9a\xff").as_slice(), b"009AFF");
    }
}
