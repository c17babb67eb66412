//! The life of a request, from its head to its settlement. Read this first.
//!
//! [`exchange`] owns the order and the branches; every step it calls does one thing. Each `?` is a refusal, which
//! [`crate::service`] turns into an answer and a record.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hardpan_caches::{CacheKey, KeyParts};
use hardpan_filters::inspection::Inspection;
use hardpan_inference::codec::Request;
use hardpan_inference::operation::{Target, route};
use hardpan_inference::principal::Principal;
use hardpan_policies::{CacheRule, CacheScope};
use hardpan_quotas::{Demand, Reservation};
use sha2::{Digest, Sha256};

use crate::answer::{AnswerContext, Completion};
use crate::clearance::{Asker, Clearance, ClearedRequest, DeclaredTool, carry_out, drop_tools};
use crate::downstream::Downstream;
use crate::identity::{self, Claim};
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::respond::{self, Outcome};
use crate::snapshot::Snapshot;
use crate::{forward, settlement};

/// Where InvokeModel carries what Converse has in `requestMetadata`.
const LABELS_HEADER: &str = "x-amzn-bedrock-request-metadata";
/// Bodies above this are inspected off the event loop's turn.
const INSPECT_INLINE_BYTES_MAX: usize = 256 << 10;

/// Runs one request. On an error nothing has been written to the caller unless `downstream` says so.
pub async fn exchange(
    snapshot: &Snapshot,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let target = read_head(snapshot, downstream, draft)?;
    let claim = identity::claim(&snapshot.config, downstream, target.operation)?;
    draft.region = Some(claim.region().to_owned());
    let _place =
        snapshot.admission.enter(downstream.body_bytes_expected(snapshot.config.limits.body_bytes_max))?;
    draft.stage("head");

    let body = read_body(snapshot, downstream, draft).await?;
    let body_sha256: [u8; 32] = Sha256::digest(&body).into();
    let mut principal =
        identity::verify(&claim, &snapshot.config, downstream, &body_sha256, draft.unix_seconds())?;
    draft.principal(&principal);
    draft.stage("identity");

    let request = parse(snapshot, &target, &body)?;
    let metadata = label(&mut principal, &claim, downstream, &request, draft);
    let inspection = inspect(snapshot, &request, downstream, body.len());
    draft.inspection(&inspection, snapshot.config.guards.injection);
    draft.stage("inspection");

    let asker = Asker {
        snapshot,
        operation: target.operation,
        region: claim.region(),
        principal: &principal,
        model: &target.model,
        ip: snapshot.policy.as_ref().and_then(|_| downstream.ip()),
        now_unix: draft.unix_seconds(),
        metadata: &metadata,
    };
    let clearance = clear(&asker, &request, &inspection, draft)?;
    draft.stage("policy");

    let tools = declared_tools(&request);
    let trimmed = drop_tools(&clearance, &request, &body)?;
    let (cleared, vault) = match &trimmed {
        None => carry_out(&asker, &clearance, &request, &inspection, &body, &body_sha256)?,
        Some(body) => {
            let hash = Sha256::digest(body).into();
            let request = parse(snapshot, &target, body)?;
            let inspection = inspect(snapshot, &request, downstream, body.len());
            carry_out(&asker, &clearance, &request, &inspection, body, &hash)?
        }
    };
    draft.redactions = cleared.redactions;
    draft.stage("redaction");

    let reservation = reserve(&asker, &cleared, draft)?;
    let context = AnswerContext { asker: &asker, dialect: cleared.dialect, vault: &vault, tools: &tools };
    let outcome = answer(&context, &target, &clearance, &cleared, &reservation, downstream, draft).await;
    settlement::settle(&asker, &cleared, reservation, &outcome, draft);
    outcome.into_result()
}

/// Which operation on which model, from a head that can be trusted to mean one thing.
fn read_head(snapshot: &Snapshot, downstream: &Downstream<'_>, draft: &mut Draft) -> Result<Target, Refusal> {
    if downstream.has_conflicting_framing() {
        return Err(Refusal::Framing);
    }
    let target = route(downstream.method(), downstream.raw_target())?;
    draft.target(&target);
    let encoding = downstream.headers().get(http::header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    if snapshot.records.must_refuse() {
        return Err(Refusal::RecordsUnavailable);
    }
    Ok(target)
}

async fn read_body(
    snapshot: &Snapshot,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<Bytes, Refusal> {
    let limits = &snapshot.config.limits;
    let body = downstream.read_body(limits.body_bytes_max, limits.body_timeout).await?;
    draft.skip_waiting();
    Ok(body)
}

fn parse<'b>(snapshot: &Snapshot, target: &Target, body: &'b Bytes) -> Result<Request<'b>, Refusal> {
    let mut request = Request::parse(target.operation, &target.model, body, snapshot.config.limits.json)?;
    let messages = &request.facts.messages;
    request.facts.est_tokens = hardpan_quotas::estimate_input_tokens(
        messages.text_bytes,
        messages.count,
        messages.images,
        messages.documents,
    );
    Ok(request)
}

/// The labels an app puts on its request: who the end user is, which feature, which version of a prompt.
fn label(
    principal: &mut Principal,
    claim: &Claim<'_>,
    downstream: &Downstream<'_>,
    request: &Request<'_>,
    draft: &mut Draft,
) -> BTreeMap<String, String> {
    let mut metadata = request.facts.metadata.clone();
    let headers = downstream.headers();
    let native = headers.get(LABELS_HEADER).and_then(|value| value.to_str().ok());
    if let Some(labels) = native.and_then(|text| serde_json::from_str::<BTreeMap<String, String>>(text).ok())
    {
        metadata.extend(labels);
    }
    for (name, key) in [
        ("x-hardpan-user", "user"),
        ("x-hardpan-feature", "feature"),
        ("x-hardpan-prompt-version", "prompt_version"),
    ] {
        // Quota and cache are kept by these: what the caller did not sign is not believed.
        if claim.signs(name)
            && let Some(value) = headers.get(name).and_then(|value| value.to_str().ok())
        {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }
    principal.user = metadata.get("user").filter(|user| !user.is_empty()).cloned();
    draft.user.clone_from(&principal.user);
    draft.labels(&metadata);
    metadata
}

fn inspect(
    snapshot: &Snapshot,
    request: &Request<'_>,
    downstream: &Downstream<'_>,
    bytes: usize,
) -> Inspection {
    if snapshot.inspector.is_off() {
        return Inspection::default();
    }
    let labels = downstream.headers().get(LABELS_HEADER).and_then(|value| value.to_str().ok());
    if bytes > INSPECT_INLINE_BYTES_MAX {
        return tokio::task::block_in_place(|| snapshot.inspector.inspect(request, labels));
    }
    snapshot.inspector.inspect(request, labels)
}

fn clear(
    asker: &Asker<'_>,
    request: &Request<'_>,
    inspection: &Inspection,
    draft: &mut Draft,
) -> Result<Clearance, Refusal> {
    let decision = asker.decide_model(request, inspection);
    decision.iter().for_each(|decision| draft.decision(decision));
    Clearance::of(decision)
}

fn declared_tools(request: &Request<'_>) -> Vec<DeclaredTool> {
    let schema = |id| request.document.raw(id).to_owned();
    let tools = request.tools.iter();
    tools.map(|tool| DeclaredTool { name: tool.name.clone(), schema: tool.schema.map(schema) }).collect()
}

/// Takes what the request may use at most out of every limit that applies.
fn reserve(asker: &Asker<'_>, cleared: &ClearedRequest, draft: &Draft) -> Result<Reservation, Refusal> {
    let worst = settlement::worst_case(asker, cleared)?;
    let demand = Demand {
        principal: asker.principal,
        model: asker.model,
        tokens: worst.tokens,
        nano_usd: worst.nano_usd,
    };
    asker.snapshot.ledger.reserve(&demand, draft.unix_millis()).map_err(|exceeded| {
        hardpan_telemetry::metrics::quota_denied(&exceeded.limit, exceeded.unit.name());
        Refusal::Quota(exceeded)
    })
}

/// From the cache where policy allows it, else from AWS; either way through the same inspectors.
async fn answer(
    context: &AnswerContext<'_>,
    target: &Target,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    reservation: &Reservation,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Outcome {
    let snapshot = context.asker.snapshot;
    let key = cache_key(context.asker, target, clearance, cleared, downstream);
    if let (Some(cache), Some((key, _))) = (&snapshot.cache, &key) {
        draft.cache = "miss";
        if let Some(entry) = cache.get(key) {
            draft.cache = "exact";
            return respond::from_cache(context, &entry, downstream, draft).await;
        }
    }
    let region = context.asker.region;
    let headers = downstream.headers();
    let prepared = forward::prepare(snapshot, target, region, headers, clearance, cleared, reservation);
    draft.stage("signing");
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(refusal) => return Outcome::refused(refusal),
    };
    draft.attempts = 1;
    tokio::select! {
        biased;
        sent = forward::send(snapshot, &prepared) => match sent {
            Ok(answer) => respond::from_upstream(context, answer, key, downstream, draft).await,
            Err(refusal) => Outcome::unanswered(refusal),
        },
        () = downstream.left() => respond::left(Completion::default(), draft),
    }
}

/// The key of an answer that policy lets be shared within a scope; none where it must not be kept.
fn cache_key(
    asker: &Asker<'_>,
    target: &Target,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    downstream: &Downstream<'_>,
) -> Option<(CacheKey, Duration)> {
    let CacheRule::On { scope, ttl_s } = clearance.cache() else { return None };
    let principal = asker.principal;
    // Quoted, so that no choice of names makes two scopes one.
    let scope = match scope {
        CacheScope::Org => "org".to_owned(),
        CacheScope::Team => format!("team {:?}", principal.team),
        CacheScope::App => format!("app {:?} {:?}", principal.team, principal.app),
        // Without a user there is nobody to keep it for.
        CacheScope::User => {
            format!("user {:?} {:?} {:?}", principal.team, principal.app, principal.user.as_deref()?)
        }
    };
    let shaping: Vec<&[u8]> =
        cleared.shaping.iter().filter_map(|range| cleared.body().get(range.clone())).collect();
    let body = shaping.concat();
    let headers = forward::shaping_headers(downstream.headers());
    let guardrail =
        cleared.guardrail.as_ref().map(|guardrail| format!("{}:{}", guardrail.id, guardrail.version));
    let parts = KeyParts {
        operation: target.operation,
        model: &target.model,
        region: asker.region,
        headers: &headers,
        body: &[&body],
        scope: &scope,
        // The bundle's digest covers its data.
        policy_revision: asker.snapshot.policy_revision(),
        data_revision: "",
        guardrail: guardrail.as_deref(),
    };
    Some((parts.key(), Duration::from_secs(ttl_s)))
}
