//! The real mail servers of `tests/servers`: they are installed, started, and stopped again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use anyhow::{Context as _, Result, bail};

use crate::{exec, root, target};

/// Where the servers write: their users must be able to enter it, and it goes into the names of sockets.
pub(crate) const LAB: &str = "/tmp/sansmtp-servers";

/// Why the servers cannot be had on this machine, if they cannot.
pub(crate) fn missing() -> Option<&'static str> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_debian = release.contains("ID=debian") && release.contains("VERSION_ID=\"12\"");
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    (!is_debian || !is_root).then_some("the servers need Debian 12 and root: none of them was tried")
}

/// Where the scripts are.
pub(crate) fn scripts() -> PathBuf {
    root().join("tests/servers")
}

/// Starts the servers, does the work, and stops them. `nightly`: with Dovecot 2.4, in a Debian 13 of its own, which is built
/// first.
pub(crate) fn with(nightly: bool, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if let Some(why) = missing() {
        bail!("{why}");
    }
    let unpacked = target().join("servers");
    fs::create_dir_all(&unpacked)?;
    let trixie = |what: &str| {
        exec(Command::new(scripts().join("trixie.sh")).arg(target().join("servers")).args([LAB, what]))
    };
    exec(Command::new(scripts().join("install.sh")).arg(&unpacked))?;
    exec(Command::new(scripts().join("up.sh")).arg(LAB).arg(&unpacked))?;
    let result = if nightly { trixie("up").and_then(|()| work()) } else { work() };
    let nightly_down = if nightly { trixie("down") } else { Ok(()) };
    let down = exec(Command::new(scripts().join("down.sh")).arg(LAB));
    result.and(nightly_down).and(down)
}

/// The rows of one of the tables.
pub(crate) fn rows(name: &str) -> Result<Vec<Vec<String>>> {
    let path = scripts().join(name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    Ok(rows.map(|line| line.split('\t').map(Into::into).collect()).collect())
}

/// Holds a table against the one in the README of the servers, or puts it there. `is_same` compares a kept cell with one
/// that was found.
pub(crate) fn keep(job: &str, table: &str, write: bool, is_same: fn(&str, &str) -> bool) -> Result<()> {
    let path = scripts().join("README.md");
    let begin = format!("<!-- table: {job} -->\n");
    let end = "<!-- end of table -->\n";
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(&begin).context("no such table in the README of the servers")?;
    let (kept, after) = rest.split_once(end).context("no end of the table")?;
    if write {
        fs::write(&path, [before, &begin, table, end, after].concat())?;
        return Ok(());
    }
    let (mut kept, mut found) = (cells(kept), cells(table));
    let mut same = iter::from_fn(|| match (kept.next(), found.next()) {
        (None, None) => None,
        (Some(kept), Some(found)) => Some(is_same(kept, found)),
        _ => Some(false),
    });
    if same.all(|same| same) {
        return Ok(());
    }
    bail!("this is not the table in {}; to put it there: {job}", Path::new(&path).display())
}

/// Each cell, and the end of each line.
fn cells(table: &str) -> impl Iterator<Item = &str> {
    table.trim().lines().flat_map(|line| line.split('|').map(str::trim).chain(["\n"]))
}
