//! What the WebAssembly weighs. The limits are a gate of CI.

use std::io::Write as _;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wasm;

/// The sets that have a bound, in octets of the module: raw, gzip -9.
const LIMITS: [(&str, &str, (usize, usize)); 3] = [
    ("the classic three", "cram-md5,login,plain", (145_000, 62_500)),
    ("and XOAUTH2", "cram-md5,login,plain,xoauth2", (146_000, 63_000)),
    ("all, as shipped", wasm::DEFAULT_FEATURES, (186_000, 81_000)),
];

/// Prints what each mechanism adds, and the size of each set that has a bound.
pub(crate) fn run() -> Result<()> {
    println!("{:20} {:>9} {:>9} {:>9} {:>9}", "mechanisms", "module", "gzip -9", "adds", "gzip -9");
    let (bare, bare_zipped) = line("none", "", (0, 0))?;
    for mechanism in wasm::DEFAULT_FEATURES.split(',') {
        line(mechanism, mechanism, (bare, bare_zipped))?;
    }
    for (name, features, (raw, zip)) in LIMITS {
        let (module, zipped) = line(name, features, (bare, bare_zipped))?;
        ensure!(module <= raw, "the module has {module} octets; {raw} are allowed");
        ensure!(zipped <= zip, "the module has {zipped} octets zipped; {zip} are allowed");
    }
    let (_, glue) = wasm::build(wasm::DEFAULT_FEATURES)?;
    println!("{:20} {:>9} {:>9}", "glue (JavaScript)", glue.len(), gzip(glue.as_bytes())?);
    Ok(())
}

fn line(name: &str, features: &str, bare: (usize, usize)) -> Result<(usize, usize)> {
    let (module, _) = wasm::build(features)?;
    let (raw, zipped) = (module.len(), gzip(&module)?);
    let (more, more_zipped) = (raw.saturating_sub(bare.0), zipped.saturating_sub(bare.1));
    if bare == (0, 0) {
        println!("{name:20} {raw:>9} {zipped:>9}");
    } else {
        println!("{name:20} {raw:>9} {zipped:>9} {more:>9} {more_zipped:>9}");
    }
    Ok((raw, zipped))
}

fn gzip(octets: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    Ok(encoder.finish()?.len())
}
