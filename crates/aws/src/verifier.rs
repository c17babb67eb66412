//! Verifying a caller's SigV4 signature, offline, against a secret Hardpan issued.
//!
//! The canonical request is built from what the client listed and sent, byte for byte: whatever headers it signed,
//! `:authority` where it spoke HTTP/2, and the raw path. What a caller could add unsigned and still be believed is
//! refused: every `x-amz…` header must be among the signed ones.
//! Only header signing is accepted; query signing, SigV4a and unsigned payloads are not. A request whose frames are
//! signed one by one is verified by `verify_streaming_seed` alone, whose signature then seeds the frames' chain.

use std::collections::BTreeSet;

use http::HeaderMap;
use subtle::ConstantTimeEq;

use crate::canonical::{self, ALGORITHM, encode, hmac, percent_decode, signing_key};

pub use crate::canonical::hex;

/// What stands for the body's hash where every frame of the body is signed by itself.
pub const STREAMING_PAYLOAD: &str = "STREAMING-AWS4-HMAC-SHA256-EVENTS";

/// Headers that may stand unsigned because nothing here believes them: the trace id is added on the way and signed
/// by no SDK; the session token belongs to keys Hardpan did not issue, and is dropped.
const UNSIGNED_AMZ_HEADERS: [&str; 2] = ["x-amzn-trace-id", "x-amz-security-token"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the request is not signed")]
    Missing,
    #[error("requests signed in the query string are not accepted")]
    Presigned,
    #[error("the Authorization header is not a well-formed AWS4-HMAC-SHA256 signature")]
    Malformed,
    #[error("the X-Amz-Date header is missing, malformed or differs from the credential scope")]
    Date,
    #[error("the signature is too old or too far in the future")]
    Expired,
    #[error("a header that must be signed is not")]
    UnsignedHeader,
    #[error("a signed header is not in the request")]
    AbsentHeader,
    #[error("the body does not have the hash the caller signed")]
    PayloadHash,
    #[error("the signature does not match")]
    Mismatch,
}

/// The parts of an `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    pub access_key_id: String,
    pub region: String,
    pub service: String,
    date: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    /// Whether a header is among the signed ones.
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == name)
    }

    /// The signature, 64 digits of hex: what a replay repeats, and the seed of a signed event stream.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

/// The request a signature covers.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// Path and query as they stood in the request line.
    pub raw_target: &'a [u8],
    pub headers: &'a HeaderMap,
    /// `:authority` of an HTTP/2 request.
    pub authority: Option<&'a str>,
    pub body_sha256: &'a [u8; 32],
}

/// Reads who claims to have signed. Nothing is verified yet.
pub fn parse(headers: &HeaderMap, raw_target: &[u8]) -> Result<Authorization, VerifyError> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        let presigned = raw_target.windows(16).any(|window| window.eq_ignore_ascii_case(b"x-amz-signature="));
        return Err(if presigned { VerifyError::Presigned } else { VerifyError::Missing });
    };
    if values.next().is_some() {
        return Err(VerifyError::Malformed);
    }
    let value = value.to_str().map_err(|_| VerifyError::Malformed)?;
    let fields = value.strip_prefix(ALGORITHM).ok_or(VerifyError::Malformed)?.trim_start();
    let mut credential = None;
    let mut signed_headers = None;
    let mut signature = None;
    for field in fields.split(',') {
        let (name, value) = field.trim().split_once('=').ok_or(VerifyError::Malformed)?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(VerifyError::Malformed),
        };
        if slot.replace(value).is_some() {
            return Err(VerifyError::Malformed);
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature)
    else {
        return Err(VerifyError::Malformed);
    };
    let scope: Vec<&str> = credential.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = scope.as_slice() else {
        return Err(VerifyError::Malformed);
    };
    let plain = [*access_key_id, *region, *service].into_iter().all(canonical::is_plain);
    if !plain || !canonical::is_signature(signature) {
        return Err(VerifyError::Malformed);
    }
    let signed_headers: Vec<String> = signed_headers.split(';').map(str::to_owned).collect();
    let unique: BTreeSet<&String> = signed_headers.iter().collect();
    if unique.len() != signed_headers.len()
        || signed_headers.iter().any(|name| name.chars().any(char::is_uppercase))
    {
        return Err(VerifyError::Malformed);
    }
    Ok(Authorization {
        access_key_id: (*access_key_id).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
        date: (*date).to_owned(),
        signed_headers,
        signature: signature.to_owned(),
    })
}

/// Checks a parsed signature against the secret of its key.
pub fn verify(
    authorization: &Authorization,
    secret: &str,
    request: &SignedRequest<'_>,
    now_unix: i64,
    skew_max_s: i64,
) -> Result<(), VerifyError> {
    prove(authorization, secret, request, &hex(request.body_sha256), now_unix, skew_max_s)
}

/// Checks the signature of a request whose body is a signed event stream: it covers the head alone, so the request's
/// `body_sha256` is not looked at, and each frame must then be verified by `event_signing::ChainVerifier`.
pub fn verify_streaming_seed(
    authorization: &Authorization,
    secret: &str,
    request: &SignedRequest<'_>,
    now_unix: i64,
    skew_max_s: i64,
) -> Result<(), VerifyError> {
    if request.headers.get_all("x-amz-content-sha256").iter().count() != 1 {
        return Err(VerifyError::PayloadHash);
    }
    prove(authorization, secret, request, STREAMING_PAYLOAD, now_unix, skew_max_s)
}

fn prove(
    authorization: &Authorization,
    secret: &str,
    request: &SignedRequest<'_>,
    payload_hash: &str,
    now_unix: i64,
    skew_max_s: i64,
) -> Result<(), VerifyError> {
    let date = check_date(authorization, request.headers, now_unix, skew_max_s)?;
    check_signed_names(authorization, request.headers)?;
    check_payload_hash(request.headers, payload_hash)?;
    let canonical = canonical_request(authorization, request, payload_hash, PathMode::Normalised)?;
    let to_sign = string_to_sign(authorization, date, &canonical);
    let key = signing_key(secret, &authorization.date, &authorization.region, &authorization.service);
    let expected = hex(&hmac(&*key, to_sign.as_bytes()));
    if bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
        Ok(())
    } else {
        Err(VerifyError::Mismatch)
    }
}

fn check_date<'a>(
    authorization: &Authorization,
    headers: &'a HeaderMap,
    now_unix: i64,
    skew_max_s: i64,
) -> Result<&'a str, VerifyError> {
    let date = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).ok_or(VerifyError::Date)?;
    let at = canonical::unix_seconds(date).ok_or(VerifyError::Date)?;
    if !date.starts_with(&authorization.date) || authorization.date.len() != 8 {
        return Err(VerifyError::Date);
    }
    let skew = at.saturating_sub(now_unix).saturating_abs();
    if skew > skew_max_s { Err(VerifyError::Expired) } else { Ok(date) }
}

fn check_signed_names(authorization: &Authorization, headers: &HeaderMap) -> Result<(), VerifyError> {
    let signed = |name: &str| authorization.signs(name);
    if !signed("host") && !signed(":authority") {
        return Err(VerifyError::UnsignedHeader);
    }
    let loose = headers
        .keys()
        .map(http::HeaderName::as_str)
        .any(|name| name.starts_with("x-amz") && !UNSIGNED_AMZ_HEADERS.contains(&name) && !signed(name));
    if loose { Err(VerifyError::UnsignedHeader) } else { Ok(()) }
}

fn check_payload_hash(headers: &HeaderMap, actual: &str) -> Result<(), VerifyError> {
    let mut claimed = headers.get_all("x-amz-content-sha256").iter();
    if claimed.all(|value| value.as_bytes() == actual.as_bytes()) {
        Ok(())
    } else {
        Err(VerifyError::PayloadHash)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PathMode {
    /// Empty and dot segments resolved, as every service but S3 wants it.
    Normalised,
    #[cfg_attr(not(test), allow(dead_code, reason = "the published signing suite also has the other mode"))]
    AsSent,
}

fn canonical_request(
    authorization: &Authorization,
    request: &SignedRequest<'_>,
    payload_hash: &str,
    mode: PathMode,
) -> Result<String, VerifyError> {
    let (path, query) = match request.raw_target.iter().position(|byte| *byte == b'?') {
        Some(at) => request.raw_target.split_at(at),
        None => (request.raw_target, &b""[..]),
    };
    let mut out = String::with_capacity(512);
    out.push_str(request.method);
    out.push('\n');
    canonical_path(path, mode, &mut out);
    out.push('\n');
    canonical_query(query.get(1..).unwrap_or_default(), &mut out);
    out.push('\n');
    for name in &authorization.signed_headers {
        out.push_str(name);
        out.push(':');
        canonical_value(name, request, &mut out)?;
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&authorization.signed_headers.join(";"));
    out.push('\n');
    out.push_str(payload_hash);
    Ok(out)
}

/// The path as sent, percent-encoded once more.
fn canonical_path(path: &[u8], mode: PathMode, out: &mut String) {
    if mode == PathMode::AsSent {
        return encode(path, true, out);
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push('/');
        encode(segment, true, out);
    }
    let ends_in_directory = path.ends_with(b"/") || path.ends_with(b"/.") || path.ends_with(b"/..");
    if segments.is_empty() || ends_in_directory {
        out.push('/');
    }
}

fn canonical_query(query: &[u8], out: &mut String) {
    let recode = |part: &[u8]| {
        let mut text = String::with_capacity(part.len());
        encode(&percent_decode(part), false, &mut text);
        text
    };
    let mut pairs: Vec<(String, String)> = query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                (recode(pair.get(..at).unwrap_or_default()), recode(pair.get(at + 1..).unwrap_or_default()))
            }
            None => (recode(pair), String::new()),
        })
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

/// Values trimmed, runs of blanks folded, repeated headers joined by commas.
fn canonical_value(name: &str, request: &SignedRequest<'_>, out: &mut String) -> Result<(), VerifyError> {
    if name == ":authority" {
        out.push_str(request.authority.ok_or(VerifyError::AbsentHeader)?);
        return Ok(());
    }
    let mut found = false;
    for value in request.headers.get_all(name) {
        if found {
            out.push(',');
        }
        found = true;
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| VerifyError::Malformed)?;
        for (index, word) in value.split_ascii_whitespace().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    if !found && name == "host" {
        // An HTTP/2 client may sign `host` though only `:authority` travels.
        out.push_str(request.authority.ok_or(VerifyError::AbsentHeader)?);
        return Ok(());
    }
    if found { Ok(()) } else { Err(VerifyError::AbsentHeader) }
}

fn string_to_sign(authorization: &Authorization, date: &str, canonical: &str) -> String {
    let Authorization { date: day, region, service, .. } = authorization;
    canonical::string_to_sign(date, &canonical::scope(day, region, service), canonical)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use http::{HeaderName, HeaderValue};
    use sha2::{Digest, Sha256};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const NOW: i64 = 1_440_938_160;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect()
    }

    /// `get-vanilla` of the published suite.
    fn vanilla() -> HeaderMap {
        headers(&[
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, \
                 Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
        ])
    }

    fn check(
        headers: &HeaderMap,
        target: &str,
        body: &[u8],
        secret: &str,
        now: i64,
    ) -> Result<(), VerifyError> {
        let authorization = parse(headers, target.as_bytes())?;
        let body_sha256 = Sha256::digest(body).into();
        let request = SignedRequest {
            method: "GET",
            raw_target: target.as_bytes(),
            headers,
            authority: None,
            body_sha256: &body_sha256,
        };
        verify(&authorization, secret, &request, now, 300)
    }

    #[test]
    fn a_right_signature_passes_and_any_change_fails() {
        assert_eq!(check(&vanilla(), "/", b"", SECRET, NOW), Ok(()));
        assert_eq!(check(&vanilla(), "/", b"x", SECRET, NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(&vanilla(), "/a", b"", SECRET, NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(&vanilla(), "/?a=1", b"", SECRET, NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(&vanilla(), "/", b"", "other", NOW), Err(VerifyError::Mismatch));
        assert_eq!(check(&vanilla(), "/", b"", SECRET, NOW + 301), Err(VerifyError::Expired));
        assert_eq!(check(&vanilla(), "/", b"", SECRET, NOW - 301), Err(VerifyError::Expired));
    }

    #[test]
    fn what_could_be_added_unsigned_is_refused() {
        let mut extra = vanilla();
        extra.insert("x-amzn-bedrock-guardrailidentifier", HeaderValue::from_static("weaker"));
        assert_eq!(check(&extra, "/", b"", SECRET, NOW), Err(VerifyError::UnsignedHeader));
        let mut traced = vanilla();
        traced.insert("x-amzn-trace-id", HeaderValue::from_static("Root=1"));
        assert_eq!(check(&traced, "/", b"", SECRET, NOW), Ok(()));
        let mut hashed = vanilla();
        hashed.insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD"));
        assert!(check(&hashed, "/", b"", SECRET, NOW).is_err());
    }

    #[test]
    fn malformed_authorizations_are_refused() {
        for (value, error) in [
            ("Bearer abc", VerifyError::Malformed),
            ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request", VerifyError::Malformed),
            ("AWS4-ECDSA-P256-SHA256 Credential=a", VerifyError::Malformed),
            (
                "AWS4-HMAC-SHA256 Credential=A/20150830/us-east-1/s/aws4_request, SignedHeaders=host;host, \
                 Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
                VerifyError::Malformed,
            ),
        ] {
            let mut headers = vanilla();
            headers.insert("authorization", HeaderValue::from_str(value).unwrap());
            assert_eq!(check(&headers, "/", b"", SECRET, NOW), Err(error), "{value}");
        }
        let mut twice = vanilla();
        let first = twice.get("authorization").unwrap().clone();
        twice.append("authorization", first);
        assert_eq!(check(&twice, "/", b"", SECRET, NOW), Err(VerifyError::Malformed));
        let mut none = vanilla();
        none.remove("authorization");
        assert_eq!(check(&none, "/", b"", SECRET, NOW), Err(VerifyError::Missing));
        assert_eq!(check(&none, "/?X-Amz-Signature=00", b"", SECRET, NOW), Err(VerifyError::Presigned));
        let mut undated = vanilla();
        undated.remove("x-amz-date");
        assert_eq!(check(&undated, "/", b"", SECRET, NOW), Err(VerifyError::Date));
    }

    #[test]
    fn an_http2_authority_counts_as_a_signed_name() {
        let body_sha256: [u8; 32] = Sha256::digest(b"{}").into();
        let mut map = headers(&[("x-amz-date", "20150830T123600Z"), ("content-type", "application/json")]);
        let mut authorization = Authorization {
            access_key_id: "AKIDEXAMPLE".into(),
            region: "us-east-1".into(),
            service: "bedrock".into(),
            date: "20150830".into(),
            signed_headers: [":authority", "content-type", "x-amz-date"].map(str::to_owned).to_vec(),
            signature: String::new(),
        };
        let sign = |authorization: &mut Authorization, map: &HeaderMap, authority: &str| {
            let request = SignedRequest {
                method: "POST",
                raw_target: b"/model/a%3A0/converse",
                headers: map,
                authority: Some(authority),
                body_sha256: &body_sha256,
            };
            let canonical =
                canonical_request(authorization, &request, &hex(&body_sha256), PathMode::Normalised).unwrap();
            assert!(canonical.contains("\n/model/a%253A0/converse\n"));
            let key = signing_key(SECRET, "20150830", "us-east-1", "bedrock");
            authorization.signature =
                hex(&hmac(&*key, string_to_sign(authorization, "20150830T123600Z", &canonical).as_bytes()));
        };
        sign(&mut authorization, &map, "localhost:8080");
        map.insert("user-agent", HeaderValue::from_static("x"));
        let verified = |authority| {
            let request = SignedRequest {
                method: "POST",
                raw_target: b"/model/a%3A0/converse",
                headers: &map,
                authority,
                body_sha256: &body_sha256,
            };
            verify(&authorization, SECRET, &request, NOW, 300)
        };
        assert_eq!(verified(Some("localhost:8080")), Ok(()));
        assert_eq!(verified(Some("other:8080")), Err(VerifyError::Mismatch));
        assert_eq!(verified(None), Err(VerifyError::AbsentHeader));
    }

    #[test]
    fn a_streamed_body_is_accepted_only_where_it_is_asked_for() {
        let body_sha256: [u8; 32] = Sha256::digest(b"").into();
        let mut map = headers(&[("host", "localhost"), ("x-amz-date", "20150830T123600Z")]);
        map.insert("x-amz-content-sha256", HeaderValue::from_static(STREAMING_PAYLOAD));
        let mut authorization = Authorization {
            access_key_id: "AKIDEXAMPLE".into(),
            region: "us-east-1".into(),
            service: "bedrock".into(),
            date: "20150830".into(),
            signed_headers: ["host", "x-amz-content-sha256", "x-amz-date"].map(str::to_owned).to_vec(),
            signature: String::new(),
        };
        let target = b"/model/a%3A0/invoke-with-bidirectional-stream";
        let request = SignedRequest {
            method: "POST",
            raw_target: target,
            headers: &map,
            authority: None,
            body_sha256: &body_sha256,
        };
        let canonical =
            canonical_request(&authorization, &request, STREAMING_PAYLOAD, PathMode::Normalised).unwrap();
        let key = signing_key(SECRET, "20150830", "us-east-1", "bedrock");
        authorization.signature =
            hex(&hmac(&*key, string_to_sign(&authorization, "20150830T123600Z", &canonical).as_bytes()));
        assert_eq!(verify_streaming_seed(&authorization, SECRET, &request, NOW, 300), Ok(()));
        assert_eq!(verify(&authorization, SECRET, &request, NOW, 300), Err(VerifyError::PayloadHash));
        let wrong = verify_streaming_seed(&authorization, "other", &request, NOW, 300);
        assert_eq!(wrong, Err(VerifyError::Mismatch));
        let mut unsaid = map.clone();
        unsaid.remove("x-amz-content-sha256");
        let mut twice = map.clone();
        twice.append("x-amz-content-sha256", HeaderValue::from_static(STREAMING_PAYLOAD));
        let mut whole = map.clone();
        whole.insert("x-amz-content-sha256", HeaderValue::from_static(canonical::EMPTY_SHA256));
        for other in [unsaid, twice, whole] {
            let request = SignedRequest { headers: &other, ..request };
            let refused = verify_streaming_seed(&authorization, SECRET, &request, NOW, 300);
            assert_eq!(refused, Err(VerifyError::PayloadHash));
        }
    }

    /// The published signing suite and requests signed by botocore, where they are at hand.
    #[test]
    fn published_vectors_verify() {
        let Ok(shared) = std::env::var("HARDPAN_SHARED") else { return };
        let mut count = 0;
        for entry in std::fs::read_dir(format!("{shared}/vectors/sigv4")).unwrap() {
            let folder = entry.unwrap().path();
            if folder.is_dir() {
                published_case(&folder);
                count += 1;
            }
        }
        let rows = std::fs::read_to_string(format!("{shared}/vectors/sigv4_bedrock.jsonl")).unwrap();
        for row in rows.lines() {
            botocore_case(&serde_json::from_str(row).unwrap());
            count += 1;
        }
        assert_eq!(count, 76, "38 published cases and 38 signed by botocore");
    }

    fn published_case(folder: &std::path::Path) {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let context: serde_json::Value = serde_json::from_str(&read("context.json")).unwrap();
        let mode = if context["normalize"] == true { PathMode::Normalised } else { PathMode::AsSent };
        let signed = read("header-signed-request.txt");
        let (head, body) = signed.split_once("\n\n").unwrap_or((&signed, ""));
        let head = head.replace("\n ", " ");
        let mut lines = head.lines();
        let request_line = lines.next().unwrap();
        let (method, rest) = request_line.split_once(' ').unwrap();
        let target = rest.rsplit_once(' ').unwrap().0;
        let pairs: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let map = headers(&pairs);
        let authorization = parse(&map, target.as_bytes()).unwrap();
        let body_sha256: [u8; 32] = Sha256::digest(body.as_bytes()).into();
        let request = SignedRequest {
            method,
            raw_target: target.as_bytes(),
            headers: &map,
            authority: None,
            body_sha256: &body_sha256,
        };
        let canonical = canonical_request(&authorization, &request, &hex(&body_sha256), mode).unwrap();
        assert_eq!(canonical, read("header-canonical-request.txt"), "{folder:?}");
        let to_sign = string_to_sign(&authorization, map["x-amz-date"].to_str().unwrap(), &canonical);
        assert_eq!(to_sign, read("header-string-to-sign.txt"), "{folder:?}");
        if mode == PathMode::Normalised {
            assert_eq!(verify(&authorization, SECRET, &request, NOW, 300), Ok(()), "{folder:?}");
            assert_eq!(verify(&authorization, "wrong", &request, NOW, 300), Err(VerifyError::Mismatch));
        }
    }

    fn botocore_case(row: &serde_json::Value) {
        let text = |name: &str| row[name].as_str().unwrap();
        let body = base64::engine::general_purpose::STANDARD.decode(text("body_b64")).unwrap();
        let mut map = HeaderMap::new();
        for holder in ["headers", "added_headers"] {
            for (name, value) in row[holder].as_object().unwrap() {
                map.append(
                    HeaderName::try_from(name.as_str()).unwrap(),
                    HeaderValue::from_str(value.as_str().unwrap()).unwrap(),
                );
            }
        }
        let authorization = parse(&map, text("path").as_bytes()).unwrap();
        let body_sha256: [u8; 32] = Sha256::digest(&body).into();
        let request = SignedRequest {
            method: text("method"),
            raw_target: text("path").as_bytes(),
            headers: &map,
            authority: None,
            body_sha256: &body_sha256,
        };
        let canonical =
            canonical_request(&authorization, &request, &hex(&body_sha256), PathMode::Normalised).unwrap();
        assert_eq!(canonical, text("canonical_request"), "{}", text("name"));
        let now = canonical::unix_seconds(text("timestamp")).unwrap();
        assert_eq!(
            verify(&authorization, text("secret_access_key"), &request, now, 300),
            Ok(()),
            "{}",
            text("name")
        );
        let changed: [u8; 32] = Sha256::digest([body.as_slice(), b" "].concat()).into();
        let request = SignedRequest { body_sha256: &changed, ..request };
        assert!(verify(&authorization, text("secret_access_key"), &request, now, 300).is_err());
    }
}
