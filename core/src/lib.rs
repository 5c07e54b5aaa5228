//! A sans-IO SMTP client: the server's bytes go in, the client's bytes and events come out.
//!
//! The crate has no sockets, no TLS, no clock and no randomness. A host brings them and drives a [`Client`]:
//!
//! 1. read from the server while [`Client::wants_input`], and give what came to [`Client::handle_input`];
//! 2. take all events from [`Client::poll_event`] and act on them;
//! 3. write out [`Client::transmit`], telling [`Client::transmitting`] before and [`Client::transmitted`] after;
//! 4. sleep until something can be read, or until [`Client::poll_timeout`], then [`Client::handle_timeout`];
//! 5. after [`Event::Closed`], close the connection.
//!
//! ```text
//!                    Implicit                      STARTTLS accepted
//!            ┌──────► StartTls ──┐        ┌──────────► StartTls ──────┐
//!            │                   ▼        │                           ▼
//!  new() ────┴─────────────► greeting ─► EHLO ◄─────────── tls_established()
//!                                         │
//!                                         ├─► AUTH ─┐  AuthNeeds ◄─► auth_supply()
//!                                         ▼         ▼
//!                 quit()  ◄──────────── Ready ◄─────┘
//!                   │                   │   ▲
//!                   ▼                   ▼   │  Delivered, Answer or Failed
//!                 Closed       MAIL RCPT… DATA │ NOOP │ …
//! ```
//!
//! ```
//! use sansmtp::{BodyPlan, Client, Config, Envelope, Event, ForwardPath, ReversePath, Segment, Time, TlsMode};
//!
//! let envelope = Envelope::new(ReversePath::parse("ann@example.com")?)
//!     .to(ForwardPath::parse("bob@example.org")?);
//! // What a server says; a real host reads it from a socket.
//! let mut server = ["220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 ok\r\n250 ok\r\n354 go\r\n", "250 taken\r\n"].into_iter();
//!
//! let now = Time::from_millis(0);
//! let mut client = Client::new(Config::new(TlsMode::Never), now);
//! let message = client.send(&envelope, BodyPlan::default())?;
//! let mut wire = Vec::new();
//! 'session: loop {
//!     while let Some(event) = client.poll_event() {
//!         match event {
//!             Event::SendBody { operation, .. } => {
//!                 let taken = client.body(operation, b"Subject: hi\n\nhi")?;
//!                 assert_eq!(taken, 15);
//!                 client.end_body(operation)?;
//!             }
//!             Event::Delivered { operation, .. } => {
//!                 assert_eq!(operation, message);
//!                 break 'session;
//!             }
//!             Event::Failed { failure, .. } => panic!("{failure:?}"),
//!             _ => {}
//!         }
//!     }
//!     // No `Segment::Body`: that is for messages given by `body_chunk`.
//!     let flight: Vec<u8> = client.transmit().filter_map(Segment::bytes).collect::<Vec<_>>().concat();
//!     client.transmitting(now, flight.len() as u64)?;
//!     client.transmitted(now, flight.len() as u64)?;
//!     wire.extend(flight);
//!     client.handle_input(now, server.next().unwrap().as_bytes())?;
//! }
//! assert_eq!(String::from_utf8(wire)?, "EHLO [127.0.0.1]\r\n\
//!     MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\
//!     Subject: hi\r\n\r\nhi\r\n.\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! One for each login mechanism: `anonymous`, `cram-md5`, `digest-md5`, `external`, `login`, `ntlm` (and MSN),
//! `oauthbearer`, `plain`, `scram-sha-1`, `scram-sha-256`, `scram-sha-512` (each with its `-PLUS`), `xoauth2`. `unicode`:
//! names and passwords that are not ASCII; it is the only one that needs std, and a host whose platform has the tables can
//! do without: see [`sasl::Authentication::prepared`]. All of these are on by default. `serde`: serialises events, replies
//! and errors.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod base64;
mod body;
mod capabilities;
mod client;
mod config;
mod decimal;
mod envelope;
mod error;
mod event;
mod hexadecimal;
pub mod reply;
pub mod sasl;
mod secret;
pub mod settings;
mod time;
pub mod transcript;
mod transmit;
mod xclient;

pub use body::{BodyEncoder, BodyPlan, Content, LineEnds, LongLines, Transfer};
pub use capabilities::Capabilities;
pub use client::Client;
pub use config::{Config, Limits, Pipelining, RecipientPolicy, TlsMode};
pub use envelope::{
    DeliverBy, Envelope, EnvelopeId, ForwardPath, HelloName, HoldFor, HoldUntil, MailParameter, Notify,
    OriginalRecipient, Overdue, Parameter, Priority, RcptParameter, Recipient, Return, ReversePath,
};
pub use error::{ApiMisuse, Error, InvalidInput, Limit, PeerMisbehaved, Protocol, Stage, Unsupported};
pub use event::{
    AuthAnswer, AuthNeeds, Cause, DataSent, Event, Failure, OperationId, Outcome, TlsFailure, TlsInfo,
    Verdict,
};
pub use secret::Secret;
pub use time::{Time, Timeouts};
pub use transmit::Segment;
pub use xclient::XClient;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
