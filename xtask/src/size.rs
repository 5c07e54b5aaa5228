//! What the WebAssembly weighs. The limits are a gate of CI.

use std::io::Write as _;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wasm;

/// Octets of the module with all features: raw, gzip -9.
const LIMIT: (usize, usize) = (131_500, 55_500);

/// Prints the sizes of each feature set, and checks the one that is shipped.
pub(crate) fn run() -> Result<()> {
    println!("{:24} {:>9} {:>9} {:>9} {:>9}", "features", "module", "gzip -9", "glue", "gzip -9");
    for features in ["", "plain", "login", "cram-md5", wasm::DEFAULT_FEATURES] {
        let (module, glue) = wasm::build(features)?;
        let name = if features.is_empty() { "(none)" } else { features };
        let (zipped, glue_zipped) = (gzip(&module)?, gzip(glue.as_bytes())?);
        println!("{name:24} {:>9} {zipped:>9} {:>9} {glue_zipped:>9}", module.len(), glue.len());
        if features == wasm::DEFAULT_FEATURES {
            let (raw, zip) = LIMIT;
            ensure!(module.len() <= raw, "the module has {} octets; {raw} are allowed", module.len());
            ensure!(zipped <= zip, "the module has {zipped} octets zipped; {zip} are allowed");
        }
    }
    Ok(())
}

fn gzip(octets: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    Ok(encoder.finish()?.len())
}
