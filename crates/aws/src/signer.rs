//! Signing what Hardpan sends to AWS, with `aws-sigv4`.
//!
//! Only a minimal set of headers is signed: host, date, token, content type and the `x-amzn-…` headers that shape
//! the call. The body's hash is passed in, since an unchanged body was hashed when the caller was verified.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

#[derive(Debug, thiserror::Error)]
#[error("the request could not be signed: {0}")]
pub struct SignError(String);

/// What is signed.
pub struct Outgoing<'a> {
    pub method: &'a str,
    /// Host header as it will be sent, default port left out.
    pub host: &'a str,
    pub path: &'a str,
    /// Headers to sign beside the host.
    pub headers: &'a [(&'a str, &'a str)],
    pub body_sha256: &'a [u8; 32],
}

/// The headers to add. Their values are credentials: never log them.
pub fn sign_headers(
    outgoing: &Outgoing<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<Vec<(String, String)>, SignError> {
    let body = SignableBody::Precomputed(crate::verifier::hex(outgoing.body_sha256));
    sign_body(outgoing, body, credentials, region, service, now).map(|(headers, _)| headers)
}

/// The same for a head whose body is a stream of signed events, and the signature that begins their chain. The
/// headers to sign include `x-amz-content-sha256` with [`crate::verifier::STREAMING_PAYLOAD`].
pub fn sign_streaming_head(
    outgoing: &Outgoing<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<(Vec<(String, String)>, String), SignError> {
    let body = SignableBody::Precomputed(crate::verifier::STREAMING_PAYLOAD.to_owned());
    sign_body(outgoing, body, credentials, region, service, now)
}

fn sign_body(
    outgoing: &Outgoing<'_>,
    body: SignableBody<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: SystemTime,
) -> Result<(Vec<(String, String)>, String), SignError> {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| SignError(error.to_string()))?
        .into();
    let uri = format!("https://{}{}", outgoing.host, outgoing.path);
    let headers = outgoing.headers.iter().copied().chain([("host", outgoing.host)]);
    let request = SignableRequest::new(outgoing.method, uri, headers, body)
        .map_err(|error| SignError(error.to_string()))?;
    let (instructions, signature) =
        sign(request, &parameters).map_err(|error| SignError(error.to_string()))?.into_parts();
    let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok((headers.collect(), signature))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::verifier;

    #[test]
    fn what_is_signed_here_verifies_there() {
        let now = SystemTime::now();
        let unix = i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let credentials = Credentials::new("AKIDUP", "secret-up", Some("token".into()), None, "test");
        let body_sha256: [u8; 32] = Sha256::digest(b"{}").into();
        for path in [
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FABCDEFGHIJ%3A1/converse",
            "/model/amazon.nova-lite-v1%3A0/invoke",
        ] {
            let outgoing = Outgoing {
                method: "POST",
                host: "bedrock-runtime.us-east-1.amazonaws.com",
                path,
                headers: &[("content-type", "application/json"), ("x-amzn-bedrock-trace", "ENABLED")],
                body_sha256: &body_sha256,
            };
            let added = sign_headers(&outgoing, &credentials, "us-east-1", "bedrock", now).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static("bedrock-runtime.us-east-1.amazonaws.com"));
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            headers.insert("x-amzn-bedrock-trace", HeaderValue::from_static("ENABLED"));
            for (name, value) in &added {
                headers.insert(
                    HeaderName::try_from(name.as_str()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                );
            }
            assert_eq!(headers["x-amz-security-token"], "token");
            let authorization = verifier::parse(&headers, path.as_bytes()).unwrap();
            let request = verifier::SignedRequest {
                method: "POST",
                raw_target: path.as_bytes(),
                headers: &headers,
                authority: None,
                body_sha256: &body_sha256,
            };
            assert_eq!(verifier::verify(&authorization, "secret-up", &request, unix, 5), Ok(()), "{path}");
        }
    }
}
