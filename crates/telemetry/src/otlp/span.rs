//! One finished request as spans: a server span for the request, and a client span for each call it made.
//!
//! No text of prompt or answer, no user, no path: what is here stands in the audit record as well.

use std::time::Duration;

use hardpan_inference::operation::Operation;
use hardpan_inference::usage::TokenUsage;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};

use super::{meter, names};
use crate::trace::{Call, RequestTrace};

/// What is told of a request. No `Debug`: tools, labels and errors are callers' and models' words.
pub struct FinishedRequest {
    pub trace: RequestTrace,
    pub began_unix_nanos: u64,
    pub duration: Duration,
    pub operation: Option<Operation>,
    pub request_id: String,
    pub aws_request_id: Option<String>,
    /// None when the caller was not verified.
    pub caller: Option<(String, String)>,
    pub region: Option<String>,
    pub model_requested: Option<String>,
    pub model_served: Option<String>,
    pub decision: Option<(String, &'static str)>,
    pub guardrail_action: Option<&'static str>,
    pub cache: &'static str,
    pub redactions: u64,
    pub usage: TokenUsage,
    pub cost_usd: Option<String>,
    pub stop_reason: Option<String>,
    pub first_byte: Option<Duration>,
    pub overhead: Duration,
    pub status: u16,
    pub error: Option<String>,
}

/// The request's own span, and those of its calls. None where the trace is not sampled.
pub(super) fn spans(request: &FinishedRequest) -> Option<Vec<Span>> {
    let own = request.trace.sampled_span()?;
    let about = About::of(request);
    let mut spans = Vec::with_capacity(1 + request.trace.calls().len());
    spans.push(Span {
        trace_id: request.trace.id().bytes().to_vec(),
        span_id: own.bytes().to_vec(),
        trace_state: request.trace.state().unwrap_or_default().to_owned(),
        parent_span_id: request.trace.parent().map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
        name: request.operation.map_or(names::SPAN_UNKNOWN.to_owned(), |operation| {
            let route = operation.paths().first().copied().unwrap_or_default();
            format!("{} {route}", operation.method())
        }),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: request.began_unix_nanos,
        end_time_unix_nano: after(request.began_unix_nanos, request.duration),
        attributes: request_attributes(request, &about),
        status: request_status(request),
        ..Span::default()
    });
    let last = request.trace.calls().len().saturating_sub(1);
    for (at, call) in request.trace.calls().iter().enumerate() {
        spans.push(Span {
            trace_id: request.trace.id().bytes().to_vec(),
            span_id: call.span.bytes().to_vec(),
            trace_state: request.trace.state().unwrap_or_default().to_owned(),
            parent_span_id: own.bytes().to_vec(),
            name: about.name(),
            kind: SpanKind::Client.into(),
            start_time_unix_nano: after(request.began_unix_nanos, call.began),
            end_time_unix_nano: after(request.began_unix_nanos, call.ended.unwrap_or(request.duration)),
            attributes: call_attributes(request, &about, call, at == last),
            status: call_status(request, call, at == last),
            ..Span::default()
        });
    }
    Some(spans)
}

fn after(began: u64, duration: Duration) -> u64 {
    began.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// What both kinds of span say of the operation.
struct About<'a> {
    operation: Option<Operation>,
    gen_ai: Option<&'static str>,
    model: Option<&'a str>,
}

impl<'a> About<'a> {
    fn of(request: &'a FinishedRequest) -> Self {
        let model = request.model_requested.as_deref();
        let operation = request.operation;
        let gen_ai =
            operation.and_then(|operation| names::operation_name(operation, model.unwrap_or_default()));
        Self { operation, gen_ai, model }
    }

    fn name(&self) -> String {
        let word = self.gen_ai.or(self.operation.map(Operation::name)).unwrap_or(names::SPAN_UNKNOWN);
        match self.model.filter(|_| self.gen_ai.is_some()) {
            Some(model) => format!("{word} {model}"),
            None => word.to_owned(),
        }
    }

    fn attributes(&self, to: &mut Vec<KeyValue>) {
        let Some(operation) = self.operation else { return };
        to.push(word(names::RPC_SYSTEM, names::RPC_SYSTEM_AWS));
        to.push(word(names::RPC_SERVICE, operation.service().name()));
        to.push(word(names::RPC_METHOD, operation.name()));
        to.push(word(names::HTTP_REQUEST_METHOD, operation.method()));
        if let Some(name) = self.gen_ai {
            to.push(word(names::GEN_AI_OPERATION_NAME, name));
            to.push(word(names::GEN_AI_PROVIDER_NAME, names::provider(operation.service())));
            to.extend(self.model.map(|model| word(names::GEN_AI_REQUEST_MODEL, model)));
        }
    }
}

fn request_attributes(request: &FinishedRequest, about: &About<'_>) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(28);
    about.attributes(&mut all);
    let route = request.operation.and_then(|operation| operation.paths().first().copied());
    all.extend(route.map(|route| word(names::HTTP_ROUTE, route)));
    if request.status > 0 {
        all.push(number(names::HTTP_RESPONSE_STATUS_CODE, u64::from(request.status)));
    }
    all.push(word(names::REQUEST_ID, request.request_id.as_str()));
    all.extend(request.region.as_deref().map(|region| word(names::CLOUD_REGION, region)));
    if let Some((team, app)) = &request.caller {
        all.push(word(names::TEAM, team.as_str()));
        all.push(word(names::APP, app.as_str()));
    }
    if let Some((id, action)) = &request.decision {
        all.push(word(names::DECISION_ID, id.as_str()));
        all.push(word(names::DECISION_ACTION, *action));
    }
    all.extend(request.guardrail_action.map(|action| word(names::GUARDRAIL_ACTION, action)));
    all.push(word(names::CACHE_RESULT, request.cache));
    if request.redactions > 0 {
        all.push(number(names::REDACTIONS, request.redactions));
    }
    all.extend(request.cost_usd.as_deref().map(|cost| word(names::COST_USD, cost)));
    let micros = u64::try_from(request.overhead.as_micros()).unwrap_or(u64::MAX);
    all.push(number(names::OVERHEAD, micros));
    if let Some(first) = request.first_byte {
        all.push(number(names::FIRST_BYTE, u64::try_from(first.as_millis()).unwrap_or(u64::MAX)));
    }
    answer_attributes(request, about, &mut all);
    all.extend(request.error.as_deref().map(|error| word(names::ERROR_TYPE, error)));
    all
}

/// What the model answered with.
fn answer_attributes(request: &FinishedRequest, about: &About<'_>, to: &mut Vec<KeyValue>) {
    to.extend(request.aws_request_id.as_deref().map(|id| word(names::AWS_REQUEST_ID, id)));
    if about.gen_ai.is_none() {
        return;
    }
    to.extend(request.model_served.as_deref().map(|model| word(names::GEN_AI_RESPONSE_MODEL, model)));
    to.extend(
        request.stop_reason.as_deref().map(|reason| words(names::GEN_AI_RESPONSE_FINISH_REASONS, [reason])),
    );
    if request.usage.is_zero() {
        return;
    }
    let (input, output) = meter::totals(&request.usage);
    let usage = &request.usage;
    to.push(number(names::GEN_AI_USAGE_INPUT_TOKENS, input));
    to.push(number(names::GEN_AI_USAGE_OUTPUT_TOKENS, output));
    for (name, tokens) in [
        (names::GEN_AI_USAGE_CACHE_READ, usage.cache_read.0),
        (names::GEN_AI_USAGE_CACHE_CREATION, usage.cache_write_5m.0.saturating_add(usage.cache_write_1h.0)),
    ] {
        if tokens > 0 {
            to.push(number(name, tokens));
        }
    }
}

fn call_attributes(
    request: &FinishedRequest,
    about: &About<'_>,
    call: &Call,
    is_last: bool,
) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(20);
    about.attributes(&mut all);
    let (host, port) = match call.address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (call.address.as_str(), None),
    };
    all.push(word(names::SERVER_ADDRESS, host));
    all.extend(port.map(|port: u16| number(names::SERVER_PORT, u64::from(port))));
    all.extend(call.status.map(|status| number(names::HTTP_RESPONSE_STATUS_CODE, u64::from(status))));
    if call.sent > 1 {
        all.push(number(names::HTTP_RESEND_COUNT, u64::from(call.sent - 1)));
    }
    if is_last {
        answer_attributes(request, about, &mut all);
    }
    all.extend(call_error(request, call, is_last).map(|error| word(names::ERROR_TYPE, error)));
    all
}

/// Errors of a request that are those of an answer which had begun.
const BROKE_OFF: [&str; 6] = [
    "upstream_timeout",
    "upstream_unreachable",
    "answer_too_large",
    "answer_malformed",
    "stream_damaged",
    "stream_incomplete",
];

/// A call has failed where no answer came, where its status says so, or where the answer it gave broke off.
fn call_error(request: &FinishedRequest, call: &Call, is_last: bool) -> Option<String> {
    let error = request.error.as_deref().filter(|_| is_last);
    match (call.error, call.status) {
        (Some(reason), _) => Some(reason.to_owned()),
        (None, Some(status)) if status >= 400 => Some(status.to_string()),
        // An exception inside a stream has the service's own name.
        (None, Some(_)) => {
            error.filter(|error| BROKE_OFF.contains(error) || error.ends_with("Exception")).map(str::to_owned)
        }
        (None, None) => error.map(str::to_owned),
    }
}

fn call_status(request: &FinishedRequest, call: &Call, is_last: bool) -> Option<Status> {
    call_error(request, call, is_last).map(|_| failed())
}

/// A client's own mistake is no failure of the server; an answer that was begun and broken off is.
fn request_status(request: &FinishedRequest) -> Option<Status> {
    let is_failed = request.status >= 500 || (request.status < 400 && request.error.is_some());
    is_failed.then(failed)
}

fn failed() -> Status {
    Status { code: StatusCode::Error.into(), ..Status::default() }
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(super) fn word(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

fn words<const COUNT: usize>(key: &str, values: [&str; COUNT]) -> KeyValue {
    let values =
        values.map(|value| AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    attribute(key, any_value::Value::ArrayValue(ArrayValue { values: values.into() }))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub(super) fn truth(key: &str, value: bool) -> KeyValue {
    attribute(key, any_value::Value::BoolValue(value))
}
