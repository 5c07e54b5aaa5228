//! See `sansmtp_tests::fuzz::body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansmtp_tests::fuzz::body(data));
