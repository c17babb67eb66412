//! Checks a request's SigV4 signature against the keys the simulator accepts, by a clock that may be set wrong, and
//! says what AWS would answer to a bad one. Knows no bearer tokens and no presigned URLs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest, Sha256};

use hardpan_aws::event_signing::ChainVerifier;
use hardpan_aws::verifier::{self, Authorization, SignedRequest, VerifyError};

use crate::received::SignatureCheck;
use crate::reply::Reply;

/// The age AWS accepts, in either direction.
const SKEW_MAX_S: i64 = 15 * 60;

/// Access key ids, their secrets, and the time. Has no `Debug`.
pub(crate) struct Keyring {
    keys: RwLock<HashMap<String, Key>>,
    /// Seconds the simulator's clock is ahead of the machine's.
    ahead_s: AtomicI64,
}

#[derive(Clone)]
struct Key {
    secret: String,
    has_expired: bool,
}

/// What the check found; finer than [`SignatureCheck`] because AWS answers an unknown key by another name.
pub(crate) enum Verdict {
    Valid,
    Absent,
    UnknownKey,
    ExpiredKey,
    Invalid(String),
}

impl Keyring {
    pub(crate) fn new(keys: Vec<(String, String)>) -> Self {
        let key = |(id, secret)| (id, Key { secret, has_expired: false });
        Keyring { keys: RwLock::new(keys.into_iter().map(key).collect()), ahead_s: AtomicI64::new(0) }
    }

    /// Accepts one more key from now on, or an old one again.
    pub(crate) fn accept(&self, id: &str, secret: &str) {
        let key = Key { secret: secret.to_owned(), has_expired: false };
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), key);
    }

    /// From now on a key is known and has expired.
    pub(crate) fn expire(&self, id: &str) {
        if let Some(key) = self.keys.write().unwrap_or_else(PoisonError::into_inner).get_mut(id) {
            key.has_expired = true;
        }
    }

    pub(crate) fn set_ahead_s(&self, seconds: i64) {
        self.ahead_s.store(seconds, Ordering::Relaxed);
    }

    /// Whether the clock shows another time than the machine's.
    pub(crate) fn is_off(&self) -> bool {
        self.ahead_s.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn now_unix(&self) -> i64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX);
        machine.saturating_add(self.ahead_s.load(Ordering::Relaxed))
    }

    /// `service` is the one the operation's signatures are scoped to.
    pub(crate) fn check(&self, head: &Parts, raw_target: &str, body: &[u8], service: &str) -> Verdict {
        let (authorization, secret) = match self.signer(head, raw_target, service) {
            Ok(signer) => signer,
            Err(verdict) => return verdict,
        };
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let request = signed_request(head, raw_target, &body_sha256);
        verdict(verifier::verify(&authorization, &secret, &request, self.now_unix(), SKEW_MAX_S))
    }

    /// The same for a request whose frames are signed one by one; a valid head begins their chain.
    pub(crate) fn check_seed(
        &self,
        head: &Parts,
        raw_target: &str,
        service: &str,
    ) -> (Verdict, Option<ChainVerifier>) {
        let (authorization, secret) = match self.signer(head, raw_target, service) {
            Ok(signer) => signer,
            Err(verdict) => return (verdict, None),
        };
        let request = signed_request(head, raw_target, &[0; 32]);
        let verdict = verdict(verifier::verify_streaming_seed(
            &authorization,
            &secret,
            &request,
            self.now_unix(),
            SKEW_MAX_S,
        ));
        let chain = matches!(verdict, Verdict::Valid)
            .then(|| ChainVerifier::new(&secret, &authorization, SKEW_MAX_S));
        (verdict, chain)
    }

    /// Who claims to have signed, and the secret to hold the claim against.
    fn signer(
        &self,
        head: &Parts,
        raw_target: &str,
        service: &str,
    ) -> Result<(Authorization, String), Verdict> {
        if !head.headers.contains_key(AUTHORIZATION) {
            return Err(Verdict::Absent);
        }
        let authorization = verifier::parse(&head.headers, raw_target.as_bytes())
            .map_err(|error| Verdict::Invalid(error.to_string()))?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&authorization.access_key_id).cloned().ok_or(Verdict::UnknownKey)?;
        if key.has_expired {
            return Err(Verdict::ExpiredKey);
        }
        if authorization.service != service {
            let reason = format!("the credential should be scoped to the service {service}");
            return Err(Verdict::Invalid(reason));
        }
        Ok((authorization, key.secret))
    }
}

fn signed_request<'a>(head: &'a Parts, raw_target: &'a str, body_sha256: &'a [u8; 32]) -> SignedRequest<'a> {
    SignedRequest {
        method: head.method.as_str(),
        raw_target: raw_target.as_bytes(),
        headers: &head.headers,
        authority: head.uri.authority().map(|authority| authority.as_str()),
        body_sha256,
    }
}

fn verdict(outcome: Result<(), VerifyError>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Valid,
        Err(error) => Verdict::Invalid(error.to_string()),
    }
}

/// The service in the scope of a request's credential, believed by nobody: it only tells apart two services
/// that share a path.
pub(crate) fn scoped_service(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split(',').next()?.split('/').nth(3)
}

impl Verdict {
    pub(crate) fn as_check(&self) -> SignatureCheck {
        match self {
            Verdict::Valid => SignatureCheck::Valid,
            Verdict::Absent => SignatureCheck::Absent,
            Verdict::UnknownKey => SignatureCheck::Invalid("the access key id is not known".to_owned()),
            Verdict::ExpiredKey => SignatureCheck::Invalid("the access key has expired".to_owned()),
            Verdict::Invalid(reason) => SignatureCheck::Invalid(reason.clone()),
        }
    }

    /// What AWS answers; none when the signature is valid.
    pub(crate) fn refusal(&self) -> Option<Reply> {
        let (kind, message) = match self {
            Verdict::Valid => return None,
            Verdict::Absent => ("MissingAuthenticationTokenException", "Missing Authentication Token"),
            Verdict::UnknownKey => {
                ("UnrecognizedClientException", "The security token included in the request is invalid.")
            }
            Verdict::ExpiredKey => {
                ("ExpiredTokenException", "The security token included in the request is expired")
            }
            Verdict::Invalid(reason) => ("InvalidSignatureException", reason.as_str()),
        };
        Some(Reply::refusal(http::StatusCode::FORBIDDEN, kind, message))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hardpan_aws::signer::{Outgoing, sign_headers};
    use http::Request;

    use crate::reply::Content;

    use super::*;

    #[test]
    fn every_failure_has_the_name_aws_gives_it() {
        for (verdict, expected) in [
            (Verdict::Valid, None),
            (Verdict::Absent, Some("MissingAuthenticationTokenException")),
            (Verdict::UnknownKey, Some("UnrecognizedClientException")),
            (Verdict::ExpiredKey, Some("ExpiredTokenException")),
            (Verdict::Invalid("reason".to_owned()), Some("InvalidSignatureException")),
        ] {
            let kind = verdict.refusal().map(|reply| match reply.content {
                Content::Refusal { status, kind, .. } => {
                    assert_eq!(status.as_u16(), 403);
                    kind
                }
                _ => panic!("a refusal was expected"),
            });
            assert_eq!(kind.as_deref(), expected);
        }
    }

    #[test]
    fn a_request_without_authorization_is_absent_and_garbage_is_invalid() {
        let keyring = Keyring::new(vec![("AKID".to_owned(), "secret".to_owned())]);
        let (bare, ()) = Request::post("/").body(()).unwrap().into_parts();
        assert!(matches!(keyring.check(&bare, "/", b"", "bedrock"), Verdict::Absent));
        let (garbage, ()) =
            Request::post("/").header(AUTHORIZATION, "nonsense").body(()).unwrap().into_parts();
        assert!(matches!(keyring.check(&garbage, "/", b"", "bedrock"), Verdict::Invalid(_)));
    }

    /// A head signed with a key, at a time.
    fn signed(id: &str, secret: &str, at: SystemTime) -> Parts {
        let credentials = aws_credential_types::Credentials::new(id, secret, None, None, "test");
        let body_sha256: [u8; 32] = Sha256::digest(b"").into();
        let outgoing = Outgoing {
            method: "POST",
            host: "simulator",
            path: "/",
            headers: &[],
            body_sha256: &body_sha256,
        };
        let mut request = Request::post("/").header("host", "simulator");
        for (name, value) in sign_headers(&outgoing, &credentials, "us-east-1", "bedrock", at).unwrap() {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn keys_come_and_expire_while_it_runs() {
        let keyring = Keyring::new(vec![("AKID".to_owned(), "secret".to_owned())]);
        let check = |id: &str, secret: &str| {
            keyring.check(&signed(id, secret, SystemTime::now()), "/", b"", "bedrock")
        };
        assert!(matches!(check("AKID", "secret"), Verdict::Valid));
        assert!(matches!(check("AKID2", "secret2"), Verdict::UnknownKey));
        keyring.accept("AKID2", "secret2");
        keyring.expire("AKID");
        assert!(matches!(check("AKID2", "secret2"), Verdict::Valid));
        assert!(matches!(check("AKID", "secret"), Verdict::ExpiredKey));
    }

    #[test]
    fn signatures_are_judged_by_its_own_clock() {
        let keyring = Keyring::new(vec![("AKID".to_owned(), "secret".to_owned())]);
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let check = |at| keyring.check(&signed("AKID", "secret", at), "/", b"", "bedrock");
        assert!(!keyring.is_off());
        for (ahead_s, at) in [(3600, now + hour), (-3600, now - hour)] {
            keyring.set_ahead_s(ahead_s);
            assert!(keyring.is_off());
            assert!(matches!(check(now), Verdict::Invalid(_)), "{ahead_s}");
            assert!(matches!(check(at), Verdict::Valid), "{ahead_s}");
        }
    }

    #[test]
    fn the_scope_tells_the_service() {
        let mut headers = HeaderMap::new();
        assert_eq!(scoped_service(&headers), None);
        for (value, expected) in [
            (
                "AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/bedrock-mantle/aws4_request, x",
                Some("bedrock-mantle"),
            ),
            ("Bearer abc", None),
            ("AWS4-HMAC-SHA256 Credential=A/20261122", None),
        ] {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(scoped_service(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_credential_for_another_service_is_invalid() {
        let keyring = Keyring::new(vec![("AKID".to_owned(), "secret".to_owned())]);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/sagemaker/aws4_request, \
             SignedHeaders=host, Signature={}",
            "ab".repeat(32)
        );
        let request = Request::post("/").header(AUTHORIZATION, authorization).body(()).unwrap();
        let (head, ()) = request.into_parts();
        let Verdict::Invalid(reason) = keyring.check(&head, "/", b"", "bedrock") else {
            panic!("not invalid")
        };
        assert!(reason.contains("scoped to the service bedrock"), "{reason}");
        assert!(keyring.check_seed(&head, "/", "bedrock").1.is_none());
    }
}
