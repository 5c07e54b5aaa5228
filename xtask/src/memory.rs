//! What memory a message costs that is streamed from a file, beside a small one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, npm, root, target};

const MIB: usize = 1 << 20;
/// Most that is allowed of array buffers, of the instance, and natively above the small message: MiB.
const LIMIT: f64 = 16.0;

/// `memory [MiB]`: the large message has 1024 MiB unless this says otherwise.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let large = match arguments.first() {
        Some(size) => size.parse().with_context(|| format!("{size:?} is no number of MiB"))?,
        None => 1024,
    };
    npm::build()?;
    let build = ["build", "--quiet", "--release", "-p", "sansmtp-tests", "--example", "memory"];
    cargo(&build)?;
    println!("MiB at most, for a message of 1 MiB and of {large} MiB; MiB/s for the large one");
    println!("                    array buffers     WebAssembly       resident    MiB/s");
    let figure = |row: &[f64], at: usize| row.get(at).copied().unwrap_or(f64::NAN);
    let node = |name: &str, offer: &str, more: &[&str]| -> Result<()> {
        let [small, large] = both(offer, large, !more.is_empty(), |file, port| {
            let mut node = Command::new("node");
            node.current_dir(root().join("wasm")).arg("test/memory.mjs").args([file, port]).args(more);
            node
        })?;
        print!("Node, {name:10}");
        for at in 0..3 {
            print!("  {:5.1} / {:5.1}", figure(&small, at), figure(&large, at));
        }
        println!("  {:7.0}", figure(&large, 3));
        ensure!(figure(&large, 0) <= LIMIT, "array buffers grow with the message");
        ensure!(figure(&large, 1) <= LIMIT, "the instance grows with the message");
        Ok(())
    };
    for offer in ["CHUNKING", "DATA"] {
        node(offer, offer, &[])?;
        let program = target().join("release/examples/memory");
        let [small, large] = both(offer, large, false, |file, port| {
            let mut rust = Command::new(&program);
            rust.args([file, port]);
            rust
        })?;
        let (small_peak, large_peak) = (figure(&small, 0), figure(&large, 0));
        println!(
            "natively, {offer:8}                                {small_peak:5.1} / {large_peak:5.1}  {:7.0}",
            figure(&large, 1)
        );
        ensure!(large_peak - small_peak <= LIMIT, "memory grows with the message");
    }
    node("attached", "CHUNKING", &["attach"])
}

/// The figures that a program prints for the small message and for the large one.
fn both(
    offer: &str,
    large: usize,
    is_attached: bool,
    program: impl Fn(&str, &str) -> Command,
) -> Result<[Vec<f64>; 2]> {
    let mut figures = [Vec::new(), Vec::new()];
    for (found, mib) in figures.iter_mut().zip([1, large]) {
        let path = target().join("message.eml");
        write_message(&path, mib)?;
        let server = Server::start(offer)?;
        let output = program(&path.to_string_lossy(), &server.port).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the message was not sent");
        let text = String::from_utf8(output.stdout)?;
        *found = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let length = std::fs::metadata(&path)?.len();
        std::fs::remove_file(path)?;
        let received = server.stop()?;
        // Attached, it is base64, and a message is around it.
        let is_whole = if is_attached { received > length / 3 * 4 } else { received == length };
        ensure!(is_whole, "the server got {received} octets of {length}");
    }
    Ok(figures)
}

/// A message of lines of text.
fn write_message(path: &std::path::Path, mib: usize) -> Result<()> {
    let line = [&[b'a'; 74][..], b"\r\n"].concat();
    let block = line.repeat(MIB / line.len());
    let mut file = File::create(path)?;
    file.write_all(b"Subject: large\r\n\r\n")?;
    for _ in 0..mib {
        file.write_all(&block)?;
    }
    Ok(())
}

/// `wasm/test/discard.mjs`.
struct Server {
    process: Child,
    lines: BufReader<std::process::ChildStdout>,
    port: String,
}

impl Server {
    fn start(offer: &str) -> Result<Self> {
        let mut command = Command::new("node");
        command.arg(root().join("wasm/test/discard.mjs"));
        if offer != "DATA" {
            command.arg(offer);
        }
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("its output")?);
        let mut port = String::new();
        lines.read_line(&mut port)?;
        Ok(Self { process, lines, port: port.trim().to_owned() })
    }

    /// How many octets the message had.
    fn stop(mut self) -> Result<u64> {
        let mut received = String::new();
        self.lines.read_line(&mut received)?;
        self.process.kill()?;
        self.process.wait()?;
        Ok(received.trim().parse()?)
    }
}
