//! The same cases in each JavaScript runtime: `runtimes/run.mjs`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{certificates, exec, exec_in, npm, root, servers};

/// Why the runtimes cannot be had on this machine, if they cannot.
pub(crate) fn missing() -> Option<&'static str> {
    let is_there = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    (!is_there).then_some("the runtimes of runtimes/package.json are those for Linux on x86-64")
}

/// Runs the cases, and prints the table.
pub(crate) fn run() -> Result<()> {
    npm::build()?;
    let certificates = certificates::make()?;
    for folder in ["node-demo", "runtimes"] {
        npm::install(&root().join(folder))?;
    }
    // The browser is Debian's; where it cannot be installed, the table says that it was skipped.
    if !Path::new("/usr/bin/chromium").exists() && servers::missing().is_none() {
        exec(Command::new("apt-get").args(["update", "-qq"]))?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends", "chromium"]);
        exec(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    // By npm it would run on one of the versions of Node that are installed there.
    let mut run = Command::new("node");
    exec_in(&root().join("runtimes"), run.arg("run.mjs").env("SANSMTP_CERTIFICATES", certificates))
}
