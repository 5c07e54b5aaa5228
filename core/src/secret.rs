//! Passwords and what is made of them, kept out of every text that a person or a log may see.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::{fmt, mem};

use zeroize::Zeroizing;

use crate::{base64, hexadecimal};

/// A password or a token. Its memory is zeroed when it is dropped; `Debug` prints `***`; it has no `Display`.
///
/// ```
/// use sansmtp::Secret;
/// assert_eq!(format!("{:?}", Secret::from("hunter2")), "***");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself. Keep it as short-lived as you can.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// What stands where a secret was.
pub(crate) const MASK: &str = "***";

/// Finds secrets in what the server says: a server (or somebody between) can send back what it was sent,
/// and a reply goes into events, errors and transcripts.
#[derive(Default)]
pub(crate) struct Redactor {
    /// The secrets as they are.
    secrets: Vec<Zeroizing<Vec<u8>>>,
    /// Their hexadecimal and base64 forms: a run of characters that has one in it is hidden.
    encoded: Vec<Zeroizing<Vec<u8>>>,
    /// What was sent within the exchange, decoded and as base64: what has eight octets in a row of it is hidden.
    sent: Pieces,
}

/// A shorter secret is not searched for: it would hit by chance.
const SHORTEST: usize = 4;
/// Octets in a row that a text has in common with what was sent, and not by chance.
const PIECE: usize = 8;
/// Characters that are no word: a digest in hexadecimal has 32, one in base64 at least 24.
const PROOF: usize = 16;

impl Redactor {
    /// Hides `secret` from now on: as it is, in hexadecimal, and in base64 at each of the three alignments.
    pub(crate) fn hide(&mut self, secret: &[u8]) {
        if secret.len() < SHORTEST {
            return;
        }
        self.encoded.push(hexadecimal::lower(secret));
        self.encoded.push(hexadecimal::upper(secret));
        for shift in 0..3 {
            let mut shifted = Zeroizing::new(Vec::with_capacity(shift + secret.len()));
            shifted.resize(shift, 0);
            shifted.extend_from_slice(secret);
            let encoded = base64::encode(&shifted);
            // Only the characters that depend on nothing but the secret: 6 bits each.
            let first = (shift * 8).div_ceil(6);
            let last = (shift + secret.len()) * 8 / 6;
            if let Some(core) = encoded.get(first..last) {
                self.encoded.push(Zeroizing::new(core.into()));
            }
        }
        self.secrets.push(Zeroizing::new(secret.into()));
    }

    /// Hides what is sent within an exchange: every longer piece of it.
    pub(crate) fn hide_sent(&mut self, octets: &[u8]) {
        for piece in octets.windows(PIECE).filter_map(piece) {
            self.sent.insert(piece);
        }
    }

    /// Hides what in a response looks like a digest, a proof or a token: a long run of the characters of base64 that is
    /// part of none of the names.
    pub(crate) fn hide_proofs(&mut self, response: &[u8], names: &[&str]) {
        for run in response.split(|octet| !is_base64(*octet)).filter(|run| run.len() >= PROOF) {
            // `user=` or `smtp/` before a name is no reason to hide it.
            let parts = run.splitn(2, |octet| matches!(octet, b'=' | b'/'));
            let is_name =
                |part: &[u8]| !part.is_empty() && names.iter().any(|name| contains(name.as_bytes(), part));
            if !is_name(run) && !parts.skip(1).any(is_name) {
                self.hide_sent(run);
            }
        }
    }

    /// `text` with every secret replaced by `***`; `None` if there was none, so that the usual case copies nothing.
    pub(crate) fn redact(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.secrets.is_empty() && self.sent.count == 0 {
            return None;
        }
        let mut clean: Option<Vec<u8>> = None;
        let mut start = 0;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let is_inside_run = start > 0 && text.get(start - 1).is_some_and(|byte| is_base64(*byte));
            let length = self.secret_at(rest, is_inside_run);
            if length > 0 {
                let clean = clean.get_or_insert_with(|| text.get(..start).unwrap_or_default().into());
                clean.extend_from_slice(MASK.as_bytes());
                start += length;
            } else {
                if let Some(clean) = &mut clean {
                    clean.extend(rest.first());
                }
                start += 1;
            }
        }
        clean
    }

    /// The length of what has to be hidden at the start of `text`, or 0.
    fn secret_at(&self, text: &[u8], is_inside_run: bool) -> usize {
        let secret =
            self.secrets.iter().filter(|secret| text.starts_with(secret)).map(|secret| secret.len()).max();
        let sent = text.windows(PIECE).take_while(|window| self.was_sent(window)).count();
        let sent = if sent > 0 { sent + PIECE - 1 } else { 0 };
        let length = secret.unwrap_or(0).max(sent);
        if is_inside_run {
            return length;
        }
        let run = text.iter().position(|byte| !is_base64(*byte)).unwrap_or(text.len());
        let run = text.get(..run).unwrap_or_default();
        let is_hidden = self.encoded.iter().any(|form| contains(run, form))
            || run.windows(PIECE).any(|window| self.was_sent(window));
        if is_hidden { length.max(run.len()) } else { length }
    }

    fn was_sent(&self, window: &[u8]) -> bool {
        piece(window).is_some_and(|piece| self.sent.contains(piece))
    }
}

/// Eight octets as a number; `None` for eight NULs, which are no text.
fn piece(window: &[u8]) -> Option<u64> {
    window.try_into().ok().map(u64::from_be_bytes).filter(|piece| *piece != 0)
}

/// A set of pieces, by open addressing. Sorting would weigh 5 kB in WebAssembly, and a search through what was sent takes
/// too long for a token of thousands of octets.
#[derive(Default)]
struct Pieces {
    /// A power of two of them, at most half of them in use; 0: free.
    places: Zeroizing<Vec<u64>>,
    count: usize,
}

impl Pieces {
    fn insert(&mut self, piece: u64) {
        if self.count * 2 >= self.places.len() {
            let length = (self.places.len() * 2).max(128);
            let before = mem::replace(&mut self.places, Zeroizing::new(vec![0; length]));
            self.count = 0;
            before.iter().filter(|piece| **piece != 0).for_each(|piece| self.insert(*piece));
        }
        let at = self.place(piece);
        if let Some(free) = self.places.get_mut(at).filter(|found| **found == 0) {
            *free = piece;
            self.count += 1;
        }
    }

    fn contains(&self, piece: u64) -> bool {
        self.count > 0 && self.places.get(self.place(piece)) == Some(&piece)
    }

    /// Where a piece is, or would be. There is a free place, so that it ends.
    fn place(&self, piece: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = (piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.places.get(at).is_some_and(|found| *found != 0 && *found != piece) {
            at = (at + 1) & mask;
        }
        at
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    let Some(first) = piece.first() else { return false };
    memchr::memchr_iter(*first, text).any(|at| text.get(at..).is_some_and(|rest| rest.starts_with(piece)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact(text: &[u8]) -> String {
        let mut redactor = Redactor::default();
        redactor.hide(b"p4ssw0rd-canary");
        redactor.hide_sent(b"AHVzZXIAcDRzc3cwcmQtY2FuYXJ5");
        let names = ["averylongname1234@example.com"];
        redactor.hide_proofs(b"n,,n=averylongname1234@example.com,r=x", &names);
        redactor.hide_proofs(b"averylongname1234@example.com 287eb355114cf5c471c26a875f1ca4ae", &names);
        let clean = redactor.redact(text).unwrap_or_else(|| text.to_vec());
        String::from_utf8(clean).unwrap()
    }

    #[test]
    fn every_disguise_is_hidden() {
        assert_eq!(redact(b"no p4ssw0rd-canary here, p4ssw0rd-canary"), "no *** here, ***");
        assert_eq!(redact(b"<AHVzZXIAcDRzc3cwcmQtY2FuYXJ5>"), "<***>");
        assert_eq!(redact(b"a piece: VzZXIAcDRzc3c!"), "a piece: ***!");
        assert_eq!(redact(b"got resp=xVzZXIAcDRzc3c"), "got ***");
        assert_eq!(redact(b"digest 287eb355114cf5c471c26a875f1ca4ae"), "digest ***");
        assert_eq!(redact(b"a piece of it: (5114cf5c471c)"), "a piece of it: (***)");
        assert_eq!(redact(b"hex 703473737730726432"), "hex 703473737730726432");
        let hex: String = b"p4ssw0rd-canary".iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(redact(hex.as_bytes()), "***");
        for prefix in ["", "x", "xy"] {
            let text = alloc::format!("{prefix}p4ssw0rd-canary{prefix}");
            assert!(redact(&base64::encode(text.as_bytes())).contains("***"), "{text}");
        }
    }

    /// Thousands of pieces, and no hit by chance.
    #[test]
    fn a_long_response() {
        let sent: Vec<u8> =
            (0..9000_u32).flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_be_bytes()).collect();
        let mut redactor = Redactor::default();
        redactor.hide_sent(&sent);
        assert!(sent.windows(PIECE).all(|window| redactor.was_sent(window)));
        assert!(!redactor.was_sent(b"535 5.7.") && !redactor.was_sent(&[0; 8]));
    }

    #[test]
    fn ordinary_replies_are_not_touched() {
        assert_eq!(Redactor::default().redact(b"250 ok"), None);
        assert_eq!(
            redact(b"535 5.7.8 Authentication credentials invalid"),
            "535 5.7.8 Authentication credentials invalid"
        );
        assert_eq!(
            redact(b"535 averylongname1234@example.com may not"),
            "535 averylongname1234@example.com may not"
        );
    }
}
