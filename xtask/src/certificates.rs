//! Certificates for servers of tests and of the demo: a CA of its own, and a server certificate that it signed. They
//! are trusted by naming the CA, never by turning verification off.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
};

use crate::target;

/// Makes `ca.pem`, `server.pem` and `server.key` for `localhost`, `127.0.0.1` and `::1`, `stranger.pem`, a CA that signed
/// nothing, and `sha384.pem` and `sha384.key`, a server that signed its own certificate by SHA-384. Gives their folder.
pub(crate) fn make() -> Result<PathBuf> {
    let folder = target().join("certificates");
    fs::create_dir_all(&folder)?;
    let (ca, key) = authority("sansmtp test CA")?;
    fs::write(folder.join("ca.pem"), ca.self_signed(&key)?.pem())?;
    let (stranger, stranger_key) = authority("a CA that nobody asked for")?;
    fs::write(folder.join("stranger.pem"), stranger.self_signed(&stranger_key)?.pem())?;

    let server_key = KeyPair::generate()?;
    let certificate = server()?.signed_by(&server_key, &Issuer::new(ca, key))?;
    fs::write(folder.join("server.pem"), certificate.pem())?;
    fs::write(folder.join("server.key"), server_key.serialize_pem())?;

    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
    fs::write(folder.join("sha384.pem"), server()?.self_signed(&key)?.pem())?;
    fs::write(folder.join("sha384.key"), key.serialize_pem())?;
    Ok(folder)
}

fn server() -> Result<CertificateParams> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(server)
}

fn authority(name: &str) -> Result<(CertificateParams, KeyPair)> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok((params, KeyPair::generate()?))
}
