//! The thread's work: batches out of the queue, and calls to the collector.
//!
//! Failures that pass (no connection, no answer in time, 429, 502, 503, 504) are tried a few times, with growing pauses,
//! while the queue takes what comes meanwhile; then the batch is dropped and counted. Metrics are not tried again: the
//! next ones say all that these said.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::meter::Meter;
use super::span::{FinishedRequest, spans, word};
use super::{OtlpSettings, names, unix_nanos};
use crate::metrics;

const BATCH_REQUESTS_MAX: usize = 256;
/// How long a request waits for others.
const LINGER: Duration = Duration::from_secs(1);
const ATTEMPTS_MAX: u32 = 3;
/// Doubled after each attempt.
const PAUSE: Duration = Duration::from_millis(500);
/// A collector's own wish is kept up to this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long the call under way may take once the process is told to end, and what is left after it.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

pub(super) struct Exporter {
    settings: OtlpSettings,
    resource: Resource,
    connector: Connector,
    meter: Arc<Meter>,
    queue: mpsc::Receiver<FinishedRequest>,
    stopped: watch::Receiver<bool>,
    /// Said once for an outage, not at every attempt.
    failing: bool,
}

/// Why a batch did not arrive.
enum Failure {
    /// It may arrive another time; after a while, where the collector says how long.
    Passing(Option<Duration>),
    Lasting,
}

impl Exporter {
    pub fn new(
        settings: OtlpSettings,
        meter: Arc<Meter>,
        queue: mpsc::Receiver<FinishedRequest>,
        stopped: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let connector = match &settings.authorities {
            None => builder.build(),
            Some(pem) => {
                let store = TrustStore::empty().with_pem_certificate(pem.as_slice());
                let context = TlsContext::builder().with_trust_store(store).build();
                builder.tls_context(context.map_err(io::Error::other)?).build()
            }
        };
        let resource = Resource {
            attributes: vec![
                word(names::SERVICE_NAME, settings.service_name.as_str()),
                word(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
                word(names::SERVICE_INSTANCE_ID, uuid::Uuid::new_v4().to_string()),
            ],
            ..Resource::default()
        };
        Ok(Self { settings, resource, connector, meter, queue, stopped, failing: false })
    }

    pub async fn run(&mut self) {
        let mut waiting = Vec::with_capacity(BATCH_REQUESTS_MAX);
        let mut linger = interval_at(Instant::now() + LINGER, LINGER);
        linger.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let every = self.settings.metrics_every;
        let mut measuring = interval_at(Instant::now() + every, every);
        measuring.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = self.stopped.clone();
        loop {
            let room = BATCH_REQUESTS_MAX - waiting.len();
            tokio::select! {
                biased;
                () = over(&mut stopped) => break,
                _ = measuring.tick() => self.send_metrics().await,
                _ = linger.tick() => self.send_spans(&mut waiting).await,
                _ = self.queue.recv_many(&mut waiting, room) => {
                    if waiting.len() == BATCH_REQUESTS_MAX {
                        self.send_spans(&mut waiting).await;
                    }
                }
            }
        }
        let last = async {
            loop {
                while waiting.len() < BATCH_REQUESTS_MAX
                    && let Ok(request) = self.queue.try_recv()
                {
                    waiting.push(request);
                }
                if waiting.is_empty() {
                    break;
                }
                self.send_spans(&mut waiting).await;
            }
            self.send_metrics().await;
        };
        if timeout(CLOSE_WITHIN, last).await.is_err() {
            tracing::warn!("the OTLP collector did not take everything in time; the rest is lost");
        }
    }

    async fn send_spans(&mut self, waiting: &mut Vec<FinishedRequest>) {
        let spans: Vec<Span> = waiting.drain(..).filter_map(|request| spans(&request)).flatten().collect();
        if spans.is_empty() {
            return;
        }
        let count = spans.len() as u64;
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(self.resource.clone()),
                scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }],
        };
        match self.send("traces", Bytes::from(request.encode_to_vec()), ATTEMPTS_MAX).await {
            Ok(answer) => {
                let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
                let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
                let rejected = u64::try_from(rejected).unwrap_or(0).min(count);
                metrics::spans_exported("sent", count - rejected);
                metrics::spans_exported("refused", rejected);
            }
            Err(Failure::Lasting) => metrics::spans_exported("refused", count),
            Err(Failure::Passing(_)) => metrics::spans_exported("dropped", count),
        }
    }

    async fn send_metrics(&mut self) {
        let metrics = self.meter.metrics(unix_nanos());
        if metrics.is_empty() {
            return;
        }
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope()),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        // A failure is counted and told where it happens.
        let _ = self.send("metrics", Bytes::from(request.encode_to_vec()), 1).await;
    }

    /// Sends one message, up to so many times. Gives the answer's body.
    async fn send(
        &mut self,
        signal: &'static str,
        message: Bytes,
        attempts_max: u32,
    ) -> Result<Bytes, Failure> {
        let message = if self.settings.compresses { compressed(&message) } else { message };
        let mut stopped = self.stopped.clone();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let answered = tokio::select! {
                answered = self.post(signal, message.clone()) => answered,
                // A call that was under way when the process was told to end has as long as the last ones.
                () = async { over(&mut stopped).await; sleep(CLOSE_WITHIN).await } => Err(Failure::Passing(None)),
            };
            let failure = match answered {
                Ok(answer) => {
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("the OTLP collector takes data again");
                    }
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            metrics::otlp_export_failed(signal);
            if !std::mem::replace(&mut self.failing, true) {
                tracing::warn!(signal, "the OTLP collector does not take data; what cannot wait is dropped");
            }
            let pause = match &failure {
                Failure::Passing(wish) if attempts < attempts_max && !*stopped.borrow() => {
                    wish.unwrap_or(PAUSE * 2_u32.pow(attempts - 1)).min(RETRY_AFTER_MAX)
                }
                Failure::Passing(_) | Failure::Lasting => return Err(failure),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = over(&mut stopped) => {}
            }
        }
    }

    async fn post(&self, signal: &str, message: Bytes) -> Result<Bytes, Failure> {
        let request = self.request(signal, message).ok_or(Failure::Lasting)?;
        let exchange = async {
            let answer = self.connector.call(request).await.map_err(|_| Failure::Passing(None))?;
            let status = answer.status().as_u16();
            match status {
                200..300 => read(answer).await.ok_or(Failure::Passing(None)),
                429 | 502 | 503 | 504 => {
                    let wish = answer.headers().get("retry-after").and_then(|wish| wish.parse().ok());
                    Err(Failure::Passing(wish.map(Duration::from_secs)))
                }
                _ => Err(Failure::Lasting),
            }
        };
        timeout(self.settings.timeout, exchange).await.unwrap_or(Err(Failure::Passing(None)))
    }

    fn request(&self, signal: &str, message: Bytes) -> Option<HttpRequest> {
        let mut request = HttpRequest::new(SdkBody::from(message));
        request.set_method("POST").ok()?;
        request.set_uri(format!("{}/v1/{signal}", self.settings.endpoint)).ok()?;
        let headers = request.headers_mut();
        headers.try_insert("content-type", "application/x-protobuf").ok()?;
        if self.settings.compresses {
            headers.try_insert("content-encoding", "gzip").ok()?;
        }
        headers.try_insert("user-agent", concat!("hardpan/", env!("CARGO_PKG_VERSION"))).ok()?;
        for (name, value) in &self.settings.headers {
            headers.try_insert(name.clone(), value.as_str().to_owned()).ok()?;
        }
        Some(request)
    }
}

/// Once for all attempts. Spans repeat their names: the fastest level makes a fraction of them.
fn compressed(message: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), Compression::fast());
    // Memory takes all that it is given.
    let _ = encoder.write_all(message);
    Bytes::from(encoder.finish().unwrap_or_default())
}

/// Waits until the exporter shall end.
async fn over(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody is there any more to say so.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// None where it breaks off or is longer than an answer can be.
async fn read(answer: HttpResponse) -> Option<Bytes> {
    let mut stream = ByteStream::new(answer.into_body());
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.try_next().await.ok()? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(Bytes::from(bytes))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: names::SCOPE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
