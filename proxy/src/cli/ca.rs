//! `hardpan ca`: a certificate authority for one machine or one test, so that clients that insist on TLS find it.
//!
//! The authority vouches only for the names it was made for. No file is ever overwritten, and private keys are
//! readable by their owner alone. It is no replacement for an organisation's own authority: nothing is revoked here.

use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Outcome, say};

const AUTHORITY_DAYS: i64 = 3652;
/// The longest life clients take for a server's certificate, less one day.
const CERTIFICATE_DAYS: i64 = 397;
/// No common name looks like a host: clients would hold it against the authority's constraints.
const AUTHORITY_NAME: &str = "Hardpan local authority";
const SERVER_NAME: &str = "Hardpan listener";

#[derive(clap::Args)]
pub struct Ca {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an authority and a certificate for the listener.
    New(Names),
    /// Make another certificate with an authority that exists.
    Issue(Issue),
}

#[derive(clap::Args)]
struct Names {
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Hosts and addresses, separated by commas.
    #[arg(long, value_delimiter = ',', default_values = ["localhost", "127.0.0.1"])]
    name: Vec<String>,
}

#[derive(clap::Args)]
struct Issue {
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// What the files are called: NAME.pem and NAME.key.
    #[arg(long, value_name = "NAME")]
    out: String,
    /// Hosts and addresses the listener is reached by, among those of the authority.
    #[arg(long, value_delimiter = ',', required_unless_present = "client")]
    name: Vec<String>,
    /// Make a caller's certificate with this common name instead.
    #[arg(long, value_name = "APP", conflicts_with = "name")]
    client: Option<String>,
}

impl Ca {
    pub fn run(self) -> Outcome {
        match &self.command {
            Command::New(names) => make(names),
            Command::Issue(issue) => issue.run(),
        }
    }
}

fn make(names: &Names) -> Outcome {
    let file = |name: &str| names.dir.join(name);
    let files = [file("ca.pem"), file("ca.key"), file("server.pem"), file("server.key")];
    if let Some(taken) = files.iter().find(|file| file.exists()) {
        return Err(format!("{} exists already; name another directory", taken.display()).into());
    }
    std::fs::create_dir_all(&names.dir)?;
    let key = KeyPair::generate()?;
    let authority = authority(&names.name).self_signed(&key)?;
    let issuer = Issuer::new(authority_subject(), key);
    let server_key = KeyPair::generate()?;
    let server = server(&names.name)?.signed_by(&server_key, &issuer)?;
    let [ca_file, ca_key_file, server_file, server_key_file] = &files;
    write(ca_key_file, &issuer.key().serialize_pem(), 0o600)?;
    write(ca_file, &authority.pem(), 0o644)?;
    write(server_key_file, &server_key.serialize_pem(), 0o600)?;
    write(server_file, &server.pem(), 0o644)?;
    say(&format!(
        "tls: {{ certificate: {}, key: {} }}   # in the configuration",
        absolute(server_file),
        absolute(server_key_file)
    ));
    say(&format!("AWS_CA_BUNDLE={}   # in the app's environment", absolute(ca_file)));
    Ok(())
}

impl Issue {
    fn run(&self) -> Outcome {
        if self.out.is_empty() || self.out.contains(['/', '\\']) || self.out.starts_with('.') {
            return Err("--out is a plain file name".into());
        }
        let (file, key_file) =
            (self.dir.join(format!("{}.pem", self.out)), self.dir.join(format!("{}.key", self.out)));
        if let Some(taken) = [&file, &key_file].into_iter().find(|file| file.exists()) {
            return Err(format!("{} exists already; choose another --out", taken.display()).into());
        }
        let key_text = zeroize::Zeroizing::new(std::fs::read_to_string(self.dir.join("ca.key"))?);
        let ca_key = KeyPair::from_pem(&key_text)?;
        let certificate =
            CertificateDer::from_pem_file(self.dir.join("ca.pem")).map_err(|_| "ca.pem could not be read")?;
        if let Some(name) = self.name.iter().find(|name| !permits(&certificate, name)) {
            return Err(format!("the authority was not made for {name}; make another with `ca new`").into());
        }
        let params = match &self.client {
            Some(client) => caller(client),
            None => server(&self.name)?,
        };
        let key = KeyPair::generate()?;
        let issued = params.signed_by(&key, &Issuer::new(authority_subject(), ca_key))?;
        write(&key_file, &key.serialize_pem(), 0o600)?;
        write(&file, &issued.pem(), 0o644)?;
        say(&format!("{}\n{}", absolute(&file), absolute(&key_file)));
        Ok(())
    }
}

fn named(common_name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // Clocks differ a little.
    params.not_before = OffsetDateTime::now_utc() - Duration::minutes(10);
    params.not_after = params.not_before + Duration::days(days);
    params.use_authority_key_identifier_extension = true;
    params
}

/// The issuer's part of what it signs: the same for every authority made here.
fn authority_subject() -> CertificateParams {
    let mut params = named(AUTHORITY_NAME, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn authority(names: &[String]) -> CertificateParams {
    let mut params = authority_subject();
    let subtree = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    };
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.iter().map(subtree).collect(),
        excluded_subtrees: Vec::new(),
    });
    params
}

fn server(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = named(SERVER_NAME, CERTIFICATE_DAYS);
    params.subject_alt_names = CertificateParams::new(names.to_vec())?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn caller(app: &str) -> CertificateParams {
    let mut params = named(app, CERTIFICATE_DAYS);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// Whether an authority was made for a name.
fn permits(authority: &CertificateDer<'_>, name: &str) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(authority) else { return false };
    let Ok(Some(constraints)) = certificate.name_constraints() else { return true };
    let address: Option<Vec<u8>> = name.parse().ok().map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    let permitted = constraints.value.permitted_subtrees.iter().flatten();
    permitted.map(|subtree| &subtree.base).any(|base| match (base, &address) {
        (GeneralName::DNSName(permitted), None) => {
            name == *permitted || name.strip_suffix(*permitted).is_some_and(|rest| rest.ends_with('.'))
        }
        // Address and mask, and every mask made here is a full one.
        (GeneralName::IPAddress(permitted), Some(address)) => permitted.starts_with(address),
        _ => false,
    })
}

fn write(file: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()
}

fn absolute(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("hardpan-ca-{}", uuid::Uuid::new_v4()))
    }

    fn names(dir: &Path) -> Names {
        Names { dir: dir.to_owned(), name: vec!["localhost".to_owned(), "127.0.0.1".to_owned()] }
    }

    #[test]
    fn nothing_is_overwritten_and_private_keys_are_private() {
        let dir = folder();
        make(&names(&dir)).unwrap();
        let before = std::fs::read(dir.join("ca.key")).unwrap();
        assert!(make(&names(&dir)).is_err());
        assert_eq!(std::fs::read(dir.join("ca.key")).unwrap(), before);
        for key in ["ca.key", "server.key"] {
            let mode = std::fs::metadata(dir.join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn an_authority_vouches_for_its_own_names_alone() {
        let dir = folder();
        make(&names(&dir)).unwrap();
        let issue = |out: &str, name: &[&str], client: Option<&str>| Issue {
            dir: dir.clone(),
            out: out.to_owned(),
            name: name.iter().map(|name| (*name).to_owned()).collect(),
            client: client.map(str::to_owned),
        };
        assert!(issue("other", &["localhost"], None).run().is_ok());
        assert!(issue("other", &["localhost"], None).run().is_err(), "never overwritten");
        assert!(issue("far", &["example.com"], None).run().is_err());
        assert!(issue("near", &["127.0.0.2"], None).run().is_err());
        assert!(issue("../up", &["localhost"], None).run().is_err());
        assert!(issue("billing", &[], Some("billing")).run().is_ok());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
