//! How long messages take at real servers behind a line with a delay: `delays CASES RESULTS LAB`. `cargo xtask delays` makes
//! the cases, starts the servers, and holds the times against the round trips that are asserted in virtual time.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod host;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sansmtp::settings::Server;
use sansmtp::{BodyPlan, Envelope, Event, ForwardPath, OperationId, ReversePath};
use serde::{Deserialize, Serialize};

use host::Connection;

/// A server, and how it is talked to.
#[derive(Deserialize)]
struct Case {
    name: String,
    port: u16,
    settings: HashMap<String, String>,
}

/// Round trips, each the median of several runs.
#[derive(Serialize)]
struct Outcome {
    name: String,
    /// From the connection to the first result, TLS included.
    fresh: f64,
    /// From the call to the result of the next message.
    reused: f64,
    /// From the result of one message to that of the next, which waited behind it.
    queued: f64,
}

const ROUND_TRIP: Duration = Duration::from_millis(200);
const RUNS: usize = 5;
const RECIPIENTS: usize = 10;

fn main() -> Result<()> {
    let [cases, results, lab] = <[String; 3]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .ok()
        .context("usage: delays CASES RESULTS LAB")?;
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(cases)?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(format!("{lab}/ca.pem"))?)?)?;
    // The group that each of the servers takes, so that none asks for another, which costs a round trip more.
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::SECP256R1];
    let tls = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = &Arc::new(tls);
    // The servers do not disturb each other: nearly all of it is waiting.
    let outcomes = thread::scope(|scope| -> Result<Vec<Outcome>> {
        let runs: Vec<_> = cases.iter().map(|case| scope.spawn(move || median(case, tls))).collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    })?;
    fs::write(results, serde_json::to_string(&outcomes)?)?;
    Ok(())
}

fn median(case: &Case, tls: &Arc<ClientConfig>) -> Result<Outcome> {
    let mut runs = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        let times = run(case, tls).with_context(|| case.name.clone())?;
        for (of, time) in runs.iter_mut().zip(times) {
            of.push(time.as_secs_f64() / ROUND_TRIP.as_secs_f64());
        }
    }
    let [fresh, reused, queued] = runs.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[RUNS / 2]
    });
    Ok(Outcome { name: case.name.clone(), fresh, reused, queued })
}

/// Four messages: one on a fresh connection, one behind its result, and two together.
fn run(case: &Case, tls: &Arc<ClientConfig>) -> Result<[Duration; 3]> {
    let mut server = Server::parse(&format!("localhost {}", case.port))?;
    for (name, value) in &case.settings {
        server.set(name, value)?;
    }
    let mut config = server.resolve()?.config;
    fs::File::open("/dev/urandom")?.read_exact(&mut config.entropy)?;
    let mut envelope = Envelope::new(ReversePath::parse("alice@example.test")?);
    for number in 0..RECIPIENTS {
        envelope = envelope.to(ForwardPath::parse(&format!("r{number}@example.test"))?);
    }
    let mut connection = Connection::open(delayed(case.port)?, config, tls.clone())?;
    let send = |connection: &mut Connection| connection.client.send(&envelope, BodyPlan::default());
    let begin = Instant::now();
    let first = send(&mut connection)?;
    let fresh = delivered(&mut connection, first)? - begin;
    let begin = Instant::now();
    let second = send(&mut connection)?;
    let reused = delivered(&mut connection, second)? - begin;
    let (third, fourth) = (send(&mut connection)?, send(&mut connection)?);
    let before = delivered(&mut connection, third)?;
    let queued = delivered(&mut connection, fourth)? - before;
    Ok([fresh, reused, queued])
}

/// When this message was delivered; every message that is asked for is given.
fn delivered(connection: &mut Connection, wanted: OperationId) -> Result<Instant> {
    loop {
        match connection.next()? {
            Event::SendBody { operation, .. } => {
                let message = b"From: alice@example.test\r\nSubject: hi\r\n\r\nhi\r\n";
                let taken = connection.client.body(operation, message)?;
                assert_eq!(taken, message.len(), "a small message is taken at once");
                connection.client.end_body(operation)?;
            }
            Event::Delivered { operation, .. } if operation == wanted => return Ok(Instant::now()),
            Event::Failed { failure, .. } => bail!("{failure:?}"),
            Event::Closed => bail!("the connection was closed"),
            _ => {}
        }
    }
}

/// A port behind which the server of `port` is half a round trip away, each way; for one connection. That it stands is known
/// to the server half a round trip later too, so that its greeting comes after a whole one.
fn delayed(port: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let own = listener.local_addr()?.port();
    thread::spawn(move || -> Result<()> {
        let (client, _) = listener.accept()?;
        let from_client = pieces(client.try_clone()?);
        thread::sleep(ROUND_TRIP / 2);
        let server = TcpStream::connect(("127.0.0.1", port))?;
        give_on(pieces(server.try_clone()?), client)?;
        give_on(from_client, server)
    });
    Ok(own)
}

/// What comes, and when it is due on the other side.
fn pieces(mut from: TcpStream) -> mpsc::Receiver<(Instant, Vec<u8>)> {
    let (queue, pieces) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if queue.send((Instant::now() + ROUND_TRIP / 2, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    pieces
}

fn give_on(pieces: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) -> Result<()> {
    to.set_nodelay(true)?;
    thread::spawn(move || {
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    Ok(())
}
