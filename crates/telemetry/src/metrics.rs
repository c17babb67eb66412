//! Every metric there is: name, kind, labels and help in one table, and one typed function per event.
//!
//! Label values come from closed sets: `&'static str` of our own enums, or names from the configuration and
//! the price book. What a client sends is never a label; that belongs in the audit record. Nothing here
//! serves HTTP: [`install`] hands out the text to serve.

use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use hardpan_inference::finding::PiiType;
use hardpan_inference::operation::Operation;
use hardpan_inference::usage::TokenUsage;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::labels;

/// The value of a label whose true value is not in the closed set, such as a model without a price.
pub const OTHER: &str = "other";

const REQUESTS: &str = "hardpan_requests_total";
const REQUEST_DURATION: &str = "hardpan_request_duration_seconds";
const REQUESTS_IN_FLIGHT: &str = "hardpan_requests_in_flight";
const REFUSALS: &str = "hardpan_refusals_total";
const DECISIONS: &str = "hardpan_decisions_total";
const TOOLS_DENIED: &str = "hardpan_tools_denied_total";
const APPROVALS: &str = "hardpan_approvals_total";
const APPROVALS_PENDING: &str = "hardpan_approvals_pending";
const APPROVAL_CALLS: &str = "hardpan_approval_calls_total";
const DECISION_LOG_LINES: &str = "hardpan_decision_log_lines_total";
const PII_FINDINGS: &str = "hardpan_pii_findings_total";
const REDACTIONS: &str = "hardpan_redactions_total";
const SHARED_VALUES: &str = "hardpan_shared_values_total";
const SHARED_VALUES_CALLS: &str = "hardpan_shared_values_calls_total";
const INJECTION_SCORE: &str = "hardpan_injection_score_ratio";
const GUARDRAIL_ACTIONS: &str = "hardpan_guardrail_actions_total";
const CACHE_EVENTS: &str = "hardpan_cache_events_total";
const CACHE_BYTES: &str = "hardpan_cache_bytes";
const TOKENS: &str = "hardpan_tokens_total";
const COST: &str = "hardpan_cost_nano_usd_total";
const UNPRICED: &str = "hardpan_unpriced_requests_total";
const FEEDBACK: &str = "hardpan_feedback_total";
const PRICE_BOOK_AS_OF: &str = "hardpan_price_book_as_of_timestamp_seconds";
const PRICE_BOOK_STALE: &str = "hardpan_price_book_stale";
const QUOTA_DENIALS: &str = "hardpan_quota_denials_total";
const QUOTA_INPUT_COUNTS: &str = "hardpan_quota_input_counts_total";
const QUOTA_OVERSHOOTS: &str = "hardpan_quota_overshoots_total";
const QUOTA_STORE_FAILURES: &str = "hardpan_quota_store_failures_total";
const QUOTA_ALARMS: &str = "hardpan_quota_alarms_total";
const QUOTA_ALARMS_LOST: &str = "hardpan_quota_alarms_lost_total";
const QUOTA_ALARM_MESSAGES: &str = "hardpan_quota_alarm_messages_total";
const TIME_TO_FIRST_TOKEN: &str = "hardpan_time_to_first_token_seconds";
const OVERHEAD: &str = "hardpan_overhead_seconds";
const UPSTREAM_RESPONSES: &str = "hardpan_upstream_responses_total";
const UPSTREAM_FAILURES: &str = "hardpan_upstream_failures_total";
const RECORDS_WRITTEN: &str = "hardpan_audit_records_written_total";
const RECORDS_DROPPED: &str = "hardpan_audit_records_dropped_total";
const RECORD_WRITE_ERRORS: &str = "hardpan_audit_write_errors_total";
const BOUND_HITS: &str = "hardpan_bound_hits_total";
const CONFIGURATION_LOADS: &str = "hardpan_configuration_loads_total";
const LABEL_OVERFLOWS: &str = "hardpan_label_overflows_total";
const BUILD_INFO: &str = "hardpan_build_info";
const SHIPPED_BYTES: &str = "hardpan_audit_shipped_bytes_total";
const SHIP_FAILURES: &str = "hardpan_audit_ship_failures_total";
const SHIP_BACKLOG: &str = "hardpan_audit_ship_backlog_bytes";
const OTLP_SPANS: &str = "hardpan_otlp_spans_total";
const OTLP_FAILURES: &str = "hardpan_otlp_export_failures_total";

const BUNDLE_INFO: &str = "hardpan_policy_bundle_info";
const BUNDLE_LOADS: &str = "hardpan_policy_bundle_loads_total";
const BUNDLE_FAILURES: &str = "hardpan_policy_bundle_failures_total";
const BUNDLE_LAST_SUCCESS: &str = "hardpan_policy_bundle_last_success_timestamp_seconds";
const BUNDLE_ACTIVATED: &str = "hardpan_policy_bundle_activated_timestamp_seconds";
const BUNDLE_RESTORED: &str = "hardpan_policy_bundle_restored";

const TEAM: &str = "team";
const APP: &str = "app";
const OPERATION: &str = "operation";
const MODEL: &str = "model";
const STATUS: &str = "status";
const CODE: &str = "code";
const BLAME: &str = "blame";
const ACTION: &str = "action";
const CALL: &str = "call";
const MODE: &str = "mode";
const KIND: &str = "kind";
const PLACE: &str = "place";
const BASIS: &str = "basis";
const RESULT: &str = "result";
const CLASS: &str = "class";
const LIMIT: &str = "limit";
const UNIT: &str = "unit";
const PERCENT: &str = "percent";
const STAGE: &str = "stage";
const REASON: &str = "reason";
const BOUND: &str = "bound";
const REVISION: &str = "revision";
const EVENT: &str = "event";
const LABEL: &str = "label";
const VERSION: &str = "version";
const DESTINATION: &str = "destination";
const SIGNAL: &str = "signal";

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    Counter,
    Gauge,
    /// With the upper ends of its buckets.
    Histogram(&'static [f64]),
}

/// One row of the table; documentation and dashboards are checked against it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// 10 ms doubling to 82 s, the buckets of OpenTelemetry's `gen_ai.client.operation.duration`.
const CALL_SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// 10 µs to 25 ms: what Hardpan itself adds.
const OVERHEAD_SECONDS: &[f64] =
    &[0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025];
const TENTHS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// All metrics.
pub const ALL: &[Metric] = &[
    Metric {
        name: REQUESTS,
        kind: MetricKind::Counter,
        labels: &[TEAM, APP, OPERATION, MODEL, STATUS],
        help: "Requests answered, by the class of status the client got.",
    },
    Metric {
        name: REQUEST_DURATION,
        kind: MetricKind::Histogram(CALL_SECONDS),
        labels: &[OPERATION],
        help: "Time from the head of a request to the end of its answer.",
    },
    Metric { name: REQUESTS_IN_FLIGHT, kind: MetricKind::Gauge, labels: &[], help: "Requests being served." },
    Metric {
        name: REFUSALS,
        kind: MetricKind::Counter,
        labels: &[CODE, BLAME],
        help: "Requests refused by Hardpan, by reason and by whose fault it was.",
    },
    Metric {
        name: DECISIONS,
        kind: MetricKind::Counter,
        labels: &[ACTION, MODE],
        help: "Policy decisions, enforced or shadow.",
    },
    Metric {
        name: TOOLS_DENIED,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Proposed tool calls denied.",
    },
    Metric {
        name: APPROVALS,
        kind: MetricKind::Counter,
        labels: &[EVENT],
        help: "What became of approvals that policy asked people for.",
    },
    Metric {
        name: APPROVALS_PENDING,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "Approvals nobody has decided yet.",
    },
    Metric {
        name: APPROVAL_CALLS,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Calls to the approvals interface of the admin port.",
    },
    Metric {
        name: DECISION_LOG_LINES,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Lines of the decision log, by what became of them.",
    },
    Metric {
        name: PII_FINDINGS,
        kind: MetricKind::Counter,
        labels: &[KIND, PLACE],
        help: "Personal and secret values found, by kind and by where.",
    },
    Metric { name: REDACTIONS, kind: MetricKind::Counter, labels: &[], help: "Values replaced in a text." },
    Metric {
        name: SHARED_VALUES,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Values behind tokens that requests of a conversation share, by what became of them.",
    },
    Metric {
        name: SHARED_VALUES_CALLS,
        kind: MetricKind::Counter,
        labels: &[CALL, RESULT],
        help: "Times the store of shared values was asked, by what came of it.",
    },
    Metric {
        name: INJECTION_SCORE,
        kind: MetricKind::Histogram(TENTHS),
        labels: &[],
        help: "Highest injection score of a request.",
    },
    Metric {
        name: GUARDRAIL_ACTIONS,
        kind: MetricKind::Counter,
        labels: &[ACTION],
        help: "Answers of the Bedrock guardrail.",
    },
    Metric {
        name: CACHE_EVENTS,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Cache look-ups, by what came of them.",
    },
    Metric { name: CACHE_BYTES, kind: MetricKind::Gauge, labels: &[], help: "Bytes the cache holds." },
    Metric {
        name: TOKENS,
        kind: MetricKind::Counter,
        labels: &[TEAM, APP, MODEL, CLASS],
        help: "Tokens used, in the classes AWS bills apart.",
    },
    Metric {
        name: COST,
        kind: MetricKind::Counter,
        labels: &[TEAM, APP, MODEL],
        help: "Estimated cost in billionths of a US dollar.",
    },
    Metric {
        name: UNPRICED,
        kind: MetricKind::Counter,
        labels: &[OPERATION, REASON],
        help: "Requests to a model, scope or tier without a price; their cost is in no total.",
    },
    Metric {
        name: FEEDBACK,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Feedback on requests that was taken: positive, neutral or negative.",
    },
    Metric {
        name: PRICE_BOOK_AS_OF,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "The day of the price book in use. It is stale after seven days.",
    },
    Metric {
        name: PRICE_BOOK_STALE,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "1 while the price book is older than seven days, or dated after today.",
    },
    Metric {
        name: QUOTA_DENIALS,
        kind: MetricKind::Counter,
        labels: &[LIMIT, UNIT],
        help: "Requests refused by a limit.",
    },
    Metric {
        name: QUOTA_INPUT_COUNTS,
        kind: MetricKind::Counter,
        labels: &[RESULT, BASIS],
        help: "Requests whose input was to be counted, by what came of it and by what they were reserved.",
    },
    Metric {
        name: QUOTA_OVERSHOOTS,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Requests that used more than was reserved for them.",
    },
    Metric {
        name: QUOTA_STORE_FAILURES,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Times the shared store of quotas, or their journal, did not answer.",
    },
    Metric {
        name: QUOTA_ALARMS,
        kind: MetricKind::Counter,
        labels: &[LIMIT, PERCENT],
        help: "Limits of one member and window that were used up to 50, 80 or 100 percent.",
    },
    Metric {
        name: QUOTA_ALARMS_LOST,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Alarms of limits that came faster than they were told.",
    },
    Metric {
        name: QUOTA_ALARM_MESSAGES,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Alarms of limits posted to the webhook, by what became of them.",
    },
    Metric {
        name: TIME_TO_FIRST_TOKEN,
        kind: MetricKind::Histogram(CALL_SECONDS),
        labels: &[OPERATION],
        help: "Time from the head of a request to the first byte of its answer.",
    },
    Metric {
        name: OVERHEAD,
        kind: MetricKind::Histogram(OVERHEAD_SECONDS),
        labels: &[STAGE],
        help: "Time Hardpan itself took, by stage.",
    },
    Metric {
        name: UPSTREAM_RESPONSES,
        kind: MetricKind::Counter,
        labels: &[STATUS],
        help: "Answers of the service, by class of status.",
    },
    Metric {
        name: UPSTREAM_FAILURES,
        kind: MetricKind::Counter,
        labels: &[REASON],
        help: "Attempts that brought no answer from the service.",
    },
    Metric { name: RECORDS_WRITTEN, kind: MetricKind::Counter, labels: &[], help: "Audit records written." },
    Metric {
        name: RECORDS_DROPPED,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Audit records lost: the queue was full, or the log could not be written.",
    },
    Metric {
        name: RECORD_WRITE_ERRORS,
        kind: MetricKind::Counter,
        labels: &[],
        help: "Attempts to write audit records that failed.",
    },
    Metric {
        name: BOUND_HITS,
        kind: MetricKind::Counter,
        labels: &[BOUND],
        help: "Times a bound on size, count or time was hit.",
    },
    Metric {
        name: CONFIGURATION_LOADS,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Attempts to load the configuration.",
    },
    Metric {
        name: LABEL_OVERFLOWS,
        kind: MetricKind::Counter,
        labels: &[LABEL],
        help: "Values counted under other, because so many had been named before them.",
    },
    Metric {
        name: BUILD_INFO,
        kind: MetricKind::Gauge,
        labels: &[VERSION],
        help: "1, with the version that serves.",
    },
    Metric {
        name: SHIPPED_BYTES,
        kind: MetricKind::Counter,
        labels: &[DESTINATION],
        help: "Bytes of audit records that arrived where they are shipped to.",
    },
    Metric {
        name: SHIP_FAILURES,
        kind: MetricKind::Counter,
        labels: &[DESTINATION],
        help: "Attempts to ship audit records that failed.",
    },
    Metric {
        name: SHIP_BACKLOG,
        kind: MetricKind::Gauge,
        labels: &[DESTINATION],
        help: "Bytes of audit records that wait to be shipped.",
    },
    Metric {
        name: OTLP_SPANS,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Spans for the OTLP collector, by what became of them.",
    },
    Metric {
        name: OTLP_FAILURES,
        kind: MetricKind::Counter,
        labels: &[SIGNAL],
        help: "Attempts to send to the OTLP collector that failed.",
    },
    Metric {
        name: BUNDLE_INFO,
        kind: MetricKind::Gauge,
        labels: &[REVISION],
        help: "1 for the policy revision being served, 0 for earlier ones.",
    },
    Metric {
        name: BUNDLE_LOADS,
        kind: MetricKind::Counter,
        labels: &[RESULT],
        help: "Looks at the policy bundle and its data that found something, by what came of them.",
    },
    Metric {
        name: BUNDLE_FAILURES,
        kind: MetricKind::Counter,
        labels: &[REASON],
        help: "Policy bundles that were not taken over, by reason.",
    },
    Metric {
        name: BUNDLE_LAST_SUCCESS,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "When the served policies were last known to be what their source holds.",
    },
    Metric {
        name: BUNDLE_ACTIVATED,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "When the served policies were taken over.",
    },
    Metric {
        name: BUNDLE_RESTORED,
        kind: MetricKind::Gauge,
        labels: &[],
        help: "1 while the last good copy on disk is served in place of the source.",
    },
];

/// Makes this the recorder of the whole process. The handle renders the text Prometheus reads; somebody has
/// to call its `run_upkeep` every few seconds, or histograms that nobody scrapes grow without end.
pub fn install() -> Result<PrometheusHandle, InstallError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    ::metrics::set_global_recorder(recorder).map_err(|_| InstallError::Twice)?;
    describe();
    build_info();
    Ok(handle)
}

#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("a metrics recorder is already installed in this process")]
    Twice,
    #[error("the metrics recorder could not be built: {0}")]
    Build(#[from] BuildError),
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL {
        if let MetricKind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder.build_recorder())
}

fn describe() {
    for metric in ALL {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram(_) => describe_histogram!(metric.name, metric.help),
        }
    }
}

fn build_info() {
    gauge!(BUILD_INFO, VERSION => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Who called, as configured, or as the claims of a token say.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub team: &'a str,
    pub app: &'a str,
}

/// A request was answered. `model` is the base id of a priced model, or [`OTHER`].
pub fn request_finished(
    caller: Caller<'_>,
    operation: Option<Operation>,
    model: &str,
    status: u16,
    duration: Duration,
) {
    let operation = operation.map_or(OTHER, Operation::name);
    let (team, app) = labels::caller(caller.team, caller.app);
    counter!(
        REQUESTS,
        TEAM => team,
        APP => app,
        OPERATION => operation,
        MODEL => labels::model(model),
        STATUS => status_class(status)
    )
    .increment(1);
    histogram!(REQUEST_DURATION, OPERATION => operation).record(duration);
}

pub fn request_started() {
    gauge!(REQUESTS_IN_FLIGHT).increment(1.0);
}

/// Pairs with [`request_started`], whatever became of the request.
pub fn request_left() {
    gauge!(REQUESTS_IN_FLIGHT).decrement(1.0);
}

/// `code` names the refusal; `blame` is `client`, `upstream` or `hardpan`.
pub fn request_refused(code: &'static str, blame: &'static str) {
    counter!(REFUSALS, CODE => code, BLAME => blame).increment(1);
}

pub fn decision(action: &'static str, shadow: bool) {
    counter!(DECISIONS, ACTION => action, MODE => if shadow { "shadow" } else { "enforced" }).increment(1);
}

pub fn tools_denied(count: u64) {
    counter!(TOOLS_DENIED).increment(count);
}

/// `place` is `request` or `answer`.
pub fn pii_found(kind: PiiType, place: &'static str, count: u64) {
    counter!(PII_FINDINGS, KIND => kind.name(), PLACE => place).increment(count);
}

pub fn redacted(count: u64) {
    counter!(REDACTIONS).increment(count);
}

/// 0 to 1.
pub fn injection_score(score: f32) {
    histogram!(INJECTION_SCORE).record(f64::from(score));
}

/// `none`, `intervened`, `unavailable` ….
pub fn guardrail_action(action: &'static str) {
    counter!(GUARDRAIL_ACTIONS, ACTION => action).increment(1);
}

/// `exact`, `miss`, `bypass`, `stored` or `too_large`.
pub fn cache_result(result: &'static str) {
    counter!(CACHE_EVENTS, RESULT => result).increment(1);
}

/// `asked`, `approved`, `denied`, `used`, `expired`.
pub fn approval(event: &'static str) {
    counter!(APPROVALS, EVENT => event).increment(1);
}

pub fn approvals_pending(count: u64) {
    gauge!(APPROVALS_PENDING).set(approximately(count));
}

/// `ok`, or why a call to the approvals interface was refused.
pub fn approval_call(result: &'static str) {
    counter!(APPROVAL_CALLS, RESULT => result).increment(1);
}

/// `written`, `dropped` by policy, `lost`, or `failed` for an attempt to write.
pub fn decision_log_lines(result: &'static str, count: u64) {
    counter!(DECISION_LOG_LINES, RESULT => result).increment(count);
}

pub fn cache_bytes(bytes: u64) {
    gauge!(CACHE_BYTES).set(approximately(bytes));
}

/// Tokens of one answer. `model` as in [`request_finished`].
pub fn tokens(caller: Caller<'_>, model: &str, usage: &TokenUsage) {
    let (team, app) = labels::caller(caller.team, caller.app);
    let model = labels::model(model);
    for (class, tokens) in [
        ("input", usage.input),
        ("output", usage.output),
        ("cache_read", usage.cache_read),
        ("cache_write_5m", usage.cache_write_5m),
        ("cache_write_1h", usage.cache_write_1h),
    ] {
        if tokens.0 > 0 {
            counter!(
                TOKENS,
                TEAM => team.clone(),
                APP => app.clone(),
                MODEL => model.clone(),
                CLASS => class
            )
            .increment(tokens.0);
        }
    }
}

/// Cost of one answer. `model` as in [`request_finished`].
pub fn cost(caller: Caller<'_>, model: &str, nano_usd: u64) {
    let (team, app) = labels::caller(caller.team, caller.app);
    counter!(COST, TEAM => team, APP => app, MODEL => labels::model(model)).increment(nano_usd);
}

/// `reason` is the part without a price: `model`, `scope`, `tier`, `meter`, `image` or `service`.
pub fn unpriced(operation: Operation, reason: &'static str) {
    counter!(UNPRICED, OPERATION => operation.name(), REASON => reason).increment(1);
}

/// Feedback that was taken, by the sign of its score.
pub fn feedback(score: f64) {
    let result = if score > 0.0 {
        "positive"
    } else if score < 0.0 {
        "negative"
    } else {
        "neutral"
    };
    counter!(FEEDBACK, RESULT => result).increment(1);
}

/// The day of the price book that was loaded, in Unix seconds, and whether it is stale by now.
pub fn price_book(unix_seconds: i64, is_stale: bool) {
    gauge!(PRICE_BOOK_AS_OF).set(approximately(u64::try_from(unix_seconds).unwrap_or(0)));
    gauge!(PRICE_BOOK_STALE).set(if is_stale { 1.0 } else { 0.0 });
}

/// `limit` is its configured name.
pub fn quota_denied(limit: &str, unit: &'static str) {
    counter!(QUOTA_DENIALS, LIMIT => limit.to_owned(), UNIT => unit).increment(1);
}

/// `basis`: `counted`, `estimated` or `refused`.
pub fn quota_input_counted(result: &'static str, basis: &'static str) {
    counter!(QUOTA_INPUT_COUNTS, RESULT => result, BASIS => basis).increment(1);
}

/// `loaded`, `unopened`, `kept`, `full`, `too_long` or `unsealed`.
pub fn shared_values(result: &'static str, count: u64) {
    if count > 0 {
        counter!(SHARED_VALUES, RESULT => result).increment(count);
    }
}

/// `call` is `load` or `keep`.
pub fn shared_values_call(call: &'static str, result: &'static str) {
    counter!(SHARED_VALUES_CALLS, CALL => call, RESULT => result).increment(1);
}

/// Takes the ledger's running total.
pub fn quota_overshoots(total: u64) {
    counter!(QUOTA_OVERSHOOTS).absolute(total);
}

/// Takes the ledger's running total.
pub fn quota_store_failures(total: u64) {
    counter!(QUOTA_STORE_FAILURES).absolute(total);
}

/// `limit` is its configured name, or `policy`.
pub fn quota_alarm(limit: &str, percent: u64) {
    let percent = match percent {
        ..80 => "50",
        80..100 => "80",
        _ => "100",
    };
    counter!(QUOTA_ALARMS, LIMIT => limit.to_owned(), PERCENT => percent).increment(1);
}

/// Takes the ledger's running total.
pub fn quota_alarms_lost(total: u64) {
    counter!(QUOTA_ALARMS_LOST).absolute(total);
}

/// `result`: `sent`, `failed` or `dropped`.
pub fn quota_alarm_message(result: &'static str) {
    counter!(QUOTA_ALARM_MESSAGES, RESULT => result).increment(1);
}

pub fn time_to_first_token(operation: Operation, duration: Duration) {
    histogram!(TIME_TO_FIRST_TOKEN, OPERATION => operation.name()).record(duration);
}

/// `stage` as in the audit record's `overhead_us`.
pub fn overhead(stage: &'static str, duration: Duration) {
    histogram!(OVERHEAD, STAGE => stage).record(duration);
}

pub fn upstream_status(status: u16) {
    counter!(UPSTREAM_RESPONSES, STATUS => status_class(status)).increment(1);
}

/// `connect`, `timeout`, `reset` ….
pub fn upstream_failed(reason: &'static str) {
    counter!(UPSTREAM_FAILURES, REASON => reason).increment(1);
}

pub fn records_written(count: u64) {
    counter!(RECORDS_WRITTEN).increment(count);
}

pub fn records_dropped(count: u64) {
    counter!(RECORDS_DROPPED).increment(count);
}

pub fn record_write_failed() {
    counter!(RECORD_WRITE_ERRORS).increment(1);
}

/// `bound` is its configured name, such as `body_bytes_max`.
pub fn bound_hit(bound: &'static str) {
    counter!(BOUND_HITS, BOUND => bound).increment(1);
}

/// `loaded` or `refused`.
pub fn configuration_loaded(result: &'static str) {
    counter!(CONFIGURATION_LOADS, RESULT => result).increment(1);
}

/// `label` is `caller` or `model`.
pub(crate) fn label_overflowed(label: &'static str) {
    counter!(LABEL_OVERFLOWS, LABEL => label).increment(1);
}

/// `destination` is its configured name.
pub(crate) fn audit_shipped(destination: &str, bytes: u64) {
    counter!(SHIPPED_BYTES, DESTINATION => destination.to_owned()).increment(bytes);
}

pub(crate) fn audit_ship_failed(destination: &str) {
    counter!(SHIP_FAILURES, DESTINATION => destination.to_owned()).increment(1);
}

pub(crate) fn audit_ship_backlog(destination: &str, bytes: u64) {
    gauge!(SHIP_BACKLOG, DESTINATION => destination.to_owned()).set(approximately(bytes));
}

/// `sent`, `refused` by the collector, or `dropped`: the queue was full, or the collector gone.
pub(crate) fn spans_exported(result: &'static str, count: u64) {
    if count > 0 {
        counter!(OTLP_SPANS, RESULT => result).increment(count);
    }
}

/// `signal` is `traces` or `metrics`.
pub(crate) fn otlp_export_failed(signal: &'static str) {
    counter!(OTLP_FAILURES, SIGNAL => signal).increment(1);
}

/// Revisions come from whoever publishes bundles, and a series never goes away: after this many they share one.
const REVISIONS_NAMED_MAX: usize = 64;

/// Which policy revision is served, from now on in place of an earlier one.
pub struct ServedRevision {
    named: Vec<String>,
    current: Option<String>,
}

impl ServedRevision {
    pub const fn new() -> Self {
        Self { named: Vec::new(), current: None }
    }

    pub fn is(&mut self, revision: &str, unix_seconds: i64) {
        let known = self.named.iter().any(|named| named == revision);
        let label = if known || self.named.len() < REVISIONS_NAMED_MAX { revision } else { OTHER };
        if !known && label == revision {
            self.named.push(revision.to_owned());
        }
        if let Some(before) = self.current.replace(label.to_owned()) {
            gauge!(BUNDLE_INFO, REVISION => before).set(0.0);
        }
        gauge!(BUNDLE_INFO, REVISION => label.to_owned()).set(1.0);
        gauge!(BUNDLE_ACTIVATED).set(timestamp(unix_seconds));
    }
}

impl Default for ServedRevision {
    fn default() -> Self {
        Self::new()
    }
}

/// `activated`, `unchanged` or `failed`.
pub fn policy_bundle_loaded(result: &'static str) {
    counter!(BUNDLE_LOADS, RESULT => result).increment(1);
}

/// `reason` is one word of a closed set: `signature`, `refused`, `unreachable` ….
pub fn policy_bundle_failed(reason: &'static str) {
    counter!(BUNDLE_FAILURES, REASON => reason).increment(1);
}

/// The source holds what is served.
pub fn policy_bundle_confirmed(unix_seconds: i64) {
    gauge!(BUNDLE_LAST_SUCCESS).set(timestamp(unix_seconds));
}

pub fn policy_bundle_restored(restored: bool) {
    gauge!(BUNDLE_RESTORED).set(if restored { 1.0 } else { 0.0 });
}

/// Seconds since 1970 stay exact in a double for longer than anybody will ask.
fn timestamp(unix_seconds: i64) -> f64 {
    unix_seconds as f64
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        // The one client error an operator acts upon differently.
        429 => "429",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => OTHER,
    }
}

/// A gauge is a double: above 2^53 it rounds, which is no matter for a size.
fn approximately(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hardpan_inference::usage::Tokens;

    use super::*;

    /// What Prometheus would read after these events.
    fn rendered(events: impl FnOnce()) -> String {
        let recorder = recorder().unwrap();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            events();
        });
        recorder.handle().render()
    }

    fn every_event() {
        let caller = Caller { team: "t", app: "a" };
        let usage = TokenUsage {
            input: Tokens(10),
            output: Tokens(20),
            cache_read: Tokens(1),
            cache_write_5m: Tokens(2),
            cache_write_1h: Tokens(3),
        };
        request_started();
        request_finished(caller, Some(Operation::Converse), "m.n", 200, Duration::from_millis(30));
        request_left();
        request_refused("policy_denied", "client");
        decision("allow", true);
        tools_denied(1);
        pii_found(PiiType::Email, "request", 3);
        redacted(3);
        shared_values("kept", 2);
        shared_values_call("load", "ok");
        injection_score(0.25);
        guardrail_action("none");
        cache_result("miss");
        cache_bytes(1024);
        approval("asked");
        approvals_pending(1);
        approval_call("ok");
        decision_log_lines("written", 1);
        tokens(caller, "m.n", &usage);
        cost(caller, "m.n", 1_500);
        unpriced(Operation::InvokeModel, "model");
        feedback(0.5);
        price_book(1_794_528_000, true);
        quota_denied("tpm", "tokens");
        quota_input_counted("timeout", "estimated");
        quota_overshoots(2);
        quota_store_failures(3);
        quota_alarm("tpm", 80);
        quota_alarms_lost(0);
        quota_alarm_message("sent");
        time_to_first_token(Operation::ConverseStream, Duration::from_millis(300));
        overhead("policy", Duration::from_micros(80));
        upstream_status(503);
        upstream_failed("connect");
        records_written(2);
        records_dropped(1);
        record_write_failed();
        bound_hit("body_bytes_max");
        configuration_loaded("loaded");
        label_overflowed("model");
        build_info();
        audit_shipped("s3-logs", 10);
        audit_ship_failed("s3-logs");
        audit_ship_backlog("s3-logs", 5);
        spans_exported("sent", 2);
        otlp_export_failed("traces");
        ServedRevision::new().is("v1", 1_795_356_000);
        policy_bundle_loaded("activated");
        policy_bundle_failed("signature");
        policy_bundle_confirmed(1_795_356_000);
        policy_bundle_restored(false);
    }

    #[test]
    fn one_revision_is_served_and_their_names_are_bounded() {
        let text = rendered(|| {
            let mut served = ServedRevision::new();
            for number in 0..REVISIONS_NAMED_MAX + 10 {
                served.is(&format!("v{number}"), 1);
            }
            served.is("v3", 2);
        });
        let series: Vec<&str> =
            text.lines().filter(|line| line.starts_with("hardpan_policy_bundle_info{")).collect();
        assert_eq!(series.len(), REVISIONS_NAMED_MAX + 1);
        let served: Vec<&&str> = series.iter().filter(|line| line.ends_with("} 1")).collect();
        assert_eq!(served, [&r#"hardpan_policy_bundle_info{revision="v3"} 1"#]);
    }

    /// Everything in a text but values.
    fn series(text: &str) -> BTreeSet<&str> {
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        samples.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
    }

    #[test]
    fn a_million_callers_and_models_leave_a_constant_number_of_series() {
        let usage = TokenUsage { input: Tokens(1), ..TokenUsage::default() };
        let one = |number: usize| {
            let (team, app) = (format!("team-{number}"), format!("app-{number}"));
            let caller = Caller { team: &team, app: &app };
            let model = format!("made.up-{number}");
            request_finished(caller, Some(Operation::Converse), &model, 200, Duration::from_millis(1));
            tokens(caller, &model, &usage);
            cost(caller, &model, 1);
        };
        let recorder = recorder().unwrap();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            (0..2_000).for_each(one);
            let before = recorder.handle().render();
            (2_000..1_000_000).for_each(one);
            let after = recorder.handle().render();
            assert_eq!(series(&before), series(&after));
            assert!(series(&after).len() < 2_000);
            // Nothing is lost from the sums.
            let costs = after.lines().filter(|line| line.starts_with("hardpan_cost_nano_usd_total{"));
            let sum: u64 = costs.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
            assert_eq!(sum, 1_000_000);
        });
    }

    #[test]
    fn every_metric_of_the_table_is_emitted_and_described() {
        let text = rendered(every_event);
        for metric in ALL {
            assert!(text.contains(&format!("# HELP {} {}", metric.name, metric.help)), "{}", metric.name);
            let kind = match metric.kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
                MetricKind::Histogram(_) => "histogram",
            };
            assert!(text.contains(&format!("# TYPE {} {kind}", metric.name)), "{}", metric.name);
        }
    }

    #[test]
    fn only_metrics_and_labels_of_the_table_are_emitted() {
        let text = rendered(every_event);
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let name = line.split(['{', ' ']).next().unwrap();
            let metric = ALL
                .iter()
                .find(|metric| {
                    let suffix = name.strip_prefix(metric.name);
                    match metric.kind {
                        MetricKind::Histogram(_) => matches!(suffix, Some("_bucket" | "_sum" | "_count")),
                        MetricKind::Counter | MetricKind::Gauge => suffix == Some(""),
                    }
                })
                .unwrap_or_else(|| panic!("{line}"));
            let labels: BTreeSet<&str> = line
                .split_once('{')
                .and_then(|(_, rest)| rest.rsplit_once('}'))
                .map(|(labels, _)| {
                    labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect()
                })
                .unwrap_or_default();
            let expected: BTreeSet<&str> = metric.labels.iter().copied().collect();
            let found: BTreeSet<&str> = labels.into_iter().filter(|label| *label != "le").collect();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn events_are_counted_under_their_labels() {
        let text = rendered(every_event);
        for line in [
            r#"hardpan_requests_total{team="t",app="a",operation="Converse",model="m.n",status="2xx"} 1"#,
            r#"hardpan_tokens_total{team="t",app="a",model="m.n",class="output"} 20"#,
            r#"hardpan_cost_nano_usd_total{team="t",app="a",model="m.n"} 1500"#,
            r#"hardpan_pii_findings_total{kind="EMAIL",place="request"} 3"#,
            r#"hardpan_requests_in_flight 0"#,
            r#"hardpan_overhead_seconds_bucket{stage="policy",le="0.0001"} 1"#,
            r#"hardpan_overhead_seconds_bucket{stage="policy",le="0.00005"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn names_follow_prometheus_custom() {
        let mut names = BTreeSet::new();
        for metric in ALL {
            assert!(metric.name.starts_with("hardpan_"), "{}", metric.name);
            assert!(names.insert(metric.name), "{} is there twice", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{}",
                metric.name
            );
            if let MetricKind::Histogram(buckets) = metric.kind {
                assert!(
                    metric.name.ends_with("_seconds") || metric.name.ends_with("_ratio"),
                    "{}",
                    metric.name
                );
                assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
            }
        }
    }

    #[test]
    fn a_status_is_reported_by_its_class() {
        for (status, class) in
            [(100, "1xx"), (200, "2xx"), (302, "3xx"), (400, "4xx"), (429, "429"), (503, "5xx"), (0, "other")]
        {
            assert_eq!(status_class(status), class);
        }
    }
}
