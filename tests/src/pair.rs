//! A client and a server with virtual time between them, so that round trips are a number to assert.

use sansmtp::{BodyPlan, Client, Config, Envelope, Event, OperationId, Time, TlsInfo};

use crate::flight;
use crate::server::Server;

/// A client, a server, and the time that octets take from one to the other and back.
#[derive(Debug)]
pub struct Pair {
    /// The client.
    pub client: Client,
    /// The server.
    pub server: Server,
    /// Milliseconds from a flight of the client's to the replies.
    round_trip: u64,
    now: u64,
    /// Replies under way, and when they arrive.
    arriving: Vec<(u64, Vec<u8>)>,
    /// Messages that were asked for are given from here.
    message: Vec<u8>,
    /// Every event, with the round trips that had passed.
    pub events: Vec<(u64, Event)>,
}

impl Pair {
    /// A connection that stands; the greeting takes a round trip, as after a TCP handshake.
    #[must_use]
    pub fn new(config: Config, server: Server, message: &[u8]) -> Self {
        let round_trip = 100;
        let mut pair = Self {
            client: Client::new(config, Time::from_millis(0)),
            arriving: vec![(round_trip, server.greeting())],
            server,
            round_trip,
            now: 0,
            message: message.to_vec(),
            events: Vec::new(),
        };
        pair.work();
        pair
    }

    /// Round trips so far. The handshakes of TLS take none here: they are the host's.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        assert_eq!(self.now % self.round_trip, 0, "time passes in round trips");
        self.now / self.round_trip
    }

    /// Queues a message.
    pub fn send(&mut self, envelope: &Envelope) -> OperationId {
        let id = self.client.send(envelope, BodyPlan::default()).expect("a session that is open");
        self.work();
        id
    }

    /// Runs until this event comes, and gives the round trips that had passed.
    pub fn run_until(&mut self, wanted: impl Fn(&Event) -> bool) -> u64 {
        loop {
            if let Some((round_trips, _)) = self.events.iter().find(|(_, event)| wanted(event)) {
                return *round_trips;
            }
            assert!(!self.arriving.is_empty(), "nothing more will come; events: {:#?}", self.events);
            let (at, replies) = self.arriving.remove(0);
            self.now = at;
            self.client.handle_input(Time::from_millis(at), &replies).expect("a server without faults");
            self.work();
        }
    }

    /// Takes events, gives what they ask for, sends what is to be sent.
    fn work(&mut self) {
        let now = Time::from_millis(self.now);
        loop {
            while let Some(event) = self.client.poll_event() {
                match &event {
                    Event::SendBody { operation, .. } => {
                        let taken = self.client.body(*operation, &self.message).expect("a message");
                        assert_eq!(taken, self.message.len(), "the message fits the buffer");
                        self.client.end_body(*operation).expect("its end");
                    }
                    Event::StartTls => {
                        self.server.wants_tls = false;
                        self.client.tls_established(now, TlsInfo::new(true)).expect("TLS");
                    }
                    _ => {}
                }
                self.events.push((self.now / self.round_trip, event));
            }
            let flight = flight(&mut self.client, now);
            if flight.is_empty() {
                return;
            }
            let replies = self.server.handle(&flight);
            if !replies.is_empty() {
                self.arriving.push((self.now + self.round_trip, replies));
            }
        }
    }
}
