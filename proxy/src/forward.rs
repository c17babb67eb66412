//! Sending a cleared request to AWS under Hardpan's own credentials.
//!
//! [`prepare`] takes the three proofs: policy's clearance, the body as cleared, and a reservation of quota; [`send`]
//! takes only what it made. The caller's credentials, transport headers and anything not on the list below stay behind.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hardpan_aws::signer::{self, Outgoing};
use hardpan_inference::operation::Target;
use hardpan_quotas::Reservation;
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clearance::{Clearance, ClearedRequest};
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::upstream::{Call, UpstreamAnswer};

/// Headers of a caller that reach AWS. The signed ones shape the call.
const SIGNED: [&str; 9] = [
    "content-type",
    "accept",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-trace",
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-request-metadata",
];
const UNSIGNED: [&str; 1] = ["user-agent"];

/// The caller's headers that shape an answer, for the cache's key.
pub fn shaping_headers(headers: &HeaderMap) -> Vec<(&'static str, &str)> {
    SIGNED
        .into_iter()
        .filter(|name| *name != "x-amzn-bedrock-request-metadata")
        .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)))
        .collect()
}

/// A signed request. Only [`prepare`] makes one.
pub struct Prepared(Call);

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
    let path = target.path();
    let mut headers = HeaderMap::with_capacity(SIGNED.len() + 6);
    for name in SIGNED {
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
    let name = HeaderName::from_static("x-amzn-bedrock-request-metadata");
    if cleared.drops_labels() {
        headers.remove(&name);
    }
    if let Some(tags) = cleared.tags_header() {
        let own = headers.get(&name).and_then(|own| serde_json::from_slice(own.as_bytes()).ok());
        let mut labels: BTreeMap<String, String> = own.unwrap_or_default();
        labels.extend(tags.clone());
        let text = serde_json::to_string(&labels).map_err(|_| Refusal::Signing)?;
        headers.insert(name, HeaderValue::try_from(text).map_err(|_| Refusal::Signing)?);
    }
    let host = snapshot.upstream.endpoint().authority(region);
    let signed: Vec<(&str, &str)> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    if signed.len() != headers.len() {
        return Err(Refusal::Head);
    }
    let credentials = snapshot.credentials.current().ok_or(Refusal::Credentials)?;
    let outgoing = Outgoing {
        method: "POST",
        host: &host,
        path: &path,
        headers: &signed,
        body_sha256: cleared.body_sha256(),
    };
    let service = target.operation.signing_service();
    let added = signer::sign_headers(&outgoing, &credentials, region, service, SystemTime::now())
        .map_err(|_| Refusal::Signing)?;
    for (name, value) in added {
        let name = HeaderName::try_from(name).map_err(|_| Refusal::Signing)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| Refusal::Signing)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    for name in UNSIGNED {
        if let Some(value) = caller_headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(Prepared(Call { path, region: region.to_owned(), headers, body: cleared.body().clone() }))
}

/// Sends it. One call: nothing is retried after a byte of an answer came.
pub async fn send(snapshot: &Snapshot, prepared: &Prepared) -> Result<UpstreamAnswer, Refusal> {
    snapshot.upstream.send(&prepared.0).await.map_err(|error| {
        metrics::upstream_failed(error.reason());
        error.into()
    })
}
