//! The life of a request, from its head to its settlement. Read this first.
//!
//! [`exchange`] owns the order and the branches; every step it calls does one thing. Each `?` is a refusal, which
//! [`crate::service`] turns into an answer and a record.

use std::collections::BTreeMap;
use std::time::Duration;

use hardpan_aws::error::ErrorDialect;
use hardpan_caches::{CacheKey, KeyParts};
use hardpan_filters::inspection::Inspection;
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::model_id::{ModelId, ModelKind};
use hardpan_inference::operation::{self, Asks, RouteError, Service, Streams, Target};
use hardpan_inference::principal::Principal;
use hardpan_inference::request::Dialect;
use hardpan_policies::{Action, CacheRule, CacheScope};
use hardpan_quotas::{Demand, Reservation, Spend};
use hardpan_telemetry::lines::LineLog;

use crate::answer::{AnswerContext, Completion};
use crate::approvals;
use crate::clearance::{Asker, Clearance, ClearedRequest, DeclaredTool, carry_out, drop_tools, session};
use crate::config::{OpaqueBody, matches};
use crate::downstream::Downstream;
use crate::forward::Prepared;
use crate::identity::{self, Claim, SignedBody};
use crate::payload::Payload;
use crate::record::{Draft, PassedOn};
use crate::refusal::Refusal;
use crate::respond::{self, Outcome};
use crate::snapshot::Snapshot;
use crate::upstream::{UpstreamAnswer, UpstreamError};
use crate::{allowance, counting, duplex, forward, models, route, settlement, sharing};

/// What a model says that does not answer: another one may.
const PASSED_ON: [u16; 7] = [408, 424, 429, 500, 502, 503, 504];
/// Bodies above this are inspected off the event loop's turn.
const INSPECT_INLINE_BYTES_MAX: usize = 256 << 10;

/// Runs one request. On an error nothing has been written to the caller unless `downstream` says so.
pub async fn exchange(
    snapshot: &Snapshot,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let (target, claim) = read_head(snapshot, downstream, draft)?;
    let _place = snapshot.admission.enter(body_bytes_expected(snapshot, &target, downstream))?;
    draft.stage("head");
    if target.operation.streams() == Streams::Both {
        return duplex::exchange(snapshot, &target, &claim, downstream, draft).await;
    }

    let payload = read_body(snapshot, &target, downstream, draft).await?;
    let mut principal = verify(snapshot, &claim, SignedBody::Hash(&payload.sha256), downstream, draft)?;
    draft.stage("identity");
    snapshot.feedback.iter().for_each(|desk| desk.remember(&draft.request_id, &principal));

    let region = claim.region();
    let mut model = models::resolve(snapshot, models::named_by(&target), region).await?;
    let request = parse(snapshot, &target, &model, &payload)?;
    let more_models = named_models(snapshot, &target, &request, &mut model, region).await?;
    draft.request(&model, &request.facts);
    let metadata = label(&mut principal, &claim, downstream, &request, draft);
    let labels = forward::labels(target.operation.service(), downstream.headers()).map(str::to_owned);
    let labels = labels.as_deref();
    let inspection = inspect(snapshot, &request, labels, payload.raw.len());
    draft.inspection(&inspection, snapshot.config.guards.injection);
    draft.stage("inspection");

    let headers = forward::passing(target.operation.service(), downstream.headers());
    let request_id = draft.request_id.clone();
    let asker = Asker {
        snapshot,
        request_id: &request_id,
        body_sha256: payload.sha256,
        operation: target.operation,
        target: &target,
        region,
        principal: &principal,
        model: &model,
        model_behind: ModelId::parse(model.base()).ok(),
        more_models: &more_models,
        headers: &headers,
        ip: snapshot.policy.as_ref().and_then(|_| downstream.ip()),
        now_unix: draft.unix_seconds(),
        metadata: &metadata,
        session: session(snapshot, &target, &principal, &request),
        routed_from: None,
    };
    let clearance = asker.clear(&request, &inspection, draft)?;
    if clearance.logs_content() {
        snapshot.feedback.iter().for_each(|desk| desk.keep_comments(&draft.request_id));
    }
    draft.stage("policy");
    let pass = approvals::admit(
        &asker,
        &clearance,
        &request.facts,
        &inspection.signals,
        &payload,
        downstream,
        draft,
    )
    .await?;
    let asked = Attempt {
        asker: &asker,
        clearance: &clearance,
        payload: &payload,
        request: &request,
        inspection: &inspection,
        labels,
        may_pass_on: false,
    };
    let outcome = if clearance.route().is_some() {
        routed(asked, downstream, draft).await
    } else {
        attempt(asked, downstream, draft).await.map(|tried| tried.outcome)
    };
    if let Some(pass) = pass
        && outcome.as_ref().map_or(true, |outcome| !uses_approval(outcome, draft))
    {
        pass.give_back(snapshot);
    }
    outcome?.into_result()
}

/// Whether what people approved has happened: the model was called, and its answer is not itself kept for people to
/// approve. Such a request is sent again, is then the same one, and has happened once it gets the answer that was kept.
fn uses_approval(outcome: &Outcome, draft: &Draft) -> bool {
    let got_kept_answer = draft.cache == "parked" && draft.status != 0;
    (outcome.reached_model || got_kept_answer)
        && !matches!(outcome.failure, Some(Refusal::ApprovalRequired(_)))
}

/// A request that policy let go on, to one model.
struct Attempt<'x, 'a> {
    asker: &'x Asker<'a>,
    clearance: &'x Clearance,
    payload: &'x Payload,
    request: &'x Request<'x>,
    inspection: &'x Inspection,
    labels: Option<&'x str>,
    /// Another model would be called if this one does not answer.
    may_pass_on: bool,
}

/// What became of an attempt.
struct Tried {
    outcome: Outcome,
    /// The model did not answer, and the caller was told nothing.
    passed_on: Option<PassedOn>,
}

impl From<Outcome> for Tried {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, passed_on: None }
    }
}

/// Calls the models of policy's route until one answers.
async fn routed(
    asked: Attempt<'_, '_>,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<Outcome, Refusal> {
    let Attempt { asker, clearance, payload, request, inspection, labels, .. } = asked;
    let candidates = route::candidates(asker, clearance.clone(), request, inspection, payload, draft).await?;
    let mut candidates = candidates.into_iter();
    while let Some(mut candidate) = candidates.next() {
        candidate.note(draft);
        let asker = asker.of(&candidate.target, &candidate.model);
        let request = asker.parse(&candidate.payload)?;
        let inspection = inspect(asker.snapshot, &request, labels, candidate.payload.raw.len());
        // What the question about this model demands beyond what was asked for already.
        let demands_more = candidate.clearance.approval() != clearance.approval();
        let pass = match demands_more {
            true => {
                let (facts, signals) = (&request.facts, &inspection.signals);
                let clearance = &candidate.clearance;
                approvals::admit(&asker, clearance, facts, signals, &candidate.payload, downstream, draft)
                    .await?
            }
            false => None,
        };
        let next = Attempt {
            asker: &asker,
            clearance: &candidate.clearance,
            payload: &candidate.payload,
            request: &request,
            inspection: &inspection,
            labels,
            may_pass_on: candidates.len() > 0,
        };
        let tried = attempt(next, downstream, draft).await;
        if let Some(pass) = pass
            && tried.as_ref().map_or(true, |tried| !uses_approval(&tried.outcome, draft))
        {
            pass.give_back(asker.snapshot);
        }
        let tried = tried?;
        match tried.passed_on {
            None => return Ok(tried.outcome),
            Some(why) => draft.passed_on(asker.model, why),
        }
    }
    // The last one never passes on, so only a route to nobody comes here.
    Err(Refusal::Unenforceable { obligation: "route" })
}

/// From a cleared request to its settlement.
async fn attempt(
    attempt: Attempt<'_, '_>,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<Tried, Refusal> {
    let Attempt { asker, clearance, payload, request, inspection, labels, may_pass_on } = attempt;
    let snapshot = asker.snapshot;
    let mut tools = declared_tools(request);
    tools.retain(|tool| !clearance.drops(&tool.name));
    let trimmed = drop_tools(clearance, request, payload)?;
    let mut mapping = sharing::begin(asker, clearance, request, draft).await;
    let vault = &mut mapping.vault;
    let mut cleared = match trimmed {
        None => carry_out(asker, clearance, request, inspection, payload.clone(), vault)?,
        Some(trimmed) => {
            let request = asker.parse(&trimmed)?;
            let inspection = inspect(snapshot, &request, labels, trimmed.raw.len());
            carry_out(asker, clearance, &request, &inspection, trimmed.clone(), vault)?
        }
    };
    draft.redactions = cleared.redactions;
    draft.stage("redaction");
    sharing::keep(asker, &mapping, draft).await?;
    counting::count(asker, clearance, &mut cleared, draft).await?;

    let reservation = reserve(asker, clearance, &cleared, draft).await?;
    let unreadable_tools = request.facts.tools_unreadable;
    let dialect = cleared.dialect;
    let redaction = crate::answer::redaction(clearance);
    let context = AnswerContext {
        asker,
        dialect,
        vault: &mapping.vault,
        redaction: &redaction,
        tools: &tools,
        unreadable_tools,
        judged: asker.operation.generates() && asker.hears_of(Action::ModelRespond),
        parking: approvals::parking_key(asker, &cleared)
            .filter(|_| !tools.is_empty() || dialect == Dialect::Agent),
        deadline: clearance.deadline(draft.elapsed()),
    };
    let tried = answer(&context, clearance, &cleared, &reservation, may_pass_on, downstream, draft).await;
    settlement::settle(asker, &cleared, reservation, &tried.outcome, draft);
    Ok(tried)
}

/// Which operation is asked for, and by whom, from a head that can be trusted to mean one thing.
fn read_head(
    snapshot: &Snapshot,
    downstream: &Downstream<'_>,
    draft: &mut Draft,
) -> Result<(Target, Claim), Refusal> {
    if downstream.has_conflicting_framing() {
        return Err(Refusal::Framing);
    }
    let prefixes = &snapshot.config.identity.prefixes;
    let (prefix, raw_target) = identity::strip(prefixes, downstream.raw_target());
    draft.path_dialect = ErrorDialect::of_path(raw_target);
    let signing_name = identity::signing_name(downstream.headers(), prefix);
    let target = operation::route(downstream.method(), raw_target, signing_name)?;
    draft.target(&target);
    let encoding = downstream.headers().get(http::header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    if snapshot.records.must_refuse() || snapshot.decisions.as_ref().is_some_and(LineLog::must_refuse) {
        return Err(Refusal::RecordsUnavailable);
    }
    let (identity, config) = (&snapshot.identity, &snapshot.config);
    let (head, now) = (downstream.head(), draft.unix_seconds());
    let claim = identity::claim(identity, config, &head, target.operation, prefix, now)?;
    draft.region = Some(claim.region().to_owned());
    Ok((target, claim))
}

/// Proves who the caller is.
pub fn verify(
    snapshot: &Snapshot,
    claim: &Claim,
    body: SignedBody<'_>,
    downstream: &Downstream<'_>,
    draft: &mut Draft,
) -> Result<Principal, Refusal> {
    let (identity, config) = (&snapshot.identity, &snapshot.config);
    let now = draft.unix_seconds();
    let principal = identity::verify(claim, identity, config, &downstream.head(), body, now)?;
    draft.principal(&principal);
    Ok(principal)
}

/// A conversation is never held; anything else may have to be, whole.
fn body_bytes_expected(snapshot: &Snapshot, target: &Target, downstream: &mut Downstream<'_>) -> usize {
    let limits = &snapshot.config.limits;
    match target.operation.streams() {
        Streams::Both => limits.held_stream_bytes_max,
        _ => downstream.body_bytes_expected(limits.body_bytes_max),
    }
}

async fn read_body(
    snapshot: &Snapshot,
    target: &Target,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<Payload, Refusal> {
    let limits = &snapshot.config.limits;
    let body = downstream.read_body(limits.body_bytes_max, limits.body_timeout).await?;
    draft.skip_waiting();
    Ok(Payload::of(body, target.operation.body(), limits.json))
}

/// Reads a body as the operation and its model have it.
pub fn parse<'b>(
    snapshot: &Snapshot,
    target: &Target,
    model: &ModelId,
    payload: &'b Payload,
) -> Result<Request<'b>, Refusal> {
    let config = &snapshot.config;
    let name = target.member("EndpointName").or(target.member("InferenceRouterName"));
    let endpoint = name.and_then(|name| config.sagemaker.iter().find(|own| matches(&own.name, name)));
    let parsing = Parsing {
        operation: target.operation,
        model: Some(model).filter(|model| !model.base().is_empty() || model.kind() == ModelKind::Prompt),
        dialect: payload.dialect().or(endpoint.and_then(|endpoint| endpoint.dialect)),
        limits: config.limits.json,
    };
    let mut request = Request::parse(&parsing, payload.json())?;
    if name.is_some()
        && !request.facts.parsed
        && endpoint.is_none_or(|own| own.opaque_body == OpaqueBody::Deny)
    {
        return Err(Refusal::OpaqueBody);
    }
    request.facts.content_elsewhere |= target.operation.answers_elsewhere();
    let messages = &request.facts.messages;
    request.facts.est_tokens = hardpan_quotas::estimate_input_tokens(
        messages.text_bytes,
        messages.count,
        messages.images,
        messages.documents,
    );
    Ok(request)
}

/// Models the body names: the first is the request's model where the path names none.
async fn named_models(
    snapshot: &Snapshot,
    target: &Target,
    request: &Request<'_>,
    model: &mut ModelId,
    region: &str,
) -> Result<Vec<ModelId>, Refusal> {
    let mut more = Vec::new();
    for name in request.model_named.iter().chain(&request.models_also_named) {
        // An endpoint's container knows its model; what the body calls it means nothing to anybody else.
        if model.kind() == ModelKind::Endpoint {
            return Ok(more);
        }
        let named = ModelId::parse(name).map_err(RouteError::ModelId)?;
        let named = models::resolve(snapshot, named, region).await?;
        if model.kind() == ModelKind::None {
            *model = named;
        } else if named != *model {
            more.push(named);
        }
    }
    let needs_model = target.operation.asks() == Asks::ModelInvoke;
    if needs_model && model.kind() == ModelKind::None {
        return Err(Refusal::NoModel);
    }
    Ok(more)
}

/// The labels an app puts on its request: who the end user is, which feature, which version of a prompt.
pub fn label(
    principal: &mut Principal,
    claim: &Claim,
    downstream: &Downstream<'_>,
    request: &Request<'_>,
    draft: &mut Draft,
) -> BTreeMap<String, String> {
    let mut metadata = request.facts.metadata.clone();
    let headers = downstream.headers();
    let native = forward::labels(Service::BedrockRuntime, headers);
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
    // A user that a token names is known better than one that an app claims.
    if principal.user.is_none() {
        principal.user = metadata.get("user").filter(|user| !user.is_empty()).cloned();
    }
    draft.user.clone_from(&principal.user);
    draft.labels(&metadata);
    metadata
}

fn inspect(snapshot: &Snapshot, request: &Request<'_>, labels: Option<&str>, bytes: usize) -> Inspection {
    if snapshot.inspector.is_off() {
        return Inspection::default();
    }
    if bytes > INSPECT_INLINE_BYTES_MAX {
        return tokio::task::block_in_place(|| snapshot.inspector.inspect(request, labels));
    }
    snapshot.inspector.inspect(request, labels)
}

fn declared_tools(request: &Request<'_>) -> Vec<DeclaredTool> {
    let schema = |id| request.document.raw(id).to_owned();
    let tools = request.tools.iter();
    tools.map(|tool| DeclaredTool { name: tool.name.clone(), schema: tool.schema.map(schema) }).collect()
}

/// Takes what the request may use at most out of every limit that applies, and notes what is left for the caller.
pub async fn reserve(
    asker: &Asker<'_>,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    draft: &mut Draft,
) -> Result<Reservation, Refusal> {
    draft.input_basis = asker.operation.generates().then_some(cleared.input.basis);
    let worst = settlement::worst_case(asker, cleared, cleared.input.reserved())?;
    take(asker, clearance, worst, draft).await
}

/// Takes so much out of every limit that applies.
pub async fn take(
    asker: &Asker<'_>,
    clearance: &Clearance,
    worst: Spend,
    draft: &mut Draft,
) -> Result<Reservation, Refusal> {
    // Each model of a route is paid for by itself.
    draft.reservations += 1;
    let request = format!("{} {}", draft.request_id, draft.reservations);
    let demand = Demand {
        principal: asker.principal,
        model: asker.model,
        tokens: worst.tokens,
        nano_usd: worst.nano_usd,
        request: &request,
        extra: &clearance.limits(),
    };
    let reserved = asker.snapshot.ledger.reserve(&demand, draft.unix_millis()).await;
    if asker.snapshot.config.quota.tells_callers {
        let limits = match &reserved {
            Ok(reservation) => reservation.left(),
            Err(exceeded) => exceeded.status.iter().cloned().collect(),
        };
        draft
            .headers
            .extend(allowance::headers(&limits).into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    reserved.map_err(|exceeded| {
        if !exceeded.gone {
            hardpan_telemetry::metrics::quota_denied(exceeded.name_told(), exceeded.unit.name());
        }
        Refusal::Quota(exceeded)
    })
}

/// From the cache where policy allows it, else from AWS; either way through the same inspectors.
async fn answer(
    context: &AnswerContext<'_>,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    reservation: &Reservation,
    may_pass_on: bool,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Tried {
    let snapshot = context.asker.snapshot;
    let key = cache_key(context.asker, clearance, cleared);
    if let (Some(cache), Some((key, _))) = (&snapshot.cache, &key) {
        draft.cache = "miss";
        if let Some(entry) = cache.get(key) {
            draft.cache = "exact";
            return respond::from_cache(context, &entry, downstream, draft).await.into();
        }
    }
    let parked = snapshot.approvals.as_ref().zip(context.parking);
    if let Some(entry) = parked.and_then(|(approvals, key)| approvals.parked.get(&key)) {
        draft.cache = "parked";
        return respond::from_cache(context, &entry, downstream, draft).await.into();
    }
    draft.attempts = 1;
    let sent = tokio::select! {
        biased;
        sent = send(context.asker, clearance, cleared, reservation, draft) => sent,
        () = downstream.left() => return respond::left(Completion::default(), draft).into(),
        () = respond::until(context.deadline) => {
            return Outcome::unanswered(Refusal::Upstream(UpstreamError::Timeout)).into();
        }
    };
    match sent {
        Ok(answer) if may_pass_on && PASSED_ON.contains(&answer.status) => {
            let outcome = Outcome { completion: Completion::default(), reached_model: false, failure: None };
            let why = PassedOn {
                status: answer.status,
                error: respond::error_of(&answer.headers),
                aws_request_id: respond::request_id_of(&answer.headers),
            };
            Tried { outcome, passed_on: Some(why) }
        }
        Ok(answer) => {
            let outcome = respond::from_upstream(context, answer, key, downstream, draft).await;
            draft.call_ended();
            outcome.into()
        }
        Err(refusal) => {
            let passed_on = (may_pass_on && matches!(refusal, Refusal::Upstream(_))).then(|| PassedOn {
                status: 0,
                error: Some(refusal.code().to_owned()),
                aws_request_id: None,
            });
            Tried { outcome: Outcome::unanswered(refusal), passed_on }
        }
    }
}

/// Signs and sends; once more where it was Hardpan's own signature that AWS refused.
async fn send(
    asker: &Asker<'_>,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    reservation: &Reservation,
    draft: &mut Draft,
) -> Result<UpstreamAnswer, Refusal> {
    let snapshot = asker.snapshot;
    let prepare = || {
        forward::prepare(snapshot, asker.target, asker.region, asker.headers, clearance, cleared, reservation)
    };
    let mut prepared = prepare()?;
    let answer = traced(snapshot, &mut prepared, draft).await?;
    if !forward::repaired(snapshot, prepared.signed(), &answer).await {
        return Ok(answer);
    }
    let attempts = answer.attempts;
    drop(answer);
    let mut answer = traced(snapshot, &mut prepare()?, draft).await?;
    answer.attempts += attempts;
    Ok(answer)
}

/// Sends under a span of its own.
async fn traced(
    snapshot: &Snapshot,
    prepared: &mut Prepared,
    draft: &mut Draft,
) -> Result<UpstreamAnswer, Refusal> {
    prepared.carry(draft.call_began(&prepared.address(snapshot)?));
    let answer = forward::send(snapshot, prepared).await.inspect_err(|refusal| draft.call_failed(refusal))?;
    draft.call_answered(answer.status, answer.attempts);
    Ok(answer)
}

/// The key of an answer that policy lets be shared within a scope; none where it must not be kept.
fn cache_key(
    asker: &Asker<'_>,
    clearance: &Clearance,
    cleared: &ClearedRequest,
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
        cleared.shaping.iter().filter_map(|range| cleared.json().get(range.clone())).collect();
    let body = shaping.concat();
    let path = asker.target.path();
    let mut headers = forward::shaping_headers(asker.operation.service(), asker.headers);
    headers.push((":path", &path));
    headers.push((":service", asker.operation.service().name()));
    let guardrail =
        cleared.guardrail.as_ref().map(|guardrail| format!("{}:{}", guardrail.id, guardrail.version));
    let parts = KeyParts {
        operation: asker.operation,
        model: asker.model,
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
