//! From a request and what the detectors found to a request that may leave: policy's decision, and the bytes as its
//! obligations change them.
//!
//! [`Clearance`] and [`ClearedRequest`] can be made here only. Sending takes both, so nothing leaves undecided.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use hardpan_filters::inspection::{Inspection, mask};
use hardpan_filters::vault::Vault;
use hardpan_inference::codec::Request;
use hardpan_inference::edit;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;
use hardpan_inference::request::{Dialect, GuardrailRef, Signals};
use hardpan_policies::{CacheRule, Common, Decision, Obligations, Question, Subject, ToolFacts, Verdict};
use hardpan_quotas::bound;
use sha2::{Digest, Sha256};

use crate::refusal::{Denial, Refusal};
use crate::snapshot::Snapshot;

/// Who asks what of whom: the same for every question of one request.
pub struct Asker<'a> {
    pub snapshot: &'a Snapshot,
    pub operation: Operation,
    pub region: &'a str,
    pub principal: &'a Principal,
    pub model: &'a ModelId,
    pub ip: Option<IpAddr>,
    pub now_unix: i64,
    /// Labels the app put on the request.
    pub metadata: &'a BTreeMap<String, String>,
}

/// Policy let this request go on.
pub struct Clearance {
    obligations: Obligations,
}

impl Clearance {
    /// What a decision comes to. Without one, by configuration, there is nothing to carry out.
    pub fn of(decision: Option<Decision>) -> Result<Self, Refusal> {
        let Some(decision) = decision else { return Ok(Self { obligations: Obligations::default() }) };
        match refusal_of(&decision) {
            None => Ok(Self { obligations: decision.obligations }),
            Some(refusal) => Err(refusal),
        }
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
    body: Bytes,
    body_sha256: [u8; 32],
    guardrail_header: Option<GuardrailRef>,
    tags_header: Option<BTreeMap<String, String>>,
    drops_labels: bool,
    pub dialect: Dialect,
    pub max_tokens: u64,
    pub est_input_tokens: u64,
    pub redactions: u64,
    pub guardrail: Option<GuardrailRef>,
    /// The ranges of the body that shape the answer.
    pub shaping: Vec<std::ops::Range<usize>>,
}

impl ClearedRequest {
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn body_sha256(&self) -> &[u8; 32] {
        &self.body_sha256
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
    /// Asks whether the model may be invoked. None where no policy is loaded.
    pub fn decide_model(&self, request: &Request<'_>, inspection: &Inspection) -> Option<Decision> {
        let policy = self.snapshot.policy.as_ref()?;
        let subject = Subject::ModelInvoke { model: self.model, request: &request.facts };
        Some(policy.decide(&Question { common: self.common(&inspection.signals), subject }))
    }

    /// Asks whether one proposed call may reach the caller. None where no policy is loaded.
    pub fn decide_tool(&self, tool: ToolFacts<'_>) -> Option<Decision> {
        let policy = self.snapshot.policy.as_ref()?;
        let signals = tool.signals;
        let subject = Subject::ToolUse { model: self.model, tool };
        Some(policy.decide(&Question { common: self.common(signals), subject }))
    }

    fn common<'s>(&'s self, signals: &'s Signals) -> Common<'s> {
        Common {
            service: "bedrock-runtime",
            operation: self.operation,
            region: self.region,
            principal: self.principal,
            signals,
            ip: self.ip,
            time_unix: self.now_unix,
            metadata: self.metadata,
        }
    }
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
    body: &Bytes,
) -> Result<Option<Bytes>, Refusal> {
    let edits = request.drop_tools(&clearance.obligations.drop_tools);
    if edits.is_empty() {
        return Ok(None);
    }
    Ok(Some(Bytes::from(edit::apply(body, edits)?)))
}

/// Carries the obligations out on the body.
pub fn carry_out(
    asker: &Asker<'_>,
    clearance: &Clearance,
    request: &Request<'_>,
    inspection: &Inspection,
    body: &Bytes,
    body_sha256: &[u8; 32],
) -> Result<(ClearedRequest, Vault), Refusal> {
    let obligations = &clearance.obligations;
    let (mut edits, vault) = match &obligations.redact {
        Some(redact) => mask(request, inspection, |kind| redact.types.contains(kind)),
        None => (Vec::new(), Vault::default()),
    };
    let redact = obligations.redact.as_ref();
    let redactions = redact.map_or(0, |redact| {
        let findings = inspection.findings.iter();
        findings.filter(|found| found.text.editable && redact.types.contains(found.finding.kind)).count()
            as u64
    });
    let drops_labels = redact
        .is_some_and(|redact| inspection.label_findings.iter().any(|kind| redact.types.contains(*kind)));
    let quota = &asker.snapshot.config.quota;
    let max_tokens = bound(request.facts.params.max_tokens, obligations.max_tokens, quota.default_max_tokens);
    // A policy's limit is always written; the default only where a quota is kept.
    if max_tokens.must_write && (quota.on || obligations.max_tokens.is_some()) {
        let changes = request.set_max_tokens(max_tokens.effective);
        if changes.is_empty() && obligations.max_tokens.is_some() {
            return Err(Refusal::Unenforceable { obligation: "max_tokens" });
        }
        edits.extend(changes);
    }
    let mut guardrail_header = None;
    if let Some(guardrail) = &obligations.guardrail {
        if request.narrows_guardrail() {
            return Err(Refusal::Unenforceable { obligation: "guardrail" });
        }
        match request.set_guardrail(guardrail) {
            Some(edit) => edits.push(edit),
            None => guardrail_header = Some(guardrail.clone()),
        }
    }
    let mut tags_header = None;
    if request.facts.dialect == Dialect::Converse {
        edits.extend(request.set_metadata(&obligations.tags));
    } else if !obligations.tags.is_empty() {
        tags_header = Some(obligations.tags.clone());
    }
    let (body, body_sha256) = if edits.is_empty() {
        (body.clone(), *body_sha256)
    } else {
        let changed = edit::apply(body, edits)?;
        let hash = Sha256::digest(&changed).into();
        (Bytes::from(changed), hash)
    };
    let shaping = shaping_ranges(asker, clearance, &body)?;
    let cleared = ClearedRequest {
        body,
        body_sha256,
        guardrail_header,
        tags_header,
        drops_labels,
        dialect: request.facts.dialect,
        max_tokens: max_tokens.effective,
        est_input_tokens: request.facts.est_tokens,
        redactions,
        guardrail: obligations.guardrail.clone().or_else(|| request.facts.guardrail.clone()),
        shaping,
    };
    Ok((cleared, vault))
}

/// Only read when the answer may be cached: it takes another look at the changed body.
fn shaping_ranges(
    asker: &Asker<'_>,
    clearance: &Clearance,
    body: &Bytes,
) -> Result<Vec<std::ops::Range<usize>>, Refusal> {
    if !matches!(clearance.obligations.cache, CacheRule::On { .. }) || asker.snapshot.cache.is_none() {
        return Ok(Vec::new());
    }
    let limits = asker.snapshot.config.limits.json;
    let request = Request::parse(asker.operation, asker.model, body, limits)?;
    Ok(request.shaping_ranges())
}
