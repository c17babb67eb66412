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
use crate::answer::whole::{self, Verdicts};
use crate::answer::{AnswerContext, Completion, Words};
use crate::approvals::{PARKED_ANSWER_BYTES_MAX, Waiting};
use crate::config::Unapproved;
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
    draft.aws_request_id = request_id_of(&answer.headers);
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
        draft.error = error_of(&headers);
        return respond(downstream, draft, status, headers, body, Completion::default(), false).await;
    }
    let (changed, mut completion, words) = match processed(context, &body, downstream).await {
        Processed::Done(done) => *done,
        Processed::Left => return left(known_from_head(&headers), draft),
        Processed::Failed(failure) => {
            return Outcome {
                completion: known_from_head(&headers),
                reached_model: true,
                failure: Some(failure),
            };
        }
        Processed::Held(mut completion, ttl, failure) => {
            completion.usage = completion.usage.or(known_from_head(&headers).usage);
            park(context, status, &headers, &body, &completion, ttl);
            return Outcome { completion: *completion, reached_model: true, failure: Some(failure) };
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

/// What came of reading a whole answer.
enum Processed {
    Done(Box<(Bytes, Completion, Words)>),
    /// The caller left while people were asked.
    Left,
    Failed(Refusal),
    /// Nobody has approved a call in it in time; how long it can be.
    Held(Box<Completion>, Duration, Refusal),
}

/// Reads a whole answer, and waits for people where calls in it have to.
async fn processed(context: &AnswerContext<'_>, body: &Bytes, downstream: &mut Downstream<'_>) -> Processed {
    let mut verdicts = Verdicts::default();
    let read = match whole::process(context, body, &mut verdicts) {
        Ok(read) => read,
        Err(failure) => return Processed::Failed(failure),
    };
    let approvals = context.asker.snapshot.approvals.as_ref();
    let Some(approvals) = approvals.filter(|_| verdicts.parked().next().is_some()) else {
        return Processed::Done(Box::new(read));
    };
    let wait = verdicts.parked().map(|ticket| ticket.wait(approvals)).min().unwrap_or_default();
    let mut waiting = Waiting::begin(approvals, wait);
    while !waiting.is_over() && verdicts.parked().next().is_some() {
        tokio::select! {
            biased;
            () = downstream.left() => return Processed::Left,
            () = until(context.deadline) => waiting.end(),
            () = waiting.moved() => {}
        }
        verdicts.resume(context);
    }
    let held = verdicts.parked().next().map(|ticket| (ticket.ttl(approvals), ticket.notice(approvals)));
    if let Some((ttl, notice)) = held {
        match approvals.config.unapproved {
            Unapproved::Replace => verdicts.give_up(approvals),
            Unapproved::Refuse => {
                let refusal = Refusal::ApprovalRequired(Box::new(notice));
                // Some of its calls may have been decided meanwhile.
                let completion = Completion { approvals: verdicts.into_notes(), ..read.1 };
                return Processed::Held(Box::new(completion), ttl, refusal);
            }
        }
    }
    match whole::process(context, body, &mut verdicts) {
        Ok(read) => Processed::Done(Box::new(read)),
        Err(failure) => Processed::Failed(failure),
    }
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
        let Some(whole) = kept_stream(&mut governor, &entry.body, context, downstream).await else {
            return left_unread(draft);
        };
        (whole, governor.into_completion())
    } else {
        match processed(context, &entry.body, downstream).await {
            Processed::Done(done) => {
                let (body, mut completion, words) = *done;
                (context.judge(&mut completion, &words).map_or(Ok(body), Err), completion)
            }
            Processed::Left => return left_unread(draft),
            Processed::Failed(failure) => (Err(failure), Completion::default()),
            Processed::Held(completion, _, failure) => (Err(failure), *completion),
        }
    };
    draft.first_byte = Some(draft.elapsed());
    draft.stage("cache");
    match processed {
        Ok(body) => respond(downstream, draft, entry.status, headers, body, completion, false).await,
        Err(failure) => Outcome { completion, reached_model: false, failure: Some(failure) },
    }
}

/// A stream that is there as a whole. None where the caller left while people were asked.
async fn kept_stream(
    governor: &mut StreamGovernor<'_, '_>,
    body: &Bytes,
    context: &AnswerContext<'_>,
    downstream: &mut Downstream<'_>,
) -> Option<Result<Bytes, Refusal>> {
    let mut out = Vec::new();
    let mut step = governor.push(body).and_then(|ready| {
        out.extend_from_slice(&ready);
        governor.end()
    });
    let mut waiting = None;
    while step.is_ok() && governor.is_parked() {
        let own = waiting_for(&mut waiting, governor, context)?;
        if own.is_over() {
            if !replaces(context) {
                break;
            }
        } else {
            tokio::select! {
                biased;
                () = downstream.left() => return None,
                () = until(context.deadline) => own.end(),
                () = own.moved() => {}
            }
        }
        let give_up = own.is_over() && replaces(context);
        step = governor.resume(give_up).map(|ready| out.extend_from_slice(&ready));
    }
    Some(step.and_then(|()| governor.finish()).map(|rest| {
        out.extend_from_slice(&rest);
        Bytes::from(out)
    }))
}

/// The wait for people, which begins with the first call of an answer that has to.
fn waiting_for<'w, 'a>(
    waiting: &'w mut Option<Waiting<'a>>,
    governor: &StreamGovernor<'_, '_>,
    context: &AnswerContext<'a>,
) -> Option<&'w mut Waiting<'a>> {
    let approvals = context.asker.snapshot.approvals.as_ref()?;
    let wait = || governor.parked().map(|ticket| ticket.wait(approvals)).min().unwrap_or_default();
    Some(waiting.get_or_insert_with(|| Waiting::begin(approvals, wait())))
}

/// Whether a call nobody has approved in time is replaced, rather than its answer refused.
fn replaces(context: &AnswerContext<'_>) -> bool {
    let approvals = context.asker.snapshot.approvals.as_ref();
    approvals.is_some_and(|approvals| approvals.config.unapproved == Unapproved::Replace)
}

/// The caller left before anything was paid for.
fn left_unread(draft: &mut Draft) -> Outcome {
    Outcome { reached_model: false, ..left(Completion::default(), draft) }
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
    let mut waiting = None;
    // All of it has come; calls in it may wait.
    let mut is_read = false;
    loop {
        if governor.is_parked() {
            // Where nobody could wait the call would have been replaced.
            let over = waiting_for(&mut waiting, &governor, context).is_none_or(|waiting| waiting.is_over());
            if over && !replaces(context) && (is_read || !governor.has_room()) {
                break;
            }
            if over && replaces(context) {
                match go_on(&mut governor, true, downstream).await {
                    Ok(true) => continue,
                    Ok(false) => return drained(answer, governor, draft).await,
                    Err(failure) => return broken(governor, failure, context, downstream, draft).await,
                }
            }
        } else if is_read {
            break;
        }
        let piece = tokio::select! {
            biased;
            piece = answer.read(), if !is_read && governor.has_room() => piece,
            () = downstream.left() => return drained(answer, governor, draft).await,
            () = until(context.deadline) => Err(UpstreamError::Timeout),
            () = decided(&mut waiting), if governor.is_parked() => {
                match go_on(&mut governor, false, downstream).await {
                    Ok(true) => continue,
                    Ok(false) => return drained(answer, governor, draft).await,
                    Err(failure) => return broken(governor, failure, context, downstream, draft).await,
                }
            }
        };
        let piece = match piece {
            Ok(Some(piece)) => piece,
            Ok(None) => {
                is_read = true;
                match governor.end() {
                    Ok(()) => continue,
                    Err(failure) => return broken(governor, failure, context, downstream, draft).await,
                }
            }
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
    let held = governor.refuse_parked();
    if let Some(refusal) = held {
        let ttl = context
            .asker
            .snapshot
            .approvals
            .as_ref()
            .and_then(|approvals| governor.parked().map(|ticket| ticket.ttl(approvals)).min());
        // Asked for again it is this answer that goes on: another one would be another call.
        if let (true, Some(ttl), Some(body)) = (is_read, ttl, copy.take()) {
            park(context, status, &headers, &body, &Completion::default(), ttl);
        }
        return broken(governor, refusal, context, downstream, draft).await;
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

/// Hands on what calls that waited have come to. False where the caller is gone.
async fn go_on(
    governor: &mut StreamGovernor<'_, '_>,
    give_up: bool,
    downstream: &mut Downstream<'_>,
) -> Result<bool, Refusal> {
    let ready = governor.resume(give_up)?;
    Ok(ready.is_empty() || downstream.write(ready).await.is_ok())
}

/// Somebody may have decided. For ever where nobody waits.
async fn decided(waiting: &mut Option<Waiting<'_>>) {
    match waiting {
        Some(waiting) => waiting.moved().await,
        None => std::future::pending().await,
    }
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
    /// By the cache.
    wanted: bool,
    bytes: Option<BytesMut>,
    bytes_max: usize,
}

impl Copy {
    fn new(context: &AnswerContext<'_>, wanted: bool) -> Self {
        let cache = context.asker.snapshot.config.cache.as_ref();
        let of_cache = cache.filter(|_| wanted).map_or(0, |cache| cache.entry_bytes_max);
        let of_parking = context.parking.map_or(0, |_| PARKED_ANSWER_BYTES_MAX);
        let bytes_max = of_cache.max(of_parking);
        Self { wanted, bytes: (bytes_max > 0).then(BytesMut::new), bytes_max }
    }

    fn add(&mut self, piece: &[u8]) {
        let Some(bytes) = &mut self.bytes else { return };
        if bytes.len() + piece.len() > self.bytes_max {
            self.bytes = None;
            // Where it was kept for nobody to approve, that is not the cache's business.
            if self.wanted {
                metrics::cache_result("too_large");
            }
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
    let entry = entry(context, status, headers, body, completion);
    metrics::cache_result(if cache.put(key, entry, ttl) { "stored" } else { "too_large" });
}

/// Keeps an answer with calls nobody has approved yet, as AWS sent it, for when it is asked for again.
fn park(
    context: &AnswerContext<'_>,
    status: u16,
    headers: &HeaderMap,
    body: &Bytes,
    completion: &Completion,
    ttl: Duration,
) {
    let approvals = context.asker.snapshot.approvals.as_ref();
    if let (Some(approvals), Some(key)) = (approvals, context.parking)
        && !approvals.parked.put(key, entry(context, status, headers, body, completion), ttl)
    {
        metrics::bound_hit("approvals_parked_bytes_max");
    }
}

fn entry(
    context: &AnswerContext<'_>,
    status: u16,
    headers: &HeaderMap,
    body: &Bytes,
    completion: &Completion,
) -> Entry {
    let headers = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-amzn-requestid" | "date"))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    Entry {
        status,
        headers,
        body: body.clone(),
        usage: completion.usage.unwrap_or_default(),
        stored_unix_ms: u64::try_from(context.asker.now_unix).unwrap_or(0).saturating_mul(1000),
    }
}

/// The headers every answer carries.
pub fn add_own_headers(headers: &mut HeaderMap, draft: &Draft) {
    let decision = draft.decision_id.as_ref().unwrap_or(&draft.request_id);
    headers.extend(header("x-hardpan-decision-id", decision));
    headers.extend(header("x-hardpan-request-id", &draft.request_id));
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
/// The service's own id of a call.
pub fn request_id_of(headers: &HeaderMap) -> Option<String> {
    text_header(headers, "x-amzn-requestid")
}

/// What the service calls its error.
pub fn error_of(headers: &HeaderMap) -> Option<String> {
    text_header(headers, "x-amzn-errortype").map(|kind| error_name(&kind))
}

fn error_name(kind: &str) -> String {
    kind.split(':').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}
