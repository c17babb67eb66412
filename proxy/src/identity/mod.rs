//! Who is calling: what a request shows of itself, then the proof.
//!
//! The claim is read before the body, so that a stranger gets no buffer; only a signature needs the body's hash, so
//! everything else is proved at once. One request shows one credential: a client certificate may stand beside it, and
//! must then name the same app. What a caller sent as credentials stays here: nothing of it is forwarded.

pub mod certificate;
pub mod jwks;
pub mod jwt;
pub mod prefix;
pub mod signature;
pub mod temporary;

use std::sync::Arc;

use hardpan_aws::bearer::{self, BearerService};
use hardpan_aws::replay::{ReplayError, ReplayGuard};
use hardpan_aws::verifier::{self, Authorization, SignedRequest, VerifyError};
use hardpan_inference::operation::{Operation, Service};
use hardpan_inference::principal::Principal;
use http::{HeaderMap, header::AUTHORIZATION};
use time::OffsetDateTime;

pub use certificate::{CertificateName, CertificateRule, ClientCertificate};
pub use jwks::{JwksError, JwksSource};
pub use jwt::{JwtConfig, JwtVerifier, TokenError};
pub use prefix::{Prefix, strip};
pub use temporary::{FetchError, Found, TemporaryKey, TemporaryKeys};

use crate::config::{App, Config, IssuedKey};
use crate::keys::{KeyStore, KeysError};
use crate::refusal::Refusal;

/// What keys of Bedrock and SageMaker start with, foreign long-term ones included.
const API_KEY_MARKS: [&str; 3] = ["bedrock-api-key-", "sagemaker-api-key-", "ABSK"];
const API_KEY_HEADER: &str = "x-api-key";

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("identity.jwt: {0}")]
    Jwks(#[from] JwksError),
}

/// Everything callers are known by.
pub struct Identity {
    keys: Arc<KeyStore>,
    temporary: Option<Arc<TemporaryKeys>>,
    jwt: Option<Arc<JwtVerifier>>,
    replay: Option<ReplayGuard>,
}

impl Identity {
    pub async fn load(config: &Config) -> Result<Arc<Self>, IdentityError> {
        let identity = &config.identity;
        let keys = KeyStore::load(&config.keys, identity.keys_file.as_deref())?;
        let temporary = match &identity.credentials {
            Some(endpoint) => Some(Arc::new(TemporaryKeys::new(endpoint)?)),
            None => None,
        };
        let jwt = match &identity.jwt {
            Some(jwt) => Some(JwtVerifier::load(jwt.clone()).await?),
            None => None,
        };
        let replay = identity
            .refuse_replays
            .then(|| ReplayGuard::new(config.limits.clock_skew_max_s, identity.replay_signatures_max));
        Ok(Arc::new(Self { keys: Arc::new(keys), temporary, jwt, replay }))
    }

    /// Whether every caller could be verified now.
    pub fn ready(&self) -> bool {
        self.jwt.as_ref().is_none_or(|jwt| jwt.ready())
    }

    /// What the credentials endpoint gives out, where there is one.
    pub fn temporary(&self) -> Option<Arc<TemporaryKeys>> {
        self.temporary.clone()
    }

    /// Keeps the keys file and the key set fresh, for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>) {
        let jwt = async {
            match &self.jwt {
                Some(jwt) => jwt.clone().keep_fresh().await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(self.keys.clone().keep_fresh(), jwt);
    }

    fn key(&self, access_key_id: &str, now_unix: i64) -> Result<Arc<IssuedKey>, Refusal> {
        let temporary = self.temporary.as_ref().filter(|_| TemporaryKeys::is_temporary(access_key_id));
        match temporary.map(|temporary| temporary.find(access_key_id, now_unix)) {
            Some(Found::Key(key)) => Ok(Arc::new(key)),
            Some(Found::Expired) => Err(Refusal::ExpiredKey),
            Some(Found::Unknown) | None => self.keys.find(access_key_id).ok_or(Refusal::UnknownKey),
        }
    }
}

/// What of a request's head says who sent it.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub method: &'a str,
    /// Path and query as they stood in the request line, any prefix included: signatures cover it.
    pub raw_target: &'a [u8],
    pub headers: &'a HeaderMap,
    /// `:authority` of an HTTP/2 request.
    pub authority: Option<&'a str>,
    /// The certificate the connection was opened with, verified.
    pub certificate: Option<&'a ClientCertificate>,
}

/// The SigV4 service name that tells operations on the same path apart: of the prefix, else of the credential scope.
pub fn signing_name<'a>(headers: &'a HeaderMap, prefix: Option<&'a Prefix>) -> Option<&'a str> {
    if let Some(service) = prefix.and_then(|prefix| prefix.service) {
        return Some(service.signing_name());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = value.split_once("Credential=")?;
    credential.split([',', ' ']).next()?.split('/').nth(3)
}

/// A caller that shows who it says it is. Nothing may be done in its name before [`verify`].
pub struct Claim {
    principal: Principal,
    region: String,
    signature: Option<ClaimedSignature>,
    /// Why the principal may not pass though its credential may be good.
    conflict: Option<Conflict>,
}

struct ClaimedSignature {
    authorization: Authorization,
    key: Arc<IssuedKey>,
}

#[derive(Clone, Copy)]
enum Conflict {
    Certificate,
    Prefix,
}

/// What the signature must cover.
#[derive(Clone, Copy)]
pub enum SignedBody<'a> {
    Hash(&'a [u8; 32]),
    /// A stream of signed events: the head's signature is the first link of their chain.
    Events,
}

impl Claim {
    /// The Region the caller wants to call: of its credential, else the configured one.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether a header is as much the caller's as its body: signed, where the caller signs.
    pub fn signs(&self, header: &str) -> bool {
        self.signature.as_ref().is_none_or(|signature| signature.authorization.signs(header))
    }

    /// What verifies the events of a signed stream, once the claim is verified.
    pub fn event_signing(&self) -> Option<(&Authorization, &str)> {
        self.signature.as_ref().map(|signature| (&signature.authorization, signature.key.secret.as_str()))
    }
}

/// The credential a request shows.
enum Shown<'a> {
    Signature,
    ApiKey(&'a str),
    Token(&'a str),
    Nothing,
}

/// Reads what a request shows and looks up whom it names.
pub fn claim(
    identity: &Identity,
    config: &Config,
    head: &Head<'_>,
    operation: Operation,
    prefix: Option<&Prefix>,
    now_unix: i64,
) -> Result<Claim, Refusal> {
    let mut claim = match &config.identity.fixed {
        Some(app) => fixed(config, head, app)?,
        None => shown_claim(identity, config, head, operation, now_unix)?,
    };
    if !serves(config, &claim.region) {
        return Err(Refusal::SignedScope);
    }
    if let Some(prefix) = prefix {
        attest_prefix(&mut claim, prefix);
        if prefix.service.is_some_and(|service| service != operation.service()) {
            return Err(Refusal::PrefixMismatch);
        }
    }
    Ok(claim)
}

/// Proves the claim: by the signature over head and body where there is one, else it has been proved already.
pub fn verify(
    claim: &Claim,
    identity: &Identity,
    config: &Config,
    head: &Head<'_>,
    body: SignedBody<'_>,
    now_unix: i64,
) -> Result<Principal, Refusal> {
    if let Some(signature) = &claim.signature {
        prove(signature, config, head, body, now_unix)?;
        if let Some(replay) = &identity.replay {
            let seen = replay.check(
                signature.authorization.signature().as_bytes(),
                &attempt(head.headers),
                now_unix,
            );
            seen.map_err(|error| match error {
                ReplayError::Replayed => Refusal::Replayed,
                ReplayError::Full => Refusal::ReplaysUnknown,
            })?;
        }
    }
    match claim.conflict {
        Some(Conflict::Certificate) => Err(Refusal::ConflictingCredentials),
        Some(Conflict::Prefix) => Err(Refusal::PrefixMismatch),
        None => Ok(claim.principal.clone()),
    }
}

/// What SDKs say of one sending: the request's id and the attempt's number.
fn attempt(headers: &HeaderMap) -> Vec<u8> {
    let value = |name: &str| headers.get(name).map(|value| value.as_bytes()).unwrap_or_default();
    let id = value("amz-sdk-invocation-id");
    if id.is_empty() { Vec::new() } else { [id, value("amz-sdk-request")].join(&0) }
}

fn prove(
    signature: &ClaimedSignature,
    config: &Config,
    head: &Head<'_>,
    body: SignedBody<'_>,
    now_unix: i64,
) -> Result<(), VerifyError> {
    let unhashed = [0; 32];
    let request = SignedRequest {
        method: head.method,
        raw_target: head.raw_target,
        headers: head.headers,
        authority: head.authority,
        body_sha256: match body {
            SignedBody::Hash(hash) => hash,
            SignedBody::Events => &unhashed,
        },
    };
    let prove = match body {
        SignedBody::Hash(_) => verifier::verify,
        SignedBody::Events => verifier::verify_streaming_seed,
    };
    let skew_max_s = config.limits.clock_skew_max_s;
    prove(&signature.authorization, &signature.key.secret, &request, now_unix, skew_max_s)
}

/// Whether callers may ask for a Region.
fn serves(config: &Config, region: &str) -> bool {
    let plain = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain && config.regions.as_ref().is_none_or(|regions| regions.contains(region))
}

/// The one app of this sidecar, whatever the caller shows. A signature may still say which Region is meant.
fn fixed(config: &Config, head: &Head<'_>, app: &App) -> Result<Claim, Refusal> {
    let region = match verifier::parse(head.headers, head.raw_target) {
        Ok(authorization) => authorization.region,
        Err(_) => config.region.clone(),
    };
    let principal = Principal { key_id: "fixed".to_owned(), ..principal(app, "fixed") };
    Ok(Claim { principal, region, signature: None, conflict: None })
}

fn shown_claim(
    identity: &Identity,
    config: &Config,
    head: &Head<'_>,
    operation: Operation,
    now_unix: i64,
) -> Result<Claim, Refusal> {
    let rule = head
        .certificate
        .and_then(|certificate| certificate::rule(&config.identity.certificates, certificate));
    let mut claim = match shown(head.headers, identity.jwt.is_some())? {
        Shown::Signature => signature_claim(identity, head, operation, now_unix)?,
        Shown::ApiKey(token) => api_key_claim(identity, config, token, operation, now_unix)?,
        Shown::Token(token) => {
            let jwt = identity.jwt.as_ref().ok_or(Refusal::Unidentified)?;
            let principal = jwt.verify(token)?;
            Claim { principal, region: config.region.clone(), signature: None, conflict: None }
        }
        Shown::Nothing => return certificate_claim(config, head, rule),
    };
    if let Some(rule) = rule {
        if (&claim.principal.app, &claim.principal.team) == (&rule.app.app, &rule.app.team) {
            claim.principal.verified.push("mtls");
        } else {
            claim.conflict = Some(Conflict::Certificate);
        }
    }
    Ok(claim)
}

/// Which credential a request shows. Two of them are refused: it would not be clear for whom to answer.
fn shown(headers: &HeaderMap, takes_tokens: bool) -> Result<Shown<'_>, Refusal> {
    let (authorization, api_key) = (headers.get(AUTHORIZATION), headers.get(API_KEY_HEADER));
    let count = |name: &str| headers.get_all(name).iter().count();
    if count(AUTHORIZATION.as_str()) + count(API_KEY_HEADER) > 1 {
        return Err(if api_key.is_some() {
            Refusal::ConflictingCredentials
        } else {
            VerifyError::Malformed.into()
        });
    }
    if let Some(value) = api_key {
        return value.to_str().map(Shown::ApiKey).map_err(|_| bearer::BearerError::Foreign.into());
    }
    let Some(value) = authorization else { return Ok(Shown::Nothing) };
    let value = value.to_str().map_err(|_| VerifyError::Malformed)?;
    let Some((scheme, token)) = value.split_once(' ') else { return Ok(Shown::Signature) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Shown::Signature);
    }
    let token = token.trim();
    if takes_tokens && !API_KEY_MARKS.iter().any(|mark| token.starts_with(mark)) {
        return Ok(Shown::Token(token));
    }
    Ok(Shown::ApiKey(token))
}

fn signature_claim(
    identity: &Identity,
    head: &Head<'_>,
    operation: Operation,
    now_unix: i64,
) -> Result<Claim, Refusal> {
    let authorization = verifier::parse(head.headers, head.raw_target)?;
    let key = identity.key(&authorization.access_key_id, now_unix)?;
    if authorization.service != operation.signing_service() {
        return Err(Refusal::SignedScope);
    }
    Ok(Claim {
        principal: of_key(&key, "sigv4"),
        region: authorization.region.clone(),
        signature: Some(ClaimedSignature { authorization, key }),
        conflict: None,
    })
}

/// A short-term API key, proved by the secret it was minted from.
fn api_key_claim(
    identity: &Identity,
    config: &Config,
    token: &str,
    operation: Operation,
    now_unix: i64,
) -> Result<Claim, Refusal> {
    let api_key = bearer::parse(token)?;
    let key = identity.key(&api_key.access_key_id, now_unix)?;
    bearer::verify(&api_key, &key.secret, now_unix, config.limits.clock_skew_max_s)?;
    if !opens(api_key.service, operation) {
        return Err(Refusal::SignedScope);
    }
    let principal = of_key(&key, "api_key");
    Ok(Claim { principal, region: api_key.region, signature: None, conflict: None })
}

/// Which operations AWS takes an API key for.
fn opens(service: BearerService, operation: Operation) -> bool {
    match service {
        BearerService::Bedrock => {
            let service = operation.service();
            matches!(service, Service::BedrockRuntime | Service::Mantle | Service::Bedrock)
                && operation != Operation::InvokeModelWithBidirectionalStream
        }
        BearerService::Sagemaker => {
            matches!(operation.service(), Service::SagemakerRuntime | Service::InferenceRouter)
        }
    }
}

/// A caller that shows nothing but its certificate.
fn certificate_claim(
    config: &Config,
    head: &Head<'_>,
    rule: Option<&CertificateRule>,
) -> Result<Claim, Refusal> {
    let Some(rule) = rule else {
        // A signature in the query string is named as such; a certificate nobody knows is not a missing signature.
        let error = verifier::parse(head.headers, head.raw_target).err().unwrap_or(VerifyError::Missing);
        let unknown = head.certificate.is_some() && error == VerifyError::Missing;
        return Err(if unknown { Refusal::Unidentified } else { error.into() });
    };
    let principal = Principal { key_id: rule.name.text().to_owned(), ..principal(&rule.app, "mtls") };
    Ok(Claim { principal, region: config.region.clone(), signature: None, conflict: None })
}

fn attest_prefix(claim: &mut Claim, prefix: &Prefix) {
    let is = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
    if !is(&prefix.app, &claim.principal.app) || !is(&prefix.team, &claim.principal.team) {
        claim.conflict = claim.conflict.or(Some(Conflict::Prefix));
    } else if prefix.app.is_some() {
        claim.principal.verified.push("prefix");
    }
}

fn of_key(key: &IssuedKey, method: &'static str) -> Principal {
    Principal {
        key_id: key.access_key_id.clone(),
        app: key.app.clone(),
        team: key.team.clone(),
        env: key.env.clone(),
        verified: vec![method],
        ..Principal::default()
    }
}

fn principal(app: &App, method: &'static str) -> Principal {
    Principal {
        app: app.app.clone(),
        team: app.team.clone(),
        env: app.env.clone(),
        verified: vec![method],
        ..Principal::default()
    }
}

/// The time as identity counts it.
pub fn now_unix() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in list.iter().map(header) {
            headers.append(name, value);
        }
        headers
    }

    fn seen(list: &[(&str, &str)], takes_tokens: bool) -> String {
        match shown(&headers(list), takes_tokens) {
            Ok(Shown::Signature) => "signature".to_owned(),
            Ok(Shown::ApiKey(key)) => format!("key {key}"),
            Ok(Shown::Token(token)) => format!("token {token}"),
            Ok(Shown::Nothing) => "nothing".to_owned(),
            Err(refusal) => refusal.code().to_owned(),
        }
    }

    #[test]
    fn one_credential_is_read_and_two_are_refused() {
        for (list, takes_tokens, expected) in [
            (&[][..], true, "nothing"),
            (&[("authorization", "AWS4-HMAC-SHA256 Credential=a")], true, "signature"),
            (&[("authorization", "Basic abc")], true, "signature"),
            (&[("authorization", "Bearer bedrock-api-key-x")], true, "key bedrock-api-key-x"),
            (&[("authorization", "bearer a.b.c")], true, "token a.b.c"),
            (&[("authorization", "Bearer a.b.c")], false, "key a.b.c"),
            (&[("authorization", "Bearer ABSKx")], true, "key ABSKx"),
            (&[("x-api-key", "bedrock-api-key-x")], true, "key bedrock-api-key-x"),
            (&[("x-api-key", "a"), ("authorization", "Bearer a")], true, "conflicting_credentials"),
            (&[("x-api-key", "a"), ("x-api-key", "a")], true, "conflicting_credentials"),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer a")], true, "signature_refused"),
        ] {
            assert_eq!(seen(list, takes_tokens), expected, "{list:?}");
        }
    }

    #[test]
    fn the_service_is_named_by_the_prefix_or_by_the_scope() {
        let signed = headers(&[(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/bedrock-mantle/aws4_request, SignedHeaders=host",
        )]);
        assert_eq!(signing_name(&signed, None), Some("bedrock-mantle"));
        let prefix = Prefix {
            prefix: "/s".to_owned(),
            app: None,
            team: None,
            service: Some(Service::SagemakerRuntime),
        };
        assert_eq!(signing_name(&signed, Some(&prefix)), Some("sagemaker"));
        assert_eq!(signing_name(&headers(&[("authorization", "Bearer x")]), None), None);
    }

    #[test]
    fn api_keys_open_the_operations_aws_takes_them_for() {
        for (service, operation, expected) in [
            (BearerService::Bedrock, Operation::Converse, true),
            (BearerService::Bedrock, Operation::InvokeModelWithBidirectionalStream, false),
            (BearerService::Bedrock, Operation::InvokeEndpoint, false),
            (BearerService::Bedrock, Operation::InvokeAgent, false),
            (BearerService::Sagemaker, Operation::InvokeEndpoint, true),
            (BearerService::Sagemaker, Operation::Converse, false),
        ] {
            assert_eq!(opens(service, operation), expected, "{operation:?}");
        }
    }

    #[test]
    fn a_prefix_of_another_app_is_a_conflict() {
        let claim = || Claim {
            principal: principal(
                &App { app: "billing".to_owned(), team: "payments".to_owned(), env: None },
                "sigv4",
            ),
            region: "us-east-1".to_owned(),
            signature: None,
            conflict: None,
        };
        for (app, team, passes, methods) in [
            (Some("billing"), None, true, &["sigv4", "prefix"][..]),
            (Some("billing"), Some("payments"), true, &["sigv4", "prefix"]),
            (Some("billing"), Some("search"), false, &["sigv4"]),
            (Some("search"), None, false, &["sigv4"]),
            (None, None, true, &["sigv4"]),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let prefix =
                Prefix { prefix: "/p".to_owned(), app: owned(app), team: owned(team), service: None };
            let mut claim = claim();
            attest_prefix(&mut claim, &prefix);
            assert_eq!((claim.conflict.is_none(), &claim.principal.verified[..]), (passes, methods));
        }
    }
}
