//! From a request and what the detectors found to a request that may leave: policy's decision, and the bytes as its
//! obligations change them.
//!
//! [`Clearance`] and [`ClearedRequest`] can be made here only. Sending takes both, so nothing leaves undecided.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hardpan_filters::inspection::{Inspection, Redacted, redact};
use hardpan_filters::replacement::{Scope, ScopedKeys, Treatment};
use hardpan_filters::vault::Vault;
use hardpan_inference::codec::{GuardrailPlace, PlainFamily, Request, RetrievalLimit, ToolResult};
use hardpan_inference::edit;
use hardpan_inference::finding::{Channel, PiiType, RedactPlace};
use hardpan_inference::model_id::{ModelId, ModelKind};
use hardpan_inference::operation::{Asks, BodyShape, Operation, Target};
use hardpan_inference::principal::Principal;
use hardpan_inference::request::{Dialect, GuardrailRef, Signals};
use hardpan_inference::usage::BesideText;
use hardpan_policies::{
    Action, ApiFacts, ApprovalRule, CacheRule, Common, Conflict, Decision, EndpointFacts, KbFacts,
    LogContent, LogContext, Obligations, Question, QuotaUnit, QuotaWindow, Redact, ResponseFacts, Route,
    Subject, ToolFacts, ToolResultFacts, Verdict,
};
use hardpan_quotas::{ExtraLimit, Unit, Window, bound};
use hardpan_telemetry::metrics;
use http::HeaderMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::counting::InputTokens;
use crate::payload::Payload;
use crate::record::Draft;
use crate::refusal::{Denial, Refusal};
use crate::sessions::Session;
use crate::snapshot::Snapshot;

/// What the decision log calls the bundle.
const BUNDLE_NAME: &str = "policy";

/// Results of tools one request may hold and still be asked about, one by one.
const TOOL_RESULTS_MAX: usize = 1024;

/// Who asks what of whom: the same for every question of one request.
pub struct Asker<'a> {
    pub snapshot: &'a Snapshot,
    pub request_id: &'a str,
    /// Of the body as the caller sent it.
    pub body_sha256: [u8; 32],
    pub operation: Operation,
    pub target: &'a Target,
    pub region: &'a str,
    pub principal: &'a Principal,
    /// The model, its base resolved; or what stands in a model's place.
    pub model: &'a ModelId,
    /// The base model of an agent or a flow, where it is known.
    pub model_behind: Option<ModelId>,
    /// Other models the body names.
    pub more_models: &'a [ModelId],
    /// Those of the caller's headers that travel on.
    pub headers: &'a HeaderMap,
    pub ip: Option<IpAddr>,
    pub now_unix: i64,
    /// Labels the app put on the request.
    pub metadata: &'a BTreeMap<String, String>,
    /// The conversation this belongs to.
    pub session: Session,
    /// The model the caller asked for, where policy picked another.
    pub routed_from: Option<&'a str>,
}

/// Policy let this request go on.
#[derive(Clone)]
pub struct Clearance {
    obligations: Obligations,
    /// What holds for searches, by knowledge base: one's filter is none of another's business.
    retrieval: BTreeMap<String, RetrievalLimit>,
}

impl Clearance {
    /// What a decision comes to. Without one, by configuration, there is nothing to carry out.
    fn of(decision: Option<Decision>) -> Result<Self, Refusal> {
        let obligations = match decision {
            None => Obligations::default(),
            Some(decision) => match refusal_of(&decision) {
                None => decision.obligations,
                Some(refusal) => return Err(refusal),
            },
        };
        Ok(Self { obligations, retrieval: BTreeMap::new() })
    }

    /// Notes what the decision says of searches as said of one knowledge base.
    fn about(mut self, knowledge_base: Option<&str>) -> Self {
        let limit = std::mem::take(&mut self.obligations.retrieval);
        if let Some(id) = knowledge_base
            && limit != RetrievalLimit::default()
        {
            self.retrieval.insert(id.to_owned(), limit);
        }
        self
    }

    /// Two decisions about one request: whatever either demands.
    pub fn and(mut self, other: Clearance) -> Result<Self, Refusal> {
        let obligations =
            self.obligations.merge(other.obligations).map_err(|conflict| conflicting(&conflict))?;
        for (id, limit) in other.retrieval {
            let own = self.retrieval.entry(id).or_default();
            own.filters.extend(limit.filters);
            own.results_max = [own.results_max, limit.results_max].into_iter().flatten().min();
        }
        Ok(Self { obligations, retrieval: self.retrieval })
    }

    /// The model that is to answer in place of the one asked for.
    pub fn route(&self) -> Option<&Route> {
        self.obligations.route.as_ref()
    }

    /// Whether policy wants content on record, masked at least.
    pub fn logs_content(&self) -> bool {
        matches!(self.obligations.log_content, Some(LogContent::Redacted | LogContent::Full))
    }

    pub fn without_route(mut self) -> Self {
        self.obligations.route = None;
        self
    }

    /// When the answer has to be whole.
    pub fn deadline(&self, elapsed: Duration) -> Option<Instant> {
        let left = Duration::from_millis(self.obligations.timeout_ms?).saturating_sub(elapsed);
        Instant::now().checked_add(left)
    }

    /// Tools that are taken out of the declaration.
    pub fn drops(&self, tool: &str) -> bool {
        self.obligations.drop_tools.contains(tool)
    }

    /// Limits of policy's own that the request counts under.
    pub fn limits(&self) -> Vec<ExtraLimit> {
        let quotas = self.obligations.quotas.iter();
        quotas
            .map(|(key, limit)| ExtraLimit {
                key: key.key.clone(),
                unit: match key.unit {
                    QuotaUnit::Requests => Unit::Requests,
                    QuotaUnit::Tokens => Unit::Tokens,
                    QuotaUnit::NanoUsd => Unit::NanoUsd,
                },
                limit: *limit,
                window: match key.window {
                    QuotaWindow::Minute => Window::Minute,
                    QuotaWindow::Hour => Window::Hour,
                    QuotaWindow::Day => Window::Day,
                    QuotaWindow::Month => Window::Month,
                    QuotaWindow::Total => Window::Total,
                },
            })
            .collect()
    }

    /// What cannot be set any more once a conversation has begun with a limit, and with what was reserved for it.
    pub fn beyond_a_conversation(&self, max_tokens: u64, begun: &Clearance) -> Option<&'static str> {
        let obligations = &self.obligations;
        let reserved = &begun.obligations.quotas;
        if obligations.quotas.iter().any(|(key, limit)| reserved.get(key).is_none_or(|known| known > limit)) {
            return Some("quota");
        }
        if obligations.guardrail.is_some() {
            return Some("guardrail");
        }
        if !obligations.drop_tools.is_empty() {
            return Some("drop_tools");
        }
        if let Some(obligation) = self.beyond_streams_both_ways() {
            return Some(obligation);
        }
        obligations.max_tokens.is_some_and(|limit| limit < max_tokens).then_some("max_tokens")
    }

    /// What can never be carried out on a conversation in both directions.
    pub fn beyond_streams_both_ways(&self) -> Option<&'static str> {
        let obligations = &self.obligations;
        [
            ("route", obligations.route.is_some()),
            ("approval", obligations.approval.is_some()),
            ("timeout_ms", obligations.timeout_ms.is_some()),
            ("params", !obligations.params.is_empty()),
        ]
        .into_iter()
        .find_map(|(name, is_set)| is_set.then_some(name))
    }

    /// What is hidden in requests, answers and calls.
    pub fn redact(&self) -> Option<&Redact> {
        self.obligations.redact.as_ref()
    }

    /// Replaces in a body what policy wants hidden in requests.
    pub fn redacted(
        &self,
        vault: &mut Vault,
        request: &Request<'_>,
        inspection: &Inspection,
    ) -> Result<Redacted, Refusal> {
        let Some(wanted) = self.redact() else { return Ok(Redacted::default()) };
        let treated = |channel, kind| treatment(wanted, channel, kind);
        redact(vault, request, inspection, treated)
            .map_err(|_| Refusal::Unenforceable { obligation: "redact" })
    }

    /// People who have to let it go on.
    pub fn approval(&self) -> Option<&ApprovalRule> {
        self.obligations.approval.as_ref()
    }

    pub fn cache(&self) -> CacheRule {
        self.obligations.cache
    }
}

/// A tool the caller declared, with the schema its arguments must keep to.
pub struct DeclaredTool {
    pub name: String,
    /// Raw JSON.
    pub schema: Option<String>,
}

/// A body that may be sent.
pub struct ClearedRequest {
    payload: Payload,
    guardrail_header: Option<GuardrailRef>,
    tags_header: Option<BTreeMap<String, String>>,
    drops_labels: bool,
    pub dialect: Dialect,
    pub max_tokens: u64,
    pub input: InputTokens,
    pub redactions: u64,
    pub guardrail: Option<GuardrailRef>,
    /// What is asked for beside text, and how many pictures.
    pub beside: BesideText,
    pub pictures_asked: u64,
    /// The service tier that is asked for.
    pub service_tier: Option<String>,
    /// The ranges of the body that shape the answer.
    pub shaping: Vec<std::ops::Range<usize>>,
}

impl ClearedRequest {
    /// What leaves, byte for byte.
    pub fn body(&self) -> &Bytes {
        &self.payload.raw
    }

    pub fn body_sha256(&self) -> &[u8; 32] {
        &self.payload.sha256
    }

    /// The body as the codecs take it.
    pub fn json(&self) -> &Bytes {
        self.payload.json()
    }

    /// Whether the caller's own labels, which travel in a header, hold what must not leave.
    pub fn drops_labels(&self) -> bool {
        self.drops_labels
    }

    /// Labels of policy's own that travel in a header, because the body has no place for them.
    pub fn tags_header(&self) -> Option<&BTreeMap<String, String>> {
        self.tags_header.as_ref()
    }

    /// A guardrail that travels in headers, because the body has no place for it.
    pub fn guardrail_header(&self) -> Option<&GuardrailRef> {
        self.guardrail_header.as_ref()
    }
}

impl Asker<'_> {
    /// The same caller, asking for another model in this one's place.
    pub fn of<'s>(&'s self, target: &'s Target, model: &'s ModelId) -> Asker<'s> {
        Asker {
            target,
            model,
            model_behind: ModelId::parse(model.base()).ok(),
            routed_from: Some(self.model.as_str()),
            snapshot: self.snapshot,
            request_id: self.request_id,
            body_sha256: self.body_sha256,
            operation: self.operation,
            region: self.region,
            principal: self.principal,
            more_models: self.more_models,
            headers: self.headers,
            ip: self.ip,
            now_unix: self.now_unix,
            metadata: self.metadata,
            session: self.session,
        }
    }

    /// Reads a body of this request.
    pub fn parse<'b>(&self, payload: &'b Payload) -> Result<Request<'b>, Refusal> {
        crate::exchange::parse(self.snapshot, self.target, self.model, payload)
    }

    /// Asks every question about the request, and stops at the first denial. The results of tools come first: what
    /// they mark a conversation with is known to the questions after them.
    pub fn clear(
        &self,
        request: &Request<'_>,
        inspection: &Inspection,
        draft: &mut Draft,
    ) -> Result<Clearance, Refusal> {
        let of_results = self.clear_results(request, draft)?;
        let mut clearance: Option<Clearance> = None;
        for subject in self.subjects(request) {
            let decision = self.decide(subject, &inspection.signals);
            decision.iter().for_each(|decision| draft.decision(decision));
            let knowledge_base = match subject {
                Subject::KbRetrieve { kb, .. } => Some(kb.id),
                _ => None,
            };
            let next = Clearance::of(decision)?.about(knowledge_base);
            clearance = Some(match clearance {
                None => next,
                Some(before) => before.and(next)?,
            });
        }
        let mut clearance = clearance.map_or_else(|| Clearance::of(None), Ok)?;
        let obligations = clearance.obligations.tightened_by(of_results);
        clearance.obligations = obligations.map_err(|conflict| conflicting(&conflict))?;
        draft.headers.extend(clearance.obligations.headers.clone());
        Ok(clearance)
    }

    /// Asks about each result of a tool that the model is to read.
    fn clear_results(&self, request: &Request<'_>, draft: &mut Draft) -> Result<Obligations, Refusal> {
        let mut obligations = Obligations::default();
        if !self.hears_of(Action::ToolResult) {
            return Ok(obligations);
        }
        let results = request.tool_results();
        if results.len() > TOOL_RESULTS_MAX {
            return Err(Refusal::Policy(Denial {
                code: "input_too_large".to_owned(),
                message: "the request carries more results of tools than policies are asked about".to_owned(),
                decision_id: draft.request_id.clone(),
            }));
        }
        let blocks: Vec<_> = results.iter().map(|result| result.block).collect();
        let signals = self.snapshot.inspector.signals_of(request, &blocks);
        for (result, signals) in results.iter().zip(&signals) {
            let Some(decision) = self.decide_result(result, signals) else { continue };
            draft.aside(&decision);
            if let Some(refusal) = refusal_of(&decision) {
                return Err(refusal);
            }
            let merged = obligations.tightened_by(decision.obligations);
            obligations = merged.map_err(|conflict| conflicting(&conflict))?;
        }
        Ok(obligations)
    }

    fn decide_result(&self, result: &ToolResult, signals: &Signals) -> Option<Decision> {
        let result = ToolResultFacts {
            id: &result.id,
            name: result.name.as_deref(),
            failed: result.failed,
            bytes: result.bytes,
            signals,
        };
        self.decide(Subject::ToolResult { model: self.model_named(), result }, signals)
    }

    /// Whether a rule may say something about what passes unless it is denied.
    pub fn hears_of(&self, action: Action) -> bool {
        let policy = self.snapshot.policy.as_ref();
        policy.is_some_and(|policy| policy.speaks_about(action, self.principal))
    }

    /// Asks about an answer.
    pub fn decide_response(&self, response: ResponseFacts<'_>) -> Option<Decision> {
        self.decide(Subject::ModelRespond { model: self.model_named(), response }, response.signals)
    }

    pub fn model_named(&self) -> Option<&ModelId> {
        Some(self.model).filter(|model| model.kind() != ModelKind::None)
    }

    /// What the request asks for: a knowledge base and the model that answers from it are two things.
    fn subjects<'s>(&'s self, request: &'s Request<'_>) -> Vec<Subject<'s>> {
        let facts = &request.facts;
        let invoke = |model| Subject::ModelInvoke { model, request: facts };
        // Of an agent or a flow, policy is told which model it runs on.
        let behind = matches!(self.model.kind(), ModelKind::Agent | ModelKind::Flow);
        let model = if behind { self.model_behind.as_ref() } else { Some(self.model) };
        let named = model.filter(|model| model.kind() != ModelKind::None);
        let mut subjects = match self.operation.asks() {
            Asks::ModelInvoke => vec![invoke(self.model)],
            Asks::EndpointInvoke => {
                vec![Subject::EndpointInvoke { endpoint: self.endpoint(), request: facts }]
            }
            Asks::KbRetrieve => {
                let kb = facts.knowledge_base.iter();
                let path = self.target.member("knowledgeBaseId");
                let mut asked: Vec<Subject<'_>> = kb
                    .flat_map(|kb| {
                        path.into_iter().chain(kb.ids.iter().map(String::as_str)).map(move |id| (id, kb))
                    })
                    .map(|(id, kb)| Subject::KbRetrieve { kb: KbFacts { id, facts: kb }, request: facts })
                    .collect();
                if asked.is_empty() {
                    // Documents of the request's own, or nothing that was understood: a call like any other.
                    asked.push(self.api_call(request, None));
                }
                asked.extend(named.map(invoke));
                asked
            }
            Asks::ApiCall => vec![self.api_call(request, named)],
        };
        if self.operation.asks() != Asks::KbRetrieve {
            let kb = facts.knowledge_base.iter();
            subjects.extend(
                kb.flat_map(|kb| kb.ids.iter().map(move |id| (id, kb)))
                    .map(|(id, kb)| Subject::KbRetrieve { kb: KbFacts { id, facts: kb }, request: facts }),
            );
        }
        subjects.extend(self.more_models.iter().map(invoke));
        subjects
    }

    fn api_call<'s>(&'s self, request: &'s Request<'_>, model: Option<&'s ModelId>) -> Subject<'s> {
        let reads = self.operation.reads_body();
        Subject::ApiCall {
            api: ApiFacts {
                resource: self.target.named(),
                inspected: reads && request.facts.parsed,
                content_elsewhere: request.facts.content_elsewhere,
            },
            model,
            request: reads.then_some(&request.facts),
        }
    }

    fn endpoint(&self) -> EndpointFacts<'_> {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let router = self.target.member("InferenceRouterName");
        EndpointFacts {
            name: router.or(self.target.member("EndpointName")).unwrap_or_default(),
            component: header("x-amzn-sagemaker-inference-component"),
            variant: header("x-amzn-sagemaker-target-variant"),
            // What travels on is what is named here: see forward.
            target_model: match router {
                Some(_) => header("x-amzn-sagemaker-routing-target-name"),
                None => header("x-amzn-sagemaker-target-model")
                    .or_else(|| header("x-amzn-sagemaker-target-container-hostname")),
            },
            router: router.is_some(),
        }
    }

    /// None where no policy is loaded. What the decision marks the conversation with holds from now on, whatever
    /// becomes of the request.
    fn decide(&self, subject: Subject<'_>, signals: &Signals) -> Option<Decision> {
        let policy = self.snapshot.policy.as_ref()?;
        let labels = self.session.labels();
        let question = Question { common: self.common(signals, &labels), subject };
        let decision = policy.decide(&question);
        self.log(&question, &decision);
        self.session.mark(&decision.obligations.labels);
        Some(decision)
    }

    /// Writes the decision down with what it was about, where that is wanted.
    fn log(&self, question: &Question<'_>, decision: &Decision) {
        let (Some(policy), Some(log)) = (&self.snapshot.policy, &self.snapshot.decisions) else { return };
        let timestamp = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let context = LogContext { request_id: self.request_id, timestamp: &timestamp, bundle: BUNDLE_NAME };
        let Some(line) = policy.log_line(question, decision, &context) else {
            metrics::decision_log_lines("dropped", 1);
            return;
        };
        // What is lost is counted by the log itself; where nothing may be lost the next request is turned away.
        let _ = log.submit(line.to_string().into_bytes());
    }

    /// Asks whether one proposed call may reach the caller. None where no policy is loaded.
    pub fn decide_tool(&self, tool: ToolFacts<'_>) -> Option<Decision> {
        self.decide(Subject::ToolUse { model: self.model_named(), tool }, tool.signals)
    }

    /// What tokens, hashes and made-up values of this caller's conversation are made with.
    pub fn redaction_keys(&self, conversation: &str) -> ScopedKeys {
        self.snapshot.redaction.scoped(&self.redaction_scope(conversation))
    }

    /// Where they mean something.
    pub fn redaction_scope<'s>(&'s self, conversation: &'s str) -> Scope<'s> {
        let Principal { team, app, user, .. } = self.principal;
        Scope { team, app, user: user.as_deref(), conversation }
    }

    fn common<'s>(&'s self, signals: &'s Signals, labels: &'s [String]) -> Common<'s> {
        Common {
            operation: self.operation,
            region: self.region,
            principal: self.principal,
            signals,
            ip: self.ip,
            time_unix: self.now_unix,
            metadata: self.metadata,
            labels,
            routed_from: self.routed_from,
        }
    }
}

/// Two decisions about one request demand what cannot both be had.
fn conflicting(conflict: &Conflict) -> Refusal {
    let what = conflict.what.as_str();
    let known = ["guardrail", "route", "temperature", "top_p", "top_k"];
    let obligation = known.into_iter().find(|name| *name == what);
    let of_many = ["header", "tag"].into_iter().find(|name| what.starts_with(name));
    Refusal::Unenforceable { obligation: obligation.or(of_many).unwrap_or("obligations") }
}

/// How values of a type are replaced in a text of a request. What a tool returned is in two places at once: the stricter
/// mode holds. No mode is less than any.
fn treatment(redact: &Redact, channel: Channel, kind: PiiType) -> Option<Treatment> {
    let in_request = redact.mode(RedactPlace::Request, kind);
    let in_tool = redact.mode(RedactPlace::Tool, kind).filter(|_| channel == Channel::Tool);
    in_request.max(in_tool).map(|mode| Treatment { mode, restore: redact.restores(kind) })
}

/// What a denial means for the caller; None when the decision allows.
pub fn refusal_of(decision: &Decision) -> Option<Refusal> {
    if decision.verdict == Verdict::Allow {
        return None;
    }
    if decision.error.is_some() {
        return Some(Refusal::PolicyUnavailable { decision_id: decision.id.clone() });
    }
    let (code, message) = match first_reason(decision) {
        Some((code, message)) => (code.to_owned(), message.to_owned()),
        None => ("denied".to_owned(), "policy denied the request".to_owned()),
    };
    Some(Refusal::Policy(Denial { code, message, decision_id: decision.id.clone() }))
}

/// The reason a caller is told: a rule that denied says more than a missing grant.
pub fn first_reason(decision: &Decision) -> Option<(&str, &str)> {
    let reasons = &decision.reasons;
    let spoken = reasons.iter().find(|reason| reason.code != "no_allow").or_else(|| reasons.first());
    spoken.map(|reason| (reason.code.as_str(), reason.message.as_str()))
}

/// Whether tools must be taken out of the declaration before anything else is changed.
pub fn drop_tools(
    clearance: &Clearance,
    request: &Request<'_>,
    payload: &Payload,
) -> Result<Option<Payload>, Refusal> {
    let edits = request.drop_tools(&clearance.obligations.drop_tools);
    if edits.is_empty() {
        return Ok(None);
    }
    payload.with_json(edit::apply(payload.json(), edits)?).map(Some)
}

/// Carries the obligations out on the body. The vault is told what stands for what.
pub fn carry_out(
    asker: &Asker<'_>,
    clearance: &Clearance,
    request: &Request<'_>,
    inspection: &Inspection,
    payload: Payload,
    vault: &mut Vault,
) -> Result<ClearedRequest, Refusal> {
    let obligations = &clearance.obligations;
    let Redacted { mut edits, count: redactions } = clearance.redacted(vault, request, inspection)?;
    let (max_tokens, changes) = output_limit(asker, obligations, request)?;
    edits.extend(changes);
    edits.extend(parameters(asker, obligations, request)?);
    let searches = request.limit_retrieval(asker.target.member("knowledgeBaseId"), &clearance.retrieval);
    edits.extend(searches.ok_or(Refusal::Unenforceable { obligation: "filter" })?);
    let (guardrail_header, change) = guardrail(asker, obligations, request)?;
    edits.extend(change);
    let mut tags_header = None;
    if request.facts.dialect == Dialect::Converse {
        edits.extend(request.set_metadata(&obligations.tags));
    } else if !obligations.tags.is_empty() {
        tags_header = Some(obligations.tags.clone());
    }
    let payload = if edits.is_empty() {
        payload
    } else {
        payload.with_json(edit::apply(payload.json(), request.joined(edits))?)?
    };
    let beside = request.beside_text();
    let tier_header = asker.headers.get("x-amzn-bedrock-service-tier");
    let tier_header = tier_header.and_then(|tier| tier.to_str().ok()).map(str::to_owned);
    Ok(ClearedRequest {
        shaping: shaping_ranges(asker, clearance, &payload)?,
        payload,
        guardrail_header,
        tags_header,
        drops_labels: obligations
            .redact
            .as_ref()
            .is_some_and(|redact| inspection.label_findings.iter().any(|kind| hides_label(redact, *kind))),
        dialect: request.facts.dialect,
        max_tokens: max_tokens.saturating_mul(request.facts.choices.max(1)),
        input: InputTokens::estimated(request.facts.est_tokens),
        redactions,
        guardrail: obligations.guardrail.clone().or_else(|| request.facts.guardrail.clone()),
        beside,
        pictures_asked: beside.picture.map_or(0, |_| request.facts.choices.max(1)),
        service_tier: tier_header.or_else(|| request.service_tier()),
    })
}

/// Whether no text comes of the request, so that nothing about it can be bounded.
fn writes_nothing(asker: &Asker<'_>, request: &Request<'_>) -> bool {
    let family = matches!(
        request.facts.dialect,
        Dialect::Plain(PlainFamily::Embeddings | PlainFamily::Rerank | PlainFamily::Image)
    );
    !asker.operation.generates() || family
}

/// The changes that keep sampling parameters within their ranges.
fn parameters(
    asker: &Asker<'_>,
    obligations: &Obligations,
    request: &Request<'_>,
) -> Result<Vec<edit::Edit>, Refusal> {
    if writes_nothing(asker, request) {
        return Ok(Vec::new());
    }
    request.keep_within(&obligations.params).map_err(|_| Refusal::Unenforceable { obligation: "params" })
}

/// How many tokens one answer may have, and the changes that write it down.
fn output_limit(
    asker: &Asker<'_>,
    obligations: &Obligations,
    request: &Request<'_>,
) -> Result<(u64, Vec<edit::Edit>), Refusal> {
    if writes_nothing(asker, request) {
        return Ok((0, Vec::new()));
    }
    let quota = &asker.snapshot.config.quota;
    let limit =
        bound(request.facts.params.max_tokens, obligations.max_tokens, bound_left_open(asker, request));
    // A conversation says its limit in its first event.
    if asker.operation.body() == BodyShape::Events {
        return Ok((limit.effective, Vec::new()));
    }
    // A policy's limit is always written; the default only where a quota is kept.
    if !limit.must_write || !(quota.on || obligations.max_tokens.is_some()) {
        return Ok((limit.effective, Vec::new()));
    }
    let changes = request.set_max_tokens(limit.effective);
    if changes.is_empty() && obligations.max_tokens.is_some() {
        return Err(Refusal::Unenforceable { obligation: "max_tokens" });
    }
    Ok((limit.effective, changes))
}

/// What an answer may have whose caller did not say: the default, or less where answers have turned out shorter.
fn bound_left_open(asker: &Asker<'_>, request: &Request<'_>) -> u64 {
    let quota = &asker.snapshot.config.quota;
    // What was learnt is of all choices of an answer together.
    if !quota.opens_by_what_was_learnt || request.facts.choices > 1 {
        return quota.default_max_tokens;
    }
    let Principal { team, app, .. } = asker.principal;
    asker.snapshot.ledger.outputs.open(team, app, asker.model.base(), quota.default_max_tokens)
}

/// Where the guardrail that policy sets goes: into the body, or into headers.
fn guardrail(
    asker: &Asker<'_>,
    obligations: &Obligations,
    request: &Request<'_>,
) -> Result<(Option<GuardrailRef>, Option<edit::Edit>), Refusal> {
    let Some(guardrail) = &obligations.guardrail else { return Ok((None, None)) };
    let unenforceable = Refusal::Unenforceable { obligation: "guardrail" };
    let names_other = callers_guardrail(asker, request).is_some_and(|own| own != *guardrail);
    if request.narrows_guardrail() || (obligations.refuse_other_guardrail && names_other) {
        return Err(unenforceable);
    }
    match request.set_guardrail(guardrail) {
        GuardrailPlace::Body(edit) => Ok((None, Some(edit))),
        GuardrailPlace::Header => Ok((Some(guardrail.clone()), None)),
        GuardrailPlace::Nowhere => Err(unenforceable),
    }
}

/// The guardrail the caller names, in the body or in headers.
fn callers_guardrail(asker: &Asker<'_>, request: &Request<'_>) -> Option<GuardrailRef> {
    let header = |name: &str| {
        asker.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let in_headers = || {
        let id = header("x-amzn-bedrock-guardrailidentifier")?;
        let version = header("x-amzn-bedrock-guardrailversion").unwrap_or_default();
        Some(GuardrailRef { id, version })
    };
    request.facts.guardrail.clone().or_else(in_headers)
}

/// What a conversation is known by: the session the service keeps it under, or the message it began with.
pub fn session(
    snapshot: &Snapshot,
    target: &Target,
    principal: &Principal,
    request: &Request<'_>,
) -> Session {
    // Without a policy nobody asks.
    let conversation = match (&snapshot.policy, target.member("sessionId")) {
        (None, _) => String::new(),
        (Some(_), Some(kept)) => format!("session {kept}"),
        (Some(_), None) => format!("message {}", first_message(request)),
    };
    Session::of(principal, &conversation)
}

/// Labels beside the body are part of the request.
fn hides_label(redact: &Redact, kind: PiiType) -> bool {
    redact.mode(RedactPlace::Request, kind).is_some()
}

/// What tells a conversation from others: a history that grows holds its first message still.
pub fn first_message(request: &Request<'_>) -> String {
    let first = request.texts.iter().find(|text| text.channel == Channel::User);
    first.and_then(|text| text.read(&request.document)).map(Cow::into_owned).unwrap_or_default()
}

/// Only read when the answer may be cached: it takes another look at the changed body.
fn shaping_ranges(
    asker: &Asker<'_>,
    clearance: &Clearance,
    payload: &Payload,
) -> Result<Vec<std::ops::Range<usize>>, Refusal> {
    if !matches!(clearance.obligations.cache, CacheRule::On { .. }) || asker.snapshot.cache.is_none() {
        return Ok(Vec::new());
    }
    Ok(asker.parse(payload)?.shaping_ranges())
}

#[cfg(test)]
mod tests {
    use hardpan_inference::finding::RedactMode;

    use super::*;

    #[test]
    fn a_tools_result_gets_the_stricter_of_both_modes() {
        let redact = |request, tool| {
            let kinds = [PiiType::Email];
            let mut decision = Obligations {
                redact: Some(Redact::new(kinds, &[RedactPlace::Request], request, true)),
                ..Obligations::default()
            };
            let more = Redact::new(kinds, &[RedactPlace::Tool], tool, true);
            decision = decision.merge(Obligations { redact: Some(more), ..Obligations::default() }).unwrap();
            decision.redact.unwrap()
        };
        for (request, tool, strict) in [
            (RedactMode::Mask, RedactMode::Drop, RedactMode::Drop),
            (RedactMode::Label, RedactMode::Token, RedactMode::Label),
        ] {
            let redact = redact(request, tool);
            for (channel, mode) in [
                (Channel::Tool, strict),
                (Channel::User, request),
                (Channel::System, request),
                (Channel::Assistant, request),
            ] {
                let expected = Treatment { mode, restore: true };
                assert_eq!(treatment(&redact, channel, PiiType::Email), Some(expected));
                assert_eq!(treatment(&redact, channel, PiiType::Phone), None);
            }
        }
        let tool_alone = Redact::new([PiiType::Email], &[RedactPlace::Tool], RedactMode::Mask, false);
        assert_eq!(treatment(&tool_alone, Channel::User, PiiType::Email), None);
        let expected = Treatment { mode: RedactMode::Mask, restore: false };
        assert_eq!(treatment(&tool_alone, Channel::Tool, PiiType::Email), Some(expected));
        let answers = Redact::new([PiiType::Email], &[RedactPlace::Response], RedactMode::Mask, true);
        assert_eq!(treatment(&answers, Channel::Tool, PiiType::Email), None);
        assert!(!hides_label(&answers, PiiType::Email) && !hides_label(&tool_alone, PiiType::Email));
    }
}
