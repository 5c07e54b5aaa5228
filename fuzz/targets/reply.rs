//! See `sansmtp_tests::fuzz::reply`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansmtp_tests::fuzz::reply(data));
