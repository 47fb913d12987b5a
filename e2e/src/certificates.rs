//! Certificates for programs of the tests that know each other by them. They live as long as a cluster's data and protect
//! nothing.

use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// An authority of a test's own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one of this name.
    ///
    /// # Errors
    /// Where the system gives no key.
    pub fn new(name: &str) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { issuer: CertifiedIssuer::self_signed(authority, KeyPair::generate()?)? })
    }

    /// Its own certificate, by which those that it has made are known.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Makes a certificate and a key for these names into `<file>.crt` and `<file>.key`.
    ///
    /// # Errors
    /// Where the system gives no key, or the files cannot be written.
    pub fn issue(&self, file: &Path, common_name: &str, names: &[&str]) -> Result<()> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut certificate = CertificateParams::new(names)?;
        certificate.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate()?;
        let certificate = certificate.signed_by(&key, &self.issuer)?;
        for (kind, content) in [("crt", certificate.pem()), ("key", key.serialize_pem())] {
            let path = file.with_extension(kind);
            std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}
