//! What the WebAssembly weighs. The limits are a gate of CI.

use std::io::Write as _;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wasm;

/// The sets that have a bound, in octets of the module: raw, gzip -9.
const LIMITS: [(&str, &str, Size); 3] = [
    ("the classic three", "cram-md5,login,plain", (178_500, 77_500)),
    ("and XOAUTH2", "cram-md5,login,plain,xoauth2", (179_500, 78_000)),
    ("all, as shipped", wasm::DEFAULT_FEATURES, (220_500, 96_000)),
];

/// Prints what each mechanism adds, and the size of each set that has a bound.
pub(crate) fn run() -> Result<()> {
    println!("{:20} {:>9} {:>9} {:>9} {:>9}", "mechanisms", "module", "gzip -9", "adds", "gzip -9");
    let (bare, mut glue) = measure("")?;
    println!("{:20} {:>9} {:>9}", "none", bare.0, bare.1);
    let line = |name: &str, (raw, zipped): Size| {
        println!(
            "{name:20} {raw:>9} {zipped:>9} {:>9} {:>9}",
            raw.saturating_sub(bare.0),
            zipped.saturating_sub(bare.1)
        );
    };
    for mechanism in wasm::DEFAULT_FEATURES.split(',') {
        line(mechanism, measure(mechanism)?.0);
    }
    for (name, features, (raw, zip)) in LIMITS {
        let (module, zipped);
        ((module, zipped), glue) = measure(features)?;
        line(name, (module, zipped));
        ensure!(module <= raw, "the module has {module} octets; {raw} are allowed");
        ensure!(zipped <= zip, "the module has {zipped} octets zipped; {zip} are allowed");
    }
    // The last set is the one that is shipped.
    println!("{:20} {:>9} {:>9}", "glue (JavaScript)", glue.len(), gzip(glue.as_bytes())?);
    Ok(())
}

/// Octets: raw, gzip -9.
type Size = (usize, usize);

/// The size of the module with these features, and its glue.
fn measure(features: &str) -> Result<(Size, String)> {
    let (module, glue) = wasm::build(features)?;
    Ok(((module.len(), gzip(&module)?), glue))
}

fn gzip(octets: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    Ok(encoder.finish()?.len())
}
