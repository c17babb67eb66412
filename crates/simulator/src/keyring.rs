//! Checks a request's SigV4 signature against the keys the simulator accepts, and says what AWS would answer
//! to a bad one. Knows no bearer tokens and no presigned URLs.

use std::collections::HashMap;
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

/// Access key ids and their secrets. Has no `Debug`.
pub(crate) struct Keyring {
    secrets: HashMap<String, String>,
}

/// What the check found; finer than [`SignatureCheck`] because AWS answers an unknown key by another name.
pub(crate) enum Verdict {
    Valid,
    Absent,
    UnknownKey,
    Invalid(String),
}

impl Keyring {
    pub(crate) fn new(keys: Vec<(String, String)>) -> Self {
        Keyring { secrets: keys.into_iter().collect() }
    }

    /// `service` is the one the operation's signatures are scoped to.
    pub(crate) fn check(&self, head: &Parts, raw_target: &str, body: &[u8], service: &str) -> Verdict {
        let (authorization, secret) = match self.signer(head, raw_target, service) {
            Ok(signer) => signer,
            Err(verdict) => return verdict,
        };
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let request = signed_request(head, raw_target, &body_sha256);
        verdict(verifier::verify(&authorization, secret, &request, now_unix(), SKEW_MAX_S))
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
            secret,
            &request,
            now_unix(),
            SKEW_MAX_S,
        ));
        let chain =
            matches!(verdict, Verdict::Valid).then(|| ChainVerifier::new(secret, &authorization, SKEW_MAX_S));
        (verdict, chain)
    }

    /// Who claims to have signed, and the secret to hold the claim against.
    fn signer(
        &self,
        head: &Parts,
        raw_target: &str,
        service: &str,
    ) -> Result<(Authorization, &str), Verdict> {
        if !head.headers.contains_key(AUTHORIZATION) {
            return Err(Verdict::Absent);
        }
        let authorization = verifier::parse(&head.headers, raw_target.as_bytes())
            .map_err(|error| Verdict::Invalid(error.to_string()))?;
        let secret =
            self.secrets.get(&authorization.access_key_id).map(String::as_str).ok_or(Verdict::UnknownKey)?;
        if authorization.service != service {
            let reason = format!("the credential should be scoped to the service {service}");
            return Err(Verdict::Invalid(reason));
        }
        Ok((authorization, secret))
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
            Verdict::Invalid(reason) => ("InvalidSignatureException", reason.as_str()),
        };
        Some(Reply::refusal(http::StatusCode::FORBIDDEN, kind, message))
    }
}

pub(crate) fn now_unix() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use crate::reply::Content;

    use super::*;

    #[test]
    fn every_failure_has_the_name_aws_gives_it() {
        for (verdict, expected) in [
            (Verdict::Valid, None),
            (Verdict::Absent, Some("MissingAuthenticationTokenException")),
            (Verdict::UnknownKey, Some("UnrecognizedClientException")),
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
