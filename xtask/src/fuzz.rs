//! The fuzz targets: one command for a newcomer. cargo-fuzz is installed into `target/tools` at first use; it needs a
//! nightly toolchain.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::{exec_in, root, tool};

const TARGETS: [&str; 4] = ["reply", "session", "body", "sasl"];
const CARGO_FUZZ: &str = "0.13.2";

/// `fuzz [target] [seconds]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (mut targets, mut seconds) = (TARGETS.to_vec(), 60);
    for argument in arguments {
        match TARGETS.iter().find(|target| *target == argument) {
            Some(target) => targets = vec![*target],
            None => {
                let Ok(parsed) = argument.parse() else {
                    bail!(
                        "{argument:?} is neither a target ({}) nor a number of seconds",
                        TARGETS.join(", ")
                    );
                };
                seconds = parsed;
            }
        }
    }
    ensure!(has_nightly()?, "fuzzing needs a nightly toolchain: rustup toolchain install nightly");
    let tool = tool("cargo-fuzz", CARGO_FUZZ)?;
    write_seeds()?;
    for target in targets {
        println!("fuzz: {target} for {seconds} seconds");
        let folder = root().join("fuzz");
        exec_in(
            &folder,
            Command::new(&tool)
                .env("RUSTUP_TOOLCHAIN", "nightly")
                // What is freed would be kept, up to half of the limit, and count as in use.
                .env("ASAN_OPTIONS", "quarantine_size_mb=32")
                .args(["fuzz", "run", "--fuzz-dir", ".", target, "--"])
                .arg(format!("-max_total_time={seconds}"))
                .args([
                    "-rss_limit_mb=512",
                    "-timeout=5",
                    "-max_len=65536",
                    "-dict=smtp.dict",
                    "-print_final_stats=1",
                ])
                .args(["-verbosity=0", "-close_fd_mask=0"]),
        )
        .with_context(|| format!("the input that failed is in fuzz/artifacts/{target}"))?;
    }
    Ok(())
}

pub(crate) fn has_nightly() -> Result<bool> {
    let output = Command::new("rustup").args(["toolchain", "list"]).output()?;
    ensure!(
        output.status.success(),
        "rustup toolchain list failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("nightly")))
}

/// What captured servers and the dialogues said, for the fuzzer to start from.
fn write_seeds() -> Result<()> {
    for (target, data) in sansmtp_tests::fuzz::seeds() {
        let folder = root().join("fuzz/corpus").join(target);
        fs::create_dir_all(&folder)?;
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        fs::write(folder.join(format!("seed-{:016x}", hasher.finish())), data)?;
    }
    Ok(())
}
