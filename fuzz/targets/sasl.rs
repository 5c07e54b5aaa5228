//! See `sansmtp_tests::fuzz::sasl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansmtp_tests::fuzz::sasl(data));
