//! Signatures: hashing a body, verifying what a caller signed, signing what is sent.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_aws::verifier::{SignedRequest, parse, verify};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use hardpan_benches::bodies::conversation;

const PATH: &str = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse";
const HOST: &str = "bedrock-runtime.us-east-1.amazonaws.com";
const SECRET: &str = "bench-secret-0000000000";
const HEADERS: [(&str, &str); 2] = [("content-type", "application/json"), ("accept", "application/json")];
const SKEW_MAX_S: i64 = 300;

fn outgoing(body_sha256: &[u8; 32]) -> Outgoing<'_> {
    Outgoing { method: "POST", host: HOST, path: PATH, headers: &HEADERS, body_sha256 }
}

fn credentials() -> Credentials {
    Credentials::new("AKIDBENCH", SECRET, None, None, "bench")
}

fn hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signer/hash");
    for kilobytes in [1, 8, 100] {
        let body = conversation(kilobytes << 10, 1);
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        let id = BenchmarkId::from_parameter(format!("{kilobytes} KB"));
        group.bench_with_input(id, &body, |bencher, body| {
            bencher.iter(|| -> [u8; 32] { Sha256::digest(black_box(body.as_bytes())).into() });
        });
    }
    group.finish();
}

fn sign(criterion: &mut Criterion) {
    let (credentials, now) = (credentials(), SystemTime::now());
    let body_sha256: [u8; 32] = Sha256::digest(b"{}").into();
    criterion.bench_function("signer/sign", |bencher| {
        bencher.iter(|| {
            let outgoing = outgoing(black_box(&body_sha256));
            sign_headers(&outgoing, &credentials, "us-east-1", "bedrock", now).expect("it can be signed")
        });
    });
}

fn check(criterion: &mut Criterion) {
    let now = SystemTime::now();
    let unix = now.duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let unix = i64::try_from(unix).expect("a clock before the year 292 billion");
    let body_sha256: [u8; 32] = Sha256::digest(b"{}").into();
    let added = sign_headers(&outgoing(&body_sha256), &credentials(), "us-east-1", "bedrock", now);
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static(HOST));
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in added.expect("it can be signed") {
        let name = HeaderName::try_from(name).expect("a header name");
        headers.insert(name, HeaderValue::try_from(value).expect("a header value"));
    }
    let request = SignedRequest {
        method: "POST",
        raw_target: PATH.as_bytes(),
        headers: &headers,
        authority: None,
        body_sha256: &body_sha256,
    };
    criterion.bench_function("signer/verify", |bencher| {
        bencher.iter(|| {
            let authorization = parse(black_box(&headers), PATH.as_bytes()).expect("a signature");
            verify(&authorization, SECRET, &request, unix, SKEW_MAX_S).expect("a good signature");
        });
    });
}

criterion_group!(benches, hash, sign, check);
criterion_main!(benches);
