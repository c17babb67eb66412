//! The caller's side of one exchange: its head, its body within bounds, and the answer written back.
//!
//! It wraps pingora's server session, HTTP/1.1 and HTTP/2 alike, and decides how a connection ends: whole, after a
//! bounded drain of what the caller still sends, or broken on purpose.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;
use pingora_timeout::fast_timeout::fast_timeout;

use crate::identity::{ClientCertificate, Head};

/// Read and thrown away after an early refusal, so that a caller still writing its body can read the answer.
const DRAIN_BYTES_MAX: usize = 64 << 20;
const DRAIN_FOR: Duration = Duration::from_secs(10);

pub struct Downstream<'s> {
    session: &'s mut ServerSession,
    head_written: bool,
    finished: bool,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    #[error("the body is longer than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("the body did not come in time")]
    Timeout,
    #[error("the caller's connection broke inside the body")]
    Broken,
}

/// The caller's connection is gone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the caller has left")]
pub struct Gone;

impl<'s> Downstream<'s> {
    pub fn new(session: &'s mut ServerSession) -> Self {
        Self { session, head_written: false, finished: false }
    }

    pub fn method(&self) -> &str {
        self.session.req_header().method.as_str()
    }

    /// Path and query as they stood in the request line.
    pub fn raw_target(&self) -> &[u8] {
        self.session.req_header().raw_path()
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.session.req_header().headers
    }

    pub fn authority(&self) -> Option<&str> {
        self.session.req_header().uri.authority().map(http::uri::Authority::as_str)
    }

    /// What of the head says who sent it.
    pub fn head(&self) -> Head<'_> {
        Head {
            method: self.method(),
            raw_target: self.raw_target(),
            headers: self.headers(),
            authority: self.authority(),
            certificate: ClientCertificate::of(self.session.digest()),
        }
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip)
    }

    /// Whether the head sets the body's length twice, in two ways. pingora has by then dropped one of the two
    /// headers, so the bytes as they came are asked.
    pub fn has_conflicting_framing(&self) -> bool {
        let Some(session) = self.session.as_http1() else { return false };
        if !self.headers().contains_key(http::header::TRANSFER_ENCODING) {
            return false;
        }
        let raw = session.get_headers_raw_bytes();
        raw.split(|byte| *byte == b'\n').any(|line| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"content-length")
        })
    }

    pub fn declared_length(&self) -> Option<usize> {
        self.headers().get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// What to make room for: as much as is allowed where the head does not say.
    pub fn body_bytes_expected(&mut self, bytes_max: usize) -> usize {
        let undeclared = if self.session.is_body_empty() { 0 } else { bytes_max };
        self.declared_length().unwrap_or(undeclared).min(bytes_max)
    }

    /// Reads the whole body, or says why not.
    pub async fn read_body(&mut self, bytes_max: usize, within: Duration) -> Result<Bytes, BodyError> {
        let declared = self.declared_length();
        if declared.is_some_and(|length| length > bytes_max) {
            return Err(BodyError::TooLarge { bytes_max });
        }
        if self.expects_continue() {
            self.session.write_continue_response().await.map_err(|_| BodyError::Broken)?;
        }
        let read = self.collect_body(bytes_max, declared);
        fast_timeout(within, read).await.map_err(|_| BodyError::Timeout)?
    }

    async fn collect_body(&mut self, bytes_max: usize, declared: Option<usize>) -> Result<Bytes, BodyError> {
        let first = self.session.read_request_body().await.map_err(|error| body_error(&error))?;
        let Some(first) = first else {
            return if declared.unwrap_or(0) == 0 { Ok(Bytes::new()) } else { Err(BodyError::Broken) };
        };
        if declared == Some(first.len()) {
            return Ok(first);
        }
        let mut body = BytesMut::with_capacity(declared.unwrap_or(first.len() * 2).min(bytes_max));
        let mut next = Some(first);
        while let Some(piece) = next {
            if body.len() + piece.len() > bytes_max {
                return Err(BodyError::TooLarge { bytes_max });
            }
            body.extend_from_slice(&piece);
            if declared == Some(body.len()) {
                break;
            }
            next = self.session.read_request_body().await.map_err(|error| body_error(&error))?;
        }
        if declared.is_some_and(|length| length != body.len()) {
            return Err(BodyError::Broken);
        }
        Ok(body.freeze())
    }

    /// The next piece of a body that is no request of itself; None at its end. Once the caller has said all it had to
    /// say, waits until it leaves.
    pub async fn read_piece_or_left(&mut self, speaking: bool) -> Result<Option<Bytes>, BodyError> {
        if !speaking {
            self.left().await;
            return Err(BodyError::Broken);
        }
        self.session.read_request_body().await.map_err(|error| body_error(&error))
    }

    /// Lets the caller be silent for longer than inside a request.
    pub fn be_patient(&mut self, silence_max: Duration) {
        self.session.set_read_timeout(Some(silence_max));
    }

    fn expects_continue(&self) -> bool {
        let expects = self.headers().get(http::header::EXPECT);
        expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }

    pub fn head_written(&self) -> bool {
        self.head_written
    }

    /// Waits until the caller leaves. Only while nothing more of its body is expected.
    pub async fn left(&mut self) {
        // Any outcome but silence means that this exchange has nobody to answer.
        let _ = self.session.read_body_or_idle(true).await;
    }

    /// Writes a whole answer.
    pub async fn respond(&mut self, status: u16, headers: HeaderMap, body: Bytes) -> Result<(), Gone> {
        let mut head = response_head(status, headers)?;
        head.insert_header(http::header::CONTENT_LENGTH, body.len().to_string()).map_err(|_| Gone)?;
        self.write_head(head).await?;
        if !body.is_empty() {
            self.write(body).await?;
        }
        self.finish().await
    }

    /// Begins an answer of unknown length.
    pub async fn begin(&mut self, status: u16, headers: HeaderMap) -> Result<(), Gone> {
        let mut head = response_head(status, headers)?;
        if !self.session.is_http2() {
            head.insert_header(http::header::TRANSFER_ENCODING, "chunked").map_err(|_| Gone)?;
        }
        self.write_head(head).await
    }

    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.session.write_response_body(bytes, false).await.map_err(|_| Gone)
    }

    pub async fn finish(&mut self) -> Result<(), Gone> {
        self.finished = true;
        self.session.finish_body().await.map_err(|_| Gone)
    }

    /// Whether the answer went out whole.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Before an early refusal: a connection with an unread body on it cannot be used again, and says so.
    pub fn part_unless_read(&mut self) {
        if !self.session.is_body_done() {
            self.session.set_keepalive(None);
        }
    }

    /// Reads on, within bounds, what a refused caller still sends.
    pub async fn drain(&mut self) {
        let drain = async {
            let mut seen = 0;
            while let Ok(Some(piece)) = self.session.read_request_body().await {
                seen += piece.len();
                if seen > DRAIN_BYTES_MAX {
                    break;
                }
            }
        };
        let _ = fast_timeout(DRAIN_FOR, drain).await;
    }

    /// Ends the connection so that the caller sees a broken transport: no last chunk, or a reset stream.
    pub async fn break_off(&mut self) {
        self.session.set_keepalive(None);
        if self.session.is_http2() {
            self.session.shutdown_with_reason(h2::Reason::INTERNAL_ERROR);
        } else {
            self.session.shutdown().await;
        }
    }

    async fn write_head(&mut self, head: ResponseHeader) -> Result<(), Gone> {
        self.head_written = true;
        self.session.write_response_header(Box::new(head)).await.map_err(|_| Gone)
    }
}

/// A read that took too long is the caller's slowness, anything else its absence.
fn body_error(error: &pingora_core::Error) -> BodyError {
    match error.etype() {
        pingora_core::ErrorType::ReadTimedout => BodyError::Timeout,
        _ => BodyError::Broken,
    }
}

/// Headers of one hop, which never travel on.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// An upstream's headers as they may be handed on.
pub fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A header from a name and a value that is known to be printable, or none.
pub fn header(name: &'static str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
}

fn response_head(status: u16, headers: HeaderMap) -> Result<ResponseHeader, Gone> {
    let mut head = ResponseHeader::build(status, Some(headers.len() + 1)).map_err(|_| Gone)?;
    for (name, value) in &headers {
        head.append_header(name.clone(), value.clone()).map_err(|_| Gone)?;
    }
    Ok(head)
}
