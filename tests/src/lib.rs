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
