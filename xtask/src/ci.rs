//! What CI checks, one after the other. What cannot be had on a machine is reported as skipped, loudly.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    cargo, cargo_command, delays, exec, fuzz, logins, memory, messages, model, npm, runtimes, servers, size,
    test, tool, wasm,
};

type Check = (&'static str, fn() -> Result<Done>);

/// How a check ended.
enum Done {
    Passed,
    Skipped(&'static str),
}

const CHECKS: [Check; 13] = [
    ("fmt", || passed(cargo(&["fmt", "--all", "--check"]))),
    ("clippy", || passed(clippy())),
    ("features", || passed(features())),
    ("docs", || passed(docs())),
    ("test", || passed(test())),
    ("model", || passed(model("100000"))),
    ("size", || passed(size::run())),
    ("package", || passed(npm::check())),
    ("deny", || passed(deny())),
    // Every octet is the same to it: a small message tells as much as a large one.
    ("memory", || passed(memory::run(&["128".to_owned()]))),
    ("runtimes", js_runtimes),
    ("servers", real_servers),
    ("fuzz", fuzzing),
];

/// Runs all checks, or one.
pub(crate) fn run(only: Option<&str>) -> Result<()> {
    let checks: Vec<_> = CHECKS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if checks.is_empty() {
        let names: Vec<_> = CHECKS.iter().map(|(name, _)| *name).collect();
        bail!("there is no check of this name; there are: {}", names.join(", "));
    }
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, check) in checks {
        println!("\n── {name} ──");
        let start = Instant::now();
        let (word, why) = match check() {
            Ok(Done::Passed) => (count(&mut passed, "passed"), String::new()),
            Ok(Done::Skipped(why)) => (count(&mut skipped, "SKIPPED"), format!(": {why}")),
            Err(error) => (count(&mut failed, "FAILED"), format!(": {error:#}")),
        };
        lines.push(format!("{word:7} {name:9} {:4} s{why}", start.elapsed().as_secs()));
        println!("{}", lines.last().map_or("", String::as_str));
    }
    println!("\n{}\n\n{passed} passed, {failed} failed, {skipped} skipped", lines.join("\n"));
    if failed > 0 {
        bail!("{failed} of the checks failed");
    }
    Ok(())
}

fn passed(result: Result<()>) -> Result<Done> {
    result.map(|()| Done::Passed)
}

fn count(counter: &mut usize, word: &'static str) -> &'static str {
    *counter += 1;
    word
}

fn clippy() -> Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

/// Each mechanism alone builds without a warning, and the core without std: all of it but the feature `unicode`.
fn features() -> Result<()> {
    for features in wasm::DEFAULT_FEATURES.split(',').chain(["", "unicode", "plain,login,cram-md5", "serde"])
    {
        cargo(&[
            "clippy",
            "-p",
            "sansmtp",
            "--no-default-features",
            "--features",
            features,
            "--",
            "-D",
            "warnings",
        ])?;
    }
    const BARE: &str = "wasm32v1-none";
    exec(Command::new("rustup").args(["target", "add", BARE]))?;
    let all = [wasm::DEFAULT_FEATURES, "serde"].join(",");
    cargo(&["build", "-p", "sansmtp", "--target", BARE, "--no-default-features", "--features", &all])
}

fn docs() -> Result<()> {
    let mut command = cargo_command();
    command.args([
        "doc",
        "--locked",
        "--no-deps",
        "--workspace",
        "--exclude",
        "xtask",
        "--document-private-items",
    ]);
    exec(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))?;
    let mut command = cargo_command();
    command.args(["doc", "--locked", "--no-deps", "-p", "sansmtp", "--all-features"]);
    exec(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, sources and duplicates of dependencies.
fn deny() -> Result<()> {
    exec(Command::new(tool("cargo-deny", "0.20.2")?).args(["check", "licenses", "bans", "sources"]))
}

/// The same cases in each JavaScript runtime.
fn js_runtimes() -> Result<Done> {
    if let Some(why) = runtimes::missing() {
        return Ok(Done::Skipped(why));
    }
    passed(runtimes::run())
}

/// Logins, messages and delays, at servers that are started once.
fn real_servers() -> Result<Done> {
    if let Some(why) = servers::missing() {
        return Ok(Done::Skipped(why));
    }
    npm::build()?;
    passed(servers::with(false, || {
        logins::logins(false, false)?;
        messages::messages()?;
        delays::delays(false)
    }))
}

fn fuzzing() -> Result<Done> {
    if !fuzz::has_nightly()? {
        return Ok(Done::Skipped("no nightly toolchain: the fuzz targets were neither built nor run"));
    }
    passed(fuzz::run(&[]))
}
