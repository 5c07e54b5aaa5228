//! Numbers as digits, without the formatting of `core`, which would be most of a small module.

use alloc::string::String;

/// The digits of a number.
pub(crate) fn text(number: impl Into<u64>) -> String {
    let mut rest = number.into();
    let mut digits = String::new();
    loop {
        digits.insert(0, char::from_digit(u32::try_from(rest % 10).unwrap_or(0), 10).unwrap_or('0'));
        rest /= 10;
        if rest == 0 {
            return digits;
        }
    }
}

/// The number that one or more digits say, and nothing else.
pub(crate) fn parse(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.bytes().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for number in [0, 7, 10, 25, 465, 65_535, u64::MAX] {
            assert_eq!(text(number), alloc::format!("{number}"));
            assert_eq!(parse(&text(number)), Some(number));
        }
        for wrong in ["", "-1", "+1", " 1", "1 ", "1e9", "0x1", "٣", "18446744073709551616"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
