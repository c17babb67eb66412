//! The two calls a shipper makes, S3 `PutObject` and Firehose `PutRecordBatch`, signed by our own signer. It keeps no
//! state but connections, and decides nothing about when or what is sent.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_aws::credentials::CredentialStore;
use hardpan_aws::signer::{Outgoing, SignError, sign_headers};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::super::chain::hex;
use super::{Destination, ShipSettings};

/// Lines of one object.
const S3_BYTES_MAX: u64 = 8 << 20;
/// Lines of one call, which have a third more bytes as base64; Firehose takes 4 MiB and 500 records.
const FIREHOSE_BYTES_MAX: u64 = 3_000_000;
const FIREHOSE_RECORDS_MAX: usize = 500;
const FIREHOSE_RECORD_BYTES_MAX: usize = 1_024_000;
/// How often the refused records of one call are sent again before it counts as failed.
const FIREHOSE_ATTEMPTS_MAX: u32 = 3;
const CALL_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Log(#[from] io::Error),
    #[error("there are no AWS credentials")]
    NoCredentials,
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the request cannot be made")]
    Request,
    #[error("no answer came")]
    Unanswered,
    #[error("the answer was {0}")]
    Status(u16),
    #[error("{0} record(s) were refused")]
    Refused(usize),
}

/// What a part of the log is called.
pub(super) struct Object {
    pub file: u64,
    pub offset: u64,
    pub kind: &'static str,
}

pub(super) struct Client {
    destination: Destination,
    region: String,
    scheme: &'static str,
    host: String,
    /// In front of an object's key.
    path: String,
    credentials: Arc<CredentialStore>,
    connector: Connector,
}

struct Call<'a> {
    method: &'static str,
    path: &'a str,
    service: &'static str,
    headers: &'a [(&'a str, &'a str)],
}

impl Client {
    pub fn new(settings: ShipSettings) -> io::Result<Self> {
        let ShipSettings { destination, region, endpoint, credentials, .. } = settings;
        let (scheme, own) = match endpoint.as_deref().map(str::trim) {
            None => ("https", None),
            Some(url) => match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
                (Some(host), _) => ("https", Some(host.trim_end_matches('/').to_owned())),
                (_, Some(host)) => ("http", Some(host.trim_end_matches('/').to_owned())),
                _ => return Err(io::Error::other("the endpoint is not http://HOST:PORT or https://HOST")),
            },
        };
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let (host, path) = match (&destination, own) {
            (Destination::Firehose { .. }, own) => {
                (own.unwrap_or_else(|| format!("firehose.{region}.{domain}")), "/".to_owned())
            }
            (Destination::S3 { bucket, .. }, Some(own)) => (own, format!("/{bucket}/")),
            // A certificate covers one label in front of the domain.
            (Destination::S3 { bucket, .. }, None) if bucket.contains('.') => {
                (format!("s3.{region}.{domain}"), format!("/{bucket}/"))
            }
            (Destination::S3 { bucket, .. }, None) => {
                (format!("{bucket}.s3.{region}.{domain}"), "/".to_owned())
            }
        };
        let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        Ok(Self { destination, region, scheme, host, path, credentials, connector })
    }

    pub fn part_bytes_max(&self) -> u64 {
        match self.destination {
            Destination::S3 { .. } => S3_BYTES_MAX,
            Destination::Firehose { .. } => FIREHOSE_BYTES_MAX,
        }
    }

    /// A stream of records has no place for anything else.
    pub fn takes_checkpoints(&self) -> bool {
        matches!(self.destination, Destination::S3 { .. })
    }

    /// Sends whole lines. All of them have arrived when it succeeds; some may have when it fails.
    pub async fn send(&self, object: &Object, lines: &[u8], until: Option<Instant>) -> Result<(), SendError> {
        let left = until.map_or(CALL_WITHIN, |until| until.saturating_duration_since(Instant::now()));
        let sent = async {
            match &self.destination {
                Destination::S3 { prefix, instance, .. } => {
                    self.put(&format!("{}{}", self.path, key(prefix, instance, object)), lines).await
                }
                Destination::Firehose { stream } => self.put_records(stream, lines).await,
            }
        };
        tokio::time::timeout(left.min(CALL_WITHIN), sent).await.unwrap_or(Err(SendError::Unanswered))
    }

    async fn put(&self, path: &str, lines: &[u8]) -> Result<(), SendError> {
        let hash: [u8; 32] = Sha256::digest(lines).into();
        let hash = hex(&hash);
        let headers = [("content-type", "application/x-ndjson"), ("x-amz-content-sha256", hash.as_str())];
        let call = Call { method: "PUT", path, service: "s3", headers: &headers };
        self.call(&call, lines.to_vec()).await.map(|_| ())
    }

    async fn put_records(&self, stream: &str, lines: &[u8]) -> Result<(), SendError> {
        let all: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
        for some in all.chunks(FIREHOSE_RECORDS_MAX) {
            let (mut left, large): (Vec<&[u8]>, Vec<&[u8]>) =
                some.iter().copied().partition(|line| line.len() <= FIREHOSE_RECORD_BYTES_MAX);
            if !large.is_empty() {
                tracing::warn!(
                    records = large.len(),
                    "Firehose takes no record this large; it stays in the log"
                );
                crate::metrics::bound_hit("audit_ship_record_bytes_max");
            }
            let mut attempts = 0;
            while !left.is_empty() {
                attempts += 1;
                if attempts > FIREHOSE_ATTEMPTS_MAX {
                    return Err(SendError::Refused(left.len()));
                }
                left = self.put_batch(stream, left).await?;
            }
        }
        Ok(())
    }

    /// Gives back what was refused.
    async fn put_batch<'a>(&self, stream: &str, lines: Vec<&'a [u8]>) -> Result<Vec<&'a [u8]>, SendError> {
        let records = lines.iter().map(|line| Record { data: STANDARD.encode(line) }).collect();
        let batch = Batch { delivery_stream_name: stream, records };
        let body = serde_json::to_vec(&batch).map_err(|_| SendError::Request)?;
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Firehose_20150804.PutRecordBatch"),
        ];
        let call = Call { method: "POST", path: "/", service: "firehose", headers: &headers };
        let answer = self.call(&call, body).await?;
        let answer: BatchAnswer = serde_json::from_slice(&answer).map_err(|_| SendError::Unanswered)?;
        if answer.failed_put_count == 0 {
            return Ok(Vec::new());
        }
        if answer.request_responses.len() != lines.len() {
            return Err(SendError::Refused(lines.len()));
        }
        let outcomes = lines.into_iter().zip(answer.request_responses);
        Ok(outcomes.filter(|(_, outcome)| outcome.error_code.is_some()).map(|(line, _)| line).collect())
    }

    async fn call(&self, call: &Call<'_>, body: Vec<u8>) -> Result<Vec<u8>, SendError> {
        let credentials = self.credentials.current().ok_or(SendError::NoCredentials)?;
        let body_sha256: [u8; 32] = Sha256::digest(&body).into();
        let outgoing = Outgoing {
            method: call.method,
            host: &self.host,
            path: call.path,
            headers: call.headers,
            body_sha256: &body_sha256,
        };
        let signed = sign_headers(&outgoing, &credentials, &self.region, call.service, SystemTime::now())?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(call.method).map_err(|_| SendError::Request)?;
        let uri = format!("{}://{}{}", self.scheme, self.host, call.path);
        request.set_uri(uri).map_err(|_| SendError::Request)?;
        let given = call.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        for (name, value) in given.chain(signed) {
            request.headers_mut().try_insert(name, value).map_err(|_| SendError::Request)?;
        }
        let answer = self.connector.call(request).await.map_err(|_| SendError::Unanswered)?;
        let status = answer.status().as_u16();
        let mut stream = ByteStream::new(answer.into_body());
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await.map_err(|_| SendError::Unanswered)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(SendError::Unanswered);
            }
            bytes.extend_from_slice(&chunk);
        }
        // What the service says in its body may quote what was sent.
        if (200..300).contains(&status) { Ok(bytes) } else { Err(SendError::Status(status)) }
    }
}

/// The same part has the same name when it is sent again on the same day, and then replaces itself.
fn key(prefix: &str, instance: &str, object: &Object) -> String {
    let day = OffsetDateTime::now_utc().date();
    let prefix = prefix.trim_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    let (year, month, date) = (day.year(), u8::from(day.month()), day.day());
    let Object { file, offset, kind } = object;
    format!("{prefix}{slash}{kind}/{year:04}/{month:02}/{date:02}/{instance}-{file:06}-{offset:012}.jsonl")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    delivery_stream_name: &'a str,
    records: Vec<Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    failed_put_count: u64,
    #[serde(default)]
    request_responses: Vec<RecordAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordAnswer {
    #[serde(default)]
    error_code: Option<String>,
}
