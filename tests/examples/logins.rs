//! Logs in to real servers as a file of cases says, and writes what came of it: `logins CASES RESULTS`. `cargo xtask
//! logins` makes the cases, starts the servers, and holds the results against those of `wasm/test/logins.mjs`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod host;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use std::{env, fs, thread};

use anyhow::{Context as _, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sansmtp::settings::Server;
use sansmtp::{Cause, Event, Failure};
use serde::{Deserialize, Serialize};

use host::Connection;

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

fn log_in(case: &Case, files: &Files) -> Result<String> {
    let mut server = Server::parse(&format!("localhost {}", case.port))?;
    for (name, value) in &case.settings {
        server.set(name, value)?;
    }
    let mut config = server.resolve()?.config;
    File::open("/dev/urandom")?.read_exact(&mut config.entropy)?;
    config.unix_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let mut connection = Connection::open(case.port, config, tls(case, files)?)?;
    let mut outcome = String::new();
    loop {
        match connection.next()? {
            Event::Authenticated { mechanism, .. } => outcome = format!("in by {mechanism}"),
            Event::Ready => connection.client.quit()?,
            Event::Failed { failure, .. } if outcome.is_empty() => outcome = shown(&failure),
            Event::Closed => return Ok(outcome),
            _ => {}
        }
    }
}

fn tls(case: &Case, files: &Files) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(files.ca.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    Ok(Arc::new(if case.certificate {
        let chain = CertificateDer::pem_slice_iter(files.certificate.as_bytes()).collect::<Result<_, _>>()?;
        builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(files.key.as_bytes())?)?
    } else {
        builder.with_no_client_auth()
    }))
}

fn shown(failure: &Failure) -> String {
    match (&failure.cause, &failure.reply) {
        (Cause::Refused | Cause::Token { .. }, Some(reply)) => format!("refused {}", reply.code()),
        (Cause::Error { error }, _) => format!("error: {error}"),
        (cause, _) => format!("error: {cause:?}"),
    }
}
