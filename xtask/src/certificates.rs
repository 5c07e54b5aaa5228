//! Certificates for servers of tests and of the demo: a CA of its own, and a server certificate that it signed. They
//! are trusted by naming the CA, never by turning verification off.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::target;

/// Makes `ca.pem`, `server.pem` and `server.key` for `localhost`, `127.0.0.1` and `::1`, and `stranger.pem`, a CA
/// that signed nothing. Gives their folder.
pub(crate) fn make() -> Result<PathBuf> {
    let folder = target().join("certificates");
    fs::create_dir_all(&folder)?;
    let (ca, key) = authority("sansmtp test CA")?;
    fs::write(folder.join("ca.pem"), ca.self_signed(&key)?.pem())?;
    let (stranger, stranger_key) = authority("a CA that nobody asked for")?;
    fs::write(folder.join("stranger.pem"), stranger.self_signed(&stranger_key)?.pem())?;

    let server_key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = server.signed_by(&server_key, &Issuer::new(ca, key))?;
    fs::write(folder.join("server.pem"), certificate.pem())?;
    fs::write(folder.join("server.key"), server_key.serialize_pem())?;
    Ok(folder)
}

fn authority(name: &str) -> Result<(CertificateParams, KeyPair)> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params, KeyPair::generate()?))
}
