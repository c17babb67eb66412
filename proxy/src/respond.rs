//! Answers on their way to the caller: whole, streamed, or out of the cache.
//!
//! A stream is never collected: what the governor releases is written at once. When the caller leaves, the
//! connection to AWS is dropped, which stops the call. A stream that cannot be finished truthfully ends in an
//! exception of its own protocol, or in a broken transport; never tidily.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hardpan_aws::error::ErrorDialect;
use hardpan_caches::{CacheKey, Entry};
use hardpan_inference::operation::BodyShape;
use hardpan_inference::usage::{TokenUsage, Tokens};
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_timeout::fast_timeout::fast_timeout;

use crate::answer::stream::StreamGovernor;
use crate::answer::{AnswerContext, Completion, whole};
use crate::downstream::{Downstream, end_to_end, header};
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::upstream::{UpstreamAnswer, UpstreamError};

const STREAMS: [&str; 2] = ["application/vnd.amazon.eventstream", "text/event-stream"];

/// How an answer ended.
pub struct Outcome {
    pub completion: Completion,
    /// The model was called and did something that is paid for.
    pub reached_model: bool,
    pub failure: Option<Refusal>,
}

impl Outcome {
    /// Nothing was answered and nothing is paid for.
    pub fn refused(refusal: Refusal) -> Self {
        Self { completion: Completion::default(), reached_model: false, failure: Some(refusal) }
    }

    /// The request went out and no answer came. Unless it could not even be delivered, AWS may have done the work.
    pub fn unanswered(refusal: Refusal) -> Self {
        let lost = matches!(&refusal, Refusal::Upstream(UpstreamError::Timeout | UpstreamError::Broken));
        let completion = Completion { unanswered: lost, ..Completion::default() };
        Self { completion, reached_model: lost, failure: Some(refusal) }
    }

    pub fn of(completion: Completion) -> Self {
        Self { completion, reached_model: true, failure: None }
    }

    pub fn into_result(self) -> Result<(), Refusal> {
        self.failure.map_or(Ok(()), Err)
    }
}

type Keep = Option<(CacheKey, Duration)>;

/// Hands on what AWS answers.
pub async fn from_upstream(
    context: &AnswerContext<'_>,
    mut answer: UpstreamAnswer,
    keep: Keep,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Outcome {
    metrics::upstream_status(answer.status);
    draft.aws_request_id = text_header(&answer.headers, "x-amzn-requestid");
    draft.attempts = answer.attempts;
    draft.skip_waiting();
    let succeeded = (200..300).contains(&answer.status);
    if succeeded && is_compressed(&answer.headers) && !context.is_transparent() {
        let completion = known_from_head(&answer.headers);
        return Outcome { completion, reached_model: true, failure: Some(Refusal::AnswerMalformed) };
    }
    if succeeded && is_stream(context, &answer.headers) {
        return streamed(context, answer, keep, downstream, draft).await;
    }
    let snapshot = context.asker.snapshot;
    let bytes_max = snapshot.config.limits.answer_bytes_max;
    let body = match read_whole(&mut answer, bytes_max, context.deadline, downstream).await {
        Ok(Some(body)) => body,
        Ok(None) => return left(known_from_head(&answer.headers), draft),
        Err(failure) => {
            let (completion, reached_model) = (known_from_head(&answer.headers), succeeded);
            return Outcome { completion, reached_model, failure: Some(failure) };
        }
    };
    draft.first_byte = Some(draft.elapsed());
    draft.skip_waiting();
    let (status, headers) = (answer.status, end_to_end(&answer.headers));
    snapshot.upstream.release(answer).await;
    if !succeeded {
        // The service's own errors are not touched: SDKs act on their status, type and text.
        draft.error = text_header(&headers, "x-amzn-errortype").map(|kind| error_name(&kind));
        return respond(downstream, draft, status, headers, body, Completion::default(), false).await;
    }
    let (changed, mut completion, words) = match whole::process(context, &body) {
        Ok(processed) => processed,
        Err(failure) => {
            return Outcome {
                completion: known_from_head(&headers),
                reached_model: true,
                failure: Some(failure),
            };
        }
    };
    let head = known_from_head(&headers);
    // The body splits cache writes by their life, which the headers do not.
    completion.usage = completion.usage.or(head.usage);
    // The head is the service's own; a body may be the model's.
    completion.service_tier = head.service_tier.or(completion.service_tier);
    if let Some(refusal) = context.judge(&mut completion, &words) {
        return Outcome { completion, reached_model: true, failure: Some(refusal) };
    }
    store(context, keep, status, &headers, &body, &completion);
    draft.stage("answer");
    respond(downstream, draft, status, headers, changed, completion, true).await
}

/// Answers from the cache, through the same inspectors.
pub async fn from_cache(
    context: &AnswerContext<'_>,
    entry: &Entry,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Outcome {
    let headers: HeaderMap = entry
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect();
    let (processed, completion) = if is_stream(context, &headers) {
        let mut governor = StreamGovernor::new(context, content_type(&headers));
        let whole = match governor.push(&entry.body) {
            Ok(first) => governor.finish().map(|rest| Bytes::from([first, rest].concat())),
            Err(failure) => Err(failure),
        };
        (whole, governor.into_completion())
    } else {
        match whole::process(context, &entry.body) {
            Ok((body, mut completion, words)) => {
                (context.judge(&mut completion, &words).map_or(Ok(body), Err), completion)
            }
            Err(failure) => (Err(failure), Completion::default()),
        }
    };
    draft.first_byte = Some(draft.elapsed());
    draft.stage("cache");
    match processed {
        Ok(body) => respond(downstream, draft, entry.status, headers, body, completion, false).await,
        Err(failure) => Outcome { completion, reached_model: false, failure: Some(failure) },
    }
}

async fn respond(
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
    status: u16,
    mut headers: HeaderMap,
    body: Bytes,
    completion: Completion,
    reached_model: bool,
) -> Outcome {
    add_own_headers(&mut headers, draft);
    draft.status = status;
    if downstream.respond(status, headers, body).await.is_err() {
        draft.error = Some("client_left".to_owned());
    }
    Outcome { completion, reached_model, failure: None }
}

async fn streamed(
    context: &AnswerContext<'_>,
    mut answer: UpstreamAnswer,
    keep: Keep,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Outcome {
    let (status, headers) = (answer.status, end_to_end(&answer.headers));
    let mut own = headers.clone();
    add_own_headers(&mut own, draft);
    draft.status = answer.status;
    if downstream.begin(answer.status, own).await.is_err() {
        return left(Completion::default(), draft);
    }
    let mut governor = StreamGovernor::new(context, content_type(&headers));
    governor.served_in(text_header(&headers, SERVICE_TIER));
    let mut copy = Copy::new(context, keep.is_some());
    loop {
        let piece = tokio::select! {
            biased;
            piece = answer.read() => piece,
            () = downstream.left() => return drained(answer, governor, draft).await,
            () = until(context.deadline) => Err(UpstreamError::Timeout),
        };
        let piece = match piece {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return broken(governor, error.into(), context, downstream, draft).await,
        };
        if draft.first_byte.is_none() {
            draft.first_byte = Some(draft.elapsed());
        }
        copy.add(&piece);
        match governor.push(&piece) {
            Ok(ready) if ready.is_empty() => {}
            Ok(ready) => {
                if downstream.write(ready).await.is_err() {
                    return drained(answer, governor, draft).await;
                }
            }
            Err(failure) => return broken(governor, failure, context, downstream, draft).await,
        }
    }
    let rest = match governor.finish() {
        Ok(rest) => rest,
        Err(failure) => return broken(governor, failure, context, downstream, draft).await,
    };
    let completion = governor.into_completion();
    context.asker.snapshot.upstream.release(answer).await;
    // Kept before the caller sees the end, so that its next request can be answered from it.
    if let Some(body) = copy.take() {
        store(context, keep, status, &headers, &body, &completion);
    }
    if (!rest.is_empty() && downstream.write(rest).await.is_err()) || downstream.finish().await.is_err() {
        return left(completion, draft);
    }
    Outcome::of(completion)
}

/// The caller has gone. Dropping the upstream answer closes its connection.
pub fn left(completion: Completion, draft: &mut Draft) -> Outcome {
    draft.error = Some("client_left".to_owned());
    Outcome::of(completion)
}

/// The caller has left a stream: what AWS still says of its usage is worth a moment's wait. Then the connection is
/// dropped, which stops the call.
async fn drained(
    mut answer: UpstreamAnswer,
    mut governor: StreamGovernor<'_, '_>,
    draft: &mut Draft,
) -> Outcome {
    let limits = governor.limits();
    let drain = async {
        let mut bytes = 0;
        while let Ok(Some(piece)) = answer.read().await {
            bytes += piece.len();
            if bytes > limits.drain_bytes_max || governor.push(&piece).is_err() {
                return;
            }
        }
    };
    // Running out of time is the usual end.
    let _ = fast_timeout(limits.drain_timeout, drain).await;
    left(governor.into_completion(), draft)
}

/// The stream cannot go on: say so in its own protocol.
async fn broken(
    mut governor: StreamGovernor<'_, '_>,
    failure: Refusal,
    context: &AnswerContext<'_>,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Outcome {
    draft.refused(&failure);
    // What waited for more goes first, unless there was too much of it.
    let held = match failure {
        Refusal::HeldTooMuch { .. } => Bytes::new(),
        _ => governor.flush(),
    };
    let reached = held.is_empty() || downstream.write(held).await.is_ok();
    let told = failure.answer();
    let operation = context.asker.operation;
    let words = if governor.is_framed() {
        Some(told.error.stream_exception_frame(operation, &told.message))
    } else {
        let dialect = ErrorDialect::of(operation);
        told.error.stream_error_event(dialect, &told.message, &draft.request_id).map(Bytes::from)
    };
    let completion = governor.into_completion();
    // A stream that has no words for it must not end tidily: its transport breaks.
    let Some(words) = words else {
        downstream.break_off().await;
        return Outcome { completion, reached_model: true, failure: Some(failure) };
    };
    if !reached || downstream.write(words).await.is_err() || downstream.finish().await.is_err() {
        draft.error = Some("client_left".to_owned());
    }
    Outcome { completion, reached_model: true, failure: Some(failure) }
}

/// None when the caller left while the answer was awaited.
async fn read_whole(
    answer: &mut UpstreamAnswer,
    bytes_max: usize,
    deadline: Option<Instant>,
    downstream: &mut Downstream<'_>,
) -> Result<Option<Bytes>, Refusal> {
    let mut body = BytesMut::new();
    loop {
        let piece = tokio::select! {
            biased;
            piece = answer.read() => piece,
            () = downstream.left() => return Ok(None),
            () = until(deadline) => Err(UpstreamError::Timeout),
        };
        match piece? {
            None => return Ok(Some(body.freeze())),
            Some(piece) if body.len() + piece.len() > bytes_max => {
                return Err(Refusal::AnswerTooLarge { bytes_max });
            }
            Some(piece) => body.extend_from_slice(&piece),
        }
    }
}

/// Waits for the moment when an answer has to be whole; for ever where there is none.
pub async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// A stream's bytes as AWS sent them, kept aside for the cache while they fit.
struct Copy {
    bytes: Option<BytesMut>,
    bytes_max: usize,
}

impl Copy {
    fn new(context: &AnswerContext<'_>, wanted: bool) -> Self {
        let cache = context.asker.snapshot.config.cache.as_ref();
        let bytes_max = cache.map_or(0, |cache| cache.entry_bytes_max);
        Self { bytes: wanted.then(BytesMut::new), bytes_max }
    }

    fn add(&mut self, piece: &[u8]) {
        let Some(bytes) = &mut self.bytes else { return };
        if bytes.len() + piece.len() > self.bytes_max {
            self.bytes = None;
            metrics::cache_result("too_large");
        } else {
            bytes.extend_from_slice(piece);
        }
    }

    fn take(self) -> Option<Bytes> {
        self.bytes.map(BytesMut::freeze)
    }
}

/// Keeps a complete answer as AWS sent it, before anything was put back into it.
fn store(
    context: &AnswerContext<'_>,
    keep: Keep,
    status: u16,
    headers: &HeaderMap,
    body: &Bytes,
    completion: &Completion,
) {
    let (Some(cache), Some((key, ttl))) = (&context.asker.snapshot.cache, keep) else { return };
    if !completion.complete || completion.guardrail_intervened {
        return;
    }
    let headers = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-amzn-requestid" | "date"))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let entry = Entry {
        status,
        headers,
        body: body.clone(),
        usage: completion.usage.unwrap_or_default(),
        stored_unix_ms: u64::try_from(context.asker.now_unix).unwrap_or(0).saturating_mul(1000),
    };
    metrics::cache_result(if cache.put(key, entry, ttl) { "stored" } else { "too_large" });
}

/// The headers every answer carries.
pub fn add_own_headers(headers: &mut HeaderMap, draft: &Draft) {
    let decision = draft.decision_id.as_ref().unwrap_or(&draft.request_id);
    headers.extend(header("x-hardpan-decision-id", decision));
    for (name, value) in &draft.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
    }
    if !headers.contains_key("x-amzn-requestid") {
        headers.extend(header("x-amzn-requestid", &draft.request_id));
    }
}

/// Names the service tier that was really used.
const SERVICE_TIER: &str = "x-amzn-bedrock-service-tier";

/// What an answer's head says of it, read or not.
fn known_from_head(headers: &HeaderMap) -> Completion {
    Completion {
        usage: usage_headers(headers),
        service_tier: text_header(headers, SERVICE_TIER),
        ..Completion::default()
    }
}

/// InvokeModel's token counts, which Bedrock puts into headers.
fn usage_headers(headers: &HeaderMap) -> Option<TokenUsage> {
    let count = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok().map(Tokens);
    Some(TokenUsage {
        input: count("x-amzn-bedrock-input-token-count")?,
        output: count("x-amzn-bedrock-output-token-count").unwrap_or_default(),
        cache_read: count("x-amzn-bedrock-cache-read-input-token-count").unwrap_or_default(),
        cache_write_5m: count("x-amzn-bedrock-cache-write-input-token-count").unwrap_or_default(),
        cache_write_1h: Tokens(0),
    })
}

/// Whether an answer cannot be read, though it was asked for in plain form.
fn is_compressed(headers: &HeaderMap) -> bool {
    let encoding = headers.get(http::header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// Whether an answer is handed on piece by piece: one of the two stream protocols, or what a container or an agent
/// sends that is no JSON.
fn is_stream(context: &AnswerContext<'_>, headers: &HeaderMap) -> bool {
    let kind = content_type(headers);
    let open_ended = context.asker.operation.body() == BodyShape::Raw && kind.starts_with("text/");
    open_ended || STREAMS.iter().any(|stream| kind.starts_with(stream))
}

fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// `ValidationException` in `ValidationException:http://…`.
fn error_name(kind: &str) -> String {
    kind.split(':').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}
