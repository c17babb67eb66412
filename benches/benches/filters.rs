//! Inspecting a request, masking what was found, and putting it back into a streamed answer.
//!
//! `inspect` runs every detector over every text, as a request with all guards on does. The texts under
//! `attack` are made to cost time; twice the text shall cost twice the time, no more.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hardpan_filters::holdback::{Holdback, Lookout};
use hardpan_filters::inspection::{Inspector, mask};
use hardpan_filters::masking::{AnswerRedaction, Tally};
use hardpan_filters::vault::Vault;
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::edit;
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::json::JsonLimits;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;

use hardpan_benches::bodies::{MODEL, conversation, dense_with_personal_data, repeated, tool_results};

/// Bytes of one streamed delta, as models send them.
const DELTA_BYTES: usize = 12;

fn request(body: &str) -> Request<'_> {
    let model = ModelId::parse(MODEL).expect("a model id");
    let parsing = Parsing {
        operation: Operation::Converse,
        model: Some(&model),
        dialect: None,
        limits: JsonLimits::default(),
    };
    let request = Request::parse(&parsing, body.as_bytes());
    request.expect("the body is a request")
}

fn inspect(criterion: &mut Criterion) {
    let detectors = |pii, injection| Inspector::new(pii, injection).expect("the detectors compile");
    let inspectors = [
        ("all", detectors(true, true).without_memory()),
        ("pii", detectors(true, false).without_memory()),
        ("injection", detectors(false, true).without_memory()),
        ("seen before", detectors(true, true)),
    ];
    let bodies = [
        ("1 KB prose", conversation(1 << 10, 1)),
        ("8 KB prose", conversation(8 << 10, 1)),
        ("100 KB prose", conversation(100 << 10, 1)),
        ("100 KB tool JSON", tool_results(100 << 10, 1)),
        ("100 KB dense with PII", dense_with_personal_data(100 << 10, 1)),
    ];
    for (guard, inspector) in inspectors {
        let mut group = criterion.benchmark_group(format!("filters/inspect/{guard}"));
        for (name, body) in &bodies {
            let request = request(body);
            group.throughput(Throughput::BytesDecimal(body.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(name), &request, |bencher, request| {
                bencher.iter(|| black_box(inspector.inspect(request, None).findings.len()));
            });
        }
        group.finish();
    }
}

fn attack(criterion: &mut Criterion) {
    let inspector = Inspector::new(true, true).expect("the detectors compile").without_memory();
    let mut group = criterion.benchmark_group("filters/attack");
    group.sample_size(10);
    let pieces = [
        ("digits", "1 "),
        ("at signs", "@a"),
        ("colons", "::"),
        ("countries", "GB11"),
        ("access keys", "AKIA"),
        ("secret keys", "secret key "),
        ("overrides", "ignore previous instructions "),
        ("base64", "aWdub3JlIHByZXZpb3Vz "),
        ("full width", "ｉｇｎｏｒｅ "),
    ];
    for (name, piece) in pieces {
        for kilobytes in [100, 200] {
            let body = repeated(piece, kilobytes << 10);
            let request = request(&body);
            group.throughput(Throughput::BytesDecimal(body.len() as u64));
            let id = BenchmarkId::new(name, format!("{kilobytes} KB"));
            group.bench_with_input(id, &request, |bencher, request| {
                bencher.iter(|| black_box(inspector.inspect(request, None).signals.injection));
            });
        }
    }
    group.finish();
}

fn masking(criterion: &mut Criterion) {
    let inspector = Inspector::new(true, false).expect("the detectors compile");
    let body = dense_with_personal_data(8 << 10, 1);
    let request = request(&body);
    let inspection = inspector.inspect(&request, None);
    let mut group = criterion.benchmark_group("filters/mask");
    group.throughput(Throughput::BytesDecimal(body.len() as u64));
    group.bench_function("8 KB dense with PII", |bencher| {
        bencher.iter(|| {
            let (edits, vault) = mask(&request, &inspection, |_| true);
            let changed = edit::apply(body.as_bytes(), edits).expect("findings do not overlap");
            black_box((changed.len(), vault.len()))
        });
    });
    group.finish();
}

/// Deltas of one block, with and without a placeholder among them, read for values of the model's own and not.
fn restoring(criterion: &mut Criterion) {
    let mut vault = Vault::default();
    vault.placeholder(PiiType::Email, "ann.lee@mail.example.org");
    vault.placeholder(PiiType::Phone, "+1 212-555-0147");
    let mut group = criterion.benchmark_group("filters/restore");
    let inspector = Inspector::new(true, false).expect("the detectors compile");
    let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
    let masker = redaction.masker(RedactPlace::Response, &inspector);
    let parcel = "The parcel left on Monday and will arrive in 3 days. ".repeat(40);
    let address = "Write to {EMAIL_1} or call {PHONE_1} before Monday. ".repeat(40);
    let values = "Write to bob@example.org or call +44 20 7946 0958 before Monday. ".repeat(40);
    for (name, text, masker) in [
        ("without placeholders", &parcel, None),
        ("with placeholders", &address, None),
        ("without values, masked", &parcel, masker),
        ("with values, masked", &values, masker),
    ] {
        let lookout = Lookout { vault: &vault, masker };
        let deltas = cut(text);
        group.throughput(Throughput::Elements(deltas.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                Holdback::default,
                |mut lane| {
                    let mut tally = Tally::default();
                    let pushed = (0..)
                        .zip(&deltas)
                        .map(|(piece, delta)| lane.push(lookout, piece, delta, &mut tally).len());
                    black_box(pushed.sum::<usize>())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// ASCII only, so every cut is between characters.
fn cut(text: &str) -> Vec<&str> {
    let starts = (0..text.len()).step_by(DELTA_BYTES);
    starts.filter_map(|at| text.get(at..text.len().min(at + DELTA_BYTES))).collect()
}

criterion_group!(benches, inspect, attack, masking, restoring);
criterion_main!(benches);
