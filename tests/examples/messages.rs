//! Sends messages to real servers as a file of cases says, and writes what came of each: `messages CASES RESULTS LAB`.
//! `cargo xtask messages` starts the servers and holds the results against what is expected.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod host;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context as _, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use sansmtp::settings::Server;
use sansmtp::{Cause, Event, OperationId, Verdict};
use sansmtp_tests::dialogue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use host::Connection;

/// Messages over one connection.
#[derive(Deserialize)]
struct Case {
    name: String,
    port: u16,
    settings: HashMap<String, String>,
    /// The arguments of `send`, as in the dialogues; with `lines`, the message has so many.
    send: Vec<Value>,
}

/// What came of it, in words.
#[derive(Serialize)]
struct Outcome {
    name: String,
    outcome: String,
    /// The commands and replies.
    transcript: String,
}

fn main() -> Result<()> {
    let [cases, results, lab] = <[String; 3]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .ok()
        .context("usage: messages CASES RESULTS LAB")?;
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(cases)?)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(format!("{lab}/ca.pem"))?)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    );
    let mut outcomes = Vec::new();
    for case in &cases {
        let mut transcript = String::new();
        let outcome =
            run(case, tls.clone(), &mut transcript).unwrap_or_else(|error| format!("error: {error:#}"));
        outcomes.push(Outcome { name: case.name.clone(), outcome, transcript });
    }
    fs::write(results, serde_json::to_string(&outcomes)?)?;
    Ok(())
}

fn run(case: &Case, tls: Arc<ClientConfig>, transcript: &mut String) -> Result<String> {
    let mut server = Server::parse(&format!("localhost {}", case.port))?;
    for (name, value) in &case.settings {
        server.set(name, value)?;
    }
    let mut config = server.resolve()?.config;
    fs::File::open("/dev/urandom")?.read_exact(&mut config.entropy)?;
    config.transcript = true;
    let mut connection = Connection::open(case.port, config, tls)?;
    let mut messages: HashMap<OperationId, Vec<u8>> = HashMap::new();
    for send in &case.send {
        let id = connection.client.send(&dialogue::envelope(send)?, dialogue::plan(send))?;
        let lines = usize::try_from(send["lines"].as_u64().unwrap_or(1))?;
        let message = format!(
            "From: alice@example.test\r\nSubject: {}\r\n\r\n{}",
            case.name,
            ".a line\r\n".repeat(lines)
        );
        messages.insert(id, message.into_bytes());
    }
    connection.client.quit()?;
    let mut said = String::new();
    // What is left of the message that is being given.
    let mut giving: Option<(OperationId, Vec<u8>)> = None;
    loop {
        if let Some((id, rest)) = &mut giving {
            match connection.client.body(*id, rest) {
                Ok(taken) => drop(rest.drain(..taken)),
                // It has failed: an event tells.
                Err(_) => giving = None,
            }
        }
        if let Some((id, _)) = giving.take_if(|(_, rest)| rest.is_empty()) {
            let _ = connection.client.end_body(id);
        }
        let event = connection.turn()?;
        while let Some(line) = connection.client.poll_transcript() {
            writeln!(transcript, "{line}")?;
        }
        let Some(event) = event else { continue };
        let word = match event {
            Event::SendBody { operation, .. } => {
                giving = Some((operation, messages[&operation].clone()));
                continue;
            }
            Event::Recipient { index, verdict, .. } if verdict != Verdict::Accepted => {
                format!("{index} refused")
            }
            Event::Delivery { index, verdict: Verdict::Accepted, .. } => format!("{index} delivered"),
            Event::Delivery { index, .. } => format!("{index} not delivered"),
            Event::Delivered { .. } => "delivered".into(),
            Event::Failed { failure, .. } => match (&failure.cause, &failure.reply) {
                (Cause::Refused, Some(reply)) => format!("refused {}", reply.code()),
                (Cause::Error { error }, _) => error.to_string(),
                (cause, _) => format!("{cause:?}"),
            },
            Event::Closed => return Ok(said),
            _ => continue,
        };
        if !said.is_empty() {
            said.push_str(", ");
        }
        said.push_str(&word);
    }
}
