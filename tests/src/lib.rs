//! What the tests of several crates share: the dialogue format, captured sessions, a scripted server with virtual
//! time, and the bodies of the fuzz targets, which run on stable too.
// A test that cannot go on stops at once, and says where.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod canary;
pub mod capture;
pub mod dialogue;
pub mod fuzz;
pub mod pair;
pub mod server;

use sansmtp::{Client, Segment, Time};

/// Takes what a client has to send, all of it handed over and written at the moment `now`.
///
/// # Panics
/// If the client does not know what it gave out.
pub fn flight(client: &mut Client, now: Time) -> Vec<u8> {
    let flight: Vec<u8> = client.transmit().flat_map(|Segment::Bytes(octets)| octets.to_vec()).collect();
    if !flight.is_empty() {
        let count = flight.len() as u64;
        client.transmitting(now, count).expect("what there is can be handed over");
        client.transmitted(now, count).expect("what was handed over can be written");
    }
    flight
}
