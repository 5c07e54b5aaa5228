//! Logs in to real servers as a file of cases says, and writes what came of it: `logins CASES RESULTS`. `cargo xtask
//! logins` makes the cases, starts the servers, and holds the results against those of `wasm/test/logins.mjs`.
//!
//! It is a host as a user of the core would write it, on blocking sockets and rustls.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sansmtp::sasl::ChannelBinding;
use sansmtp::settings::Server;
use sansmtp::{Cause, Client, Event, Failure, Segment, Time, TlsInfo};
use serde::{Deserialize, Serialize};

/// One login.
#[derive(Deserialize)]
struct Case {
    name: String,
    port: u16,
    settings: HashMap<String, String>,
    /// Whether to show the client certificate.
    certificate: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Outcome {
    name: String,
    /// `in by MECHANISM`, `refused CODE`, or an error.
    outcome: String,
}

/// The files that TLS needs.
struct Files {
    ca: String,
    certificate: String,
    key: String,
}

/// Connections at a time: some servers wait before they refuse.
const AT_ONCE: usize = 12;

fn main() -> Result<()> {
    let [cases, results, lab] = <[String; 3]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .ok()
        .context("usage: logins CASES RESULTS LAB")?;
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(cases)?)?;
    let read = |name: &str| fs::read_to_string(format!("{lab}/{name}")).with_context(|| name.to_owned());
    let files = Files { ca: read("ca.pem")?, certificate: read("client.pem")?, key: read("client.key")? };
    let (queue, outcomes) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(case) = next else { break };
                    let outcome = log_in(case, &files).unwrap_or_else(|error| format!("error: {error:#}"));
                    outcomes.lock().unwrap().push(Outcome { name: case.name.clone(), outcome });
                }
            });
        }
    });
    fs::write(results, serde_json::to_string(&*outcomes.lock().unwrap())?)?;
    Ok(())
}

/// A socket, with TLS or without yet.
enum Socket {
    Clear(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

fn log_in(case: &Case, files: &Files) -> Result<String> {
    let mut server = Server::parse(&format!("localhost {}", case.port))?;
    for (name, value) in &case.settings {
        server.set(name, value)?;
    }
    let mut config = server.resolve()?.config;
    fs::File::open("/dev/urandom")?.read_exact(&mut config.entropy)?;
    config.unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let begin = Instant::now();
    let now = || Time::from_millis(u64::try_from(begin.elapsed().as_millis()).unwrap_or(0));
    let tcp = TcpStream::connect(("127.0.0.1", case.port))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut socket = Socket::Clear(tcp);
    let mut client = Client::new(config, now());
    let mut outcome = String::new();
    let mut buffer = [0; 16384];
    loop {
        let mut wants_tls = false;
        while let Some(event) = client.poll_event() {
            match event {
                Event::StartTls => wants_tls = true,
                Event::Authenticated { mechanism, .. } => outcome = format!("in by {mechanism}"),
                Event::Ready => client.quit()?,
                Event::Failed { failure, .. } if outcome.is_empty() => outcome = shown(&failure),
                Event::Closed => return Ok(outcome),
                _ => {}
            }
        }
        if wants_tls {
            let Socket::Clear(tcp) = socket else { bail!("TLS within TLS") };
            let (secure, tls) = handshake(tcp, case, files)?;
            socket = Socket::Secure(Box::new(secure));
            client.tls_established(now(), tls)?;
            continue;
        }
        let flight: Vec<u8> = client.transmit().filter_map(Segment::bytes).collect::<Vec<_>>().concat();
        if !flight.is_empty() {
            client.transmitting(now(), flight.len() as u64)?;
            match &mut socket {
                Socket::Clear(tcp) => tcp.write_all(&flight)?,
                Socket::Secure(tls) => tls.write_all(&flight).and_then(|()| tls.flush())?,
            }
            client.transmitted(now(), flight.len() as u64)?;
        }
        let count = match &mut socket {
            Socket::Clear(tcp) => tcp.read(&mut buffer),
            Socket::Secure(tls) => tls.read(&mut buffer),
        };
        // What the session makes of its end, its events tell.
        let _ = match count.unwrap_or(0) {
            0 => client.handle_eof(now()),
            count => client.handle_input(now(), &buffer[..count]),
        };
    }
}

fn handshake(
    tcp: TcpStream,
    case: &Case,
    files: &Files,
) -> Result<(StreamOwned<ClientConnection, TcpStream>, TlsInfo)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(files.ca.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = if case.certificate {
        let chain = CertificateDer::pem_slice_iter(files.certificate.as_bytes()).collect::<Result<_, _>>()?;
        builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(files.key.as_bytes())?)?
    } else {
        builder.with_no_client_auth()
    };
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
    let mut secure = StreamOwned::new(connection, tcp);
    while secure.conn.is_handshaking() {
        secure.conn.complete_io(&mut secure.sock)?;
    }
    let mut bindings = Vec::new();
    if secure.conn.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
        let label = b"EXPORTER-Channel-Binding";
        let data = secure.conn.export_keying_material([0; 32], label, Some(b""))?;
        bindings.push(ChannelBinding::TlsExporter(data.into()));
    }
    Ok((secure, TlsInfo::new(true).with_channel_bindings(bindings)))
}

fn shown(failure: &Failure) -> String {
    match (&failure.cause, &failure.reply) {
        (Cause::Refused | Cause::Token { .. }, Some(reply)) => format!("refused {}", reply.code()),
        (Cause::Error { error }, _) => format!("error: {error}"),
        (cause, _) => format!("error: {cause:?}"),
    }
}
