//! Every job of developers and CI: `cargo xtask <job>`. It needs cargo and node with npm, and nothing else: what more
//! a job needs, it brings.

mod certificates;
mod ci;
mod delays;
mod fuzz;
mod logins;
mod memory;
mod messages;
mod npm;
mod runtimes;
mod servers;
mod size;
mod wasm;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};

const HELP: &str = "\
usage: cargo xtask <job>

  demo [arguments]   build everything and send a mail to a server of its own; with arguments or
                     environment, through a real one: cargo xtask demo -- --help
  test               all tests: Rust, WebAssembly, npm package
  build              the npm package, into wasm/dist
  size               what the WebAssembly weighs, against its limits
  flights            the table of round trips
  delays             the same at real mail servers behind a line with a delay of 200 ms (Debian 12, root)
  model [sessions]   random sessions against a model of a server, 100000 of them unless told
  memory [MiB]       the memory that a message of 1 MiB costs, and one of 1024 MiB (or so many)
  throughput         messages a second over a pool, beside Nodemailer
  key-derivation     how long a login by SCRAM takes, natively, in WebAssembly and in WebCrypto
  logins [--nightly] log in to real mail servers, which it installs and starts (Debian 12, root)
  messages           extensions at real mail servers (Debian 12, root)
  runtimes           the same cases on Node, Deno, Bun, workerd and in a browser (Linux on x86-64)
  fmt                format Rust
  fuzz [target] [s]  run the fuzz targets (reply, session, body, sasl), 60 seconds each unless said otherwise
  ci                 everything that CI checks; `cargo xtask ci <check>` runs one: see CONTRIBUTING.md
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let (job, rest) = arguments.split_first().map_or(("", arguments), |(job, rest)| (job.as_str(), rest));
    match job {
        "demo" => return npm::demo(rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest)),
        "build" => npm::build(),
        "delays" => delays::run(rest),
        "ci" => ci::run(rest.first().map(String::as_str)),
        "flights" => cargo(&[
            "test",
            "--quiet",
            "-p",
            "sansmtp-tests",
            "--test",
            "round_trips",
            "flights_of",
            "--",
            "--nocapture",
            "--test-threads=1",
        ]),
        "fmt" => cargo(&["fmt", "--all"]),
        "fuzz" => fuzz::run(rest),
        "key-derivation" => key_derivation(),
        "logins" => logins::run(rest),
        "memory" => memory::run(rest),
        "messages" => messages::run(),
        "model" => model(rest.first().map_or("100000", String::as_str)),
        "runtimes" => runtimes::run(),
        "size" => size::run(),
        "throughput" => throughput(),
        "test" => test(),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no job {other:?}\n\n{HELP}"),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The README's second command. The dialogues are recorded by the Rust run, and the npm package is held against them.
fn test() -> Result<()> {
    ensure_node()?;
    cargo(&["test", "--workspace"])?;
    npm::build()?;
    npm::test()
}

/// `tests/tests/model.rs`, at length.
fn model(sessions: &str) -> Result<()> {
    ensure!(sessions.parse::<u64>().is_ok(), "{sessions:?} is no number of sessions");
    let mut command = cargo_command();
    command.args(["test", "--quiet", "--locked", "--release", "-p", "sansmtp-tests", "--test", "model"]);
    exec(command.args(["--", "--nocapture"]).env("SANSMTP_SESSIONS", sessions))
}

/// Messages a second over a pool, beside Nodemailer.
fn throughput() -> Result<()> {
    npm::build()?;
    exec_in(&root().join("wasm"), Command::new("node").arg("test/throughput.mjs"))
}

fn key_derivation() -> Result<()> {
    npm::build()?;
    println!("natively: hash, iterations, milliseconds");
    cargo(&["run", "--quiet", "--release", "-p", "sansmtp-tests", "--example", "key_derivation"])?;
    println!("on Node: hash, iterations, milliseconds in WebAssembly, in WebCrypto");
    exec_in(&root().join("wasm"), Command::new("node").arg("test/key_derivation.mjs"))
}

/// Where the repository is.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Where cargo builds.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where the dialogues are recorded.
fn recordings() -> PathBuf {
    target().join("recordings")
}

/// The cargo that runs this.
fn cargo_command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A tool of cargo's, installed into `target/tools` at first use.
fn tool(name: &str, version: &str) -> Result<PathBuf> {
    let folder = target().join("tools");
    let tool = folder.join("bin").join(name);
    if !tool.exists() {
        println!("installing {name} {version} into target/tools, once");
        let mut install = cargo_command();
        install.args(["install", "--quiet", "--locked", "--version", version, name, "--root"]);
        exec(install.arg(&folder))?;
    }
    Ok(tool)
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let (job, rest) = arguments.split_first().context("a cargo command")?;
    let mut command = cargo_command();
    command.arg(job);
    if *job != "fmt" {
        command.arg("--locked");
    }
    exec(command.args(rest).env("SANSMTP_RECORDINGS", recordings()))
}

/// Runs a command in the repository's folder, and says which one it was if it fails.
fn exec(command: &mut Command) -> Result<()> {
    exec_in(&root(), command)
}

fn exec_in(folder: &Path, command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.current_dir(folder).status().with_context(|| format!("cannot start: {shown}"))?;
    ensure!(status.success(), "failed: {shown}");
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The lowest Node that the package supports.
const NODE: (u32, u32) = (20, 19);

fn ensure_node() -> Result<()> {
    let output = Command::new("node").arg("--version").output();
    let output = output.context("node was not found: install Node.js 20.19 or later, with npm")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_owned();
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    ensure!(found >= NODE, "Node.js {version} is too old: 20.19 or later is needed");
    Ok(())
}
