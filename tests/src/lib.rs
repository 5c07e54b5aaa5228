//! What the tests of several crates share: the dialogue format, captured sessions, a scripted server with virtual
//! time, and the bodies of the fuzz targets, which run on stable too.
// A test that cannot go on stops at once, and says where.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod canary;
pub mod capture;
pub mod dialogue;
pub mod fuzz;
pub mod model;
pub mod pair;
pub mod server;

use sansmtp::{Client, Segment, Time};

/// Every built-in mechanism.
pub const MECHANISMS: [&str; 16] = [
    "SCRAM-SHA-512-PLUS",
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-512",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
    "NTLM",
    "MSN",
    "OAUTHBEARER",
    "XOAUTH2",
    "EXTERNAL",
    "ANONYMOUS",
    "DIGEST-MD5",
];

/// Takes what a client has to send, all of it handed over and written at the moment `now`. Octets that the host announced
/// are `#`.
///
/// # Panics
/// If the client does not know what it gave out.
pub fn flight(client: &mut Client, now: Time) -> Vec<u8> {
    let octets = |segment: Segment<'_>| match segment {
        Segment::Bytes(octets) => octets.to_vec(),
        Segment::Body { length, .. } => vec![b'#'; usize::try_from(length).expect("a small chunk")],
    };
    let flight: Vec<u8> = client.transmit().flat_map(octets).collect();
    if !flight.is_empty() {
        let count = flight.len() as u64;
        client.transmitting(now, count).expect("what there is can be handed over");
        client.transmitted(now, count).expect("what was handed over can be written");
    }
    flight
}

/// Base64, by the book: the code under test is not its own judge.
#[must_use]
pub fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let value =
            (0..3).fold(0_usize, |value, at| value << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        let length = chunk.len();
        [18, 12, 6, 0]
            .map(|shift| ALPHABET[value >> shift & 63])
            .into_iter()
            .enumerate()
            .map(move |(at, digit)| if at <= length { char::from(digit) } else { '=' })
    };
    octets.chunks(3).flat_map(digits).collect()
}
