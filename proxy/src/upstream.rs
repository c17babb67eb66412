//! Where AWS is and how to reach it: endpoint URLs, name resolution, the connection pool, one call.
//!
//! A call that could not be written whole is sent once more: the service closes idle connections. So is one that the
//! service says, in HTTP/2's words, it has not looked at. Once a request went out whole it is otherwise never sent
//! again, since it may have been paid for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;

use hardpan_inference::operation::Service;

use crate::config::{Endpoints, HttpVersion, Limits};

/// How long a resolved address is used.
const RESOLVED_FOR: Duration = Duration::from_secs(30);
const EARLY_ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How often a request that was not taken is sent in all.
const SENT_MAX: u32 = 2;
/// Below the idle time AWS closes connections after.
const IDLE_FOR: Duration = Duration::from_secs(50);

/// An endpoint URL, `{region}` left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    #[error("not an http or https URL")]
    Scheme,
    #[error("not a host with an optional port")]
    Host,
    #[error("a path or query is not supported here")]
    Path,
}

impl Endpoint {
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(EndpointError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(EndpointError::Path);
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| EndpointError::Host)?),
            None => (authority, if tls { 443 } else { 80 }),
        };
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'{' | b'}');
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(EndpointError::Host);
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }

    fn host(&self, region: &str) -> String {
        self.host.replace("{region}", region)
    }

    /// The `Host` header: default ports are left out, and the signature covers it so.
    pub fn authority(&self, region: &str) -> String {
        let default = if self.tls { 443 } else { 80 };
        let host = self.host(region);
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

/// A request ready to go out.
pub struct Call {
    pub service: Service,
    pub method: &'static str,
    pub path: String,
    pub region: String,
    /// Every header but `host`, signature included.
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the upstream's name could not be resolved")]
    Resolve,
    #[error("the upstream could not be reached")]
    Connect,
    #[error("the upstream did not answer in time")]
    Timeout,
    #[error("the request could not be written to the upstream")]
    Unsent,
    #[error("the connection to the upstream broke before an answer came")]
    Broken,
}

impl UpstreamError {
    /// The label of metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            UpstreamError::Resolve => "resolve",
            UpstreamError::Connect => "connect",
            UpstreamError::Unsent => "write",
            UpstreamError::Timeout => "timeout",
            UpstreamError::Broken => "reset",
        }
    }
}

/// An answer whose head has come.
pub struct UpstreamAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    /// How many times the request was sent.
    pub attempts: u32,
    session: HttpSession<()>,
    peer: HttpPeer,
}

pub struct Upstream {
    connector: Connector,
    endpoints: Endpoints,
    http: HttpVersion,
    limits: Limits,
    resolved: Mutex<HashMap<String, (SocketAddr, Instant)>>,
}

impl Upstream {
    pub fn new(
        endpoints: Endpoints,
        http: HttpVersion,
        ca: Option<&std::path::Path>,
        limits: Limits,
    ) -> Self {
        let mut options = ConnectorOptions::new(limits.in_flight_max.clamp(16, 1024));
        options.ca_file = ca.map(|ca| ca.to_string_lossy().into_owned());
        Self {
            connector: Connector::new(Some(options)),
            endpoints,
            http,
            limits,
            resolved: Mutex::new(HashMap::new()),
        }
    }

    /// The endpoint of a service. Every service has one.
    pub fn endpoint(&self, service: Service) -> Result<&Endpoint, UpstreamError> {
        self.endpoints.get(&service).ok_or(UpstreamError::Resolve)
    }

    /// Sends a request and waits for the answer's head.
    pub async fn send(&self, call: &Call) -> Result<UpstreamAnswer, UpstreamError> {
        let endpoint = self.endpoint(call.service)?;
        let peer = self.peer(endpoint, &call.region, self.http).await?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let connected = self.connector.get_http_session(&peer).await;
            let Ok((session, _)) = connected else {
                self.forget(&endpoint.host(&call.region));
                return Err(UpstreamError::Connect);
            };
            match self.exchange(session, endpoint, call).await {
                Ok(session) => return Ok(UpstreamAnswer::new(session, peer, attempts)),
                Err(UpstreamError::Unsent) if attempts < SENT_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The address may be the reason: look it up anew.
    fn forget(&self, host: &str) {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// Gives a connection whose answer was read whole back to the pool.
    pub async fn release(&self, answer: UpstreamAnswer) {
        self.connector.release_http_session(answer.session, &answer.peer, Some(IDLE_FOR)).await;
    }

    async fn exchange(
        &self,
        mut session: HttpSession<()>,
        endpoint: &Endpoint,
        call: &Call,
    ) -> Result<HttpSession<()>, UpstreamError> {
        session.set_read_timeout(Some(self.limits.upstream_read_timeout));
        session.set_write_timeout(Some(self.limits.write_timeout));
        if self.write(&mut session, endpoint, call).await.is_err() {
            // A service that refuses a large body early says so before it stops reading.
            let early = tokio::time::timeout(EARLY_ANSWER_WITHIN, read_head(&mut session)).await;
            return if matches!(early, Ok(Ok(()))) { Ok(session) } else { Err(UpstreamError::Unsent) };
        }
        match read_head(&mut session).await {
            Ok(()) => Ok(session),
            Err(error) if is_timeout(&error) => Err(UpstreamError::Timeout),
            Err(error) if is_untouched(&error) => Err(UpstreamError::Unsent),
            Err(_) => Err(UpstreamError::Broken),
        }
    }

    async fn write(
        &self,
        session: &mut HttpSession<()>,
        endpoint: &Endpoint,
        call: &Call,
    ) -> Result<(), Box<pingora_core::Error>> {
        let is_h2 = matches!(session, HttpSession::H2(_));
        session.write_request_header(Box::new(head(endpoint, call, Some(call.body.len()), is_h2)?)).await?;
        session.write_request_body(call.body.clone(), true).await?;
        session.finish_request_body().await
    }

    async fn peer(
        &self,
        endpoint: &Endpoint,
        region: &str,
        http: HttpVersion,
    ) -> Result<HttpPeer, UpstreamError> {
        let host = endpoint.host(region);
        let address = self.resolve(&host, endpoint.port).await?;
        let mut peer = HttpPeer::new(address, endpoint.tls, host);
        peer.options.alpn = match (http, endpoint.tls) {
            (HttpVersion::H1, _) => ALPN::H1,
            (HttpVersion::H2, true) => ALPN::H2H1,
            (HttpVersion::H2, false) => ALPN::H2,
        };
        peer.options.connection_timeout = Some(self.limits.upstream_connect_timeout);
        peer.options.total_connection_timeout = Some(self.limits.upstream_connect_timeout * 2);
        peer.options.idle_timeout = Some(IDLE_FOR);
        Ok(peer)
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, UpstreamError> {
        if let Ok(address) = host.parse() {
            return Ok(SocketAddr::new(address, port));
        }
        let known = self.resolved.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied();
        let known = known.map(|(address, at)| (SocketAddr::new(address.ip(), port), at));
        if let Some((address, at)) = known
            && at.elapsed() < RESOLVED_FOR
        {
            return Ok(address);
        }
        let looked_up = tokio::net::lookup_host((host, port)).await;
        let fresh = looked_up.ok().and_then(|mut addresses| addresses.next());
        // A failed look-up does not forget an address that works.
        let address = fresh.or(known.map(|(address, _)| address)).ok_or(UpstreamError::Resolve)?;
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        resolved.insert(host.to_owned(), (address, Instant::now()));
        Ok(address)
    }
}

/// A call whose body and answer flow at the same time. HTTP/2 only.
pub struct Conversation {
    session: HttpSession<()>,
    head_read: bool,
}

/// What comes from the other side of a [`Conversation`].
pub enum Said {
    Head { status: u16, headers: HeaderMap },
    Piece(Bytes),
    End,
}

impl Upstream {
    /// Opens a conversation with a head alone.
    pub async fn open(&self, call: &Call) -> Result<Conversation, UpstreamError> {
        let endpoint = self.endpoint(call.service)?;
        let peer = self.peer(endpoint, &call.region, HttpVersion::H2).await?;
        let connected = self.connector.get_http_session(&peer).await;
        let Ok((mut session, _)) = connected else {
            self.forget(&endpoint.host(&call.region));
            return Err(UpstreamError::Connect);
        };
        if !matches!(session, HttpSession::H2(_)) {
            return Err(UpstreamError::Connect);
        }
        session.set_read_timeout(Some(self.limits.upstream_read_timeout));
        session.set_write_timeout(Some(self.limits.write_timeout));
        let head = head(endpoint, call, None, true).map_err(|_| UpstreamError::Unsent)?;
        session.write_request_header(Box::new(head)).await.map_err(|_| UpstreamError::Unsent)?;
        Ok(Conversation { session, head_read: false })
    }
}

impl Conversation {
    /// Waits for what comes next. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Result<Said, UpstreamError> {
        let failed = |error: Box<pingora_core::Error>| {
            if is_timeout(&error) { UpstreamError::Timeout } else { UpstreamError::Broken }
        };
        if !self.head_read {
            self.session.read_response_header().await.map_err(failed)?;
            self.head_read = true;
            let head = self.session.response_header().ok_or(UpstreamError::Broken)?;
            return Ok(Said::Head { status: head.status.as_u16(), headers: head.headers.clone() });
        }
        let piece = self.session.read_response_body().await.map_err(failed)?;
        Ok(piece.map_or(Said::End, Said::Piece))
    }

    pub async fn write(&mut self, piece: Bytes) -> Result<(), UpstreamError> {
        self.session.write_request_body(piece, false).await.map_err(|_| UpstreamError::Broken)
    }

    pub async fn finish(&mut self) -> Result<(), UpstreamError> {
        self.session.finish_request_body().await.map_err(|_| UpstreamError::Broken)
    }
}

/// A head as the session's protocol wants it. Without a length the body is a stream of HTTP/2.
fn head(
    endpoint: &Endpoint,
    call: &Call,
    length: Option<usize>,
    is_h2: bool,
) -> Result<RequestHeader, Box<pingora_core::Error>> {
    let mut head = RequestHeader::build(call.method, call.path.as_bytes(), Some(call.headers.len() + 2))?;
    let authority = endpoint.authority(&call.region);
    if is_h2 {
        let scheme = if endpoint.tls { "https" } else { "http" };
        let uri = format!("{scheme}://{authority}{}", call.path).parse();
        head.set_uri(uri.map_err(|_| pingora_core::Error::new(pingora_core::ErrorType::InvalidHTTPHeader))?);
    } else {
        head.append_header("host", authority)?;
    }
    for (name, value) in &call.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    if let Some(length) = length.filter(|length| *length > 0 || call.method != "GET") {
        head.append_header(http::header::CONTENT_LENGTH, length.to_string())?;
    }
    Ok(head)
}

/// Reads until a final head.
async fn read_head(session: &mut HttpSession<()>) -> Result<(), Box<pingora_core::Error>> {
    loop {
        session.read_response_header().await?;
        if !session.response_header().is_some_and(|head| head.status.is_informational()) {
            return Ok(());
        }
    }
}

impl UpstreamAnswer {
    fn new(session: HttpSession<()>, peer: HttpPeer, attempts: u32) -> Self {
        let (status, headers) = session
            .response_header()
            .map(|head| (head.status.as_u16(), head.headers.clone()))
            .unwrap_or((502, HeaderMap::new()));
        Self { status, headers, attempts, session, peer }
    }

    /// The next piece of the body; None at its end. An end before its declared length is an error.
    pub async fn read(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        self.session
            .read_response_body()
            .await
            .map_err(|error| if is_timeout(&error) { UpstreamError::Timeout } else { UpstreamError::Broken })
    }
}

impl UpstreamAnswer {
    /// The rest of the body; none where it is longer than this.
    pub async fn read_at_most(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, UpstreamError> {
        let mut body = Vec::new();
        while let Some(piece) = self.read().await? {
            if body.len() + piece.len() > bytes_max {
                return Ok(None);
            }
            body.extend_from_slice(&piece);
        }
        Ok(Some(body))
    }
}

/// Whether an HTTP/2 peer says of a request that it has done nothing with it: its connection was closing, or it would
/// not open the stream.
fn is_untouched(error: &pingora_core::Error) -> bool {
    let Some(error) = error.root_cause().downcast_ref::<h2::Error>() else { return false };
    let reason = error.reason();
    error.is_remote()
        && (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
            || error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
}

fn is_timeout(error: &pingora_core::Error) -> bool {
    use pingora_core::ErrorType::{ConnectTimedout, ReadTimedout, WriteTimedout};
    matches!(error.etype(), ConnectTimedout | ReadTimedout | WriteTimedout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_the_host_header_follows() {
        for (url, authority) in [
            ("https://bedrock-runtime.{region}.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com"),
            ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
            ("https://vpce-1.example:8443", "vpce-1.example:8443"),
            ("http://localhost:80", "localhost"),
            (Service::BedrockRuntime.public_endpoint(true), "bedrock-runtime-fips.eu-west-1.amazonaws.com"),
            (
                "https://vpce-0123456789abcdef0-abcdefgh.bedrock-runtime.us-east-1.vpce.amazonaws.com",
                "vpce-0123456789abcdef0-abcdefgh.bedrock-runtime.us-east-1.vpce.amazonaws.com",
            ),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().authority("eu-west-1"), authority);
        }
        for (url, error) in [
            ("ftp://x", EndpointError::Scheme),
            ("https://", EndpointError::Host),
            ("https://a b", EndpointError::Host),
            ("https://x:y", EndpointError::Host),
            ("https://x/path", EndpointError::Path),
        ] {
            assert_eq!(Endpoint::parse(url), Err(error), "{url}");
        }
    }

    fn limits() -> Limits {
        let second = Duration::from_secs(1);
        Limits {
            body_bytes_max: 1 << 20,
            json: hardpan_inference::json::JsonLimits::default(),
            head_timeout: second * 10,
            body_timeout: second * 10,
            write_timeout: second * 10,
            upstream_connect_timeout: second * 10,
            upstream_read_timeout: second * 10,
            answer_bytes_max: 1 << 20,
            held_stream_bytes_max: 1 << 20,
            drain_bytes_max: 1 << 20,
            drain_timeout: second,
            in_flight_max: 16,
            in_flight_bytes_max: 1 << 20,
            clock_skew_max_s: 300,
        }
    }

    /// A signed Converse to wherever an endpoint is.
    fn call(endpoint: &Endpoint) -> Call {
        use sha2::{Digest as _, Sha256};
        let body = Bytes::from_static(br#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#);
        let host = endpoint.authority("us-east-1");
        let path = "/model/amazon.nova-lite-v1%3A0/converse".to_owned();
        let credentials = aws_credential_types::Credentials::new("AKID", "secret", None, None, "test");
        let outgoing = hardpan_aws::signer::Outgoing {
            method: "POST",
            host: &host,
            path: &path,
            headers: &[],
            body_sha256: &Sha256::digest(&body).into(),
        };
        let now = std::time::SystemTime::now();
        let added = hardpan_aws::signer::sign_headers(&outgoing, &credentials, "us-east-1", "bedrock", now);
        let headers = added.unwrap().into_iter().map(|(name, value)| {
            (http::HeaderName::try_from(name).unwrap(), http::HeaderValue::try_from(value).unwrap())
        });
        let (service, region) = (Service::BedrockRuntime, "us-east-1".to_owned());
        Call { service, method: "POST", path, region, headers: headers.collect(), body }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn fips_and_private_endpoints_are_asked_for_by_the_names_they_are_configured_by() {
        let folder = std::env::temp_dir().join(format!("hardpan-endpoints-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let private = "vpce-0123456789abcdef0-abcdefgh.bedrock-runtime.us-east-1.vpce.amazonaws.com";
        let private_url = format!("https://{private}");
        for (url, host, certified) in [
            (
                Service::BedrockRuntime.public_endpoint(true),
                "bedrock-runtime-fips.us-east-1.amazonaws.com",
                true,
            ),
            (private_url.as_str(), private, true),
            // The public name's certificate is not the private one's.
            (private_url.as_str(), private, false),
        ] {
            let name = if certified { host } else { "bedrock-runtime.us-east-1.amazonaws.com" };
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            let (certificate, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
            std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
            std::fs::write(&key_file, key.serialize_pem()).unwrap();
            let tls = hardpan_simulator::Tls {
                certificate: certificate.clone(),
                key: key_file,
                protocols: vec!["h2", "http/1.1"],
            };
            let options = hardpan_simulator::Options {
                keys: vec![("AKID".to_owned(), "secret".to_owned())],
                record_max: 1,
                tls: Some(tls),
                ..hardpan_simulator::Options::default()
            };
            let simulator = hardpan_simulator::Simulator::start(options).await.unwrap();
            let port = simulator.addr().port();
            let endpoint = Endpoint::parse(&format!("{url}:{port}")).unwrap();
            let endpoints = Endpoints::from([(Service::BedrockRuntime, endpoint.clone())]);
            let upstream = Upstream::new(endpoints, HttpVersion::H2, Some(certificate.as_path()), limits());
            // In place of the name's look-up.
            upstream.resolved.lock().unwrap().insert(host.to_owned(), (simulator.addr(), Instant::now()));
            let sent = upstream.send(&call(&endpoint)).await;
            if certified {
                assert_eq!(sent.map(|answer| answer.status).ok(), Some(200), "{host}");
                let received = simulator.received();
                let received = received.first().unwrap();
                assert_eq!(received.server_name.as_deref(), Some(host));
                assert_eq!(received.signature, hardpan_simulator::SignatureCheck::Valid);
                let authority = (":authority".to_owned(), format!("{host}:{port}"));
                assert_eq!(received.headers.first(), Some(&authority));
            } else {
                assert!(matches!(sent, Err(UpstreamError::Connect)), "{host}");
                assert_eq!(simulator.request_count(), 0);
            }
            simulator.shutdown().await;
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
