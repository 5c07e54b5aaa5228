//! Looks for a secret in everything that a session gives out.

use crate::base64;

/// A secret in all the forms in which it could leak: as it is, in hexadecimal, in base64 at each alignment.
#[derive(Debug)]
pub struct Canary(Vec<Vec<u8>>);

impl Canary {
    /// A canary for this secret. A secret of fewer than four octets is found by chance and not looked for.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        if secret.len() < 4 {
            return Self(Vec::new());
        }
        let mut forms = vec![secret.as_bytes().to_vec()];
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_uppercase().into_bytes());
        forms.push(hex.into_bytes());
        for shift in 0..3 {
            let padded = [&vec![0; shift][..], secret.as_bytes()].concat();
            let encoded = base64(&padded).into_bytes();
            forms.push(encoded[(shift * 8).div_ceil(6)..padded.len() * 8 / 6].to_vec());
        }
        Self(forms)
    }

    /// Looks for this secret too.
    pub fn add(&mut self, secret: &str) {
        self.0.extend(Self::new(secret).0);
    }

    /// Panics if one of the forms is in `text`.
    pub fn check(&self, text: &[u8], place: &str) {
        for form in &self.0 {
            let found = text.windows(form.len()).any(|window| window == form);
            assert!(!found, "{place} shows the password: {}", String::from_utf8_lossy(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_by_the_book() {
        assert_eq!(base64(b"\0tim\0tanstaaftanstaaf"), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
        assert_eq!(base64(b"a"), "YQ==");
    }

    #[test]
    fn every_form_is_found() {
        let canary = Canary::new("hunter2-secret");
        for text in [
            "x hunter2-secret y".to_owned(),
            "68756e746572322d736563726574".to_owned(),
            base64(b"\0ann\0hunter2-secret"),
            base64(b"ann\0hunter2-secret!"),
            base64(b"nn\0hunter2-secret!!"),
        ] {
            assert!(std::panic::catch_unwind(|| canary.check(text.as_bytes(), "test")).is_err(), "{text}");
        }
        canary.check(b"nothing", "test");
    }
}
