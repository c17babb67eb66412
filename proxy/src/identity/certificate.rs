//! mTLS: the listener that asks for client certificates, and the names a verified certificate carries.
//!
//! rustls verifies the chain before a single byte of HTTP is read. Revocation lists are not consulted: issue
//! short-lived certificates.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use pingora_core::listeners::TlsAccept;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::protocols::Digest;
use pingora_core::protocols::tls::TlsRef;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::{App, ClientCertificates, TlsFiles};

#[derive(Debug, thiserror::Error)]
#[error("the TLS certificate, key or client CA could not be used: {0}")]
pub struct TlsError(String);

/// The names of a certificate that was verified.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    pub common_names: Vec<String>,
    pub dns: Vec<String>,
    pub uris: Vec<String>,
}

impl ClientCertificate {
    /// The certificate a connection was opened with, from what pingora keeps of its handshake.
    pub fn of(digest: Option<&Digest>) -> Option<&Self> {
        digest?.ssl_digest.as_ref()?.extension.get::<Self>()
    }
}

/// Which certificates are which app.
pub struct CertificateRule {
    pub name: CertificateName,
    pub app: App,
}

pub enum CertificateName {
    CommonName(String),
    Dns(String),
    Uri(String),
}

impl CertificateName {
    fn names(&self, certificate: &ClientCertificate) -> bool {
        match self {
            CertificateName::CommonName(name) => certificate.common_names == [name.as_str()],
            CertificateName::Dns(name) => certificate.dns.iter().any(|own| own.eq_ignore_ascii_case(name)),
            CertificateName::Uri(name) => certificate.uris.contains(name),
        }
    }

    /// As records name the caller.
    pub fn text(&self) -> &str {
        match self {
            CertificateName::CommonName(name) | CertificateName::Dns(name) | CertificateName::Uri(name) => {
                name
            }
        }
    }
}

/// The rule that applies, where all that apply name the same app.
pub fn rule<'c>(
    rules: &'c [CertificateRule],
    certificate: &ClientCertificate,
) -> Option<&'c CertificateRule> {
    let mut matching = rules.iter().filter(|rule| rule.name.names(certificate));
    let first = matching.next()?;
    matching.all(|other| other.app == first.app).then_some(first)
}

/// What the traffic listener needs. HTTP/2 and HTTP/1.1 are both offered.
pub fn tls_settings(files: &TlsFiles) -> Result<TlsSettings, TlsError> {
    let failed = |error: &dyn std::fmt::Display| TlsError(error.to_string());
    let mut settings = TlsSettings::with_callbacks(Box::new(ReadNames)).map_err(|error| failed(&error))?;
    let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
    settings.set_certificate_chain_file(&certificate).map_err(|error| failed(&error))?;
    settings.set_private_key_file(&key).map_err(|error| failed(&error))?;
    if let Some((ca, ask)) = &files.clients {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| failed(&error))? {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = match ask {
            ClientCertificates::Required => verifier,
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
        };
        settings.set_client_cert_verifier(verifier.build().map_err(|error| failed(&error))?);
    }
    settings.enable_h2();
    Ok(settings)
}

/// Reads the names once a handshake is done; they travel with the connection.
struct ReadNames;

#[async_trait]
impl TlsAccept for ReadNames {
    async fn handshake_complete_callback(&self, tls: &TlsRef) -> Option<Arc<dyn Any + Send + Sync>> {
        let names = names(tls.peer_certificate_der()?)?;
        Some(Arc::new(names))
    }
}

fn names(der: &[u8]) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names = ClientCertificate::default();
    for name in certificate.subject().iter_common_name() {
        names.common_names.push(name.as_str().ok()?.to_owned());
    }
    if let Some(alternatives) = certificate.subject_alternative_name().ok()? {
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::URI(name) => names.uris.push((*name).to_owned()),
                _ => {}
            }
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn app(name: &str) -> App {
        App { app: name.to_owned(), team: "t".to_owned(), env: None }
    }

    fn certificate() -> ClientCertificate {
        let mut params = CertificateParams::new(vec!["billing.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "billing");
        params.subject_alt_names.push(SanType::URI("spiffe://example/billing".try_into().unwrap()));
        let key = KeyPair::generate().unwrap();
        names(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn names_are_read_and_matched_whole() {
        let certificate = certificate();
        for (name, expected) in [
            (CertificateName::CommonName("billing".into()), true),
            (CertificateName::CommonName("billing.example".into()), false),
            (CertificateName::Dns("Billing.example".into()), true),
            (CertificateName::Dns("example".into()), false),
            (CertificateName::Uri("spiffe://example/billing".into()), true),
            (CertificateName::Uri("spiffe://example/bill".into()), false),
        ] {
            assert_eq!(name.names(&certificate), expected, "{}", name.text());
        }
        assert!(names(b"no certificate").is_none());
    }

    #[test]
    fn rules_that_disagree_about_the_app_match_nothing() {
        let certificate = certificate();
        let rules = |second: &str| {
            [
                CertificateRule { name: CertificateName::CommonName("billing".into()), app: app("billing") },
                CertificateRule { name: CertificateName::Dns("billing.example".into()), app: app(second) },
            ]
        };
        assert_eq!(rule(&rules("billing"), &certificate).map(|rule| rule.app.app.as_str()), Some("billing"));
        assert!(rule(&rules("search"), &certificate).is_none());
        let nobody = ClientCertificate::default();
        assert!(rule(&rules("billing"), &nobody).is_none());
    }
}
