//! Messages at real servers behind a line with a delay: their time over the delay is the number of round trips that
//! `cargo xtask flights` asserts.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::servers::{self, LAB};
use crate::{cargo, target};

/// A server, what it offers, and how it is talked to.
struct Server {
    name: &'static str,
    port: u16,
    offer: Offer,
    /// TLS first, and a login; else neither.
    is_secure: bool,
}

#[derive(Clone, Copy)]
enum Offer {
    Both,
    Nothing,
    Pipelining,
}

const SERVERS: [Server; 5] = [
    Server { name: "Postfix", port: 10465, offer: Offer::Both, is_secure: true },
    Server { name: "Exim", port: 10165, offer: Offer::Both, is_secure: true },
    Server { name: "Dovecot", port: 10665, offer: Offer::Both, is_secure: true },
    Server { name: "Sendmail", port: 10365, offer: Offer::Pipelining, is_secure: true },
    Server { name: "OpenSMTPD", port: 10225, offer: Offer::Nothing, is_secure: false },
];

/// Recipients of each message, as in `tests/examples/delays.rs`.
const RECIPIENTS: f64 = 10.0;
/// How far a time may be from the asserted number of round trips.
const TOLERANCE: f64 = 0.5;
/// What puts the table into the documentation.
const JOB: &str = "cargo xtask delays --write";

impl Server {
    /// Round trips: of the first message, from the greeting on; of the next one; of one that waited behind another.
    fn expected(&self) -> [f64; 3] {
        let [message, queued] = match self.offer {
            Offer::Both => [1.0, 0.0],
            Offer::Pipelining => [2.0, 1.0],
            Offer::Nothing => [RECIPIENTS + 3.0; 2],
        };
        // Greeting and EHLO; the handshake of TLS 1.3 and AUTH.
        let setup = if self.is_secure { 4.0 } else { 2.0 };
        [setup + message, message, queued]
    }

    fn case(&self) -> Value {
        let settings = if self.is_secure {
            json!({
                "connectType": "connectDirectSSL", "authType": "authPlain",
                "user": "alice", "password": "wonderland",
            })
        } else {
            json!({ "connectType": "connectNormal" })
        };
        json!({ "name": self.name, "port": self.port, "settings": settings })
    }
}

/// `delays [--write]`: with it the table goes into the documentation.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let write = match arguments {
        [] => false,
        [option] if option == "--write" => true,
        _ => bail!("there is one option: --write"),
    };
    servers::with(false, || delays(write))
}

/// The messages, at servers that run.
pub(crate) fn delays(write: bool) -> Result<()> {
    let (cases, results) = (target().join("delays.json"), target().join("delays-results.json"));
    fs::write(&cases, serde_json::to_string(&SERVERS.iter().map(Server::case).collect::<Vec<_>>())?)?;
    let run = ["run", "--quiet", "--release", "-p", "sansmtp-tests", "--example", "delays", "--"];
    cargo(&[&run[..], &[&cases.to_string_lossy(), &results.to_string_lossy(), LAB]].concat())?;
    let results: Vec<Value> = serde_json::from_str(&fs::read_to_string(results)?)?;
    let mut table = "| server | fresh | reused | queued |\n|---|---|---|---|\n".to_owned();
    let mut wrong = Vec::new();
    for server in &SERVERS {
        let result = results.iter().find(|result| result["name"] == server.name);
        let result = result.with_context(|| format!("no result of {}", server.name))?;
        write!(table, "| {} |", server.name)?;
        for (name, expected) in ["fresh", "reused", "queued"].into_iter().zip(server.expected()) {
            let found = result[name].as_f64().context("a number")?;
            write!(table, " {expected} ({found:.2}) |")?;
            if (found - expected).abs() > TOLERANCE {
                wrong.push(format!("{}, {name}: {found:.2} round trips instead of {expected}", server.name));
            }
        }
        table.push('\n');
    }
    println!("round trips of 200 ms, asserted and (measured, median of 5), to 10 recipients:\n\n{table}");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What was measured is never quite the same.
    servers::keep(JOB, &table, write, |kept, found| asserted(kept) == asserted(found))
}

fn asserted(cell: &str) -> &str {
    cell.split(" (").next().unwrap_or_default()
}
