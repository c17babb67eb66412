//! One bounded GET of a bundle, or one POST of a message to operators: over TLS, or in the clear from this machine only.
//! From S3 it is signed.
//!
//! No redirect is followed, since it would lead a token or a signature elsewhere. Nothing is kept here but what the
//! clock of S3 was found to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use bytes::Bytes;
use hardpan_aws::credentials::CredentialStore;
use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_aws::skew::{ClockSkew, is_skew_error};
use http::Uri;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use hardpan_policies::bundle::ARCHIVE_BYTES_MAX;

/// The whole of one fetch.
const FETCH_WITHIN: Duration = Duration::from_secs(30);
const ERROR_BYTES_MAX: usize = 64 << 10;
const ETAG_BYTES_MAX: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the bundle could not be fetched: {0}")]
    Unreachable(&'static str),
    #[error("the bundle could not be fetched: the answer was {0}")]
    Status(u16),
    #[error("the bundle is larger than {max} bytes", max = ARCHIVE_BYTES_MAX)]
    TooLarge,
    #[error("the bundle could not be fetched: there are no AWS credentials to sign with")]
    Credentials,
}

impl FetchError {
    /// One word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            FetchError::Unreachable(_) => "unreachable",
            FetchError::Status(_) => "status",
            FetchError::TooLarge => "too_large",
            FetchError::Credentials => "credentials",
        }
    }
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
    /// None for anything but an https URL, or an http URL whose host is this machine: rules fetched in the clear over
    /// a network are whoever's.
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

    /// Where `s3://BUCKET/KEY` is. A bucket with a dot in its name has no certificate of its own.
    pub fn of_object(url: &str, region: &str, endpoint: Option<&Address>) -> Option<Self> {
        let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
        let of_bucket = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        // Characters that are signed and sent as they stand.
        let of_key =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
        let parts_stand = key.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !(3..=63).contains(&bucket.len())
            || !bucket.bytes().all(of_bucket)
            || !key.bytes().all(of_key)
            || !parts_stand
        {
            return None;
        }
        let base = match endpoint {
            Some(endpoint) if endpoint.path == "/" => {
                return Some(Self { path: format!("/{bucket}/{key}"), ..endpoint.clone() });
            }
            Some(_) => return None,
            None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        };
        Self::parse(&format!("{base}/{key}"))
    }
}

/// Where an archive is fetched from. No `Debug`: it may hold a token.
pub struct Remote {
    pub address: Address,
    /// The CA of the address, where it is a private one.
    pub ca: Option<PathBuf>,
    pub access: Access,
}

pub enum Access {
    Open,
    Token(Zeroizing<String>),
    /// Signed for S3 in this Region.
    Signed {
        region: String,
    },
}

/// What is signed with.
pub struct Signer {
    pub credentials: Arc<CredentialStore>,
    pub skew: ClockSkew,
}

/// An archive that differs from the one whose ETag was shown.
pub struct Fetched {
    pub bytes: Arc<[u8]>,
    pub etag: Option<String>,
}

impl Remote {
    /// None where the archive is still the one of this ETag.
    pub async fn fetch(
        &self,
        etag: Option<&str>,
        signer: Option<&Signer>,
    ) -> Result<Option<Fetched>, FetchError> {
        let fetched = tokio::time::timeout(FETCH_WITHIN, self.ask(etag, signer)).await;
        let answer = fetched.map_err(|_| FetchError::Unreachable("it took too long"))??;
        match answer.status {
            200 => Ok(Some(Fetched { bytes: answer.body.into(), etag: answer.etag })),
            304 if etag.is_some() => Ok(None),
            status => Err(FetchError::Status(status)),
        }
    }

    async fn ask(&self, etag: Option<&str>, signer: Option<&Signer>) -> Result<Answer, FetchError> {
        let mut headers: Vec<(String, String)> = Vec::with_capacity(8);
        headers.extend(etag.map(|etag| ("if-none-match".to_owned(), etag.to_owned())));
        match &self.access {
            Access::Open => get(&self.address, self.ca.as_deref(), &headers).await,
            Access::Token(token) => {
                headers.push(("authorization".to_owned(), format!("Bearer {}", token.as_str())));
                get(&self.address, self.ca.as_deref(), &headers).await
            }
            Access::Signed { region } => {
                let signer = signer.ok_or(FetchError::Credentials)?;
                let (credentials, skew_s, added) = signer.sign(&self.address, region)?;
                let signed = [headers.clone(), added].concat();
                let answer = get(&self.address, self.ca.as_deref(), &signed).await?;
                if !signer.repaired(&answer, &credentials, skew_s).await {
                    return Ok(answer);
                }
                let (_, _, added) = signer.sign(&self.address, region)?;
                get(&self.address, self.ca.as_deref(), &[headers, added].concat()).await
            }
        }
    }
}

impl Signer {
    fn sign(&self, address: &Address, region: &str) -> Result<SignedWith, FetchError> {
        let credentials = self.credentials.current().ok_or(FetchError::Credentials)?;
        let (now, skew_s) = self.skew.corrected(SystemTime::now());
        let body_sha256: [u8; 32] = Sha256::digest([]).into();
        let content = ("x-amz-content-sha256", hardpan_aws::verifier::hex(&body_sha256));
        let outgoing = Outgoing {
            method: "GET",
            host: &address.authority,
            path: &address.path,
            headers: &[(content.0, content.1.as_str())],
            body_sha256: &body_sha256,
        };
        let added = sign_headers(&outgoing, &credentials, region, "s3", now);
        let mut added = added.map_err(|_| FetchError::Credentials)?;
        added.push((content.0.to_owned(), content.1));
        Ok((credentials, skew_s, added))
    }

    /// Whether S3 refused the signature for a reason that passes, and what can be done about it is done.
    async fn repaired(&self, answer: &Answer, credentials: &Credentials, skew_s: i64) -> bool {
        if !matches!(answer.status, 400 | 403) {
            return false;
        }
        let body = String::from_utf8_lossy(&answer.body);
        let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code);
        if code == "ExpiredToken" {
            return self.credentials.refresh_now(credentials).await.is_ok();
        }
        is_skew_error(code) && self.skew.observe(&answer.date, SystemTime::now(), skew_s)
    }
}

struct Answer {
    status: u16,
    etag: Option<String>,
    date: String,
    /// Of an error, its beginning.
    body: Vec<u8>,
}

async fn get(
    address: &Address,
    ca: Option<&Path>,
    headers: &[(String, String)],
) -> Result<Answer, FetchError> {
    ask(address, ca, headers, None).await
}

/// Posts a message, and tells the answer's status.
pub async fn post(
    address: &Address,
    ca: Option<&Path>,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<u16, FetchError> {
    ask(address, ca, headers, Some(body)).await.map(|answer| answer.status)
}

/// With a body it is a POST, whose answer is not read.
async fn ask(
    address: &Address,
    ca: Option<&Path>,
    headers: &[(String, String)],
    body: Option<Bytes>,
) -> Result<Answer, FetchError> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await.ok();
    let found = found.and_then(|mut addresses| addresses.next());
    let found = found.ok_or(FetchError::Unreachable("the host has no address"))?;
    let mut options = ConnectorOptions::new(1);
    options.ca_file = ca.map(|ca| ca.to_string_lossy().into_owned());
    let connector: Connector = Connector::new(Some(options));
    let mut peer = HttpPeer::new(found, address.tls, address.host.clone());
    peer.options.alpn = ALPN::H1;
    peer.options.total_connection_timeout = Some(FETCH_WITHIN);
    let connected = connector.get_http_session(&peer).await;
    let unreachable = |_| FetchError::Unreachable("the host could not be reached");
    let (mut session, _) = connected.map_err(unreachable)?;
    let broken = |_| FetchError::Unreachable("the connection broke");
    let own = [
        ("host", address.authority.as_str()),
        ("accept", "application/gzip, application/octet-stream, */*"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ];
    let count = Some(own.len() + headers.len() + 1);
    let method = if body.is_some() { "POST" } else { "GET" };
    let mut head = RequestHeader::build(method, address.path.as_bytes(), count).map_err(broken)?;
    let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(given.filter(|(name, _)| *name != "host")) {
        head.append_header(name.to_owned(), value).map_err(broken)?;
    }
    session.set_read_timeout(Some(FETCH_WITHIN));
    session.set_write_timeout(Some(FETCH_WITHIN));
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
    let head = session.response_header().ok_or(FetchError::Unreachable("the connection broke"))?;
    let status = head.status.as_u16();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let etag = text("etag").filter(|etag| etag.len() <= ETAG_BYTES_MAX);
    let mut answer = Answer { status, etag, date: text("date").unwrap_or_default(), body: Vec::new() };
    if status == 304 || is_post {
        return Ok(answer);
    }
    let archive_bytes_max = usize::try_from(ARCHIVE_BYTES_MAX).unwrap_or(usize::MAX);
    // An end before the declared length is an error: half an archive never gets further than here.
    while let Some(piece) = session.read_response_body().await.map_err(broken)? {
        if status == 200 && answer.body.len() + piece.len() > archive_bytes_max {
            return Err(FetchError::TooLarge);
        }
        answer.body.extend_from_slice(&piece);
        if status != 200 && answer.body.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    Ok(answer)
}

/// What a request was signed with, when, and the headers that say so.
type SignedWith = (Arc<Credentials>, i64, Vec<(String, String)>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_fetched_by_tls_or_from_this_machine_only() {
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

    #[test]
    fn objects_are_where_s3_has_them() {
        let endpoint = Address::parse("http://127.0.0.1:9000").unwrap();
        for (url, own, authority, path) in [
            ("s3://acme/hardpan/b.tar.gz", None, "acme.s3.eu-west-1.amazonaws.com", "/hardpan/b.tar.gz"),
            ("s3://acme.policy/b.tar.gz", None, "s3.eu-west-1.amazonaws.com", "/acme.policy/b.tar.gz"),
            ("s3://acme/b.tar.gz", Some(&endpoint), "127.0.0.1:9000", "/acme/b.tar.gz"),
        ] {
            let address = Address::of_object(url, "eu-west-1", own).unwrap();
            assert_eq!((address.authority.as_str(), address.path.as_str()), (authority, path), "{url}");
        }
        for url in [
            "s3://acme",
            "s3://acme/",
            "s3://a/b",
            "s3://Acme/b",
            "s3://acme/a b",
            "s3://acme/a//b",
            "s3://acme/../b",
            "s3://acme/b?x",
            "s3://acme/b%2f",
            "s3://acme@evil/b",
            "https://acme/b",
        ] {
            assert_eq!(Address::of_object(url, "eu-west-1", None), None, "{url}");
        }
        let with_path = Address::parse("http://127.0.0.1:9000/x").unwrap();
        assert_eq!(Address::of_object("s3://acme/b", "eu-west-1", Some(&with_path)), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_configured_authority_vouches_for_the_host() {
        let folder = std::env::temp_dir().join(format!("hardpan-fetch-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = folder.join(format!("{name}.pem"));
            std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
            let key_file = folder.join(format!("{name}.key"));
            std::fs::write(&key_file, key.serialize_pem()).unwrap();
            (certificate, key_file)
        };
        let ((certificate, key), (other, _)) = (write("own"), write("other"));
        let tls =
            hardpan_simulator::Tls { certificate: certificate.clone(), key, protocols: vec!["http/1.1"] };
        let options = hardpan_simulator::Options { tls: Some(tls), ..hardpan_simulator::Options::default() };
        let simulator = hardpan_simulator::Simulator::start(options).await.unwrap();
        let url = format!("https://localhost:{}/bundle.tar.gz", simulator.addr().port());
        for (ca, reason) in
            [(Some(certificate), "status"), (Some(other), "unreachable"), (None, "unreachable")]
        {
            let remote = Remote { address: Address::parse(&url).unwrap(), ca, access: Access::Open };
            let error = remote.fetch(None, None).await.err().unwrap();
            assert_eq!(error.reason(), reason, "{error}");
        }
        let signed = Remote {
            address: Address::parse(&url).unwrap(),
            ca: None,
            access: Access::Signed { region: "us-east-1".into() },
        };
        assert_eq!(signed.fetch(None, None).await.err().unwrap().reason(), "credentials");
        simulator.shutdown().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
