//! How long a login by SCRAM takes the core: from the server's first message to the client's proof. Prints a line of
//! milliseconds for each hash and number of iterations, the least of five; `cargo xtask key-derivation` shows it beside
//! WebAssembly's.
#![allow(clippy::expect_used, missing_docs)]

use std::time::Instant;

use sansmtp::sasl::{Authentication, MechanismName};
use sansmtp::{Client, Config, Time, TlsMode};
use sansmtp_tests::{base64, flight};

const NOW: Time = Time::from_millis(0);

fn main() {
    for hash in ["SHA-1", "SHA-256", "SHA-512"] {
        for iterations in [4096, 20_000, 100_000, 600_000] {
            let least = (0..5).map(|_| millis(hash, iterations)).fold(f64::INFINITY, f64::min);
            println!("{hash} {iterations} {least:.1}");
        }
    }
}

fn millis(hash: &str, iterations: u32) -> f64 {
    let name = MechanismName::parse(&format!("SCRAM-{hash}")).expect("a name");
    let login = Authentication::password("user", "pencil").and_then(|user| user.with_mechanisms(vec![name]));
    let mut config = Config::new(TlsMode::Never);
    config.authentication = Some(login.expect("credentials"));
    config.allow_insecure_auth = true;
    config.entropy = *b"0123456789abcdefghijklmnopqrstuv";
    let mut client = Client::new(config, NOW);
    let mut say = |text: &str| {
        client.handle_input(NOW, text.as_bytes()).expect("a valid reply");
        String::from_utf8(flight(&mut client, NOW)).expect("text")
    };
    say("220 hi\r\n");
    say(&format!("250-hi\r\n250 AUTH SCRAM-{hash}\r\n"));
    // The client's nonce is the randomness above in base64; the salt is 16 octets.
    let first = format!("r=MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1uSERVER,s=MDEyMzQ1Njc4OWFiY2RlZg==,i={iterations}");
    let begin = Instant::now();
    let proof = say(&format!("334 {}\r\n", base64(first.as_bytes())));
    let millis = begin.elapsed().as_secs_f64() * 1000.0;
    assert!(proof.len() > 60, "no proof: {proof}");
    millis
}
