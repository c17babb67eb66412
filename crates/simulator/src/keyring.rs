//! Checks a request's SigV4 signature against the keys the simulator accepts, and says what AWS would answer
//! to a bad one. Knows no bearer tokens and no presigned URLs.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest, Sha256};

use hardpan_aws::verifier::{self, SignedRequest};

use crate::received::SignatureCheck;
use crate::reply::Reply;

/// The age AWS accepts, in either direction.
const SKEW_MAX_S: i64 = 15 * 60;
/// The service every Bedrock runtime signature is scoped to.
const SERVICE: &str = "bedrock";

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

    pub(crate) fn check(&self, head: &Parts, raw_target: &str, body: &[u8]) -> Verdict {
        if !head.headers.contains_key(AUTHORIZATION) {
            return Verdict::Absent;
        }
        let authorization = match verifier::parse(&head.headers, raw_target.as_bytes()) {
            Ok(authorization) => authorization,
            Err(error) => return Verdict::Invalid(error.to_string()),
        };
        let Some(secret) = self.secrets.get(&authorization.access_key_id) else {
            return Verdict::UnknownKey;
        };
        if authorization.service != SERVICE {
            return Verdict::Invalid("the credential should be scoped to the service bedrock".to_owned());
        }
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let request = SignedRequest {
            method: head.method.as_str(),
            raw_target: raw_target.as_bytes(),
            headers: &head.headers,
            authority: head.uri.authority().map(|authority| authority.as_str()),
            body_sha256: &body_sha256,
        };
        match verifier::verify(&authorization, secret, &request, now_unix(), SKEW_MAX_S) {
            Ok(()) => Verdict::Valid,
            Err(error) => Verdict::Invalid(error.to_string()),
        }
    }
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

fn now_unix() -> i64 {
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
        assert!(matches!(keyring.check(&bare, "/", b""), Verdict::Absent));
        let (garbage, ()) =
            Request::post("/").header(AUTHORIZATION, "nonsense").body(()).unwrap().into_parts();
        assert!(matches!(keyring.check(&garbage, "/", b""), Verdict::Invalid(_)));
    }
}
