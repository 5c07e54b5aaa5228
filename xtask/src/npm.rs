//! The npm package: built from TypeScript and the module, tested on Node, shown by the demo.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{certificates, ensure_node, exec_in, recordings, root, wasm};

/// Builds `wasm/dist`.
pub(crate) fn build() -> Result<()> {
    ensure_node()?;
    let package = root().join("wasm");
    install(&package)?;
    let dist = package.join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    wasm::install()?;
    exec_in(&package, npm().args(["run", "--silent", "compile"]))
}

/// The tests of `wasm/test` and `node-demo/test`, on the package as it was built.
pub(crate) fn test() -> Result<()> {
    let certificates = certificates::make()?;
    for folder in ["wasm", "node-demo"] {
        let folder = root().join(folder);
        install(&folder)?;
        exec_in(
            &folder,
            npm()
                .args(["run", "--silent", "test"])
                .env("SANSMTP_RECORDINGS", recordings())
                .env("SANSMTP_CERTIFICATES", &certificates),
        )?;
    }
    Ok(())
}

/// What npm would publish: whether its `exports` and types are right, and what it weighs.
pub(crate) fn check() -> Result<()> {
    build()?;
    exec_in(&root().join("wasm"), npm().args(["run", "--silent", "check"]))
}

/// Builds all that it needs, then sends a mail. The demo tells by itself what went wrong.
pub(crate) fn demo(arguments: &[String]) -> Result<ExitCode> {
    build()?;
    let folder = root().join("node-demo");
    install(&folder)?;
    let certificates = certificates::make()?;
    let mut demo = Command::new("node");
    demo.arg("demo.mjs").args(arguments).env("SANSMTP_CERTIFICATES", certificates).current_dir(&folder);
    let code = demo.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Installs what the lock file says, unless that is there already.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.sansmtp-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    exec_in(folder, npm().args(["ci", "--silent", "--no-audit", "--no-fund"]))?;
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(stamp, lock)?;
    Ok(())
}

pub(crate) fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}
