//! What is noted about a request on its way, and the one record made of it in the end.
//!
//! A draft is filled step by step, so that a request which stops early still leaves all that was known by then. It
//! holds no text of prompt or answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hardpan_aws::error::ErrorDialect;
use hardpan_filters::inspection::Inspection;
use hardpan_filters::masking::Tally;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::{Operation, Target};
use hardpan_inference::principal::Principal;
use hardpan_inference::request::RequestFacts;
use hardpan_inference::usage::{TokenUsage, UsageSource};
use hardpan_policies::{Decision, Verdict};
use hardpan_pricing::NanoUsd;
use hardpan_telemetry::audit::{
    AuditApproval, AuditAttempt, AuditCache, AuditCacheWrites, AuditCost, AuditDecision, AuditPrincipal,
    AuditRecord, AuditSharedValues,
};
use hardpan_telemetry::metrics;
use hardpan_telemetry::otlp::{FinishedRequest, Measured, Otlp};
use hardpan_telemetry::trace::RequestTrace;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cost::{Basis, CallCost};
use crate::counting::InputBasis;
use crate::refusal::{Blame, Refusal};
use crate::snapshot::Snapshot;
use crate::trace::Carried;

/// Longest text taken over from a caller into a record.
const TEXT_BYTES_MAX: usize = 256;

/// Warnings of parts that one record tells.
const WARNINGS_MAX: usize = 64;

/// No `Debug`: it names users.
pub struct Draft {
    pub request_id: String,
    started: Instant,
    stage_began: Instant,
    time: OffsetDateTime,
    overhead: Vec<(&'static str, Duration)>,
    pub operation: Option<Operation>,
    /// The form errors have on the path that was asked for.
    pub path_dialect: ErrorDialect,
    pub model: Option<String>,
    pub model_base: Option<String>,
    pub content_elsewhere: bool,
    pub parsed: bool,
    pub region: Option<String>,
    pub app: String,
    pub team: String,
    pub verified: bool,
    pub user: Option<String>,
    pub feature: Option<String>,
    pub prompt_version: Option<String>,
    pub attempts: u32,
    pub reservations: u32,
    /// Models of a route that did not answer.
    earlier: Vec<EarlierAttempt>,
    pub decision: Option<AuditDecision>,
    pub decision_id: Option<String>,
    /// Warnings of questions about parts of the exchange.
    warnings: Vec<String>,
    /// Headers policy puts on the answer.
    pub headers: BTreeMap<String, String>,
    pub findings: BTreeMap<&'static str, u64>,
    pub answer_findings: BTreeMap<&'static str, u64>,
    pub injection_score: Option<f32>,
    pub answer_injection_score: Option<f32>,
    pub redactions: u64,
    /// None where nothing is shared.
    pub shared_values: Option<AuditSharedValues>,
    pub guardrail_action: Option<&'static str>,
    /// None where no guardrail said what it counted.
    pub guardrail_units: Option<u64>,
    pub tools_called: Vec<String>,
    pub tools_denied: Vec<String>,
    pub approvals: Vec<AuditApproval>,
    pub cache: &'static str,
    pub usage: TokenUsage,
    pub usage_source: UsageSource,
    /// What the reservation of the input went by.
    pub input_basis: Option<InputBasis>,
    /// The service tier the answer names.
    pub service_tier: Option<String>,
    pub cost: Option<CallCost>,
    /// A record of another kind was written for this request.
    pub is_recorded: bool,
    pub model_served: Option<String>,
    pub aws_request_id: Option<String>,
    pub first_byte: Option<Duration>,
    pub stop_reason: Option<String>,
    pub status: u16,
    pub error: Option<String>,
    /// None: nothing is traced.
    pub trace: Option<RequestTrace>,
    /// Kept where the trace itself was handed over.
    trace_id: Option<String>,
}

/// Why another model of a route is called.
pub struct PassedOn {
    /// 0 where no answer came.
    pub status: u16,
    pub error: Option<String>,
    pub aws_request_id: Option<String>,
}

/// What a model used and cost that did not answer, so that another one was called.
struct EarlierAttempt {
    model: ModelId,
    aws_request_id: Option<String>,
    attempts: u32,
    status: u16,
    error: Option<String>,
    usage: TokenUsage,
    usage_source: UsageSource,
    input_basis: Option<InputBasis>,
    cost: Option<CallCost>,
}

impl Draft {
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            request_id: uuid::Uuid::new_v4().to_string(),
            started: now,
            stage_began: now,
            time: OffsetDateTime::now_utc(),
            overhead: Vec::with_capacity(8),
            operation: None,
            path_dialect: ErrorDialect::Aws,
            model: None,
            model_base: None,
            content_elsewhere: false,
            parsed: false,
            region: None,
            app: String::new(),
            team: String::new(),
            verified: false,
            user: None,
            feature: None,
            prompt_version: None,
            attempts: 0,
            reservations: 0,
            earlier: Vec::new(),
            decision: None,
            decision_id: None,
            warnings: Vec::new(),
            headers: BTreeMap::new(),
            findings: BTreeMap::new(),
            answer_findings: BTreeMap::new(),
            injection_score: None,
            answer_injection_score: None,
            redactions: 0,
            shared_values: None,
            guardrail_action: None,
            guardrail_units: None,
            tools_called: Vec::new(),
            tools_denied: Vec::new(),
            approvals: Vec::new(),
            cache: "bypass",
            usage: TokenUsage::default(),
            usage_source: UsageSource::None,
            input_basis: None,
            service_tier: None,
            cost: None,
            is_recorded: false,
            model_served: None,
            aws_request_id: None,
            first_byte: None,
            stop_reason: None,
            status: 0,
            error: None,
            trace: None,
            trace_id: None,
        }
    }

    pub fn unix_seconds(&self) -> i64 {
        self.time.unix_timestamp()
    }

    pub fn unix_millis(&self) -> u64 {
        u64::try_from(self.time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    }

    /// The stage that now ends is named; the next one begins.
    pub fn stage(&mut self, name: &'static str) {
        let now = Instant::now();
        self.overhead.push((name, now - self.stage_began));
        self.stage_began = now;
    }

    /// Time that is not Hardpan's own has passed.
    pub fn skip_waiting(&mut self) {
        self.stage_began = Instant::now();
    }

    pub fn target(&mut self, target: &Target) {
        self.operation = Some(target.operation);
        self.model = target.model.as_ref().map(|model| model.as_str().to_owned());
    }

    pub fn request(&mut self, model: &ModelId, facts: &RequestFacts) {
        self.model(model);
        self.content_elsewhere = facts.content_elsewhere;
        self.parsed = facts.parsed;
    }

    pub fn model(&mut self, model: &ModelId) {
        self.model = Some(model.as_str()).filter(|id| !id.is_empty()).map(clip);
        self.model_base = Some(model.base().to_owned());
    }

    pub fn principal(&mut self, principal: &Principal) {
        self.verified = true;
        self.app.clone_from(&principal.app);
        self.team.clone_from(&principal.team);
        self.user = principal.user.as_deref().map(clip);
    }

    /// Labels from the request's metadata; they name things and are not interpreted.
    pub fn labels(&mut self, metadata: &BTreeMap<String, String>) {
        self.feature = metadata.get("feature").map(String::as_str).map(clip);
        self.prompt_version = metadata.get("prompt_version").map(String::as_str).map(clip);
    }

    pub fn inspection(&mut self, inspection: &Inspection, scored: bool) {
        for (kind, count) in &inspection.signals.findings {
            *self.findings.entry(kind.name()).or_default() += count;
            metrics::pii_found(*kind, "request", *count);
        }
        if scored {
            let before = self.injection_score.unwrap_or_default();
            self.injection_score = Some(inspection.signals.injection.max(before));
            metrics::injection_score(inspection.signals.injection);
        }
    }

    /// What was found in the answer.
    pub fn answer(&mut self, tally: &Tally) {
        for (kind, count) in &tally.findings {
            *self.answer_findings.entry(kind.name()).or_default() += count;
            metrics::pii_found(*kind, "answer", *count);
        }
        self.redactions += tally.masked;
    }

    pub fn decision(&mut self, decision: &Decision) {
        metrics::decision(decision.verdict.name(), !decision.shadow.is_empty());
        self.decision_id = Some(decision.id.clone());
        let coded = |reasons: &[hardpan_policies::Reason]| -> Vec<String> {
            reasons.iter().map(|reason| format!("{}:{}", reason.package, reason.code)).collect()
        };
        self.decision = Some(AuditDecision {
            id: decision.id.clone(),
            warnings: coded(&decision.warnings),
            action: decision.verdict.name(),
            rules: decision
                .allowed_by
                .iter()
                .map(|grant| format!("{}:{}", grant.package, grant.code))
                .collect(),
            reasons: coded(&decision.reasons),
            bundle_revision: Some(decision.revision.to_string()),
            shadow: coded(&decision.shadow),
        });
    }

    /// A decision about a part of the exchange: a tool's result, the answer. It stands in the record where it denies; of
    /// others only the warnings do.
    pub fn aside(&mut self, decision: &Decision) {
        if decision.verdict == Verdict::Deny {
            return self.decision(decision);
        }
        metrics::decision(decision.verdict.name(), !decision.shadow.is_empty());
        let room = WARNINGS_MAX.saturating_sub(self.warnings.len());
        let warnings = decision.warnings.iter().take(room);
        self.warnings.extend(warnings.map(|reason| format!("{}:{}", reason.package, reason.code)));
    }

    /// A call goes out to this address. Gives the trace context it carries.
    pub fn call_began(&mut self, address: &str) -> Carried {
        let now = self.elapsed();
        Carried::of(self.trace.as_mut().and_then(|trace| trace.call_began(now, address)))
    }

    pub fn call_answered(&mut self, status: u16, sent: u32) {
        self.trace.iter_mut().for_each(|trace| trace.call_answered(status, sent));
    }

    pub fn call_failed(&mut self, refusal: &Refusal) {
        let now = self.elapsed();
        let reason = match refusal {
            Refusal::Upstream(error) => error.reason(),
            other => other.code(),
        };
        self.trace.iter_mut().for_each(|trace| trace.call_failed(now, reason));
    }

    /// The answer was read to its end, or nobody reads on.
    pub fn call_ended(&mut self) {
        let now = self.elapsed();
        self.trace.iter_mut().for_each(|trace| trace.call_ended(now));
    }

    /// The model did not answer and the next one of the route is called: what is noted from now on is that one's.
    pub fn passed_on(&mut self, model: &ModelId, why: PassedOn) {
        self.earlier.push(EarlierAttempt {
            model: model.clone(),
            aws_request_id: why.aws_request_id,
            attempts: std::mem::take(&mut self.attempts),
            status: why.status,
            error: why.error,
            usage: std::mem::take(&mut self.usage),
            usage_source: std::mem::replace(&mut self.usage_source, UsageSource::None),
            input_basis: self.input_basis.take(),
            cost: self.cost.take(),
        });
        self.model_served = None;
        self.guardrail_action = None;
        self.guardrail_units = None;
        self.service_tier = None;
    }

    /// What all models together cost that were called; none where a part has no price.
    fn cost_of_all(&self) -> Option<NanoUsd> {
        let costs = self.earlier.iter().filter_map(|earlier| earlier.cost.as_ref()).chain(&self.cost);
        let totals: Option<Vec<NanoUsd>> = costs.map(|cost| cost.total).collect();
        totals.filter(|totals| !totals.is_empty()).map(|totals| totals.into_iter().sum())
    }

    pub fn refused(&mut self, refusal: &Refusal) {
        let blame = match refusal.blame() {
            Blame::Client => "client",
            Blame::Upstream => "upstream",
            Blame::Hardpan => "hardpan",
        };
        metrics::request_refused(refusal.code(), blame);
        refusal.bound().into_iter().for_each(metrics::bound_hit);
        self.error = Some(refusal.code().to_owned());
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Emits metrics and record. Called once, whatever became of the connection.
    pub fn emit(mut self, snapshot: &Snapshot) {
        let elapsed = self.elapsed();
        let caller = metrics::Caller { team: &self.team, app: &self.app };
        let model = spent(caller, self.model_base.as_deref(), &self.usage, self.cost.as_ref());
        metrics::request_finished(caller, self.operation, model, self.status, elapsed);
        for earlier in &self.earlier {
            spent(caller, Some(earlier.model.base()), &earlier.usage, earlier.cost.as_ref());
        }
        if let (Some(operation), Some(first)) = (self.operation, self.first_byte) {
            metrics::time_to_first_token(operation, first);
        }
        // All stages stand in the record; these are enough to watch it.
        let overhead = self.overhead.iter().map(|(_, duration)| *duration).sum();
        metrics::overhead("total", overhead);
        for (stage, duration) in &self.overhead {
            if matches!(*stage, "inspection" | "policy" | "counting") {
                metrics::overhead(stage, *duration);
            }
        }
        metrics::cache_result(self.cache);
        metrics::tools_denied(self.tools_denied.len() as u64);
        if self.redactions > 0 {
            metrics::redacted(self.redactions);
        }
        if let Some(otlp) = &snapshot.otlp {
            if let Some(operation) = self.operation {
                otlp.measure(&Measured {
                    operation,
                    model,
                    status: self.status,
                    failed: self.error.is_some(),
                    duration: elapsed,
                    first_byte: self.first_byte,
                    usage: &self.usage,
                });
            }
            self.hand_over(otlp, elapsed, overhead);
        }
        if self.is_recorded {
            return;
        }
        // A full queue is counted by the log itself; the request has been answered by now.
        let _ = snapshot.records.submit(self.into_record(snapshot, elapsed));
    }

    /// Gives what a span tells to the exporter. The record is made after it.
    fn hand_over(&mut self, otlp: &Otlp, elapsed: Duration, overhead: Duration) {
        let Some(trace) = self.trace.take_if(|trace| trace.sampled_span().is_some()) else { return };
        self.trace_id = Some(trace.id().to_string());
        let decision = self.decision.as_ref();
        otlp.finished(FinishedRequest {
            trace,
            began_unix_nanos: u64::try_from(self.time.unix_timestamp_nanos()).unwrap_or(0),
            duration: elapsed,
            operation: self.operation,
            request_id: self.request_id.clone(),
            aws_request_id: self.aws_request_id.as_deref().map(clip),
            caller: self.verified.then(|| (self.team.clone(), self.app.clone())),
            region: self.region.clone(),
            model_requested: self.model.as_deref().map(clip),
            model_served: self.model_served.as_deref().map(clip),
            decision: decision.map(|decision| (decision.id.clone(), decision.action)),
            guardrail_action: self.guardrail_action,
            cache: self.cache,
            redactions: self.redactions,
            usage: self.usage,
            cost_usd: self.cost_of_all().map(NanoUsd::to_usd_string),
            stop_reason: self.stop_reason.as_deref().map(clip),
            first_byte: self.first_byte,
            overhead,
            status: self.status,
            error: self.error.as_deref().map(clip),
        });
    }

    fn into_record(mut self, snapshot: &Snapshot, elapsed: Duration) -> AuditRecord {
        if let Some(decision) = &mut self.decision {
            decision.warnings.append(&mut self.warnings);
        }
        let began = self.unix_seconds();
        let principal = self
            .verified
            .then(|| audit_principal(snapshot, self.team, self.app, self.user.as_deref(), began));
        let priced = self.cost.as_ref().and_then(|cost| Some((cost.total?, cost)));
        let by_book = priced.map(|(_, cost)| cost).filter(|cost| cost.basis != Basis::EndpointShare);
        // What was never called is named as it was asked for, once.
        let model_base = self.model_base.as_deref().filter(|base| !base.is_empty());
        let model_base = model_base.filter(|_| self.model_served.is_some()).map(clip);
        AuditRecord {
            request_id: self.request_id,
            aws_request_id: self.aws_request_id.as_deref().map(clip),
            trace_id: self.trace_id.or(self.trace.map(|trace| trace.id().to_string())),
            time: self.time.format(&Rfc3339).unwrap_or_default(),
            principal,
            feature: self.feature,
            prompt_version: self.prompt_version,
            service: self.operation.map(|operation| operation.service().name()),
            operation: self.operation.map(Operation::name),
            inspected: self.operation.is_some_and(Operation::reads_body) && self.parsed,
            content_elsewhere: self.content_elsewhere,
            model_requested: self.model,
            model_served: self.model_served,
            model_base,
            region: self.region,
            attempts: self.attempts,
            earlier_attempts: self.earlier.into_iter().map(EarlierAttempt::into_audit).collect(),
            decision: self.decision,
            findings: self.findings,
            answer_findings: self.answer_findings,
            redactions: self.redactions,
            shared_values: self.shared_values,
            injection_score: self.injection_score,
            answer_injection_score: self.answer_injection_score,
            guardrail_action: self.guardrail_action,
            guardrail_units: self.guardrail_units,
            agent_tools_called: self.tools_called.iter().map(|name| tool_name(name)).collect(),
            tools_denied: self.tools_denied.iter().map(|name| tool_name(name)).collect(),
            approvals: self.approvals,
            retrieved_documents: 0,
            cache: AuditCache { result: self.cache, similarity: None },
            input_tokens: self.usage.input,
            output_tokens: self.usage.output,
            cache_read_tokens: self.usage.cache_read,
            cache_write_tokens: AuditCacheWrites {
                for_5m: self.usage.cache_write_5m,
                for_1h: self.usage.cache_write_1h,
            },
            usage_source: self.usage_source,
            input_basis: self.input_basis.map(InputBasis::name),
            service_tier: self.service_tier.as_deref().map(clip),
            estimated_cost_usd: priced.map(|(total, _)| total.to_usd_string()),
            cost_breakdown: by_book.map(breakdown),
            cost_basis: priced.map(|(_, cost)| cost.basis.name()),
            price_scope: by_book.and_then(|cost| cost.scope.clone()),
            price_as_of: by_book.map(|_| snapshot.prices.as_of().to_owned()),
            unpriced: self.cost.as_ref().and_then(|cost| cost.unpriced).map(|why| why.code()),
            latency_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            time_to_first_token_ms: self
                .first_byte
                .map(|first| u64::try_from(first.as_millis()).unwrap_or(u64::MAX)),
            overhead_us: self
                .overhead
                .into_iter()
                .map(|(stage, duration)| (stage, u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
                .collect(),
            stop_reason: self.stop_reason.as_deref().map(clip),
            status: self.status,
            error: self.error.as_deref().map(clip),
            user_feedback: None,
        }
    }
}

impl EarlierAttempt {
    fn into_audit(self) -> AuditAttempt {
        let priced = self.cost.as_ref().and_then(|cost| Some((cost.total?, cost)));
        let by_book = priced.map(|(_, cost)| cost).filter(|cost| cost.basis != Basis::EndpointShare);
        AuditAttempt {
            model: clip(self.model.as_str()),
            model_base: Some(self.model.base()).filter(|base| !base.is_empty()).map(clip),
            aws_request_id: self.aws_request_id.as_deref().map(clip),
            attempts: self.attempts,
            status: self.status,
            error: self.error,
            input_tokens: self.usage.input,
            output_tokens: self.usage.output,
            usage_source: self.usage_source,
            input_basis: self.input_basis.map(InputBasis::name),
            estimated_cost_usd: priced.map(|(total, _)| total.to_usd_string()),
            cost_breakdown: by_book.map(breakdown),
            cost_basis: priced.map(|(_, cost)| cost.basis.name()),
            unpriced: self.cost.as_ref().and_then(|cost| cost.unpriced).map(|why| why.code()),
        }
    }
}

fn breakdown(cost: &CallCost) -> AuditCost {
    AuditCost {
        input: cost.tokens.input.to_usd_string(),
        output: cost.tokens.output.to_usd_string(),
        cache_read: cost.tokens.cache_read.to_usd_string(),
        cache_write: cost.tokens.cache_write.to_usd_string(),
        guardrail: cost.guardrail.to_usd_string(),
        other: cost.other.to_usd_string(),
    }
}

/// Counts what a model used and cost, and tells what metrics call it.
fn spent<'m>(
    caller: metrics::Caller<'_>,
    base: Option<&'m str>,
    usage: &TokenUsage,
    cost: Option<&CallCost>,
) -> &'m str {
    let total = cost.and_then(|cost| cost.total);
    let model = match (base.filter(|base| !base.is_empty()), total) {
        // Only models with a price become label values: any caller can make up a name.
        (Some(base), Some(_)) => base,
        _ => metrics::OTHER,
    };
    if !usage.is_zero() {
        metrics::tokens(caller, model, usage);
    }
    if let Some(total) = total {
        metrics::cost(caller, model, total.0);
    }
    model
}

/// Who called, for a record: the user only by the hash of the time of the call.
pub fn audit_principal(
    snapshot: &Snapshot,
    team: String,
    app: String,
    user: Option<&str>,
    at_unix: i64,
) -> AuditPrincipal {
    let salt = &snapshot.config.records.user_salt;
    let (user_id_hash, user_id_epoch) = user.map(|user| salt.hash(user, at_unix)).unzip();
    AuditPrincipal { user_id_hash, user_id_epoch: user_id_epoch.flatten(), app, team }
}

/// A tool's name as Converse limits it. Anything else is a model's own text and stays out of records.
fn tool_name(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(plain);
    if is_name { name.to_owned() } else { "(not a tool name)".to_owned() }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
