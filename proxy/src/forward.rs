//! Sending a cleared request to AWS under Hardpan's own credentials.
//!
//! [`prepare`] takes the three proofs: policy's clearance, the body as cleared, and a reservation of quota; [`send`]
//! takes only what it made. The caller's credentials, transport headers and anything not on the list below stay behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use bytes::Bytes;
use hardpan_aws::event_signing::ChainSigner;
use hardpan_aws::signer::{self, Outgoing};
use hardpan_aws::skew::is_skew_error;
use hardpan_aws::verifier::STREAMING_PAYLOAD;
use hardpan_inference::operation::{Service, Target};
use hardpan_quotas::Reservation;
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::clearance::{Asker, Clearance, ClearedRequest};
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::trace::Carried;
use crate::upstream::{Call, Conversation, UpstreamAnswer};

/// Headers of a caller that reach AWS. The signed ones shape the call.
const SIGNED: [&str; 2] = ["content-type", "accept"];
const SIGNED_OF_BEDROCK: [&str; 9] = [
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-request-metadata",
    "anthropic-version",
    "anthropic-beta",
];
const SIGNED_OF_SAGEMAKER: [&str; 16] = [
    "x-amzn-sagemaker-content-type",
    "x-amzn-sagemaker-accept",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-target-variant",
    "x-amzn-sagemaker-target-container-hostname",
    "x-amzn-sagemaker-inference-id",
    "x-amzn-sagemaker-enable-explanations",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-session-id",
    "x-amzn-sagemaker-prefix-aware-id",
    "x-amzn-sagemaker-inputlocation",
    "x-amzn-sagemaker-s3outputpathextension",
    "x-amzn-sagemaker-filename",
    "x-amzn-sagemaker-requestttlseconds",
    "x-amzn-sagemaker-invocationtimeoutseconds",
];
/// Of a router policy is told only where it is to route.
const SIGNED_OF_ROUTERS: [&str; 11] = [
    "x-amzn-sagemaker-routing-target-name",
    "x-amzn-sagemaker-content-type",
    "x-amzn-sagemaker-accept",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-inference-id",
    "x-amzn-sagemaker-prefix-aware-id",
    "x-amzn-sagemaker-inputlocation",
    "x-amzn-sagemaker-s3outputpathextension",
    "x-amzn-sagemaker-filename",
    "x-amzn-sagemaker-requestttlseconds",
    "x-amzn-sagemaker-invocationtimeoutseconds",
];
const SIGNED_OF_AGENTS: [&str; 1] = ["x-amz-source-arn"];
const SIGNED_OF_AGENTCORE: [&str; 9] = [
    "x-amzn-bedrock-agentcore-runtime-session-id",
    "x-amzn-bedrock-agentcore-runtime-user-id",
    "x-amzn-code-interpreter-session-id",
    "x-amzn-browser-session-id",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "x-amzn-trace-id",
];
const UNSIGNED: [&str; 1] = ["user-agent"];

const LABELS: HeaderName = HeaderName::from_static("x-amzn-bedrock-request-metadata");
const ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");

/// The caller's headers that travel on, for a service.
fn signed_names(service: Service) -> impl Iterator<Item = &'static str> {
    let own: &[&str] = match service {
        Service::BedrockRuntime | Service::Mantle => &SIGNED_OF_BEDROCK,
        Service::SagemakerRuntime => &SIGNED_OF_SAGEMAKER,
        Service::InferenceRouter => &SIGNED_OF_ROUTERS,
        Service::AgentRuntime => &SIGNED_OF_AGENTS,
        Service::AgentCore => &SIGNED_OF_AGENTCORE,
        Service::Bedrock => &[],
    };
    SIGNED.iter().chain(own).copied()
}

/// What of a caller's head travels on. Its credentials and transport headers go no further than its verification.
pub fn passing(service: Service, headers: &HeaderMap) -> HeaderMap {
    let names = signed_names(service).chain(UNSIGNED);
    names.filter_map(|name| Some((HeaderName::from_static(name), headers.get(name)?.clone()))).collect()
}

/// The header in which a caller's words travel beside the body, where the service has one.
pub fn labels(service: Service, headers: &HeaderMap) -> Option<&str> {
    let name = match service {
        Service::SagemakerRuntime | Service::InferenceRouter => ATTRIBUTES,
        _ => LABELS,
    };
    headers.get(name)?.to_str().ok()
}

/// The caller's headers that shape an answer, for the cache's key.
pub fn shaping_headers(service: Service, headers: &HeaderMap) -> Vec<(&'static str, &str)> {
    signed_names(service)
        .filter(|name| *name != LABELS.as_str())
        .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)))
        .collect()
}

/// A signed request, and what it was signed with: a later refusal is judged by that, not by what is current then.
pub struct Signed {
    pub call: Call,
    credentials: Arc<Credentials>,
    skew_s: i64,
}

/// A signed request of a caller's. Only [`prepare`] makes one.
pub struct Prepared(Signed);

/// Builds and signs the request.
pub fn prepare(
    snapshot: &Snapshot,
    target: &Target,
    region: &str,
    caller_headers: &HeaderMap,
    _clearance: &Clearance,
    cleared: &ClearedRequest,
    _reservation: &Reservation,
) -> Result<Prepared, Refusal> {
    let service = target.operation.service();
    let mut headers = HeaderMap::with_capacity(12);
    for name in signed_names(service) {
        if let Some(value) = caller_headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(guardrail) = cleared.guardrail_header() {
        for (name, value) in [
            ("x-amzn-bedrock-guardrailidentifier", &guardrail.id),
            ("x-amzn-bedrock-guardrailversion", &guardrail.version),
        ] {
            let value = HeaderValue::from_str(value).map_err(|_| Refusal::Signing)?;
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    // One of the two chooses the model, and policy was told of the first.
    if headers.contains_key("x-amzn-sagemaker-target-model") {
        headers.remove("x-amzn-sagemaker-target-container-hostname");
    }
    if cleared.drops_labels() {
        headers.remove(&LABELS);
        headers.remove(&ATTRIBUTES);
    }
    if let Some(tags) = cleared.tags_header().filter(|_| service == Service::BedrockRuntime) {
        let own = headers.get(&LABELS).and_then(|own| serde_json::from_slice(own.as_bytes()).ok());
        let mut labels: BTreeMap<String, String> = own.unwrap_or_default();
        labels.extend(tags.clone());
        let text = serde_json::to_string(&labels).map_err(|_| Refusal::Signing)?;
        headers.insert(LABELS, HeaderValue::try_from(text).map_err(|_| Refusal::Signing)?);
    }
    let call = Call {
        service,
        method: target.operation.method(),
        path: target.path(),
        region: region.to_owned(),
        headers,
        body: cleared.body().clone(),
    };
    let mut signed = sign_hashed(snapshot, call, cleared.body_sha256())?;
    for name in UNSIGNED {
        if let Some(value) = caller_headers.get(name) {
            signed.call.headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    Ok(Prepared(signed))
}

/// Signs a call of Hardpan's own.
pub fn sign(snapshot: &Snapshot, call: Call) -> Result<Signed, Refusal> {
    let hash = Sha256::digest(&call.body).into();
    sign_hashed(snapshot, call, &hash)
}

fn sign_hashed(snapshot: &Snapshot, mut call: Call, body_sha256: &[u8; 32]) -> Result<Signed, Refusal> {
    let host = snapshot.upstream.endpoint(call.service)?.authority(&call.region);
    let signed: Vec<(&str, &str)> =
        call.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    if signed.len() != call.headers.len() {
        return Err(Refusal::Head);
    }
    let credentials = snapshot.credentials.current().ok_or(Refusal::Credentials)?;
    let outgoing =
        Outgoing { method: call.method, host: &host, path: &call.path, headers: &signed, body_sha256 };
    let (now, skew_s) = snapshot.skew.corrected(SystemTime::now());
    let added = signer::sign_headers(&outgoing, &credentials, &call.region, call.service.signing_name(), now)
        .map_err(|_| Refusal::Signing)?;
    for (name, value) in added {
        let name = HeaderName::try_from(name).map_err(|_| Refusal::Signing)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| Refusal::Signing)?;
        value.set_sensitive(true);
        call.headers.insert(name, value);
    }
    call.headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(Signed { call, credentials, skew_s })
}

/// Opens a conversation: its head signed, and the chain that its events will be signed in.
pub async fn open(
    asker: &Asker<'_>,
    _clearance: &Clearance,
    cleared: &ClearedRequest,
    draft: &mut Draft,
) -> Result<(Conversation, ChainSigner), Refusal> {
    let snapshot = asker.snapshot;
    if cleared.guardrail_header().is_some() {
        return Err(Refusal::Unenforceable { obligation: "guardrail" });
    }
    let (service, region) = (asker.operation.service(), asker.region);
    let host = snapshot.upstream.endpoint(service)?.authority(region);
    let path = asker.target.path();
    let headers =
        [("content-type", "application/vnd.amazon.eventstream"), ("x-amz-content-sha256", STREAMING_PAYLOAD)];
    let outgoing = Outgoing {
        method: asker.operation.method(),
        host: &host,
        path: &path,
        headers: &headers,
        body_sha256: &[0; 32],
    };
    let credentials = snapshot.credentials.current().ok_or(Refusal::Credentials)?;
    let (now, _) = snapshot.skew.corrected(SystemTime::now());
    let (added, seed) =
        signer::sign_streaming_head(&outgoing, &credentials, region, service.signing_name(), now)
            .map_err(|_| Refusal::Signing)?;
    let mut map = HeaderMap::with_capacity(8);
    for (name, value) in
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(added)
    {
        let name = HeaderName::try_from(name).map_err(|_| Refusal::Signing)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| Refusal::Signing)?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    draft.call_began(&host).add_to(&mut map);
    let method = asker.operation.method();
    let call = Call { service, method, path, region: region.to_owned(), headers: map, body: Bytes::new() };
    let conversation = snapshot.upstream.open(&call).await?;
    let secret = credentials.secret_access_key();
    Ok((conversation, ChainSigner::new(secret, region, service.signing_name(), &seed)))
}

/// Whether AWS refused Hardpan's own signature for a reason that passes: the credentials have expired, or the clock
/// is wrong. What can be done about it is done, and the request may be signed and sent anew: nothing of it was run.
pub async fn repaired(snapshot: &Snapshot, signed: &Signed, answer: &UpstreamAnswer) -> bool {
    if !matches!(answer.status, 400 | 401 | 403) {
        return false;
    }
    let text =
        |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text("x-amzn-errortype").split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    if matches!(kind, "ExpiredTokenException" | "ExpiredToken") {
        return snapshot.credentials.refresh_now(&signed.credentials).await.is_ok();
    }
    is_skew_error(kind) && snapshot.skew.observe(text("date"), SystemTime::now(), signed.skew_s)
}

/// What AWS answered to a call of Hardpan's own.
pub struct OwnAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Makes a call of Hardpan's own and reads its answer whole; once more where it was Hardpan's signature that was
/// refused.
pub async fn ask(
    snapshot: &Snapshot,
    call: impl Fn() -> Call,
    bytes_max: usize,
) -> Result<OwnAnswer, Refusal> {
    let signed = sign(snapshot, call())?;
    let mut answer = snapshot.upstream.send(&signed.call).await?;
    if repaired(snapshot, &signed, &answer).await {
        answer = snapshot.upstream.send(&sign(snapshot, call())?.call).await?;
    }
    let body = answer.read_at_most(bytes_max).await?.ok_or(Refusal::AnswerTooLarge { bytes_max })?;
    let (status, headers) = (answer.status, answer.headers.clone());
    snapshot.upstream.release(answer).await;
    Ok(OwnAnswer { status, headers, body })
}

impl Prepared {
    pub fn signed(&self) -> &Signed {
        &self.0
    }

    /// Where it goes to: the `Host` of the call.
    pub fn address(&self, snapshot: &Snapshot) -> Result<String, Refusal> {
        let call = &self.0.call;
        Ok(snapshot.upstream.endpoint(call.service)?.authority(&call.region))
    }

    /// Adds the trace context, which no signature covers: each sending has its own.
    pub fn carry(&mut self, carried: Carried) {
        carried.add_to(&mut self.0.call.headers);
    }
}

/// Sends it. One call: nothing is retried after a byte of an answer came.
pub async fn send(snapshot: &Snapshot, prepared: &Prepared) -> Result<UpstreamAnswer, Refusal> {
    snapshot.upstream.send(&prepared.0.call).await.map_err(|error| {
        metrics::upstream_failed(error.reason());
        error.into()
    })
}
