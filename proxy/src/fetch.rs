//! One bounded GET of something the configuration names (a bundle of policies, a set of keys), or one POST of a message
//! to operators. Over TLS, or in the clear from this machine only.
//!
//! No redirect is followed, since it would lead a token or a signature elsewhere. Nothing is kept: whoever asks decides
//! when, with which headers, and what becomes of the answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Of an answer that is no success, as much as is looked at.
const ERROR_BYTES_MAX: usize = 64 << 10;
const ETAG_BYTES_MAX: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("{0}")]
    Unreachable(&'static str),
    #[error("the answer is too large")]
    TooLarge,
}

/// An https address, or one of plain http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Address {
    /// None for anything but an https URL, or an http URL whose host is this machine: rules or keys fetched in the
    /// clear over a network are whoever's.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || authority.as_str().contains('@') {
            return None;
        }
        let local = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" if local => false,
            _ => return None,
        };
        Some(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
        })
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same host, asked for something else.
    pub fn with_path(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }
}

/// What is asked for, and how much of it is taken.
pub struct Call<'c> {
    pub address: &'c Address,
    /// The CA of the address, where it is a private one.
    pub ca: Option<&'c Path>,
    /// The media types that are taken.
    pub accept: &'static str,
    pub headers: &'c [(String, String)],
    pub body_bytes_max: usize,
    /// From the first look for the host to the last byte of the answer.
    pub within: Duration,
}

pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub date: String,
    /// Of an error, its beginning.
    pub body: Vec<u8>,
}

/// Whether a file holds CA certificates and nothing else, each of them usable.
pub fn is_authority(path: &Path) -> bool {
    let certificates = CertificateDer::pem_file_iter(path).ok();
    let certificates = certificates.and_then(|all| all.collect::<Result<Vec<_>, _>>().ok());
    let mut roots = RootCertStore::empty();
    let usable = |all: Vec<_>| !all.is_empty() && all.into_iter().all(|one| roots.add(one).is_ok());
    let only = std::fs::read_to_string(path).is_ok_and(|text| {
        text.lines().all(|line| !line.starts_with("-----BEGIN ") || line.contains("CERTIFICATE"))
    });
    only && certificates.is_some_and(usable)
}

impl Call<'_> {
    pub async fn get(&self) -> Result<Answer, CallError> {
        self.timed(None).await
    }

    /// Posts a message, and tells the answer's status.
    pub async fn post(&self, body: Bytes) -> Result<u16, CallError> {
        self.timed(Some(body)).await.map(|answer| answer.status)
    }

    async fn timed(&self, body: Option<Bytes>) -> Result<Answer, CallError> {
        let answer = tokio::time::timeout(self.within, self.ask(body)).await;
        answer.map_err(|_| CallError::Unreachable("it took too long"))?
    }

    /// With a body it is a POST, whose answer is not read.
    async fn ask(&self, body: Option<Bytes>) -> Result<Answer, CallError> {
        let address = self.address;
        let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await.ok();
        let found = found.and_then(|mut addresses| addresses.next());
        let found = found.ok_or(CallError::Unreachable("the host has no address"))?;
        let mut options = ConnectorOptions::new(1);
        options.ca_file = self.authority_file().await?;
        let connector: Connector = Connector::new(Some(options));
        let mut peer = HttpPeer::new(found, address.tls, address.host.clone());
        peer.options.alpn = ALPN::H1;
        peer.options.total_connection_timeout = Some(self.within);
        let connected = connector.get_http_session(&peer).await;
        let unreachable = |_| CallError::Unreachable("the host could not be reached");
        let (mut session, _) = connected.map_err(unreachable)?;
        let broken = |_| CallError::Unreachable("the connection broke");
        let own = [
            ("host", address.authority.as_str()),
            ("accept", self.accept),
            ("accept-encoding", "identity"),
            ("connection", "close"),
        ];
        let count = Some(own.len() + self.headers.len() + 1);
        let method = if body.is_some() { "POST" } else { "GET" };
        let mut head = RequestHeader::build(method, address.path.as_bytes(), count).map_err(broken)?;
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(given.filter(|(name, _)| *name != "host")) {
            head.append_header(name.to_owned(), value).map_err(broken)?;
        }
        session.set_read_timeout(Some(self.within));
        session.set_write_timeout(Some(self.within));
        if let Some(body) = &body {
            head.append_header("content-length", body.len().to_string()).map_err(broken)?;
        }
        session.write_request_header(Box::new(head)).await.map_err(broken)?;
        let is_post = body.is_some();
        if let Some(body) = body {
            session.write_request_body(body, true).await.map_err(broken)?;
        }
        session.finish_request_body().await.map_err(broken)?;
        session.read_response_header().await.map_err(broken)?;
        let head = session.response_header().ok_or(CallError::Unreachable("the connection broke"))?;
        let status = head.status.as_u16();
        let text =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = text("etag").filter(|etag| etag.len() <= ETAG_BYTES_MAX);
        let mut answer = Answer { status, etag, date: text("date").unwrap_or_default(), body: Vec::new() };
        if status == 304 || is_post {
            return Ok(answer);
        }
        // An end before the declared length is an error: half of something never gets further than here.
        while let Some(piece) = session.read_response_body().await.map_err(broken)? {
            if status == 200 && answer.body.len() + piece.len() > self.body_bytes_max {
                return Err(CallError::TooLarge);
            }
            answer.body.extend_from_slice(&piece);
            if status != 200 && answer.body.len() > ERROR_BYTES_MAX {
                break;
            }
        }
        Ok(answer)
    }

    /// The file may have changed since the start, and the connector panics where it holds no certificate.
    async fn authority_file(&self) -> Result<Option<String>, CallError> {
        let Some(path) = self.ca.map(PathBuf::from) else { return Ok(None) };
        let name = path.to_string_lossy().into_owned();
        match tokio::task::spawn_blocking(move || is_authority(&path)).await {
            Ok(true) => Ok(Some(name)),
            Ok(false) | Err(_) => Err(CallError::Unreachable("the file of its CA holds no certificates")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trusted_is_fetched_by_tls_or_from_this_machine_only() {
        for (url, authority) in [
            ("https://bundles.example/acme.tar.gz?v=1", Some("bundles.example")),
            ("https://bundles.example:8443/acme.tar.gz", Some("bundles.example:8443")),
            ("http://127.0.0.1:9000/acme.tar.gz", Some("127.0.0.1:9000")),
            ("http://[::1]:9000/acme.tar.gz", Some("[::1]:9000")),
            ("http://localhost/acme.tar.gz", Some("localhost")),
            ("http://bundles.example/acme.tar.gz", None),
            ("https://user@bundles.example/acme.tar.gz", None),
            ("ftp://localhost/acme.tar.gz", None),
            ("/acme.tar.gz", None),
        ] {
            let parsed = Address::parse(url);
            assert_eq!(parsed.as_ref().map(|address| address.authority.as_str()), authority, "{url}");
        }
    }

    #[tokio::test]
    async fn an_authority_that_lost_its_certificates_is_an_error_and_no_panic() {
        let file = std::env::temp_dir().join(format!("hardpan-ca-{}", uuid::Uuid::new_v4()));
        let address = Address::parse("https://127.0.0.1:1/x").unwrap();
        for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&file, text).unwrap();
            let call = Call {
                address: &address,
                ca: Some(&file),
                accept: "*/*",
                headers: &[],
                body_bytes_max: 1,
                within: Duration::from_secs(5),
            };
            let error = call.get().await.err().unwrap();
            assert_eq!(error, CallError::Unreachable("the file of its CA holds no certificates"), "{text}");
        }
        std::fs::remove_file(file).unwrap();
    }
}
