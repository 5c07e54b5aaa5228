//! Messages at real servers: each extension where a server offers it, and what is said where it does not. The cases are in
//! `tests/servers/messages.json`.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::servers::{self, LAB};
use crate::{cargo, target};

pub(crate) fn run() -> Result<()> {
    servers::with(false, messages)
}

/// The messages, at servers that run.
pub(crate) fn messages() -> Result<()> {
    let cases = servers::scripts().join("messages.json");
    let list: Vec<Value> = serde_json::from_str(&fs::read_to_string(&cases)?)?;
    let results = target().join("messages-results.json");
    let run = ["run", "--quiet", "-p", "sansmtp-tests", "--example", "messages", "--"];
    cargo(&[&run[..], &[&cases.to_string_lossy(), &results.to_string_lossy(), LAB]].concat())?;
    let results: Vec<Value> = serde_json::from_str(&fs::read_to_string(results)?)?;
    ensure!(results.len() == list.len(), "{} results of {} cases", results.len(), list.len());
    let mut wrong = Vec::new();
    for (case, result) in list.iter().zip(&results) {
        let word = |value: &Value, name: &str| -> Result<String> {
            Ok(value[name].as_str().with_context(|| name.to_owned())?.to_owned())
        };
        let (name, expected) = (word(case, "name")?, word(case, "outcome")?);
        let (outcome, transcript) = (word(result, "outcome")?, word(result, "transcript")?);
        let said = case["said"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let unsaid: Vec<&str> = said.filter(|line| !transcript.contains(line)).collect();
        println!("{name}: {outcome}");
        if outcome != expected || !unsaid.is_empty() {
            wrong
                .push(format!("{name}: {outcome}; expected: {expected}; not said: {unsaid:?}\n{transcript}"));
        }
    }
    ensure!(wrong.is_empty(), "{} were not as expected:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} cases", list.len());
    Ok(())
}
