//! The edge: connections become exchanges, refusals become answers, and every request leaves one record.
//!
//! It stands on pingora's `HttpServerApp` directly: listeners, HTTP/1.1 and HTTP/2 on one port, TLS and keep-alive
//! are pingora's, and a head that does not parse gets a typed answer here too.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use hardpan_aws::error::ErrorDialect;
use hardpan_inference::operation::{self, Operation};
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_core::ErrorType;
use pingora_core::apps::{
    HttpPersistentSettings, HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp,
};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
// Timers that nearly never fire: tokio's would wake its driver for each of them.
use pingora_timeout::fast_timeout::fast_timeout;

use crate::downstream::{Downstream, header};
use crate::exchange::exchange;
use crate::feedback;
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::respond::add_own_headers;
use crate::snapshot::{Parts, Snapshot};
use crate::{stack, trace};

/// How long an idle connection waits for its next request.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Marks a connection that has served a request.
struct HasServed;

/// Bytes pingora looks at to tell HTTP/2 from HTTP/1.1.
const PREFACE_BYTES: usize = 24;

/// Bounds how long a connection may take to say its first word, then hands it to [`Service`].
pub struct Edge {
    service: Arc<Service>,
}

impl Edge {
    pub fn new(snapshot: Arc<Parts>) -> Self {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(KEEP_ALIVE * 5);
        Self { service: Arc::new(Service { snapshot, options }) }
    }
}

#[async_trait]
impl ServerApp for Edge {
    async fn process_new(self: &Arc<Self>, mut stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let mut preface = [0; PREFACE_BYTES];
        let within = self.service.snapshot.config.limits.head_timeout;
        // A connection that says nothing is closed; what was read is given back before pingora reads again.
        let first_word = fast_timeout(within, stream.try_peek(&mut preface)).await;
        first_word.ok()?.ok()?;
        self.service.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        self.service.http_cleanup().await;
    }
}

struct Service {
    snapshot: Arc<Parts>,
    options: HttpServerOptions,
}

#[async_trait]
impl HttpServerApp for Service {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        stack::wiped(self.take_turn(session, shutdown)).await
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

impl Service {
    /// Waits for the next request of a connection and serves it. None when the connection must not be used again.
    async fn take_turn(
        &self,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let mut shutting_down = shutdown.clone();
        // Only a connection that has served before may be idle first.
        let idle = session.take_connection_user_context().map_or(Duration::ZERO, |_| KEEP_ALIVE);
        let within = idle + self.snapshot.config.limits.head_timeout;
        let head = tokio::select! {
            biased;
            head = fast_timeout(within, session.read_request()) => head.ok()?,
            _ = shutting_down.changed() => return None,
        };
        match head {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                if *error.etype() == ErrorType::InvalidHTTPHeader {
                    self.refuse_head(&mut session).await;
                }
                session.shutdown().await;
                return None;
            }
        }
        if *shutdown.borrow() || self.snapshot.admission.is_draining() {
            session.set_keepalive(None);
        }
        let limits = &self.snapshot.config.limits;
        session.set_read_timeout(Some(limits.body_timeout));
        session.set_write_timeout(Some(limits.write_timeout));
        if !self.serve(&mut session).await {
            return None;
        }
        let mut settings = HttpPersistentSettings::for_session(&session);
        settings.set_user_context(Box::new(HasServed));
        let reused = session.finish().await.ok().flatten()?;
        Some(ReusedHttpStream::from_reusable_stream(reused, settings))
    }

    /// Runs one exchange and writes its record. False when the connection must not be used again.
    async fn serve(&self, session: &mut ServerSession) -> bool {
        metrics::request_started();
        let mut draft = Draft::begin();
        let mut downstream = Downstream::new(session);
        // Every question of this request is put to the policies of now.
        let snapshot = self.snapshot.now();
        draft.trace = trace::begin(&snapshot, downstream.headers());
        let run = AssertUnwindSafe(serve(&snapshot, &mut downstream, &mut draft)).catch_unwind();
        let outcome = run.await.unwrap_or(Err(Refusal::Panicked));
        let refused = match &outcome {
            Ok(()) => false,
            Err(refusal) => conclude(&mut downstream, &mut draft, refusal).await,
        };
        draft.emit(&snapshot);
        metrics::request_left();
        if refused {
            downstream.drain().await;
        } else if !downstream.finished() {
            downstream.break_off().await;
        }
        downstream.finished()
    }

    /// A head that is no HTTP gets an answer and a record like any other refusal.
    async fn refuse_head(&self, session: &mut ServerSession) {
        metrics::request_started();
        let mut draft = Draft::begin();
        draft.refused(&Refusal::Head);
        let (status, headers, body) = error_answer(&draft, &Refusal::Head);
        draft.status = status;
        // Whoever sent this may not read answers; the connection is closed either way.
        let _ = Downstream::new(session).respond(status, headers, body).await;
        draft.emit(&self.snapshot.now());
        metrics::request_left();
    }
}

/// A call to a model as a rule; Hardpan's own operation has a path no service has.
async fn serve(
    snapshot: &Snapshot,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    if feedback::is_asked(snapshot, downstream) {
        return feedback::exchange(snapshot, downstream, draft).await;
    }
    exchange(snapshot, downstream, draft).await
}

/// Tells the caller, unless an answer has begun or nobody is there. True when it was told.
async fn conclude(downstream: &mut Downstream<'_>, draft: &mut Draft, refusal: &Refusal) -> bool {
    if downstream.head_written() {
        // The stream has said so itself, unless something failed that nobody expected.
        if draft.error.is_none() {
            draft.refused(refusal);
        }
        return false;
    }
    draft.refused(refusal);
    if refusal.has_nobody_to_tell() {
        return false;
    }
    let (status, headers, body) = error_answer(draft, refusal);
    draft.status = status;
    downstream.part_unless_read();
    downstream.respond(status, headers, body).await.is_ok()
}

/// An error in the form the path's clients know.
fn error_answer(draft: &Draft, refusal: &Refusal) -> (u16, HeaderMap, Bytes) {
    let answer = refusal.answer();
    let service = draft.operation.map_or(operation::Service::BedrockRuntime, Operation::service);
    let shape = answer.error.shape(service, draft.path_dialect);
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(header("x-amzn-errortype", answer.error.shape(service, ErrorDialect::Aws).name));
    if let Some(wait) = answer.retry_after {
        let millis = wait.as_millis().to_string();
        headers.extend(header("x-amz-retry-after", &millis));
        headers.extend(header("retry-after-ms", &millis));
        headers.extend(header("retry-after", &wait.as_millis().div_ceil(1000).to_string()));
    }
    let should_retry = answer.should_retry.or(answer.error.forbids_retry().then_some(false));
    if let Some(should_retry) = should_retry {
        let value = HeaderValue::from_static(if should_retry { "true" } else { "false" });
        headers.insert(HeaderName::from_static("x-should-retry"), value);
    }
    add_own_headers(&mut headers, draft);
    let body = answer.error.body(service, draft.path_dialect, &answer.message, &draft.request_id);
    (shape.status, headers, Bytes::from(body))
}
