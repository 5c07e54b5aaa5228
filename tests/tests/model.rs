//! Random sessions against a model of a server: see `sansmtp_tests::model`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::panic::{catch_unwind, set_hook, take_hook};

use sansmtp_tests::model;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// `SANSMTP_SESSIONS` says how many; `SANSMTP_SEED` runs and shows one.
#[test]
fn results_are_what_the_server_did() {
    if let Some(seed) = variable("SANSMTP_SEED") {
        println!("{:?}", model::session(seed, true));
        return;
    }
    let sessions = variable("SANSMTP_SESSIONS").unwrap_or(4000);
    let mut faults: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut sum = model::Outcomes::default();
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    for seed in 0..sessions {
        match catch_unwind(|| model::session(seed, false)) {
            Ok(outcomes) => {
                sum.delivered += outcomes.delivered;
                sum.failed += outcomes.failed;
                sum.unknown += outcomes.unknown;
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                // The same fault in other sessions differs by its numbers only.
                let text: String =
                    text.unwrap_or_default().lines().next().unwrap_or_default().chars().take(60).collect();
                let words = text.split([' ', ',', '[', ']']).filter(|word| !word.is_empty());
                let kind: Vec<&str> =
                    words.filter(|word| !word.contains(|letter: char| letter.is_ascii_digit())).collect();
                faults.entry(kind.join(" ")).or_default().push(seed);
            }
        }
    }
    set_hook(hook);
    println!("{sessions} sessions: {sum:?}");
    for (fault, seeds) in &faults {
        println!(
            "{} sessions, such as SANSMTP_SEED={:?}: {fault}",
            seeds.len(),
            &seeds[..seeds.len().min(5)]
        );
    }
    assert!(faults.is_empty(), "the client did not do what it should");
    assert!(
        sessions < 1000 || (sum.delivered > 0 && sum.failed > 0 && sum.unknown > 0),
        "too little happened"
    );
}
