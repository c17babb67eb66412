//! Reading a body: JSON to spans, spans to a request.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::json::{Document, JsonLimits};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::{Operation, route};

use hardpan_benches::bodies::{MODEL, conversation, tool_results};

fn bodies() -> Vec<(&'static str, String)> {
    vec![
        ("1 KB", conversation(1 << 10, 1)),
        ("8 KB", conversation(8 << 10, 1)),
        ("100 KB", conversation(100 << 10, 1)),
        ("100 KB of tool JSON", tool_results(100 << 10, 1)),
    ]
}

fn documents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spans/document");
    for (name, body) in bodies() {
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &body, |bencher, body| {
            bencher.iter(|| {
                let document = Document::parse(body.as_bytes(), JsonLimits::default());
                black_box(document.expect("the body is JSON").root())
            });
        });
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let model = ModelId::parse(MODEL).expect("a model id");
    let parsing = Parsing {
        operation: Operation::Converse,
        model: Some(&model),
        dialect: None,
        limits: JsonLimits::default(),
    };
    let mut group = criterion.benchmark_group("spans/request");
    for (name, body) in bodies() {
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &body, |bencher, body| {
            bencher.iter(|| {
                let request = Request::parse(&parsing, body.as_bytes());
                black_box(request.expect("the body is a request").texts.len())
            });
        });
    }
    group.finish();
}

fn routes(criterion: &mut Criterion) {
    let target = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream";
    criterion.bench_function("spans/route", |bencher| {
        bencher
            .iter(|| route("POST", black_box(target.as_bytes()), Some("bedrock")).expect("a governed path"));
    });
}

criterion_group!(benches, documents, requests, routes);
criterion_main!(benches);
